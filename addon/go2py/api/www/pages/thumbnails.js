// @ts-check
/** Fresh stills for tiles that can be seen, a few requests at a time. */
import { stillUrl } from "../lib/urls.js";
import { refusal } from "../player/stills.js";

const EVERY_MS = 10_000;
/** A browser has six connections to a host with HTTP/1.1. */
const AT_ONCE = 4;
const WIDTH = 640;

/** @typedef {{name: string, element: HTMLElement, still: (picture: string, age: number) => void, failed: (reason: string) => void}} Target */

export class Thumbnails {
  constructor() {
    /** @type {Map<Element, {target: Target, seen: boolean, due: number, busy: boolean}>} */
    this.jobs = new Map();
    this.running = 0;
    this.observer = new IntersectionObserver((entries) => {
      for (const entry of entries) {
        const job = this.jobs.get(entry.target);
        if (job) job.seen = entry.isIntersecting;
      }
      this.#pump();
    });
    setInterval(() => this.#pump(), 1000);
    document.addEventListener("visibilitychange", () => this.#pump());
  }

  /** @param {Target} target */
  add(target) {
    this.jobs.set(target.element, { target, seen: false, due: 0, busy: false });
    this.observer.observe(target.element);
  }

  /** @param {Element} element */
  remove(element) {
    this.jobs.delete(element);
    this.observer.unobserve(element);
  }

  /** Its next picture is due now. @param {Element} element */
  hurry(element) {
    const job = this.jobs.get(element);
    if (job) job.due = 0;
    this.#pump();
  }

  #pump() {
    if (document.hidden) return;
    const now = performance.now();
    const due = [...this.jobs.values()].filter((job) => job.seen && !job.busy && job.due <= now).sort((a, b) => a.due - b.due);
    for (const job of due.slice(0, Math.max(0, AT_ONCE - this.running))) this.#fetch(job);
  }

  /** @param {{target: Target, due: number, busy: boolean}} job */
  async #fetch(job) {
    this.running += 1;
    job.busy = true;
    try {
      const response = await fetch(stillUrl(job.target.name, { width: WIDTH, poster: true }), { cache: "no-store" });
      if (!response.ok) job.target.failed(refusal(response.status, await response.text()));
      else job.target.still(URL.createObjectURL(await response.blob()), Number(response.headers.get("X-Go2py-Age-Ms") ?? 0) / 1000);
    } catch {
      // the gateway is away: the banner says so
    } finally {
      this.running -= 1;
      job.busy = false;
      job.due = performance.now() + EVERY_MS;
      this.#pump();
    }
  }
}
