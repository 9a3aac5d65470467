// @ts-check
/** `log.html`: what the gateway wrote lately; secrets were masked there. */
import { ask } from "../lib/api.js";
import { copyText } from "../lib/copy.js";
import { h, icon, setText } from "../lib/dom.js";
import { language, t } from "../lib/i18n.js";
import { speakAsBrowser } from "../lib/language.js";
import { makeShell } from "../lib/shell.js";

await speakAsBrowser();

const EVERY_MS = 2000;
const MAX_LINES = 2000;
const LEVELS = ["trace", "debug", "info", "warn", "error", "fatal", "panic"];

const shell = makeShell(
  "log",
  h("button", { type: "button", class: "plain", onclick: () => copy() }, icon("copy"), t("log.copy")),
  h("a", { class: "button", href: "api/log", download: "go2py.log" }, t("log.download")),
  h("button", { type: "button", class: "plain", onclick: () => clear() }, t("log.clear")),
);
const field = h("input", { type: "search", "aria-label": t("log.filter"), placeholder: t("log.filter"), oninput: () => draw(true) });
const level = h("select", { "aria-label": t("log.level"), onchange: () => draw(true) }, ...["all", "info", "warn", "error"].map((name) => h("option", { value: name }, t(`log.level.${name}`))));
const list = h("ol");
const none = h("p", { class: "none", hidden: true });
const newer = h("button", { type: "button", class: "primary", onclick: () => toEnd() });
const hint = h("div", { class: "newer", hidden: true }, newer);
const box = h("div", { class: "log", tabindex: "0", role: "region", "aria-label": t("log.lines") }, list, none, hint);
shell.main.append(h("div", { class: "filters" }, h("div", { class: "search" }, icon("search"), field), level), box);

/** @type {string[]} */
let lines = [];
let etag = "";
let unseen = 0;

const atEnd = () => box.scrollHeight - box.scrollTop - box.clientHeight < 40;

function toEnd() {
  box.scrollTop = box.scrollHeight;
}

async function load() {
  if (document.hidden) return;
  const answer = await ask("GET", "api/log").catch(() => null);
  const text = answer ? await answer.text() : etag;
  if (text === etag && list.childElementCount + Number(!none.hidden)) return;
  etag = text;
  const fresh = text.split("\n").filter(Boolean).slice(-MAX_LINES);
  // the ring forgets at its beginning: what follows the line we know last is new
  const known = lines.length ? fresh.lastIndexOf(lines[lines.length - 1]) : -1;
  const added = fresh.slice(known + 1);
  const whole = known < 0;
  lines = whole ? fresh : [...lines, ...added].slice(-MAX_LINES);
  draw(whole, added);
}

/** @param {boolean} whole @param {string[]} added */
function draw(whole, added = []) {
  const follow = whole || atEnd();
  const entries = (whole ? lines : added).map(parse).filter(fits);
  const items = entries.map(item);
  if (whole) list.replaceChildren(...items);
  else list.append(...items);
  while (list.childElementCount > MAX_LINES) list.firstElementChild?.remove();
  none.hidden = list.childElementCount > 0;
  setText(none, t(lines.length ? "log.none-found" : "log.empty"));
  unseen = follow ? 0 : unseen + items.length;
  hint.hidden = !unseen;
  if (unseen) setText(newer, t("log.new", { count: unseen }));
  if (follow) toEnd();
}

/** @typedef {{level: string, time: number, message: string, fields: Record<string, unknown>}} Entry */

/** @param {string} line @returns {Entry} */
function parse(line) {
  try {
    const { level, time, message, ...fields } = JSON.parse(line);
    return { level: String(level), time: Number(time), message: String(message), fields };
  } catch {
    return { level: "info", time: NaN, message: line, fields: {} };
  }
}

/** @param {Entry} entry */
function fits(entry) {
  const least = level.value === "all" ? 0 : LEVELS.indexOf(level.value);
  const text = field.value.trim().toLowerCase();
  return LEVELS.indexOf(entry.level) >= least && `${entry.message} ${JSON.stringify(entry.fields)}`.toLowerCase().includes(text);
}

/** @param {Entry} entry */
function item({ level: name, time, message, fields }) {
  const when = new Date(time);
  const valid = !Number.isNaN(when.getTime());
  const clock = valid ? when.toLocaleTimeString(language, { hour12: false }) : "";
  const rest = Object.entries(fields).map(([key, value]) => ` ${key}=${typeof value === "string" ? value : JSON.stringify(value)}`);
  return h(
    "li",
    {},
    h("time", { datetime: valid ? when.toISOString() : null, title: valid ? when.toLocaleString(language) : null }, clock),
    h("span", { class: `level ${LEVELS.includes(name) ? name : ""}` }, name),
    h("span", { class: "message", dir: "ltr" }, message, h("span", { class: "fields" }, rest.join(""))),
  );
}

async function copy() {
  const text = [...list.children].map((line) => [...line.children].map((part) => part.textContent).join(" ")).join("\n");
  if (await copyText(text)) shell.toast(t("log.copied"));
}

async function clear() {
  await ask("DELETE", "api/log").catch((refused) => shell.toast(refused.message));
  lines = [];
  etag = "";
  await load();
}

box.addEventListener("scroll", () => {
  if (!atEnd()) return;
  unseen = 0;
  hint.hidden = true;
});
document.addEventListener("visibilitychange", load);
setInterval(load, EVERY_MS);
load();
