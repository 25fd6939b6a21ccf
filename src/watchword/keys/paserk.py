"""PASERK for version 4: ``k4.local``, ``k4.secret``, ``k4.public``, and the ids ``k4.lid``, ``k4.sid``, ``k4.pid``."""

from __future__ import annotations

from typing import Any

from ..crypto import material
from ..crypto.algorithms import Algorithm
from ..crypto.digest import paserk_id
from ..encoding import b64url, gate, unb64url
from ..errors import ConfigurationError, KeyUseError, MalformedTokenError

LOCAL, SECRET, PUBLIC = "k4.local.", "k4.secret.", "k4.public."
_SIZES = {LOCAL: 32, SECRET: 64, PUBLIC: 32}


def read(text: str) -> tuple[str, Any, Any]:
    """(algorithm name, private or None, public) of a k4 PASERK; the halves of a secret must belong together."""
    header = next((known for known in _SIZES if isinstance(text, str) and text.startswith(known)), None)
    if header is None:
        raise ConfigurationError("not a k4.local, k4.secret or k4.public PASERK")
    try:
        raw = unb64url(gate(text[len(header) :], 256))
    except MalformedTokenError as error:
        raise ConfigurationError("the PASERK is not canonical base64url") from error
    if len(raw) != _SIZES[header]:
        raise ConfigurationError(f"a {header[:-1]} PASERK holds {_SIZES[header]} bytes, not {len(raw)}")
    if header == LOCAL:
        return "v4.local", raw, raw
    if header == PUBLIC:
        return "v4.public", None, material.public_from_raw(raw)
    private = material.from_seed(raw[:32], raw[32:])
    return "v4.public", private, private.public_key()


def write(algorithm: Algorithm, public: Any, private: Any) -> str:
    if algorithm.format != "paseto":
        raise KeyUseError(f"a {algorithm.name} key is written as JWK, not as PASERK")
    if algorithm.symmetric:
        return LOCAL + b64url(private)
    half = material.raw_public(public)
    return PUBLIC + b64url(half) if private is None else SECRET + b64url(material.raw_seed(private) + half)


def identify(algorithm: Algorithm, public: Any) -> str:
    """The id that goes into a footer: ``k4.pid`` of the public key, ``k4.lid`` of a local one."""
    if algorithm.symmetric:
        return paserk_id("k4.lid.", LOCAL + b64url(public))
    return paserk_id("k4.pid.", PUBLIC + b64url(material.raw_public(public)))
