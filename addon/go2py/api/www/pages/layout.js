// @ts-check
/** How many columns a wall has: pure. */

export const GAP = 4;
const SMALLEST = 160;
const PHONE = 600;

/**
 * The columns that give the widest 16:9 tiles without scrolling; where these become too small, the wall scrolls.
 * @param {number} count @param {number} width @param {number} height pixels
 * @returns {{columns: number, tileWidth: number, tileHeight: number}}
 */
export function layout(count, width, height) {
  let best = { columns: 1, tileWidth: 0, tileHeight: 0 };
  for (let columns = 1; columns <= count; columns++) {
    const rows = Math.ceil(count / columns);
    const across = (width - GAP * (columns - 1)) / columns;
    const down = (height - GAP * (rows - 1)) / rows;
    const tileWidth = Math.floor(Math.min(across, (down * 16) / 9));
    if (tileWidth > best.tileWidth) best = { columns, tileWidth, tileHeight: Math.floor((tileWidth * 9) / 16) };
  }
  const phone = width < PHONE;
  if (best.tileWidth >= SMALLEST && !(phone && best.tileWidth < width / 2)) return best;
  const columns = phone ? (count <= 6 ? 1 : 2) : Math.max(1, Math.floor((width + GAP) / (SMALLEST + GAP)));
  const tileWidth = Math.floor((width - GAP * (columns - 1)) / columns);
  return { columns, tileWidth, tileHeight: Math.floor((tileWidth * 9) / 16) };
}
