// The playground: buttons, the loop from frame to frame, and what is seen.

const NOW = ["lr", "beta1", "beta2", "weight_decay"]; // settings that a run takes up at once
const CURVE = ["curve", "drawn", "frequency", "amplitude", "noise", "jitter", "drop"]; // so does its curve
const QUIET = ["speed", "inside"]; // these change nothing in it
const SLICE = 12, FRAME = 1000 / 60, CALM = 400; // ms: of a slice, of a frame, of one where less motion is wanted
const NUMBERS = 120; // ms between two states of the numbers, so that they can be read
const KICK = (2 * Math.PI) / 3; // a third of a period

function render({ model, el }) {
  const presets = model.get("presets"), first = model.get("first"), name = model.get("name");
  const rules = { allowed: model.get("allowed"), keys: presets.map(({ key }) => key), points: model.get("points") };
  const turn = controls(first, rules), rows = table(presets);
  const { root, part, start, leave } = mount(model, el, `
    <p class="hint" data-name="hint"></p>
    <div class="bar first"><button type="button" class="main" data-name="play">Train</button>
      <button type="button" data-name="step">Step</button><button type="button" data-name="reset">Reset</button>
      <button type="button" data-name="freeze">Freeze the weights</button>
      <button type="button" data-name="kick">Kick</button><div class="sliders">${turn.lr}</div></div>
    <svg data-name="chart" role="img" tabindex="-1"></svg>
    <p class="source" data-name="rate"></p>
    ${rows.html}
    <p class="note" data-name="note" role="status" hidden></p>
    <details data-name="more"><summary>More to turn</summary><div class="sliders">${turn.more}</div></details>
    <details data-name="look"><summary>Look inside</summary>
      <p><label>Model <select data-name="inside"></select></label></p>${STRIPS}</details>
    <div class="bar last"><button type="button" data-name="draw" aria-pressed="false">Draw your own curve</button>
      <button type="button" data-name="copy">Copy as Python</button><span data-name="copied" role="status"></span></div>
    <pre data-name="python" tabindex="0" aria-label="This run in Python" hidden></pre>
    <p class="unseen" data-name="says" aria-live="polite"></p>`, [], draw);
  const picture = chart(part("chart"), root), calm = matchMedia("(prefers-reduced-motion: reduce)");
  const ours = session(model, hear);
  const own = pen(part, picture, {
    say,
    before: () => toPoints(drawnOf(settings)),
    drawn(points) {
      if (ours.trace.next) { // over a whole period, from step 0
        ours.trace = new Trace([]);
        restart();
      }
      apply({ curve: "drawn", amplitude: 1, drawn: fromPoints(points) });
    },
    changed: () => (own.isOn() ? play(false) : draw()),
  });

  let settings = model.get("settings");
  let isPlaying = false, isFrozen = false;
  let timer, writing, before = 0, credit = 0, spoken = 0, rate = 0, rated = null;

  const presetOf = (key) => presets.find((one) => one.key === key);
  const fits = (key) => !presetOf(key).windows || presetOf(key).windows.includes(settings.window);
  const chosen = () => rules.keys.filter((key) => settings.models.includes(key));
  const trained = () => chosen().filter(fits);
  const labelOf = (key) => {
    const { label } = presetOf(key), isShared = chosen().filter((other) => presetOf(other).label === label).length > 1;
    return isShared ? `${label} ${presetOf(key).size}` : label;
  };

  function restart() {
    isFrozen = false;
    ours.restart(settings, trained());
  }

  function hear(kind, data) {
    if (kind === "error") play(false);
    if (kind === "ready" && part("look").open) ours.peek(settings.inside);
    if (kind === "peek" || kind === "steps") reveal(part, data.inside);
    if (kind === "steps") {
      for (const [key, { before, locked, diverged }] of ours.told) {
        if (before.locked === null && locked !== null) say(`${labelOf(key)} locked on at step ${locked}`);
        if (before.diverged === null && diverged !== null) say(`${labelOf(key)} diverged at step ${diverged}`);
      }
      root.dispatchEvent(new CustomEvent("liquid-steps", { detail: data, bubbles: true }));
    }
    draw();
  }

  // The loop -----------------------------------------------------------------------------------

  function advance(steps, ms) {
    return ours.advance({ steps, ms, training: !isFrozen, inside: part("look").open ? settings.inside : "" });
  }

  function tick() {
    const now = performance.now(), most = calm.matches ? 2 * CALM : 4 * FRAME; // no catching up after a pause
    if (before && !document.hidden) credit = Math.min(credit + now - before, most);
    const steps = Math.floor((settings.speed * credit) / FRAME);
    if (steps && advance(steps, calm.matches ? CALM / 2 : SLICE)) credit -= (steps * FRAME) / settings.speed;
    before = now;
    if (isPlaying) timer = calm.matches ? setTimeout(tick, CALM) : requestAnimationFrame(tick);
  }

  function play(on) {
    isPlaying = on;
    cancelAnimationFrame(timer);
    clearTimeout(timer);
    before = credit = rate = 0;
    rated = null;
    if (on) tick();
    draw();
  }

  function measure() { // steps a second, over half a second or more
    const now = performance.now(), { next } = ours.trace;
    if (!rated || next < rated.next) rated = { now, next };
    if (now - rated.now < 500) return;
    rate = (1000 * (next - rated.next)) / (now - rated.now);
    rated = { now, next };
  }

  // Settings -----------------------------------------------------------------------------------

  function apply(changes, isReaders = true) {
    const old = settings;
    settings = { ...settings, ...changes };
    const keys = Object.keys(settings).filter((key) => `${settings[key]}` !== `${old[key]}`);
    if (isReaders && keys.length) {
      model.set("settings", settings);
      model.save_changes();
      write();
    }
    const has = (list) => keys.some((key) => list.includes(key)), began = ours.trace.next > 0;
    const isFewer = settings.models.length && settings.models.every((key) => old.models.includes(key));
    const isNew = keys.some((key) => ![...NOW, ...CURVE, ...QUIET].includes(key) && !(key === "models" && isFewer));
    if (isNew || (has(CURVE) && !began)) restart();
    else {
      old.models.filter((key) => !settings.models.includes(key)).forEach(ours.drop);
      if (has(NOW)) ours.set(settings);
      if (has(CURVE)) ours.change(settings);
    }
    if (has(["inside"]) && !isPlaying) ours.peek(settings.inside);
    draw();
  }

  function write() { // into the address, a few times a second at most
    if (!model.isStatic) return;
    clearTimeout(writing);
    writing = setTimeout(() => {
      try {
        history.replaceState(history.state, "", toAddress(name, settings, first));
      } catch { /* a page that may not: its address stays as it is */ }
    }, 300);
  }

  function read(fragment, isAsked) {
    if (addressed(fragment) !== name) return;
    const { settings: found, ignored } = fromAddress(fragment, first, rules);
    const words = ignored.length ? `Left out of the address, being no setting of this playground or out of its range: ${ignored.slice(0, 5).join(", ")}.` : "";
    part("note").textContent = words;
    part("note").hidden = !words;
    settings = found;
    model.set("settings", settings);
    model.save_changes();
    if (!isAsked) return;
    part("look").open = settings.inside !== "";
    clearTimeout(writing);
    play(false);
    restart();
    root.scrollIntoView({ block: "nearest", behavior: calm.matches ? "auto" : "smooth" });
  }
  const go = () => model.isStatic && read(location.hash, true); // a link has changed the page's address

  function follow(event) { // a link that does not: it is there already, or we are in a notebook
    const fragment = event.target.closest?.("a")?.hash, notebook = (element) => element.closest(".jp-Notebook");
    if (!fragment || notebook(event.target) !== notebook(root) || (model.isStatic && fragment !== location.hash) || addressed(fragment) !== name) return;
    event.preventDefault();
    read(fragment, true);
  }

  function heed() { // what Python set
    const given = model.get("settings");
    if (given !== settings && JSON.stringify(given) !== JSON.stringify(settings)) apply(given, false);
  }

  // What is seen -------------------------------------------------------------------------------

  function hint(keys) {
    const states = keys.map((key) => ours.told.get(key)), gone = keys.filter((key) => ours.told.get(key).diverged !== null);
    if (ours.failed) return `${ours.failed} Press Reset.`;
    if (own.isOn()) return "Draw a curve on the chart with the pointer, or with the arrow keys, and end with Enter.";
    if (!trained().length) return "Choose a model below.";
    if (gone.length) return `${gone.map(labelOf).join(", ")} diverged: the numbers grew beyond all bounds. Press Reset, or lower the learning rate first.`;
    if (isFrozen) return "The weights stand still now. Do the lines still follow the curve?";
    if (!ours.trace.next) return "Untrained models, and a curve that they do not know. Press Train: which one finds it first?";
    if (states.length && states.every(({ locked }) => locked !== null)) return "All of them have found the curve. Freeze the weights: what have they learned?";
    return "At every step each model answers, is told the true value, and learns from its error.";
  }

  function draw() {
    const keys = trained().filter((key) => ours.told.has(key)), { trace, told } = ours, isRunning = isPlaying && !own.isOn();
    picture.draw({
      trace, isRunning, pen: own.at(), ahead: trace.next < VIEW ? ours.ahead : null, amplitude: settings.amplitude, noisy: settings.noise > 0,
      models: keys.map((key) => ({ key, label: labelOf(key), colour: presetOf(key).colour, locked: told.get(key).locked })),
    });
    const now = performance.now();
    if (isRunning && now - spoken < NUMBERS) return;
    spoken = now;
    measure();
    const write_in = (what, text) => { if (part(what).textContent !== text) part(what).textContent = text; };
    write_in("hint", hint(keys));
    write_in("play", isPlaying ? "Pause" : isFrozen ? "Go on" : "Train");
    write_in("freeze", isFrozen ? "Let them learn" : "Freeze the weights");
    write_in("rate", `step ${trace.next}${isPlaying && rate ? `, ${rate.toFixed(rate < 10 ? 1 : 0)} steps a second` : ""}`);
    part("kick").disabled = part("freeze").disabled = !trace.next;
    part("freeze").classList.toggle("lit", !isFrozen && keys.some((key) => told.get(key).locked !== null));
    part("reset").classList.toggle("lit", keys.some((key) => told.get(key).diverged !== null));
    rows.show(part, { models: settings.models, fits, told, trace });
    turn.show(part, settings);
    const open = keys.filter((key) => told.get(key).records.length), select = part("inside");
    if (`${open}` !== `${[...select.options].map(({ value }) => value)}`) select.replaceChildren(...open.map((key) => new Option(labelOf(key), key)));
    part("look").hidden = !open.length;
    if (open.includes(settings.inside)) select.value = settings.inside;
    else if (part("look").open && open.length) apply({ inside: open[0] });
    if (isRunning) return;
    const words = keys.map((key) => `${labelOf(key)}: ${told.get(key).locked === null ? "not locked on" : `locked on at step ${told.get(key).locked}`}`);
    part("chart").setAttribute("aria-label", `A curve and what models answer, up to step ${trace.next}. ${words.join("; ")}.`);
    if (!part("python").hidden) write_in("python", python());
  }

  function say(text) {
    part("says").textContent = text;
  }

  function python() {
    const mid = ours.changed ? "# What was changed on the way, frozen or kicked is not in here.\n" : "";
    return mid + asPython(settings, trained().map(presetOf), Math.max(200, ours.trace.next));
  }

  // What the reader does -----------------------------------------------------------------------

  const on = (what, type, act) => part(what).addEventListener(type, act);
  on("play", "click", () => play(!isPlaying));
  on("step", "click", () => { play(false); advance(1, SLICE); });
  on("reset", "click", () => { play(false); restart(); });
  on("freeze", "click", () => {
    isFrozen = !isFrozen;
    ours.trace.tell(isFrozen ? "frozen" : "learning");
    draw();
  });
  on("kick", "click", () => { ours.kick(KICK); draw(); });
  turn.listen(part, apply);
  rows.listen(part, (kind, key) => {
    const others = settings.models.filter((other) => !kind.includes(other));
    apply({ models: rules.keys.filter((one) => one === key || others.includes(one)) });
  });
  on("inside", "change", ({ target }) => apply({ inside: target.value }));
  on("look", "toggle", () => (part("look").open ? draw() : apply({ inside: "" })));
  on("copy", "click", async () => {
    part("python").textContent = python();
    part("python").hidden = false;
    try {
      await navigator.clipboard.writeText(part("python").textContent);
      part("copied").textContent = "copied";
    } catch {
      getSelection().selectAllChildren(part("python"));
      part("copied").textContent = "selected: copy it from below";
    }
  });
  if (model.isStatic) read(location.hash, false);
  part("look").open = settings.inside !== "";
  model.on("change:settings", heed);
  addEventListener("hashchange", go);
  addEventListener("click", follow, true);
  start();
  const near = new IntersectionObserver((entries) => { // the worker is made where it is seen
    if (ours.isOpen() || !entries.some(({ isIntersecting }) => isIntersecting)) return;
    near.disconnect();
    ours.open();
    restart();
  }, { rootMargin: "400px" });
  near.observe(root);
  return () => {
    play(false);
    clearTimeout(writing);
    near.disconnect();
    removeEventListener("hashchange", go);
    removeEventListener("click", follow, true);
    model.off("change:settings", heed);
    ours.close();
    leave();
  };
}
export default { render };
