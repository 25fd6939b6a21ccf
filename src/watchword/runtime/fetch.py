"""Fetching a small document from a configured URL, with every bound that a stranger's server might test.

https alone (http to loopback where that is allowed by name); the host is resolved once, and the connection goes to an
address that was looked at: public, or allowed. No redirects, no compression, 256 KiB, two seconds for all of it.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Future
from http.client import HTTPException, HTTPResponse
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from threading import Thread
from urllib.parse import SplitResult, urlencode, urlsplit

from msgspec import Struct

from ..errors import ConfigurationError, KeysUnavailableError, WatchwordError
from .wire import Deadline, Pinned, TooMuchError, embedded

MAX_BODY = 262_144
SECONDS = 2.0
FORM_TYPE = "application/x-www-form-urlencoded"
JSON_TYPES = frozenset({"application/json", "application/jwk-set+json"})

Resolve = Callable[[str, int], list[str]]
Network = IPv4Network | IPv6Network
_UNICAST = ip_network("2000::/3")
_SPECIAL = tuple(map(ip_network, ("192.0.0.0/24", "192.88.99.0/24", "168.63.129.16/32", "3fff::/20")))
"""Not for us, though some Pythons call them global: IETF protocols, 6to4 relays, the host of an Azure VM, examples."""
_HOST = frozenset("abcdefghijklmnopqrstuvwxyz0123456789.-_:")
_HEADERS = {"Accept-Encoding": "identity", "User-Agent": "watchword"}


class Fetched(Struct, frozen=True):
    """What came: the body, and the seconds for which its sender says it may be kept (None: it did not say)."""

    body: bytes
    max_age: int | None = None


def check_url(url: str, *, allow_loopback: bool = False) -> SplitResult:
    """The parts of a URL that may be fetched. Raises: ConfigurationError for any other."""
    try:
        parts = urlsplit(url) if isinstance(url, str) else urlsplit("")
        port = parts.port
    except ValueError as error:
        raise ConfigurationError(f"{url[:200]!a} is not a URL") from error
    plain = allow_loopback and parts.scheme == "http"
    host = parts.hostname or ""
    sound = isinstance(url, str) and url.isascii() and url.isprintable() and not set(url) & set(' "<>\\^`{|}#')
    if not sound or not (plain or parts.scheme == "https") or not host or not _HOST.issuperset(host) or port == 0:
        hint = "; http is for this very machine alone, with allow_loopback=True" if parts.scheme == "http" else ""
        raise ConfigurationError(f"{str(url)[:200]!a} cannot be fetched: it has to be https, with a host{hint}")
    if "@" in parts.netloc:
        raise ConfigurationError("a URL that is fetched names no user and holds no password")
    return parts


def fetch(
    url: str,
    *,
    form: Mapping[str, str] | None = None,
    json: bytes | None = None,
    authorization: str | None = None,
    allow_loopback: bool = False,
    networks: Collection[str] = (),
    resolve: Resolve | None = None,
    seconds: float = SECONDS,
    tls: ssl.SSLContext | None = None,
    types: Collection[str] = JSON_TYPES,
) -> Fetched:
    """The JSON document at ``url``. Blocks for ``seconds`` at most; call it from a thread under an event loop.

    Parameters: form, json: sent as the body of a POST; without one it is a GET. authorization: the header of that name.
    allow_loopback: this machine as well, also by http. networks: other addresses that are not public and may be
    connected to (``["10.0.0.0/8"]``). tls: a context of your own, for a private certificate authority. types: other
    media types than those of JSON that the document is to have.
    Raises: ConfigurationError for a URL that may not be fetched; KeysUnavailableError, with the reason, for all else.
    """
    parts = check_url(url, allow_loopback=allow_loopback)
    secure = parts.scheme == "https"
    host, port = str(parts.hostname), parts.port or (443 if secure else 80)
    private = _networks(networks)
    context = (tls or ssl.create_default_context()) if secure else None
    deadline = Deadline(seconds)
    connection = Pinned(host, port, deadline, tls=context)
    try:
        found = _resolved(resolve or _resolve, host, port, deadline)
        connection.addresses = _allowed(found, host, loopback=allow_loopback, public=secure, networks=private)
        place = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        headers = _HEADERS | {"Accept": ", ".join(sorted(types))}
        headers |= {} if authorization is None else {"Authorization": authorization}
        if form is not None:
            connection.request("POST", place, urlencode(form).encode(), headers | {"Content-Type": FORM_TYPE})
        elif json is not None:
            connection.request("POST", place, json, headers | {"Content-Type": "application/json"})
        else:
            connection.request("GET", place, headers=headers)
        with connection.getresponse() as response:
            return _read(response, types)
    except WatchwordError:
        raise
    except TooMuchError as error:
        raise KeysUnavailableError(
            f"the answer of {host} is longer than {MAX_BODY} bytes", reason="too_large"
        ) from error
    except TimeoutError as error:
        raise KeysUnavailableError(f"{host} did not answer within {seconds:g} s", reason="too_slow") from error
    except (OSError, HTTPException, ValueError) as error:
        raise KeysUnavailableError(
            f"{host} did not answer well: {type(error).__name__}", reason="fetch_failed"
        ) from error
    finally:
        connection.end()


def _hint(status: int) -> str:
    if status == 401:
        return "; are the client's id and secret right?"
    return "; redirects are not followed, so name the address that answers" if 300 <= status < 400 else ""


def _read(response: HTTPResponse, types: Collection[str]) -> Fetched:
    if response.status != 200:
        refusal = KeysUnavailableError(
            f"the answer has status {response.status}{_hint(response.status)}", reason="bad_status"
        )
        refusal.http_status = response.status
        raise refusal
    kind = (response.getheader("content-type") or "").partition(";")[0].strip().lower()
    if kind not in types or (response.getheader("content-encoding") or "identity").strip().lower() != "identity":
        raise KeysUnavailableError(f"the answer is not plain {sorted(types)[0]}", reason="bad_content_type")
    if (response.length or 0) > MAX_BODY:
        raise TooMuchError
    body = response.read(MAX_BODY + 1)
    if len(body) > MAX_BODY:
        raise TooMuchError
    if response.length:
        raise KeysUnavailableError("the answer ended too early", reason="fetch_failed")
    return Fetched(body, max_age(response.getheader("cache-control"), response.getheader("age")))


def max_age(cache_control: str | None, age: str | None = None) -> int | None:
    """The seconds that Cache-Control leaves, after the Age that a cache on the way reports (RFC 9111 §4.2)."""
    said = [part.strip().lower() for part in (cache_control or "").split(",")]
    if "no-store" in said or "no-cache" in said:
        return 0
    ages = [_seconds(part.partition("=")[2]) for part in said if part.startswith("max-age=")]
    if len(ages) != 1 or ages[0] is None:
        return None
    return max(0, ages[0] - (_seconds(age or "0") or 0))


def _seconds(text: str) -> int | None:
    text = text.strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def _networks(named: Collection[str]) -> list[Network]:
    try:
        return [ip_network(one) for one in named]
    except ValueError as error:
        raise ConfigurationError(f"networks= holds addresses such as '10.0.0.0/8': {error}") from error


def _resolve(host: str, port: int) -> list[str]:
    return [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


def _resolved(resolve: Resolve, host: str, port: int, deadline: Deadline) -> list[str]:
    """What ``resolve`` says, within the deadline: a name server that is silent cannot be interrupted, but left."""
    answer: Future[list[str]] = Future()

    def ask() -> None:
        try:
            answer.set_result(resolve(host, port))
        except Exception as error:  # noqa: BLE001  # handed to the one who waits
            answer.set_exception(error)

    Thread(target=ask, name="watchword-resolve", daemon=True).start()
    return answer.result(timeout=deadline.left())


def _allowed(found: list[str], host: str, *, loopback: bool, public: bool, networks: list[Network]) -> list[str]:
    """The addresses, if every one of the name may be connected to: one bad among them is a rebinding."""
    if not found or not all(_fits(one, loopback=loopback, public=public, networks=networks) for one in found):
        raise KeysUnavailableError(f"{host} has no address, or one that is not public", reason="address_refused")
    return found


def _fits(text: str, *, loopback: bool, public: bool, networks: list[Network]) -> bool:
    address = embedded(ip_address(text.partition("%")[0]))
    if address.is_loopback:
        return loopback
    if not public:
        return False
    if any(address in network for network in networks):
        return True
    ordinary = (address.version == 4 or address in _UNICAST) and not any(address in one for one in _SPECIAL)
    return ordinary and address.is_global and not address.is_multicast
