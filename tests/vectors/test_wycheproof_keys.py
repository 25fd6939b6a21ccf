"""Wycheproof for the primitives, each through a Key or row of its own algorithm, and what JOSE alone refuses."""

from collections.abc import Callable
from typing import Any, Final, NamedTuple

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA384
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from tests.vectors.corpus import grouped, published
from watchword.crypto import key_management, wrapping
from watchword.crypto.content import CONTENTS
from watchword.crypto.key_management import agree
from watchword.crypto.material import from_jwk_members
from watchword.crypto.points import check_agreement
from watchword.encoding import b64url
from watchword.errors import ConfigurationError, SealError, SignatureError
from watchword.keys.key import Key

pytestmark = pytest.mark.usefixtures("vectors")

Vector = dict[str, Any]


class Outside(NamedTuple):
    """Vectors that are good in general and that a JOSE key refuses: which, how many, why."""

    which: Callable[[Vector], bool]
    size: int
    why: str


def short_or_cut(size: int) -> Outside:
    def which(vector: Vector) -> bool:
        group = vector["group"]
        return bool(group["tagSize"] < size or group["keySize"] < size)

    return Outside(which, 36, "RFC 7518 §3.2: the key has at least the size of the hash, and the MAC is not cut")


LABEL = "JOSE has no OAEP label"
EXCEPTIONS: Final[dict[str, Outside]] = {
    "rsa_signature_2048_sha256": Outside(
        lambda v: "SmallPublicKey" in v["flags"], 2, "RSA keys have an exponent of at least 65537"
    ),
    "aes_gcm": Outside(lambda v: v["group"]["ivSize"] != 96, 113, "RFC 7518 §5.3: the nonce has 96 bits"),
    "rsa_oaep_2048_sha1_mgf1sha1": Outside(lambda v: bool(v["label"]), 7, LABEL),
    "rsa_oaep_2048_sha256_mgf1sha256": Outside(lambda v: bool(v["label"]), 8, LABEL),
    "hmac_sha256": short_or_cut(256),
    "hmac_sha384": short_or_cut(384),
    "hmac_sha512": short_or_cut(512),
    "mldsa_44_verify": Outside(lambda v: bool(v.get("ctx")), 2, "RFC 9964 §4: the context is empty"),
    "mldsa_65_verify": Outside(lambda v: bool(v.get("ctx")), 2, "RFC 9964 §4: the context is empty"),
}
ACCEPTABLE: Final[dict[str, tuple[int, str]]] = {
    "rsa_signature_2048_sha256": (0, "a DigestInfo without its NULL is none (RFC 8017 §9.2)"),
    "aes_wrap": (0, "a wrapped key has at least 16 bytes (RFC 3394 §2)"),
    "x25519": (223, "points on the twist are as good as any (RFC 7748 §5); those of small order are not"),
    "x25519_jwk": (223, "points on the twist are as good as any (RFC 7748 §5); those of small order are not"),
}
"""Where Wycheproof leaves it open: how many we accept, and why."""


def raw(vector: Vector, name: str) -> bytes:
    return bytes.fromhex(vector[name])


def secret(algorithm: str, key: bytes) -> Key:
    return Key.from_jwk({"kty": "oct", "k": b64url(key), "alg": algorithm})


def signature(algorithm: str) -> Callable[[Vector], None]:
    def run(vector: Vector) -> None:
        pem = vector["group"].get("publicKeyPem")
        if pem is None:
            public = b64url(bytes.fromhex(vector["group"]["publicKey"]))
            key = Key.from_jwk({"kty": "AKP", "alg": algorithm, "pub": public})
        else:
            key = Key.from_pem(pem, algorithm=algorithm)
        key.verify(raw(vector, "sig"), raw(vector, "msg"))

    return run


def mac(algorithm: str) -> Callable[[Vector], None]:
    def run(vector: Vector) -> None:
        key = secret(algorithm, raw(vector, "key"))
        key.verify(raw(vector, "tag"), raw(vector, "msg"))
        assert key.sign(raw(vector, "msg")) == raw(vector, "tag")

    return run


def content(name: str | None = None) -> Callable[[Vector], None]:
    def run(vector: Vector) -> None:
        row = CONTENTS[name or f"A{vector['group']['keySize']}GCM"]
        key, iv, aad, ct, tag = (raw(vector, part) for part in ("key", "iv", "aad", "ct", "tag"))
        assert secret(row.name, key).algorithm.name == row.name
        assert row.reveal(key, iv, ct, tag, aad) == raw(vector, "msg")
        assert row.hide(key, iv, raw(vector, "msg"), aad) == (ct, tag)

    return run


def wrap(vector: Vector) -> None:
    size = vector["group"]["keySize"]
    key = secret(f"A{size}KW", raw(vector, "key"))
    assert key.unwrap(CONTENTS["A128GCM"], {}, raw(vector, "ct")) == raw(vector, "msg")


def oaep(algorithm: str) -> Callable[[Vector], None]:
    def run(vector: Vector) -> None:
        key = Key.from_pem(vector["group"]["privateKeyPem"], algorithm=algorithm)
        assert key.unwrap(CONTENTS["A128GCM"], {}, raw(vector, "ct")) == raw(vector, "msg")

    return run


def agreement(vector: Vector) -> None:
    given, own = vector["public"], vector["private"]
    if isinstance(given, str):
        given, private = {"kty": "OKP", "crv": "X25519", "x": b64url(bytes.fromhex(given))}, bytes.fromhex(own)
        half = X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()
        own = given | {"d": b64url(private), "x": b64url(half)}
    _, public = from_jwk_members(given)
    check_agreement(public)
    assert agree(Key.from_jwk(own, algorithm="ECDH-ES")._private, public) == raw(vector, "shared")


def hkdf(vector: Vector) -> None:
    """With what v1.local derives its keys."""
    try:
        kdf = HKDF(algorithm=SHA384(), length=vector["size"], salt=raw(vector, "salt"), info=raw(vector, "info"))
    except ValueError as error:
        raise ConfigurationError("too long") from error
    assert kdf.derive(raw(vector, "ikm")) == raw(vector, "okm")


def stretch(module: Any, digest: str) -> Callable[[Vector], None]:
    """The function that the PBES2 rows and the PASERKs under a password call."""

    def run(vector: Vector) -> None:
        password, salt, found = (raw(vector, name) for name in ("password", "salt", "dk"))
        assert module.pbkdf2_hmac(digest, password, salt, vector["iterationCount"], vector["dkLen"]) == found

    return run


Run = Callable[[Vector], None]
ROWS: Final[dict[str, tuple[int, Run]]] = {
    "ecdsa_secp256r1_sha256_p1363": (262, signature("ES256")),
    "ecdsa_secp384r1_sha384_p1363": (280, signature("ES384")),
    "ecdsa_secp521r1_sha512_p1363": (318, signature("ES512")),
    "ecdsa_secp256k1_sha256_p1363": (252, signature("ES256K")),
    "ed25519": (151, signature("Ed25519")),
    "ed448": (87, signature("Ed448")),
    "rsa_signature_2048_sha256": (259, signature("RS256")),
    "rsa_pss_2048_sha256_mgf1_32": (108, signature("PS256")),
    "rsa_pss_2048_sha384_mgf1_48": (141, signature("PS384")),
    "mldsa_44_verify": (180, signature("ML-DSA-44")),
    "mldsa_65_verify": (210, signature("ML-DSA-65")),
    "hmac_sha256": (174, mac("HS256")),
    "hmac_sha384": (174, mac("HS384")),
    "hmac_sha512": (174, mac("HS512")),
    "aes_gcm": (316, content()),
    "a128cbc_hs256": (94, content("A128CBC-HS256")),
    "a192cbc_hs384": (94, content("A192CBC-HS384")),
    "a256cbc_hs512": (94, content("A256CBC-HS512")),
    "aes_wrap": (165, wrap),
    "rsa_oaep_2048_sha1_mgf1sha1": (36, oaep("RSA-OAEP")),
    "rsa_oaep_2048_sha256_mgf1sha256": (37, oaep("RSA-OAEP-256")),
    "hkdf_sha384": (83, hkdf),
    "pbkdf2_hmacsha256": (60, stretch(key_management, "sha256")),
    "pbkdf2_hmacsha384": (58, stretch(wrapping, "sha384")),
    "ecdh_secp256r1_webcrypto": (353, agreement),
    "x25519": (518, agreement),
    "x25519_jwk": (531, agreement),
}


def accepts(run: Run, vector: Vector) -> bool:
    try:
        run(vector)
    except (SignatureError, SealError, ConfigurationError):
        return False
    return True


@pytest.mark.parametrize("name", ROWS)
def test_each_vector(name: str) -> None:
    count, run = ROWS[name]
    vectors = [vector for _, vector in grouped(f"{name}_test.json")]
    assert len(vectors) == published(f"wycheproof/{name}_test.json")["numberOfTests"] == count
    outside = EXCEPTIONS.get(name, Outside(lambda _: False, 0, ""))
    left_out = [vector["tcId"] for vector in vectors if vector["result"] == "valid" and outside.which(vector)]
    assert len(left_out) == outside.size
    wrong = [
        vector["tcId"]
        for vector in vectors
        if vector["result"] != "acceptable"
        and accepts(run, vector) is not (vector["result"] == "valid" and vector["tcId"] not in left_out)
    ]
    assert wrong == []
    opened = [vector for vector in vectors if vector["result"] == "acceptable" and accepts(run, vector)]
    assert len(opened) == ACCEPTABLE.get(name, (0, ""))[0]
    assert not any({"ZeroSharedSecret", "LowOrderPublic"} & set(vector["flags"]) for vector in opened)


def test_how_many_there_are() -> None:
    assert (len(ROWS), sum(count for count, _ in ROWS.values())) == (27, 5_209)
