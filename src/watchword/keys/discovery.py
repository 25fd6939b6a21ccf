"""Key documents: the JWK Set (RFC 7517 §5) and the PASETO key document, written from one ring, and read from others."""

from __future__ import annotations

from collections import Counter
from typing import Any, TypeGuard

from msgspec import Struct

from ..crypto.algorithms import ALGORITHMS
from ..crypto.digest import thumbprint
from ..encoding import json_object, rfc3339, seconds_of
from ..errors import ConfigurationError, KeyUseError, MalformedTokenError, WatchwordError
from .jwks import MAX_KEYS, read_set
from .key import Key, kid_is_sound
from .ring import KeyRing, Slot, State

MAX_BYTES = 262_144
MAX_KID = 256
"""Characters of a stranger's key id."""
_BY_CURVE = {row.crv: row.name for row in ALGORITHMS.values() if row.crv and row.format == "jwt"}


class KeyDocument(Struct, frozen=True):
    """What was read: the usable keys with their times, why others were left out, and how long the copy may be kept."""

    slots: tuple[Slot, ...]
    skipped: tuple[str, ...] = ()
    max_age: int | None = None


def _published(ring: KeyRing, format: str) -> list[tuple[Slot, State]]:
    now = ring.clock.now()
    found: list[tuple[Slot, State]] = []
    for slot in ring:
        state, row = slot.state(now), slot.key.algorithm
        if slot.key.use != "sign" or row.format != format or state is State.RETIRED:
            continue
        if row.symmetric:
            raise KeyUseError(
                f"{row.name} is symmetric: to publish it is to give it away; sign with ES256 or v4.public"
            )
        found.append((slot, state))
    return found


def _encrypted_for(ring: KeyRing) -> list[Key]:
    """The keys that others may encrypt for: asymmetric, ours to open with, without a danger, active."""
    active = [slot.key for slot in ring if slot.key.use == "seal" and slot.state(ring.clock.now()) is State.ACTIVE]
    rows = ((key, key.algorithm) for key in active if key.can_sign)
    return [key for key, row in rows if row.format == "jwe" and not row.symmetric and row.danger is None]


def jwks(ring: KeyRing) -> dict[str, Any]:
    """``{"keys": [JWK …]}``: the public halves of what signs (``use: sig``) and of what opens a JWE (``use: enc``).

    Keys that sign are there while announced, active and retiring, so that a cached copy outlives a rotation. Keys to
    encrypt for are there while active alone: an announced one opens nothing yet, a retiring one gets nothing new.
    """
    keys = [slot.key for slot, _ in _published(ring, "jwt")] + _encrypted_for(ring)
    return {"keys": [key.public().to_jwk() for key in keys]}


def paseto_keys(ring: KeyRing) -> dict[str, Any]:
    """``{"keys": [{"kid", "paserk", "state", "not_before", "retires_at"} …], "max_age"}``; public keys alone.

    ``kid`` is the PASERK id that a token's footer names; ``not_before`` and ``retires_at`` are RFC 3339 times (the
    latter null while unknown); ``max_age`` is the seconds a copy may be kept.
    """
    keys = [
        {
            "kid": slot.key.kid,
            "paserk": slot.key.to_paserk(),
            "state": state.value,
            "not_before": rfc3339(slot.activates_at),
            "retires_at": None if slot.retires_at is None else rfc3339(slot.retires_at),
        }
        for slot, state in _published(ring, "paseto")
    ]
    return {"keys": keys, "max_age": int(ring.policy.discovery_cache.total_seconds())}


def read_jwks(body: bytes, *, rsa: str | None = None) -> KeyDocument:
    """The verifying keys of somebody's JWK Set, for a ring of their own; key ids as ``alias`` writes them.

    ``rsa`` is the one algorithm of RSA keys that name none; a curve speaks for itself. Left out, with the reason: what
    is of an unknown type, for another use, weak, private or symmetric, or has its key id twice.
    Raises: ConfigurationError, for the whole document, when it is no JWK Set, has more than 100 keys, or none to use.
    """
    document = _object(body)
    members = document.get("keys")
    if isinstance(members, list):
        document["keys"] = [_adapted(member, rsa) for member in members]
    found = read_set(document)
    slots, skipped = [], list(found.skipped)
    for key in found.keys:
        if key.use == "sign" and not key.algorithm.symmetric and not key.can_sign:
            slots.append(Slot(key, announced_at=0, activates_at=0))
        else:
            skipped.append(f"key {key.kid}: it is not for verifying")
    return KeyDocument(_unique(slots, skipped), tuple(skipped))


def read_paseto_keys(body: bytes) -> KeyDocument:
    """The keys of a PASETO key document, with the times of their lives; see ``docs/reference/paseto-keys.md``.

    Left out, with the reason: versions that are not known or no longer trusted, ids that are not the key's, and
    whatever is malformed.
    Raises: ConfigurationError, for the whole document, when it is none, holds a secret, more than 100 keys, or none
    to use.
    """
    document = _object(body)
    entries = document.get("keys")
    if not isinstance(entries, list) or len(entries) > MAX_KEYS:
        raise ConfigurationError(f"a PASETO key document is an object with a list of at most {MAX_KEYS} 'keys'")
    for entry in entries:
        if isinstance(entry, dict) and _is_secret(entry.get("paserk")):
            raise KeyUseError("the document holds a secret key; what was published is no secret, so replace it")
    slots, skipped = [], []
    for number, entry in enumerate(entries, 1):
        try:
            slots.append(_paseto_slot(entry))
        except (WatchwordError, ValueError, OverflowError) as error:
            skipped.append(f"key {number}: {error}")
    age = document.get("max_age")
    return KeyDocument(_unique(slots, skipped), tuple(skipped), age if type(age) is int and 0 <= age < 2**31 else None)


def alias(kid: str) -> str:
    """A stranger's key id as rings here know it: as it is, or, where it has characters of its own, by its digest.

    Amazon Cognito's, for one, are base64 with ``+``, ``/`` and ``=``.
    """
    return kid if kid_is_sound(kid) else f"~{thumbprint(kid.encode())}"


def is_text(kid: object) -> TypeGuard[str]:
    """Whether a stranger's key id can be one: 1 to 256 visible ASCII characters."""
    return isinstance(kid, str) and 0 < len(kid) <= MAX_KID and kid.isascii() and kid.isprintable() and " " not in kid


def _object(body: bytes) -> dict[str, Any]:
    if len(body) > MAX_BYTES:
        raise ConfigurationError(f"the document is longer than {MAX_BYTES} bytes")
    try:
        return json_object(body)
    except MalformedTokenError as error:
        raise ConfigurationError(f"this is no key document: {error}") from error


def _adapted(member: Any, rsa: str | None) -> Any:
    """A stranger's JWK with the key id as it is known here, and the algorithm that it means where it names none."""
    if not isinstance(member, dict):
        return member
    kid, crv = member.get("kid"), member.get("crv")
    more = {"kid": alias(kid)} if is_text(kid) else {}
    if "alg" not in member:
        means = rsa if member.get("kty") == "RSA" else _BY_CURVE.get(crv) if isinstance(crv, str) else None
        more |= {"alg": means} if means else {}
    return member | more


def _is_secret(paserk_text: object) -> bool:
    """Whether this is, or would be, anything but a public key or the id of a key."""
    kind = str(paserk_text).split(".")
    return len(kind) > 2 and kind[0][:1] == "k" and kind[1].startswith(("secret", "local", "seal"))


def _paseto_slot(entry: Any) -> Slot:
    if not isinstance(entry, dict) or not isinstance(entry.get("paserk"), str):
        raise ConfigurationError("it has no 'paserk'")
    key = Key.from_paserk(entry["paserk"])
    if entry.get("kid") != key.kid:
        raise ConfigurationError("its kid is not the id of its key")
    begins, ends = entry.get("not_before"), entry.get("retires_at")
    if not isinstance(begins, str) or not (ends is None or isinstance(ends, str)):
        raise ConfigurationError("'not_before' is an RFC 3339 time, 'retires_at' one or null")
    start = seconds_of(begins)
    return Slot(key, announced_at=0, activates_at=start, retires_at=None if ends is None else seconds_of(ends))


def _unique(slots: list[Slot], skipped: list[str]) -> tuple[Slot, ...]:
    """The slots whose key id is there once. Raises: ConfigurationError when none is left."""
    count = Counter(slot.key.kid for slot in slots)
    skipped.extend(f"key {kid}: its kid occurs twice" for kid, times in count.items() if times > 1)
    kept = tuple(slot for slot in slots if count[slot.key.kid] == 1)
    if not kept:
        raise ConfigurationError(f"the document has no key that can be used: {'; '.join(skipped[:5]) or 'it is empty'}")
    return kept
