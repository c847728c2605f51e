"""The build: when it runs notebooks again, when it fails, and what it leaves in _build/html."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

import nbformat
import pytest
from bs4 import BeautifulSoup
from conftest import PAGES, ROOT

sys.path.insert(0, str(ROOT / "tools"))
import build


def small_project(folder: Path, code: str) -> Path:
    """Make a project of one notebook with this project's build and settings."""
    for name in ("tools/build.py", "book/_ext", "book/_static"):
        source, target = ROOT / name, folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if source.is_dir() else shutil.copy)(source, target)
    for name in ("_config.yml", "requirements.txt", "constraints.txt"):
        shutil.copy(ROOT / name, folder)
    (folder / "liquidlib").mkdir()
    (folder / "liquidlib" / "__init__.py").write_text('"""Nothing."""\n')
    (folder / "book" / "references.bib").write_text("")
    (folder / "_toc.yml").write_text("format: jb-book\nroot: book/index\n")
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_markdown_cell("# One page"), nbformat.v4.new_code_cell(code)],
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}},
    )
    nbformat.write(notebook, folder / "book" / "index.ipynb")
    return folder


def run_build(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(folder / "tools" / "build.py"), *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


# The key of the cache


@pytest.mark.parametrize("name", ["a.py", "widgets/b.js", "c.css", "d.json", "data/e.npz"])
def test_a_change_in_liquidlib_changes_the_key(tmp_path, name):
    file = tmp_path / "liquidlib" / name
    file.parent.mkdir(parents=True)
    for pins in ("requirements.txt", "constraints.txt"):
        (tmp_path / pins).write_text("")
    file.write_bytes(b"one")
    before = build.cache_folder(tmp_path)
    assert build.cache_folder(tmp_path) == before
    file.write_bytes(b"two")
    changed = build.cache_folder(tmp_path)
    file.rename(file.with_stem("other"))
    renamed = build.cache_folder(tmp_path)
    assert len({before, changed, renamed}) == 3


@pytest.mark.parametrize("pins", ["requirements.txt", "constraints.txt"])
def test_a_change_in_the_pins_changes_the_key(tmp_path, pins):
    for name in ("requirements.txt", "constraints.txt"):
        (tmp_path / name).write_text("numpy==2.0\n")
    before = build.cache_folder(tmp_path)
    (tmp_path / pins).write_text("numpy==2.1\n")
    assert build.cache_folder(tmp_path) != before


def test_compiled_files_do_not_change_the_key(tmp_path):
    for name in ("requirements.txt", "constraints.txt"):
        (tmp_path / name).write_text("")
    before = build.cache_folder(tmp_path)
    compiled = tmp_path / "liquidlib" / "__pycache__" / "a.pyc"
    compiled.parent.mkdir(parents=True)
    compiled.write_bytes(b"x")
    assert build.cache_folder(tmp_path) == before


# Whole builds of one page


@pytest.mark.slow
def test_a_failing_notebook_fails_every_build(tmp_path):
    folder = small_project(tmp_path, "print('before')\nraise ValueError('on purpose')")
    for options in ([], ["--strict"]):  # the second time, too: a failure is not cached
        result = run_build(folder, *options)
        assert result.returncode == 1
        assert "book/index.ipynb, code cell 1" in result.stderr
        assert "ValueError" in result.stderr and "on purpose" in result.stderr
    assert not (folder / "_build" / "html" / "index.html").exists()


@pytest.mark.slow
def test_notebooks_run_again_only_when_they_must(tmp_path):
    code = "from pathlib import Path\nwith Path('../runs').open('a') as f:\n    f.write('x')"
    folder = small_project(tmp_path, code)

    def runs_after_build(*options: str) -> int:
        result = run_build(folder, *options)
        assert result.returncode == 0, result.stdout + result.stderr
        assert (folder / "_build" / "html" / "book" / "index.html").is_file()
        return len((folder / "runs").read_text())

    assert runs_after_build("--strict") == 1  # Jupyter Book takes the run from the cache
    assert runs_after_build() == 1
    leftover = folder / "_build" / "html" / "old.html"
    leftover.write_text("from before")
    (folder / "liquidlib" / "new.py").write_text("")
    assert runs_after_build() == 2
    assert not leftover.exists()
    assert len(list((folder / "_build" / "cache").iterdir())) == 1


# The built book


@cache
def soup(path: Path) -> BeautifulSoup:
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


@pytest.mark.site
@pytest.mark.parametrize("name", PAGES)
def test_no_errors_in_the_outputs(name, site):
    assert soup(site / name).select(".output.traceback, .output.stderr") == []


@pytest.mark.site
@pytest.mark.parametrize("name", PAGES)
def test_links_lead_somewhere(name, site):
    page = site / name
    broken = []
    for element in soup(page).select("[href], [src]"):
        link = element.get("href") or element.get("src")
        parts = urlsplit(link)
        if parts.scheme or parts.netloc or link == "#":
            continue
        target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
        if target.is_dir():
            target /= "index.html"
        if not target.is_file():
            broken.append(link)
        elif "?" in parts.fragment:  # sets a playground: see test_playground_page.py
            continue
        elif parts.fragment and target.suffix == ".html":
            anchor = unquote(parts.fragment)
            if not soup(target).find(attrs={"id": anchor}):
                broken.append(link)
    assert broken == []


@pytest.mark.site
@pytest.mark.parametrize("name", PAGES)
def test_pages_load_nothing_from_another_host(name, site):
    page = soup(site / name)
    loaded = [e["src"] for e in page.select("[src]")] + [e["data"] for e in page.select("[data]")]
    loaded += [word for e in page.select("[srcset]") for word in e["srcset"].split()]
    loaded += [e["href"] for e in page.select("link[href]") if "canonical" not in e.get("rel", [])]
    assert [address for address in loaded if urlsplit(address).netloc] == []
    styles = "".join(e.get_text() for e in page.select("style"))
    styles += "".join(e["style"] for e in page.select("[style]"))
    assert re.findall(FOREIGN_STYLE, styles) == []


FOREIGN_STYLE = r"""(?:@import\s+|url\(\s*)['"]?(?:https?:)?//[^'")\s]+"""


@pytest.mark.site
def test_style_sheets_and_figures_load_nothing_from_another_host(site):
    found = {}
    for path in [*site.rglob("*.css"), *site.rglob("*.svg")]:
        text = path.read_text(encoding="utf-8")
        hits = re.findall(FOREIGN_STYLE, text)
        hits += re.findall(r"<(?:image|use|script)[^>]*href=.https?://[^>]*", text)
        if hits:
            found[path.name] = hits
    assert found == {}


@pytest.mark.site
def test_without_an_address_no_page_names_a_repository(site):
    if {"BOOK_REPOSITORY", "BOOK_BASEURL"} & set(build.os.environ):
        pytest.skip("this build has an address")
    for page in site.rglob("*.html"):
        assert soup(page).select(".dropdown-source-buttons, .btn-source-repository-button") == []
        assert soup(page).select("link[rel=canonical]") == []


@pytest.mark.site
@pytest.mark.parametrize("name", PAGES)
def test_what_a_page_s_widgets_share_stands_in_it_once(name, site):
    state = soup(site / name).find("script", type="application/vnd.jupyter.widget-state+json")
    if state is None:
        return
    texts = [text for text in long_texts(json.loads(state.string)) if len(text) > 200]
    assert len(texts) == len(set(texts))


def long_texts(held: object) -> list[str]:
    """Return every text in what JSON can hold."""
    if isinstance(held, dict):
        held = list(held.values())
    if isinstance(held, list):
        return [text for part in held for text in long_texts(part)]
    return [held] if isinstance(held, str) else []
