// @ts-check
/** Statistics on request. A row without a value is left out; a delay that is not whole says "at least". */
import { h, setText } from "../lib/dom.js";
import { bitrate, duration, number, t } from "../lib/i18n.js";
import { copyText } from "../lib/copy.js";
import { reasonText } from "./overlay.js";

/** @typedef {import("./stats.js").Sample} Sample */
/** @typedef {import("./stats.js").Measured} Measured */

export class Panel {
  /** @param {import("./element.js").Go2pyPlayer} player */
  constructor(player) {
    this.player = player;
    this.rows = h("dl");
    this.copied = h("span", { role: "status" });
    const copy = h("button", { type: "button", onclick: () => this.#copy() }, t("stats.copy"));
    this.element = h("section", { class: "panel", "aria-label": t("stats.title"), hidden: true }, this.rows, h("p", { class: "note" }, t("stats.camera-note")), h("div", { class: "actions" }, copy, this.copied));
  }

  get open() {
    return !this.element.hidden;
  }

  toggle() {
    this.element.hidden = this.open;
    setText(this.copied, "");
    if (this.open) this.player.takeSample();
    this.player.controls.update();
  }

  /** @param {Sample | null} sample @param {Measured | null} measured @param {import("./machine.js").View} view */
  show(sample, measured, view) {
    const rows = [...(sample ? rowsOf(sample, measured, this.player) : []), ...reasonRows(view)];
    const old = [...this.rows.children];
    rows.forEach(([name, text], index) => {
      const [term, value] = [old[2 * index] ?? this.rows.appendChild(h("dt")), old[2 * index + 1] ?? this.rows.appendChild(h("dd"))];
      setText(term, name);
      setText(value, text);
    });
    old.slice(2 * rows.length).forEach((extra) => extra.remove());
  }

  async #copy() {
    const lines = [...this.rows.querySelectorAll("dt")].map((term) => `${term.textContent}: ${term.nextElementSibling?.textContent}`);
    const done = await copyText([...lines, navigator.userAgent].join("\n"), this.element);
    if (done) setText(this.copied, t("stats.copied"));
  }
}

/** @param {Sample} sample @param {Measured | null} measured @param {import("./element.js").Go2pyPlayer} player @returns {[string, string][]} */
function rowsOf(sample, measured, player) {
  /** @type {[string, string | undefined | false][]} */
  const rows = [
    [t("stats.delay"), measured?.delay !== undefined && delayText(measured)],
    [t("stats.video"), videoText(sample, measured)],
    [t("stats.sound"), soundText(sample, player)],
    [t("stats.way"), [t(`way.${sample.way}`), sample.path].filter(Boolean).join(", ")],
    [t("stats.loss"), sample.lost !== undefined && lossText(sample, measured)],
    [t("stats.dropped"), measured?.dropped ? t("stats.dropped.text", { dropped: measured.dropped }) : ""],
    [t("stats.decoder"), sample.decoder !== "unknown" && sample.decoder],
  ];
  return /** @type {[string, string][]} */ (rows.filter(([, text]) => text));
}

/** @param {import("./machine.js").View} view @returns {[string, string][]} */
function reasonRows(view) {
  return Object.entries(view.reasons).map(([mode, reason]) => [t("stats.why", { way: t(`way.${mode}`) }), reasonText(reason)]);
}

/** @param {Measured} measured */
function delayText(measured) {
  const delay = duration(measured.delay ?? 0);
  const head = t(measured.whole ? "stats.delay.whole" : "stats.delay.sum", { delay });
  const parts = Object.entries(measured.parts).filter(([, part]) => part !== undefined);
  const texts = parts.map(([name, part]) => t(`stats.part.${name}`, { value: duration(part ?? 0) }));
  return texts.length ? `${head} (${texts.join(" · ")})` : head;
}

/** @param {Sample} sample @param {Measured | null} measured */
function videoText(sample, measured) {
  const size = sample.width ? `${sample.width}×${sample.height}` : "";
  const flow = measured && measured.fps ? t("stats.fps", { fps: number(measured.fps, 0) }) : "";
  return [sample.codec, size, flow, measured ? bitrate(measured.bits) : ""].filter(Boolean).join(" · ");
}

/** @param {Sample} sample @param {import("./element.js").Go2pyPlayer} player */
function soundText(sample, player) {
  if (!sample.audioCodec) return "";
  return player.video?.muted ? t("stats.sound.muted", { codec: sample.audioCodec }) : sample.audioCodec;
}

/** @param {Sample} sample @param {Measured | null} measured */
function lossText(sample, measured) {
  const { repaired = 0, freezes = 0 } = sample;
  return t("stats.loss.text", { share: number((measured?.lossShare ?? 0) * 100, 1), repaired, freezes });
}
