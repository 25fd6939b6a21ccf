"""Bytes of a token: every format, with few, usual and many claims."""

from __future__ import annotations

import json
from typing import Any

from watchword.app import drive
from watchword.crypto.digest import new_id
from watchword.diagnosis.bench.base import AUDIENCE, ISSUER
from watchword.formats import jwe, paseto
from watchword.keys.key import Key
from watchword.keys.ring import KeyRing
from watchword.stores.base import open_store
from watchword.tokens.sessions import Sessions

from .signed import tokens_of

SIGNED = ("HS256", "ES256", "RS256", "Ed25519", "ML-DSA-44", "v4.public", "v3.public")
CLAIM_SETS: dict[str, dict[str, Any]] = {
    "few": {},
    "usual": {"scopes": ("orders:read", "orders:write"), "session_id": new_id(), "family_id": new_id()},
    "many": {
        "scopes": ("orders:read", "orders:write", "invoices:read", "profile:read", "profile:write"),
        "session_id": new_id(),
        "family_id": new_id(),
        "roles": ("admin", "billing", "support"),
        "claims": {"tenant": new_id(), "plan": "enterprise", "region": "eu-central-1", "features": ["a", "b", "c"]},
    },
}


def sizes() -> dict[str, dict[str, int]]:
    """Format or algorithm -> claim set -> bytes."""
    found: dict[str, dict[str, int]] = {}
    bodies: dict[str, bytes] = {}
    for name in SIGNED:
        access = tokens_of(KeyRing.generate(name))
        for claim_set, given in CLAIM_SETS.items():
            token = access.issue("user-7", **given).token
            found.setdefault(name, {})[claim_set] = len(token)
            if name == "ES256":
                bodies[claim_set] = json.dumps(dict(access.verify(token).raw_claims), separators=(",", ":")).encode()
    local, direct = Key.generate("v4.local"), Key.generate("A256GCM")
    agreed = Key.generate("ECDH-ES+A256KW", crv="P-256")
    footer = {"kid": local.kid}
    for claim_set, body in bodies.items():
        found.setdefault("v4.local", {})[claim_set] = len(paseto.encrypt(body, local, footer=footer))
        found.setdefault("JWE dir A256GCM", {})[claim_set] = len(jwe.encrypt(body, direct))
        found.setdefault("JWE ECDH-ES+A256KW A256GCM", {})[claim_set] = len(jwe.encrypt(body, agreed))
        found.setdefault("session (opaque)", {})[claim_set] = _session()
    return found


def _session() -> int:
    store = open_store("memory:")
    store.open_blocking()
    return len(drive(Sessions(store).start(f"user at {ISSUER} for {AUDIENCE}")).token)
