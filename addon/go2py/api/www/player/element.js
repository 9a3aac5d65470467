// @ts-check
/**
 * `<go2py-player stream="door">`: a camera that is shown, and comes back by itself.
 *
 * Its property `feed` says where the camera comes from, and has to be set first. Attributes: `mode` a list of webrtc,
 * webrtc/tcp, mse, stills; `every` the seconds between stills; `label` what to call it; `link` where its name leads to; `back`
 * where a back link leads to; `muted` without sound controls; `loud` with sound at first; `quiet` without, whatever is remembered;
 * `no-zoom` a list of gestures (all, wheel, drag, double, touch-drag, pinch); `fit` contain or cover; `controls="0"` without any; `background` playing even while hidden; `share` of it that has to be seen; `talk` auto, hold, toggle
 * or off.
 */
import { h } from "../lib/dom.js";
import { Controls } from "./controls.js";
import { makeKeys } from "./keys.js";
import { Machine } from "./machine.js";
import { Mse, playable } from "./mse.js";
import { Overlay } from "./overlay.js";
import { Panel } from "./panel.js";
import { Presence } from "./presence.js";
import { Screen } from "./screen.js";
import { Sound } from "./sound.js";
import { DelayMeter, measure } from "./stats.js";
import { Stills } from "./stills.js";
import { adoptStyles } from "./styles.js";
import { Talk } from "./talk/talk.js";
import { WebRtc } from "./webrtc.js";
import { Zoom } from "./zoom.js";

/** @typedef {import("./machine.js").Mode} Mode */
/** @typedef {import("./transport.js").Transport} Transport */

const TICK_MS = 250;
const SAMPLE_MS = 10000;
const PANEL_MS = 1000;
const seconds = () => performance.now() / 1000;

export class Go2pyPlayer extends HTMLElement {
  /** @type {Map<Mode, Transport>} */
  #ways = new Map();
  /** @type {Machine} */
  #machine = new Machine([]);
  /** @type {HTMLElement | null} what is on top */
  #layer = null;
  /** @type {(() => void)[]} */
  #undo = [];
  #built = false;
  /** @type {import("./feed.js").Feed} */ feed;
  /** @type {CSSStyleSheet | null} */ sheet = null;
  /** @type {Presence} */ presence;
  /** @type {HTMLElement} */ frame;
  /** @type {HTMLElement} */ content;
  /** @type {Sound} */ sound;
  /** @type {Zoom} */ zoom;
  /** @type {Screen} */ screen;
  /** @type {Overlay} */ overlay;
  /** @type {Panel} */ panel;
  /** @type {Controls} */ controls;
  /** @type {Talk} */ talk;
  #tick = 0;
  #sampled = 0;
  /** @type {import("./stats.js").Sample | null} */
  #sample = null;
  /** @type {import("./stats.js").Measured | null} */
  #measured = null;
  #meter = new DelayMeter();

  get label() {
    return this.getAttribute("label") || this.feed.label;
  }

  /** Seconds between stills. */
  get every() {
    return Math.max(1, Number(this.getAttribute("every")) || 1);
  }

  /** The way being shown. @returns {Transport | null} */
  get way() {
    return [...this.#ways.values()].find((way) => way.element === this.#layer) ?? null;
  }

  /** The video being shown. */
  get video() {
    const element = this.way?.element;
    return element instanceof HTMLVideoElement ? element : null;
  }

  /** How it stands, for tests and embedding pages. */
  get view() {
    return this.#machine.view(seconds());
  }

  connectedCallback() {
    if (!this.#built) this.#build();
    this.#machine = new Machine(modesOf(this.getAttribute("mode")), { every: this.every });
    this.presence = new Presence(this, (wanted) => (wanted ? this.#resume() : this.#suspend()));
    const retry = () => this.retry();
    addEventListener("online", retry);
    this.#undo = [
      this.feed.listen((type) => this.#heard(type)),
      () => removeEventListener("online", retry),
      makeKeys(this),
      () => this.presence.close(),
      this.talk.watch(),
    ];
  }

  disconnectedCallback() {
    this.#undo.splice(0).forEach((undo) => undo());
    this.#suspend();
  }

  /** Try everything again at once. */
  retry() {
    this.feed.retry();
    this.#machine.retry(seconds());
    this.#act();
  }

  /** Use a picture that the page already loads as the poster. @param {HTMLImageElement} image */
  adoptPoster(image) {
    if (!this.#built) this.#build();
    if (this.#layer || (image.complete && !image.naturalWidth)) return;
    image.className = "layer";
    image.alt = "";
    image.onerror = () => {
      if (this.#layer === image) this.#layer = null;
      image.remove();
    };
    this.content.append(image);
    this.#layer = image;
    this.#stack();
  }

  /** Change to a way that has sound, if another one has it. */
  preferSound() {
    this.#machine.prefer("mse", seconds());
    this.#act();
  }

  #build() {
    this.#built = true;
    const root = this.attachShadow({ mode: "open" });
    adoptStyles(root, this.sheet);
    this.content = h("div", { class: "content" });
    this.frame = h("div", { class: "frame" }, this.content);
    this.sound = new Sound(this);
    this.zoom = new Zoom(this.frame, this.content, new Set(this.getAttribute("no-zoom")?.split(" ")));
    this.screen = new Screen(this, () => this.video, () => this.controls.update());
    this.overlay = new Overlay(this);
    this.panel = new Panel(this);
    this.talk = new Talk(this);
    this.controls = new Controls(this);
    root.append(this.frame, this.overlay.element, this.panel.element, this.controls.element);
    this.zoom.addEventListener("change", () => this.controls.update());
    this.setAttribute("role", "group");
    if (!this.hasAttribute("tabindex")) this.tabIndex = 0;
  }

  // --- running

  #resume() {
    if (this.#machine.running) return;
    this.#poster();
    this.#machine.gateway = this.feed.up !== false;
    this.#camera();
    this.#machine.start(seconds());
    this.#tick = window.setInterval(() => this.#passed(), TICK_MS);
    this.#act();
  }

  #suspend() {
    clearInterval(this.#tick);
    if (!this.#machine.running) return;
    this.#machine.stop();
    this.#act();
  }

  #passed() {
    this.#machine.tick(seconds());
    this.#act();
    const every = this.panel.open ? PANEL_MS : SAMPLE_MS;
    if (performance.now() - this.#sampled >= every) this.takeSample();
  }

  /** Look at the numbers now. */
  async takeSample() {
    this.#sampled = performance.now();
    const { way } = this;
    if (!way) return this.#measure(null);
    if (this.panel.open) await this.feed.measureClock();
    const sample = await way.sample().catch(() => null);
    if (way === this.way) this.#measure(sample);
  }

  /** @param {import("./stats.js").Sample | null} sample */
  #measure(sample) {
    const old = this.#sample;
    this.#sample = sample;
    const through = sample && this.#meter.add(sample, this.feed.clock);
    this.#measured = sample && old?.way === sample.way && sample.bytes >= old.bytes ? measure(old, sample, through) : null;
    if (this.panel.open) this.panel.show(sample, this.#measured, this.view);
  }

  /** @param {string} type */
  #heard(type) {
    const now = seconds();
    if (type === "up" || type === "down") this.#machine.reachable(type === "up", now);
    if (type !== "down") this.#camera();
    this.#act();
  }

  #camera() {
    const { state = "", reason = "", code = "" } = this.feed.state() ?? {};
    this.#machine.camera(state, reason, seconds(), code);
    // what a camera shows that was switched off for privacy is not to be seen, not even as it was
    if (state === "off") this.#blank();
  }

  #blank() {
    this.#layer = null;
    for (const child of [...this.content.children]) if (![...this.#ways.values()].some((way) => way.element === child)) child.remove();
    this.#stack();
  }

  /** Do what the machine wants, then show how it stands. */
  #act() {
    for (const command of this.#machine.take()) {
      if (command.do === "open") this.#open(command.mode);
      else if (command.do === "close") this.#close(command.mode);
      else if (command.do === "show") this.#show(command.mode);
      else this.#ways.get(command.mode)?.nudge();
    }
    this.overlay.update(this.view, this.#measured);
    this.talk.refresh();
    this.controls.update();
  }

  /** @param {Mode} mode */
  #open(mode) {
    /** @param {(way: Transport) => void} then */
    const while_open = (then) => {
      const current = this.#ways.get(mode);
      if (current === way && way) then(way);
    };
    /** @type {import("./transport.js").Events} */
    const events = {
      connected: () => while_open(() => this.#machine.connected(mode, seconds())),
      frame: () =>
        while_open((one) => {
          this.#machine.frame(mode, seconds(), one.audio);
          if (this.#machine.commands.length) this.#act();
        }),
      failed: (reason) =>
        while_open(() => {
          this.#machine.failed(mode, reason, seconds());
          this.#act();
        }),
      talk: (status) => while_open(() => this.talk.heard(status)),
    };
    /** @type {Transport | undefined} */
    let way;
    if (mode === "webrtc") way = new WebRtc(this.feed, events, { tcp: this.#tcpOnly, talk: this.talk.allowed });
    else if (mode === "mse") way = new Mse(this.feed, events);
    else way = new Stills(this.feed, events, this.every);
    this.#ways.set(mode, way);
    way.element.classList.add("layer");
    this.content.append(way.element);
    this.#stack();
  }

  /** @param {Mode} mode */
  #close(mode) {
    const way = this.#ways.get(mode);
    if (!way) return;
    if (way.element === this.#layer && this.#machine.source.state !== "off") this.#freeze(way.element);
    this.#ways.delete(mode);
    way.close();
    way.element.remove();
  }

  /** @param {Mode} mode */
  #show(mode) {
    const way = this.#ways.get(mode);
    if (!way) return;
    const old = this.#layer;
    this.#layer = way.element;
    this.#stack();
    this.talk.moved();
    if (old && ![...this.#ways.values()].some((one) => one.element === old)) old.remove();
    this.sound.apply(this.video);
    this.#sample = this.#measured = null;
    this.#meter = new DelayMeter();
    this.#sampled = 0;
  }

  get #tcpOnly() {
    return (this.getAttribute("mode") ?? "").split(",").includes("webrtc/tcp");
  }

  // --- the picture

  #poster() {
    if (this.#layer) return;
    const image = new Image();
    if (this.feed.state()?.state === "off") return;
    image.src = this.getAttribute("poster") || this.feed.still({ poster: true });
    this.adoptPoster(image);
  }

  /** Keep the last picture of a layer that goes. @param {HTMLElement} layer */
  #freeze(layer) {
    const canvas = h("canvas", { class: "layer frozen", "aria-hidden": "true" });
    const source = /** @type {HTMLVideoElement | HTMLImageElement} */ (layer);
    canvas.width = source instanceof HTMLVideoElement ? source.videoWidth : source.naturalWidth;
    canvas.height = source instanceof HTMLVideoElement ? source.videoHeight : source.naturalHeight;
    if (canvas.width) canvas.getContext("2d")?.drawImage(source, 0, 0);
    this.content.append(canvas);
    this.#layer = canvas;
    this.#stack();
  }

  /** What is shown on top, what is coming beneath it: hidden elements would not be painted. */
  #stack() {
    for (const child of this.content.children) child.classList.toggle("top", child === this.#layer);
  }
}

/**
 * The ways that a list names, best first; go2rtc's names are understood, what is not spoken is left out.
 * @param {string | null} text @returns {Mode[]}
 */
export function modesOf(text) {
  /** @type {Record<string, Mode>} */
  const names = { webrtc: "webrtc", "webrtc/tcp": "webrtc", mse: "mse", mjpeg: "stills", stills: "stills" };
  const able = { webrtc: "RTCPeerConnection" in globalThis, mse: playable().length > 0, stills: true };
  const pick = (/** @type {string} */ list) => {
    const modes = list.split(",").map((name) => names[name.trim()]);
    return [...new Set(modes)].filter((mode) => mode && able[mode]);
  };
  const modes = pick(text ?? "");
  return modes.length ? modes : pick("webrtc,mse,stills");
}

if (!customElements.get("go2py-player")) customElements.define("go2py-player", Go2pyPlayer);
