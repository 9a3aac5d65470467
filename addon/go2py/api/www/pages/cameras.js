// @ts-check
/** `index.html`: is everything well? All cameras with their state, and the way to each. */
import { ask } from "../lib/api.js";
import { copyText } from "../lib/copy.js";
import { find, h, icon, setText } from "../lib/dom.js";
import { Gateway, listen } from "../lib/gateway.js";
import { t } from "../lib/i18n.js";
import { speakAsBrowser } from "../lib/language.js";
import { makeShell } from "../lib/shell.js";
import { rtspUrl } from "../lib/urls.js";
import { addCamera, removeCamera, showText } from "./dialogs.js";
import { Thumbnails } from "./thumbnails.js";
import { Tile } from "./tile.js";

await speakAsBrowser();

const SEARCH_FROM = 9;
const LIST_FROM = 25;
const DETAILS_MS = 800;
const STALE_MS = 10_000;
const EXAMPLE = "streams:\n  front_door: rtsp://user:password@192.168.1.20/stream1";

const gateway = Gateway.at();
const thumbnails = new Thumbnails();
/** @type {Map<string, Tile>} */
const tiles = new Map();
/** @type {Promise<string> | null} what the RTSP server listens on */
let listening = null;

const field = h("input", { type: "search", "aria-label": t("cameras.search"), placeholder: t("cameras.search"), oninput: () => filter() });
const search = h("div", { class: "search", hidden: true }, icon("search"), field);
const add = h("button", { type: "button", class: "primary add", onclick: () => openAdd() }, icon("plus"), h("span", { class: "long" }, t("add.button")), h("span", { class: "short" }, t("add.short")));
const shell = makeShell("cameras", search, add);
const grid = h("div", { class: "grid", "aria-busy": "true" }, ...Array.from({ length: 3 }, () => h("div", { class: "skeleton", "aria-hidden": "true" })));
const none = h("p", { class: "summary", role: "status" });
const empty = h("section", { class: "empty", hidden: true });
shell.main.append(grid, none, empty);
shell.watch(gateway);

function openAdd() {
  addCamera({ taken: (name) => gateway.streams.has(name), done: (name) => shell.toast(t("add.done", { name })) });
}

async function addDemo() {
  await ask("PUT", "api/streams", { name: "demo", src: "demo:" }).catch((refused) => shell.toast(t("add.failed", { reason: refused.message })));
}

empty.append(
  icon("camera"),
  h("h2", {}, t("cameras.empty.title")),
  h("p", {}, t("cameras.empty.text")),
  h("pre", { dir: "ltr", tabindex: "0" }, EXAMPLE),
  h("button", { type: "button", class: "primary", onclick: openAdd }, icon("plus"), t("add.button")),
  h("p", {}, t("cameras.empty.demo")),
  h("button", { type: "button", class: "plain", onclick: addDemo }, t("cameras.empty.try-demo")),
);

/** @type {import("./tile.js").Actions} */
const actions = {
  async copy(name) {
    listening ??= ask("GET", "api").then(async (answer) => (await answer.json()).rtsp?.listen ?? ":8554");
    const text = rtspUrl(name, await listening.catch(() => ":8554"));
    if (await copyText(text)) shell.toast(t("camera.copied"));
    else showText(text);
  },
  remove(name) {
    removeCamera(name, () => shell.toast(t("remove.done", { name })));
  },
};

/** Have a tile for each stream, in their order. */
function sync() {
  if (!gateway.known) return;
  if (grid.ariaBusy === "true") grid.replaceChildren();
  grid.ariaBusy = "false";
  for (const [name, tile] of tiles) {
    if (gateway.streams.has(name)) continue;
    thumbnails.remove(tile.element);
    tile.close();
    tiles.delete(name);
  }
  /** @type {Element | null} */
  let after = null;
  for (const name of [...gateway.streams.keys()].sort((a, b) => a.localeCompare(b))) {
    let tile = tiles.get(name);
    if (!tile) tiles.set(name, (tile = makeTile(name)));
    /** @type {Element | null} */
    const place = after ? after.nextElementSibling : grid.firstElementChild;
    if (place !== tile.element) grid.insertBefore(tile.element, place);
    after = tile.element;
  }
  grid.classList.toggle("one", tiles.size === 1);
  grid.classList.toggle("list", tiles.size >= LIST_FROM);
  search.hidden = tiles.size < SEARCH_FROM;
  grid.hidden = empty.hidden = tiles.size > 0;
  grid.hidden = tiles.size === 0;
  add.hidden = tiles.size === 0;
  filter();
}

/** @param {string} name */
function makeTile(name) {
  const tile = new Tile(name, actions);
  const refresh = () => {
    tile.update(gateway.state(name), gateway.viewers(name).length);
    summarise();
  };
  thumbnails.add({
    name,
    element: tile.element,
    still: (picture, age) => (tile.still(picture, age), refresh()),
    failed: (reason) => (tile.failed(reason), refresh()),
  });
  return tile;
}

function update() {
  for (const [name, tile] of tiles) tile.update(gateway.state(name), gateway.viewers(name).length);
  summarise();
}

function summarise() {
  const bad = [...tiles.values()].filter((tile) => tile.bad).length;
  shell.summary.replaceChildren(t("cameras.all", { count: tiles.size }));
  if (bad) shell.summary.append(" · ", h("span", { class: "bad" }, t("cameras.problems", { count: bad })));
  shell.summary.hidden = !tiles.size;
  const favicon = bad ? "icon-problem.svg" : "icon.svg";
  const link = find("link[rel=icon]", HTMLLinkElement);
  if (link.getAttribute("href") !== favicon) link.href = favicon;
}

function filter() {
  const text = field.value.trim().toLowerCase();
  let shown = 0;
  for (const [name, tile] of tiles) {
    tile.element.hidden = !name.toLowerCase().includes(text);
    shown += Number(!tile.element.hidden);
  }
  setText(none, tiles.size && !shown ? t("cameras.none-found", { text: field.value.trim() }) : "");
}

/** Codecs and sizes: not told by events, so fetched after one that may have changed them. */
let asked = 0;
function details() {
  if (asked || document.hidden) return;
  asked = window.setTimeout(async () => {
    asked = 0;
    const answer = await ask("GET", "api/streams").catch(() => null);
    const streams = answer ? await answer.json() : {};
    for (const [name, info] of Object.entries(streams)) tiles.get(name)?.describe(info);
  }, DETAILS_MS);
}

let stale = 0;
listen(gateway, ({ type, stream }) => {
  clearTimeout(stale);
  if (type === "down") stale = window.setTimeout(() => grid.classList.add("stale"), STALE_MS);
  else grid.classList.remove("stale");
  if (type === "snapshot" || type.startsWith("stream.")) sync();
  if (stream && (type === "stream.changed" || type === "stream.added")) {
    const tile = tiles.get(stream);
    if (tile) tile.problem = "";
    if (tile) thumbnails.hurry(tile.element);
  }
  update();
  if (type !== "down") details();
});
setInterval(() => document.hidden || tiles.forEach((tile) => tile.tick()), 10_000);
addEventListener("keydown", (event) => {
  const typing = event.target instanceof HTMLInputElement || document.querySelector("dialog[open]");
  if (event.key !== "/" || typing || search.hidden) return;
  event.preventDefault();
  field.focus();
});
sync();
update();
