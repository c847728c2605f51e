// The row that trains a model in the kernel. It stays hidden until a kernel answers.
const LIVE = `<form class="live" data-name="live" hidden><b>Train one now</b>
  <label>Model <select data-name="live-model"></select></label>
  <label>Learning rate <input data-name="live-lr" type="number" value="0.01" min="0" step="any"></label>
  <label>Noise <input data-name="live-noise" type="number" value="0" min="0" step="any"></label>
  <button data-name="run">Run</button><button type="button" data-name="stop" disabled>Stop</button>
  <progress data-name="progress" value="0" hidden></progress><output data-name="live-text"></output>
  <label><input type="checkbox" data-name="live-shown" disabled> show this run</label></form>`;

// Calls grown(steps so far) as a run grows; view() is that run where it is to be shown.
function trainer(model, part, grown) {
  let live = null;
  const running = (on) => {
    part("stop").disabled = !on;
    part("progress").hidden = !on;
  };
  const hear = (message, buffers) => {
    const { kind, steps } = message, says = part("live-text");
    if (kind === "ready" && part("live").hidden) {
      for (const label of message.models) part("live-model").add(new Option(label));
      part("live").hidden = false;
    } else if (kind === "start") {
      const [signal, seen, guess] = [0, 1, 2].map(() => new Float32Array(steps).fill(NaN));
      live = { signal, low: -1, high: 1, last: -1, rows: [{ ...message.row, name: "live", seen, guess, lock_on: null }] };
      part("progress").max = steps;
      part("live-shown").disabled = false;
      part("live-shown").checked = true;
      says.textContent = "starting";
      running(true);
    } else if (kind === "steps" && live) {
      const all = floats(buffers[0]), n = all.length / 3, [row] = live.rows;
      [live.signal, row.seen, row.guess].forEach((into, i) => into.set(all.subarray(i * n, (i + 1) * n), message.first));
      live.last = message.first + n - 1;
      row.lock_on = message.lock_on;
      part("progress").value = live.last + 1;
      says.textContent = `${live.last + 1} steps, ${message.rate.toFixed(0)} a second`;
      grown();
    } else if (kind === "end" || kind === "error") {
      if (kind === "error") says.textContent = `This run failed: ${message.text}`;
      running(false);
      grown();
    }
  };
  part("live").addEventListener("submit", (event) => {
    event.preventDefault();
    part("live-text").textContent = "starting";
    model.send({ kind: "run", model: part("live-model").value, lr: +part("live-lr").value, noise: +part("live-noise").value });
  });
  part("stop").addEventListener("click", () => model.send({ kind: "stop" }));
  part("live-shown").addEventListener("change", grown);
  if (!model.isStatic) {
    model.on("msg:custom", hear);
    model.send({ kind: "hello" });
  }
  return {
    busy: () => !part("stop").disabled,
    view: () => (live && live.last >= 0 && part("live-shown").checked ? live : null),
    leave: () => model.off("msg:custom", hear),
  };
}
