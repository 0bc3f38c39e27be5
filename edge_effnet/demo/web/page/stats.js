// Times and rates of the last frames.

/**
 * A percentile, between neighbours on a line, as `edge_effnet/demo/record.py` has it; of one value that value.
 *
 * @param {ArrayLike<number>} values at least one, in any order
 * @param {number} share 0.01 to 0.99, in hundredths
 * @returns {number}
 */
export function percentile(values, share) {
  const sorted = Array.from(values).sort((a, b) => a - b);
  if (sorted.length === 1) return sorted[0];
  const place = Math.round(100 * share) * (sorted.length - 1);
  const below = Math.floor(place / 100);
  const rest = place - 100 * below;
  return (sorted[below] * (100 - rest) + (sorted[below + 1] ?? 0) * rest) / 100;
}

/** The last values, at most `size`. */
export class Recent {
  constructor(size = 100) {
    this.size = size;
    /** @type {number[]} */
    this.values = [];
  }

  add(/** @type {number} */ value) {
    this.values.push(value);
    if (this.values.length > this.size) this.values.shift();
  }

  clear() {
    this.values = [];
  }

  /** @returns {{p50: number, p90: number, n: number} | null} null before the first value */
  summary() {
    if (this.values.length === 0) return null;
    return { p50: percentile(this.values, 0.5), p90: percentile(this.values, 0.9), n: this.values.length };
  }
}

/** How often something happens, over the last seconds. */
export class Rate {
  constructor(windowMs = 2000) {
    this.windowMs = windowMs;
    /** @type {{time: number, count: number}[]} */
    this.ticks = [];
  }

  /** Note that there were `count` of them so far at `time` in ms. */
  tick(/** @type {number} */ time, /** @type {number} */ count) {
    this.ticks.push({ time, count });
    while (this.ticks.length > 2 && time - this.ticks[0].time > this.windowMs) this.ticks.shift();
  }

  clear() {
    this.ticks = [];
  }

  /** @returns {number | null} per second; null before two ticks */
  perSecond() {
    const [first, last] = [this.ticks[0], this.ticks[this.ticks.length - 1]];
    if (this.ticks.length < 2 || last.time <= first.time) return null;
    return (1000 * (last.count - first.count)) / (last.time - first.time);
  }
}
