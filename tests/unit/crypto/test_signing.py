"""Signatures: both roads of Ed25519 agree, HMAC is HMAC, r‖s is DER and back, and comparing takes no shortcuts."""

import hmac
import random
from collections.abc import Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.unit.crypto import edwards
from tests.unit.crypto.edwards import BASE, NEUTRAL, SMALL_ORDER, TORSION, L, P, encoded, signature, times
from watchword.crypto import points, signing
from watchword.crypto.algorithms import ALGORITHMS
from watchword.encoding import b64url
from watchword.errors import SignatureError, WeakKeyError
from watchword.keys.key import Key

SEED = bytes(range(32))
MESSAGE = b"message"
PRIVATE = Ed25519PrivateKey.from_private_bytes(SEED)
GOOD = PRIVATE.sign(MESSAGE)
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


CALM = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


def check_ed25519_point(raw: bytes) -> None:
    if len(raw) != 32:
        raise WeakKeyError
    points.check_ed25519(Ed25519PublicKey.from_public_bytes(raw))


def accepts(verify: signing.Verify, sig: bytes, message: bytes = MESSAGE) -> bool:
    try:
        verify(sig, message)
    except SignatureError:
        return False
    return True


# Ed25519: libsodium and OpenSSL


@pytest.fixture(params=["libsodium", "OpenSSL"])
def road(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Either road, chosen as it is where PyNaCl is there or not."""
    assert vars(signing)["crypto_sign"] is not None, "the [fast] extra is part of [dev]"
    name: str = request.param
    if name == "OpenSSL":
        monkeypatch.setattr(signing, "crypto_sign", None)
    return name


def test_the_arithmetic_of_these_tests_is_right() -> None:
    public = PRIVATE.public_key().public_bytes_raw()
    assert encoded(times(edwards.scalar_of(SEED), BASE)) == public
    assert times(L, BASE) == times(8, TORSION) == NEUTRAL
    assert len(set(SMALL_ORDER)) == 8
    PRIVATE.public_key().verify(signature(SEED, MESSAGE, nonce=5), MESSAGE)


def test_both_roads_sign_alike(road: str) -> None:
    assert signing.ed25519_signer(PRIVATE)(MESSAGE) == GOOD
    assert signing.ed25519_signer(PRIVATE)(b"") == PRIVATE.sign(b"")


def test_a_good_signature(road: str) -> None:
    verify = signing.ed25519_verifier(PRIVATE.public_key())
    assert accepts(verify, GOOD)
    assert accepts(verify, signature(SEED, MESSAGE, nonce=7))
    assert not accepts(verify, GOOD, MESSAGE + b"\0")
    assert not accepts(verify, GOOD, b"")


def test_nothing_crosses_from_the_message_to_the_signature(road: str) -> None:
    """libsodium is handed both in one piece: 64 bytes are the signature, whatever the caller took for it."""
    verify, whole = signing.ed25519_verifier(PRIVATE.public_key()), GOOD + MESSAGE
    for where in range(len(whole) + 1):
        assert accepts(verify, whole[:where], whole[where:]) is (where == 64)


def odd_signatures() -> Iterator[tuple[str, bytes]]:
    s = int.from_bytes(GOOD[32:], "little")
    yield "empty", b""
    yield "32 bytes", GOOD[:32]
    yield "63 bytes", GOOD[:63]
    yield "65 bytes", GOOD + b"\0"
    yield "128 bytes", GOOD + GOOD
    yield "zeros", bytes(64)
    yield "S + L", GOOD[:32] + (s + L).to_bytes(32, "little")
    yield "S + 8 L", GOOD[:32] + (s + 8 * L).to_bytes(32, "little")
    yield "S = L", GOOD[:32] + L.to_bytes(32, "little")
    yield "top bit", GOOD[:63] + bytes((GOOD[63] | 0x80,))
    for number, point in enumerate(SMALL_ORDER):
        yield f"R of small order {number}", signature(SEED, MESSAGE, nonce=0, add_to_r=point)
        if number:
            yield f"R with torsion {number}", signature(SEED, MESSAGE, nonce=9, add_to_r=point)
    for y in (P, P + 1):
        for sign in (0, 1):
            r = (y | sign << 255).to_bytes(32, "little")
            yield f"R not canonical {y - P} {sign}", r + signature(SEED, MESSAGE, nonce=0)[32:]
    for bit in range(0, 512, 7):
        flipped = bytearray(GOOD)
        flipped[bit // 8] ^= 1 << bit % 8
        yield f"bit {bit}", bytes(flipped)


@pytest.mark.parametrize("odd", [pytest.param(sig, id=name) for name, sig in odd_signatures()])
def test_odd_signatures_are_refused(road: str, odd: bytes) -> None:
    assert not accepts(signing.ed25519_verifier(PRIVATE.public_key()), odd)


@CALM
@given(st.binary(min_size=60, max_size=68) | st.just(GOOD), st.binary(max_size=80) | st.just(MESSAGE))
@example(GOOD, MESSAGE)
def test_both_roads_agree_on_anything(sig: bytes, message: bytes) -> None:
    public = PRIVATE.public_key()
    roads = (signing.ed25519_verifier(public), signing._openssl_ed25519_verifier(public))
    assert len({accepts(verify, sig, message) for verify in roads}) == 1


def test_both_roads_agree_under_a_key_with_torsion() -> None:
    """Such a key is not of small order, so it can be made; its holder's signatures hold or fail on both roads alike."""
    for torsion in SMALL_ORDER[1:]:
        raw = encoded(edwards.add(times(edwards.scalar_of(SEED), BASE), torsion))
        public = Ed25519PublicKey.from_public_bytes(raw)
        roads = (signing.ed25519_verifier(public), signing._openssl_ed25519_verifier(public))
        for number in range(8):
            message = b"%d" % number
            for nonce, r_torsion in ((3, NEUTRAL), (3, torsion), (0, NEUTRAL), (0, torsion)):
                sig = signature(SEED, message, nonce=nonce, add_to_r=r_torsion, public=raw)
                assert len({accepts(verify, sig, message) for verify in roads}) == 1


@pytest.mark.parametrize("sign", [0, 1])
@pytest.mark.parametrize("y", [*sorted({point[1] for point in SMALL_ORDER}), P, P + 1, 2, 2**255 - 1])
def test_points_that_make_no_key(y: int, sign: int) -> None:
    raw = (y | sign << 255).to_bytes(32, "little")
    assert edwards.point_at(y % P) is None or y >= P or edwards.times(8, edwards.point_at(y) or NEUTRAL) == NEUTRAL
    with pytest.raises(WeakKeyError):
        check_ed25519_point(raw)
    with pytest.raises(WeakKeyError):
        Key.from_jwk({"kty": "OKP", "crv": "Ed25519", "x": b64url(raw)}, algorithm="Ed25519")
    with pytest.raises(WeakKeyError):
        Key.from_paserk(f"k4.public.{b64url(raw)}")


@pytest.mark.parametrize("length", [0, 31, 33, 64])
def test_a_point_has_32_bytes(length: int) -> None:
    with pytest.raises(WeakKeyError):
        check_ed25519_point(bytes((9,)) + bytes(length - 1) if length else b"")


def test_points_of_the_curve_make_keys() -> None:
    found = [y for y in range(3, 60) if edwards.point_at(y) is not None]
    assert 15 < len(found) < 45
    for y in range(3, 60):
        raw = y.to_bytes(32, "little")
        if y in found:
            check_ed25519_point(raw)
        else:
            with pytest.raises(WeakKeyError):
                check_ed25519_point(raw)


# ES256: r‖s and DER

EDGES = (
    0,
    1,
    127,
    128,
    255,
    256,
    2**127,
    2**128 - 1,
    2**247,
    2**248 - 1,
    2**255 - 1,
    2**255,
    N - 1,
    N,
    N + 1,
    2**256 - 1,
)
NUMBERS = st.sampled_from(EDGES) | st.integers(0, 2**256 - 1) | st.integers(0, 255).map(lambda bits: 2**bits)


@CALM
@given(NUMBERS, NUMBERS)
def test_der_is_that_of_openssl(r: int, s: int) -> None:
    raw = r.to_bytes(32, "big") + s.to_bytes(32, "big")
    der = signing.der_of(raw, 32)
    assert der == encode_dss_signature(r, s)
    assert decode_dss_signature(der) == (r, s)
    assert signing.raw_of(der, 32) == raw


def test_der_at_all_pairs_of_edges() -> None:
    for r in EDGES:
        for s in EDGES:
            raw = r.to_bytes(32, "big") + s.to_bytes(32, "big")
            assert signing.der_of(raw, 32) == encode_dss_signature(r, s)
            assert signing.raw_of(encode_dss_signature(r, s), 32) == raw


@pytest.mark.parametrize("size", [32, 48, 66])
def test_the_usual_fronts_are_those_of_the_whole_der(size: int) -> None:
    fronts = signing._usual_fronts(size)
    for r in (1, 0x7F, 0x80, 0xFF):
        for s in (1, 0x7F, 0x80, 0xFF):
            raw = bytes((r,)) + bytes(size - 1) + bytes((s,)) + bytes(size - 1)
            front, middle = fronts[2 * (r >> 7) + (s >> 7)]
            assert front + raw[:size] + middle + raw[size:] == signing.der_of(raw, size)


@pytest.mark.parametrize("length", [0, 1, 32, 63, 65, 66, 70, 72, 96, 128])
def test_an_es256_signature_has_64_bytes(length: int) -> None:
    verify = signing.ecdsa_verifier(ec.generate_private_key(ec.SECP256R1()).public_key(), SHA256(), 32)
    with pytest.raises(SignatureError):
        verify(b"\1" * length, MESSAGE)


def test_es256_signatures_verify_elsewhere() -> None:
    """200 of them, so that short numbers come up; the other way round as well."""
    private = ec.generate_private_key(ec.SECP256R1())
    sign, verify, scheme = (
        signing.ecdsa_signer(private, SHA256(), 32),
        signing.ecdsa_verifier(private.public_key(), SHA256(), 32),
        ec.ECDSA(SHA256()),
    )
    for number in range(200):
        message = b"%d" % number
        raw = sign(message)
        assert len(raw) == 64
        r, s = int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")
        private.public_key().verify(encode_dss_signature(r, s), message, scheme)
        verify(signing.raw_of(private.sign(message, scheme), 32), message)
        verify(raw[:32] + (N - s).to_bytes(32, "big"), message)  # malleable: revoke by jti
        assert not accepts(verify, raw[32:] + raw[:32], message)


# HS256


@CALM
@given(st.binary(min_size=1, max_size=200), st.binary(max_size=300))
@example(bytes(64), b"")
@example(bytes(65), b"")
@example(b"k" * 63, b"m" * 64)
def test_hs256_is_hmac_sha_256(secret: bytes, message: bytes) -> None:
    tag = signing.hmac_signer(secret, "sha256")(message)
    assert tag == hmac.digest(secret, message, "sha256")
    signing.hmac_verifier(secret, "sha256")(tag, message)


def test_hs256_states_are_not_used_up() -> None:
    sign = signing.hmac_signer(b"k" * 32, "sha256")
    assert [sign(b"a"), sign(b"b"), sign(b"a")] == [hmac.digest(b"k" * 32, m, "sha256") for m in (b"a", b"b", b"a")]


@pytest.mark.parametrize("cut", [0, 1, 16, 31])
def test_hs256_takes_whole_tags_alone(cut: int) -> None:
    tag = signing.hmac_signer(b"k" * 32, "sha256")(MESSAGE)
    for wrong in (tag[:cut], tag + b"\0", tag + tag):
        with pytest.raises(SignatureError):
            signing.hmac_verifier(b"k" * 32, "sha256")(wrong, MESSAGE)


def test_hs256_compares_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """T20: it is `hmac.compare_digest` that decides, and nothing else looks at the tag."""
    compared: list[tuple[bytes, bytes]] = []

    def spy(one: bytes, other: bytes) -> bool:
        compared.append((one, other))
        return True

    monkeypatch.setattr(signing, "compare_digest", spy)
    signing.hmac_verifier(b"k" * 32, "sha256")(b"wrong", MESSAGE)
    assert compared == [(hmac.digest(b"k" * 32, MESSAGE, "sha256"), b"wrong")]


# all of them

KEYS = [Key.generate(name) for name in ("ES256", "Ed25519", "HS256", "v4.public")]


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key.algorithm.name)
@CALM
@given(data=st.data())
def test_any_bytes_are_a_signature_error(key: Key, data: Any) -> None:
    sig, message = data.draw(st.binary(max_size=100)), data.draw(st.binary(max_size=100))
    with pytest.raises(SignatureError):
        key.verify(sig, message)


def test_every_signing_algorithm_has_both_halves() -> None:
    for row in ALGORITHMS.values():
        assert (row.signer is None) is (row.verifier is None) is ("sign" not in row.uses)


def test_random_messages_of_all_lengths() -> None:
    draw = random.Random(20261122)
    for key in KEYS:
        for length in (0, 1, 55, 56, 63, 64, 65, 127, 128, 8192):
            message = draw.randbytes(length)
            key.verify(key.sign(message), message)
