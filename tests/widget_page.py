"""A widget on a built page, as the browser tests take hold of it."""

import re

GATE = "book/chapters/02_gate.html"
SINE = "book/chapters/04_sine.html"
LANDING = "book/index.html"
ENGINE = "book/chapters/05_engine.html"
CLOCK = "book/chapters/11_clock.html"
CLOSED = "book/chapters/12_closed_form.html"
WIRING = "book/chapters/13_wiring.html"
SOLVERS = "book/chapters/14_solvers.html"


# Draws the widget once more, as #copy, with the model that the given function makes.
SECOND_VIEW = """async (box, makeModel) => {
    const widget = document.createElement("div");
    widget.id = "copy";
    box.after(widget);
    const url = URL.createObjectURL(new Blob([box.model.get("_esm")], { type: "text/javascript" }));
    const module = await import(url);
    const model = (0, eval)(makeModel)(box, widget);
    widget.leave = module.default.render({ model, el: widget });
}"""


class Widget:
    """One widget on a page, its parts by their data-name."""

    def __init__(self, page, box):
        self.page, self.box = page, box

    def part(self, name):
        return self.box.locator(f'[data-name="{name}"]')

    def has(self, name):
        return self.part(name).count() == 1

    def get(self, key):
        return self.box.evaluate("(box, key) => box.model.get(key)", key)

    def set(self, key, value):
        self.box.evaluate("(box, [key, value]) => box.model.set(key, value)", [key, value])

    def floats(self, key):
        """Return a binary trait of the model as a list of numbers."""
        return self.box.evaluate(
            """(box, key) => {
                const view = box.model.get(key);
                const places = [...Array(view.byteLength / 4).keys()];
                return places.map((i) => view.getFloat32(4 * i, true));
            }""",
            key,
        )

    def attribute(self, name, key="d"):
        return self.part(name).get_attribute(key)

    def text(self, name):
        return self.part(name).text_content()

    def slide(self, name, value):
        """Move a range input to a value, as a finger does."""
        self.part(name).evaluate(
            """(input, value) => {
                input.value = value;
                input.dispatchEvent(new Event("input", { bubbles: true }));
            }""",
            value,
        )

    def shot(self):
        """Return all that is drawn: every path, every dot and every label."""
        return self.box.evaluate(
            """(box) => {
                const drawn = [...box.querySelectorAll("svg [data-name]:not(g, svg)")];
                return Object.fromEntries(drawn.map((e) => {
                    const place = ["d", "cx", "cy", "x", "y"].map((key) => e.getAttribute(key));
                    return [e.dataset.name, place.join() + e.textContent];
                }));
            }"""
        )

    def drag(self, name, right, down):
        """Drag a part by so many pixels."""
        box = self.part(name).bounding_box()
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        self.page.mouse.move(x, y)
        self.page.mouse.down()
        self.page.mouse.move(x + right / 2, y + down / 2)
        self.page.mouse.move(x + right, y + down)
        self.page.mouse.up()


def changed(before, after):
    return {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}


def points(d):
    return [tuple(map(float, pair)) for pair in re.findall(r"[ML](-?[\d.]+) (-?[\d.]+)", d)]


# The gate
