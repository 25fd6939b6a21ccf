"""Other libraries are measured where they are installed, and where they do the same job."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

import pytest

from watchword.diagnosis.bench import formats, peers, requests
from watchword.diagnosis.bench.base import Ask
from watchword.diagnosis.bench.peers import Material, Peer, claims_of, spelled
from watchword.errors import WatchwordError
from watchword.keys.key import Key
from watchword.keys.ring import KeyRing
from watchword.tokens.access import AccessTokens

PEERS = ("jwt", "joserfc", "jwcrypto", "pyseto", "oxyjwt", "ryjwt", "webtoken")


class Absent:
    """Finds none of the peers, as if none were installed."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        if name.partition(".")[0] in PEERS:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return None


@pytest.fixture
def no_peers(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(sys.modules):
        if name.partition(".")[0] in PEERS:
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [Absent(), *sys.meta_path])


@pytest.mark.usefixtures("no_peers")
def test_without_peers_we_are_measured_beside_the_primitive_alone(ask: Callable[..., Ask]) -> None:
    section = formats.section(ask())
    assert [line.split()[0] for line in section.not_run] == ["PyJWT", "joserfc", "jwcrypto", "pyseto"]
    assert all("pip install" in line for line in section.not_run)
    for table in section.tables:
        assert all(row.ours or row.name.startswith("the raw primitive") for row in table.rows), table.id


@pytest.mark.usefixtures("no_peers", "servers")
def test_whole_requests_do_without_peers(ask: Callable[..., Ask]) -> None:
    section = requests.section(ask())
    assert "PyJWT is not installed" in section.not_run[-1]
    assert len(section.tables) == 3
    for table in section.tables:
        assert "PyJWT in a middleware" not in {row.name for row in table.rows}


def test_without_uvicorn_nothing_is_sent_over_loopback(ask: Callable[..., Ask]) -> None:
    section = requests.section(ask())
    assert [table.id for table in section.tables] == ["requests.asgi"]
    assert "pip install 'watchword[server]'" in section.not_run[-1]


def peer(read: Callable[[str], Any]) -> Callable[[Material], Peer]:
    return lambda material: Peer("theirs", read, lambda claims: "token", material.alg)


def test_who_takes_a_token_for_another_audience_is_no_peer(
    ask: Callable[..., Ask], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peers, "PASETO_PEERS", {"careless": peer(claims_of)})
    section = formats.section(ask())
    [line] = section.not_run
    assert line.startswith("careless ")
    assert "theirs" not in {row.name for table in section.tables for row in table.rows}


def test_who_cannot_read_our_token_is_no_peer(ask: Callable[..., Ask], monkeypatch: pytest.MonkeyPatch) -> None:
    def read(token: str) -> object:
        raise LookupError

    monkeypatch.setattr(peers, "PASETO_PEERS", {"other": peer(read)})
    [line] = formats.section(ask()).not_run
    assert line == "other cannot do what we do (LookupError), so it is not compared everywhere."


@pytest.mark.parametrize("name", ["HS256", "RS256", "ES256", "Ed25519", "v4.public"])
def test_each_peer_reads_what_we_write_and_we_read_what_it_writes(name: str) -> None:
    material = Material(key=formats.key_of(name))
    ring = KeyRing.of(material.key)
    access = AccessTokens(ring, issuer="https://issuer.example", audience="https://api.example")
    token = access.issue("ada", scopes=["orders:read"]).token
    makers = [make for called, make in peers.peers_for(name).items() if called in peers.USUAL]
    for make in makers:
        theirs = make(material)
        theirs.read(spelled(token, theirs, material))
        written = theirs.write(claims_of(token))
        text = written.decode() if isinstance(written, bytes) else str(written)
        assert access.verify(text).subject == "ada", theirs.name


def test_a_verifier_without_memory_checks_every_signature() -> None:
    key = Key.generate("HS256")
    access = AccessTokens(KeyRing.of(key), issuer="https://issuer.example", audience="https://api.example")
    cold = formats.without_memory(access)
    tokens = [cold.issue("ada").token for _ in range(3)]
    for token in tokens:
        cold.verify(token)
    checked = []
    slot = next(iter(cold._ring))
    right = slot.key.verify
    slot.key.verify = lambda signature, message: checked.append(message) or right(signature, message)  # type: ignore[func-returns-value]
    for token in tokens:
        cold.verify(token)
    assert len(checked) == 3


@pytest.mark.parametrize("name", formats.SIGNED)
def test_the_primitive_is_called_with_what_our_signature_covers(name: str) -> None:
    key = formats.key_of(name)
    access = AccessTokens(KeyRing.of(key), issuer="https://issuer.example", audience="https://api.example")
    signature, message = formats.pieces_of(access.issue("ada").token)
    key.verify(signature, message)
    with pytest.raises(WatchwordError):
        key.verify(signature, message + b"x")


@pytest.mark.usefixtures("no_peers")
def test_what_is_installed_is_found_without_being_imported() -> None:
    assert peers.present("uvicorn")
    assert not peers.present("jwt")
    assert not peers.present("no_such_module")
