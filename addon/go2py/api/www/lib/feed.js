// @ts-check
/** A camera straight from the gateway whose page this is. */
import { Signalling } from "../player/signalling.js";
import { Gateway, listen } from "./gateway.js";
import { downloadUrl, socketUrl, stillUrl } from "./urls.js";

/** @implements {Feed} @typedef {import("../player/feed.js").Feed} Feed */
export class GatewayFeed {
  /** @param {string} stream @param {string} base the gateway's root, relative to the page */
  constructor(stream, base = "./") {
    this.key = this.label = this.stream = stream;
    this.base = base;
    this.gateway = Gateway.at(base);
  }

  get up() {
    return this.gateway.up;
  }

  get clock() {
    return this.gateway.clock;
  }

  state() {
    return this.gateway.state(this.stream);
  }

  hasSound() {
    return this.gateway.hasSound(this.stream);
  }

  talk() {
    return this.gateway.talk(this.stream);
  }

  findTalk() {
    this.gateway.findTalk(this.stream);
  }

  /** @param {(type: string) => void} heard */
  listen(heard) {
    return listen(this.gateway, ({ type, stream }) => (!stream || stream === this.stream) && heard(type));
  }

  retry() {
    this.gateway.retry();
  }

  measureClock() {
    return this.gateway.measureClock();
  }

  rtcConfiguration() {
    return {};
  }

  /** @param {import("../player/feed.js").PeerListener} listener */
  peer(listener) {
    const signalling = this.#signalling({
      message: (type, value) => {
        if (type === "webrtc/answer") listener.answer(value);
        else if (type === "webrtc/candidate") listener.candidate({ candidate: value, sdpMid: "0" });
        else if (type === "talk") listener.talk(value);
      },
      failed: (reason) => listener.failed(reason),
    });
    return {
      offer: (/** @type {string} */ sdp) => signalling.send("webrtc/offer", sdp),
      candidate: (/** @type {RTCIceCandidate | null} */ candidate) => signalling.send("webrtc/candidate", candidate?.candidate ?? ""),
      close: () => signalling.close(),
    };
  }

  /** @param {string} codecs @param {import("../player/signalling.js").Listener} listener */
  media(codecs, listener) {
    const signalling = this.#signalling(listener);
    signalling.send("mse", codecs);
    return signalling;
  }

  still({ poster = false } = {}) {
    return stillUrl(this.stream, { poster }, this.base);
  }

  download() {
    return { href: downloadUrl(this.stream, this.base), name: "" };
  }

  /** @param {import("../player/signalling.js").Listener} listener */
  #signalling(listener) {
    return new Signalling(socketUrl("api/ws", { src: this.stream }, this.base), listener);
  }
}
