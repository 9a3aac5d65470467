// @ts-check
/** Elements without markup: text can only become text. */
import { ICONS } from "./icons.js";

/** @typedef {Node | string | null | undefined | false} Child */

const PROPERTIES = new Set(["value", "checked", "disabled", "hidden", "readOnly", "muted", "spellcheck"]);

/**
 * An element. `on…` are listeners, a few are properties, the rest attributes; `false`, `null`, `undefined` leave one out.
 * @template {string} K
 * @param {K} tag @param {Record<string, any>} attributes @param {...Child} children
 * @returns {K extends keyof HTMLElementTagNameMap ? HTMLElementTagNameMap[K] : HTMLElement}
 */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (PROPERTIES.has(name)) /** @type {any} */ (element)[name] = value;
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  put(element, ...children);
  return /** @type {any} */ (element);
}

/** Append what is there. @param {ParentNode} parent @param {...Child} children */
export function put(parent, ...children) {
  parent.append(.../** @type {(Node | string)[]} */ (children.filter((child) => child !== null && child !== undefined && child !== false)));
}

/** @param {keyof typeof ICONS} name */
export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  svg.setAttribute("class", "icon");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

/** Exchange the picture of an icon. @param {ParentNode} parent @param {keyof typeof ICONS} name */
export function setIcon(parent, name) {
  parent.querySelector("svg.icon path")?.setAttribute("d", ICONS[name]);
}

/** A name of a camera: data, in whatever direction it is written. @param {string} name */
export const bdi = (name) => h("bdi", {}, name);

/** Set text only when it differs, so that nothing is announced or laid out twice. @param {Element} element @param {string} text */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** @template {Element} T @param {string} selector @param {new () => T} type @returns {T} */
export function find(selector, type) {
  const element = document.querySelector(selector);
  if (!(element instanceof type)) throw new Error(`the page has no ${selector}`);
  return element;
}
