// What whoever sent a report may still do with it: the two forms send JSON to intake, with the tracking code as proof.
for (const form of document.querySelectorAll("form[data-post]")) {
  const said = form.querySelector(".said");
  let key = crypto.randomUUID();
  const say = (wrong, zh, en) => {
    said.classList.toggle("wrong", wrong);
    const english = document.createElement("span");
    Object.assign(english, { className: "en", lang: "en", textContent: en });
    said.replaceChildren(`${zh} `, english);
  };
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
        say(false, form.dataset.doneZh, form.dataset.doneEn);
        form.reset();
        key = crypto.randomUUID();
        if (form.dataset.reload) setTimeout(() => location.reload(), 1500);
      } else {
        say(true, body.title_zh, body.title);
        // What was refused is sent anew; what failed on the way, again with its key, so that it counts once.
        if (answer.status < 500) key = crypto.randomUUID();
      }
    } catch {
      say(true, "没有发出，请检查网络后再试一次。", "Not sent: look at your connection and try again.");
    } finally {
      button.disabled = false;
    }
  });
}
