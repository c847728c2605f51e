"""The book's Sphinx extension: cache folder, addresses, MathJax, widgets' parts, front door."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import runpy
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.util.fileutil import copy_asset

ROOT = Path(__file__).resolve().parents[2]
WIDGET_STATE = re.compile(
    r'(<script type="application/vnd\.jupyter\.widget-state\+json">)(.*?)(</script>)', re.DOTALL
)


def configure(app: Sphinx, config: Config) -> None:
    """Name the folder of executed notebooks, and take the addresses from the environment.

    BOOK_REPOSITORY (https://github.com/owner/name) gives each page its repository buttons,
    BOOK_BRANCH the branch they lead to, BOOK_BASEURL the address of the published site.
    """
    build = runpy.run_path(str(ROOT / "tools" / "build.py"))
    config.nb_execution_cache_path = str(build["cache_folder"](ROOT))
    config.html_baseurl = os.environ.get("BOOK_BASEURL", "")
    repository = os.environ.get("BOOK_REPOSITORY", "")
    config.html_theme_options.update(
        repository_url=repository,
        repository_branch=os.environ.get("BOOK_BRANCH") or "main",
        use_repository_button=bool(repository),
        use_edit_page_button=bool(repository),
        use_issues_button=bool(repository),
    )


def copy_mathjax(app: Sphinx, exception: Exception | None) -> None:
    """Copy the part of MathJax that the pages use: TeX in, HTML out, and its fonts."""
    if exception is None and app.builder.format == "html":
        package = importlib.util.find_spec("sphinx-mathjax-offline")
        source = Path(package.origin).parent / "static" / "mathjax"
        target = Path(app.outdir) / "_static" / "mathjax"
        copy_asset(source / "tex-chtml-full.js", target)
        copy_asset(
            source / "output" / "chtml" / "fonts",
            target / "output" / "chtml" / "fonts",
        )


def share_widget_parts(
    app: Sphinx, page: str, template: str, context: dict, doctree: object
) -> None:
    """Let a page hold a script, style sheet or tape once, however many widgets use it."""
    if "body" in context:
        context["body"] = WIDGET_STATE.sub(
            lambda match: match[1] + shared(match[2]) + match[3], context["body"]
        )


def shared(text: str) -> str:
    """Return a page's widget state with what stands in it more than once put aside.

    A long text or buffer becomes ``{"shared": n}``, and is entry n of a list beside the state.
    ``_static/host.js`` puts it back.
    """
    state = json.loads(text)
    places: dict[str, list[tuple[dict, str]]] = {}
    for model in state["state"].values():
        holders = [(model["state"], key) for key in model["state"]]
        holders += [(buffer, "data") for buffer in model.get("buffers", [])]
        for holder, key in holders:
            if isinstance(holder[key], str) and len(holder[key]) > 200:
                places.setdefault(holder[key], []).append((holder, key))
    state["shared"] = [value for value, where in places.items() if len(where) > 1]
    for number, value in enumerate(state["shared"]):
        for holder, key in places[value]:
            holder[key] = {"shared": number}
    return json.dumps(state).replace("</", "<\\/")


def write_front_door(app: Sphinx, exception: Exception | None) -> None:
    """Send whoever opens the site's root to the landing page, under the book's name."""
    if exception is None and app.builder.format == "html":
        landing = f"{app.config.root_doc}.html"
        (Path(app.outdir) / "index.html").write_text(
            f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<link rel="icon" href="data:,">
<meta http-equiv="refresh" content="0; url={landing}">
<title>{app.config.html_title}</title>
<p><a href="{landing}">{app.config.html_title}</a></p>
</html>
""",
            encoding="utf-8",
        )


def setup(app: Sphinx) -> dict[str, object]:
    """Connect the steps to Sphinx."""
    app.setup_extension("engine_table")
    app.connect("config-inited", configure)
    app.connect("html-page-context", share_widget_parts)
    app.connect("build-finished", copy_mathjax)
    app.connect("build-finished", write_front_door)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
