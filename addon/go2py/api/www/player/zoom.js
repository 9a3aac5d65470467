// @ts-check
/** Digital zoom: pinch, wheel, double tap, drag. At 1× the page scrolls as ever. */

const MAX = 10;
const DOUBLE = 2.5;
const DOUBLE_MS = 300;
const DOUBLE_PX = 30;

export class Zoom extends EventTarget {
  /**
   * @param {HTMLElement} frame what takes the gestures @param {HTMLElement} content what grows
   * @param {ReadonlySet<string>} off gestures that are left to the page: all, wheel, drag, double, touch-drag, pinch
   */
  constructor(frame, content, off = new Set()) {
    super();
    this.off = off;
    this.frame = frame;
    this.content = content;
    this.scale = 1;
    this.x = 0;
    this.y = 0;
    /** @type {Map<number, {x: number, y: number}>} */
    this.pointers = new Map();
    this.tap = { at: 0, x: 0, y: 0 };
    frame.addEventListener("pointerdown", (event) => this.#down(event));
    frame.addEventListener("pointermove", (event) => this.#move(event));
    frame.addEventListener("pointerup", (event) => this.#up(event));
    frame.addEventListener("pointercancel", (event) => this.pointers.delete(event.pointerId));
    frame.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
  }

  reset() {
    this.#set(1, 0, 0);
  }

  /** @param {number} factor @param {{x: number, y: number}} at from the middle of the frame */
  by(factor, at = { x: 0, y: 0 }) {
    const scale = Math.min(MAX, Math.max(1, this.scale * factor));
    const ratio = scale / this.scale;
    this.#set(scale, at.x - (at.x - this.x) * ratio, at.y - (at.y - this.y) * ratio);
  }

  /** @param {number} dx @param {number} dy */
  pan(dx, dy) {
    this.#set(this.scale, this.x + dx, this.y + dy);
  }

  /** @param {number} scale @param {number} x @param {number} y */
  #set(scale, x, y) {
    const { clientWidth, clientHeight } = this.frame;
    const [wide, high] = [((scale - 1) * clientWidth) / 2, ((scale - 1) * clientHeight) / 2];
    this.scale = scale < 1.02 ? 1 : scale;
    this.x = this.scale === 1 ? 0 : Math.min(wide, Math.max(-wide, x));
    this.y = this.scale === 1 ? 0 : Math.min(high, Math.max(-high, y));
    const { style } = this.content;
    style.setProperty("transform", this.scale === 1 ? "" : `translate(${this.x}px, ${this.y}px) scale(${this.scale})`);
    this.frame.classList.toggle("zoomed", this.scale > 1);
    this.dispatchEvent(new Event("change"));
  }

  /** @param {{clientX: number, clientY: number}} event */
  #at(event) {
    const box = this.frame.getBoundingClientRect();
    return { x: event.clientX - box.x - box.width / 2, y: event.clientY - box.y - box.height / 2 };
  }

  /** @param {PointerEvent} event */
  #down(event) {
    if (event.button || this.off.has("all")) return;
    this.pointers.set(event.pointerId, this.#at(event));
    if (this.scale > 1 || this.pointers.size > 1) this.frame.setPointerCapture(event.pointerId);
  }

  /** @param {PointerEvent} event */
  #move(event) {
    const old = this.pointers.get(event.pointerId);
    if (!old) return;
    const now = this.#at(event);
    const other = [...this.pointers].find(([id]) => id !== event.pointerId)?.[1];
    this.pointers.set(event.pointerId, now);
    if (other) {
      if (this.off.has("pinch")) return;
      const spread = (/** @type {{x: number, y: number}} */ point) => Math.hypot(point.x - other.x, point.y - other.y) || 1;
      this.by(spread(now) / spread(old), { x: (now.x + other.x) / 2, y: (now.y + other.y) / 2 });
    } else if (this.scale > 1 && !this.off.has(event.pointerType === "mouse" ? "drag" : "touch-drag")) this.pan(now.x - old.x, now.y - old.y);
  }

  /** Taps are detected here: `dblclick` is unreliable in Android's WebView. @param {PointerEvent} event */
  #up(event) {
    if (!this.pointers.delete(event.pointerId) || this.pointers.size) return;
    const at = this.#at(event);
    const { tap } = this;
    this.tap = { at: event.timeStamp, ...at };
    if (this.off.has("double") || event.timeStamp - tap.at > DOUBLE_MS || Math.hypot(at.x - tap.x, at.y - tap.y) > DOUBLE_PX) return;
    this.tap.at = 0;
    if (this.scale > 1) this.reset();
    else this.by(DOUBLE, at);
  }

  /** The wheel belongs to the page as long as that can scroll. @param {WheelEvent} event */
  #wheel(event) {
    if (this.off.has("wheel") || this.off.has("all")) return;
    const root = document.documentElement;
    const free = event.ctrlKey || this.scale > 1 || root.scrollHeight <= root.clientHeight || document.fullscreenElement;
    if (!free) return;
    event.preventDefault();
    this.by(Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : event.ctrlKey ? 0.01 : 0.002)), this.#at(event));
  }
}
