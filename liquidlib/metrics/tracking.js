/* The page's twin of liquidlib.metrics.tracking: the same measures, one error after the other.
 *
 * Each class keeps no more than its window; `push` takes the next error (prediction minus curve)
 * and returns the measure so far. What is not finite counts as outside every tolerance. */

/* The first step from which at least `share` of the next `hold` errors, that step's included, are
 * smaller than `tolerance`; null before it is known. */
export class LockOn {
  constructor({ tolerance = 0.1, hold = 50, share = 0.95 } = {}) {
    checkMeasure("share", share, share > 0 && share <= 1, "a number in (0, 1]");
    this.needed = share * hold;
    this.inside = new Inside(tolerance, "hold", hold);
    this.step = null;
  }

  push(error) {
    const { inside } = this;
    inside.push(Math.abs(error) < inside.tolerance);
    if (this.step === null && inside.n >= inside.size && inside.count >= this.needed)
      this.step = inside.n - inside.size;
    return this.step;
  }
}

/* The share of the last `window` errors within `tolerance`, or of those so far. */
export class RollingAccuracy {
  constructor({ tolerance = 0.005, window = 100 } = {}) {
    this.inside = new Inside(tolerance, "window", window);
  }

  push(error) {
    const { inside } = this;
    inside.push(Math.abs(error) <= inside.tolerance);
    return inside.count / Math.min(inside.n, inside.size);
  }
}

/* The root mean square of the last `window` first differences, or of those so far; NaN at the first
 * error. Summed afresh each time: after an error that is huge or not finite the measure recovers as
 * soon as that has left the window. */
export class Jitter {
  constructor({ window = 50 } = {}) {
    checkSize("window", window);
    this.window = window;
    this.squares = [];
    this.n = 0;
  }

  push(error) {
    if (this.n) this.squares[(this.n - 1) % this.window] = (error - this.before) ** 2;
    this.n += 1;
    this.before = error;
    return Math.sqrt(this.squares.reduce((sum, square) => sum + square, 0) / this.squares.length);
  }
}

/* Of a whole run: the step or null; N numbers; N numbers. */
export const lockOn = (errors, options) => measured(new LockOn(options), errors).at(-1);
export const rollingAccuracy = (errors, options) => measured(new RollingAccuracy(options), errors);
export const jitter = (errors, options) => measured(new Jitter(options), errors);

function measured(measure, errors) {
  checkMeasure("errors", errors, errors?.length > 0, "at least one number");
  return Array.from(errors, (error) => measure.push(error));
}

/* How many of the last `size` errors were inside the tolerance. */
class Inside {
  constructor(tolerance, name, size) {
    const positive = Number.isFinite(tolerance) && tolerance > 0;
    checkMeasure("tolerance", tolerance, positive, "a finite number in (0, inf)");
    checkSize(name, size);
    Object.assign(this, { tolerance, size, n: 0, count: 0, flags: new Uint8Array(size) });
  }

  push(inside) {
    const place = this.n++ % this.size;
    this.count += inside - this.flags[place];
    this.flags[place] = inside;
  }
}

function checkSize(name, size) {
  checkMeasure(name, size, Number.isSafeInteger(size) && size > 0, "a whole number of at least 1");
}

function checkMeasure(name, value, ok, allowed) {
  if (!ok) throw new Error(`${name} must be ${allowed}, got ${value}`);
}
