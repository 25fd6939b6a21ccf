"""The keys, verifiers and tokens of the fuzz targets. Keys have fixed ids, and those of PASETO are fixed themselves, so
that an input means the same in every run; the clock stands still.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from watchword.clock import FrozenClock
from watchword.encoding import b64url, dump_json
from watchword.formats import jws, paseto
from watchword.insecure import LEGACY_PASETO
from watchword.keys.key import Key
from watchword.keys.ring import KeyRing
from watchword.runtime.ticker import drive
from watchword.stores.base import open_store
from watchword.tokens.access import AccessTokens
from watchword.tokens.api_keys import ApiKeys
from watchword.tokens.one_time import OneTimeTokens
from watchword.tokens.opaque_access import OpaqueAccessTokens
from watchword.tokens.refresh import RefreshTokens
from watchword.tokens.sealed import SealedTokens
from watchword.tokens.sessions import Sessions

NOW: Final = 1_800_000_000
CLOCK: Final = FrozenClock(NOW)
ISSUER: Final = "https://as.test"
AUDIENCE: Final = "https://api.test"
RAW: Final = bytes(range(0x70, 0x90))
"""The secret of the published PASETO vectors."""

COMMITTED: Final = Path(__file__).parent.parent / "tests" / "vectors" / "committed" / "jose.json"
_JWKS: Final = {row["algorithm"]: row["jwk"] for row in json.loads(COMMITTED.read_text())["jws"]}
"""The keys of RFC 7515 A.1 to A.3 and RFC 8037 A.1, by algorithm."""


def jose_key(algorithm: str) -> Key:
    return Key.from_jwk(_JWKS[algorithm] | {"kid": algorithm}, algorithm=algorithm)


ES, ED, HS, RS = (jose_key(name) for name in ("ES256", "Ed25519", "HS256", "RS256"))
ML: Final = Key.generate("ML-DSA-44", kid="ML-DSA-44")
V4, V3 = Key.from_paserk(f"k4.local.{b64url(RAW)}"), Key.from_paserk(f"k3.local.{b64url(RAW)}")
V2, V1 = (Key.from_paserk(f"k{one}.local.{b64url(RAW)}", allow=[LEGACY_PASETO]) for one in (2, 1))
PUBLIC_SEED: Final = bytes.fromhex(
    "b4cbfb43df4ce210727d953e4a713307fa19bb7d9f85041438d9e11b942a3774"
    "1eb9dbbbbc047c03fd70604e0071f0987e16b28b757225c11f00415d0e20b1a2"
)
"""The key pair of the published PASETO vectors 2-S-1 and 4-S-1."""
V4_PAIR: Final = Key.from_paserk(f"k4.secret.{b64url(PUBLIC_SEED)}")
V3_PAIR: Final = Key.from_paserk(f"k3.secret.{b64url(bytes((7,)) * 48)}")
V2_PAIR: Final = Key.from_paserk(f"k2.secret.{b64url(PUBLIC_SEED)}", allow=[LEGACY_PASETO])

RING: Final = KeyRing.of(ES, ED, RS, V4_PAIR, V3_PAIR, clock=CLOCK)
SECRETS: Final = KeyRing.of(HS, clock=CLOCK)
LARGE: Final = KeyRing.of(ML, clock=CLOCK)
"""A ring that reads tokens of 16 KiB."""
ACCESS: Final = AccessTokens(RING, issuer=ISSUER, audience=AUDIENCE)

CLAIMS: Final[dict[str, Any]] = {
    "iss": ISSUER,
    "sub": "user-7",
    "aud": AUDIENCE,
    "exp": NOW + 300,
    "iat": NOW,
    "nbf": NOW,
    "jti": "jti-0123456789",
    "client_id": "first-party",
    "scope": "orders:read orders:write",
}
PAYLOAD: Final = dump_json(CLAIMS)
PASETO_CLAIMS: Final = CLAIMS | {
    "exp": "2027-01-15T08:05:00Z",
    "iat": "2027-01-15T08:00:00Z",
    "nbf": "2027-01-15T08:00:00.5+00:00",
}

STORE: Final = open_store("memory:")
STORE.open_blocking()
SESSIONS: Final = Sessions(STORE, clock=CLOCK)
REFRESH: Final = RefreshTokens(STORE, KeyRing.of(Key.generate("HS256", use="mac"), clock=CLOCK), clock=CLOCK)
OPAQUE: Final = OpaqueAccessTokens(STORE, audience=AUDIENCE, clock=CLOCK)
API_KEYS: Final = ApiKeys(STORE, clock=CLOCK)
ONE_TIME: Final = OneTimeTokens(STORE, clock=CLOCK)
SEALED: Final = SealedTokens(KeyRing.of(V4, clock=CLOCK), audience=AUDIENCE, clock=CLOCK)
SESSION: Final = drive(SESSIONS.start("user-7")).token
FAMILY: Final = drive(REFRESH.issue("user-7", client_id="c")).token
OPAQUE_ACCESS: Final = drive(OPAQUE.issue("user-7", scopes=["orders:read"])).token
API_KEY: Final = drive(API_KEYS.issue("acme", scopes=["orders:read"])).token
RESET: Final = drive(ONE_TIME.issue("user-7", purpose="password-reset")).token
LINK: Final = SEALED.seal({"order": "o-1", "amount": 1200}, purpose="payment", bound_to="user-7").token

JWT: Final = ACCESS.issue("user-7", scopes=["orders:read"], claims={"team": {"x": [1, "é"]}}, format="jwt").token
PASETO: Final = ACCESS.issue("user-7", scopes=["orders:read"], format="paseto").token
SIGNED: Final = [jws.sign(PAYLOAD, key, typ="at+jwt") for key in (ES, ED, RS)] + [JWT, jws.sign(PAYLOAD, ES)]


def signed(header: bytes, payload: bytes, key: Key = ED) -> str:
    """A compact JWS of any header and payload, whose signature is right."""
    message = f"{b64url(header)}.{b64url(payload)}"
    return f"{message}.{b64url(key.sign(message.encode()))}"


def footed(payload: bytes, footer: bytes) -> str:
    """A v4.public token of any payload and footer, whose signature is right."""
    return paseto.sign(payload, V4_PAIR, footer=footer)


FOOTER: Final = dump_json({"kid": V4_PAIR.kid, "typ": "at"})
HEADER: Final = dump_json({"alg": "Ed25519", "kid": ED.kid, "typ": "at+jwt"})
