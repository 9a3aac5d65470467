// @ts-check
/** The conversation on one WebSocket (`api/ws`, or what passes it on): JSON messages both ways, media as binary. */

/**
 * @typedef {object} Listener
 * @property {(type: string, value: any) => void} message
 * @property {(data: ArrayBuffer) => void} [binary]
 * @property {(reason: string) => void} failed at most once; "gateway" when it does not answer, else its sentence
 */

export class Signalling {
  /** @param {URL} address @param {Listener} listener */
  constructor(address, listener) {
    this.listener = listener;
    /** @type {string[]} */
    this.waiting = [];
    this.socket = new WebSocket(address);
    this.socket.binaryType = "arraybuffer";
    this.socket.onopen = () => this.waiting.splice(0).forEach((text) => this.socket.send(text));
    this.socket.onmessage = (event) => this.#received(event.data);
    this.socket.onclose = () => this.#fail("gateway");
  }

  /** @param {string} type @param {unknown} [value] */
  send(type, value) {
    const text = JSON.stringify({ type, value });
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(text);
    else if (this.socket.readyState === WebSocket.CONNECTING) this.waiting.push(text);
  }

  close() {
    this.socket.onopen = this.socket.onmessage = this.socket.onclose = null;
    this.socket.close();
  }

  /** @param {string | ArrayBuffer} data */
  #received(data) {
    if (typeof data !== "string") {
      this.listener.binary?.(data);
      return;
    }
    const { type, value } = JSON.parse(data);
    if (type === "error") this.#fail(reasonOf(String(value)));
    else this.listener.message(type, value);
  }

  /** @param {string} reason */
  #fail(reason) {
    this.close();
    this.listener.failed(reason);
  }
}

/**
 * A reason from an error of the gateway: `<request>: <sentence>`.
 * @param {string} text
 */
export function reasonOf(text) {
  const sentence = text.replace(/^[a-z/]+: /, "").replace(/^streams: /, "");
  return sentence === "stream not found" ? "missing" : sentence;
}
