// @ts-check
/** One camera of the list. */
import { bdi, h, icon, setIcon, setText } from "../lib/dom.js";
import { age, number, t } from "../lib/i18n.js";
import { downloadUrl, playerUrl } from "../lib/urls.js";

/** A picture that is older than this says so. */
const OLD = 3;
/** @type {Record<string, string>} */
const SYMBOLS = { live: "●", connecting: "◐", waiting: "○", refused: "○", idle: "○" };
/** @type {Record<string, string>} */
const CODECS = { h264: "H.264", hevc: "H.265", mjpeg: "MJPEG", av1: "AV1", vp8: "VP8", vp9: "VP9", aac: "AAC", opus: "Opus", mp3: "MP3", pcm_alaw: "PCMA", pcm_mulaw: "PCMU", pcm_s16be: "L16", pcm_s16le: "PCM", flac: "FLAC" };

/** @typedef {{copy: (name: string) => void, remove: (name: string) => void}} Actions */

export class Tile {
  /** @param {string} name @param {Actions} actions */
  constructor(name, actions) {
    this.name = name;
    this.problem = "";
    this.state = "";
    /** @type {number | null} when the picture was taken, on `performance.now()` */
    this.taken = null;
    this.objectUrl = "";
    const href = playerUrl([name]);
    this.image = h("img", { alt: "", hidden: true });
    this.symbol = h("span", { class: "symbol", "aria-hidden": "true" });
    this.word = h("span");
    this.age = h("span", { class: "chip age", hidden: true });
    this.meta = h("p", { class: "meta" });
    this.reason = h("p", { class: "reason", hidden: true });
    const chip = h("span", { class: "chip state" }, this.symbol, this.word);
    const picture = h("a", { class: "picture", href, tabindex: "-1", "aria-hidden": "true" }, icon("camera"), this.image, this.age, chip);
    const title = h("h2", {}, h("a", { href, "aria-label": t("camera.watch", { name }) }, bdi(name)));
    this.element = h(
      "article",
      { class: "tile", "aria-label": name },
      picture,
      h("div", { class: "body" }, title, this.#tools(actions), this.meta, this.reason),
    );
  }

  /** @param {Actions} actions */
  #tools({ copy, remove }) {
    const { name } = this;
    /** @param {string} key */
    const named = (key) => ({ title: t(key, { name }), "aria-label": t(key, { name }), class: "icon-button" });
    return h(
      "div",
      { class: "tools" },
      h("button", { type: "button", ...named("camera.copy-rtsp"), onclick: () => copy(name) }, icon("copy")),
      h("a", { href: downloadUrl(name), download: "", ...named("camera.snapshot") }, icon("snapshot")),
      h("button", { type: "button", ...named("camera.remove"), onclick: () => remove(name) }, icon("trash")),
    );
  }

  /** @param {string} picture an object URL, which is the tile's from now on @param {number} seconds its age */
  still(picture, seconds) {
    const old = this.objectUrl;
    this.objectUrl = picture;
    this.image.src = picture;
    this.image.hidden = false;
    this.taken = performance.now() / 1000 - seconds;
    this.problem = "";
    this.image.decode().catch(() => {}).finally(() => old && URL.revokeObjectURL(old));
  }

  /** @param {string} reason */
  failed(reason) {
    this.problem = reason;
  }

  /** The camera does not work. */
  get bad() {
    return this.state === "waiting" || this.state === "refused";
  }

  /** @param {{state: string, reason: string} | null} found @param {number} viewers */
  update(found, viewers) {
    const told = found?.state ?? "unknown";
    // what the last attempt said holds until one succeeds, also while the next goes on or nobody asks
    if (told === "live" || told === "off") this.problem = "";
    else if (found?.reason) this.problem = found.reason;
    if (told === "off") this.#blank();
    this.state = this.problem && told !== "refused" ? "waiting" : told;
    this.element.dataset.state = this.state;
    setIcon(this.element, this.bad ? "cameraOff" : "camera");
    setText(this.symbol, SYMBOLS[this.state] ?? "○");
    setText(this.word, t(`state.${this.state}`));
    this.reason.hidden = !this.bad;
    setText(this.reason, this.bad ? this.problem : "");
    this.viewers = viewers;
    this.describe();
    this.tick();
  }

  /** What a camera showed that was switched off for privacy is not to be seen. */
  #blank() {
    this.image.hidden = true;
    this.taken = null;
  }

  /** @param {any} [info] what `api/streams` says of the stream */
  describe(info) {
    const facts = info && factsOf(info);
    if (facts?.length) this.facts = facts;
    const viewers = this.viewers ? [t("camera.viewers", { count: this.viewers })] : [];
    setText(this.meta, [...(this.facts ?? []), ...viewers].join(" · "));
  }

  /** Time passes. */
  tick() {
    const old = this.taken === null ? 0 : performance.now() / 1000 - this.taken;
    // a healthy list refreshes each few seconds: only what is not refreshed is worth a mark
    this.age.hidden = this.taken === null || old < (this.bad ? OLD : 20);
    if (!this.age.hidden) setText(this.age, age(old));
  }

  close() {
    this.element.remove();
    if (this.objectUrl) URL.revokeObjectURL(this.objectUrl);
  }
}

/** Codecs and size of what runs. @param {any} info @returns {string[]} */
function factsOf(info) {
  const receivers = (info.producers ?? []).flatMap((/** @type {any} */ one) => one.receivers ?? []);
  const nameOf = (/** @type {any} */ one) => CODECS[one.codec.codec_name] ?? one.codec.codec_name;
  const video = receivers.find((/** @type {any} */ one) => one.codec.codec_type === "video");
  const audio = receivers.find((/** @type {any} */ one) => one.codec.codec_type === "audio");
  const size = video?.codec.width ? `${video.codec.width}×${video.codec.height}` : "";
  const flow = video?.fps ? t("stats.fps", { fps: number(video.fps) }) : "";
  return [video ? nameOf(video) : "", size, flow, audio ? nameOf(audio) : ""].filter(Boolean);
}
