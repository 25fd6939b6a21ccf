"""JWS and JWE in their compact forms: three segments and five (RFC 7515 §7.1, RFC 7516 §7.1)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...crypto.algorithms import ALGORITHMS
from ...encoding import json_object, unb64url
from ...errors import MalformedTokenError, Stage, TokenError, UnknownKeyError
from ...formats import compact, jwe
from ...formats.base import Envelope, Format, make_format, make_sealed_format
from ...keys.discovery import alias
from ...keys.ring import KeyRing
from ...tokens.base import KINDS
from ..reading import is_kid, json_of, object_of, raw_of
from ..walk import NO_KEYS, Trust, Walk, check_claims
from .base import UNREAD, Look, Piece

_TYPES = {
    **{compact.media_type(str(kind.typ)): name for name, kind in KINDS.items() if kind.typ},
    "dpop+jwt": "DPoP proof",
    "logout+jwt": "logout token",
    "secevent+jwt": "security event",
    "token-introspection+jwt": "introspection answer",
    "refresh": "refresh",
    "id": "ID token",
}
_KINDS = {name: str(kind.typ) for name, kind in KINDS.items() if kind.typ}
_MARKS = {"nonce": "ID token", "at_hash": "ID token", "c_hash": "ID token", "htm": "DPoP proof"}


def fits(text: str) -> bool:
    first, dot, _ = text.partition(".")
    return bool(dot) and (text.lstrip().startswith("eyJ") or object_of(first) is not None)


def read(untrusted: str | bytes, text: str, trust: Trust, walk: Walk) -> Look:
    segments = text.strip().split(".", 5)
    header = object_of(segments[0]) or {}
    if len(segments) == 5 or (len(segments) < 5 and "enc" in header):
        return _sealed(untrusted, header, len(segments), trust, walk)
    claims = object_of(segments[1])
    message, _, signature = text.rpartition(".")
    _walk_signed(untrusted, trust, walk)
    payload = "claims" if claims is not None else "bytes that are no JSON object"
    return Look(
        form="jws",
        what=f"a signed JWT (JWS compact, {len(segments)} segments) with {payload}",
        kind=kind_of(header, claims),
        header=header,
        claims=claims,
        algorithm=_text(header, "alg"),
        message=message.encode("utf-8", "replace"),
        signature=raw_of(signature) or b"",
    )


def kind_of(header: Mapping[str, Any], claims: Mapping[str, Any] | None) -> str | None:
    """What a token says that it is for. Nothing here believes it."""
    said = claims or {}
    for word in (header.get("typ"), said.get("typ"), said.get("token_use"), said.get("token_type")):
        if isinstance(word, str) and (kind := _TYPES.get(compact.media_type(word))):
            return kind
    marked = next((kind for name, kind in _MARKS.items() if name in said), None)
    return marked if "scope" not in said or marked != "ID token" else None


def _walk_signed(untrusted: str | bytes, trust: Trust, walk: Walk) -> None:
    try:
        if trust.ring is not None:
            _vouched(untrusted, trust.ring, trust, walk)
        else:
            _unvouched(untrusted, trust, walk)
    except TokenError as error:
        walk.judged(error)


def _vouched(untrusted: str | bytes, ring: KeyRing, trust: Trust, walk: Walk) -> None:
    """Any JWS: its signature by the keys that were given, then its times. Where a kind is wanted, that kind alone."""
    if trust.kind in _KINDS:
        form = _form(trust.kind, ring)
        envelope = form.parse(untrusted)
        claims = form.verify(envelope, form.key(envelope)).claims
        walk.passed(Stage.PARSE, Stage.KEY, Stage.VERIFY)
        check_claims(walk, claims, trust)
        return
    found = _envelope(untrusted, ring)
    head = dict(found.head) | ({"kid": alias(found.head["kid"])} if "kid" in found.head else {})
    compact.key_for(head, ring).key.verify(found.signature, found.message)
    walk.passed(Stage.PARSE, Stage.KEY, Stage.VERIFY)
    _claims(found.body, "signed", trust, walk)


def _claims(body: bytes, how: str, trust: Trust, walk: Walk) -> None:
    """What no strict reader takes (a name twice, say) and a lenient one does, ends the walk; bytes are no claims."""
    try:
        claims = json_object(body)
    except MalformedTokenError as error:
        if isinstance(json_of(body), dict):
            walk.stop(error, at=Stage.CLAIMS)
        else:
            walk.unchecked(Stage.CLAIMS, f"{how}, but no claims: {error}")
        return
    check_claims(walk, claims, trust)


def _unvouched(untrusted: str | bytes, trust: Trust, walk: Walk) -> None:
    """Without keys: all that a verifier would refuse before it had one; then the times, on the token's own word."""
    try:
        found = _envelope(untrusted, KeyRing.of())
        if trust.kind in _KINDS:
            form = _form(trust.kind, KeyRing.of(clock=trust.clock))
            form.key(form.parse(untrusted) if trust.kind == "sealed" else found)
        compact.key_for(found.head, KeyRing.of(clock=trust.clock))
    except UnknownKeyError:
        walk.unchecked(Stage.KEY, NO_KEYS)
    walk.passed(Stage.PARSE)
    walk.unchecked(Stage.VERIFY, NO_KEYS)
    try:
        claims = json_object(found.body)
    except MalformedTokenError as error:
        walk.stop(error)
        return
    check_claims(walk, claims, trust)


def _form(kind: str, ring: KeyRing) -> Format:
    make = make_sealed_format if kind == "sealed" else make_format
    return make("jwe" if kind == "sealed" else "jwt", ring, typ=_KINDS[kind])


def _envelope(untrusted: str | bytes, ring: KeyRing) -> Envelope:
    """As ``compact.envelope``, and with key ids of strangers."""
    head, payload, signature, message = compact.split(untrusted, ring.max_token)
    header = compact.read_header(head, limit=ring.max_header, sound=is_kid)
    return Envelope(header, head, message, unb64url(signature), unb64url(payload))


def _sealed(untrusted: str | bytes, header: Mapping[str, Any], number: int, trust: Trust, walk: Walk) -> Look:
    inside: tuple[Piece, ...] = ()
    opened: Mapping[str, Any] | None = None
    try:
        plaintext = jwe.decrypt(untrusted, trust.keys, typ=_KINDS.get(trust.kind or ""))
        walk.passed(Stage.PARSE, Stage.KEY)
        inside = _opened(plaintext, header, trust, walk)
        if not inside and isinstance(found := json_of(plaintext), dict):
            opened = found
    except UnknownKeyError as error:
        if trust.ring is None:
            walk.passed(Stage.PARSE)
            walk.unchecked(Stage.KEY, NO_KEYS)
            walk.unchecked(Stage.VERIFY, NO_KEYS)
        else:
            walk.judged(error)
    except TokenError as error:
        walk.judged(error)
    return Look(
        form="jwe",
        what=f"an encrypted token (JWE compact, {number} segments){', a signed JWT inside' * _is_nested(header)}",
        kind=kind_of(header, None),
        header=header,
        opened=opened,
        algorithm=_text(header, "alg"),
        pieces=inside,
        unverified=() if inside or opened is not None else (UNREAD,),
    )


def _opened(plaintext: bytes, header: Mapping[str, Any], trust: Trust, walk: Walk) -> tuple[Piece, ...]:
    """A JWT inside walks by itself. That it opened says who wrote it only where the key is a shared secret."""
    row = ALGORITHMS.get(_text(header, "alg"))
    if _text(header, "alg") == "dir" or (row is not None and row.symmetric):
        walk.passed(Stage.VERIFY)
    else:
        walk.unchecked(Stage.VERIFY, "it was sealed with a public key, as anybody can")
    if _is_nested(header):
        return (Piece("what was sealed", plaintext),)
    _claims(plaintext, "opened", trust, walk)
    return ()


def _is_nested(header: Mapping[str, Any]) -> bool:
    cty = header.get("cty")
    return isinstance(cty, str) and compact.media_type(cty) == "jwt"


def _text(header: Mapping[str, Any], name: str) -> str:
    value = header.get(name)
    return value if isinstance(value, str) else ""
