"""PASETO of every version: ``v4.public.…`` (signed, readable) and ``v4.local.…`` (encrypted)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ...crypto.algorithms import ALGORITHMS, OLD_ALGORITHMS
from ...errors import ConfigurationError, SealError, Stage, TokenError, UnknownKeyError
from ...formats import paseto
from ...formats.base import Envelope, Format, make_format, make_sealed_format, usable
from ...keys.ring import KeyRing, Slot
from ...tokens.base import KINDS
from ...tokens.sealed import assertion_of
from ..reading import json_of, object_of, raw_of
from ..walk import NO_KEYS, Trust, Walk, check_claims
from .base import UNREAD, Look

_START = re.compile(r"v[0-9]{1,2}\.(?:local|public)\.")
_ROWS = ALGORITHMS | OLD_ALGORITHMS
_KINDS = {str(kind.typ).removesuffix("+jwt"): name for name, kind in KINDS.items() if kind.typ}


def fits(text: str) -> bool:
    return _START.match(text.lstrip()) is not None


def read(untrusted: str | bytes, text: str, trust: Trust, walk: Walk) -> Look:
    version, purpose, body, *more = text.strip().split(".", 3)
    algorithm = f"{version}.{purpose}"
    footer = object_of(more[0]) if more else None
    kind = _KINDS.get(str((footer or {}).get("typ")))
    row = _ROWS.get(algorithm)
    signed = purpose == "public"
    raw = raw_of(body) or b""
    opened = _walk(untrusted, algorithm, kind, trust, walk)
    claims = json_of(raw[: len(raw) - row.signature]) if signed and row is not None else None
    hides = "signed, and readable" if signed else "encrypted"
    return Look(
        form="paseto",
        what=f"a PASETO {algorithm} token: {hides}",
        kind=kind,
        header=footer or {},
        claims=claims if isinstance(claims, dict) else None,
        opened=None if signed else opened,
        algorithm=algorithm,
        flags=frozenset({"paseto-old"} if version in ("v1", "v2") else ()),
        facts=(("footer", "none" if not more else "authenticated, and readable by anybody"),),
        unverified=() if signed or opened is not None else (UNREAD,),
    )


def _walk(
    untrusted: str | bytes, algorithm: str, kind: str | None, trust: Trust, walk: Walk
) -> Mapping[str, Any] | None:
    """The claims, where a key vouched for them."""
    try:
        return _read(untrusted, algorithm, trust.kind or kind, trust, walk)
    except ConfigurationError as error:
        walk.unchecked(Stage.KEY, str(error))
    except TokenError as error:
        walk.judged(error)
    return None


def _read(
    untrusted: str | bytes, algorithm: str, wanted: str | None, trust: Trust, walk: Walk
) -> Mapping[str, Any] | None:
    """By the keys there are, or by none: up to where one would be needed; then the times."""
    sealed = algorithm.endswith(".local")
    make = make_sealed_format if sealed else make_format
    form: Format = make("paseto", trust.keys, typ=str(KINDS[wanted].typ) if wanted in KINDS else "")
    found = form.parse(untrusted)
    walk.passed(Stage.PARSE)
    try:
        slot = form.key(found) if wanted in KINDS else _slot(trust.keys, found.head.get("kid"), algorithm)
    except UnknownKeyError:
        if trust.ring is not None:
            raise
        walk.unchecked(Stage.KEY, NO_KEYS)
        walk.unchecked(Stage.VERIFY, NO_KEYS)
        if not sealed:
            check_claims(walk, paseto.claims_of(found.body), trust)
        return None
    walk.passed(Stage.KEY)
    try:
        claims = _opened(form, found, slot, trust) if sealed else form.verify(found, slot).claims
    except SealError:
        walk.unchecked(Stage.VERIFY, "it opens with its purpose and for its user alone: --purpose, --bound-to")
        return None
    walk.passed(Stage.VERIFY)
    check_claims(walk, claims, trust)
    return claims


def _opened(form: Any, found: Envelope, slot: Slot, trust: Trust) -> Mapping[str, Any]:
    """What was sealed: for the purpose and the user that were named, or for nobody in particular."""
    named = trust.purpose and trust.bound_to
    assertion = assertion_of(str(trust.purpose), str(trust.bound_to), trust.audience or "") if named else b""
    claims: Mapping[str, Any] = form.verify(found, slot, assertion=assertion).claims
    return claims


def _slot(ring: KeyRing, kid: Any, algorithm: str) -> Any:
    fitting = [slot.key.kid for slot in ring if slot.key.algorithm.name == algorithm]
    if not isinstance(kid, str) and len(fitting) != 1:
        raise UnknownKeyError("the footer names no key")
    use = "seal" if algorithm.endswith(".local") else "sign"
    return usable(ring, kid if isinstance(kid, str) else fitting[0], algorithm, use)
