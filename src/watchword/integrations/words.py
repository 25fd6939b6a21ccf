"""The words of every framework, over one Watchword: who is calling, signing in and out. Imports no framework."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any, TypedDict

from ..app import Watchword
from ..authn.credentials import extract
from ..authn.routes import declared
from ..errors import AccessDeniedError, ConfigurationError, TokenError, WatchwordError
from ..principal import Principal
from ..revocation.view import OnStale
from ..tokens.base import Authenticates, Issued
from ..web.cookies import CookiePolicy
from ..web.csrf import check_sender
from ..web.headers import CLEAR_SITE_DATA
from ..web.messages import Reply
from ..web.ratelimit import Limits
from ..web.token_cookies import Cookies, TokenCookies
from .signing_in import Given, SessionCookie, SigningIn
from .token_cookies import TokenPair
from .visit import NothingPresentedError, RefreshFirstError, Visit, current, refusal
from .watcher import Watchers

_ACCESS = ("access", "opaque_access")


class Rule(TypedDict, total=False):
    """What a route asks of its caller beside scopes: the parameters of ``Words.require``."""

    role: str | None
    permission: str | None
    fresh: timedelta | None
    on_stale: OnStale | None
    privileged: bool


class SignIn(TypedDict, total=False):
    """What a session begins with beside its subject: the parameters of ``Words.sign_in``."""

    data: Mapping[str, Any] | None
    roles: Iterable[str]
    scopes: Iterable[str]
    remember: bool


class Words:
    """Who is calling, and signing in and out, for one application.

    Parameters: origins: other origins (``https://app.example``) whose pages may use our cookie; by default only the
    request's own scheme and host. cookie: how the session cookie is set, or TokenCookies instead. issuers: an Issuer or
    Issuers whose access tokens are taken beside our own; open and close them yourself. owner: the Auth whose visits
    these words speak of.
    The verbs work while a request is answered; they suspend only where the store of ``ww`` does.
    """

    def __init__(
        self,
        ww: Watchword,
        *,
        origins: Iterable[str] = (),
        cookie: Cookies | None = None,
        issuers: Authenticates | None = None,
        owner: object | None = None,
    ) -> None:
        fitting(ww, Watchword, cookie)
        self.ww = ww
        self._owner = self if owner is None else owner
        self._authenticator = ww.authenticator(cookie=cookie, origins=origins, issuers=issuers)
        self.cookie = self._authenticator.cookie
        self.watchers = Watchers(ww, self._authenticator)
        self._pair: TokenPair | None = None
        self._signing_in: SigningIn
        if isinstance(self.cookie, TokenCookies):
            self._signing_in = self._pair = TokenPair(ww, self._authenticator, self.cookie)
        else:
            self._signing_in = SessionCookie(ww, self.cookie)
        self.refresh_path = None if self._pair is None else self._pair.path
        """With token cookies: what the middleware answers by itself."""

    async def optional(self, *, on_stale: OnStale | None = None) -> Principal | None:
        """The caller; None only when nothing was presented. ``on_stale``: as for ``require``.

        Raises: BadRequestError, TokenError, CsrfError, StepUpRequiredError, UnavailableError.
        """
        visit = self._visit()
        known = visit.who
        if known is not None and (not known.stale or self._word(on_stale) == "open"):
            return known
        connection = visit.connection
        try:
            who = await self._authenticator.authenticate(connection, on_stale=on_stale)
        except TokenError as error:
            raise error if self._pair is None else self._pair.instead(connection, error) from None
        if who is not None:
            self._signing_in.seen(visit, who)
        if not connection.is_websocket:  # a socket outlives its handshake: who asks again wants to know anew
            visit.who = who
        elif who is not None and visit.on_caller is not None:
            visit.on_caller(who, self._word(on_stale))
        return who

    async def require(
        self,
        *scopes: str,
        role: str | None = None,
        permission: str | None = None,
        fresh: timedelta | None = None,
        on_stale: OnStale | None = None,
        privileged: bool = False,
    ) -> Principal:
        """The caller, who has all these scopes and the role, and signed in no longer than ``fresh`` ago.

        Without ``fresh``: what the profile of the Watchword asks for. ``permission``: what the policy must allow;
        whether for this one thing, ``ww.authorize`` tells. ``on_stale``: what is done here when the last word about
        revocations is too old, where that is not what the Watchword says; ``privileged``: this is never done on a stale
        word, nor is what needs a role, a permission or a fresh sign-in.
        Raises: NothingPresentedError, InsufficientScopeError, StepUpRequiredError, PolicyDeniedError, and what
        ``optional`` raises.
        """
        word = self.declared(on_stale, role=role, permission=permission, fresh=fresh, privileged=privileged)
        who = await self.optional(on_stale=word)
        if who is None:
            raise NothingPresentedError
        self.check(who, *scopes, role=role, fresh=fresh)
        if permission is not None:
            await self.ww.authorize(who, permission)
        return who

    def declared(
        self,
        on_stale: OnStale | None,
        *,
        role: str | None,
        permission: str | None,
        fresh: timedelta | None,
        privileged: bool,
    ) -> OnStale | None:
        """What a route does past the lease. Raises: ConfigurationError, see ``authn.routes``."""
        privileged = privileged or role is not None or permission is not None or fresh is not None
        if on_stale is None and not privileged:
            return None
        return declared(on_stale, self.ww.view, privileged=privileged)

    def check_rule(self, rule: Rule, scopes: Iterable[object]) -> None:
        """For frameworks that know a route's rule before its first request.

        Raises: ConfigurationError where there is no policy to ask, for ``open`` where that cannot be, and for scopes
        that are none, as when ``require`` itself is given to a framework in the place of what it returns.
        """
        written(scopes)
        permission = rule.get("permission")
        if permission is not None and self.ww.policy is None:
            raise ConfigurationError(f"nobody could ever have {permission!r}: Watchword(…, policy=…) is missing")
        self.declared(
            rule.get("on_stale"),
            role=rule.get("role"),
            permission=permission,
            fresh=rule.get("fresh"),
            privileged=rule.get("privileged", False),
        )

    def check(self, who: Principal, *scopes: str, role: str | None = None, fresh: timedelta | None = None) -> Principal:
        """``require``, for a caller who is known already."""
        fresh = self.ww.risk.fresh if fresh is None else fresh
        if scopes or role is not None or fresh is not None:
            who.require(*scopes, role=role, fresh=fresh, clock=self.ww.clock)
        return who

    async def sign_in(
        self,
        subject: str,
        *,
        data: Mapping[str, Any] | None = None,
        roles: Iterable[str] = (),
        scopes: Iterable[str] = (),
        remember: bool = False,
    ) -> Issued:
        """Start a session for ``subject``, whose password or passkey you have checked; the cookie goes with the answer.

        The session whose cookie the request presented ends in the moment that this one begins. ``remember``: for 30
        days, even when the browser is closed. An answer of 400 and above carries no cookie, and ends the session again.
        Raises: CsrfError when another site sent the request; ConfigurationError once the answer has begun, and for
        INSECURE_COOKIE anywhere but on localhost.
        """
        visit = self._visit()
        check_sender(visit.connection, origins=self._authenticator.origins)
        self.cookie.check_host(visit.connection)
        if visit.begun:
            raise ConfigurationError("sign_in comes too late: the answer has begun, and its headers hold no cookie")
        taken = self.ww.binding.fingerprint(visit.connection)
        given: Given = {"data": data, "roles": roles, "scopes": scopes, "remember": remember, "fpt": taken.fpt}
        issued, lines = await self._signing_in.start(visit, subject, given)
        visit.set_cookies = [*lines, *([] if taken.set_cookie is None else [taken.set_cookie])]
        visit.stands = visit.who = visit.clear_site_data = None
        return issued

    async def limit(self, limits: Limits, *, account: str | None = None) -> None:
        """Count one attempt at what this route does, from the address of the request: ``ww.limits.hit``.

        Raises: RateLimitedError, which is answered 429 with Retry-After; UnavailableError; ConfigurationError.
        """
        await self.ww.limits.hit(limits, account=account, address=self._visit().connection.ip)

    async def sign_out(self, who: Principal, *, clear_site_data: bool = False) -> None:
        """End the caller's session and every token that belongs to it, and clear the cookie.

        ``clear_site_data``: the browser also forgets all that it keeps of this site: cache, storage, every cookie.
        An access token that belongs to no session is stopped with its family, or else alone. Raises: AccessDeniedError
        for the caller of another issuer, whose sessions are not ours to end.
        """
        visit = self._visit()
        if who.issuer is not None:
            raise AccessDeniedError(f"a token of {who.issuer} is ended there; here it can only run out")
        if who.session_id is not None:
            await self.ww.sessions.end(who.session_id)
        elif who.family_id is not None:
            await self.ww.revoke(family=who.family_id)
        elif who.kind in _ACCESS and (credential := extract(visit.connection, self.cookie.name)) is not None:
            await self.ww.revoke(token=credential.token)
        visit.who = visit.stands = None
        if who.kind == self.cookie.kind:
            visit.set_cookies = self._signing_in.cleared()
        visit.clear_site_data = CLEAR_SITE_DATA if clear_site_data else None

    def csrf_token(self, who: Principal) -> str:
        """For the pages of this caller: what they send as X-CSRF-Token where nothing else says whose pages they are.

        It counts for requests with neither Sec-Fetch-Site nor Origin, until the session rotates or the user signs in.
        """
        return self.ww.binding.csrf.of(who)

    async def ahead(self, visit: Visit) -> Reply | None:
        """With token cookies: the answer of the middleware by itself, None where the application is to answer."""
        pair = self._pair
        if pair is None:
            return None
        if visit.connection.path == pair.path:
            return await pair.answer(visit.connection)
        if pair.asks_ahead(visit.connection):
            try:
                await self.optional()
            except RefreshFirstError as error:
                return refusal(error)
            except WatchwordError:
                return None  # the application may not even ask
        return None

    def _word(self, on_stale: OnStale | None) -> OnStale:
        return on_stale or self.ww.view.on_stale

    def _visit(self) -> Visit:
        visit = current(self._owner)
        if not is_open(self.ww):
            raise ConfigurationError(
                "open it first: let the server, or the test client ('with TestClient(app) as client:'), run the "
                "application's lifespan, which opens the Watchword; or open it yourself, with 'async with ww:'"
            )
        return visit


def written(scopes: Iterable[object]) -> None:
    """Raises: ConfigurationError for ``auth.require`` without parentheses: what it guards would be its first scope."""
    if not all(isinstance(one, str) for one in scopes):
        raise ConfigurationError("write auth.require(), with parentheses")


def fitting(ww: object, wanted: type, cookie: object) -> None:
    """Raises: ConfigurationError for a Watchword or a cookie of another sort than an Auth takes."""
    if not isinstance(ww, wanted):
        raise ConfigurationError(
            "the Auth of an asynchronous framework takes a watchword.Watchword, that of Flask, Django and WSGI a "
            f"watchword.blocking.Watchword, and this is a {type(ww).__module__}.{type(ww).__qualname__}"
        )
    if cookie is not None and not isinstance(cookie, CookiePolicy | TokenCookies):
        raise ConfigurationError("cookie= is a CookiePolicy(…) or TokenCookies(…), with parentheses")


def is_open(ww: Watchword) -> bool:
    """Has it heard its feed since it was opened?"""
    return ww.view.epoch != ""
