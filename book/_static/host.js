/* Shows the book's anywidget widgets in a page that has no kernel.

   Jupyter Book embeds the state of all widget models of a page in one script element, and leaves
   another where each widget's view belongs (what several widgets share is written once, in the list
   "shared": see book/_ext/liquidbook.py). This host reads both, imports the widget's own module
   (`_esm`) and lets it draw into a <div class="liquid-widget"> at that place. The model it hands
   over has get, set, save_changes, on, off and send as in JupyterLab; `model.isStatic` is true, so
   a widget knows that nobody answers. The div's data-state says "ready", "failed" or "no-kernel",
   and its property `model` is the model. */
(() => {
  "use strict";
  const STATE = 'script[type="application/vnd.jupyter.widget-state+json"]';
  const VIEW = 'script[type="application/vnd.jupyter.widget-view+json"]';
  const modules = new Map(); // module text -> promise of the module
  const styles = new Set(); // style sheets already in the page

  function decode(base64) {
    const bytes = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
    return new DataView(bytes.buffer);
  }

  class Model {
    isStatic = true;
    #listeners = new Map(); // event -> set of callbacks
    #widget; // promise of the module's widget, initialised for this model

    constructor({ model_module, state, buffers = [] }, shared = []) {
      const whole = (value) => (value && "shared" in Object(value) ? shared[value.shared] : value);
      this.kind = model_module;
      this.state = Object.fromEntries(Object.entries(state).map(([k, v]) => [k, whole(v)]));
      for (const { path, data } of buffers) {
        const last = path.at(-1);
        const owner = path.slice(0, -1).reduce((value, key) => value[key], this.state);
        owner[last] = decode(whole(data));
      }
    }

    get(name) {
      return this.state[name];
    }

    set(name, value) {
      const changed = Object.entries(typeof name === "object" ? name : { [name]: value })
        .filter(([key, next]) => !Object.is(this.state[key], next));
      for (const [key, next] of changed) this.state[key] = next;
      for (const [key, next] of changed) this.#emit(`change:${key}`, next);
      if (changed.length) this.#emit("change");
      return this;
    }

    on(events, callback) {
      for (const event of events.split(/\s+/)) {
        if (!this.#listeners.has(event)) this.#listeners.set(event, new Set());
        this.#listeners.get(event).add(callback);
      }
      return this;
    }

    off(events, callback) {
      for (const event of events ? events.split(/\s+/) : [...this.#listeners.keys()]) {
        if (callback) this.#listeners.get(event)?.delete(callback);
        else this.#listeners.delete(event);
      }
      return this;
    }

    save_changes() {}
    send() {}

    #emit(event, ...values) {
      for (const callback of [...(this.#listeners.get(event) ?? [])]) callback(this, ...values);
    }

    widget() {
      this.#widget ??= this.#load();
      return this.#widget;
    }

    async #load() {
      const { _esm, _css } = this.state;
      if (_css && !styles.has(_css)) {
        styles.add(_css);
        const style = document.createElement("style");
        style.textContent = _css;
        document.head.append(style);
      }
      if (!modules.has(_esm)) {
        const url = URL.createObjectURL(new Blob([_esm], { type: "text/javascript" }));
        modules.set(_esm, import(url).finally(() => URL.revokeObjectURL(url)));
      }
      const module = await modules.get(_esm);
      let widget = module.default ?? module;
      if (typeof widget === "function") widget = await widget();
      await widget.initialize?.({ model: this });
      return widget;
    }
  }

  function say(element, state, text) {
    const note = document.createElement("p");
    note.className = "liquid-widget-note";
    note.textContent = text;
    element.replaceChildren(note);
    element.dataset.state = state;
  }

  async function show(element, model) {
    if (model?.kind !== "anywidget") {
      say(element, "no-kernel", "This control needs a running kernel: open the chapter in JupyterLab.");
      return;
    }
    element.model = model;
    try {
      const widget = await model.widget();
      await widget.render({ model, el: element });
      element.dataset.state = "ready";
    } catch (error) {
      say(element, "failed", `This widget could not start (${error.message ?? error}).`);
      console.error(error);
    }
  }

  // The theme's scroll spy looks for a list of contents by a name that it does not have here, falls
  // back on every link of the page, and fails on those that set a widget (#play?lr=0.1).
  document.body.dataset.bsTarget = "#pst-page-toc-nav";

  const embedded = document.querySelector(STATE);
  const { state: states, shared } = embedded ? JSON.parse(embedded.textContent) : { state: {} };
  const models = new Map(Object.entries(states).map(([id, entry]) => [id, new Model(entry, shared)]));
  for (const view of document.querySelectorAll(VIEW)) {
    const element = document.createElement("div");
    element.className = "liquid-widget";
    view.after(element);
    show(element, models.get(JSON.parse(view.textContent).model_id));
  }
})();
