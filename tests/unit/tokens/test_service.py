"""Service tokens: for one named service, for minutes, signed by a key pair; no user's token in their place."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import jwt as pyjwt
import pyseto
import pytest

from watchword import AccessTokens, FrozenClock, Key, KeyRing, ServiceTokens, SystemClock, Watchword
from watchword.authn.authenticator import Authenticator
from watchword.errors import (
    AlgorithmError,
    ClaimError,
    ConfigurationError,
    KeyUseError,
    MalformedTokenError,
    MissingClaimError,
    PrefixClashError,
    TokenError,
    TokenExpiredError,
    TokenRevokedError,
    WrongAudienceError,
    WrongIssuerError,
    WrongTypeError,
)
from watchword.formats.base import make_format

NOW = 1_800_000_000
ISSUER, BILLING, LEDGER = "https://as.test", "https://billing.test", "https://ledger.test"


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock(NOW)


@pytest.fixture
def ring(clock: FrozenClock) -> KeyRing:
    return KeyRing.generate("ES256", "v4.public", clock=clock)


@pytest.fixture
async def ww(clock: FrozenClock) -> AsyncIterator[Watchword]:
    async with Watchword("memory:", issuer=ISSUER, audience=BILLING, clock=clock) as opened:
        yield opened


def public(ring: KeyRing) -> KeyRing:
    pairs = [slot.key for slot in ring if not slot.key.algorithm.symmetric]
    return KeyRing.of(*(key.public() for key in pairs), clock=ring.clock)


def ledger_of(ring: KeyRing, **more: Any) -> ServiceTokens:
    """The ledger has the public halves, and its own name."""
    return ServiceTokens(public(ring), **({"issuer": ISSUER, "audience": LEDGER} | more))


@pytest.mark.parametrize(("format", "start"), [(None, "eyJ"), ("jwt", "eyJ"), ("paseto", "v4.public.")])
def test_one_service_calls_another(ring: KeyRing, format: str | None, start: str) -> None:
    billing = ServiceTokens(ring, issuer=ISSUER, audience=BILLING)
    issued = billing.issue("billing", audience=LEDGER, scopes=["post"], format=format, claims={"run": 7})
    assert issued.token.startswith(start)
    who = ledger_of(ring).verify(issued.token)
    assert (who.subject, who.kind, who.client_id, who.token_id) == ("billing", "service", "billing", issued.token_id)
    assert (who.issued_at, who.expires_at) == (NOW, NOW + 300) == (NOW, issued.expires_at)
    assert who.scopes == issued.scopes == {"post"}
    assert who.claims["run"] == 7
    assert ledger_of(ring).verify(issued.token) == who
    with pytest.raises(WrongAudienceError):
        billing.verify(issued.token)


async def test_on_the_services_own_watchwords(ww: Watchword, clock: FrozenClock) -> None:
    token = ww.service.issue("billing", audience=LEDGER).token
    with pytest.raises(WrongAudienceError):
        ww.service.verify(token)
    async with Watchword("memory:", issuer=ISSUER, audience=LEDGER, ring=public(ww.ring), clock=clock) as ledger:
        assert ledger.service.verify(token).subject == "billing"
        with pytest.raises(ConfigurationError, match="no active key"):
            ledger.service.issue("ledger", audience=BILLING)


@pytest.mark.parametrize("format", ["jwt", "paseto"])
@pytest.mark.parametrize("other", [BILLING, "https://ledger.test/", "https://LEDGER.test", "https://ledger.tes"])
def test_exactly_this_services_audience(ring: KeyRing, format: str, other: str) -> None:
    token = ServiceTokens(ring, issuer=ISSUER, audience=BILLING).issue("billing", audience=other, format=format).token
    with pytest.raises(WrongAudienceError):
        ledger_of(ring).verify(token)


def test_a_token_for_several_services_is_for_none(ring: KeyRing) -> None:
    claims = {"iss": ISSUER, "sub": "b", "exp": NOW + 60, "iat": NOW, "jti": "j", "client_id": "b"}
    form = make_format("jwt", ring, typ="service+jwt")
    for aud in ([LEDGER, BILLING], [LEDGER]):
        with pytest.raises(WrongAudienceError):
            ledger_of(ring).verify(form.issue(claims | {"aud": aud}))
    assert ledger_of(ring).verify(form.issue(claims | {"aud": LEDGER})).subject == "b"
    with pytest.raises(MissingClaimError):
        ledger_of(ring).verify(form.issue({name: claims[name] for name in claims if name != "jti"} | {"aud": LEDGER}))


def test_the_audience_is_named_at_issue_and_is_one(ring: KeyRing) -> None:
    billing = ServiceTokens(ring, issuer=ISSUER, audience=BILLING)
    with pytest.raises(TypeError):
        billing.issue("billing")  # type: ignore[call-arg]
    several: Any
    for several in ([LEDGER], [LEDGER, BILLING], "", None):
        with pytest.raises(ConfigurationError):
            billing.issue("billing", audience=several)
        with pytest.raises(ConfigurationError):
            ServiceTokens(ring, issuer=ISSUER, audience=several)


def test_it_lives_five_minutes_and_fifteen_at_most(ring: KeyRing, clock: FrozenClock) -> None:
    billing = ServiceTokens(ring, issuer=ISSUER, audience=BILLING)
    token = billing.issue("billing", audience=LEDGER).token
    assert billing.issue("b", audience=LEDGER, lifetime=timedelta(minutes=15)).expires_at == NOW + 900
    with pytest.raises(ConfigurationError):
        billing.issue("billing", audience=LEDGER, lifetime=timedelta(minutes=15, seconds=1))
    with pytest.raises(ConfigurationError):
        ServiceTokens(ring, issuer=ISSUER, audience=BILLING, lifetime=timedelta(minutes=16))
    long = {"iss": ISSUER, "sub": "b", "exp": NOW + 901, "iat": NOW, "jti": "j", "client_id": "b", "aud": LEDGER}
    with pytest.raises(TokenError):
        ledger_of(ring).verify(make_format("jwt", ring, typ="service+jwt").issue(long))
    ledger = ledger_of(ring)
    clock.advance(299)
    ledger.verify(token)
    clock.advance(1)
    with pytest.raises(TokenExpiredError):
        ledger.verify(token)


@pytest.mark.parametrize("algorithms", [("HS256",), ("HS512",), ("v4.local",), ("HS256", "ES256")])
def test_a_symmetric_key_is_refused_by_name(algorithms: tuple[str, ...], clock: FrozenClock) -> None:
    ring = KeyRing.generate(*algorithms, clock=clock)
    with pytest.raises(KeyUseError, match=r"ES256 or v4\.public"):
        ServiceTokens(ring, issuer=ISSUER, audience=LEDGER)
    later = KeyRing(None, clock=clock)
    tokens = ServiceTokens(later, issuer=ISSUER, audience=LEDGER)
    later.adopt(list(ring))
    with pytest.raises(KeyUseError, match=r"ES256 or v4\.public"):
        tokens.issue("billing", audience=LEDGER)
    for format in ("paseto", "jwe"):
        with pytest.raises(ConfigurationError):
            tokens.issue("billing", audience=LEDGER, format=format)


def test_nothing_that_a_symmetric_key_signed_is_a_services(clock: FrozenClock) -> None:
    """Such a key beside the pairs, for other tokens: whoever verifies with it could call as anybody."""
    ring = KeyRing.generate("ES256", "HS256", clock=clock)
    tokens = ServiceTokens(ring, issuer=ISSUER, audience=LEDGER)
    forged = make_format("jwt", KeyRing.of(list(ring)[1].key, clock=clock), typ="service+jwt")
    claims = {"iss": ISSUER, "sub": "b", "exp": NOW + 60, "iat": NOW, "jti": "j", "client_id": "b", "aud": LEDGER}
    for _ in range(2):
        with pytest.raises(AlgorithmError, match=r"ES256 or v4\.public"):
            tokens.verify(forged.issue(claims))


@pytest.mark.parametrize("format", ["jwt", "paseto"])
def test_a_users_token_is_no_services_and_the_other_way_round(ring: KeyRing, format: str) -> None:
    service = ServiceTokens(ring, issuer=ISSUER, audience=LEDGER)
    access = AccessTokens(ring, issuer=ISSUER, audience=LEDGER)
    of_user, of_service = (
        access.issue("user-7", format=format).token,
        service.issue("billing", audience=LEDGER, format=format).token,
    )
    for _ in range(2):
        with pytest.raises(WrongTypeError):
            service.verify(of_user)
        with pytest.raises(WrongTypeError):
            access.verify(of_service)
        assert access.verify(of_user).kind == "access"
        assert service.verify(of_service).kind == "service"


async def test_no_other_kind_is_a_services(ww: Watchword) -> None:
    others = [
        (await ww.sessions.start("u")).token,
        (await ww.refresh.issue("u", client_id="c")).token,
        (await ww.opaque_access.issue("u")).token,
        ww.sealed.seal({}, purpose="p", bound_to="u").token,
    ]
    token = ww.service.issue("billing", audience=BILLING).token
    for other in others:
        with pytest.raises(MalformedTokenError):
            ww.service.verify(other)
    for verb in (ww.sessions.authenticate, ww.refresh.authenticate, ww.opaque_access.authenticate):
        with pytest.raises(TokenError):
            await verb(token)
    with pytest.raises(TokenError):
        ww.sealed.open(token, purpose="p", bound_to="u")


@pytest.mark.parametrize("format", ["jwt", "paseto"])
@pytest.mark.parametrize("name", ["sub", "jti", "client_id", "sid", "fam", "rev", "scope", "roles", "auth_time"])
@pytest.mark.parametrize("value", [5, [], {}, [[]], [5], "", True])
async def test_a_claim_of_the_wrong_shape_is_named(ww: Watchword, format: str, name: str, value: Any) -> None:
    """Another service signs its own tokens, and may sign anything; a crash or roles by the letter would be ours."""
    if (name, value) in [("roles", []), ("scope", ""), ("auth_time", 5)]:
        return  # of the right shape
    await ww.revoke(subject="somebody")  # so that there is something to compare with
    claims = {"iss": ISSUER, "sub": "s", "aud": BILLING, "exp": NOW + 60, "iat": NOW, "jti": "j", "client_id": "s"}
    token = make_format(format, ww.ring, typ="service+jwt").issue(claims | {name: value})
    with pytest.raises(ClaimError) as caught:
        ww.service.verify(token)
    assert caught.value.claim == name


async def test_another_issuer(ring: KeyRing) -> None:
    token = ServiceTokens(ring, issuer="https://evil.test", audience=BILLING).issue("b", audience=LEDGER).token
    with pytest.raises(WrongIssuerError):
        ledger_of(ring).verify(token)


@pytest.mark.parametrize("format", ["jwt", "paseto"])
@pytest.mark.parametrize("what", ["token", "client", "subject", "key", "everything"])
async def test_whatever_stops_it(ww: Watchword, what: str, format: str) -> None:
    """A token for another service is revoked by its issuer, and refused where its feed is heard."""
    token = ww.service.issue("billing", audience=LEDGER, format=format).token
    ledger = ServiceTokens(ww.ring, issuer=ISSUER, audience=LEDGER, view=ww.view)
    ledger.verify(token)
    key = ww.ring.active("sign", format=format).kid
    values: dict[str, Any] = {"token": token, "client": "billing", "subject": "billing", "key": key, "everything": True}
    await ww.revoke(**{what: values[what]})
    with pytest.raises(TokenRevokedError):
        ledger.verify(token)


async def test_revoking_by_token_finds_the_kind(ww: Watchword, clock: FrozenClock) -> None:
    """Access and service tokens begin alike; each is revoked as what it is."""
    access, service = ww.access.issue("u").token, ww.service.issue("billing", audience=LEDGER).token
    await ww.revoke(token=access)
    await ww.revoke(token=service)
    assert [fact.what for fact in (await ww.store.tail(0, now=NOW)).events] == ["token", "token"]
    with pytest.raises(TokenError):
        await ww.revoke(token=service[:-8] + "AAAAAAAA")
    clock.advance(300)
    ended = await ww.revoke(token=service)
    assert ended.seq == 2
    with pytest.raises(TokenError):
        await ww.revoke(
            token=ServiceTokens(ww.ring, issuer="https://x.test", audience=LEDGER).issue("b", audience=LEDGER).token
        )


async def test_a_corridor_takes_users_or_services(ww: Watchword) -> None:
    from watchword.web.messages import Connection

    token = ww.service.issue("ledger", audience=BILLING).token
    headers = [(b"authorization", b"Bearer " + token.encode())]
    who = await Authenticator([ww.service]).authenticate(Connection(method="GET", scheme="https", headers=headers))
    assert who is not None
    assert who.kind == "service"
    with pytest.raises(WrongTypeError):
        await ww.authenticator().authenticate(Connection(method="GET", scheme="https", headers=headers))
    with pytest.raises(PrefixClashError):
        Authenticator([ww.service, ww.access])


def test_other_libraries_read_them() -> None:
    ring = KeyRing.generate("ES256", "v4.public")
    billing = ServiceTokens(ring, issuer=ISSUER, audience=BILLING)
    es, pub = (slot.key for slot in ring)
    token = billing.issue("billing", audience=LEDGER).token
    theirs = pyjwt.PyJWK(es.public().to_jwk(), algorithm="ES256")
    assert pyjwt.decode(token, theirs, algorithms=["ES256"], audience=LEDGER, issuer=ISSUER)["sub"] == "billing"
    assert pyjwt.get_unverified_header(token)["typ"] == "service+jwt"
    read = pyseto.decode(
        pyseto.Key.from_paserk(pub.to_paserk()), billing.issue("billing", audience=LEDGER, format="paseto").token
    )
    assert b'"typ":"service"' in bytes(read.footer)  # type: ignore[arg-type]
    assert SystemClock().now() > 0


def test_its_repr_says_what_it_does_not_hear(ring: KeyRing) -> None:
    assert "no view" in repr(ledger_of(ring))
    assert Key.generate("ES256").kid not in repr(ledger_of(ring))
