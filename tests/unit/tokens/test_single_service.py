"""Encrypted access tokens: the same kind, unreadable, where one service both issues and verifies."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from watchword import AccessTokens, FrozenClock, Key, KeyRing, SealedTokens, Watchword
from watchword.config import Settings
from watchword.encoding import dump_json, unb64url
from watchword.errors import (
    AlgorithmError,
    ConfigurationError,
    MalformedTokenError,
    SealError,
    TokenError,
    TokenExpiredError,
    TokenRevokedError,
    UnknownKeyError,
    WrongTypeError,
)
from watchword.formats import jwe
from watchword.server.app import create_app
from watchword.web.messages import Connection

NOW = 1_800_000_000
ISSUER, API = "https://as.test", "https://api.test"
OURS: dict[str, Any] = {"issuer": ISSUER, "audience": API}


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock(NOW)


@pytest.fixture(params=["v4.local", "v3.local", "A256GCM"])
def ring(request: pytest.FixtureRequest, clock: FrozenClock) -> KeyRing:
    return KeyRing.generate(request.param, clock=clock)


@pytest.fixture
def access(ring: KeyRing) -> AccessTokens:
    return AccessTokens(ring, single_service=True, **OURS)


@pytest.fixture
async def ww(clock: FrozenClock) -> AsyncIterator[Watchword]:
    async with Watchword("memory:", clock=clock, single_service=True, **OURS) as opened:
        yield opened


def test_the_same_words_and_nothing_to_read(access: AccessTokens, clock: FrozenClock) -> None:
    issued = access.issue("user-7", scopes=["a"], roles=["r"], session_id="s-1", claims={"team": "blue"})
    who = access.verify(issued.token)
    assert (who.subject, who.kind, who.session_id, who.token_id) == ("user-7", "access", "s-1", issued.token_id)
    assert (who.expires_at, who.claims["team"]) == (NOW + 900, "blue")
    assert access.verify(issued.token) is who
    for part in issued.token.split("."):
        assert len(part) < 10 or b"user-7" not in unb64url(part.encode())
    clock.advance(900)
    with pytest.raises(TokenExpiredError):
        access.verify(issued.token)


def test_every_changed_character_is_refused(access: AccessTokens) -> None:
    token = access.issue("user-7").token
    for place in range(len(token)):
        other = "A" if token[place] != "A" else "B"
        with pytest.raises(TokenError):
            access.verify(token[:place] + other + token[place + 1 :])


def test_several_audiences_are_refused(ring: KeyRing, access: AccessTokens) -> None:
    with pytest.raises(ConfigurationError, match="one audience"):
        AccessTokens(ring, issuer=ISSUER, audience=[API, "https://other.test"], single_service=True)
    for audience in ("https://other.test", [API, "https://other.test"]):
        with pytest.raises(ConfigurationError, match="this service alone"):
            access.issue("u", audience=audience)
    access.issue("u", audience=API)


@pytest.mark.parametrize("algorithm", ["ES256", "v4.public", "RS256"])
def test_a_ring_that_a_key_document_publishes_is_refused(algorithm: str, clock: FrozenClock) -> None:
    ring = KeyRing.generate("v4.local", algorithm, clock=clock)
    assert ring.jwks()["keys"] or ring.paseto_keys()["keys"]
    with pytest.raises(ConfigurationError, match="key document"):
        AccessTokens(ring, single_service=True, **OURS)
    later = KeyRing(None, clock=clock)
    access = AccessTokens(later, single_service=True, **OURS)
    later.adopt(list(ring))
    with pytest.raises(ConfigurationError, match="key document"):
        access.issue("u")


def test_no_signed_token_is_taken_and_no_encrypted_one_elsewhere(access: AccessTokens, clock: FrozenClock) -> None:
    signing = AccessTokens(KeyRing.generate("ES256", "v4.public", clock=clock), **OURS)
    for format in ("jwt", "paseto"):
        with pytest.raises(TokenError):
            access.verify(signing.issue("u", format=format).token)
    with pytest.raises(MalformedTokenError):
        signing.verify(access.issue("u").token)


def test_formats_by_name(clock: FrozenClock) -> None:
    access = AccessTokens(KeyRing.generate("v4.local", "A256GCM", clock=clock), single_service=True, **OURS)
    assert access.issue("u").token.startswith("v4.local.")
    assert access.issue("u", format="paseto").token.startswith("v4.local.")
    token = access.issue("u", format="jwe").token
    assert token.startswith("eyJ")
    assert access.verify(token).subject == "u"
    with pytest.raises(ConfigurationError, match="paseto or jwe"):
        access.issue("u", format="jwt")
    with pytest.raises(ConfigurationError, match="not as 'jwe'"):
        AccessTokens(KeyRing.generate("ES256"), **OURS).issue("u", format="jwe")


def test_who_has_a_public_key_cannot_write_one(clock: FrozenClock) -> None:
    """ECDH-ES seals for us and proves no sender: good for sealed tokens, never for access."""
    key = Key.generate("ECDH-ES+A256KW")
    ring = KeyRing.of(Key.generate("v4.local"), key, clock=clock)
    access = AccessTokens(ring, single_service=True, **OURS)
    claims = {"iss": ISSUER, "sub": "admin", "aud": API, "exp": NOW + 60, "iat": NOW, "jti": "j", "client_id": "c"}
    forged = jwe.encrypt(dump_json(claims), key.public(), typ="at+jwt")
    with pytest.raises(AlgorithmError):
        access.verify(forged)
    with pytest.raises(ConfigurationError):
        access.issue("u", format="jwe")
    alone = AccessTokens(KeyRing.of(key, clock=clock), single_service=True, **OURS)
    with pytest.raises(ConfigurationError):
        alone.issue("u")
    with pytest.raises(AlgorithmError):
        alone.verify(forged)


def test_sealed_and_access_under_one_key_stay_apart(ring: KeyRing, access: AccessTokens) -> None:
    sealed = SealedTokens(ring, audience=API, issuer=ISSUER)
    token = sealed.seal({}, purpose="p", bound_to="u").token
    with pytest.raises(WrongTypeError):
        access.verify(token)
    with pytest.raises(WrongTypeError):
        sealed.open(access.issue("u").token, purpose="p", bound_to="u")


def test_another_key(ring: KeyRing, access: AccessTokens) -> None:
    (slot,) = ring
    token = access.issue("u").token
    access.verify(token)
    other = Key.generate(slot.key.algorithm.name)
    twin = Key(other.algorithm, other._private, other._public, kid=slot.key.kid)
    with pytest.raises(SealError):
        AccessTokens(KeyRing.of(twin, clock=ring.clock), single_service=True, **OURS).verify(token)
    ring.retire(slot.key.kid)
    with pytest.raises(UnknownKeyError):
        access.verify(token)


async def test_a_watchword_of_a_single_service(ww: Watchword) -> None:
    assert ww.ring.jwks() == {"keys": []}
    assert ww.ring.paseto_keys()["keys"] == []
    issued = ww.access.issue("u", scopes=["a"])
    assert issued.token.startswith("v4.local.")
    headers = [(b"authorization", b"Bearer " + issued.token.encode())]
    who = await ww.authenticator().authenticate(Connection(method="GET", scheme="https", headers=headers))
    assert who is not None
    assert (who.kind, who.subject) == ("access", "u")
    await ww.revoke(token=issued.token)
    with pytest.raises(TokenRevokedError):
        ww.access.verify(issued.token)
    other = ww.access.issue("u").token
    await ww.revoke(subject="u")
    with pytest.raises(TokenRevokedError):
        ww.access.verify(other)
    with pytest.raises(ConfigurationError):
        ww.service.issue("billing", audience="https://ledger.test")


async def test_a_key_file_with_signing_keys_does_not_become_one(tmp_path: Path, clock: FrozenClock) -> None:
    url = f"sqlite:///{tmp_path}/app.db"
    async with Watchword(url, clock=clock, **OURS):
        pass
    with pytest.raises(ConfigurationError, match="key document"):
        await Watchword(url, clock=clock, single_service=True, **OURS).open()


def test_the_auth_server_refuses_it() -> None:
    ww = Watchword("memory:", single_service=True, **OURS)
    with pytest.raises(ConfigurationError, match="publishes its keys"):
        create_app(Settings(url="memory:", issuer=ISSUER, audience=API), ww)
