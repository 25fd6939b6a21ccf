"""System checks: what ``manage.py check`` says of the settings."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import Error, Warning

from ...errors import WatchwordError
from ...insecure import INSECURE_COOKIE
from .auth import make, read_settings

MIDDLEWARE = "watchword.integrations.django.middleware.WatchwordMiddleware"
AUTHENTICATION = "django.contrib.auth.middleware.AuthenticationMiddleware"
ENGINE = "watchword.integrations.django.sessions"


def check_settings(app_configs: Any, **_: Any) -> list[Any]:
    """One finding for each contradiction; ids begin with ``watchword.``."""
    return [*_watchword(), *_cookie(), *_middleware(), *_session_cookie()]


def _watchword() -> list[Any]:
    try:
        make()
        url = str(read_settings().get("url", ""))
    except WatchwordError as error:
        return [Error(str(error), id="watchword.E001")]
    if url.startswith("memory:") and not settings.DEBUG:
        return [
            Warning(
                "settings.WATCHWORD keeps everything in the memory of one process.",
                hint="Each worker has its own then, and a restart signs everybody out. Name a database.",
                id="watchword.W001",
            )
        ]
    return []


def _cookie() -> list[Any]:
    cookie = (getattr(settings, "WATCHWORD", None) or {}).get("cookie")
    if settings.DEBUG or INSECURE_COOKIE not in getattr(cookie, "allow", ()):
        return []
    return [
        Warning(
            "settings.WATCHWORD has a cookie that travels over http.",
            hint="INSECURE_COOKIE is for http on localhost: leave it out where DEBUG is False.",
            id="watchword.W002",
        )
    ]


def _middleware() -> list[Any]:
    listed = list(settings.MIDDLEWARE)
    if MIDDLEWARE not in listed:
        return [Error(f"MIDDLEWARE lacks {MIDDLEWARE!r}.", id="watchword.E002")]
    if AUTHENTICATION in listed and listed.index(AUTHENTICATION) > listed.index(MIDDLEWARE):
        return [
            Error(
                "AuthenticationMiddleware stands below watchword's, and takes its request.user away.",
                hint=f"Move {MIDDLEWARE!r} below it.",
                id="watchword.E003",
            )
        ]
    return []


def _session_cookie() -> list[Any]:
    if settings.SESSION_ENGINE != ENGINE:
        return []
    rules = (
        (
            settings.SESSION_COOKIE_SECURE,
            "SESSION_COOKIE_SECURE = True",
            "the cookie travels over http otherwise",
        ),
        (settings.SESSION_COOKIE_HTTPONLY, "SESSION_COOKIE_HTTPONLY = True", "scripts read the cookie otherwise"),
        (
            settings.SESSION_COOKIE_DOMAIN is None,
            "SESSION_COOKIE_DOMAIN = None",
            "other hosts get it otherwise",
        ),
        (settings.SESSION_COOKIE_PATH == "/", "SESSION_COOKIE_PATH = '/'", "a __Host- cookie has no other path"),
        (
            str(settings.SESSION_COOKIE_NAME).startswith("__Host-"),
            "SESSION_COOKIE_NAME = '__Host-sessionid'",
            "a sibling host can plant the cookie otherwise",
        ),
        (
            settings.SESSION_COOKIE_SAMESITE in ("Lax", "Strict"),
            "SESSION_COOKIE_SAMESITE = 'Lax'",
            "every site's requests carry the cookie otherwise",
        ),
    )
    return [
        Error(f"Sessions need {wanted}: {why}.", id=f"watchword.E01{number}")
        for number, (good, wanted, why) in enumerate(rules)
        if not good
    ]
