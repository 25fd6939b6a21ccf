"""One tree of errors: every refusal that watchword makes, with its code, its stage and its HTTP status.

WatchwordError
  ConfigurationError           when things are built: WeakKeyError, KeyUseError, PrefixClashError
  BadRequestError  400         TwoCredentialsError  MalformedHeaderError
    HeadersTooLargeError  431  CookiesTooLargeError                                            extract
  TokenError  401
    MalformedTokenError        too large, crit, duplicate names, alphabet: see .reason         parse
    AlgorithmError  UnknownKeyError  TokenNotFoundError                                        key
    SignatureError  SealError                                                                  verify
    ClaimError(.claim)         TokenExpiredError  NotYetValidError  WrongIssuerError
                               WrongAudienceError  WrongTypeError  MissingClaimError           claims
    TokenRevokedError  TokenConsumedError  TokenReusedError(.family_id)                        revocation
    BindingError  ProofError  NonceRequiredError(.nonce)                                       binding
  AccessDeniedError  403       CsrfError  InsufficientScopeError  StepUpRequiredError(.max_age)
                               PolicyDeniedError(.decision_id)
  RateLimitedError  429        .retry_after
  UnavailableError  503        StoreUnavailableError  StoreConflictError  StaleRevocationError  KeysUnavailableError
                               PolicyUnavailableError

One class is one code is one status. ``str(error)`` says what happened and what to do, is safe to log and never holds a
token; ``.reason`` is the finer word for logs; ``.public`` is all that a caller outside may see.
"""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar


class Stage(StrEnum):
    """The seven stages of the corridor, in order; every TokenError says at which one the credential was stopped."""

    EXTRACT = "extract"
    PARSE = "parse"
    KEY = "key"
    VERIFY = "verify"
    CLAIMS = "claims"
    REVOCATION = "revocation"
    BINDING = "binding"


class WatchwordError(Exception):
    """The root: whatever bytes go in, nothing but a value or one of these comes out."""

    code: ClassVar[str] = "error"
    status: ClassVar[int] = 500
    public: ClassVar[str] = "server_error"
    stage: ClassVar[Stage | None] = None
    default_reason: ClassVar[str] = ""

    def __init__(self, message: str = "", *, reason: str = "") -> None:
        super().__init__(message or (type(self).__doc__ or "").split("\n", 1)[0].rstrip("."))
        self.reason = reason or self.default_reason or self.code

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self)!r}, reason={self.reason!r})"


class ConfigurationError(WatchwordError):
    """Something was put together in a way that cannot be safe."""

    code = "configuration"


class WeakKeyError(ConfigurationError):
    """The key is too small, off its curve, or of small order."""

    code = "weak_key"


class KeyUseError(ConfigurationError):
    """The key is bound to another algorithm or use."""

    code = "key_use"


class PrefixClashError(ConfigurationError):
    """Two kinds of token claim one prefix."""

    code = "prefix_clash"


class BadRequestError(WatchwordError):
    """The request is malformed."""

    code = "bad_request"
    status = 400
    public = "invalid_request"


class TwoCredentialsError(BadRequestError):
    """The request carries more than one credential; send exactly one."""

    code = "two_credentials"
    stage = Stage.EXTRACT


class MalformedHeaderError(BadRequestError):
    """The Authorization header is not '<scheme> <token>'."""

    code = "malformed_header"
    stage = Stage.EXTRACT


class HeadersTooLargeError(BadRequestError):
    """The header that carries the credential is larger than any credential."""

    code = "headers_too_large"
    status = 431
    stage = Stage.EXTRACT
    default_reason = "too_large"


class CookiesTooLargeError(HeadersTooLargeError):
    """The request carries more cookies than can be ours; a sibling host may have planted them."""

    code = "cookies_too_large"


class TokenError(WatchwordError):
    """The presented token is refused."""

    code = "token"
    status = 401
    public = "invalid_token"
    scheme: str = "Bearer"
    """The authentication scheme that the challenge is for: ``Bearer``, or ``DPoP`` for who used it or has to."""


class MalformedTokenError(TokenError):
    """The token is not well-formed; nothing in it was looked at."""

    code = "malformed"
    stage = Stage.PARSE


class AlgorithmError(TokenError):
    """The token's algorithm is not the one its key is bound to."""

    code = "algorithm"
    stage = Stage.KEY
    default_reason = "alg_not_allowed"


class UnknownKeyError(TokenError):
    """No usable key of this ring has the token's key id."""

    code = "unknown_key"
    stage = Stage.KEY
    default_reason = "key_not_found"


class TokenNotFoundError(TokenError):
    """No live record answers to this token."""

    code = "not_found"
    stage = Stage.KEY
    default_reason = "key_not_found"


class SignatureError(TokenError):
    """The signature does not fit the token."""

    code = "bad_signature"
    stage = Stage.VERIFY


class SealError(TokenError):
    """The sealed token does not open with this key and context."""

    code = "bad_seal"
    stage = Stage.VERIFY
    default_reason = "bad_signature"


class ClaimError(TokenError):
    """A claim has a value that cannot be accepted; ``.claim`` names it."""

    code = "bad_claim"
    stage = Stage.CLAIMS

    def __init__(self, message: str = "", *, claim: str = "", reason: str = "") -> None:
        super().__init__(message or f"claim {claim!r}: {(type(self).__doc__ or '').split('.', 1)[0]}", reason=reason)
        self.claim = claim


class MissingClaimError(ClaimError):
    """A required claim is missing."""

    code = "missing_claim"


class TokenExpiredError(ClaimError):
    """The token has expired; get a new one."""

    code = "expired"


class NotYetValidError(ClaimError):
    """The token is not valid yet; compare the clocks of issuer and verifier."""

    code = "not_yet_valid"


class WrongIssuerError(ClaimError):
    """The token is another issuer's."""

    code = "wrong_issuer"


class WrongAudienceError(ClaimError):
    """The token is meant for another audience."""

    code = "wrong_audience"


class WrongTypeError(ClaimError):
    """The token is of another kind than the one wanted here."""

    code = "wrong_type"


class TokenRevokedError(TokenError):
    """The token, or what it belongs to, was revoked."""

    code = "revoked"
    stage = Stage.REVOCATION


class TokenConsumedError(TokenError):
    """The token works once, and was used."""

    code = "consumed"
    stage = Stage.REVOCATION


class TokenReusedError(TokenError):
    """A refresh token that had already been rotated came back: its whole family is dead; sign in again."""

    code = "reused"
    stage = Stage.REVOCATION

    def __init__(self, message: str = "", *, family_id: str = "", reason: str = "") -> None:
        super().__init__(message, reason=reason)
        self.family_id = family_id


class BindingError(TokenError):
    """The token is bound to another sender than the one that presents it."""

    code = "binding"
    stage = Stage.BINDING
    default_reason = "binding_mismatch"
    scheme = "DPoP"


class ProofError(TokenError):
    """The proof of possession is missing or wrong."""

    code = "proof"
    public = "invalid_dpop_proof"
    stage = Stage.BINDING
    default_reason = "binding_mismatch"
    scheme = "DPoP"


class NonceRequiredError(ProofError):
    """The proof of possession has to hold a nonce of this server; ``.nonce`` is a fresh one."""

    code = "nonce_required"
    public = "use_dpop_nonce"
    default_reason = "use_dpop_nonce"

    def __init__(self, message: str = "", *, nonce: str = "", reason: str = "") -> None:
        super().__init__(message, reason=reason)
        self.nonce = nonce


class AccessDeniedError(WatchwordError):
    """The caller is known and may not do this."""

    code = "access_denied"
    status = 403
    public = "access_denied"


class CsrfError(AccessDeniedError):
    """A browser sent this request from another site.

    Cookies count only on requests from the application's own pages.
    """

    code = "csrf"
    public = "csrf"
    stage = Stage.BINDING


class InsufficientScopeError(AccessDeniedError):
    """The credential lacks a scope or role that is needed here."""

    code = "insufficient_scope"
    public = "insufficient_scope"

    def __init__(self, message: str = "", *, scope: str = "", reason: str = "") -> None:
        super().__init__(message, reason=reason)
        self.scope = scope


class StepUpRequiredError(AccessDeniedError):
    """This needs a more recent sign-in."""

    code = "step_up_required"
    public = "insufficient_user_authentication"

    def __init__(self, message: str = "", *, max_age: int | None = None, reason: str = "") -> None:
        super().__init__(message, reason=reason)
        self.max_age = max_age


class PolicyDeniedError(AccessDeniedError):
    """The policy does not allow this caller to do this; ``.decision_id`` names the decision in the trail."""

    code = "policy_denied"

    def __init__(self, message: str = "", *, decision_id: str = "", reason: str = "") -> None:
        super().__init__(message, reason=reason)
        self.decision_id = decision_id


class RateLimitedError(WatchwordError):
    """Too many attempts; try again after ``.retry_after`` seconds."""

    code = "rate_limited"
    status = 429
    public = "rate_limited"

    def __init__(self, message: str = "", *, retry_after: int = 1, reason: str = "") -> None:
        super().__init__(message, reason=reason)
        self.retry_after = retry_after


class UnavailableError(WatchwordError):
    """The answer cannot be known right now; the token may be good, so try again."""

    code = "unavailable"
    status = 503
    public = "temporarily_unavailable"


class StoreUnavailableError(UnavailableError):
    """The store does not answer."""

    code = "store_unavailable"


class StoreConflictError(UnavailableError):
    """Somebody else changed the record first; read it again and retry."""

    code = "store_conflict"


class StaleRevocationError(UnavailableError):
    """The last word about revocations is older than max_staleness, so no token can be called good."""

    code = "stale_revocation_state"


class KeysUnavailableError(UnavailableError):
    """The keys cannot be read right now."""

    code = "keys_unavailable"
    http_status: int | None = None
    """What the other side answered, where it answered at all."""


class PolicyUnavailableError(UnavailableError):
    """The policy engine cannot be asked, or its answer cannot be read; nobody is let through meanwhile."""

    code = "policy_unavailable"
