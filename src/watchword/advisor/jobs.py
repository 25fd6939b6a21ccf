"""The jobs, and for each every alternative that somebody asks for, good or bad, with what it would be like."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from .base import DAY, HOUR, MINUTE, Alternative

FEED = 5
"""Seconds: ``max_staleness`` as it is unless set."""
_ROW_AND_FEED = "row and feed: sign-out, device, user, everything"
_VIEW = "the View: token, session, family, user, client, key"
_HEADER = "Authorization: Bearer, or DPoP where it is bound to a key"
_BY_ITSELF = "none before it expires"
_COOKIE = "__Host- cookie: HttpOnly, Secure, SameSite"
_DIGEST = "SHA-256 of the secret in the store"
NONE = "none"
"""The job is not there."""


class Job(Struct, frozen=True):
    """One job, and what could do it: the good ones first."""

    name: str
    alternatives: Mapping[str, Alternative]


def _job(name: str, *alternatives: Alternative) -> Job:
    return Job(name, {one.id: one for one in alternatives})


def _none(what: str) -> Alternative:
    return Alternative(id=NONE, what=what)


def _session(id: str, what: str, same_site: str) -> Alternative:
    return Alternative(
        id=id,
        what=what,
        format="opaque, 256 bits",
        carrier=f"{_COOKIE}={same_site.title()}",
        lifetime=12 * HOUR,
        idle=30 * MINUTE,
        storage=f"{_DIGEST}, data on the server",
        revocation=_ROW_AND_FEED,
        stops_within=FEED,
        settings={"session.same_site": same_site},
    )


def _access(id: str, what: str, format: str, **more: object) -> Alternative:
    given: dict[str, object] = {
        "carrier": _HEADER,
        "lifetime": 15 * MINUTE,
        "storage": "nothing on the server; the client keeps it in memory",
        "revocation": _VIEW,
        "stops_within": FEED,
    }
    return Alternative(id=id, what=what, format=format, **given | more)  # type: ignore[arg-type]  # a dictionary of fields


def _link(job: str, life: int) -> Job:
    return _job(
        job,
        Alternative(
            id="one-time",
            what="a one-time token in a link to a page with a button",
            format="opaque, 256 bits",
            carrier="the link's fragment or path, then the body of a POST",
            lifetime=life,
            storage=f"{_DIGEST} with its purpose; a tombstone once it is used",
            revocation="used once, and its siblings die with it; user, everything",
            stops_within=0,
        ),
        Alternative(id="jwt", what="a JWT in the link", format="JWT", revocation=_BY_ITSELF),
        Alternative(id="paseto", what="a PASETO in the link", format="PASETO", revocation=_BY_ITSELF),
        _none("no such links"),
    )


JOBS: dict[str, Job] = {
    "browser": _job(
        "browser session",
        _session("session", "a server-side session", "lax"),
        _session("bff", "a back end for the front end: a session in front, bearer tokens behind", "strict"),
        Alternative(
            id="token-cookie",
            what="an access token in a cookie",
            format="JWT or PASETO",
            carrier=_COOKIE,
            lifetime=15 * MINUTE,
            storage="nothing on the server",
            revocation=_VIEW,
            stops_within=FEED,
        ),
        Alternative(
            id="token-memory",
            what="an access token in the memory of the page",
            format="JWT",
            carrier="Authorization: Bearer, by script",
            lifetime=5 * MINUTE,
            storage="a variable; never localStorage or sessionStorage",
            revocation=_VIEW,
            stops_within=FEED,
            settings={"deployment.browser_holds": "access"},
        ),
        Alternative(id="local-storage", what="a token in localStorage or sessionStorage", format="JWT"),
        Alternative(id="signed-session", what="a JWT or PASETO as the session itself", format="JWT or PASETO"),
        _none("no browser signs in"),
    ),
    "api": _job(
        "API access",
        Alternative(
            id="cookie",
            what="the session itself",
            format="opaque",
            carrier="the session's cookie, to the same site",
            storage="as the session",
            revocation=_ROW_AND_FEED,
            stops_within=FEED,
        ),
        _access(
            "opaque",
            "opaque access tokens",
            "opaque, ww_at_",
            storage="a row by the digest; others ask by introspection (RFC 7662)",
            revocation=_ROW_AND_FEED,
        ),
        _access("jwt", "access tokens as JWT", "JWT ES256, at+jwt", settings={"access.format": "jwt"}),
        _access("paseto", "access tokens as PASETO", "PASETO v4.public", settings={"access.format": "paseto"}),
        _access(
            "existing",
            "the JWT system that is there",
            "JWT as today",
            storage="as today",
            settings={"access.format": "jwt"},
        ),
        _access(
            "local", "encrypted access tokens", "PASETO v4.local, or JWE", storage="nothing; one application alone"
        ),
        _access("hs256", "access tokens under a shared secret", "JWT HS256"),
        _none("no tokens for an API"),
    ),
    "refresh": _job(
        "refresh",
        Alternative(
            id="opaque",
            what="rotating refresh tokens, a family for each device",
            format="opaque, ww_rt_",
            carrier="body, to the token endpoint alone",
            lifetime=30 * DAY,
            idle=14 * DAY,
            storage="a family row; the client in the secure storage of its system",
            revocation="rotated at each use; replay ends the family; device, session, user",
            stops_within=0,
        ),
        Alternative(
            id="behind",
            what="rotating refresh tokens that only the back end holds",
            format="opaque, ww_rt_",
            carrier="body, from the back end to the token endpoint",
            lifetime=30 * DAY,
            idle=14 * DAY,
            storage="a family row; the back end beside the session",
            revocation="ends with the session; replay ends the family",
            stops_within=0,
        ),
        Alternative(id="jwt", what="a JWT as refresh token", format="JWT"),
        Alternative(id="paseto", what="a PASETO as refresh token", format="PASETO"),
        Alternative(id="static", what="a refresh token that never changes", format="opaque"),
        _none("nothing is refreshed"),
    ),
    "service": _job(
        "service to service",
        _access(
            "jwt",
            "service tokens as JWT",
            "JWT ES256, service+jwt",
            lifetime=5 * MINUTE,
            storage="nothing",
            revocation="client, key, token",
            settings={"service.format": "jwt"},
        ),
        _access(
            "paseto",
            "service tokens as PASETO",
            "PASETO v4.public",
            lifetime=5 * MINUTE,
            storage="nothing",
            revocation="client, key, token",
            settings={"service.format": "paseto"},
        ),
        _access(
            "opaque",
            "opaque access tokens and introspection",
            "opaque, ww_at_",
            lifetime=5 * MINUTE,
            storage="a row by the digest",
            revocation=_ROW_AND_FEED,
        ),
        Alternative(id="shared", what="a secret that all services share (HS256, v4.local)", format="HS256 or v4.local"),
        Alternative(id="user-token", what="the user's own token, passed on", format="as it came"),
        Alternative(id="api-key", what="an API key in each service", format="opaque"),
        _none("no service calls another"),
    ),
    "api-keys": _job(
        "API keys",
        Alternative(
            id="opaque",
            what="API keys with a prefix",
            format="opaque, sk_live_ and sk_test_, with a checksum",
            carrier="Authorization or X-API-Key",
            lifetime=90 * DAY,
            storage="SHA-256, scopes, label, last use; shown once",
            revocation="row and feed: api_keys.revoke, its owner, everything",
            stops_within=FEED,
        ),
        Alternative(id="jwt", what="a JWT as API key", format="JWT"),
        Alternative(id="paseto", what="a PASETO as API key", format="PASETO"),
        _none("no API keys"),
    ),
    "verification": _link("e-mail verification", DAY),
    "reset": _link("password reset", 30 * MINUTE),
    "handover": _job(
        "payment or hand-over",
        Alternative(
            id="sealed",
            what="a sealed token",
            format="PASETO v4.local; purpose, user and audience in the implicit assertion",
            carrier="body, or the address of a redirect",
            lifetime=5 * MINUTE,
            storage="nothing; once redeemed, the digest of its id",
            revocation="redeemed once; token",
            stops_within=FEED,
            settings={"sealed.format": "paseto"},
        ),
        Alternative(
            id="jwe",
            what="a sealed token as JWE",
            format="JWE ECDH-ES for their public key, or dir",
            carrier="body, or the address of a redirect",
            lifetime=5 * MINUTE,
            storage="nothing; once redeemed, the digest of its id",
            revocation="redeemed once; token",
            stops_within=FEED,
        ),
        Alternative(id="jwt", what="a signed JWT that anybody can read", format="JWT"),
        Alternative(id="fields", what="plain fields in the address", format="none"),
        _none("nothing is handed over"),
    ),
}
