// @ts-check
/** Requests to the gateway that end in an answer or in a sentence. */
import { t } from "./i18n.js";
import { url } from "./urls.js";

/** What the gateway answered when it did not do as asked; the message is its sentence. */
export class Refusal extends Error {
  /** @param {number} status @param {string} sentence */
  constructor(status, sentence) {
    super(sentence);
    this.status = status;
  }
}

/**
 * Raises `Refusal` with a sentence for users.
 * @param {string} method @param {string} path @param {import("./urls.js").Query} query @param {string} [body]
 */
export async function ask(method, path, query = {}, body) {
  /** @type {Response} */
  let response;
  try {
    response = await fetch(url(path, query), { method, body, cache: "no-store" });
  } catch {
    throw new Refusal(0, t("error.unreachable"));
  }
  if (!response.ok) throw new Refusal(response.status, (await response.text()).trim() || `${response.status} ${response.statusText}`);
  return response;
}
