"""Where the keys of an issuer may be: on this machine only those of an issuer that is on it."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import pytest

from tests.faults.key_server import KeyServer, document, key_server
from watchword import KeyRing, SystemClock
from watchword.diagnosis.trusted import ring_of_issuer
from watchword.errors import ConfigurationError, KeysUnavailableError

METADATA = "/.well-known/openid-configuration"
AWAY = "id.example"
CLOCK = SystemClock()
RING = KeyRing.generate("ES256", clock=CLOCK)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[KeyServer]:
    """The name server of an attacker, and what answers there: all names are this machine."""
    resolve = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", lambda host, *more, **named: resolve("127.0.0.1", *more, **named))
    with key_server() as server:
        server.on["/jwks"] = document(RING.jwks())
        yield server


def publish(server: KeyServer, issuer: str, jwks_uri: str) -> Any:
    server.on[METADATA] = document({"issuer": issuer, "jwks_uri": jwks_uri})
    return ring_of_issuer(issuer, CLOCK)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "id.localhost"])
def test_an_issuer_on_this_machine_has_its_keys_here(server: KeyServer, host: str) -> None:
    ring = publish(server, server.url("", host), server.url("/jwks"))
    assert ring.jwks() == RING.jwks()


@pytest.mark.parametrize("inside", ["127.0.0.1", "localhost", AWAY])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_an_issuer_elsewhere_cannot_send_us_to_this_machine(server: KeyServer, inside: str, scheme: str) -> None:
    place = server.url("/jwks", inside).replace("http", scheme, 1)
    with pytest.raises((ConfigurationError, KeysUnavailableError), match=r"cannot be fetched|not public"):
        publish(server, server.url("", AWAY), place)
    assert server.asked == {METADATA: 1}
