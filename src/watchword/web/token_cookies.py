"""Token cookies: an access token in one cookie, its refresh token in another that travels on one path alone.

A third, for the whole host, names the family of the refresh token: that cookie lies on a path, so its name cannot begin
with ``__Host-``, and a sibling host could plant one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import ClassVar, Literal

from watchword.errors import ConfigurationError
from watchword.insecure import CROSS_SITE_COOKIE, INSECURE_COOKIE, Danger
from watchword.web.cookies import CookiePolicy, is_plain_path
from watchword.web.messages import Connection

ACCESS_COOKIE, INSECURE_ACCESS_COOKIE = "__Host-Http-ww_at", "ww_at"
REFRESH_COOKIE, INSECURE_REFRESH_COOKIE = "__Secure-ww_rt", "ww_rt"
FAMILY_COOKIE, INSECURE_FAMILY_COOKIE = "__Host-Http-ww_rf", "ww_rf"
_SECURE = (ACCESS_COOKIE, REFRESH_COOKIE, FAMILY_COOKIE)
_INSECURE = (INSECURE_ACCESS_COOKIE, INSECURE_REFRESH_COOKIE, INSECURE_FAMILY_COOKIE)
_LONGEST = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class TokenCookies:
    """Instead of a session: ``Auth(ww, cookie=TokenCookies())``. A contradiction is a ConfigurationError.

    ``same_site``: of the access cookie; the refresh cookie is Strict always. ``path``: where the refresh cookie
    travels, and what the middleware answers there. ``sign_in_at``: the path of your sign-in page, to which a page is
    sent whose tokens cannot be refreshed; without it that is a 401. ``client_id``: of the tokens. ``life``: how long a
    sign-in lasts that is not to be remembered, at most 7 days. ``allow``: INSECURE_COOKIE, for http on localhost.
    """

    kind: ClassVar[str] = "access"

    same_site: Literal["lax", "strict"] = "lax"
    path: str = "/auth/refresh"
    sign_in_at: str | None = None
    client_id: str = "browser"
    life: timedelta = timedelta(hours=12)
    allow: Iterable[Danger] = ()
    access: CookiePolicy = field(init=False)
    refresh: CookiePolicy = field(init=False)
    family: CookiePolicy = field(init=False)

    def __post_init__(self) -> None:
        if not is_plain_path(self.path) or self.path == "/":
            raise ConfigurationError(f"path is one like '/auth/refresh', with nothing else on it, not {self.path!a}")
        if self.sign_in_at is not None and (not _is_page(self.sign_in_at) or self.signs_in_at(self.path)):
            raise ConfigurationError(f"sign_in_at is the path of a page, like '/login', not {self.sign_in_at!a}")
        if not isinstance(self.life, timedelta) or not timedelta(minutes=1) <= self.life <= _LONGEST:
            raise ConfigurationError("life is a timedelta of 1 minute to 7 days; for longer: sign_in(…, remember=True)")
        object.__setattr__(self, "allow", tuple(self.allow))
        if self.same_site not in ("lax", "strict") or CROSS_SITE_COOKIE in self.allow:
            raise ConfigurationError(
                "token cookies are for pages of your own site: same_site='lax' or 'strict', without CROSS_SITE_COOKIE; "
                "an application that other sites show in a frame has a session: "
                "cookie=CookiePolicy(same_site='none', allow=[CROSS_SITE_COOKIE])"
            )
        names = _INSECURE if INSECURE_COOKIE in self.allow else _SECURE
        access = CookiePolicy(names[0], same_site=self.same_site, allow=self.allow)
        refresh = CookiePolicy(names[1], same_site="strict", path=self.path, allow=self.allow)
        object.__setattr__(self, "access", access)
        object.__setattr__(self, "refresh", refresh)
        object.__setattr__(self, "family", CookiePolicy(names[2], allow=self.allow))

    @property
    def name(self) -> str:
        """Of the cookie that says who is calling."""
        return self.access.name

    def check_host(self, connection: Connection) -> None:
        """Raises: ConfigurationError for cookies with INSECURE_COOKIE anywhere but on the client's own machine."""
        self.access.check_host(connection)

    def signs_in_at(self, path: str) -> bool:
        """Is this the path of the sign-in page? A slash behind is nothing: frameworks lead from one to the other."""
        return self.sign_in_at is not None and path.removesuffix("/") == self.sign_in_at.removesuffix("/")

    def clear(self) -> tuple[bytes, bytes, bytes]:
        """The ``Set-Cookie`` header values that delete them all."""
        return self.access.clear(), self.refresh.clear(), self.family.clear()


def _is_page(path: object) -> bool:
    """A plain path, or one with a slash behind it."""
    return isinstance(path, str) and is_plain_path(f"{path}x")


Cookies = CookiePolicy | TokenCookies
"""What ``cookie=`` of an Auth is: how the session cookie is set, or token cookies."""
