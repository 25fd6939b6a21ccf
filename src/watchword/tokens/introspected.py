"""opaque_access at a resource server without the store: what the server that has it said (RFC 7662), under a lease.

A pure state machine. It never asks: ``known`` says what was heard of a token, ``heard`` takes in an answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Generic, TypeVar

from msgspec import Struct

from ..claims import ClaimsPolicy
from ..clock import Clock, SystemClock
from ..crypto.digest import thumbprint
from ..encoding import MAX_TOKEN, gate, json_object, malformed
from ..errors import (
    BindingError,
    ClaimError,
    ConfigurationError,
    MalformedTokenError,
    TokenError,
    TokenExpiredError,
    TokenNotFoundError,
    UnavailableError,
    WrongTypeError,
)
from ..principal import Principal
from .base import first

CAPACITY = 8192
ABSENT = 1.0
"""Seconds that a refusal is remembered: it spares the server a token that is tried again and again."""
MAX_STALENESS = timedelta(seconds=5)

V = TypeVar("V")


class Kept(Generic[V]):
    """A bounded map: two plain dictionaries, swapped when the young one is full."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity // 2
        self._young: dict[str, V] = {}
        self._old: dict[str, V] = {}

    def get(self, name: str) -> V | None:
        return self._young.get(name) or self._old.get(name)

    def put(self, name: str, value: V) -> None:
        if len(self._young) >= self._capacity:
            self._old, self._young = self._young, {}
        self._young[name] = value

    def forget(self, name: str) -> None:
        self._young.pop(name, None)
        self._old.pop(name, None)

    def __len__(self) -> int:
        return len(self._young) + len(self._old)


class _Good(Struct, frozen=True):
    who: Principal
    until: float


class _Bad(Struct, frozen=True):
    error: type[TokenError]
    message: str
    until: float


class IntrospectedTokens:
    """What one server says about the tokens that are presented to us.

    Parameters: issuer: that server's ``iss``. audience: one or several that are ours. starts: how its tokens begin.
    max_staleness: how old its word may be, counted from when it was asked, on the boot-time clock (5 s; 0 asks each
    time). An answer is kept by the digest of the token, never with the token; ``CAPACITY`` of good ones, and as many
    of refusals, so that strangers cannot push out what is good.
    """

    def __init__(
        self,
        *,
        issuer: str,
        audience: str | Sequence[str],
        starts: Sequence[str] = ("ww_at_",),
        max_staleness: timedelta = MAX_STALENESS,
        clock: Clock | None = None,
    ) -> None:
        self.issuer = issuer
        self.starts = tuple(starts)
        self.clock: Clock = clock or SystemClock()
        self.max_staleness = max_staleness.total_seconds()
        if self.max_staleness < 0 or not self.starts:
            raise ConfigurationError('max_staleness is 0 s or more, and tokens begin in some way ("" is any)')
        self._policy = ClaimsPolicy(
            issuer=issuer,
            audiences=frozenset(first(audience)),
            required=("iss", "aud", "sub", "exp"),
            text=("sub", "jti", "client_id", "sid"),
            words=("roles",),
        )
        self._good: Kept[_Good] = Kept(CAPACITY)
        self._bad: Kept[_Bad] = Kept(CAPACITY)

    def place(self, untrusted: object) -> tuple[str, str]:
        """(digest, token): under which name this token is kept, and its text. Raises: MalformedTokenError."""
        token = gate(untrusted, MAX_TOKEN)
        if not token or token.translate(None, _ALPHABET) or not token.decode().startswith(self.starts):
            malformed(
                f"no token that this server is asked about: those begin with {' or '.join(self.starts)!r} (starts=)"
            )
        return thumbprint(token), token.decode()

    def known(self, digest: str) -> Principal | None:
        """Whose token this is, if that was heard and the word is not too old. Raises: the TokenError it said."""
        now = self.clock.monotonic()
        good = self._good.get(digest)
        if good is not None and now < good.until:
            if self.clock.now() >= good.who.expires_at:
                raise TokenExpiredError("the token has ended; get a new one", claim="exp")
            return good.who
        bad = self._bad.get(digest)
        if bad is not None and now < bad.until:
            raise bad.error(bad.message)
        return None

    def heard(self, digest: str, answer: bytes, *, sent_at: float) -> Principal:
        """Judge an answer to a question that was sent at ``sent_at`` (boot-time seconds), and keep the verdict.

        Raises: TokenError; UnavailableError for what is no answer at all.
        """
        try:
            who = self._judged(digest, answer)
        except TokenError as error:
            self._good.forget(digest)
            self._bad.put(digest, _Bad(type(error), str(error), sent_at + min(ABSENT, self.max_staleness)))
            raise
        self._bad.forget(digest)
        self._good.put(digest, _Good(who, sent_at + self.max_staleness))
        return who

    def _judged(self, digest: str, answer: bytes) -> Principal:
        try:
            said = json_object(answer)
        except MalformedTokenError as error:
            raise UnavailableError(f"{self.issuer} did not answer with a JSON object: {error}") from error
        if type(said.get("active")) is not bool:
            raise UnavailableError(f"{self.issuer} did not say whether the token is active")
        if not said["active"]:
            raise TokenNotFoundError("its server says that this token is not active")
        if str(said.get("token_type", "Bearer")).lower() != "bearer":
            raise WrongTypeError("this is no access token", claim="token_type")
        if "cnf" in said:
            raise BindingError("the token is bound to its sender, and no proof of that came with it")
        self._policy.check(said, self.clock.now())
        return self._principal(digest, said)

    def _principal(self, digest: str, said: dict[str, Any]) -> Principal:
        scope, auth_time = said.get("scope", ""), said.get("auth_time")
        if type(scope) is not str or not scope.isascii() or not (scope == "" or scope.isprintable()):
            raise ClaimError(claim="scope")
        if auth_time is not None and type(auth_time) is not int:
            raise ClaimError(claim="auth_time")
        return Principal(
            subject=said["sub"],
            kind="opaque_access",
            token_id=said.get("jti", digest),
            issued_at=said.get("iat", self.clock.now()),
            expires_at=said["exp"],
            scopes=frozenset(scope.split()),
            roles=frozenset(said.get("roles", ())),
            session_id=said.get("sid"),
            client_id=said.get("client_id"),
            auth_time=auth_time,
            issuer=self.issuer,
            raw_claims=said,
        )

    def __len__(self) -> int:
        return len(self._good) + len(self._bad)


_ALPHABET = bytes(range(0x21, 0x7F))
