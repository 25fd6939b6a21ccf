"""Opaque tokens: sessions and refresh tokens, before and behind their records."""

from __future__ import annotations

from typing import Final

from fuzz.house import FAMILY, REFRESH, SESSION, SESSIONS
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


def parse(text: bytes) -> None:
    assert len(opaque.parse(text, "ww_ss_")) == 32


TARGET: Final = Target(
    doors={"session": session, "refresh": refresh, "family": family, "revocation": revocation, "parse": parse},
    seeds=[
        *((door, SESSION.encode()) for door in ("session", "revocation", "parse")),
        *((door, FAMILY.encode()) for door in ("refresh", "family")),
        ("parse", opaque.issue("ww_ss_").encode()),
    ],
)
