// @ts-check
/** The texts in the reader's language; English until another one is loaded, and where a text is missing. */
import english from "./texts/en.js";

const LANGUAGES = ["de", "en", "es", "fr", "it", "nl", "pl", "zh-Hans"];

/** @type {Record<string, string>} */
const texts = { ...english };
export let language = "en";
export default texts;

/**
 * Load the first language of a list that we have, as `de-CH` or `zh-TW`.
 * @param {readonly string[]} wanted
 */
export async function speak(wanted) {
  const found = wanted.map(spoken).find((name) => name !== undefined) ?? "en";
  if (found === language) return;
  const fresh = found === "en" ? english : (await import(`./texts/${found}.js`)).default;
  Object.assign(texts, english, fresh);
  language = found;
}

/** @param {string} tag */
function spoken(tag) {
  const name = tag.toLowerCase().split("-")[0];
  return LANGUAGES.find((one) => one.toLowerCase().split("-")[0] === name);
}
