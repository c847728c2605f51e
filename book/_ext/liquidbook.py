"""The book's Sphinx extension: cache folder, addresses, MathJax, widgets, front door."""

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
WIDGET_STATE = "application/vnd.jupyter.widget-state+json"
WIDGET_VIEW = re.compile(
    r'<script type="application/vnd\.jupyter\.widget-view\+json">(.*?)</script>', re.DOTALL
)
PICTURE = """<noscript><figure>
<img src="{source}" alt="A sine in black, and three networks that learn to follow it: each line
snaps onto the curve within 150 steps, marked with the step. From the moment the weights are frozen,
all three lines run straight and leave the curve.">
<figcaption>A recorded run of the playground. Scripts are off here, so nothing can be trained.
</figcaption></figure></noscript>
"""


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


def finish_widgets(app: Sphinx, page: str, template: str, context: dict, doctree: object) -> None:
    """Share what a page's widgets have in common, and give playgrounds a picture for no scripts."""
    for script in context.get("script_files", ()):  # MyST-NB puts a page's widget state there
        attributes = getattr(script, "attributes", {})
        if attributes.get("type") != WIDGET_STATE:
            continue
        models = json.loads(attributes["body"])["state"]
        attributes["body"] = shared(attributes["body"])
        source = context["pathto"]("_static/playground.png", 1)

        def with_picture(view: re.Match, models: dict = models, source: str = source) -> str:
            model = models[json.loads(view[1])["model_id"]]["state"]
            is_playground = model.get("_anywidget_id", "").endswith(".Playground")
            return PICTURE.format(source=source) + view[0] if is_playground else view[0]

        context["body"] = WIDGET_VIEW.sub(with_picture, context["body"])


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
    app.setup_extension("claims_table")
    app.connect("config-inited", configure)
    app.connect("html-page-context", finish_widgets, priority=600)  # after MyST-NB
    app.connect("build-finished", copy_mathjax)
    app.connect("build-finished", write_front_door)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
