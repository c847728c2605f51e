const TITLE = 14, HEAD = 36, ROW = 36, ABOVE = 20, GAP = 2; // pixels; ABOVE: a row's name over it, where it is narrow
const STRONG = 0.93, PALE = 0.12; // shares of the accent: white text from STRONG on, the largest median
const shown = (value) => `${+(value < 10 ? value.toPrecision(2) : value.toFixed(1))}`;
const widest = (texts) => Math.max(...[...texts].map((text) => text.getComputedTextLength()));

function render({ model, el }) {
  const [rows, columns, ...choices] = model.get("settings"), measures = model.get("measures"), cells = model.get("cells");
  const cellOf = new Map(cells.map((cell) => [cell.at.join(), cell]));
  const group = Math.random().toString(36).slice(2); // keeps the names of two views apart
  const names = ["measure", ...choices.map((_, k) => `choice-${k}`)];
  const html = `
    <p class="hint">Each cell is the median of its seeds. Choose what is shown, then point at a cell.</p>
    <div class="bar choices">${names.map((name) => `<div><label for="${name}-${group}"></label>
      <select id="${name}-${group}" data-name="${name}"></select></div>`).join("")}</div>
    <div class="scroll" data-name="scroll"><svg data-name="map">
      <g aria-hidden="true"><text class="tick" data-name="rows-title"></text><text class="tick" data-name="columns-title"></text></g>
      <g role="grid" data-name="grid"><g role="row">${columns.words.map((_, j) => `<text role="columnheader" class="tick" data-name="column-${j}"></text>`).join("")}</g>
        ${rows.words.map((_, i) => `<g role="row"><text role="rowheader" data-name="row-${i}"></text>${columns.words.map((_, j) =>
    `<g role="gridcell" data-name="cell-${i}-${j}"><rect></rect><text></text></g>`).join("")}</g>`).join("")}</g></svg></div>
    <p class="scale tick" data-name="scale"><span data-name="smallest"></span><i></i><span data-name="largest"></span>
      <span data-name="never"><b></b>never</span></p>
    <p class="said"><span data-name="says" aria-live="polite"></span> <a data-name="link">Run it in the playground</a></p>`;
  const { root, part, set, start, leave } = mount(model, el, html, ["measure", "at"], draw);
  const svg = part("map"), grid = part("grid");
  const number = (at) => cellOf.get(at.join())?.numbers[measures.indexOf(model.get("measure"))];
  const placeOf = (cell) => cell.dataset.name.split("-").slice(1).map(Number);
  let pointed = null; // [row, column] under the pointer

  for (const [name, label, words] of [["measure", "measure", measures], ...choices.map(({ label, words }, k) => [names[k + 1], label, words])]) {
    part(name).append(...words.map((word, k) => new Option(word, k)));
    part(name).previousElementSibling.textContent = label;
    part(name).parentElement.hidden = words.length < 2;
  }
  part("rows-title").textContent = rows.label;
  part("columns-title").textContent = columns.label;
  rows.words.forEach((word, i) => { part(`row-${i}`).textContent = word; });
  columns.words.forEach((word, j) => { part(`column-${j}`).textContent = word; });

  // A cell's number in one word.
  const word = (numbers) => {
    if (!numbers) return "";
    const [median, , , seeds, , without] = numbers;
    return without === seeds ? "\u2013" : median === null ? "never" : shown(median);
  };

  function sentence(at) {
    const says = model.get("settings").map((setting, k) => setting.says[at[k]]).join(", "), numbers = number(at);
    if (!numbers) return `${says}: no runs`;
    const [median, low, high, seeds, never, without] = numbers, bound = (value) => (value === null ? "never" : shown(value));
    const value = without === seeds ? "no number" : bound(median) + (low === null ? "" : ` (${bound(low)} to ${bound(high)})`);
    return `${says}: ${model.get("measure")} ${value}, ${seeds} seed${seeds === 1 ? "" : "s"}`
      + (never && never < seeds ? `, ${never} of them never` : "") + (without && without < seeds ? `, ${without} of them without a number` : "");
  }

  function say() {
    const at = [...(pointed ?? model.get("at").slice(0, 2)), ...model.get("at").slice(2)], link = cellOf.get(at.join())?.address ?? null;
    const words = sentence(at);
    if (part("says").textContent !== words) part("says").textContent = words;
    part("link").hidden = link === null;
    if (link !== null) part("link").href = link;
  }

  function draw() {
    const [row, column, ...chosen] = model.get("at"), k = measures.indexOf(model.get("measure"));
    part("measure").value = k;
    chosen.forEach((value, n) => { part(names[n + 1]).value = value; });

    const medians = cells.map(({ numbers }) => numbers[k][0]).filter((median) => median !== null);
    const positive = medians.filter((median) => median > 0), low = Math.min(...positive), high = Math.max(...positive);
    const share = (median) => (low < high ? 1 - (1 - PALE) * (Math.log(Math.max(median, low) / low) / Math.log(high / low)) : 1);
    part("scale").hidden = !medians.length;
    if (medians.length) {
      part("smallest").textContent = `smaller, ${shown(Math.min(...medians))}`;
      part("largest").textContent = `${shown(Math.max(...medians))}, larger`;
    }
    part("never").hidden = !cells.some(({ numbers: { [k]: [median, , , seeds, , without] } }) => median === null && without < seeds);

    for (const cell of grid.querySelectorAll('[role="gridcell"]')) cell.lastChild.textContent = word(number([...placeOf(cell), ...chosen]));
    svg.style.setProperty("--size", "12px");
    const room = root.clientWidth, side = widest(svg.querySelectorAll('[role="rowheader"], [data-name="rows-title"]')) + 16;
    const texts = widest(grid.querySelectorAll('[role="gridcell"] text, [role="columnheader"]'));
    const isNarrow = side + columns.words.length * (texts + 12) > room;
    const left = isNarrow ? 0 : side, pitch = ROW + (isNarrow ? ABOVE : 0), least = left + columns.words.length * (texts * (isNarrow ? 11 / 12 : 1) + 3 * GAP);
    if (isNarrow) svg.style.setProperty("--size", "11px");
    const wide = fit(svg, { clientWidth: Math.max(room, least) }, HEAD + rows.words.length * pitch + GAP);
    const width = (wide - left) / columns.words.length;
    const put = (element, attributes) => { for (const key in attributes) element.setAttribute(key, attributes[key]); };
    put(part("rows-title"), { x: 0, y: HEAD - 8, visibility: isNarrow ? "hidden" : "visible" });
    put(part("columns-title"), { x: left + GAP, y: TITLE - 2 });
    columns.words.forEach((_, j) => {
      put(part(`column-${j}`), { x: left + (j + 0.5) * width, y: HEAD - 8, "text-anchor": "middle" });
    });
    put(grid, { "aria-label": `${model.get("measure")} by ${rows.label} and ${columns.label}` });
    rows.words.forEach((_, i) => {
      const top = HEAD + i * pitch + pitch - ROW;
      put(part(`row-${i}`), isNarrow ? { x: GAP, y: top - 4 } : { x: 0, y: top + ROW / 2 + 4 });
      columns.words.forEach((_, j) => {
        const cell = part(`cell-${i}-${j}`), [rect, text] = cell.children, numbers = number([i, j, ...chosen]);
        const median = numbers?.[0] ?? null, strength = median === null ? 0 : share(median), isHere = i === row && j === column;
        put(rect, { x: left + j * width + GAP, y: top + GAP, width: width - 2 * GAP, height: ROW - 2 * GAP, rx: 3 });
        put(text, { x: left + (j + 0.5) * width, y: top + ROW / 2 + 4, "text-anchor": "middle" });
        put(cell, { tabindex: isHere ? 0 : -1, "aria-selected": isHere, style: `--share: ${(100 * strength).toFixed(1)}%`,
          class: median === null ? "blank" : strength >= STRONG ? "strong" : "", "aria-label": `${rows.says[i]}, ${columns.says[j]}: ${word(numbers) || "no runs"}` });
      });
    });
    say();
  }

  const cellAt = (event) => {
    const cell = event.target.closest('[role="gridcell"]');
    return cell && placeOf(cell);
  };
  const select = ([row, column]) => set({ at: [row, column, ...model.get("at").slice(2)] });
  grid.addEventListener("pointerover", (event) => { pointed = cellAt(event); say(); });
  grid.addEventListener("pointerleave", () => { pointed = null; say(); });
  grid.addEventListener("click", (event) => { if (cellAt(event)) select(cellAt(event)); });
  grid.addEventListener("keydown", (event) => {
    const steps = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1], Home: [0, -1e9], End: [0, 1e9] }[event.key];
    if (!steps || event.altKey || event.ctrlKey || event.metaKey) return;
    const [row, column] = cellAt(event);
    const to = [clamp(row + steps[0], 0, rows.words.length - 1), clamp(column + steps[1], 0, columns.words.length - 1)];
    pointed = null;
    select(to);
    part(`cell-${to.join("-")}`).focus();
    event.preventDefault();
  });
  names.forEach((name, n) => part(name).addEventListener("change", (event) => {
    const value = +event.target.value;
    set(n === 0 ? { measure: measures[value] } : { at: model.get("at").with(n + 1, value) });
  }));
  start();
  return leave;
}
export default { render };
