const WINDOW = 200, BIN = 5; // steps in view above; steps of which the error plot shows the mean
const SPEED = 45, JUMP = 60; // steps a second; steps a jump, where less motion is wanted
const TOP = 12, SIGNAL = 200, GAP = 46, ERROR = 150, LEFT = 42, LETTER = 6.8; // pixels
const STRIP = TOP + SIGNAL + GAP, HEIGHT = STRIP + ERROR + 26;
const TITLES = { lr: "Learning rate", noise: "Noise" };
const escaped = (text) => text.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);
const hue = (name) => `--hue: var(--${name}, var(--orange))`;
const error = (now, row, k) => Math.abs(row.guess[k] - now.signal[k]);
const isLocked = (row, k) => row.lock_on !== null && row.lock_on <= k;
const saysLock = (row, k) => (isLocked(row, k) ? `locked on, step ${row.lock_on}` : "not locked on");
const saysError = (value) =>
  Number.isFinite(value) ? `error ${value < 100 ? value.toFixed(4) : value.toExponential(1)}` : "diverged";

function binned(now, row, k) { // mean errors of the steps up to k, as [step, error]
  const points = [];
  for (let i = 0; i <= k; i += BIN) {
    const end = Math.min(i + BIN, k + 1);
    let sum = 0;
    for (let j = i; j < end; j++) sum += error(now, row, j);
    points.push([(i + end - 1) / 2, sum / (end - i)]);
  }
  return points;
}

function render({ model, el }) {
  const runs = model.get("runs"), signal = floats(model.get("signal")), steps = signal.length;
  const low = Math.min(...signal), high = Math.max(...signal);
  const [guesses, seens] = ["predictions", "observed"].map((key) => {
    const all = floats(model.get(key));
    return (row) => all.subarray(row * steps, (row + 1) * steps);
  });
  const firsts = runs.filter((run, i) => runs.findIndex(({ label }) => label === run.label) === i);
  const rows = firsts.map(({ label, model, parameters }, i) => {
    const shared = firsts.filter((run) => run.model === model).length > 1;
    return { label, model, parameters, name: shared ? `${model}-${i}` : model };
  });
  const choices = Object.keys(TITLES).map((key) => [key, [...new Set(runs.map((run) => run[key]))]])
    .filter(([, values]) => values.length > 1);
  const group = Math.random().toString(36).slice(2); // keeps the names of two views apart

  const rowHtml = ({ name, label, model, parameters }) => `
    <div class="run" data-name="row-${name}" style="${hue(model)}">
      <label><input type="checkbox" data-name="show-${name}"><i></i> ${escaped(label)}</label>
      <small>${parameters.toLocaleString("en")} parameters</small>
      <span data-name="now-${name}"></span><span data-name="lock-${name}"></span></div>`;
  const choiceHtml = ([key, values]) => `
    <fieldset data-name="${key}"><legend>${TITLES[key]}</legend>
    ${values.sort((p, q) => p - q).map((value) => `
      <label><input type="radio" name="${key}-${group}" value="${value}"><span>${value}</span></label>`).join("")}
    </fieldset>`;
  const others = choices.map(([key]) => TITLES[key].toLowerCase()).join(" or ");
  const html = `
    <p class="hint">Press Play and see which prediction finds the signal first.
      ${others && `Then choose another ${others}.`}</p>
    <div class="bar"><button type="button" class="main" data-name="play">Play</button>
      <button type="button" data-name="restart">Restart</button>
      <input type="range" data-name="step" min="0" aria-label="Step"><output data-name="step-text"></output></div>
    <p class="source" data-name="reduced">Your system asks for less motion: Play moves in jumps of ${JUMP} steps.</p>
    <svg data-name="plot" role="img"><g data-name="axes"></g><svg data-name="window"><g data-name="lines"></g><g data-name="dots"></g></svg>
      <g data-name="strip"></g><g data-name="labels"></g></svg>
    <p data-name="live-row" hidden></p>
    <div class="runs" data-name="rows">${rows.map(rowHtml).join("")}</div>
    <div class="choices" data-name="choices">${choices.map(choiceHtml).join("")}</div>
    ${LIVE}<p class="source">${escaped(model.get("source"))}</p>
    <p class="unseen" role="status" data-name="status"></p>`;
  const { root, part, set, start, leave } = mount(model, el, html, ["lr", "noise", "models", "step"], hear);
  const svg = part("plot");
  const [axes, view, dots, strip, labels] = ["axes", "lines", "dots", "strip", "labels"].map((name) => painter(part(name)));
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  let at = model.get("step"), heard = at; // the playhead, and what the model last said of it
  let playing = false, timer, before, fresh = true; // fresh: the first picture, a still from the run
  let right, order = []; // the plots' right edge; the labels from top to bottom

  const isOn = ({ label }) => model.get("models").includes(label);
  function recorded() {
    const found = rows.filter(isOn).map((row) => {
      const i = runs.findIndex((run) => run.label === row.label && choices.every(([key]) => run[key] === model.get(key)));
      return i >= 0 && { ...runs[i], ...row, guess: guesses(i), seen: seens(runs[i].observed) };
    });
    return { signal, low, high, last: steps - 1, rows: found.filter(Boolean) };
  }
  const live = trainer(model, part, () => {
    if (!playing) at = live.view() ? Infinity : model.get("step"); // a growing run is followed
    draw();
  });
  const shown = () => live.view() ?? recorded();

  function draw() {
    const now = shown(), { last } = now, all = now.signal.length;
    const width = fit(svg, root, HEIGHT);
    at = clamp(at, 0, last);
    right = width - Math.min(0.28 * width, 24 + Math.max(64, ...now.rows.map((row) => LETTER * row.label.length)));
    const k = Math.floor(at), from = Math.max(0, at - WINDOW), first = Math.ceil(from);
    const x = (i) => ((i - from) / WINDOW) * (right - LEFT), xAll = (i) => LEFT + (i / (all - 1)) * (right - LEFT);
    const room = 0.3 * (now.high - now.low || 1);
    const y = (value) => ((now.high + room - value) / (now.high - now.low + 2 * room)) * SIGNAL;
    const yLog = (value) => STRIP + ((1 - Math.log10(clamp(value, 1e-3, 10))) / 4) * ERROR;

    const tick = (name, left, top, anchor, words) =>
      axes.put("text", name, { class: "tick", x: left, y: top + 4, "text-anchor": anchor }, words);
    for (const value of [now.low, (now.low + now.high) / 2, now.high]) {
      tick(`y ${value}`, LEFT - 8, TOP + y(value), "end", `${+value.toPrecision(2)}`.replace("-", "−"));
    }
    for (let i = Math.ceil(from / 50) * 50; i <= from + WINDOW; i += 50) {
      tick(`x ${i}`, LEFT + x(i), TOP + SIGNAL + 12, "middle", `${i}`);
    }
    for (let i = 0; i < all; i += right - LEFT < 300 ? 200 : 100) {
      tick(`all ${i}`, xAll(i), STRIP + ERROR + 12, "middle", `${i}`);
    }
    for (const value of [10, 1, 0.1, 0.01, 0.001]) tick(`error ${value}`, LEFT - 8, yLog(value), "end", `${value}`);
    tick("error-axis", LEFT, STRIP - 14, "start", `absolute error, means of ${BIN} steps`);
    tick("step-axis", right + 10, STRIP + ERROR + 12, "start", "step");
    tick("tolerance-label", right + 10, yLog(0.1), "start", "tolerance");
    axes.put("path", "rules", { class: "rule", d: `M${LEFT} ${TOP + SIGNAL}H${right}M${LEFT} ${STRIP + ERROR}H${right}` });
    axes.put("path", "tolerance", { class: "rule dashed", d: `M${LEFT} ${yLog(0.1)}H${right}` });
    axes.put("path", "now", { class: "now", d: `M${xAll(k).toFixed(1)} ${STRIP}V${STRIP + ERROR}` });
    axes.done();

    const box = { x: LEFT, y: TOP, width: right - LEFT + 8, height: SIGNAL };
    for (const key in box) part("window").setAttribute(key, box[key]);
    view.put("path", "ahead", { class: "curve ahead", d: path(k, Math.min(last, first + WINDOW), x, (i) => y(now.signal[i])) });
    view.put("path", "signal", { class: "curve signal", d: path(first, k, x, (i) => y(now.signal[i])) });
    for (const seen of new Set(now.rows.filter((row) => row.noise > 0).map((row) => row.seen))) {
      let d = "";
      for (let i = first; i <= k; i++) d += `M${x(i).toFixed(1)} ${y(seen[i]).toFixed(1)}h0`;
      view.put("path", `observed-${seen.byteOffset}`, { class: "samples", d });
    }
    const ends = [{ name: "signal", colour: "ink", words: "signal", y: y(now.signal[k]) }];
    for (const row of [...now.rows].reverse()) { // the first of the list lies on top
      const style = hue(row.model), points = binned(now, row, k);
      view.put("path", `prediction-${row.name}`, { class: "curve", style, d: path(first, k, x, (i) => y(row.guess[i])) });
      strip.put("path", `error-${row.name}`, {
        class: "curve thin", style, d: path(0, points.length - 1, (i) => xAll(points[i][0]), (i) => yLog(points[i][1])),
      });
      if (isLocked(row, k) && row.lock_on >= from) {
        dots.put("circle", `locked-${row.name}`, { class: "dot", style, cx: x(row.lock_on), cy: y(row.guess[row.lock_on]), r: 5 });
      }
      const recent = row.guess.slice(Math.max(0, k - 7), k + 1).filter(Number.isFinite);
      const mean = y(recent.reduce((sum, value) => sum + value / recent.length, 0));
      const beyond = mean < 0 ? " ↑" : mean > SIGNAL ? " ↓" : "";
      if (recent.length) ends.push({ name: row.name, colour: row.model, words: row.label + beyond, y: mean });
    }
    view.done();
    dots.done();

    const edges = []; // how far each line of lock-on marks reaches
    for (const row of now.rows.filter((row) => isLocked(row, k)).sort((p, q) => p.lock_on - q.lock_on)) {
      const words = `${row.label} locked on, step ${row.lock_on}`, length = LETTER * words.length;
      const style = hue(row.model), left = Math.min(xAll(row.lock_on) + 6, width - length);
      const free = edges.findIndex((edge) => edge < left), line = free < 0 ? edges.length : free;
      const top = STRIP + 4 + 16 * line;
      strip.put("path", `mark-${row.name}`, { class: "curve thin", style, d: `M${xAll(row.lock_on)} ${top - 4}V${yLog(0.1)}` });
      if (line > 3) continue; // no room for more words: the list below the plots has them too
      edges[line] = left + length;
      strip.put("text", `mark-label-${row.name}`, { class: "label", style, x: left, y: top + 4 }, words);
    }
    strip.done();

    // In motion, labels change places only when one is clearly past the other: no flicker where lines cross.
    if (!playing && !live.view()) order = ends.sort((p, q) => p.y - q.y).map(({ name }) => name);
    const place = ({ name }) => (order.includes(name) ? order.indexOf(name) : order.length);
    ends.sort((p, q) => place(p) - place(q));
    for (let pass = 0; pass < ends.length; pass++) {
      for (let i = 1; i < ends.length; i++) {
        if (ends[i - 1].y > ends[i].y + 8) ends.splice(i - 1, 2, ends[i], ends[i - 1]);
      }
    }
    order = ends.map(({ name }) => name);
    spread(ends, 16, 8, SIGNAL - 8);
    for (const { name, colour, words, y } of ends) {
      const left = Math.min(LEFT + x(k) + 9, width - LETTER * words.length);
      labels.put("text", `label-${name}`, { class: "label", style: hue(colour), x: left, y: TOP + y + 4 }, words);
    }
    labels.done();

    const scrub = part("step"), says = `step ${k} of ${last}`;
    scrub.max = last;
    scrub.value = k;
    scrub.setAttribute("aria-valuetext", says);
    part("step-text").textContent = says;
    part("reduced").hidden = !calm.matches;
    for (const [key] of choices) {
      for (const input of part(key).querySelectorAll("input")) input.checked = +input.value === model.get(key);
    }
    for (const { name, label } of rows) {
      const row = now.rows.find((other) => other.name === name), on = isOn({ label });
      part(`show-${name}`).checked = on;
      part(`row-${name}`).classList.toggle("off", !row);
      part(`now-${name}`).textContent = row ? saysError(error(now, row, k)) : on ? "no such run" : "";
      part(`lock-${name}`).textContent = row ? saysLock(row, k) : "";
    }
    const trained = live.view()?.rows[0];
    part("rows").hidden = !!trained;
    part("choices").hidden = !!trained || !choices.length;
    part("live-row").hidden = !trained;
    if (trained) part("live-row").textContent = `${trained.label}, trained here: ${saysError(error(now, trained, k))}, ${saysLock(trained, k)}`;
    if (playing || live.busy()) return; // what follows is for who hears it: at rest, not at every frame
    const words = now.rows.map((row) => `${row.label}: ${saysError(error(now, row, k))}, ${saysLock(row, k)}`).join("; ");
    svg.setAttribute("aria-label", `A signal, what models predict for it, and their absolute errors, up to step ${k}. ${words}.`);
    part("status").textContent = `Step ${k}. ${words}.`;
  }

  function hear() {
    if (model.get("step") !== heard) at = heard = model.get("step");
    draw();
  }
  function seek(step) {
    fresh = false;
    at = clamp(step, 0, shown().last);
    if (live.view()) return draw();
    heard = Math.floor(at);
    set({ step: heard });
  }
  function play(on) {
    playing = on;
    part("play").textContent = on ? "Pause" : "Play";
    rest();
    if (!on) return seek(at);
    if (fresh || at >= shown().last) at = 0;
    fresh = false;
    before = performance.now();
    draw();
    wait();
  }
  function wait() {
    timer = calm.matches ? setTimeout(advance, 1000) : requestAnimationFrame(advance);
  }
  function rest() {
    cancelAnimationFrame(timer);
    clearTimeout(timer);
  }
  function advance() {
    const time = performance.now();
    at += calm.matches ? JUMP : (SPEED * Math.min(250, time - before)) / 1000;
    before = time;
    if (at >= shown().last) return play(false);
    draw();
    wait();
  }

  part("play").addEventListener("click", () => play(!playing));
  part("restart").addEventListener("click", () => seek(0));
  part("step").addEventListener("input", (event) => seek(+event.target.value));
  for (const [key] of choices) part(key).addEventListener("change", (event) => set({ [key]: +event.target.value }));
  part("rows").addEventListener("change", () => {
    set({ models: rows.filter(({ name }) => part(`show-${name}`).checked).map(({ label }) => label) });
  });
  let held = false; // the error plot is a scrubber too
  const point = (event) => {
    const left = event.clientX - svg.getBoundingClientRect().left - LEFT;
    if (held) seek((left / (right - LEFT)) * (shown().signal.length - 1));
  };
  svg.addEventListener("pointerdown", (event) => {
    held = event.clientY - svg.getBoundingClientRect().top > STRIP - 8;
    if (held) svg.setPointerCapture(event.pointerId);
    point(event);
  });
  svg.addEventListener("pointermove", point);
  for (const type of ["pointerup", "pointercancel"]) svg.addEventListener(type, () => { held = false; });
  start();
  return () => {
    rest();
    live.leave();
    leave();
  };
}
export default { render };
