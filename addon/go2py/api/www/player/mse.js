// @ts-check
/** Media Source Extensions: fragments over the WebSocket, through every proxy that lets the page through. */
import { holdsKey } from "./fragments.js";
import { codecName } from "./stats.js";
import { makeVideo, watchFrames } from "./transport.js";

/** Listed exactly so: the gateway compares text. */
const CODECS = ["avc1.640029", "hvc1.1.6.L153.B0", "mp4a.40.2", "flac", "opus"];
/** Seconds behind the live edge that are aimed at. */
const TARGET = 0.5;
/** Seconds of pictures kept behind the one shown. */
const KEEP = 6;
/** What may wait while the browser is busy: about 3 s of a large stream. */
const QUEUE_BYTES = 6 << 20;
const SAFARI = /^((?!chrome|android).)*safari/i.test(navigator.userAgent);

/** @type {typeof MediaSource | undefined} */
const Source = /** @type {any} */ (globalThis).ManagedMediaSource ?? globalThis.MediaSource;

/** The codecs of ours that this browser plays. */
export function playable() {
  if (!Source) return [];
  // Safari without a managed source says yes to Opus and stays silent
  const honest = CODECS.filter((codec) => codec !== "opus" || !SAFARI || "ManagedMediaSource" in globalThis);
  return honest.filter((codec) => Source.isTypeSupported(`video/mp4; codecs="${codec}"`));
}

export class Mse {
  /** @param {import("./feed.js").Feed} feed @param {import("./transport.js").Events} events */
  constructor(feed, events) {
    this.feed = feed;
    this.events = events;
    this.audio = false;
    this.type = "";
    this.element = makeVideo();
    this.stopWatching = watchFrames(this.element, events.frame);
    /** @type {{data: ArrayBuffer, key: boolean}[]} */
    this.queue = [];
    this.queued = 0;
    /** buffer times at which key pictures begin: only there may be cut @type {number[]} */
    this.keys = [];
    this.jumped = 0;
    this.bytes = 0;
    /** @type {SourceBuffer | null} */
    this.buffer = null;
    /** @type {{close: () => void} | null} */
    this.signalling = null;
    this.objectUrl = "";
    this.paused = false;
    this.element.onerror = () => this.#fail(this.element.error?.code === 4 ? "no-codec" : "media");
    if (Source) this.#open(new Source());
    else queueMicrotask(() => this.#fail("no-mse"));
  }

  close() {
    this.stopWatching();
    this.signalling?.close();
    this.buffer = null;
    this.queue = [];
    this.element.onerror = null;
    this.element.removeAttribute("src");
    this.element.srcObject = null;
    this.element.load();
    if (this.objectUrl) URL.revokeObjectURL(this.objectUrl);
  }

  /** Go to the newest picture. */
  nudge() {
    const end = this.#end();
    if (end !== null && end - this.element.currentTime > TARGET) this.element.currentTime = end - 0.1;
    this.element.play().catch(() => {});
  }

  /** @returns {Promise<import("./stats.js").Sample>} */
  async sample() {
    const quality = this.element.getVideoPlaybackQuality?.();
    const end = this.#end();
    const codecs = (/codecs="([^"]*)"/.exec(this.type)?.[1] ?? "").split(",");
    const video = codecs.find((codec) => /^(avc|hvc|hev)/.test(codec));
    const audio = codecs.find((codec) => codec !== video);
    return {
      at: performance.now() / 1000,
      way: "mse",
      codec: codecName(video) ?? "",
      audioCodec: codecName(audio),
      width: this.element.videoWidth,
      height: this.element.videoHeight,
      bytes: this.bytes,
      frames: quality?.totalVideoFrames ?? 0,
      dropped: quality?.droppedVideoFrames ?? 0,
      parts: end === null ? {} : { buffer: Math.max(0, end - this.element.currentTime) },
    };
  }

  /** @param {MediaSource} media */
  #open(media) {
    media.addEventListener("sourceopen", () => this.#connect(media), { once: true });
    // a managed source says when it wants data; without this it does not even open
    media.addEventListener("startstreaming", () => this.#pause(false));
    media.addEventListener("endstreaming", () => this.#pause(true));
    if ("ManagedMediaSource" in globalThis) {
      this.element.disableRemotePlayback = true;
      this.element.srcObject = media;
    } else {
      this.objectUrl = URL.createObjectURL(media);
      this.element.src = this.objectUrl;
    }
    this.element.play().catch(() => {});
  }

  /** @param {MediaSource} media */
  #connect(media) {
    this.signalling = this.feed.media(playable().join(), {
      message: (type, value) => type === "mse" && this.#begin(media, value),
      binary: (data) => this.#received(data),
      failed: (reason) => this.#fail(reason),
    });
  }

  /** @param {MediaSource} media @param {string} type */
  #begin(media, type) {
    this.type = type;
    this.audio = /mp4a|opus|flac/i.test(type);
    try {
      this.buffer = media.addSourceBuffer(type);
    } catch {
      return this.#fail("no-codec");
    }
    this.buffer.mode = "segments";
    this.buffer.addEventListener("updateend", () => this.#updated());
    this.events.connected();
  }

  /** @param {ArrayBuffer} data */
  #received(data) {
    this.bytes += data.byteLength;
    const key = holdsKey(data);
    if (this.paused && key) this.#drop(); // only the newest group is worth anything later
    this.queue.push({ data, key });
    this.queued += data.byteLength;
    if (this.queued > QUEUE_BYTES && !this.paused) return this.#fail("slow");
    this.#append();
  }

  #drop() {
    this.queue = [];
    this.queued = 0;
  }

  /** @param {boolean} paused */
  #pause(paused) {
    this.paused = paused;
    this.#append();
  }

  #append() {
    const { buffer } = this;
    if (!buffer || buffer.updating || this.paused) return;
    const next = this.queue.shift();
    if (!next) return;
    this.queued -= next.data.byteLength;
    if (next.key) this.keys.push(this.#end() ?? 0);
    try {
      buffer.appendBuffer(next.data);
    } catch (error) {
      if (/** @type {DOMException} */ (error).name === "QuotaExceededError" && this.#trim(0)) this.queue.unshift(next);
      else this.#fail("media");
    }
  }

  #updated() {
    const { element } = this;
    const end = this.#end();
    if (end === null) return this.#append();
    const start = element.buffered.start(0);
    if (element.currentTime < start) element.currentTime = start;
    this.#catchUp(end - element.currentTime);
    if (!this.#trim(KEEP)) this.#append();
  }

  /** Forget what lies before the newest key picture that is `keep` seconds old. Browsers forget a group only as a whole.
   * @param {number} keep @returns {boolean} whether the buffer is busy with it */
  #trim(keep) {
    const before = this.element.currentTime - keep;
    let cut = -1;
    while (this.keys.length > 1 && this.keys[1] <= before) {
      this.keys.shift();
      cut = this.keys[0];
    }
    if (cut <= 0 || !this.buffer || this.buffer.updating || this.element.buffered.start(0) >= cut - 0.01) return false;
    this.buffer.remove(0, cut - 0.01);
    return true;
  }

  /** @param {number} gap seconds to the live edge */
  #catchUp(gap) {
    const now = performance.now();
    if (gap > TARGET + 3 && now - this.jumped > 5000) {
      this.jumped = now;
      this.element.currentTime += gap - TARGET;
    } else if (!SAFARI) {
      this.element.playbackRate = gap > TARGET + 1 ? 1.15 : gap > TARGET + 0.3 ? 1.05 : 1;
    }
  }

  /** The newest buffered time; null before there is one. */
  #end() {
    const { buffered } = this.element;
    return buffered.length ? buffered.end(buffered.length - 1) : null;
  }

  /** @param {string} reason */
  #fail(reason) {
    const { failed } = this.events;
    this.events = { ...this.events, failed: () => {} };
    failed(reason);
  }
}
