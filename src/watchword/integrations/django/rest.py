"""Django REST framework: ``DEFAULT_AUTHENTICATION_CLASSES`` names ``WatchwordAuthentication`` of this module."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import AnonymousUser
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from ...principal import Principal
from .accounts import user_of
from .auth import auth


class WatchwordAuthentication(BaseAuthentication):  # type: ignore[misc]  # REST framework has no types
    """``request.user`` is the account, ``request.auth`` the Principal. It needs the middleware, which answers refusals.

    A caller without an account (a service, an API key of a partner) is an AnonymousUser with a Principal: permissions
    that look at ``request.user.is_authenticated`` refuse it, those that look at ``request.auth`` can let it pass.
    """

    def authenticate(self, request: Request) -> tuple[Any, Principal] | None:
        """None when nothing was presented. Raises: WatchwordError, which the middleware answers."""
        who = auth.optional()
        return None if who is None else (user_of()(who) or AnonymousUser(), who)

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="watchword"'
