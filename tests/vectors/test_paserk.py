"""PASERK version 4: the published vectors of the six types that are built (local, secret, public, lid, sid, pid)."""

from typing import Any

import pytest

from tests.vectors.corpus import each, published
from watchword.crypto.digest import paserk_id
from watchword.encoding import b64url
from watchword.errors import ConfigurationError, WeakKeyError
from watchword.keys import paserk
from watchword.keys.key import Key, row_of

pytestmark = pytest.mark.usefixtures("vectors")

TYPES = ("local", "secret", "public", "lid", "sid", "pid")
VECTORS = {kind: published(f"paserk/k4.{kind}.json").get("tests", []) for kind in TYPES}
COUNTS = {"local": 5, "secret": 5, "public": 4, "lid": 4, "sid": 4, "pid": 5}

NO_POINTS = {
    "00" * 32: "y = 0 is a point of order 4 (T37)",
    bytes(range(0x70, 0x90)).hex(): "no point of the curve has this y",
    bytes((*range(0x70, 0x8F), 0x90)).hex(): "no point of the curve has this y",
}
"""Public keys of the vectors that no Key is made of, by design; the text of them is read and written all the same."""


def of(*kinds: str, fails: bool) -> list[Any]:
    rows = [(test["name"], test | {"kind": kind}) for kind in kinds for test in VECTORS[kind]]
    return each((name, test) for name, test in rows if test["expect-fail"] is fails)


def written(kind: str, raw: str) -> str:
    return f"k4.{kind}.{b64url(bytes.fromhex(raw))}"


@pytest.mark.parametrize("vector", of("local", "secret", fails=False))
def test_key_and_text(vector: dict[str, Any]) -> None:
    key = Key.from_paserk(vector["paserk"])
    assert key.to_paserk(private=True) == vector["paserk"] == written(vector["kind"], vector["key"])
    assert key.can_sign
    if vector["kind"] == "secret":
        assert key.to_paserk() == written("public", vector["public-key"])
    else:
        assert key.secret_bytes() == bytes.fromhex(vector["key"])


@pytest.mark.parametrize("vector", of("public", fails=False))
def test_public(vector: dict[str, Any]) -> None:
    name, private, public = paserk.read(vector["paserk"])
    assert (name, private) == ("v4.public", None)
    assert paserk.write(row_of(name), public, None) == vector["paserk"] == written("public", vector["key"])
    if vector["key"] in NO_POINTS:
        with pytest.raises(WeakKeyError):
            Key.from_paserk(vector["paserk"])
    else:
        assert Key.from_paserk(vector["paserk"]).to_paserk() == vector["paserk"]


@pytest.mark.parametrize("vector", of("lid", "sid", "pid", fails=False))
def test_id(vector: dict[str, Any]) -> None:
    of_type = {"lid": "local", "sid": "secret", "pid": "public"}[vector["kind"]]
    text = written(of_type, vector["key"])
    assert paserk_id(f"k4.{vector['kind']}.", text) == vector["paserk"]
    if vector["kind"] == "sid":
        assert Key.from_paserk(text).to_paserk(private=True) == text
    elif vector["key"] not in NO_POINTS:
        assert Key.from_paserk(text).kid == vector["paserk"]
    else:
        name, _, public = paserk.read(text)
        assert paserk.identify(row_of(name), public) == vector["paserk"]


@pytest.mark.parametrize("vector", of(*TYPES, fails=True))
def test_fails(vector: dict[str, Any]) -> None:
    kind, text = vector["kind"], vector["paserk"]
    if text is None:  # then it is the key that is wrong: no text of it is a key of this type
        text = written({"lid": "local", "sid": "secret", "pid": "public"}.get(kind, kind), vector["key"])
    with pytest.raises(ConfigurationError):
        Key.from_paserk(text)


def test_all_were_run() -> None:
    assert {kind: len(tests) for kind, tests in VECTORS.items()} == COUNTS
    assert sum(COUNTS.values()) == len(of(*TYPES, fails=False)) + len(of(*TYPES, fails=True)) == 27
