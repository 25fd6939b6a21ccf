"""Writes docs/reference/frameworks.md from a run: ``python -m tests.frameworks.page``."""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.frameworks.frameworks import FRAMEWORKS, ROOT, ask, served
from tests.frameworks.requests import ROWS, Mint, Row, Seen, house

PAGE = ROOT / "docs/reference/frameworks.md"


def said(seen: Seen) -> str:
    """One cell: the status, the error of the challenge, what the cookie became, and what else it is told."""
    error = (seen.challenge or "").partition('error="')[2].partition('"')[0]
    cookie = "" if not seen.cookies else "cookie cleared" if "max-age=0" in seen.cookies[0].lower() else "cookie set"
    return " ".join(part for part in (str(seen.status), error, cookie, *seen.told) if part)


def line(row: Row) -> str:
    return f"| {row.name} | `{row.ask.partition('?')[0]}` |"


def write(seen: dict[str, list[str]]) -> str:
    names = list(seen)
    table = [f"{line(row)} {' | '.join(seen[name][number] for name in names)} |" for number, row in enumerate(ROWS)]
    rows = "\n".join(table)
    return f"""# Frameworks

{len(ROWS)} requests, sent to one small application in each framework, served for real on a loopback port (uvicorn
for ASGI; the standard library's server, a thread a request, for WSGI) over one SQLite file. Every cell is what came
back in the run that wrote this page (`python -m tests.frameworks.page`); `tests/frameworks` holds each to the same
expectation.

| presented | request | {" | ".join(names)} |
|---|---|{"---|" * len(names)}
{rows}
"""


def run(mint: Mint, port: int) -> list[str]:
    cells = []
    for row in ROWS:
        headers = row.headers(mint)
        seen = ask(port, row.ask, headers)
        while row.in_time and seen.status != row.status:  # the tests hold how long that may take
            seen = ask(port, row.ask, headers)
        cells.append(said(seen))
    return cells


def everywhere() -> dict[str, list[str]]:
    with tempfile.TemporaryDirectory() as folder:
        place = f"sqlite:///{Path(folder) / 'app.db'}", f"{folder}/app.keys"
        mint, found = house(*place), {}
        with mint.ww, mint.past, mint.elsewhere, mint.test:
            for framework in FRAMEWORKS:
                with served(framework, *place) as port:
                    found[framework.name] = run(mint, port)
    return found


if __name__ == "__main__":
    PAGE.write_text(write(everywhere()))
