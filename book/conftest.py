"""nbval runs a chapter's folded solutions, too: in the chapter's kernel, after its cells."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator

import nbformat
import pytest
from nbval.plugin import IPyNbCell, IPyNbFile


def solutions(notebook: nbformat.NotebookNode) -> list[str]:
    """Return the code of the folded solutions, one text a block."""
    prose = "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    folded = re.findall(r'<details class="solution">(.*?)</details>', prose, re.S)
    return [code for text in folded for code in re.findall(r"```python\n(.*?)```", text, re.S)]


class Chapter(IPyNbFile):
    """A chapter: its code cells, then each block of its solutions as one cell more."""

    def collect(self) -> Iterator[IPyNbCell]:
        """Give the cells to run. A chapter whose solutions show no code is an error."""
        cells = list(super().collect())
        code = solutions(self.nb)
        if not code:
            raise self.CollectError(f"{self.nodeid}: no solution shows code")
        yield from cells
        for number, text in enumerate(code, len(cells)):
            yield Solution.from_parent(
                self,
                name=f"Solution, Cell {number}",
                cell_num=number,
                cell=nbformat.v4.new_code_cell(text),
                options=defaultdict(bool),  # nbval's: no skip, no exception allowed
            )


class Solution(IPyNbCell):
    """A cell that shows what it gave: pytest -rP."""

    def runtest(self) -> None:
        """Run the cell and print its output."""
        super().runtest()
        shown = "".join(output.get("text", "") for output in self.test_outputs)
        print(f"{self.cell.source}\n# gives\n{shown}")


@pytest.hookimpl(wrapper=True)
def pytest_collect_file(file_path, parent):
    """Collect the notebooks in chapters/ as chapters, and what else nbval finds as it is."""
    found = yield
    if found and file_path.suffix == ".ipynb" and file_path.parent.name == "chapters":
        return [Chapter.from_parent(parent, path=file_path)]
    return found
