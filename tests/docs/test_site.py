"""The site: every page is in it, each is led to, and each link in it leads somewhere."""

from __future__ import annotations

import subprocess
import sys
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

from tests.docs.site.navigation import outline

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "docs").rglob("*.md"))


class Page(HTMLParser):
    """What a page refers to, what may be referred to in it, and what its navigation holds."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.parts: list[str] = []
        self.anchors: set[str] = set()
        self.navigation: set[str] = set()
        self._listed = False
        self.feed(path.read_text())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.anchors.update(found[name] for name in ("id", "name") if name in found)
        if tag == "a" and "href" in found:
            self.links.append(found["href"])
            if "internal" in found.get("class", "") and self._listed:
                self.navigation.add(found["href"])
        elif tag == "div" and "sidebar-tree" in found.get("class", ""):
            self._listed = True
        elif tag == "main" or found.get("class") == "main":
            self._listed = False
        elif tag in {"img", "script"} and "src" in found:
            self.parts.append(found["src"])
        elif tag == "link" and found["href"] != "#":
            self.parts.append(found["href"])


@cache
def read(path: Path) -> Page:
    return Page(path)


def test_every_page_is_written_and_in_the_navigation(site: Path) -> None:
    index = site / "docs/index.html"
    listed = {(index.parent / href).resolve() for href in read(index).navigation}
    for page in PAGES:
        written = site / page.relative_to(ROOT).with_suffix(".html")
        assert written.exists(), page
        assert written == index or written in listed, f"no index page leads to {page}"


def test_every_link_and_anchor_leads_somewhere(site: Path) -> None:
    for path in site.rglob("*.html"):
        for link in read(path).links:
            url = urlsplit(link)
            if url.scheme or url.netloc:
                continue
            target = (path.parent / unquote(url.path)).resolve() if url.path else path
            assert target.is_file(), (path.relative_to(site), link)
            if url.fragment and target.suffix == ".html":
                assert unquote(url.fragment) in read(target).anchors, (path.relative_to(site), link)


def test_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    for path in site.rglob("*.html"):
        for part in read(path).parts:
            url = urlsplit(part)
            assert (url.scheme, url.netloc) == ("", ""), (path, part)
            assert (path.parent / unquote(url.path)).is_file(), (path, part)


def test_code_that_a_page_links_comes_along(site: Path) -> None:
    """There is no public address of the repository: its files are pages of the site."""
    page = read(site / "docs/how-to/use-your-framework.html")
    assert any(link.endswith("source/examples/fastapi.html") for link in page.links)
    assert "Auth" in (site / "source/examples/fastapi.html").read_text()


def test_who_opens_the_folder_is_led_to_the_first_page(site: Path) -> None:
    assert "url=docs/index.html" in (site / "index.html").read_text()


WRONG = """\
# A

[a page](none.md), [an anchor](#nowhere), [another page's](good.md#elsewhere), [code](../src/none.py)

![a picture](none.svg)
"""


def test_a_site_with_mistakes_is_not_written_and_each_is_named(tmp_path: Path) -> None:
    (tmp_path / "docs/a").mkdir(parents=True)
    (tmp_path / "docs/index.md").write_text(WRONG)
    (tmp_path / "docs/good.md").write_text("# Good\n")
    (tmp_path / "docs/a/alone.md").write_text("# Nothing leads here\n")
    command = [sys.executable, "-m", "tests.docs.site", str(tmp_path / "out"), str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode != 0
    for mistake in ("none.md", "nowhere", "elsewhere", "src/none.py", "none.svg", "alone.md"):
        assert mistake in done.stderr, mistake


def test_navigation_follows_the_headings_and_names_a_page_once() -> None:
    text = "[a](a.md)\n\n## One\n\n- [b](b.md#x), [c](c/d.md)\n- [b](b.md)\n\n## Two\n\n[b](b.md) [e](https://e.example/e.md)\n"
    assert outline(text) == {"One": ["b", "c/d"], "": ["a"]}
