// Runs liquidlib's tapes in the page: the same WebAssembly, the same tape, and so the same bits as
// liquidlib.Machine in Python with vm="wasm". The names are the same, too.

const MAGIC = "liquidlib tape 1";
const RESULTS = ["target", "loss", "prediction", "step"]; // numbers of a tape that nobody sets
const FIELD = { pc: 0, frame: 2, strip: 3, window: 6, training: 7, budget: 8 }; // struct machine

const refusal = (name, allowed, given) => new Error(`${name} must be ${allowed}, got ${given}`);
const count = (shape) => shape.reduce((a, b) => a * b, 1);

// Compile the VM, once for a page: each of its widgets brings this module and the bytes anew.
export async function compile(wasm) {
  const bytes = copied("wasm", wasm);
  const kept = (globalThis[Symbol.for("liquidlib.compiled")] ??= []);
  const isSame = ({ of }) => of.length === bytes.length && of.every((b, i) => b === bytes[i]);
  if (!kept.some(isSame)) kept.push({ of: bytes, module: WebAssembly.compile(bytes) });
  try {
    return await kept.find(isSame).module;
  } catch (error) {
    throw new Error(`wasm must be vm.wasm, in a page that may compile it: ${error.message}`);
  }
}

// Take a tape's bytes apart: its header, with the program and the shipped values as arrays.
export function parse(tape) {
  const bytes = copied("tape", tape);
  const text = (from, to) => new TextDecoder().decode(bytes.subarray(from, to));
  try {
    if (text(0, MAGIC.length) !== MAGIC) throw new Error("no magic word");
    const begin = MAGIC.length + 4;
    const end = begin + new DataView(bytes.buffer).getUint32(MAGIC.length, true);
    const head = JSON.parse(text(begin, end));
    const program = new Int32Array(bytes.buffer, end, head.program);
    const values = new Float32Array(bytes.buffer, end + program.byteLength, head.values);
    if (values.byteOffset + values.byteLength !== bytes.length) throw new Error("other contents");
    return { ...head, program, values };
  } catch (error) {
    throw refusal("tape", "a tape's bytes", `others (${error.message})`);
  }
}

export class Machine {
  // module: from `compile`. tape: its bytes, or what `parse` gave. window: time steps in a window,
  // by default as lowered.
  constructor(module, tape, window) {
    if (!(module instanceof WebAssembly.Module))
      throw refusal("module", "what `await compile(wasm)` gives", module);
    this.tape = tape?.program ? tape : parse(tape);
    this.window = window ?? this.tape.window;
    if (!Number.isInteger(this.window) || this.window < 1)
      throw refusal("window", "a whole number of at least 1", window);
    const { heap, frame, program, constants, fixed, values } = this.tape;
    if (this.window !== this.tape.window && !frame)
      throw refusal("window", `${this.tape.window} for this tape, which does not loop`, window);

    this.vm = new WebAssembly.Instance(module).exports;
    const { memory, __heap_base: free } = this.vm;
    const aligned = (address) => Math.ceil(address / 64) * 64;
    const stateAt = aligned(free.value), tapeAt = stateAt + 64;
    const heapAt = aligned(tapeAt + program.byteLength);
    const floats = heap + frame * (this.window + 1);
    const missing = heapAt + 4 * floats - memory.buffer.byteLength;
    try {
      if (missing > 0) memory.grow(Math.ceil(missing / 65536));
    } catch {
      throw refusal("window", "one whose numbers fit into memory", this.window);
    }
    this.state = new Int32Array(memory.buffer, stateAt, 9);
    this.heap = new Float32Array(memory.buffer, heapAt, floats);
    this.run = () => this.vm.run(heapAt, tapeAt, stateAt) === 1;
    new Int32Array(memory.buffer, tapeAt, program.length).set(program);
    for (const [address, n, value] of constants) this.heap.fill(value, address, address + n);
    this.shipped = 0; // values of what is fixed; those of parameters follow
    for (const [address, n] of fixed) {
      this.heap.set(values.subarray(this.shipped, this.shipped + n), address);
      this.shipped += n;
    }
    this.reset(this.tape.seed);
  }

  // Draw the parameters from a seed and forget the moments. Seeds from 2**53 on are BigInts.
  reset(seed) {
    const isExact = typeof seed === "number" ? Number.isSafeInteger(seed) : /^\d+$/.test(seed);
    if (!isExact || BigInt(seed) >> 64n)
      throw refusal("seed", "a whole number from 0 to 2**64 - 1, from 2**53 on a BigInt", seed);
    const key = [Number(BigInt(seed) & 0xffffffffn), Number(BigInt(seed) >> 32n)];
    const { regions, parameters, size, values } = this.tape;
    for (const address of Object.values(regions)) this.heap.fill(0, address, address + size);
    const views = this.region("parameters");
    let start = this.shipped;
    for (const { name, initial } of parameters) {
      const view = views[name], [kind, number, centre] = initial ?? [];
      if (!kind) view.set(values.subarray(start, (start += view.length)));
      else if (kind === "constant") view.fill(number);
      else {
        const positive = kind === "softplusuniform"; // the softplus is uniform
        this.vm[positive ? "uniform" : kind](view.byteOffset, view.length, ...key, crc32(name), number);
        if (centre) view.forEach((drawn, i) => (view[i] = drawn + Math.fround(centre)));
        if (positive) view.forEach((drawn, i) => (view[i] = Math.log(Math.expm1(drawn))));
      }
    }
    this.steps = 0;
    this.begin(false);
  }

  // The parameters, gradients or moments of each parameter, as views of the heap.
  region(name) {
    const begin = pick("name", this.tape.regions, name);
    return Object.fromEntries(this.tape.parameters.map(({ name, start, shape }) => {
      return [name, this.heap.subarray(begin + start, begin + start + count(shape))];
    }));
  }

  // What the model recorded at the last run, such as "gate": T arrays of `width` numbers.
  recorded(name) {
    const [address, stride, width] = pick("name", this.tape.records, name);
    const row = (t) => this.heap.slice(address + t * stride, address + t * stride + width);
    return Array.from({ length: this.window }, (_, t) => row(t));
  }

  // Set the optimiser's settings: lr, weight_decay; betas and eps, or momentum.
  set({ betas, ...settings }) {
    if (betas) [settings.one_minus_beta1, settings.one_minus_beta2] = betas.map((b) => 1 - b);
    const numbers = { ...this.tape.numbers };
    for (const name of RESULTS) delete numbers[name];
    for (const [name, value] of Object.entries(settings)) {
      const address = pick("settings", numbers, name);
      this.heap[address] = finite(name, value);
    }
  }

  // Write a window: x, timespans and mask, each flat, those that the model uses; and the target.
  feed(inputs, target = 0) {
    for (const [name, [address, stride, width]] of Object.entries(this.tape.inputs)) {
      const given = inputs?.[name], length = this.window * width;
      if (given?.length !== length)
        throw refusal(name, `${length} numbers, ${width} a time step`, given?.length);
      for (let k = 0; k < length; k++)
        this.heap[address + Math.floor(k / width) * stride + (k % width)] = given[k];
    }
    this.heap[this.tape.numbers.target] = finite("target", target);
  }

  // Stand at the beginning of the tape, for a training step or for an answer.
  begin(training) {
    this.state.fill(0);
    this.state[FIELD.window] = this.window;
    this.state[FIELD.training] = training;
    this.state[FIELD.budget] = -1; // no pause
    if (!training) return;
    this.steps += 1;
    if ("step" in this.tape.numbers) this.heap[this.tape.numbers.step] = this.steps;
  }

  // Run some instructions from where the machine stands; true if the tape has ended.
  advance(instructions) {
    if (!Number.isInteger(instructions) || instructions < 1)
      throw refusal("instructions", "a whole number of at least 1", instructions);
    this.state[FIELD.budget] = instructions;
    return this.run();
  }

  // Take one training step: [prediction, loss before it].
  step(target, inputs) {
    this.feed(inputs, target);
    this.begin(true);
    this.run();
    return [this.heap[this.tape.numbers.prediction], this.heap[this.tape.numbers.loss]];
  }

  // The prediction for a window; the weights stay as they are.
  answer(inputs) {
    this.feed(inputs);
    this.begin(false);
    this.run();
    return this.heap[this.tape.numbers.prediction];
  }

  // Where the machine stands: the index in the program, and the base of each kind of address.
  get at() {
    const [pc, frame, strip] = ["pc", "frame", "strip"].map((name) => this.state[FIELD[name]]);
    return { pc, bases: [0, frame, strip] };
  }
}

// A copy of the bytes in an ArrayBuffer or a view of one. anywidget gives a DataView.
function copied(name, data) {
  const { buffer = data, byteOffset = 0, byteLength } = data ?? {};
  if (byteLength === undefined) throw refusal(name, "an ArrayBuffer or a view of one", data);
  return new Uint8Array(buffer, byteOffset, byteLength).slice();
}

function pick(name, table, key) {
  if (Object.hasOwn(table, key)) return table[key];
  throw refusal(name, `among ${Object.keys(table).join(", ")}`, key);
}

function finite(name, value) {
  if (Number.isFinite(value)) return value;
  throw refusal(name, "a finite number", value);
}

// A parameter's stream of random numbers: the CRC-32 of its name.
function crc32(text) {
  let crc = ~0;
  for (const byte of new TextEncoder().encode(text)) {
    crc ^= byte;
    for (let k = 0; k < 8; k++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc;
}
