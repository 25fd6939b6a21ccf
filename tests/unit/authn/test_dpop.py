"""Proofs of possession that are good: every algorithm, every spelling of an address, and what is remembered of them."""

from __future__ import annotations

import pytest

from tests.unit.authn.proving import API, KEY, NOW, URL, Server, claims_of, proof
from watchword.authn import dpop
from watchword.authn.prover import Prover
from watchword.authn.replays import Replays
from watchword.clock import FrozenClock
from watchword.crypto.algorithms import PROOF_NAMES
from watchword.errors import BindingError, ConfigurationError, KeyUseError, ProofError, UnavailableError
from watchword.keys.key import Key
from watchword.web.messages import Connection
from watchword.web.targets import normal_path, target_of


@pytest.mark.parametrize("alg", sorted(set(PROOF_NAMES.values())))
async def test_every_algorithm(alg: str) -> None:
    server, key = Server(), Key.generate(alg)
    prover = Prover(key, clock=server.clock)
    token = server.bound(key)
    who = await server.send(token, prover.proof("GET", URL + "?page=2#top", token=token))
    assert (who.subject, who.jkt, prover.jkt) == ("user-7", key.thumbprint(), key.thumbprint())
    assert (await server.send(token, prover.proof("GET", URL, token=token), scheme="dpop")).jkt == prover.jkt


async def test_the_older_name_of_ed25519() -> None:
    server, key = Server(), Key.generate("Ed25519")
    token = server.bound(key)
    assert (await server.send(token, proof(claims_of(token), key, head={"alg": "EdDSA"}))).jkt == key.thumbprint()


async def test_a_token_that_is_bound_to_no_key_is_a_bearer() -> None:
    server = Server()
    token = server.access.issue("user-7").token
    for proofs in ((), (server.prover.proof("GET", URL, token=token),)):
        with pytest.raises(BindingError, match="bound to no key"):
            await server.send(token, *proofs)
    assert (await server.send(token, scheme="Bearer")).jkt is None


def test_the_algorithms_are_asymmetric() -> None:
    assert not {"HS256", "none", "ML-DSA-44", "ES256K"} & PROOF_NAMES.keys()
    assert {"ES256", "EdDSA", "RS256", "PS256"} <= PROOF_NAMES.keys()


@pytest.mark.parametrize("key", [Key.generate("HS256"), Key.generate("v4.public"), KEY.public()], ids=repr)
def test_what_makes_no_proofs(key: Key) -> None:
    with pytest.raises(KeyUseError):
        Prover(key)


def test_a_prover_shows_nothing_secret() -> None:
    assert repr(Prover(KEY)) == f"Prover(jkt='{KEY.thumbprint()}')"
    assert KEY.to_jwk(private=True)["d"] not in Prover(KEY).proof("GET", URL)


@pytest.mark.parametrize("iat", [NOW - 60, NOW, NOW + 10])
async def test_the_window(iat: int) -> None:
    server = Server()
    token = server.bound()
    await server.send(token, proof(claims_of(token, iat=iat)))


@pytest.mark.parametrize(
    "htu",
    [
        "https://api.test/orders",
        "HTTPS://API.Test/orders",
        "https://api.test:443/orders",
        f"{URL}?a=b",
        f"{URL}#a",
        "https://api.test/./orders",
        "https://api.test/x/../orders",
        "https://api.test/%6Frders",
        f"{URL}?",
        f"{URL}?a#b",
    ],
)
async def test_one_address_in_other_spellings(htu: str) -> None:
    server = Server()
    token = server.bound()
    await server.send(token, proof(claims_of(token, htu=htu)))


@pytest.mark.parametrize("name", ["kid", "alg", "use", "key_ops", "ext"])
async def test_what_else_a_jwk_may_hold(name: str) -> None:
    more = {"kid": "a/b", "alg": "ES256", "use": "sig", "key_ops": ["verify"], "ext": True}[name]
    server = Server()
    token = server.bound()
    jwk = {key: value for key, value in KEY.to_jwk().items() if key in ("kty", "crv", "x", "y")} | {name: more}
    assert (await server.send(token, proof(claims_of(token), head={"jwk": jwk}))).jkt == KEY.thumbprint()


async def test_a_request_may_ask_again() -> None:
    """One proof counts once, and one request is one use of it: a websocket asks again after its handshake."""
    server = Server()
    token = server.bound()
    lines = [(b"authorization", f"DPoP {token}".encode()), (b"dpop", proof(claims_of(token)).encode())]
    connection = Connection("GET", "/orders", headers=lines)
    for _ in range(3):
        assert await server.corridor.authenticate(connection) is not None
    with pytest.raises(ProofError):
        await server.corridor.authenticate(Connection("GET", "/orders", headers=lines))


async def test_a_proof_for_no_token_does_not_become_one_for_a_token() -> None:
    """What was checked without ``ath`` says nothing of the token that the same request presents."""
    server = Server()
    token = server.bound()
    said = claims_of(None, ath=None)
    lines = [(b"authorization", f"DPoP {token}".encode()), (b"dpop", proof(said).encode())]
    connection = Connection("GET", "/orders", headers=lines)
    assert server.binding.proof_of(connection) is not None
    with pytest.raises(ProofError):
        await server.corridor.authenticate(connection)


async def test_a_websocket_proves_its_handshake() -> None:
    server = Server()
    token = server.bound()
    for scheme in ("wss", "https"):
        said = claims_of(token, htu=f"{scheme}://api.test/orders", jti=scheme)
        await server.send(token, proof(said), is_websocket=True, scheme="DPoP")


async def test_a_proof_names_an_origin_that_is_ours() -> None:
    """By default those of the issuer and the audience; behind a proxy, or in a test, the ones that are listed."""
    server = Server(origins=("https://Shop.Example:443",))
    token = server.bound()
    for number, origin in enumerate(("https://shop.example", API, "https://as.test")):
        await server.send(token, proof(claims_of(token, htu=f"{origin}/orders", jti=str(number))))
    with pytest.raises(ProofError, match="list it"):
        await server.send(token, proof(claims_of(token, htu="http://testserver/orders")))
    with pytest.raises(ConfigurationError):
        Server(origins=("shop.example",))


def test_proof_of_a_request_for_tokens() -> None:
    server = Server()
    assert server.binding.proof_of(Connection("POST", "/oauth/token")) is None
    said = claims_of(htm="POST", htu=f"{API}/oauth/token")
    connection = Connection("POST", "/oauth/token", headers=[(b"dpop", proof(said).encode())])
    for _ in range(2):
        found = server.binding.proof_of(connection)
        assert found is not None
        assert (found.jkt, found.ath) == (KEY.thumbprint(), None)
    with pytest.raises(ProofError):
        server.binding.proof_of(Connection("POST", "/oauth/token", headers=connection.headers))


# what is remembered


async def test_only_good_proofs_are_remembered() -> None:
    server = Server()
    token = server.bound()
    for number in range(50):
        with pytest.raises(ProofError):
            await server.send(token, proof(claims_of(token, jti=str(number), htm="POST")))
    assert len(server.binding._proofs._replays) == 0
    assert len(server.binding._proofs._keys) == 1


async def test_keys_are_remembered_up_to_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dpop, "_KNOWN_KEYS", 4)
    server = Server()
    for number in range(10):
        key = Key.generate("Ed25519")
        token = server.bound(key)
        await server.send(token, proof(claims_of(token, jti=str(number)), key))
        assert len(server.binding._proofs._keys) <= 4


def test_a_full_memory_refuses_and_forgets_nothing() -> None:
    """F-51: 503, because the proof may well be good."""
    clock = FrozenClock(NOW)
    seen = Replays(clock, window=120, capacity=10)
    assert all(seen.is_new(str(number).encode()) for number in range(10))
    for _ in range(3):
        with pytest.raises(UnavailableError) as caught:
            seen.is_new(b"one more")
        assert caught.value.reason == "replays_full"
        assert not any(seen.is_new(str(number).encode()) for number in range(10))
    clock.advance(120)
    with pytest.raises(UnavailableError):
        seen.is_new(b"one more")
    clock.advance(120)
    assert seen.is_new(b"one more")


@pytest.mark.parametrize("start", [0, 1, 60, 119, 120, 121, 239])
def test_a_name_is_known_for_the_whole_window(start: float) -> None:
    clock = FrozenClock(NOW)
    seen = Replays(clock, window=120)
    clock.advance(start)
    assert seen.is_new(b"x")
    for later in range(119):
        clock.advance(1)
        assert seen.is_new(str(later).encode())
    assert not seen.is_new(b"x")
    clock.advance(360)
    assert seen.is_new(b"x")


def test_the_wall_clock_does_not_make_it_forget() -> None:
    clock = FrozenClock(NOW)
    seen = Replays(clock, window=120)
    assert seen.is_new(b"x")
    clock.set_wall(NOW + 10_000)
    assert not seen.is_new(b"x")


# addresses


@pytest.mark.parametrize(
    ("url", "origin", "path"),
    [
        ("https://a.test", "https://a.test", "/"),
        ("https://a.test/", "https://a.test", "/"),
        ("HTTPS://A.test:443/x", "https://a.test", "/x"),
        ("http://a.test:80/x", "http://a.test", "/x"),
        ("http://a.test:8080/x", "http://a.test:8080", "/x"),
        ("wss://a.test/x", "https://a.test", "/x"),
        ("https://a.test/%7euser", "https://a.test", "/~user"),
        ("https://a.test/%2f", "https://a.test", "/%2F"),
        ("https://a.test/a%2Fb?x=/../y", "https://a.test", "/a%2Fb"),
        ("https://a.test/a/./b/../c", "https://a.test", "/a/c"),
        ("https://a.test/../../x", "https://a.test", "/x"),
        ("https://a.test/a/..", "https://a.test", "/"),
        ("https://a.test/a/.", "https://a.test", "/a/"),
        ("https://a.test/%2e%2E/x", "https://a.test", "/x"),
        ("https://a.test//x", "https://a.test", "//x"),
        ("https://a.test/%zz%4", "https://a.test", "/%zz%4"),
        ("https://a.test?x", "https://a.test", "/"),
        ("https://a.test#x?y", "https://a.test", "/"),
        ("https://[2001:DB8::1]:443/x", "https://[2001:db8::1]", "/x"),
        ("https://[2001:db8:0:0:0:0:0:1]/x", "https://[2001:db8::1]", "/x"),
    ],
)
def test_addresses(url: str, origin: str, path: str) -> None:
    assert target_of(url) == (origin, path)
    assert target_of(f"{origin}{path}") == (origin, path)
    assert normal_path(path) == path


@pytest.mark.parametrize(
    "url", ["", "x", "/x", "//a.test/x", "https:/a.test", "https://", "https://u@a.test", "ftp://a"]
)
def test_what_is_no_address(url: str) -> None:
    assert target_of(url) is None


def test_the_path_as_it_was_written() -> None:
    scope = {"type": "http", "method": "GET", "path": "/a/b", "headers": []}
    assert Connection.from_scope(scope | {"raw_path": b"/a%2Fb"}).encoded_path == "/a%2Fb"
    assert Connection.from_scope(scope | {"raw_path": b"/a%2Fb?x=%2F"}).encoded_path == "/a%2Fb"
    assert Connection.from_scope(scope | {"path": "/a b/\u00e4:~"}).encoded_path == "/a%20b/%C3%A4:~"
    assert Connection("GET", "/a b").encoded_path == "/a%20b"
