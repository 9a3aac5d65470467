// @ts-check
/** A camera through Home Assistant: its permissions hold, and no address of the gateway is known here. */
import { Signalling } from "./player/signalling.js";

/** Seconds for which the address of the picture's socket is good. */
const SIGNED = 30;
/** State of the view that says: the gateway is away. */
const AWAY = "gateway";

/**
 * @typedef {object} View as `go2py/camera/subscribe` tells it
 * @property {string} state
 * @property {string} reason
 * @property {string} code
 * @property {boolean} sound
 * @property {import("./player/feed.js").TalkStatus | null} talk
 */

/** @implements {Feed} @typedef {import("./player/feed.js").Feed} Feed */
export class HassFeed extends EventTarget {
  /** @type {View | null} */
  #view = null;
  /** @type {Promise<() => void> | null} */
  #subscription = null;
  #listeners = 0;
  clock = null;

  /** @param {any} hass @param {string} entity */
  constructor(hass, entity) {
    super();
    this.hass = hass;
    this.entity = this.key = entity;
    /** whether it is a camera of ours; null until that is known @type {boolean | null} */
    this.ours = null;
  }

  get label() {
    return this.hass.states[this.entity]?.attributes.friendly_name ?? this.entity;
  }

  get up() {
    return this.hass.connected === false || this.#view?.state === AWAY ? false : (this.#view && true);
  }

  state() {
    const view = this.#view;
    if (!view) return null;
    return view.state === AWAY ? { state: "", reason: "" } : view;
  }

  hasSound() {
    return this.#view?.sound ?? false;
  }

  talk() {
    return this.#view?.talk ?? null;
  }

  /** The integration has cameras asked by itself. */
  findTalk() {}

  /** @param {(type: string) => void} heard */
  listen(heard) {
    const handle = (/** @type {Event} */ event) => heard(/** @type {CustomEvent} */ (event).detail);
    this.addEventListener("change", handle);
    if (this.#listeners++ === 0) this.#subscribe();
    return () => {
      this.removeEventListener("change", handle);
      if (--this.#listeners === 0) this.#unsubscribe();
    };
  }

  /** Home Assistant connects by itself. */
  retry() {}

  async measureClock() {}

  async rtcConfiguration() {
    const { configuration } = await this.hass.callWS({ type: "camera/webrtc/get_client_config", entity_id: this.entity });
    return configuration;
  }

  /** @param {import("./player/feed.js").PeerListener} listener */
  peer(listener) {
    /** @type {(RTCIceCandidate | null)[]} those that came before the session had a name */
    const waiting = [];
    let session = "";
    let closed = false;
    /** @type {Promise<() => void> | undefined} */
    let subscription;
    const entity_id = this.entity;
    const pass = (/** @type {RTCIceCandidate | null} */ candidate) => {
      const value = candidate ? candidate.toJSON() : { candidate: "" };
      this.hass.callWS({ type: "camera/webrtc/candidate", entity_id, session_id: session, candidate: value }).catch(() => {}); // one path less
    };
    const heard = (/** @type {any} */ event) => {
      if (closed) return;
      if (event.type === "session") {
        session = event.session_id;
        waiting.splice(0).forEach(pass);
      } else if (event.type === "answer") listener.answer(event.answer);
      else if (event.type === "candidate") listener.candidate({ ...event.candidate, sdpMid: event.candidate.sdpMid ?? "0" });
      else if (event.type === "talk") listener.talk(event.value);
      else if (event.type === "error") listener.failed(event.message);
    };
    return {
      offer: (/** @type {string} */ offer) => {
        subscription = this.hass.connection.subscribeMessage(heard, { type: "camera/webrtc/offer", entity_id, offer }, { resubscribe: false });
        subscription?.catch((error) => closed || listener.failed(error.message ?? "gateway"));
      },
      candidate: (/** @type {RTCIceCandidate | null} */ candidate) => void (session ? pass(candidate) : waiting.push(candidate)),
      close: () => {
        closed = true;
        leave(subscription);
      },
    };
  }

  /** @param {string} codecs @param {import("./player/signalling.js").Listener} listener */
  media(codecs, listener) {
    /** @type {Signalling | null} */
    let signalling = null;
    let closed = false;
    const open = async () => {
      const path = `/api/go2py/live/${this.entity}`;
      const signed = await this.hass.callWS({ type: "auth/sign_path", path, expires: SIGNED });
      if (closed) return;
      const address = new URL(this.hass.hassUrl(signed.path), location.href);
      address.protocol = address.protocol.replace("http", "ws");
      signalling = new Signalling(address, listener);
      signalling.send("mse", codecs);
    };
    open().catch((error) => closed || listener.failed(error.message ?? "gateway"));
    return {
      close: () => {
        closed = true;
        signalling?.close();
      },
    };
  }

  /** The address changes every few minutes: it is asked for each time. */
  still() {
    const picture = this.hass.states[this.entity]?.attributes.entity_picture;
    return picture ? this.hass.hassUrl(picture) : "data:,";
  }

  download() {
    const stamp = new Date(Date.now() - new Date().getTimezoneOffset() * 60000).toISOString().slice(0, 19);
    return { href: this.still(), name: `${this.entity.split(".").pop()}_${stamp.replace("T", "_").replaceAll(":", "-")}.jpg` };
  }

  #subscribe() {
    const { connection } = this.hass;
    const heard = (/** @type {View} */ view) => {
      const was = this.up;
      this.ours = true;
      this.#view = view;
      this.#tell(this.up === was ? "view" : this.up ? "up" : "down");
    };
    this.#subscription = connection.subscribeMessage(heard, { type: "go2py/camera/subscribe", entity_id: this.entity });
    this.#subscription?.catch(() => {
      this.ours = false; // Home Assistant shows others' cameras by WebRTC and stills, too
      this.#tell("view");
    });
  }

  #unsubscribe() {
    leave(this.#subscription);
    this.#subscription = null;
  }

  /** @param {string} type */
  #tell(type) {
    this.dispatchEvent(new CustomEvent("change", { detail: type }));
  }
}

/** End a subscription, also one that is still being made. @param {Promise<() => void> | null | undefined} subscription */
function leave(subscription) {
  subscription?.then((end) => end()).catch(() => {}); // it was refused, or the connection is gone and it with it
}
