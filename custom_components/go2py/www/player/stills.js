// @ts-check
/** Stills: a picture now and then, through everything. */
import { Turns } from "../lib/turns.js";

/** Shared by all players of a page. */
const turns = new Turns(4);

export class Stills {
  /** @param {import("./feed.js").Feed} feed @param {import("./transport.js").Events} events @param {number} every seconds */
  constructor(feed, events, every) {
    this.feed = feed;
    this.every = every;
    this.events = events;
    this.audio = false;
    this.element = document.createElement("img");
    this.element.alt = "";
    this.element.draggable = false;
    this.objectUrl = "";
    this.age = 0;
    this.bytes = 0;
    this.abort = new AbortController();
    this.#run();
  }

  close() {
    this.abort.abort();
    this.events = { connected: () => {}, frame: () => {}, failed: () => {} };
    if (this.objectUrl) URL.revokeObjectURL(this.objectUrl);
  }

  nudge() {}

  /** @returns {Promise<import("./stats.js").Sample>} */
  async sample() {
    return {
      at: performance.now() / 1000,
      way: "stills",
      codec: "JPEG",
      width: this.element.naturalWidth,
      height: this.element.naturalHeight,
      bytes: this.bytes,
      frames: 0,
      dropped: 0,
      parts: { gateway: this.age },
    };
  }

  async #run() {
    while (!this.abort.signal.aborted) {
      const begun = performance.now();
      try {
        await turns.run(() => this.#next());
      } catch (error) {
        if (!this.abort.signal.aborted) this.events.failed(error instanceof Error && error.name === "Refused" ? error.message : "gateway");
        return;
      }
      await new Promise((done) => setTimeout(done, Math.max(100, 1000 * this.every - (performance.now() - begun))));
    }
  }

  async #next() {
    this.abort.signal.throwIfAborted();
    const response = await fetch(this.feed.still(), { signal: this.abort.signal, cache: "no-store" });
    if (!response.ok) throw Object.assign(new Error(refusal(response.status, await response.text())), { name: "Refused" });
    const blob = await response.blob();
    const fresh = URL.createObjectURL(blob);
    const old = this.objectUrl;
    this.objectUrl = fresh;
    this.element.src = fresh;
    await this.element.decode();
    if (old) URL.revokeObjectURL(old);
    this.bytes += blob.size;
    this.age = Number(response.headers.get("X-Go2py-Age-Ms") ?? 0) / 1000;
    this.events.connected();
    this.events.frame();
  }
}

/** @param {number} status @param {string} text */
export function refusal(status, text) {
  return status === 404 ? "missing" : text.trim().replace(/^streams: /, "");
}
