// A playground's settings as liquidlib's Curve takes them, and as the Python that repeats the run.

const PERIOD = 360; // steps of one period at frequency 1
const TRIANGLE = fromPoints(Array.from({ length: 72 }, (_, i) => 1 - Math.abs(4 * (((i / 72) + 0.75) % 1) - 2)));
const drawnOf = ({ drawn }) => drawn || TRIANGLE;

// What the page's Curve takes.
function curveOf(settings) {
  const { curve: kind, inputs, frequency, horizon, window, amplitude, noise, jitter, drop, seed } = settings;
  return {
    kind, inputs, window, horizon, amplitude, noise, drop, seed,
    time: inputs === "position" ? "absolute" : "elapsed",
    step: ((2 * Math.PI) / PERIOD) * frequency,
    jitter: kind === "sine" || kind === "cosine" ? jitter : 0,
    values: kind === "drawn" ? toValues(drawnOf(settings), PERIOD) : null,
  };
}

// What `track` does: `presets` are those of the models, `steps` how many to repeat.
function asPython(settings, presets, steps) {
  const { lr, seed, window, beta1, beta2, weight_decay, frequency } = settings;
  const curve = curveOf(settings), drawn = curve.kind === "drawn";
  const made = presets.map(({ python }) => (python[settings.initial] ?? python.ordinary)
    .replace("{seed}", seed).replace("{window}", window));
  const used = ["CTRNN", "CfC", "Curve", "GRU", "LSTM", "LTC", "Linear", "WiredCfC", "Wiring", "initialise", "published", "published_rule", "track"]
    .filter((name) => ["Curve", "track"].includes(name) || made.some((text) => new RegExp(`\\b${name}\\b[().]`).test(text)));
  const given = [];
  const say = (name, value, usual) => { if (value !== usual) given.push(`${name}=${typeof value === "string" ? `"${value}"` : value}`); };
  say("kind", drawn ? "csv" : curve.kind, "sine");
  if (drawn) given.push('path="drawn.csv"');
  say("inputs", curve.inputs, "value");
  say("time", curve.time, "elapsed");
  say("window", window, 82);
  say("horizon", curve.horizon, curve.inputs === "value" ? 1 : 0);
  say("amplitude", curve.amplitude, 1);
  if (frequency !== 1) given.push(`step=2 * math.pi / ${PERIOD} * ${frequency}`);
  for (const name of ["noise", "jitter", "drop", "seed"]) say(name, curve[name], 0);
  const settled = [`lr=${lr}`];
  if (beta1 !== 0.9 || beta2 !== 0.999) settled.push(`betas=(${beta1}, ${beta2})`);
  if (weight_decay !== 0.01) settled.push(`weight_decay=${weight_decay}`);
  const periods = Math.ceil((steps + window + curve.horizon) / (1 - curve.drop) / PERIOD) + 2;
  return [
    frequency !== 1 ? "import math\n" : "",
    drawn ? "import numpy as np\n" : "",
    `from liquidlib import ${used.join(", ")}\n\n`,
    drawn ? `points = [${toPoints(drawnOf(settings)).join(", ")}]
period = np.interp(np.arange(${PERIOD}) / ${PERIOD / toPoints(drawnOf(settings)).length}, np.arange(${toPoints(drawnOf(settings)).length + 1}), [*points, points[0]])
np.savetxt("drawn.csv", np.tile(period, ${periods}), header="value", comments="")
` : "",
    `curve = Curve(${given.join(", ")})\n`,
    `models = [\n${made.map((text) => `    ${text.includes("#") ? text.replace("  #", ",  #") : `${text},`}\n`).join("")}]\n`,
    `runs = [track(model, curve, steps=${steps}, ${settled.join(", ")}, engine="tape") for model in models]\n`,
  ].join("");
}
