"""What all kinds share: the table of kinds, what issuing returns, and the small rules of lifetimes and scopes."""

from __future__ import annotations

from collections.abc import Awaitable, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any, Literal, Protocol, runtime_checkable

from msgspec import Struct

from ..crypto.row import Algorithm
from ..encoding import MAX_DEPTH, dump_json, json_object, unb64url
from ..errors import BindingError, ConfigurationError, KeyUseError, MalformedTokenError
from ..keys.key import Key
from ..principal import Principal
from ..revocation.view import OnStale
from ..stores.base import Event
from .names import named as named
from .names import one_id as one_id
from .names import shown as shown
from .names import words as words

NO_PROOF = "the token is bound to its sender, and no proof of that came with it; send it as DPoP, with a proof"


class Kind(Struct, frozen=True, kw_only=True):
    """One row of the taxonomy: what a token is for decides how it is written, how long it lives, who may carry it.

    The kinds read their rules here, and refuse with these methods what contradicts them.
    """

    name: str
    formats: tuple[str, ...]
    use: Literal["sign", "mac", "seal"] | None
    """What the keys behind it are for; None: there is no key, only a record vouches for it."""
    pairs_only: bool = False
    """Key pairs alone: who verifies with a symmetric key could issue as well."""
    starts: tuple[str, ...]
    """How its tokens begin; routing looks at this and at the carrier, never at a claim."""
    typ: str | None = None
    audience: Literal["here", "any", "one", "bound"]
    """``here``: whoever has the store. ``any``: it names one or several, and one of them is ours. ``one``: it names
    ours alone. ``bound``: one, without which it does not open."""
    apart: tuple[str, ...] = ()
    """What keeps tokens of this very kind apart from each other, beside issuer and audience."""
    life: timedelta
    cap: timedelta
    carriers: tuple[str, ...]
    stored: str
    opens: bool = False
    """It may be taken past the lease of the view, on a route of low risk (``on_stale="open"``). All else never."""
    otherwise: str = ""
    """What to use where somebody wants it in another format."""
    longer: str = ""
    """What to use where somebody wants it to live longer."""

    def check_format(self, format: str | None) -> None:
        """Raise ConfigurationError for a format that it is not written in; None leaves the choice to the key."""
        if format is not None and format not in self.formats:
            formats = " or ".join(self.formats)
            raise ConfigurationError(
                f"{self.name} tokens are written as {formats}, not as {format!r}; {self.otherwise}"
            )

    def check_key(self, algorithm: Algorithm, audiences: Iterable[str], ours: Iterable[str]) -> None:
        """Raise KeyUseError for a symmetric key that another service would need in order to verify.

        ``audiences``: whom a token is for. ``ours``: those that the holder of this key answers for.
        """
        others = sorted(set(audiences) - set(ours))
        if not algorithm.symmetric or not (self.pairs_only or others):
            return
        whom = f"{others[0]!r}" if others else "another service"
        raise KeyUseError(
            f"{algorithm.name} is symmetric: with a key to verify, {whom} could issue {self.name} tokens as well; sign "
            "with ES256 or v4.public, and publish the public key"
        )

    def whom(self, wanted: Sequence[str] | str | None, ours: Sequence[str]) -> list[str]:
        """The audience of a new token: those wanted, or the first of ours. Raises: ConfigurationError."""
        if self.audience == "one" and not isinstance(wanted, str):
            raise ConfigurationError(
                f"{self.name} tokens are for exactly one audience, named as text; issue one for each"
            )
        chosen = [named(one, "an audience") for one in first(ours[:1] if wanted is None else wanted)]
        if not chosen:
            raise ConfigurationError(f"{self.name} tokens are for at least one audience; name it: audience=")
        return chosen


KINDS: dict[str, Kind] = {
    row.name: row
    for row in (
        Kind(
            name="session",
            formats=("opaque",),
            use=None,
            starts=("ww_ss_",),
            audience="here",
            life=timedelta(hours=12),
            cap=timedelta(days=30),
            carriers=("cookie",),
            stored="SHA-256 of the secret, data, version",
            otherwise="only a record can be ended at any moment; what verifies without the store is an access token",
            longer="after that the user signs in again",
        ),
        Kind(
            name="access",
            formats=("jwt", "paseto"),
            use="sign",
            starts=("eyJ", "v4.public.", "v3.public."),
            typ="at+jwt",
            audience="any",
            life=timedelta(minutes=15),
            cap=timedelta(minutes=60),
            carriers=("bearer", "dpop", "cookie"),
            stored="nothing",
            opens=True,
            otherwise="opaque ones are opaque_access, encrypted ones sealed tokens",
            longer="for longer use refresh tokens or sessions; opaque_access tokens can be ended at any moment",
        ),
        Kind(
            name="refresh",
            formats=("opaque",),
            use="mac",
            starts=("ww_rt_",),
            audience="here",
            life=timedelta(days=14),
            cap=timedelta(days=30),
            carriers=("body", "cookie"),
            stored="family row: generation and SHA-256 of the secret",
            otherwise="only a record can find its reuse; what verifies without the store is an access token",
            longer="after that the user signs in again",
        ),
        Kind(
            name="opaque_access",
            formats=("opaque",),
            use=None,
            starts=("ww_at_",),
            audience="any",
            life=timedelta(minutes=15),
            cap=timedelta(minutes=60),
            carriers=("bearer", "dpop"),
            stored="SHA-256 of the secret, what it stands for, version",
            otherwise="what verifies without the store is an access token",
            longer="for longer use refresh tokens, or API keys for programs",
        ),
        Kind(
            name="service",
            formats=("jwt", "paseto"),
            use="sign",
            pairs_only=True,
            starts=("eyJ", "v4.public.", "v3.public."),
            typ="service+jwt",
            audience="one",
            life=timedelta(minutes=5),
            cap=timedelta(minutes=15),
            carriers=("bearer",),
            stored="nothing",
            otherwise="opaque ones are opaque_access, and for a program that is no service of yours there are API keys",
            longer="a service issues a new one for each call, or every few minutes",
        ),
        Kind(
            name="sealed",
            formats=("paseto", "jwe"),
            use="seal",
            starts=("v4.local.", "v3.local.", "eyJ"),
            typ="sealed+jwt",
            audience="bound",
            apart=("purpose", "subject"),
            life=timedelta(minutes=5),
            cap=timedelta(minutes=10),
            carriers=("body", "url"),
            stored="nothing; once redeemed, the digest of its id",
            otherwise="what others read is an access token, what only we know a one_time token",
            longer="for longer keep the data in your database, and send a one_time token",
        ),
        Kind(
            name="api_key",
            formats=("opaque",),
            use=None,
            starts=("sk_live_", "sk_test_"),
            audience="here",
            apart=("environment",),
            life=timedelta(days=90),
            cap=timedelta(days=365),
            carriers=("key", "bearer"),
            stored="SHA-256 of the secret, scopes, roles, label, last use",
            otherwise="only a record can be ended after months; for minutes a program gets an access token",
            longer="a key without an end is asked for by name: lifetime=None",
        ),
        Kind(
            name="one_time",
            formats=("opaque",),
            use=None,
            starts=("ww_ot_",),
            audience="here",
            apart=("purpose",),
            life=timedelta(minutes=30),
            cap=timedelta(days=7),
            carriers=("body",),
            stored="SHA-256 of purpose and secret, data; a tombstone once it is used",
            otherwise="only a record knows that it was used; data that travel hidden go into a sealed token",
            longer="after that send a new one",
        ),
    )
}


class Issued(Struct, frozen=True, kw_only=True):
    """A fresh token and what is known of it. ``token`` is the secret: hand it over once, and log the ``token_id``."""

    token: str
    token_id: str
    subject: str
    expires_at: int
    """Seconds since 1970."""
    scopes: frozenset[str] = frozenset()
    roles: frozenset[str] = frozenset()
    client_id: str | None = None
    session_id: str | None = None
    family_id: str | None = None
    rev: str | None = None
    auth_time: int | None = None
    jkt: str | None = None
    """The thumbprint of the key that it is bound to."""
    fpt: str | None = None

    @classmethod
    def of(cls, token: str, who: Principal) -> Issued:
        """The token that stands for ``who``."""
        return cls(
            token=token,
            token_id=who.token_id,
            subject=who.subject,
            expires_at=who.expires_at,
            scopes=who.scopes,
            roles=who.roles,
            client_id=who.client_id,
            session_id=who.session_id,
            family_id=who.family_id,
            rev=who.rev,
            auth_time=who.auth_time,
            jkt=who.jkt,
            fpt=who.fpt,
        )

    def __repr__(self) -> str:
        return f"Issued(token_id={self.token_id!r}, subject={self.subject!r}, expires_at={self.expires_at})"


class Stage(Protocol):
    """``authenticate`` or ``unproven`` of a kind."""

    def __call__(self, untrusted: object, *, on_stale: OnStale | None = None) -> Awaitable[Principal]: ...


class Authenticates(Protocol):
    """What the corridor asks of a kind."""

    kind: Kind

    async def authenticate(self, untrusted: object, *, on_stale: OnStale | None = None) -> Principal:
        """Stages *parse* to *revocation*. Raises: TokenError, UnavailableError.

        ``on_stale``: what this one check does past the lease; None is what the view says. Who has no view ignores it.
        """
        ...

    async def revocation_of(self, untrusted: object) -> Event | None:
        """The event that stops this token of ours; None when it has ended by itself.

        Raises: TokenError for any other.
        """
        ...


@runtime_checkable
class Bindable(Authenticates, Protocol):
    """A kind whose tokens may be bound to a key; ``authenticate`` refuses those, because it sees no proof."""

    async def unproven(self, untrusted: object, *, on_stale: OnStale | None = None) -> Principal:
        """As ``authenticate``, without *binding*: for the corridor and for introspection, never for access."""
        ...


def whole_seconds(span: object, what: str) -> int:
    """The seconds of a timedelta. Raises: ConfigurationError for a bare number, which does not say what it counts."""
    if not isinstance(span, timedelta):
        raise ConfigurationError(f"{what} is a timedelta, not {type(span).__name__}: timedelta(seconds=…)")
    return int(span.total_seconds())


def life_of(kind: Kind, wanted: timedelta | None, default: timedelta) -> int:
    """Seconds that a new token lives. Raises: ConfigurationError beyond the kind's cap."""
    life = whole_seconds(default if wanted is None else wanted, f"{kind.name}: a lifetime")
    if not 0 < life <= kind.cap.total_seconds():
        instead = f"; {kind.longer}" if life > 0 else ""
        raise ConfigurationError(f"{kind.name}: it lives up to {kind.cap}; {life} s is not within that{instead}")
    return life


def check_formats(wanted: Mapping[str, str | None], kinds: Iterable[Kind]) -> None:
    """Raise ConfigurationError for a format that a kind does not have, or a kind that there is not."""
    known = {kind.name: kind for kind in kinds}
    for name, format in wanted.items():
        if name not in known:
            raise ConfigurationError(f"there is no kind {name!r}; there are: {', '.join(sorted(known))}")
        known[name].check_format(format)


def thumbprint_of(bind: Key | str | None) -> str | None:
    """What to bind a token to: a Key, or the thumbprint (RFC 7638) of one. Raises: ConfigurationError."""
    if bind is None:
        return None
    if isinstance(bind, Key):
        return bind.thumbprint()
    if not _is_thumbprint(bind):
        raise ConfigurationError("a token is bound to a Key, or to its thumbprint: 43 characters of base64url")
    return bind


def jkt_of(cnf: object) -> str:
    """The thumbprint in a ``cnf`` claim (RFC 9449 §6.1). Raises: BindingError for any other confirmation."""
    if isinstance(cnf, dict) and cnf.keys() == {"jkt"} and _is_thumbprint(cnf["jkt"]):
        return str(cnf["jkt"])
    raise BindingError("the token is bound to its sender in a way that is not understood here")


def _is_thumbprint(value: object) -> bool:
    try:
        return isinstance(value, str) and len(value) == 43 and len(unb64url(value.encode())) == 32
    except (MalformedTokenError, UnicodeEncodeError):
        return False


def plain_json(value: Mapping[str, Any] | None, what: str, limit: int) -> dict[str, Any]:
    """A copy of a JSON object.

    Raises: ConfigurationError for what JSON cannot hold as it is, for more than ``limit`` bytes, or more than 8 levels
    (the object itself is the first).
    """
    if value is not None and not isinstance(value, Mapping):
        raise ConfigurationError(f"{what} must be plain JSON: an object, not {type(value).__name__}")
    given = dict(value or {})
    try:
        raw = dump_json(given)
    except (TypeError, ValueError, RecursionError) as error:
        raise ConfigurationError(f"{what} must be plain JSON") from error
    if len(raw) > limit:
        raise ConfigurationError(f"{what} takes {len(raw)} bytes; at most {limit} are kept")
    try:
        copy = json_object(raw)
    except MalformedTokenError as error:
        raise ConfigurationError(f"{what} must be plain JSON, at most {MAX_DEPTH} levels deep") from error
    if copy != given:
        raise ConfigurationError(
            f"{what} must be plain JSON: text, numbers, booleans, null, lists, and objects with text names"
        )
    return copy


def rev_of(view: Any, rev: str | None) -> str | None:
    """The feed position to write into a new token: the parent's where there is one, else ours."""
    return rev if rev is not None or view is None else view.rev


def first(values: Sequence[str] | str) -> tuple[str, ...]:
    """One audience or several, as a tuple."""
    return (values,) if isinstance(values, str) else tuple(values)
