"""One small application in each framework, with the same routes: what ``tests/frameworks/requests.py`` asks.

``FRAMEWORK_COOKIE=tokens`` signs in with token cookies.
"""

import os
from typing import Any

from tests.frameworks.requests import AUDIENCE, ISSUER
from watchword import errors
from watchword.web.token_cookies import TokenCookies

URL = os.environ.get("FRAMEWORK_URL", "memory:")
OPTIONS: dict[str, Any] = {"keys": os.environ.get("FRAMEWORK_KEYS"), "issuer": ISSUER, "audience": AUDIENCE}
AUTH: dict[str, Any] = {"cookie": TokenCookies()} if os.environ.get("FRAMEWORK_COOKIE") == "tokens" else {}


def fall(why: str) -> str:
    """What a route does whose store, keys or word about revocations are gone: it raises the error of this name."""
    error: type[errors.WatchwordError] = getattr(errors, why)
    raise error
