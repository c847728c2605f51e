// The playground's worker: trains its models in lockstep, all on the same step of the same curve.
// It knows no page. Each message names what to do; each answer carries the run that it belongs to.

const UNTRAINED = 12; // steps from one untrained answer to the next

class Trainer {
  // bytes: the VM and the tapes; places: where each lies among them, [first, length].
  static async open({ packed, places }) {
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
    const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
    const trainer = new Trainer();
    trainer.bytes = (name) => bytes.subarray(places[name][0], places[name][0] + places[name][1]);
    trainer.module = await compile(trainer.bytes("vm"));
    trainer.machines = new Map(); // by tape and window: kept, for a fresh one takes fresh memory
    return trainer;
  }

  // Begin anew: { run, curve, optimiser, seed, steps, models: [{ key, tape, initial }] }.
  // Tells what a picture of the first `steps` holds: the curve, and what untrained models answer.
  reset({ run, curve, optimiser, seed, steps, models }) {
    this.run = run;
    this.step = 0;
    this.seed = seed;
    this.curve = new Curve(curve);
    const kept = new Map();
    this.models = models.map(({ key, tape, initial }) => {
      const id = `${tape} ${curve.window}`;
      const machine = this.machines.get(id) ?? new Machine(this.module, this.bytes(tape), curve.window);
      kept.set(id, machine);
      machine.tape.parameters.forEach((parameter, i) => { if (initial) parameter.initial = initial[i]; });
      machine.reset(seed);
      return { key, machine, lock: new LockOn(), accuracy: new RollingAccuracy(), share: 0, locked: null, diverged: null };
    });
    this.machines = kept;
    this.set(optimiser);
    const ahead = new Curve(curve);
    return {
      kind: "ready",
      run,
      clean: Float32Array.from({ length: steps }, (_, k) => ahead.window(k).clean),
      every: UNTRAINED,
      models: this.models.map(({ key, machine }) => ({
        key,
        parameters: machine.tape.size,
        records: Object.keys(machine.tape.records),
        guess: Float32Array.from({ length: Math.ceil(steps / UNTRAINED) + 1 }, (_, i) =>
          machine.answer(ahead.window(Math.min(i * UNTRAINED, steps - 1)))),
      })),
    };
  }

  // Take up to `steps` steps, for as long as `ms`, but at least one; without training only answer.
  advance({ steps, ms, training, inside }) {
    const end = performance.now() + ms, first = this.step;
    const clean = [], seen = [], guesses = this.models.map(() => []);
    do {
      const window = this.curve.window(this.step);
      this.models.forEach((model, i) => {
        const guess = model.diverged === null ? this.answer(model, window, training) : NaN;
        guesses[i].push(guess);
        model.locked = model.lock.push(guess - window.clean);
        model.share = model.accuracy.push(guess - window.clean);
      });
      clean.push(window.clean);
      seen.push(window.target);
      this.step++;
    } while (this.step < first + steps && performance.now() < end);
    return {
      kind: "steps",
      run: this.run,
      first,
      clean: Float32Array.from(clean),
      seen: Float32Array.from(seen),
      models: this.models.map(({ key, locked, share, diverged }, i) => {
        return { key, guess: Float32Array.from(guesses[i]), locked, share, diverged };
      }),
      inside: this.inside(inside),
    };
  }

  answer(model, window, training) {
    const { machine } = model;
    const [guess, loss] = training ? machine.step(window.target, window) : [machine.answer(window), 0];
    if (Number.isFinite(guess) && Number.isFinite(loss)) return guess;
    model.diverged = this.step;
    return NaN;
  }

  // What a model recorded at its last answer: of each thing T rows, one after the other.
  inside(key) {
    const model = this.models.find((other) => other.key === key);
    if (!model) return null;
    const { tape, window } = model.machine, records = {};
    for (const [name, [, , width]] of Object.entries(tape.records)) {
      const rows = new Float32Array(window * width);
      model.machine.recorded(name).forEach((row, t) => rows.set(row, t * width));
      records[name] = { width, rows };
    }
    return { key, window, records };
  }

  set(optimiser) {
    for (const { machine } of this.models) machine.set(optimiser);
  }

  drop(key) {
    this.models = this.models.filter((model) => model.key !== key);
  }
}

let trainer;
globalThis.onmessage = async ({ data: { kind, ...given } }) => {
  try {
    if (kind === "open") trainer = Trainer.open(given);
    const ours = await trainer;
    if (kind === "reset") postMessage(ours.reset(given));
    if (kind === "advance") postMessage(ours.advance(given));
    if (kind === "peek") postMessage({ kind, run: given.run, inside: ours.inside(given.key) });
    if (kind === "set") ours.set(given);
    if (kind === "change") ours.curve.change(given.settings);
    if (kind === "kick") ours.curve.kick(given.radians);
    if (kind === "drop") ours.drop(given.key);
  } catch (error) {
    postMessage({ kind: "error", text: error.message });
  }
};
