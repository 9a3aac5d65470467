// @ts-check
/** One camera of a card: a player, and a choice where there are several pictures of it. */
import { h } from "./lib/dom.js";
import { t } from "./lib/i18n.js";
import { HassFeed } from "./hass_feed.js";
import { isEntity } from "./options.js";
import "./player/element.js";

/** @typedef {import("./options.js").Options} Options */
/** @typedef {import("./options.js").Choice} Choice */

export class Tile {
  /** @type {any} */ #hass;
  /** @type {HassFeed | null} */ #feed = null;
  #chosen = 0;

  /** @param {Choice[]} choices @param {Options} options @param {CSSStyleSheet | null} style */
  constructor(choices, options, style) {
    this.choices = choices;
    this.options = options;
    this.style = style;
    this.element = h("div", { class: "tile" });
  }

  /** @param {any} hass */
  set hass(hass) {
    this.#hass = hass;
    if (this.#feed) this.#feed.hass = hass;
    else this.#show();
  }

  #show() {
    const choice = this.choices[this.#chosen];
    if (!this.#hass.states[choice.entity]) {
      this.element.replaceChildren(h("p", { class: "note" }, t("card.not-found", { entity: choice.entity })));
      return;
    }
    this.#feed = new HassFeed(this.#hass, choice.entity);
    const player = Object.assign(h("go2py-player", this.#attributes(choice)), { feed: this.#feed, sheet: this.style });
    this.element.replaceChildren(player, ...(this.choices.length > 1 ? [this.#chooser()] : []));
  }

  /** @param {Choice} choice */
  #attributes({ name, mode, media }) {
    const { options } = this;
    const { sound } = options;
    const deaf = sound === "never" || (media !== undefined && !media.includes("audio"));
    return {
      label: name,
      mode: mode || options.mode || null,
      muted: deaf,
      loud: sound === "on",
      quiet: sound === "off",
      controls: options.ui ? null : "0",
      background: options.background,
      share: options.share,
      talk: options.talk,
      "talk-release": options.talkRelease,
      fit: options.fit,
      "no-zoom": options.noZoom.join(" ") || null,
      poster: this.#poster(),
    };
  }

  #poster() {
    const { poster } = this.options;
    if (!isEntity(poster)) return poster || null;
    const picture = this.#hass.states[poster]?.attributes.entity_picture;
    return picture ? this.#hass.hassUrl(picture) : null;
  }

  #chooser() {
    const buttons = this.choices.map((choice, index) =>
      h("button", { type: "button", "aria-pressed": String(index === this.#chosen), onclick: () => this.#choose(index) }, choice.name ?? choice.entity),
    );
    return h("div", { class: "chooser", role: "group", "aria-label": t("card.streams") }, ...buttons);
  }

  /** @param {number} index */
  #choose(index) {
    if (index === this.#chosen) return;
    this.#chosen = index;
    this.#show();
  }
}
