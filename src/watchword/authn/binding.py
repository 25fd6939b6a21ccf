"""Binding: is the one who presents a credential the one it belongs to?

A cookie must be sent by the application's own page (CSRF), a token that is bound to a key with a proof by that key
(DPoP), and where a device fingerprint was taken, its signals are compared.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from ..clock import Clock
from ..crypto.digest import new_id
from ..errors import BindingError, ConfigurationError, StepUpRequiredError
from ..keys.ring import KeyRing
from ..principal import Principal, Proof
from ..web.cookies import CookiePolicy
from ..web.csrf import origin
from ..web.messages import Connection
from .credentials import Credential
from .csrf_tokens import CsrfTokens
from .dpop import Proofs, ath_of
from .fingerprint import DEVICE_COOKIE, SIGNALS, Fingerprints, device_id
from .nonces import Nonces

log = logging.getLogger("watchword.binding")

End = Callable[[Principal], Awaitable[None]]
_DEVICE_COOKIE = CookiePolicy(name=DEVICE_COOKIE, max_age=400 * 86_400)


class BindingPolicy(Struct, frozen=True, kw_only=True):
    """How strictly credentials are held to their sender.

    ``origins``: where clients reach us (``https://api.example``), besides those of the issuer and the audience; proofs
    name them. ``nonce``: proofs hold a nonce of ours. ``fingerprint``: what a changed device means. ``signals``: which
    are looked at. ``required``: a credential that is bound to no key and has no fingerprint is refused.
    """

    origins: tuple[str, ...] = ()
    nonce: bool = False
    fingerprint: Literal["off", "observe", "step_up", "end_session"] = "off"
    signals: tuple[str, ...] = tuple(SIGNALS)
    required: bool = False


class Taken(Struct, frozen=True):
    """A fingerprint, and the cookie that names a device which had no name yet."""

    fpt: str | None = None
    set_cookie: bytes | None = None


class Binding:
    """The last stage of the corridor, for one ring. ``names``: our issuer and audiences, whose origins are ours."""

    def __init__(self, ring: KeyRing, *, clock: Clock, names: Iterable[str], policy: BindingPolicy) -> None:
        self.policy = policy
        own = [found for name in names if (found := _origin_of(name)) is not None]
        origins = [*own, *(origin(one) for one in policy.origins)]
        self._proofs = Proofs(origins, clock, nonces=Nonces(ring) if policy.nonce else None)
        self._fingerprints = Fingerprints(ring, policy.signals) if policy.fingerprint != "off" else None
        self.csrf = CsrfTokens(ring)

    def concerns(self, credential: Credential, who: Principal) -> bool:
        """Whether ``check`` has anything to look at: most credentials are bound to nothing, and need not be."""
        return who.jkt is not None or who.fpt is not None or credential.carrier == "dpop" or self.policy.required

    async def check(
        self, connection: Connection, credential: Credential, who: Principal, end: End | None = None
    ) -> Principal:
        """The Principal, if its credential may be used by whom it came from. ``end``: ends the Principal's session.

        Raises: BindingError, ProofError, and what ``check_device`` raises.
        """
        self._check_key(connection, credential, who)
        if self.policy.required and who.jkt is None and who.fpt is None:
            raise BindingError("only credentials that are bound to a key or a device are taken here")
        changed = await self.check_device(connection, who, end)
        return replace(who, changed=changed) if changed else who

    async def check_device(self, connection: Connection, who: Principal, end: End | None = None) -> frozenset[str]:
        """The signals of its fingerprint that have changed. ``end``: ends the Principal's session.

        Raises: StepUpRequiredError for any, where the policy says so.
        """
        if who.fpt is None or self._fingerprints is None:
            return frozenset()
        changed = self._fingerprints.changed(who.fpt, connection)
        if not changed:
            return changed
        said = ", ".join(sorted(changed))
        log.info("the device of %s token %s has changed: %s", who.kind, who.token_id, said)
        if self.policy.fingerprint == "end_session" and end is not None:
            await end(who)
        if self.policy.fingerprint != "observe":
            raise StepUpRequiredError(f"the device has changed ({said}); sign in again", reason="device_changed")
        return changed

    def proof_of(self, connection: Connection) -> Proof | None:
        """The key that a request for tokens proves to hold; None when it has no DPoP header (RFC 9449 §5).

        Raises: ProofError, UnavailableError.
        """
        if not connection.headers_of(b"dpop"):
            return None
        if connection.proof is None:
            connection.proof = self._proofs.check(connection)
        return connection.proof

    def fingerprint(self, connection: Connection) -> Taken:
        """The fingerprint to issue credentials with, as ``fpt=``; of nothing, where none are taken."""
        if self._fingerprints is None:
            return Taken()
        fresh = new_id() if "device" in self.policy.signals and device_id(connection) is None else None
        fpt = self._fingerprints.of(connection, device=fresh)
        return Taken(fpt, None if fresh is None else _DEVICE_COOKIE.set_cookie(fresh))

    @property
    def takes_fingerprints(self) -> bool:
        return self._fingerprints is not None

    def _check_key(self, connection: Connection, credential: Credential, who: Principal) -> None:
        if credential.carrier != "dpop":
            if who.jkt is not None:
                raise BindingError("this token is bound to a key: send it as 'Authorization: DPoP …', with a proof")
            return
        if who.jkt is None:
            raise BindingError("this token is bound to no key: send it as 'Authorization: Bearer …'")
        known = connection.proof
        if known is None or (known.jkt, known.ath) != (who.jkt, ath_of(credential.token)):
            connection.proof = self._proofs.check(connection, token=credential.token, jkt=who.jkt)


def _origin_of(name: str) -> str | None:
    """The origin of an issuer or audience that is a URL."""
    scheme, mark, rest = name.partition("://")
    try:
        return origin(f"{scheme}{mark}{rest.partition('/')[0]}")
    except ConfigurationError:
        return None
