"""A resource server, its binding, and the requests that DPoP tests send it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from watchword import AccessTokens, KeyRing
from watchword.authn.authenticator import Authenticator
from watchword.authn.binding import Binding, BindingPolicy
from watchword.authn.dpop import ath_of
from watchword.authn.prover import Prover
from watchword.clock import FrozenClock
from watchword.encoding import b64url, dump_json
from watchword.keys.key import Key
from watchword.principal import Principal
from watchword.web.messages import Connection

NOW: Final = 1_800_000_000
ISSUER, API = "https://as.test", "https://api.test"
URL: Final = f"{API}/orders"
KEY: Final = Key.generate("ES256")
SIGNER, MAC = Key.generate("ES256", kid="signer"), Key.generate("HS256", kid="mac", use="mac")


class Server:
    """One API: it issues, and it walks the corridor."""

    def __init__(self, **policy: Any) -> None:
        self.clock = FrozenClock(NOW)
        self.ring = KeyRing.of(SIGNER, MAC, clock=self.clock)
        self.access = AccessTokens(self.ring, issuer=ISSUER, audience=API)
        self.binding = Binding(
            self.ring, clock=self.clock, names=(ISSUER, API, "orders"), policy=BindingPolicy(**policy)
        )
        self.ended: list[Principal] = []
        self.corridor = Authenticator((self.access,), binding=self.binding, end=self.end)
        self.prover = Prover(KEY, clock=self.clock)

    async def end(self, who: Principal) -> None:
        self.ended.append(who)

    def bound(self, key: Key = KEY, **more: Any) -> str:
        return self.access.issue("user-7", bind=key, **more).token

    async def ask(self, *headers: tuple[bytes, bytes], method: str = "GET", **more: Any) -> Principal:
        """The caller of ``GET https://api.test/orders`` with these headers."""
        found = await self.corridor.authenticate(
            Connection(method, more.pop("path", "/orders"), headers=[(b"host", b"api.test"), *headers], **more)
        )
        assert found is not None
        return found

    async def send(self, token: str, *proofs: str, scheme: str = "DPoP", **more: Any) -> Principal:
        lines = [(b"dpop", proof.encode()) for proof in proofs]
        return await self.ask((b"authorization", f"{scheme} {token}".encode()), *lines, **more)


def claims_of(token: str | None = None, **more: Any) -> dict[str, Any]:
    """What a good proof for ``GET /orders`` says; a claim of None is left out."""
    said = {"jti": "j-1", "htm": "GET", "htu": URL, "iat": NOW} | ({"ath": ath_of(token)} if token else {})
    return {name: value for name, value in (said | more).items() if value is not None}


def public_jwk(key: Key) -> dict[str, Any]:
    return {name: value for name, value in key.to_jwk().items() if name not in ("alg", "kid", "use")}


def proof(
    claims: Mapping[str, Any] | bytes, key: Key = KEY, *, head: Mapping[str, Any] | None = None, sign: Any = None
) -> str:
    """A proof of any claims under any header; a member of None is left out of the header."""
    header = {"typ": "dpop+jwt", "alg": key.algorithm.name, "jwk": public_jwk(key)} | dict(head or {})
    kept = {name: value for name, value in header.items() if value is not None}
    body = claims if isinstance(claims, bytes) else dump_json(dict(claims))
    message = f"{b64url(dump_json(kept))}.{b64url(body)}"
    return f"{message}.{b64url((sign or key.sign)(message.encode()))}"
