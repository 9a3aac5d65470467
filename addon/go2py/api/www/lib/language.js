// @ts-check
import { language, speak } from "./strings.js";

/** Have the page's texts in the language of the browser. */
export async function speakAsBrowser() {
  await speak(navigator.languages);
  document.documentElement.lang = language;
}
