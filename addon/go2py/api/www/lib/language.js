// @ts-check
import { language, speak } from "./strings.js";

/** Have the page's texts in the language of the browser; called before anything is written. A page in English is better than none. */
export async function speakAsBrowser() {
  await speak(navigator.languages).catch((error) => console.warn("the texts of this language did not load", error));
  document.documentElement.lang = language;
}
