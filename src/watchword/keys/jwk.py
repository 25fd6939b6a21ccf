"""JSON Web Keys (RFC 7517, 7518 §6, 8037) and their thumbprints (RFC 7638)."""

from __future__ import annotations

from typing import Any

from ..crypto import material
from ..crypto.algorithms import JOSE_NAMES, Algorithm
from ..crypto.digest import thumbprint
from ..encoding import dump_json
from ..errors import ConfigurationError, KeyUseError

_REQUIRED = {
    "EC": ("crv", "kty", "x", "y"),
    "OKP": ("crv", "kty", "x"),
    "RSA": ("e", "kty", "n"),
    "oct": ("k", "kty"),
    "AKP": ("alg", "kty", "pub"),
}


def read(value: dict[str, Any], algorithm: str | None) -> tuple[str, Any, Any]:
    """(algorithm name, private or None, public).

    ``alg``, ``use`` and ``key_ops``, where present, must allow signatures.
    """
    if not isinstance(value, dict):
        raise ConfigurationError("a JWK is a JSON object")
    stated = value.get("alg")
    name = JOSE_NAMES.get(stated) if isinstance(stated, str) else None
    if stated is not None and name is None:
        raise KeyUseError(f"no algorithm {str(stated)[:40]!r} is known for a JWK")
    if name and algorithm and name != algorithm:
        raise KeyUseError(f"the JWK is bound to {name}, not to {algorithm}")
    if not (name or algorithm):
        raise KeyUseError("the JWK names no algorithm; say algorithm=, so that the key works with exactly one")
    if value.get("use", "sig") != "sig":
        raise KeyUseError("the JWK's use is not 'sig'")
    _check_operations(value)
    private, public = material.from_jwk_members(value)
    return name or str(algorithm), private, public


def _check_operations(value: dict[str, Any]) -> None:
    operations = value.get("key_ops", ["verify"])
    sound = isinstance(operations, list) and all(isinstance(one, str) for one in operations)
    if not sound or len(set(operations)) != len(operations) or not {"sign", "verify"} & set(operations):
        raise KeyUseError("the JWK's key_ops do not allow signatures")


def write(algorithm: Algorithm, public: Any, private: Any, *, kid: str) -> dict[str, Any]:
    """The JWK of a JOSE key, always with ``alg``, ``kid`` and ``use``."""
    if algorithm.format != "jwt":
        raise KeyUseError(f"a {algorithm.name} key is written as PASERK, not as JWK")
    return material.jwk_members(public, private) | {"alg": algorithm.name, "kid": kid, "use": "sig"}


def thumbprint_of(public: Any) -> str:
    """RFC 7638: SHA-256 over the required members in order, as 43 characters."""
    members = material.jwk_members(public, None)
    return thumbprint(dump_json({name: members[name] for name in _REQUIRED[members["kty"]]}))
