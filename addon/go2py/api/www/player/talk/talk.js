// @ts-check
/** Speaking to the camera: the press, the microphone and the line brought together. */
import { TalkButton } from "./button.js";
import { Line } from "./line.js";
import { TalkMachine } from "./machine.js";
import { Microphone } from "./microphone.js";

/** The camera's ear is still full for a moment after the last word. */
const TAIL_MS = 300;
const seconds = () => performance.now() / 1000;

export class Talk {
  /** @type {RTCRtpSender | null} what the microphone is put into */
  #sender = null;
  /** @type {Line | null} */
  #line = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #tail;
  #frame = 0;

  /** @param {import("../element.js").Go2pyPlayer} player */
  constructor(player) {
    this.player = player;
    this.machine = new TalkMachine({ release: Number(player.getAttribute("talk-release")) || undefined });
    this.microphone = new Microphone(() => this.#failed("unplugged"));
    this.level = 0;
    this.button = new TalkButton(this);
    this.element = this.button.element;
  }

  /** Whether the page wants it at all. */
  get allowed() {
    return this.player.getAttribute("talk") !== "off";
  }

  /** Whether the camera can be spoken to, as far as is known. */
  get possible() {
    const { player } = this;
    return this.allowed && player.view.phase !== "off" && (player.feed.talk() !== null || Boolean(player.way?.speech));
  }

  /** Who else speaks to this camera, while we do not. */
  get other() {
    const status = this.player.feed.talk();
    return !this.machine.sending && status?.state === "talking" ? status : null;
  }

  /** How a press is meant. @param {string} pointer touch, pen, mouse or key @returns {import("./machine.js").Mode} */
  mode(pointer) {
    const wanted = this.player.getAttribute("talk");
    if (wanted === "hold" || wanted === "toggle") return wanted;
    return pointer === "touch" ? "hold" : "auto";
  }

  /** @param {string} pointer */
  press(pointer) {
    this.machine.press(seconds(), this.mode(pointer));
    this.#act();
  }

  release() {
    this.machine.release(seconds());
    this.#act();
  }

  toggle() {
    if (this.possible) this.machine.toggle(seconds());
    this.#act();
  }

  /** Silence, at once. */
  end() {
    this.machine.end(seconds());
    this.#act();
  }

  /** What the gateway says of our voice. @param {import("../feed.js").TalkStatus} status */
  heard(status) {
    this.machine.heard(status, seconds());
    this.#act();
  }

  /** Another way is shown. The answer to a WebRTC offer tells whether the camera listens, the others do not. */
  moved() {
    const { way, feed, view } = this.player;
    if (this.allowed && view.mode === "mse" && !way?.speech && feed.talk() === null) feed.findTalk();
    this.refresh();
  }

  /** Some time passed. */
  refresh() {
    if (this.#sender?.transport?.state === "closed") this.#failed("lost");
    this.machine.tick(seconds(), this.level);
    this.#act();
  }

  /** Never speak unseen: ends it when the page is left. @returns {() => void} stops watching */
  watch() {
    const hidden = () => document.hidden && this.end();
    // the browser's question takes the focus away, too: then nothing is sent yet
    const away = () => this.machine.opening || this.end();
    const gone = () => this.end();
    document.addEventListener("visibilitychange", hidden);
    addEventListener("blur", away);
    addEventListener("pagehide", gone);
    return () => {
      document.removeEventListener("visibilitychange", hidden);
      removeEventListener("blur", away);
      removeEventListener("pagehide", gone);
      this.end();
    };
  }

  // --- inside

  /** @param {string} reason */
  #failed(reason) {
    this.machine.failed(reason, seconds());
    this.#act();
  }

  #act() {
    for (const command of this.machine.take()) {
      if (command === "open") this.#open();
      else if (command === "send") this.#send();
      else if (command === "silence") this.#silence();
      else this.#close();
    }
    this.button.update();
  }

  async #open() {
    try {
      const microphone = this.microphone.open(); // first, as it has to be inside the press
      const [sender, track] = await Promise.all([this.#way(microphone), microphone]);
      if (this.microphone.track !== track) return; // closed meanwhile
      await sender.replaceTrack(track);
      this.#sender = sender;
      this.machine.opened(seconds());
    } catch (error) {
      if (this.machine.opening) this.machine.failed(/** @type {Error} */ (error).message, seconds());
    }
    this.#act();
  }

  /** What the track goes into: the picture's own connection, or one for it alone, once there is a microphone. @param {Promise<unknown>} microphone */
  async #way(microphone) {
    const { way, feed } = this.player;
    if (way?.speech) return way.speech;
    await microphone;
    const line = (this.#line = new Line(feed, (status) => this.heard(status), (reason) => this.#line === line && this.machine.open && this.#failed(reason)));
    return line.ready;
  }

  #send() {
    const { track } = this.microphone;
    if (track) track.enabled = true;
    clearTimeout(this.#tail);
    this.player.sound.duck(true);
    this.player.classList.add("speaking");
    this.#meter();
  }

  #silence() {
    const { track } = this.microphone;
    if (track) track.enabled = false;
    cancelAnimationFrame(this.#frame);
    this.level = 0;
    this.player.classList.remove("speaking");
    clearTimeout(this.#tail);
    this.#tail = setTimeout(() => this.player.sound.duck(false), TAIL_MS);
  }

  #close() {
    this.#sender?.replaceTrack(null).catch(() => {}); // its connection is gone
    this.#sender = null;
    this.#line?.close();
    this.#line = null;
    this.microphone.close();
  }

  #meter() {
    cancelAnimationFrame(this.#frame);
    const next = () => {
      this.level = this.microphone.level();
      this.button.meter(this.level);
      this.#frame = requestAnimationFrame(next);
    };
    next();
  }
}
