"""DPoP (RFC 9449): does the sender of this request hold the key that the token is bound to?

The one place where the ``jwk`` of a header is used, and for nothing else than to check the proof that brings it: what
makes the key count is that its thumbprint stands in the token.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from typing import Any

from ..claims import DPOP_PROOF, seconds
from ..clock import Clock
from ..crypto.algorithms import PROOF_NAMES
from ..crypto.digest import same
from ..encoding import b64url, json_object, unb64url
from ..errors import ConfigurationError, NonceRequiredError, ProofError, TokenError
from ..formats.compact import NOT_IN_JWS, media_type, read_header, split
from ..keys.key import Key
from ..principal import Proof
from ..web.messages import Connection
from ..web.targets import normal_path, target_of
from .nonces import Nonces
from .replays import Replays

OLDEST, EARLIEST = 60, 10
"""Seconds: how old a proof may be, and how far in the future its ``iat`` may lie (D-19)."""
REMEMBERED = 120
"""Seconds that a ``jti`` is remembered at least; longer than any proof is good."""
LONGEST = 4096
"""Bytes of a proof."""
_FORBIDDEN = tuple(name for name in NOT_IN_JWS if name != "jwk")
_SECRET = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"})
_KNOWN_KEYS = 1024


class Proofs:
    """Checks the proofs of all requests of one process.

    Parameters: origins: under which clients reach us (``https://api.example``); the request's own Host header decides
    nothing. nonces: with them, a proof that does not hold a recent one is refused.
    """

    def __init__(self, origins: Iterable[str], clock: Clock, *, nonces: Nonces | None = None) -> None:
        self.origins = frozenset(origins)
        self._clock = clock
        self._nonces = nonces
        self._replays = Replays(clock, window=REMEMBERED)
        self._keys: dict[bytes, tuple[Key, str]] = {}

    def check(self, connection: Connection, *, token: str | None = None, jkt: str | None = None) -> Proof:
        """What the one DPoP header of a request proves: for this method, address and time, once.

        Parameters: token: the access token that came with it, which ``ath`` must name. jkt: the key it must be.
        Raises: ProofError; NonceRequiredError; BindingError; UnavailableError when no more proofs can be remembered.
        """
        found, claims = self._read(connection)
        try:
            DPOP_PROOF.check(claims)
            self._check_time(claims)
        except TokenError as error:
            raise error if isinstance(error, ProofError) else _bad(f"DPoP proof: {error}") from None
        self._check_request(connection, claims)
        ath = None if token is None else ath_of(token)
        if ath is not None and not same(claims.get("ath", ""), ath):
            raise _bad("the proof's 'ath' is not the SHA-256 of the access token that came with it")
        if jkt is not None and not same(jkt, found):
            raise _bad("the proof is signed by another key than the one the token is bound to")
        self._check_nonce(claims)
        if not self._replays.is_new(sha256(f"{found}.{claims['jti']}".encode()).digest()[:16]):
            raise _bad("this proof came before; make a new one for each request", "replayed")
        return Proof(found, ath)

    def _read(self, connection: Connection) -> tuple[str, dict[str, Any]]:
        """The thumbprint of the key that signed the proof, and what it says."""
        values = connection.headers_of(b"dpop")
        if len(values) != 1:
            raise _bad(f"a request has one DPoP header, and this one has {len(values) or 'none'}")
        try:
            head, body, signature, message = split(values[0], LONGEST)
            key, thumbprint = self._keys.get(head) or _key_of(head)
            key.verify(unb64url(signature), message)
            claims = json_object(unb64url(body))
        except ProofError:
            raise
        except (TokenError, ConfigurationError) as error:
            raise _bad(f"DPoP proof: {error}") from None
        if head not in self._keys:  # only what a good signature has vouched for is kept
            self._keys = {} if len(self._keys) >= _KNOWN_KEYS else self._keys
            self._keys[head] = key, thumbprint
        return thumbprint, claims

    def _check_time(self, claims: dict[str, Any]) -> None:
        now, issued = self._clock.now(), seconds(claims, "iat") or 0
        if not now - OLDEST <= issued <= now + EARLIEST:
            raise _bad(f"the proof was made {now - issued} s ago, by its clock; compare the clocks, or make a new one")

    def _check_request(self, connection: Connection, claims: dict[str, Any]) -> None:
        if claims["htm"] != connection.method:
            raise _bad(f"the proof is for another method than {connection.method[:20]}")
        target = target_of(claims["htu"])
        if target is None or target[1] != normal_path(connection.encoded_path):
            raise _bad("the proof is for another address ('htu') than the one it was sent to")
        if target[0] not in self.origins:
            ours = ", ".join(sorted(self.origins)) or "none is known"
            raise _bad(f"the proof is for an origin that is not ours ({ours}); list it: BindingPolicy(origins=[...])")

    def _check_nonce(self, claims: dict[str, Any]) -> None:
        if self._nonces is not None and not self._nonces.takes(claims.get("nonce", "")):
            raise NonceRequiredError("the proof holds no recent nonce of ours", nonce=self._nonces.fresh())


def ath_of(token: str) -> str:
    """What names an access token in a proof: its SHA-256."""
    return b64url(sha256(token.encode()).digest())


def _key_of(head: bytes) -> tuple[Key, str]:
    header = read_header(head, forbidden=_FORBIDDEN)
    if media_type(header.get("typ", "")) != DPOP_PROOF.typ:
        raise _bad(f"the proof's 'typ' is not {DPOP_PROOF.typ}")
    algorithm = PROOF_NAMES.get(header.get("alg", ""))
    if algorithm is None:
        raise _bad(f"the proof's algorithm is none of {', '.join(PROOF_NAMES)}")
    jwk = header.get("jwk")
    if not isinstance(jwk, dict) or not _SECRET.isdisjoint(jwk):
        raise _bad("the proof's header has no public 'jwk', or one with secret members")
    key = Key.from_jwk({name: value for name, value in jwk.items() if name != "kid"}, algorithm=algorithm)
    return key, key.thumbprint()


def _bad(message: str, reason: str = "") -> ProofError:
    return ProofError(message, reason=reason)
