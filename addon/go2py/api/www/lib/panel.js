// @ts-check
/** Home Assistant's app panel: it frames the page, tells it about itself and takes a few wishes. */

const PREFIX = "home-assistant/";
const PROPERTIES = ["--primary-color", "--primary-background-color", "--card-background-color", "--primary-text-color"];

/** Whether some page frames this one. */
export const framed = window.parent !== window;

/** The style of the framing page, when it may be read: it is of our origin under ingress. */
function parentStyle() {
  try {
    return framed ? getComputedStyle(window.parent.document.documentElement) : null;
  } catch {
    return null; // another origin
  }
}

/** Follow theme, width and safe areas of Home Assistant, where the page stands in it. */
export function followPanel() {
  const style = parentStyle();
  if (!style?.getPropertyValue(PROPERTIES[1])) return;
  document.body.classList.add("in-panel");
  followTheme();
  addEventListener("message", (event) => {
    if (event.source !== window.parent || event.origin !== location.origin) return;
    if (event.data?.type === `${PREFIX}properties`) apply(event.data);
  });
  tell("subscribe-properties", { handleSafeArea: true });
  addEventListener("pagehide", () => tell("unsubscribe-properties"));
  const { documentElement } = window.parent.document;
  new MutationObserver(followTheme).observe(documentElement, { attributes: true, attributeFilter: ["style", "class"] });
}

export const openMenu = () => tell("toggle-menu");

/** @param {string} type @param {object} content */
function tell(type, content = {}) {
  window.parent.postMessage({ type: PREFIX + type, ...content }, location.origin);
}

/** @param {{narrow?: boolean, safeAreaInsets?: Record<string, number | string>}} properties */
function apply({ narrow = false, safeAreaInsets = {} }) {
  document.body.classList.toggle("narrow", narrow === true);
  for (const side of ["top", "right", "bottom", "left"]) {
    const value = Number.parseFloat(String(safeAreaInsets[side] ?? ""));
    if (Number.isFinite(value)) document.documentElement.style.setProperty(`--inset-${side}`, `${Math.max(0, value)}px`);
  }
}

function followTheme() {
  const style = parentStyle();
  if (!style) return;
  const [accent, background, surface, text] = PROPERTIES.map((name) => parse(style.getPropertyValue(name).trim()));
  const root = document.documentElement;
  if (!background) return;
  root.dataset.theme = luminance(background) < 0.2 ? "dark" : "light";
  const set = (/** @type {string} */ name, /** @type {number[] | null} */ color) =>
    color ? root.style.setProperty(name, `rgb(${color.join(" ")})`) : root.style.removeProperty(name);
  set("--g-bg", background);
  set("--g-surface", surface);
  set("--g-text", text && contrast(text, surface ?? background) >= 4.5 ? text : null);
  const readable = accent && contrast(accent, surface ?? background) >= 4.5 && contrast(accent, background) >= 4.5;
  set("--g-accent", readable ? accent : null);
  set("--g-on-accent", readable ? (luminance(accent) > 0.3 ? [4, 34, 46] : [255, 255, 255]) : null);
}

/** Red, green, blue of a CSS colour; null for one that is transparent or none. @param {string} text */
function parse(text) {
  const canvas = document.createElement("canvas").getContext("2d");
  if (!canvas || !CSS.supports("color", text)) return null;
  canvas.fillStyle = text;
  canvas.fillRect(0, 0, 1, 1);
  const [red, green, blue, alpha] = canvas.getImageData(0, 0, 1, 1).data;
  return alpha > 250 ? [red, green, blue] : null;
}

/** WCAG 2.2, relative luminance. @param {number[]} color */
function luminance(color) {
  const [red, green, blue] = color.map((part) => (part / 255 <= 0.04045 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

/** @param {number[]} one @param {number[]} other */
function contrast(one, other) {
  const [light, dark] = [luminance(one), luminance(other)].sort((a, b) => b - a);
  return (light + 0.05) / (dark + 0.05);
}
