"""Proofs that npm's dpop made are good here, and only for what it made them; jose reads ours by the key they bring."""

from typing import Any, Final

import pytest

from tests.interop.conftest import NOW
from tests.interop.npm.npm import Peer, RefusedError
from tests.unit.authn.proving import URL, Server
from watchword.authn.dpop import ath_of
from watchword.authn.prover import Prover
from watchword.crypto.algorithms import PROOF_NAMES
from watchword.errors import NonceRequiredError, ProofError
from watchword.keys.key import Key
from watchword.principal import Principal

THEIRS: Final = ("ES256", "RS256", "PS256", "Ed25519")
OURS: Final = ("ES256", "ES384", "ES512", "RS256", "RS512", "PS256", "Ed25519")


class Client:
    """npm's dpop with one key, and a token of ours that is bound to it."""

    def __init__(self, peer: Peer, server: Server, alg: str = "ES256") -> None:
        self._peer, self._server = peer, server
        self.name = f"key of {alg}"
        self.jkt = peer.ask("dpop", "generate", alg=alg, name=self.name)
        self.token = server.access.issue("user-7", bind=self.jkt).token

    def proof(self, **other: Any) -> str:
        asked = {"name": self.name, "htu": URL, "htm": "GET", "token": self.token} | other
        return str(self._peer.ask("dpop", "prove", **asked))

    async def send(self, *proofs: str) -> Principal:
        return await self._server.send(self.token, *proofs)


@pytest.mark.parametrize("alg", THEIRS)
async def test_their_proofs_are_good(peer: Peer, alg: str) -> None:
    server = Server()
    client = Client(peer, server, alg)
    assert server.clock.now() == NOW
    for _ in range(2):
        assert (await client.send(client.proof())).jkt == client.jkt
    once = client.proof(htu=f"{URL}?page=2#top")
    await client.send(once)
    with pytest.raises(ProofError) as caught:
        await client.send(once)
    assert caught.value.reason == "replayed"


@pytest.mark.parametrize(
    "other",
    [{"htm": "POST"}, {"htu": f"{URL}/1"}, {"htu": "https://evil.test/orders"}, {"token": "x"}, {"token": None}],
)
async def test_they_are_good_for_nothing_else(peer: Peer, other: dict[str, Any]) -> None:
    client = Client(peer, Server())
    with pytest.raises(ProofError):
        await client.send(client.proof(**other))


async def test_another_key_of_theirs_is_refused(peer: Peer) -> None:
    server = Server()
    client, thief = Client(peer, server), Client(peer, server, "Ed25519")
    with pytest.raises(ProofError, match="another key"):
        await client.send(thief.proof(token=client.token))


async def test_they_send_the_nonce_they_were_given(peer: Peer) -> None:
    client = Client(peer, Server(nonce=True))
    with pytest.raises(NonceRequiredError) as caught:
        await client.send(client.proof())
    assert (await client.send(client.proof(nonce=caught.value.nonce))).jkt == client.jkt


@pytest.mark.parametrize("alg", OURS)
def test_jose_reads_our_proofs(peer: Peer, alg: str) -> None:
    server, key = Server(), Key.generate(alg)
    prover = Prover(key, clock=server.clock)
    proof = prover.proof("POST", f"{URL}?x=1", token="a-token", nonce="n-1")
    found = peer.ask("dpop", "read", proof=proof, algs=[alg])
    said = found["payload"]
    assert (said["htm"], said["htu"], said["iat"], said["nonce"]) == ("POST", URL, NOW, "n-1")
    assert (said["ath"], found["jkt"]) == (ath_of("a-token"), prover.jkt)
    assert found["header"].keys() == {"typ", "alg", "jwk"}
    assert set(found["header"]["jwk"]) <= {"kty", "crv", "x", "y", "n", "e"}
    head, body, signature = proof.split(".")
    with pytest.raises(RefusedError):
        peer.ask("dpop", "read", proof=f"{head}.{body}A.{signature}", algs=[alg])


def test_all_of_their_algorithms_are_taken() -> None:
    assert set(THEIRS) <= PROOF_NAMES.keys()
