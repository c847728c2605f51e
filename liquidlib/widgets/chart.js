// The playground's picture: a curve in ink, what each model answers, and where each locks on.

const VIEW = 360, REACH = 0.86; // steps in view; how much of it lies behind the present step
const HELD = 1024; // steps that a trace keeps
const LANES = 3, LANE = 17, PLOT = 210, BASE = 26, EDGE = 34, GLYPH = 6.9; // pixels
const HEADROOM = 2 * LANE, TALL = HEADROOM + PLOT + BASE;
const escaped = (text) => text.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);
const hue = (name) => `--hue: var(--${name}, var(--orange))`;

// The latest steps of a run, for the picture and the numbers below it.
class Trace {
  constructor(keys) {
    const ring = () => new Float32Array(HELD).fill(NaN);
    this.next = 0; // number of the step to come
    this.clean = ring();
    this.seen = ring();
    this.guess = new Map(keys.map((key) => [key, ring()]));
    this.events = []; // { step, words }: kicks, freezes, changes
  }

  take({ first, clean, seen, models }) {
    clean.forEach((value, i) => {
      this.clean[(first + i) % HELD] = value;
      this.seen[(first + i) % HELD] = seen[i];
      for (const { key, guess } of models) this.guess.get(key)[(first + i) % HELD] = guess[i];
    });
    this.next = first + clean.length;
    this.events = this.events.filter(({ step }) => step > this.next - HELD);
  }

  tell(words) {
    this.events.push({ step: this.next, words });
  }

  // Mean absolute error of the last `n` steps.
  error(key, n = 50) {
    const first = Math.max(0, this.next - n), guess = this.guess.get(key);
    let sum = 0;
    for (let k = first; k < this.next; k++) sum += Math.abs(guess[k % HELD] - this.clean[k % HELD]);
    return sum / (this.next - first);
  }
}

function chart(svg, root) {
  svg.innerHTML = '<g></g><svg><g></g></svg><g></g>';
  const frame = svg.querySelector("svg");
  frame.dataset.name = "frame";
  const [axes, lines, words] = [svg.firstChild, frame.firstChild, svg.lastChild].map(painter);
  let order = [], scale = null;

  // models: { key, label, colour, locked }; ahead: the curve and the untrained answers, or null.
  function draw({ trace, models, ahead, amplitude, noisy, isRunning }) {
    const width = fit(svg, root, TALL), right = width - (width < 480 ? 74 : 110);
    const last = trace.next - 1, from = Math.max(0, last - REACH * VIEW), begin = Math.ceil(from);
    const top = 1.4 * Math.max(1, amplitude);
    const x = (k) => ((k - from) / VIEW) * (right - EDGE), y = (value) => ((top - value) / (2 * top)) * PLOT;
    scale = { x: (px) => from + ((px - EDGE) / (right - EDGE)) * VIEW, y: (px) => top - ((px - HEADROOM) / PLOT) * 2 * top, right };
    Object.entries({ x: EDGE, y: HEADROOM, width: right - EDGE + 8, height: PLOT }).forEach(([k, v]) => frame.setAttribute(k, v));

    for (const value of [-1, 0, 1]) {
      axes.put("text", `y ${value}`, { class: "tick", x: EDGE - 8, y: HEADROOM + y(value) + 4, "text-anchor": "end" }, `${value}`.replace("-", "−"));
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
      for (let k = begin; k <= last; k++) d += `M${x(k).toFixed(1)} ${y(trace.seen[k % HELD]).toFixed(1)}h0`;
      lines.put("path", "seen", { class: "samples", d });
    }
    if (began) lines.put("path", "signal", { class: "curve signal", d: path(begin, last, x, (k) => y(trace.clean[k % HELD])) });
    for (const { key, label, colour, locked } of [...models].reverse()) { // the first lies on top
      const style = hue(colour), guess = trace.guess.get(key), before = ahead?.guess.get(key);
      if (!began && before) {
        const d = path(0, before.length - 1, (i) => x(i * ahead.every), (i) => y(before[i]));
        lines.put("path", `guess-${key}`, { class: "curve", style, d });
        ends.push({ key, colour, label, y: y(before.at(-1)) });
      }
      if (!began || !guess) continue;
      lines.put("path", `guess-${key}`, { class: "curve", style, d: path(begin, last, x, (k) => y(guess[k % HELD])) });
      let sum = 0, n = 0;
      for (let k = Math.max(begin, last - 5); k <= last; k++) if (Number.isFinite(guess[k % HELD])) { sum += guess[k % HELD]; n++; }
      const mean = y(sum / n);
      if (n) ends.push({ key, colour, label: `${label}${mean < 0 ? " ↑" : mean > PLOT ? " ↓" : ""}`, y: mean });
      if (locked !== null && locked >= from) {
        lines.put("circle", `dot-${key}`, { class: "dot", style, cx: x(locked), cy: y(guess[locked % HELD]), r: 5 });
      }
    }
    lines.done();

    const lanes = [];
    for (const { key, label, colour, locked } of models.filter((model) => model.locked !== null && model.locked >= from).sort((p, q) => p.locked - q.locked)) {
      const text = `${label} locked on, step ${locked}`, at = EDGE + x(locked), length = GLYPH * text.length;
      const left = Math.min(at, width - length), free = lanes.findIndex((edge) => edge < left);
      const lane = free < 0 ? lanes.length : free, line = 13 + LANE * lane;
      if (lane >= LANES) continue; // no room: the list below has it, too
      lanes[lane] = left + length + 8;
      words.put("path", `mark-${key}`, { class: "curve thin", style: hue(colour), d: `M${at} ${line + 4}V${HEADROOM + y(trace.guess.get(key)[locked % HELD])}` });
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
  }

  // The step and the value under a pointer.
  const under = ({ clientX, clientY }) => {
    const box = svg.getBoundingClientRect();
    return [scale.x(clientX - box.left), scale.y(clientY - box.top)];
  };
  return { draw, under };
}
