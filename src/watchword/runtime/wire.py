"""One HTTP exchange that ends in time: a connection to chosen addresses, under one deadline and one count of bytes."""

from __future__ import annotations

import socket
import ssl
from http.client import HTTPConnection
from io import BufferedReader, RawIOBase
from ipaddress import IPv4Address, IPv6Address, ip_network
from typing import Any

from ..clock import SystemClock

MOST_BYTES = 393_216
"""Bytes of a whole answer: the body, its headers, and what chunks add."""
_NAT64, _6TO4, _TEREDO = ip_network("64:ff9b::/96"), ip_network("2002::/16"), ip_network("2001::/32")

Address = IPv4Address | IPv6Address


class TooMuchError(OSError):
    """More came than is read."""


class Deadline:
    """A moment in real time by which all is over."""

    def __init__(self, seconds: float) -> None:
        self._clock = SystemClock()
        self._at = self._clock.monotonic() + seconds

    def left(self) -> float:
        """Seconds until then. Raises: TimeoutError when there are none."""
        left = self._at - self._clock.monotonic()
        if left <= 0:
            raise TimeoutError
        return left


def embedded(address: Address) -> Address:
    """The IPv4 address that an IPv6 one leads to; the unspecified one for tunnels that could lead anywhere."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address in _NAT64:
            return IPv4Address(int(address) & 0xFFFFFFFF)
        if address in _6TO4 or address in _TEREDO:
            return IPv4Address(0)
    return address


class Pinned(HTTPConnection):
    """Connects to given addresses, whatever the name resolves to by then; TLS still checks the name."""

    def __init__(self, host: str, port: int, deadline: Deadline, *, tls: ssl.SSLContext | None) -> None:
        super().__init__(host, port)
        self.addresses: list[str] = []
        self.default_port = 443 if tls is not None else 80
        self._deadline = deadline
        self._tls = tls
        self._sock: socket.socket | None = None

    def end(self) -> None:
        """Let go of the socket. ``close`` does not: http.client calls it while the answer is still being read."""
        if self._sock is not None:
            self._sock.close()

    def connect(self) -> None:
        self._sock = self._connected()
        if self._tls is not None:
            self._sock.settimeout(self._deadline.left())
            self._sock = self._tls.wrap_socket(self._sock, server_hostname=self.host)
        self.sock = _Timed(self._sock, self._deadline)

    def _connected(self) -> socket.socket:
        """A connection to the first address that answers; each may take its share of the time."""
        for left, address in zip(range(len(self.addresses), 0, -1), self.addresses, strict=True):
            try:
                return socket.create_connection((address, self.port), timeout=self._deadline.left() / left)
            except OSError:
                if left == 1:
                    raise
        raise OSError("no address")


class _Timed:
    """The four things that http.client asks of a socket, each within what is left of the deadline."""

    def __init__(self, sock: socket.socket, deadline: Deadline) -> None:
        self._sock = sock
        self._deadline = deadline

    def sendall(self, data: Any) -> None:
        self._sock.settimeout(self._deadline.left())
        self._sock.sendall(data)

    def makefile(self, *_: object) -> BufferedReader:
        return BufferedReader(_Counted(self._sock, self._deadline))

    def close(self) -> None:
        """Nothing: see ``Pinned.end``."""


class _Counted(RawIOBase):
    def __init__(self, sock: socket.socket, deadline: Deadline) -> None:
        self._sock = sock
        self._deadline = deadline
        self._came = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._sock.settimeout(self._deadline.left())
        count = self._sock.recv_into(buffer)
        self._came += count
        if self._came > MOST_BYTES:
            raise TooMuchError
        return count
