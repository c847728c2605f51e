const SLIDERS = [ // trait, symbol, name, range and step
  ["step", "Δ", "length of a step", 0.01, 0.5, 0.01],
  ["weight", "w", "conductance of the synapse", 0, 20, 0.5],
];
const WAYS = { // name, and by what a step multiplies an error, z being the step times the rate
  euler: ["explicit Euler", (z) => 1 - z],
  rk4: ["RK4", (z) => 1 - z + z ** 2 / 2 - z ** 3 / 6 + z ** 4 / 24],
  fused: ["fused", (z) => 1 / (1 + z)],
};
const BEGIN = 1, STOP = 5, END = 8; // of the pulse, and of the picture
const TOP = 20, STATE = 180, PULSE = 26, FACTOR = 110, LEFT = 34, RIGHT = 12; // pixels
const PULSE_AT = TOP + STATE + 24, STRIP = PULSE_AT + PULSE + 62, BOTTOM = STRIP + FACTOR, HEIGHT = BOTTOM + 38;
const HIGH = 1.35, LOW = -0.35, WIDE = 4, TALL = 1.6; // the states that are shown, then z and factors
const FEWEST = 40; // steps from which on no dots are drawn

// From, to, opening of the synapse: the pulse begins and stops with a step.
function pieces(step) {
  const begin = Math.round(BEGIN / step), stop = Math.max(Math.round(STOP / step), begin + 1), last = Math.max(Math.floor(END / step + 1e-9), stop);
  return [[0, begin, 0], [begin, stop, 1], [stop, last, 0]];
}

// The neuron at a time: in each piece it runs towards an end value.
function exact(step, weight) {
  let v = 0;
  const runs = pieces(step).map(([from, to, open]) => {
    const rate = 1 + weight * open, end = (weight * open) / rate, start = v;
    const at = (t) => end + (start - end) * Math.exp(-rate * (t - from * step));
    v = at(to * step);
    return [to * step, at];
  });
  return (t) => (runs.find(([to]) => t <= to) ?? runs[2])[1](t);
}

// What a solver makes of it: the state after each step.
function follow(solve, step, weight) {
  const states = [0];
  for (const [from, to, open] of pieces(step)) {
    for (let k = from; k < to; k++) states.push(solve(() => [[step * weight * open], [step * (1 + weight * open)]], [states.at(-1)])[0]);
  }
  return states;
}

function render({ model, el }) {
  const group = Math.random().toString(36).slice(2); // keeps the names of two views apart
  const html = `
    <p class="hint">Make the step longer and watch which solver holds, while the synapse is open and after.
      Then shorten it until explicit Euler is calm.</p>
    <svg data-name="plot"><clipPath id="frame-${group}"><rect data-name="frame" y="${TOP}" height="${STATE}"></rect></clipPath>
      <g data-name="picture" role="img"><g data-name="lines" clip-path="url(#frame-${group})"></g><g data-name="rest"></g></g></svg>
    <p class="formula"><span>synapse open: Δ · rate = Δ · (1 + w) = <b data-name="z-text"></b></span></p>
    <ul class="ways" aria-live="polite">${Object.entries(WAYS).map(([key, [name]]) =>
    `<li class="${key}"><b>${name}</b> <span data-name="${key}-says"></span></li>`).join("")}</ul>
    <div class="sliders pair">${SLIDERS.map(([key, symbol, name, low, high, step]) => `
      <div><label for="${key}-${group}"><i>${symbol}</i> ${name}</label><output data-name="${key}-text"></output>
        <input type="range" id="${key}-${group}" data-name="${key}" min="${low}" max="${high}" step="${step}"></div>`).join("")}</div>`;
  const { root, part, set, start, leave } = mount(model, el, html, SLIDERS.map(([key]) => key), draw);
  const svg = part("plot"), lines = painter(part("lines")), rest = painter(part("rest"));
  let width;
  const x = (t) => LEFT + (t / END) * (width - LEFT - RIGHT);
  const y = (v) => TOP + ((HIGH - v) / (HIGH - LOW)) * STATE;
  const xStrip = (z) => LEFT + (Math.min(z, WIDE) / WIDE) * (width - LEFT - RIGHT);
  const yStrip = (factor) => BOTTOM - (Math.min(Math.abs(factor), TALL) / TALL) * FACTOR;
  const text = (name, kind, left, top, anchor, words) =>
    rest.put("text", name, { class: kind, x: left, y: top + 4, "text-anchor": anchor }, words);

  function draw() {
    const [step, weight] = SLIDERS.map(([key]) => model.get(key)), z = step * (1 + weight);
    width = fit(svg, root, HEIGHT);
    for (const [key, value] of [["x", LEFT], ["width", width - LEFT - RIGHT]]) part("frame").setAttribute(key, value);

    // the state
    const at = exact(step, weight), N = 800;
    rest.put("path", "rules", { class: "rule", d: [y(0), y(1), PULSE_AT + PULSE, yStrip(0)].map((v) => `M${LEFT} ${v}H${width - RIGHT}`).join("") });
    for (const v of [0, 1]) text(`state-tick ${v}`, "tick", LEFT - 8, y(v), "end", `${v}`);
    text("state-title", "tick", LEFT, TOP - 10, "start", "state; exact in ink");
    lines.put("path", "exact", { class: "curve state", d: path(0, N, (i) => x((i / N) * END), (i) => y(at((i / N) * END))) });
    const worst = {};
    for (const key in WAYS) {
      const states = follow(SOLVERS[key], step, weight), last = states.length - 1;
      lines.put("path", key, { class: `curve thin ${key}`, d: path(0, last, (k) => x(k * step), (k) => y(states[k])) });
      const dots = last < FEWEST ? states.map((v, k) => `M${x(k * step).toFixed(1)} ${clamp(y(v), -1e4, 1e4).toFixed(1)}h0`).join("") : "";
      lines.put("path", `${key}-dots`, { class: `dots ${key}`, d: dots });
      worst[key] = Math.max(...states.map((v, k) => Math.abs(v - at(k * step))));
      worst[`${key} out`] = states.some((v) => v > HIGH || v < LOW);
    }

    // the pulse
    rest.put("path", "pulse", { class: "level", d: `M${x(0)} ${PULSE_AT + PULSE}${pieces(step).map(([from, to, open]) =>
      `H${x(from * step)}V${PULSE_AT + PULSE * (1 - open)}H${x(Math.min(to * step, END))}`).join("")}` });
    text("pulse-title", "tick", x(pieces(step)[1][0] * step) + 6, PULSE_AT + PULSE / 2, "start", "synapse open");
    for (let t = 0; t <= END; t += 2) text(`tick ${t}`, "tick", x(t), PULSE_AT + PULSE + 14, "middle", `${t}`);

    // the factor of a step
    text("factor-title", "tick", LEFT, STRIP - 12, "start", "size of the factor on an error, a step");
    for (const v of [0, 1]) text(`factor-tick ${v}`, "tick", LEFT - 8, yStrip(v), "end", `${v}`);
    for (let v = 0; v <= WIDE; v++) text(`z-tick ${v}`, "tick", xStrip(v), BOTTOM + 14, "middle", `${v}`);
    text("axis", "tick", (LEFT + width - RIGHT) / 2, BOTTOM + 31, "middle", "step × rate");
    rest.put("path", "limit", { class: "dashed", d: `M${LEFT} ${yStrip(1)}H${width - RIGHT}` });
    for (const key in WAYS) {
      const factor = WAYS[key][1], M = 200;
      const end = [...Array(M + 1).keys()].findLastIndex((i) => Math.abs(factor((i / M) * WIDE)) <= TALL);
      rest.put("path", `${key}-factor`, { class: `curve thin ${key}`, d: path(0, end, (i) => xStrip((i / M) * WIDE), (i) => yStrip(factor((i / M) * WIDE))) });
    }
    for (const [name, value, words] of [["shut", step, "shut"], ["open", z, z > WIDE ? `open, ${z.toFixed(1)} →` : "open"]]) {
      rest.put("path", name, { class: "now", d: `M${xStrip(value).toFixed(1)} ${STRIP}V${BOTTOM}` });
      if (name === "open" || Math.abs(xStrip(z) - xStrip(step)) > 70) {
        const side = xStrip(value) > width - 90 ? -1 : 1;
        text(`${name}-label`, "label", xStrip(value) + 5 * side, STRIP + 6, side > 0 ? "start" : "end", words);
      }
    }
    for (const key in WAYS) {
      rest.put("circle", `${key}-dot`, { class: `dot ${key}`, cx: xStrip(z), cy: yStrip(WAYS[key][1](z)), r: 4 });
    }
    lines.done();
    rest.done();

    // in words
    part("z-text").textContent = z.toFixed(2);
    const says = [];
    for (const key in WAYS) {
      const [name, of] = WAYS[key], factor = of(z), size = Math.abs(factor);
      const verdict = size > 1 ? "explodes" : size === 1 ? "never comes to rest" : factor < 0 ? "stable, in a zigzag" : "stable";
      const error = worst[key] < 1000 ? `${+worst[key].toPrecision(2)}` : "above 1000";
      const words = `error × ${signed(factor)} a step: ${verdict}; largest ${error}${worst[`${key} out`] ? ", outside the picture" : ""}`;
      if (part(`${key}-says`).textContent !== words) part(`${key}-says`).textContent = words;
      says.push(`${name} ${verdict}`);
    }
    part("picture").setAttribute("aria-label", `With the synapse open, step times rate is ${z.toFixed(2)}: ${says.join(", ")}.`);
    for (const [key] of SLIDERS) {
      const input = part(key), value = model.get(key);
      input.min = Math.min(input.min, value);
      input.max = Math.max(input.max, value);
      input.value = value;
      part(`${key}-text`).textContent = signed(value);
    }
  }

  for (const [key] of SLIDERS) part(key).addEventListener("input", (event) => set({ [key]: +event.target.value }));
  start();
  return leave;
}
export default { render };
