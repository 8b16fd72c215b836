"use strict";
// The landing page: polls each service's readiness, and follows the stream with a ticket. No framework, no globals.
(() => {
  const known = JSON.parse(document.getElementById("known").textContent);
  const $ = (id) => document.getElementById(id);
  // Kept in the table; in one column the services and the sources stand below it.
  const ROWS = matchMedia("(max-width: 72rem)").matches ? 25 : 150;
  const CASES = 50000; // whose status is remembered, for the counters

  // ---- what is running ------------------------------------------------------------------------------------------
  async function look(door) {
    const state = door.querySelector(".state");
    try {
      const answer = await fetch(`/${door.dataset.service}/readyz`, { cache: "no-store" });
      door.dataset.state = answer.ok ? "good" : "bad";
      if (answer.ok) {
        tell(state, "运行中 running");
      } else {
        const { checks } = await answer.json();
        const wrong = Object.entries(checks).filter(([, said]) => said !== "ok");
        tell(state, wrong.map((each) => each.join(": ")).join("; "));
      }
    } catch {
      door.dataset.state = "bad";
      tell(state, "无应答 no answer");
    }
  }
  function tell(element, words) {
    if (element.textContent !== words) element.textContent = words; // a screen reader hears changes only
  }
  const doors = [...document.querySelectorAll(".door")];
  const lookAll = () => { if (!document.hidden) doors.forEach(look); };
  lookAll();
  setInterval(lookAll, 5000);

  // ---- events ---------------------------------------------------------------------------------------------------
  const statusOf = new Map(); // case id → status, the oldest first
  const counts = new Map(); // status → number of cases
  const tiles = new Map(); // status → the element that shows the number
  let waiting = []; // events not shown yet, oldest first
  let total = 0, drawnTotal = 0, scheduled = false, paused = false;

  function span(text, lang) {
    const element = document.createElement("span");
    element.textContent = text;
    element.lang = lang;
    if (lang === "en") element.className = "en";
    return element;
  }
  function both(element, [zh, en]) {
    element.append(span(zh, "zh"), " ", span(en, "en"));
    return element;
  }
  const wordsOf = (table, key) => table[key] ?? [key, ""];

  function count(fact) {
    if (!fact.case_id || !fact.status) return;
    const before = statusOf.get(fact.case_id);
    if (before === fact.status) return;
    if (before !== undefined) counts.set(before, counts.get(before) - 1);
    else if (statusOf.size >= CASES) statusOf.delete(statusOf.keys().next().value);
    statusOf.set(fact.case_id, fact.status);
    counts.set(fact.status, (counts.get(fact.status) ?? 0) + 1);
  }

  function drawCounters() {
    const order = Object.keys(known.statuses);
    for (const [status, number] of counts) {
      let tile = tiles.get(status);
      if (!tile) {
        const item = document.createElement("li");
        item.className = status;
        item.dataset.place = order.indexOf(status);
        tile = document.createElement("b");
        const words = document.createElement("div");
        item.append(tile, both(words, wordsOf(known.statuses, status)));
        const after = [...$("counters").children].find((other) => Number(other.dataset.place) > order.indexOf(status));
        $("counters").insertBefore(item, after ?? null);
        tiles.set(status, tile);
      }
      tile.textContent = number.toLocaleString();
    }
  }

  function cell(row, name, fill) {
    const made = document.createElement("td");
    made.className = name;
    if (fill instanceof Node) made.append(fill);
    else made.textContent = fill ?? "";
    row.append(made);
    return made;
  }

  function rowOf({ type, time, fact }) {
    const row = document.createElement("tr");
    row.className = "fresh";
    const at = new Date(time);
    const when = document.createElement("time");
    when.dateTime = time;
    when.textContent = at.toLocaleTimeString("zh-CN", { hour12: false });
    cell(row, "time", when);
    cell(row, "case", fact.number ?? "");
    both(cell(row, "act"), wordsOf(known.events, type));
    let chip = "";
    if (fact.status) {
      chip = document.createElement("span");
      chip.className = `chip ${/^[a-z]+$/.test(fact.status) ? fact.status : ""}`;
      both(chip, wordsOf(known.statuses, fact.status));
    }
    cell(row, "status", chip);
    cell(row, "area", fact.routing_key);
    return row;
  }

  function draw() {
    scheduled = false;
    const shown = waiting.slice(-ROWS);
    waiting = [];
    const body = $("events");
    const rows = document.createDocumentFragment();
    for (const event of shown.reverse()) rows.append(event instanceof Node ? event : rowOf(event));
    body.prepend(rows);
    while (body.rows.length > ROWS) body.lastElementChild.remove();
    $("empty").hidden = body.rows.length > 0;
    $("total").textContent = total.toLocaleString();
    drawCounters();
  }
  function schedule() {
    // Four times a second: fast enough to see, slow enough to read and for a phone to keep up with thousands a second.
    if (!scheduled && !paused) {
      scheduled = true;
      setTimeout(() => requestAnimationFrame(draw), 250);
    }
  }
  function show(event) {
    waiting.push(event);
    if (waiting.length > 4 * ROWS) waiting = waiting.slice(-ROWS);
    schedule();
  }
  function say(zh, en) {
    const row = document.createElement("tr");
    row.className = "word";
    const words = cell(row, "act");
    words.colSpan = 5;
    both(words, [zh, en]);
    show(row);
  }
  setInterval(() => {
    $("rate").textContent = Math.round((total - drawnTotal) / 2).toLocaleString();
    drawnTotal = total;
  }, 2000);
  $("pause").addEventListener("click", () => {
    paused = !paused;
    $("pause").setAttribute("aria-pressed", String(paused));
    if (!paused) draw();
  });

  // ---- the stream -----------------------------------------------------------------------------------------------
  let token = null; // of the person, outside development; kept in this page's memory alone
  let last = null; // the newest id seen
  let source = null;
  let tries = 0;

  function link(state, zh, en) {
    $("link").dataset.state = state;
    $("link-text").textContent = `${zh} ${en}`;
  }

  async function ticket() {
    const answer = known.development
      ? await fetch(known.ticketPath, { method: "POST" })
      : await fetch("/notify/v1/stream-tickets", { method: "POST", headers: { Authorization: `Bearer ${token}` } });
    if (answer.status === 401 || answer.status === 403) {
      const { detail, title_zh: zh } = await answer.json();
      throw Object.assign(new Error(`${zh ?? ""} ${detail}`), { refused: true });
    }
    if (!answer.ok) throw new Error(String(answer.status));
    return (await answer.json()).ticket;
  }

  async function connect() {
    link("wait", "正在连接", "connecting");
    let address;
    try {
      address = new URL(known.stream, location.href);
      address.searchParams.set("ticket", await ticket());
    } catch (error) {
      if (error.refused && !known.development) return ask(error.message);
      return later();
    }
    if (last !== null) address.searchParams.set("last_event_id", last);
    source = new EventSource(address);
    source.onopen = () => {
      tries = 0;
      link("good", "已连接", "live");
    };
    // The ticket in the address is good for a minute only: whenever the connection ends, come back with a new one.
    source.onerror = later;
    source.addEventListener("cut_off", (event) => {
      last = event.lastEventId;
      later();
    });
    source.addEventListener("reset", (event) => {
      last = event.lastEventId;
      say("部分事件已不在日志中", "some events are no longer in the log");
    });
    for (const type of known.types) source.addEventListener(type, hear);
  }
  function hear(message) {
    last = message.lastEventId;
    total += 1;
    const event = JSON.parse(message.data);
    count(event.data);
    show({ type: event.type, time: event.time, fact: event.data });
  }
  function later() {
    if (source) source.close();
    source = null;
    link("bad", "连接中断，稍后重试", "disconnected, trying again");
    setTimeout(connect, Math.min(1000 * 2 ** tries++, 15000) * (0.5 + Math.random() / 2));
  }
  function ask(error) {
    link("wait", "需要令牌", "a token is needed");
    $("sign-in").hidden = false;
    $("sign-in-error").textContent = error;
    $("empty").hidden = true;
  }
  $("sign-in").addEventListener("submit", (event) => {
    event.preventDefault();
    token = $("token").value.trim();
    $("token").value = "";
    $("sign-in").hidden = true;
    $("empty").hidden = false;
    connect();
  });
  $("copy").addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText($("curl").textContent);
    } catch {
      getSelection().selectAllChildren($("curl")); // no clipboard without HTTPS: selected, ready for the keyboard
    }
  });

  if (known.development) connect();
  else ask("");
})();
