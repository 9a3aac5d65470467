// @ts-check
/** A peer connection with a camera: offer, answer, candidates, and how it fares. */

/** Wi-Fi roams for a moment: so long a lost path may come back by itself. */
const PATIENCE_MS = 3000;

/**
 * @typedef {object} Listener
 * @property {() => void} [answered] the answer holds; it may be looked at
 * @property {() => void} connected
 * @property {(track: MediaStreamTrack) => void} [track]
 * @property {(status: import("./feed.js").TalkStatus) => void} talk
 * @property {(reason: string) => void} failed at most once: a key of `way.*`, or a sentence
 */
/** @typedef {Partial<Record<"audio" | "video", RTCRtpTransceiverDirection>>} Wanted */

export class Peer {
  /** @type {RTCPeerConnection | null} null while the configuration is fetched */
  connection = null;
  /** @type {import("./feed.js").PeerChannel | null} */
  #channel = null;
  /** @type {RTCIceCandidateInit[] | null} those that came before the answer */
  #early = [];
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #patience;
  #wasConnected = false;
  #closed = false;

  /**
   * @param {import("./feed.js").Feed} feed @param {Wanted} wanted @param {Listener} listener
   * @param {{tcp?: boolean}} options `tcp` leaves UDP alone
   */
  constructor(feed, wanted, listener, { tcp = false } = {}) {
    this.feed = feed;
    this.listener = listener;
    this.tcp = tcp;
    this.#open(wanted).catch((error) => this.#fail(String(error.message ?? error)));
  }

  /** The transceiver of a kind, once the offer is made. @param {"audio" | "video"} kind */
  transceiver(kind) {
    return this.connection?.getTransceivers().find((one) => one.receiver.track.kind === kind) ?? null;
  }

  /** Whether the answer agreed to a direction. @param {"audio" | "video"} kind @param {"send" | "recv"} way */
  agreed(kind, way) {
    return this.transceiver(kind)?.currentDirection?.includes(way) ?? false;
  }

  close() {
    this.#closed = true;
    clearTimeout(this.#patience);
    this.#channel?.close();
    const { connection } = this;
    if (!connection) return;
    connection.ontrack = connection.onicecandidate = connection.onconnectionstatechange = null;
    connection.close();
  }

  /** @param {Wanted} wanted */
  async #open(wanted) {
    const configuration = await this.feed.rtcConfiguration();
    if (this.#closed) return;
    const connection = (this.connection = new RTCPeerConnection({ bundlePolicy: "max-bundle", ...configuration }));
    connection.ontrack = (event) => this.listener.track?.(event.track);
    connection.onicecandidate = (event) => this.#found(event.candidate);
    connection.onconnectionstatechange = () => this.#state(connection.connectionState);
    for (const kind of /** @type {const} */ (["video", "audio"])) if (wanted[kind]) connection.addTransceiver(kind, { direction: wanted[kind] });
    this.#channel = this.feed.peer({
      answer: (sdp) => this.#answer(sdp).catch((error) => this.#fail(String(error.message ?? error))),
      candidate: (candidate) => this.#add(candidate),
      talk: (status) => this.listener.talk(status),
      failed: (reason) => this.#channelFailed(reason),
    });
    await connection.setLocalDescription();
    this.#channel.offer(connection.localDescription?.sdp ?? "");
  }

  /** @param {string} sdp */
  async #answer(sdp) {
    await this.connection?.setRemoteDescription({ type: "answer", sdp });
    if (this.#closed) return;
    const early = this.#early;
    this.#early = null;
    early?.forEach((candidate) => this.#add(candidate));
    this.listener.answered?.();
  }

  /** @param {RTCIceCandidate | null} candidate */
  #found(candidate) {
    if (candidate && this.tcp && candidate.protocol === "udp") return;
    this.#channel?.candidate(candidate);
  }

  /** @param {RTCIceCandidateInit} candidate */
  #add(candidate) {
    if (this.#early) this.#early.push(candidate);
    else if (!this.tcp || !/ udp /i.test(candidate.candidate ?? ""))
      this.connection?.addIceCandidate(candidate).catch(() => {}); // one path less
  }

  /** @param {RTCPeerConnectionState} state */
  #state(state) {
    clearTimeout(this.#patience);
    if (state === "connected") {
      this.#wasConnected = true;
      this.listener.connected();
    } else if (state === "failed") this.#fail(this.#wasConnected ? "lost" : "unconnected");
    else if (state === "disconnected") this.#patience = setTimeout(() => this.#fail("lost"), PATIENCE_MS);
  }

  /** A proxy may close an idle socket: that is no loss once media flows by itself. @param {string} reason */
  #channelFailed(reason) {
    if (reason !== "gateway" || this.connection?.connectionState !== "connected") this.#fail(reason);
  }

  /** @param {string} reason */
  #fail(reason) {
    const { failed } = this.listener;
    this.listener = { ...this.listener, failed: () => {} };
    failed(reason);
  }
}
