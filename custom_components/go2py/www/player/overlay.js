// @ts-check
/** What lies over the picture: name, state, the bar of waiting, sentences. */
import { bdi, h, icon, setIcon, setText } from "../lib/dom.js";
import { age, duration, known, t } from "../lib/i18n.js";

/** @typedef {import("./machine.js").View} View */

const WORDS_AFTER = 3;
const QUIET_MS = 5000;
const DELAY_SHOWN = 1;
/** A picture that is older than this says so. */
const OLD = 3;
/** Below this width there is room for a symbol only. */
const ROOMY = 220;
/** Below this the button to speak would cover the others. */
const SLIM = 440;
/** @type {Partial<Record<import("./machine.js").Phase, string>>} */
const SYMBOLS = { live: "●", stills: "◐", stalled: "◐", connecting: "○", reconnecting: "○", offline: "○", gateway: "○", missing: "○" };
/** @type {Partial<Record<import("./machine.js").Phase, Parameters<typeof icon>[0]>>} */
const ICONS = { stalled: "retry", reconnecting: "retry", offline: "cameraOff", off: "lock", missing: "cameraOff", gateway: "gateway" };
const URGENT = new Set(["offline", "off", "gateway", "missing"]);
const DIMMED = new Set(["stalled", "reconnecting", "offline", "off", "gateway", "missing"]);

/** A reason of a way as a text: a key of ours or a sentence of the gateway. @param {string} reason */
export function reasonText(reason) {
  return known(`way.${reason}`) ? t(`way.${reason}`) : reason;
}

export class Overlay {
  /** @param {import("./element.js").Go2pyPlayer} player */
  constructor(player) {
    this.player = player;
    this.announced = { text: "", at: -Infinity };
    this.bar = h("div", { class: "bar" });
    this.name = this.#makeName();
    this.symbol = h("span", { class: "symbol", "aria-hidden": "true" });
    this.word = h("span");
    this.state = h("div", { class: "chip state" }, this.symbol, this.word);
    this.line1 = h("p", { class: "line1" });
    this.line2 = h("p", { class: "line2" });
    this.advice = h("p", { class: "line2" });
    this.line3 = h("p", { class: "line3" });
    this.retry = h("button", { type: "button", onclick: () => player.retry() }, icon("retry"), t("player.retry"));
    this.list = h("a", { class: "button", href: "./", target: "_top" }, t("player.back"));
    this.message = h("div", { class: "message", hidden: true }, icon("cameraOff"), this.line1, this.line2, this.advice, this.line3, h("div", { class: "actions" }, this.retry, this.list));
    this.status = h("div", { class: "unseen", role: "status" });
    this.alert = h("div", { class: "unseen", role: "alert" });
    const top = h("div", { class: "top-row" }, this.name, this.state);
    this.element = h("div", { class: "overlay" }, h("div", { class: "scrim" }), this.bar, top, this.message, this.status, this.alert);
  }

  #makeName() {
    const { player } = this;
    const back = player.getAttribute("back");
    const link = player.getAttribute("link");
    const name = bdi(player.label);
    if (back) return h("a", { class: "chip name", href: back, target: "_top", "aria-label": t("player.back") }, icon("back"), name);
    if (link) return h("a", { class: "chip name", href: link, "aria-label": t("player.open", { name: player.label }) }, name);
    return h("div", { class: "chip name" }, name);
  }

  /** @param {View} view @param {import("./stats.js").Measured | null} measured */
  update(view, measured) {
    const now = performance.now() / 1000;
    const waiting = !["live", "stills", "paused"].includes(view.phase);
    const host = this.player;
    if (host.dataset.phase !== view.phase) host.dataset.phase = view.phase;
    if (host.dataset.mode !== (view.mode ?? "")) host.dataset.mode = view.mode ?? "";
    this.bar.hidden = !waiting || view.phase === "missing" || view.phase === "off";
    host.classList.toggle("dimmed", DIMMED.has(view.phase));
    host.classList.toggle("slim", host.clientWidth > 0 && host.clientWidth < SLIM);
    host.classList.toggle("small", host.clientWidth > 0 && host.clientWidth < ROOMY);
    const [line1, line2, line3] = this.#lines(view, now);
    const wordy = waiting && (DIMMED.has(view.phase) || now - view.since >= WORDS_AFTER);
    this.message.hidden = !wordy;
    setIcon(this.message, ICONS[view.phase] ?? "camera");
    setText(this.line1, line1);
    setText(this.line2, line2);
    setText(this.line3, line3);
    setText(this.advice, view.phase === "offline" && known(`advice.${view.code}`) ? t(`advice.${view.code}`) : "");
    this.retry.hidden = !["reconnecting", "offline", "gateway"].includes(view.phase);
    this.list.hidden = view.phase !== "missing";
    this.#chip(view, measured);
    const name = host.label;
    const label = t("player.label", { name, state: wordy ? line1 : this.word.textContent || t("phase.connecting", { name }) });
    if (host.getAttribute("aria-label") !== label) host.setAttribute("aria-label", label);
    this.#announce(wordy ? line1 : view.phase === "live" ? t("player.label", { name, state: t("phase.live") }) : "", URGENT.has(view.phase));
  }

  /** @param {View} view @param {import("./stats.js").Measured | null} measured */
  #chip(view, measured) {
    const shown = ["live", "stills"].includes(view.phase);
    this.state.hidden = !shown;
    if (!shown) return;
    setText(this.symbol, SYMBOLS[view.phase] ?? "");
    const delay = measured?.delay ?? 0;
    const old = performance.now() / 1000 - (view.pictureAt ?? 0);
    const parts = [t(`phase.${view.phase}`)];
    if (view.phase === "stills" && old > OLD) parts.push(age(old));
    else if (delay > DELAY_SHOWN) parts.push(t("phase.behind", { delay: duration(delay) }));
    setText(this.word, parts.join(" · "));
    const why = view.phase === "stills" ? t("phase.stills.more", { why: whyNotVideo(view) }) : "";
    if (this.state.title !== why) this.state.title = why;
  }

  /** @param {View} view @param {number} now @returns {[string, string, string]} */
  #lines(view, now) {
    const { label: name } = this.player;
    const old = view.pictureAt === null ? "" : age(now - view.pictureAt);
    const last = old && t("phase.reconnecting.age", { age: old });
    switch (view.phase) {
      case "connecting":
        return [t("phase.connecting", { name }), t("phase.connecting.more"), ""];
      case "stalled":
        return [t("phase.stalled", { age: old }), t("phase.stalled.more"), ""];
      case "reconnecting":
        return [t("phase.reconnecting", { tries: Math.max(1, view.tries) }), whyNotVideo(view), last];
      case "offline":
        return [t("phase.offline", { name }), view.why, last];
      case "off":
        return [t("phase.off", { name }), t("phase.off.more"), ""];
      case "gateway":
        return [t("phase.gateway"), t("phase.gateway.more"), last];
      case "missing":
        return [t("phase.missing", { name }), t("phase.missing.more"), ""];
      default:
        return ["", "", ""];
    }
  }

  /** Once, and not more often than every few seconds. @param {string} text @param {boolean} urgent */
  #announce(text, urgent) {
    const now = performance.now();
    const plain = text.replace(/\d+/g, ""); // a growing age is no news
    if (!text || plain === this.announced.text || (!urgent && now - this.announced.at < QUIET_MS)) return;
    this.announced = { text: plain, at: now };
    setText(urgent ? this.alert : this.status, text);
    setText(urgent ? this.status : this.alert, "");
  }
}

/** @param {View} view */
function whyNotVideo(view) {
  const reason = view.reasons.webrtc ?? view.reasons.mse ?? Object.values(view.reasons)[0];
  return reason ? reasonText(reason) : t("way.wait");
}

