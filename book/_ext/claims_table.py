"""The page of claims: the directives `claims` and `claims-legend`, made from ``claims.yml``."""

from __future__ import annotations

import re
import string
from pathlib import Path

import yaml
from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

FILE = Path(__file__).resolve().parents[1] / "claims.yml"
VERDICTS = {
    "holds": "Our runs show it, whatever the seeds, as the interval says.",
    "holds only if": "It is true on a condition that the claim does not name.",
    "does not hold": "Our runs show something else, and the interval leaves no room for it.",
    "open": "We have no stored runs that decide it. It says what would.",
}
HEADINGS = ("Claim", "Verdict", "Why, or what would decide it", "Where")
# Named once more, since a table that is laid out as blocks is none to some screen readers.
ROLES = {
    "table": "table",
    "thead": "rowgroup",
    "tbody": "rowgroup",
    "tr": "row",
    "td": "cell",
}


def stored() -> dict[str, dict]:
    """Return the claims, by name."""
    return yaml.safe_load(FILE.read_text(encoding="utf-8"))


def placeholders(claim: dict) -> list[str]:
    """Return the names of the numbers that a claim's row has computed."""
    return [name for _, name, _, _ in string.Formatter().parse(claim.get("why", "")) if name]


def reason(claim: dict) -> str:
    """Return a row's text on its verdict, in Markdown, with its numbers filled in."""
    names = placeholders(claim)
    numbers = {}
    if names:
        from claims_evidence import computed  # not sooner: liquidlib takes seconds to import

        numbers = {name: computed(name) for name in names}
    parts = [claim["why"].format(**numbers)] if "why" in claim else []
    if "needs" in claim:
        parts.append(f"**To decide it:** {claim['needs']}")
    return "\n\n".join(part.strip() for part in parts)


def places(claim: dict) -> str:
    """Return the links to where the book treats a claim and the names of its sweeps."""
    lines = []
    for page in claim.get("where", ()):
        chapter = re.match(r"chapters/(\d+)_", page)
        title = f"Chapter {int(chapter[1])}" if chapter else page.capitalize()
        lines.append(f"{{doc}}`{title} <{page}>`")
    return "\n\n".join(lines + [f"`{name}`" for name in claim.get("sweeps", ())])


class Part(nodes.General, nodes.Element):
    """An HTML element: its ``tag``, and its attributes as ``html``."""


def visit(self: object, node: Part) -> None:
    """Open the element."""
    role = {"role": ROLES[node["tag"]]} if node["tag"] in ROLES else {}
    self.body.append(self.starttag(node, node["tag"], "", **role, **node.get("html", {})))


def depart(self: object, node: Part) -> None:
    """Close it."""
    self.body.append(f"</{node['tag']}>\n")


class _Claims(SphinxDirective):
    """What both directives need."""

    def parsed(self, text: str) -> list[nodes.Node]:
        """Return Markdown as nodes."""
        holder = nodes.Element()
        self.state.nested_parse(StringList(text.splitlines()), self.content_offset, holder)
        return holder.children


class Claims(_Claims):
    """The claims of a source as a table. Each row has an anchor, such as ``claim-b4``."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Build the table."""
        here = Path(__file__)
        for file in (FILE, here, here.with_name("claims_evidence.py")):
            self.env.note_dependency(str(file))
        head = Part("", tag="tr")
        for words in ("", *HEADINGS):
            label = {} if words else {"aria-label": "Number"}
            html = {"scope": "col", "role": "columnheader", **label}
            head += Part("", nodes.Text(words), tag="th", html=html)
        body = Part("", tag="tbody")
        for name, claim in stored().items():
            if claim["source"] == self.arguments[0]:
                body += self.row(name, claim)
        table = Part("", tag="table", classes=["claims"])
        table += [Part("", head, tag="thead"), body]
        return [table]

    def row(self, name: str, claim: dict) -> Part:
        """Return a claim's row."""
        for sweep in claim.get("sweeps", ()):
            self.env.note_dependency(str(FILE.parents[1] / "liquidlib" / "data" / f"{sweep}.npz"))
        anchor = f"claim-{name.lower()}"
        row = Part("", tag="tr", names=[anchor])
        self.state.document.note_explicit_target(row)
        link = nodes.inline("", "", nodes.reference("", name, refid=anchor))
        row += Part("", link, tag="th", html={"scope": "row", "role": "rowheader"})
        row += Part("", *self.parsed(claim["claim"]), tag="td", classes=["claim"])
        row += Part("", _mark(claim["verdict"]), tag="td", classes=["verdict"])
        row += Part("", *self.parsed(reason(claim)), tag="td", classes=["why"])
        row += Part("", *self.parsed(places(claim)), tag="td", classes=["where"])
        return row


class Legend(_Claims):
    """What the verdicts mean, and how many claims have each."""

    def run(self) -> list[nodes.Node]:
        """Build the list."""
        self.env.note_dependency(str(FILE))
        given = [claim["verdict"] for claim in stored().values()]
        legend = Part("", tag="dl", classes=["claims-legend"])
        for verdict, meaning in VERDICTS.items():
            count = nodes.Text(f": {given.count(verdict)}")
            legend += Part("", _mark(verdict), count, tag="dt")
            legend += Part("", nodes.Text(meaning), tag="dd")
        return [legend]


def _mark(verdict: str) -> nodes.Node:
    """Return a verdict's words, with its mark by the style sheet."""
    return nodes.inline("", verdict, classes=["verdict-mark", verdict.replace(" ", "-")])


def setup(app: Sphinx) -> dict[str, object]:
    """Add the directives."""
    app.add_node(Part, html=(visit, depart))
    app.add_directive("claims", Claims)
    app.add_directive("claims-legend", Legend)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
