// @ts-check
/**
 * When the microphone is open and when it is heard: pure, time comes in as an argument (seconds), commands go out.
 *
 * A press opens it and speaks for as long as it lasts. A short one (mode "auto"), one of two (mode "hold") or any (mode
 * "toggle") keeps speaking, hands free, until the next press. Whatever goes wrong ends in silence, and what is silent for a
 * while is closed.
 */

/** @typedef {"auto" | "hold" | "toggle"} Mode */
/** @typedef {"open" | "send" | "silence" | "close"} Command */
/** @typedef {"idle" | "opening" | "ready" | "talking" | "busy" | "refused"} Phase */
/** @typedef {import("../feed.js").TalkStatus} TalkStatus */

export const TIMES = Object.freeze({
  /** a press that is shorter is a click */
  hold: 0.5,
  /** two presses within are one wish: hands free */
  double: 0.5,
  /** the microphone stays open for so long after the last word, as opening it takes time and may ask */
  release: 10,
  /** nobody said anything hands free for so long: they forgot */
  quiet: 30,
  /** how long a reason stays to be read */
  notice: 8,
});
/** What counts as a word, of the level's 0 to 1. */
const LOUD = 0.3;

export class TalkMachine {
  /** @param {{release?: number}} options `release`: seconds from the last word until the microphone is closed */
  constructor({ release = TIMES.release } = {}) {
    this.linger = release;
    /** @type {Phase} */
    this.phase = "idle";
    this.reason = "";
    this.by = "";
    this.pressed = false;
    this.locked = false;
    /** the microphone is open, and there is a way to the camera */
    this.open = false;
    this.opening = false;
    this.sending = false;
    /** @type {Mode} */
    this.mode = "auto";
    this.pressedAt = -Infinity;
    this.releasedAt = -Infinity;
    this.loudAt = 0;
    this.closeAt = Infinity;
    this.noticeUntil = 0;
    /** @type {Command[]} */
    this.commands = [];
  }

  take() {
    return this.commands.splice(0);
  }

  /** Whether somebody means to speak. */
  get wanted() {
    return this.pressed || this.locked;
  }

  /** @param {number} now @param {Mode} mode */
  press(now, mode) {
    if (this.pressed) return;
    this.mode = mode;
    if (this.locked) return this.#stop(now);
    this.pressed = true;
    this.pressedAt = this.loudAt = now;
    this.locked = mode === "toggle" || (mode === "hold" && now - this.releasedAt <= TIMES.double);
    this.#start(now);
  }

  /** @param {number} now */
  release(now) {
    if (!this.pressed) return;
    this.pressed = false;
    if (this.mode === "auto" && now - this.pressedAt < TIMES.hold) this.locked = true;
    if (this.locked) return;
    this.releasedAt = now;
    this.#stop(now);
  }

  /** Speak hands free, or stop; for keys and for who cannot hold. @param {number} now */
  toggle(now) {
    if (this.wanted) return this.#stop(now);
    this.press(now, "toggle");
    this.pressed = false;
  }

  /** The microphone and the way to the camera are open. @param {number} now */
  opened(now) {
    if (!this.opening) return;
    this.opening = false;
    this.open = true;
    if (this.wanted) return this.#send(now);
    this.phase = "ready"; // who let go while the browser asked is told that it will work now
    this.noticeUntil = now + TIMES.notice;
    this.closeAt = now + this.linger;
  }

  /** It cannot be, or not any more. @param {string} reason a key of `talk.*`, or a sentence @param {number} now */
  failed(reason, now) {
    this.end(now);
    this.phase = "refused";
    this.reason = reason;
    this.noticeUntil = now + TIMES.notice;
  }

  /** What the gateway says of our voice. @param {TalkStatus} status @param {number} now */
  heard(status, now) {
    if (!this.sending) return;
    const { state, reason = "", by = "" } = status;
    this.phase = state === "idle" ? "talking" : state;
    this.reason = reason;
    this.by = by;
    if (state !== "busy" && state !== "refused") return;
    this.noticeUntil = now + TIMES.notice;
    // who holds is heard as soon as that is possible; hands free nobody would notice
    if (state === "refused" && this.locked && !this.pressed) this.#stop(now, "refused");
  }

  /** Silence at once, and the microphone closed: nobody sees the player any more, or the line is gone. @param {number} now */
  end(now) {
    this.pressed = this.locked = false;
    if (this.sending) this.commands.push("silence");
    if (this.open || this.opening) this.commands.push("close");
    this.sending = this.open = this.opening = false;
    this.closeAt = Infinity;
    if (this.phase !== "refused" || now >= this.noticeUntil) this.phase = "idle";
  }

  /** Time passes. @param {number} now @param {number} level of the microphone, 0 to 1 */
  tick(now, level = 0) {
    if (this.sending && level > LOUD) this.loudAt = now;
    if (this.locked && this.sending && now - this.loudAt > TIMES.quiet) {
      this.#stop(now, "refused");
      this.reason = "quiet";
      this.noticeUntil = now + TIMES.notice;
    }
    if (now >= this.closeAt) this.end(now);
    if (!this.wanted && !this.opening && this.phase !== "idle" && now >= this.noticeUntil) {
      this.phase = "idle";
      this.reason = this.by = "";
    }
  }

  /** @param {number} now */
  #start(now) {
    this.reason = this.by = "";
    this.closeAt = Infinity;
    if (this.open) return this.#send(now);
    this.phase = "opening";
    if (this.opening) return;
    this.opening = true;
    this.commands.push("open");
  }

  /** @param {number} now */
  #send(now) {
    this.sending = true;
    this.loudAt = now;
    this.phase = "talking";
    this.commands.push("send");
  }

  /** @param {number} now @param {Phase} phase */
  #stop(now, phase = "idle") {
    this.pressed = this.locked = false;
    if (this.sending) this.commands.push("silence");
    this.sending = false;
    this.closeAt = now + this.linger;
    const said = (this.phase === "busy" || this.phase === "refused") && phase === "idle"; // to be read for a moment
    if (!said && !this.opening) this.phase = phase;
  }
}
