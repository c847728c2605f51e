const SLIDERS = [ // trait, symbol, name, range and step
  ["w_tau", "w<sub>τ</sub>", "rate of the leak", 0, 3, 0.05],
  ["A", "A", "level of the synapse", -1, 1, 0.05],
  ["x0", "x₀", "start", -1, 1, 0.05],
  ["amplitude", "I", "size of the input", -6, 6, 0.1],
  ["frequency", "ω", "speed of the sine", 0.1, 6, 0.1],
];
const CHOICES = [
  ["kind", "Input", [["constant", "constant"], ["step", "step"], ["sine", "sine"]]],
  ["rest", "The leak pulls to", [["0", "0, as in the LTC"], ["A", "A, as in the lemma"]]],
];
const TOP = 12, INPUT = 44, STATE = 180, ERROR = 96, GAP = 26, LEFT = 34, RIGHT = 62; // pixels
const HEIGHT = TOP + INPUT + STATE + ERROR + 2 * GAP + 46;
const END = 10, STEPS = 2000, POINTS = 400; // units of time; the solver's steps; the picture's points
const sigmoid = (z) => 1 / (1 + Math.exp(-z));

const INPUTS = {
  constant: (t, size) => size,
  step: (t, size) => (t < END / 2 ? -size : size),
  sine: (t, size, speed) => size * Math.sin(speed * t),
};

// The neuron at each point of the picture. A step hears the input at its middle.
function solve(input, w, A, x0, rest) {
  const h = END / STEPS, states = [x0];
  let v = [x0];
  for (let step = 0; step < STEPS; step++) {
    const f = sigmoid(input((step + 0.5) * h));
    v = SOLVERS.rk4(() => [[h * (w * rest + f * A)], [h * (w + f)]], v);
    if ((step + 1) % (STEPS / POINTS) === 0) states.push(v[0]);
  }
  return states;
}

function render({ model, el }) {
  const group = Math.random().toString(36).slice(2); // keeps the names of two views apart
  const html = `
    <p class="hint">Compare the two lines at both ends. Then let the leak pull to A: which end is mended, and which is not?</p>
    <div class="bar choices">${CHOICES.map(([key, name, options]) => `
      <div><label for="${key}-${group}">${name}</label><select id="${key}-${group}" data-name="${key}">
        ${options.map(([value, words]) => `<option value="${value}">${words}</option>`).join("")}</select></div>`).join("")}</div>
    <svg data-name="picture" role="img"></svg>
    <p class="says" data-name="said"></p>
    <div class="sliders">${SLIDERS.map(([key, symbol, name, low, high, step]) => `
      <div><label for="${key}-${group}"><i>${symbol}</i> ${name}</label><output data-name="${key}-text"></output>
        <input type="range" id="${key}-${group}" data-name="${key}" min="${low}" max="${high}" step="${step}"></div>`).join("")}</div>`;
  const keys = [...SLIDERS, ...CHOICES].map(([key]) => key);
  const { root, part, set, start, leave } = mount(model, el, html, keys, draw);
  const svg = part("picture"), picture = painter(svg);

  function draw() {
    const [w, A, x0, size, speed] = SLIDERS.map(([key]) => model.get(key));
    const kind = model.get("kind"), rest = model.get("rest") === "A" ? A : 0;
    const time = (i) => (i / POINTS) * END, input = (t) => INPUTS[kind](t, size, speed);
    const bound = (i) => Math.abs(x0 - A) * Math.exp(-w * time(i));
    const ode = solve(input, w, A, x0, rest);
    const formula = ode.map((_, i) => {
      const f = sigmoid(input(time(i)));
      return (x0 - A) * Math.exp(-(w + f) * time(i)) * (1 - f) + A;
    });
    const error = ode.map((x, i) => Math.abs(x - formula[i]));
    const worst = error.indexOf(Math.max(...error));
    const broken = error.findIndex((e, i) => e > bound(i) + 1e-6);

    const width = fit(svg, root, HEIGHT), right = width - RIGHT;
    const x = (i) => LEFT + (i / POINTS) * (right - LEFT);
    const yInput = (v) => TOP + ((6.6 - v) / 13.2) * INPUT;
    const state = TOP + INPUT + GAP, y = (v) => state + ((1.1 - v) / 2.2) * STATE;
    const floor = state + STATE + GAP + ERROR, high = Math.max(0.1, bound(0), error[worst]) * 1.08;
    const yError = (v) => floor - (v / high) * ERROR;
    const text = (name, kinds, left, top, anchor, words) =>
      picture.put("text", name, { class: kinds, x: left, y: top + 4, "text-anchor": anchor }, words);
    const curve = (name, kinds, of) => picture.put("path", name, { class: kinds, d: path(0, POINTS, x, of) });
    const ends = (list, top, bottom) => {
      list.sort((p, q) => p.y - q.y);
      spread(list, 16, top, bottom);
      for (const { name, kinds, y: at, words } of list) text(name, `label ${kinds}`, right + 8, at, "start", words);
    };

    for (const v of [-1, 0, 1]) text(`tick x ${v}`, "tick", LEFT - 8, y(v), "end", signed(v, 0));
    for (const v of [0, high / 1.08]) text(`tick e ${+(v > 0)}`, "tick", LEFT - 8, yError(v), "end", v.toFixed(v && 1));
    text("tick I", "tick", LEFT - 8, yInput(0), "end", "0");
    for (let t = 0; t <= END; t += 2) text(`tick t ${t}`, "tick", x((t / END) * POINTS), floor + 15, "middle", `${t}`);
    text("axis", "tick", x(POINTS / 2), floor + 31, "middle", "time");
    picture.put("path", "rules", { class: "rule", d: [yInput(0), y(0), yError(0)].map((at) => `M${LEFT} ${at}H${right}`).join("") });
    picture.put("path", "level", { class: "rule dashed", d: `M${LEFT} ${y(A)}H${right}` });
    curve("input", "curve thin", (i) => yInput(input(time(i))));
    curve("ode", "curve state ode", (i) => y(ode[i]));
    curve("formula", "curve two", (i) => y(formula[i]));
    curve("bound", "curve thin dashed", (i) => yError(bound(i)));
    curve("error", "curve one", (i) => yError(error[i]));
    text("input-label", "label", right + 8, yInput(input(END)), "start", "input");
    ends([{ name: "ode-label", kinds: "ode", y: y(ode[POINTS]), words: "neuron" },
      { name: "formula-label", kinds: "two", y: y(formula[POINTS]), words: "formula" }], state, state + STATE);
    ends([{ name: "error-label", kinds: "one", y: yError(error[POINTS]), words: "error" },
      { name: "bound-label", kinds: "", y: yError(bound(POINTS)), words: "bound" }], floor - ERROR, floor);
    picture.done();

    const says = [
      `Largest error ${error[worst].toFixed(3)}, at time ${time(worst).toFixed(2)}.`,
      `At time 0 the formula says ${signed(formula[0], 3)}, and the neuron is at ${signed(x0, 3)}.`,
      `At time ${END} it says ${signed(formula[POINTS], 3)}, and the neuron is at ${signed(ode[POINTS], 3)}.`,
      broken < 0 ? "The error is within the lemma’s bound." : `The error is beyond the lemma’s bound, first at time ${time(broken).toFixed(2)}.`,
    ].join(" ");
    part("said").textContent = says;
    svg.setAttribute("aria-label", says);
    for (const [key] of SLIDERS) {
      part(key).value = model.get(key);
      part(`${key}-text`).textContent = signed(model.get(key));
    }
    part("frequency").disabled = kind !== "sine";
    for (const [key] of CHOICES) part(key).value = model.get(key);
  }

  for (const [key] of SLIDERS) part(key).addEventListener("input", (event) => set({ [key]: +event.target.value }));
  for (const [key] of CHOICES) part(key).addEventListener("change", (event) => set({ [key]: event.target.value }));
  start();
  return leave;
}
export default { render };
