// @ts-check
/** Sound: off at first, on by a press, remembered for the session, one player of a page at a time. */
import { playable } from "./mse.js";

const TAKEN = "go2py-sound";

/** @typedef {"on" | "off" | "none" | "unplayable"} SoundState */

export class Sound {
  /** @param {import("./element.js").Go2pyPlayer} player */
  constructor(player) {
    this.player = player;
    this.wanted = remembered(player.stream);
    /** the browser refused sound without a gesture */
    this.blocked = false;
    document.addEventListener(TAKEN, (event) => {
      if (/** @type {CustomEvent} */ (event).detail !== player && this.wanted) this.#set(false);
    });
  }

  /** @returns {SoundState} */
  get state() {
    const { player } = this;
    const { way, gateway } = player;
    if (!way || !player.video || player.hasAttribute("muted")) return "none";
    if (way.audio || this.#elsewhere) return this.wanted && way.audio ? "on" : "off";
    return gateway?.hasSound(player.stream) ? "unplayable" : "none";
  }

  /** The camera has sound that only another way carries. */
  get #elsewhere() {
    const { player } = this;
    const can = playable().some((codec) => ["mp4a.40.2", "flac", "opus"].includes(codec));
    return player.view.mode === "webrtc" && can && Boolean(player.gateway?.hasSound(player.stream));
  }

  /** To be called inside the press. */
  toggle() {
    const { state } = this;
    if (state === "on") return this.#set(false);
    if (state !== "off") return;
    this.#set(true);
    document.dispatchEvent(new CustomEvent(TAKEN, { detail: this.player }));
    if (!this.player.way?.audio) this.player.preferSound();
  }

  /** Bring a fresh video to the wanted state. @param {HTMLVideoElement | null} video */
  apply(video) {
    if (!video) return;
    const wanted = this.wanted && !this.player.hasAttribute("muted");
    if (video.muted === !wanted) return;
    video.muted = !wanted;
    if (!wanted) return;
    video.play().catch((error) => {
      if (error.name !== "NotAllowedError") return;
      this.blocked = true;
      this.wanted = false;
      video.muted = true;
      video.play().catch(() => {});
    });
  }

  /** @param {boolean} wanted */
  #set(wanted) {
    this.wanted = wanted;
    this.blocked = false;
    remember(this.player.stream, wanted);
    this.apply(this.player.video);
    this.player.controls.update();
  }
}

/** @param {string} stream */
const key = (stream) => `go2py.sound.${stream}`;

/** @param {string} stream */
function remembered(stream) {
  try {
    return sessionStorage.getItem(key(stream)) === "1";
  } catch {
    return false; // storage is forbidden in some frames
  }
}

/** @param {string} stream @param {boolean} wanted */
function remember(stream, wanted) {
  try {
    sessionStorage.setItem(key(stream), wanted ? "1" : "0");
  } catch {
    // then it is forgotten with the page
  }
}
