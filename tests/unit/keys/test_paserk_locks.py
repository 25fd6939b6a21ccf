"""PASERK: what locks a key and what unlocks it; costs; ids; v3 keys in PEM, on a ring and in the key document."""

from pathlib import Path

import pytest

from watchword.clock import FrozenClock
from watchword.crypto import wrapping
from watchword.crypto.wrapping import MOST, WRITTEN, PasswordCost
from watchword.encoding import b64url, unb64url
from watchword.errors import ConfigurationError, KeyUseError
from watchword.formats import paseto
from watchword.keys import paserk
from watchword.keys.footer import read_footer
from watchword.keys.key import Key
from watchword.keys.ring import KeyRing
from watchword.tokens.access import AccessTokens

CHEAP = PasswordCost(memory=8 << 10, passes=1, lanes=1, iterations=1)
NAMES = ("v3.local", "v3.public", "v4.local", "v4.public")


@pytest.mark.parametrize("name", NAMES)
def test_wrapped_under_a_key(name: str) -> None:
    key, lock = Key.generate(name), Key.generate(f"{name[:2]}.local")
    text = key.to_paserk(wrapping_key=lock)
    part = "local" if name.endswith("local") else "secret"
    assert text.startswith(f"k{name[1]}.{part}-wrap.pie.")
    assert Key.from_paserk(text, wrapping_key=lock) == key
    assert key.to_paserk(wrapping_key=lock) != text
    footer = paseto.sign(b"{}", Key.generate("v4.public"), footer={"wpk": text}).rpartition(".")[2]
    assert read_footer(unb64url(footer.encode()))["wpk"] == text


@pytest.mark.parametrize("name", NAMES)
def test_under_a_password(name: str) -> None:
    key = Key.generate(name)
    text = key.to_paserk(password=b"correct horse battery staple", cost=CHEAP)
    assert Key.from_paserk(text, password=b"correct horse battery staple") == key
    assert key.to_paserk(password=b"correct horse battery staple", cost=CHEAP) != text


@pytest.mark.parametrize("version", ["v3", "v4"])
def test_sealed_for_a_public_key(version: str) -> None:
    key, pair = Key.generate(f"{version}.local"), Key.generate(f"{version}.public")
    text = key.to_paserk(sealing_key=pair.public())
    assert text.startswith(f"k{version[1]}.seal.")
    assert Key.from_paserk(text, sealing_key=pair) == key
    assert key.to_paserk(sealing_key=pair) != text


def test_what_is_written_is_within_what_is_read() -> None:
    for field in ("memory", "passes", "lanes", "iterations"):
        assert 0 < getattr(WRITTEN, field) <= getattr(MOST, field)
    assert (WRITTEN.memory, WRITTEN.passes, WRITTEN.lanes, WRITTEN.iterations) == (64 << 20, 3, 1, 210_000)
    assert MOST.memory == 256 << 20
    assert MOST.lanes == 4


def test_the_cost_stands_in_the_text() -> None:
    cost = PasswordCost(memory=16 << 10, passes=2, lanes=2, iterations=77)
    data = unb64url(Key.generate("v4.local").to_paserk(password=b"p", cost=cost).rpartition(".")[2].encode())
    assert data[16:32] == (16 << 10).to_bytes(8, "big") + (2).to_bytes(4, "big") + (2).to_bytes(4, "big")
    data = unb64url(Key.generate("v3.local").to_paserk(password=b"p", cost=cost).rpartition(".")[2].encode())
    assert data[32:36] == (77).to_bytes(4, "big")


def test_the_reader_may_allow_more_or_less() -> None:
    key = Key.generate("v3.local")
    text = key.to_paserk(password=b"p", cost=PasswordCost(iterations=1000))
    assert Key.from_paserk(text, password=b"p", at_most=PasswordCost(iterations=1000)) == key
    with pytest.raises(ConfigurationError, match="more work"):
        Key.from_paserk(text, password=b"p", at_most=PasswordCost(iterations=999))
    wide = PasswordCost(memory=512 << 20, passes=1, lanes=8, iterations=2_000_000)
    lanes = wrapping.pw_wrap("k4.local-pw.", b"p", bytes(32), PasswordCost(memory=64 << 10, passes=1, lanes=4))
    assert wrapping.pw_unwrap("k4.local-pw.", b"p", lanes, wide) == bytes(32)


@pytest.mark.parametrize(
    ("version", "at_most"),
    [
        ("v3", PasswordCost(memory=8 << 10, passes=1, iterations=1000)),
        ("v4", PasswordCost(memory=8 << 10, passes=1, iterations=1)),
    ],
)
def test_a_limit_says_nothing_of_work_that_is_not_done(version: str, at_most: PasswordCost) -> None:
    """k3 has rounds alone, and k4 memory, passes and lanes."""
    key = Key.generate(f"{version}.local")
    text = key.to_paserk(password=b"p", cost=at_most)
    assert Key.from_paserk(text, password=b"p", at_most=at_most) == key


def test_ids_name_the_three_halves() -> None:
    pair, local = Key.generate("v3.public"), Key.generate("v3.local")
    assert pair.paserk_id() == pair.public().paserk_id() == pair.kid
    assert pair.kid.startswith("k3.pid.")
    assert pair.paserk_id(private=True).startswith("k3.sid.")
    assert local.paserk_id() == local.kid
    assert local.kid.startswith("k3.lid.")
    with pytest.raises(KeyUseError):
        pair.public().paserk_id(private=True)


def test_only_some_keys_travel() -> None:
    lock, pair = Key.generate("v4.local"), Key.generate("v4.public")
    assert paserk.travels(lock.to_paserk(wrapping_key=Key.generate("v4.local")))
    assert paserk.travels(pair.to_paserk(wrapping_key=lock))
    assert paserk.travels(lock.to_paserk(sealing_key=pair))
    for bare in (lock.to_paserk(private=True), pair.to_paserk(private=True), pair.to_paserk(), pair.kid, "", 7):
        assert not paserk.travels(bare)
    assert not paserk.travels(lock.to_paserk(password=b"p", cost=CHEAP))


def test_v3_keys_everywhere(tmp_path: Path) -> None:
    key = Key.generate("v3.public")
    assert Key.from_pem(key.to_pem(), algorithm="v3.public") == key
    assert Key.from_pem(key.public().to_pem(), algorithm="v3.public") == key.public()
    assert Key.from_paserk(key.to_paserk()) == key.public()
    ring = KeyRing.of(key, Key.generate("v3.local"), Key.generate("v4.public"), clock=FrozenClock())
    ring.save(tmp_path / "ring.keys")
    again = KeyRing.load(tmp_path / "ring.keys", clock=ring.clock)
    assert [slot.key for slot in again] == [slot.key for slot in ring]
    listed = ring.paseto_keys()["keys"]
    assert [one["paserk"][:10] for one in listed] == ["k3.public.", "k4.public."]
    assert all(Key.from_paserk(one["paserk"]).kid == one["kid"] for one in listed)


def test_the_key_of_the_ring_decides_the_version_of_access_tokens() -> None:
    clock = FrozenClock()
    keys = {version: Key.generate(f"v{version}.public") for version in (3, 4)}
    both = KeyRing.of(*(key.public() for key in keys.values()), clock=clock)
    verifier = AccessTokens(both, issuer="https://as", audience="api")
    for version, key in keys.items():
        issuer = AccessTokens(KeyRing.of(key, clock=clock), issuer="https://as", audience="api")
        token = issuer.issue("user-7", format="paseto").token
        assert token.startswith(f"v{version}.public.")
        assert verifier.verify(token).subject == "user-7"
        assert AccessTokens(both, issuer="https://as", audience="api").verify(token).subject == "user-7"


def test_a_vouched_footer_of_one_version_does_not_vouch_for_another() -> None:
    clock, key = FrozenClock(), Key.generate("v4.public")
    ring = KeyRing.of(key, Key.generate("v3.public"), clock=clock)
    access = AccessTokens(ring, issuer="https://as", audience="api")
    token = access.issue("user-7", format="paseto").token
    access.verify(token)
    body = b64url(bytes(200))
    with pytest.raises(Exception, match="not its key's"):
        access.verify(f"v3.public.{body}.{token.rpartition('.')[2]}")


def test_nothing_of_a_key_is_in_an_error() -> None:
    key = Key.generate("v4.local")
    text = key.to_paserk(private=True)
    with pytest.raises(ConfigurationError) as caught:
        Key.from_paserk(text + "A")
    assert text[9:30] not in str(caught.value)
