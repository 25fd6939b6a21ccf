"""Every framework answers the same requests with the same status, body, challenge and cookie."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.frameworks.frameworks import FRAMEWORKS, Framework, ask, served
from tests.frameworks.page import PAGE, line
from tests.frameworks.requests import ROWS, Mint, Row, house
from watchword.clock import SystemClock
from watchword.web.cookies import SESSION_COOKIE

BOUND = 5
"""Seconds: max_staleness, as nobody set it."""
SET = {"path=/", "secure", "httponly", "samesite=lax"}


def flags(line: str) -> set[str]:
    """What a Set-Cookie says beside name and value, in whatever order."""
    return {one.strip().lower() for one in line.split(";")[1:]}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    folder: Path = tmp_path_factory.mktemp("frameworks")
    return f"sqlite:///{folder}/app.db", f"{folder}/app.keys"


@pytest.fixture(scope="module")
def mint(place: tuple[str, str]) -> Iterator[Mint]:
    minting = house(*place)
    with minting.ww, minting.past, minting.elsewhere, minting.test:
        yield minting


@pytest.fixture(scope="module", params=FRAMEWORKS, ids=lambda one: one.name)
def port(request: pytest.FixtureRequest, place: tuple[str, str], mint: Mint) -> Iterator[int]:
    framework: Framework = request.param
    with served(framework, *place) as found:
        yield found


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_the_answer_is_the_same_everywhere(row: Row, port: int, mint: Mint) -> None:
    headers = row.headers(mint)
    clock, seen = SystemClock(), ask(port, row.ask, headers)
    last = clock.monotonic() + BOUND
    while row.in_time and seen.status != row.status and clock.monotonic() < last:
        seen = ask(port, row.ask, headers)
    assert (seen.status, seen.challenge) == (row.status, row.challenge)
    assert row.says in seen.body
    assert seen.told.keys() == row.tells.keys()
    assert all(re.fullmatch(row.tells[name], seen.told[name]) for name in row.tells), seen.told
    if row.cookie == "set":
        [line] = seen.cookies
        assert line.startswith(f"{SESSION_COOKIE}=ww_ss_")
        assert flags(line) == SET
    else:
        cleared = [(line.partition("=")[0], flags(line)) for line in seen.cookies]
        assert cleared == ([(SESSION_COOKIE, SET | {"max-age=0"})] if row.cookie == "cleared" else [])
    if row.after is not None:
        row.after(mint, headers, seen)


def test_the_page_has_every_request_and_every_framework_and_they_agree() -> None:
    text = PAGE.read_text()
    assert " | ".join(one.name for one in FRAMEWORKS) in text
    table = [one for one in text.splitlines() if one.startswith("| ") and "`" in one]
    assert [one[: len(line(row))] for one, row in zip(table, ROWS, strict=True)] == [line(row) for row in ROWS]
    for one in table:
        cells = [cell.strip() for cell in one.split("|")[3:-1]]
        assert len(cells) == len(FRAMEWORKS)
        assert len(set(cells)) == 1, one
