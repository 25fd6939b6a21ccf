"""What a request presents: the one credential in its cookie, Authorization or X-API-Key header, still untrusted."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from watchword.errors import HeadersTooLargeError, MalformedHeaderError, TwoCredentialsError
from watchword.web.cookies import read_cookies
from watchword.web.messages import Connection

Carrier = Literal["cookie", "bearer", "key", "dpop"]

_CARRIERS = frozenset({b"authorization", b"cookie", b"x-api-key"})
_SCHEMES: dict[bytes, Carrier] = {b"bearer": "bearer", b"dpop": "dpop"}
_LARGEST_HEADER = 16 * 1024
_ALPHANUMERIC = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_TOKEN68 = _ALPHANUMERIC + b"-._~+/"  # RFC 9110 section 11.2, '=' only at the end
_SCHEME_OCTETS = _ALPHANUMERIC + b"!#$%&'*+-.^_`|~"
_VISIBLE = bytes(range(0x21, 0x7F))


class Credential(Struct, frozen=True):
    """Untrusted text, and how it travelled. Nothing about it has been checked but its alphabet."""

    carrier: Carrier
    token: str

    def __repr__(self) -> str:
        return f"Credential(carrier={self.carrier!r}, token=<hidden>)"


def extract(connection: Connection, cookie_name: str) -> Credential | None:
    """The credential a request presents, or None; more than one, or a malformed one, raises.

    An Authorization header of another scheme (Basic, Negotiate ...) is somebody else's and counts as not presented.
    Tokens in the query are never read.
    """
    authorization: bytes | None = None
    key: bytes | None = None
    cookies: list[bytes] | None = None
    for name, value in connection.headers:
        if name in _CARRIERS:
            if name == b"cookie":
                if cookies is None:
                    cookies = [value]
                else:
                    cookies.append(value)
            elif name == b"authorization":
                if authorization is not None:
                    raise MalformedHeaderError("the request has two Authorization headers", reason="duplicate_header")
                authorization = value
            else:
                if key is not None:
                    raise TwoCredentialsError("the request has two X-API-Key headers")
                key = value
    found = None if authorization is None else _authorization(authorization)
    if key is not None:
        if found is not None:
            raise TwoCredentialsError("the request has both an Authorization and an X-API-Key header; send one")
        found = _api_key(key)
    if cookies is not None:
        session = read_cookies(cookies, cookie_name)
        if session is not None:
            if found is not None:
                raise TwoCredentialsError("the request has both a session cookie and a token in a header; send one")
            return Credential("cookie", session)
    return found


def _authorization(value: bytes) -> Credential | None:
    if len(value) > _LARGEST_HEADER:
        raise HeadersTooLargeError(f"the Authorization header has more than {_LARGEST_HEADER} bytes")
    scheme, _, token = value.partition(b" ")
    carrier = _SCHEMES.get(scheme.lower())
    if carrier is None:
        if not scheme or scheme.translate(None, _SCHEME_OCTETS):
            raise MalformedHeaderError("the Authorization header does not begin with a scheme")
        return None
    rest = token.translate(None, _TOKEN68)
    if not token or (rest and (rest.strip(b"=") or not token.endswith(rest) or rest == token)):
        raise MalformedHeaderError(
            "the Authorization header is not its scheme, one space and one token of letters, digits and -._~+/ ="
        )
    return Credential(carrier, token.decode("ascii"))


def _api_key(value: bytes) -> Credential:
    if len(value) > _LARGEST_HEADER:
        raise HeadersTooLargeError(f"the X-API-Key header has more than {_LARGEST_HEADER} bytes")
    if not value or value.translate(None, _VISIBLE):
        raise MalformedHeaderError("the X-API-Key header is not one key of visible ASCII characters")
    return Credential("key", value.decode("ascii"))
