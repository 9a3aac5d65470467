// @ts-check
/**
 * What a player does when: pure, time comes in as an argument (seconds), commands go out.
 *
 * Each mode ("webrtc", "mse", "stills") has a lane that is tried, paints and fails on its own. The first to paint is shown,
 * a better one takes over when it paints, and nothing is ever given up for good. What is shown stays until its
 * successor has painted.
 */

/** @typedef {"webrtc" | "mse" | "stills"} Mode */
/** @typedef {{do: "open" | "close" | "show" | "nudge", mode: Mode}} Command */
/** @typedef {"paused" | "connecting" | "live" | "stills" | "stalled" | "reconnecting" | "offline" | "off" | "gateway" | "missing"} Phase */
/**
 * @typedef {object} View
 * @property {Phase} phase
 * @property {Mode | null} mode what is shown
 * @property {number} since when this wait began
 * @property {number | null} pictureAt when the newest picture was presented
 * @property {number} tries how often was tried since the picture went
 * @property {string} why the camera's sentence, as the gateway says it
 * @property {string} code the same in a word
 * @property {Record<string, string>} reasons why a mode is not the one shown
 */

export const TIMES = Object.freeze({
  /** until the second way is opened beside the first */
  second: 1.2,
  /** until stills take over */
  stills: 8,
  /** until a first picture is given up; grows with each failure, because some cameras send a key frame every 10 s */
  firstFrame: 5,
  firstFrameMax: 21,
  /** a picture older than this is a stall; slow cameras get five of their intervals */
  stall: 2,
  /** playing for so long forgets all failures */
  steady: 30,
  /** a still older than this is not fresh */
  still: 5,
});
const BACK_OFF = [0.5, 1, 2, 4, 8, 15];
const UPGRADE = [10, 30, 60, 300];

/** @param {readonly number[]} steps @param {number} index */
const step = (steps, index) => steps[Math.min(index, steps.length - 1)];

class Lane {
  /** @param {Mode} mode */
  constructor(mode) {
    this.mode = mode;
    /** @type {"off" | "trying" | "connected" | "painted"} */
    this.status = "off";
    this.since = 0;
    this.retryAt = 0;
    /** failures in a row, for the back-off */
    this.fails = 0;
    /** failures while something lesser was shown */
    this.upgrades = 0;
    /** since the picture went: was it tried and did it fail? */
    this.spent = false;
    this.audio = false;
    this.reason = "";
  }
}

export class Machine {
  /**
   * @param {readonly Mode[]} modes best first
   * @param {{random?: () => number, every?: number}} options `every`: seconds between stills
   */
  constructor(modes, { random = Math.random, every = 1 } = {}) {
    this.every = every;
    this.lanes = modes.map((mode) => new Lane(mode));
    this.random = random;
    /** @type {Lane | null} */
    this.shown = null;
    this.running = false;
    /** when the wait for a moving picture began */
    this.since = 0;
    /** @type {number | null} */
    this.pictureAt = null;
    this.interval = 0;
    this.frames = 0;
    this.steadySince = 0;
    this.nudged = false;
    this.tries = 0;
    this.patientUntil = 0;
    this.source = { state: "", reason: "", code: "" };
    this.gateway = true;
    /** @type {Command[]} */
    this.commands = [];
  }

  /** The commands since the last call. */
  take() {
    return this.commands.splice(0);
  }

  // --- what happens

  /** @param {number} now */
  start(now) {
    if (this.running) return;
    this.running = true;
    this.since = now;
    this.tries = 0;
    for (const lane of this.lanes) Object.assign(lane, { status: "off", retryAt: now, fails: 0, upgrades: 0, spent: false });
    this.tick(now);
  }

  /** Close everything; the last picture stays where it is. */
  stop() {
    this.running = false;
    for (const lane of this.lanes) this.#close(lane);
    this.shown = null;
  }

  /** The network came back, somebody pressed retry, the page is seen again. @param {number} now */
  retry(now) {
    for (const lane of this.lanes) {
      if (lane.status !== "off") continue;
      lane.retryAt = now;
      lane.fails = lane.upgrades = 0;
    }
    this.tick(now);
  }

  /** Put a mode first, because the user wants what only it has. @param {Mode} mode @param {number} now */
  prefer(mode, now) {
    this.lanes.sort((a, b) => Number(b.mode === mode) - Number(a.mode === mode));
    this.retry(now);
  }

  /** The way is open, pictures may follow. @param {Mode} mode @param {number} now */
  connected(mode, now) {
    const lane = this.#lane(mode);
    if (lane?.status !== "trying") return;
    lane.status = "connected";
    lane.since = now;
  }

  /** A picture was presented. @param {Mode} mode @param {number} now @param {boolean} audio whether it has sound */
  frame(mode, now, audio = false) {
    const lane = this.#lane(mode);
    if (!lane || lane.status === "off") return;
    lane.audio = audio;
    if (lane !== this.shown) {
      this.#painted(lane, now);
      if (lane !== this.shown) return;
    } else {
      const passed = now - (this.pictureAt ?? now);
      this.interval = this.frames > 1 ? this.interval * 0.9 + passed * 0.1 : passed;
    }
    if (this.nudged) this.since = now;
    this.frames += 1;
    this.pictureAt = now;
    this.nudged = false;
  }

  /** @param {Mode} mode @param {string} reason @param {number} now */
  failed(mode, reason, now) {
    const lane = this.#lane(mode);
    if (!lane || lane.status === "off") return;
    const was = lane === this.shown;
    this.#close(lane);
    lane.reason = reason;
    lane.spent = true;
    this.tries += 1;
    if (was && this.#isVideo(lane)) this.#lost(lane, now);
    if (was) this.shown = null;
    const better = this.shown && this.#isVideo(this.shown);
    if (better) lane.retryAt = now + step(UPGRADE, lane.upgrades++);
    else lane.retryAt = now + step(BACK_OFF, lane.fails++) * (0.8 + 0.4 * this.random());
    this.tick(now);
  }

  /** What the gateway says of the camera. @param {string} state @param {string} reason @param {number} now @param {string} code */
  camera(state, reason, now, code = "") {
    const was = this.source.state;
    const back = (state === "live" && was !== "live") || (was === "off" && state !== "off");
    const kept = state === "connecting" && !reason;
    this.source = { state, reason: kept ? this.source.reason : reason, code: kept ? this.source.code : code };
    if (state === "off") {
      for (const lane of this.lanes) this.#close(lane);
      this.shown = this.pictureAt = null;
    }
    if (!back || !this.running) return;
    this.patientUntil = now + 2 * TIMES.stall;
    if (!this.#live(now)) this.retry(now);
  }

  /** Whether the gateway answers. @param {boolean} up @param {number} now */
  reachable(up, now) {
    const back = up && !this.gateway;
    this.gateway = up;
    if (back && this.running && !this.#live(now)) this.retry(now);
  }

  /** Time passes: to be called a few times a second. @param {number} now */
  tick(now) {
    if (!this.running || this.source.state === "off") return;
    this.#watch(now);
    this.#giveUp(now);
    const video = this.lanes.filter((lane) => this.#isVideo(lane));
    const rank = this.shown ? this.lanes.indexOf(this.shown) : Infinity;
    const moving = this.shown !== null && this.#isVideo(this.shown);
    video.forEach((lane, index) => {
      if (lane.status !== "off" || now < lane.retryAt || this.lanes.indexOf(lane) > rank) return;
      const ahead = video[index - 1];
      const early = ahead && ahead.status !== "off" && (ahead.status === "connected" || now - ahead.since < TIMES.second);
      if (!early || ahead.spent) this.#open(lane, now);
    });
    const stills = this.#lane("stills");
    if (!stills || moving) return;
    const overdue = now - this.since >= TIMES.stills || video.every((lane) => lane.spent);
    if (stills.status === "off" && overdue && now >= stills.retryAt) this.#open(stills, now);
  }

  /** @param {number} now @returns {View} */
  view(now) {
    /** @type {Record<string, string>} */
    const reasons = {};
    for (const lane of this.lanes) if (lane !== this.shown && lane.reason) reasons[lane.mode] = lane.reason;
    return {
      phase: this.#phase(now),
      mode: this.shown?.mode ?? null,
      since: this.since,
      pictureAt: this.pictureAt,
      tries: this.tries,
      why: this.source.reason,
      code: this.source.code,
      reasons,
    };
  }

  // --- inside

  /** @param {Mode} mode */
  #lane(mode) {
    return this.lanes.find((lane) => lane.mode === mode) ?? null;
  }

  /** @param {Lane} lane */
  #isVideo(lane) {
    return lane.mode !== "stills";
  }

  /** How old the newest picture may be. */
  #limit() {
    if (this.shown && !this.#isVideo(this.shown)) return TIMES.still * this.every;
    return this.frames < 3 ? TIMES.firstFrame : Math.max(TIMES.stall, 5 * this.interval);
  }

  /** @param {number} now */
  #live(now) {
    return this.shown !== null && this.#isVideo(this.shown) && now - (this.pictureAt ?? 0) <= this.#limit();
  }

  /** The camera is known to be gone: waiting for it is no failure of the way to us. */
  get #cameraGone() {
    return this.gateway && ["waiting", "connecting", "refused"].includes(this.source.state);
  }

  /** @param {Lane} lane @param {number} now */
  #open(lane, now) {
    lane.status = "trying";
    lane.since = now;
    this.commands.push({ do: "open", mode: lane.mode });
  }

  /** @param {Lane} lane */
  #close(lane) {
    if (lane.status === "off") return;
    lane.status = "off";
    this.commands.push({ do: "close", mode: lane.mode });
  }

  /** @param {Lane} lane @param {number} now */
  #painted(lane, now) {
    const old = this.shown;
    lane.status = "painted";
    const worse = old && this.lanes.indexOf(old) < this.lanes.indexOf(lane);
    const silent = old && this.#isVideo(old) && old.audio && !lane.audio;
    if (worse || silent) {
      this.#close(lane);
      if (silent) lane.reason = "silent";
      lane.retryAt = now + UPGRADE[UPGRADE.length - 1];
      return;
    }
    this.shown = lane;
    this.steadySince = now;
    this.frames = 0;
    lane.reason = "";
    this.commands.push({ do: "show", mode: lane.mode });
    if (old) this.#close(old);
    if (!this.#isVideo(lane)) return;
    for (const other of this.lanes) {
      other.spent = false;
      if (this.lanes.indexOf(other) > this.lanes.indexOf(lane)) this.#close(other);
      else if (other.status === "off") other.retryAt = Math.max(other.retryAt, now + step(UPGRADE, other.upgrades));
    }
    this.tries = 0;
  }

  /** The moving picture went: all ways are tried again at once. @param {Lane} lost @param {number} now */
  #lost(lost, now) {
    if (now - this.steadySince > TIMES.steady) lost.fails = 0;
    this.since = now;
    for (const lane of this.lanes) {
      if (lane === lost) continue;
      lane.spent = false;
      lane.retryAt = now;
      lane.upgrades = 0;
    }
  }

  /** Notice a stall; at twice the limit the way is rebuilt. @param {number} now */
  #watch(now) {
    const lane = this.shown;
    if (!lane || !this.#isVideo(lane) || this.pictureAt === null) return;
    const age = now - this.pictureAt;
    const limit = this.#limit();
    if (age <= limit) {
      if (now - this.steadySince > TIMES.steady) lane.fails = 0;
      return;
    }
    if (!this.nudged) {
      this.nudged = true;
      this.since = now;
      this.commands.push({ do: "nudge", mode: lane.mode });
    }
    if (age > 2 * limit && now > this.patientUntil && !this.#cameraGone) this.failed(lane.mode, "stalled", now);
  }

  /** @param {number} now */
  #giveUp(now) {
    if (this.#cameraGone || now < this.patientUntil) return;
    for (const lane of this.lanes) {
      const waits = lane.status === "trying" || lane.status === "connected";
      const limit = Math.min(TIMES.firstFrame * (1 + lane.fails), TIMES.firstFrameMax);
      if (waits && now - lane.since > limit)
        this.failed(lane.mode, lane.status === "trying" ? "unconnected" : "no-picture", now);
    }
  }

  /** @param {number} now @returns {Phase} */
  #phase(now) {
    if (!this.running) return "paused";
    const fresh = this.shown !== null && now - (this.pictureAt ?? 0) <= this.#limit();
    if (fresh) return this.#isVideo(/** @type {Lane} */ (this.shown)) ? "live" : "stills";
    if (!this.gateway) return "gateway";
    if (this.source.state === "off") return "off";
    const tried = this.lanes.filter((lane) => lane.reason);
    if (tried.length && tried.every((lane) => lane.reason === "missing")) return "missing";
    if (["waiting", "refused"].includes(this.source.state) || (this.#cameraGone && this.source.reason)) return "offline";
    if (this.shown) return "stalled";
    return this.pictureAt !== null || now - this.since > 10 ? "reconnecting" : "connecting";
  }
}
