// @ts-check
/** Questions and forms over the list of cameras. */
import { ask, Refusal } from "../lib/api.js";
import { h, setText } from "../lib/dom.js";
import { t } from "../lib/i18n.js";

/** @param {...Node} content */
function sheet(...content) {
  const dialog = h("dialog", { class: "sheet", "aria-labelledby": "sheet-title", onclose: () => dialog.remove() }, ...content);
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

/** @param {unknown} error */
const sentence = (error) => (error instanceof Refusal ? error.message : String(error));

/**
 * Ask for name and address and add the camera.
 * @param {{taken: (name: string) => boolean, done: (name: string) => void}} options
 */
export function addCamera({ taken, done }) {
  const name = h("input", { id: "add-name", name: "name", autocomplete: "off", autocapitalize: "none", spellcheck: false, "aria-describedby": "add-name-help add-error", maxlength: "128" });
  const source = h("input", { id: "add-source", name: "source", autocomplete: "off", autocapitalize: "none", inputmode: "url", spellcheck: false, dir: "ltr", "aria-describedby": "add-source-help add-error" });
  const error = h("p", { class: "error", id: "add-error", role: "alert" });
  const save = h("button", { class: "primary" }, t("add.save"));
  const submit = async () => {
    const [wanted, address] = [name.value.trim(), source.value.trim()];
    const missing = !wanted ? [name, "add.name-missing"] : taken(wanted) ? [name, "add.name-taken"] : !address ? [source, "add.source-missing"] : null;
    for (const field of [name, source]) field.setAttribute("aria-invalid", String(missing?.[0] === field));
    if (missing) {
      setText(error, t(String(missing[1])));
      /** @type {HTMLElement} */ (missing[0]).focus();
      return;
    }
    save.disabled = true;
    setText(save, t("add.saving"));
    try {
      await ask("PUT", "api/streams", { name: wanted, src: address });
      dialog.close();
      done(wanted);
    } catch (refused) {
      setText(error, t("add.failed", { reason: sentence(refused) }));
      save.disabled = false;
      setText(save, t("add.save"));
    }
  };
  const form = h(
    "form",
    { onsubmit: (/** @type {Event} */ event) => (event.preventDefault(), submit()) },
    h("h2", { id: "sheet-title" }, t("add.title")),
    h("div", { class: "field" }, h("label", { for: "add-name" }, t("add.name")), name, h("p", { class: "help", id: "add-name-help" }, t("add.name-help"))),
    h("div", { class: "field" }, h("label", { for: "add-source" }, t("add.source")), source, h("p", { class: "help", id: "add-source-help" }, t("add.source-help"))),
    error,
    h("div", { class: "actions" }, h("button", { type: "button", class: "plain", onclick: () => dialog.close() }, t("add.cancel")), save),
  );
  const dialog = sheet(form);
  name.focus();
}

/** Remove a camera after a confirmation. @param {string} name @param {() => void} done */
export function removeCamera(name, done) {
  const error = h("p", { class: "error", role: "alert" });
  const remove = h("button", { type: "button", class: "danger" }, t("remove.remove"));
  const keep = h("button", { type: "button", class: "plain", onclick: () => dialog.close() }, t("remove.keep"));
  remove.addEventListener("click", async () => {
    remove.disabled = true;
    try {
      await ask("DELETE", "api/streams", { src: name });
      dialog.close();
      done();
    } catch (refused) {
      remove.disabled = false;
      setText(error, t("remove.failed", { reason: sentence(refused) }));
    }
  });
  const dialog = sheet(h("h2", { id: "sheet-title" }, t("remove.title", { name })), h("p", {}, t("remove.text")), error, h("div", { class: "actions" }, keep, remove));
  keep.focus();
}

/** Show a text that could not be put on the clipboard. @param {string} text */
export function showText(text) {
  const field = h("input", { value: text, readOnly: true, dir: "ltr", "aria-labelledby": "sheet-title" });
  const dialog = sheet(h("h2", { id: "sheet-title" }, t("camera.copy-failed")), field, h("div", { class: "actions" }, h("button", { type: "button", class: "plain", onclick: () => dialog.close() }, t("dialog.close"))));
  field.focus();
  field.select();
}
