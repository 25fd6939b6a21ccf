"""Fetching: which URLs, what an answer says of its age, and that TLS checks the name although the address is pinned."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from watchword.errors import ConfigurationError, KeysUnavailableError
from watchword.runtime.fetch import _fits, check_url, fetch, max_age


@pytest.mark.parametrize(
    "url",
    [
        "https://id.example",
        "https://id.example:8443/a/b?c=d",
        "https://[2606:4700::1111]/jwks",
        "HTTPS://ID.example/",
        "https://id.example/%7Euser/jwks",
    ],
)
def test_urls_that_are_fetched(url: str) -> None:
    assert check_url(url).hostname


@pytest.mark.parametrize(
    "url",
    [
        *(
            "",
            "id.example",
            "//id.example",
            "https:",
            "https://",
            "https:///jwks",
            "https://:443/",
            "https://id.example:0",
        ),
        *(
            "http://id.example",
            "ftp://id.example",
            "file:///etc/passwd",
            "data:,x",
            "javascript:x",
            "gopher://id.example",
        ),
        *(
            "https://id.example:99999",
            "https://id.example:x",
            "https://[::1",
            "https://id.example/#f",
            "https://id.example#",
        ),
        *(
            "https://user@id.example",
            "https://user:p@id.example",
            "https://@id.example",
            "https://good.example\\@evil.example",
        ),
        *("https://id.example/a b", "https://id.example/\n", "https://id.\texample/", "https://id.example/\r\nX: y"),
        *(
            "https://\u0456d.example",
            "https://id.example/\u00e9",
            "https://id%2eexample/",
            "https://id.example,evil.example/",
        ),
        *("https://{x}.example", "https://a|b.example", 'https://a"b.example'),
    ],
)
def test_urls_that_are_not(url: str) -> None:
    with pytest.raises(ConfigurationError):
        check_url(url)
    with pytest.raises(ConfigurationError):
        fetch(url)


def test_http_is_a_url_only_where_loopback_is_allowed() -> None:
    assert check_url("http://127.0.0.1:8000/", allow_loopback=True)
    with pytest.raises(ConfigurationError):
        check_url("http://127.0.0.1:8000/")
    for wrong in (None, 7, b"https://id.example"):
        with pytest.raises(ConfigurationError):
            check_url(wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("cache_control", "age", "seconds"),
    [
        (None, None, None),
        ("", None, None),
        ("public, max-age=300", None, 300),
        ("MAX-AGE=300 , public", None, 300),
        ("max-age=300", "100", 200),
        ("max-age=300", "400", 0),
        ("max-age=300", "-5", 300),
        ("max-age=300", "soon", 300),
        ("max-age=0", None, 0),
        ("no-store", None, 0),
        ("max-age=300, no-cache", None, 0),
        ("max-age=300, max-age=600", None, None),
        ("max-age=-1", None, None),
        ("max-age=1e9", None, None),
        ("max-age=\u0663", None, None),
        ("max-age=99999999999", None, None),
        ("s-maxage=300", None, None),
    ],
)
def test_how_long_an_answer_may_be_kept(cache_control: str | None, age: str | None, seconds: int | None) -> None:
    assert max_age(cache_control, age) == seconds


@pytest.mark.parametrize(
    ("address", "public"),
    [
        *(("8.8.8.8", True), ("2606:4700::1111", True), ("::ffff:8.8.8.8", True), ("64:ff9b::808:808", True)),
        *(("10.0.0.1", False), ("::ffff:10.0.0.1", False), ("64:ff9b::a00:1", False), ("2002:808:808::", False)),
        *(("2001::1", False), ("240.0.0.1", False), ("255.255.255.255", False), ("ff02::1", False), ("::", False)),
    ],
)
def test_an_address_inside_another_is_the_one_that_counts(address: str, public: bool) -> None:
    assert _fits(address, loopback=False, public=True, networks=[]) == public
    for loop in ("127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1"):
        assert not _fits(loop, loopback=False, public=True, networks=[])
        assert _fits(loop, loopback=True, public=False, networks=[])


def certificate(folder: Path, name: str) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, SHA256())
    )
    cert, private = folder / "cert.pem", folder / "key.pem"
    cert.write_bytes(made.public_bytes(Encoding.PEM))
    private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return cert, private


class TlsServer:
    """Answers over TLS, or (``silent``) accepts and never says a word."""

    def __init__(self, cert: Path, key: Path, *, silent: bool = False) -> None:
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(cert, key)
        self.silent = silent
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.listener.getsockname()[1]
        self.hosts: list[bytes] = []
        self.thread = Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self) -> None:
        held = []
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                break
            client.settimeout(5)
            held.append(client)
            if self.silent:
                continue
            try:
                with self.context.wrap_socket(client, server_side=True) as tls:
                    self.hosts.append(tls.recv(4096))
                    tls.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}")
            except OSError:
                continue
        for client in held:
            client.close()

    def close(self) -> None:
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join(5)


@pytest.fixture
def secured(tmp_path: Path) -> Iterator[tuple[TlsServer, ssl.SSLContext]]:
    cert, key = certificate(tmp_path, "id.example")
    server = TlsServer(cert, key)
    yield server, ssl.create_default_context(cafile=cert)
    server.close()


def test_over_tls_the_name_is_checked_and_the_address_is_the_one_that_was_looked_at(
    secured: tuple[TlsServer, ssl.SSLContext],
) -> None:
    server, trusting = secured
    url = f"https://id.example:{server.port}/jwks?x=1"
    here = {"allow_loopback": True, "resolve": lambda host, port: ["127.0.0.1"]}
    assert fetch(url, tls=trusting, **here).body == b"{}"  # type: ignore[arg-type]
    assert server.hosts[0].startswith(b"GET /jwks?x=1 HTTP/1.1\r\n")
    assert f"Host: id.example:{server.port}\r\n".encode() in server.hosts[0]
    for wrong in (url.replace("id.", "other."), url.replace("id.example", "127.0.0.1")):
        with pytest.raises(KeysUnavailableError):
            fetch(wrong, tls=trusting, **here)  # type: ignore[arg-type]
    with pytest.raises(KeysUnavailableError):
        fetch(url, **here)  # type: ignore[arg-type]


def test_a_handshake_that_never_ends(tmp_path: Path) -> None:
    server = TlsServer(*certificate(tmp_path, "id.example"), silent=True)
    with pytest.raises(KeysUnavailableError) as raised:
        fetch(f"https://127.0.0.1:{server.port}/", allow_loopback=True, seconds=0.1)
    assert raised.value.reason == "too_slow"
    server.close()
