"""The page of watchword bench in a browser: on a desk and on a phone, in light and in dark, and on paper."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.unit.diagnosis.bench.sample import MACHINE, hostile, row, sample
from watchword.diagnosis.bench.compare import compare
from watchword.diagnosis.bench.html import page as written
from watchword.diagnosis.bench.result import Section, Table

OLD = sample(quick=True, machine=MACHINE | {"cpu": "x" * 200})
LONG = Table(
    id="long",
    title="A request over loopback: CPU of the server",
    over="the raw primitive",
    rows=[
        row("the raw primitive", 212.0),
        row("watchword, a bearer token seen before", 3918.0, ours=True, note="remembered"),
        row("PyJWT in a middleware", 99999.0),
    ],
)
PAGES = {
    "long words": written(sample(sections=[Section(id="x", title="x", words="", tables=[LONG])])),
    "alone": written(sample(machine=MACHINE | {"cpu": "y" * 200})),
    "beside an older run": written(sample(), compared=compare(OLD, sample())),
    "hostile": written(hostile(), command="<script>alert(1)</script>", compared=compare(hostile(), sample())),
}


class Opened:
    """A page, all that the browser complained of, and all that it asked for."""

    def __init__(self, page: Page, file: Path) -> None:
        self.page, self.complaints, self.asked = page, list[str](), list[str]()
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("dialog", lambda dialog: self.complaints.append(dialog.message))
        page.on("request", lambda request: self.asked.append(request.url))
        page.goto(file.as_uri())

    def evaluate(self, script: str) -> object:
        return self.page.evaluate(script)


@pytest.fixture(params=[(1280, "light"), (1280, "dark"), (390, "light"), (390, "dark")], ids="{0[0]} {0[1]}".format)
def browser(request: pytest.FixtureRequest, chromium: Browser) -> Iterator[Page]:
    width, scheme = request.param
    context = chromium.new_context(viewport={"width": width, "height": 844}, color_scheme=scheme)
    yield context.new_page()
    context.close()


@pytest.mark.parametrize("name", PAGES)
def test_it_is_drawn_without_a_word_or_a_request(browser: Page, name: str, tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text(PAGES[name])
    opened = Opened(browser, tmp_path / "page.html")
    assert opened.complaints == []
    assert opened.asked == [(tmp_path / "page.html").as_uri()]
    assert opened.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert opened.evaluate("document.scripts.length + document.images.length") == 0
    marks = "[...document.querySelectorAll('svg.plot :is(rect, path, .line)')]"
    assert opened.evaluate(f"{marks}.length >= 3 && {marks}.every(one => one.getBoundingClientRect().bottom > 0)")
    cut = "[...document.querySelectorAll('.glance .scroll')].some(one => one.scrollWidth > one.clientWidth)"
    assert name == "hostile" or not opened.evaluate(cut)
    boxes = "[...document.querySelectorAll('.scroll')]"
    assert opened.evaluate(f"{boxes}.every(one => getComputedStyle(one).overflowX === 'auto' && one.tabIndex === 0)")


def test_the_style_holds_under_the_policy_and_follows_the_scheme(browser: Page, tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text(PAGES["alone"])
    opened = Opened(browser, tmp_path / "page.html")
    dark = opened.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
    paper = opened.evaluate("getComputedStyle(document.body).backgroundColor")
    assert paper == ("rgb(17, 21, 28)" if dark else "rgb(243, 244, 248)")
    bar = "getComputedStyle(document.querySelector('.plot .bar.ours')).fill"
    assert opened.evaluate(bar) == ("rgb(147, 172, 255)" if dark else "rgb(43, 78, 194)")
    browser.emulate_media(media="print")
    assert opened.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert opened.evaluate("getComputedStyle(document.body).color") == "rgb(29, 36, 51)"


def test_the_policy_lets_no_script_in(browser: Page, tmp_path: Path) -> None:
    """Were something of a report ever to become markup, it would not run and fetch nothing."""
    planted = PAGES["alone"].replace(
        "</main>", "<script>document.title = 'ran'</script><img src='http://a.example/x'></main>"
    )
    (tmp_path / "page.html").write_text(planted)
    opened = Opened(browser, tmp_path / "page.html")
    assert browser.title() != "ran"
    assert len(opened.complaints) == 2
    assert all("Content Security Policy" in one for one in opened.complaints)


def test_letters_of_a_plot_stay_in_it_and_their_size(browser: Page, tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text(PAGES["beside an older run"])
    opened = Opened(browser, tmp_path / "page.html")
    script = """[...document.querySelectorAll('svg.plot')].flatMap(plot => {
        const box = plot.getBoundingClientRect();
        return [...plot.querySelectorAll('text')].filter(one => {
            const {left, right, bottom, height} = one.getBoundingClientRect();
            return left < box.left - 1 || right > box.right + 1 || bottom > box.bottom + 1 || height < 11;
        }).map(one => one.textContent);
    })"""
    assert opened.evaluate(script) == []
    overlap = """[...document.querySelectorAll('svg.plot')].flatMap(plot => {
        const boxes = [...plot.querySelectorAll('text')].map(one => [one.textContent, one.getBoundingClientRect()]);
        return boxes.flatMap(([a, x], n) => boxes.slice(n + 1).filter(([b, y]) => x.left < y.right - 1
            && y.left < x.right - 1 && x.top < y.bottom - 4 && y.top < x.bottom - 4).map(([b]) => [a, b]));
    })"""
    assert opened.evaluate(overlap) == []
