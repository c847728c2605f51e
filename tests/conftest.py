"""What the tests share: the built book, a local server for it, and a Chromium."""

from __future__ import annotations

import os
import shutil
import sys
import threading
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from widget_page import Widget

ROOT = Path(__file__).resolve().parents[1]
HTML = ROOT / "_build" / "html"
# The pages of the built book. Without one there is a single case, which fails and says what to run.
PAGES = sorted(
    path.relative_to(HTML).as_posix()
    for path in HTML.rglob("*.html")
    if "_static" not in path.parts  # the theme leaves templates there
) or ["index.html"]
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = [
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
    "--no-sandbox",
]


@pytest.fixture(scope="session")
def site() -> Path:
    """Return the folder of the built book."""
    if not (HTML / "index.html").is_file():
        pytest.fail("There is no built book in _build/html: run `make build` first.")
    return HTML


@pytest.fixture(scope="session")
def site_url(site: Path) -> Iterator[str]:
    """Serve the built book; return the address, without a slash at its end."""
    sys.path.insert(0, str(ROOT / "tools"))
    from serve import open_server

    with open_server(site, first_port=0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="session")
def browser() -> Iterator[object]:
    """Start Chromium: the one on the PATH, else Playwright's own."""
    from playwright.sync_api import Error, sync_playwright

    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    with sync_playwright() as playwright:
        try:
            chromium = playwright.chromium.launch(executable_path=path, args=FLAGS)
        except Error as error:
            reason = f"no Chromium on the PATH or from `playwright install chromium`: {error}"
            if os.environ.get("BROWSER") == "required":
                pytest.fail(reason)
            pytest.skip(reason)
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def window_of(browser) -> Callable:
    """Open windows of the browser: `window_of(width, height, dark, motion, touch)`.

    There is one for each look, kept open by an empty tab, and pages are its tabs: Chromium takes
    twice as long to open a page with a window of its own.
    """

    @cache
    def window(width: int, height: int, dark: bool, motion: str, touch: bool):
        context = browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if dark else "light",
            reduced_motion=motion,
            has_touch=touch,
        )
        context.new_page()
        return context

    return window


def close(page) -> None:
    """Close a page, and leave nothing of it to the window's next one."""
    page.evaluate("localStorage.clear(), sessionStorage.clear()")
    page.context.clear_permissions()
    page.close()


@pytest.fixture
def visit(window_of) -> Iterator[Callable]:
    """Open pages: `visit(url, width=1200, dark=False)` returns Playwright's page.

    `page.problems` lists script errors, error messages on the console, requests that failed and
    requests to another host, as they come up. The page is loaded, its widgets drawn and its
    formulas set when the call returns.
    """
    pages = []

    def open_page(url: str, width: int = 1200, dark: bool = False):
        page = window_of(width, 900, dark, motion="reduce", touch=False).new_page()
        pages.append(page)
        page.problems = problems = []
        host = urlsplit(url).netloc

        def note_request(request) -> None:
            parts = urlsplit(request.url)
            if parts.scheme in ("http", "https", "ws", "wss") and parts.netloc != host:
                problems.append(f"foreign request: {request.url}")

        page.on("pageerror", lambda error: problems.append(f"script error: {error}"))
        page.on(
            "console",
            lambda message: (
                message.type == "error" and problems.append(f"console error: {message.text}")
            ),
        )
        page.on("request", note_request)
        page.on("requestfailed", lambda request: problems.append(f"failed: {request.url}"))
        page.on(
            "response",
            lambda reply: reply.status >= 400 and problems.append(f"{reply.status}: {reply.url}"),
        )
        page.goto(url, wait_until="load")
        page.wait_for_function("() => !document.querySelector('meta[http-equiv=refresh]')")
        page.wait_for_load_state("load")
        page.wait_for_function(
            """() => [...document.querySelectorAll(".liquid-widget")].every((e) => e.dataset.state)
                && document.querySelectorAll('script[type$="widget-view+json"]').length
                   === document.querySelectorAll(".liquid-widget").length"""
        )
        page.evaluate("() => window.MathJax?.startup?.promise")
        return page

    yield open_page
    for page in pages:
        close(page)


@pytest.fixture
def visit_widgets(window_of):
    """Open pages with widgets, at any width and in any theme. Script errors fail the test."""
    pages = []

    def open_page(url, width=1000, dark=False, motion="no-preference"):
        page = window_of(width, 1000, dark, motion, touch=width < 500).new_page()
        pages.append(page)
        page.set_default_timeout(30_000)
        page.problems = []
        page.on("pageerror", lambda error: page.problems.append(str(error)))
        page.goto(url)
        return page

    yield open_page
    for page in pages:
        assert page.problems == []
        close(page)


@pytest.fixture
def open_widget(visit_widgets, site_url):
    """Open a page; return its first widget that has the part ``having``, as a `Widget`."""

    def open_page(path, having, width=1200, dark=False, motion="no-preference"):
        page = visit_widgets(f"{site_url}/{path}", width, dark, motion)
        box = page.locator('.liquid-widget[data-state="ready"]')
        box = box.filter(has=page.locator(f'[data-name="{having}"]')).first
        box.wait_for()
        box.scroll_into_view_if_needed()
        return Widget(page, box)

    return open_page
