"""Defaults of the surroundings: browsers, senders, stores, the server."""

from __future__ import annotations

from tests.docs.defaults.base import CAP, Row, of, setting
from watchword import (
    Watchword,
)
from watchword.authn import replays
from watchword.authn.risk import RISKS
from watchword.bff import wire
from watchword.server import bodies, shield
from watchword.stores import postgres
from watchword.stores.composite import store as composite
from watchword.stores.sqlite import SQLiteStore
from watchword.web.cookies import CookiePolicy
from watchword.web.headers import LEAST_HSTS

COOKIE = CookiePolicy()
_DEPLOYMENT = (
    "machines",
    "workers",
    "verifiers",
    "key_holders",
    "hidden_claims",
    "user_lookup",
    "browser_holds",
    "accept_xss_storage_risk",
)

BROWSER = (
    Row(
        what="session cookie: name",
        value=COOKIE.name,
        how="`CookiePolicy(name=)`",
        source="ASVS 3.3.3, draft-ietf-httpbis-layered-cookies (`__Host-Http-`), RFC 6265bis §4.1.3 (`__Host-`)",
    ),
    Row(
        what="session cookie: `Secure`, `HttpOnly`, no `Domain`",
        value=not COOKIE.insecure,
        how=CAP,
        source="ASVS 3.3.1, 3.3.4",
    ),
    Row(
        what="session cookie: `SameSite`",
        value=COOKIE.same_site,
        settings=("session.same_site",),
        how="`CookiePolicy(same_site=)`",
        source="ASVS 3.3.2; `strict` signs links from elsewhere out",
    ),
    Row(what="session cookie: `Path`", value=COOKIE.path, source="RFC 6265bis §4.1.3.2"),
    Row(
        what="session cookie: `Max-Age`",
        value=COOKIE.max_age,
        none="none: it ends with the browser",
        how="`CookiePolicy(max_age=)`",
        source="OWASP Session Management; the server knows the time",
    ),
    Row(what="`Strict-Transport-Security` of the server", value=shield.HSTS, source="ASVS 3.4.1 (a year at least)"),
    Row(what="`secure_page(hsts=)`: the least", value=LEAST_HSTS, source="ASVS 3.4.1"),
    Row(
        what="other origins whose pages may use the cookie",
        value=setting("server").origins,
        settings=("server.origins",),
        source="ASVS 3.5.1",
    ),
)

SENDERS = (
    Row(
        what="profile",
        value=of(Watchword, "profile"),
        settings=("profile",),
        keywords=("profile",),
        source="Ours: `high_risk` is the next four rows",
    ),
    Row(
        what="`high_risk`: access tokens at most",
        value=RISKS["high_risk"].access_cap,
        source="Ours: a third of the usual",
    ),
    Row(
        what="`high_risk`: grace of refresh tokens",
        value=RISKS["high_risk"].refresh_grace,
        source="ASVS 10.4.5 to the letter",
    ),
    Row(
        what="`high_risk`: the oldest sign-in that `require` takes",
        value=RISKS["high_risk"].fresh,
        source="Ours: RFC 9470 lets an API ask for a recent sign-in, and names no figure",
    ),
    Row(
        what="`high_risk`: bound credentials alone", value=RISKS["high_risk"].required, source="ASVS 10.4.14, RFC 9449"
    ),
    Row(
        what="binding",
        value=of(Watchword, "binding"),
        keywords=("binding",),
        none="what is bound is checked; nothing has to be",
        source="RFC 9449 §3",
    ),
    Row(
        what="origins that proofs may name",
        value=setting("binding").origins,
        settings=("binding.origins",),
        none="those of `issuer` and `audience`",
        source="RFC 9449 §4.3",
    ),
    Row(
        what="proofs have to hold a nonce of ours",
        value=setting("binding").nonce,
        settings=("binding.nonce",),
        source="RFC 9449 §8 (optional)",
    ),
    Row(
        what="device fingerprint",
        value=setting("binding").fingerprint,
        settings=("binding.fingerprint",),
        source="Ours: it errs; ASVS 8.2.4 asks for it at level 3",
    ),
    Row(what="what is compared", value=setting("binding").signals, settings=("binding.signals",), source="Ours"),
    Row(
        what="roles and what they grant",
        value=of(Watchword, "policy"),
        settings=("policy.roles",),
        keywords=("policy",),
        source="ASVS 8.2.1: none is none",
    ),
    Row(
        what="DPoP proofs remembered, in a process",
        value=replays.CAPACITY,
        source="Ours: then 503, never a proof that is forgotten",
    ),
)

PLACES = (
    Row(
        what="migrations",
        value=of(Watchword, "migrate"),
        settings=("migrate",),
        keywords=("migrate",),
        source="Ours: `never` where deploying is a step of its own",
    ),
    Row(
        what="key file",
        value=of(Watchword, "keys"),
        settings=("keys",),
        keywords=("keys",),
        none="`<database>.keys`, 0600",
        source="ASVS 13.3.1",
    ),
    Row(
        what="a ring of your own", value=of(Watchword, "ring"), keywords=("ring",), source="Ours: the key file is read"
    ),
    Row(what="clock", value=of(Watchword, "clock"), keywords=("clock",), none="the machine's", source="Ours"),
    Row(
        what="a Redis beside an SQL store",
        value=of(Watchword, "carrier"),
        settings=("carrier",),
        keywords=("carrier",),
        source="Ours: it carries news and keeps copies",
    ),
    Row(
        what="Redis beside it: an operation",
        value=composite.OPERATION,
        unit="s",
        source="ASVS 13.1.3; the record answers instead",
    ),
    Row(what="SQLite: waits for another writer", value=of(SQLiteStore, "busy_timeout"), source="ASVS 13.1.3"),
    Row(
        what="PostgreSQL: connections of a process",
        value=postgres.POOL_SIZE,
        how="`pool_size=` in the URL",
        source="ASVS 13.1.2",
    ),
    Row(
        what="PostgreSQL: patience",
        value=postgres.PATIENCE,
        unit="s",
        how="`timeout=` in the URL",
        source="ASVS 13.1.3",
    ),
    Row(what="a service behind a BFF: to connect", value=wire.CONNECT, unit="s", source="ASVS 13.1.3"),
)

SERVER = (
    Row(
        what="listens at",
        value=setting("server").host,
        settings=("server.host",),
        source="Ours: nobody else reaches it until somebody says so",
    ),
    Row(what="port", value=setting("server").port, settings=("server.port",), source="Ours"),
    Row(
        what="proxies that are believed",
        value=setting("server").trusted_proxies,
        settings=("server.trusted_proxies",),
        source="ASVS 4.1.3",
    ),
    Row(
        what="`/metrics`",
        value=setting("server").metrics_token_sha256,
        settings=("server.metrics_token_sha256",),
        none="not there",
        source="ASVS 13.4.5",
    ),
    Row(what="clients", value=setting("server").clients, settings=("server.clients",), source="ASVS 10.4.10"),
    Row(what="headers of a request", value=shield.MAX_HEADERS, unit="bytes", source="RFC 6585 §5 (431)"),
    Row(what="its target", value=shield.MAX_URL, unit="bytes", source="RFC 9110 §4.1 (8,000 at least)"),
    Row(what="a form or a JSON body", value=bodies.MAX_BODY, unit="bytes", source="ASVS 13.1.3"),
    Row(what="fields in it", value=bodies.MAX_FIELDS, source="ASVS 13.1.3"),
)

FACTS = (
    *(
        Row(
            what=name.replace("_", " "),
            value=getattr(setting("deployment"), name),
            settings=(f"deployment.{name}",),
            source="Ours: the smallest deployment; a fact, which changes nothing else",
        )
        for name in _DEPLOYMENT
    ),
    Row(
        what="what `watchword advise` was answered",
        value={},
        settings=("advice.answers",),
        source="Ours: written by it",
    ),
)
