"""Hostile tokens against what a verifier knows: revocations (H-65, H-66), its memory, what may be a key (T2, T28)."""

import tracemalloc
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from tests.hostile import rows
from tests.hostile.headers import public_forms
from tests.hostile.rows import AUDIENCE, CLAIMS, ED, ES, ISSUER, NOW, PUB, RS, jwt, pas, ring, verifier
from tests.hostile.signatures import N, scalars, signature_of
from watchword.clock import FrozenClock
from watchword.crypto.material import raw_public, write_pem
from watchword.encoding import MAX_TOKEN, b64url
from watchword.errors import (
    AlgorithmError,
    ConfigurationError,
    KeyUseError,
    MalformedTokenError,
    SealError,
    StaleRevocationError,
    TokenError,
    TokenRevokedError,
    WatchwordError,
    WeakKeyError,
)
from watchword.formats import paseto
from watchword.keys.key import Key
from watchword.keys.ring import KeyRing, Slot
from watchword.revocation.view import View
from watchword.stores.base import Event, Feed
from watchword.tokens.access import AccessTokens


class Told:
    """A verifier with a view that hears what it is told."""

    def __init__(self) -> None:
        self.clock = FrozenClock(NOW)
        self.view = View(clock=self.clock, max_staleness=timedelta(seconds=5))
        self.ring = ring("main", self.clock)
        self.access = AccessTokens(self.ring, issuer=ISSUER, audience=AUDIENCE, view=self.view)
        self.heard = 0
        self.hear()

    def hear(self, *facts: tuple[str, str]) -> None:
        after, self.heard = self.heard, self.heard + len(facts)
        events = [
            Event(what=what, value=value, at=NOW, until=NOW + 3600, seq=after + number)
            for number, (what, value) in enumerate(facts, 1)
        ]
        answer = Feed(epoch="e1", head=self.heard, events=events)
        assert self.view.hear(answer, asked_after=after, sent_at=self.clock.monotonic())


def twin(token: str) -> str:
    """The other ES256 signature that fits the same token: (r, n - s)."""
    raw = signature_of(token)
    r, s = int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")
    return rows.with_signature(token, scalars(r, N - s))


def test_h65_a_revoked_token_and_its_twin() -> None:
    told = Told()
    token = jwt(key=ES)
    assert told.access.verify(token) == told.access.verify(twin(token))
    told.hear(("token", CLAIMS["jti"]))
    for one in (token, twin(token), pas(), jwt()):
        rows.forget_calls()
        with pytest.raises(TokenRevokedError) as caught:
            told.access.verify(one)
        assert (type(caught.value), caught.value.reason, caught.value.stage) == (
            TokenRevokedError,
            "revoked",
            "revocation",
        )
        assert rows.crypto_calls() == (0 if one in (token, twin(token)) else 1)
    fresh = Told()
    fresh.hear(("token", CLAIMS["jti"]))
    for one in (twin(token), token):
        rows.forget_calls()
        with pytest.raises(TokenRevokedError):
            fresh.access.verify(one)
        assert rows.crypto_calls() == 1


@pytest.mark.parametrize("seen", [False, True])
@pytest.mark.parametrize("make", [jwt, pas])
@pytest.mark.parametrize(
    ("fact", "claims"),
    [
        (("token", CLAIMS["jti"]), {}),
        (("session", "s-1"), {"sid": "s-1"}),
        (("family", "f-1"), {"fam": "f-1"}),
        (("key", "the key's"), {}),
        (("subject", "user-7"), {}),
        (("subject", "user-7"), {"rev": "e1.0"}),
        (("subject", "user-7"), {"rev": "e0.9"}),
        (("subject", "user-7"), {"rev": "e1.\u0662"}),
        (("subject", "user-7"), {"rev": "9"}),
        (("client", "first-party"), {}),
        (("everything", ""), {}),
    ],
)
def test_h65_whatever_stops_it(make: Any, fact: tuple[str, str], claims: dict[str, Any], seen: bool) -> None:
    told, token = Told(), make(claims)
    if seen:
        told.access.verify(token)
    what, value = fact
    told.hear((what, (ED if make is jwt else PUB).kid if what == "key" else value))
    with pytest.raises(TokenRevokedError):
        told.access.verify(token)


def test_a_token_issued_after_the_cut_lives() -> None:
    told = Told()
    told.hear(("subject", "user-7"), ("client", "first-party"), ("everything", ""))
    for make in (jwt, pas):
        assert told.access.verify(make({"rev": "e1.3"})).rev == "e1.3"


@pytest.mark.parametrize("seen", [False, True])
@pytest.mark.parametrize("make", [jwt, pas])
def test_h66_a_stale_lease(make: Any, seen: bool) -> None:
    """503 and never 401: the token may be good."""
    told, token = Told(), make({"exp": NOW + 300})
    if seen:
        told.access.verify(token)
    told.clock.advance(4.999)
    told.access.verify(make({"jti": "another"}))
    told.clock.advance(0.001)
    with pytest.raises(StaleRevocationError) as caught:
        told.access.verify(token)
    error = caught.value
    assert not isinstance(error, TokenError)
    assert (error.status, error.reason, error.public) == (503, "stale_revocation_state", "temporarily_unavailable")
    with pytest.raises(MalformedTokenError):
        told.access.verify("x")
    told.hear()
    assert told.access.verify(token).subject == "user-7"


def test_h54_a_key_that_leaves_takes_its_tokens_along() -> None:
    """Also those that were seen, and those whose header was vouched for."""
    for leave in (KeyRing.retire, _drop):
        for key, make in ((ED, jwt), (PUB, pas)):
            told = Told()
            token = make()
            told.access.verify(token)
            leave(told.ring, key.kid)
            for one in (token, make({"jti": "unseen"})):
                rows.forget_calls()
                with pytest.raises(TokenError) as caught:
                    told.access.verify(one)
                assert (caught.value.reason, rows.crypto_calls()) == ("key_not_found", 0)


def _drop(from_ring: KeyRing, kid: str) -> None:
    from_ring.adopt([slot for slot in from_ring if slot.key.kid != kid])


def test_a_seen_token_ends_in_time() -> None:
    for make in (jwt, pas):
        told, token = Told(), make({"exp": NOW + 3})
        told.access.verify(token)
        told.clock.advance(2)
        told.access.verify(token)
        told.clock.advance(1)
        with pytest.raises(TokenError) as caught:
            told.access.verify(token)
        assert caught.value.reason == "expired"


@pytest.mark.parametrize("start", ["eyJ", "v4.public.", "x", "eyJ\u00e9", ""])
@pytest.mark.parametrize("form", ["str", "bytes"])
def test_h49_a_hundred_megabytes_are_not_even_copied(start: str, form: str) -> None:
    access = verifier()
    token: Any = start + "A" * 100_000_000
    if form == "bytes":
        token = token.encode()
    tracemalloc.start()
    try:
        with pytest.raises(MalformedTokenError):
            access.verify(token)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 100_000


@pytest.mark.parametrize("untrusted", [None, 1, 1.5, True, [], {}, (), bytearray(b"eyJ"), memoryview(b"eyJ"), object()])
def test_h01_what_is_no_text_at_all(untrusted: Any) -> None:
    with pytest.raises(MalformedTokenError, match="a token is str or bytes"):
        verifier().verify(untrusted)


def test_a_text_of_a_subclass_is_text() -> None:
    class Text(str):
        __slots__ = ()

    assert verifier().verify(Text(jwt())).subject == "user-7"


def test_strangers_fill_no_memory() -> None:
    """I18: only a good signature is remembered, and never more of them than there is room for."""
    access = verifier()
    for number in range(300):
        for make in (jwt, pas):
            with pytest.raises(TokenError):
                access.verify(make({"jti": str(number)}, {"x5t": str(number)})[:-6] + "AAAAAA")
    assert len(access._seen) == 0
    assert [len(form._vouched._known) for form in access._formats] == [0, 0]  # type: ignore[attr-defined]
    for number in range(300):
        access.verify(jwt({"jti": str(number)}, {"x5t": str(number)}))
    assert 0 < len(access._formats[0]._vouched._known) <= 256  # type: ignore[attr-defined]
    assert len(access._seen) == 300


# T2, T4, T28: what may be a key at all


@pytest.mark.parametrize("key", [ED, ES, RS], ids=lambda key: key.algorithm.name)
def test_t2_no_form_of_a_public_key_is_a_key(key: Key) -> None:
    for form in public_forms(key).values():
        for text in (form, form.decode("latin-1")):
            wrong: Any = text
            for use in (KeyRing.of, lambda one: Slot(one, announced_at=0, activates_at=0)):
                with pytest.raises(KeyUseError, match="never keys"):
                    use(wrong)
            with pytest.raises(WatchwordError):
                Key.from_pem(wrong, algorithm="HS256")
            with pytest.raises(WatchwordError):
                Key.from_paserk(wrong)
            with pytest.raises(WatchwordError):
                Key.from_jwk(wrong)


def test_t2_a_public_key_is_never_an_hmac_secret() -> None:
    for key in (ED, ES, RS):
        with pytest.raises(ConfigurationError):
            Key.from_jwk(key.public().to_jwk() | {"alg": "HS256"})
        with pytest.raises(ConfigurationError):
            Key.from_pem(key.public().to_pem(), algorithm="HS256")


@pytest.mark.parametrize("curve", [ec.SECP384R1(), ec.SECP521R1(), ec.SECP256K1()], ids=lambda curve: curve.name)
def test_t4_no_other_curve_for_es256(curve: ec.EllipticCurve) -> None:
    private = ec.generate_private_key(curve)
    for pem in (write_pem(private, private.public_key(), None), write_pem(None, private.public_key(), None)):
        with pytest.raises(KeyUseError):
            Key.from_pem(pem, algorithm="ES256")


@pytest.mark.parametrize("crv", ["P-384", "P-521", "secp256k1", "Ed25519", "", None, 256])
def test_t4_no_other_crv_in_a_jwk(crv: Any) -> None:
    with pytest.raises(ConfigurationError):
        Key.from_jwk(ES.public().to_jwk() | {"crv": crv})


def test_t28_one_key_one_version_one_purpose() -> None:
    local = Key.generate("v4.local")
    sealed, signed = paseto.encrypt(b"{}", local), paseto.sign(b"{}", PUB)
    for key in (PUB, ED, ES, Key.generate("HS256")):
        with pytest.raises(AlgorithmError):
            paseto.decrypt(sealed, key)
        with pytest.raises(AlgorithmError):
            paseto.encrypt(b"{}", key)
    for key in (local, ED, ES, Key.generate("HS256")):
        with pytest.raises(AlgorithmError):
            paseto.verify(signed, key)
        with pytest.raises(AlgorithmError):
            paseto.sign(b"{}", key)
    for wrong in (local.secret_bytes(), local.to_paserk(private=True), raw_public(PUB._public), None):
        verbs: list[tuple[Any, Any]] = [(paseto.decrypt, sealed), (paseto.verify, signed)]
        for use, content in [*verbs, (paseto.encrypt, b"{}"), (paseto.sign, b"{}")]:
            with pytest.raises(KeyUseError, match="never keys"):
                use(content, wrong)


@pytest.mark.parametrize("version", ["k1", "k2", "k3", "k5", "K4", "v4"])
@pytest.mark.parametrize("kind", ["local", "secret", "public"])
def test_t28_no_paserk_of_another_version(version: str, kind: str) -> None:
    key = Key.generate("v4.local") if kind == "local" else Key.generate("v4.public")
    text = key.to_paserk(private=kind != "public")
    assert Key.from_paserk(text) == (key.public() if kind == "public" else key)
    with pytest.raises(ConfigurationError):
        Key.from_paserk(version + text[2:], algorithm=key.algorithm.name)


def test_h59_public_bytes_as_a_local_key_open_nothing() -> None:
    token = paseto.encrypt(b"{}", Key.generate("v4.local"))
    confused = Key.from_paserk(f"k4.local.{b64url(raw_public(PUB._public))}")
    with pytest.raises(SealError):
        paseto.decrypt(token, confused)


def test_h52_no_key_of_small_order() -> None:
    for y in (0, 1, 2**255 - 20):
        with pytest.raises(WeakKeyError):
            Key.from_paserk(f"k4.public.{b64url(y.to_bytes(32, 'little'))}")


def test_what_we_issue_is_never_larger_than_what_we_read() -> None:
    access = verifier()
    for format in ("jwt", "paseto"):
        with pytest.raises(ConfigurationError):
            access.issue("user-7", claims={"x": "x" * 4090, "y": "y" * 3000}, format=format)
        longest = access.issue("user-7", claims={"x": "x" * 4000}, format=format).token
        assert len(longest) <= MAX_TOKEN
        assert access.verify(longest).subject == "user-7"
