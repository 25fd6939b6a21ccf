"""The documentation in a browser: readable, quiet, self-contained, on a desk and on a telephone, light and dark."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

ROOT = Path(__file__).parents[2]
PAGES = {
    "index": "docs/index",
    "tutorial": "docs/tutorial/first-steps",
    "how-to": "docs/how-to/use-a-gateway",
    "wide tables": "docs/reference/faults",
    "long words": "docs/reference/configuration",
    "pictures of a terminal": "docs/how-to/inspect-a-token",
    "runbook": "docs/runbook/index",
    "code": "source/examples/fastapi",
} | {page.stem: f"docs/explanation/{page.stem}" for page in (ROOT / "docs/explanation").glob("*.md")}
WIDTHS = {"desk": 1280, "telephone": 390}

CONTRAST = """() => {
  const numbers = text => text.match(/[0-9.]+/g).map(Number);
  const channel = c => (c /= 255) <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const ground = node => {
    for (; node; node = node.parentElement) {
      const [r, g, b, a = 1] = numbers(getComputedStyle(node).backgroundColor);
      if (a > 0.5) return [r, g, b];
    }
    return [255, 255, 255];
  };
  const worst = {};
  for (const node of document.querySelectorAll("article :is(p, li, td, th, h1, h2, a, code, pre span)")) {
    if (!node.textContent.trim() || !node.checkVisibility() || node.matches(".headerlink, .linenos")) continue;
    const [a, b] = [light(numbers(getComputedStyle(node).color)), light(ground(node))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    const name = node.tagName + "." + node.className;
    if (!(worst[name] <= ratio)) worst[name] = ratio;
  }
  return worst;
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_pages_are_readable_and_quiet(chromium: Browser, site: Path, width: str, scheme: str) -> None:
    said: list[str] = []
    context = chromium.new_context(
        viewport={"width": WIDTHS[width], "height": 900},
        color_scheme="dark" if scheme == "dark" else "light",
    )
    try:
        page = context.new_page()
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("requestfailed", lambda request: said.append(f"not loaded: {request.url}"))
        page.on("request", lambda request: None if _ours(request.url, site) else said.append(request.url))
        for name, path in PAGES.items():
            page.goto((site / f"{path}.html").as_uri())
            assert said == [], name
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{name} is too wide"
            contrasts: dict[str, float] = page.evaluate(CONTRAST)
            assert contrasts
            faint = {what: round(ratio, 2) for what, ratio in contrasts.items() if ratio < 4.5}
            assert faint == {}, name
            _pictures_are_there(page)
    finally:
        context.close()


def test_it_is_searched_without_a_server(chromium: Browser, site: Path) -> None:
    context = chromium.new_context(offline=True)
    try:
        page = context.new_page()
        page.goto((site / "docs/index.html").as_uri())
        page.get_by_placeholder("Search").first.fill("fingerprint")
        page.keyboard.press("Enter")
        page.locator("#search-results li a").first.wait_for()
    finally:
        context.close()


def _ours(url: str, site: Path) -> bool:
    return url.startswith((site.as_uri(), "data:"))


def _pictures_are_there(page: Page) -> None:
    sizes: list[int] = page.evaluate("Array.from(document.querySelectorAll('article img'), one => one.naturalWidth)")
    assert all(sizes)
