"""THE CORRIDOR: every presented credential walks it, from the request to a Principal, top to bottom.

    Request -extract-> Credential -route-> kind -parse-> Envelope -key-> Key | Record -verify-> Verified
            -claims-> Principal -revocation-> Principal -binding-> Principal

Routing looks at the carrier and at how the token begins, never at a claim. The four middle stages belong to the kind;
each kind's ``authenticate`` walks them in this order, and every TokenError says at which stage it was raised.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from ..errors import (
    BindingError,
    ConfigurationError,
    CsrfError,
    MalformedTokenError,
    PrefixClashError,
    TokenError,
    WatchwordError,
    WrongIssuerError,
)
from ..principal import Principal
from ..revocation.view import OnStale
from ..tokens.base import Authenticates, Bindable, Stage
from ..web.cookies import CookiePolicy
from ..web.csrf import check_page, origin
from ..web.messages import Connection
from ..web.token_cookies import Cookies
from .binding import Binding, End
from .credentials import Credential, extract


class Route(NamedTuple):
    """How a token begins, the kind that claims it, and that kind's four stages: all but the binding."""

    start: str
    kind: Authenticates
    stage: Stage


class Authenticator:
    """Who sent this request? Knows the kinds it takes, its cookie, and the origins that may use cookies.

    Parameters: kinds: those a request may present. origins: other origins (``https://app.example``) whose pages may
    send our cookies. binding: what looks at proofs and devices; without it, bound tokens are refused. end: how it ends
    the session of a Principal. outcomes: where it counts what became of each credential, by kind and code.
    Raises: PrefixClashError when two kinds claim one beginning; ConfigurationError for an origin that is none.
    """

    def __init__(
        self,
        kinds: Iterable[Authenticates],
        *,
        cookie: Cookies | None = None,
        origins: Iterable[str] = (),
        binding: Binding | None = None,
        end: End | None = None,
        outcomes: Counter[tuple[str, str]] | None = None,
    ) -> None:
        self.cookie: Cookies = cookie or CookiePolicy()
        if isinstance(self.cookie, CookiePolicy) and self.cookie.path != "/":
            raise ConfigurationError("the session cookie is for the whole host: its path is '/'")
        self.origins = frozenset(origin(one) for one in origins)
        self.binding = binding
        self._end = end
        self.outcomes: Counter[tuple[str, str]] = Counter() if outcomes is None else outcomes
        self._routes: dict[str, list[Route]] = {}
        """Carrier -> how what it may carry begins, and whose that is."""
        for kind in kinds:
            for carrier in kind.kind.carriers:
                if carrier == "cookie" and kind.kind.name != self.cookie.kind:
                    continue  # a cookie is for sessions or for access tokens, never for both
                for start in kind.kind.starts:
                    self._claim(carrier, start, kind)

    async def authenticate(self, connection: Connection, *, on_stale: OnStale | None = None) -> Principal | None:
        """The caller; None when nothing was presented. ``on_stale``: see ``routes.declared``.

        Raises: BadRequestError, TokenError, CsrfError, StepUpRequiredError, UnavailableError; ConfigurationError for a
        cookie with INSECURE_COOKIE anywhere but on localhost.
        """
        credential = extract(connection, self.cookie.name)
        if credential is None:
            return None
        if credential.carrier == "cookie":
            self.cookie.check_host(connection)
        try:
            who = await self._walk(connection, credential, on_stale)
        except WatchwordError as error:
            self.outcomes[self._kind_of(credential), error.code] += 1
            if isinstance(error, TokenError) and credential.carrier == "dpop":
                error.scheme = "DPoP"
            raise
        self.outcomes[who.kind, "ok"] += 1
        return who

    async def _walk(self, connection: Connection, credential: Credential, on_stale: OnStale | None) -> Principal:
        stage = self._route(credential).stage
        # First of all a cookie must come from its own page: another site cannot even keep a session alive.
        csrf = check_page(connection, origins=self.origins) if credential.carrier == "cookie" else None
        who = await stage(credential.token, on_stale=on_stale)
        if credential.carrier == "cookie" and who.issuer is not None:
            raise WrongIssuerError("a cookie holds tokens of ours alone", claim="iss")
        if csrf is not None:
            self.check_csrf(csrf, who)
        if self.binding is not None:
            concerned = self.binding.concerns(credential, who)
            return await self.binding.check(connection, credential, who, self._end) if concerned else who
        if who.jkt is not None or credential.carrier == "dpop":
            raise BindingError("nothing here looks at proofs: Authenticator(..., binding=...)")
        return who

    def check_csrf(self, untrusted: bytes, who: Principal) -> None:
        """Raise CsrfError unless this is a CSRF token of the caller's sign-in."""
        if self.binding is None:
            raise CsrfError("CSRF: nothing here knows tokens: Authenticator(..., binding=...)", reason="csrf_token")
        self.binding.csrf.check(untrusted, who)

    def _kind_of(self, credential: Credential) -> str:
        try:
            return self._route(credential).kind.kind.name
        except MalformedTokenError:
            return "none"

    def _route(self, credential: Credential) -> Route:
        token = credential.token
        for route in self._routes.get(credential.carrier, ()):
            if token.startswith(route.start):
                return route
        raise MalformedTokenError(f"no kind of token that a {credential.carrier} may carry begins like this one")

    def _claim(self, carrier: str, start: str, kind: Authenticates) -> None:
        routes = self._routes.setdefault(carrier, [])
        for taken in routes:
            if taken.start.startswith(start) or start.startswith(taken.start):
                raise PrefixClashError(
                    f"{kind.kind.name} and {taken.kind.kind.name} both claim {start!r} in a {carrier}; for tokens of "
                    "other issuers beside our own there is Bearers, for several issuers Issuers"
                )
        routes.append(Route(start, kind, kind.unproven if isinstance(kind, Bindable) else kind.authenticate))
