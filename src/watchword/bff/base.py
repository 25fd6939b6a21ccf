"""What a source of tokens is: an authorization server, or our own Watchword, that trades a refresh token for others."""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct

from ..errors import ConfigurationError, TokenError
from ..tokens.base import words


class Tokens(Struct, frozen=True, kw_only=True):
    """What an authorization server hands out (RFC 6749 §5.1). ``expires_in``: seconds; None where it did not say."""

    access_token: str
    expires_in: int | None = None
    refresh_token: str | None = None

    def __repr__(self) -> str:
        return f"Tokens(expires_in={self.expires_in!r}, with_refresh={self.refresh_token is not None})"


class Want(Struct, frozen=True, kw_only=True):
    """What an access token is to be good for. Nothing named: whatever the source gives by itself."""

    audience: str | None = None
    scopes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if isinstance(self.scopes, str) or (self.audience is not None and not self.audience):
            raise ConfigurationError("scopes are a tuple of words, and an audience is not empty")
        words(self.scopes, "scopes")

    @property
    def name(self) -> str:
        """One word for it, the same for the same wish: where the token of it is kept."""
        return f"{self.audience or ''} {' '.join(sorted(self.scopes))}"


class GrantRefusedError(TokenError):
    """The source does not take this refresh token any more; sign in again."""

    code = "grant_refused"


class Source(Protocol):
    """Where tokens come from. ``patience``: seconds after which a call of it has ended, whatever happens."""

    patience: float

    async def refresh(self, refresh_token: str, want: Want) -> Tokens:
        """New tokens for a refresh token; without a new refresh token the old one stays good.

        Raises: GrantRefusedError when the refresh token is dead for good; UnavailableError when nobody knows, and the
        refresh token may be good still; ConfigurationError for what this source will never give.
        """
        ...

    async def revoke(self, refresh_token: str) -> None:
        """Tell the source that the refresh token is not needed any more. Raises: UnavailableError."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...
