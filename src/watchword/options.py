"""The keywords of ``Watchword``, and what they are for settings that were read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Literal, Required, TypedDict

from msgspec.structs import asdict

from .authn.binding import BindingPolicy
from .authn.risk import ProfileName
from .clock import Clock
from .config import Settings
from .errors import ConfigurationError
from .keys.ring import KeyRing
from .policy.base import Policy
from .policy.rbac import RBAC, Role
from .revocation.view import OnStale
from .tokens.base import KINDS
from .tokens.sessions import SessionInfo


class Options(TypedDict, total=False):
    """The keywords of ``Watchword``, for those who pass them on."""

    issuer: Required[str]
    audience: Required[str | Sequence[str]]
    carrier: str | None
    migrate: Literal["auto", "never"]
    keys: str | Path | None
    ring: KeyRing | None
    clock: Clock | None
    audit_retention: timedelta | None
    max_staleness: timedelta
    on_stale: OnStale
    open_for: timedelta
    session_idle: timedelta
    session_absolute: timedelta | None
    session_limit: int | None
    on_session_limit: Callable[[str, SessionInfo], object] | None
    session_near: bool
    access_lifetime: timedelta | None
    refresh_grace: timedelta
    opaque_access_lifetime: timedelta | None
    sealed_lifetime: timedelta | None
    environment: str
    api_key_prefix: str
    one_time_every: timedelta
    service_lifetime: timedelta | None
    single_service: bool
    policy: Policy | None
    formats: Mapping[str, str | None]
    strict: bool
    binding: BindingPolicy | None
    profile: ProfileName


def keywords(settings: Settings) -> Options:
    """What the constructor takes, from settings. Raises: ConfigurationError for a life that its kind does not have."""
    return {
        "issuer": settings.issuer,
        "audience": settings.audience,
        "carrier": settings.carrier,
        "migrate": settings.migrate,
        "keys": settings.keys,
        "audit_retention": None if settings.audit_retention is None else timedelta(seconds=settings.audit_retention),
        "max_staleness": timedelta(seconds=settings.max_staleness),
        "on_stale": settings.on_stale,
        "open_for": timedelta(seconds=settings.open_for),
        "session_idle": timedelta(seconds=settings.session.idle),
        "session_absolute": _life(settings, "session", "absolute"),
        "session_limit": settings.session.limit,
        "session_near": settings.session.near,
        "access_lifetime": _life(settings, "access", "lifetime"),
        "refresh_grace": timedelta(seconds=settings.refresh.grace),
        "opaque_access_lifetime": _life(settings, "opaque_access", "lifetime"),
        "sealed_lifetime": _life(settings, "sealed", "lifetime"),
        "environment": settings.environment,
        "api_key_prefix": settings.api_key.prefix,
        "one_time_every": timedelta(seconds=settings.one_time.every),
        "service_lifetime": _life(settings, "service", "lifetime"),
        "single_service": settings.access.single_service,
        "policy": _policy(settings),
        "formats": {name: getattr(settings, name).format for name in KINDS},
        "strict": settings.strict,
        "binding": BindingPolicy(**asdict(settings.binding)),
        "profile": settings.profile,
    }


def _life(settings: Settings, kind: str, name: str) -> timedelta:
    """Judged here as well as by the kind, for here the setting has a name."""
    life, cap = timedelta(seconds=getattr(getattr(settings, kind), name)), KINDS[kind].cap
    if life > cap:
        allowed, said = int(cap.total_seconds()), int(life.total_seconds())
        raise ConfigurationError(
            f"{kind}.{name}: {said} s is more than the {allowed} that are allowed; {KINDS[kind].longer}"
        )
    return life


def _policy(settings: Settings) -> Policy | None:
    roles = settings.policy.roles
    return (
        RBAC({name: Role(permissions=role.permissions, inherits=role.inherits) for name, role in roles.items()})
        if roles
        else None
    )
