"""PASERK: every type of k1 to k4, bare and under each lock."""

from __future__ import annotations

from typing import Final

from fuzz.house import V1, V2, V2_PAIR, V3, V3_PAIR, V4, V4_PAIR
from fuzz.target import Target, said
from watchword.crypto.wrapping import PasswordCost
from watchword.errors import WatchwordError
from watchword.insecure import LEGACY_PASETO
from watchword.keys import paserk
from watchword.keys.key import Key

CHEAP: Final = PasswordCost(memory=8 << 10, passes=1, iterations=1)
"""What a password may cost here: the search is for faults, and each try would hash."""
ALLOW: Final = [LEGACY_PASETO]


def plain(text: bytes) -> None:
    key = Key.from_paserk(said(text), allow=ALLOW)
    again = key.to_paserk(private=key.can_sign or key.algorithm.symmetric or b"secret" in text)
    assert again == said(text)


def wrapped(text: bytes) -> None:
    for key in (V4, V3):
        try:
            Key.from_paserk(said(text), wrapping_key=key)
        except WatchwordError:
            continue


def locked(text: bytes) -> object:
    return Key.from_paserk(said(text), password=b"p", at_most=CHEAP, allow=ALLOW)


def sealed(text: bytes) -> None:
    for key in (V4_PAIR, V3_PAIR):
        try:
            Key.from_paserk(said(text), sealing_key=key)
        except WatchwordError:
            continue


def names(text: bytes) -> None:
    header, data = paserk.split(said(text))
    assert said(text).startswith(header)
    assert data is not None
    paserk.travels(said(text))


PLAIN: Final = [
    *(key.to_paserk(private=True) for key in (V4, V3, V1, V4_PAIR, V3_PAIR)),
    *(key.to_paserk() for key in (V4_PAIR, V3_PAIR, V2_PAIR)),
]
TARGET: Final = Target(
    doors={"plain": plain, "wrapped": wrapped, "locked": locked, "sealed": sealed, "names": names},
    seeds=[
        *((door, text.encode()) for text in PLAIN for door in ("plain", "names")),
        *(("wrapped", key.to_paserk(wrapping_key=lock).encode()) for key, lock in ((V4, V4), (V4_PAIR, V4), (V3, V3))),
        *(("locked", key.to_paserk(password=b"p", cost=CHEAP).encode()) for key in (V4, V3, V4_PAIR, V3_PAIR)),
        ("sealed", V4.to_paserk(sealing_key=V4_PAIR.public()).encode()),
        ("sealed", V3.to_paserk(sealing_key=V3_PAIR.public()).encode()),
        *(("names", key.paserk_id().encode()) for key in (V4, V3_PAIR, V2, V1)),
    ],
)
