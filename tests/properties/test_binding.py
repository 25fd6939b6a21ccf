"""I-DPoP: whatever the request, a bound token is accepted only with a proof that its key made for this very request."""

from __future__ import annotations

from typing import Any, Final

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.authn.proving import API, KEY, NOW, Server, claims_of, proof, public_jwk
from watchword.app import drive
from watchword.authn.dpop import ath_of
from watchword.encoding import b64url, dump_json
from watchword.errors import WatchwordError
from watchword.keys.key import Key
from watchword.web.messages import Connection
from watchword.web.targets import target_of

THIEF: Final = Key.generate("ES256")
KEYS: Final = {"owner": KEY, "thief": THIEF}
METHODS, PATHS = ("GET", "POST"), ("/orders", "/pay")
ORIGINS: Final = (API, "https://evil.test")


class World:
    """One server, and all the proofs that its owner ever made: the thief may replay them, and sign what he likes."""

    def __init__(self) -> None:
        self.server = Server()
        self.tokens = {"owner": self.server.bound(), "thief": self.server.bound(THIEF)}
        self.used: dict[str, int] = {}
        self.made: list[tuple[str, dict[str, Any]]] = []

    def prove(self, who: str, claims: dict[str, Any]) -> str:
        made = proof(claims, KEYS[who])
        if who == "owner":
            self.made.append((made, claims))
        return made

    def send(self, method: str, path: str, *lines: tuple[bytes, bytes]) -> bool:
        connection = Connection(method, path, headers=[(b"host", b"evil.test"), *lines])
        try:
            return drive(self.server.corridor.authenticate(connection)) is not None
        except WatchwordError:
            return False


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_only_its_own_key_for_this_request_once(data: st.DataObject) -> None:
    world = World()
    for _ in range(data.draw(st.integers(1, 10))):
        one_request(world, data)


def one_request(world: World, data: st.DataObject) -> None:
    server, token = world.server, world.tokens["owner"]
    server.clock.advance(data.draw(st.sampled_from([0, 0, 1, 40])))
    now = server.clock.now()
    signer = data.draw(st.sampled_from(["owner", "owner", "thief"]))
    claims = claims_of(
        data.draw(st.sampled_from([token, token, world.tokens["thief"], None])),
        jti=data.draw(st.sampled_from(["a", "b", "c", "d"])),
        htm=data.draw(st.sampled_from(METHODS)),
        htu=data.draw(st.sampled_from(ORIGINS)) + data.draw(st.sampled_from(PATHS)),
        iat=now + data.draw(st.sampled_from([0, 0, 0, -60, -61, 10, 11])),
    )
    header = world.prove(signer, claims)
    if world.made and data.draw(st.sampled_from([True, False])):
        signer = "owner"
        header, claims = world.made[data.draw(st.integers(0, len(world.made) - 1))]
    method, path = data.draw(st.sampled_from(METHODS)), data.draw(st.sampled_from(PATHS))
    scheme = data.draw(st.sampled_from(["DPoP", "DPoP", "Bearer"]))
    copies = data.draw(st.sampled_from([1, 1, 1, 0, 2]))
    lines = [(b"authorization", f"{scheme} {token}".encode())] + [(b"dpop", header.encode())] * copies
    right = (
        (scheme, copies, signer) == ("DPoP", 1, "owner")
        and claims.get("ath") == ath_of(token)
        and (claims["htm"], target_of(claims["htu"])) == (method, (API, path))
        and now - 60 <= claims["iat"] <= now + 10
    )
    accepted = world.send(method, path, *lines)
    if right and claims["jti"] not in world.used:
        assert accepted
        world.used[claims["jti"]] = now
    elif right and now - world.used[claims["jti"]] < 120:
        assert not accepted, "replayed"
    elif not right:
        assert not accepted


MEMBERS: Final = ["kty", "crv", "x", "y", "n", "e"]
LEAVES = st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.sampled_from(["dpop+jwt", "ES256"])
HEADERS = st.dictionaries(
    st.sampled_from(["typ", "alg", "jwk", "kid", "crit", "b64", "jku", "x5c", "y"]),
    st.recursive(
        LEAVES,
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(MEMBERS), inner),
        max_leaves=6,
    ),
)


@settings(max_examples=300, deadline=None)
@given(header=HEADERS, keep=st.booleans(), data=st.data())
def test_any_header_is_refused_or_right(header: dict[str, Any], keep: bool, data: st.DataObject) -> None:
    """Any JSON in a proof's header: a WatchwordError, never another exception."""
    server = Server()
    token = server.bound()
    base = {"typ": "dpop+jwt", "alg": "ES256", "jwk": public_jwk(KEY)} if keep else {}
    message = f"{b64url(dump_json(base | header))}.{b64url(dump_json(claims_of(token)))}"
    value = f"{message}.{b64url(THIEF.sign(message.encode()))}"
    assert not _accepted(server, token, value.encode())


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200) | st.text(max_size=100).map(str.encode))
def test_any_bytes_are_refused(value: bytes) -> None:
    server = Server()
    assert not _accepted(server, server.bound(), value)


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=40) | st.text("/.%2eFf:@?#[]ab", max_size=20).map(lambda path: f"https://api.test{path}"))
def test_any_address_is_read_or_none(url: str) -> None:
    found = target_of(url)
    if found is not None:
        assert target_of("".join(found)) == found, "normalising is idempotent"


def _accepted(server: Server, token: str, value: bytes) -> bool:
    lines = [(b"authorization", f"DPoP {token}".encode()), (b"dpop", value)]
    try:
        return drive(server.corridor.authenticate(Connection("GET", "/orders", headers=lines))) is not None
    except WatchwordError:
        return False


def test_the_good_one_is_accepted() -> None:
    server = Server()
    token = server.bound()
    assert _accepted(server, token, proof(claims_of(token, iat=NOW)).encode())
