// The models below the picture: one row for each kind, with its size and how well it does.

function table(presets) {
  const families = Object.values(presets.reduce((found, one) => {
    (found[one.family ?? one.label] ??= []).push(one);
    return found;
  }, {}));
  const sizes = (family, i) => `<select data-name="size-${i}" aria-label="Size of the ${escaped(family[0].label)}">${
    family.map(({ key, size }) => `<option value="${key}">${size}</option>`).join("")}</select>`;
  const row = (family, i) => `<div class="run" data-name="row-${i}" data-family="${family[0].key.split("-")[0]}" style="${hue(family[0].colour)}">
    <span><label><input type="checkbox" data-name="on-${i}"><i></i> ${escaped(family[0].label)}</label>${family.length > 1 ? sizes(family, i) : ""}</span>
    <small data-name="count-${i}"></small><span data-name="error-${i}"></span>
    <span data-name="share-${i}"></span><span data-name="lock-${i}"></span></div>`;
  const html = `<div class="runs" data-name="rows"><div class="run head"><span></span><small>parameters</small>
    <small>mean error, 50 steps</small><small>within 0.005</small><small>lock-on</small></div>${families.map(row).join("")}</div>`;

  function show(part, { models, fits, told, trace }) {
    families.forEach((family, i) => {
      const key = family.find((one) => models.includes(one.key))?.key, state = told.get(key), size = part(`size-${i}`);
      const set = (what, text) => { part(`${what}-${i}`).textContent = text; };
      part(`row-${i}`).classList.toggle("off", !key);
      part(`on-${i}`).checked = !!key;
      if (key && size) size.value = key;
      const shown = family.find((one) => one.key === (key ?? size?.value)) ?? family[0];
      const error = state && trace.next ? trace.error(key) : NaN;
      set("count", (state?.parameters ?? shown.parameters).toLocaleString("en"));
      set("error", Number.isFinite(error) ? (error < 100 ? error.toFixed(4) : error.toExponential(1)) : "");
      set("share", trace.next && state && state.diverged === null ? `${(100 * state.share).toFixed(0)} %` : "");
      if (key && !fits(key)) set("lock", `needs window ${shown.windows.join(" or ")}`);
      else if (!state || !trace.next) set("lock", "");
      else if (state.diverged !== null) set("lock", `diverged, step ${state.diverged}`);
      else set("lock", state.locked !== null ? `step ${state.locked}` : "not yet");
    });
  }

  // Calls pick(keys of the kind, the one chosen or null).
  function listen(part, pick) {
    families.forEach((family, i) => {
      const keys = family.map(({ key }) => key), size = part(`size-${i}`);
      if (size) size.value = keys[Math.min(1, keys.length - 1)];
      part(`on-${i}`).addEventListener("change", ({ target }) => pick(keys, target.checked ? (size?.value ?? keys[0]) : null));
      size?.addEventListener("change", () => pick(keys, size.value));
    });
  }

  return { html, show, listen };
}
