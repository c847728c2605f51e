// The playground's settings as controls: sliders over a few good values, choices, and a number.

const span = (low, high, by) => Array.from({ length: Math.round((high - low) / by) + 1 }, (_, i) => +(low + i * by).toFixed(4));
const LR = [1e-4, 2e-4, 3e-4, 5e-4, 1e-3, 2e-3, 3e-3, 5e-3, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.3, 0.5, 1];
const CONTROLS = { // folded away; those with stops are sliders
  curve: { label: "Curve", words: { walk: "random walk", drawn: "your own" } },
  inputs: { label: "Input" },
  window: { label: "Window" },
  initial: { label: "Initial weights" },
  seed: { label: "Seed" },
  speed: { label: "Steps a frame", words: { 1000: "as many as fit" } },
  frequency: { label: "Frequency", stops: [0.25, 0.5, 0.75, 1, 1.5, 2, 3, 4, 6, 8, 10] },
  amplitude: { label: "Amplitude", stops: span(0, 2, 0.1) },
  noise: { label: "Noise", stops: span(0, 0.5, 0.02) },
  jitter: { label: "Sampling jitter", stops: span(0, 1, 0.05) },
  drop: { label: "Dropped samples", stops: span(0, 0.9, 0.05) },
  horizon: { label: "Horizon", stops: span(0, 40, 1) },
  beta1: { label: "β₁", stops: [0, 0.5, 0.8, 0.9, 0.95, 0.99, 0.999] },
  beta2: { label: "β₂", stops: [0, 0.5, 0.9, 0.95, 0.99, 0.999, 0.9999] },
  weight_decay: { label: "Weight decay", stops: [0, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1] },
};

function controls(first, rules) {
  const unique = Math.random().toString(36).slice(2); // keeps the labels of two playgrounds apart
  const all = { lr: { label: "Learning rate", stops: LR }, ...CONTROLS };

  function html(key) {
    const { label, stops, words = {} } = all[key], { one_of: choices, high } = rules.allowed[key];
    const named = `id="${key}-${unique}" data-name="${key}"`, title = `<label for="${key}-${unique}">${label}</label>`;
    if (stops) return `<div>${title}<output data-name="${key}-text"></output><input type="range" ${named} max="${stops.length - 1}"></div>`;
    if (!choices) return `<div>${title}<input type="number" ${named} min="0" max="${high}"></div>`;
    const options = choices.map((value) => `<option value="${value}">${words[value] ?? value}</option>`);
    return `<div>${title}<select ${named}>${options.join("")}</select></div>`;
  }

  function show(part, settings) {
    for (const [key, { stops }] of Object.entries(all)) {
      const input = part(key), value = settings[key];
      if (!stops) {
        if (input !== input.ownerDocument.activeElement || input.tagName === "SELECT") input.value = value;
        continue;
      }
      input.value = stops.reduce((best, stop, i) => (Math.abs(stop - value) < Math.abs(stops[best] - value) ? i : best), 0);
      input.setAttribute("aria-valuetext", value);
      part(`${key}-text`).textContent = value;
    }
    part("jitter").disabled = !["sine", "cosine"].includes(settings.curve);
    part("frequency").disabled = settings.curve === "drawn";
  }

  // Calls apply({ name: value }) when the reader has chosen something that is allowed.
  function listen(part, apply) {
    for (const [key, { stops }] of Object.entries(all)) {
      part(key).addEventListener(stops ? "input" : "change", ({ target }) => {
        const value = stops ? stops[target.value] : typeof first[key] === "number" ? Number(target.value) : target.value;
        if (target.value === "" || refused(key, value, rules)) return;
        apply(key === "inputs" ? { inputs: value, horizon: value === "value" ? 1 : 0 } : { [key]: value });
      });
    }
    part("seed").addEventListener("blur", ({ target }) => { if (refused("seed", Number(target.value), rules)) target.value = first.seed; });
  }

  return { lr: html("lr"), more: Object.keys(CONTROLS).map(html).join(""), show, listen };
}
