"""Principal: who is calling, by which kind of token, with which scopes, until when."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from msgspec import Struct

from .errors import InsufficientScopeError


def frozen(value: Any) -> Any:
    """The same JSON value with dicts as read-only views and lists as tuples, all the way down."""
    if isinstance(value, Mapping):
        return MappingProxyType({name: frozen(inner) for name, inner in value.items()})
    if isinstance(value, list | tuple):
        return tuple(frozen(inner) for inner in value)
    return value


class Principal(Struct, frozen=True, kw_only=True, gc=False):
    """The verified caller. Only a token kind makes one; everything in it was checked.

    Times are whole seconds since 1970. ``scopes`` and ``roles`` are exact, case-sensitive words. ``rev`` is the feed
    position its credential was issued at; pass it on (``rev=who.rev``) to whatever is derived from this credential, so
    that a revocation of the one reaches the other.
    """

    subject: str
    kind: str
    token_id: str
    issued_at: int
    expires_at: int
    scopes: frozenset[str] = frozenset()
    roles: frozenset[str] = frozenset()
    session_id: str | None = None
    family_id: str | None = None
    client_id: str | None = None
    auth_time: int | None = None
    rev: str | None = None
    issuer: str | None = None
    """Whose token it was, None for our own. A subject of another issuer is nobody without its name."""
    raw_claims: Mapping[str, Any] = {}

    @property
    def claims(self) -> Mapping[str, Any]:
        """Deeply read-only: the verified claims of a self-contained token, the data of a session."""
        view: Mapping[str, Any] = frozen(self.raw_claims)
        return view

    def __repr__(self) -> str:
        return f"Principal(subject={self.subject!r}, kind={self.kind!r}, token_id={self.token_id!r})"

    def require(self, *needed: str) -> None:
        """Raise InsufficientScopeError unless every needed scope is there."""
        missing = [scope for scope in needed if scope not in self.scopes]
        if missing:
            raise InsufficientScopeError(f"needs scope {' '.join(missing)!r}", scope=" ".join(needed))
