// @ts-check
/** The microphone: opened inside a press, and given back. */

/** The loudness that is shown, in dB below full scale. */
const QUIETEST = -60;
const LOUDEST = -10;
/** What is shown falls by so much from one picture to the next: speech would flicker. */
const FALL = 0.05;
const WISHES = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };
/** What browsers call the reasons, and our keys of `talk.*`. @type {Record<string, string>} */
const REASONS = {
  NotAllowedError: "denied",
  NotFoundError: "none",
  NotReadableError: "in-use",
  SecurityError: "insecure",
  AbortError: "aborted",
};

export class Microphone {
  /** @param {() => void} ended it was unplugged or taken away */
  constructor(ended) {
    this.ended = ended;
    /** @type {MediaStreamTrack | null} */
    this.track = null;
    /** @type {AudioContext | null} */
    this.context = null;
    /** @type {AnalyserNode | null} */
    this.analyser = null;
    this.samples = new Float32Array(1024);
    this.shown = 0;
  }

  /** To be called inside the press: iOS gives it nowhere else. Rejects with an `Error` whose message is a key of `talk.*`. */
  async open() {
    if (!globalThis.isSecureContext || !navigator.mediaDevices) throw new Error("insecure");
    const context = (this.context = new AudioContext());
    this.#mode("play-and-record");
    try {
      const stream = await ask(WISHES).catch((error) => {
        if (error.name !== "OverconstrainedError") throw error;
        return ask(true);
      });
      const [track] = stream.getAudioTracks();
      if (context !== this.context) {
        track.stop(); // closed meanwhile
        throw new Error("aborted");
      }
      track.enabled = false; // until somebody means to speak
      track.onended = () => this.ended();
      this.track = track;
      this.analyser = context.createAnalyser();
      this.analyser.fftSize = 2 * this.samples.length;
      context.createMediaStreamSource(stream).connect(this.analyser);
      await context.resume();
      return track;
    } catch (error) {
      if (context === this.context) this.close();
      const { name, message } = /** @type {Error} */ (error);
      throw new Error(REASONS[name] ?? message);
    }
  }

  /** Give it back: the browser's recording mark goes out. */
  close() {
    if (this.track) {
      this.track.onended = null;
      this.track.stop();
    }
    this.context?.close();
    this.track = this.context = this.analyser = null;
    this.shown = 0;
    this.#mode("auto");
  }

  /** How loud it is, 0 to 1; to be asked for once a picture. */
  level() {
    if (!this.analyser || !this.track?.enabled) return (this.shown = 0);
    this.analyser.getFloatTimeDomainData(this.samples);
    const power = this.samples.reduce((sum, sample) => sum + sample * sample, 0) / this.samples.length;
    const level = (10 * Math.log10(power + 1e-12) - QUIETEST) / (LOUDEST - QUIETEST);
    return (this.shown = Math.min(1, Math.max(level, this.shown - FALL, 0)));
  }

  /** Without this iOS plays the camera through the earpiece. @param {string} mode */
  #mode(mode) {
    const session = /** @type {any} */ (navigator).audioSession;
    if (session) session.type = mode;
  }
}

/** @param {MediaTrackConstraints | boolean} audio */
const ask = (audio) => navigator.mediaDevices.getUserMedia({ audio });
