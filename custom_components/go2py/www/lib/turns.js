// @ts-check
/** Lets so many run at once; the others wait in line. A browser has six connections to a host with HTTP/1.1. */
export class Turns {
  /** @param {number} limit */
  constructor(limit) {
    this.free = limit;
    /** @type {(() => void)[]} */
    this.line = [];
  }

  /** @template T @param {() => Promise<T>} work @returns {Promise<T>} */
  async run(work) {
    if (this.free > 0) this.free -= 1;
    else await new Promise((next) => this.line.push(() => next(undefined)));
    try {
      return await work();
    } finally {
      const next = this.line.shift();
      if (next) next();
      else this.free += 1;
    }
  }
}
