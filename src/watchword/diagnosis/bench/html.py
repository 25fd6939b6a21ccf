"""A report as one page that needs nothing else: no script, font or image, and a policy that would let none in."""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256
from importlib.resources import files

from .bars import bars, look
from .cells import cells, columns
from .compare import Comparison
from .figures import facts, text
from .glance import glance
from .lines import lines
from .markup import Markup, join, raw, tag
from .result import Report, Section, Table

_STYLE = files(__package__).joinpath("page.css").read_text("utf-8")
_READ = (
    "Bars and points are medians; the thin line runs to the p99, and ends in an arrow where that is beyond the axis.",
    "Ratios hold within one table: its cases took turns, so a busy machine slowed them alike. "
    "Between two tables, and between two machines, microseconds are not comparable.",
)
_KEY = (("ours", "watchword"), ("floor", "what the others are measured over"), ("peer", "everything else"))


def page(report: Report, *, command: str = "watchword bench", compared: Comparison | None = None) -> str:
    """The page. ``command``: what was typed to get it. Everything that the report says is text on it, never markup."""
    title = f"watchword bench: {_machine(report)}"
    body = tag(
        "main",
        _head(report, command),
        _reading(compared),
        _glance(report),
        *(_chapter(place, section, compared) for place, section in enumerate(report.sections)),
        *([_comparison(compared)] if compared else []),
        tag("footer", tag("p", "Made by ", tag("code", command), f", watchword {report.watchword}.")),
    )
    return "<!doctype html>\n" + tag("html", _meta(title), tag("body", body), lang="en") + "\n"


def _meta(title: str) -> Markup:
    digest = b64encode(sha256(_STYLE.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    return tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=policy),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="referrer", content="no-referrer"),
        tag("title", title),
        tag("style", raw(_STYLE)),
    )


def _machine(report: Report) -> str:
    return text(report.machine.get("cpu") or "this machine")


def _head(report: Report, command: str) -> Markup:
    quick = (
        tag("p", "A quick run: few rounds, so its figures are a first look and no more.", class_="alarm")
        if report.quick
        else Markup()
    )
    run = {"watchword": report.watchword, "measured": report.at.replace("T", " "), "took": f"{report.seconds:.0f} s"}
    told = run | dict(facts(report.machine))
    rows = [join(tag("dt", name.replace("_", " ")), tag("dd", said)) for name, said in sorted(told.items(), key=_long)]
    return tag(
        "header",
        tag("p", "watchword bench", class_="label"),
        tag("h1", "What this machine measured"),
        tag("p", tag("code", command), class_="command"),
        quick,
        tag("dl", *(tag("div", row) for row in rows)),
        tag("nav", *(tag("a", one.title, href=f"#s{place}") for place, one in enumerate(report.sections))),
    )


def _long(fact: tuple[str, str]) -> bool:
    """What needs a line of its own stands last."""
    return len(fact[1]) > 60


def _reading(compared: Comparison | None) -> Markup:
    key = [tag("li", _swatch(look), words) for look, words in _KEY]
    before = [tag("li", _swatch("before"), "the median of the older run")] if compared else []
    return tag(
        "section",
        tag("h2", "How to read it"),
        *(tag("p", line) for line in _READ),
        tag("ul", *key, *before, class_="key"),
        class_="reading",
    )


def _swatch(look: str) -> Markup:
    mark = (
        tag("line", x1=14, x2=14, y1=0, y2=14, class_="before")
        if look == "before"
        else tag("rect", x=1, y=2, width=26, height=10, rx=2, class_=f"bar {look}")
    )
    return tag("svg", mark, width=28, height=14, aria_hidden="true", class_="swatch")


def _glance(report: Report) -> Markup:
    """What is ours, in one table: each line's ratios are of its own table."""
    found = list(glance(report))
    if not found:
        return Markup()
    names = ("", "median", "ratio", "fastest peer, over ours")
    head = [tag("th", name, scope="col") for name in names]
    rows = []
    for one in found:
        name = tag("th", one.table, *([tag("small", one.ours)] if one.ours else []), scope="row")
        rows.append(tag("tr", name, *(tag("td", said) for said in (one.median, one.over, one.other))))
    said = tag("table", tag("caption", "In short"), tag("thead", tag("tr", *head)), tag("tbody", *rows))
    box = tag("div", said, class_="scroll", tabindex=0, role="region", aria_label="In short")
    return tag("section", tag("h2", "In short"), tag("figure", box), class_="chapter glance")


def _chapter(place: int, section: Section, compared: Comparison | None) -> Markup:
    cards = [_card(f"t{place}-{number}", table, compared) for number, table in enumerate(section.tables)]
    left_out = [tag("ul", *(tag("li", f"Not measured: {why}") for why in section.not_run), class_="left-out")]
    return tag(
        "section",
        tag("h2", section.title, id=f"s{place}"),
        tag("p", section.words, class_="words"),
        tag("div", *cards, class_="cards"),
        *(left_out if section.not_run else []),
        class_="chapter",
    )


def _card(id: str, table: Table, compared: Comparison | None) -> Markup:
    flat = [row for row in table.rows if row.at is None]
    grown = [row for row in table.rows if row.at is not None]
    changes = {row.name: change for row in flat if compared and (change := compared.of(table, row))}
    before = {name: change.old for name, change in changes.items()}
    over = f"Over {table.over}. " if table.over and flat else ""
    return tag(
        "figure",
        tag("h3", table.title),
        tag(
            "div",
            *([bars(f"{id}-b", table, flat, before)] if flat else []),
            *([lines(f"{id}-l", table, grown)] if grown else []),
        ),
        tag("div", _figures(table, compared), class_="scroll", tabindex=0, role="region", aria_label=table.title),
        *([tag("figcaption", f"{over}{table.note}")] if over or table.note else []),
    )


def _figures(table: Table, compared: Comparison | None) -> Markup:
    names = columns(table, compared)
    head = [tag("th", name, scope="col") for name in ("", *names)]
    rows = []
    for row in table.rows:
        name = join(row.name, *([" ", tag("small", row.note)] if row.note else []))
        found = cells(table, row, compared)
        said = [tag("td", found[column]) for column in names]
        rows.append(tag("tr", tag("th", name, scope="row"), *said, class_=look(table, row)))
    caption = tag("caption", f"{table.title}, {table.unit}")
    return tag("table", caption, tag("thead", tag("tr", *head)), tag("tbody", *rows))


def _comparison(compared: Comparison) -> Markup:
    parts = [tag("h2", "Beside the older run"), tag("p", compared.against, class_="words")]
    for words, found in (
        ("What else differs, so that no factor is the code's alone:", compared.differs),
        ("Only in the older run:", compared.only_old),
        ("Only in this run:", compared.only_new),
    ):
        if found:
            parts += [tag("p", words), tag("ul", *(tag("li", one) for one in found))]
    if not compared.differs:
        parts.append(tag("p", "Machine, versions and length of the run are the same."))
    return tag("section", *parts, class_="chapter")
