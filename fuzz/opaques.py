"""Opaque tokens of every kind: sessions, refresh and access tokens, API keys, tokens that work once."""

from __future__ import annotations

from typing import Final

from fuzz.house import API_KEY, API_KEYS, FAMILY, ONE_TIME, OPAQUE, OPAQUE_ACCESS, REFRESH, RESET, SESSION, SESSIONS
from fuzz.target import Target
from watchword.formats import opaque
from watchword.runtime.ticker import drive


def session(text: bytes) -> None:
    drive(SESSIONS.authenticate(text))
    assert text == SESSION.encode()


def refresh(text: bytes) -> None:
    drive(REFRESH.authenticate(text))
    assert text == FAMILY.encode()


def family(text: bytes) -> None:
    drive(REFRESH.family_of(text))
    assert text == FAMILY.encode()


def revocation(text: bytes) -> None:
    drive(SESSIONS.revocation_of(text))


def access(text: bytes) -> None:
    drive(OPAQUE.authenticate(text))
    assert text == OPAQUE_ACCESS.encode()


def introspect(text: bytes) -> None:
    assert drive(OPAQUE.introspect(text))["sub"] == "user-7"
    assert text == OPAQUE_ACCESS.encode()


def api_key(text: bytes) -> None:
    drive(API_KEYS.authenticate(text))
    assert text == API_KEY.encode()


def once(text: bytes) -> object:
    """Looked up under each purpose, and never used up."""
    return drive(ONE_TIME.revocation_of(text))


def parse(text: bytes) -> None:
    assert len(opaque.parse(text, "ww_ss_")) == 32


TARGET: Final = Target(
    doors={
        "session": session,
        "refresh": refresh,
        "family": family,
        "revocation": revocation,
        "access": access,
        "introspect": introspect,
        "api key": api_key,
        "once": once,
        "parse": parse,
    },
    seeds=[
        *((door, SESSION.encode()) for door in ("session", "revocation", "parse")),
        *((door, FAMILY.encode()) for door in ("refresh", "family")),
        *((door, OPAQUE_ACCESS.encode()) for door in ("access", "introspect")),
        ("api key", API_KEY.encode()),
        ("once", RESET.encode()),
        ("parse", opaque.issue("ww_ss_").encode()),
    ],
)
