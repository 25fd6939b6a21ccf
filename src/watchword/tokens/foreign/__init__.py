"""Access tokens of other issuers: verified with their keys, read by a profile of their claims. None is issued here."""

from .profiles import AUTH0, COGNITO, ENTRA, ENTRA_V1, KEYCLOAK, OKTA, PROFILES, STANDARD, ClaimProfile
from .verify import ForeignTokens, check_among, kid_among

__all__ = [
    "AUTH0",
    "COGNITO",
    "ENTRA",
    "ENTRA_V1",
    "KEYCLOAK",
    "OKTA",
    "PROFILES",
    "STANDARD",
    "ClaimProfile",
    "ForeignTokens",
    "check_among",
    "kid_among",
]
