// @ts-check
/** The player's style sheet: loaded once, adopted by each; a link where a browser cannot share sheets. */

const address = new URL("./player.css", import.meta.url).href;

/** @type {CSSStyleSheet | null} */
let sheet = null;
try {
  sheet = await new CSSStyleSheet().replace(await (await fetch(address)).text());
} catch {
  sheet = null; // Safari before 16.4
}

/** @param {ShadowRoot} root @param {CSSStyleSheet | null} own what the user added */
export function adoptStyles(root, own = null) {
  if (sheet && "adoptedStyleSheets" in root) {
    root.adoptedStyleSheets = own ? [sheet, own] : [sheet];
    return;
  }
  const link = document.createElement("link");
  link.rel = "stylesheet";
  link.href = address;
  root.append(link);
}
