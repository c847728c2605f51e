"""What book/conftest.py makes of nbval: it runs the code of the chapters' folded solutions."""

from __future__ import annotations

import shutil
import subprocess
import sys

import nbformat
import pytest
from conftest import ROOT

SOLUTION = """\
<details class="solution">
<summary>Solution</summary>

```python
print(number + {})
```

</details>
"""


@pytest.mark.slow
def test_nbval_runs_solutions_and_names_what_fails(tmp_path):
    shutil.copy(ROOT / "book" / "conftest.py", tmp_path)
    (tmp_path / "chapters").mkdir()
    for name, prose in {
        "index": "No chapter, and no exercises.",
        "chapters/good": SOLUTION.format("1") + SOLUTION.format("2"),
        "chapters/wrong": SOLUTION.format("1") + SOLUTION.format("nothing"),
        "chapters/bare": SOLUTION.replace("python", "text"),
    }.items():
        cells = [nbformat.v4.new_code_cell("number = 41"), nbformat.v4.new_markdown_cell(prose)]
        nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / f"{name}.ipynb")
    options = ["--nbval-lax", "--nbval-current-env", "--continue-on-collection-errors", "-rA"]
    command = [sys.executable, "-m", "pytest", *options, "--rootdir=.", "."]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    summary = run.stdout.partition("short test summary info")[2]
    words = ("PASSED ", "FAILED ", "ERROR ")  # under CI, pytest writes whole messages between
    lines = [line for line in summary.splitlines() if line.startswith(words)]
    assert [line.partition(" - ")[0] for line in lines] == [
        "PASSED chapters/good.ipynb::Cell 0",
        "PASSED chapters/good.ipynb::Solution, Cell 1",
        "PASSED chapters/good.ipynb::Solution, Cell 2",
        "PASSED chapters/wrong.ipynb::Cell 0",
        "PASSED chapters/wrong.ipynb::Solution, Cell 1",
        "PASSED index.ipynb::Cell 0",
        "ERROR chapters/bare.ipynb",
        "FAILED chapters/wrong.ipynb::Solution, Cell 2",
    ]
    assert "bare.ipynb: no solution shows code" in run.stdout
    assert "name 'nothing' is not defined" in run.stdout
    assert "# gives\n43\n" in run.stdout
