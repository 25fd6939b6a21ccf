"""JSON: a JWK, a set of them, a PASETO key document, the answer of a token endpoint, a JWS or JWE in JSON."""

from __future__ import annotations

from collections import Counter
from typing import Any

from ...errors import ConfigurationError, KeyUseError, MalformedTokenError, WeakKeyError
from ...keys.discovery import read_paseto_keys
from ...keys.key import Key
from ..hide import SECRET_MEMBERS, plain
from ..reading import LONGEST_JSON, json_of
from ..walk import Trust, Walk
from .base import NEITHER, Look, Piece

_TOKENS = ("access_token", "refresh_token", "id_token", "token", "api_key", "assertion", "client_assertion")


def fits(text: str) -> bool:
    return text.lstrip()[:1] in ("{", "[") or (text.lstrip()[:1] == '"' and json_of(text) is not None)


def read(untrusted: str | bytes, text: str, trust: Trust, walk: Walk) -> Look:
    value = json_of(text)
    if isinstance(value, dict) and "kty" in value:
        return _jwk(value)
    if isinstance(value, dict) and isinstance(value.get("keys"), list):
        return _keys(value, text)
    if isinstance(value, dict) and ("signatures" in value or {"payload", "signature"} <= value.keys()):
        walk.stop(MalformedTokenError("a JWS in JSON: only the compact form is a token here"))
        return Look(form="json", what="a JWS in its JSON serialization (RFC 7515 §7.2)")
    if isinstance(value, dict) and "ciphertext" in value:
        walk.stop(MalformedTokenError("a JWE in JSON: only the compact form is a token here"))
        return Look(form="json", what="a JWE in its JSON serialization (RFC 7516 §7.2)")
    if isinstance(value, dict) and (pieces := _pieces(value)):
        return Look(form="answer", what="JSON with tokens in it, such as the answer of a token endpoint", pieces=pieces)
    walk.stop(MalformedTokenError(NEITHER))
    size = "too large to be read here" if len(text) > LONGEST_JSON else "no token and no key"
    return Look(form="json", what=f"JSON, or what begins like it: {size}")


def _pieces(value: dict[str, Any]) -> tuple[Piece, ...]:
    found = ((name, value.get(name)) for name in _TOKENS)
    return tuple(Piece(name, text, "body") for name, text in found if isinstance(text, str) and text)


def _jwk(value: dict[str, Any]) -> Look:
    facts: list[tuple[str, str]] = [
        (name, plain(str(value[name]), 128)) for name in ("kty", "crv", "alg", "use", "kid") if name in value
    ]
    symmetric, private = value.get("kty") == "oct", not SECRET_MEMBERS.isdisjoint(value)
    flags = {"bare-key"} if private else set()
    flags |= {"key-without-alg"} if "alg" not in value else set()
    flags |= {"key-without-kid"} if "kid" not in value else set()
    try:
        key = Key.from_jwk(value)
        facts += [] if symmetric else [("thumbprint", key.thumbprint())]
    except WeakKeyError as error:
        facts.append(("amiss", str(error)))
        flags.add("weak-key")
    except ConfigurationError as error:
        facts.append(("amiss", str(error)))
    sort = "symmetric" if symmetric else "private" if private else "public"
    return Look(form="jwk", what=f"a JSON Web Key: {sort}", facts=tuple(facts), flags=frozenset(flags))


def _keys(value: dict[str, Any], text: str) -> Look:
    members = value["keys"]
    kids = Counter(str(one.get("kid")) for one in members if isinstance(one, dict) and "kid" in one)
    sorts = {one.get("kty") == "oct" for one in members if isinstance(one, dict) and "kty" in one}
    flags = {"kid-twice"} if any(count > 1 for count in kids.values()) else set()
    flags |= {"mixed-set"} if len(sorts) > 1 else set()
    if any(isinstance(one, dict) and "paserk" in one for one in members):
        return _paseto(members, text, flags)
    from json import dumps

    pieces = tuple(Piece(f"key {number}", dumps(one)) for number, one in enumerate(members[:100], 1))
    return Look(form="jwks", what=f"a JWK Set of {len(members)} keys", pieces=pieces, flags=frozenset(flags))


def _paseto(members: list[Any], text: str, flags: set[str]) -> Look:
    facts: list[tuple[str, str]] = []
    try:
        found = read_paseto_keys(text.encode("utf-8", "replace"))
        facts += [("usable", f"{len(found.slots)} of {len(members)} keys")]
        facts += [("left out", plain(reason)) for reason in found.skipped]
    except KeyUseError as error:
        facts, flags = [("amiss", str(error))], flags | {"bare-key"}
    except ConfigurationError as error:
        facts = [("amiss", plain(str(error)))]
    return Look(form="paseto-keys", what="a PASETO key document", facts=tuple(facts), flags=frozenset(flags))
