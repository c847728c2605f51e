"""The engine's stored benchmark on a page: the directive `engine-table` and the role `engine`."""

from __future__ import annotations

import json
from functools import reduce
from itertools import pairwise
from pathlib import Path

from docutils import nodes
from docutils.parsers.rst import directives
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective, SphinxRole

FILE = Path(__file__).resolve().parents[2] / "liquidlib" / "data" / "engine.json"


def stored(path: str) -> object:
    """Return a field of the benchmark, such as ``versions.torch``."""
    return _field(json.loads(FILE.read_text(encoding="utf-8")), path)


def _field(found: object, path: str) -> object:
    return reduce(lambda inside, name: inside[name], path.split("."), found)


def shown(value: object) -> str:
    """Return a value as Markdown, numbers to three digits."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        if 0 < abs(value) < 1e-3:
            digits, _, power = f"{value:.1e}".partition("e")
            return rf"${digits} \cdot 10^{{{int(power)}}}$"
        return f"{value:.3g}" if abs(value) < 100 else f"{float(f'{value:.3g}'):,.0f}"
    return f"{value:,}" if isinstance(value, int) else str(value).replace("|", r"\|")


class EngineTable(SphinxDirective):
    """A list of the benchmark as a table. Each line of the content is ``field: heading``."""

    required_arguments = 1
    has_content = True
    option_spec = {"caption": directives.unchanged_required}  # noqa: RUF012

    def run(self) -> list[nodes.Node]:
        """Write the table in Markdown and let Sphinx read it."""
        self.env.note_dependency(str(FILE))
        fields, headings = zip(*(line.split(": ", 1) for line in self.content), strict=True)
        rows = [[_field(row, name) for name in fields] for row in stored(self.arguments[0])]
        marks = [":--" if isinstance(value, str) else "--:" for value in rows[0]]
        cells = [headings, marks, *([shown(value) for value in row] for row in rows)]
        for above, row in reversed(list(pairwise(cells))):
            if row[0] == above[0]:
                row[0] = ""  # the first column names a group of rows once
        lines = [f"```{{table}} {self.options['caption']}", ":class: compact", ""]
        lines += [f"| {' | '.join(row)} |" for row in cells]
        holder = nodes.Element()
        self.state.nested_parse(StringList([*lines, "```"]), self.content_offset, holder)
        return holder.children


class EngineValue(SphinxRole):
    """A value of the benchmark in the text."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """Return it as text."""
        self.env.note_dependency(str(FILE))
        return [nodes.Text(shown(stored(self.text)))], []


def setup(app: Sphinx) -> dict[str, object]:
    """Add the directive and the role."""
    app.add_directive("engine-table", EngineTable)
    app.add_role("engine", EngineValue())
    return {"parallel_read_safe": True, "parallel_write_safe": True}
