// @ts-check
/** Addresses of the gateway. Everything is relative to the page: that holds under ingress, proxies and `base_path`. */

/** @typedef {Record<string, string | number | boolean | undefined>} Query */

/**
 * A URL below the gateway's root.
 * @param {string} path @param {Query} query @param {string} base the root, relative to the page
 */
export function url(path, query = {}, base = "./") {
  const made = new URL(path, new URL(base, document.baseURI));
  made.hash = "";
  for (const [key, value] of Object.entries(query)) if (value !== undefined) made.searchParams.set(key, String(value));
  return made;
}

/** The same for a WebSocket. @param {string} path @param {Query} query @param {string} base */
export function socketUrl(path, query = {}, base = "./") {
  const made = url(path, query, base);
  made.protocol = made.protocol.replace("http", "ws");
  return made;
}

/** A page for one or several streams. @param {readonly string[]} names @param {Query} query */
export function playerUrl(names, query = {}) {
  const made = url("stream.html", query);
  for (const name of names) made.searchParams.append("src", name);
  return made.href;
}

/** @param {string} name @param {{width?: number, poster?: boolean}} options @param {string} base */
export function stillUrl(name, { width, poster = false } = {}, base = "./") {
  return url("api/frame.jpeg", { src: name, width, poster: poster ? 1 : undefined }, base).href;
}

/** A link that saves the newest picture; the gateway names the file. @param {string} name @param {string} base */
export function downloadUrl(name, base = "./") {
  return url("api/frame.jpeg", { src: name, download: 1 }, base).href;
}

/**
 * Where recorders fetch a stream. Behind a proxy the page's own host is the best guess.
 * @param {string} name @param {string} listen what the gateway listens on, e.g. ":8554"
 */
export function rtspUrl(name, listen) {
  const [, host, port] = /^(.*):(\d+)$/.exec(listen) ?? ["", "", "8554"];
  const any = ["", "0.0.0.0", "[::]", "::"].includes(host);
  return `rtsp://${any ? location.hostname : host}:${port}/${encodeURIComponent(name)}`;
}
