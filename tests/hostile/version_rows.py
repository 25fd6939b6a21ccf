"""A row about versions of PASETO and PASERK, keys of all versions, and an access verifier with v3 and v4."""

from collections.abc import Callable
from functools import partial
from typing import Any, Final, NamedTuple

from watchword.clock import FrozenClock
from watchword.crypto.raw_keys import RAW
from watchword.encoding import b64url, dump_json
from watchword.errors import (
    AlgorithmError,
    ClaimError,
    MalformedTokenError,
    SealError,
    SignatureError,
    UnknownKeyError,
    WatchwordError,
    WrongTypeError,
)
from watchword.formats import paseto
from watchword.insecure import LEGACY_PASETO
from watchword.keys.key import Key
from watchword.keys.ring import KeyRing
from watchword.tokens.access import AccessTokens

ALLOW: Final = [LEGACY_PASETO]
NOW: Final = 1_800_000_000


def old(version: int, part: str, raw: bytes) -> Key:
    return Key.from_paserk(f"k{version}.{part}.{b64url(raw)}", allow=ALLOW)


LOCAL = {3: Key.generate("v3.local"), 4: Key.generate("v4.local")}
PAIR = {3: Key.generate("v3.public"), 4: Key.generate("v4.public")}
SEED = RAW["v4.public"].write_secret(PAIR[4]._private)
OLD_LOCAL = {version: old(version, "local", LOCAL[4].secret_bytes()) for version in (1, 2)}
OLD_PAIR = {2: old(2, "secret", SEED)}
EVERY: Final = [*LOCAL.values(), *PAIR.values(), *OLD_LOCAL.values(), *OLD_PAIR.values()]

RING = KeyRing.of(*PAIR.values(), clock=FrozenClock(NOW))
ACCESS = AccessTokens(RING, issuer="https://as.test", audience="https://api.test")
CLAIMS: Final = {
    "iss": "https://as.test",
    "sub": "user-7",
    "aud": "https://api.test",
    "exp": "2027-01-15T08:05:00Z",
    "iat": "2027-01-15T08:00:00Z",
    "jti": "jti-0123456789",
    "client_id": "first-party",
}


def access(version: int, footer: Any = None, claims: bytes | None = None, *, kid: str = "", signer: Any = None) -> str:
    named = dump_json({"kid": kid or PAIR[version].kid, "typ": "at"} if footer is None else footer)
    return paseto.sign(
        dump_json(CLAIMS) if claims is None else claims, signer or PAIR[version], footer=named if footer != b"" else b""
    )


class Case(NamedTuple):
    """A call, and exactly how it must end."""

    ids: str
    what: str
    call: Callable[[], Any]
    error: type[WatchwordError]
    reason: str
    stage: str | None = None


STAGES: Final[dict[type[WatchwordError], str]] = {
    MalformedTokenError: "parse",
    AlgorithmError: "key",
    UnknownKeyError: "key",
    SignatureError: "verify",
    SealError: "verify",
    ClaimError: "claims",
    WrongTypeError: "claims",
}


def calling(verb: Any, *values: Any, **options: Any) -> Callable[[], Any]:
    """The call, to be made later; values of any sort, for many rows hand in what no type checker would let through."""
    return partial(verb, *values, **options)


def refused(ids: str, what: str, call: Callable[[], Any], error: type[WatchwordError], reason: str = "") -> Case:
    usual = error.default_reason or error.code
    return Case(ids, what, call, error, reason or usual, STAGES.get(error))


ORDER: Final = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973
"""The order of P-384's base point."""
