// A wired LTC with the fused solver in the page: ltc.py for a sequence, a batch of one and the state 0 before it.

const doubles = (view) => new Float64Array(view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength));
const synapseKey = (from, to) => `${from}-${to}`;

// The synapses as they are edited, with their parameters; neurons are numbered sensory ones first.
function synapsesOf(model) {
  const own = new Map(model.get("synapses").map((synapse) => [synapseKey(synapse.from, synapse.to), synapse]));
  const rows = [...model.get("sensory"), ...model.get("adjacency")], first = model.get("sensory").length;
  return rows.flatMap((row, from) => row.flatMap((polarity, j) => {
    const to = first + j;
    return polarity ? [{ ...(own.get(synapseKey(from, to)) ?? model.get("added")), from, to, polarity }] : [];
  }));
}

// Those of them that no silent neuron takes part in.
export function conducting(model) {
  const isOn = model.get("neurons").map(({ name }) => !model.get("silent").includes(name));
  return synapsesOf(model).filter(({ from, to }) => isOn[from] && isOn[to]);
}

// Runs the inputs through given synapses; returns for each step what the sensory neurons show
// ("heard"), the other neurons' potentials ("states") and the outputs.
export function runLTC(model, synapses) {
  const { unfolds, timespan } = model.get("clock"), readout = model.get("readout");
  const sensory = model.get("neurons").filter(({ kind }) => kind === "sensory"), F = sensory.length;
  const others = model.get("neurons").slice(F), motors = others.filter(({ kind }) => kind === "motor").length;
  const inputs = doubles(model.get("inputs")), length = timespan / unfolds;
  const over = others.map(({ capacitance }) => length / capacitance);
  const leak = others.map((neuron, i) => over[i] * neuron.leak);
  const still = [Float64Array.from(leak, (rate, i) => rate * others[i].potential), Float64Array.from(leak)];
  const prepared = synapses.map(({ from, to, weight, steepness, midpoint, polarity, pull }) =>
    ({ from: from < F ? from : from - F, to: to - F, weight: weight * over[to - F], steepness, midpoint, reversal: polarity * pull, outside: from < F }));
  const outside = prepared.filter((synapse) => synapse.outside), inside = prepared.filter((synapse) => !synapse.outside);
  const sums = (list, before, start) => {
    const push = start[0].slice(), rate = start[1].slice();
    for (const { from, to, weight, steepness, midpoint, reversal } of list) {
      const conductance = weight / (1 + Math.exp(-steepness * (before[from] - midpoint)));
      push[to] += conductance * reversal;
      rate[to] += conductance;
    }
    return [push, rate];
  };
  const heard = [], states = [];
  let v = new Float64Array(others.length);
  for (let t = 0; t * F < inputs.length; t++) {
    heard.push(sensory.map(({ scale, shift }, i) => scale * inputs[t * F + i] + shift));
    const start = sums(outside, heard[t], still);
    for (let k = 0; k < unfolds; k++) v = SOLVERS.fused((u) => sums(inside, u, start), v);
    states.push(v);
  }
  const outputs = states.map((state) => (readout
    ? readout.weight.map((row, o) => row.reduce((sum, weight, i) => sum + weight * state[i], readout.bias[o]))
    : [...state.subarray(0, motors)]));
  return { heard, states, outputs };
}
