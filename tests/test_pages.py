"""Every page of the built book, opened in Chromium."""

from __future__ import annotations

import pytest
from conftest import PAGES

pytestmark = [pytest.mark.browser, pytest.mark.site]


def assert_in_order(page) -> None:
    assert page.problems == []
    empty = page.evaluate(
        """() => [...document.querySelectorAll(".liquid-widget")].filter((element) => {
            const box = element.getBoundingClientRect();
            return element.dataset.state !== "ready" || !element.childElementCount
                || box.width < 50 || box.height < 20;
        }).map((element) => element.outerHTML.slice(0, 200))"""
    )
    assert empty == [], "widgets that show nothing"
    raw = page.evaluate(
        """() => [...document.querySelectorAll(".math")].filter(
            (element) => !element.querySelector("mjx-container > mjx-math")
                || element.querySelector("mjx-merror")
        ).map((element) => element.textContent)"""
    )
    assert raw == [], "formulas that are not set"
    broken = page.evaluate(
        """async () => {
            const images = [...document.images];
            images.forEach((image) => { image.loading = "eager"; });
            await Promise.allSettled(images.map((image) => image.decode()));
            return images.filter((image) => !image.naturalWidth).map((image) => image.src);
        }"""
    )
    assert broken == [], "images that do not load"


def assert_dark(page) -> None:
    page.wait_for_function("document.documentElement.dataset.theme === 'dark'")
    light = page.evaluate(
        """() => {
            const brightness = (color) => {
                const [r, g, b, alpha = 1] = color.match(/[\\d.]+/g).map(Number);
                return alpha * (r + g + b) / 3;
            };
            return [document.body, ...document.querySelectorAll("article *")]
                .filter((element) => {
                    const { width, height } = element.getBoundingClientRect();
                    const { backgroundColor } = getComputedStyle(element);
                    return width > 120 && height > 40 && brightness(backgroundColor) > 110;
                })
                .map((element) => `${element.tagName} ${element.className}`);
        }"""
    )
    assert light == [], "light panels on the dark page"
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(18, 18, 18)"


def assert_fits(page) -> None:
    wide = page.evaluate(
        """() => document.documentElement.scrollWidth <= document.documentElement.clientWidth
            ? [] : [document.body, ...document.querySelectorAll("article *")].filter(
                (element) => element.getBoundingClientRect().right > innerWidth + 1
                    && !element.closest("pre, mjx-container")
            ).slice(0, 5).map((element) => element.outerHTML.slice(0, 120))"""
    )
    assert wide == [], "wider than the screen"


@pytest.mark.parametrize("name", PAGES)
def test_page_works_and_loads_only_from_the_book(name, site_url, visit):
    """Light and wide first; then dark, and as narrow as a phone."""
    page = visit(f"{site_url}/{name}")
    assert_in_order(page)
    page.emulate_media(color_scheme="dark")
    assert_dark(page)
    page.set_viewport_size({"width": 400, "height": 800})
    assert_fits(page)
    assert page.problems == []


@pytest.mark.parametrize("name", [name for name in PAGES if name.startswith("book/")])
def test_page_works_opened_as_a_file(name, site, visit):
    assert_in_order(visit((site / name).as_uri()))


def test_pages_open_dark_and_narrow(site_url, visit):
    """The same looks, not reached by a change but from the start."""
    page = visit(f"{site_url}/book/index.html", width=400, dark=True)
    assert_dark(page)
    assert_fits(page)


def test_figures_follow_the_theme_button(site_url, visit):
    """An SVG figure in an <img> reads the page's color-scheme, so the button must set it."""
    page = visit(f"{site_url}/book/index.html")
    for theme in ("light", "dark"):
        page.evaluate("(theme) => { document.documentElement.dataset.theme = theme; }", theme)
        scheme = page.evaluate("getComputedStyle(document.querySelector('article')).colorScheme")
        assert scheme == theme


def test_search_finds_a_term_without_a_network(site_url, visit):
    page = visit(f"{site_url}/search.html?q=liquid")
    page.wait_for_selector("ul.search li a")
    assert page.problems == []
