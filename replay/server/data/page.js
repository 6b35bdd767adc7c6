"use strict";
// Whatever the server says becomes text of elements, never markup.
const find = (selector, root = document) => root.querySelector(selector);
const make = (name, text, properties = {}) =>
  Object.assign(document.createElement(name), { textContent: text ?? "" }, properties);
const time = (seconds) => new Date(seconds * 1000).toLocaleTimeString();
const put = (place, children) => find(place).replaceChildren(...children);
const row = (head, ...cells) => {
  const made = make("tr");
  made.append(make("th", head, { scope: "row" }), ...cells.map((cell) => make("td", cell)));
  return made;
};
const show = (section, rows) => {
  find(`#${section} .empty`).hidden = rows > 0;
  const table = find(`#${section} .scroll`);
  if (table) table.hidden = rows === 0;
};

// Each refusal keeps its element, so that whoever is on it with the keyboard stays there.
const refusals = new Map();
const missing = (one) => {
  const item = make("li");
  item.append(make("p"), make("pre", one.message, { tabIndex: 0 }));
  if (one.command) {
    const button = make("button", "Copy the command", { type: "button" });
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(one.command);
      button.textContent = "Copied";
    });
    item.append(button);
  }
  return item;
};
const drawMissing = (all) => {
  for (const one of all.toReversed()) {
    if (!refusals.has(one.message)) {
      refusals.set(one.message, missing(one));
      find("#missing ol").prepend(refusals.get(one.message));
    }
    const times = one.count === 1 ? "once" : `${one.count} times`;
    const named = one.session ? `, session ${one.session}` : "";
    find("p", refusals.get(one.message)).replaceChildren(
      make("b", one.code), ` ${times}, last at ${time(one.last)}${named}`);
  }
  const here = new Set(all.map((one) => one.message));
  for (const [message, item] of refusals) {
    if (!here.has(message)) { item.remove(); refusals.delete(message); }
  }
};

let last = "";
const draw = (state) => {
  const version = state.api_version ? `, API version ${state.api_version}` : "";
  find("#about").textContent = `Library ${state.library}, mode ${state.mode}${version}`;
  find("#status").textContent = `${state.answered} answered, ${state.refused} refused`;
  drawMissing(state.missing);
  show("missing", state.missing.length);
  put("#served tbody", state.served.map((one) =>
    row(one.call, one.api_version ?? "", one.method, one.status, one.session, time(one.at))));
  show("served", state.served.length);
  put("#sessions tbody", state.sessions.map((one) =>
    row(one.session || "(none named)", one.played, one.recorded, one.refused)));
  find("#notes").hidden = state.notes.length === 0;
  put("#notes ul", state.notes.map((note) => make("li", note)));
};

let cassettes = { total: 0, cassettes: [] };
const list = () => {
  const words = find("#filter").value.toLowerCase().split(/\s+/).filter(Boolean);
  const rows = cassettes.cassettes.filter((one) =>
    words.every((word) => `${one.object} ${one.api_version} ${one.path}`.toLowerCase().includes(word)));
  put("#recorded tbody", rows.map((one) => {
    if (!one.problem) return row(one.object, one.api_version, one.takes, one.recorded_at);
    const made = row(one.path, one.problem, "", "");
    made.className = "problem";
    return made;
  }));
  find("#count").textContent = `${rows.length} of ${cassettes.total} cassettes shown`;
  show("recorded", cassettes.total);
};

const fetched = async (name) => {
  const answer = await fetch(`/_replay/${name}.json`);
  if (!answer.ok) throw new Error(answer.statusText);
  return answer.text();
};
const listing = async () => { cassettes = JSON.parse(await fetched("recorded")); list(); };
const refresh = async () => {
  try {
    const text = await fetched("state");
    if (text !== last) {
      const before = last && JSON.parse(last);
      const state = JSON.parse(text);
      last = text;
      draw(state);
      // What a session recorded, or a command did for something missing, is in the library now.
      if (before.answered !== state.answered) await listing();
    }
  } catch {
    find("#status").textContent = "The server does not answer.";
    last = "";
  }
};

const live = find("#live");
live.addEventListener("click", () => {
  const on = live.getAttribute("aria-pressed") !== "true";
  live.setAttribute("aria-pressed", on);
  if (on) refresh();
});
find("#filter").addEventListener("input", list);
find("form").addEventListener("submit", (event) => event.preventDefault());
document.addEventListener("keydown", (event) => {
  if (event.key === "/" && event.target.tagName !== "INPUT") {
    event.preventDefault();
    find("#filter").focus();
  }
});
setInterval(() => {
  if (!document.hidden && live.getAttribute("aria-pressed") === "true") refresh();
}, 1000);
refresh();
