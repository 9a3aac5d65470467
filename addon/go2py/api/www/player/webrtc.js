// @ts-check
/** WebRTC: the way with the least delay. */
import { Signalling } from "./signalling.js";
import { sampleWebrtc } from "./stats.js";
import { makeVideo, watchFrames } from "./transport.js";

/** Wi-Fi roams for a moment: so long a lost path may come back by itself. */
const PATIENCE_MS = 3000;

export class WebRtc {
  /**
   * @param {string} base @param {string} source @param {import("./transport.js").Events} events
   * @param {{tcp?: boolean}} options `tcp` leaves UDP alone
   */
  constructor(base, source, events, { tcp = false } = {}) {
    this.events = events;
    this.tcp = tcp;
    this.audio = false;
    this.element = makeVideo();
    this.stream = new MediaStream();
    this.stopWatching = watchFrames(this.element, events.frame);
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.patience = undefined;
    /** @type {RTCIceCandidateInit[] | null} */
    this.early = [];
    this.peer = new RTCPeerConnection({ bundlePolicy: "max-bundle" });
    this.peer.ontrack = (event) => this.stream.addTrack(event.track);
    this.peer.onicecandidate = (event) => this.#candidate(event.candidate);
    this.peer.onconnectionstatechange = () => this.#state();
    this.signalling = new Signalling(base, source, {
      message: (type, value) => this.#message(type, value),
      failed: (reason) => this.#signallingFailed(reason),
    });
    this.#offer().catch((error) => this.#fail(String(error.message ?? error)));
  }

  close() {
    clearTimeout(this.patience);
    this.stopWatching();
    this.signalling.close();
    this.peer.ontrack = this.peer.onicecandidate = this.peer.onconnectionstatechange = null;
    this.peer.close();
    this.element.srcObject = null;
  }

  /** The browser asks for a key picture by itself; playing again helps where a gesture or a call paused it. */
  nudge() {
    this.element.play().catch(() => {});
  }

  sample() {
    return sampleWebrtc(this.peer);
  }

  async #offer() {
    this.peer.addTransceiver("video", { direction: "recvonly" });
    this.peer.addTransceiver("audio", { direction: "recvonly" });
    await this.peer.setLocalDescription();
    this.signalling.send("webrtc/offer", this.peer.localDescription?.sdp);
  }

  /** @param {string} type @param {any} value */
  #message(type, value) {
    if (type === "webrtc/answer") this.#answer(value).catch((error) => this.#fail(String(error.message ?? error)));
    else if (type === "webrtc/candidate") this.#add({ candidate: value, sdpMid: "0" });
  }

  /** @param {string} sdp */
  async #answer(sdp) {
    await this.peer.setRemoteDescription({ type: "answer", sdp });
    const { early } = this;
    this.early = null;
    early?.forEach((candidate) => this.#add(candidate));
    const receives = (/** @type {string} */ kind) =>
      this.peer.getTransceivers().some((one) => one.currentDirection === "recvonly" && one.receiver.track.kind === kind);
    this.audio = receives("audio");
    // a muted audio track that never sends would hold the picture back
    if (!this.audio) this.stream.getAudioTracks().forEach((track) => this.stream.removeTrack(track));
    if (!receives("video")) return this.#fail("no-codec");
    this.element.srcObject = this.stream;
    this.nudge();
  }

  /** @param {RTCIceCandidate | null} candidate */
  #candidate(candidate) {
    if (candidate && this.tcp && candidate.protocol === "udp") return;
    this.signalling.send("webrtc/candidate", candidate?.candidate ?? "");
  }

  /** @param {RTCIceCandidateInit} candidate */
  #add(candidate) {
    if (this.early) this.early.push(candidate);
    else if (!this.tcp || !/ udp /i.test(candidate.candidate ?? ""))
      this.peer.addIceCandidate(candidate).catch(() => {}); // one path less
  }

  #state() {
    clearTimeout(this.patience);
    const state = this.peer.connectionState;
    if (state === "connected") this.events.connected();
    else if (state === "failed") this.#fail(this.element.videoWidth ? "lost" : "unconnected");
    else if (state === "disconnected") this.patience = setTimeout(() => this.#fail("lost"), PATIENCE_MS);
  }

  /** A proxy may close an idle socket: that is no loss once media flows by itself. @param {string} reason */
  #signallingFailed(reason) {
    if (reason !== "gateway" || this.peer.connectionState !== "connected") this.#fail(reason);
  }

  /** @param {string} reason */
  #fail(reason) {
    const { failed } = this.events;
    this.events = { ...this.events, failed: () => {} };
    failed(reason);
  }
}
