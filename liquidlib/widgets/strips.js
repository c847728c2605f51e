// What a model holds inside, over the samples of its last window: a strip for each thing, a row for
// each unit. Orange to blue over the page's colour tells the sign to every kind of eye.

const TELLS = {
  state: { words: "hidden state", scale: (value) => value, low: "−1", high: "+1" },
  gate: { words: "gate σ", scale: (value) => 2 * value - 1, low: "1 − σ", high: "σ" },
};

const STRIPS = Object.entries(TELLS).map(([key, { words, low, high }]) => `<figure data-name="strip-${key}" hidden>
  <figcaption>${words}: <b class="low">${low}</b> to <b class="high">${high}</b>, a row for each unit, over the window's samples, oldest left</figcaption>
  <canvas data-name="${key}" role="img" aria-label="${words} of each unit over the window"></canvas></figure>`).join("");

// Show what a model recorded at its last answer; of some models there is no gate.
function reveal(part, inside) {
  if (!inside) return;
  for (const name in TELLS) {
    const record = inside.records[name];
    part(`strip-${name}`).hidden = !record;
    if (record) strip(part(name), record, TELLS[name].scale);
  }
}

// Draw {width, rows} on a canvas: T columns, oldest left, and `width` rows.
function strip(canvas, { width, rows }, scale) {
  const [low, page, high] = ["--orange", "--page", "--cfc"].map((name) => rgb(getComputedStyle(canvas).getPropertyValue(name)));
  const steps = rows.length / width, image = new ImageData(steps, width);
  for (let t = 0; t < steps; t++) {
    for (let unit = 0; unit < width; unit++) {
      const value = clamp(scale(rows[t * width + unit]), -1, 1), end = value < 0 ? low : high, share = Math.abs(value);
      const at = 4 * (unit * steps + t);
      for (let c = 0; c < 3; c++) image.data[at + c] = page[c] + share * (end[c] - page[c]);
      image.data[at + 3] = 255;
    }
  }
  if (canvas.width !== steps || canvas.height !== width) Object.assign(canvas, { width: steps, height: width });
  canvas.getContext("2d").putImageData(image, 0, 0);
}

const rgb = (hex) => [1, 3, 5].map((i) => parseInt(hex.trim().slice(i, i + 2), 16));
