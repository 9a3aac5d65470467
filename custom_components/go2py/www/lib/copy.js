// @ts-check
/** To the clipboard, also where a page is not secure. */
import { h } from "./dom.js";

/** @param {string} text @param {ParentNode} near where a hidden field may stand for a moment @returns {Promise<boolean>} */
export async function copyText(text, near = document.body) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const field = h("textarea", { class: "unseen", value: text, readOnly: true });
    near.append(field);
    field.select();
    const done = document.execCommand("copy");
    field.remove();
    return done;
  }
}
