"""What people write at first: each is refused when it is written, in words that say what to write instead."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from itsdangerous import URLSafeTimedSerializer

from watchword import AccessTokens, Key, KeyRing, SealedTokens, ServiceTokens, Watchword, open_store
from watchword.bff.routes import Route
from watchword.compat.itsdangerous import TimedReader
from watchword.errors import ConfigurationError, MalformedTokenError, WrongAudienceError, WrongIssuerError
from watchword.formats import paseto
from watchword.insecure import CROSS_SITE_COOKIE
from watchword.integrations.visit import current
from watchword.policy.rbac import RBAC
from watchword.tokens.api_keys import ApiKeys
from watchword.tokens.one_time import OneTimeTokens
from watchword.tokens.refresh import RefreshTokens
from watchword.tokens.sessions import Sessions
from watchword.web.token_cookies import TokenCookies

WHO: dict[str, Any] = {"issuer": "https://app.example", "audience": "https://api.example"}
SECRET: Any = b"a secret of thirty-two bytes or so"
ANY: Any = 60
RING, SEAL = KeyRing.generate("ES256", "v4.public"), KeyRing.generate("v4.local")
PUBLIC = KeyRing.of(Key.from_jwk(RING.jwks()["keys"][0]))
LIST: Any = [Key.generate("ES256")]
NONE: Any = "none"
KEY: Any = Key.generate("v4.public")


def store() -> Any:
    return open_store("memory:")


MISTAKES: dict[str, tuple[Callable[[], object], str]] = {
    "a number of seconds, as in the configuration": (
        lambda: Watchword("memory:", **WHO, max_staleness=ANY),
        "max_staleness is a timedelta",
    ),
    "a life in seconds": (
        lambda: AccessTokens(RING, **WHO).issue("u", lifetime=ANY),
        "a lifetime is a timedelta",
    ),
    "a grace in seconds": (lambda: RefreshTokens(store(), RING, grace=ANY), "the grace is a timedelta, not int"),
    "an idle time in seconds": (lambda: Sessions(store(), idle=ANY), "an idle time is a timedelta, not int"),
    "a pause in seconds": (lambda: OneTimeTokens(store(), every=ANY), "is a timedelta, not int: timedelta(seconds=…)"),
    "max_age=3600, as itsdangerous has it": (
        lambda: TimedReader("secret", max_age=ANY),
        "max_age is a timedelta, not int: timedelta(seconds=…)",
    ),
    "bytes for a ring": (lambda: AccessTokens(SECRET, **WHO), "a KeyRing is wanted here, not bytes: KeyRing.of(key)"),
    "a key for a ring": (lambda: ServiceTokens(KEY, **WHO), "a KeyRing is wanted here, not Key"),
    "bytes to seal with": (lambda: SealedTokens(SECRET), "a KeyRing is wanted here, not bytes"),
    "bytes to rotate with": (lambda: RefreshTokens(store(), SECRET), "a KeyRing is wanted here, not bytes"),
    "bytes for a key": (lambda: KeyRing.of(SECRET), "a Key is wanted here, not bytes; bytes and text are never keys"),
    "a list of keys": (lambda: KeyRing.of(LIST), "a Key is wanted here, not list"),
    "bytes to sign with": (lambda: paseto.sign(b"{}", SECRET), "a Key is wanted here, not bytes"),
    "claims as a payload": (lambda: paseto.sign({"sub": "u"}, KEY), "a payload is bytes, not dict"),  # type: ignore[arg-type]
    "text as a payload": (lambda: paseto.encrypt("x", SEAL.active("seal")), "a payload is bytes, not str"),  # type: ignore[arg-type]
    "text as an assertion": (lambda: paseto.sign(b"{}", KEY, assertion="x"), "an assertion is bytes, not str"),  # type: ignore[arg-type]
    "issuing with published keys": (lambda: AccessTokens(PUBLIC, **WHO).issue("u"), "public keys only verify"),
    "sealing with a signing key": (
        lambda: SealedTokens(RING).seal({}, purpose="p", bound_to="u"),
        "no active key for 'paseto' with the use 'seal'",
    ),
    "a file for a URL": (lambda: Watchword("app.db", **WHO), "memory: or sqlite:///path.db"),
    "token cookies in other sites' frames": (lambda: TokenCookies(same_site=NONE), "same_site='lax' or 'strict'"),
    "the same, with its danger": (
        lambda: TokenCookies(same_site=NONE, allow=[CROSS_SITE_COOKIE]),
        "cookie=CookiePolicy(same_site='none', allow=[CROSS_SITE_COOKIE])",
    ),
    "the same danger alone": (lambda: TokenCookies(allow=[CROSS_SITE_COOKIE]), "without CROSS_SITE_COOKIE"),
    "a route to this machine": (
        lambda: Route(prefix="/api", upstream="http://localhost:9000"),
        "http is for this very machine alone, with allow_loopback=True",
    ),
    "a route by http to another machine": (
        lambda: Route(prefix="/api", upstream="http://api.internal", allow_loopback=True),
        "so write https://; http is for localhost alone",
    ),
    "a verb of an Auth that is on no application": (
        current,
        "auth.attach(app) (FastAPI, Starlette, Flask), app = auth.attach(app) (ASGI, WSGI)",
    ),
    "never opened": (lambda: Watchword("memory:", **WHO).access.issue("u"), "open it first: 'async with ww:'"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_a_configuration_error_that_says_what_to_write(name: str) -> None:
    mistake, words = MISTAKES[name]
    with pytest.raises(ConfigurationError) as caught:
        mistake()
    assert words in str(caught.value)
    assert SECRET.decode() not in str(caught.value)


async def test_an_overlap_in_seconds() -> None:
    with pytest.raises(ConfigurationError, match="an overlap is a timedelta, not int"):
        await ApiKeys(store()).rotate("k", overlap=ANY)


def test_less_than_the_readers_age_in_seconds() -> None:
    text = URLSafeTimedSerializer("secret").dumps({"user": 7})
    reader = TimedReader("secret", max_age=timedelta(hours=1))
    with pytest.raises(ConfigurationError, match="max_age is a timedelta, not int"):
        reader.loads(text, max_age=ANY)


def test_the_wrong_place_says_whom_it_wanted_and_never_what_the_token_says() -> None:
    token = AccessTokens(RING, **WHO).issue("u").token
    with pytest.raises(WrongAudienceError, match=r"wanted here is 'https://other\.example'") as caught:
        AccessTokens(RING, **WHO | {"audience": "https://other.example"}).verify(token)
    assert WHO["audience"] not in str(caught.value)
    assert caught.value.claim == "aud"
    with pytest.raises(WrongIssuerError, match=r"wanted here is 'https://app\.example/'") as wrong:
        AccessTokens(RING, **WHO | {"issuer": "https://app.example/"}).verify(token)
    assert wrong.value.claim == "iss"


@pytest.mark.parametrize("front", ["Bearer ", "ww_ss_", "sk_live_"])
def test_a_token_of_another_kind_or_with_its_scheme(front: str) -> None:
    with pytest.raises(MalformedTokenError, match="without 'Bearer ', and tokens of other kinds to their own verbs"):
        AccessTokens(RING, **WHO).verify(front + "eyJ")


def test_a_signed_token_where_encrypted_ones_are_wanted() -> None:
    token = AccessTokens(RING, **WHO).issue("u", format="jwt").token
    with pytest.raises(MalformedTokenError, match="a signed JWT has three"):
        AccessTokens(SEAL, **WHO, single_service=True).verify(token)


def test_a_policy_that_is_none() -> None:
    roles: Any = {"admin": ["orders:read"]}
    with pytest.raises(ConfigurationError, match="a policy decides"):
        Watchword("memory:", **WHO, policy=roles)
    with pytest.raises(ConfigurationError, match="RBAC takes name -> Role"):
        RBAC(roles)
