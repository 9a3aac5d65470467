// @ts-check
/** The buttons of a player. They fade when nobody uses them, never while focused. */
import { h, icon, setIcon, setText } from "../lib/dom.js";
import { number, t } from "../lib/i18n.js";

const AWAKE_MS = 3000;

export class Controls {
  /** @param {import("./element.js").Go2pyPlayer} player */
  constructor(player) {
    this.player = player;
    this.soundTitle = "";
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined;
    this.keyboard = false;
    this.sound = this.#button("soundOff", "player.sound-on", () => player.sound.toggle());
    this.hint = h("button", { type: "button", class: "chip hint", hidden: true, onclick: () => this.#play() }, icon("soundOff"), h("span"));
    this.zoom = h("button", { type: "button", class: "chip zoom", hidden: true, onclick: () => player.zoom.reset() });
    const { href } = player.feed.download();
    this.snapshot = h("a", { class: "control", href, download: "", title: t("player.snapshot"), "aria-label": t("player.snapshot"), onclick: () => this.#aim() }, icon("snapshot"));
    this.pip = this.#button("pip", "player.pip", () => this.togglePip());
    this.stats = this.#button("stats", "player.stats", () => player.panel.toggle());
    this.full = this.#button("full", "player.full", () => player.screen.toggle());
    const right = h("div", { class: "group" }, this.snapshot, this.pip, this.stats, this.full);
    const row = h("div", { class: "controls", role: "toolbar", "aria-label": t("player.controls") }, h("div", { class: "group" }, this.sound, this.zoom), right);
    this.element = h("div", { class: "control-layer" }, this.hint, player.talk.element, row);
    this.element.hidden = player.getAttribute("controls") === "0";
    this.#wakeOnUse();
  }

  update() {
    const { player } = this;
    const state = player.sound.state;
    this.sound.hidden = state === "none";
    this.sound.disabled = state === "unplayable";
    setIcon(this.sound, state === "on" ? "soundOn" : "soundOff");
    this.#name(this.sound, t({ on: "player.sound-off", off: "player.sound-on", none: "player.sound-none", unplayable: "player.sound-unplayable" }[state]));
    const stuck = player.video?.paused === true && player.view.mode !== null && player.view.phase !== "live";
    this.hint.hidden = !stuck && !(player.sound.blocked && state === "off");
    setText(/** @type {Element} */ (this.hint.lastChild), t(stuck ? "player.tap-to-play" : "player.tap-for-sound"));
    const { scale } = player.zoom;
    this.zoom.hidden = scale === 1;
    setText(this.zoom, `${number(scale, 1)}×`);
    this.#name(this.zoom, t("player.zoom-reset", { scale: number(scale, 1) }));
    this.pip.hidden = !(document.pictureInPictureEnabled && player.video);
    const full = player.screen.active;
    setIcon(this.full, full ? "fullExit" : "full");
    this.#name(this.full, t(full ? "player.full-exit" : "player.full"));
    this.stats.setAttribute("aria-expanded", String(player.panel.open));
  }

  async togglePip() {
    const { video } = this.player;
    if (document.pictureInPictureElement) await document.exitPictureInPicture();
    else await video?.requestPictureInPicture().catch(() => {}); // the browser says why
  }

  /** Addresses of pictures may be good for some minutes only: the link is made when it is used. */
  #aim() {
    const { href, name } = this.player.feed.download();
    this.snapshot.href = href;
    this.snapshot.download = name;
  }

  #play() {
    const { video, sound } = this.player;
    if (video?.paused) video.play().catch(() => {});
    else sound.toggle();
  }

  /** @param {Parameters<typeof icon>[0]} symbol @param {string} name @param {() => void} press */
  #button(symbol, name, press) {
    return h("button", { type: "button", class: "control", title: t(name), "aria-label": t(name), onclick: press }, icon(symbol));
  }

  /** @param {HTMLElement} element @param {string} name */
  #name(element, name) {
    if (element.title === name) return;
    element.title = name;
    element.setAttribute("aria-label", name);
  }

  #wakeOnUse() {
    const { player } = this;
    const wake = () => {
      player.classList.add("awake");
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.keyboard || player.classList.remove("awake"), AWAKE_MS);
    };
    player.addEventListener("pointermove", () => ((this.keyboard = false), wake()));
    player.addEventListener("pointerdown", () => ((this.keyboard = false), wake()));
    player.addEventListener("keydown", () => ((this.keyboard = true), wake()));
    player.addEventListener("pointerleave", (event) => {
      if (event.pointerType === "mouse") player.classList.remove("awake");
    });
    player.addEventListener("focusout", () => ((this.keyboard = false), wake()));
    wake();
  }
}
