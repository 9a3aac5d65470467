// @ts-check
/**
 * `stream.html?src=…[&src=…]`: one camera, or a wall of those named, or of all.
 *
 * Further parameters: `mode` (webrtc, webrtc/tcp, mse, stills), `muted`, `controls=0`, `background`, `talk` (auto, hold, toggle,
 * off), `width` (of the wall, pixels or percent).
 */
import { h, icon, find } from "../lib/dom.js";
import { GatewayFeed } from "../lib/feed.js";
import { Gateway, listen } from "../lib/gateway.js";
import { t } from "../lib/i18n.js";
import { speakAsBrowser } from "../lib/language.js";
import { framed } from "../lib/panel.js";
import { playerUrl } from "../lib/urls.js";
import "../player/element.js";
import { layout } from "./layout.js";

await speakAsBrowser();

const query = new URLSearchParams(location.search);
const named = query.getAll("src").filter(Boolean);
const wall = find("#wall", HTMLElement);
const gateway = Gateway.at();
/** CSS pixels of the shorter side below which a screen is a phone's. */
const PHONE_SIDE = 600;
/** Seconds between the stills of cameras beyond the budget. */
const SLOW = 10;
const AWAKE_MS = 3000;

/** How many moving pictures this device decodes at once; the rest are stills. */
function budget() {
  const coarse = matchMedia("(pointer: coarse)").matches;
  if (!coarse) return 16;
  return Math.min(screen.width, screen.height) < PHONE_SIDE ? 6 : 9;
}

/** @param {string} name @param {number} index @param {number} count */
function makePlayer(name, index, count) {
  const moving = index < budget();
  const off = query.get("controls") ?? query.get("ui");
  const player = h("go2py-player", {
    mode: moving ? query.get("mode") : "stills",
    every: moving ? null : SLOW,
    controls: off === "0" || off === "false" ? "0" : null,
    muted: query.has("muted") && query.get("muted") !== "0",
    background: ["1", "true", ""].includes(query.get("background") ?? "0"),
    link: count > 1 ? playerUrl([name]) : null,
    back: count === 1 && !framed ? "./" : null,
    talk: query.get("talk"),
  });
  return Object.assign(player, { feed: new GatewayFeed(name) });
}

/** @param {string[]} names */
function show(names) {
  document.title = t("app.title", { page: names.length === 1 ? names[0] : t("wall.title") });
  const early = wall.querySelector("img");
  wall.replaceChildren();
  wall.classList.toggle("single", names.length === 1);
  if (!names.length) wall.append(empty());
  names.forEach((name, index) => {
    const player = makePlayer(name, index, names.length);
    if (early && names.length === 1) /** @type {any} */ (player).adoptPoster(early);
    wall.append(player);
  });
  arrange();
}

/** The way back, for as long as somebody touches the wall. */
function makeHome() {
  const home = h("a", { class: "home", href: "./" }, icon("back"), t("player.back"));
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  const wake = () => {
    document.body.classList.add("awake");
    clearTimeout(timer);
    timer = setTimeout(() => document.body.classList.remove("awake"), AWAKE_MS);
  };
  for (const event of ["pointermove", "pointerdown", "keydown"]) addEventListener(event, wake);
  return home;
}

function empty() {
  return h("div", { class: "empty" }, icon("camera"), h("p", {}, t("wall.empty")), h("a", { class: "button", href: "./" }, t("nav.cameras")));
}

function arrange() {
  const count = wall.children.length;
  const { clientWidth } = document.documentElement;
  const { tileWidth, tileHeight } = layout(count, wall.clientWidth || clientWidth, innerHeight);
  wall.style.setProperty("--tile-width", `${tileWidth}px`);
  wall.style.setProperty("--tile-height", `${tileHeight}px`);
}

/** The camera before or after the one shown. @param {number} step */
function go(step) {
  const names = [...gateway.streams.keys()];
  const at = names.indexOf(named[0]);
  if (at < 0 || names.length < 2) return;
  const next = new URL(location.href);
  next.searchParams.set("src", names[(at + step + names.length) % names.length]);
  location.replace(next);
}

if (named.length !== 1 && !framed) document.body.append(makeHome());
addEventListener("resize", arrange);
addEventListener("keydown", (event) => {
  if (named.length === 1 && (event.key === "[" || event.key === "]")) go(event.key === "[" ? -1 : 1);
});
const width = /^(\d{1,5})(px|%)?$/.exec(query.get("width") ?? "");
if (width) wall.style.setProperty("max-width", width[1] + (width[2] ?? "px"));

if (named.length) show(named);
else {
  let shown = "";
  const showAll = () => {
    const names = [...gateway.streams.keys()];
    if (!gateway.known || shown === JSON.stringify(names)) return;
    shown = JSON.stringify(names);
    show(names);
  };
  listen(gateway, ({ type }) => type !== "source.state" && showAll());
  showAll();
}
