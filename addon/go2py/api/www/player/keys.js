// @ts-check
/** Keys of a focused player; those of the only player of a page work everywhere on it. */
import { h } from "../lib/dom.js";
import { t } from "../lib/i18n.js";

const PAN = 40;
const STEP = 1.25;

/** @typedef {import("./element.js").Go2pyPlayer} Player */

/** What is listed under "?": keys and what they do. */
const HELP = [
  ["M", "keys.m"],
  ["F", "keys.f"],
  ["S", "keys.s"],
  ["I", "keys.i"],
  ["P", "keys.p"],
  ["T", "keys.t"],
  ["+ −", "keys.zoom"],
  ["← ↑ ↓ →", "keys.pan"],
  ["0", "keys.0"],
  ["[ ]", "keys.step"],
  ["Esc", "keys.esc"],
  ["?", "keys.help"],
];

/** @param {Player} player @returns {() => void} ends it */
export function makeKeys(player) {
  const handle = (/** @type {KeyboardEvent} */ event) => {
    const path = event.composedPath();
    const alone = document.querySelectorAll("go2py-player").length === 1;
    if (!path.includes(player) && !(alone && path[0] === document.body)) return;
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || typing(path[0])) return;
    if (press(player, event.key)) event.preventDefault();
  };
  addEventListener("keydown", handle);
  return () => removeEventListener("keydown", handle);
}

/** @param {EventTarget | undefined} target */
function typing(target) {
  return target instanceof HTMLElement && (target.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(target.tagName));
}

/** @param {Player} player @param {string} key @returns {boolean} whether it meant something */
function press(player, key) {
  const { zoom, panel, screen, controls, sound } = player;
  const pan = { ArrowLeft: [PAN, 0], ArrowRight: [-PAN, 0], ArrowUp: [0, PAN], ArrowDown: [0, -PAN] }[key];
  if (pan && zoom.scale > 1) zoom.pan(pan[0], pan[1]);
  else if (key === "m" || key === "M") sound.toggle();
  else if (key === "f" || key === "F") screen.toggle();
  else if (key === "s" || key === "S") controls.snapshot.click();
  else if (key === "i" || key === "I") panel.toggle();
  else if (key === "p" || key === "P") controls.togglePip();
  else if (key === "t" || key === "T") player.talk.toggle();
  else if (key === "+" || key === "=") zoom.by(STEP);
  else if (key === "-") zoom.by(1 / STEP);
  else if (key === "0") zoom.reset();
  else if (key === "?") help(player);
  else if (key === "Escape") return escape(player);
  else return false;
  return true;
}

/** @param {Player} player */
function escape({ zoom, panel, screen }) {
  if (panel.open) panel.toggle();
  else if (zoom.scale > 1) zoom.reset();
  else if (screen.active) screen.toggle();
  else return false;
  return true;
}

/** @param {Player} player */
function help(player) {
  const rows = HELP.flatMap(([keys, what]) => [h("dt", {}, ...keys.split(" ").map((key) => h("kbd", {}, key))), h("dd", {}, t(what))]);
  const close = h("button", { type: "button", onclick: () => dialog.close() }, t("dialog.close"));
  const dialog = h("dialog", { class: "help", "aria-label": t("keys.title"), onclose: () => dialog.remove() }, h("h2", {}, t("keys.title")), h("dl", {}, ...rows), close);
  player.shadowRoot?.append(dialog);
  dialog.showModal();
}
