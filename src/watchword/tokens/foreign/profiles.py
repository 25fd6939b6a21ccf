"""How other issuers write access tokens: which header types they use, and which claim says what.

A profile also says what tells an access token from an ID token of the same issuer, for both are signed with the same
keys. Where an API shares its audience with a client, that is the only thing that does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from ...claims import printable
from ...errors import ClaimError, MissingClaimError, WrongTypeError

NOT_IN_ACCESS = ("nonce", "at_hash", "c_hash", "s_hash", "events")
"""Claims of ID, logout and security event tokens."""
MOST_WORDS = 500


class ClaimProfile(Struct, frozen=True, kw_only=True):
    """One issuer's way, as data. Make your own: ``ClaimProfile(name="ours", types={"at+jwt"}, client=("cid",))``.

    Where several claims are named the first that is there counts; of ``scopes`` and ``roles`` all count together. A
    dot leads into an object; ``{audience}`` stands for the first of ours that the token is for, ``{client}`` for its
    client.
    """

    name: str
    types: frozenset[str] = frozenset({"at+jwt"})
    """What the header's ``typ`` may be, lower case and without ``application/``; an empty word: none at all."""
    audience: str = "aud"
    subject: tuple[str, ...] = ("sub",)
    client: tuple[str, ...] = ("client_id",)
    token_id: tuple[str, ...] = ("jti",)
    """Without one, the token is named by the digest of what was signed."""
    session: tuple[str, ...] = ("sid",)
    scopes: tuple[str, ...] = ("scope",)
    roles: tuple[str, ...] = ("roles",)
    required: tuple[str, ...] = ("iss", "exp", "iat")
    one_of: tuple[str, ...] = ()
    """At least one of these is there."""
    says: Mapping[str, tuple[str, ...]] = {}
    """Claims that have one of these values."""
    starts: Mapping[str, str] = {}
    """Claims that begin so."""
    forbidden: tuple[str, ...] = NOT_IN_ACCESS
    rsa: str | None = "RS256"
    """The algorithm of RSA keys whose JWK names none."""

    def check(self, claims: Mapping[str, Any]) -> None:
        """Raise the ClaimError that fits unless the claims are those of an access token of this issuer."""
        for name in self.forbidden:
            if name in claims:
                raise WrongTypeError(f"an access token of {self.name} has no {name!r}", claim=name)
        for name, values in self.says.items():
            if claims.get(name) not in values:
                raise WrongTypeError(f"an access token of {self.name} says {name}: {' or '.join(values)}", claim=name)
        for name, start in self.starts.items():
            if not str(claims.get(name, "")).startswith(start):
                raise WrongTypeError(f"the {name!r} of an access token of {self.name} begins otherwise", claim=name)
        if self.one_of and not any(name in claims for name in self.one_of):
            raise MissingClaimError(claim=self.one_of[0])
        for name in (*self.required, self.audience):
            if name not in claims:
                raise MissingClaimError(claim=name)

    def text(self, claims: Mapping[str, Any], names: tuple[str, ...]) -> str | None:
        """The first of these claims that is there, as text. Raises: ClaimError for one that is none."""
        for name in names:
            value = claims.get(name)
            if value is not None:
                if not printable(value):
                    raise ClaimError(claim=name)
                return str(value)
        return None

    def words(self, claims: Mapping[str, Any], paths: tuple[str, ...], **own: str | None) -> frozenset[str]:
        """The words in all of these claims: lists of text, or one text with spaces. Raises: ClaimError."""
        found: set[str] = set()
        for path in paths:
            value: Any = claims
            for step in path.split("."):
                place = own.get(step[1:-1]) if step[0] == "{" else step
                value = value.get(place) if isinstance(value, Mapping) else None
            found.update(_words(value, path))
        return frozenset(found)


def _words(value: Any, path: str) -> list[str]:
    if value is None:
        return []
    words = value.split(" ") if isinstance(value, str) else value
    if not isinstance(words, list) or len(words) > MOST_WORDS:
        raise ClaimError(claim=path)
    if not all(isinstance(word, str) and len(word) <= 1024 and word.isprintable() for word in words):
        raise ClaimError(claim=path)
    return [word for word in words if word]


STANDARD = ClaimProfile(
    name="rfc9068", required=("iss", "exp", "sub", "client_id", "iat", "jti"), roles=("roles", "groups", "entitlements")
)
"""JWT access tokens as they were standardised: the header says ``at+jwt``, so nothing else can be taken for one."""

AUTH0 = ClaimProfile(
    name="auth0",
    types=frozenset({"jwt", "at+jwt"}),
    client=("azp", "client_id"),
    roles=("permissions",),
    required=("iss", "exp", "iat", "sub"),
    one_of=("azp", "client_id"),
)
"""Auth0, both token dialects. ID tokens name no ``azp``, and their audience is the client, never an API.

``permissions`` are what the user may do, ``scope`` what the client was granted of it; so they are roles, not scopes.
"""

OKTA = ClaimProfile(
    name="okta",
    types=frozenset({"", "jwt", "at+jwt", "okta-internal-at+jwt"}),
    client=("cid",),
    scopes=("scp",),
    roles=("groups",),
    required=("iss", "exp", "iat", "sub", "cid", "jti"),
    starts={"jti": "AT."},
)
"""Okta, custom authorization servers. ID tokens have no ``cid``, and their ``jti`` begins with ``ID.``."""

KEYCLOAK = ClaimProfile(
    name="keycloak",
    types=frozenset({"jwt", "at+jwt"}),
    client=("azp", "client_id"),
    roles=("realm_access.roles", "resource_access.{audience}.roles"),
    required=("iss", "exp", "iat", "jti", "sub"),
    says={"typ": ("Bearer",)},
    forbidden=("at_hash", "c_hash", "s_hash", "events"),
)
"""Keycloak: ``typ`` is ``ID`` in an ID token and ``Refresh`` in a refresh token. Older ones repeat the ``nonce``."""

ENTRA = ClaimProfile(
    name="entra",
    types=frozenset({"jwt"}),
    client=("azp",),
    token_id=("uti",),
    scopes=("scp",),
    required=("iss", "exp", "iat", "sub", "tid", "azp"),
    one_of=("scp", "roles"),
    says={"ver": ("2.0",)},
)
"""Microsoft Entra ID, version 2 tokens, of one tenant. ID tokens have neither ``azp`` nor ``scp``."""

ENTRA_V1 = ClaimProfile(
    name="entra-v1",
    types=frozenset({"jwt"}),
    client=("appid",),
    token_id=("uti",),
    scopes=("scp",),
    required=("iss", "exp", "iat", "sub", "tid", "appid"),
    one_of=("scp", "roles"),
    says={"ver": ("1.0",)},
)
"""The same, version 1: the issuer is ``https://sts.windows.net/{tenant}/``, and the client is ``appid``."""

COGNITO = ClaimProfile(
    name="cognito",
    types=frozenset({"", "jwt"}),
    audience="client_id",
    session=("origin_jti",),
    roles=("cognito:groups",),
    required=("iss", "exp", "iat", "sub", "jti", "token_use"),
    says={"token_use": ("access",)},
)
"""Amazon Cognito: there is no ``aud``; the audience is your app client's id. ``token_use`` is ``id`` in an ID token."""

PROFILES: dict[str, ClaimProfile] = {
    one.name: one for one in (STANDARD, AUTH0, OKTA, KEYCLOAK, ENTRA, ENTRA_V1, COGNITO)
}
