"""The folded solutions run: each chapter's code, then the code of its solutions."""

from __future__ import annotations

import re

import nbformat
import pytest
from conftest import ROOT
from nbclient import NotebookClient

CHAPTERS = sorted((ROOT / "book" / "chapters").glob("*.ipynb"))


def solutions(notebook) -> list[str]:
    """Return the code of the folded solutions, one text a block."""
    prose = "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    folded = re.findall(r'<details class="solution">(.*?)</details>', prose, re.S)
    return [code for text in folded for code in re.findall(r"```python\n(.*?)```", text, re.S)]


@pytest.mark.slow
@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_solutions_run(path):
    notebook = nbformat.read(path, as_version=4)
    code = solutions(notebook)
    assert code, "no solution shows code"
    notebook.cells += [nbformat.v4.new_code_cell(text) for text in code]
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": path.parent}}).execute()
    for text, cell in zip(code, notebook.cells[-len(code) :], strict=True):
        shown = "".join(output.get("text", "") for output in cell.outputs)
        print(f"{text}\n# gives\n{shown}")  # seen with pytest -rP
