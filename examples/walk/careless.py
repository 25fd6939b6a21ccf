"""What a verifier must not do, running: it takes the algorithm from the token. And what a forger makes of that.

RFC 8725 §2.1. Here for station 5 to show; everything that a forger needs stands in the issuer's public documents.
"""

from __future__ import annotations

import hmac
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from watchword import Key
from watchword.encoding import b64url, dump_json, json_object, unb64url
from watchword.errors import SignatureError
from watchword.formats import paseto


def careless(key: Key) -> Starlette:
    """It does as the header says, with the one key that it has."""

    async def orders(request: Request) -> Response:
        head, body, signature = request.headers["authorization"].removeprefix("Bearer ").encode().split(b".")
        algorithm, message = json_object(unb64url(head))["alg"], head + b"." + body
        if algorithm == "HS256" and unb64url(signature) != _mac(key, message):
            return Response(status_code=401)
        if algorithm == "ES256":
            try:
                key.verify(unb64url(signature), message)
            except SignatureError:
                return Response(status_code=401)
        return JSONResponse({"orders of": json_object(unb64url(body))["sub"]})

    return Starlette(routes=[Route("/orders", orders)])


def forged_jwts(token: str, key: Key) -> list[str]:
    """As root, with what everybody may know: unsigned, and with the text of the public key as the secret of an HMAC."""
    head, body = (json_object(unb64url(part)) for part in token.encode().split(b".")[:2])
    texts = {name: f"{_part(head | {'alg': name})}.{_part(body | {'sub': 'root'})}" for name in ("none", "HS256")}
    return [f"{texts['none']}.", f"{texts['HS256']}.{b64url(_mac(key, texts['HS256'].encode()))}"]


def forged_pasetos(token: str, key: Key) -> list[str]:
    """The same: encrypted, with the bytes of the public key as the key; and signed with a key of the forger's own."""
    payload, footer = paseto.verify(token, key)
    body = dump_json(json_object(payload) | {"sub": "root"})
    local = Key.from_paserk(key.to_paserk().replace("k4.public.", "k4.local."))
    return [paseto.encrypt(body, local, footer=footer), paseto.sign(body, Key.generate("v4.public"), footer=footer)]


def _mac(key: Key, message: bytes) -> bytes:
    return hmac.digest(key.to_pem(), message, "sha256")


def _part(value: dict[str, Any]) -> str:
    return b64url(dump_json(value))
