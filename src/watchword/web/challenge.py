"""The replies to refusals: status, WWW-Authenticate and a body that never says more than the public code."""

from __future__ import annotations

from functools import lru_cache
from json import dumps
from math import ceil
from typing import NamedTuple

from watchword.crypto.algorithms import PROOF_NAMES
from watchword.errors import (
    AccessDeniedError,
    BadRequestError,
    ConfigurationError,
    CookiesTooLargeError,
    CsrfError,
    HeadersTooLargeError,
    InsufficientScopeError,
    NonceRequiredError,
    ProofError,
    RateLimitedError,
    StepUpRequiredError,
    TokenError,
    UnavailableError,
    WatchwordError,
)
from watchword.web.messages import Reply

# What the outside may read, by public code. Nothing else about an error ever leaves the process.
DESCRIPTIONS = {
    "invalid_request": "The request is malformed: a parameter is not as documented, or it presents not exactly one "
    "well-formed credential.",
    "invalid_token": "The credential was refused; sign in again or get a new token.",
    "invalid_dpop_proof": "The DPoP proof was refused; make a new one for this very request.",
    "use_dpop_nonce": "The DPoP proof has to hold the nonce in DPoP-Nonce.",
    "access_denied": "This caller may not do this.",
    "csrf": "Refused as cross-site request forgery (CSRF): nothing shows that this request, which carries a cookie, "
    "comes from a page of this application. The server's log names the header and the setting.",
    "insufficient_scope": "The credential lacks a scope or role that is needed here.",
    "insufficient_user_authentication": "This needs a more recent or stronger sign-in; sign in again.",
    "rate_limited": "Too many attempts; wait as long as Retry-After says.",
    "temporarily_unavailable": "The answer cannot be known right now; keep the credential and try again.",
    "server_error": "The server cannot answer this request.",
}
_NOTHING_PRESENTED = "No credential was presented."

# Which classes challenge, with RFC 6750 section 3.1 and RFC 9470; a subclass gets the reply of its nearest row.
_CASES: dict[type[BaseException], tuple[type[WatchwordError], bool]] = {
    TokenError: (TokenError, True),
    ProofError: (ProofError, True),
    NonceRequiredError: (NonceRequiredError, True),
    BadRequestError: (BadRequestError, True),
    HeadersTooLargeError: (HeadersTooLargeError, True),
    CookiesTooLargeError: (CookiesTooLargeError, True),
    InsufficientScopeError: (InsufficientScopeError, True),
    StepUpRequiredError: (StepUpRequiredError, True),
    CsrfError: (CsrfError, False),
    AccessDeniedError: (AccessDeniedError, False),
    RateLimitedError: (RateLimitedError, False),
    UnavailableError: (UnavailableError, False),
    BaseException: (ConfigurationError, False),
}
_MORE: dict[type[WatchwordError], tuple[tuple[bytes, bytes], ...]] = {
    UnavailableError: ((b"retry-after", b"1"),),
    # Nothing else lets the browser in again: every request of it carries them, until they go (F-44).
    CookiesTooLargeError: ((b"clear-site-data", b'"cookies"'),),
}
_SCOPE_CHARACTERS = "".join(map(chr, range(0x21, 0x7F))).replace('"', "").replace("\\", "")
_LONGEST_SCOPE = 1024
_ALGS = " ".join(PROOF_NAMES)


class _Prepared(NamedTuple):
    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes
    challenge: str = ""

    def reply(self, *more: tuple[bytes, bytes]) -> Reply:
        return Reply(self.status, [*self.headers, *more], self.body)


def reply_to(error: BaseException | None, *, realm: str = "watchword") -> Reply:
    """The reply to a refusal; ``None`` is the request that presented no credential where one is needed."""
    prepared = _prepare(realm)
    if error is None:
        return prepared[None].reply()
    row = next(base for base in type(error).__mro__ if base in _CASES)
    found = prepared[row]
    if isinstance(error, RateLimitedError):
        return found.reply((b"retry-after", str(max(1, ceil(error.retry_after))).encode("ascii")))
    if not found.challenge:
        return found.reply()
    more = [(b"dpop-nonce", error.nonce.encode("ascii"))] if isinstance(error, NonceRequiredError) else []
    return found.reply((b"www-authenticate", _challenge(error, found.challenge).encode("ascii")), *more)


def _challenge(error: BaseException, written: str) -> str:
    """RFC 6750 §3, RFC 9449 §7.1, RFC 9470 §3."""
    if isinstance(error, InsufficientScopeError) and (scope := _safe_scope(error.scope)):
        return f'{written}, scope="{scope}"'
    if isinstance(error, StepUpRequiredError) and error.max_age is not None:
        return f'{written}, max_age="{error.max_age}"'
    if isinstance(error, TokenError) and error.scheme != "Bearer":
        return f'{error.scheme}{written.removeprefix("Bearer")}, algs="{_ALGS}"'
    return written


@lru_cache(maxsize=16)
def _prepare(realm: str) -> dict[type[BaseException] | None, _Prepared]:
    if not realm.isascii() or not realm.isprintable() or '"' in realm or "\\" in realm:
        raise ConfigurationError(f"realm {realm!a} must be printable ASCII without quotes and backslashes")
    bearer = f'Bearer realm="{realm}"'
    rows: dict[type[BaseException] | None, _Prepared] = {
        None: _Prepared(401, *_body({"error_description": _NOTHING_PRESENTED}, (b"www-authenticate", bearer.encode())))
    }
    for row, (case, challenges) in _CASES.items():
        challenge = f'{bearer}, error="{case.public}"' if challenges else ""
        more = _MORE.get(case, ())
        body = {"error": case.public, "error_description": DESCRIPTIONS[case.public]}
        rows[row] = _Prepared(case.status, *_body(body, *more), challenge)
    return rows


def _body(content: dict[str, str], *more: tuple[bytes, bytes]) -> tuple[tuple[tuple[bytes, bytes], ...], bytes]:
    body = dumps(content).encode("ascii")
    headers = (
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode("ascii")),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
        *more,
    )
    return headers, body


def _safe_scope(scope: str) -> str:
    """The words of ``scope`` that RFC 6750 can quote; what cannot stand in the header is left out."""
    words = " ".join(word for word in scope.split(" ") if word and not word.strip(_SCOPE_CHARACTERS))
    return words if len(words) <= _LONGEST_SCOPE else ""


_prepare("watchword")
