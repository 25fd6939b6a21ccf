"""PyJWT's calls: ``from watchword.compat import pyjwt as jwt``. What differs is stricter; see the guide.

This is the one place that takes bytes and text as keys: each call binds them to the one algorithm that is used.
"""

from __future__ import annotations

import json
from base64 import b64decode
from calendar import timegm
from collections.abc import Container, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache, partial
from math import isfinite
from typing import Any

from ..clock import Clock, SystemClock
from ..crypto.algorithms import ALGORITHMS, JOSE_NAMES
from ..encoding import LARGE_HEADER, LARGE_TOKEN, b64url, json_object, unb64url
from ..errors import ConfigurationError, MalformedTokenError, SignatureError
from ..formats.compact import NOT_IN_JWS, read_header, split
from ..keys.key import Key
from .pyjwt_errors import (
    DecodeError,
    ExpiredSignatureError,
    ImmatureSignatureError,
    InvalidAlgorithmError,
    InvalidAudienceError,
    InvalidIssuedAtError,
    InvalidIssuerError,
    InvalidJTIError,
    InvalidKeyError,
    InvalidSignatureError,
    InvalidSubjectError,
    InvalidTokenError,
    MissingRequiredClaimError,
    PyJWTError,
)

__all__ = [
    "DecodeError",
    "ExpiredSignatureError",
    "ImmatureSignatureError",
    "InvalidAlgorithmError",
    "InvalidAudienceError",
    "InvalidIssuedAtError",
    "InvalidIssuerError",
    "InvalidJTIError",
    "InvalidKeyError",
    "InvalidSignatureError",
    "InvalidSubjectError",
    "InvalidTokenError",
    "MissingRequiredClaimError",
    "PyJWTError",
    "decode",
    "decode_complete",
    "encode",
    "get_unverified_header",
]

_OPTIONS: dict[str, Any] = {
    "verify_signature": True,
    "verify_exp": True,
    "verify_nbf": True,
    "verify_iat": True,
    "verify_aud": True,
    "verify_iss": True,
    "verify_sub": True,
    "verify_jti": True,
    "require": [],
    "strict_aud": False,
    "enforce_minimum_key_length": True,
}
_ASYMMETRIC = (b"-----BEGIN ", b"---- BEGIN ", b"ssh-rsa", b"ssh-ed25519", b"ssh-dss", b"ecdsa-sha2-", b"sk-ssh-")
_PUBLIC_PASERK = tuple(f"k{version}.public." for version in (1, 2, 3, 4))
_clock: Clock = SystemClock()
_json = partial(json.dumps, separators=(",", ":"), allow_nan=False)


def encode(
    payload: Mapping[str, Any],
    key: Any,
    algorithm: str | None = "HS256",
    headers: Mapping[str, Any] | None = None,
    json_encoder: type[json.JSONEncoder] | None = None,
    sort_headers: bool = True,
) -> str:
    """A signed JWT, byte for byte as PyJWT writes it.

    Raises: TypeError for a payload that is no dict; InvalidKeyError; InvalidAlgorithmError for ``none``; ValueError
    for headers that no verifier here would read.
    """
    if not isinstance(payload, dict):
        raise TypeError("a JWT's payload is a dict")
    claims = dict(payload)
    for name in ("exp", "iat", "nbf"):
        if isinstance(claims.get(name), datetime):
            claims[name] = timegm(claims[name].utctimetuple())
    if "iss" in claims and not isinstance(claims["iss"], str):
        raise TypeError("Issuer (iss) must be a string.")
    header = {"typ": "JWT", "alg": (headers or {}).get("alg") or algorithm, **(headers or {})}
    if not header["typ"]:
        del header["typ"]
    if forbidden := sorted({*NOT_IN_JWS, "crit", "b64"} & header.keys()):
        raise ValueError(f"these headers are not written: {', '.join(forbidden)}")
    if not isinstance(header.get("typ", ""), str):
        raise ValueError("typ is text")
    if not isinstance(header.get("kid", ""), str):
        raise InvalidTokenError("Key ID header parameter must be a string")
    signer = _key(key, header["alg"])
    if not signer.can_sign:
        raise InvalidKeyError("a public key does not sign")
    head = _json(header, cls=json_encoder, sort_keys=sort_headers).encode()
    message = f"{b64url(head)}.{b64url(_json(claims, cls=json_encoder).encode())}"
    return f"{message}.{b64url(signer.sign(message.encode()))}"


def decode(
    jwt: str | bytes,
    key: Any = "",
    algorithms: Sequence[str] | None = None,
    options: Mapping[str, Any] | None = None,
    audience: str | Iterable[str] | None = None,
    subject: str | None = None,
    issuer: str | Container[str] | None = None,
    leeway: float | timedelta = 0,
) -> dict[str, Any]:
    """The claims of a JWT whose signature and claims are right. ``algorithms`` has to be said.

    Raises: InvalidTokenError; InvalidKeyError; ConfigurationError for an option that is not known here.
    """
    claims: dict[str, Any] = decode_complete(jwt, key, algorithms, options, audience, subject, issuer, leeway)[
        "payload"
    ]
    return claims


def decode_complete(
    jwt: str | bytes,
    key: Any = "",
    algorithms: Sequence[str] | None = None,
    options: Mapping[str, Any] | None = None,
    audience: str | Iterable[str] | None = None,
    subject: str | None = None,
    issuer: str | Container[str] | None = None,
    leeway: float | timedelta = 0,
) -> dict[str, Any]:
    """``decode``, which also returns the header and the signature."""
    wanted = _OPTIONS | dict(options or {})
    if unknown := sorted(wanted.keys() - _OPTIONS.keys()):
        raise ConfigurationError(f"no option is called {', '.join(unknown)}")
    if not wanted["verify_signature"]:
        raise ConfigurationError("claims are not read from a token that nobody verified; give the key and algorithms")
    if not algorithms or isinstance(algorithms, str):
        raise DecodeError('It is required that you pass in a list for the "algorithms" argument when calling decode().')
    if len({_row(name).symmetric for name in algorithms}) > 1:
        raise InvalidAlgorithmError("one key is for symmetric or for asymmetric algorithms, never for both")
    try:
        head, body, signature, message = split(jwt, LARGE_TOKEN)
        header, proof, raw = _header(head), unb64url(signature), unb64url(body)
        if header.get("alg") not in algorithms:
            raise InvalidAlgorithmError("The specified alg value is not allowed")
        _key(key, header["alg"]).verify(proof, message)
        claims = json_object(raw)
    except SignatureError as error:
        raise InvalidSignatureError("Signature verification failed") from error
    except MalformedTokenError as error:
        raise DecodeError(str(error)) from error
    seconds = leeway.total_seconds() if isinstance(leeway, timedelta) else leeway
    _check(claims, wanted, audience=audience, subject=subject, issuer=issuer, leeway=seconds)
    return {"header": header, "payload": claims, "signature": proof}


def get_unverified_header(jwt: str | bytes) -> dict[str, Any]:
    """The header, which nobody vouches for: good for choosing a key, and for no more."""
    try:
        return _header(split(jwt, LARGE_TOKEN)[0])
    except MalformedTokenError as error:
        raise DecodeError(str(error)) from error


def _header(segment: bytes) -> dict[str, Any]:
    return read_header(segment, limit=LARGE_HEADER, sound=lambda kid: isinstance(kid, str))


def _row(algorithm: Any) -> Any:
    row = ALGORITHMS.get(JOSE_NAMES.get(algorithm, "")) if isinstance(algorithm, str) else None
    if row is None:
        raise InvalidAlgorithmError(f"no algorithm {str(algorithm)[:40]!r}; none is never one")
    return row


def _key(key: Any, algorithm: str) -> Key:
    """The key, bound to the one algorithm of this call."""
    row = _row(algorithm)
    try:
        if isinstance(key, Key):
            if key.algorithm is not row or key.use != "sign":
                raise InvalidKeyError(f"this key is for {key.algorithm.name}, not for {algorithm}")
            return key
        if isinstance(key, str | bytes):
            return _read(key.encode(errors="surrogatepass") if isinstance(key, str) else key, algorithm)
        private = key if hasattr(key, "private_bytes") else None
        return Key(row, private, key if private is None else private.public_key())
    except ConfigurationError as error:
        raise InvalidKeyError(str(error)) from error


@lru_cache(maxsize=64)
def _read(key: bytes, algorithm: str) -> Key:
    row = _row(algorithm)
    if not row.symmetric:
        try:
            return Key.from_pem(key, algorithm=row.name)
        except ConfigurationError:
            if algorithm != "EdDSA":
                raise
            return Key.from_pem(key, algorithm="Ed448")
    if _is_no_secret(key):
        raise InvalidKeyError("an asymmetric key or a JWK is no secret for HMAC")
    return Key.from_jwk({"kty": "oct", "k": b64url(key), "alg": row.name})


def _is_no_secret(key: bytes) -> bool:
    """Whether this is a key of another sort, that may be known to all: PEM, OpenSSH, a PASERK, a JWK, or DER.

    Wherever in the text it begins: a comment, a quote or a byte order mark in front makes no secret of it.
    """
    text = key.decode(errors="replace").strip("\ufeff \t\r\n\0")
    if any(mark in key for mark in _ASYMMETRIC) or text.startswith(_PUBLIC_PASERK) or _is_json_key(text):
        return True
    return any(_is_der(one) for one in (key, key.strip(), _unbase64(text)))


def _is_json_key(text: str) -> bool:
    try:
        found = json.loads(text) if text.startswith("{") else None
    except (ValueError, RecursionError):
        return False
    return isinstance(found, dict) and ("kty" in found or "keys" in found)


def _is_der(raw: bytes) -> bool:
    """One whole SEQUENCE that begins with a SEQUENCE or an INTEGER, as all keys and certificates do."""
    if len(raw) < 4 or raw[0] != 0x30:
        return False
    more = raw[1] & 0x7F if raw[1] & 0x80 else 0
    size = int.from_bytes(raw[2 : 2 + more], "big") if more else raw[1]
    return len(raw) == 2 + more + size and raw[2 + more : 3 + more] in (b"\x30", b"\x02")


def _unbase64(text: str) -> bytes:
    plain = "".join(text.split()).rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except ValueError:
        return b""


def _check(
    claims: dict[str, Any],
    options: Mapping[str, Any],
    *,
    audience: str | Iterable[str] | None,
    subject: str | None,
    issuer: str | Container[str] | None,
    leeway: float,
) -> None:
    for name in options["require"]:
        if claims.get(name) is None:
            raise MissingRequiredClaimError(name)
    _check_times(claims, options, _clock.now(), leeway)
    if options["verify_iss"] and issuer is not None:
        _check_issuer(claims, issuer)
    if options["verify_aud"]:
        _check_audience(claims, audience, strict=options["strict_aud"])
    for name, verify, wrong in (("sub", "verify_sub", InvalidSubjectError), ("jti", "verify_jti", InvalidJTIError)):
        if options[verify] and name in claims and not isinstance(claims[name], str):
            raise wrong(f"{name!r} must be a string")
    if options["verify_sub"] and subject is not None and claims.get("sub", subject) != subject:
        raise InvalidSubjectError("Invalid subject")


def _check_times(claims: dict[str, Any], options: Mapping[str, Any], now: int, leeway: float) -> None:
    if options["verify_iat"] and _number(claims, "iat", InvalidIssuedAtError) > now + leeway:
        raise ImmatureSignatureError("The token is not yet valid (iat)")
    if options["verify_nbf"] and _number(claims, "nbf", DecodeError) > now + leeway:
        raise ImmatureSignatureError("The token is not yet valid (nbf)")
    if options["verify_exp"] and "exp" in claims and _number(claims, "exp", DecodeError) <= now - leeway:
        raise ExpiredSignatureError("Signature has expired")


def _number(claims: dict[str, Any], name: str, wrong: type[InvalidTokenError]) -> int:
    value = claims.get(name, 0)
    if type(value) is int or (type(value) is float and isfinite(value)):
        return int(value)
    raise wrong(f"{name!r} must be a number")


def _check_issuer(claims: dict[str, Any], issuer: str | Container[str]) -> None:
    if "iss" not in claims:
        raise MissingRequiredClaimError("iss")
    found = claims["iss"]
    if not isinstance(found, str) or (found != issuer if isinstance(issuer, str) else found not in issuer):
        raise InvalidIssuerError("Invalid issuer")


def _check_audience(claims: dict[str, Any], audience: str | Iterable[str] | None, *, strict: bool) -> None:
    found = claims.get("aud")
    if audience is None:
        if found:
            raise InvalidAudienceError("the token is for somebody, and audience= does not say who we are")
        return
    if not found:
        raise MissingRequiredClaimError("aud")
    if strict and not (isinstance(audience, str) and isinstance(found, str)):
        raise InvalidAudienceError("Invalid claim format in token (strict)")
    theirs, ours = [found] if isinstance(found, str) else found, [audience] if isinstance(audience, str) else audience
    if not isinstance(theirs, list) or not all(isinstance(one, str) for one in theirs):
        raise InvalidAudienceError("Invalid claim format in token")
    if not any(one in theirs for one in ours):
        raise InvalidAudienceError("Audience doesn't match")
