"""The page: text stays text, nothing is fetched, its figures and shapes are those of the report, its colours read."""

from __future__ import annotations

import re
from base64 import b64encode
from hashlib import sha256
from html.parser import HTMLParser
from importlib.resources import files

import pytest

from tests.unit.diagnosis.bench.sample import EVIL, MACHINE, VERIFY, hostile, row, sample
from watchword.diagnosis.bench.bars import bars
from watchword.diagnosis.bench.compare import compare
from watchword.diagnosis.bench.figures import text
from watchword.diagnosis.bench.html import page
from watchword.diagnosis.bench.markup import VOID, tag
from watchword.diagnosis.bench.result import Section, Table
from watchword.diagnosis.bench.scale import from_zero, logarithmic

LONG = ["a library with a name", "that is much too long", "for its column"]
STYLE = files("watchword.diagnosis.bench").joinpath("page.css").read_text("utf-8")


FETCHERS = {"script", "link", "img", "iframe", "object", "embed", "use", "image", "base", "audio", "video", "source"}


class Read(HTMLParser):
    """The elements of a page, in order, and its text. Fails where an end has no beginning."""

    def __init__(self, said: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self._open: list[str] = []
        self.feed(said)
        self.close()
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(dict(attrs)) == len(attrs)
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def all(self, name: str) -> list[dict[str, str | None]]:
        return [attributes for found, attributes in self.elements if found == name]


def test_a_hostile_report_is_text_and_never_markup() -> None:
    plain, evil = Read(page(sample(), compared=compare(sample(), sample()))), page(hostile(), command=EVIL)
    found = Read(page(hostile(), command=EVIL, compared=compare(hostile(), sample())))
    assert {name for name, _ in found.elements} <= {name for name, _ in plain.elements}
    assert not any(key.startswith("on") or key in ("src", "style") for _, found in found.elements for key in found)
    assert not [href for one in found.all("a") if not re.fullmatch(r"#s\d+", href := one["href"] or "")]
    assert "<script" not in evil
    assert evil.count("</style>") == 1
    assert evil.replace("\n", "").isprintable()
    shown = " ".join(found.text)
    assert shown.count(text(EVIL)) > 20
    assert "\\x1b[31m" in shown


def test_the_writer_escapes_whatever_is_no_markup() -> None:
    assert tag("p", EVIL[:8], class_='"><b>') == '<p class="&quot;&gt;&lt;b&gt;">&lt;/style&gt;</p>'
    assert tag("p", tag("b", "<"), "&") == "<p><b>&lt;</b>&amp;</p>"
    assert tag("line", x1=1, stroke_width=2, id=None) == '<line x1="1" stroke-width="2"></line>'


def test_nothing_is_fetched_and_the_policy_would_not_let_it() -> None:
    said = page(sample(), compared=compare(sample(), sample()))
    found = Read(said)
    assert not {name for name, _ in found.elements} & FETCHERS
    assert not re.search(r"url\(|@import|@font-face|https?:|//", STYLE)
    assert not re.search(r'(?:src|srcset|action|xlink:href)=|="(?:https?:)?//', said)
    [policy] = [one["content"] for one in found.all("meta") if one.get("http-equiv") == "Content-Security-Policy"]
    [style] = re.findall(r"<style>(.*?)</style>", said, re.DOTALL)
    digest = b64encode(sha256(style.encode()).digest()).decode()
    assert policy == f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


def test_the_facts_stand_on_it_and_how_to_read_it() -> None:
    found = " ".join(Read(page(sample(quick=True), command="watchword bench --quick")).text)
    for fact in ("An Example CPU @ 3.20GHz", "CPython 3.11.7", "pyjwt 2.15.1", "OpenSSL 4.0.3", "0.1.0", "42 s"):
        assert fact in found
    assert "2026-11-23 06:00:00Z" in found
    assert "watchword bench --quick" in found
    assert "A quick run" in found
    assert "Ratios hold within one table" in found
    assert "Not measured: pyseto: it is not installed" in found
    assert "pyseto None" not in found


def test_each_table_is_a_table_and_a_picture_with_a_name() -> None:
    found = Read(page(sample()))
    pictures = [one for one in found.all("svg") if one.get("role") == "img"]
    assert len(pictures) == 5
    ids = [one["id"] for _, one in found.elements if "id" in one]
    assert len(ids) == len(set(ids))
    for one in pictures:
        assert set((one["aria-labelledby"] or "").split()) <= set(ids)
    assert len(found.all("table")) == 6  # and what is said in short
    assert len(found.all("caption")) == 6
    assert all(one.get("scope") in ("col", "row") for one in found.all("th"))
    assert all(one["tabindex"] == "0" for one in found.all("div") if one.get("class") == "scroll")


def shapes(said: str, name: str, *classes: str) -> list[dict[str, str | None]]:
    return [one for one in Read(said).all(name) if (one.get("class") or "") in classes]


def test_bars_are_as_long_as_their_medians_and_told_apart() -> None:
    drawn = bars("t", VERIFY, VERIFY.rows, {"watchword": 39.05})
    found = shapes(drawn, "rect", "bar floor", "bar ours", "bar peer")
    assert [one["class"] for one in found] == ["bar floor", "bar ours", "bar peer", "bar peer"]
    long = [float((one["width"] or "").rstrip("%")) for one in found]
    for bar, measured in zip(long, VERIFY.rows, strict=True):
        assert bar / long[0] == pytest.approx(measured.median / 73.9, rel=1e-3)
    [before] = shapes(drawn, "line", "before")
    assert float((before["x1"] or "").rstrip("%")) == pytest.approx(long[1] / 2, rel=1e-3)
    whiskers = shapes(drawn, "line", "whisker")
    assert float((whiskers[0]["x2"] or "").rstrip("%")) == pytest.approx(long[0] * 80.2 / 73.9, rel=1e-3)
    assert len(shapes(drawn, "path", "whisker")) == 1, "the one p99 that is beyond the axis ends in an arrow"
    assert re.findall(">(a library.*?|that is.*?|for its.*?)<", drawn)[-3:] == LONG
    assert ">78.1 µs  1.06×<" in drawn


def test_lines_go_from_point_to_point_over_a_logarithmic_axis() -> None:
    said = page(sample())
    ours, theirs = shapes(said, "line", "line ours s0"), shapes(said, "line", "line peer s1")
    assert (len(ours), len(theirs)) == (3, 3)
    steps = [float((one["x2"] or "")[:-1]) - float((one["x1"] or "")[:-1]) for one in ours]
    assert steps == pytest.approx([steps[0]] * 3, abs=0.02)
    assert float(theirs[0]["y1"] or 0) < float(ours[0]["y1"] or 0)
    assert len(shapes(said, "path", "sign ours s0")) == 5  # four points and the legend
    assert len(set(re.findall(r'<path d="([^"]+)" class="sign', said))) == 2, "a sign for each line"


def test_what_is_nothing_or_alone_is_drawn_too() -> None:
    tables = [
        Table(id="none", title="none", rows=[]),
        Table(id="zero", title="zero", rows=[row("a", 0.0)], over="a"),
        Table(id="one", title="one", rows=[row("a", 1.0, at=1000, ours=True)]),
        Table(id="nil", title="nil", rows=[row("a", 0.0, at=n) for n in (1, 10)]),
        Table(id="both", title="both", rows=[row("a", 1.0, at=10), row("b", 2.0)], over="b"),
        Table(id="many", title="many", rows=[row(f"n{n}", 1.0, at=at) for n in range(9) for at in (1, 10)]),
    ]
    sections = [Section(id="x", title="x", words="", tables=tables), Section(id="y", title="y", words="", tables=[])]
    Read(page(sample(sections=sections, machine={})))
    assert Read(page(sample(sections=[], machine=MACHINE))).all("table") == []


def test_axes() -> None:
    scale = from_zero([70.0, 140.0], [90.0, 9000.0])
    assert (scale.low, scale.high, scale.cuts(9000.0)) == (0.0, 280.0, True)
    assert list(scale.ticks) == [0.0, 100.0, 200.0]
    assert list(from_zero([0.9], [1.0]).ticks) == pytest.approx([0.0, 0.5, 1.0])
    across = logarithmic([1000.0, 1e6, 1e4], whole=True)
    assert ([across.percent(one) for one in (1000.0, 1e6)], list(across.ticks)) == ([0.0, 100.0], [1000.0, 1e4, 1e6])
    assert logarithmic([0.4, 71.0]).ticks == pytest.approx([0.1, 1.0, 10.0, 100.0])


def luminance(colour: str) -> float:
    """WCAG 2.2, relative luminance."""
    parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    red, green, blue = (one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_letters_and_marks_stand_out(scheme: int) -> None:
    found = re.findall(r"--([a-z0-9]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)", STYLE)
    colours = {name: pair[scheme] for name, *pair in found}
    for ground in ("paper", "card"):
        for letters in ("ink", "quiet", "accent", "alarm"):
            assert contrast(colours[letters], colours[ground]) >= 4.5, (letters, ground)
    for mark in ("accent", "peer", "ink", "alarm", "s1", "s2", "s3"):
        assert contrast(colours[mark], colours["card"]) >= 3, mark
