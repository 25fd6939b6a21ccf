"""DPoP proofs (RFC 9449): a JWT that brings its own public key, as a proof must, for one request."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

from ...authn.dpop import Proofs
from ...errors import ProofError, Stage
from ...formats.compact import media_type
from ...web.messages import Connection
from ...web.targets import target_of
from ..reading import object_of
from ..walk import Trust, Walk
from .base import Look

NO_TOKEN = "which request and token it came with, and whether it came before, was not looked at"


def fits(text: str) -> bool:
    header = object_of(text.partition(".")[0]) if text.startswith("eyJ") else None
    typ = (header or {}).get("typ")
    return isinstance(typ, str) and media_type(typ) == "dpop+jwt" and text.count(".") == 2


def read(untrusted: str | bytes, text: str, trust: Trust, walk: Walk) -> Look:
    head, body, _ = text.split(".")
    claims = object_of(body)
    try:
        _check(text, claims or {}, trust)
        walk.passed(Stage.PARSE, Stage.KEY, Stage.VERIFY, Stage.CLAIMS)
        walk.unchecked(Stage.BINDING, NO_TOKEN)
    except ProofError as error:
        walk.stop(error)
    return Look(
        form="proof",
        what="a DPoP proof: it shows for one request that its sender has a key",
        kind="DPoP proof",
        header=object_of(head) or {},
        claims=claims,
        unverified=(NO_TOKEN,),
    )


def _check(text: str, claims: dict[str, Any], trust: Trust) -> None:
    """As the binding does, for the very request that the proof names. Raises: ProofError."""
    method, url = claims.get("htm"), claims.get("htu")
    target = target_of(url) if isinstance(url, str) else None
    if not isinstance(method, str) or target is None:
        raise ProofError("the proof names no request: 'htm' and 'htu'")
    request = Connection(method, unquote(target[1]), headers=[(b"dpop", text.encode("utf-8", "replace"))])
    Proofs([target[0]], trust.clock).check(request)
