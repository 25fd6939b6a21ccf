"""Key: material bound to one algorithm and one use; what cannot be one, what it never tells, how it is written."""

import pickle
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, rsa, x25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from watchword.crypto.algorithms import ALGORITHMS, JOSE_NAMES
from watchword.crypto.content import CONTENTS
from watchword.encoding import b64url, unb64url
from watchword.errors import ConfigurationError, KeyUseError, SignatureError, WeakKeyError
from watchword.keys.key import Key, kid_is_sound, row_of

ASYMMETRIC = ("ES256", "Ed25519", "v4.public")
SYMMETRIC = ("HS256", "v4.local")
KEYS = {name: Key.generate(name) for name in (*ASYMMETRIC, *SYMMETRIC, "RS256")}


def pem(private: Any, password: bytes | None = None, form: PrivateFormat = PrivateFormat.PKCS8) -> bytes:
    guard = BestAvailableEncryption(password) if password else NoEncryption()
    text: bytes = private.private_bytes(Encoding.PEM, form, guard)
    return text


def spki(private: Any) -> bytes:
    text: bytes = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return text


def test_none_is_no_algorithm() -> None:
    assert set(KEYS) <= set(ALGORITHMS)
    assert "none" not in {name.lower() for name in JOSE_NAMES}


@pytest.mark.parametrize("name", ["ES256", "Ed25519", "RS256", "HS256", "v4.public"])
def test_it_signs_and_verifies(name: str) -> None:
    key = KEYS[name]
    signature = key.sign(b"message")
    key.verify(signature, b"message")
    for wrong, message in (
        (signature, b"massage"),
        (signature[:-1], b"message"),
        (signature + b"\0", b"message"),
        (b"", b"message"),
    ):
        with pytest.raises(SignatureError):
            key.verify(wrong, message)
    with pytest.raises(SignatureError):
        Key.generate(name).verify(signature, b"message") if name != "RS256" else key.verify(signature[::-1], b"message")


@pytest.mark.parametrize("name", [*ASYMMETRIC, "RS256"])
def test_a_public_key_verifies_and_never_signs(name: str) -> None:
    public = KEYS[name].public()
    public.verify(KEYS[name].sign(b"m"), b"m")
    assert (public.can_sign, public.kid, public.use) == (False, KEYS[name].kid, "sign")
    assert public.public() == public != KEYS[name]
    for secret in (
        lambda: public.sign(b"m"),
        lambda: public.to_jwk(private=True),
        lambda: public.to_paserk(private=True),
    ):
        with pytest.raises(KeyUseError):
            secret()
    with pytest.raises(KeyUseError):
        public.secret_bytes()


@pytest.mark.parametrize("name", SYMMETRIC)
def test_a_symmetric_key_has_no_public_half(name: str) -> None:
    key = KEYS[name]
    for forbidden in (key.public, key.to_pem, key.to_jwk, key.to_paserk):
        with pytest.raises(KeyUseError):
            forbidden()
    assert len(key.secret_bytes()) == 32


def test_what_encrypts_does_not_sign() -> None:
    for use in (lambda: KEYS["v4.local"].sign(b""), lambda: KEYS["v4.local"].verify(b"", b"")):
        with pytest.raises(KeyUseError):
            use()


@pytest.mark.parametrize(
    ("name", "use", "good"),
    [
        ("HS256", "mac", True),
        ("HS256", "sign", True),
        ("HS256", "seal", False),
        ("ES256", "mac", False),
        ("Ed25519", "seal", False),
        ("v4.public", "mac", False),
        ("v4.local", "seal", True),
        ("v4.local", "sign", False),
        ("v4.local", "mac", False),
        ("ES256", "verify", False),
    ],
)
def test_one_use(name: str, use: str, good: bool) -> None:
    if good:
        assert Key.generate(name, use=use).use == use
    else:
        with pytest.raises(KeyUseError):
            Key.generate(name, use=use)


@pytest.mark.parametrize(
    "name", ["none", "", "HS1024", "es256", "EdDSA", "RS1", "v5.local", "v4.local ", None, 1, b"ES256", ["ES256"]]
)
def test_no_other_algorithm(name: Any) -> None:
    with pytest.raises(ConfigurationError, match="there are: "):
        Key.generate(name)
    with pytest.raises(ConfigurationError):
        Key.from_pem(KEYS["ES256"].to_pem(), algorithm=name)


@pytest.mark.parametrize(
    "kid", ["a", "k" * 128, "2011-04-29", "A.b_c~d-e", "bilbo.baggins@hobbiton.example", KEYS["v4.public"].kid]
)
def test_kids_that_are_sound(kid: str) -> None:
    assert kid_is_sound(kid)
    assert Key.generate("HS256", kid=kid).kid == kid


@pytest.mark.parametrize(
    "kid",
    ["", "k" * 129, "a b", "a/b", "../x", "a'b", "a\0", "a\n", "\u00e9", "a+b", "a=", "a:b", "$x", 1, b"a", ["a"]],
)
def test_kids_that_are_not(kid: Any) -> None:
    assert not kid_is_sound(kid)
    with pytest.raises(ConfigurationError):
        Key.generate("HS256", kid=kid)


def test_a_kid_of_its_own() -> None:
    for name in ASYMMETRIC:
        assert Key.from_pem(KEYS[name].to_pem(), algorithm=name).kid == KEYS[name].kid
    assert KEYS["v4.public"].kid.startswith("k4.pid.")
    assert KEYS["v4.local"].kid.startswith("k4.lid.")
    assert len(KEYS["ES256"].kid) == len(KEYS["Ed25519"].kid) == 43
    same = KEYS["HS256"].to_jwk(private=True)
    del same["kid"]
    assert (
        len({KEYS["HS256"].kid, Key.from_jwk(same).kid, Key.from_jwk(same).kid}) == 3
    )  # a thumbprint would leak a hash


# what a key may be made of


def test_rsa_sizes() -> None:
    small = rsa.generate_private_key(65537, 1024)  # noqa: S505 - to see it refused
    for text in (pem(small), spki(small), pem(small, form=PrivateFormat.TraditionalOpenSSL)):
        with pytest.raises(WeakKeyError):
            Key.from_pem(text, algorithm="RS256")
    numbers = KEYS["RS256"].public().to_jwk()
    for exponent in (1, 2, 3, 17, 65536, 65535):
        with pytest.raises(ConfigurationError):
            Key.from_jwk(numbers | {"e": b64url(exponent.to_bytes(3, "big").lstrip(b"\0"))})
    for exponent in (2**64 + 1, 2**256 + 1, 2**3071 + 1):  # as slow as a signature, or useless
        with pytest.raises(WeakKeyError):
            Key.from_jwk(numbers | {"e": b64url(exponent.to_bytes((exponent.bit_length() + 7) // 8, "big"))})
    assert Key.from_jwk(numbers | {"e": b64url((2**64 - 1).to_bytes(8, "big"))})
    for bits in (2047, 8193, 16384):
        with pytest.raises(ConfigurationError):
            Key.from_jwk(numbers | {"n": b64url((2**bits - 1).to_bytes((bits + 7) // 8, "big"))})
    assert KEYS["RS256"]._public.key_size == 3072


@pytest.mark.parametrize("size", [0, 1, 16, 31, 1025])
def test_hmac_sizes(size: int) -> None:
    with pytest.raises(ConfigurationError):
        Key.from_jwk({"kty": "oct", "alg": "HS256", "k": b64url(bytes(size))})


@pytest.mark.parametrize("size", [32, 64, 65, 1024])
def test_hmac_sizes_that_do(size: int) -> None:
    assert Key.from_jwk({"kty": "oct", "alg": "HS256", "k": b64url(bytes(size))}).can_sign


OTHERS = {
    "P-384": ec.generate_private_key(ec.SECP384R1()),
    "secp256k1": ec.generate_private_key(ec.SECP256K1()),
    "Ed448": ed448.Ed448PrivateKey.generate(),
    "X25519": x25519.X25519PrivateKey.generate(),
}


@pytest.mark.parametrize("algorithm", ["ES256", "Ed25519", "RS256", "v4.public", "HS256", "v4.local"])
def test_each_algorithm_takes_its_own_sort_alone(algorithm: str) -> None:
    texts = [text for private in OTHERS.values() for text in (pem(private), spki(private))]
    sort = ALGORITHMS[algorithm].kty, ALGORITHMS[algorithm].crv
    for name in (*ASYMMETRIC, "RS256"):
        if (ALGORITHMS[name].kty, ALGORITHMS[name].crv) != sort:
            texts += [KEYS[name].to_pem(), KEYS[name].public().to_pem()]
    for text in texts:
        with pytest.raises(ConfigurationError):
            Key.from_pem(text, algorithm=algorithm)


# PEM


@pytest.mark.parametrize("name", [*ASYMMETRIC, "RS256"])
def test_pem_both_ways(name: str) -> None:
    key = KEYS[name]
    assert Key.from_pem(key.to_pem(), algorithm=name) == key
    assert Key.from_pem(key.to_pem().decode(), algorithm=name) == key
    assert Key.from_pem(key.public().to_pem(), algorithm=name) == key.public()
    sealed = key.to_pem(password=b"correct horse")
    assert b"ENCRYPTED" in sealed
    assert Key.from_pem(sealed, algorithm=name, password=b"correct horse") == key
    for password in (None, b"wrong", b""):
        with pytest.raises(ConfigurationError):
            Key.from_pem(sealed, algorithm=name, password=password)
    with pytest.raises(ConfigurationError):
        Key.from_pem(key.to_pem(), algorithm=name, password=b"not needed")


def test_older_pem_forms() -> None:
    for name in ("ES256", "RS256"):
        old = pem(KEYS[name]._private, form=PrivateFormat.TraditionalOpenSSL)
        assert b"BEGIN EC PRIVATE" in old or b"BEGIN RSA PRIVATE" in old
        assert Key.from_pem(old, algorithm=name) == KEYS[name]


@pytest.mark.parametrize(
    "text",
    [
        *(b"", b"secret", "secret", "\ud800", b"\xff\xfe", b"-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n"),
        *(b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", b"-----BEGIN CERTIFICATE-----\n", None, 1),
        KEYS["ES256"].to_pem()[:-40],
        KEYS["ES256"].to_pem().replace(b"\n", b"\\n"),
    ],
)
def test_what_is_no_pem(text: Any) -> None:
    with pytest.raises(ConfigurationError):
        Key.from_pem(text, algorithm="ES256")


# equality, repr, pickles


def test_keys_are_equal_by_what_they_can_do() -> None:
    for name in KEYS:
        again = Key(row_of(name), KEYS[name]._private, KEYS[name]._public, kid="another")
        assert again == KEYS[name]
        assert KEYS[name] != Key.generate(name) if name != "RS256" else True
        assert KEYS[name] != KEYS[name].kid
    twin = Key(row_of("v4.public"), KEYS["Ed25519"]._private, KEYS["Ed25519"]._public)
    assert twin != KEYS["Ed25519"]
    assert Key.generate("HS256", use="mac") != KEYS["HS256"]
    assert len({KEYS["ES256"], Key.from_pem(KEYS["ES256"].to_pem(), algorithm="ES256")}) == 1


@pytest.mark.parametrize("name", list(KEYS))
def test_a_key_tells_nothing(name: str) -> None:
    key = KEYS[name]
    assert repr(key) == f"Key({name!r}, kid={key.kid!r}, use={key.use!r}, private)"
    if name != "v4.local" and name != "v4.public":
        secret = key.to_jwk(private=True)
        hidden = [secret[member] for member in ("d", "k") if member in secret]
    else:
        hidden = [key.to_paserk(private=True).split(".")[-1]]
    assert hidden
    assert not any(text in f"{key!r}{key}" for text in hidden)
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(key)
    assert not hasattr(key, "__dict__")


def test_a_pem_holds_one_key() -> None:
    one, other = KEYS["ES256"], Key.generate("ES256")
    texts = [key.to_pem() for key in (one, other.public(), other)]
    for first, second in ((0, 1), (1, 0), (0, 2), (1, 1)):
        with pytest.raises(ConfigurationError, match="several keys"):
            Key.from_pem(texts[first] + texts[second], algorithm="ES256")
    certificate = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
    assert Key.from_pem(certificate + texts[0], algorithm="ES256") == one
    parameters = b"-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
    assert Key.from_pem(parameters + texts[0], algorithm="ES256") == one
    assert Key.from_pem(b"a comment\n" + texts[0], algorithm="ES256") == one


@pytest.mark.parametrize("factor", [2, 3, 751])
def test_an_rsa_modulus_with_a_small_factor(factor: int) -> None:
    jwk = KEYS["RS256"].public().to_jwk()
    modulus = int.from_bytes(unb64url(jwk["n"].encode()), "big")
    broken = modulus - modulus % factor
    with pytest.raises(WeakKeyError):
        Key.from_jwk(jwk | {"n": b64url(broken.to_bytes(384, "big"))})


def test_the_bytes_of_a_key_that_only_verifies() -> None:
    key = Key.from_jwk(KEYS["HS256"].to_jwk(private=True) | {"key_ops": ["verify"]})
    with pytest.raises(KeyUseError):
        key.secret_bytes()


def test_a_fresh_content_key_does_not_show() -> None:
    wrapped = Key.generate("A256KW").wrap(CONTENTS["A256GCM"])
    assert repr(wrapped) == "Wrapped(key=<hidden>)"


@pytest.mark.parametrize("password", [b"", "text", 5, b"x" * 1024])
def test_a_password_that_protects_nothing_is_refused(password: Any) -> None:
    """An empty one would write the private key in the clear, and nobody would notice."""
    for key in (KEYS["ES256"], KEYS["ES256"].public()):
        with pytest.raises(ConfigurationError, match="a password is"):
            key.to_pem(password=password)
