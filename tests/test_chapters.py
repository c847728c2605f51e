"""Every chapter has the parts that the book promises, and is stored without results."""

from __future__ import annotations

import re

import nbformat
import pytest
from bs4 import BeautifulSoup
from conftest import ROOT

CHAPTERS = sorted((ROOT / "book" / "chapters").glob("*.ipynb"))
NOTEBOOKS = [ROOT / "book" / "index.ipynb", *CHAPTERS]
SECTIONS = [
    "Overview",
    "What we do not know",
    "Summary",
    "What next",
    "Exercises",
    "Check yourself",
]

every_chapter = pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
every_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def read(path):
    return nbformat.read(path, as_version=4)


def prose(path) -> str:
    """Return the markdown of a chapter."""
    return "\n\n".join(c.source for c in read(path).cells if c.cell_type == "markdown")


def section(path, title: str) -> str:
    """Return the text below a second-level heading, up to the next one."""
    found = re.search(rf"^## {title}\s*$(.*?)(?=^## |\Z)", prose(path), re.M | re.S)
    assert found, f"there is no section '## {title}'"
    return found[1].strip()


def items(text: str, name: str, folded: str, summary: str) -> list[tuple[str, str]]:
    """Split `**Name N.** ... <details class=folded>...` into pairs of task and folded text."""
    parts = re.split(rf"^\*\*{name} (\d+)\.\*\*", text, flags=re.M)
    assert [int(n) for n in parts[1::2]] == list(range(1, len(parts) // 2 + 1))
    pairs = []
    for number, part in zip(parts[1::2], parts[2::2], strict=True):
        found = re.search(
            rf'^<details class="{folded}">\s*<summary>{summary}</summary>\n\n(.*?)\n\n</details>',
            part,
            re.M | re.S,
        )
        assert found, f"{name} {number} has no folded {summary.lower()}"
        pairs.append((part[: found.start()].strip(), found[1].strip()))
    return pairs


def test_there_are_chapters():
    assert [path.stem[:2] for path in CHAPTERS] == [f"{n:02}" for n in range(len(CHAPTERS))]
    assert len(CHAPTERS) >= 5


@every_notebook
def test_notebook_is_stored_without_results(path):
    notebook = read(path)
    nbformat.validate(notebook)
    assert (notebook.nbformat, notebook.nbformat_minor) == (4, 5)
    assert notebook.metadata.kernelspec.name == "python3"
    assert "widgets" not in notebook.metadata
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert cell.outputs == [] and cell.execution_count is None
    ids = [cell.id for cell in notebook.cells]
    assert len(set(ids)) == len(ids)


@every_chapter
def test_first_screen(path):
    """A question, a sentence of what to look for, then the thing to play with."""
    cells = read(path).cells
    title, _, rest = cells[0].source.partition("\n")
    assert re.fullmatch(r"# .+\?", title.strip()), "the title is a question"
    assert len(rest.split()) >= 4, "a sentence says what to look for"
    assert "## " not in rest
    assert cells[1].cell_type == "code"
    assert "hide-input" in cells[1].metadata.get("tags", [])
    assert sum(len(re.findall(r"^# ", c.source, re.M)) for c in cells if "code" != c.cell_type) == 1


@every_chapter
def test_sections_are_there_in_order(path):
    headings = [h.strip() for h in re.findall(r"^## (.+)$", prose(path), re.M)]
    assert [h for h in headings if h in SECTIONS] == SECTIONS
    assert headings[0] == "Overview"


@every_chapter
def test_overview(path):
    text = section(path, "Overview")
    for start in ("You will learn", "Time", "You need"):
        assert re.search(rf"^\W*\*\*{start}\b", text, re.M), f"no line '**{start}**'"


@every_chapter
def test_a_prediction_comes_before_a_run(path):
    cells = read(path).cells
    boxes = [
        number
        for number, cell in enumerate(cells)
        if re.search(r"(```|:::)\{admonition\} Predict\s*\n:class: predict\b", cell.source)
    ]
    assert boxes
    for box in boxes:
        assert any(cell.cell_type == "code" for cell in cells[box + 1 :])


@every_chapter
def test_what_we_do_not_know_says_something(path):
    assert len(section(path, "What we do not know").split()) >= 20


@every_chapter
def test_summary_is_short(path):
    lines = re.findall(r"^(?:[-*] |\d+\. )", section(path, "Summary"), re.M)
    assert 3 <= len(lines) <= 6
    assert section(path, "What next")


@every_chapter
def test_exercises_have_folded_solutions(path):
    exercises = items(section(path, "Exercises"), "Exercise", "solution", "Solution")
    assert 4 <= len(exercises) <= 6
    for task, solution in exercises:
        assert len(task.split()) >= 5 and len(solution.split()) >= 5


@every_chapter
def test_quiz_explains_every_option(path):
    questions = items(section(path, "Check yourself"), "Question", "answer", "Answer")
    assert 3 <= len(questions) <= 5
    for task, answer in questions:
        options = re.findall(r"^[-*\s]*\**\(?([a-e])[).]", task, re.M)
        assert options == list("abcde"[: len(options)]) and len(options) >= 3, task
        for letter in options:
            mentioned = rf"(?<![\w'’]){letter}(?=[).:,*]| (?:is|and|or|needs|would|cannot|says)\b)"
            assert re.search(mentioned, answer), f"option {letter} of {task!r} is not explained"


@every_notebook
def test_words(path):
    code = r"```(?!\{admonition\}).*?```|\$\$.*?\$\$|\$[^$\n]*\$|`[^`\n]+`|!\[|<!--.*?-->"
    text = re.sub(code, "", prose(path), flags=re.S)
    assert not re.findall(r"\b(?:simply|obviously|of course)\b|\w!", text, re.I)


@every_notebook
def test_numbers_that_prose_shows_are_made_in_the_same_notebook(path):
    code = "\n".join(c.source for c in read(path).cells if c.cell_type == "code")
    used = re.findall(r"\{glue(?::\w+)?\}`([^`:>]+?)(?::[^`]*)?`", prose(path))
    for key in used:
        assert re.search(rf"""glue\(\s*f?["']{re.escape(key)}["']""", code) or "glue(f" in code


@every_notebook
def test_figure_cells_have_alt_text_with_their_caption(path):
    for cell in read(path).cells:
        settings = cell.metadata.get("mystnb", {})
        if "figure" in settings:
            assert settings["figure"].get("caption", "").strip()
            assert len(settings.get("image", {}).get("alt", "").split()) >= 4


@pytest.mark.site
@every_notebook
def test_built_figures_have_alt_text_and_caption(path, site):
    page = site / path.relative_to(ROOT).with_suffix(".html")
    article = BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser").find("article")
    for image in article.select("img"):
        assert len(image.get("alt", "").split()) >= 4, image
    for image in article.select(".cell_output img"):
        caption = image.find_parent("figure") and image.find_parent("figure").figcaption
        assert caption and caption.get_text().strip(), image
