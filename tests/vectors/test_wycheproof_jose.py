"""Wycheproof's three JOSE files, whole: 401 signatures, 139 sealed texts, 26 key sets; the exceptions in one table."""

from collections import Counter
from typing import Any, Final

import pytest

from tests.vectors.corpus import each, grouped, published
from watchword.encoding import json_object, unb64url
from watchword.errors import (
    AlgorithmError,
    ConfigurationError,
    KeyUseError,
    MalformedTokenError,
    SealError,
    SignatureError,
    TokenError,
    UnknownKeyError,
    WatchwordError,
)
from watchword.formats import jwe, jws
from watchword.insecure import DEFLATE, PBES2, RSA1_5
from watchword.keys.jwks import read_set
from watchword.keys.key import Key
from watchword.keys.ring import KeyRing

pytestmark = pytest.mark.usefixtures("vectors")

SIGNED, SEALED, SETS = (grouped(f"json_web_{name}_test.json") for name in ("signature", "encryption", "key"))

SIGNED_EXCEPTIONS: Final[dict[int, str]] = {
    367: "called invalid; the very text of 357, which is valid",
    370: "called invalid; the very text of 357, which is valid",
    372: "called valid; '?' in the header is not base64url",
    373: "called valid; '?' in the payload is not base64url",
    346: "called valid; PS384 by a key that is bound to PS256",
    350: "called valid; PS384 by a key that is bound to PS256",
    347: "called valid; the key's alg 'ES521' does not exist",
    351: "called valid; the key's alg 'ES521' does not exist",
}
UNBOUND: Final = {346: "PS384", 350: "PS384", 347: "ES512", 351: "ES512"}
"""What verifies when the key's wrong ``alg`` is put right."""
SEALED_BY_NAME: Final[dict[int, str]] = dict.fromkeys((*range(100, 106), 112, 128), "RSA1_5") | {135: "zip"}
"""Valid, and read only where that danger is allowed by name."""
EVERYTHING: Final = (RSA1_5, DEFLATE, PBES2)

SIGNED_STAGES: Final = {"parse": 47, "key": 11, "verify": 295, "no key": 6}
"""Where the refused signatures stop; ``no key`` is a JWK of which no key is made."""
SEALED_STAGES: Final = {"parse": 19, "key": 20, "verify": 35}
REFUSALS: Final = (MalformedTokenError, AlgorithmError, UnknownKeyError, SignatureError, SealError)


def jwk_of(vector: dict[str, Any]) -> dict[str, Any]:
    """The verifier uses `public` where it is there, else `private`."""
    jwk: dict[str, Any] = vector["group"].get("public") or vector["group"]["private"]
    return jwk


def stage_of(error: WatchwordError) -> str:
    return str(error.stage or "no key")


def verified(vector: dict[str, Any]) -> bytes | WatchwordError:
    try:
        return jws.verify(vector["jws"], KeyRing.of(Key.from_jwk(jwk_of(vector))))
    except WatchwordError as error:
        return error


def opened(vector: dict[str, Any], *allow: Any) -> bytes | WatchwordError:
    try:
        return jwe.decrypt(vector["jwe"], KeyRing.of(Key.from_jwk(vector["group"]["private"])), allow=allow)
    except WatchwordError as error:
        return error


@pytest.mark.parametrize("vector", each(SIGNED))
def test_signed(vector: dict[str, Any]) -> None:
    found = verified(vector)
    good = (vector["result"] == "valid") is not (vector["tcId"] in SIGNED_EXCEPTIONS)
    assert isinstance(found, bytes) is good, found
    if not good:
        assert isinstance(found, (*REFUSALS, KeyUseError))


def test_signed_by_a_key_whose_algorithm_is_put_right() -> None:
    vectors = {vector["tcId"]: vector for _, vector in SIGNED}
    for number, algorithm in UNBOUND.items():
        ring = KeyRing.of(Key.from_jwk(jwk_of(vectors[number]) | {"alg": algorithm}))
        assert jws.verify(vectors[number]["jws"], ring)


@pytest.mark.parametrize("vector", each(SEALED))
def test_sealed(vector: dict[str, Any]) -> None:
    plain, allowed = opened(vector), opened(vector, *EVERYTHING)
    if vector["result"] == "valid":
        assert allowed == bytes.fromhex(vector["pt"])
        assert isinstance(plain, TokenError if vector["tcId"] in SEALED_BY_NAME else bytes)
    else:
        assert isinstance(plain, REFUSALS)
        assert isinstance(allowed, REFUSALS)


def bound_to_its_header(number: int) -> bytes | WatchwordError:
    """What becomes of the token when its key is bound to the algorithm that the header names."""
    vector = next(vector for _, vector in SEALED if vector["tcId"] == number)
    header = json_object(unb64url(vector["jwe"].split(".")[0].encode()))
    private = vector["group"]["private"] | {"alg": header["alg"]}
    return opened(vector | {"group": {"private": private}}, *EVERYTHING)


def test_sealed_padding_faults_look_like_tag_faults() -> None:
    faults = (*range(113, 121), *range(122, 128), *range(136, 140))
    assert {repr(bound_to_its_header(number)) for number in faults} == {repr(SealError())}


def test_sealed_by_a_key_for_another_algorithm() -> None:
    """Bound to what the header says, all six open: the binding alone stops them."""
    vectors = {vector["tcId"]: vector for _, vector in SEALED}
    for number in range(106, 112):
        found = opened(vectors[number], *EVERYTHING)
        assert isinstance(found, UnknownKeyError)
        assert isinstance(bound_to_its_header(number), bytes)


@pytest.mark.parametrize("vector", each(SETS))
def test_sets(vector: dict[str, Any]) -> None:
    """No exception: what upstream calls ambiguous (1, 4) or weak (7 to 12) is refused here too."""
    group = vector["group"]
    try:
        ring = KeyRing.of()
        for key in read_set(group.get("public") or group["private"], secret="public" not in group).keys:
            ring.add(key)
        found: object = jws.verify(vector["jws"], ring)
    except (TokenError, ConfigurationError) as error:
        found = error
    assert isinstance(found, bytes) is (vector["result"] == "valid"), found


def test_all_were_run() -> None:
    files = {"signature": (SIGNED, 401), "encryption": (SEALED, 139), "key": (SETS, 26)}
    for name, (vectors, count) in files.items():
        assert len(vectors) == published(f"wycheproof/json_web_{name}_test.json")["numberOfTests"] == count
    signed = [found for _, vector in SIGNED if isinstance(found := verified(vector), WatchwordError)]
    sealed = [found for _, vector in SEALED if isinstance(found := opened(vector, *EVERYTHING), WatchwordError)]
    assert Counter(map(stage_of, signed)) == SIGNED_STAGES
    assert Counter(map(stage_of, sealed)) == SEALED_STAGES


def test_the_exceptions_are_those_on_record() -> None:
    record = published("exceptions.json")
    assert {str(number) for number in SIGNED_EXCEPTIONS} == {
        number for name, rows in record["json_web_signature_test.json"].items() if name != "notes" for number in rows
    }
    assert set(record["json_web_encryption_test.json"]["needs_policy"]) == {"100-105,112,128", "135", "106-111"}
    assert set(record["json_web_key_test.json"]["needs_policy"]) == {"1", "4", "7", "8", "9", "10,11,12"}
