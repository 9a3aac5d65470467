// @ts-check
/** `config.html`: the configuration file as text. Whether it is right is the gateway's to say. */
import { ask, Refusal } from "../lib/api.js";
import { h, setText } from "../lib/dom.js";
import { t } from "../lib/i18n.js";
import { speakAsBrowser } from "../lib/language.js";
import { makeShell } from "../lib/shell.js";

await speakAsBrowser();

const save = h("button", { type: "button", class: "primary", disabled: true, onclick: () => store() }, t("config.save"));
const revert = h("button", { type: "button", class: "plain", hidden: true, onclick: () => fill(loaded) }, t("config.revert"));
const shell = makeShell("config", revert, save);
const gutter = h("pre", { class: "gutter", "aria-hidden": "true", dir: "ltr" });
const text = h("textarea", { class: "code", "aria-label": t("config.label"), spellcheck: false, autocapitalize: "none", autocomplete: "off", wrap: "off", dir: "ltr" });
const notices = h("div", { role: "alert" });
const editor = h("div", { class: "editor" }, gutter, text);
shell.main.append(h("p", { class: "intro" }, t("config.text")), notices, editor);

/** The text as the gateway gave it. */
let loaded = "";
let wrong = 0;

/** @param {"" | "warn" | "plain"} kind @param {string} sentence @param {...Node} actions */
function notice(kind, sentence, ...actions) {
  notices.replaceChildren(h("div", { class: `notice ${kind}` }, h("span", {}, sentence), ...actions));
}

/** @param {string} content */
function fill(content) {
  text.value = content;
  wrong = 0;
  notices.replaceChildren();
  changed();
}

function changed() {
  const dirty = text.value !== loaded;
  save.disabled = !dirty;
  revert.hidden = !dirty;
  const count = text.value.split("\n").length;
  if (gutter.childElementCount !== count || gutter.querySelector(".wrong")?.textContent !== (wrong ? String(wrong) : undefined))
    gutter.replaceChildren(...Array.from({ length: count }, (_, line) => h("div", { class: line + 1 === wrong ? "wrong" : null }, String(line + 1))));
  gutter.scrollTop = text.scrollTop;
}

/** @returns {Promise<string | null>} null when there is no file yet */
async function read() {
  try {
    return await (await ask("GET", "api/config")).text();
  } catch (error) {
    if (error instanceof Refusal && error.status === 404) return null;
    throw error;
  }
}

async function load() {
  try {
    const found = await read();
    loaded = found ?? "";
    fill(loaded);
    if (found === null) notice("plain", t("config.new"));
  } catch (error) {
    const gone = error instanceof Refusal && error.status === 410;
    editor.hidden = save.hidden = true;
    notice(gone ? "plain" : "", gone ? t("config.none") : t("config.unreadable", { reason: /** @type {Error} */ (error).message }));
  }
}

/** @param {{overwrite?: boolean}} options */
async function store({ overwrite = false } = {}) {
  save.disabled = true;
  setText(save, t("config.saving"));
  const mine = text.value;
  try {
    if (!overwrite && ((await read()) ?? "") !== loaded) return conflict();
    await ask("POST", "api/config", {}, mine);
    loaded = (await read()) ?? mine;
    if (text.value === mine) fill(loaded);
    shell.toast(t("config.saved"));
  } catch (error) {
    refused(/** @type {Error} */ (error).message);
  } finally {
    setText(save, t("config.save"));
    changed();
  }
}

function conflict() {
  notice(
    "warn",
    t("config.conflict"),
    h("button", { type: "button", class: "plain", onclick: () => load() }, t("config.conflict.load")),
    h("button", { type: "button", class: "danger", onclick: () => store({ overwrite: true }) }, t("config.conflict.overwrite")),
  );
}

/** @param {string} reason a sentence that begins with file and line */
function refused(reason) {
  const line = Number(/:(\d+): /.exec(reason)?.[1] ?? 0);
  wrong = line;
  const jump = line ? [h("button", { type: "button", class: "plain", onclick: () => goTo(line) }, t("config.line", { line }))] : [];
  notice("", t("config.failed", { reason }), ...jump);
}

/** @param {number} line */
function goTo(line) {
  const lines = text.value.split("\n");
  const start = lines.slice(0, line - 1).join("\n").length + (line > 1 ? 1 : 0);
  text.focus();
  text.setSelectionRange(start, start + (lines[line - 1]?.length ?? 0));
  text.scrollTop = Math.max(0, (line - 4) * (text.scrollHeight / lines.length));
}

text.addEventListener("input", changed);
text.addEventListener("scroll", () => (gutter.scrollTop = text.scrollTop));
addEventListener("keydown", (event) => {
  if (event.key !== "s" || !(event.ctrlKey || event.metaKey)) return;
  event.preventDefault();
  if (!save.disabled) store();
});
addEventListener("beforeunload", (event) => {
  if (text.value !== loaded) event.preventDefault();
});
load();
