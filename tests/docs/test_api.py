"""The page of the API is what the code says, and says something of every public name and verb."""

from __future__ import annotations

import inspect

from tests.docs.api import PAGE, names, verbs, write

QUIET = {
    "ApiKeys.revocation_of",
    "OpaqueAccessTokens.revocation_of",
    "Sessions.revocation_of",
    "FrozenClock.now",
    "FrozenClock.monotonic",
    "SystemClock.now",
    "Watchword.close_blocking",
    "Watchword.from_settings",
}
"""Verbs whose words stand with the protocol they belong to, or with their other half."""


def test_the_page_is_the_one_that_the_code_writes() -> None:
    assert PAGE.read_text() == write(), "run: make api"


def test_every_name_and_verb_says_what_it_is() -> None:
    silent = {name for name, what in names().items() if not inspect.getdoc(what)}
    for name, what in names().items():
        if inspect.isclass(what):
            told = {verb: member.fget if isinstance(member, property) else member for verb, member in verbs(what)}
            silent |= {f"{name}.{verb}" for verb, member in told.items() if not inspect.getdoc(member)}
    assert silent <= QUIET


def test_nothing_on_it_depends_on_the_run() -> None:
    assert " at 0x" not in PAGE.read_text()
