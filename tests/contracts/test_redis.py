"""What only the Redis store promises: its keys and their lives, claims, news, pipelining, rights, TLS, forks."""

from __future__ import annotations

import asyncio
import os
import re
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread
from typing import Any

import anyio.lowlevel
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.conftest import ROOT
from tests.contracts.test_store import NOW, VERBS, drive, names, revoked, session
from tests.services.valkey import Cluster, Server
from watchword import Watchword
from watchword.blocking import Watchword as BlockingWatchword
from watchword.clock import SystemClock
from watchword.errors import ConfigurationError, StoreConflictError, StoreUnavailableError, TokenRevokedError
from watchword.stores.base import Audit, Event, Record, Store, open_store
from watchword.stores.redis import RedisStore
from watchword.stores.redis import store as module
from watchword.stores.redis.address import Address
from watchword.stores.redis.lane import LoopWire, dialled
from watchword.stores.redis.scripts import RELEASE
from watchword.stores.redis.wire import Wire, dial

pytestmark = pytest.mark.anyio

DAY = 86_400


@pytest.fixture(params=["loop", "threads"])
def way(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def store(valkey: Server, way: str) -> AsyncIterator[RedisStore]:
    store = RedisStore(valkey.fresh())
    await begin(store, way)
    yield store
    await store.close()


async def begin(store: Store, way: str) -> None:
    if way == "loop":
        await store.open()
    else:
        store.open_blocking()


def keys_of(server: Server, store: RedisStore) -> dict[str, int]:
    """Every key of the store, without its prefix, and how many seconds it has left; -1 is for ever."""
    start = f"{{{store.address.prefix}}}:"
    with server.client() as client:
        found = [key.decode() for key in client.scan_iter(match=f"{start}*", count=1000)]
        return {key.removeprefix(start): client.ttl(key) for key in found}


# Keys and their lives


async def test_every_key_is_documented_and_has_the_life_that_is_documented(valkey: Server, store: RedisStore) -> None:
    ends = int(SystemClock().now()) + 1000
    await store.put(session("k", subject="u", group="g", expires_at=ends), audit=[Audit(name="a", at=NOW)])
    await store.append(Event(what="session", value="v", at=NOW, until=ends))
    lives = keys_of(valkey, store)
    page, _, _ = (ROOT / "docs/reference/redis.md").read_text("utf-8").partition("## Beside an SQL store")
    shapes = set(re.findall(r"^\| `\{ww\}:([a-z])", page, re.M))
    assert {name[0] for name in lives} == shapes - {"e", "n"}
    assert lives.pop("m") == -1
    assert 399 * DAY < lives.pop("a") <= 400 * DAY
    assert all(DAY < life <= DAY + 1001 for life in lives.values()), lives


async def test_an_index_lives_as_long_as_its_longest_lived_record(valkey: Server, store: RedisStore) -> None:
    now = int(SystemClock().now())
    for key, ends in (("a", now + 10 * DAY), ("b", now + 100), ("c", 1)):
        await store.put(session(key, subject="u", expires_at=ends))
    lives = keys_of(valkey, store)
    assert 10 * DAY < lives["s:session:u"] == lives["k:session"] <= 11 * DAY
    assert 0 < lives["r:session:c"] <= DAY
    await store.put(session("d", subject="u"))
    await store.put(session("e", subject="u", expires_at=now + 100))
    lives = keys_of(valkey, store)
    assert (lives["s:session:u"], lives["r:session:d"]) == (-1, -1)


async def test_nothing_stays_behind_when_records_go(valkey: Server, store: RedisStore) -> None:
    for key in "abcd":
        await store.put(session(key, subject="u", group="g", expires_at=NOW))
    await store.take("session", "a", now=0)
    await store.drop("session", "b")
    await store.swap(session("c"), version=1)
    await store.drop("session", "c")
    await store.append(revoked("x", until=NOW))
    assert await store.purge(now=NOW) == 2
    assert keys_of(valkey, store).keys() == {"m"}


async def test_find_strikes_out_what_a_ttl_took(valkey: Server, store: RedisStore) -> None:
    await store.put(session("a", subject="u", group="g"), session("b", subject="u", group="g"))
    with valkey.client() as client:
        start = f"{{{store.address.prefix}}}:"
        client.delete(f"{start}r:session:a")
        await store.put(session("a", subject="other"))
        assert [record.key for record in await store.find("session", now=NOW, subject="u")] == ["b"]
        assert [record.key for record in await store.find("session", now=NOW, group="g")] == ["b"]
        assert client.zrange(f"{start}s:session:u", 0, -1) == [b"b"]
        assert client.zrange(f"{start}g:session:g", 0, -1) == [b"b"]


async def test_kinds_with_colons_do_not_meet(store: RedisStore) -> None:
    await store.put(session("b:c", kind="a"), session("c", kind="a:b"), session("c", kind="a%3Ab"))
    assert [record.kind for record in await store.find("a:b", now=NOW)] == ["a:b"]
    assert await store.get("a", "b:c", now=NOW) == session("b:c", kind="a")
    assert await store.purge(now=NOW) == 0


async def test_the_audit_trail_keeps_its_newest_rows(store: RedisStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "AUDIT_ROWS", 3)
    for n in range(5):
        await store.append(audit=[Audit(name=f"{n}", at=NOW)])
    assert await names(store) == ["2", "3", "4"]


# Effects


async def test_while_an_effect_runs_nobody_else_can_begin_one(
    store: RedisStore, valkey: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever becomes of the one that has the claim: here it never comes back."""
    await store.put(session("k", expires_at=NOW + 9))
    run = store._run

    async def broken(script: Any, *arguments: Any, **how: Any) -> Any:
        if script is RELEASE:
            raise StoreUnavailableError
        return await run(script, *arguments, **how)

    monkeypatch.setattr(store, "_run", broken)
    with pytest.raises(KeyboardInterrupt):
        await store.swap(session("k"), version=1, effect=_interrupted)
    monkeypatch.undo()
    ran: list[object] = []
    assert await store.swap(session("k"), version=1, effect=ran.append) is False
    assert ran == []
    assert await store.get("session", "k", now=NOW) == session("k", expires_at=NOW + 9)
    assert keys_of(valkey, store)["e:session:k"] > 0
    assert await store.drop("session", "k") is True
    await store.put(session("k"))
    assert await store.swap(session("k"), version=1, effect=ran.append) is True


def _interrupted(_: object) -> None:
    raise KeyboardInterrupt


async def test_a_record_that_is_ended_under_an_effect_is_a_conflict_and_stays_ended(
    store: RedisStore, valkey: Server
) -> None:
    other = RedisStore(f"redis://{valkey.place}?prefix={store.address.prefix}")
    other.open_blocking()
    await store.put(session("k"))

    def ends_it(_: object) -> None:
        assert drive(other.drop("session", "k"))

    with pytest.raises(StoreConflictError, match="the effect ran"):
        await store.swap(session("k"), version=1, puts=[session("next")], effect=ends_it)
    assert await store.find("session", now=NOW) == []
    other.close_blocking()


# One loop, one connection


async def test_lookups_of_one_turn_leave_in_one_send_over_one_connection(valkey: Server) -> None:
    store = RedisStore(valkey.fresh())
    await store.open()
    await store.put(session("k"))
    lane: Any = store._lane
    sends: list[int] = []
    flush = lane._wire._send

    def counted() -> None:
        sends.append(len(lane._wire._out))
        flush()

    lane._wire._send = counted
    found = await asyncio.gather(*(store.get("session", "k", now=NOW) for _ in range(100)))
    assert found == [session("k")] * 100
    assert sends == [100]
    await store.close()


async def test_a_cancelled_lookup_leaves_the_others_their_own_answers(valkey: Server) -> None:
    store = RedisStore(valkey.fresh())
    await store.open()
    await store.put(*(session(f"{n}", data={"n": n}) for n in range(20)))
    tasks = [asyncio.ensure_future(store.get("session", f"{n}", now=NOW)) for n in range(20)]
    await asyncio.sleep(0)
    for task in tasks[::3]:
        task.cancel()
    for n, task in enumerate(tasks):
        if n % 3:
            assert await task == session(f"{n}", data={"n": n})
    assert await store.get("session", "0", now=NOW) == session("0", data={"n": 0})
    await store.close()


async def test_a_large_batch_is_sent_piece_by_piece(valkey: Server) -> None:
    store = RedisStore(valkey.fresh())
    await store.open()
    text = "x" * 2_000_000
    await asyncio.gather(*(store.put(session(f"{n}", data={"text": text})) for n in range(20)))
    for record in await store.find("session", now=NOW):
        assert record.data == {"text": text}
        await store.drop("session", record.key)
    await store.close()


async def test_a_script_that_the_server_forgot_is_sent_again(valkey: Server, store: RedisStore) -> None:
    await store.put(session("a"))
    with valkey.client() as client:
        client.script_flush()
    await store.put(session("b"))
    assert len(await store.find("session", now=NOW)) == 2


async def test_a_store_that_reaches_the_wrong_node_finds_the_right_one(valkey_cluster: Cluster) -> None:
    """As after a failover or when the slot has moved: MOVED says that nothing was done, so it is done again there."""
    store = RedisStore(valkey_cluster.fresh())
    await store.open()
    await store.put(session("k"))
    lane: Any = store._lane
    for node in valkey_cluster.nodes:
        wrong = RedisStore(f"redis://{node.place}")
        lane._wire.close()
        lane._wire = LoopWire(dial(wrong.address), 0.5)
        assert await store.get("session", "k", now=NOW) == session("k")
        assert await store.append(revoked("a")) > 0
    assert (await store.tail(0, now=NOW)).head == 3
    await store.close()


# News


async def test_news_wakes_at_once_at_a_commit_and_else_when_the_time_is_out(store: RedisStore, valkey: Server) -> None:
    clock = SystemClock()
    other = RedisStore(f"redis://{valkey.place}?prefix={store.address.prefix}")
    other.open_blocking()
    await store.news(timeout=5)  # the first call listens, and returns at once
    began = clock.monotonic()
    await store.news(timeout=0.05)
    assert clock.monotonic() - began >= 0.04
    began = clock.monotonic()
    speaker = Thread(target=lambda: drive(other.append(revoked("a"))))
    speaker.start()
    await store.news(timeout=10)
    assert clock.monotonic() - began < 5
    speaker.join()
    other.close_blocking()


async def test_who_cannot_listen_waits_the_time_out(valkey: Server, way: str, tmp_path: Path) -> None:
    clock = SystemClock()
    with Server(valkey.command[0], tmp_path / "own") as own:
        store = RedisStore(own.fresh("timeout=0.1"))
        await begin(store, way)
        await store.news(timeout=1)
        own.kill()
        await store.news(timeout=1)
        began = clock.monotonic()
        await store.news(timeout=0.3)
        assert clock.monotonic() - began >= 0.25
        own.start()
        await store.news(timeout=1)
        await store.close()


async def test_who_is_cancelled_while_connecting_leaves_no_connection(
    valkey: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Wire] = []

    def watched(address: Address) -> Wire:
        made.append(dial(address))
        return made[-1]

    monkeypatch.setattr("watchword.stores.redis.lane.dial", watched)
    for turn in range(1, 21):
        with suppress(TimeoutError):
            await asyncio.wait_for(dialled(RedisStore(valkey.fresh()).address), 1e-9)
        while len(made) < turn or made[-1].socket.fileno() >= 0:
            await anyio.lowlevel.checkpoint()


# Rights, TLS, forks


async def test_a_user_with_the_documented_rights_is_enough(valkey: Server, way: str) -> None:
    text = (ROOT / "docs/how-to/use-redis.md").read_text("utf-8")
    [rights] = re.findall(r"needs `(~\S+)`, `(&\S+)` and `([^`]+)`", text)
    prefix = os.urandom(6).hex()
    with valkey.client() as client:
        rules = [part for right in rights for part in right.replace("ww", prefix).split()]
        client.execute_command("ACL", "SETUSER", prefix, "on", ">hunter2", *rules)
    store = RedisStore(f"redis://{prefix}:hunter2@{valkey.place}?prefix={prefix}")
    await begin(store, way)
    for verb in VERBS.values():
        await verb(store)
    await store.put(session("k", subject="u", group="g", expires_at=NOW))
    assert await store.swap(session("k"), version=1, events=[revoked("a")], effect=lambda _: None)
    await store.news(timeout=1)
    assert len(keys_of(valkey, store)) > 3
    await store.close()


async def test_a_wrong_password_is_a_configuration_error_without_it(valkey: Server, way: str) -> None:
    store = RedisStore(f"redis://nobody:hunter2@{valkey.place}")
    with pytest.raises(ConfigurationError, match="password") as caught:
        await begin(store, way)
    assert "hunter2" not in repr(caught.value)
    assert caught.value.__cause__ is None


def certificate(folder: Path) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name, now = (
        x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")]),
        datetime.now(UTC).replace(tzinfo=None),
    )
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now)
    made = (
        builder.not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    public, private = folder / "cert.pem", folder / "key.pem"
    public.write_bytes(made.public_bytes(pem))
    plain = serialization.NoEncryption()
    private.write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
    return public, private


def tls_in_front(port: int, public: Path, private: Path) -> socket.socket:
    """A listener that ends TLS and hands everything on."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(public, private)
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with suppress(OSError):
            while True:
                plain, _ = listener.accept()
                Thread(target=hand_on, args=(plain,), daemon=True).start()

    def hand_on(plain: socket.socket) -> None:
        with (
            suppress(OSError),
            socket.create_connection(("127.0.0.1", port)) as above,
            context.wrap_socket(plain, server_side=True) as below,
        ):
            Thread(target=pump, args=(above, below), daemon=True).start()
            pump(below, above)

    def pump(source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_RDWR)

    Thread(target=serve, daemon=True).start()
    return listener


async def test_over_tls_the_certificate_is_checked(valkey: Server, way: str, tmp_path: Path) -> None:
    public, private = certificate(tmp_path)
    with tls_in_front(valkey.port, public, private) as listener:
        port = listener.getsockname()[1]
        options = f"prefix={os.urandom(6).hex()}"
        trusting = RedisStore(f"rediss://localhost:{port}?{options}&ca={public}")
        await begin(trusting, way)
        big = session("k", data={"text": "x" * 200_000})
        await trusting.put(big)
        for _ in range(3):
            assert await trusting.get("session", "k", now=NOW) == big
        await trusting.close()
        for url in (f"rediss://localhost:{port}?{options}", f"rediss://127.0.0.1:{port}?{options}&ca={public}"):
            with pytest.raises(StoreUnavailableError):
                await begin(RedisStore(url), way)


def test_a_forked_child_has_connections_of_its_own(valkey: Server) -> None:
    store = RedisStore(valkey.fresh())
    store.open_blocking()
    drive(store.put(session("k")))
    parents = ports(store)

    def works() -> bool:
        return all(drive(store.get("session", "k", now=NOW)) == session("k") for _ in range(50))

    child = os.fork()
    if not child:  # pragma: no cover
        os._exit(0 if works() and ports(store).isdisjoint(parents) else 1)
    assert works()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert works()
    assert ports(store) == parents
    store.close_blocking()


def ports(store: RedisStore) -> set[int]:
    """The local ends of the connections of this process."""
    lane: Any = store._lane
    return {wire.socket.getsockname()[1] for wire in lane._idle[os.getpid()]}


# The whole


async def test_a_whole_watchword_over_redis(valkey: Server, tmp_path: Path) -> None:
    names: dict[str, Any] = {
        "issuer": "https://as.test",
        "audience": "https://api.test",
        "keys": tmp_path / "app.keys",
    }
    url = valkey.fresh()
    async with Watchword(url, **names) as ww:
        session = await ww.sessions.start("user-7", data={"plan": "pro"})
        who = await ww.sessions.authenticate(session.token)
        access = ww.access.issue("user-7", session_id=who.session_id)
        refresh = await ww.refresh.issue("user-7", client_id="mobile")
        assert (await ww.refresh.rotate(refresh.token)).token != refresh.token
        link = await ww.one_time.issue("user-7", purpose="password-reset")
        ran: list[object] = []
        await ww.one_time.redeem(link.token, purpose="password-reset", effect=ran.append)
        assert ran == [None]
        key = await ww.api_keys.issue("acme", scopes=["invoices:read"])
        assert (await ww.api_keys.authenticate(key.token)).subject == "acme"
        await ww.revoke(session=who.session_id)
        with pytest.raises(TokenRevokedError):
            ww.access.verify(access.token)
        assert (await ww.events(subject="user-7"))[0].name == "session_started"
    with pytest.raises(ConfigurationError, match="key file"):
        Watchword(url, issuer="https://as.test", audience="https://api.test")
    await asyncio.to_thread(_blocking, url, names, access.token)


def _blocking(url: str, names: dict[str, Any], token: str) -> None:
    with BlockingWatchword(url, **names) as ww:
        with pytest.raises(TokenRevokedError):
            ww.access.verify(token)
        started = ww.sessions.start("user-8")
        assert ww.sessions.authenticate(started.token).subject == "user-8"
        ww.revoke(subject="user-8")


def test_records_of_one_prefix_are_in_one_slot(valkey_cluster: Cluster) -> None:
    """So a script may touch any of them; otherwise a node refuses with CROSSSLOT or an access to a foreign key."""
    for _ in range(6):
        store = open_store(valkey_cluster.fresh())
        store.open_blocking()
        many = [Record(kind=f"kind{n}", key=f"{n}", data={}, subject=f"{n}", expires_at=NOW) for n in range(20)]
        drive(store.put(*many))
        assert drive(store.purge(now=NOW)) == 20
        store.close_blocking()
