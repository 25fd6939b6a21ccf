"""Servers that look healthy to who looks at names, lengths and statuses alone: more faults, one each."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from tests.unit.diagnosis.faults import (
    COOKIE,
    FAULTS,
    JWKS,
    ME,
    PAGE,
    SIGN_IN,
    SIGN_OUT,
    TOKENS,
    answers,
    fake,
    fault,
    has_cookie,
    keyed,
    policy,
    simple,
    welcome,
)
from tests.unit.diagnosis.wards import Ask, Asked, Fault, Said, Ward
from watchword.encoding import dump_json, json_object, unb64url
from watchword.errors import WatchwordError
from watchword.formats import paseto
from watchword.keys.key import Key

__all__ = ["FAULTS", "LONGER", "longer_cookie"]
PASETO_KEYS = "GET /.well-known/paseto-keys.json"


# The key documents


@fault("another key is published under the same kid", "document.other-signer", "document.other-keys")
def _wrong_key(ward: Ward) -> Fault:
    other = Key.generate("ES256").public().to_jwk()

    def change(document: dict[str, Any]) -> None:
        for one in document["keys"]:
            one.update(x=other["x"], y=other["y"])

    return answers(keyed(change), JWKS)(ward)


@fault(
    "another PASETO key is published under the same kid",
    "document.broken",
    "document.other-signer",
    "document.other-keys",
)
def _wrong_paserk(ward: Ward) -> Fault:
    other = Key.generate("v4.public").to_paserk()

    def change(document: dict[str, Any]) -> None:
        for one in document["keys"]:
            one["paserk"] = other

    return answers(keyed(change), PASETO_KEYS)(ward)


# The cookie


def added(line: Callable[[str], str]) -> Callable[[Asked, Said], None]:
    """One line of Set-Cookie more, made of the session's."""

    def change(asked: Asked, said: Said) -> None:
        own = f"{COOKIE}=".encode()
        for key, value in list(said.headers):
            if key == b"set-cookie" and value.startswith(own) and not value.startswith(own + b";"):
                said.headers.append((b"set-cookie", line(value.decode()).encode()))

    return change


def _value(line: str) -> str:
    return line.partition(";")[0].partition("=")[2]


BARE = ("cookie.insecure", "cookie.readable", "cookie.any-site")
simple(
    "middleware copies the session into a cookie of its own",
    answers(added(lambda line: f"legacy_sid={_value(line)}; Path=/")),
    "cookie.no-prefix",
    *BARE,
)
simple("the cookie is set twice", answers(added(lambda line: f"{COOKIE}={_value(line)}; Path=/")), *BARE)


@fault("the session is taken from either of two cookies", "cookie.no-prefix", *BARE)
def _either(ward: Ward) -> Fault:
    copies = answers(added(lambda line: f"old_sid={_value(line)}; Path=/"))(ward)

    async def meddle(asked: Asked, ask: Ask) -> Said:
        if found := re.search(r"old_sid=([^;]+)", asked.get("cookie")):
            asked.put("cookie", f"{COOKIE}={found[1]}")
        return await copies(asked, ask)

    return meddle


def _renewed(asked: Asked, said: Said) -> None:
    if said.status == 200 and asked.get("cookie"):
        said.headers.append((b"set-cookie", f"{asked.get('cookie')}; Path=/".encode()))


simple("each page writes the cookie anew, without its flags", answers(_renewed, ME), *BARE)


def aged(attribute: str) -> Callable[[Asked, Said], None]:
    def change(asked: Asked, said: Said) -> None:
        if has_cookie(said):
            said.put("set-cookie", f"{said.get('set-cookie')}; {attribute}")

    return change


simple("the cookie is kept for ten years", answers(aged("Max-Age=315360000"), SIGN_IN), "cookie.long")
simple("the cookie expires in 2099", answers(aged("Expires=Thu, 01 Jan 2099 00:00:00 GMT"), SIGN_IN), "cookie.long")

LONGER = "csrftoken=" + "c" * 64


def longer_cookie(ward: Ward) -> Fault:
    """No fault: a framework has a cookie of its own, longer than the session's."""
    return answers(added(lambda line: f"{LONGER}; Path=/; SameSite=Lax; Secure"))(ward)


# What errors and pages say


@fault("errors repeat the cookie", "leak.echo", "cookie.repeated")
def _repeated(ward: Ward) -> Fault:
    def change(asked: Asked, said: Said) -> None:
        if said.status >= 400 and asked.get("cookie"):
            said.body = dump_json({"error": "bad", "cookie": asked.get("cookie")})

    return answers(change)(ward)


def _allowed(asked: Asked, said: Said) -> None:
    said.put("access-control-allow-origin", asked.get("origin"))
    said.put("access-control-allow-credentials", "true")


simple(
    "CORS reflects every origin for who is signed in",
    answers(lambda asked, said: _allowed(asked, said) if said.status == 200 and asked.get("origin") else None, ME),
    "csrf.any-reader",
)
simple(
    "CORS allows null",
    answers(lambda asked, said: _allowed(asked, said) if asked.get("origin") == "null" else None, ME),
    "page.any-origin",
    "csrf.any-reader",
)


def _framed(ancestors: str, options: str | None) -> Callable[[Asked, Said], None]:
    def change(asked: Asked, said: Said) -> None:
        said.put("x-frame-options", options)
        told = said.get("content-security-policy")
        said.put("content-security-policy", re.sub(r"frame-ancestors[^;]*", ancestors, told))

    return change


simple("X-Frame-Options that no browser knows", answers(_framed("", "ALLOWALL"), PAGE), "page.framable")
for name, ancestors in (
    ("every https page may frame it", "frame-ancestors https:"),
    ("every host may frame it", "frame-ancestors 'self' https://*:*"),
    ("every .com may frame it", "frame-ancestors *.com"),
):
    simple(name, answers(_framed(ancestors, None), PAGE), "page.framable")
for sources in ("https://*", "blob:", "'self' *:443", "'nonce-abc' https:"):
    simple(
        f"scripts from {sources}",
        answers(policy(f"default-src 'none'; script-src {sources}; frame-ancestors 'none'"), PAGE),
        "page.weak-csp",
    )
simple(
    "a second script-src that browsers do not read",
    answers(policy("script-src * 'unsafe-inline'; script-src 'none'; frame-ancestors 'none'"), PAGE),
    "page.weak-csp",
)
simple(
    "a token in the fragment of a redirect",
    answers(
        lambda asked, said: said.put("location", "/app#access_token=abc") if has_cookie(said) else None,
        SIGN_IN,
    ),
    "leak.location",
)


# Other sites


def waved(which: str, admits: Callable[[Asked], bool]) -> Callable[[Ward], Fault]:
    """A check that such a request passes as if it came from our own page."""

    def make(ward: Ward) -> Fault:
        async def meddle(asked: Asked, ask: Ask) -> Said:
            if asked.is_(which) and admits(asked):
                asked.put("origin", ward.url)
                asked.put("sec-fetch-site", "same-origin")
            return await ask(asked)

        return meddle

    return make


simple(
    "another site may have tokens made",
    waved(TOKENS, lambda asked: True),
    "csrf.cross-site",
    "csrf.sibling",
    "csrf.foreign-origin",
    "csrf.null-origin",
)
simple(
    "a sibling may sign out", waved(SIGN_OUT, lambda asked: asked.get("sec-fetch-site") == "same-site"), "csrf.sibling"
)


# Who nobody is


@fault("a shared cache gives one user's answer to all", "session.unguarded")
def _shared(ward: Ward) -> Fault:
    kept: list[Said] = []

    async def meddle(asked: Asked, ask: Ask) -> Said:
        if not asked.is_(ME):
            return await ask(asked)
        if kept:
            return Said(200, list(kept[0].headers), kept[0].body)
        said = await ask(asked)
        if said.status == 200:
            kept.append(said)
        return said

    return meddle


def _nobody(asked: Asked, said: Said) -> None:
    if said.status == 401:
        said.status, said.body = 200, b'{"user":null}'


simple("the page of who one is answers nobody", answers(_nobody, ME), "session.unguarded")


def _all_is_well(asked: Asked, said: Said) -> None:
    if said.status in (401, 403):
        said.status = 200


simple("refusals are 200", answers(_all_is_well), "session.unguarded")


@fault("everything is 503", "server.not-ready", "document.broken", "session.fails")
def _down(ward: Ward) -> Fault:
    async def meddle(asked: Asked, ask: Ask) -> Said:
        return Said(503, [(b"content-type", b"text/html")], b"<h1>no healthy upstream</h1>")

    return meddle


@fault("the sign-in alone is 502", "session.fails")
def _no_sign_in(ward: Ward) -> Fault:
    async def meddle(asked: Asked, ask: Ask) -> Said:
        return fake(502) if asked.is_(SIGN_IN) else await ask(asked)

    return meddle


# Tokens


@fault("alg None is taken, and none is not", "token.unsigned")
def _spelt(ward: Ward) -> Fault:
    async def meddle(asked: Asked, ask: Ask) -> Said:
        said = await ask(asked)
        try:
            alg = json_object(unb64url(asked.get("authorization")[7:].partition(".")[0].encode())).get("alg", "")
        except (WatchwordError, ValueError):
            return said
        return welcome() if asked.is_(ME) and alg != "none" and alg.lower() == "none" else said

    return meddle


SIGNED = ("token.audience", "token.issuer", "token.type", "token.late", "token.early", "token.endless")


@fault("any PASETO gets in", "token.unverified", "session.access-lives", *SIGNED)
def _blind(ward: Ward) -> Fault:
    async def meddle(asked: Asked, ask: Ask) -> Said:
        said = await ask(asked)
        return welcome() if asked.is_(ME) and asked.get("authorization").startswith("Bearer v4.public.") else said

    return meddle


@fault("the audience of a PASETO is not compared", "token.audience")
def _any_audience(ward: Ward) -> Fault:
    key = ward.ww.ring.active("sign", format="paseto")

    async def meddle(asked: Asked, ask: Ask) -> Said:
        said = await ask(asked)
        try:
            payload, _ = paseto.verify(asked.get("authorization").removeprefix("Bearer "), key)
        except WatchwordError:
            return said
        other = json.loads(payload).get("aud") != ward.ww.access.audiences[0]
        return welcome() if asked.is_(ME) and other else said

    return meddle
