// @ts-check
/**
 * `custom:go2py-camera`: cameras on a dashboard, to be seen, heard and spoken to.
 *
 * Only what Home Assistant needs to know of a card is here; the player is loaded with the first one that is shown.
 */
import { h } from "./lib/dom.js";
import { speak, t } from "./lib/i18n.js";
import { form } from "./form.js";
import { parseOptions } from "./options.js";

const NAME = "go2py-camera";
const HELP = "https://github.com/go2py/go2py/blob/main/docs/home-assistant.md#the-card";
const sheet = new URL("./card.css", import.meta.url).href;

/** @param {any} hass */
const speakAs = (hass) => speak([hass.locale?.language ?? hass.language ?? "en"]);

/** Cameras of ours, else any. @param {any} hass @param {readonly string[]} entities */
function camerasOf(hass, entities = Object.keys(hass.states)) {
  const cameras = entities.filter((id) => id.startsWith("camera."));
  const ours = cameras.filter((id) => hass.entities?.[id]?.platform === "go2py");
  return ours.length ? ours : cameras;
}

export class Go2pyCamera extends HTMLElement {
  /** @type {import("./options.js").Options | null} */
  #options = null;
  /** @type {any} */
  #hass = null;
  /** @type {import("./tile.js").Tile[] | null} null until the first drawing */
  #tiles = null;
  #preview = false;
  #drawing = 0;

  static getConfigForm() {
    return form();
  }

  /** @param {any} hass @param {string[]} entities @param {string[]} fallback */
  static getStubConfig(hass, entities = [], fallback = []) {
    const ours = [...camerasOf(hass, entities), ...camerasOf(hass, fallback), ...camerasOf(hass)];
    const found = ours.find((id) => !["unavailable", "off"].includes(hass.states[id]?.state)) ?? ours[0];
    return { entities: found ? [found] : [] };
  }

  /** @param {any} config */
  setConfig(config) {
    this.#options = parseOptions(config);
    this.#tiles = null;
    this.#draw();
  }

  set hass(/** @type {any} */ hass) {
    const first = !this.#hass;
    this.#hass = hass;
    if (first) this.#draw();
    this.#tiles?.forEach((tile) => (tile.hass = hass));
  }

  /** Whether this is a picture of the card in the picker or the editor: then a still has to do. */
  set preview(/** @type {boolean} */ preview) {
    if (preview === this.#preview) return;
    this.#preview = preview;
    this.#tiles = null;
    this.#draw();
  }

  get preview() {
    return this.#preview;
  }

  getCardSize() {
    return 5 * Math.max(1, this.#options?.tiles.length ?? 1);
  }

  getGridOptions() {
    return { columns: 12, rows: "auto", min_columns: 6, min_rows: 3 };
  }

  async #draw() {
    const options = this.#options;
    if (!options || !this.#hass) return;
    const number = ++this.#drawing;
    await speakAs(this.#hass);
    const player = this.#preview ? null : await import("./tile.js");
    if (number !== this.#drawing) return;
    const style = styleOf(options.style);
    this.#tiles = player ? options.tiles.map((choices) => new player.Tile(choices, options, style)) : [];
    const pictures = this.#preview ? options.tiles.map(([{ entity }]) => this.#still(entity)) : this.#tiles.map((tile) => tile.element);
    const grid = h("div", { class: "grid" }, ...(pictures.length ? pictures : [h("p", { class: "note" }, t("card.no-camera"))]));
    grid.style.setProperty("--shape", options.aspectRatio);
    const card = h("ha-card", {}, ...(options.title ? [h("h1", { class: "title" }, options.title)] : []), grid, this.#shortcuts(options));
    const root = this.shadowRoot ?? this.attachShadow({ mode: "open" });
    root.replaceChildren(h("link", { rel: "stylesheet", href: sheet }), card);
    if (style && "adoptedStyleSheets" in root) root.adoptedStyleSheets = [style];
    this.#tiles.forEach((tile) => (tile.hass = this.#hass));
  }

  /** @param {string} entity */
  #still(entity) {
    const picture = this.#hass.states[entity]?.attributes.entity_picture;
    return h("div", { class: "tile" }, picture ? h("img", { src: this.#hass.hassUrl(picture), alt: "" }) : h("p", { class: "note" }, t("card.not-found", { entity })));
  }

  /** @param {import("./options.js").Options} options */
  #shortcuts({ shortcuts }) {
    if (!shortcuts.length) return null;
    const buttons = shortcuts.map((one) => {
      const symbol = one.icon ? h("ha-icon", { icon: one.icon }) : (one.name ?? "");
      return h("button", { type: "button", title: one.name, "aria-label": one.name ?? one.perform_action, onclick: () => this.#run(one) }, symbol);
    });
    return h("div", { class: "shortcuts" }, ...buttons);
  }

  /** @param {import("./options.js").Shortcut} shortcut */
  #run({ perform_action, data, target, more_info }) {
    if (more_info) this.dispatchEvent(new CustomEvent("hass-more-info", { detail: { entityId: more_info }, bubbles: true, composed: true }));
    const [domain, action] = (perform_action ?? "").split(".");
    if (action) this.#hass.callService(domain, action, data, target);
  }
}

/** @param {string} text @returns {CSSStyleSheet | null} */
function styleOf(text) {
  if (!text) return null;
  try {
    const made = new CSSStyleSheet();
    made.replaceSync(text);
    return made;
  } catch {
    return null; // Safari before 16.4
  }
}

if (!customElements.get(NAME)) {
  customElements.define(NAME, Go2pyCamera);
  const cards = ((/** @type {any} */ (window)).customCards ??= []);
  cards.push({
    type: NAME,
    name: t("card.name"),
    description: t("card.description"),
    preview: true,
    documentationURL: HELP,
    /** Must not throw: Home Assistant would drop the suggestions of all cards. @param {any} hass @param {string} entity */
    getEntitySuggestion: (hass, entity) =>
      hass?.entities?.[entity]?.platform === "go2py" && entity.startsWith("camera.") ? { config: { type: `custom:${NAME}`, entities: [entity] } } : null,
  });
}
