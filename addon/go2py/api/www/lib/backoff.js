// @ts-check
const STEPS = [0.5, 1, 2, 4, 8, 15];

/** Waits between attempts: ever longer, never in step with others. */
export class BackOff {
  constructor() {
    this.failures = 0;
  }

  /** Milliseconds until the next attempt. */
  next() {
    return STEPS[Math.min(this.failures++, STEPS.length - 1)] * (800 + 400 * Math.random());
  }

  reset() {
    this.failures = 0;
  }
}
