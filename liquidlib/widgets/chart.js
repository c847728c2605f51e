// The picture of runs: a curve in ink, what each model answers, and where each locks on.

const VIEW = 360, REACH = 0.86; // steps in view; how much of it lies behind the present step
const LANES = 3, LANE = 17, PLOT = 210, BASE = 26, EDGE = 34, GLYPH = 6.9; // pixels
const HEADROOM = 2 * LANE, TALL = HEADROOM + PLOT + BASE;
const escaped = (text) => text.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);
const hue = (name) => `--hue: var(--${name}, var(--orange))`;

function chart(svg, root) {
  svg.innerHTML = '<g></g><svg><g></g></svg><g></g>';
  const frame = svg.querySelector("svg");
  frame.dataset.name = "frame";
  const [axes, lines, words] = [svg.firstChild, frame.firstChild, svg.lastChild].map(painter);
  let order = [], scale = null;

  // trace: the latest steps, step k at k % size; models: { key, label, colour, locked };
  // ahead: the curve and the untrained answers, or null;
  // pen: the step and the value where a curve is being drawn, or null.
  function draw({ trace, models, ahead, amplitude, ticks = [-1, 0, 1], noisy, pen, isRunning }) {
    const width = fit(svg, root, TALL), right = width - (width < 480 ? 74 : 110);
    const { size } = trace, last = trace.next - 1, from = Math.max(0, last - REACH * VIEW), begin = Math.ceil(from);
    const middle = ticks[1], reach = 1.4 * Math.max(ticks[2] - middle, amplitude), top = middle + reach;
    const x = (k) => ((k - from) / VIEW) * (right - EDGE), y = (value) => ((top - value) / (2 * reach)) * PLOT;
    scale = { x: (px) => from + ((px - EDGE) / (right - EDGE)) * VIEW, y: (px) => top - ((px - HEADROOM) / PLOT) * 2 * reach, right };
    Object.entries({ x: EDGE, y: HEADROOM, width: right - EDGE + 8, height: PLOT }).forEach(([k, v]) => frame.setAttribute(k, v));

    for (const value of ticks) {
      axes.put("text", `y ${value}`, { class: "tick", x: EDGE - 8, y: HEADROOM + y(value) + 4, "text-anchor": "end" }, `${+value.toPrecision(3)}`.replace("-", "−"));
    }
    for (let k = Math.ceil(from / 100) * 100; k <= from + VIEW; k += 100) {
      axes.put("text", `x ${k}`, { class: "tick", x: EDGE + x(k), y: HEADROOM + PLOT + 18, "text-anchor": "middle" }, `${k}`);
    }
    axes.put("path", "base", { class: "rule", d: `M${EDGE} ${HEADROOM + PLOT}H${right}` });
    axes.done();

    const ends = [], began = last >= 0;
    if (ahead) {
      const look = began ? "curve ahead" : "curve signal";
      lines.put("path", "ahead", { class: look, d: path(Math.max(0, last), VIEW - 1, x, (k) => y(ahead.clean[k])) });
    }
    if (noisy && began) {
      let d = "";
      for (const seen of [trace.seen].flat()) { // of one run, or a list of several
        for (let k = begin; k <= last; k++) if (Number.isFinite(seen[k % size])) d += `M${x(k).toFixed(1)} ${y(seen[k % size]).toFixed(1)}h0`;
      }
      lines.put("path", "seen", { class: "samples", d });
    }
    if (began) lines.put("path", "signal", { class: "curve signal", d: path(begin, last, x, (k) => y(trace.clean[k % size])) });
    for (const { key, label, colour, locked } of [...models].reverse()) { // the first lies on top
      const style = hue(colour), guess = trace.guess.get(key), before = ahead?.guess.get(key);
      if (!began && before) {
        const d = path(0, before.length - 1, (i) => x(i * ahead.every), (i) => y(before[i]));
        lines.put("path", `guess-${key}`, { class: "curve", style, d });
        ends.push({ key, colour, label, y: y(before.at(-1)) });
      }
      if (!began || !guess) continue;
      lines.put("path", `guess-${key}`, { class: "curve", style, d: path(begin, last, x, (k) => y(guess[k % size])) });
      let sum = 0, n = 0;
      for (let k = Math.max(begin, last - 5); k <= last; k++) if (Number.isFinite(guess[k % size])) { sum += guess[k % size]; n++; }
      const mean = y(sum / n);
      if (n) ends.push({ key, colour, label: `${label}${mean < 0 ? " ↑" : mean > PLOT ? " ↓" : ""}`, y: mean });
      if (locked !== null && locked >= from) {
        lines.put("circle", `dot-${key}`, { class: "dot", style, cx: x(locked), cy: y(guess[locked % size]), r: 5 });
      }
    }
    if (pen) lines.put("circle", "pen", { class: "dot", style: "--hue: var(--ink)", cx: x(pen[0]), cy: y(pen[1]), r: 5 });
    lines.done();

    const lanes = [];
    for (const { key, label, colour, locked } of models.filter((model) => model.locked !== null && model.locked >= from).sort((p, q) => p.locked - q.locked)) {
      const text = `${label} locked on, step ${locked}`, at = EDGE + x(locked), length = GLYPH * text.length;
      const left = Math.min(at, width - length), free = lanes.findIndex((edge) => edge < left);
      const lane = free < 0 ? lanes.length : free, line = 13 + LANE * lane;
      if (lane >= LANES) continue; // no room: the list below has it, too
      lanes[lane] = left + length + 8;
      words.put("path", `mark-${key}`, { class: "curve thin", style: hue(colour), d: `M${at} ${line + 4}V${HEADROOM + y(trace.guess.get(key)[locked % size])}` });
      words.put("text", `mark-label-${key}`, { class: "label", style: hue(colour), x: left, y: line }, text);
    }
    trace.events.filter(({ step }) => step >= from).forEach(({ step, words: text }, i) => {
      const at = EDGE + x(step), left = Math.min(at + 5, width - GLYPH * text.length);
      words.put("path", `event-${i}`, { class: "rule dashed", d: `M${at} ${HEADROOM}V${HEADROOM + PLOT}` });
      words.put("text", `event-label-${i}`, { class: "label tick", x: left, y: HEADROOM + PLOT - 6 - 15 * (i % 3) }, text);
    });
    // In motion, labels change places only when one is clearly past the other.
    if (!isRunning) order = ends.sort((p, q) => p.y - q.y).map(({ key }) => key);
    const place = ({ key }) => (order.includes(key) ? order.indexOf(key) : order.length);
    ends.sort((p, q) => place(p) - place(q));
    for (let pass = 0; pass < ends.length; pass++) {
      for (let i = 1; i < ends.length; i++) {
        if (ends[i - 1].y > ends[i].y + 8) ends.splice(i - 1, 2, ends[i], ends[i - 1]);
      }
    }
    order = ends.map(({ key }) => key);
    spread(ends, 16, 8, PLOT - 8);
    for (const { key, colour, label, y: height } of ends) {
      const left = Math.min(EDGE + x(began ? last : VIEW) + 9, width - GLYPH * label.length);
      words.put("text", `label-${key}`, { class: "label", style: hue(colour), x: left, y: HEADROOM + height + 4 }, label);
    }
    words.done();
    return { width, right };
  }

  // The step and the value under a pointer.
  const under = ({ clientX, clientY }) => {
    const box = svg.getBoundingClientRect();
    return [scale.x(clientX - box.left), scale.y(clientY - box.top)];
  };
  return { draw, under };
}
