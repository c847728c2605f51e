// The page's half of a run: it asks the worker for steps and keeps what the worker tells.

const HELD = 1024; // steps that a trace keeps

// The latest steps of a run, for the picture and the numbers below it.
class Trace {
  constructor(keys) {
    this.size = HELD;
    const ring = () => new Float32Array(HELD).fill(NaN);
    this.next = 0; // number of the step to come
    this.clean = ring();
    this.seen = ring();
    this.guess = new Map(keys.map((key) => [key, ring()]));
    this.events = []; // { step, words }: kicks, freezes, changes
  }

  take({ first, clean, seen, models }) {
    clean.forEach((value, i) => {
      this.clean[(first + i) % HELD] = value;
      this.seen[(first + i) % HELD] = seen[i];
      for (const { key, guess } of models) this.guess.get(key)[(first + i) % HELD] = guess[i];
    });
    this.next = first + clean.length;
    this.events = this.events.filter(({ step }) => step > this.next - HELD);
  }

  tell(words) {
    this.events.push({ step: this.next, words });
  }

  // Mean absolute error of the last `n` steps.
  error(key, n = 50) {
    const first = Math.max(0, this.next - n), guess = this.guess.get(key);
    let sum = 0;
    for (let k = first; k < this.next; k++) sum += Math.abs(guess[k % HELD] - this.clean[k % HELD]);
    return sum / (this.next - first);
  }
}

// model: the widget's. heard(kind, data) is called after "ready", "steps", "peek" and "error".
function session(model, heard) {
  const packed = model.get("packed"), places = model.get("places"), presets = model.get("presets");
  let worker = null, url = "", run = 0, state = "closed"; // closed, idle, waiting, resetting, again, failed
  let wanted = null; // the settings and models of the last restart

  const self = {
    trace: new Trace([]),
    told: new Map(), // what the worker last said of each model, by key
    ahead: null, // the curve and the untrained answers as far as the first picture goes
    changed: false, // whether a run's settings are no longer those of its first step
    failed: "",
    open, restart, advance, change, set, kick, drop, peek, close,
    isOpen: () => worker !== null,
    isReady: () => state === "idle",
  };
  const post = (kind, given = {}) => worker?.postMessage({ kind, ...given });

  function open() {
    try {
      url = URL.createObjectURL(new Blob([WORKER], { type: "text/javascript" }));
      worker = new Worker(url);
    } catch (error) {
      return fail(error.message);
    }
    worker.onmessage = ({ data }) => hear(data);
    worker.onerror = (event) => fail(event.message || "the page does not allow workers");
    state = "idle";
    post("open", { packed: packed.buffer.slice(packed.byteOffset, packed.byteOffset + packed.byteLength), places });
  }

  // Begin anew. While one run is being made ready, the wish for another is kept.
  function restart(settings, keys) {
    wanted = [settings, keys];
    if (!worker) return;
    if (state === "resetting" || state === "again") { state = "again"; return; }
    state = "resetting";
    const { window, seed, initial } = settings;
    post("reset", {
      run: ++run, seed, steps: VIEW, curve: curveOf(settings), optimiser: optimiser(settings),
      models: keys.map((key) => {
        const { windows, initial: rules } = presets.find((one) => one.key === key), found = rules[initial] ?? rules.ordinary ?? {};
        return { key, tape: windows ? `${key}/${window}` : key, initial: found.any ?? found[window] ?? null };
      }),
    });
  }

  // Take steps, if the worker has answered the last request.
  function advance(given) {
    if (state !== "idle" || !self.told.size) return false;
    state = "waiting";
    if (!given.training) self.changed = true;
    post("advance", given);
    return true;
  }

  function set(settings) {
    post("set", optimiser(settings));
    if (self.trace.next) self.changed = true;
  }

  function change(settings) {
    const { kind, values, amplitude, step, noise, jitter, drop } = curveOf(settings);
    post("change", { settings: { kind, amplitude, step, noise, jitter, drop, ...(values && { values }) } });
    self.ahead = null;
    self.changed = true;
  }

  function kick(radians) {
    post("kick", { radians });
    self.trace.tell("kick");
    self.ahead = null;
    self.changed = true;
  }

  function drop(key) {
    post("drop", { key });
    self.told.delete(key);
  }

  function peek(key) {
    if (state === "idle") post("peek", { run, key });
  }

  function hear(data) {
    if (data.kind === "error") return fail(data.text);
    if (data.run !== run) return;
    if (data.kind === "ready") {
      const isWantedAgain = state === "again";
      state = "idle";
      if (isWantedAgain) return restart(...wanted);
      self.told = new Map(data.models.map((one) => [one.key, { ...one, locked: null, diverged: null, share: 0 }]));
      self.trace = new Trace([...self.told.keys()]);
      self.ahead = { clean: data.clean, every: data.every, guess: new Map(data.models.map(({ key, guess }) => [key, guess])) };
      self.changed = false;
      self.failed = "";
    } else if (data.kind === "steps") {
      if (state !== "waiting") return; // a new run has been asked for
      state = "idle";
      self.trace.take(data);
      for (const { key, locked, share, diverged } of data.models) {
        const known = self.told.get(key);
        if (known) Object.assign(known, { before: { ...known }, locked, share, diverged });
      }
    }
    heard(data.kind, data);
  }

  function fail(text) {
    self.failed = `The training stopped: ${text}.`;
    state = "failed";
    heard("error", {});
  }

  function close() {
    worker?.terminate();
    worker = null;
    URL.revokeObjectURL(url);
  }

  return self;
}

const optimiser = ({ lr, beta1, beta2, weight_decay }) => ({ lr, betas: [beta1, beta2], eps: 1e-8, weight_decay });
