// @ts-check
/** Sound: off at first, on by a press, remembered for the session, one player of a page at a time. */
import { playable } from "./mse.js";

const TAKEN = "go2py-sound";

/** @typedef {"on" | "off" | "none" | "unplayable"} SoundState */

export class Sound {
  /** @param {import("./element.js").Go2pyPlayer} player */
  constructor(player) {
    this.player = player;
    /** what the next video starts with; the attributes say so before anything is remembered */
    this.wanted = player.hasAttribute("quiet") ? false : (remembered(player.feed.key) ?? player.hasAttribute("loud"));
    /** silent while we speak, lest the camera hears itself */
    this.ducked = false;
    /** the browser refused sound without a gesture */
    this.blocked = false;
    document.addEventListener(TAKEN, (event) => {
      if (/** @type {CustomEvent} */ (event).detail !== player && this.wanted) this.#set(false);
    });
  }

  /** @returns {SoundState} */
  get state() {
    const { player } = this;
    const { way, feed } = player;
    if (!way || !player.video || player.hasAttribute("muted")) return "none";
    if (way.audio || this.#elsewhere) return this.wanted && way.audio ? "on" : "off";
    return feed.hasSound() ? "unplayable" : "none";
  }

  /** The camera has sound that only another way carries. */
  get #elsewhere() {
    const { player } = this;
    const can = playable().some((codec) => ["mp4a.40.2", "flac", "opus"].includes(codec));
    return player.view.mode === "webrtc" && can && player.feed.hasSound();
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

  /** Silence the camera while somebody speaks to it. @param {boolean} ducked */
  duck(ducked) {
    this.ducked = ducked;
    this.apply(this.player.video);
  }

  /** Bring a fresh video to the wanted state. @param {HTMLVideoElement | null} video */
  apply(video) {
    if (!video) return;
    // tracks are switched without a gesture, which unmuting needs in some apps
    const tracks = video.srcObject instanceof MediaStream ? video.srcObject.getAudioTracks() : [];
    for (const track of tracks) track.enabled = !this.ducked;
    if (this.ducked && !tracks.length) {
      video.muted = true;
      return;
    }
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
    remember(this.player.feed.key, wanted);
    this.apply(this.player.video);
    this.player.controls.update();
  }
}

/** @param {string} stream */
const key = (stream) => `go2py.sound.${stream}`;

/** @param {string} stream @returns {boolean | null} null: nothing is */
function remembered(stream) {
  try {
    const value = sessionStorage.getItem(key(stream));
    return value === null ? null : value === "1";
  } catch {
    return null; // storage is forbidden in some frames
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
