"""Access tokens of our own and of other issuers behind one door: the key id says whose keys to try, and no more."""

from __future__ import annotations

from ..encoding import LARGE_HEADER, LARGE_TOKEN
from ..errors import TokenError
from ..formats.compact import read_header, split
from ..keys.discovery import is_text
from ..keys.ring import KeyRing
from ..principal import Principal
from ..revocation.view import OnStale
from ..stores.base import Event
from ..tokens.access import AccessTokens
from ..tokens.base import Authenticates, Stage


class Bearers:
    """Two verifiers of bearer tokens, each bound to its own keys, issuer and audience: ours, and that of ``others``.

    A token whose key id is on our own ring is ours or refused; any other is the others' or refused. So an unverified
    word chooses who looks, and never what is believed (T19). Where another issuer has a key id of ours, ours counts.
    """

    def __init__(self, own: AccessTokens, ring: KeyRing, others: Authenticates) -> None:
        self.kind = own.kind
        self._own, self._ring, self._others = own, ring, others

    async def authenticate(self, untrusted: object, *, on_stale: OnStale | None = None) -> Principal:
        """The Principal; ``issuer`` says whose, None for our own. Raises: what the one whose token it is raises."""
        return await self._asked(self._own.authenticate, untrusted, on_stale)

    async def unproven(self, untrusted: object, *, on_stale: OnStale | None = None) -> Principal:
        """As ``authenticate``, without *binding*: what is bound is our own, for others' bound tokens are refused."""
        return await self._asked(self._own.unproven, untrusted, on_stale)

    async def revocation_of(self, untrusted: object) -> Event | None:
        return await self._own.revocation_of(untrusted)

    async def _asked(self, own: Stage, untrusted: object, on_stale: OnStale | None) -> Principal:
        try:
            return await own(untrusted, on_stale=on_stale)
        except TokenError:
            if self._is_ours(untrusted):
                raise
        return await self._others.authenticate(untrusted, on_stale=on_stale)

    def _is_ours(self, untrusted: object) -> bool:
        """A PASETO is; a JWT is, when its key id is on our ring. Raises: MalformedTokenError for what is neither."""
        if not isinstance(untrusted, str) or not untrusted.startswith("eyJ"):
            return True
        header = read_header(split(untrusted, LARGE_TOKEN)[0], limit=LARGE_HEADER, sound=is_text)
        return "kid" in header and self._ring.find(header["kid"]) is not None
