"""THE CORRIDOR: every presented credential walks it, from the request to a Principal, top to bottom.

    Request -extract-> Credential -route-> kind -parse-> Envelope -key-> Key | Record -verify-> Verified
            -claims-> Principal -revocation-> Principal -binding-> Principal

Routing looks at the carrier and at how the token begins, never at a claim. The four middle stages belong to the kind;
each kind's ``authenticate`` walks them in this order, and every TokenError says at which stage it was raised.
"""

from __future__ import annotations

from collections.abc import Iterable

from ..errors import MalformedTokenError, PrefixClashError
from ..principal import Principal
from ..tokens.base import Authenticates
from ..web.cookies import CookiePolicy
from ..web.csrf import origin
from ..web.messages import Connection
from .binding import check_binding
from .credentials import Credential, extract


class Authenticator:
    """Who sent this request? Knows the kinds it takes, the session cookie, and the origins that may use cookies.

    Parameters: kinds: those a request may present. origins: other origins (``https://app.example``) whose pages may
    send our cookies. Raises: PrefixClashError when two kinds claim one beginning; ConfigurationError for an origin
    that is none.
    """

    def __init__(
        self, kinds: Iterable[Authenticates], *, cookie: CookiePolicy | None = None, origins: Iterable[str] = ()
    ) -> None:
        self.cookie = cookie or CookiePolicy()
        self.origins = frozenset(origin(one) for one in origins)
        self._routes: dict[tuple[str, str], Authenticates] = {}
        for kind in kinds:
            for carrier in kind.kind.carriers:
                for start in kind.kind.starts:
                    self._claim(carrier, start, kind)

    async def authenticate(self, connection: Connection) -> Principal | None:
        """The caller; None when nothing was presented.

        Raises: BadRequestError, TokenError, CsrfError, UnavailableError.
        """
        credential = extract(connection, self.cookie.name)
        if credential is None:
            return None
        kind = self._route(credential)
        # First of all a cookie must come from its own page: another site cannot even keep a session alive.
        check_binding(connection, credential, self.origins)
        return await kind.authenticate(credential.token)

    def _route(self, credential: Credential) -> Authenticates:
        token = credential.token
        for (carrier, start), kind in self._routes.items():
            if carrier == credential.carrier and token.startswith(start):
                return kind
        raise MalformedTokenError(f"no kind of token that a {credential.carrier} may carry begins like this one")

    def _claim(self, carrier: str, start: str, kind: Authenticates) -> None:
        for (other, taken), owner in self._routes.items():
            if other == carrier and (taken.startswith(start) or start.startswith(taken)):
                raise PrefixClashError(
                    f"{kind.kind.name} and {owner.kind.name} both claim {start!r} in a {carrier}; for tokens of other "
                    "issuers beside our own there is Bearers, for several issuers Issuers"
                )
        self._routes[carrier, start] = kind
