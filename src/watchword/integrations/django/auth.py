"""The words in a Django project: one Auth over the Watchword that ``settings.WATCHWORD`` describes."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from django.conf import settings

from ...blocking import Watchword
from ...errors import ConfigurationError
from .. import wsgi

OURS = frozenset({"config", "origins", "cookie", "issuers", "user"})
"""Names in ``settings.WATCHWORD`` that are not options of the Watchword itself."""


def read_settings() -> dict[str, Any]:
    """``settings.WATCHWORD``. Raises: ConfigurationError when there is none."""
    found = getattr(settings, "WATCHWORD", None)
    if not isinstance(found, Mapping):
        raise ConfigurationError(
            "settings.WATCHWORD is missing: WATCHWORD = {'url': 'sqlite:///app.db', 'issuer': 'https://app.example', "
            "'audience': 'https://api.example'}, or {'config': 'watchword.toml'}"
        )
    return dict(found)


def make() -> Watchword:
    """A Watchword as the settings say, not opened yet. Raises: ConfigurationError."""
    given = read_settings()
    if "config" in given:
        return Watchword.from_config(given["config"])
    options = {name: value for name, value in given.items() if name not in OURS}
    url = options.pop("url", None)
    if url is None:
        raise ConfigurationError("settings.WATCHWORD names no store: 'url': 'sqlite:///app.db'")
    try:
        return Watchword(url, **options)
    except TypeError as error:
        raise ConfigurationError(f"settings.WATCHWORD: {error}") from None


@lru_cache(maxsize=1)
def ww() -> Watchword:
    """The Watchword of this project; each process opens it at its first use."""
    return make()


class Auth(wsgi.Auth):
    """``auth.require("orders:read")`` for views, ``auth.who``, ``auth.optional()``, ``auth.sign_in``, ``sign_out``.

    Everything is read from the settings at the first use. Under ASGI the verbs work in ``async def`` views as well;
    what they look up in the store is waited for in place.
    """

    def __init__(self) -> None:
        """No settings are read yet: Django imports before they are there."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name not in ("ww", "cookie", "_options", "_words"):
            raise AttributeError(name)
        given = read_settings()
        super().__init__(ww(), **{one: given[one] for one in ("origins", "cookie", "issuers") if one in given})
        return self.__dict__[name]

    def reset(self) -> None:
        """Forget the settings; the next use reads them again. For tests."""
        if "ww" in self.__dict__:
            self.ww.close()
        self.__dict__.clear()
        ww.cache_clear()


auth = Auth()
