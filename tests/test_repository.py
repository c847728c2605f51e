"""The repository: what must be there, and what must not."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
import yaml
from conftest import ROOT

TOP = """
    .ci/run .github/workflows/book.yml .gitignore .pre-commit-config.yaml CHANGELOG.md CITATION.cff
    LICENSE LICENSE-TEXT Makefile README.md _config.yml _toc.yml book/index.ipynb constraints.txt
    liquidlib/__init__.py pyproject.toml requirements.txt tests/conftest.py tools/build.py
""".split()
TARGETS = ["help", "book", "build", "test", "lab", "clean"]


@pytest.fixture(scope="module")
def tracked():
    """Return the files that git keeps, or would."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout")
    paths = (ROOT / name for name in listed.decode().split("\0") if name)
    return [path for path in paths if path.is_file()]


@pytest.mark.parametrize("name", TOP)
def test_file_is_there(name):
    assert (ROOT / name).is_file()


def test_nothing_built_is_tracked(tracked):
    names = [path.relative_to(ROOT).as_posix() for path in tracked]
    pattern = r"(^|/)(_build|\.venv|__pycache__|\.ipynb_checkpoints|[^/]*\.egg-info)/|\.pyc$"
    assert [name for name in names if re.search(pattern, name)] == []


def test_no_path_of_a_machine_is_tracked(tracked):
    home = re.compile(rb"(?<![\w.~-])/(?:home|Users|root|work|tmp)/[\w.-]+|[A-Z]:\\Users\\")
    found = {}
    for path in tracked:
        data = path.read_bytes()
        if b"\0" not in data and (hits := home.findall(data)):
            found[path.relative_to(ROOT).as_posix()] = hits
    assert found == {}


def test_help_lists_the_targets():
    text = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True).stdout
    assert re.findall(r"^ *make (\w+)", text, re.M) == TARGETS


def test_ci_can_be_started():
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o100
    subprocess.run(["bash", "-n", ".ci/run"], cwd=ROOT, check=True)


@pytest.mark.parametrize("name", [".github/workflows/book.yml", "CITATION.cff", "_config.yml"])
def test_yaml_can_be_read(name):
    assert isinstance(yaml.safe_load((ROOT / name).read_text(encoding="utf-8")), dict)


def test_toc_names_every_page_once():
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    named = [toc["root"]] + [c["file"] for part in toc["parts"] for c in part["chapters"]]
    pages = [*(ROOT / "book").rglob("*.ipynb"), *(ROOT / "book").rglob("*.md")]
    pages = [p.relative_to(ROOT).with_suffix("").as_posix() for p in pages if "/." not in str(p)]
    assert sorted(named) == sorted(pages)


def test_pins_agree_with_the_environment():
    """What the pins say is what the tests ran with."""
    from importlib.metadata import version

    for line in (ROOT / "requirements.txt").read_text().splitlines():
        if found := re.fullmatch(r"([\w.-]+)==(\S+)", line):
            assert version(found[1]).partition("+")[0] == found[2]


def test_liquidlib_starts_without_what_only_the_book_sweeps_and_statistics_need():
    unwanted = {"sphinx", "nbformat", "joblib", "pandas", "scipy"}
    code = f"import sys, liquidlib; print({unwanted} & set(sys.modules))"
    command = [sys.executable, "-c", code]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert run.stdout == "set()\n"
