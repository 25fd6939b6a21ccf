"""What a verified token must say: Profile, to be what it claims to be; ClaimsPolicy, to be meant for us, now."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from .errors import (
    ClaimError,
    ConfigurationError,
    MissingClaimError,
    NotYetValidError,
    TokenExpiredError,
    WrongAudienceError,
    WrongIssuerError,
    WrongTypeError,
)

MAX_CLAIMS = 64
MAX_TEXT = 1024
MAX_AUDIENCES = 16
MAX_LEEWAY = 60
_LATEST = 2**53


class ClaimsPolicy(Struct, frozen=True, kw_only=True):
    """Judges claims that a signature has vouched for (RFC 7519 §4.1, RFC 8725 §3.8–3.12).

    Times are whole seconds. ``exp`` is half-open: expired when ``now >= exp + exp_leeway``. ``leeway`` lets ``nbf`` and
    ``iat`` lie that far in the future. ``max_life`` bounds ``exp - iat``.
    """

    issuer: str
    audiences: frozenset[str]
    required: tuple[str, ...] = ("iss", "aud", "exp")
    text: tuple[str, ...] = ()
    """Claims that, where present, are printable text of 1 to 1024 characters."""
    words: tuple[str, ...] = ()
    """Claims that, where present, are lists of such texts."""
    leeway: int = 10
    exp_leeway: int = 0
    max_life: int | None = None
    authorized_party: bool = False
    """OpenID Connect Core §3.1.3.7: ``azp``, which several audiences call for, names one of ours."""

    def __post_init__(self) -> None:
        if not self.issuer or not self.audiences or "" in self.audiences or not {"iss", "aud"} <= set(self.required):
            raise ConfigurationError("a verifier knows its issuer and its audience; neither can be empty")
        if not (0 <= self.leeway <= MAX_LEEWAY and 0 <= self.exp_leeway <= MAX_LEEWAY):
            raise ConfigurationError(f"leeway is 0 to {MAX_LEEWAY} seconds; a clock that is off by more needs mending")

    def check(self, claims: Mapping[str, Any], now: int) -> None:
        """Raise the ClaimError that fits, or return. Nothing here depends on the order of the claims."""
        self.check_shape(claims)
        if claims["iss"] != self.issuer:
            if not printable(claims["iss"]):
                raise ClaimError(claim="iss")
            raise WrongIssuerError(f"the token is another issuer's: wanted here is {self.issuer!r}", claim="iss")
        if type(claims["aud"]) is not str or claims["aud"] not in self.audiences:
            self._check_audience(claims["aud"])
        if self.authorized_party and ("azp" in claims or (type(claims["aud"]) is list and len(claims["aud"]) > 1)):
            self._check_party(claims.get("azp"))
        self._check_times(claims, now)

    def check_shape(self, claims: Mapping[str, Any]) -> None:
        """The part that holds for every token of the kind, whoever issued it and whenever: names and types."""
        if len(claims) > MAX_CLAIMS:
            raise ClaimError(f"more than {MAX_CLAIMS} claims", claim="*")
        _check_shape(claims, self.required, self.text, self.words)

    def _check_audience(self, aud: Any) -> None:
        if isinstance(aud, str):
            if aud in self.audiences:
                return
            if not aud:
                raise ClaimError(claim="aud")
        elif not isinstance(aud, list) or not 0 < len(aud) <= MAX_AUDIENCES or not all(printable(one) for one in aud):
            raise ClaimError(claim="aud")
        elif not self.audiences.isdisjoint(aud):
            return
        ours = " or ".join(map(repr, sorted(self.audiences)))
        raise WrongAudienceError(f"the token is meant for another audience: wanted here is {ours}", claim="aud")

    def _check_party(self, azp: Any) -> None:
        if not printable(azp):
            raise ClaimError(claim="azp")
        if azp not in self.audiences:
            raise WrongAudienceError(claim="azp")

    def _check_times(self, claims: Mapping[str, Any], now: int) -> None:
        exp, nbf, iat = seconds(claims, "exp"), seconds(claims, "nbf"), seconds(claims, "iat")
        if exp is not None and now >= exp + self.exp_leeway:
            raise TokenExpiredError(f"expired {now - exp} s ago; get a new one", claim="exp")
        if nbf is not None and now + self.leeway < nbf:
            raise NotYetValidError(f"not valid for another {nbf - now} s", claim="nbf")
        if iat is None:
            return
        if now + self.leeway < iat:
            raise NotYetValidError(
                f"issued {iat - now} s in the future; compare the clocks", claim="iat", reason="issued_in_future"
            )
        if exp is not None and (exp <= iat or (self.max_life is not None and exp - iat > self.max_life)):
            raise ClaimError("lives longer than tokens of this kind may, or ends before it begins", claim="exp")


class Profile(Struct, frozen=True, kw_only=True):
    """A purpose of tokens as a value: the ``typ`` of their header and what they say, so that none passes for another.

    Make your own: ``Profile(typ="invoice+jwt", required=("iss", "aud", "exp", "sub", "jti"))``.
    """

    typ: str
    untyped: bool = False
    """Tokens of this purpose are older than ``typ``: none at all, or ``JWT``, is read as well."""
    required: tuple[str, ...]
    one_of: tuple[str, ...] = ()
    """At least one of these is there."""
    forbidden: tuple[str, ...] = ()
    """Claims of another purpose."""
    event: str | None = None
    """The member that ``events`` (RFC 8417 §2.2) must hold, an object."""
    text: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    max_life: int | None = None
    authorized_party: bool = False

    @property
    def types(self) -> frozenset[str]:
        """What ``typ`` may be, lower case, without ``application/``."""
        own = self.typ.lower().removeprefix("application/")
        return frozenset({own} | ({"", "jwt"} if self.untyped else set()))

    def check(self, claims: Mapping[str, Any]) -> None:
        """Raise the ClaimError that fits unless the claims have the shape of this purpose."""
        _check_shape(claims, self.required, self.text, self.words)
        if self.one_of and not any(name in claims for name in self.one_of):
            raise MissingClaimError(claim=self.one_of[0])
        for name in self.forbidden:
            if name in claims:
                raise WrongTypeError(f"a {self.typ} token has no {name!r}", claim=name)
        if self.event is not None:
            events = claims.get("events")
            if not isinstance(events, dict) or not isinstance(events.get(self.event), dict):
                raise WrongTypeError(f"'events' does not hold what a {self.typ} token tells", claim="events")


RFC_9068 = Profile(
    typ="at+jwt",
    required=("iss", "exp", "aud", "sub", "client_id", "iat", "jti"),
    text=("iss", "sub", "client_id", "jti", "scope"),
)
"""JWT access tokens, RFC 9068 §2.2."""

ID_TOKEN = Profile(
    typ="JWT",
    untyped=True,
    required=("iss", "sub", "aud", "exp", "iat"),
    forbidden=("events", "scope", "scp"),
    text=("iss", "sub", "nonce", "azp", "acr", "at_hash", "c_hash"),
    words=("amr",),
    authorized_party=True,
)
"""ID tokens, OpenID Connect Core §2. Compare ``nonce`` with your own.

``scope`` and ``scp`` are what tells access tokens apart that are typed ``JWT`` as well, where an API is its own client.
"""

LOGOUT_TOKEN = Profile(
    typ="logout+jwt",
    required=("iss", "aud", "iat", "exp", "jti", "events"),
    one_of=("sub", "sid"),
    forbidden=("nonce",),
    event="http://schemas.openid.net/event/backchannel-logout",
    text=("iss", "sub", "sid", "jti"),
)
"""Logout tokens, OpenID Connect Back-Channel Logout §2.4."""

DPOP_PROOF = Profile(typ="dpop+jwt", required=("jti", "htm", "htu", "iat"), text=("jti", "htm", "htu", "ath", "nonce"))
"""Proofs of possession, RFC 9449 §4.2. They have no issuer: what checks them is the binding, with ``check``."""

SERVICE = Profile(
    typ="service+jwt",
    required=("iss", "aud", "exp", "iat", "sub", "jti"),
    text=("iss", "sub", "jti", "client_id", "scope"),
    max_life=900,
)
"""Calls from one service to another: at most 15 minutes."""


def _check_shape(
    claims: Mapping[str, Any], required: tuple[str, ...], text: tuple[str, ...], words: tuple[str, ...]
) -> None:
    for name in required:
        if name not in claims:
            raise MissingClaimError(claim=name)
    for name in text:
        if name in claims:
            value = claims[name]  # the rule of printable(), without a call for each claim
            if not isinstance(value, str) or not value or len(value) > MAX_TEXT or not value.isprintable():
                raise ClaimError(claim=name)
    for name in words:
        if name in claims:
            _check_words(claims[name], name)


def printable(value: Any) -> bool:
    """Whether this is text of 1 to 1024 printable characters."""
    return isinstance(value, str) and 0 < len(value) <= MAX_TEXT and value.isprintable()


def seconds(claims: Mapping[str, Any], name: str) -> int | None:
    """A time claim as whole seconds, None if it is not there. Raises: ClaimError for anything but 0 < n < 2^53."""
    value = claims.get(name)
    if type(value) is int and 0 < value < _LATEST:
        return value
    if value is None and name not in claims:
        return None
    raise ClaimError(f"{name!r} is not a whole number of seconds", claim=name)


def _check_words(value: Any, name: str) -> None:
    if not isinstance(value, list) or len(value) > MAX_CLAIMS or not all(printable(one) for one in value):
        raise ClaimError(claim=name)
