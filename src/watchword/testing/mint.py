"""Any token in one call, good or bad."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

from msgspec import Struct

from .. import app, blocking
from ..clock import Clock, FrozenClock
from ..crypto.digest import new_id
from ..errors import ConfigurationError
from ..revocation.view import View
from ..runtime.ticker import drive
from ..stores.base import Store, open_store
from ..tokens.api_keys import ApiKeys
from ..tokens.base import Issued
from ..tokens.one_time import OneTimeTokens
from ..tokens.opaque_access import OpaqueAccessTokens
from ..tokens.refresh import RefreshTokens
from ..tokens.sessions import Sessions
from .flaws import JWT_FLAWS, PASETO_FLAWS, flawed, tampered_signature

AnyWatchword = app.Watchword | blocking.Watchword
LONG_AGO = timedelta(days=31)
"""No token of ours lives so long, but API keys, which get a day here."""
A_WHILE = timedelta(minutes=5)
SIGNED = ("access", "service")
RECORD_FLAWS = ("expired", "revoked", "tampered", "unknown")
"""Of the kinds that a record vouches for."""
FLAWS = frozenset({*RECORD_FLAWS, *JWT_FLAWS, *PASETO_FLAWS, "wrong_environment"})


class Wanted(Struct, frozen=True):
    """What a token is to say."""

    subject: str
    scopes: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    format: str | None = None


Issue = Callable[[Any, Wanted], Awaitable[Issued]]


async def _access(ww: Any, want: Wanted) -> Issued:
    issued: Issued = ww.access.issue(want.subject, scopes=want.scopes, roles=want.roles, format=want.format)
    return issued


async def _service(ww: Any, want: Wanted) -> Issued:
    audience = ww.access.audiences[0]
    issued: Issued = ww.service.issue(want.subject, audience=audience, scopes=want.scopes, format=want.format)
    return issued


async def _sealed(ww: Any, want: Wanted) -> Issued:
    issued: Issued = ww.sealed.seal({"sub": want.subject}, purpose="test", bound_to=want.subject, format=want.format)
    return issued


ISSUE: dict[str, Issue] = {
    "session": lambda ww, want: ww.sessions.start(want.subject, scopes=want.scopes, roles=want.roles),
    "access": _access,
    "opaque_access": lambda ww, want: ww.opaque_access.issue(want.subject, scopes=want.scopes, roles=want.roles),
    "service": _service,
    "refresh": lambda ww, want: ww.refresh.issue(want.subject, client_id="test", scopes=want.scopes, roles=want.roles),
    "api_key": lambda ww, want: ww.api_keys.issue(
        want.subject, scopes=want.scopes, roles=want.roles, lifetime=timedelta(days=1)
    ),
    "one_time": lambda ww, want: ww.one_time.issue(want.subject, purpose=f"test-{new_id()}", lifetime=A_WHILE),
    "sealed": _sealed,
}
"""How a token of each kind is had; ``ww`` is a Watchword, or its kinds at another time."""


def mint(
    ww: AnyWatchword,
    kind: str = "access",
    subject: str = "alice",
    *,
    flaw: str | None = None,
    scopes: Iterable[str] = (),
    roles: Iterable[str] = (),
    format: str | None = None,
) -> str:
    """The text of a fresh token, written by the keys and into the store of ``ww``, which must be open.

    Parameters: kind: any row of KINDS but ``id``. format: ``jwt`` or ``paseto``, for kinds that are written in both.
    flaw: what is wrong with it. A record's kind: ``expired``, ``revoked``, ``tampered``, ``unknown``; API keys also
    ``wrong_environment``. A signed kind: ``revoked``, and those of ``JWT_FLAWS`` or ``PASETO_FLAWS``.
    Raises: ConfigurationError for a flaw that the kind, its format or its key cannot have, and for a store that
    suspends: there ``await minted(…)``, with the same parameters.
    """
    return drive(minted(ww, kind, subject, flaw=flaw, scopes=scopes, roles=roles, format=format))


async def minted(
    ww: AnyWatchword,
    kind: str = "access",
    subject: str = "alice",
    *,
    flaw: str | None = None,
    scopes: Iterable[str] = (),
    roles: Iterable[str] = (),
    format: str | None = None,
) -> str:
    """``mint`` under an event loop."""
    if kind not in ISSUE:
        raise ConfigurationError(f"{kind!r} is no kind that can be minted; there are {', '.join(ISSUE)}")
    core, want = core_of(ww), Wanted(subject, tuple(scopes), tuple(roles), format)
    if flaw in (None, "revoked"):
        token = (await ISSUE[kind](core, want)).token
        if flaw == "revoked":
            await core.revoke(token=token)
        return token
    if kind in SIGNED:
        return flawed(core, (await ISSUE[kind](core, want)).token, str(flaw))
    return await _bad_record(core, kind, want, str(flaw))


def core_of(ww: AnyWatchword) -> app.Watchword:
    """The Watchword itself, opened."""
    return ww.core if isinstance(ww, blocking.Watchword) else ww


async def _bad_record(core: app.Watchword, kind: str, want: Wanted, flaw: str) -> str:
    if flaw == "expired" and kind != "sealed":
        past = FrozenClock(core.clock.now() - LONG_AGO.total_seconds())
        return (await ISSUE[kind](_kinds(core, core.store, past, core.view), want)).token
    if flaw == "unknown" and kind != "sealed":
        other = open_store("memory:")
        other.open_blocking()
        return (await ISSUE[kind](_kinds(core, other, core.clock, None), want)).token
    if flaw == "wrong_environment" and kind == "api_key":
        there = "test" if core.api_keys.environment == "live" else "live"
        issued = await core.api_keys.issue(want.subject, scopes=want.scopes, roles=want.roles, environment=there)
        return issued.token
    token = (await ISSUE[kind](core, want)).token
    if flaw == "tampered":
        return tampered_signature(token)
    raise ConfigurationError(f"a {kind} token cannot be {flaw!r}; there are {', '.join(sorted(FLAWS))}")


def _kinds(core: app.Watchword, store: Store, clock: Clock, view: View | None) -> SimpleNamespace:
    """The kinds that a record vouches for, over some store and at some time."""
    shared: dict[str, Any] = {"view": view, "clock": clock}
    prefix = core.api_keys.kind.starts[0].removesuffix("_").rpartition("_")[0]
    return SimpleNamespace(
        sessions=Sessions(store, **shared),
        opaque_access=OpaqueAccessTokens(store, audience=core.access.audiences, **shared),
        refresh=RefreshTokens(store, core.ring, **shared),
        api_keys=ApiKeys(store, environment=core.api_keys.environment, prefix=prefix, **shared),
        one_time=OneTimeTokens(store, every=timedelta(0), **shared),
    )
