"""The bibliography: every entry is cited, and every citation has its entry."""

import re

from conftest import ROOT


def test_entries_and_citations_agree():
    bibliography = (ROOT / "book" / "references.bib").read_text(encoding="utf-8")
    entries = re.findall(r"^@\w+\{([^,]+),", bibliography, re.M)
    assert len(set(entries)) == len(entries)
    pages = [*(ROOT / "book").rglob("*.ipynb"), *(ROOT / "book").rglob("*.md")]
    text = "\n".join(page.read_text(encoding="utf-8") for page in pages)
    cited = {key for group in re.findall(r"\{cite\}`([^`]+)`", text) for key in group.split(",")}
    assert cited == set(entries)
