"""The picture of the decision tree, in a browser: legible on a telephone, light and dark, and nothing runs over."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.sync_api import Browser

PICTURE = Path(__file__).parents[2] / "docs/explanation/which-token-for-which-job.svg"
PHONE = 390
LOOK = """() => {
    const colour = (node, what) => getComputedStyle(node)[what].match(/[0-9.]+/g).map(Number).slice(0, 3);
    const boxes = [...document.querySelectorAll("rect.box, rect.yes")].map(one => one.getBBox());
    const around = at => boxes.find(box => at.y > box.y && at.y + at.height < box.y + box.height);
    return [...document.querySelectorAll("text:not(.job)")].map(text => {
        const at = text.getBBox(), box = around(at);
        let behind = text; while (behind.tagName !== "rect") behind = behind.previousElementSibling;
        return {
            text: text.textContent,
            inside: box !== undefined && at.x >= box.x && at.x + at.width <= box.x + box.width,
            size: parseFloat(getComputedStyle(text).fontSize),
            ink: colour(text, "fill"), paper: colour(behind, "fill"),
        };
    });
}"""


def _light(colour: list[float]) -> float:
    """Relative luminance (WCAG 2.2)."""
    parts = [part / 255 for part in colour]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: list[float], other: list[float]) -> float:
    dark, light = sorted((_light(one), _light(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_legible(chromium: Browser, scheme: Literal["light", "dark"]) -> None:
    context = chromium.new_context(viewport={"width": PHONE, "height": 844}, color_scheme=scheme)
    page = context.new_page()
    page.goto(PICTURE.as_uri())
    texts: list[dict[str, Any]] = page.evaluate(LOOK)
    width = page.evaluate("document.documentElement.viewBox.baseVal.width")
    context.close()
    assert len(texts) > 100
    shrunk = min(1, (PHONE - 32) / width)  # a page has margins
    for one in texts:
        assert one["inside"], one["text"]
        assert one["size"] * shrunk >= 11, one["text"]
        assert contrast(one["ink"], one["paper"]) >= 4.5, one["text"]


def test_the_two_schemes_differ(chromium: Browser) -> None:
    papers = []
    schemes: tuple[Literal["light", "dark"], ...] = ("light", "dark")
    for scheme in schemes:
        context = chromium.new_context(color_scheme=scheme)
        page = context.new_page()
        page.goto(PICTURE.as_uri())
        papers.append(page.evaluate("getComputedStyle(document.querySelector('.paper')).fill"))
        context.close()
    assert all(one != other for one, other in pairwise(papers))
