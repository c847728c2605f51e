"""The playground's page: ten experiments, whose links do what they say."""

from __future__ import annotations

import ast
import re

import pytest
import test_chapters as chapters
from bs4 import BeautifulSoup
from conftest import ROOT

PATH = ROOT / "book" / "playground.ipynb"


def experiments() -> list[str]:
    """Return the text of each experiment, with its heading."""
    parts = re.split(r"^## (?=\d)", chapters.prose(PATH), flags=re.M)[1:]
    return [part.partition("\n## ")[0] for part in parts]


def links(text: str) -> list[str]:
    found = BeautifulSoup(text, "html.parser").find_all("a", href=re.compile(r"^#play\?"))
    return [link["href"] for link in found]


def settings_of(address: str, first: dict) -> dict:
    settings = {}
    for pair in address.partition("?")[2].split("&"):
        name, _, text = pair.partition("=")
        kind = type(first[name])
        settings[name] = text.split(",") if kind is list else text if kind is str else float(text)
    return first | settings


def computed() -> set[str]:
    """Return the addresses that code cells run."""
    cells = [cell.source for cell in chapters.read(PATH).cells if cell.cell_type == "code"]
    nodes = [node for source in cells for node in ast.walk(ast.parse(source))]
    return {node.value for node in nodes if isinstance(node, ast.Constant)}


@pytest.mark.parametrize(
    "rule",
    [
        chapters.test_notebook_is_stored_without_results,
        chapters.test_words,
        chapters.test_numbers_that_prose_shows_are_made_in_the_same_notebook,
    ],
    ids=lambda rule: rule.__name__,
)
def test_chapters_rules_hold(rule):
    rule(PATH)


def test_code_fits_the_page():
    for cell in chapters.read(PATH).cells:
        if cell.cell_type == "code":
            assert max(map(len, cell.source.splitlines())) <= 76


def test_ten_experiments_ask_first_and_answer_folded():
    texts = experiments()
    assert [int(text.partition(".")[0]) for text in texts] == list(range(1, 11))
    for text in texts:
        title, _, rest = text.partition("\n")
        assert title.endswith("?")
        task, folded, answer = rest.partition(
            '<details class="answer"><summary>What happens, and why</summary>\n\n'
        )
        assert folded and answer.rstrip().endswith("\n</details>")
        assert "?" in task.partition("<a ")[0], "the question comes before the link"
        assert links(task) and "*Train*" in task
        assert "{glue" not in task, "the numbers are in the answer"
        assert "{glue" in answer and "(chapters/0" in answer


def test_what_a_link_sets_up_is_what_the_numbers_come_from():
    addresses = computed()
    for text in experiments():
        assert set(links(text)) <= addresses


LINKING = sorted(
    path.relative_to(ROOT).with_suffix(".html").as_posix()
    for path in (ROOT / "book").rglob("*.ipynb")
    if links(chapters.prose(path))
)


@pytest.mark.browser
@pytest.mark.site
@pytest.mark.parametrize("page", LINKING)
def test_links_set_the_playground_of_their_page(open_widget, page):
    widget = open_widget(page, having="freeze")
    shown = widget.page.locator('article a[href^="#play?"]').all()
    addresses = [link.get_attribute("href") for link in shown]
    assert addresses == links(chapters.prose((ROOT / page).with_suffix(".ipynb")))
    for address in addresses:
        widget.page.evaluate(
            "(at) => [...document.links].find((a) => a.getAttribute('href') === at).click()",
            address,
        )
        wanted = settings_of(address, widget.get("first"))
        widget.page.wait_for_function(
            "(lr) => document.querySelector('[data-name=lr-text]').textContent === lr",
            arg=f"{wanted['lr']:g}",
        )
        assert widget.part("note").is_hidden()
        assert widget.get("settings") == wanted
        assert widget.get("settings")["models"], "a model to train"


@pytest.mark.browser
@pytest.mark.site
@pytest.mark.parametrize(
    "page", ["book/index.html", "book/playground.html", "book/chapters/04_sine.html"]
)
def test_without_scripts_a_picture_stands_for_the_playground(browser, site_url, page):
    context = browser.new_context(java_script_enabled=False)
    shown = context.new_page()
    shown.goto(f"{site_url}/{page}")
    picture = shown.locator('img[alt^="A sine in black"]')
    picture.wait_for()
    assert picture.count() == 1
    assert picture.bounding_box()["height"] > 200
    context.close()
