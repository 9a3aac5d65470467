// @ts-check
/** Full screen wherever there is some: the element, else the video (iPhone), else the whole page. */

const MAXIMISED = "maximised";

export class Screen {
  /** @param {HTMLElement} host @param {() => HTMLVideoElement | null} video the one being shown @param {() => void} changed */
  constructor(host, video, changed) {
    this.host = host;
    this.video = video;
    this.changed = changed;
    for (const event of ["fullscreenchange", "webkitfullscreenchange"]) host.addEventListener(event, changed);
  }

  get active() {
    const now = document.fullscreenElement ?? /** @type {any} */ (document).webkitFullscreenElement;
    return now === this.host || this.host.classList.contains(MAXIMISED);
  }

  async toggle() {
    if (this.active) await this.leave();
    else await this.enter();
    this.changed();
  }

  async enter() {
    const host = /** @type {any} */ (this.host);
    const video = /** @type {any} */ (this.video());
    const enter = host.requestFullscreen ?? host.webkitRequestFullscreen;
    try {
      if (!enter) throw new TypeError("no full screen for elements");
      await enter.call(host, { navigationUI: "hide" });
    } catch {
      if (video?.webkitEnterFullscreen) this.#asVideo(video);
      else host.classList.add(MAXIMISED);
    }
  }

  async leave() {
    this.host.classList.remove(MAXIMISED);
    const page = /** @type {any} */ (document);
    if (page.fullscreenElement) await page.exitFullscreen();
    else page.webkitExitFullscreen?.();
  }

  /** An iPhone pauses the video when it leaves full screen. @param {any} video */
  #asVideo(video) {
    video.addEventListener("webkitendfullscreen", () => setTimeout(() => video.play().catch(() => {}), 700), { once: true });
    video.webkitEnterFullscreen();
  }
}
