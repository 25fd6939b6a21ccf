"""T1 to T27: hostile JOSE; the class, reason and stage of every refusal, and nothing else ever raised."""

import json
from base64 import b64encode
from contextlib import suppress
from os import urandom
from time import perf_counter
from typing import Any, Final

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.hostile.jose_rows import (
    BODY,
    CLAIMS,
    CLOCK,
    DIR,
    DOORS,
    EC,
    ED,
    ES,
    GCMKW,
    HS,
    KW,
    OPENING,
    PASSWORD,
    ROWS,
    RSA,
    SIGNING,
    Row,
    deflated,
    head,
    jwe_door,
    open_door,
    resealed,
    sealed_with,
    signed,
)
from watchword.crypto import key_management
from watchword.crypto.algorithms import ALGORITHMS
from watchword.crypto.content import CONTENTS
from watchword.encoding import b64url, dump_json, unb64url
from watchword.errors import (
    AlgorithmError,
    ConfigurationError,
    KeyUseError,
    MalformedTokenError,
    SealError,
    SignatureError,
    Stage,
    TokenError,
    UnknownKeyError,
    WeakKeyError,
    WrongTypeError,
)
from watchword.formats import jwe, jws
from watchword.formats.jwt import Jwt
from watchword.insecure import DEFLATE, PBES2, RSA1_5
from watchword.keys.jwks import read_set
from watchword.keys.key import Key
from watchword.keys.ring import KeyRing


@pytest.mark.parametrize("row", [pytest.param(row, id=f"{row.id} {row.what}"[:70]) for row in ROWS])
def test_refused(row: Row) -> None:
    started = perf_counter()
    with pytest.raises(TokenError) as caught:
        row.door(row.token)
    elapsed = perf_counter() - started
    assert type(caught.value) is row.error, caught.value
    assert row.reason in ("", caught.value.reason)
    assert caught.value.stage in (Stage.PARSE, Stage.KEY, Stage.VERIFY)
    assert elapsed < 0.5


def test_t2_a_public_key_is_no_secret() -> None:
    public = ES._public
    der = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    pem = ES.public().to_pem()
    ssh = public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    forms = [pem, pem.strip(), pem.replace(b"\n", b"\r\n"), b"  " + pem, der, ssh, b64encode(der)]
    forms += [json.dumps(ES.to_jwk()).encode(), public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)]
    for form in forms:
        forged = Key.from_jwk({"kty": "oct", "k": b64url(form), "alg": "HS256", "kid": ES.kid})
        with pytest.raises(AlgorithmError):
            jws.verify(signed(head(forged), key=forged), SIGNING)
        with pytest.raises(KeyUseError):
            KeyRing.of(form)


def test_t3_what_may_be_the_algorithm_of_a_direct_key() -> None:
    assert jwe.decrypt(jwe.encrypt(b"x", DIR), OPENING) == b"x"
    for name, content in CONTENTS.items():
        jwk = {"kty": "oct", "k": b64url(bytes(range(content.key_size))), "alg": name, "use": "enc"}
        key = Key.from_jwk(jwk)
        assert jwe.decrypt(jwe.encrypt(b"x", key), KeyRing.of(key)) == b"x"


def test_t4_keys_on_another_curve() -> None:
    for curve, algorithm in (("ES384", "ES256"), ("ES256", "ES512"), ("ES256", "ES256K"), ("ES256K", "ES256")):
        jwk = Key.generate(curve).to_jwk() | {"alg": algorithm}
        with pytest.raises(KeyUseError):
            Key.from_jwk(jwk)
    with pytest.raises(KeyUseError):
        Key.from_jwk(Key.generate("ES256K").to_jwk() | {"alg": "ECDH-ES", "use": "enc"})


def test_t6_the_twin_of_a_signature_is_the_same_token_by_jti() -> None:
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    token = signed(head())
    first, _, proof = token.rpartition(".")
    raw = unb64url(proof.encode())
    twin = raw[:32] + (order - int.from_bytes(raw[32:], "big")).to_bytes(32, "big")
    assert jws.verify(f"{first}.{b64url(twin)}", SIGNING) == jws.verify(token, SIGNING)


def test_t8_weak_keys() -> None:
    for algorithm, size in (("HS256", 31), ("HS384", 47), ("HS512", 63), ("A256KW", 31), ("A128GCM", 17)):
        with pytest.raises(WeakKeyError):
            Key.from_jwk({"kty": "oct", "k": b64url(urandom(size)), "alg": algorithm})


def test_t11_nested_inside_out() -> None:
    ring = KeyRing.of(ES, clock=CLOCK)
    inner = Jwt(ring, "at+jwt")
    token = inner.issue(CLAIMS)
    found = jwe.decrypt_nested(jwe.encrypt(token.encode(), KW, cty="JWT"), OPENING, inner)
    assert found.claims == CLAIMS
    unsigned = f"{b64url(dump_json({'alg': 'none', 'typ': 'at+jwt'}))}.{BODY}.AA"
    forged = Jwt(KeyRing.of(Key.generate("ES256", kid=ES.kid)), "at+jwt").issue(CLAIMS)
    for plaintext, error in (
        (dump_json(CLAIMS), MalformedTokenError),
        (unsigned.encode(), AlgorithmError),
        (forged.encode(), SignatureError),
        (Jwt(ring, "id").issue(CLAIMS).encode(), WrongTypeError),
        (jwe.encrypt(token.encode(), KW).encode(), MalformedTokenError),
        (b"\xff", MalformedTokenError),
    ):
        with pytest.raises(error):
            jwe.decrypt_nested(jwe.encrypt(plaintext, KW, cty="JWT"), OPENING, inner)
    for cty in (None, "text/plain"):
        with pytest.raises(WrongTypeError):
            jwe.decrypt_nested(jwe.encrypt(token.encode(), KW, cty=cty), OPENING, inner)


def test_t14_there_is_no_unprotected_header() -> None:
    """Only a JSON serialization has one, and none is read: T12."""
    assert {row.error for row in ROWS if row.id == "T12" and "JSON" in row.what} == {MalformedTokenError}


def test_t20_outside_all_refusals_look_alike() -> None:
    assert {(row.error.status, row.error.public) for row in ROWS} == {(401, "invalid_token")}


def test_t21_rounds_are_refused_before_hashing(monkeypatch: pytest.MonkeyPatch) -> None:
    token = jwe.encrypt(b"x", PASSWORD, allow=[PBES2])
    assert open_door(token) == b"x"
    monkeypatch.setattr(key_management, "pbkdf2_hmac", lambda *_: pytest.fail("hashed"))
    with pytest.raises(MalformedTokenError):
        open_door(resealed(token, p2c=key_management.MOST_ROUNDS + 1))


def test_t22_up_to_the_limit_it_unfolds() -> None:
    header = {"alg": "dir", "enc": "A128GCM", "kid": DIR.kid, "zip": "DEF"}
    for text in (b"", b"abc", bytes(jwe.MAX_UNFOLDED)):
        token = sealed_with(header, DIR.secret_bytes(), plaintext=deflated(text))
        assert open_door(token) == text


def test_t25_rsa1_5_says_nothing_of_the_padding() -> None:
    key = Key.from_jwk(RSA.to_jwk(private=True) | {"alg": "RSA1_5"})
    ring = KeyRing.of(key)
    token = jwe.encrypt(b"x", key, allow=[RSA1_5])
    assert jwe.decrypt(token, ring, allow=[RSA1_5]) == b"x"
    parts = token.split(".")
    number = RSA._public.public_numbers()
    answers = set()
    for block in (
        b"\0\2" + b"\1" * 365 + b"\0" + bytes(16),
        b"\0\1" + b"\xff" * 382,
        b"\0\2" + b"\1" * 382,
        bytes(384),
    ):
        raw = pow(int.from_bytes(block, "big"), number.e, number.n).to_bytes(384, "big")
        with pytest.raises(SealError) as caught:
            jwe.decrypt(".".join((parts[0], b64url(raw), *parts[2:])), ring, allow=[RSA1_5])
        answers.add(repr(caught.value))
    assert answers == {repr(SealError())}
    for allow in ([], ["RSA1_5"], [PBES2, DEFLATE]):
        with pytest.raises(AlgorithmError):
            jwe.decrypt(token, ring, allow=allow)  # type: ignore[arg-type]  # text allows nothing
        with pytest.raises(KeyUseError):
            jwe.encrypt(b"x", key, allow=allow)  # type: ignore[arg-type]  # text allows nothing


def test_t25_a_key_that_does_not_come_out_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wrong or of the wrong size: the tag is looked at all the same."""
    looked: list[int] = []
    row = CONTENTS["A256GCM"]
    real = row._reveal

    def counted(*pieces: bytes) -> bytes:
        looked.append(len(pieces[0]))
        return real(*pieces)

    watched = type(row)(name=row.name, key_size=32, iv_size=12, hide=row.hide, _reveal=counted)
    monkeypatch.setitem(CONTENTS, "A256GCM", watched)
    for key in (KW, RSA):
        parts = jwe.encrypt(b"x", key).split(".")
        short = key._public.encrypt(bytes(16), _oaep()) if key is RSA else b""
        for encrypted in (urandom(40), short):
            with pytest.raises(SealError):
                jwe_door(".".join((parts[0], b64url(encrypted), *parts[2:])))
    assert looked == [32] * 4


def _oaep() -> Any:
    return OAEP(mgf=MGF1(SHA256()), algorithm=SHA256(), label=None)


def test_t26_t12_many_recipients_are_no_token() -> None:
    one = {"header": {"alg": "dir"}, "encrypted_key": ""}
    with pytest.raises(MalformedTokenError):
        jwe_door(json.dumps({"protected": "e30", "recipients": [one] * 3, "iv": "", "ciphertext": "", "tag": ""}))


def test_t27_a_nonce_is_never_used_twice() -> None:
    """100,000 encryptions under one key: of content, and of content keys; and as many content keys."""
    row, times = CONTENTS["A128GCM"], 100_000
    assert row.iv_size == 12
    assert len({jwe.encrypt(b"", DIR).split(".")[2] for _ in range(times)}) == times
    wrapped = [GCMKW.wrap(row) for _ in range(times)]
    assert len({one.header["iv"] for one in wrapped}) == times
    assert len({one.key for one in wrapped}) == times


def test_key_operations_are_kept_to() -> None:
    jwk = KW.to_jwk(private=True)
    only_wraps = Key.from_jwk(jwk | {"key_ops": ["wrapKey"]})
    assert jwe.encrypt(b"x", only_wraps)
    with pytest.raises(UnknownKeyError):
        jwe.decrypt(jwe.encrypt(b"x", KW), KeyRing.of(only_wraps))
    assert not Key.from_jwk(ES.to_jwk(private=True) | {"key_ops": ["verify"]}).can_sign
    assert Key.from_jwk(EC.to_jwk() | {"key_ops": []}).algorithm is EC.algorithm
    for member, value in (("use", "sig"), ("key_ops", ["sign"]), ("key_ops", ["wrapKey", "wrapKey"]), ("key_ops", "x")):
        with pytest.raises(KeyUseError):
            Key.from_jwk(jwk | {member: value})
    for key_ops in ([], ["encrypt"], ["deriveKey"]):
        with pytest.raises(KeyUseError):
            Key.from_jwk(ES.to_jwk() | {"key_ops": key_ops})


def test_public_sets_hold_public_keys() -> None:
    document = {
        "keys": [ES.to_jwk(), HS.to_jwk(private=True), ED.to_jwk(private=True), {"kty": "XYZ"}, 5, RSA.to_jwk()]
    }
    found = read_set(json.dumps(document))
    assert [key.kid for key in found.keys] == [ES.kid, RSA.kid]
    assert [reason.split(":")[0] for reason in found.skipped] == ["key 2", "key 3", "key 4", "key 5"]
    with pytest.raises(KeyUseError):
        read_set(document, secret=True)


GOOD: Final = (signed(head()), jwe.encrypt(b"x", KW), jwe.encrypt(b"x", EC), jwe.encrypt(b"x", GCMKW))


@settings(max_examples=400, deadline=None)
@given(
    st.text(max_size=200) | st.binary(max_size=200) | st.from_regex(r"[A-Za-z0-9_-]{0,40}(\.[A-Za-z0-9_-]{0,40}){2,4}")
)
def test_any_text_is_a_value_or_a_refusal(untrusted: object) -> None:
    for door in DOORS:
        try:
            door(untrusted)
        except TokenError:
            continue


MEMBERS: Final = ("kty", "crv", "x", "y", "d", "alg", "n", "e", "k", "pub")
JSON: Final = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.text(max_size=4) | st.sampled_from(MEMBERS), inner | st.sampled_from(["EC", "OKP"]), max_size=5
        )
    ),
    max_leaves=6,
)
NAMES: Final = ("alg", "enc", "kid", "typ", "cty", "crit", "b64", "zip", "epk", "apu", "apv", "iv", "tag", "p2s", "p2c")


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(GOOD), st.dictionaries(st.sampled_from(NAMES), JSON, max_size=4), st.integers(0, 5))
def test_any_header_is_a_value_or_a_refusal(token: str, changes: dict[str, Any], cut: int) -> None:
    changed = resealed(token, **changes)
    for untrusted in (changed, changed[: len(changed) - cut]):
        for door in DOORS:
            try:
                door(untrusted)
            except TokenError:
                continue


@settings(max_examples=400, deadline=None)
@given(
    st.dictionaries(st.sampled_from((*MEMBERS, "kid", "use", "key_ops")), JSON), st.sampled_from((*ALGORITHMS, None))
)
def test_any_jwk_is_a_key_or_a_refusal(jwk: dict[str, Any], algorithm: str) -> None:
    with suppress(ConfigurationError):
        Key.from_jwk(jwk, algorithm=algorithm)
    assert read_set({"keys": [jwk]}, secret=True)


def test_every_attack_has_its_row() -> None:
    named = {one for row in ROWS for one in row.id.split()}
    named |= {"T17", "T18", "T19"}  # test_jwt_profiles.py
    named |= {part.upper() for name in globals() if name.startswith("test_t") for part in name.split("_")[1:3]}
    assert {f"T{number}" for number in range(1, 28)} <= named
