"""Sealed tokens: what opens them and what does not, the one redeem, and what is never sealed."""

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.unit.tokens.test_cards import CARDS
from watchword import FrozenClock, Key, KeyRing, Watchword
from watchword.encoding import b64url, dump_json, unb64url
from watchword.errors import (
    AlgorithmError,
    BadRequestError,
    ClaimError,
    ConfigurationError,
    MalformedTokenError,
    MissingClaimError,
    NotYetValidError,
    SealError,
    StaleRevocationError,
    StoreUnavailableError,
    TokenConsumedError,
    TokenError,
    TokenExpiredError,
    TokenRevokedError,
    UnknownKeyError,
    WrongIssuerError,
    WrongTypeError,
)
from watchword.formats.base import make_sealed_format
from watchword.stores.memory import MemoryStore
from watchword.tokens.sealed import SealedTokens

NOW = 1_800_000_000
ORDER: dict[str, Any] = {"order": "o-1", "amount": 1200, "currency": "EUR", "items": [{"sku": "a", "n": 2}]}
CONTEXT: dict[str, Any] = {"purpose": "payment", "bound_to": "user-7"}
ELSE: list[dict[str, Any]] = [
    {"purpose": "payment", "bound_to": "user-8"},
    {"purpose": "refund", "bound_to": "user-7"},
    {"purpose": "payment", "bound_to": "user-7", "audience": "https://other.test"},
    {"purpose": "user-7", "bound_to": "payment"},
    {"purpose": "paymentuser-", "bound_to": "7"},
    {"purpose": "payment", "bound_to": "User-7"},
]
WITHOUT_AND_WITH_KEY: list[dict[str, Any]] = [{}, {"idempotency_key": "k"}]
ALGORITHMS = ("v4.local", "v3.local", "A256GCM", "ECDH-ES+A256KW")


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock(NOW)


@pytest.fixture(params=ALGORITHMS)
def ring(request: pytest.FixtureRequest, clock: FrozenClock) -> KeyRing:
    return KeyRing.generate(request.param, clock=clock)


@pytest.fixture
def sealed(ring: KeyRing) -> SealedTokens:
    store = MemoryStore()
    store.open_blocking()
    return SealedTokens(ring, store=store)


@pytest.fixture
async def ww(clock: FrozenClock) -> AsyncIterator[Watchword]:
    async with Watchword("memory:", issuer="https://as.test", audience="https://api.test", clock=clock) as opened:
        yield opened


# seal and open


def test_what_was_sealed_comes_out_again(sealed: SealedTokens) -> None:
    issued = sealed.seal(ORDER, **CONTEXT)
    assert sealed.open(issued.token, **CONTEXT) == ORDER
    assert sealed.open(issued.token, **CONTEXT) == ORDER
    assert (issued.subject, issued.expires_at) == ("user-7", NOW + 300)
    assert len(unb64url(issued.token_id.encode())) == 16
    for said in ("o-1", "user-7", "payment"):
        assert said not in repr(issued) or said == "user-7"
        assert all(said.encode() not in unb64url(part.encode()) for part in issued.token.split(".") if len(part) > 8)


@pytest.mark.parametrize("context", ELSE)
def test_another_user_purpose_or_audience_does_not_open(sealed: SealedTokens, context: dict[str, Any]) -> None:
    """Authentication fails, before anything that was sealed can be looked at."""
    token = sealed.seal(ORDER, **CONTEXT).token
    with pytest.raises(SealError) as caught:
        sealed.open(token, **context)
    assert caught.value.stage == "verify"
    assert sealed.open(token, **CONTEXT) == ORDER


def test_the_audience_of_the_component_and_that_of_the_call(ring: KeyRing) -> None:
    shop, bank = SealedTokens(ring, audience="https://shop.test"), SealedTokens(ring, audience="https://bank.test")
    token = shop.seal(ORDER, audience="https://bank.test", **CONTEXT).token
    assert bank.open(token, **CONTEXT) == ORDER
    with pytest.raises(SealError):
        shop.open(token, **CONTEXT)
    assert SealedTokens(ring).open(token, audience="https://bank.test", **CONTEXT) == ORDER


def test_every_changed_character_is_refused(sealed: SealedTokens) -> None:
    token = sealed.seal(ORDER, **CONTEXT).token
    for place in range(len(token)):
        other = "A" if token[place] != "A" else "B"
        with pytest.raises(TokenError):
            sealed.open(token[:place] + other + token[place + 1 :], **CONTEXT)
    for place in range(0, len(token), 7):
        with pytest.raises(TokenError):
            sealed.open(token[:place], **CONTEXT)


def test_two_tokens_spliced(sealed: SealedTokens) -> None:
    one, other = (sealed.seal({"n": n}, **CONTEXT).token.split(".") for n in (1, 2))
    assert len(one) == len(other)
    for place in range(len(one)):
        mixed = ".".join([*one[:place], other[place], *one[place + 1 :]])
        if mixed.split(".") not in (one, other):
            with pytest.raises(TokenError):
                sealed.open(mixed, **CONTEXT)


def test_another_key(sealed: SealedTokens, ring: KeyRing) -> None:
    (slot,) = ring
    token = sealed.seal(ORDER, **CONTEXT).token
    other = Key.generate(slot.key.algorithm.name)
    with pytest.raises(UnknownKeyError):
        SealedTokens(KeyRing.of(other, clock=ring.clock)).open(token, **CONTEXT)
    twin = Key(other.algorithm, other._private, other._public, kid=slot.key.kid)
    with pytest.raises(SealError):
        SealedTokens(KeyRing.of(twin, clock=ring.clock)).open(token, **CONTEXT)
    ring.retire(slot.key.kid)
    with pytest.raises(UnknownKeyError):
        sealed.open(token, **CONTEXT)
    with pytest.raises(ConfigurationError):
        sealed.seal(ORDER, **CONTEXT)


def test_the_public_half_seals_and_does_not_open(clock: FrozenClock) -> None:
    key = Key.generate("ECDH-ES+A256KW")
    outside = SealedTokens(KeyRing.of(key.public(), clock=clock))
    token = outside.seal(ORDER, **CONTEXT).token
    with pytest.raises(UnknownKeyError, match="public half"):
        outside.open(token, **CONTEXT)
    assert SealedTokens(KeyRing.of(key, clock=clock)).open(token, **CONTEXT) == ORDER


def test_the_ring_or_the_call_decides_the_format(clock: FrozenClock) -> None:
    both = SealedTokens(KeyRing.generate("A256GCM", "v4.local", clock=clock))
    assert both.seal({}, **CONTEXT).token.startswith("v4.local.")
    token = both.seal({}, format="jwe", **CONTEXT).token
    assert token.startswith("eyJ")
    assert both.open(token, **CONTEXT) == {}
    with pytest.raises(ConfigurationError, match="paseto or jwe"):
        both.seal({}, format="jwt", **CONTEXT)
    for ring in (KeyRing.generate("ES256"), KeyRing.generate("A256KW"), KeyRing(())):
        with pytest.raises(ConfigurationError, match="no active key"):
            SealedTokens(ring).seal({}, **CONTEXT)


@pytest.mark.parametrize("algorithm", ["A256KW", "RSA-OAEP-256", "A128GCM", "ECDH-ES"])
def test_other_algorithms_of_jwe_are_not_for_this(algorithm: str, clock: FrozenClock) -> None:
    from watchword.formats import jwe

    key = Key.generate(algorithm)
    token = jwe.encrypt(b"{}", key, typ="sealed+jwt")
    with pytest.raises(AlgorithmError):
        SealedTokens(KeyRing.of(key, clock=clock)).open(token, **CONTEXT)


def test_it_ends_with_its_last_second(sealed: SealedTokens, clock: FrozenClock) -> None:
    token = sealed.seal(ORDER, **CONTEXT).token
    clock.advance(299)
    sealed.open(token, **CONTEXT)
    clock.advance(1)
    with pytest.raises(TokenExpiredError):
        sealed.open(token, **CONTEXT)


def test_it_lives_ten_minutes_at_most(sealed: SealedTokens, ring: KeyRing) -> None:
    assert sealed.seal({}, lifetime=timedelta(minutes=10), **CONTEXT).expires_at == NOW + 600
    for life in (timedelta(seconds=601), timedelta(0)):
        with pytest.raises(ConfigurationError, match="lives up to"):
            sealed.seal({}, lifetime=life, **CONTEXT)
    with pytest.raises(ConfigurationError):
        SealedTokens(ring, lifetime=timedelta(minutes=11))


GOOD: dict[str, Any] = {"jti": "id", "iat": NOW, "exp": NOW + 300, "data": {}}
BAD: list[tuple[dict[str, Any], type[TokenError]]] = [
    *(({name: None}, MissingClaimError) for name in GOOD),
    ({"exp": NOW + 601}, ClaimError),
    ({"exp": NOW}, ClaimError),
    ({"iat": NOW + 11, "exp": NOW + 300}, NotYetValidError),
    ({"jti": ""}, ClaimError),
    ({"jti": 7}, ClaimError),
    ({"rev": 7}, ClaimError),
    ({"data": [1]}, ClaimError),
    ({"data": "x"}, ClaimError),
]


@pytest.mark.parametrize(("changes", "error"), BAD)
@pytest.mark.parametrize("name", ["paseto", "jwe"])
def test_what_a_sealed_token_must_say(
    name: str, changes: dict[str, Any], error: type[TokenError], clock: FrozenClock
) -> None:
    ring = KeyRing.generate("v4.local" if name == "paseto" else "A256GCM", clock=clock)
    sealed = SealedTokens(ring)
    form = make_sealed_format(name, ring, typ="sealed+jwt")
    claims = {key: value for key, value in (GOOD | changes).items() if value is not None}
    token = form.issue(claims, assertion=sealed._assertion("payment", "user-7", None))
    with pytest.raises(error):
        sealed.open(token, **CONTEXT)


def test_the_issuer_is_wanted_where_one_is_configured(ring: KeyRing) -> None:
    ours, theirs = SealedTokens(ring, issuer="https://pay.test"), SealedTokens(ring, issuer="https://evil.test")
    token = ours.seal(ORDER, **CONTEXT).token
    assert ours.open(token, **CONTEXT) == SealedTokens(ring).open(token, **CONTEXT) == ORDER
    for other in (theirs.seal(ORDER, **CONTEXT), SealedTokens(ring).seal(ORDER, **CONTEXT)):
        with pytest.raises(WrongIssuerError):
            ours.open(other.token, **CONTEXT)


class Order(msgspec.Struct):
    order: str
    amount: int


def test_typed_data(sealed: SealedTokens) -> None:
    token = sealed.seal(ORDER, **CONTEXT).token
    assert sealed.open(token, as_=Order, **CONTEXT) == Order("o-1", 1200)
    wrong = sealed.seal({"order": "o-1", "amount": "1200"}, **CONTEXT).token
    with pytest.raises(ClaimError, match="Order"):
        sealed.open(wrong, as_=Order, **CONTEXT)


@pytest.mark.parametrize(
    "untrusted",
    ["", ".", "x", "v4.local.", "v4.local.AAAA", "v4.local.AAAA.e30", "eyJ", "eyJ....", "é", 7, None, b"\xff"],
)
def test_what_is_no_sealed_token(sealed: SealedTokens, untrusted: Any) -> None:
    with pytest.raises(TokenError):
        sealed.open(untrusted, **CONTEXT)
    with pytest.raises(MalformedTokenError):
        sealed.open("v4.local." + "A" * 9000, **CONTEXT)


def test_what_cannot_be_sealed(sealed: SealedTokens) -> None:
    deep: Any = {}
    for _ in range(9):
        deep = {"d": deep}
    for data in ({"x": float("nan")}, {"x": "y" * 4100}, deep, {"x": b"bytes"}):
        with pytest.raises(ConfigurationError):
            sealed.seal(data, **CONTEXT)
    for context in ({"purpose": ""}, {"bound_to": ""}, {"bound_to": 7}, {"audience": ""}, {"purpose": "a\n"}):
        with pytest.raises(ConfigurationError):
            sealed.seal({}, **(CONTEXT | context))


def test_the_readable_part_says_nothing_of_anybody(clock: FrozenClock) -> None:
    """The JWE header holds a salted digest: two tokens of one user have nothing in common there but the key."""
    sealed = SealedTokens(KeyRing.generate("A256GCM", clock=clock))
    heads = [unb64url(sealed.seal({}, **CONTEXT).token.split(".")[0].encode()) for _ in range(2)]
    first, second = (msgspec.json.decode(head, type=dict[str, str]) for head in heads)
    assert first.keys() == {"alg", "enc", "kid", "typ", "ww_bound"}
    assert first["ww_bound"] != second["ww_bound"]
    assert not set(first["ww_bound"].split(".")) & set(second["ww_bound"].split("."))


def test_a_header_bound_to_somebody_else_does_not_open(clock: FrozenClock) -> None:
    """The digest is covered by the tag: who exchanges it, or takes it away, has another token."""
    sealed = SealedTokens(KeyRing.generate("A256GCM", clock=clock))
    head, *rest = sealed.seal(ORDER, purpose="payment", bound_to="user-8").token.split(".")
    mine = msgspec.json.decode(unb64url(sealed.seal({}, **CONTEXT).token.split(".")[0].encode()))
    theirs = msgspec.json.decode(unb64url(head.encode()))
    without = {name: value for name, value in theirs.items() if name != "ww_bound"}
    for forged in (
        theirs | {"ww_bound": mine["ww_bound"]},
        without,
        theirs | {"ww_bound": ""},
        theirs | {"ww_bound": 1},
    ):
        with pytest.raises(SealError):
            sealed.open(".".join([b64url(dump_json(forged)), *rest]), **CONTEXT)


# cards


@pytest.mark.parametrize("card", CARDS)
def test_a_card_number_is_never_sealed_for_a_payment(sealed: SealedTokens, card: Any) -> None:
    for data, path in (
        ({"card": card}, "data.card "),
        ({"psp": {"cards": [1, {"pan": card}]}}, "data.psp.cards[1].pan "),
        ({"psp": {str(card): 1}}, "a name in data.psp "),
    ):
        with pytest.raises(ConfigurationError, match="looks like a card number") as caught:
            sealed.seal(data, **CONTEXT)
        assert str(caught.value).startswith(path)
        assert str(card) not in str(caught.value)
    sealed.seal({"card": card}, purpose="inventory", bound_to="user-7")


# redeem


async def test_it_is_redeemed_once(sealed: SealedTokens) -> None:
    token = sealed.seal(ORDER, **CONTEXT).token
    assert await sealed.redeem(token, **CONTEXT) == ORDER
    for more in WITHOUT_AND_WITH_KEY:
        with pytest.raises(TokenConsumedError):
            await sealed.redeem(token, **CONTEXT, **more)
    assert await sealed.redeem(sealed.seal(ORDER, **CONTEXT).token, **CONTEXT) == ORDER


async def test_the_first_callers_idempotency_key_gets_the_same_again(sealed: SealedTokens, clock: FrozenClock) -> None:
    token = sealed.seal(ORDER, **CONTEXT).token
    for _ in range(3):
        assert await sealed.redeem(token, idempotency_key="k-1", **CONTEXT) == ORDER
    for more in WITHOUT_AND_WITH_KEY:
        with pytest.raises(TokenConsumedError):
            await sealed.redeem(token, **CONTEXT, **more)
    other = sealed.seal({"order": "o-2"}, **CONTEXT).token
    assert await sealed.redeem(other, idempotency_key="k-1", **CONTEXT) == {"order": "o-2"}
    clock.advance(300)
    assert await sealed.redeem(token, idempotency_key="k-1", **CONTEXT) == ORDER
    for more in WITHOUT_AND_WITH_KEY:
        with pytest.raises(TokenExpiredError):
            await sealed.redeem(token, **CONTEXT, **more)
    clock.advance(86_400)
    with pytest.raises(TokenExpiredError):
        await sealed.redeem(token, idempotency_key="k-1", **CONTEXT)


@pytest.mark.parametrize("context", ELSE)
async def test_another_context_consumes_nothing(sealed: SealedTokens, context: dict[str, Any]) -> None:
    token = sealed.seal(ORDER, **CONTEXT).token
    with pytest.raises(SealError):
        await sealed.redeem(token, **context)
    assert await sealed.redeem(token, idempotency_key="k", **CONTEXT) == ORDER
    with pytest.raises(SealError):
        await sealed.redeem(token, idempotency_key="k", **context)


async def test_an_expired_one_is_not_redeemed(sealed: SealedTokens, clock: FrozenClock) -> None:
    token = sealed.seal(ORDER, **CONTEXT).token
    clock.advance(300)
    for more in WITHOUT_AND_WITH_KEY:
        with pytest.raises(TokenExpiredError):
            await sealed.redeem(token, **CONTEXT, **more)


async def test_the_store_holds_no_token_no_data_and_no_key(ww: Watchword) -> None:
    issued = ww.sealed.seal(ORDER, **CONTEXT)
    await ww.sealed.redeem(issued.token, idempotency_key="the-key", **CONTEXT)
    (row,) = await ww.store.find("sealed", now=NOW)
    (entry,) = await ww.events()
    for secret in (issued.token, "o-1", "the-key"):
        assert secret not in repr(row) + repr(entry)
    assert (entry.name, entry.subject) == ("sealed_redeemed", "user-7")
    assert entry.detail == {"token_id": issued.token_id, "purpose": "payment"}


async def test_nothing_is_redeemed_without_a_store(ring: KeyRing) -> None:
    sealed = SealedTokens(ring)
    token = sealed.seal(ORDER, **CONTEXT).token
    with pytest.raises(ConfigurationError, match="needs a store"):
        await sealed.redeem(token, **CONTEXT)
    assert "no view" in repr(sealed)


# with an effect


class RefusedError(Exception):
    pass


def refuse(_: object) -> None:
    raise RefusedError


@pytest.mark.parametrize("scheme", ["memory", "sqlite"])
async def test_an_effect_happens_once_or_the_token_is_as_good_as_before(
    scheme: str, tmp_path: Path, clock: FrozenClock
) -> None:
    url = "memory:" if scheme == "memory" else f"sqlite:///{tmp_path}/app.db"
    async with Watchword(url, issuer="https://as.test", audience="https://api.test", clock=clock) as ww:
        token = ww.sealed.seal(ORDER, **CONTEXT).token
        done: list[object] = []
        for _ in range(2):
            with pytest.raises(RefusedError):
                await ww.sealed.redeem(token, effect=refuse, **CONTEXT)
        assert await ww.events() == []
        asked = (
            ww.sealed.redeem(token, idempotency_key=f"k-{n % 2}", effect=done.append, **CONTEXT) for n in range(50)
        )
        answers = await asyncio.gather(*asked, return_exceptions=True)
        assert len(done) == 1
        assert (done[0] is None) == (scheme == "memory")
        assert [answer for answer in answers if not isinstance(answer, BaseException)] == [ORDER] * 25
        assert sum(isinstance(answer, TokenConsumedError) for answer in answers) == 25
        assert [entry.name for entry in await ww.events()] == ["sealed_redeemed"]
        with pytest.raises(TokenConsumedError):
            await ww.sealed.redeem(token, effect=refuse, **CONTEXT)


async def test_what_a_failed_effect_left_is_redeemed_or_voided_all_the_same(ww: Watchword) -> None:
    one, other = (ww.sealed.seal(ORDER, **CONTEXT).token for _ in range(2))
    for token in (one, other):
        with pytest.raises(RefusedError):
            await ww.sealed.redeem(token, effect=refuse, **CONTEXT)
    assert await ww.sealed.redeem(one, **CONTEXT) == ORDER
    with pytest.raises(TokenConsumedError):
        await ww.sealed.redeem(one, effect=lambda _: None, **CONTEXT)
    assert await ww.sealed.void(other, **CONTEXT) is True
    with pytest.raises(TokenRevokedError):
        await ww.sealed.redeem(other, **CONTEXT)


async def test_the_effect_writes_in_the_same_transaction(tmp_path: Path, clock: FrozenClock) -> None:
    url = f"sqlite:///{tmp_path}/app.db"
    async with Watchword(url, issuer="https://as.test", audience="https://api.test", clock=clock) as ww:
        with sqlite3.connect(tmp_path / "app.db") as outside:
            outside.execute("CREATE TABLE captures (order_id TEXT)")

        def capture(connection: Any, *, fails: bool) -> None:
            connection.execute("INSERT INTO captures VALUES ('o-1')")
            if fails:
                raise RefusedError

        token = ww.sealed.seal(ORDER, **CONTEXT).token
        with pytest.raises(RefusedError):
            await ww.sealed.redeem(token, effect=partial(capture, fails=True), **CONTEXT)
        await ww.sealed.redeem(token, effect=partial(capture, fails=False), **CONTEXT)
        assert outside.execute("SELECT count(*) FROM captures").fetchone() == (1,)
        outside.close()


# stopping one


async def test_a_voided_one_neither_opens_nor_redeems(ww: Watchword) -> None:
    token = ww.sealed.seal(ORDER, **CONTEXT).token
    with pytest.raises(SealError):
        await ww.sealed.void(token, purpose="payment", bound_to="user-8")
    assert await ww.sealed.void(token, **CONTEXT) is True
    with pytest.raises(TokenRevokedError):
        ww.sealed.open(token, **CONTEXT)
    for more in WITHOUT_AND_WITH_KEY:
        with pytest.raises(TokenRevokedError):
            await ww.sealed.redeem(token, **CONTEXT, **more)
    assert await ww.sealed.void(token, **CONTEXT) is False
    spent = ww.sealed.seal(ORDER, **CONTEXT).token
    await ww.sealed.redeem(spent, **CONTEXT)
    assert await ww.sealed.void(spent, **CONTEXT) is False
    assert ww.sealed.open(spent, **CONTEXT) == ORDER


async def test_a_void_that_is_cut_short_is_whole_or_has_not_happened(
    ww: Watchword, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The row and the fact are one: whoever asks again after a failure must not be told that it is too late."""
    token = ww.sealed.seal(ORDER, **CONTEXT).token

    async def down(*_: object, **__: object) -> int:
        raise StoreUnavailableError

    with monkeypatch.context() as patch, contextlib.suppress(StoreUnavailableError):
        patch.setattr(ww.store, "append", down)
        await ww.sealed.void(token, **CONTEXT)
    with contextlib.suppress(TokenRevokedError):
        await ww.sealed.void(token, **CONTEXT)
    with pytest.raises(TokenRevokedError):
        ww.sealed.open(token, **CONTEXT)


async def test_nobody_spends_anothers_token_with_one_of_the_same_id(clock: FrozenClock) -> None:
    """What a public key seals, anybody may have sealed, with an id that stood in a log."""
    store = MemoryStore()
    store.open_blocking()
    ring = KeyRing.generate("ECDH-ES+A256KW", clock=clock)
    sealed = SealedTokens(ring, store=store)
    issued = sealed.seal(ORDER, **CONTEXT)
    claims = {"jti": issued.token_id, "iat": NOW, "exp": NOW + 60, "data": {}}
    mine = CONTEXT | {"bound_to": "user-8"}
    form = make_sealed_format("jwe", ring, typ="sealed+jwt")
    forged = form.issue(claims, assertion=sealed._assertion("payment", "user-8", None))
    assert await sealed.redeem(forged, **mine) == {}
    assert await sealed.redeem(issued.token, **CONTEXT) == ORDER
    for token, context in ((forged, mine), (issued.token, CONTEXT)):
        with pytest.raises(TokenConsumedError):
            await sealed.redeem(token, **context)


@pytest.mark.parametrize("key", ["", "k" * 256, "a\nb", "\ud800", 7])
async def test_an_idempotency_key_comes_from_a_caller_who_may_send_anything(sealed: SealedTokens, key: Any) -> None:
    token = sealed.seal(ORDER, **CONTEXT).token
    with pytest.raises(BadRequestError, match="idempotency key"):
        await sealed.redeem(token, idempotency_key=key, **CONTEXT)
    assert await sealed.redeem(token, **CONTEXT) == ORDER


async def test_a_redeem_elsewhere_hears_of_a_void_before_its_view_does(ww: Watchword) -> None:
    deaf = SealedTokens(ww.ring, store=ww.store, audience="https://api.test", issuer="https://as.test")
    token = ww.sealed.seal(ORDER, **CONTEXT).token
    await ww.sealed.void(token, **CONTEXT)
    with pytest.raises(TokenConsumedError):
        await deaf.redeem(token, **CONTEXT)


@pytest.mark.parametrize("what", [{"subject": "user-7"}, {"everything": True}, {"key": "the key"}])
async def test_it_falls_with_its_user_its_key_and_everything(ww: Watchword, what: dict[str, Any]) -> None:
    token = ww.sealed.seal(ORDER, **CONTEXT).token
    if "key" in what:
        what = {"key": ww.ring.active("seal").kid}
    await ww.revoke(**what)
    with pytest.raises(TokenRevokedError):
        ww.sealed.open(token, **CONTEXT)
    with pytest.raises(TokenRevokedError):
        await ww.sealed.redeem(token, **CONTEXT)
    if "key" not in what:
        assert ww.sealed.open(ww.sealed.seal(ORDER, **CONTEXT).token, **CONTEXT) == ORDER


async def test_a_stale_view_is_503(ww: Watchword, clock: FrozenClock) -> None:
    token = ww.sealed.seal(ORDER, **CONTEXT).token
    ww.view.pull = None
    clock.advance(6)
    with pytest.raises(StaleRevocationError):
        ww.sealed.open(token, **CONTEXT)
    with pytest.raises(StaleRevocationError):
        await ww.sealed.redeem(token, **CONTEXT)


async def test_before_opening_and_after_closing() -> None:
    ww = Watchword("memory:", issuer="https://as.test", audience="https://api.test")
    for verb in (lambda: ww.sealed.seal({}, **CONTEXT), lambda: ww.sealed.open("v4.local.AAAA", **CONTEXT)):
        with pytest.raises(ConfigurationError, match="open it first"):
            verb()


# one kind, not another


async def test_no_other_kind_opens_as_sealed_and_the_other_way_round(ww: Watchword) -> None:
    token = ww.sealed.seal(ORDER, **CONTEXT).token
    with pytest.raises(MalformedTokenError):
        ww.access.verify(token)
    for verb in (ww.sessions.authenticate, ww.opaque_access.authenticate, ww.refresh.authenticate):
        with pytest.raises(TokenError):
            await verb(token)
    others = [
        ww.access.issue("user-7").token,
        ww.access.issue("user-7", format="paseto").token,
        (await ww.sessions.start("user-7")).token,
        (await ww.refresh.issue("user-7", client_id="c")).token,
        (await ww.opaque_access.issue("user-7")).token,
    ]
    for other in others:
        with pytest.raises(TokenError):
            ww.sealed.open(other, **CONTEXT)


@pytest.mark.parametrize(("name", "algorithm"), [("paseto", "v4.local"), ("jwe", "A256GCM")])
def test_another_type_under_the_same_key_is_refused(name: str, algorithm: str, clock: FrozenClock) -> None:
    ring = KeyRing.generate(algorithm, clock=clock)
    sealed = SealedTokens(ring)
    assertion = sealed._assertion("payment", "user-7", None)
    for typ in ("at+jwt", "service+jwt", ""):
        token = make_sealed_format(name, ring, typ=typ).issue(GOOD, assertion=assertion)
        with pytest.raises(WrongTypeError):
            sealed.open(token, **CONTEXT)
    with pytest.raises(SealError):
        sealed.open(make_sealed_format(name, ring, typ="sealed+jwt").issue(GOOD), **CONTEXT)


@pytest.mark.parametrize("own", ["v4.local", "v3.local", "A256GCM"])
def test_a_public_key_on_the_ring_lets_nobody_else_seal(own: str, clock: FrozenClock) -> None:
    """Its public half stands in the JWKS: what it seals was sealed by anybody. A secret key on the ring says: by us."""
    ring = KeyRing.generate(own, "ECDH-ES+A256KW", clock=clock)
    [published] = ring.jwks()["keys"]
    forged = SealedTokens(KeyRing.of(Key.from_jwk(published), clock=clock)).seal(ORDER, **CONTEXT).token
    with pytest.raises(AlgorithmError):
        SealedTokens(ring).open(forged, **CONTEXT)
    assert SealedTokens(ring).open(SealedTokens(ring).seal(ORDER, **CONTEXT).token, **CONTEXT) == ORDER
