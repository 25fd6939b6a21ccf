"""Reports made by hand: what a run would have found, and one in which every text is hostile."""

from __future__ import annotations

from typing import Any

from watchword.diagnosis.bench.result import Report, Row, Section, Table

RAW = "the raw primitive"
MACHINE: dict[str, Any] = {
    "cpu": "An Example CPU @ 3.20GHz",
    "cores": 4,
    "load": [0.4, 0.3, 0.2],
    "system": "Linux x86_64",
    "python": "CPython 3.11.7",
    "openssl": "OpenSSL 4.0.3",
    "libraries": {"cryptography": "50.0.2", "msgspec": "0.22.0", "pyjwt": "2.15.1", "pyseto": None},
    "load_after": [0.9, 0.4, 0.2],
}


def row(name: str, median: float, p99: float = 0.0, **more: Any) -> Row:
    return Row(name=name, median=median, p99=p99 or 1.2 * median, **more)


VERIFY = Table(
    id="formats.es256.verify",
    title="Verify an ES256 JWT",
    rows=[
        row(RAW, 73.9, 80.2),
        row("watchword", 78.1, 91.0, ours=True, bytes=412),
        row("PyJWT", 123.4, 150.9, bytes=398),
        row("a library with a name that is much too long for its column", 140.0, 4120.0, bytes=398),
    ],
    over=RAW,
    note="64 tokens in turn; nobody has seen them before.",
)
SIGN = Table(
    id="formats.es256.sign",
    title="Sign an ES256 JWT",
    rows=[row(RAW, 30.2), row("watchword", 33.0, ours=True, bytes=412), row("PyJWT", 61.1, bytes=398)],
    over=RAW,
)
STORES = Table(
    id="stores.get",
    title="Read a record",
    rows=[
        row("memory", 0.912, ours=True),
        row("SQLite", 14.1, 33.0, ours=True, note="in a temporary folder"),
        row("PostgreSQL, in a transaction of its own", 412.0, 1890.0, ours=True),
        row("redis-py alone", 161.0, 204.0),
    ],
    over="redis-py alone",
)
GROWTH = Table(
    id="revocation.growth",
    title="Is it revoked?",
    rows=[
        row(name, median * (1 + 0.02 * place), p99 * median, at=at, ours=ours)
        for name, median, p99, ours in (
            ("the View", 0.41, 1.3, True),
            ("a blocklist, read each time", 67.2, 1.6, False),
        )
        for place, at in enumerate((1_000, 10_000, 100_000, 1_000_000))
    ],
)
PASSWORDS = Table(
    id="passwords.argon2",
    title="Check a password",
    rows=[row("t=3, 64 MiB, p=1", 181.0, 199.0, ours=True), row("t=4, 64 MiB, p=1", 243.0, 251.0, ours=True)],
    unit="ms",
)


def sample(**changes: Any) -> Report:
    """A whole run. ``changes``: of the members of the report."""
    sections = [
        Section(
            id="formats",
            title="Formats",
            words="What a token costs to verify and to sign, beside the bare cryptographic call and other libraries.",
            tables=[VERIFY, SIGN],
            not_run=["pyseto: it is not installed"],
        ),
        Section(id="stores", title="Stores", words="What a look-up costs.", tables=[STORES]),
        Section(id="revocation", title="Revocation", words="What it costs to know.", tables=[GROWTH]),
        Section(id="passwords", title="Passwords", words="How much a guess costs.", tables=[PASSWORDS]),
    ]
    made: dict[str, Any] = {
        "watchword": "0.1.0",
        "at": "2026-11-23T06:00:00Z",
        "seconds": 41.7,
        "quick": False,
        "machine": MACHINE,
        "sections": sections,
    }
    return Report(**made | changes)


EVIL = "</style></title><script>alert(1)</script><img src=x onerror=alert(1)>\"'&\x1b[31m\u202e\x00"


def hostile() -> Report:
    """Every text that a report can hold, and each of them wants to be something else."""
    rows = [Row(name=EVIL, median=1.0, p99=2.0, ours=True, note=EVIL), Row(name=f"2{EVIL}", median=0.0, p99=0.0)]
    rows += [Row(name=f"3{EVIL}", median=1.0, p99=2.0, at=at) for at in (1, 1000)]
    table = Table(id=EVIL, title=EVIL, rows=rows, over=EVIL, unit=EVIL, note=EVIL)
    section = Section(id=EVIL, title=EVIL, words=EVIL, tables=[table], not_run=[EVIL])
    machine = {"cpu": EVIL, EVIL: EVIL, "libraries": {EVIL: EVIL}, "load": [EVIL]}
    return sample(watchword=EVIL, at=EVIL, machine=machine, sections=[section])
