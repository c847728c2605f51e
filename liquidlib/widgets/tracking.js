// The player of recorded runs: the playground's picture and rows, a playhead, and the errors so far.

const SPEED = 45, JUMP = 60; // steps a second; steps a jump, where less motion is wanted
const BIN = 5; // steps of which the error plot shows the mean
const TOP = 22, ERROR = 130; // pixels of the error plot
const NUMBERS = 120; // ms between two states of the numbers, so that they can be read
const mean = (n, of) => [...Array(n).keys()].reduce((sum, i) => sum + of(i) / n, 0);
const reached = (step, k) => (step !== null && step >= 0 && step <= k ? step : null); // of null and -1: never

function render({ model, el }) {
  const signal = floats(model.get("signal")), all = signal.length, last = all - 1;
  const row = (key, i) => floats(model.get(key)).subarray(i * all, (i + 1) * all);
  const runs = model.get("runs").map((run, i) => {
    const guess = row("predictions", i), off = (k) => Math.abs(guess[k] - signal[k]);
    return {
      ...run, key: `${run.model}-${i}`, family: `${i}`, colour: run.model, guess, off, end: `ended at step ${run.steps - 1}`,
      diverged: guess.subarray(0, run.steps).findIndex((value) => !Number.isFinite(value)),
      means: [...Array(Math.floor(all / BIN)).keys()].map((bin) => mean(BIN, (i) => off(bin * BIN + i))),
      seen: run.observed === null ? null : row("observed", run.observed),
    };
  });
  const guess = new Map(runs.map((run) => [run.key, run.guess]));
  const low = Math.min(...signal), high = Math.max(...signal), middle = (low + high) / 2, half = (high - low) / 2 || 1;
  const scale = Math.abs(middle) < half && half <= 3 ? { amplitude: Math.max(high, -low) }
    : { amplitude: 0, ticks: [middle - half, middle, middle + half] };

  const rows = table(runs);
  const { root, part, set, start, leave } = mount(model, el, `
    <p class="hint">Press Play and see which prediction finds the signal first.</p>
    <div class="bar first"><button type="button" class="main" data-name="play">Play</button>
      <button type="button" data-name="restart">Restart</button>
      <input type="range" data-name="scrub" min="0" max="${last}" aria-label="Step"><output data-name="scrub-text"></output></div>
    <p class="source" data-name="reduced">Your system asks for less motion: Play moves in jumps of ${JUMP} steps.</p>
    <svg data-name="chart" role="img"></svg>
    <svg data-name="errors" role="img" aria-label="The absolute errors so far"></svg>
    ${rows.html}<p class="source">${escaped(model.get("source"))}</p>
    <p class="unseen" role="status" data-name="status"></p>`, ["models", "step"], hear);
  const picture = chart(part("chart"), root), errors = part("errors"), strip = painter(errors);
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  let at = model.get("step"), playing = false, fresh = true; // fresh: the first picture, a still from the run
  let timer, before, told = 0, right; // right: edge of the plots

  // The runs up to step k, as the playground's picture and rows take them.
  const traced = (shown, k) => ({
    size: Infinity, next: k + 1, clean: signal, guess, seen: shown.flatMap(({ seen }) => seen ?? []),
    events: shown.filter(({ steps }) => steps <= k).map(({ steps, label }) => ({ step: steps - 1, words: `${label} ends` })),
    error: (key) => mean(Math.min(50, k + 1), (i) => runs.find((run) => run.key === key).off(k - i)),
  });

  function drawErrors(shown, k, width) {
    const x = (i) => EDGE + (i / (last || 1)) * (right - EDGE), base = TOP + ERROR;
    const y = (value) => TOP + ((1 - Math.log10(clamp(value, 1e-3, 10))) / 4) * ERROR;
    const tick = (name, left, top, anchor, words) =>
      strip.put("text", name, { class: "tick", x: left, y: top + 4, "text-anchor": anchor }, `${words}`);
    fit(errors, root, base + BASE);
    for (let i = 0; i < all; i += 100 * Math.ceil((0.6 * all) / width)) tick(`all ${i}`, x(i), base + 14, "middle", i);
    for (const value of [10, 1, 0.1, 0.01, 0.001]) tick(`error ${value}`, EDGE - 4, y(value), "end", value);
    tick("error-axis", EDGE, 8, "start", `absolute error, means of ${BIN} steps`);
    tick("step-axis", right + 10, base, "start", "step");
    tick("tolerance-label", right + 10, y(0.1), "start", "tolerance");
    strip.put("path", "error-base", { class: "rule", d: `M${EDGE} ${base}H${right}` });
    strip.put("path", "tolerance", { class: "rule dashed", d: `M${EDGE} ${y(0.1)}H${right}` });
    strip.put("path", "now", { class: "now", d: `M${x(k).toFixed(1)} ${TOP}V${base}` });
    for (const { key, colour, lock_on, means } of [...shown].reverse()) { // the first of the list lies on top
      const style = hue(colour), locked = reached(lock_on, k);
      const d = path(0, Math.floor((k + 1) / BIN) - 1, (bin) => x(BIN * (bin + 0.5)), (bin) => y(means[bin]));
      strip.put("path", `error-${key}`, { class: "curve thin", style, d });
      if (locked !== null) strip.put("circle", `locked-${key}`, { class: "dot", style, cx: x(locked), cy: y(0.1), r: 4 });
    }
    strip.done();
  }

  function draw() {
    const now = performance.now(), k = Math.floor(at), says = `step ${k} of ${last}`;
    const shown = runs.filter(({ label }) => model.get("models").includes(label)), trace = traced(shown, k);
    const models = shown.map((run) => ({
      ...run, locked: reached(run.lock_on, k), diverged: reached(run.diverged, k),
      share: mean(Math.min(100, k + 1), (i) => run.off(k - i) < 0.005),
    }));
    const ahead = k < VIEW ? { clean: signal, guess: new Map() } : null;
    const size = picture.draw({ ...scale, trace, models, ahead, noisy: trace.seen.length > 0, isRunning: playing });
    right = size.right;
    drawErrors(shown, k, size.width);
    part("scrub").value = k;
    part("scrub").setAttribute("aria-valuetext", says);
    part("scrub-text").textContent = says;
    if (playing && now - told < NUMBERS) return;
    told = now;
    part("reduced").hidden = !calm.matches;
    rows.show(part, { models: models.map(({ key }) => key), fits: () => true, trace, told: new Map(models.map((run) => [run.key, run])) });
    const words = models.map(({ label, family, steps, end, diverged, locked }) => {
      const error = part(`error-${family}`);
      if (steps <= k) [error.textContent, part(`share-${family}`).textContent] = [end, ""];
      const state = steps <= k ? end : diverged === null ? `mean error ${error.textContent}` : "diverged";
      return `${label}: ${state}, ${locked === null ? "not locked on" : `locked on at step ${locked}`}`;
    }).join("; ");
    if (playing) return; // what follows is for who hears it: at rest, not at every frame
    part("chart").setAttribute("aria-label", `A signal and what models predict for it, up to step ${k}. ${words}.`);
    part("status").textContent = `Step ${k}. ${words}.`;
  }

  function hear() {
    if (!playing) at = model.get("step");
    draw();
  }
  function seek(step) {
    fresh = false;
    at = clamp(step, 0, last);
    set({ step: Math.floor(at) });
  }
  function play(on) {
    playing = on;
    part("play").textContent = on ? "Pause" : "Play";
    cancelAnimationFrame(timer);
    clearTimeout(timer);
    if (!on) return seek(at);
    if (fresh || at >= last) at = 0;
    fresh = false;
    before = performance.now();
    draw();
    wait();
  }
  function wait() {
    timer = calm.matches ? setTimeout(advance, 1000) : requestAnimationFrame(advance);
  }
  function advance() {
    if (!playing) return;
    const time = performance.now();
    at += calm.matches ? JUMP : (SPEED * Math.min(250, time - before)) / 1000;
    before = time;
    if (at >= last) return play(false);
    draw();
    wait();
  }

  part("play").addEventListener("click", () => play(!playing));
  part("restart").addEventListener("click", () => seek(0));
  part("scrub").addEventListener("input", ({ target }) => seek(+target.value));
  rows.listen(part, ([kind], key) => {
    const isOn = (run) => (run.key === kind ? key !== null : model.get("models").includes(run.label));
    set({ models: runs.filter(isOn).map(({ label }) => label) });
  });
  const point = ({ clientX, pointerId }) => { // the error plot is a scrubber too
    if (!errors.hasPointerCapture(pointerId)) return;
    seek(((clientX - errors.getBoundingClientRect().left - EDGE) / (right - EDGE)) * last);
  };
  errors.addEventListener("pointerdown", (event) => {
    errors.setPointerCapture(event.pointerId);
    point(event);
  });
  errors.addEventListener("pointermove", point);
  start();
  return () => {
    playing = false;
    leave();
  };
}
export default { render };
