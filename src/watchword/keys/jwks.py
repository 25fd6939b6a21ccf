"""JWK Sets (RFC 7517 §5) of others, read key by key: one that cannot be used is left out, with the reason."""

from __future__ import annotations

from collections import Counter
from typing import Any

from msgspec import Struct

from ..encoding import gate, json_object
from ..errors import ConfigurationError, KeyUseError, MalformedTokenError
from .key import Key

MAX_KEYS = 100
MAX_DOCUMENT = 524_288
_SECRET = ("d", "k", "priv", "p", "q", "dp", "dq", "qi", "oth")


class KeySet(Struct, frozen=True):
    """The keys of a set, and why the others are not among them."""

    keys: tuple[Key, ...]
    skipped: tuple[str, ...]


def read_set(document: dict[str, Any] | bytes | str, *, algorithm: str | None = None, secret: bool = False) -> KeySet:
    """The usable keys of a JWK Set. A key id that occurs twice names no key, and neither of the two is taken.

    Parameters: algorithm: stands in where a key names none (some providers leave ``alg`` out). secret: the set is our
    own and may hold private or symmetric keys; otherwise such a key is left out: what was published is no secret.
    Raises: ConfigurationError when it is no JWK Set or has more than 100 keys; KeyUseError when it mixes symmetric and
    asymmetric keys, so that a public key could pass for a secret one.
    """
    members = _members(document)
    twice = {kid for kid, count in Counter(_kid(one) for one in members).items() if kid and count > 1}
    keys, skipped = [], []
    for number, member in enumerate(members, 1):
        try:
            keys.append(_key(member, algorithm, secret, twice))
        except ConfigurationError as error:
            skipped.append(f"key {number}: {error}")
    if len({key.algorithm.symmetric for key in keys}) > 1:
        raise KeyUseError(
            "the set holds symmetric and asymmetric keys; publish the public ones, and keep the others apart"
        )
    return KeySet(tuple(keys), tuple(skipped))


def _members(document: object) -> list[Any]:
    if isinstance(document, (bytes, str)):
        try:
            raw = document.encode() if isinstance(document, str) else document
            document = json_object(raw if len(raw) <= MAX_DOCUMENT else gate(raw, MAX_DOCUMENT))
        except (MalformedTokenError, UnicodeEncodeError) as error:
            raise ConfigurationError(f"this is no JWK Set: {error}") from error
    members = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(members, list) or len(members) > MAX_KEYS:
        raise ConfigurationError(f"a JWK Set is an object with a list of at most {MAX_KEYS} 'keys'")
    return members


def _kid(member: object) -> str | None:
    kid = member.get("kid") if isinstance(member, dict) else None
    return kid if isinstance(kid, str) else None


def _key(member: object, algorithm: str | None, secret: bool, twice: set[str]) -> Key:
    if not isinstance(member, dict):
        raise ConfigurationError("not a JWK")
    if _kid(member) in twice:
        raise KeyUseError("its kid occurs twice")
    if not secret and any(name in member for name in _SECRET):
        raise KeyUseError("it is symmetric or private, and a published set has public keys alone: sign with ES256")
    return Key.from_jwk(member, algorithm=None if "alg" in member else algorithm)
