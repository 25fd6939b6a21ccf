"""Symmetric encryption: v4.local against another library, fresh nonces, sealing under a one-off secret."""

import os
from typing import Any

import pyseto
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.vectors.corpus import committed
from watchword.crypto.encryption import (
    _hchacha20,
    open_under,
    seal_under,
    v4_local_open,
    v4_local_seal,
    xchacha20,
)
from watchword.encoding import b64url, unb64url
from watchword.errors import SealError

KEY = bytes(range(32))
HEADER = b"v4.local."
VECTORS = committed("xchacha.json")


CALM = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


def test_hchacha20_is_that_of_the_draft() -> None:
    row = {name: bytes.fromhex(value) for name, value in VECTORS["hchacha20"].items()}
    assert _hchacha20(row["key"], row["nonce"]) == row["subkey"]


@CALM
@given(st.binary(max_size=300), st.binary(min_size=24, max_size=24))
def test_xchacha20_undoes_itself(data: bytes, nonce: bytes) -> None:
    hidden = xchacha20(KEY, nonce, data)
    assert xchacha20(KEY, nonce, hidden) == data
    stream = xchacha20(KEY, nonce, bytes(len(data) + 64))
    assert bytes(a ^ b for a, b in zip(hidden, data, strict=True)) == stream[: len(data)]


@CALM
@given(st.binary(max_size=200), st.binary(max_size=50), st.binary(max_size=50))
def test_another_library_opens_what_we_seal_and_we_what_it_seals(
    message: bytes, footer: bytes, assertion: bytes
) -> None:
    theirs = pyseto.Key.new(4, "local", KEY)
    body = v4_local_seal(KEY, HEADER, message, footer, assertion)
    tail = f".{b64url(footer)}" if footer else ""
    opened = pyseto.decode(theirs, f"v4.local.{b64url(body)}{tail}", implicit_assertion=assertion)
    assert (opened.payload, opened.footer) == (message, footer)
    made = pyseto.encode(theirs, message or b" ", footer=footer, implicit_assertion=assertion)
    raw = unb64url(made.split(b".")[2])
    assert v4_local_open(KEY, HEADER, raw, footer, assertion) == (message or b" ")


def test_v4_local_nonces_are_fresh() -> None:
    """T27: the same message never gives the same token."""
    bodies = [v4_local_seal(KEY, HEADER, b"message", b"", b"") for _ in range(1000)]
    assert len({body[:32] for body in bodies}) == len({body[32:] for body in bodies}) == 1000


@pytest.mark.parametrize("size", range(64))
def test_v4_local_is_never_shorter_than_nonce_and_tag(size: int) -> None:
    with pytest.raises(SealError, match="too short"):
        v4_local_open(KEY, HEADER, bytes(size), b"", b"")


def test_v4_local_vouches_for_every_bit() -> None:
    body, footer, assertion = v4_local_seal(KEY, HEADER, b"message", b"foot", b"assert"), b"foot", b"assert"
    assert v4_local_open(KEY, HEADER, body, footer, assertion) == b"message"
    for one in flips(body):
        refuse(KEY, HEADER, one, footer, assertion)
    for one in flips(footer):
        refuse(KEY, HEADER, body, one, assertion)
    for one in flips(assertion):
        refuse(KEY, HEADER, body, footer, one)
    for one in flips(KEY):
        refuse(one, HEADER, body, footer, assertion)
    refuse(KEY, b"v3.local.", body, footer, assertion)
    refuse(KEY, HEADER, body, assertion, footer)
    refuse(KEY, HEADER, body, footer + assertion, b"")
    refuse(KEY, HEADER, body, b"", footer + assertion)


def flips(raw: bytes) -> list[bytes]:
    return [(int.from_bytes(raw, "big") ^ 1 << bit).to_bytes(len(raw), "big") for bit in range(len(raw) * 8)]


def refuse(*parts: Any) -> None:
    with pytest.raises(SealError):
        v4_local_open(*parts)


# sealing under a secret that is used once


@CALM
@given(st.binary(max_size=100), st.binary(max_size=20))
def test_what_is_sealed_opens_again(plaintext: bytes, context: bytes) -> None:
    secret = os.urandom(32)
    sealed = seal_under(secret, plaintext, context)
    assert open_under(secret, sealed, context) == plaintext
    assert len(sealed) == len(plaintext) + 28


def test_nothing_else_opens_it() -> None:
    secret = os.urandom(32)
    sealed = seal_under(secret, b"plaintext", b"context")
    others = [(one, sealed, b"context") for one in flips(secret)[:40]]
    others += [(secret, one, b"context") for one in flips(sealed)]
    others += [(secret, sealed[:size], b"context") for size in range(len(sealed))]
    others += [(secret, sealed + b"\0", b"context"), (secret, sealed, b"other"), (secret, sealed, b"")]
    for one in others:
        with pytest.raises(SealError):
            open_under(*one)


def test_sealing_twice_differs() -> None:
    secret = os.urandom(32)
    assert len({seal_under(secret, b"plaintext", b"context") for _ in range(200)}) == 200
