"""What can be wrong with a signed token: one line each, for JWT and for PASETO."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from ..app import Watchword
from ..encoding import b64url, dump_json, json_object, rfc3339, unb64url
from ..errors import ConfigurationError
from ..formats import paseto
from ..keys.key import Key

TIMES = ("exp", "iat", "nbf")
ELSEWHERE = "https://other.example"


class Signed(Struct, frozen=True):
    """A good token of ours, taken apart."""

    token: str
    head: dict[str, Any]
    claims: dict[str, Any]
    """Times in seconds, in both formats."""
    key: Key
    now: int

    def saying(self, **claims: Any) -> Signed:
        """The same with other claims; None takes one away."""
        told = self.claims | claims
        return replace(self, claims={name: value for name, value in told.items() if value is not None})

    def headed(self, **head: Any) -> Signed:
        return replace(self, head=self.head | head)

    def by(self, key: Key) -> Signed:
        return replace(self, key=key)


Change = Callable[[Signed], Signed]
Forge = Callable[[Signed], str]

CLAIMS: dict[str, Change] = {
    "expired": lambda one: one.saying(iat=one.now - 1020, nbf=one.now - 1020, exp=one.now - 120),
    "not_yet_valid": lambda one: one.saying(nbf=one.now + 3600, exp=one.now + 4500),
    "no_expiry": lambda one: one.saying(exp=None),
    "wrong_audience": lambda one: one.saying(aud=ELSEWHERE),
    "wrong_issuer": lambda one: one.saying(iss=ELSEWHERE),
    "foreign_key": lambda one: one.by(Key.generate(one.key.algorithm.name)),
}
"""Signed as it should be, but for what the name says, and by more than any leeway; in both formats."""


def written_jwt(one: Signed) -> str:
    """It as a JWT, signed by its key with the algorithm of its header."""
    message = f"{b64url(dump_json(one.head))}.{b64url(dump_json(one.claims))}"
    return f"{message}.{b64url(one.key.sign(message.encode()))}"


def written_paseto(one: Signed) -> str:
    """It as a PASETO, signed by its key; its header is the footer."""
    claims = one.claims | {name: rfc3339(one.claims[name]) for name in TIMES if name in one.claims}
    return paseto.sign(dump_json(claims), one.key, footer=dump_json(one.head))


def _unsigned(alg: str, one: Signed) -> str:
    head, body = one.headed(alg=alg).head, one.token.split(".")[1]
    return f"{b64url(dump_json(head))}.{body}."


def _confused(one: Signed) -> str:
    """HMAC with the text of the public key as its secret."""
    if one.key.algorithm.symmetric:
        raise ConfigurationError(f"{one.key.algorithm.name} has no public key to take for a secret")
    secret = one.key.public().to_pem()
    hs256 = Key.from_jwk({"kty": "oct", "k": b64url(secret)}, algorithm="HS256")
    return written_jwt(one.headed(alg="HS256").by(hs256))


def _embedded(one: Signed) -> str:
    """Signed with a key that the header brings along."""
    key = Key.generate("ES256")
    return written_jwt(one.headed(alg="ES256", jwk=key.public().to_jwk(), kid=key.kid).by(key))


def _other_subject(token: str, part: int) -> str:
    parts = token.split(".")
    raw = unb64url(parts[part].encode())
    parts[part] = b64url(raw.replace(b'"sub":"', b'"sub":"x', 1))
    return ".".join(parts)


def tampered_signature(token: str) -> str:
    """One of its last characters is another. Not the very last one, which may have spare bits."""
    at = len(token) - 8
    return f"{token[:at]}{'A' if token[at] != 'A' else 'B'}{token[at + 1 :]}"


def _changed(change: Change, written: Forge, one: Signed) -> str:
    return written(change(one))


def _tampered_paseto(token: str) -> str:
    parts = token.split(".")
    parts[2] = tampered_signature(parts[2])
    return ".".join(parts)


UNSIGNED = {
    "unsigned": "none",
    "unsigned_capitalized": "None",
    "unsigned_in_capitals": "NONE",
    "unsigned_in_mixed_case": "nOnE",
}
"""Flaw -> ``alg``: who refuses the one spelling, and compares no further, takes the others."""
JWT_FLAWS: dict[str, Forge] = {
    **{name: partial(_changed, change, written_jwt) for name, change in CLAIMS.items()},
    "wrong_type": lambda one: written_jwt(one.headed(typ="logout+jwt")),
    "no_type": lambda one: written_jwt(one.headed(typ="JWT")),
    **{name: partial(_unsigned, alg) for name, alg in UNSIGNED.items()},
    "key_confusion": _confused,
    "embedded_key": _embedded,
    "unknown_key": lambda one: written_jwt(one.headed(kid="nobody").by(Key.generate(one.key.algorithm.name))),
    "tampered_payload": lambda one: _other_subject(one.token, 1),
    "tampered_signature": lambda one: tampered_signature(one.token),
    "no_signature": lambda one: one.token.rpartition(".")[0] + ".",
}
PASETO_FLAWS: dict[str, Forge] = {
    **{name: partial(_changed, change, written_paseto) for name, change in CLAIMS.items()},
    "wrong_type": lambda one: written_paseto(one.headed(typ="logout")),
    "unknown_key": lambda one: written_paseto(one.headed(kid="nobody").by(Key.generate(one.key.algorithm.name))),
    "tampered_payload": lambda one: _other_subject(one.token, 2),
    "tampered_signature": lambda one: _tampered_paseto(one.token),
    "wrong_purpose": lambda one: one.token.replace(".public.", ".local.", 1),
    "wrong_version": lambda one: "v2" + one.token[2:],
    "no_footer": lambda one: one.token.rpartition(".")[0],
}


def flawed(ww: Watchword, token: str, flaw: str) -> str:
    """This token of ``ww``, with the flaw. Raises: ConfigurationError for one that it cannot have."""
    flaws: Mapping[str, Forge]
    if token.startswith("eyJ") and token.count(".") == 2:
        flaws, head, claims = JWT_FLAWS, *map(json_object, map(unb64url, token.encode().split(b".")[:2]))
        key = ww.ring.active("sign", format="jwt")
    elif token.startswith(("v4.public.", "v3.public.")):
        key = ww.ring.active("sign", format="paseto")
        payload, footer = paseto.verify(token, key)
        flaws, head, claims = PASETO_FLAWS, json_object(footer), paseto.claims_of(payload)
    else:
        raise ConfigurationError(f"what is encrypted cannot be {flaw!r}: nobody else can write it")
    if flaw not in flaws:
        raise ConfigurationError(f"this token cannot be {flaw!r}; there are revoked, {', '.join(flaws)}")
    return flaws[flaw](Signed(token, head, claims, key, ww.clock.now()))
