"""PyJWT's exceptions by their names, so that ``except`` clauses stay as they are; all of them are WatchwordErrors."""

from __future__ import annotations

from ..errors import WatchwordError


class PyJWTError(WatchwordError):
    """The root of PyJWT's tree."""


class InvalidTokenError(PyJWTError):
    """The token is refused."""


class DecodeError(InvalidTokenError):
    """The token is not well-formed."""


class InvalidSignatureError(DecodeError):
    """The signature does not fit."""


class ExpiredSignatureError(InvalidTokenError):
    """The token has expired."""


class InvalidAudienceError(InvalidTokenError):
    """The token is meant for another audience."""


class InvalidIssuerError(InvalidTokenError):
    """The token is another issuer's."""


class InvalidIssuedAtError(InvalidTokenError):
    """``iat`` is no number."""


class ImmatureSignatureError(InvalidTokenError):
    """The token is not valid yet."""


class InvalidSubjectError(InvalidTokenError):
    """``sub`` is no text, or another one."""


class InvalidJTIError(InvalidTokenError):
    """``jti`` is no text."""


class InvalidAlgorithmError(InvalidTokenError):
    """The token's algorithm is not among those that are allowed."""


class InvalidKeyError(PyJWTError):
    """The key cannot be used with this algorithm."""


class MissingRequiredClaimError(InvalidTokenError):
    """A claim that is required is missing; ``.claim`` names it."""

    def __init__(self, claim: str) -> None:
        super().__init__(f'Token is missing the "{claim}" claim')
        self.claim = claim
