// @ts-check
/**
 * `<go2py-player stream="door">`: a camera that is shown, and comes back by itself.
 *
 * Attributes: `stream` the name; `src` the gateway's root relative to the page (default "./"); `mode` a list of webrtc,
 * webrtc/tcp, mse, stills; `every` the seconds between stills; `label` what to call it; `link` where its name leads to; `back` where a back link leads to; `muted`
 * without sound controls; `controls="0"` without any; `background` playing even while hidden.
 */
import { h } from "../lib/dom.js";
import { Gateway, listen } from "../lib/gateway.js";
import { stillUrl } from "../lib/urls.js";
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
  /** @type {Gateway} */ gateway;
  /** @type {Presence} */ presence;
  /** @type {HTMLElement} */ frame;
  /** @type {HTMLElement} */ content;
  /** @type {Sound} */ sound;
  /** @type {Zoom} */ zoom;
  /** @type {Screen} */ screen;
  /** @type {Overlay} */ overlay;
  /** @type {Panel} */ panel;
  /** @type {Controls} */ controls;
  #tick = 0;
  #sampled = 0;
  /** @type {import("./stats.js").Sample | null} */
  #sample = null;
  /** @type {import("./stats.js").Measured | null} */
  #measured = null;
  #meter = new DelayMeter();

  get stream() {
    return this.getAttribute("stream") ?? "";
  }

  get base() {
    return this.getAttribute("src") ?? "./";
  }

  get label() {
    return this.getAttribute("label") || this.stream;
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
    this.gateway = Gateway.at(this.base);
    this.#machine = new Machine(modesOf(this.getAttribute("mode")), { every: this.every });
    this.presence = new Presence(this, (wanted) => (wanted ? this.#resume() : this.#suspend()));
    const retry = () => this.retry();
    addEventListener("online", retry);
    this.#undo = [
      listen(this.gateway, (change) => this.#heard(change)),
      () => removeEventListener("online", retry),
      makeKeys(this),
      () => this.presence.close(),
    ];
  }

  disconnectedCallback() {
    this.#undo.splice(0).forEach((undo) => undo());
    this.#suspend();
  }

  /** Try everything again at once. */
  retry() {
    this.gateway.retry();
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
    adoptStyles(root);
    this.content = h("div", { class: "content" });
    this.frame = h("div", { class: "frame" }, this.content);
    this.sound = new Sound(this);
    this.zoom = new Zoom(this.frame, this.content);
    this.screen = new Screen(this, () => this.video, () => this.controls.update());
    this.overlay = new Overlay(this);
    this.panel = new Panel(this);
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
    this.#machine.gateway = this.gateway.up !== false;
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
    if (this.panel.open) await this.gateway.measureClock();
    const sample = await way.sample().catch(() => null);
    if (way === this.way) this.#measure(sample);
  }

  /** @param {import("./stats.js").Sample | null} sample */
  #measure(sample) {
    const old = this.#sample;
    this.#sample = sample;
    const through = sample && this.#meter.add(sample, this.gateway.clock);
    this.#measured = sample && old?.way === sample.way && sample.bytes >= old.bytes ? measure(old, sample, through) : null;
    if (this.panel.open) this.panel.show(sample, this.#measured, this.view);
  }

  /** @param {import("../lib/gateway.js").Change} change */
  #heard({ type, stream }) {
    const now = seconds();
    if (type === "up" || type === "down") this.#machine.reachable(type === "up", now);
    if (type !== "down" && (!stream || stream === this.stream)) this.#camera();
    this.#act();
  }

  #camera() {
    const found = this.gateway.state(this.stream);
    this.#machine.camera(found?.state ?? "", found?.reason ?? "", seconds());
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
    };
    /** @type {Transport | undefined} */
    let way;
    if (mode === "webrtc") way = new WebRtc(this.base, this.stream, events, { tcp: this.#tcpOnly });
    else if (mode === "mse") way = new Mse(this.base, this.stream, events);
    else way = new Stills(this.base, this.stream, events, this.every);
    this.#ways.set(mode, way);
    way.element.classList.add("layer");
    this.content.append(way.element);
    this.#stack();
  }

  /** @param {Mode} mode */
  #close(mode) {
    const way = this.#ways.get(mode);
    if (!way) return;
    if (way.element === this.#layer) this.#freeze(way.element);
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
    image.src = stillUrl(this.stream, { poster: true }, this.base);
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
