"""JSON Web Keys (RFC 7517, 7518 §6, 8037) and their thumbprints (RFC 7638)."""

from __future__ import annotations

from typing import Any

from ..crypto import material
from ..crypto.algorithms import ALGORITHMS, JWK_NAMES, Algorithm
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
_USES = {"jwt": "sig", "jwe": "enc"}


def read(value: dict[str, Any], algorithm: str | None) -> tuple[str, Any, Any]:
    """(algorithm name, private or None, public).

    ``alg``, ``use`` and ``key_ops``, where present, must allow what the algorithm does; a private half that
    ``key_ops`` leaves out is left out.
    """
    if not isinstance(value, dict):
        raise ConfigurationError("a JWK is a JSON object")
    stated = value.get("alg")
    name = JWK_NAMES.get(stated) if isinstance(stated, str) else None
    if stated is not None and name is None:
        raise KeyUseError(f"no algorithm {str(stated)[:40]!r} is known for a JWK")
    if name and algorithm and name != algorithm:
        raise KeyUseError(f"the JWK is bound to {name}, not to {algorithm}")
    if not (name or algorithm):
        raise KeyUseError("the JWK names no algorithm; say algorithm=, so that the key works with exactly one")
    chosen = name or str(algorithm)
    row = ALGORITHMS.get(chosen)
    if row is None or row.format not in _USES:
        raise KeyUseError(f"a JWK cannot be for {chosen[:40]!r}")
    if value.get("use", _USES[row.format]) != _USES[row.format]:
        raise KeyUseError(f"the JWK's use is not {_USES[row.format]!r}")
    operations = _operations(value, row)
    private, public = material.from_jwk_members(value)
    return chosen, private if operations & row.operations else None, public


def _operations(value: dict[str, Any], row: Algorithm) -> frozenset[str]:
    """What the JWK's ``key_ops`` allow of what the algorithm does; all of it where there are none."""
    known = row.operations | row.public_operations
    if "key_ops" not in value:
        return known
    stated = value["key_ops"]
    if (
        not isinstance(stated, list)
        or not all(isinstance(one, str) for one in stated)
        or len(set(stated)) < len(stated)
    ):
        raise KeyUseError("the JWK's key_ops are not a list of texts, each there once")
    if known.isdisjoint(stated) and (stated or row.public_operations):  # a public key for ECDH has an empty list
        raise KeyUseError(f"the JWK's key_ops do not allow what {row.name} does")
    return known.intersection(stated)


def write(algorithm: Algorithm, public: Any, private: Any, *, kid: str) -> dict[str, Any]:
    """The JWK of a JOSE key, always with ``alg``, ``kid`` and ``use``."""
    if algorithm.format not in _USES:
        raise KeyUseError(f"a {algorithm.name} key is written as PASERK, not as JWK")
    return material.jwk_members(public, private) | {"alg": algorithm.name, "kid": kid, "use": _USES[algorithm.format]}


def thumbprint_of(public: Any) -> str:
    """RFC 7638: SHA-256 over the required members in order, as 43 characters."""
    members = material.jwk_members(public, None)
    return thumbprint(dump_json({name: members[name] for name in _REQUIRED[members["kty"]]}))
