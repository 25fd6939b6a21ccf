"""AuthServer: what the endpoints share, put together from the settings: one Watchword, its users, its clients."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ..app import Watchword
from ..config import Settings
from ..errors import AccessDeniedError, ConfigurationError, NonceRequiredError, ProofError, TokenError
from ..integrations.asgi import Auth
from ..integrations.visit import Visit, current
from ..principal import Principal, Proof
from ..runtime.feed_desk import FeedDesk
from ..web.challenge import DESCRIPTIONS
from ..web.cookies import CookiePolicy
from ..web.csrf import check_sender, origin
from .accounts.accounts import Accounts
from .accounts.password_pool import PasswordPool
from .clients import Clients
from .oauth_error import OAuthError


class AuthServer:
    """The parts of a running server. Raises: ConfigurationError for a client, origin or ring that cannot be."""

    def __init__(self, settings: Settings, ww: Watchword | None = None) -> None:
        self.settings = settings
        self.ww = ww if ww is not None else Watchword.from_settings(settings)
        if self.ww.access.single_service:
            raise ConfigurationError(
                "this server publishes its keys, so that others verify its access tokens: single_service is for an"
                " application that verifies its own"
            )
        self._origins = frozenset(origin(one) for one in settings.server.origins) | _own_origin(self.ww.issuer)
        self.auth = Auth(self.ww, origins=self._origins, cookie=CookiePolicy(same_site=settings.session.same_site))
        self.clients = Clients(settings.server.clients)
        self.feed = FeedDesk(self.ww.store, self.ww.view, self.ww.ring, issuer=self.ww.issuer)
        self.passwords = PasswordPool()
        self.accounts = Accounts(self.ww, self.passwords)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Open while the application lives."""
        async with self.ww:
            await self.passwords.open()
            try:
                yield
            finally:
                self.passwords.close()

    async def signed_in(self) -> Principal:
        """The caller, by a session cookie from one of our own pages. A bearer token opens nothing under /account.

        Raises: NothingPresentedError, AccessDeniedError, and what the corridor raises.
        """
        who = await self.auth.require()
        if who.kind != "session":
            raise AccessDeniedError("this needs the session cookie; a token cannot act for its user's account")
        return who

    async def whoever(self) -> Principal | None:
        """The caller, for pages that are shown to everybody: a credential that is no longer good counts as none."""
        try:
            return await self.auth.optional()
        except TokenError:
            return None

    def check_sender(self) -> None:
        """Raise CsrfError for what another site's page sent, whether or not it carries a cookie (login CSRF)."""
        check_sender(self.visit.connection, origins=self._origins)

    def proof(self) -> Proof | None:
        """What a request for tokens proves to hold, to bind them to; None without a DPoP header (RFC 9449 §5).

        Raises: OAuthError 400 ``invalid_dpop_proof``, ``use_dpop_nonce``.
        """
        try:
            return self.ww.binding.proof_of(self.visit.connection)
        except ProofError as error:
            nonce = error.nonce if isinstance(error, NonceRequiredError) else None
            raise OAuthError(error.public, DESCRIPTIONS[error.public], hint=str(error), nonce=nonce) from None

    @property
    def visit(self) -> Visit:
        """The request being answered."""
        return current(self.auth)


def _own_origin(issuer: str) -> frozenset[str]:
    """The server as browsers see it, whatever name and scheme a proxy uses; none where the issuer is no URL."""
    scheme, _, rest = issuer.partition("://")
    try:
        return frozenset({origin(f"{scheme}://{rest.partition('/')[0]}")})
    except ConfigurationError:
        return frozenset()
