"""What itsdangerous wrote is read here, and what it would refuse is refused."""

from __future__ import annotations

import zlib
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from itsdangerous import BadData, TimestampSigner, URLSafeTimedSerializer

from watchword.clock import FrozenClock
from watchword.compat.itsdangerous import MAX_UNPACKED, TimedReader
from watchword.encoding import b64url
from watchword.errors import ConfigurationError, MalformedTokenError, SignatureError, TokenError, TokenExpiredError

NOW = 1_800_000_000
SECRET, HOUR = "a secret of the application", timedelta(hours=1)
VALUES = ["user-7", 7, -1, 1.5, True, None, [], {}, {"id": 7, "roles": ["a"]}, 'é\u2028"\\', "x" * 5000, [["deep"]], ""]


class Then(TimestampSigner):
    """Signs at the tests' time."""

    at = NOW

    def get_timestamp(self) -> int:
        return self.at


def writer(secret: Any = SECRET, **options: Any) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(secret, signer=Then, **options)


def reader(secret: Any = SECRET, *, max_age: timedelta = HOUR, at: int = NOW, **options: Any) -> TimedReader:
    return TimedReader(secret, max_age=max_age, clock=FrozenClock(at), **options)


@pytest.mark.parametrize("value", VALUES, ids=lambda value: repr(value)[:20])
def test_values(value: Any) -> None:
    assert reader().loads(writer().dumps(value)) == value
    assert reader(salt="reset").loads(writer(salt=b"reset").dumps(value).encode()) == value


@pytest.mark.parametrize("derivation", ["django-concat", "concat", "hmac", "none"])
@pytest.mark.parametrize("digest", ["sha1", "sha256", "sha384", "sha512"])
def test_derivations_and_digests(derivation: str, digest: str) -> None:
    import hashlib

    options = {"key_derivation": derivation, "digest_method": getattr(hashlib, digest)}
    text = writer(signer_kwargs=options).dumps("x")
    assert reader(key_derivation=derivation, digest=digest).loads(text) == "x"
    for other in (
        {"digest": "sha1" if digest != "sha1" else "sha256"},
        {"key_derivation": "hmac" if derivation != "hmac" else "concat"},
    ):
        mixed: dict[str, Any] = {"key_derivation": derivation, "digest": digest, **other}
        with pytest.raises(SignatureError):
            reader(**mixed).loads(text)


@pytest.mark.parametrize(("age", "good"), [(0, True), (3599, True), (3600, True), (3601, False), (-1, False)])
def test_age_is_judged_alike(age: int, good: bool) -> None:
    text, theirs = writer().dumps("x"), writer()
    theirs.default_signer.at = NOW + age  # type: ignore[attr-defined]
    theirs.signer.at = NOW + age  # type: ignore[attr-defined]
    try:
        if good:
            assert theirs.loads(text, max_age=3600) == reader(at=NOW + age).loads(text) == "x"
        else:
            with pytest.raises(BadData):
                theirs.loads(text, max_age=3600)
            with pytest.raises(TokenExpiredError):
                reader(at=NOW + age).loads(text)
    finally:
        Then.at = NOW


def test_a_call_may_ask_for_less_but_not_for_more() -> None:
    text = writer().dumps("x")
    with pytest.raises(TokenExpiredError):
        reader(at=NOW + 61).loads(text, max_age=timedelta(minutes=1))
    with pytest.raises(TokenExpiredError):
        reader(at=NOW + 3601).loads(text, max_age=timedelta(days=1))


def test_secrets_are_rotated() -> None:
    old, new = writer("old secret").dumps("x"), writer(["old secret", "new secret"]).dumps("x")
    both = reader(["old secret", b"new secret"])
    assert both.loads(old) == both.loads(new) == "x"
    with pytest.raises(SignatureError):
        reader("new secret").loads(old)
    with pytest.raises(SignatureError):
        reader(salt="another").loads(old)
    with pytest.raises(SignatureError):
        reader("old secret", salt="another").loads(old)


def signed(payload: bytes, stamp: bytes = NOW.to_bytes(4, "big")) -> str:
    signer = Then(SECRET, salt=b"itsdangerous")
    message = payload + b"." + b64url(stamp).encode()
    return (message + b"." + signer.get_signature(message)).decode()


@pytest.mark.parametrize(
    "payload",
    [
        b"." + b64url(zlib.compress(b'"' + b"x" * MAX_UNPACKED + b'"')).encode(),
        b"." + b64url(zlib.compress(b'"x"') + b"more").encode(),
        b"." + b64url(zlib.compress(b'"x"')[:-1]).encode(),
        b"." + b64url(b'"x"').encode(),
        b64url(b"NaN").encode(),
        b64url(b'1,"other":2').encode(),
        b64url(b'{"a":1,"a":2}').encode(),
        b64url(b"[" * 3000).encode(),
        b64url(b"").encode(),
        b64url(b"}").encode(),
        b'"x"',
    ],
)
def test_signed_payloads_that_are_not_read(payload: bytes) -> None:
    with pytest.raises(MalformedTokenError):
        reader().loads(signed(payload))


@pytest.mark.parametrize("stamp", [b"", b"\x00" * 9, b"\xff" * 8])
def test_signed_times_that_are_none(stamp: bytes) -> None:
    with pytest.raises(TokenError):
        reader().loads(signed(b64url(b'"x"').encode(), stamp))


def test_every_change_is_noticed() -> None:
    text = writer().dumps({"id": 7})
    for at, (one, other) in enumerate(pairwise(text)):
        if one != other:
            with pytest.raises(TokenError):
                reader().loads(text[:at] + other + one + text[at + 2 :])


@given(st.text() | st.binary() | st.none())
def test_nonsense_is_a_token_error(untrusted: Any) -> None:
    with pytest.raises(TokenError):
        reader().loads(untrusted)


@pytest.mark.parametrize(
    "wrong",
    [
        {"secret": ""},
        {"secret": []},
        {"secret": ["a", ""]},
        {"digest": "md5"},
        {"key_derivation": "x"},
        {"max_age": timedelta(0)},
    ],
)
def test_what_cannot_be_configured(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        reader(**wrong)
    assert SECRET not in repr(reader())


def test_a_payload_that_unfolds_too_far_is_said_to_be_too_large() -> None:
    for size in (MAX_UNPACKED - 1, 5 * 10**6):
        with pytest.raises(MalformedTokenError) as raised:
            reader().loads(signed(b"." + b64url(zlib.compress(b'"' + b"x" * size + b'"')).encode()))
        assert raised.value.reason == "too_large"
    largest = "x" * (MAX_UNPACKED - 2)
    assert reader().loads(writer().dumps(largest)) == largest
