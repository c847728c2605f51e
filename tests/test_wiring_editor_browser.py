"""The wiring editor on a page of its own: what is drawn and said is what PyTorch computes."""

import copy
import re

import bare_page
import numpy as np
import pytest
import torch
from torch.nn.functional import softplus
from widget_page import SECOND_VIEW, Widget, points

from liquidlib import LTC, Wiring, WiringEditor

pytestmark = pytest.mark.browser

DEFAULT = LTC(2, 12, wiring=Wiring.auto_ncp(2, 12, 1), seed=56)


def trained():
    """Return a model of which no parameter is what it began as, and inputs for it."""
    model = LTC(3, 14, 2, wiring=Wiring.auto_ncp(3, 14, 2), unfolds=3, seed=1)
    draw = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape, generator=draw))
    return model, np.random.default_rng(0).normal(size=(60, 3))


CASES = {
    "default": (DEFAULT, None, 1.0),
    "trained": (*trained(), 0.7),
    "dense": (LTC(1, 4, seed=2), None, 0.2),
    "standing": (DEFAULT, None, 0.0),
}


@pytest.fixture
def open_page(visit_widgets, tmp_path):
    def visit(editor=None, **look):
        path = bare_page.write(tmp_path / "page.html", [editor or WiringEditor()])
        page = visit_widgets(path.as_uri(), **look)
        box = page.locator('.liquid-widget[data-state="ready"]').first
        box.wait_for()
        return Widget(page, box)

    return visit


@pytest.fixture
def widget(open_page):
    return open_page()


def edited(widget, model):
    """Return the LTC that the page's edits make of a model, float64."""
    model = copy.deepcopy(model).double()
    state = {name: widget.get(name) for name in ("sensory", "adjacency", "silent", "added")}
    silent = [name.split() for name in state["silent"]]
    for kind, name, synapses in (
        ("sensory", "sensory", model.sensory_synapses),
        ("neuron", "adjacency", model.synapses),
    ):
        signs = torch.tensor(state[name], dtype=torch.float64)
        new = (synapses.mask == 0) & (signs != 0)
        for key, value in state["added"].items():
            if key == "pull":
                synapses.reversal.data[new] = value
            elif key == "weight":
                synapses.weight.data[new] = np.log(np.expm1(value))
            else:
                getattr(synapses, key).data[new] = value
        for of, number in silent:
            if of == kind:
                signs[int(number)] = 0
            if of == "neuron":
                signs[:, int(number)] = 0
        synapses.mask = (signs != 0).double()
        synapses.reversal.data = synapses.reversal.data.abs() * signs
    return model


def computed(model, inputs=None, timespan=1.0):
    """Return potentials (T, H) and outputs (T, O) by PyTorch."""
    inputs = np.frombuffer(WiringEditor(model).inputs) if inputs is None else inputs
    x = torch.tensor(np.reshape(inputs, (1, -1, model.input_size)))
    spans = torch.full(x.shape[:2], timespan, dtype=x.dtype)
    with torch.no_grad():
        output, _, recorded = model(x, timespans=spans, record=("state",))
    output = output[0] if model.output_size else output[0, :, : model.wiring.motor_neurons]
    return recorded["state"][0].numpy(), output.numpy()


def on_page(widget):
    """Return what the page computes for the wiring as it is now."""
    states, outputs = widget.box.evaluate(
        """async (box) => {
            const text = box.model.get("_esm"), type = "text/javascript";
            const url = URL.createObjectURL(new Blob([text], { type }));
            const { runLTC, conducting } = await import(url);
            const { states, outputs } = runLTC(box.model, conducting(box.model));
            return [states.map((row) => [...row]), outputs.map((row) => [...row])];
        }"""
    )
    return np.array(states), np.array(outputs)


def same_as_pytorch(widget, model=DEFAULT, inputs=None, timespan=1.0):
    """Check numbers to 1e-6, the drawn traces to a pixel; return the outputs."""
    states, outputs = computed(edited(widget, model), inputs, timespan)
    untouched = computed(copy.deepcopy(model).double(), inputs, timespan)[1]
    found = on_page(widget)
    np.testing.assert_allclose(found[0], states, rtol=0, atol=1e-6)
    np.testing.assert_allclose(found[1], outputs, rtol=0, atol=1e-6)
    ends = min(outputs.min(), untouched.min()), max(outputs.max(), untouched.max())
    for o in range(outputs.shape[1]):
        k = model.input_size + o
        low = float(widget.attribute(f"value-{k}-low", "y"))
        high = low if ends[0] == ends[1] else float(widget.attribute(f"value-{k}-high", "y"))
        for name, values in (("after", outputs), ("before", untouched)):
            wanted = np.interp(values[:, o], ends, (low - 4, high - 4))
            drawn = np.array(points(widget.attribute(f"{name}-{k}")))[:, 1]
            np.testing.assert_allclose(drawn, wanted, rtol=0, atol=0.11)
    return outputs


def picked(widget, before, behind, sign):
    """Choose a synapse in the bar by the names of its neurons, and what becomes of it."""
    widget.part("from").select_option(label=before)
    widget.part("to").select_option(label=behind)
    widget.part({1: "excites", 0: "none", -1: "inhibits"}[sign]).click()


def number(widget, name):
    """Return the place of ``"inter 5"`` or ``"sensory 0"`` among the neurons."""
    kind, i = name.split()
    return int(i) + (0 if kind == "sensory" else len(widget.get("sensory")))


def click_synapse(widget, before, behind):
    key = f"{number(widget, before)}-{number(widget, behind)}"
    widget.part(f"hit-{key}").dispatch_event("click")


# What is computed


@pytest.mark.parametrize("case", CASES)
def test_traces_are_the_models_own(open_page, case):
    model, inputs, timespan = CASES[case]
    widget = open_page(WiringEditor(model, inputs, timespan))
    same_as_pytorch(widget, model, inputs, timespan)
    assert widget.text("change") == "Nothing is changed yet."

    before = copy.deepcopy(model).double()
    synapse = widget.get("synapses")[-1]
    after = synapse["from"] - model.input_size, synapse["to"] - model.input_size
    rows = widget.get("adjacency")
    rows[after[0]][after[1]] *= -1
    widget.set("adjacency", rows)
    outputs = same_as_pytorch(widget, model, inputs, timespan)
    moved = np.abs(outputs - computed(before, inputs, timespan)[1]).max()
    said = widget.text("change")
    if moved < 5e-4:
        assert said == "The trace stays as it was."
    else:
        assert float(re.search(r"is up to ([\d.]+) away", said)[1]) == pytest.approx(
            moved, abs=6e-4
        )


def test_a_click_cuts_a_synapse_and_another_brings_it_back(widget):
    untouched = same_as_pytorch(widget)
    click_synapse(widget, "command 2", "motor 0")
    assert widget.get("adjacency")[2][0] == 0
    moved = np.abs(same_as_pytorch(widget) - untouched)
    assert moved.max() > 0.1
    assert widget.text("change") == (
        "Command 2 has no synapse to motor 0. The trace of motor 0 is up to "
        f"{moved.max():.3f} away from the untouched one, most at step {moved.argmax()}."
    )
    assert widget.attribute("none", "aria-pressed") == "true", "the bar shows the synapse"
    width = "(e) => getComputedStyle(e).strokeWidth"
    assert widget.part("wire-4-2").evaluate(width) == "1px", "a thin line stays in its place"
    click_synapse(widget, "command 2", "motor 0")
    np.testing.assert_array_equal(same_as_pytorch(widget), untouched)


def test_the_mouse_hits_a_synapse(widget):
    line = widget.part("hit-4-2")  # command 2 to motor 0
    x, y = line.evaluate(
        """(line) => {
            const { x, y } = line.getPointAtLength(line.getTotalLength() / 2);
            const box = line.ownerSVGElement.getBoundingClientRect();
            return [x + box.left, y + box.top];
        }"""
    )
    widget.page.mouse.click(x, y)
    assert widget.get("adjacency")[2][0] == 0


def test_the_bar_flips_adds_and_cuts(widget):
    untouched = same_as_pytorch(widget)
    picked(widget, "command 2", "motor 0", -1)
    assert widget.get("adjacency")[2][0] == -1
    flipped = same_as_pytorch(widget)
    assert np.abs(flipped - untouched).max() > 0.1
    picked(widget, "sensory 1", "motor 0", 1)
    assert widget.get("sensory")[1][0] == 1
    added = same_as_pytorch(widget)
    assert np.abs(added - flipped).max() > 0.01
    picked(widget, "motor 0", "motor 0", -1)
    assert np.abs(same_as_pytorch(widget) - added).max() > 1e-3
    picked(widget, "motor 0", "motor 0", 0)
    np.testing.assert_array_equal(same_as_pytorch(widget), added)


@pytest.mark.parametrize("name", ["command 2", "sensory 1", "motor 0", "inter 5"])
def test_a_click_switches_a_neuron_off(widget, name):
    untouched = same_as_pytorch(widget)
    dot = widget.part(f"neuron-{number(widget, name)}")
    dot.click()
    kind = "sensory" if name.startswith("sensory") else "neuron"
    assert widget.get("silent") == [f"{kind} {name.split()[1]}"]
    assert dot.get_attribute("aria-checked") == "false"
    assert np.abs(same_as_pytorch(widget) - untouched).max() > 1e-3
    assert widget.text("change").startswith(f"{name.capitalize()} is off. ")
    dot.click()
    assert widget.get("silent") == []
    np.testing.assert_array_equal(same_as_pytorch(widget), untouched)


def middle(part):
    box = part.bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def test_dragging_joins_two_neurons(widget):
    begin, end = (widget.part(f"neuron-{number(widget, name)}") for name in ("inter 5", "motor 0"))
    (x, y), mouse = middle(begin), widget.page.mouse
    mouse.move(x, y)
    mouse.down()
    mouse.move(x + 60, y + 5, steps=4)
    assert widget.has("draft")
    mouse.move(*middle(end), steps=4)
    mouse.up()
    assert not widget.has("draft")
    assert widget.get("adjacency")[5][0] == 1
    assert widget.get("silent") == [], "a drag is no click"
    same_as_pytorch(widget)


def test_a_finger_joins_and_switches_off(open_page):
    widget = open_page(width=360)
    begin, end = (
        middle(widget.part(f"neuron-{number(widget, name)}")) for name in ("command 1", "command 4")
    )
    touch = widget.page.context.new_cdp_session(widget.page)

    def send(kind, *points):
        places = [{"x": x, "y": y} for x, y in points]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": places})

    send("touchStart", begin)
    for share in (0.2, 0.4, 0.6, 0.8, 1):
        way = [(1 - share) * a + share * b for a, b in zip(begin, end, strict=True)]
        send("touchMove", way)
    send("touchEnd")
    assert widget.get("adjacency")[1][4] == 1, "though it goes down, the page does not scroll"
    assert widget.get("silent") == []
    widget.page.touchscreen.tap(*end)
    assert widget.get("silent") == ["neuron 4"]
    same_as_pytorch(widget)


def test_random_cuts_one_more_each_time_and_restore_brings_all_back(widget):
    untouched, words = same_as_pytorch(widget), widget.text("counts")
    for cut in (1, 2, 3):
        widget.part("random").click()
        matrices = widget.get("sensory") + widget.get("adjacency")
        assert np.count_nonzero(matrices) == 30 - cut
    widget.part("neuron-3").click()
    same_as_pytorch(widget)
    widget.part("restore").click()
    np.testing.assert_array_equal(same_as_pytorch(widget), untouched)
    assert widget.text("counts") == words
    assert widget.text("change") == "Nothing is changed yet."
    assert widget.get("silent") == []


def test_nothing_is_left_to_cut(widget):
    widget.set("sensory", np.zeros((2, 12), int).tolist())
    widget.set("adjacency", np.zeros((12, 12), int).tolist())
    widget.part("random").click()
    same_as_pytorch(widget)
    assert widget.text("counts").startswith("0 of 168 possible synapses")


def test_python_gets_the_edited_wiring_and_its_words(widget):
    editor = WiringEditor()
    picked(widget, "command 2", "motor 0", -1)
    picked(widget, "inter 7", "command 2", 0)
    for name in ("sensory", "adjacency", "silent"):
        editor.set_state({name: widget.get(name)})
    assert widget.text("counts") in editor.wiring.describe()
    assert editor.wiring.adjacency[2, 0] == -1
    widget.part("neuron-3").click()
    editor.set_state({"silent": widget.get("silent")})
    described = editor.wiring.describe()
    for sentence in re.findall(r"[^.]+\.", widget.text("counts")):
        assert sentence.strip() in described
    assert "without any synapse from others" in widget.text("counts")


# What is shown


@pytest.mark.parametrize("step", [0, 53, 114])
def test_levels_and_widths_are_those_of_the_step(widget, step):
    widget.slide("scrub", step)
    assert widget.text("scrub-text") == f"step {step} of 159"
    states, _ = computed(edited(widget, DEFAULT))
    full = np.abs(states).max()
    inputs = np.frombuffer(WiringEditor().inputs).reshape(-1, 2)[step]
    shares = [*(0.5 + inputs / 2), *(0.5 + states[step] / full / 2)]
    for i, share in enumerate(shares):
        level = widget.part(f"neuron-{i}").locator("path").get_attribute("d")
        height = float(re.match(r"M-[\d.]+ (-?[\d.]+)A", level)[1])
        assert height == pytest.approx(12 * (1 - 2 * np.clip(share, 0.01, 0.99)), abs=0.01)
    assert f"full at {full:.2f}" in widget.box.locator(".scale").text_content()

    synapses = copy.deepcopy(DEFAULT).double().synapses
    opened = torch.sigmoid(
        synapses.steepness * (torch.tensor(states[step])[:, None] - synapses.midpoint)
    )
    conductance = softplus(synapses.weight) * opened
    for i, j in synapses.mask.nonzero().tolist():
        width = widget.part(f"wire-{i + 2}-{j + 2}").evaluate("(e) => e.style.strokeWidth")
        assert float(width) == pytest.approx(1 + 4 * conductance[i, j].item(), abs=0.006)


def test_excitation_and_inhibition_differ_without_colour(widget):
    dashes = "(e) => getComputedStyle(e).strokeDasharray"
    wiring = DEFAULT.wiring
    for i, j in np.argwhere(wiring.adjacency):
        is_solid = widget.part(f"wire-{i + 2}-{j + 2}").evaluate(dashes) == "none"
        is_arrow = widget.attribute(f"tip-{i + 2}-{j + 2}").endswith("Z")
        assert is_solid == is_arrow == (wiring.adjacency[i, j] > 0)


def test_neurons_say_whom_they_hear(widget):
    wiring = DEFAULT.wiring
    assert widget.attribute("neuron-0", "aria-label").startswith(
        "sensory neuron 0, speaks to inter"
    )
    graph = wiring.graph()
    for i, node in enumerate(graph):
        label = widget.attribute(f"neuron-{i}", "aria-label")
        for verb, others in (("hears", graph.pred[node]), ("speaks to", graph.succ[node])):
            said = re.search(rf"{verb} (.*?)(?:, speaks|$)", label)
            numbers = set(re.findall(r"\d+", said[1])) if said else set()
            assert numbers == {other.split()[1] for other in others}, label


def test_pointing_at_a_neuron_dims_the_rest(widget):
    widget.part("neuron-5").hover()
    for synapse in widget.get("synapses"):
        key = f"{synapse['from']}-{synapse['to']}"
        is_far = "far" in widget.attribute(f"wire-{key}", "class").split()
        assert is_far == (5 not in (synapse["from"], synapse["to"]))
    widget.page.mouse.move(5, 5)
    assert widget.box.locator(".far").count() == 0


def test_all_of_it_answers_to_keys(widget):
    press = widget.page.keyboard.press
    widget.part("restore").focus()
    press("Tab")
    assert widget.part("neuron-0").evaluate("(e) => e === document.activeElement")
    assert widget.part("neuron-0").evaluate(
        "(e) => getComputedStyle(e.firstChild).strokeWidth"
    ) == "5px"  # fmt: skip
    assert widget.box.locator(".far").count(), "focus points at a neuron, too"
    for key, name in [
        ("ArrowDown", "sensory 1"),
        ("ArrowRight", "inter 10"),
        ("ArrowRight", "command 4"),
        ("ArrowUp", "command 3"),
        ("ArrowUp", "command 2"),
        ("ArrowRight", "motor 0"),
        ("ArrowRight", "motor 0"),
        ("ArrowLeft", "command 2"),
    ]:
        press(key)
        dot = widget.part(f"neuron-{number(widget, name)}")
        assert dot.evaluate("(e) => e === document.activeElement"), name
        assert widget.box.locator('[role="switch"][tabindex="0"]').count() == 1
    press("Enter")
    assert widget.get("silent") == ["neuron 2"]
    press(" ")
    assert widget.get("silent") == []
    press("Tab")
    assert widget.part("from").evaluate("(e) => e.selectedOptions[0].text") == "command 2"
    press("Tab")
    press("m")  # the option that begins so
    for _ in range(3):
        press("Tab")
    press("Enter")
    assert widget.get("adjacency")[2][0] == -1
    same_as_pytorch(widget)
    press("Tab")
    press("ArrowRight")
    assert widget.get("step") == 54


def test_it_runs_and_pauses(widget):
    step = widget.get("step")
    widget.part("run").click()
    assert widget.text("run") == "Pause"
    widget.page.wait_for_function(
        "([box, step]) => +box.querySelector('[data-name=scrub]').value > step + 5",
        arg=[widget.box.element_handle(), step],
    )
    widget.part("neuron-3").click()
    same_as_pytorch(widget)
    assert widget.text("run") == "Pause", "an edit does not stop it"
    widget.part("run").click()
    assert widget.text("run") == "Run"
    assert widget.get("step") > step + 5


def test_it_goes_step_by_step_where_less_motion_is_wanted(open_page):
    widget = open_page(motion="reduce")
    assert widget.text("run") == "Step"
    before = widget.attribute("now")
    widget.part("run").click()
    assert widget.get("step") == 63
    assert widget.attribute("now") != before
    widget.slide("scrub", 155)
    widget.part("run").click()
    assert widget.get("step") == 5, "it begins anew"


def test_the_traces_can_be_dragged(widget):
    box = widget.part("traces").bounding_box()
    mouse = widget.page.mouse
    mouse.move(box["x"] + box["width"] / 2, box["y"] + 60)
    mouse.down()
    mouse.move(box["x"] + box["width"] + 50, box["y"] + 60)
    mouse.up()
    assert widget.get("step") == 159


@pytest.mark.parametrize("width", [360, 900])
def test_it_fits_its_column(open_page, width):
    widget = open_page(width=width)
    widget.part("random").click()
    assert widget.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    sizes = widget.box.evaluate(
        """(box) => [...box.querySelectorAll("svg text")].map(
            (e) => parseFloat(getComputedStyle(e).fontSize))"""
    )
    assert min(sizes) >= 11
    tall = widget.box.locator('[role="switch"] circle').evaluate_all(
        "(all) => all.map((e) => e.getBoundingClientRect().height)"
    )
    assert min(tall) >= 24, "large enough for a finger"


def test_two_views_share_the_edits_and_leave_nothing_behind(widget):
    widget.box.evaluate(SECOND_VIEW, "(box) => box.model")
    copied = Widget(widget.page, widget.page.locator("#copy"))
    copied.part("neuron-3").click()
    assert widget.attribute("neuron-3", "aria-checked") == "false"
    assert widget.attribute("after-2") == copied.attribute("after-2")
    copied.box.evaluate("(box) => box.leave()")
    assert copied.box.inner_html() == ""
    widget.part("restore").click()
    assert widget.attribute("neuron-3", "aria-checked") == "true"
