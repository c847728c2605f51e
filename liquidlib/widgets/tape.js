const TITLES = {
  forward: "forward, time step by time step", answer: "answer and loss", learn: "gradient of the loss",
  backward: "backward, time step by time step", gather: "gradients of the weights",
  scalars: "optimiser: its numbers", update: "optimiser: the update",
};
const INFIX = { add: "+", sub: "−", mul: "×", div: "/" };
const LOSS = 84, TITLE = 22, SIDE = 44, POINTS = 600; // of the loss line: pixels, and points at most
const PACE = 60; // training steps a second where less motion is wanted
const shown = (v) => {
  if (!Number.isFinite(v)) return `${v}`;
  if (v === 0) return "0";
  const size = Math.abs(v);
  return (size < 0.0005 || size >= 1000 ? v.toExponential(size < 1e-9 ? 0 : 1) : v.toFixed(size < 10 ? 3 : 1)).replace(/-/g, "−");
};
const wrapped = (name) => name.replace(/[&<>]/g, (sign) => `&#${sign.charCodeAt(0)};`).replace(/([_.])/g, "$1<wbr>");

async function render({ model, el }) {
  const program = model.get("program"), { kept, regions, parameters, numbers, constants, scratch } = model.get("rows");
  const vm = await compile(model.get("vm")), tape = parse(model.get("tape")), T = model.get("window");
  const fed = floats(model.get("windows")), names = Object.keys(tape.inputs);
  const widths = names.map((name) => T * tape.inputs[name][2]), width = widths.reduce((a, b) => a + b, 1);
  const rowAt = new Map(program.map((row, i) => [row.at, i]));
  const times = [...Array(T + 1).keys()], calm = matchMedia("(prefers-reduced-motion: reduce)");

  const places = (address, n) => [...Array(n).keys()].map((i) => `<b data-at="${address + i}"></b>`).join("");
  const cell = (address, n) => `<td>${places(address, n)}</td>`;
  const single = (name, inside) => `<span><i>${wrapped(name)}</i>${inside}</span>`;
  let part;
  const list = program.map((row, i) => {
    const head = row.part !== part ? `<li class="part">${TITLES[row.part] ?? ""}</li>` : "";
    part = row.part;
    return `${head}<li data-name="row-${i}"><code>${wrapped(row.op)}</code><span>${wrapped(row.says)}</span></li>`;
  }).join("");
  const html = `
    <p class="hint">Run one instruction after the other: what it <b class="read">reads</b> and what it <b class="wrote">writes</b> is marked.
      Then press Run: the same program, again and again.</p>
    <div class="bar steps"><button class="main" data-name="one">One instruction</button>
      <button data-name="part">One part</button><button data-name="whole">One training step</button>
      <button data-name="run">Run</button><button data-name="reset">Reset</button></div>
    <p class="words"><span class="quiet" data-name="where"></span><span data-name="words" aria-live="polite"></span></p>
    <div class="tape">
      <ol class="program" data-name="program" tabindex="0" aria-label="The program">${list}</ol>
      <div class="heap" data-name="heap">
        <table><caption>One frame for each time step</caption>
          <thead><tr><th></th>${times.map((t) => `<th scope="col">${t ? `t = ${t}` : "start"}</th>`).join("")}</tr></thead>
          <tbody>${kept.map(({ name, address, width, zeroth }) => `<tr><th scope="row">${wrapped(name)}</th>${times.map((t) =>
            (t || zeroth ? cell(address + t * tape.frame, width) : "<td></td>")).join("")}</tr>`).join("")}</tbody></table>
        <table><caption>Parameters, and what belongs to each</caption>
          <thead><tr><th></th>${regions.map(([name]) => `<th scope="col">${wrapped(name)}</th>`).join("")}</tr></thead>
          <tbody>${parameters.map(({ name, start }) => `<tr><th scope="row">${wrapped(name)}</th>${
            regions.map(([, address]) => cell(address + start, 1)).join("")}</tr>`).join("")}</tbody></table>
        <p class="single"><em>Single numbers</em>${numbers.map(({ name, address }) => single(name, places(address, 1))).join("")}${
          single("constants", constants.map((address) => places(address, 1)).join(""))}</p>
        <p class="single"><em>Scratch</em>${scratch.map(({ name, address, width }) =>
          single(name, places(address, Math.min(width, 3)) + (width > 3 ? "<u>…</u>" : ""))).join("")}</p>
      </div></div>
    <svg data-name="plot" role="img"></svg>`;
  const { root, part: find, start, leave } = mount(model, el, html, [], draw);
  const buttons = Object.fromEntries(["one", "part", "whole", "run", "reset"].map((name) => [name, find(name)]));
  const rows = program.map((_, i) => find(`row-${i}`)), picture = painter(find("plot"));
  const cells = [...root.querySelectorAll("[data-at]")].map((element) => ({ element, at: +element.dataset.at }));
  let machine, ended, count, losses, means, current, reads, wrote, says, running = false, timer;

  const begin = () => {
    const first = (machine.steps % (fed.length / width)) * width, inputs = {};
    let from = first;
    names.forEach((name, k) => { inputs[name] = fed.subarray(from, (from += widths[k])); });
    machine.feed(inputs, fed[from]);
    machine.begin(true);
    ended = false;
    count = 0;
  };
  const toward = () => (ended ? 0 : rowAt.get(machine.at.pc)); // the row to be run next
  const changes = (before) => new Set(cells.filter(({ at }) => !Object.is(before[at], machine.heap[at])).map(({ at }) => at));

  // Runs one instruction; returns its row and where its operands began.
  function advance() {
    if (ended) begin();
    const { pc, bases } = machine.at, row = program[rowAt.get(pc)];
    const operands = row.operands.map(({ base, address, ...rest }) =>
      ({ ...rest, address: address + bases[["heap", "frame", "strip"].indexOf(base)] }));
    ended = machine.advance(1);
    if (ended) {
      losses.push(machine.heap[tape.numbers.loss]);
      const turn = losses.slice(-fed.length / width);
      means.push(turn.reduce((a, b) => a + b) / turn.length);
    } else count += 1;
    current = rowAt.get(pc);
    return { row, operands };
  }

  // The addresses that an operand covers.
  function span({ op, sizes }, operands, k) {
    const [m, n, o] = sizes, K = n || T; // a product's sizes are M, K, N
    const [rows, columns] = op === "matmul" ? [[m, o], [m, K], [K, o]][k] : [m, n], { address, strides } = operands[k], all = [];
    for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) all.push(address + i * strides[0] + j * strides[1]);
    return all;
  }

  // One instruction in words, with the numbers of its first result.
  function told({ row, operands }, before) {
    const { op, sizes } = row, t = machine.at.bases[1] / tape.frame, back = machine.at.pc < row.at;
    if (op === "loop" && sizes[0] === 1) return `The loop over the window begins, at time step ${t}.`;
    if (op === "next" && sizes[0] === 1) return back ? `Back to the loop’s start, now for time step ${t}.` : "All time steps are done.";
    if (op === "loop") return "Now the parameters, strip by strip: here all of them are one strip.";
    if (op === "next") return back ? "On to the next strip." : "All parameters are updated.";
    if (op === "train") return "A frozen network would stop here. This one goes on, to learn.";
    if (op === "end") return `The training step is over. Its loss was ${shown(machine.heap[tape.numbers.loss])}.`;
    const [result, ...read] = operands.map(({ name }) => name), out = shown(machine.heap[operands[0].address]);
    const value = (k) => shown(before[operands[k].address]), bracket = (text) => (text[0] === "−" ? `(${text})` : text);
    const many = Math.min(sizes[0] * sizes[op === "matmul" ? 2 : 1], tape.size), rest = many > 1 ? `, the first of ${many} numbers` : "";
    let sum;
    if (op === "matmul") {
      const K = sizes[1] || T, terms = sizes[3] ? [value(0)] : [];
      for (let i = 0; i < Math.min(K, 4); i++)
        terms.push([1, 2].map((k) => bracket(shown(before[operands[k].address + i * operands[k].strides[k === 1 ? 1 : 0]]))).join("·"));
      sum = terms.join(" + ") + (K > 4 ? " + …" : "");
    } else if (op in INFIX) sum = `${value(1)} ${INFIX[op]} ${bracket(value(2))}`;
    else if (op === "tanh_backward") sum = `${value(1)}·(1 − ${bracket(value(2))}²)`;
    else if (op === "sigmoid_backward") sum = `${value(1)}·(1 − ${value(2)})·${value(2)}`;
    else if (op === "copy") return `${result} = ${Number.isFinite(+read[0]) ? "" : `${read[0]} = `}${out}${rest}.`;
    else sum = `${op === "neg" ? "−" : op}(${read.map((_, k) => value(k + 1)).join(", ")})`;
    return `${result} = ${sum} = ${out}${rest}.`;
  }

  function one() {
    if (ended) begin();
    const before = machine.heap.slice(), done = advance();
    reads = new Set(done.operands.flatMap((_, k) => (k ? span(done.row, done.operands, k) : [])));
    wrote = new Set(done.operands.length ? span(done.row, done.operands, 0) : []);
    says = told(done, before);
  }
  function several(until, name) { // up to the end of a part, or of the training step
    if (ended) begin();
    const before = machine.heap.slice();
    let runs = 0;
    do { advance(); runs += 1; } while (!until());
    reads = new Set();
    wrote = ended ? new Set() : changes(before); // a whole step changes nearly all
    says = `${name()}: ${runs} instructions run. ${ended ? `The loss was ${shown(machine.heap[tape.numbers.loss])}.` : ""}`;
  }
  const actions = {
    one,
    part() {
      const { part } = program[toward()];
      several(() => ended || program[toward()].part !== part, () => `Done: ${TITLES[part] ?? "the program"}`);
    },
    whole() { several(() => ended, () => `Training step ${machine.steps}`); },
    reset() {
      machine = new Machine(vm, tape, T);
      machine.set(model.get("settings"));
      losses = [];
      means = [];
      begin();
      do one(); while (!ended && program[current].operands[0]?.name !== "state"); // the first time step's state
    },
  };

  function draw() {
    program.forEach((_, i) => {
      rows[i].classList.toggle("on", i === current);
      if (i === current) rows[i].setAttribute("aria-current", "step");
      else rows[i].removeAttribute("aria-current");
    });
    const box = find("program"), row = rows[current], top = row.offsetTop;
    if (top < box.scrollTop + 30 || top + row.offsetHeight > box.scrollTop + box.clientHeight - 30) box.scrollTop = top - box.clientHeight / 3;
    for (const { element, at } of cells) {
      const value = machine.heap[at], text = shown(value);
      if (element.textContent !== text) element.textContent = text;
      element.className = `${wrote.has(at) ? "wrote" : ""} ${reads.has(at) ? "read" : ""} ${value === 0 ? "zero" : ""}`.trim();
      if (running) element.removeAttribute("title");
      else element.title = `${value}`;
    }
    find("where").textContent = `Training step ${machine.steps}${running || ended ? "" : `, instruction ${count}`}`;
    find("words").textContent = says;
    buttons.run.textContent = running ? "Pause" : "Run";
    for (const name of ["one", "part", "whole"]) buttons[name].disabled = running;
    drawLoss();
  }

  function drawLoss() {
    const wide = fit(find("plot"), root, LOSS + 34), right = wide - 8, many = Math.max(60, losses.length);
    const bin = Math.ceil(losses.length / POINTS), last = losses.at(-1), low = Math.min(-2, Math.floor(Math.log10(Math.min(...means.slice(-1), 1)))), high = 1;
    const x = (i) => SIDE + (Math.min(i, losses.length - 1) / (many - 1)) * (right - SIDE);
    const y = (v) => TITLE + ((high - Math.log10(clamp(v, 10 ** low, 10 ** high))) / (high - low)) * LOSS;
    const text = (name, left, top, anchor, words) => picture.put("text", name, { class: "tick", x: left, y: top, "text-anchor": anchor }, words);
    const line = (name, kind, values) => picture.put("path", name, { class: `curve thin ${kind}`,
      d: path(0, Math.ceil(values.length / bin) - 1, (i) => x(i * bin), (i) => y(values[i * bin])) });
    for (let p = low; p < high; p += Math.ceil((high - low) / 4)) text(`tick ${p}`, SIDE - 8, y(10 ** p) + 4, "end", `${+(10 ** p).toPrecision(1)}`);
    text("title", 0, 12, "start", `Loss of each training step, and its mean over the last ${fed.length / width}`);
    text("last", right, TITLE + LOSS + 16, "end", last === undefined ? "none yet" : `step ${losses.length}: ${shown(last)}`);
    picture.put("path", "rule", { class: "rule", d: `M${SIDE} ${TITLE + LOSS}H${right}` });
    line("each", "ahead", losses);
    line("loss", "state", means);
    if (losses.length) picture.put("circle", "now", { class: "dot two", cx: x(losses.length - 1), cy: y(last), r: 4 });
    picture.done();
    find("plot").setAttribute("aria-label", last === undefined ? "Loss of each training step: none yet." : `Loss after ${losses.length} training steps: ${shown(last)}.`);
  }

  function run(on) {
    running = on;
    cancelAnimationFrame(timer);
    clearTimeout(timer);
    find("words").setAttribute("aria-live", on ? "off" : "polite"); // a screen reader hears the end, not every step
    if (on) turn();
    else draw();
  }
  function turn() {
    for (let k = calm.matches ? PACE : 1; k; k--) actions.whole();
    draw();
    timer = calm.matches ? setTimeout(turn, 1000) : requestAnimationFrame(turn);
  }
  for (const name in actions) {
    buttons[name].addEventListener("click", () => {
      if (running) run(false);
      actions[name]();
      draw();
    });
  }
  buttons.run.addEventListener("click", () => run(!running));
  actions.reset();
  start();
  return () => {
    run(false);
    leave();
  };
}
export default { render };
