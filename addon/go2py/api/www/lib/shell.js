// @ts-check
/** What the pages have in common: navigation, head, banner, toasts. */
import { h, icon } from "./dom.js";
import { listen } from "./gateway.js";
import { t } from "./i18n.js";
import { followPanel, framed, openMenu } from "./panel.js";

/** @typedef {"cameras" | "config" | "log"} PageName */

const TOAST_MS = 4000;
/** @type {[string, string, Parameters<typeof icon>[0]][]} */
const LINKS = [
  ["cameras", "./", "camera"],
  ["wall", "stream.html", "wall"],
  ["config", "config.html", "config"],
  ["log", "log.html", "log"],
];

/**
 * Builds the frame of a page into the document.
 * @param {PageName} page @param {...(Node | null)} tools what stands at the end of the head
 */
export function makeShell(page, ...tools) {
  document.title = t("app.title", { page: t(`nav.${page}`) });
  const links = LINKS.map(([name, href, symbol]) =>
    h("li", {}, h("a", { href, "aria-current": name === page ? "page" : null }, icon(symbol), h("span", {}, t(`nav.${name}`)))),
  );
  const brand = h("a", { class: "brand", href: "./" }, h("img", { src: "icon.svg", alt: "" }), h("span", {}, t("app.name")));
  const menu = h("button", { type: "button", class: "icon-button menu", "aria-label": t("nav.menu"), onclick: openMenu }, icon("menu"));
  const summary = h("p", { class: "summary" });
  const head = h("header", { class: "page-head" }, menu, h("div", { class: "title" }, h("h1", {}, t(`nav.${page}`)), summary), h("span", { class: "spacer" }), ...tools);
  const banner = h("div", { class: "banner", role: "status", hidden: true });
  const main = h("main", { class: "page" }, head, banner);
  const toasts = h("div", { class: "toasts", role: "status" });
  document.body.append(h("div", { class: "shell" }, h("nav", { class: "nav", "aria-label": t("nav.label") }, brand, h("ul", {}, ...links)), main), toasts);
  if (framed) followPanel();
  return {
    main,
    summary,
    /** Say something that left no trace on the page. @param {string} text */
    toast(text) {
      const shown = h("div", { class: "toast" }, text);
      toasts.append(shown);
      setTimeout(() => shown.remove(), TOAST_MS);
    },
    /** Tell when the gateway is away. @param {import("./gateway.js").Gateway} gateway */
    watch(gateway) {
      banner.append(h("span", {}, t("gateway.lost")), h("button", { type: "button", class: "plain", onclick: () => gateway.retry() }, t("gateway.retry")));
      const update = () => {
        banner.hidden = gateway.up !== false;
      };
      listen(gateway, update);
      update();
    },
  };
}

/** @typedef {ReturnType<typeof makeShell>} Shell */
