// @ts-check
/** What the gateway tells all the time (`api/events`): one socket a page, shared by everything on it. */
import { BackOff } from "./backoff.js";
import { socketUrl, url } from "./urls.js";

/**
 * @typedef {object} Source
 * @property {number | null} source its session
 * @property {string} url
 * @property {string} state idle, connecting, live, waiting (for the next attempt), refused
 * @property {string} reason
 * @property {string} [code] the reason in a word
 * @property {string[]} medias
 * @property {import("../player/feed.js").TalkStatus} [talk] absent where the camera cannot be spoken to
 */
/** @typedef {{reader: number, format: string, remote: string}} Reader */
/** @typedef {{sources: Source[], readers: Reader[], state?: string, reason?: string, talk?: import("../player/feed.js").TalkStatus}} Stream */
/** @typedef {{type: string, stream?: string}} Change what changed: an event's type, "snapshot", "up" or "down" */

const ORDER = ["live", "connecting", "waiting", "refused", "idle"];
/** Readers that come and go for one picture. */
const PASSING = new Set(["image", "probe", "keyframe", "plan"]);
/** A change of network leaves sockets behind that say nothing: after so long without one a new one is tried. */
const CONNECT_MS = 10000;
const CLOCK_PINGS = 5;
/** Clocks drift: after so long the tie is made anew. */
const CLOCK_MS = 60_000;

export class Gateway extends EventTarget {
  /** @type {Map<string, Gateway>} */
  static #known = new Map();

  /** The one of this page. @param {string} base */
  static at(base = "./") {
    let gateway = Gateway.#known.get(base);
    if (!gateway) Gateway.#known.set(base, (gateway = new Gateway(base)));
    return gateway;
  }

  /** @param {string} base */
  constructor(base) {
    super();
    this.base = base;
    /** @type {Map<string, Stream>} */
    this.streams = new Map();
    /** whether a snapshot was ever received */
    this.known = false;
    /** null until the first attempt ended @type {boolean | null} */
    this.up = null;
    /** what to add to our wall clock to get the gateway's, seconds; null before `measureClock` @type {number | null} */
    this.clock = null;
    this.clockAt = -Infinity;
    this.backOff = new BackOff();
    /** @type {WebSocket | null} */
    this.socket = null;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined;
    addEventListener("online", () => this.retry());
    document.addEventListener("visibilitychange", () => document.hidden || this.retry());
    this.#connect();
  }

  /** Try now instead of later. */
  retry() {
    if (this.socket) return;
    this.backOff.reset();
    this.#connect();
  }

  /** State of a stream: off, or that of its best source. @param {string} name @returns {{state: string, reason: string, code?: string} | null} */
  state(name) {
    const stream = this.streams.get(name);
    if (stream?.state === "off") return { state: "off", reason: stream.reason ?? "", code: stream.reason };
    if (!stream?.sources.length) return null;
    const best = [...stream.sources].sort((a, b) => ORDER.indexOf(a.state) - ORDER.indexOf(b.state))[0];
    return { state: best.state, reason: best.reason, code: best.code };
  }

  /** How it stands with speaking to a camera; null where that is not possible or not known. @param {string} name */
  talk(name) {
    const stream = this.streams.get(name);
    // one that was asked and takes nothing has an empty list
    return stream?.sources.find(({ talk }) => talk && talk.codecs?.length !== 0)?.talk ?? stream?.talk ?? null;
  }

  /** Have a camera asked whether it can be spoken to. @param {string} name */
  async findTalk(name) {
    const answer = await fetch(url("api/talk", { src: name }, this.base), { cache: "no-store" }).catch(() => null);
    const stream = this.streams.get(name);
    if (!answer?.ok || !stream) return;
    stream.talk = (await answer.json()).talk ?? undefined;
    this.#tell({ type: "talk.state", stream: name });
  }

  /** Those who watch, without fetchers of single pictures. @param {string} name */
  viewers(name) {
    return (this.streams.get(name)?.readers ?? []).filter((reader) => !PASSING.has(reader.format));
  }

  /** Whether the camera has sound for us. @param {string} name */
  hasSound(name) {
    return (this.streams.get(name)?.sources ?? []).some((one) => one.medias.some((media) => media.startsWith("audio, recvonly")));
  }

  /** Tie the gateway's clock to ours: of some exchanges the quickest errs least, by half its time at most. */
  async measureClock() {
    if (performance.now() - this.clockAt < CLOCK_MS) return;
    this.clockAt = performance.now();
    let best = Infinity;
    for (let count = 0; count < CLOCK_PINGS; count++) {
      const sent = Date.now() / 1000;
      const begun = performance.now();
      const answer = await fetch(url("api", {}, this.base), { cache: "no-store" }).catch(() => null);
      const took = (performance.now() - begun) / 1000;
      if (!answer?.ok) return;
      const { time } = await answer.json();
      if (typeof time !== "number" || took >= best) continue;
      best = took;
      this.clock = time - (sent + took / 2);
    }
  }

  #connect() {
    clearTimeout(this.timer);
    const socket = (this.socket = new WebSocket(socketUrl("api/events", {}, this.base)));
    this.timer = setTimeout(() => socket.close(), CONNECT_MS);
    socket.onopen = () => clearTimeout(this.timer);
    socket.onmessage = (event) => this.#received(JSON.parse(event.data));
    socket.onclose = () => {
      clearTimeout(this.timer);
      this.socket = null;
      this.timer = setTimeout(() => this.#connect(), this.backOff.next());
      if (this.up !== false) {
        this.up = false;
        this.#tell({ type: "down" });
      }
    };
  }

  /** @param {{type: string, data: any}} event */
  #received({ type, data }) {
    if (type === "snapshot") {
      this.streams = new Map(Object.entries(data.streams));
      this.known = true;
      this.up = true;
      this.backOff.reset();
      this.#tell({ type: "up" });
    } else this.#apply(type, data);
    this.#tell({ type, stream: data.stream });
  }

  /** @param {string} type @param {any} data */
  #apply(type, data) {
    const stream = this.streams.get(data.stream);
    switch (type) {
      case "stream.added":
      case "stream.changed":
        this.streams.set(data.stream, { sources: data.sources ?? [], readers: data.readers ?? [], state: data.state, reason: data.reason });
        break;
      case "stream.removed":
        this.streams.delete(data.stream);
        break;
      case "stream.state":
        if (stream) Object.assign(stream, { state: data.state, reason: data.reason });
        break;
      case "talk.state":
        for (const one of this.streams.values()) for (const source of one.sources) if (source.source === data.source) source.talk = data.talk;
        break;
      case "source.state":
        for (const one of this.streams.values())
          for (const source of one.sources) if (source.source === data.source) Object.assign(source, data, { url: source.url });
        break;
      case "reader.added":
        stream?.readers.push({ reader: data.reader, format: data.format, remote: data.remote });
        break;
      case "reader.removed":
        if (stream) stream.readers = stream.readers.filter((reader) => reader.reader !== data.reader);
        break;
    }
  }

  /** @param {Change} change */
  #tell(change) {
    this.dispatchEvent(new CustomEvent("change", { detail: change }));
  }
}

/** @param {Gateway} gateway @param {(change: Change) => void} listener @returns {() => void} */
export function listen(gateway, listener) {
  const handle = (/** @type {Event} */ event) => listener(/** @type {CustomEvent<Change>} */ (event).detail);
  gateway.addEventListener("change", handle);
  return () => gateway.removeEventListener("change", handle);
}
