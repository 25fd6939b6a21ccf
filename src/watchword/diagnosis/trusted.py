"""The keys to judge a token by, from where somebody said they are: a file, a URL, an issuer. Here alone is fetched."""

from __future__ import annotations

from ipaddress import ip_address

from ..clock import Clock
from ..encoding import dump_json, json_object
from ..errors import ConfigurationError, KeysUnavailableError, MalformedTokenError
from ..keys.discovery import read_jwks, read_paseto_keys
from ..keys.jwks import read_set
from ..keys.key import Key
from ..keys.ring import KeyRing, Slot
from ..runtime.fetch import check_url, fetch
from ..runtime.issuer import jwks_uri_of, well_known
from ..runtime.wire import embedded


def ring_at(place: str, clock: Clock) -> KeyRing:
    """The keys in a file, or behind a URL (https; on this machine http as well).

    Raises: ConfigurationError, KeysUnavailableError.
    """
    if place.startswith(("https://", "http://")):
        return ring_in(fetch(place, allow_loopback=True).body, clock)
    try:
        with open(place, "rb") as file:
            return ring_in(file.read(1_048_576), clock, ours=True)
    except OSError as error:
        raise KeysUnavailableError(f"the keys at {place} cannot be read: {error.strerror}") from error


def ring_of_issuer(url: str, clock: Clock) -> KeyRing:
    """The keys of an issuer, found by its metadata (OpenID Connect Discovery, RFC 8414).

    Metadata from elsewhere cannot point at this machine: only of an issuer on it may the keys be on it.
    """
    places = well_known(url)
    for place in places:
        try:
            metadata = fetch(place, allow_loopback=True).body
        except KeysUnavailableError as error:
            if error.reason != "bad_status" or place is places[-1]:
                raise
        else:
            return ring_in(fetch(jwks_uri_of(metadata, url), allow_loopback=_is_here(url)).body, clock)
    raise KeysUnavailableError("no metadata")


def _is_here(url: str) -> bool:
    """Is it on this machine by its name, whatever a name server says?"""
    host = check_url(url, allow_loopback=True).hostname or ""
    try:
        return embedded(ip_address(host)).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def ring_in(document: bytes, clock: Clock, *, ours: bool = False) -> KeyRing:
    """The keys in a JWK, a JWK Set or a PASETO key document. ``ours``: secret ones as well, from a file alone."""
    try:
        value = json_object(document)
    except MalformedTokenError as error:
        raise ConfigurationError(f"this is no key document: {error}") from error
    if "kty" in value:
        if ours:
            return KeyRing.of(Key.from_jwk(value), clock=clock)
        value = {"keys": [value]}
    members = value.get("keys")
    if isinstance(members, list) and any(isinstance(one, dict) and "paserk" in one for one in members):
        return KeyRing(read_paseto_keys(document).slots, clock=clock)
    if ours:
        return KeyRing([Slot(key, announced_at=0, activates_at=0) for key in _ours(value)], clock=clock)
    return KeyRing(read_jwks(dump_json(value), rsa="RS256").slots, clock=clock)


def _ours(value: dict[str, object]) -> tuple[Key, ...]:
    found = read_set(value, algorithm=None, secret=True)
    if not found.keys:
        raise ConfigurationError(f"no key in it can be used: {'; '.join(found.skipped[:5]) or 'it is empty'}")
    return found.keys
