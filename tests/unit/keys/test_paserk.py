"""PASERK of version 4: the type, the length, one spelling, halves that belong together (T37)."""

from typing import Any

import pytest

from tests.unit.crypto.edwards import SMALL_ORDER, encoded
from watchword.encoding import b64url, unb64url
from watchword.errors import ConfigurationError, KeyUseError, WeakKeyError
from watchword.keys import paserk
from watchword.keys.key import Key

LOCAL, PUBLIC = Key.generate("v4.local"), Key.generate("v4.public")
TEXTS = {
    "local": LOCAL.to_paserk(private=True),
    "secret": PUBLIC.to_paserk(private=True),
    "public": PUBLIC.to_paserk(),
}
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def test_both_ways() -> None:
    assert {kind: Key.from_paserk(text).algorithm.name for kind, text in TEXTS.items()} == {
        "local": "v4.local",
        "secret": "v4.public",
        "public": "v4.public",
    }
    assert Key.from_paserk(TEXTS["local"]) == LOCAL
    assert Key.from_paserk(TEXTS["secret"]) == PUBLIC
    assert Key.from_paserk(TEXTS["public"]) == PUBLIC.public()
    assert Key.from_paserk(TEXTS["public"]).to_paserk() == TEXTS["public"]
    assert Key.from_paserk(TEXTS["secret"]).kid == Key.from_paserk(TEXTS["public"]).kid == PUBLIC.kid


@pytest.mark.parametrize("name", ["ES256", "Ed25519", "HS256"])
def test_jose_keys_are_no_paserks(name: str) -> None:
    with pytest.raises(KeyUseError):
        Key.generate(name).to_paserk(private=True)


def test_a_local_key_is_all_secret() -> None:
    with pytest.raises(KeyUseError):
        LOCAL.to_paserk()


@pytest.mark.parametrize("kind", list(TEXTS))
def test_the_type_is_spelled_exactly(kind: str) -> None:
    data = TEXTS[kind].rpartition(".")[2]
    for head in ("k1", "k2", "k5", "K4", "v4", "k4 ", " k4", "", "k04", "k4c", *(["k3"] if kind != "local" else [])):
        with pytest.raises(ConfigurationError):
            Key.from_paserk(f"{head}.{kind}.{data}")
    for word in (kind.upper(), "lid", "sid", "pid", "seal", "local-pw", "secret-wrap.pie", "", f"{kind} ", f"{kind}."):
        with pytest.raises(ConfigurationError):
            Key.from_paserk(f"k4.{word}.{data}")


@pytest.mark.parametrize("kind", list(TEXTS))
def test_one_type_is_not_another(kind: str) -> None:
    raw = unb64url(TEXTS[kind].rpartition(".")[2].encode())
    for other in {"local", "secret", "public"} - {kind}:
        if (kind, other) in (("local", "public"), ("public", "local")):
            continue  # 32 bytes are 32 bytes: the text says which, and the rest of the key's life is bound to it
        with pytest.raises(ConfigurationError):
            Key.from_paserk(f"k4.{other}.{b64url(raw)}")


@pytest.mark.parametrize("kind", list(TEXTS))
def test_the_data_is_held_to(kind: str) -> None:
    text = TEXTS[kind]
    head, raw = f"k4.{kind}.", unb64url(text.rpartition(".")[2].encode())
    wrong = [
        "",
        "=",
        text[len(head) :] + "=",
        text[len(head) :] + ".",
        text[len(head) :] + " ",
        text[len(head) :] + "\n",
        "\ud800",
    ]
    wrong += [b64url(other) for other in (raw[:-1], raw[1:], raw + b"\0", b"\0" + raw, raw + raw, b"")]
    wrong += [
        text[len(head) : -1] + ALPHABET[ALPHABET.index(text[-1]) + 1],
        text[len(head) :].replace(text[-3], "+"),
        "A" * 10_000,
    ]
    for data in wrong:
        with pytest.raises(ConfigurationError):
            Key.from_paserk(head + data)


@pytest.mark.parametrize("value", [None, 1, b"k4.local.", "", "k4", "k4.local", "secret", ["k4.local."], {}])
def test_what_is_no_paserk(value: Any) -> None:
    with pytest.raises(ConfigurationError):
        Key.from_paserk(value)


def test_halves_that_do_not_belong_together() -> None:
    """paseto-standard/paserk#20: the public half is derived, and compared."""
    mine, theirs = (unb64url(key.to_paserk(private=True)[10:].encode()) for key in (PUBLIC, Key.generate("v4.public")))
    for raw in (mine[:32] + theirs[32:], theirs[:32] + mine[32:], mine[32:] + mine[:32], mine[:32] + bytes(32)):
        with pytest.raises(ConfigurationError):
            Key.from_paserk(f"k4.secret.{b64url(raw)}")


@pytest.mark.parametrize("point", SMALL_ORDER, ids=lambda point: encoded(point).hex()[:8])
def test_no_public_key_of_small_order(point: tuple[int, int]) -> None:
    for sign in (0, 0x80):
        raw = encoded(point)
        with pytest.raises(WeakKeyError):
            Key.from_paserk(f"k4.public.{b64url(raw[:31] + bytes((raw[31] ^ sign,)))}")


def test_ids() -> None:
    assert LOCAL.kid == paserk.identify(LOCAL.algorithm, LOCAL.secret_bytes())
    assert {len(PUBLIC.kid), len(LOCAL.kid)} == {7 + 44}
    assert PUBLIC.kid != Key.generate("v4.public").kid
