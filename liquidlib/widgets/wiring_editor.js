// A wiring in layers that runs: levels are potentials, lines are synapses, below them the traces.

const KINDS = ["sensory", "inter", "command", "motor"];
const HEAD = 24, PITCH = 34, RADIUS = 12, SIDE = 40; // pixels of the drawing
const TITLE = 16, INPUT = 20, OUTPUT = 100, GAP = 8, AXIS = 22, LEFT = 34, RIGHT = 8; // of the traces
const SPEED = 20, JUMPS = 16; // steps a second; presses of Step for the whole, where less motion is wanted
const EDITS = [[1, "excites", "now excites"], [0, "none", "has no synapse to"], [-1, "inhibits", "now inhibits"]];
const most = (rows) => rows.reduce((size, row) => row.reduce((a, v) => Math.max(a, Math.abs(v)), size), 0) || 1;
const listed = (words) => (words.length > 1 ? `${words.slice(0, -1).join(", ")} and ${words.at(-1)}` : `${words}`);

function render({ model, el }) {
  const neurons = model.get("neurons"), own = model.get("synapses"), F = model.get("sensory").length;
  const said = neurons.map(({ kind, number }) => `${kind} ${number}`);
  const columns = KINDS.map((kind) => neurons.flatMap((neuron, i) => (neuron.kind === kind ? [i] : []))).filter((column) => column.length);
  const untouched = runLTC(model, own), T = untouched.outputs.length, outputs = untouched.outputs[0].length;
  const limits = [most(untouched.heard), most(untouched.states)]; // what an empty and a full level mean
  const motors = columns.at(-1).map((i) => said[i]);
  const titles = [...said.slice(0, F), ...(model.get("readout") ? [...Array(outputs).keys()].map((o) => `output ${o}`) : motors)];
  const calm = matchMedia("(prefers-reduced-motion: reduce)"), group = Math.random().toString(36).slice(2);
  const options = (from) => neurons.map((_, i) => (i < from ? "" : `<option value="${i}">${said[i]}</option>`)).join("");
  const html = `
    <p class="hint">Click a synapse to cut it, or a neuron to switch it off; drag from one neuron to another to join them.
      Which cut changes the trace most, and which not at all?</p>
    <div class="bar steps"><button class="main" data-name="run">Run</button>
      <button data-name="random">Cut a random synapse</button><button data-name="restore">Restore</button></div>
    <svg data-name="wiring" role="group" aria-label="The wiring"><g data-name="back"></g><g data-name="hits"></g>
      <g data-name="neurons" role="group" aria-label="Neurons: arrow keys move, Enter switches one off or on">${neurons.map((_, i) =>
    `<g data-name="neuron-${i}" role="switch" tabindex="-1"><circle r="${RADIUS}"></circle><path></path><text text-anchor="middle" y="4">${neurons[i].number}</text></g>`).join("")}</g></svg>
    <p class="scale tick"><span class="excites"><i></i>excites</span><span class="inhibits"><i></i>inhibits</span>
      <span>a line is as thick as it conducts; a level is a potential, full at ${signed(limits[1])}, empty at ${signed(-limits[1])}</span></p>
    <div class="bar choices edit" role="group" aria-label="A synapse"><div><label for="from-${group}">From</label><select id="from-${group}" data-name="from">${options(0)}</select></div>
      <div><label for="to-${group}">to</label><select id="to-${group}" data-name="to">${options(F)}</select></div>
      <div>${EDITS.map(([, word]) => `<button data-name="${word}">${word}</button>`).join("")}</div></div>
    <svg data-name="traces" role="img"></svg>
    <div class="bar"><input type="range" data-name="scrub" aria-label="Step" min="0" max="${T - 1}"><output data-name="scrub-text"></output></div>
    <p class="words"><span data-name="change" aria-live="polite"></span><span class="quiet" data-name="counts"></span></p>`;
  const { root, part, set, start, leave } = mount(model, el, html, ["sensory", "adjacency", "silent"], draw);
  const wiring = part("wiring"), dots = part("neurons"), traces = part("traces");
  const back = painter(part("back")), hits = painter(part("hits")), picture = painter(traces);
  const lines = new Map(); // from a synapse to its line
  let places = [], drawn = [], lively = [], edited = untouched, seen = [], width = 0;
  let at = model.get("step"), playing = false, timer, before, pointed = null, here = columns[0][0], isFocused = false, held = null, did = "", isBusy = false;

  // The wiring and its edits
  const isSilent = (i) => model.get("silent").includes(neurons[i].name);
  const polarity = (from, to) => (from < F ? model.get("sensory")[from] : model.get("adjacency")[from - F])[to - F];
  const isUntouched = () => !model.get("silent").length && drawn.length === own.length && own.every((synapse) => polarity(synapse.from, synapse.to) === synapse.polarity);
  const chosen = () => [+part("from").value, +part("to").value];
  const choose = (from, to) => {
    part("from").value = from;
    part("to").value = to;
  };
  function edit(changes) { // drawn once, however many attributes change
    isBusy = true;
    set(changes);
    isBusy = false;
    draw();
  }
  function wire(from, to, sign) {
    const key = from < F ? "sensory" : "adjacency", row = from < F ? from : from - F, rows = model.get(key);
    did = `${said[from]} ${EDITS.find(([value]) => value === sign)[2]} ${said[to]}. `;
    choose(from, to);
    edit({ [key]: rows.with(row, rows[row].with(to - F, sign)) });
  }
  function toggle(i) {
    const silent = model.get("silent"), { name } = neurons[i];
    did = `${said[i]} is ${isSilent(i) ? "on again" : "off"}. `;
    edit({ silent: isSilent(i) ? silent.filter((one) => one !== name) : [...silent, name] });
  }
  function restore() {
    const rows = ["sensory", "adjacency"].map((key) => model.get(key).map((row) => row.map(() => 0)));
    for (const { from, to, polarity } of own) (from < F ? rows[0][from] : rows[1][from - F])[to - F] = polarity;
    did = "";
    edit({ sensory: rows[0], adjacency: rows[1], silent: [] });
  }

  // What is said
  function counts() {
    const others = neurons.length - F, total = lively.length, outside = lively.filter(({ from }) => from < F).length;
    const exciting = lively.filter(({ polarity }) => polarity > 0).length, heard = new Set(lively.map(({ to }) => to)).size;
    return `${total.toLocaleString("en")} of ${(neurons.length * others).toLocaleString("en")} possible synapses, ${outside} from sensory neurons and `
      + `${total - outside} between the others; ${exciting} excite and ${total - exciting} inhibit.`
      + (heard < others ? ` ${others - heard} neuron${others - heard === 1 ? "" : "s"} without any synapse from others.` : "");
  }
  function change() {
    let [moved, when, which] = [0, 0, 0];
    edited.outputs.forEach((row, t) => row.forEach((value, o) => {
      const off = Math.abs(value - untouched.outputs[t][o]);
      if (off > moved) [moved, when, which] = [off, t, o];
    }));
    if (moved < 5e-4) return isUntouched() ? "Nothing is changed yet." : "The trace stays as it was.";
    return `The trace of ${titles[F + which]} is up to ${signed(moved, 3)} away from the untouched one, most at step ${when}.`;
  }
  function partners(i, ahead) {
    const found = drawn.filter((synapse) => synapse.polarity && (ahead ? synapse.from : synapse.to) === i).map((synapse) => (ahead ? synapse.to : synapse.from));
    const kinds = KINDS.map((kind) => [kind, found.filter((j) => neurons[j].kind === kind).map((j) => neurons[j].number)]);
    return kinds.filter(([, numbers]) => numbers.length).map(([kind, numbers]) => `${kind} ${listed(numbers)}`).join(", ") || "nothing";
  }

  // Where things are
  function place() {
    const height = HEAD + Math.max(...columns.map((column) => column.length)) * PITCH;
    width = fit(wiring, root, height);
    columns.forEach((column, k) => column.forEach((i, j) => {
      const x = columns.length > 1 ? SIDE + (k / (columns.length - 1)) * (width - 2 * SIDE) : width / 2;
      places[i] = { x, y: HEAD + ((j + 0.5) / column.length) * (height - HEAD) };
    }));
  }
  // The curve of a synapse and its end: an arrow where it excites, a bar where it inhibits.
  function line(from, to, sign) {
    const a = places[from], b = places[to], dx = b.x - a.x, dy = b.y - a.y, far = Math.hypot(dx, dy);
    const unit = (x, y) => [x / Math.hypot(x, y), y / Math.hypot(x, y)];
    const bend = Math.abs(dx) < 1 ? Math.min(0.5 * far, 70) : 0.08 * far; // round the neurons between
    const c = from === to ? [a.x + 3 * RADIUS, a.y + 2.2 * RADIUS] : [a.x + dx / 2 + (dy / far) * bend, a.y + dy / 2 - (dx / far) * bend];
    const c1 = from === to ? [c[0], a.y - 2.2 * RADIUS] : c, [ux, uy] = unit(b.x - c[0], b.y - c[1]), [sx, sy] = unit(c1[0] - a.x, c1[1] - a.y);
    const end = (back, side) => `${(b.x - (RADIUS + back) * ux - side * uy).toFixed(1)} ${(b.y - (RADIUS + back) * uy + side * ux).toFixed(1)}`;
    const middle = (from === to ? ["C", ...c1, ...c] : ["Q", ...c]).map((v) => v.toFixed?.(1) ?? v).join(" ");
    const curve = `M${(a.x + RADIUS * sx).toFixed(1)} ${(a.y + RADIUS * sy).toFixed(1)}${middle} ${end(sign > 0 ? 7 : 3, 0)}`;
    return { curve, tip: sign > 0 ? `M${end(1, 0)}L${end(8, 4)}L${end(8, -4)}Z` : `M${end(2, 5)}L${end(2, -5)}` };
  }

  function draw() {
    if (isBusy) return;
    const now = [model.get("sensory"), model.get("adjacency"), model.get("silent")];
    if (now.some((value, k) => value !== seen[k])) {
      seen = now;
      drawn = synapsesOf(model);
      lively = conducting(model);
      edited = runLTC(model, lively);
    }
    place();
    const near = pointed ?? (isFocused ? here : null), [from, to] = chosen();
    const cut = own.filter((synapse) => !polarity(synapse.from, synapse.to)).map((synapse) => ({ ...synapse, polarity: 0 }));
    columns.forEach((column) => back.put("text", `head-${column[0]}`, { class: "tick", x: places[column[0]].x, y: 12, "text-anchor": "middle" },
      `${column.length} ${neurons[column[0]].kind}`));
    back.put("path", "chosen", { class: "chosen", d: line(from, to, 1).curve });
    for (const synapse of [...cut, ...drawn]) {
      const key = synapseKey(synapse.from, synapse.to), { curve, tip } = line(synapse.from, synapse.to, synapse.polarity);
      const kind = synapse.polarity ? (synapse.polarity > 0 ? "excites" : "inhibits") : "ghost";
      const ends = [synapse.from, synapse.to], far = (near === null ? ends.some(isSilent) : !ends.includes(near)) ? "far" : "";
      lines.set(key, back.put("path", `wire-${key}`, { class: `wire ${kind} ${far}`, d: curve, style: "" }));
      if (synapse.polarity) back.put("path", `tip-${key}`, { class: `tip ${kind} ${far}`, d: tip });
      hits.put("path", `hit-${key}`, { class: "hit", d: curve });
    }
    if (held?.x !== undefined) back.put("path", "draft", { class: "draft", d: `M${places[held.i].x} ${places[held.i].y}L${held.x} ${held.y}` });
    back.done();
    hits.done();
    neurons.forEach((neuron, i) => {
      const element = dots.children[i], off = isSilent(i);
      const hears = i < F ? "" : `, hears ${partners(i, false)}`;
      for (const [key, value] of [["transform", `translate(${places[i].x.toFixed(1)} ${places[i].y.toFixed(1)})`], ["class", `neuron ${neuron.kind}${off ? " off" : ""}`],
        ["tabindex", i === here ? 0 : -1], ["aria-checked", !off], ["aria-label", `${neuron.kind} neuron ${neuron.number}${hears}, speaks to ${partners(i, true)}`]]) element.setAttribute(key, value);
    });
    for (const [sign, word] of EDITS) part(word).setAttribute("aria-pressed", polarity(from, to) === sign);
    const words = did.replace(/^./, (first) => first.toUpperCase()) + change();
    part("counts").textContent = counts();
    if (part("change").textContent !== words) part("change").textContent = words;
    drawTraces();
    show();
  }

  function drawTraces() {
    const inputs = most(untouched.heard), all = [...untouched.outputs, ...edited.outputs].flat(), x = (t) => LEFT + (t / (T - 1 || 1)) * (width - LEFT - RIGHT);
    const low = Math.min(...all), high = Math.max(...all), room = Math.max(high - low, 0.02) / 20;
    const text = (name, kind, left, top, anchor, words) => picture.put("text", name, { class: kind, x: left, y: top, "text-anchor": anchor }, words);
    const bottom = F * (TITLE + INPUT + GAP) + outputs * (TITLE + OUTPUT + GAP);
    fit(traces, root, bottom + AXIS);
    let top = 0;
    titles.forEach((title, k) => {
      const isInput = k < F, tall = isInput ? INPUT : OUTPUT, base = (top += TITLE);
      const [min, max] = isInput ? [-inputs, inputs] : [low - room, high + room], y = (v) => base + ((max - v) / (max - min)) * tall;
      text(`title-${k}`, "tick", LEFT, base - 4, "start", isInput ? title : `${title}; grey: untouched wiring`);
      const curve = (name, kind, of) => picture.put("path", `${name}-${k}`, { class: `curve ${kind}`, d: path(0, T - 1, x, (t) => y(of(t))) });
      if (isInput) curve("input", "thin state", (t) => untouched.heard[t][k]);
      else {
        for (const value of [low, high]) text(`value-${k}-${value === low ? "low" : "high"}`, "tick", LEFT - 6, y(value) + 4, "end", signed(value));
        curve("before", "thin grey", (t) => untouched.outputs[t][k - F]);
        curve("after", "ltc", (t) => edited.outputs[t][k - F]);
      }
      top += tall + GAP;
    });
    for (let t = 0; x(t) < width - RIGHT - 40; t += Math.ceil(T / 40) * 10) text(`tick-${t}`, "tick", x(t), bottom + 10, "middle", `${t}`);
    text("axis", "tick", width - RIGHT, bottom + 10, "end", "step");
    picture.put("path", "now", { class: "now", d: `M${x(at).toFixed(1)} 0V${bottom}` });
    picture.done();
    traces.setAttribute("aria-label", `Inputs and outputs over ${T} steps. ${titles.slice(F).map((title, o) =>
      `${title}: from ${signed(Math.min(...edited.outputs.map((row) => row[o])))} to ${signed(Math.max(...edited.outputs.map((row) => row[o])))}`).join("; ")}. ${change()}`);
  }

  // The step shown: levels, widths and the line in the traces.
  function show() {
    const k = Math.floor(at), potentials = [...edited.heard[k], ...edited.states[k]];
    potentials.forEach((value, i) => {
      const share = clamp(0.5 + value / limits[i < F ? 0 : 1] / 2, 0.01, 0.99), y = RADIUS * (1 - 2 * share), half = Math.sqrt(RADIUS ** 2 - y ** 2).toFixed(2);
      dots.children[i].children[1].setAttribute("d", isSilent(i) && i < F ? "" : `M${-half} ${y.toFixed(2)}A${RADIUS} ${RADIUS} 0 ${+(share > 0.5)} 0 ${half} ${y.toFixed(2)}Z`);
    });
    for (const { from, to, weight, steepness, midpoint } of lively) {
      const conductance = weight / (1 + Math.exp(-steepness * (potentials[from] - midpoint)));
      lines.get(synapseKey(from, to)).style.strokeWidth = (1 + 4 * conductance).toFixed(2);
    }
    const x = LEFT + (k / (T - 1 || 1)) * (width - LEFT - RIGHT), now = part("now");
    now.setAttribute("d", now.getAttribute("d").replace(/^M[\d.]+/, `M${x.toFixed(1)}`));
    part("scrub").value = k;
    part("scrub-text").textContent = `step ${k} of ${T - 1}`;
  }

  // What the reader does
  function play(on) {
    playing = on;
    cancelAnimationFrame(timer);
    before = performance.now();
    if (on) timer = requestAnimationFrame(advance);
    else seek(at);
    part("run").textContent = calm.matches ? "Step" : on ? "Pause" : "Run";
  }
  function advance(time) {
    at = (at + (SPEED * Math.max(0, time - before)) / 1000) % T;
    before = time;
    show();
    timer = requestAnimationFrame(advance);
  }
  function seek(step) {
    at = clamp(Math.floor(step), 0, T - 1);
    if (playing) return play(false);
    model.set("step", at);
    model.save_changes();
    show();
  }
  function hear() {
    if (playing) return;
    at = model.get("step");
    show();
  }
  const numbers = (element) => (element?.dataset.name ?? "").split("-").slice(1).map(Number);
  const neuronAt = (event) => { // under the pointer, also while a finger holds another one
    const found = root.getRootNode().elementFromPoint(event.clientX, event.clientY)?.closest('[role="switch"]');
    return found && root.contains(found) ? numbers(found)[0] : null;
  };

  part("run").addEventListener("click", () => (calm.matches ? seek((model.get("step") + Math.ceil(T / JUMPS)) % T) : play(!playing)));
  part("restore").addEventListener("click", restore);
  part("random").addEventListener("click", () => {
    if (!lively.length) return;
    const { from, to } = lively[Math.floor(Math.random() * lively.length)];
    wire(from, to, 0);
  });
  part("scrub").addEventListener("input", ({ target }) => seek(+target.value));
  for (const name of ["from", "to"]) part(name).addEventListener("change", draw);
  for (const [sign, word] of EDITS) part(word).addEventListener("click", () => wire(...chosen(), sign));
  part("hits").addEventListener("click", ({ target }) => {
    const [from, to] = numbers(target);
    wire(from, to, polarity(from, to) ? 0 : own.find((synapse) => synapse.from === from && synapse.to === to).polarity);
  });
  const point = ({ clientX }) => seek(((clientX - traces.getBoundingClientRect().left - LEFT) / (width - LEFT - RIGHT)) * (T - 1) + 0.5);
  traces.addEventListener("pointerdown", (event) => {
    traces.setPointerCapture(event.pointerId);
    point(event);
  });
  traces.addEventListener("pointermove", (event) => { if (traces.hasPointerCapture(event.pointerId)) point(event); });

  dots.addEventListener("pointerdown", (event) => { held = { i: neuronAt(event) }; });
  dots.addEventListener("touchmove", (event) => event.preventDefault(), { passive: false }); // a finger that joins does not scroll; touch-action does not reach into a drawing
  root.addEventListener("pointermove", (event) => {
    const under = neuronAt(event);
    if (held && (held.x !== undefined || under !== held.i)) {
      const box = wiring.getBoundingClientRect();
      Object.assign(held, { x: event.clientX - box.left, y: event.clientY - box.top });
    } else if (under === pointed) return;
    pointed = held ? held.i : under;
    draw();
  });
  root.addEventListener("pointerup", (event) => {
    const from = held?.i, isDrag = held?.x !== undefined, to = neuronAt(event);
    held = null;
    if (isDrag && to !== null && to !== from && to >= F && !polarity(from, to)) wire(from, to, own.find((synapse) => synapse.from === from && synapse.to === to)?.polarity ?? 1);
    else if (isDrag) draw();
  });
  for (const type of ["pointercancel", "pointerleave"]) root.addEventListener(type, () => {
    held = pointed = null;
    draw();
  });
  dots.addEventListener("click", (event) => {
    const dot = event.target.closest('[role="switch"]');
    if (dot) toggle(numbers(dot)[0]);
  });
  root.addEventListener("focusin", ({ target }) => { // not on the group: that would make it a stop of its own
    isFocused = dots.contains(target) && target.matches(":focus-visible");
    if (dots.contains(target)) part("from").value = here = numbers(target)[0];
    draw();
  });
  root.addEventListener("focusout", () => {
    isFocused = false;
    draw();
  });
  dots.addEventListener("keydown", (event) => {
    const [i] = numbers(event.target), k = columns.findIndex((column) => column.includes(i)), j = columns[k].indexOf(i);
    const aside = (step) => {
      const column = columns[clamp(k + step, 0, columns.length - 1)], off = (n) => Math.abs(places[n].y - places[i].y);
      return column.reduce((best, n) => (off(n) < off(best) ? n : best));
    };
    const moves = { ArrowUp: () => columns[k][Math.max(0, j - 1)], ArrowDown: () => columns[k][Math.min(columns[k].length - 1, j + 1)],
      ArrowLeft: () => aside(-1), ArrowRight: () => aside(1) };
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.key === "Enter" || event.key === " ") toggle(i);
    else if (moves[event.key]) dots.children[moves[event.key]()].focus();
    else return;
    event.preventDefault();
  });

  choose(own[0]?.from ?? 0, own[0]?.to ?? F);
  part("run").textContent = calm.matches ? "Step" : "Run";
  model.on("change:step", hear);
  start();
  return () => {
    cancelAnimationFrame(timer);
    model.off("change:step", hear);
    leave();
  };
}
export default { render };
