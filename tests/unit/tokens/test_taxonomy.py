"""What contradicts the table of kinds is refused, and the refusal names what fits."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from watchword import (
    AccessTokens,
    ApiKeys,
    FrozenClock,
    Key,
    KeyRing,
    OpaqueAccessTokens,
    RefreshTokens,
    SealedTokens,
    Watchword,
)
from watchword.errors import ConfigurationError, KeyUseError
from watchword.keys.discovery import read_jwks, read_paseto_keys
from watchword.stores.base import open_store
from watchword.tokens.api_keys import NEVER
from watchword.tokens.base import KINDS, Kind

US, API, OTHER = "https://as.test", "https://api.test", "https://ledger.test"
DAY = timedelta(days=1)
JOBS: dict[str, Callable[..., Any]] = {
    "session": lambda ww, **more: ww.sessions.start("u", **more),
    "access": lambda ww, **more: ww.access.issue("u", **more),
    "refresh": lambda ww, **more: ww.refresh.issue("u", client_id="app", **more),
    "opaque_access": lambda ww, **more: ww.opaque_access.issue("u", **more),
    "service": lambda ww, **more: ww.service.issue("billing", **{"audience": OTHER} | more),
    "sealed": lambda ww, **more: ww.sealed.seal({}, purpose="p", bound_to="u", **more),
    "api_key": lambda ww, **more: ww.api_keys.issue("u", **more),
    "one_time": lambda ww, **more: ww.one_time.issue("u", purpose="password-reset", **more),
}
INSTEAD = {
    "session": "access token",
    "access": "opaque_access",
    "refresh": "access token",
    "opaque_access": "access token",
    "service": "API keys",
    "sealed": "access token",
    "api_key": "access token",
    "one_time": "sealed token",
}


def watchword(**more: Any) -> Watchword:
    return Watchword("memory:", issuer=US, audience=API, clock=FrozenClock(), **more)


@pytest.fixture
async def ww() -> AsyncIterator[Watchword]:
    async with watchword() as made:
        yield made


async def issue(ww: Watchword, kind: str, **more: Any) -> Any:
    made = JOBS[kind](ww, **more)
    return await made if hasattr(made, "__await__") else made


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_every_kind_says_what_to_use_instead(kind: Kind) -> None:
    assert kind.otherwise
    assert kind.longer
    assert (kind.use is None) <= (kind.formats == ("opaque",))
    assert ("opaque" in kind.formats) == (kind.typ is None)
    assert (kind.audience == "bound") == (kind.use == "seal")


async def test_every_kind_is_issued_here(ww: Watchword) -> None:
    assert JOBS.keys() == INSTEAD.keys() == KINDS.keys()
    for name in KINDS:
        assert (await issue(ww, name, format=None)).token.startswith(KINDS[name].starts)


@pytest.mark.parametrize("format", ["jwt", "paseto", "jwe", "opaque", "saml"])
@pytest.mark.parametrize("name", KINDS)
async def test_a_format_that_a_kind_does_not_have(ww: Watchword, name: str, format: str) -> None:
    """No JWT and no PASETO as a session, refresh token, API key or reset link, nor the other way round."""
    kind = KINDS[name]
    if format in kind.formats and format != "jwe":  # the ring here has no key for a JWE
        assert (await issue(ww, name, format=format)).token
        return
    before = await ww.events()
    with pytest.raises(ConfigurationError) as refused:
        await issue(ww, name, format=format)
    if format not in kind.formats:
        assert f"{name} tokens are written as {' or '.join(kind.formats)}, not as {format!r}; " in str(refused.value)
        assert INSTEAD[name] in str(refused.value)
    assert await ww.events() == before


@pytest.mark.parametrize("name", KINDS)
def test_a_policy_of_formats(name: str) -> None:
    kind = KINDS[name]
    with pytest.raises(ConfigurationError, match=INSTEAD[name]):
        watchword(formats={name: "jwt" if "jwt" not in kind.formats else "jwe"})
    for format in kind.formats:
        watchword(formats={name: format})
    with pytest.raises(ConfigurationError, match="there is no kind 'acess'; there are: access, api_key"):
        watchword(formats={"acess": "jwt"})


async def test_the_policy_decides_the_format(tmp_path: Path) -> None:
    ring = KeyRing.generate("ES256", "v4.public", "v4.local", "A256GCM", clock=FrozenClock())
    async with watchword(ring=ring, formats={"access": "paseto", "sealed": "jwe"}) as ww:
        assert ww.access.issue("u").token.startswith("v4.public.")
        assert ww.access.issue("u", format="jwt").token.startswith("eyJ")
        assert ww.sealed.seal({}, purpose="p", bound_to="u").token.startswith("eyJ")
        assert ww.sealed.seal({}, purpose="p", bound_to="u", format="paseto").token.startswith("v4.local.")
    for made in (
        lambda: AccessTokens(ring, issuer=US, audience=API, format="opaque"),
        lambda: SealedTokens(ring, format="jwt"),
    ):
        with pytest.raises(ConfigurationError, match="are written as"):
            made()
    file = tmp_path / "watchword.toml"
    config = f'url = "memory:"\nissuer = "{US}"\naudience = "{API}"\n'
    file.write_text(config + '[access]\nformat = "paseto"\n')
    async with Watchword.from_config(file) as configured:
        assert configured.access.issue("u").token.startswith("v4.public.")


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        ('[refresh]\nformat = "jwt"', "refresh tokens are written as opaque, not as 'jwt'; .* access token"),
        ('[session]\nformat = "jwt"', "session tokens are written as opaque"),
        ('[api_key]\nformat = "paseto"', "api_key tokens are written as opaque"),
        ('[one_time]\nformat = "jwt"', "one_time tokens are written as opaque"),
        ("[access]\nlifetime = 86400", "refresh tokens or sessions; opaque_access"),
        ("[opaque_access]\nlifetime = 86400", "refresh tokens, or API keys"),
        ("[sealed]\nlifetime = 86400", "one_time"),
        ("[session]\nabsolute = 31536000", "signs in again"),
    ],
)
def test_a_configuration_that_contradicts_the_table(tmp_path: Path, lines: str, why: str) -> None:
    file = tmp_path / "watchword.toml"
    file.write_text(f'url = "memory:"\nissuer = "{US}"\naudience = "{API}"\n{lines}\n')
    with pytest.raises(ConfigurationError, match=why):
        Watchword.from_config(file)


@pytest.mark.parametrize("name", ["access", "opaque_access", "service", "sealed", "api_key", "one_time"])
async def test_a_life_beyond_the_cap(ww: Watchword, name: str) -> None:
    kind = KINDS[name]
    await issue(ww, name, lifetime=kind.cap)
    with pytest.raises(ConfigurationError) as refused:
        await issue(ww, name, lifetime=kind.cap + timedelta(seconds=1))
    assert str(refused.value).startswith(f"{name}: it lives up to {kind.cap}")
    assert str(refused.value).endswith(kind.longer)


@pytest.mark.parametrize(
    ("kind", "name"),
    [(one, "lifetime") for one in ("access", "opaque_access", "service", "sealed")] + [("session", "absolute")],
)
def test_a_life_beyond_the_cap_is_told_by_the_name_of_the_setting(tmp_path: Path, kind: str, name: str) -> None:
    cap, file = int(KINDS[kind].cap.total_seconds()), tmp_path / "watchword.toml"
    for life in (cap, cap + 1):
        file.write_text(f'url = "memory:"\nissuer = "{US}"\naudience = "{API}"\n[{kind}]\n{name} = {life}\n')
        if life == cap:
            Watchword.from_config(file)
            continue
        with pytest.raises(ConfigurationError, match=rf"^{kind}\.{name}: {life} s is more than the {cap} that are"):
            Watchword.from_config(file)


def test_an_access_token_of_a_day() -> None:
    with pytest.raises(ConfigurationError, match="refresh tokens or sessions; opaque_access"):
        watchword(access_lifetime=DAY)


def test_a_refresh_token_of_a_year() -> None:
    ring = KeyRing.of(Key.generate("HS256", use="mac"))
    with pytest.raises(ConfigurationError, match="signs in again"):
        RefreshTokens(open_store("memory:"), ring, life=365 * DAY)


async def test_an_api_key_without_an_end_is_asked_for_by_name(ww: Watchword) -> None:
    assert (await ww.api_keys.issue("u")).expires_at == ww.clock.now() + 90 * 86_400
    assert (await ww.api_keys.issue("u", lifetime=None)).expires_at == NEVER
    with pytest.raises(ConfigurationError, match="lifetime=None"):
        await ww.api_keys.issue("u", lifetime=366 * DAY)


# Audiences


@pytest.mark.parametrize("name", ["access", "opaque_access"])
@pytest.mark.parametrize("audience", ["", [], ["ok", ""], [None], 7, b"x", "a\n"])
async def test_an_audience_that_is_none(ww: Watchword, name: str, audience: Any) -> None:
    with pytest.raises((ConfigurationError, TypeError)):
        await issue(ww, name, audience=audience)


async def test_no_audience_at_all(ww: Watchword) -> None:
    for name in ("access", "opaque_access"):
        with pytest.raises(ConfigurationError, match=f"{name} tokens are for at least one audience"):
            await issue(ww, name, audience=[])
    with pytest.raises(ConfigurationError, match="at least one audience"):
        OpaqueAccessTokens(ww.store, audience=[])
    nobody: list[Any] = ["", []]
    for audience in nobody:
        with pytest.raises(ConfigurationError):
            AccessTokens(ww.ring, issuer=US, audience=audience)


def test_one_service_is_one_audience() -> None:
    one = Kind(
        name="call",
        formats=("jwt",),
        use="sign",
        pairs_only=True,
        starts=("eyJ",),
        audience="one",
        life=DAY,
        cap=DAY,
        carriers=("bearer",),
        stored="nothing",
    )
    assert one.whom(API, ()) == [API]
    for wanted in ([API, OTHER], [API], [], (), None):
        with pytest.raises(ConfigurationError, match="audience"):
            one.whom(wanted, (API,))
    for name, symmetric in (("ES256", False), ("v4.public", False), ("HS256", True), ("v4.local", True)):
        row = Key.generate(name).algorithm
        if not symmetric:
            one.check_key(row, [OTHER], [API])
            continue
        with pytest.raises(KeyUseError, match=f"{name} is symmetric.*ES256 or v4.public"):
            one.check_key(row, [API], [API])


async def test_a_paseto_has_one_audience(ww: Watchword) -> None:
    assert ww.access.issue("u", audience=[API, OTHER], format="jwt").token
    with pytest.raises(ConfigurationError, match="a PASETO has one audience; issue one token for each, or JWTs"):
        ww.access.issue("u", audience=[API, OTHER], format="paseto")


# Keys


def test_a_symmetric_key_is_not_shared_by_services() -> None:
    access = AccessTokens(KeyRing.generate("HS256"), issuer=US, audience=[API, "https://own.test"])
    for audience in (API, "https://own.test", [API, "https://own.test"], None):
        assert access.verify(access.issue("u", audience=audience).token).subject == "u"
    for wanted in (OTHER, [API, OTHER]):
        with pytest.raises(KeyUseError, match=f"HS256 is symmetric.*{OTHER}.*ES256 or v4.public"):
            access.issue("u", audience=wanted)
    pairs = AccessTokens(KeyRing.generate("ES256"), issuer=US, audience=API)
    assert pairs.issue("u", audience=OTHER).token


def test_an_audience_without_a_key_for_it() -> None:
    for algorithm, format in (("ES256", "paseto"), ("v4.public", "jwt")):
        access = AccessTokens(KeyRing.generate(algorithm), issuer=US, audience=API)
        with pytest.raises(ConfigurationError, match=r"KeyRing\.generate"):
            access.issue("u", format=format)
    with pytest.raises(ConfigurationError, match=r"KeyRing\.generate"):
        AccessTokens(KeyRing.generate("v4.local"), issuer=US, audience=API).issue("u")


def test_a_symmetric_key_is_in_no_document() -> None:
    for ring in (KeyRing.generate("ES256", "HS256"), KeyRing.generate("HS256")):
        with pytest.raises(KeyUseError, match=r"ES256 or v4\.public"):
            ring.jwks()
    sealing = KeyRing.generate("v4.public", "v4.local")
    assert [key["paserk"][:10] for key in sealing.paseto_keys()["keys"]] == ["k4.public."]


def test_a_symmetric_key_comes_from_no_document() -> None:
    secret = Key.generate("HS256")
    with pytest.raises(ConfigurationError, match=r"symmetric or private.*ES256"):
        read_jwks(json.dumps({"keys": [secret.to_jwk(private=True)]}).encode())
    entry = {
        "kid": "k4.lid.x",
        "paserk": Key.generate("v4.local").to_paserk(private=True),
        "not_before": "2026-01-01T00:00:00Z",
    }
    with pytest.raises(KeyUseError, match="secret"):
        read_paseto_keys(json.dumps({"keys": [entry]}).encode())


async def test_a_ring_that_cannot_back_every_kind_backs_the_others() -> None:
    symmetric = KeyRing.of(Key.generate("HS256"), Key.generate("HS256", use="mac"), clock=FrozenClock())
    async with watchword(ring=symmetric) as ww:
        assert ww.access.verify(ww.access.issue("u").token).subject == "u"
        assert (await ww.refresh.issue("u", client_id="app")).token
        with pytest.raises(KeyUseError, match=r"ES256 or v4\.public"):
            ww.service.issue("billing", audience=OTHER)
    hidden = KeyRing.generate("v4.local", clock=FrozenClock())
    async with watchword(ring=hidden, single_service=True) as ww:
        assert ww.access.verify(ww.access.issue("u").token).subject == "u"
        with pytest.raises(KeyUseError, match=r"ES256 or v4\.public"):
            ww.service.issue("billing", audience=API)


async def test_the_format_of_encrypted_access_tokens() -> None:
    ring = KeyRing.generate("v4.local", "A256GCM", clock=FrozenClock())
    for format, start in (("paseto", "v4.local."), ("jwe", "eyJ")):
        async with watchword(ring=ring, single_service=True, formats={"access": format}, strict=True) as ww:
            issued = ww.access.issue("u", claims={"email": "nobody reads this"})
            assert issued.token.startswith(start)
            assert ww.access.verify(issued.token).subject == "u"
    with pytest.raises(ConfigurationError, match="access tokens are written as paseto or jwe, not as 'jwt'"):
        watchword(ring=ring, single_service=True, formats={"access": "jwt"})


async def test_a_key_of_another_use() -> None:
    mac, sign = Key.generate("HS256", use="mac"), Key.generate("HS256")
    with pytest.raises(ConfigurationError, match="no active key for 'sign'"):
        AccessTokens(KeyRing.of(mac), issuer=US, audience=API).issue("u")
    async with watchword(ring=KeyRing.of(sign, clock=FrozenClock())) as ww:
        with pytest.raises(ConfigurationError, match="no active key for 'mac'"):
            await ww.refresh.issue("u", client_id="app")
        with pytest.raises(ConfigurationError, match="no active key for 'paseto'"):
            ww.sealed.seal({}, purpose="p", bound_to="u")
        assert isinstance(ww.api_keys, ApiKeys)
        assert (await ww.api_keys.issue("u")).token  # no key at all is behind it
