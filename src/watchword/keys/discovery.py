"""Key documents: the JWK Set (RFC 7517 §5) and the PASETO key document, written from one ring."""

from __future__ import annotations

from typing import Any

from ..encoding import rfc3339
from ..errors import KeyUseError
from .ring import KeyRing, Slot, State


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


def jwks(ring: KeyRing) -> dict[str, Any]:
    """``{"keys": [JWK …]}``: announced, active and retiring keys, so that a cached copy outlives a rotation."""
    return {"keys": [slot.key.public().to_jwk() for slot, _ in _published(ring, "jwt")]}


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
