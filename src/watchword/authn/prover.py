"""Prover: the client's side of DPoP (RFC 9449 §4): a key, and a fresh proof for each request."""

from __future__ import annotations

from typing import Any

from ..claims import DPOP_PROOF
from ..clock import Clock, SystemClock
from ..crypto.digest import new_id
from ..encoding import b64url, dump_json
from ..errors import KeyUseError
from ..keys.key import Key
from .dpop import ath_of


class Prover:
    """Makes proofs with one key: ``Prover(Key.generate("ES256")).proof("GET", "https://api.example/orders", token=t)``.

    Send them as the header ``DPoP``, with ``Authorization: DPoP <token>``. ``jkt`` is what tokens are bound to.
    Raises: KeyUseError for a public or a symmetric key.
    """

    def __init__(self, key: Key, *, clock: Clock | None = None) -> None:
        if key.algorithm.format != "jwt" or key.algorithm.symmetric or not key.can_sign:
            raise KeyUseError("proofs are signed with the private half of a key such as Key.generate('ES256')")
        self._key = key
        self._clock = clock or SystemClock()
        self.jkt = key.thumbprint()
        jwk = {name: value for name, value in key.to_jwk().items() if name not in ("alg", "kid", "use")}
        head = {"typ": DPOP_PROOF.typ, "alg": key.algorithm.name, "jwk": jwk}
        self._head = b64url(dump_json(head))

    def proof(self, method: str, url: str, *, token: str | None = None, nonce: str | None = None) -> str:
        """A proof for one request. ``token``: the access token that goes with it. ``nonce``: the server's last one."""
        claims: dict[str, Any] = {
            "jti": new_id(),
            "htm": method,
            "htu": url.partition("#")[0].partition("?")[0],
            "iat": self._clock.now(),
        }
        if token is not None:
            claims["ath"] = ath_of(token)
        if nonce is not None:
            claims["nonce"] = nonce
        message = f"{self._head}.{b64url(dump_json(claims))}"
        return f"{message}.{b64url(self._key.sign(message.encode()))}"

    def __repr__(self) -> str:
        return f"Prover(jkt={self.jkt!r})"
