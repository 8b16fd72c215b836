// What whoever sent a report may still do with it: the two forms send JSON to intake, with the tracking code as proof.
for (const form of document.querySelectorAll("form[data-post]")) {
  const said = form.querySelector(".said");
  let key = crypto.randomUUID();
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const field = form.querySelector("textarea");
    const button = form.querySelector("button");
    button.disabled = true;
    try {
      const answer = await fetch(form.dataset.post, {
        method: "POST",
        headers: { "Content-Type": "application/json", "Idempotency-Key": key },
        body: JSON.stringify({ [field.name]: field.value, tracking_code: form.dataset.code }),
      });
      const body = await answer.json();
      if (answer.ok) {
        said.textContent = form.dataset.done;
        form.reset();
        key = crypto.randomUUID();
        if (form.dataset.reload) setTimeout(() => location.reload(), 1500);
      } else {
        said.textContent = `${body.title_zh} ${body.title}`;
        if (answer.status < 500) key = crypto.randomUUID();
      }
    } catch {
      said.textContent = "没有发出，请再试一次 Not sent: please try again";
    } finally {
      button.disabled = false;
    }
  });
}
