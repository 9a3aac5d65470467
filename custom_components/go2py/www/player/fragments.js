// @ts-check
/** Looks into fragmented MP4 (ISO 14496-12): where does a picture begin that needs no other? */

const MOOF = 0x6d6f6f66;
const TRAF = 0x74726166;
const TFHD = 0x74666864;
const NOT_SYNC = 0x10000;
const VIDEO = 1;

/**
 * Whether a message holds a key picture of the first track. Anything that is no MP4 holds none.
 * @param {ArrayBuffer} message
 */
export function holdsKey(message) {
  const view = new DataView(message);
  return [...boxes(view, 0, view.byteLength)].some(
    ([kind, from, to]) =>
      kind === MOOF &&
      [...boxes(view, from, to)].some(
        ([inner, start, end]) => inner === TRAF && [...boxes(view, start, end)].some(([leaf, at]) => leaf === TFHD && isKey(view, at)),
      ),
  );
}

/** @param {DataView} view @param {number} at the content of a `tfhd` with duration, size and flags, as the gateway writes it */
function isKey(view, at) {
  if (at + 20 > view.byteLength || (view.getUint32(at) & 0xffffff) !== 0x020038) return false;
  return view.getUint32(at + 4) === VIDEO && !(view.getUint32(at + 16) & NOT_SYNC);
}

/** @param {DataView} view @param {number} from @param {number} to @returns {Generator<[number, number, number]>} */
function* boxes(view, from, to) {
  for (let at = from; at + 8 <= to; ) {
    const size = view.getUint32(at);
    if (size < 8 || at + size > to) return;
    yield [view.getUint32(at + 4), at + 8, at + size];
    at += size;
  }
}
