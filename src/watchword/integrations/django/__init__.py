"""Django: the middleware, ``request.user``, ``@auth.require("orders:read")``, a session engine, REST framework.

``settings.WATCHWORD`` names the store and the options of ``watchword.blocking.Watchword``::

    WATCHWORD = {
        "url": "postgresql://…",
        "keys": "app.keys",
        "issuer": "https://app.example",
        "audience": "https://api.example",
    }
    INSTALLED_APPS = [..., "watchword.integrations.django"]
    MIDDLEWARE = [
        ...,
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "watchword.integrations.django.middleware.WatchwordMiddleware",
    ]
"""

from __future__ import annotations

from .auth import auth as auth
from .auth import ww as ww
