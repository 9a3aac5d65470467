// @ts-check
/** WebRTC: the way with the least delay, and the only one that carries speech. */
import { Peer } from "./peer.js";
import { sampleWebrtc } from "./stats.js";
import { makeVideo, watchFrames } from "./transport.js";

export class WebRtc {
  /**
   * @param {import("./feed.js").Feed} feed @param {import("./transport.js").Events} events
   * @param {{tcp?: boolean, talk?: boolean}} options `tcp` leaves UDP alone; `talk` asks to be heard
   */
  constructor(feed, events, { tcp = false, talk = false } = {}) {
    this.events = events;
    this.audio = false;
    this.connected = false;
    this.element = makeVideo();
    this.stream = new MediaStream();
    this.stopWatching = watchFrames(this.element, events.frame);
    // asked for at once and without a microphone: speaking then needs neither a new offer nor a black moment
    const wanted = /** @type {const} */ ({ video: "recvonly", audio: talk ? "sendrecv" : "recvonly" });
    this.peer = new Peer(
      feed,
      wanted,
      {
        answered: () => this.#answered(),
        connected: () => {
          this.connected = true;
          events.connected();
        },
        track: (track) => this.stream.addTrack(track),
        talk: (status) => events.talk?.(status),
        failed: (reason) => events.failed(reason),
      },
      { tcp },
    );
  }

  /** What takes the microphone's track; null where the camera cannot be spoken to. */
  get speech() {
    return this.connected && this.peer.agreed("audio", "send") ? (this.peer.transceiver("audio")?.sender ?? null) : null;
  }

  close() {
    this.stopWatching();
    this.peer.close();
    this.element.srcObject = null;
  }

  /** The browser asks for a key picture by itself; playing again helps where a gesture or a call paused it. */
  nudge() {
    this.element.play().catch(() => {});
  }

  /** @returns {Promise<import("./stats.js").Sample>} */
  sample() {
    return this.peer.connection ? sampleWebrtc(this.peer.connection) : Promise.reject(new TypeError("not connected yet"));
  }

  #answered() {
    this.audio = this.peer.agreed("audio", "recv");
    // a muted audio track that never sends would hold the picture back
    if (!this.audio) this.stream.getAudioTracks().forEach((track) => this.stream.removeTrack(track));
    if (!this.peer.agreed("video", "recv")) return this.events.failed("no-codec");
    this.element.srcObject = this.stream;
    this.nudge();
  }
}
