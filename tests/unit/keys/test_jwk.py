"""JSON Web Keys: fixed widths, one algorithm, only for signatures; and thumbprints."""

from typing import Any

import pytest

from watchword.encoding import b64url, unb64url
from watchword.errors import ConfigurationError, KeyUseError, WeakKeyError
from watchword.keys import jwk
from watchword.keys.key import Key

ES, ED, RS, HS = (Key.generate(name) for name in ("ES256", "Ed25519", "RS256", "HS256"))
JOSE = pytest.mark.parametrize("key", [ES, ED, RS, HS], ids=lambda key: key.algorithm.name)


@JOSE
def test_both_ways(key: Key) -> None:
    written = key.to_jwk(private=True)
    assert (written["alg"], written["kid"], written["use"]) == (key.algorithm.name, key.kid, "sig")
    assert Key.from_jwk(written) == key
    assert Key.from_jwk(written).kid == key.kid
    if not key.algorithm.symmetric:
        assert not {"d", "p", "q", "dp", "dq", "qi", "k"} & set(key.to_jwk())
        assert Key.from_jwk(key.to_jwk()) == key.public()


def test_paseto_keys_are_no_jwks() -> None:
    for name in ("v4.public", "v4.local"):
        with pytest.raises(KeyUseError):
            Key.generate(name).to_jwk(private=True)


@JOSE
@pytest.mark.parametrize("alg", ["none", "HS1024", "RS1", "", "es256", 1, ["ES256"], {}, True, "A64KW", "ES521"])
def test_an_algorithm_that_is_not_known(key: Key, alg: Any) -> None:
    with pytest.raises(KeyUseError):
        Key.from_jwk(key.to_jwk(private=True) | {"alg": alg})


@JOSE
def test_the_algorithm_is_named_somewhere_and_only_once(key: Key) -> None:
    named = key.to_jwk(private=True)
    bare = {name: value for name, value in named.items() if name != "alg"}
    with pytest.raises(KeyUseError, match="names no algorithm"):
        Key.from_jwk(bare)
    assert Key.from_jwk(bare, algorithm=key.algorithm.name) == key
    assert Key.from_jwk(named, algorithm=key.algorithm.name) == key
    for other in {"ES256", "Ed25519", "RS256", "HS256"} - {key.algorithm.name}:
        with pytest.raises(KeyUseError):
            Key.from_jwk(named, algorithm=other)
        with pytest.raises(ConfigurationError):
            Key.from_jwk(bare, algorithm=other)


def test_eddsa_is_the_older_name_of_ed25519() -> None:
    assert Key.from_jwk(ED.to_jwk(private=True) | {"alg": "EdDSA"}) == ED


@JOSE
@pytest.mark.parametrize("use", ["enc", "", None, 1, "SIG", ["sig"]])
def test_only_for_signatures(key: Key, use: Any) -> None:
    with pytest.raises(KeyUseError):
        Key.from_jwk(key.to_jwk(private=True) | {"use": use})


@pytest.mark.parametrize("operations", [["verify"], ["sign"], ["sign", "verify"], ["verify", "x"]])
def test_operations_that_do(operations: list[str]) -> None:
    assert Key.from_jwk(ES.to_jwk() | {"key_ops": operations}) == ES.public()


@pytest.mark.parametrize(
    "operations",
    [
        [],
        ["encrypt"],
        ["verify", "verify"],
        "verify",
        "sign, verify",
        ["sign, verify"],
        None,
        [1],
        [["verify"]],
        {"verify": 1},
    ],
)
def test_operations_that_do_not(operations: Any) -> None:
    with pytest.raises(KeyUseError):
        Key.from_jwk(ES.to_jwk() | {"key_ops": operations})


@pytest.mark.parametrize("value", [None, 1, "{}", b"{}", [], [("kty", "EC")], "secret", {}])
def test_a_jwk_is_an_object(value: Any) -> None:
    with pytest.raises(ConfigurationError):
        Key.from_jwk(value)


@pytest.mark.parametrize("kty", [None, "", "ec", "AKP", "RSA", "OKP", "oct", 1, [], {}, ["EC"], True])
def test_the_type_is_the_algorithms(kty: Any) -> None:
    with pytest.raises(ConfigurationError):
        Key.from_jwk(ES.to_jwk() | {"kty": kty})


def members(key: Key) -> list[str]:
    return sorted(set(key.to_jwk(private=True)) - {"alg", "kid", "use"})


@JOSE
@pytest.mark.parametrize("wrong", [None, 1, "", " ", "AA==", "A", "A+/A", "\u00e9", [], {}, "AAAA", True])
def test_every_member_is_held_to(key: Key, wrong: Any) -> None:
    for name in members(key):
        with pytest.raises(ConfigurationError):
            Key.from_jwk(key.to_jwk(private=True) | {name: wrong})


@JOSE
def test_every_member_is_needed(key: Key) -> None:
    for name in set(members(key)) - {"d"}:
        with pytest.raises(ConfigurationError):
            Key.from_jwk({member: value for member, value in key.to_jwk(private=True).items() if member != name})


@JOSE
def test_spare_bits_are_refused(key: Key) -> None:
    for name in members(key):
        text = key.to_jwk(private=True)[name]
        if len(text) % 4:
            alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
            other = text[:-1] + alphabet[alphabet.index(text[-1]) + 1]
            with pytest.raises(ConfigurationError):
                Key.from_jwk(key.to_jwk(private=True) | {name: other})


@pytest.mark.parametrize("key", [ES, ED, RS], ids=lambda key: key.algorithm.name)
def test_halves_that_do_not_belong_together(key: Key) -> None:
    other = Key.generate(key.algorithm.name).to_jwk(private=True)
    for name in {"d", "x", "n", "p"} & set(members(key)):
        with pytest.raises(ConfigurationError):
            Key.from_jwk(key.to_jwk(private=True) | {name: other[name]})


def test_widths_are_fixed() -> None:
    """RFC 7518 §6.2.1.2: coordinates are padded to 32 bytes; neither shorter nor longer ones are read."""
    for key in (ES, ED):
        for name in members(key):
            if name in ("x", "y", "d"):
                raw = unb64url(key.to_jwk(private=True)[name].encode())
                for other in (raw[1:], b"\0" + raw, raw + b"\0"):
                    with pytest.raises(ConfigurationError):
                        Key.from_jwk(key.to_jwk(private=True) | {name: b64url(other)})


def test_coordinates_keep_their_zeros() -> None:
    """One key in 256 has a coordinate that begins with a zero byte."""
    for number in range(1, 400):
        key = Key.from_jwk({"kty": "EC", "crv": "P-256", "alg": "ES256", **coordinates(number)})
        written = key.to_jwk(private=True)
        assert {len(written[name]) for name in ("x", "y", "d")} == {43}
        assert Key.from_jwk(written) == key


def coordinates(private: int) -> dict[str, str]:
    from cryptography.hazmat.primitives.asymmetric import ec

    point = ec.derive_private_key(private, ec.SECP256R1()).public_key().public_numbers()
    numbers = {"x": point.x, "y": point.y, "d": private}
    return {name: b64url(value.to_bytes(32, "big")) for name, value in numbers.items()}


def test_points_that_are_none() -> None:
    zero, high = b64url(bytes(32)), b64url(b"\xff" * 32)
    for changes in (
        {"x": zero},
        {"y": zero},
        {"x": zero, "y": zero},
        {"x": high},
        {"y": high},
        {"x": ES.to_jwk()["y"]},
    ):
        with pytest.raises(ConfigurationError):
            Key.from_jwk(ES.to_jwk() | changes)
    for text in (zero, high, b64url((1).to_bytes(32, "little")), b64url((2).to_bytes(32, "little"))):
        with pytest.raises(WeakKeyError):
            Key.from_jwk(ED.to_jwk() | {"x": text})


def test_thumbprints() -> None:
    """RFC 7638: the required members alone, in order; `alg`, `kid` and `use` change nothing."""
    for key in (ES, ED, RS):
        bare = {name: value for name, value in key.to_jwk().items() if name not in ("alg", "kid", "use")}
        named = Key.from_jwk(bare | {"kid": "another"}, algorithm=key.algorithm.name)
        assert jwk.thumbprint_of(named._public) == jwk.thumbprint_of(key._public) == key.kid


def test_more_than_two_primes_are_not_used() -> None:
    """RFC 7518 §6.3.2.7: who does not support ``oth`` must not use such a key."""
    more = {"oth": [{"r": "AQAB", "d": "AQAB", "t": "AQAB"}]}
    with pytest.raises(ConfigurationError):
        Key.from_jwk(RS.to_jwk(private=True) | more)
