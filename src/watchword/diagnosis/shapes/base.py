"""What a shape gives, and the table of shapes. A new one is a file and a row."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any, Protocol

from msgspec import Struct

from ..walk import Trust, Walk

NEITHER = "no token, key or header line that is known here"
UNREAD = "its claims are encrypted: nothing of them was read"


class Piece(Struct, frozen=True):
    """A credential or key that stood inside of another text."""

    where: str
    text: str | bytes
    carrier: str = ""

    def __repr__(self) -> str:
        return f"Piece(where={self.where!r})"


class Look(Struct, kw_only=True):
    """What was read of one text, leniently; findings are made of it. It may hold secrets, and is never shown."""

    form: str
    what: str
    kind: str | None = None
    header: Mapping[str, Any] = {}
    claims: Mapping[str, Any] | None = None
    """What anybody reads who has the text."""
    opened: Mapping[str, Any] | None = None
    """What nobody reads but who has the key: it is shown, and nothing is found in it."""
    algorithm: str = ""
    message: bytes = b""
    signature: bytes = b""
    carrier: str = ""
    """``cookie``, ``bearer``, ``dpop``, ``key``, ``url``, ``body``: how it came, where that is known."""
    facts: tuple[tuple[str, str], ...] = ()
    flags: frozenset[str] = frozenset()
    """Rows of the table of findings that the shape itself has found."""
    pieces: tuple[Piece, ...] = ()
    unverified: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Look(form={self.form!r})"


class Shape(Protocol):
    """A module of this folder."""

    def fits(self, text: str) -> bool: ...

    def read(self, untrusted: str | bytes, text: str, trust: Trust, walk: Walk) -> Look:
        """``untrusted`` as it was given, ``text`` the same as text. Never raises."""
        ...


SHAPES = (
    "headers",
    "urls",
    "documents",
    "pem",
    "paserk",
    "paseto",
    "foreign",
    "opaque",
    "itsdangerous",
    "proof",
    "jose",
    "unknown",
)
"""Asked in this order; the last one fits everything."""


def shape_of(text: str) -> Shape:
    for name in SHAPES:
        shape: Any = import_module(f"{__package__}.{name}")
        if shape.fits(text):
            return shape  # type: ignore[no-any-return]  # a module is its own protocol
    raise AssertionError("the last shape fits everything")
