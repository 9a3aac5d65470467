// @ts-check
/** The card's editor: a form of Home Assistant's own elements. */
import { known, t } from "./lib/i18n.js";
import { parseOptions } from "./options.js";

/** @param {string} name @param {readonly string[]} values */
const select = (name, values) => ({
  name,
  selector: { select: { mode: "dropdown", options: values.map((value) => ({ value, label: t(`form.${name}.${value}`) })) } },
});
/** @param {string} name @param {string} icon @param {object[]} schema */
const section = (name, icon, schema) => ({ name: "", type: "expandable", flatten: true, title: t(`form.section.${name}`), icon, schema });

/** What Home Assistant needs to draw the form. */
export function form() {
  return {
    schema: [
      { name: "entities", required: true, selector: { entity: { multiple: true, filter: { domain: "camera" } } } },
      { name: "title", selector: { text: {} } },
      section("picture", "mdi:image-outline", [
        select("fit", ["contain", "cover"]),
        { name: "aspect_ratio", selector: { text: {} } },
        { name: "mode", selector: { text: {} } },
      ]),
      section("sound", "mdi:microphone-outline", [
        select("sound", ["remembered", "on", "off", "never"]),
        select("talk", ["auto", "hold", "toggle", "off"]),
      ]),
      section("behaviour", "mdi:tune", [
        { name: "ui", default: true, selector: { boolean: {} } },
        { name: "digital_ptz", default: true, selector: { boolean: {} } },
        { name: "background", selector: { boolean: {} } },
        { name: "intersection", selector: { number: { min: 0, max: 1, step: 0.05, mode: "slider" } } },
      ]),
    ],
    /** What the form cannot show is left to the YAML editor. @param {any} config */
    assertConfig(config) {
      parseOptions(config);
      if (config.streams || config.entity || typeof config.digital_ptz === "object") throw new Error("go2py-camera: these options are edited as YAML");
    },
    computeLabel: (/** @type {{name: string}} */ { name }) => (known(`form.${name}`) ? t(`form.${name}`) : name),
  };
}
