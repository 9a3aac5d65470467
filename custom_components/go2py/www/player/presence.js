// @ts-check
/** Whether anybody can see the player. Leaving is acted upon after a grace time, coming back at once. */

const HIDDEN_MS = matchMedia("(pointer: coarse)").matches ? 10_000 : 60_000;
const AWAY_MS = 3_000;
const SHARE = 0.25;

export class Presence {
  /** @param {HTMLElement} host @param {(wanted: boolean) => void} changed */
  constructor(host, changed) {
    this.host = host;
    this.changed = changed;
    this.near = true;
    const share = Math.min(1, Math.max(0.01, Number(host.getAttribute("share")) || SHARE));
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined;
    this.onVisibility = () => this.update();
    document.addEventListener("visibilitychange", this.onVisibility);
    this.observer = new IntersectionObserver(
      (entries) => {
        const entry = entries[entries.length - 1];
        // a player without a size yet is about to get one
        this.near = entry.intersectionRatio >= share || entry.boundingClientRect.width === 0;
        this.update();
      },
      { threshold: [0, share] },
    );
    this.observer.observe(host);
    this.update();
  }

  close() {
    clearTimeout(this.timer);
    this.observer.disconnect();
    document.removeEventListener("visibilitychange", this.onVisibility);
  }

  update() {
    clearTimeout(this.timer);
    const free = this.host.hasAttribute("background") || this.#inPicture;
    const seen = !document.hidden && this.near;
    if (free || seen) this.changed(true);
    else this.timer = setTimeout(() => this.#inPicture || this.changed(false), document.hidden ? HIDDEN_MS : AWAY_MS);
  }

  get #inPicture() {
    return document.pictureInPictureElement === this.host || this.host.shadowRoot?.pictureInPictureElement != null;
  }
}
