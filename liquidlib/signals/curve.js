/* The page's twin of liquidlib.Curve: the same settings and seed give the same windows.
 *
 * Samples are made one by one as windows ask for them, and only the latest are kept. The random
 * numbers are made here, too: Philox gives any number of a stream at once, while the VM's exports
 * begin at a stream's start. So a curve needs no WebAssembly and touches no network's memory. */

const CURVE_DEFAULTS = {
  kind: "sine", inputs: "value", time: "elapsed", window: 82, horizon: null, amplitude: 1,
  step: 2 * Math.PI / 360, noise: 0, jitter: 0, drop: 0, seed: 0, values: null,
};
const CURVE_CHANGES = ["kind", "values", "amplitude", "step", "noise", "jitter", "drop"];
// CRC-32 of "curve.jitter" and so on
const CURVE_STREAMS = { jitter: 0xf189c477, noise: 0xd9181a7d, drop: 0x753af7d1, walk: 0x88be88a6 };
const SPARE = 1024; // samples kept beyond the latest window's, so that one may go back a little

export class Curve {
  #history; // what the curve was told: { tick, settings, phase }, each holds from its tick on
  #random; // a stream of random numbers for each purpose
  #mask;
  #told; // how many entries of the history hold by now
  #tick; // number of the next tick
  #at; // the last tick's time and position, and the sums that they are made of
  #arrival; // time of the latest sample
  #held; // the latest samples, as float32
  #first; // number of the first of them
  #samples; // how many samples have arrived

  /* Settings as in Python, but kind "drawn" for "csv": `values` are one a tick, without end
   * repeated. Horizon 0 with value inputs gives no warning: the target is then the last input. */
  constructor(settings = {}) {
    const checked = checkedCurve({ ...CURVE_DEFAULTS, ...settings });
    this.#history = [{ tick: 0, settings: checked, phase: 0 }];
    const streams = Object.entries(CURVE_STREAMS);
    this.#random = Object.fromEntries(streams.map(([k, id]) => [k, new Stream(checked.seed, id)]));
    this.#mask = new Float32Array(checked.window).fill(1);
    this.#rewind();
  }

  /* What holds now, defaults included: `new Curve(curve.settings)` begins anew with it. */
  get settings() {
    return this.#history[this.#told - 1].settings;
  }

  /* Window number k: `x`, `timespans` and `mask` (T float32 each, not to be written to), `target`
   * and `clean`. Any k may follow any other; more than 1024 samples back, all are made again. */
  window(k) {
    checkWhole("k", k, 0);
    const { window, horizon } = this.settings, last = k + window - 1 + horizon;
    if (k < this.#first) this.#rewind();
    while (this.#samples <= last) this.#advance();
    const { x, timespans, observed, clean } = this.#held, from = k - this.#first;
    return {
      x: x.subarray(from, from + window),
      timespans: timespans.subarray(from, from + window),
      mask: this.#mask,
      target: observed[last - this.#first],
      clean: clean[last - this.#first],
    };
  }

  /* Give some settings new values, from the first tick on that no window has shown. Time and
   * position go on from where they are. Windows that were shown stay what they were, but the curve
   * is from here on no longer one that Python's Curve gives. */
  change(settings) {
    checkNames("a setting to change", settings, CURVE_CHANGES);
    const values = "kind" in settings ? null : this.settings.values;
    this.#tell(checkedCurve({ ...this.settings, values, ...settings }), this.#at.phase);
  }

  /* Let the curve jump ahead by a phase, 2 pi for a whole period, from the first tick on that no
   * window has shown. Time and position do not jump, so that a model cannot know it from them. */
  kick(radians) {
    this.#tell(this.settings, this.#at.phase + checkNumber("radians", radians));
  }

  #tell(settings, phase) {
    this.#history.length = this.#told; // whoever went back and changes something forgets the rest
    this.#history.push({ tick: this.#tick, settings, phase });
    this.#listen();
  }

  /* Take in what the history holds for the next tick. */
  #listen() {
    const at = this.#at;
    for (; this.#history[this.#told]?.tick === this.#tick; this.#told++) {
      const { jitter, step } = this.settings, { settings, phase } = this.#history[this.#told];
      if (settings.jitter !== jitter) at.slip = at.time - at.tick - settings.jitter * at.shift;
      if (settings.step !== step) at.lead = at.position - at.time * settings.step;
      at.phase = phase;
    }
  }

  #rewind() {
    this.#told = 1;
    this.#tick = this.#first = this.#samples = 0;
    this.#at = { tick: 0, time: 0, position: 0, walk: 0, shift: 0, slip: 0, lead: 0, phase: 0 };
    this.#arrival = null;
    const { window, horizon } = this.settings, size = window + horizon + 2 * SPARE;
    const [x, timespans, observed, clean] = Array.from({ length: 4 }, () => new Float32Array(size));
    this.#held = { x, timespans, observed, clean };
  }

  /* Make the next tick, and its sample if that arrives. The order of operations is curve.py's, so
   * that both round alike; Math.fround stands where numpy computes in float32. */
  #advance() {
    this.#listen();
    const { kind, inputs, time, amplitude, step, noise, jitter, drop } = this.settings;
    const at = this.#at, random = this.#random, tick = (at.tick = this.#tick++);
    if (jitter && tick) at.shift += random.jitter.uniform(tick);
    if (kind === "walk" && tick) at.walk += 5 * step * random.walk.uniform(tick);
    at.time = tick + jitter * at.shift + at.slip;
    at.position = at.time * step + at.lead;
    if (drop && (random.drop.uniform(tick) + 1) / 2 < Math.fround(drop)) return;
    const clean = amplitude * this.#unit(kind);
    const error = noise && Math.fround(Math.fround(noise) * random.noise.normal(tick));
    const observed = clean + error;
    const elapsed = at.time - (this.#arrival ?? at.time - 1);
    this.#arrival = at.time;
    this.#hold({
      x: inputs === "position" ? at.position : observed,
      timespans: time === "absolute" ? at.position / 360 : elapsed,
      observed,
      clean,
    });
  }

  /* The curve of amplitude 1 at the last tick. */
  #unit(kind) {
    const { tick, position, walk, phase } = this.#at;
    if (kind === "sine") return Math.sin(position + phase);
    if (kind === "cosine") return Math.cos(position + phase);
    if (kind === "walk") // folded at -1 and 1, hence of period 4
      return 1 - Math.abs(modulo(walk + 1 + (phase / (2 * Math.PI)) * 4, 4) - 2);
    const { values } = this.settings, n = values.length;
    return values[modulo(tick + Math.round((phase / (2 * Math.PI)) * n), n)];
  }

  /* Keep a sample. Full arrays give way to fresh ones, so windows given out stay as they are. */
  #hold(sample) {
    const size = this.#held.x.length;
    if (this.#samples - this.#first === size) {
      for (const [name, old] of Object.entries(this.#held))
        (this.#held[name] = new Float32Array(size)).set(old.subarray(SPARE));
      this.#first += SPARE;
    }
    for (const name in sample) this.#held[name][this.#samples - this.#first] = sample[name];
    this.#samples++;
  }
}

/* The random numbers of liquidlib/philox.py: number i is a fixed function of seed, stream and i. */
class Stream {
  constructor(seed, stream) {
    this.key = [Number(BigInt(seed) & 0xffffffffn), Number(BigInt(seed) >> 32n)];
    this.stream = stream;
    this.block = -1;
  }

  /* Uniform on [-1, 1). */
  uniform(i) {
    return (this.word(i) >>> 8) / 2 ** 23 - 1;
  }

  /* Standard normal, after Box and Muller: one pair of words makes two numbers. */
  normal(i) {
    const radius = Math.sqrt(-2 * Math.log((this.word(i - (i % 2)) + 1) / 2 ** 32));
    const angle = (2 * Math.PI * this.word(i - (i % 2) + 1)) / 2 ** 32;
    return Math.fround(radius * (i % 2 ? Math.sin(angle) : Math.cos(angle)));
  }

  word(i) {
    const block = Math.floor(i / 4);
    if (block !== this.block) {
      this.block = block;
      this.words = philox4x32([block, 0, this.stream, 0], ...this.key);
    }
    return this.words[i % 4] >>> 0;
  }
}

/* Encrypt a counter into four random words, ten rounds (Salmon et al. 2011). */
function philox4x32([c0, c1, c2, c3], key0, key1) {
  for (let round = 0; round < 10; round++) {
    const high0 = highWord(c0, 0xd2511f53), high1 = highWord(c2, 0xcd9e8d57);
    [c0, c1, c2, c3] = [
      high1 ^ c1 ^ key0, Math.imul(c2, 0xcd9e8d57), high0 ^ c3 ^ key1, Math.imul(c0, 0xd2511f53),
    ];
    key0 = (key0 + 0x9e3779b9) | 0;
    key1 = (key1 + 0xbb67ae85) | 0;
  }
  return [c0, c1, c2, c3];
}

/* The upper half of the 64-bit product of two 32-bit words, made of 16-bit halves. */
function highWord(a, b) {
  const a0 = a & 0xffff, a1 = a >>> 16, b0 = b & 0xffff, b1 = b >>> 16;
  const middle = a1 * b0 + ((a0 * b0) >>> 16);
  return a1 * b1 + (middle >>> 16) + ((a0 * b1 + (middle & 0xffff)) >>> 16);
}

const modulo = (a, n) => (a % n < 0 ? (a % n) + n : a % n);

/* ---- checks: each message names the setting, what is allowed and what was given ---- */

function checkedCurve(settings) {
  checkNames("a setting", settings, Object.keys(CURVE_DEFAULTS));
  const { kind, inputs, window, horizon, amplitude, step } = settings;
  const { noise, jitter, drop, seed, values } = settings;
  checkChoice("kind", kind, ["sine", "cosine", "walk", "drawn"]);
  checkChoice("inputs", inputs, ["value", "position"]);
  checkChoice("time", settings.time, ["elapsed", "absolute"]);
  checkWhole("window", window, 1);
  checkWhole("horizon", horizon ?? 0, 0);
  checkNumber("amplitude", amplitude);
  if (checkNumber("step", step, 0) === 0) refuse("step", "a finite number in (0, inf)", step);
  checkNumber("noise", noise, 0);
  checkNumber("jitter", jitter, 0, 1);
  // Below 1 as float32, too: numpy compares in float32.
  if (Math.fround(checkNumber("drop", drop, 0, 1)) === 1) refuse("drop", "below 1", drop);
  if (typeof seed !== "bigint") checkWhole("seed", seed, 0);
  else if (seed < 0n || seed >= 1n << 64n) refuse("seed", "from 0 to below 2**64", seed);
  if (jitter && (kind === "walk" || kind === "drawn"))
    refuse("jitter", `0 for kind '${kind}'`, jitter);
  if (kind !== "drawn" && values !== null)
    refuse("values", `null for kind '${kind}'`, values);
  if (kind === "drawn") checkValues(values);
  return Object.freeze({
    ...settings,
    horizon: horizon ?? (inputs === "value" ? 1 : 0),
    values: values && Float64Array.from(values),
  });
}

function checkNames(what, settings, allowed) {
  for (const name of Object.keys(settings)) checkChoice(what, name, allowed);
}

function checkChoice(name, value, allowed) {
  if (!allowed.includes(value)) refuse(name, `one of '${allowed.join("', '")}'`, value);
}

function checkWhole(name, value, low) {
  if (!Number.isSafeInteger(value) || value < low)
    refuse(name, `a whole number of at least ${low}`, value);
}

function checkNumber(name, value, low = -Infinity, high = Infinity) {
  if (!Number.isFinite(value) || value < low || value > high) {
    const from = low === -Infinity ? "(-inf" : `[${low}`;
    const to = high === Infinity ? "inf)" : `${high}]`;
    refuse(name, `a finite number in ${from}, ${to}`, value);
  }
  return value;
}

function checkValues(values) {
  if (!(Array.isArray(values) || ArrayBuffer.isView(values)) || !values.length)
    refuse("values", "an array of at least one number for kind 'drawn'", values);
  const bad = values.findIndex((value) => !Number.isFinite(value));
  if (bad >= 0) refuse(`values[${bad}]`, "a finite number", values[bad]);
}

function refuse(name, allowed, value) {
  const given = value instanceof Object ? "an object" : value;
  const quote = typeof value === "string" ? "'" : "";
  throw new Error(`${name} must be ${allowed}, got ${quote}${given}${quote}`);
}
