"""Wycheproof's json_web_signature_test: 401 signatures, all of those whose algorithm is built, one test for each."""

from collections import Counter
from typing import Any

import pytest

from tests.vectors.corpus import each, grouped, published
from watchword.encoding import unb64url
from watchword.errors import KeyUseError, WatchwordError
from watchword.formats import jws
from watchword.keys.key import Key
from watchword.keys.ring import KeyRing

pytestmark = pytest.mark.usefixtures("vectors")

FILE = "json_web_signature_test.json"
ALL = grouped(FILE)
EXCEPTIONS: dict[str, dict[str, str]] = published("exceptions.json").get(FILE, {})
GOOD_AFTER_ALL = EXCEPTIONS.get("upstream_invalid_but_bytes_are_valid", {})
BAD_AFTER_ALL = EXCEPTIONS.get("upstream_valid_but_must_be_rejected", {})

BUILT = {"HS256": 40, "ES256": 39, "RS256": 233, None: 4}
"""Vectors by the algorithm of their key. None: keys that state none, because they are for something else."""
NOT_BUILT = {"RS384": 4, "RS512": 4, "PS256": 50, "PS384": 5, "PS512": 20, "ES521": 2}
STAND_IN = {"RSA": "RS256", "EC": "ES256"}


def jwk_of(vector: dict[str, Any]) -> dict[str, Any]:
    """The verifier uses `public` where it is there, else `private`."""
    jwk: dict[str, Any] = vector["group"].get("public") or vector["group"]["private"]
    return jwk


def ring_of(vector: dict[str, Any]) -> KeyRing:
    jwk = jwk_of(vector)
    return KeyRing.of(Key.from_jwk(jwk, algorithm=None if "alg" in jwk else STAND_IN[jwk["kty"]]))


@pytest.mark.parametrize("vector", each(one for one in ALL if jwk_of(one[1]).get("alg") in BUILT))
def test_built(vector: dict[str, Any]) -> None:
    number = str(vector["tcId"])
    good = (vector["result"] == "valid" or number in GOOD_AFTER_ALL) and number not in BAD_AFTER_ALL
    if good:
        payload = unb64url(vector["jws"].split(".")[1].encode())
        assert jws.verify(vector["jws"], ring_of(vector)) == payload
        assert jws.verify(vector["jws"].encode(), ring_of(vector)) == payload
    else:
        with pytest.raises(WatchwordError):
            jws.verify(vector["jws"], ring_of(vector))


@pytest.mark.parametrize("vector", each(one for one in ALL if jwk_of(one[1]).get("alg") in NOT_BUILT))
def test_not_built(vector: dict[str, Any]) -> None:
    """No key is made, so nothing can be accepted by mistake."""
    with pytest.raises(KeyUseError):
        ring_of(vector)


def test_keys_for_something_else_are_no_keys() -> None:
    for vector in (vector for _, vector in ALL if "alg" not in jwk_of(vector)):
        with pytest.raises(KeyUseError):
            ring_of(vector)


def test_all_401_were_run() -> None:
    assert Counter(jwk_of(vector).get("alg") for _, vector in ALL) == BUILT | NOT_BUILT
    assert sum((BUILT | NOT_BUILT).values()) == published(f"wycheproof/{FILE}")["numberOfTests"] == 401
    assert {vector["result"] for _, vector in ALL} == {"valid", "invalid"}


def test_the_exceptions_are_about_these_files() -> None:
    results = {str(vector["tcId"]): vector["result"] for _, vector in ALL}
    assert {results[number] for number in GOOD_AFTER_ALL} == {"invalid"}
    assert {results[number] for number in BAD_AFTER_ALL} == {"valid"}
