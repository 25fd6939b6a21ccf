"""F-31 to F-35: keys behind a URL whose server fails, stalls, lies and attacks; and tokens that try to make us ask."""

from __future__ import annotations

import asyncio
import gzip
import json
import resource
import socket
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from itertools import pairwise
from threading import Event, Thread
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.faults.key_server import Behave, KeyServer, answer, document, endless, key_server, reset
from watchword.clock import FrozenClock, SystemClock
from watchword.encoding import b64url
from watchword.errors import ConfigurationError, KeysUnavailableError, WatchwordError
from watchword.keys.discovery import read_jwks
from watchword.keys.key import Key
from watchword.keys.remote import RemoteKeys, RemotePolicy
from watchword.runtime.fetch import MAX_BODY, Fetched, fetch
from watchword.runtime.refresh import RemoteRefresh
from watchword.runtime.ticker import drive

GOOD, OTHER = Key.generate("ES256", kid="good"), Key.generate("Ed25519", kid="other")
SHORT = 0.5
OK = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
asked_here = partial(fetch, allow_loopback=True, seconds=SHORT)


@pytest.fixture(scope="module")
def server() -> Iterator[KeyServer]:
    with key_server() as server:
        yield server


def jwks(*keys: Key) -> dict[str, Any]:
    return {"keys": [key.public().to_jwk() for key in keys]}


def remote_of(server: KeyServer, path: str, clock: FrozenClock) -> tuple[RemoteKeys, RemoteRefresh]:
    remote = RemoteKeys(server.url(path), read_jwks, clock=clock)
    return remote, RemoteRefresh(remote, partial(asked_here, remote.url), patience=5)


def test_a_good_document(server: KeyServer) -> None:
    server.on["/good"] = document(jwks(GOOD), headers="Cache-Control: public, max-age=600\r\nAge: 100\r\n")
    fetched = asked_here(server.url("/good"))
    assert fetched == Fetched(json.dumps(jwks(GOOD)).encode(), 500)
    chunk = json.dumps(jwks(GOOD)).encode()
    server.on["/chunks"] = lambda client: client.sendall(
        f"{OK}Transfer-Encoding: chunked\r\n\r\n{len(chunk):x}\r\n".encode() + chunk + b"\r\n0\r\n\r\n"
    )
    assert asked_here(server.url("/chunks")) == Fetched(chunk, None)
    server.on["/close"] = lambda client: client.sendall(OK.encode() + b"\r\n" + chunk)
    assert asked_here(server.url("/close?a=1".partition("?")[0])).body == chunk


def hostile(server: KeyServer) -> dict[str, tuple[Behave, str]]:
    megabyte = bytes(2**20)
    head = f"{OK}Connection: close\r\n"
    return {
        "500": (answer(b"{}", status="500 Oops"), "bad_status"),
        "304": (answer(b"", status="304 Not Modified"), "bad_status"),
        "redirect": (answer(b"", status="302 Found", headers=f"Location: {server.url('/canary')}\r\n"), "bad_status"),
        "reset": (reset, "fetch_failed"),
        "nothing": (lambda client: None, "fetch_failed"),
        "no http": (lambda client: client.sendall(b"220 mail.example ESMTP\r\n"), "fetch_failed"),
        "stall": (server.stall, "too_slow"),
        "stalled body": (server.drip(f"{head}Content-Length: 100000\r\n\r\n", 30), "too_slow"),
        "slow drip": (server.drip(f"{head}Content-Length: 100000\r\n\r\n"), "too_slow"),
        "slow drip to the end": (server.drip(f"{head}\r\n"), "too_slow"),
        "slow header": (server.drip(f"{OK}X-Slow: "), "too_slow"),
        "1 GB told": (endless(f"{OK}Content-Length: 1000000000\r\n\r\n", megabyte), "too_large"),
        "1 GB untold": (endless(f"{head}\r\n", megabyte), "too_large"),
        "1 GB in chunks": (
            endless(f"{OK}Transfer-Encoding: chunked\r\n\r\n", b"10000\r\n" + bytes(65536) + b"\r\n"),
            "too_large",
        ),
        "endless headers": (endless(OK, b"X-Filler: " + b"x" * 60000 + b"\r\n"), "too_large"),
        "endless 100": (endless("", b"HTTP/1.1 100 Continue\r\n\r\n" * 1000), "too_large"),
        "cut short": (lambda client: client.sendall(f"{OK}Content-Length: 100\r\n\r\n{{}}".encode()), "fetch_failed"),
        "gzip": (answer(gzip.compress(b"{}" + bytes(10**6)), headers="Content-Encoding: gzip\r\n"), "bad_content_type"),
        "html": (answer(b"<html>", kind="text/html"), "bad_content_type"),
        "two types": (answer(b"{}", kind="application/json, text/html"), "bad_content_type"),
        "no type": (lambda client: client.sendall(b"HTTP/1.1 200 OK\r\n\r\n{}"), "bad_content_type"),
    }


NAMES = [
    *("500", "304", "redirect", "reset", "nothing", "no http", "stall", "stalled body", "slow drip"),
    *("slow drip to the end", "slow header", "1 GB told", "1 GB untold", "1 GB in chunks", "endless headers"),
    *("endless 100", "cut short", "gzip", "html", "two types", "no type"),
]


@pytest.mark.parametrize("name", NAMES)
def test_f31_f32_a_server_that_fails_or_attacks(server: KeyServer, name: str) -> None:
    behave, reason = hostile(server)[name]
    path = "/" + name.replace(" ", "-")
    server.on[path] = behave
    server.on["/canary"] = document(jwks(GOOD))
    clock = SystemClock()
    began, before = clock.monotonic(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(KeysUnavailableError) as raised:
        asked_here(server.url(path))
    assert raised.value.reason == reason
    assert clock.monotonic() - began < SHORT + 0.4
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 5 * 1024
    assert server.asked["/canary"] == 0


def nested(depth: int) -> bytes:
    return b'{"keys":' * depth + b"[]" + b"}" * depth


BAD_DOCUMENTS = {
    "not JSON": b"<jwks/>",
    "not UTF-8": b'{"keys": ["\xff"]}',
    "a list": b"[]",
    "no keys": b"{}",
    "no list": b'{"keys": {}}',
    "none at all": b'{"keys": []}',
    "deep": nested(20_000),
    "deep inside": b'{"keys": [' + b"[" * 100 + b"]" * 100 + b"]}",
    "a name twice": b'{"keys": [], "keys": []}',
    "10,000 keys": json.dumps({"keys": [{}] * 10_000}).encode(),
    "101 good keys": json.dumps({"keys": [jwks(GOOD)["keys"][0] | {"kid": f"k{n}"} for n in range(101)]}).encode(),
    "longer than read": json.dumps(jwks(GOOD) | {"x": "x" * MAX_BODY}).encode(),
    "one kid twice": json.dumps(jwks(GOOD, Key.generate("ES256", kid="good"))).encode(),
    "private keys alone": json.dumps({"keys": [OTHER.to_jwk(private=True)]}).encode(),
    "symmetric keys alone": json.dumps({"keys": [Key.generate("HS256").to_jwk(private=True)]}).encode(),
    "another sort of document": b'{"issuer": "https://id.example", "jwks_uri": "https://id.example/jwks"}',
}


@pytest.mark.parametrize("name", BAD_DOCUMENTS)
def test_f32_a_bad_document_is_rejected_whole(name: str) -> None:
    clock = FrozenClock()
    remote = RemoteKeys("https://id.example/jwks", read_jwks, clock=clock)
    remote.succeeded(json.dumps(jwks(GOOD)).encode())
    remote.begin()
    with pytest.raises(ConfigurationError):
        remote.succeeded(BAD_DOCUMENTS[name])
    assert [slot.key.kid for slot in remote.ring] == ["good"]
    assert remote.metrics.failures == 1
    assert not remote.in_flight


WEAK_RSA = rsa.generate_private_key(65537, 1024).public_key().public_numbers()  # noqa: S505  # to be refused
WEAK = {
    "kty": "RSA",
    "alg": "RS256",
    "kid": "weak",
    "e": "AQAB",
    "n": b64url(WEAK_RSA.n.to_bytes(128, "big")),
}
BAD_KEYS: dict[str, Any] = {
    "private": OTHER.to_jwk(private=True),
    "symmetric": Key.generate("HS256", kid="secret").to_jwk(private=True),
    "unknown type": {"kty": "PQC", "kid": "new", "alg": "FALCON"},
    "unknown algorithm": OTHER.public().to_jwk() | {"alg": "XS256"},
    "for another use": OTHER.public().to_jwk() | {"use": "enc"},
    "for other operations": OTHER.public().to_jwk() | {"key_ops": ["encrypt"]},
    "for encryption": Key.generate("RSA-OAEP-256", kid="enc").public().to_jwk(),
    "1024 bit": WEAK,
    "small order": {"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "kid": "zero", "x": "A" * 43},
    "off its curve": GOOD.public().to_jwk() | {"kid": "off", "x": "A" * 43},
    "no object": "key",
    "no algorithm": {"kty": "RSA", "kid": "which", "n": WEAK["n"], "e": "AQAB"},
    "a kid that is none": OTHER.public().to_jwk() | {"kid": "a b\n"},
    "a kid that is no text": OTHER.public().to_jwk() | {"kid": 7},
}


@pytest.mark.parametrize("name", BAD_KEYS)
def test_f32_a_bad_key_is_skipped_with_its_reason(name: str) -> None:
    remote = RemoteKeys("https://id.example/jwks", read_jwks, clock=FrozenClock())
    remote.succeeded(json.dumps({"keys": [BAD_KEYS[name], GOOD.public().to_jwk()]}).encode())
    assert [slot.key.kid for slot in remote.ring] == ["good"]
    assert not any(slot.key.can_sign for slot in remote.ring)
    [reason] = remote.metrics.skipped
    assert reason.startswith("key ")


def test_f32_what_is_left_out_is_logged(server: KeyServer, caplog: pytest.LogCaptureFixture) -> None:
    server.on["/odd"] = document({"keys": [BAD_KEYS["private"], *jwks(GOOD)["keys"]]})
    _, refresh = remote_of(server, "/odd", FrozenClock())
    drive(refresh.tick())
    assert "left out: key 1: it is symmetric or private" in caplog.text
    assert OTHER.to_jwk(private=True)["d"] not in caplog.text


# F-33: where a connection may go


class Canary:
    """Listens, and hears whether anybody came."""

    def __init__(self, family: int, address: str) -> None:
        self.socket = socket.socket(family)
        self.socket.bind((address, 0))
        self.socket.listen()
        self.socket.settimeout(0)
        self.port: int = self.socket.getsockname()[1]

    def heard(self) -> bool:
        try:
            self.socket.accept()[0].close()
        except BlockingIOError:
            return False
        return True


@pytest.fixture
def canary() -> Iterator[Canary]:
    canary = Canary(socket.AF_INET, "127.0.0.1")
    yield canary
    canary.socket.close()


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "localhost", "2130706433", "0x7f000001", "0177.0.0.1", "127.1", "0.0.0.0"),  # noqa: S104
        *("[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]"),
    ],
)
def test_f33_this_machine_is_not_asked(canary: Canary, host: str) -> None:
    with pytest.raises(KeysUnavailableError):
        fetch(f"https://{host}:{canary.port}/jwks", seconds=SHORT)
    assert not canary.heard()


@pytest.mark.parametrize(
    "addresses",
    [
        ["169.254.169.254"],
        ["10.0.0.1"],
        ["192.168.1.1"],
        ["172.16.0.1"],
        ["100.64.0.1"],
        ["fd00::1"],
        ["fe80::1%lo"],
        ["fec0::1"],
        ["224.0.0.1"],
        ["2001::1"],
        ["192.0.0.8"],
        ["192.88.99.1"],
        ["168.63.129.16"],
        ["3fff::1"],
        ["::ffff:0:127.0.0.1"],
        ["::127.0.0.1"],
        ["64:ff9b:1::7f00:1"],
        ["::ffff:169.254.169.254"],
        ["93.184.216.34", "127.0.0.1"],
        ["2606:4700::1111", "::1"],
        [],
        ["not an address"],
    ],
)
def test_f33_a_name_that_leads_inside_is_not_followed(canary: Canary, addresses: list[str]) -> None:
    with pytest.raises(KeysUnavailableError) as raised:
        fetch(f"https://id.example:{canary.port}/jwks", resolve=lambda host, port: addresses, seconds=SHORT)
    assert raised.value.reason == ("fetch_failed" if addresses == ["not an address"] else "address_refused")
    assert not canary.heard()


def test_f33_the_name_is_resolved_once_and_the_connection_goes_there(server: KeyServer) -> None:
    """DNS rebinding: what the name says the second time is never heard."""
    answers = iter([["127.0.0.1"]])
    server.on["/pinned"] = document(jwks(GOOD))
    url = server.url("/pinned", "rebinding.example")
    assert asked_here(url, resolve=lambda host, port: next(answers)).body


def test_f33_http_is_for_this_machine_alone() -> None:
    with pytest.raises(KeysUnavailableError) as raised:
        asked_here("http://id.example/jwks", resolve=lambda host, port: ["93.184.216.34"])
    assert raised.value.reason == "address_refused"
    with pytest.raises(KeysUnavailableError):
        asked_here("http://id.example/", resolve=lambda host, port: ["10.0.0.1"], networks=["10.0.0.0/8"])


def test_f33_a_network_of_our_own_may_be_named() -> None:
    """Not refused for its address, and then nobody answers there: 192.0.2.0/24 leads nowhere."""
    inside = partial(fetch, "https://id.internal/", resolve=lambda host, port: ["192.0.2.1"], seconds=SHORT)
    with pytest.raises(KeysUnavailableError) as refused:
        inside()
    assert refused.value.reason == "address_refused"
    with pytest.raises(KeysUnavailableError) as unanswered:
        inside(networks=["192.0.2.0/24"])
    assert unanswered.value.reason in ("too_slow", "fetch_failed")
    with pytest.raises(ConfigurationError):
        inside(networks=["everything"])


def test_f33_a_name_server_that_is_silent_costs_no_more_than_the_time() -> None:
    over = Event()

    def silent(host: str, port: int) -> list[str]:
        over.wait(30)
        return []

    with pytest.raises(KeysUnavailableError) as raised:
        fetch("https://id.example/", resolve=silent, seconds=0.05)
    assert raised.value.reason == "too_slow"
    over.set()


def test_f33_the_second_address_is_tried(server: KeyServer) -> None:
    """The first refuses: nothing listens on 127.0.0.2 at that port."""
    server.on["/second"] = document(jwks(GOOD))
    assert asked_here(server.url("/second", "two.example"), resolve=lambda host, port: ["127.0.0.2", "127.0.0.1"]).body


# F-31, F-34, F-35: when we ask


def test_f31_the_last_good_set_is_kept_until_it_is_too_old(server: KeyServer) -> None:
    clock = FrozenClock()
    remote, refresh = remote_of(server, "/outage", clock)
    with pytest.raises(KeysUnavailableError):
        remote.ensure_usable()
    server.on["/outage"] = document(jwks(GOOD))
    drive(refresh.tick())
    slot = remote.ring.find("good")
    assert remote.state == "fresh"
    server.on["/outage"] = answer(b"", status="503 Busy")
    clock.advance(timedelta(minutes=5, hours=23))
    drive(refresh.tick())
    assert (remote.state, remote.metrics.failures, remote.ring.find("good")) == ("stale", 1, slot)
    remote.ensure_usable()
    clock.advance(timedelta(hours=1))
    assert remote.state == "expired"
    with pytest.raises(KeysUnavailableError):
        remote.ensure_usable()
    server.on["/outage"] = document(jwks(GOOD, OTHER))
    drive(refresh.tick())
    assert remote.ring.find("good") is slot
    assert remote.metrics.failing_since is None
    assert len(remote.ring) == 2


def test_f31_pauses_grow_from_one_second_to_sixty(server: KeyServer) -> None:
    clock = FrozenClock()
    remote, refresh = remote_of(server, "/down", clock)
    server.on["/down"] = answer(b"", status="500 Oops")
    times = []
    for second in range(300):
        before = server.asked["/down"]
        drive(refresh.tick())
        times += [second] * (server.asked["/down"] - before)
        clock.advance(1)
    assert times == [0, 1, 3, 7, 15, 31, 63, 123, 183, 243]
    assert isinstance(refresh.last_error, KeysUnavailableError)
    assert not remote.in_flight


def test_f31_whatever_goes_wrong_the_next_one_may_begin(server: KeyServer) -> None:
    def broken() -> Fetched:
        raise ZeroDivisionError

    remote = RemoteKeys("https://id.example/jwks", read_jwks, clock=FrozenClock())
    drive(RemoteRefresh(remote, broken).tick())
    assert not remote.in_flight
    assert remote.metrics.failures == 1

    def interrupted() -> Fetched:
        raise KeyboardInterrupt

    remote = RemoteKeys("https://id.example/jwks", read_jwks, clock=FrozenClock())
    with pytest.raises(KeyboardInterrupt):
        drive(RemoteRefresh(remote, interrupted).tick())
    assert not remote.in_flight


def test_f34_a_flood_of_unknown_key_ids() -> None:
    clock = FrozenClock()
    fetched: list[float] = []

    def count() -> Fetched:
        fetched.append(clock.monotonic())
        return Fetched(json.dumps(jwks(GOOD)).encode(), 3600)

    remote = RemoteKeys("https://id.example/jwks", read_jwks, clock=clock)
    refresh = RemoteRefresh(remote, count)
    drive(refresh.tick())
    for number in range(20_000):
        clock.advance(0.006)  # two minutes in all
        drive(refresh.for_unknown(f"k{number}"))
    assert len(fetched) == 1 + 4
    assert min(later - one for one, later in pairwise(fetched[1:])) >= 30
    assert len(remote._absent) <= 10
    assert remote.metrics.unknown_kids == 20_000


def test_f34_a_key_id_that_was_not_there_is_not_asked_for_again_soon() -> None:
    clock, policy = FrozenClock(), RemotePolicy()
    remote = RemoteKeys("https://id.example/jwks", read_jwks, clock=clock, policy=policy)
    bodies = [jwks(GOOD)]
    refresh = RemoteRefresh(remote, lambda: Fetched(json.dumps(bodies[-1]).encode(), 3600))
    drive(refresh.tick())
    drive(refresh.for_unknown("other"))
    assert remote.metrics.fetches == 2
    clock.advance(policy.cooldown)
    drive(refresh.for_unknown("other"))
    assert remote.metrics.fetches == 2
    drive(refresh.for_unknown("another"))
    assert remote.metrics.fetches == 3
    bodies.append(jwks(GOOD, OTHER))
    clock.advance(policy.absent - policy.cooldown)
    drive(refresh.for_unknown("other"))
    assert remote.metrics.fetches == 4
    assert remote.ring.find("other") is not None


def test_f34_plain_verifying_wakes_the_refresher() -> None:
    clock = FrozenClock()
    remote = RemoteKeys("https://id.example/jwks", read_jwks, clock=clock)
    refresh = RemoteRefresh(remote, lambda: Fetched(json.dumps(jwks(GOOD, OTHER)).encode(), 3600))
    drive(refresh.tick())
    assert not remote.wants()
    assert remote.missed("new")
    assert remote.wants()
    drive(refresh.tick())
    assert not remote.wants()
    assert remote.metrics.fetches == 2


async def test_f35_a_thousand_at_once_are_one_fetch(server: KeyServer) -> None:
    gate = Event()

    def slowly(client: socket.socket) -> None:
        gate.wait(5)
        document(jwks(GOOD, OTHER))(client)

    server.on["/herd"] = slowly
    remote, _ = remote_of(server, "/herd", FrozenClock())
    slow = partial(fetch, remote.url, allow_loopback=True, seconds=10)  # a busy machine takes its time for a thousand
    refresh = RemoteRefresh(remote, slow, patience=10)
    waiting = [asyncio.ensure_future(refresh.for_unknown(f"k{number % 7}")) for number in range(1000)]
    tick = asyncio.ensure_future(refresh.tick())
    await asyncio.sleep(0)
    assert remote.in_flight
    waiting[3].cancel()
    gate.set()
    done = await asyncio.gather(*waiting, tick, return_exceptions=True)
    assert sum(isinstance(one, asyncio.CancelledError) for one in done) == 1
    assert server.asked["/herd"] == 1
    assert len(remote.ring) == 2
    assert refresh._waiting == 0


async def test_f35_nobody_waits_longer_than_told_and_the_fetch_goes_on() -> None:
    gate, remote = Event(), RemoteKeys("https://id.example/jwks", read_jwks, clock=FrozenClock())

    def slow() -> Fetched:
        gate.wait(5)
        return Fetched(json.dumps(jwks(GOOD)).encode())

    refresh = RemoteRefresh(remote, slow, patience=0.02)
    await refresh.for_unknown("good")
    assert remote.in_flight
    assert remote.ring.find("good") is None
    flight = refresh._flight
    gate.set()
    assert flight is not None
    await asyncio.wrap_future(flight)
    assert not remote.in_flight
    assert remote.ring.find("good") is not None


def test_f35_threads_share_a_fetch_too() -> None:
    gate, began = Event(), Event()
    remote = RemoteKeys("https://id.example/jwks", read_jwks, clock=FrozenClock())

    def slow() -> Fetched:
        began.set()
        gate.wait(5)
        return Fetched(json.dumps(jwks(GOOD)).encode())

    refresh = RemoteRefresh(remote, slow, patience=5)
    first = Thread(target=lambda: drive(refresh.tick()))
    first.start()
    began.wait(5)
    others = [Thread(target=lambda: drive(refresh.for_unknown("good"))) for _ in range(8)]
    for thread in others:
        thread.start()
    gate.set()
    for thread in [first, *others]:
        thread.join(5)
    assert remote.metrics.fetches == 1
    assert remote.ring.find("good") is not None


def test_f35_an_outage_is_not_noticed_by_who_verifies(server: KeyServer) -> None:
    """Verifying never fetches: it looks in the ring, whatever the server does meanwhile."""
    clock = FrozenClock()
    remote, _ = remote_of(server, "/never", clock)
    remote.succeeded(json.dumps(jwks(GOOD)).encode())
    clock.advance(timedelta(hours=2))
    for _ in range(1000):
        remote.ensure_usable()
        assert remote.ring.find("good") is not None
    assert server.asked["/never"] == 0


def test_every_error_is_ours() -> None:
    for url in (
        "",
        "ftp://x/",
        "https://",
        "https://u:p@x/",
        "https://x/#f",
        "http://x/",
        "https://x:99999/",
        "file:///etc/passwd",
    ):
        with pytest.raises(WatchwordError):
            fetch(url)
