"""The page of claims: no claim is left out, and no verdict stands without stored runs."""

import re
import sys

import numpy as np
import pandas as pd
import pytest
import yaml
from bs4 import BeautifulSoup
from conftest import HTML, ROOT

from liquidlib import Sweep, load_sweep, median_interval, ratio_interval
from liquidlib.sweeps.experiments import EXPERIMENTS
from liquidlib.sweeps.result import stored_path

sys.path.insert(0, str(ROOT / "book" / "_ext"))
import claims_evidence
import claims_table

CLAIMS = claims_table.stored()
COUNTS = {"B": 8, "T": 3, "S": 13, "I": 12}
IDS = [f"{letter}{number}" for letter, n in COUNTS.items() for number in range(1, n + 1)]
# What a verdict may say in figures: settings of the runs, and thresholds. Results are computed.
SETTINGS = {"0.05", "0.1", "0.2", "0.005", "0.5", "0.95", "0.999"}
SETTINGS |= {"0", "2", "10", "20", "38", "100", "1400"}

every_claim = pytest.mark.parametrize("name", CLAIMS)


def words(name):
    """Return all that a claim's row says, before numbers are filled in."""
    return " ".join(CLAIMS[name].get(part, "") for part in ("claim", "why", "needs"))


def test_every_claim_has_one_row_in_order():
    class Once(yaml.SafeLoader):
        """YAML takes the last of two equal keys."""

    def once(loader, node):
        keys = [key.value for key, _ in node.value]
        assert len(keys) == len(set(keys)), keys
        return yaml.SafeLoader.construct_mapping(loader, node, deep=True)

    Once.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, once)
    text = claims_table.FILE.read_text(encoding="utf-8")
    assert [*yaml.load(text, Once)] == IDS


@every_claim
def test_a_row_is_whole(name):
    claim = CLAIMS[name]
    known = {"source", "claim", "verdict", "why", "needs", "sweeps", "where"}
    assert claim.keys() <= known
    assert claim["verdict"] in claims_table.VERDICTS
    assert 5 <= len(claim["claim"].split()) <= 45
    assert not re.findall(r"\b(?:simply|obviously|of course)\b|\w!", words(name), re.I)
    for page in claim.get("where", ()):
        folder = ROOT / "book"
        assert any((folder / f"{page}{end}").is_file() for end in (".md", ".ipynb")), page


@every_claim
def test_an_open_claim_says_what_would_decide_it_and_a_verdict_what_decides_it(name):
    claim = CLAIMS[name]
    if claim["verdict"] == "open":
        assert len(claim["needs"].split()) >= 5
        assert "sweeps" not in claim
    else:
        assert "needs" not in claim and claim["why"] and claim["where"]
        assert claim["sweeps"] and claims_table.placeholders(claim)


@every_claim
def test_a_verdict_rests_on_stored_sweeps_with_just_these_numbers(name):
    claim = CLAIMS[name]
    for sweep in claim.get("sweeps", ()):
        assert sweep in EXPERIMENTS and stored_path(sweep).is_file()
    named = claims_table.placeholders(claim)
    assert set(named) <= claims_evidence.evidence().keys()
    used = {sweep for number in named for sweep in claims_evidence.needed(number)}
    assert used == set(claim.get("sweeps", ())) or claim["verdict"] == "open"


def test_every_function_is_used_or_waits_for_its_sweep():
    """What waits is used as soon as the sweep is stored: then its claim has to be settled."""
    used = {number for claim in CLAIMS.values() for number in claims_table.placeholders(claim)}
    for number in claims_evidence.evidence().keys() - used:
        sweeps = claims_evidence.needed(number)
        assert set(sweeps) <= EXPERIMENTS.keys()
        stored = all(stored_path(sweep).is_file() for sweep in sweeps)
        assert not stored, f"{number} can be computed from {sweeps}: put it into claims.yml"


@every_claim
def test_no_result_is_typed(name):
    claim = CLAIMS[name]
    if claim["verdict"] == "open":
        return
    bare = re.sub(r"\{\w+\}|\b[BTSI]\d+\b", "", claim["why"])
    said = set(re.findall(r"\d+(?:\.\d+)?", bare))
    assert said <= SETTINGS | set(re.findall(r"\d+(?:\.\d+)?", claim["claim"]))


@every_claim
def test_every_number_is_computed_and_has_its_interval(name):
    claim = CLAIMS[name]
    for number in claims_table.placeholders(claim):
        text = claims_evidence.computed(number)
        assert re.fullmatch(r"\S+(\s%| of \d+)? \(\S+ to \S+(\s%)?\)", text), text
        assert "nan" not in text
    assert "{" not in claims_table.reason(claim)


def test_sources_are_in_the_bibliography_and_their_tables_on_the_page():
    bibliography = (ROOT / "book" / "references.bib").read_text(encoding="utf-8")
    page = (ROOT / "book" / "claims.md").read_text(encoding="utf-8")
    sources = {name[0]: claim["source"] for name, claim in CLAIMS.items()}
    assert all(claim["source"] == sources[name[0]] for name, claim in CLAIMS.items())
    for source in sources.values():
        assert f"{{{source}," in bibliography
    assert re.findall(r"^```\{claims\} (\w+)$", page, re.M) == [*sources.values()]


# The numbers ---------------------------------------------------------------------------------


def runs(lock_10, errors, **columns):
    """Return a sweep of linear models with these lock-ons and errors."""
    table = pd.DataFrame({"lock_10": lock_10, "steps": 100, "seed": range(len(lock_10))})
    return Sweep(table.assign(model="linear", **columns), {"error": np.array(errors)}, {})


def test_steps_count_the_ticks_that_fill_the_window():
    sweep = runs([10.0, 10.0, 10.0], np.zeros((3, 5)))
    assert claims_evidence.b1_lock_on(sweep) == "92 (92 to 92)"
    sweep = runs([np.inf, np.inf, np.inf], np.zeros((3, 5)))
    assert claims_evidence.b1_lock_on(sweep) == "never (never to never)"


def test_the_jitter_begins_after_lock_on():
    """Means of 20 steps: the second holds the lock-on, the fourth is above 0.1 again."""
    errors = np.tile([0.9, 0.2, 0.05, 0.3, 0.02], (3, 1))
    assert claims_evidence.b2_from(runs([25.0] * 3, errors)) == "142 (142 to 142)"
    errors[:, 3] = 0
    assert claims_evidence.b2_from(runs([25.0] * 3, errors)) == "never (never to never)"


def test_a_setting_that_is_not_one_is_refused():
    twice = runs([10.0, 10.0], np.zeros((2, 5))).table.assign(seed=0)
    for sweep in (Sweep(twice, {}, {}), Sweep(twice[:0], {}, {})):
        with pytest.raises(ValueError, match="must name one setting"):
            claims_evidence.b1_lock_on(sweep)


def test_the_ratio_counts_as_its_source_does():
    table = load_sweep("reproduction").table
    cfc = table[(table.model == "cfc") & (table.beta2 == 0.999)].lock_20.to_numpy() + 82
    lstm = table[(table.model == "lstm") & (table.state == "zero")].lock_20.to_numpy() + 82
    ratio, low, high = ratio_interval(lstm, cfc)
    assert claims_evidence.computed("b4_gaussian") == f"{ratio:.1f} ({low:.1f} to {high:.0f})"
    assert claims_evidence.computed("b4_cfc_wide").startswith(f"{median_interval(cfc)[0]:.0f} (")


def test_the_ratio_that_waits_for_its_sweep_can_be_computed():
    """On made-up runs: the LSTM's counts are three times the CfC's."""
    lock_on = {("cfc", "published"): 18, ("lstm", "ordinary"): 218, ("lstm", "published"): 900}
    rows = [
        {"model": model, "initial": initial, "lr": lr, "inputs": inputs, "seed": seed}
        | {"lock_10": step if (lr, inputs) == (0.01, "position") else 7}
        for (model, initial), step in lock_on.items()
        for lr in (0.001, 0.01)
        for inputs in ("position", "value")
        for seed in range(3)
    ]
    sweep = Sweep(pd.DataFrame(rows), {}, {})
    assert claims_evidence.b4_ordinary(sweep) == "3.0 (3.0 to 3.0)"


@pytest.mark.parametrize("which, text", [([1, 1, 0, 0], "2 of 4 (15 to 85\u00a0%)")])
def test_a_share_has_wilsons_interval(which, text):
    assert claims_evidence._share(np.array(which, dtype=bool)) == text


# The page ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def page():
    return BeautifulSoup((HTML / "book" / "claims.html").read_text(encoding="utf-8"), "html.parser")


@pytest.mark.site
def test_the_page_shows_every_row_with_its_anchor(page):
    tables = page.select("article table.claims")
    assert [len(table.select("tbody tr")) for table in tables] == [*COUNTS.values()]
    rows = page.select("article table.claims tbody tr")
    assert [row["id"] for row in rows] == [f"claim-{name.lower()}" for name in IDS]
    for row, (name, claim) in zip(rows, CLAIMS.items(), strict=True):
        assert row.find("th", scope="row").get_text() == name
        assert row.select_one("td.verdict").get_text(strip=True) == claim["verdict"]
        assert row.select_one("td.claim").get_text(strip=True)
        text = row.select_one("td.why").get_text()
        assert text.strip() and not re.search(r"[{}]", text)
        assert len(row.select("td.where a")) == len(claim.get("where", ()))
    for table in tables:
        heads = table.select("thead th[scope=col]")
        assert all(head.get_text() or head["aria-label"] for head in heads) and len(heads) == 5


@pytest.mark.site
def test_the_legend_counts(page):
    legend = [entry.get_text() for entry in page.select("dl.claims-legend dt")]
    given = [claim["verdict"] for claim in CLAIMS.values()]
    assert legend == [f"{verdict}: {given.count(verdict)}" for verdict in claims_table.VERDICTS]


@pytest.mark.site
@pytest.mark.browser
def test_the_table_fits_a_narrow_screen_and_marks_do_not_need_colour(site_url, visit):
    shot = visit(f"{site_url}/book/claims.html#claim-b4", width=400)
    for width in (400, 320):
        shot.set_viewport_size({"width": width, "height": 800})
        wide = shot.evaluate(
            """() => [...document.querySelectorAll("table.claims *")].filter((element) => {
                const { right, width } = element.getBoundingClientRect();
                return width > 2 && right > document.documentElement.clientWidth + 0.5;
            }).map((element) => element.outerHTML.slice(0, 100))"""
        )
        assert wide == []
    marks = shot.evaluate(
        """() => [...document.querySelectorAll("dl.claims-legend .verdict-mark")].map((mark) => {
            const { backgroundImage, backgroundColor, borderTopStyle } =
                getComputedStyle(mark, "::before");
            return [backgroundImage, backgroundColor !== "rgba(0, 0, 0, 0)", borderTopStyle].join();
        })"""
    )
    assert len(set(marks)) == len(claims_table.VERDICTS)
    assert shot.problems == []
