// @ts-check
/** The card's options, and what those of the WebRTC Camera card mean here. */

/** @typedef {{entity: string, name?: string, mode?: string, media?: string}} Choice one of several pictures of a tile */
/** @typedef {{name?: string, icon?: string, perform_action?: string, data?: object, target?: object, more_info?: string}} Shortcut */
/**
 * @typedef {object} Options
 * @property {Choice[][]} tiles a player each, with the pictures to choose from
 * @property {string} title
 * @property {string} mode
 * @property {"remembered" | "on" | "off" | "never"} sound
 * @property {"auto" | "hold" | "toggle" | "off"} talk
 * @property {number} talkRelease seconds
 * @property {string} poster
 * @property {boolean} ui
 * @property {"contain" | "cover"} fit
 * @property {string} aspectRatio
 * @property {string} style
 * @property {Shortcut[]} shortcuts
 * @property {string[]} noZoom gestures of the player that are off
 * @property {boolean} background
 * @property {number} share of it that has to be seen
 */

const OURS = new Set([
  ..."type entity entities streams title mode media muted sound talk talk_release poster ui fit aspect_ratio style shortcuts digital_ptz".split(" "),
  ..."background intersection grid_options layout_options view_layout visibility card_mod".split(" "),
]);
const TALK = ["auto", "hold", "toggle", "off"];
const SOUND = ["remembered", "on", "off", "never"];
/** What the WebRTC Camera card calls the gestures. @type {Record<string, string>} */
const GESTURES = {
  mouse_wheel_zoom: "wheel",
  mouse_drag_pan: "drag",
  mouse_double_click_zoom: "double",
  touch_drag_pan: "touch-drag",
  touch_pinch_zoom: "pinch",
};
/** A camera or a picture of Home Assistant. */
const ENTITY = /^(camera|image)\.[a-z0-9_]+$/;

/**
 * Options of a configuration. Throws an `Error` that names the key which cannot be used.
 * @param {any} config @returns {Options}
 */
export function parseOptions(config) {
  const unknown = Object.keys(config).filter((key) => !OURS.has(key));
  if (unknown.length) console.info(`go2py-camera: passed over, as this card does without: ${unknown.join(", ")}`);
  const media = typeof config.media === "string" ? config.media.split(",").map((/** @type {string} */ one) => one.trim()) : null;
  const talk = config.talk === false ? "off" : (config.talk ?? (media && !media.includes("microphone") ? "off" : "auto"));
  const muted = config.muted === undefined ? "remembered" : config.muted ? "off" : "on";
  return {
    tiles: tilesOf(config),
    title: String(config.title ?? ""),
    mode: String(config.mode ?? ""),
    sound: media && !media.includes("audio") ? "never" : oneOf("sound", config.sound ?? muted, SOUND),
    talk: oneOf("talk", talk === true ? "auto" : talk, TALK),
    talkRelease: numberOf("talk_release", config.talk_release ?? 10, 0, 300),
    poster: String(config.poster ?? ""),
    ui: config.ui !== false,
    fit: oneOf("fit", config.fit ?? "contain", ["contain", "cover"]),
    aspectRatio: ratioOf(config.aspect_ratio ?? "16:9"),
    style: String(config.style ?? ""),
    shortcuts: shortcutsOf(config.shortcuts ?? []),
    noZoom: config.digital_ptz === false ? ["all"] : Object.keys(GESTURES).filter((key) => config.digital_ptz?.[key] === false).map((key) => GESTURES[key]),
    background: Boolean(config.background),
    share: numberOf("intersection", config.intersection ?? 0.25, 0, 1),
  };
}

/** The entities of a configuration. @param {any} config @returns {Choice[][]} */
function tilesOf(config) {
  const choice = (/** @type {any} */ one, /** @type {string} */ key) => {
    const entity = typeof one === "string" ? one : one?.entity;
    if (typeof entity !== "string" || !entity.startsWith("camera.")) throw new Error(`go2py-camera: \`${key}\` needs a camera, like camera.front_door`);
    return typeof one === "string" ? { entity } : { ...one, entity };
  };
  if (config.entities) return [config.entities].flat().map((one) => [choice(one, "entities")]);
  const streams = [config.streams ?? []].flat().filter((one) => one?.entity);
  if (streams.length) return [streams.map((one) => choice(one, "streams"))];
  return config.entity ? [[choice(config.entity, "entity")]] : [];
}

/** @template {string} T @param {string} key @param {any} value @param {readonly T[]} values @returns {T} */
function oneOf(key, value, values) {
  if (values.includes(value)) return value;
  throw new Error(`go2py-camera: \`${key}\` is one of ${values.join(", ")}`);
}

/** @param {string} key @param {any} value @param {number} least @param {number} most */
function numberOf(key, value, least, most) {
  const number = Number(value);
  if (number >= least && number <= most) return number;
  throw new Error(`go2py-camera: \`${key}\` is a number from ${least} to ${most}`);
}

/** @param {any} value */
function ratioOf(value) {
  const [, wide, high] = /^(\d+(?:\.\d+)?)\s*[:/x]\s*(\d+(?:\.\d+)?)$/.exec(String(value)) ?? [];
  if (Number(wide) > 0 && Number(high) > 0) return `${wide} / ${high}`;
  throw new Error("go2py-camera: `aspect_ratio` is like 16:9");
}

/** @param {any} list @returns {Shortcut[]} */
function shortcutsOf(list) {
  const known = (/** @type {any} */ one) => ({
    name: one.name,
    icon: one.icon,
    perform_action: one.perform_action ?? one.action ?? one.service,
    data: one.data ?? one.service_data,
    target: one.target,
    more_info: one.more_info,
  });
  return (Array.isArray(list) ? list : Object.values(list)).map(known);
}

/** Whether a poster is an entity of Home Assistant. @param {string} poster */
export const isEntity = (poster) => ENTITY.test(poster);
