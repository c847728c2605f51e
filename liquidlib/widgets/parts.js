// Shared by the widgets: Python puts this text before the widget's own.
const clamp = (value, low, high) => Math.min(high, Math.max(low, value));
const signed = (value, digits = 2) => value.toFixed(digits).replace("-", "\u2212");

const floats = (view) => new Float32Array(view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength));

// One path through the points first..last; a value that is not finite leaves a gap.
function path(first, last, x, y) {
  let d = "", pen = "M";
  for (let i = first; i <= last; i++) {
    const value = y(i);
    if (Number.isFinite(value)) d += `${pen}${x(i).toFixed(1)} ${clamp(value, -1e4, 1e4).toFixed(1)}`;
    pen = Number.isFinite(value) ? "L" : "M";
  }
  return d;
}

// SVG elements by name: made when first put, changed in place, removed when no longer put.
function painter(parent) {
  const kept = new Map(), fresh = new Set();
  return {
    put(tag, name, attributes, text) {
      let element = kept.get(name);
      if (!element) {
        element = document.createElementNS(parent.namespaceURI, tag);
        element.dataset.name = name;
        kept.set(name, parent.appendChild(element));
      }
      for (const key in attributes) element.setAttribute(key, attributes[key]);
      if (text !== undefined && element.textContent !== text) element.textContent = text;
      fresh.add(name);
      return element;
    },
    done() {
      for (const [name, element] of kept) if (!fresh.has(name)) { element.remove(); kept.delete(name); }
      fresh.clear();
    },
  };
}

// Moves labels {y} apart, in the order given, and keeps them between top and bottom.
function spread(labels, gap, top, bottom) {
  let edge = top;
  for (const label of labels) edge = (label.y = Math.max(label.y, edge)) + gap;
  edge = bottom;
  for (const label of [...labels].reverse()) edge = (label.y = Math.min(label.y, edge)) - gap;
}

// Sets a picture to its widget's width, so that text keeps its size; returns that width.
function fit(svg, root, height) {
  const width = Math.max(260, root.clientWidth);
  for (const [key, value] of [["viewBox", `0 0 ${width} ${height}`], ["width", width], ["height", height]]) svg.setAttribute(key, value);
  return width;
}

// Fills the widget's element; returns how to reach its parts by data-name, and how to leave.
function mount(model, el, html, keys, draw) {
  const root = document.createElement("div");
  root.className = "liquid";
  root.innerHTML = html;
  el.append(root);
  const part = (name) => root.querySelector(`[data-name="${name}"]`);
  const set = (changes) => {
    for (const key in changes) model.set(key, changes[key]);
    model.save_changes();
    draw();
  };
  const sizes = new ResizeObserver(() => draw());
  const start = () => {
    for (const key of keys) model.on(`change:${key}`, draw);
    sizes.observe(root);
    draw();
  };
  const leave = () => {
    sizes.disconnect();
    for (const key of keys) model.off(`change:${key}`, draw);
    root.remove();
  };
  return { root, part, set, start, leave };
}
