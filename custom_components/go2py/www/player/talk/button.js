// @ts-check
/** The button to speak, and what it says. */
import { h, icon, setIcon, setText } from "../../lib/dom.js";
import { known, t } from "../../lib/i18n.js";

/** So often screen readers may hear of it. */
const STEPS = 20;

export class TalkButton {
  #pointer = -1;
  #key = "";
  #handled = -Infinity;

  /** @param {import("./talk.js").Talk} talk */
  constructor(talk) {
    this.talk = talk;
    this.ring = h("span", { class: "ring", "aria-hidden": "true" });
    this.button = h(
      "button",
      {
        type: "button",
        class: "talk",
        "aria-pressed": "false",
        onpointerdown: (/** @type {PointerEvent} */ event) => this.#down(event),
        onpointerup: (/** @type {PointerEvent} */ event) => this.#up(event),
        onpointercancel: (/** @type {PointerEvent} */ event) => this.#cancelled(event),
        onlostpointercapture: (/** @type {PointerEvent} */ event) => this.#up(event),
        onkeydown: (/** @type {KeyboardEvent} */ event) => this.#keyDown(event),
        onkeyup: (/** @type {KeyboardEvent} */ event) => this.#keyUp(event),
        onblur: () => this.#key && this.#released(),
        onclick: () => this.#clicked(),
        oncontextmenu: (/** @type {Event} */ event) => event.preventDefault(),
      },
      this.ring,
      icon("mic"),
    );
    this.words = h("p", { class: "chip words", role: "status", hidden: true });
    this.element = h("div", { class: "talk-layer", hidden: true }, this.words, this.button);
  }

  update() {
    const { machine, possible } = this.talk;
    const { phase } = machine;
    this.element.hidden = !possible && phase !== "refused";
    if (this.element.dataset.phase !== phase) this.element.dataset.phase = phase;
    const pressed = String(machine.wanted);
    if (this.button.getAttribute("aria-pressed") !== pressed) this.button.setAttribute("aria-pressed", pressed);
    const name = t(machine.locked ? "talk.stop" : this.talk.mode("touch") === "toggle" ? "talk.start" : "talk.hold");
    if (this.button.title !== name) {
      this.button.title = name;
      this.button.setAttribute("aria-label", name);
    }
    setIcon(this.button, phase === "refused" ? "micOff" : "mic");
    const words = this.#words();
    this.words.hidden = !words;
    setText(this.words, words);
  }

  /** @param {number} level */
  meter(level) {
    this.ring.style.setProperty("--level", String(Math.round(level * STEPS) / STEPS));
  }

  #words() {
    const { machine, other } = this.talk;
    const { phase, locked, reason } = machine;
    const by = machine.by || other?.by || "";
    switch (phase) {
      case "opening":
        return t("talk.opening");
      case "ready":
        return t("talk.ready");
      case "talking":
        return t(locked ? "talk.talking-free" : "talk.talking");
      case "busy":
        return by ? t("talk.busy-by", { by }) : t("talk.busy");
      case "refused":
        return known(`talk.${reason}`) ? t(`talk.${reason}`) : known(`way.${reason}`) ? t("talk.no-line", { reason: t(`way.${reason}`) }) : reason;
      default:
        return other ? (by ? t("talk.other-by", { by }) : t("talk.other")) : "";
    }
  }

  /** @param {PointerEvent} event */
  #down(event) {
    if (event.button || this.#pointer >= 0) return;
    this.#pointer = event.pointerId;
    this.button.setPointerCapture(event.pointerId);
    this.talk.press(event.pointerType);
  }

  /** @param {PointerEvent} event */
  #up(event) {
    if (event.pointerId !== this.#pointer) return;
    this.#released();
  }

  /** The finger became a scroll, or the system took it. @param {PointerEvent} event */
  #cancelled(event) {
    if (event.pointerId !== this.#pointer) return;
    this.#released();
    this.talk.end();
  }

  #released() {
    this.#pointer = -1;
    this.#key = "";
    this.#handled = performance.now();
    this.talk.release();
  }

  /** @param {KeyboardEvent} event */
  #keyDown(event) {
    if (event.key !== " " && event.key !== "Enter") return;
    event.preventDefault();
    if (event.repeat || this.#key) return;
    this.#key = event.key;
    this.talk.press("key");
  }

  /** @param {KeyboardEvent} event */
  #keyUp(event) {
    if (event.key !== this.#key) return;
    event.preventDefault();
    this.#released();
  }

  /** Screen readers press without a pointer and without a key. */
  #clicked() {
    if (performance.now() - this.#handled > 500) this.talk.toggle();
  }
}
