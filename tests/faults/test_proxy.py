"""The fault proxy does what it says, measured on real sockets."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from tests.faults.proxy import FaultProxy
from watchword.clock import SystemClock

SLACK = 2.0
"""Seconds that a busy machine may take for what takes no time."""


class Echo:
    """Sends back what it hears, and remembers how connections ended."""

    def __init__(self) -> None:
        self.heard = b""
        self.ends: list[str] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                one, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(one,), daemon=True).start()

    def _serve(self, one: socket.socket) -> None:
        with one:
            try:
                while data := one.recv(65_536):
                    self.heard += data
                    one.sendall(data)
                self.ends.append("closed")
            except OSError:
                self.ends.append("reset")

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


@pytest.fixture
def echo() -> Iterator[Echo]:
    one = Echo()
    yield one
    one.close()


@pytest.fixture
def proxy(echo: Echo) -> Iterator[FaultProxy]:
    with FaultProxy(echo.port) as one:
        yield one


@pytest.fixture
def client(proxy: FaultProxy) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=10) as one:
        yield one


def took(verb: Callable[[], object]) -> float:
    clock = SystemClock()
    began = clock.monotonic()
    verb()
    return clock.monotonic() - began


def exchange(client: socket.socket, data: bytes) -> bytes:
    client.sendall(data)
    return heard(client, len(data))


def heard(client: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        chunk = client.recv(size - len(data))
        if not chunk:
            break
        data += chunk
    return data


def silent(client: socket.socket, seconds: float = 0.1) -> bool:
    client.settimeout(seconds)
    try:
        client.recv(1)
    except TimeoutError:
        return True
    finally:
        client.settimeout(10)
    return False


def wait_for(what: Callable[[], object]) -> None:
    clock = SystemClock()
    ends = clock.monotonic() + 5
    while not what():
        assert clock.monotonic() < ends
        threading.Event().wait(0.005)


def test_without_a_fault_all_is_passed_on_and_counted(client: socket.socket, proxy: FaultProxy, echo: Echo) -> None:
    data = bytes(range(256)) * 4096
    sender = threading.Thread(target=client.sendall, args=(data,))
    sender.start()
    assert heard(client, len(data)) == data
    sender.join()
    assert proxy.passed == {"up": len(data), "down": len(data)}
    assert proxy.connections == 1
    client.shutdown(socket.SHUT_WR)
    assert client.recv(1) == b""
    assert echo.ends == ["closed"]


@pytest.mark.parametrize(("way", "least"), [("up", 0.1), ("down", 0.1), ("both", 0.2)])
def test_delay(client: socket.socket, proxy: FaultProxy, way: str, least: float) -> None:
    proxy.delay(0.1, way)  # type: ignore[arg-type]
    assert least <= took(lambda: exchange(client, b"hello")) < least + SLACK


def test_a_delay_is_of_each_chunk_and_not_of_their_sum(client: socket.socket, proxy: FaultProxy) -> None:
    proxy.delay(0.3, "down")

    def all_of_it() -> None:
        for _ in range(50):
            client.sendall(b"x")
            threading.Event().wait(0.001)
        heard(client, 50)

    assert 0.3 <= took(all_of_it) < 0.3 + SLACK


def test_a_long_delay_ends_when_it_is_healed(client: socket.socket, proxy: FaultProxy) -> None:
    proxy.delay(60)
    client.sendall(b"hello")
    assert silent(client)
    proxy.heal()
    assert heard(client, 5) == b"hello"


@pytest.mark.parametrize("way", ["up", "down"])
def test_throttle(client: socket.socket, proxy: FaultProxy, way: str) -> None:
    proxy.throttle(10_000, way)  # type: ignore[arg-type]
    assert 0.3 <= took(lambda: exchange(client, b"x" * 4000)) < 0.4 + SLACK


def test_a_throttled_receiver_presses_on_its_sender(client: socket.socket, proxy: FaultProxy) -> None:
    """What the proxy holds is bounded: a sender that never ends is stopped."""
    proxy.throttle(1, "up")
    client.settimeout(0.3)
    with pytest.raises(TimeoutError):
        client.sendall(bytes(1 << 26))


@pytest.mark.parametrize("way", ["up", "down"])
def test_a_stalled_way_holds_what_comes_and_passes_it_on_afterwards(
    client: socket.socket, proxy: FaultProxy, echo: Echo, way: str
) -> None:
    proxy.stall(way)  # type: ignore[arg-type]
    client.sendall(b"hello")
    assert silent(client)
    assert echo.heard == (b"" if way == "up" else b"hello")
    proxy.heal()
    assert heard(client, 5) == b"hello"


@pytest.mark.parametrize("way", ["up", "down"])
def test_what_is_dropped_never_arrives(client: socket.socket, proxy: FaultProxy, echo: Echo, way: str) -> None:
    proxy.drop(way)  # type: ignore[arg-type]
    client.sendall(b"hello")
    assert silent(client)
    assert echo.heard == (b"" if way == "up" else b"hello")
    proxy.heal()
    assert exchange(client, b"again") == b"again"


def test_half_open_takes_new_connections_and_tells_nobody_of_an_end(
    client: socket.socket, proxy: FaultProxy, echo: Echo
) -> None:
    assert exchange(client, b"hello") == b"hello"
    proxy.half_open()
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=1) as late:
        late.sendall(b"anybody")
        assert silent(late)
    client.close()
    threading.Event().wait(0.1)
    assert echo.ends == []
    assert echo.heard == b"hello"


def test_cut_resets_at_once(client: socket.socket, proxy: FaultProxy, echo: Echo) -> None:
    assert exchange(client, b"hello") == b"hello"
    proxy.cut()
    with pytest.raises(ConnectionResetError):
        client.recv(1)
    wait_for(lambda: echo.ends == ["reset"])
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=10) as fresh:
        assert exchange(fresh, b"again") == b"again"


@pytest.mark.parametrize("after", [1, 7, 70_000])
def test_cut_after_so_many_bytes(client: socket.socket, proxy: FaultProxy, after: int) -> None:
    proxy.cut(after, "down")
    client.sendall(b"x" * 80_000)
    assert len(heard(client, after)) == after
    with pytest.raises(ConnectionResetError):
        client.recv(1)
    assert proxy.passed["down"] == after


@pytest.mark.parametrize("delivered", [False, True])
def test_cut_at_words_of_the_client(client: socket.socket, proxy: FaultProxy, echo: Echo, delivered: bool) -> None:
    proxy.cut_at(b"COMMIT", delivered=delivered)
    assert exchange(client, b"BEGIN") == b"BEGIN"
    client.sendall(b"COMMIT")
    with pytest.raises(ConnectionResetError):
        client.recv(1)
    assert echo.heard == (b"BEGINCOMMIT" if delivered else b"BEGIN")
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=10) as fresh:
        assert exchange(fresh, b"COMMIT") == b"COMMIT"  # once, and no more


def test_refuse(client: socket.socket, proxy: FaultProxy) -> None:
    proxy.refuse()
    for _ in range(3):
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", proxy.port), timeout=10)
    assert exchange(client, b"still here") == b"still here"
    proxy.heal()
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=10) as fresh:
        assert exchange(fresh, b"again") == b"again"


def test_turned_to_another_server_old_connections_end_and_new_ones_go_there(
    client: socket.socket, proxy: FaultProxy, echo: Echo
) -> None:
    assert exchange(client, b"one") == b"one"
    other = Echo()
    proxy.turn_to(other.port)
    with pytest.raises(ConnectionResetError):
        client.recv(1)
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=10) as new:
        assert exchange(new, b"two") == b"two"
    assert (echo.heard, other.heard) == (b"one", b"two")
    other.close()


def test_rewrite_knows_what_was_asked(client: socket.socket, proxy: FaultProxy) -> None:
    proxy.rewrite(lambda answer, question: b"-READONLY\r\n" if question == b"SET" else answer)
    assert exchange(client, b"GET") == b"GET"
    client.sendall(b"SET")
    assert heard(client, 11) == b"-READONLY\r\n"
    proxy.heal()
    assert exchange(client, b"SET") == b"SET"


def test_where_nobody_listens_behind_it_the_connection_is_reset() -> None:
    def connect_and_listen(port: int) -> None:
        with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
            client.recv(1)

    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        with FaultProxy(nobody.getsockname()[1]) as proxy, pytest.raises(ConnectionResetError):
            connect_and_listen(proxy.port)


@pytest.mark.anyio
async def test_it_serves_coroutines_and_its_verbs_take_no_time_of_their_loop(proxy: FaultProxy) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    proxy.delay(0.05)
    writer.write(b"hello")
    assert await reader.readexactly(5) == b"hello"
    assert took(proxy.heal) < SLACK
    writer.close()
    await writer.wait_closed()
