"""Principal: who is calling, by which kind of token, with which scopes, until when."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import lru_cache
from types import MappingProxyType
from typing import Any, TypeVar

from msgspec import Struct, ValidationError, inspect, json

from .clock import Clock, SystemClock
from .encoding import dump_json
from .errors import ClaimError, ConfigurationError, InsufficientScopeError, StaleRevocationError, StepUpRequiredError

T = TypeVar("T")
_ABOUT_A_NAME = ("Object missing required field `", "Object contains unknown field `")


def frozen(value: Any) -> Any:
    """The same JSON value with dicts as read-only views and lists as tuples, all the way down."""
    if isinstance(value, Mapping):
        return MappingProxyType({name: frozen(inner) for name, inner in value.items()})
    if isinstance(value, list | tuple):
        return tuple(frozen(inner) for inner in value)
    return value


class Proof(Struct, frozen=True):
    """What a proof of possession that was found good vouches for: its sender holds the private key of ``jkt``.

    Only the binding makes one (RFC 9449 §4.3). ``jkt`` is the RFC 7638 thumbprint of the public key; ``ath`` the
    SHA-256 of the access token it was checked with, where there was one.
    """

    jkt: str
    ath: str | None = None


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
    jkt: str | None = None
    """The key that whoever presents the credential had to prove to hold (RFC 9449), where it is bound to one."""
    fpt: str | None = None
    """The device fingerprint the credential was issued with, as salted HMACs; opaque to everyone but the binding."""
    changed: frozenset[str] = frozenset()
    """Signals of that fingerprint that this request does not show again: ``device``, ``agent``, ``network``."""
    stale: bool = False
    """Taken in an open window (``on_stale="open"``): whether it is revoked, nobody could say."""
    raw_claims: Mapping[str, Any] = {}

    @property
    def device(self) -> str | None:
        """What ``ww.devices`` calls this sign-in: its session, or else its refresh family."""
        return self.session_id or self.family_id

    @property
    def claims(self) -> Mapping[str, Any]:
        """Deeply read-only: the verified claims of a self-contained token, the data of a session."""
        view: Mapping[str, Any] = frozen(self.raw_claims)
        return view

    def claims_as(self, as_: type[T]) -> T:
        """The claims as a msgspec Struct, dataclass or TypedDict of your own, which nobody else holds.

        Raises: ClaimError, whose ``.claim`` is the one that does not fit; ConfigurationError for any other type.
        """
        return typed(self.raw_claims, as_)

    def ensure_known(self) -> None:
        """Raise StaleRevocationError if this was taken on a stale word: then it is good for low-risk requests alone."""
        if self.stale:
            raise StaleRevocationError("this was taken on a stale word about revocations, which is not enough here")

    def __repr__(self) -> str:
        return f"Principal(subject={self.subject!r}, kind={self.kind!r}, token_id={self.token_id!r})"

    def require(
        self, *needed: str, role: str | None = None, fresh: timedelta | None = None, clock: Clock | None = None
    ) -> None:
        """Raise unless every needed scope and the role are there, and the sign-in is no older than ``fresh``.

        Raises: InsufficientScopeError; StepUpRequiredError, also where it is not known when the user signed in;
        StaleRevocationError for a role or a fresh sign-in of what was taken on a stale word.
        """
        if role is not None or fresh is not None:
            self.ensure_known()
        missing = [scope for scope in needed if scope not in self.scopes]
        if missing:
            raise InsufficientScopeError(f"needs scope {' '.join(missing)!r}", scope=" ".join(needed))
        if role is not None and role not in self.roles:
            raise InsufficientScopeError(f"needs role {role!r}")
        if fresh is not None:
            now, most = (clock or SystemClock()).now(), int(fresh.total_seconds())
            if self.auth_time is None or now - self.auth_time > most:
                raise StepUpRequiredError(f"needs a sign-in no longer than {fresh} ago", max_age=most)


def typed(claims: Mapping[str, Any], as_: type[T]) -> T:
    """A JSON object as that msgspec Struct, dataclass or TypedDict, made anew.

    Raises: ClaimError when it does not fit, whose ``.claim`` is the first that does not (``*`` when no single one is to
    blame) and whose text holds types and names but no values; ConfigurationError for a type of another sort.
    """
    decode, names, called = _shape(as_)
    try:
        value: T = decode(dump_json(dict(claims)))
    except ValidationError as error:
        claim, why = _misfit(str(error), names)
        raise ClaimError(f"the claims do not fit {called}: {why}", claim=claim) from None
    except Exception as error:  # whatever a type of the application does when it is made
        raise ClaimError(f"the claims do not fit {called}: {type(error).__name__}", claim="*") from error
    return value


def _shape(as_: Any) -> tuple[Callable[[bytes], Any], tuple[str, ...], str]:
    try:
        return _prepared(as_)
    except Exception as error:  # unhashable, unsupported, names that lead nowhere
        raise ConfigurationError(f"claims cannot become {as_!a:.80}: {error}") from error


@lru_cache(maxsize=256)
def _prepared(as_: Any) -> tuple[Callable[[bytes], Any], tuple[str, ...], str]:
    found = inspect.type_info(as_)
    objects = (inspect.StructType, inspect.DataclassType, inspect.TypedDictType)
    if not isinstance(found, objects) or getattr(found, "array_like", False):
        raise TypeError("it is no msgspec Struct, dataclass or TypedDict")
    names = sorted((field.encode_name for field in found.fields), key=len, reverse=True)
    return json.Decoder(as_).decode, tuple(names), getattr(as_, "__name__", str(as_))


def _misfit(said: str, names: tuple[str, ...]) -> tuple[str, str]:
    """The claim that msgspec blames, and why as far as that holds no value."""
    why, _, place = said.partition(" - at `")
    place = place.removeprefix("key` in `").removeprefix("$.").removesuffix("`")
    if place:
        claim = next((name for name in names if place == name or place.startswith((f"{name}.", f"{name}["))), "*")
    else:
        claim = why.split("`")[1] if why.startswith(_ABOUT_A_NAME) else "*"
    return claim, ascii(why)[1:-1][:200] if why.startswith(
        (*_ABOUT_A_NAME, "Expected `")
    ) else "a value that it does not take"
