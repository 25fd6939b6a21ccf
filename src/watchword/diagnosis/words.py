"""What the names in headers and claims mean, in plain words."""

from __future__ import annotations

from typing import Any

from .reading import date, instant, span

HEADER = {
    "alg": "how it is signed or encrypted",
    "enc": "how its content is encrypted",
    "typ": "what it says it is",
    "cty": "what its content is",
    "kid": "the key it names",
    "crit": "extensions that must be understood",
    "jwk": "a key that it brings along",
    "jku": "an address of keys that it brings along",
    "x5u": "an address of a certificate that it brings along",
    "x5c": "a certificate that it brings along",
    "zip": "compressed",
    "p2c": "rounds of its password hash",
    "wpk": "a wrapped key that travels along",
}
CLAIMS = {
    "iss": "issued by",
    "sub": "about",
    "aud": "for",
    "azp": "the client that it was issued to",
    "client_id": "the client that it was issued to",
    "jti": "its own id",
    "sid": "of the session",
    "fam": "of the refresh family",
    "scope": "it may",
    "scp": "it may",
    "roles": "with the roles",
    "groups": "with the groups",
    "rev": "issued at this place of the feed",
    "cnf": "bound to the key of its sender",
    "fpt": "bound to a device",
    "nonce": "the sign-in that it answers",
    "act": "who acts for whom",
}
TIMES = {
    "exp": "expires",
    "nbf": "not before",
    "iat": "issued",
    "auth_time": "signed in",
}


def claim_words(name: str, value: Any, now: int) -> str:
    """``expires 2027-01-15T08:00:00Z, 5 min ago``; empty where there is nothing to add."""
    if name in TIMES:
        at = instant(value)
        if at is None:
            return f"{TIMES[name]}: no time at all"
        return f"{TIMES[name]} {date(at)}, {relative(at, now)}"
    return CLAIMS.get(name, "")


def relative(at: int, now: int) -> str:
    if at == now:
        return "now"
    return f"{span(at - now)} ago" if at < now else f"in {span(at - now)}"
