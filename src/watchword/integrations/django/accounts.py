"""``request.user``: whose account a caller's is. Needs ``django.contrib.auth``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject
from django.utils.module_loading import import_string

from ...errors import WatchwordError
from ...principal import Principal
from ..visit import Visit, enter, leave
from .auth import auth, read_settings


def dress(request: HttpRequest, visit: Visit) -> None:
    """The caller's account as ``request.user``, looked up when somebody asks."""
    before = getattr(request, "user", None)

    def user() -> Any:
        mark = enter(visit)
        try:
            who = auth.optional()
        except WatchwordError:
            return AnonymousUser()
        finally:
            leave(mark)
        if who is None:
            return AnonymousUser() if before is None else before
        return user_of()(who) or AnonymousUser()

    request.user = SimpleLazyObject(user)


def user_of() -> Callable[[Principal], Any]:
    """Whose account a Principal's is: ``settings.WATCHWORD["user"]``, a dotted name, or else the primary key.

    The function gets the Principal and returns a user, or None, who is AnonymousUser then.
    """
    named = read_settings().get("user")
    if named is None:
        return _by_primary_key
    return import_string(named) if isinstance(named, str) else named  # type: ignore[no-any-return]  # by name


def _by_primary_key(who: Principal) -> Any:
    model = get_user_model()
    try:
        key = model._meta.pk.to_python(who.subject)
        return model._default_manager.filter(pk=key, is_active=True).first()
    except Exception:  # noqa: BLE001  # a subject that cannot be a primary key is nobody's, whatever the field says
        return None
