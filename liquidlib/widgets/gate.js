const SLIDERS = [ // trait, symbol, name, range and step
  ["g1", "g₁", "target at σ = 0", -1, 1, 0.01],
  ["g2", "g₂", "target at σ = 1", -1, 1, 0.01],
  ["a", "a", "time weight", -3, 3, 0.05],
  ["b", "b", "offset", -6, 6, 0.05],
  ["dt", "Δt", "elapsed time", 0, 10, 0.05],
];
const HANDLES = { g1: "Target g₁", g2: "Target g₂", dt: "Elapsed time Δt" };
const TOP = 16, STATE = 190, GAP = 30, GATE = 110, LEFT = 30, RIGHT = 56; // pixels
const BOTTOM = TOP + STATE + GAP + GATE, HEIGHT = BOTTOM + 38;
const sigmoid = (z) => 1 / (1 + Math.exp(-z));

function render({ model, el }) {
  const group = Math.random().toString(36).slice(2); // keeps the names of two views apart
  const html = `
    <p class="hint">Drag the targets g₁ and g₂, or the marker on the state.
      Then make a negative: which target wins after a long wait?</p>
    <svg data-name="plot" role="group" aria-label="The gate of one neuron">
      <g data-name="picture" role="img"></g><g data-name="handles"></g></svg>
    <p class="formula"><span>σ(a·Δt + b) = σ(<b data-name="z-text"></b>) = <b class="two" data-name="s-text"></b></span>
      <span>h′ = <b class="one">(1 − σ)·g₁</b> + <b class="two">σ·g₂</b></span>
      <span>= <b class="one" data-name="one-text"></b> + <b class="two" data-name="two-text"></b></span>
      <span>= <b class="state" data-name="h-text"></b></span></p>
    <div class="sliders">${SLIDERS.map(([key, symbol, name, low, high, step]) => `
      <div><label for="${key}-${group}"><i>${symbol}</i> ${name}</label><output data-name="${key}-text"></output>
        <input type="range" id="${key}-${group}" data-name="${key}" min="${low}" max="${high}" step="${step}"></div>`).join("")}</div>`;
  const { root, part, set, start, leave } = mount(model, el, html, SLIDERS.map(([key]) => key), draw);
  const svg = part("plot"), picture = painter(part("picture")), handles = painter(part("handles"));
  let width;
  const span = () => Math.max(10, model.get("dt"));
  const x = (t) => LEFT + (t / span()) * (width - LEFT - RIGHT);
  const y = (h) => TOP + ((1.1 - h) / 2.2) * STATE;
  const yGate = (s) => BOTTOM - s * GATE;

  function draw() {
    const [g1, g2, a, b, dt] = SLIDERS.map(([key]) => model.get(key));
    const gate = (t) => sigmoid(a * t + b), state = (t) => g1 * (1 - gate(t)) + gate(t) * g2;
    const s = gate(dt), h = state(dt), end = span(), N = 240;
    width = fit(svg, root, HEIGHT);
    const curve = (name, kind, of) =>
      picture.put("path", name, { class: `curve ${kind}`, d: path(0, N, (i) => x((i / N) * end), (i) => of((i / N) * end)) });
    const text = (name, kind, left, top, anchor, words) =>
      picture.put("text", name, { class: kind, x: left, y: top + 4, "text-anchor": anchor }, words);
    const labels = (list, left, anchor, top, bottom) => {
      list.sort((p, q) => p.y - q.y);
      spread(list, 17, top, bottom);
      for (const { name, kind, y, words } of list) text(name, `label ${kind}`, left, y, anchor, words);
    };

    for (const v of [-1, 0, 1]) text(`state-tick ${v}`, "tick", LEFT - 8, y(v), "end", signed(v, 0));
    for (const v of [0, 1]) text(`gate-tick ${v}`, "tick", LEFT - 8, yGate(v), "end", `${v}`);
    for (let t = 0; t <= 10; t += 2) text(`tick ${t}`, "tick", x((t / 10) * end), BOTTOM + 14, "middle", `${+((t / 10) * end).toFixed(1)}`);
    text("axis", "tick", x(end / 2), BOTTOM + 31, "middle", "elapsed time Δt");
    picture.put("path", "rules", { class: "rule", d: [y(0), yGate(0), yGate(1)].map((v) => `M${LEFT} ${v}H${x(end)}`).join("") });
    picture.put("path", "now", { class: "now", d: `M${x(dt).toFixed(1)} ${TOP}V${BOTTOM}` });
    picture.put("path", "target-g1", { class: "level one", d: `M${LEFT} ${y(g1)}H${x(end)}` });
    picture.put("path", "target-g2", { class: "level two", d: `M${LEFT} ${y(g2)}H${x(end)}` });
    curve("complement", "one", (t) => yGate(1 - gate(t)));
    curve("gate", "two", (t) => yGate(gate(t)));
    curve("state", "state", (t) => y(state(t)));
    labels([{ name: "g1-label", kind: "one", y: y(g1), words: "g₁" }, { name: "g2-label", kind: "two", y: y(g2), words: "g₂" },
      { name: "state-label", kind: "state", y: y(state(end)), words: "h′" }], x(end) + 14, "start", TOP, TOP + STATE);
    labels([{ name: "gate-label", kind: "two", y: yGate(gate(end)), words: "σ" },
      { name: "complement-label", kind: "one", y: yGate(1 - gate(end)), words: "1 − σ" }], x(end) + 14, "start", yGate(1), yGate(0));
    const side = dt > 0.85 * end ? -1 : 1;
    labels([{ name: "gate-now", kind: "two", y: yGate(s), words: signed(s) },
      { name: "complement-now", kind: "one", y: yGate(1 - s), words: signed(1 - s) }],
    x(dt) + 9 * side, side > 0 ? "start" : "end", yGate(1), yGate(0));
    picture.put("circle", "gate-dot", { class: "dot two", cx: x(dt), cy: yGate(s), r: 4 });
    picture.put("circle", "complement-dot", { class: "dot one", cx: x(dt), cy: yGate(1 - s), r: 4 });
    picture.done();
    const says = `After an elapsed time of ${dt.toFixed(2)} the gate σ is ${s.toFixed(2)} and its complement ${(1 - s).toFixed(2)}: `
      + `the state is ${signed(h)}, between the targets ${signed(g1)} and ${signed(g2)}.`;
    part("picture").setAttribute("aria-label", says);

    const grip = (key, kind, d, cx, cy, high) => {
      handles.put("path", `${key}-grip`, { class: "grip", d });
      handles.put("circle", `${key}-handle`, { class: `handle ${kind}`, cx, cy, r: 7, tabindex: 0, role: "slider", "aria-label": HANDLES[key],
        "aria-orientation": key === "dt" ? "horizontal" : "vertical", "aria-valuemin": key === "dt" ? 0 : -1, "aria-valuemax": high,
        "aria-valuenow": model.get(key), "aria-valuetext": `${signed(model.get(key))}, state ${signed(h)}` });
    };
    grip("g1", "one", `M${LEFT} ${y(g1)}H${x(end)}`, x(end), y(g1), 1);
    grip("g2", "two", `M${LEFT} ${y(g2)}H${x(end)}`, x(end), y(g2), 1);
    grip("dt", "state", `M${x(dt)} ${TOP}V${BOTTOM}`, x(dt), y(h), end);
    handles.done();

    for (const [key] of SLIDERS) {
      const input = part(key), value = model.get(key);
      input.min = Math.min(input.min, value);
      input.max = Math.max(input.max, value);
      input.value = value;
      part(`${key}-text`).textContent = signed(value);
    }
    const bracket = (v) => (v < 0 ? `(${signed(v)})` : signed(v));
    part("z-text").textContent = signed(a * dt + b);
    part("s-text").textContent = signed(s);
    part("one-text").textContent = `${signed(1 - s)}·${bracket(g1)}`;
    part("two-text").textContent = `${signed(s)}·${bracket(g2)}`;
    part("h-text").textContent = signed(h);
  }

  const move = (key, to) => {
    const [low, high] = key === "dt" ? [0, span()] : [-1, 1];
    set({ [key]: +clamp(to, low, high).toFixed(2) });
  };
  const grips = part("handles");
  let held = null;
  grips.addEventListener("pointerdown", (event) => {
    held = event.target.dataset.name.split("-")[0];
    part(`${held}-handle`).focus();
    event.target.setPointerCapture(event.pointerId);
    event.preventDefault();
  });
  grips.addEventListener("pointermove", (event) => {
    if (!held) return;
    const box = svg.getBoundingClientRect();
    if (held === "dt") move("dt", ((event.clientX - box.left - LEFT) / (width - LEFT - RIGHT)) * span());
    else move(held, 1.1 - (2.2 * (event.clientY - box.top - TOP)) / STATE);
  });
  for (const type of ["pointerup", "pointercancel"]) grips.addEventListener(type, () => { held = null; });
  grips.addEventListener("keydown", (event) => {
    const key = event.target.dataset.name.split("-")[0], unit = key === "dt" ? 0.1 : 0.05;
    const steps = { ArrowUp: 1, ArrowRight: 1, ArrowDown: -1, ArrowLeft: -1, PageUp: 5, PageDown: -5, Home: -1e9, End: 1e9 }[event.key];
    if (!steps) return;
    move(key, model.get(key) + steps * unit);
    event.preventDefault();
  });
  for (const [key] of SLIDERS) part(key).addEventListener("input", (event) => set({ [key]: +event.target.value }));
  start();
  return leave;
}
export default { render };
