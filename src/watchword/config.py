"""watchword.toml and WATCHWORD_… variables -> Settings; an unknown name is an error that suggests the right one."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from .errors import ConfigurationError

PREFIX = "WATCHWORD_"
Seconds = Annotated[int, Meta(ge=0, le=10**9)]


class SessionSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """``[session]``: seconds, the cookie, how many of one subject may live at once, and whether memory answers."""

    idle: Seconds = 1800
    absolute: Seconds = 43_200
    same_site: Literal["lax", "strict"] = "lax"
    limit: Annotated[int, Meta(ge=1)] | None = None
    near: bool = True
    format: str = "opaque"


class AccessSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """``[access]``: seconds. ``single_service``: encrypted, and verified by this application alone."""

    lifetime: Seconds = 900
    single_service: bool = False
    format: str | None = None


class RefreshSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """``[refresh]``: seconds."""

    grace: Seconds = 10
    format: str = "opaque"


class OpaqueAccessSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """``[opaque_access]``: seconds."""

    lifetime: Seconds = 900
    format: str = "opaque"


class SealedSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """``[sealed]``: seconds."""

    lifetime: Seconds = 300
    format: str | None = None


class ApiKeySettings(Struct, frozen=True, forbid_unknown_fields=True):
    """``[api_key]``: how keys begin."""

    prefix: str = "sk"
    format: str = "opaque"


class OneTimeSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """``[one_time]``: seconds."""

    every: Seconds = 300
    format: str = "opaque"


class ServiceSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """``[service]``: seconds."""

    lifetime: Seconds = 300
    format: str | None = None


class BindingSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """``[binding]``: how credentials are held to their sender."""

    origins: tuple[str, ...] = ()
    nonce: bool = False
    fingerprint: Literal["off", "observe", "step_up", "end_session"] = "off"
    signals: tuple[str, ...] = ("device", "agent", "network")


class ClientSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """``[[server.clients]]``: who may introspect, and revoke tokens of their own.

    ``secret_sha256`` is the hex SHA-256 of a random secret. ``audience``: the one it stands for, where it is a resource
    server; it is then told about access tokens for that audience alone. ``revocations``: it may read the feed, which
    names the ids and subjects of every audience.
    """

    id: str
    secret_sha256: str
    audience: str | None = None
    revocations: bool = False


class ServerSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """``[server]``: where to listen, and which other origins may use its cookies.

    ``metrics_token_sha256``: hex SHA-256 of the token for ``/metrics``, a page that is not there without it.
    ``trusted_proxies``: addresses whose ``X-Forwarded-For`` and ``X-Forwarded-Proto`` are believed; nobody's otherwise.
    """

    host: str = "127.0.0.1"
    port: int = 8080
    origins: tuple[str, ...] = ()
    trusted_proxies: tuple[str, ...] = ()
    metrics_token_sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")] | None = None
    clients: tuple[ClientSettings, ...] = ()


class RoleSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """``[policy.roles.NAME]``: what the role grants, and the roles whose permissions it has as well."""

    permissions: tuple[str, ...] = ()
    inherits: tuple[str, ...] = ()


class PolicySettings(Struct, frozen=True, forbid_unknown_fields=True):
    """``[policy]``: roles and what they grant. Without roles there is no policy."""

    roles: dict[str, RoleSettings] = {}


class DeploymentSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """``[deployment]``: facts that nothing here can see, for ``watchword advise --audit``; they change nothing."""

    machines: Annotated[int, Meta(ge=1)] = 1
    workers: Annotated[int, Meta(ge=1)] = 1
    verifiers: Annotated[int, Meta(ge=1)] = 1
    key_holders: Annotated[int, Meta(ge=1)] = 1
    hidden_claims: bool = False
    user_lookup: bool = False
    browser_holds: Literal["nothing", "access", "refresh"] = "nothing"
    accept_xss_storage_risk: str = ""


class AdviceSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """``[advice]``: what ``watchword advise`` was answered when it wrote this file."""

    answers: dict[str, str | list[str]] = {}


class Settings(Struct, frozen=True, forbid_unknown_fields=True):
    """The whole of ``watchword.toml``."""

    url: str
    issuer: str
    audience: str
    carrier: str | None = None
    migrate: Literal["auto", "never"] = "auto"
    keys: str | None = None
    environment: Literal["live", "test"] = "live"
    strict: bool = False
    profile: Literal["default", "high_risk"] = "default"
    audit_retention: Annotated[int, Meta(ge=86_400, le=10**10)] | None = None
    max_staleness: Annotated[float, Meta(ge=0, le=86_400)] = 5.0
    on_stale: Literal["closed", "open", "ask"] = "closed"
    open_for: Annotated[float, Meta(ge=0)] = 0.0
    session: SessionSettings = SessionSettings()
    access: AccessSettings = AccessSettings()
    refresh: RefreshSettings = RefreshSettings()
    opaque_access: OpaqueAccessSettings = OpaqueAccessSettings()
    sealed: SealedSettings = SealedSettings()
    api_key: ApiKeySettings = ApiKeySettings()
    one_time: OneTimeSettings = OneTimeSettings()
    service: ServiceSettings = ServiceSettings()
    policy: PolicySettings = PolicySettings()
    binding: BindingSettings = BindingSettings()
    server: ServerSettings = ServerSettings()
    deployment: DeploymentSettings = DeploymentSettings()
    advice: AdviceSettings = AdviceSettings()

    def __repr__(self) -> str:
        """Without the rest of the URL, which may hold a password, as may the carrier's."""
        return f"Settings(url='{self.url.partition(':')[0]}:…', issuer={self.issuer!r}, audience={self.audience!r})"


def read_settings(path: str | Path, environ: Mapping[str, str] | None = None) -> Settings:
    """The settings in a TOML file, overridden by ``WATCHWORD_URL``, ``WATCHWORD_SESSION__IDLE`` and so on.

    Raises: ConfigurationError for a missing file, broken TOML, an unknown name, a value of the wrong type, an empty
    variable.
    """
    try:
        with open(path, "rb") as file:
            document = tomllib.load(file)
    except OSError as error:
        raise ConfigurationError(f"{path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} is not TOML: {error}") from error
    return settings_of(document, os.environ if environ is None else environ)


def settings_of(document: dict[str, Any], environ: Mapping[str, str]) -> Settings:
    """The settings of a parsed document and an environment."""
    merged = {name: dict(value) if isinstance(value, dict) else value for name, value in document.items()}
    for variable, text in environ.items():
        if variable.startswith(PREFIX):
            _override(merged, variable, text)
    _refuse_unknown(merged, Settings, "")
    try:
        return msgspec.convert(merged, Settings, strict=False)
    except msgspec.ValidationError as error:
        raise ConfigurationError(f"the configuration does not fit: {error}") from error


def _override(document: dict[str, Any], variable: str, text: str) -> None:
    section, _, name = variable.removeprefix(PREFIX).lower().partition("__")
    known = {field.name: field.type for field in msgspec.structs.fields(Settings)}
    if section not in known:
        return  # WATCHWORD_REQUIRE and the like belong to somebody else
    if not text:
        raise ConfigurationError(f"{variable} is set and empty; unset it or give it a value")
    if not name:
        document[section] = text
    elif isinstance(table := document.setdefault(section, {}), dict):
        table[name] = text.split(",") if name in ("origins", "trusted_proxies", "signals") else text
    else:
        raise ConfigurationError(f"{variable} names a setting inside {section!r}, which is no table")


def _refuse_unknown(document: Mapping[str, Any], shape: type[Struct], where: str) -> None:
    fields = {field.name: field.type for field in msgspec.structs.fields(shape)}
    for name, value in document.items():
        if name not in fields:
            close = get_close_matches(name, fields, n=1)
            hint = f"; did you mean {where}{close[0]!s}?" if close else f"; known are: {', '.join(fields)}"
            raise ConfigurationError(f"unknown setting {where}{name}{hint}")
        inner = fields[name]
        if isinstance(inner, type) and issubclass(inner, Struct) and isinstance(value, Mapping):
            _refuse_unknown(value, inner, f"{where}{name}.")
