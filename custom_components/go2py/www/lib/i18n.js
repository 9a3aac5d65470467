// @ts-check
/** Texts and numbers in the reader's language. */
import strings, { language } from "./strings.js";

export { language, speak } from "./strings.js";

/**
 * The text of a key with its `{placeholders}` filled; `count` picks `key.one` or `key.other`.
 * @param {string} key @param {Record<string, string | number>} values
 */
export function t(key, values = {}) {
  const plural = "count" in values ? `${key}.${new Intl.PluralRules(language).select(Number(values.count))}` : key;
  const text = /** @type {Record<string, string>} */ (strings)[plural] ?? /** @type {any} */ (strings)[`${key}.other`] ?? key;
  return text.replace(/\{(\w+)\}/g, (/** @type {string} */ whole, /** @type {string} */ name) => {
    const value = values[name];
    return value === undefined ? whole : typeof value === "number" ? number(value) : value;
  });
}

/** Whether there is a text for this key. @param {string} key */
export const known = (key) => key in strings;

/** @param {number} value @param {number} digits */
export function number(value, digits = 0) {
  return value.toLocaleString(language, { maximumFractionDigits: digits, useGrouping: false });
}

/** Bits a second with a unit. @param {number} bits */
export function bitrate(bits) {
  return bits >= 1e6 ? `${number(bits / 1e6, 1)}\u00a0Mbit/s` : `${number(bits / 1e3)}\u00a0kbit/s`;
}

/** A short time: ms below a second, one decimal above. @param {number} seconds */
export function duration(seconds) {
  return seconds < 1 ? `${number(seconds * 1000)}\u00a0ms` : `${number(seconds, 1)}\u00a0s`;
}

/** How old something is: relative below a minute, the time after, the date after a day. @param {number} seconds */
export function age(seconds) {
  if (seconds < 60) return t("age.seconds", { seconds: Math.max(1, Math.round(seconds)) });
  const when = new Date(Date.now() - seconds * 1000);
  if (seconds < 86400) return when.toLocaleTimeString(language, { hour: "2-digit", minute: "2-digit" });
  return when.toLocaleDateString(language, { dateStyle: "medium" });
}
