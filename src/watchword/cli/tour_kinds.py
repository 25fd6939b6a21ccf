"""The tour's steps for the kinds that an application hands out itself: made by another process, presented here."""

from __future__ import annotations

import time
from collections.abc import Callable

from ..errors import RateLimitedError, TokenConsumedError, TokenNotFoundError, WatchwordError
from .ephemeral import SCOPES, elsewhere
from .visitor import Visitor, expect

PATIENCE_MS = 5000


def api_key(v: Visitor) -> str:
    with elsewhere(v.house.settings) as ww:
        live = ww.api_keys.issue(v.house.user, scopes=SCOPES[:1], label="tour").token
        test = ww.api_keys.issue(v.house.user, environment="test").token
    for headers in ({"x-api-key": live}, {"authorization": f"Bearer {live}"}):
        reply = v.http.get("/api/me", headers=headers)
        expect(reply.status_code == 200 and reply.json()["kind"] == "api_key", f"/api/me gave {reply.status_code}")
    expect(v.refused(live[:-1] + ("A" if live[-1] != "A" else "B")), "a key with a typo is accepted")
    expect(v.refused(test), "a test key is accepted by a live server")
    expect(v.with_cookie("GET", "/account/session", cookie=live).status_code == 401, "a key opens a browser session")
    return "as X-API-Key and Bearer; 401 for a typo, for a test key, and as a cookie"


def api_key_rotated_and_revoked(v: Visitor) -> str:
    with elsewhere(v.house.settings) as ww:
        old = ww.api_keys.issue(v.house.user)
        new = ww.api_keys.rotate(old.token_id)
        for token in (old.token, new.token):
            expect(v.bearer(token).status_code == 200, "one of the two keys is refused in the overlap")
        ww.api_keys.revoke(new.token_id)
        heard = _until_refused(v, new.token)
    expect(v.bearer(old.token).status_code == 200, "the other key died, too")
    return f"both work in the overlap; the revoked one is refused {heard:.0f} ms later"


def one_time_used_once(v: Visitor) -> str:
    with elsewhere(v.house.settings) as ww:
        token = ww.one_time.issue(v.house.user, purpose="password-reset").token
        _expect_refusal(lambda: ww.one_time.redeem(token, purpose="magic-link"), TokenNotFoundError)
        expect(ww.one_time.redeem(token, purpose="password-reset").subject == v.house.user, "it is another's")
        _expect_refusal(lambda: ww.one_time.redeem(token, purpose="password-reset"), TokenConsumedError)
        _expect_refusal(lambda: ww.one_time.issue(v.house.user, purpose="password-reset"), RateLimitedError)
    expect(v.refused(token), "it is taken for a credential")
    return "another purpose finds nothing; the second use, and a second mail, are refused"


def devices_ended(v: Visitor) -> str:
    v.enter()
    other = v.cookie
    v.enter()
    current = v.with_cookie("GET", "/account/session").json()["session_id"]
    with elsewhere(v.house.settings) as ww:
        listed = ww.devices.list(v.house.user, current=current)
        expect([one.handle for one in listed if one.current] == [current], "the current device is not marked")
        ended = ww.devices.end_all(v.house.user, keep=current)
    began = time.perf_counter_ns()
    while v.with_cookie("GET", "/account/session", cookie=other).status_code != 401:
        expect(time.perf_counter_ns() - began < PATIENCE_MS * 1e6, "another device is still signed in")
    expect(v.with_cookie("GET", "/account/session").status_code == 200, "the current device was signed out, too")
    return f"{len(listed)} devices listed, {ended} others signed out"


def _until_refused(v: Visitor, token: str) -> float:
    """Milliseconds until the server has heard."""
    began = time.perf_counter_ns()
    while not v.refused(token):
        expect(time.perf_counter_ns() - began < PATIENCE_MS * 1e6, f"still accepted after {PATIENCE_MS} ms")
    return (time.perf_counter_ns() - began) / 1e6


def _expect_refusal(verb: Callable[[], object], refusal: type[WatchwordError]) -> None:
    try:
        verb()
    except refusal:
        return
    expect(False, f"accepted where {refusal.code} was to be")


KINDS_STEPS = (api_key, api_key_rotated_and_revoked, one_time_used_once, devices_ended)
