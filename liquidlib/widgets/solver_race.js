const SECONDS = 4, SAMPLES = 16, FINE = 8192; // samples of a held input, steps of the solution, a second
const RACERS = { // label, what it is, name in a sentence, evaluations a step
  euler: ["Euler", "explicit", "Euler", 1],
  fused: ["fused", "the LTC's own", "the fused solver", 1],
  exact: ["exact step", "for a held input", "the exact step", 1],
  rk4: ["RK4", "order 4", "RK4", 4],
  adaptive: ["adaptive", "Dormand–Prince", "the adaptive solver", 6],
};
const KEYS = Object.keys(RACERS), BUDGETS = [...Array(10).keys()].map((k) => 2 ** (k + 2)), MOST = BUDGETS.at(-1);
const TOLERANCES = [...Array(18).keys()].map((k) => 10 ** (-(k + 2) / 2));
const RANGE = 1, FLOOR = 1e-9; // of the neuron; below it the solution itself is not surer
const FEWEST = 40; // steps from which on no dots are drawn
const PACE = 500; // ms that the race stays with a budget
const SLIDERS = [ // trait, symbol, name, unit, values
  ["weight", "w", "conductance of the synapse", "", [1, 2, 5, 10, 20, 50, 100, 200]],
  ["frequency", "f", "speed of the input", " Hz", [0.25, 0.5, 1, 2, 4]],
  ["wanted", "", "finish line: error", "", [0.1, 0.01, 1e-3, 1e-4, 1e-5, 1e-6]],
];
const TOP = 22, STATE = 170, INPUT = TOP + STATE + 26, STEPS = INPUT + 30, PLOT = STEPS + 66, ERROR = 200; // pixels
const BOTTOM = PLOT + ERROR, HEIGHT = BOTTOM + 38, LEFT = 44, RIGHT = 78;
const HIGH = 1.35, LOW = -0.35, WORST = 1, BEST = -9; // states shown; powers of ten of the errors shown

const power = (n) => `10${n < 0 ? "⁻" : ""}${[..."" + Math.abs(n)].map((digit) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[digit]).join("")}`;
function shown(error) {
  if (error < FLOOR) return `below ${power(Math.log10(FLOOR))}`;
  if (error >= 0.00095) return `${+error.toPrecision(2)}`;
  const [digits, n] = error.toExponential(1).split("e");
  return digits === "1.0" ? power(+n) : `${digits}·${power(+n)}`;
}
const listed = (words) => words.join(", ").replace(/, ([^,]*)$/, " and $1");

// The neuron: what pushes it and its rate, at time t of a step that begins at `start`.
function neuron({ weight, frequency, held }) {
  return (t, start) => {
    const inside = start + (t - start) * (1 - 1e-9); // a step's end still hears the sample before
    const heard = held ? Math.floor(inside * SAMPLES) / SAMPLES : t;
    const open = weight / (1 + Math.exp(-5 * (Math.sin(2 * Math.PI * frequency * heard) - 0.5)));
    return [open, 1 + open];
  };
}

// As those of SOLVERS; the clock, whose rate is 0, is a second state.
function exact(sums, v) {
  const [push, rate] = sums(v);
  return v.map((x, i) => (rate[i] ? x + (x - push[i] / rate[i]) * Math.expm1(-rate[i]) : x + push[i]));
}

function march(solve, at, steps) {
  const h = SECONDS / steps, times = [0], values = [0];
  let evaluations = 0, v = 0;
  for (let n = 0; n < steps; n++) {
    const start = n * h;
    const sums = ([, t]) => {
      const [push, rate] = at(t, start);
      evaluations++;
      return [[push * h, h], [rate * h, 0]];
    };
    [v] = solve(sums, [v, start]);
    times.push(start + h);
    values.push(v);
  }
  return { times, values, evaluations };
}

// The solution, by RK4 in short steps.
function solved(at) {
  const h = 1 / FINE, values = [0];
  let v = 0;
  for (let n = 0; n < SECONDS * FINE; n++) {
    const start = n * h, [p, r] = at(start, start), [q, s] = at(start + h / 2, start), [o, u] = at(start + h, start);
    const k1 = p - r * v, k2 = q - s * (v + (h / 2) * k1), k3 = q - s * (v + (h / 2) * k2), k4 = o - u * (v + h * k3);
    v += (h / 6) * (k1 + 2 * k2 + 2 * k3 + k4);
    values.push(v);
  }
  return values;
}

// All runs of all racers, with the largest error of each, from the cheapest on.
function race(setting) {
  const at = neuron(setting), fine = solved(at);
  const slope = (t, v, start) => {
    const [push, rate] = at(t, start);
    return push - rate * v;
  };
  const solution = (t) => { // between two of its steps: the cubic with their values and slopes
    const i = Math.floor(t * FINE), u = t * FINE - i, y = fine[i], z = fine[i + 1];
    if (u === 0) return y;
    const p = slope(i / FINE, y, i / FINE) / FINE, q = slope((i + 1) / FINE, z, i / FINE) / FINE;
    return y + u * (p + u * (3 * (z - y) - 2 * p - q + u * (p + q - 2 * (z - y))));
  };
  const judged = ({ times, values, evaluations }, more) => {
    let error = 0;
    times.forEach((t, i) => {
      const off = Math.abs(values[i] - solution(t));
      if (!(off <= error)) error = Number.isFinite(off) ? off : Infinity;
    });
    return { times, values, error, evaluations: evaluations / SECONDS, steps: (times.length - 1) / SECONDS, ...more };
  };
  const runs = { adaptive: [] };
  for (const key of KEYS.slice(0, 4)) {
    runs[key] = BUDGETS.map((budget) => judged(march(SOLVERS[key] ?? exact, at, (SECONDS * budget) / RACERS[key][3])));
  }
  for (const tolerance of TOLERANCES) {
    const run = dormandPrince(slope, 0, SECONDS, tolerance, SECONDS * MOST);
    if (run) runs.adaptive.push(judged(run, { tolerance }));
  }
  return { fine, runs, heard: (t) => Math.sin(2 * Math.PI * setting.frequency * (setting.held ? Math.floor(t * SAMPLES) / SAMPLES : t)) };
}

function render({ model, el }) {
  const group = Math.random().toString(36).slice(2); // keeps the names of two views apart
  const frame = (name, top, height) =>
    `<clipPath id="${name}-${group}"><rect data-name="${name}" y="${top}" height="${height}"></rect></clipPath>`;
  const html = `
    <p class="hint">Press Race: every solver gets more and more looks at the neuron's equation. Which one is first below the dashed line?
      Then tick the box at the end, and race again.</p>
    <div class="bar"><button type="button" class="main" data-name="race">Race</button>
      <input type="range" data-name="budget" min="0" max="${BUDGETS.length - 1}" aria-label="Budget"><output data-name="budget-text"></output></div>
    <svg data-name="plot">${frame("above", TOP, STATE)}${frame("below", PLOT - 6, ERROR + 12)}
      <g data-name="picture" role="img"><g data-name="rest"></g><g data-name="states" clip-path="url(#above-${group})"></g>
        <g data-name="errors" clip-path="url(#below-${group})"></g><g data-name="words"></g></g></svg>
    <div class="verdict" data-name="says" aria-live="polite"><p data-name="now"></p><p data-name="finish"></p></div>
    <div class="runs" role="table" aria-label="The solvers at this budget"><div class="run head" role="row"><span role="columnheader" aria-label="solver"></span>
      <small role="columnheader">steps a second</small><small role="columnheader">evaluations a second</small><small role="columnheader">largest error</small>
      <small role="columnheader" data-name="goal"></small></div>${KEYS.map((key) => `<div class="run ${key}" role="row">
        <span role="rowheader"><span class="racer"><i></i> ${RACERS[key][0]}</span><small>${RACERS[key][1]}${key === "adaptive" ? '<data data-name="tolerance"></data>' : ""}</small></span>${["steps", "evaluations", "error", "reach"].map((what) =>
    `<span role="cell"><data data-name="${what}-${key}"></data></span>`).join("")}</div>`).join("")}</div>
    <div class="sliders pair">${SLIDERS.map(([key, symbol, name, , values]) => `
      <div><label for="${key}-${group}"><i>${symbol}</i> ${name}</label><output data-name="${key}-text"></output>
        <input type="range" id="${key}-${group}" data-name="${key}" min="0" max="${values.length - 1}"></div>`).join("")}</div>
    <p><label><input type="checkbox" data-name="held"> The input comes as ${SAMPLES} samples a second, each held until the next</label></p>`;
  const { root, part, set, start, leave } = mount(model, el, html, ["budget", ...SLIDERS.map(([key]) => key), "held"], draw);
  const svg = part("plot"), [states, errors, rest, words] = ["states", "errors", "rest", "words"].map((name) => painter(part(name)));
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  let width, known = "", found = null, timer = null;
  const x = (t) => LEFT + (t / SECONDS) * (width - LEFT - RIGHT);
  const y = (v) => TOP + ((HIGH - v) / (HIGH - LOW)) * STATE;
  const xCost = (n) => LEFT + (Math.log2(n / BUDGETS[0]) / (BUDGETS.length - 1)) * (width - LEFT - RIGHT);
  const yError = (error) => PLOT + ((WORST - Math.log10(clamp(error, FLOOR, 1e99))) / (WORST - BEST)) * ERROR;
  const text = (name, kind, left, top, anchor, says) =>
    words.put("text", name, { class: kind, x: left, y: top + 4, "text-anchor": anchor }, says);

  function draw() {
    const [weight, frequency, wanted, held, budget] = ["weight", "frequency", "wanted", "held", "budget"].map((key) => model.get(key));
    if (known !== (known = [weight, frequency, held].join())) found = race({ weight, frequency, held });
    const { runs, fine, heard } = found, isRacing = timer !== null;
    const now = {}, reach = {};
    for (const key of KEYS) {
      now[key] = runs[key].filter((run) => run.evaluations <= budget).at(-1);
      reach[key] = Math.min(...runs[key].filter((run) => run.error <= wanted).map((run) => run.evaluations));
    }
    width = fit(svg, root, HEIGHT);
    for (const name of ["above", "below"]) {
      for (const [key, value] of [["x", LEFT - 6], ["width", width - LEFT - RIGHT + 12]]) part(name).setAttribute(key, value);
    }

    // the states, and the input
    const every = fine.length >> 10, right = width - RIGHT;
    const rules = [y(0), y(1), BOTTOM].map((v) => `M${LEFT} ${v}H${right}`).join("");
    rest.put("path", "rules", { class: "rule", d: rules });
    for (const v of [0, 1]) text(`state-tick ${v}`, "tick", LEFT - 8, y(v), "end", `${v}`);
    text("state-title", "tick", LEFT, TOP - 12, "start", "state at the ends of steps; the solution in ink");
    states.put("path", "solution", { class: "curve signal", d: path(0, 1024, (i) => x((i * every) / FINE), (i) => y(fine[i * every])) });
    for (const key of KEYS) {
      if (!now[key]) continue;
      const { times, values } = now[key], stride = Math.ceil(times.length / 1000), last = Math.floor((times.length - 1) / stride);
      const dots = times.length <= FEWEST ? times.map((t, i) => `M${x(t).toFixed(1)} ${clamp(y(values[i]), -1e4, 1e4).toFixed(1)}h0`).join("") : "";
      states.put("path", `dots-${key}`, { class: `dots ${key}`, d: dots });
      states.put("path", `state-${key}`, { class: `curve thin ${key}`, d: path(0, last, (i) => x(times[i * stride]), (i) => y(values[i * stride])) });
    }
    rest.put("path", "input", { class: "now", d: path(0, 1024, (i) => x((i / 1024) * SECONDS), (i) => INPUT + 10 - 10 * heard((i / 1024) * SECONDS)) });
    text("input-title", "tick", right + 8, INPUT + 10, "start", "input");
    const cuts = now.adaptive ? now.adaptive.times.map((t) => `M${x(t).toFixed(1)} ${STEPS}v8`).join("") : "";
    rest.put("path", "cuts", { class: "curve adaptive cuts", d: cuts });
    if (cuts) text("cuts-title", "label adaptive", right + 8, STEPS + 4, "start", "adaptive");
    for (let t = 0; t <= SECONDS; t++) text(`tick ${t}`, "tick", x(t), STEPS + 22, "middle", t ? `${t}` : "0 s");

    // what an error costs
    text("error-title", "tick", LEFT, PLOT - 20, "start", "largest error; the finish line dashed");
    for (let n = WORST - 1; n >= BEST; n -= 3) text(`error-tick ${n}`, "tick", LEFT - 8, yError(10 ** n), "end", power(n));
    for (let k = 0; k < BUDGETS.length; k += 2) text(`cost-tick ${k}`, "tick", xCost(BUDGETS[k]), BOTTOM + 14, "middle", `${BUDGETS[k]}`);
    text("axis", "tick", (LEFT + right) / 2, BOTTOM + 31, "middle", "evaluations a second");
    rest.put("path", "wanted-line", { class: "dashed", d: `M${LEFT} ${yError(wanted).toFixed(1)}H${right}` });
    rest.put("path", "budget-line", { class: "now", d: `M${xCost(budget).toFixed(1)} ${PLOT}V${BOTTOM}` });
    const ends = [];
    for (const key of KEYS) {
      const line = (list) => path(0, list.length - 1, (i) => xCost(list[i].evaluations), (i) => yError(list[i].error));
      const all = runs[key], done = isRacing ? all.filter((run) => run.evaluations <= budget) : all;
      errors.put("path", `ahead-${key}`, { class: `curve ahead ${key}`, d: line(all) });
      errors.put("path", `cost-${key}`, { class: `curve thin ${key}`, d: line(done) });
      const { evaluations, error } = now[key] ?? {};
      if (now[key]) words.put("circle", `dot-${key}`, { class: `dot ${key}`, cx: xCost(evaluations), cy: Math.max(PLOT, yError(error)), r: 5 });
      if (all.length) ends.push({ key, y: yError(all.at(-1).error) });
    }
    ends.sort((p, q) => p.y - q.y);
    spread(ends, 16, PLOT, BOTTOM);
    for (const { key, y: top } of ends) text(`label-${key}`, `label ${key}`, right + 8, top, "start", RACERS[key][0]);
    for (const one of [states, errors, rest, words]) one.done();

    // in numbers and words
    const put = (name, value, says) => {
      part(name).value = Number.isFinite(value) ? value : "";
      part(name).textContent = says;
    };
    part("goal").textContent = `needed for ${shown(wanted)}`;
    const raced = (key) => !isRacing || reach[key] <= budget;
    for (const key of KEYS) {
      const run = now[key], { steps, evaluations, error } = run ?? {};
      put(`steps-${key}`, steps, run ? `${+steps.toFixed(1)}` : "–");
      put(`evaluations-${key}`, evaluations, run ? `${Math.round(evaluations)}` : "–");
      put(`error-${key}`, error, !run ? "no run" : error > RANGE ? "exploded" : shown(error));
      put(`reach-${key}`, raced(key) ? reach[key] : NaN, !raced(key) ? "" : Number.isFinite(reach[key]) ? `${Math.ceil(reach[key])}` : `over ${MOST}`);
    }
    put("tolerance", now.adaptive?.tolerance, now.adaptive ? `, tolerance ${shown(now.adaptive.tolerance)}` : "");
    const says = verdict(now, runs, budget), ends2 = finish(reach, wanted, raced, isRacing);
    part("says").setAttribute("aria-busy", isRacing);
    for (const [name, sentence] of [["now", says], ["finish", ends2]]) if (part(name).textContent !== sentence) part(name).textContent = sentence;
    part("picture").setAttribute("aria-label", `${says} ${ends2}`);

    part("race").textContent = isRacing ? "Stop" : "Race";
    part("budget").value = BUDGETS.indexOf(budget);
    part("budget").setAttribute("aria-valuetext", `${budget} evaluations a second`);
    part("budget-text").textContent = `${budget} evaluations a second`;
    for (const [key, , , unit, values] of SLIDERS) {
      const value = model.get(key), words = `${key === "wanted" ? shown(value) : +value.toPrecision(3)}${unit}`;
      part(key).value = nearest(values, value);
      part(key).setAttribute("aria-valuetext", words);
      part(`${key}-text`).textContent = words;
    }
    part("held").checked = held;
  }

  const nearest = (values, value) => values.reduce((best, one, i) => (Math.abs(Math.log(one / value)) < Math.abs(Math.log(values[best] / value)) ? i : best), 0);
  const names = (keys) => listed(keys.map((key) => RACERS[key][2]));

  function verdict(now, runs, budget) {
    const there = KEYS.filter((key) => now[key]), gone = there.filter((key) => now[key].error > RANGE);
    const [best, second] = there.filter((key) => now[key].error <= RANGE).sort((p, q) => now[p].error - now[q].error);
    const sentences = [], opening = `With ${budget} evaluations a second`;
    if (best) {
      const { error } = now[best], isSure = error >= FLOOR, factor = second ? now[second].error / Math.max(error, FLOOR) : 1;
      const times = factor < 1.05 ? "" : `, ${isSure ? "" : "over "}${(+factor.toPrecision(2)).toLocaleString("en")} times less than ${names([second])}`;
      sentences.push(`${opening} ${names([best])} is closest: off by ${isSure ? `at most ${shown(error)}` : `less than ${power(Math.log10(FLOOR))}`}${times}.`);
    } else sentences.push(`${opening} none stays near the solution.`);
    if (gone.length) sentences.push(`Exploded: ${names(gone)}.`);
    if (!now.adaptive) sentences.push(`The adaptive solver cannot finish: its cheapest run takes ${Math.ceil(Math.min(...runs.adaptive.map((run) => run.evaluations)))}.`);
    return sentences.join(" ");
  }

  function finish(reach, wanted, raced, isRacing) {
    const home = KEYS.filter((key) => Number.isFinite(reach[key]) && raced(key)).sort((p, q) => reach[p] - reach[q]);
    const out = KEYS.filter((key) => !home.includes(key)), line = `Finish line, an error of ${shown(wanted)}:`;
    if (!home.length) return `${line} ${isRacing ? "nobody yet" : `nobody with up to ${MOST}`}.`;
    const order = home.map((key) => `${names([key])} with ${Math.ceil(reach[key])}`).join(", then ");
    return `${line} first ${order}${out.length && !isRacing ? `; not with ${MOST}: ${names(out)}` : ""}.`;
  }

  function stop() {
    clearInterval(timer);
    timer = null;
  }
  part("race").addEventListener("click", () => {
    if (timer !== null) { stop(); draw(); return; }
    if (calm.matches) { set({ budget: MOST }); return; }
    timer = setInterval(() => {
      const next = 2 * model.get("budget");
      if (next >= MOST) stop();
      set({ budget: Math.min(next, MOST) });
    }, PACE);
    set({ budget: BUDGETS[0] });
  });
  part("budget").addEventListener("input", (event) => { stop(); set({ budget: BUDGETS[event.target.value] }); });
  for (const [key, , , , values] of SLIDERS) part(key).addEventListener("input", (event) => set({ [key]: values[event.target.value] }));
  part("held").addEventListener("change", (event) => set({ held: event.target.checked }));
  start();
  return () => { stop(); leave(); };
}
export default { render };
