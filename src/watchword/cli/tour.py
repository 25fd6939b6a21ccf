"""The tour: every flow of the server, over HTTP and from outside, as steps that each hold or do not."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from hmac import digest as hmac_digest

import click
from msgspec import Struct
from msgspec.structs import asdict

from ..authn.prover import Prover
from ..encoding import b64url, unb64url
from ..errors import SignatureError, TokenError
from ..keys import Key, KeyRing
from ..tokens.access import AccessTokens
from ..tokens.service import ServiceTokens
from ..web.cookies import SESSION_COOKIE
from .commands import plain, say_json
from .ephemeral import (
    Ephemeral,
    change_roles_elsewhere,
    redeem_elsewhere,
    revoke_elsewhere,
    service_elsewhere,
    tampered,
)
from .tour_kinds import KINDS_STEPS
from .visitor import NotAsExpected, Visitor, expect

PATIENCE_MS = 5000
REDEEMS = 20


class Step(Struct, frozen=True):
    """One line of the report. ``detail`` says what was seen, or what went wrong; never a token."""

    name: str
    ok: bool
    detail: str
    ms: float


def run(house: Ephemeral, *, as_json: bool) -> bool:
    """Walk, and report a line a step or one JSON object; True if every step held."""
    steps = []
    for step in walk(house):
        steps.append(step)
        if not as_json:
            click.echo(_line(step))
    held = all(step.ok for step in steps)
    if as_json:
        say_json({"steps": [asdict(step) for step in steps], "ok": held})
    else:
        click.echo(f"{sum(step.ok for step in steps)} of {len(steps)} steps hold")
    return held


def walk(house: Ephemeral) -> Iterator[Step]:
    """All steps in order, the later ones also when an earlier one does not hold."""
    with Visitor(house) as visitor:
        for name, take in STEPS.items():
            began = time.perf_counter_ns()
            try:
                ok, detail = True, take(visitor)
            except NotAsExpected as surprise:
                ok, detail = False, str(surprise)
            except Exception as error:  # noqa: BLE001 - a step that breaks is a step that does not hold
                ok, detail = False, f"{type(error).__name__}: {error}"
            yield Step(name, ok, detail, round((time.perf_counter_ns() - began) / 1e6, 1))


def _line(step: Step) -> str:
    mark = ("ok  " if step.ok else "FAIL") if plain() else click.style(*(("✓", "green") if step.ok else ("✗", "red")))
    return f"{mark} {step.name:<29} {step.ms:>7.1f} ms  {step.detail}"


def sign_in(v: Visitor) -> str:
    reply = v.enter()
    expect(v.cookie not in reply.text, "the session token stands in the body")
    expect(reply.json()["subject"] == v.house.user, "somebody else was signed in")
    seen = v.with_cookie("GET", "/account/session")
    expect(seen.status_code == 200 and seen.json()["subject"] == v.house.user, f"the cookie gave {seen.status_code}")
    return f"as {v.house.user}; the session token is in the cookie alone"


def session_cookie_flags(v: Visitor) -> str:
    flags = sorted(flag.strip() for flag in v.set_cookie.split(";")[1:])
    expect(flags == ["HttpOnly", "Path=/", "SameSite=Lax", "Secure"], f"the flags are {flags}")
    return f"{SESSION_COOKIE}: {'; '.join(flags)}"


def wrong_password_refused(v: Visitor) -> str:
    wrong = [v.sign_in(name, "not the passphrase at all") for name in (v.house.user, "nobody-of-that-name")]
    codes = [reply.status_code for reply in wrong]
    expect(codes == [401, 401], f"got {codes}")
    expect(wrong[0].content == wrong[1].content, "an unknown user gets another answer than a wrong password")
    expect(all("set-cookie" not in reply.headers for reply in wrong), "a cookie was set")
    return "401, and the same for an unknown user"


def csrf_refused(v: Visitor) -> str:
    evil = "https://evil.example"
    for name, value in (("sec_fetch_site", "cross-site"), ("origin", evil), ("origin", "null"), ("x_nothing", "said")):
        reply = v.with_cookie("POST", "/account/tokens", json={}, **{name: value})
        expect(reply.status_code == 403 and reply.json()["error"] == "csrf", f"{name} {value} gave {reply.status_code}")
    login = v.sign_in(v.house.user, v.house.passphrase, origin=evil)
    expect(login.status_code == 403 and "set-cookie" not in login.headers, f"a sign-in gave {login.status_code}")
    own = v.with_cookie("POST", "/account/tokens", json={}).status_code
    expect(own == 200, f"the own page got {own}")
    return "403 with the cookie from another site, and for signing in from there"


def access_jwt(v: Visitor) -> str:
    return _access(v, "jwt", "eyJ")


def access_paseto(v: Visitor) -> str:
    return _access(v, "paseto", "v4.public.")


def _access(v: Visitor, format: str, start: str) -> str:
    token = v.mint(format)["access_token"]
    expect(token.startswith(start), f"the token does not begin with {start}")
    reply = v.bearer(token)
    expect(reply.status_code == 200, f"/api/me gave {reply.status_code}")
    who = reply.json()
    expect((who["subject"], who["kind"]) == (v.house.user, "access"), f"it is {who['kind']} of {who['subject']}")
    return f"{len(token)} bytes, scopes {' '.join(who['scopes'])}"


def access_opaque(v: Visitor) -> str:
    """It means nothing to anybody but the store, and ends at once."""
    token = v.mint("opaque")["access_token"]
    expect(token.startswith("ww_at_"), "the token does not begin with ww_at_")
    reply = v.bearer(token)
    expect(reply.status_code == 200, f"/api/me gave {reply.status_code}")
    who = reply.json()
    expect((who["subject"], who["kind"]) == (v.house.user, "opaque_access"), f"it is {who['kind']} of {who['subject']}")
    expect(v.introspect(token).json().get("active") is True, "introspection does not know it")
    v.http.post("/oauth/revoke", data={"token": token})
    expect(v.refused(token), "it is accepted although it was revoked")
    return f"{len(token)} bytes that mean nothing elsewhere; revoked and refused"


def keys_published(v: Visitor) -> str:
    """Each document alone is enough to verify the tokens of its format."""
    jwks = [Key.from_jwk(key) for key in v.http.get("/.well-known/jwks.json").json()["keys"]]
    pasetos = [Key.from_paserk(key["paserk"]) for key in v.http.get("/.well-known/paseto-keys.json").json()["keys"]]
    expect(not any(key.can_sign for key in jwks + pasetos), "a private key is published")
    for format, keys in (("jwt", jwks), ("paseto", pasetos)):
        verifier = AccessTokens(KeyRing.of(*keys), issuer=v.house.base, audience=v.house.settings.audience)
        expect(verifier.verify(v.access(format)).subject == v.house.user, f"the {format} token is another's")
        try:
            verifier.verify(tampered(v.access(format)))
        except SignatureError:
            continue
        raise NotAsExpected(f"a tampered {format} token verifies")
    return f"{len(jwks)} JWK and {len(pasetos)} PASERK keys are enough to verify"


def tampered_refused(v: Visitor) -> str:
    for format in ("jwt", "paseto"):
        token = v.access(format)
        for place in (1 / 3, 1 / 2, 9 / 10):
            expect(v.refused(tampered(token, place)), f"a {format} token changed at {place:.0%} is accepted")
        expect(v.bearer(token).status_code == 200, f"the {format} token itself is refused")
    return "401 invalid_token wherever a character is changed"


def alg_none_refused(v: Visitor) -> str:
    """Without a signature, and signed with the public key as if it were an HMAC secret (RFC 8725 §2.1)."""
    header, body, signature = v.access("jwt").split(".")
    jwk = v.http.get("/.well-known/jwks.json").json()["keys"][0]
    pem = Key.from_jwk(jwk).public().to_pem()
    known = json.loads(unb64url(header.encode()))
    for algorithm in ("none", "None", "HS256"):
        head = b64url(json.dumps(known | {"alg": algorithm}).encode())
        forged = b64url(hmac_digest(pem, f"{head}.{body}".encode(), "sha256"))
        for end in ("", signature, forged):
            expect(v.bearer(f"{head}.{body}.{end}").status_code == 401, f"alg {algorithm} is accepted")
    expect(v.bearer(f"{header}.{body}.{signature}").status_code == 200, "the token itself is refused")
    return "401 for none, and for HS256 with the public key as its secret"


def two_credentials_refused(v: Visitor) -> str:
    reply = v.bearer(v.access("jwt"), cookie=f"{SESSION_COOKIE}={v.cookie}")
    expect(reply.status_code == 400 and reply.json()["error"] == "invalid_request", f"got {reply.status_code}")
    return "400 for a cookie and a bearer token in one request"


def bearer_cannot_mint(v: Visitor) -> str:
    sent = {"authorization": f"Bearer {v.access('jwt')}", "origin": v.house.base}
    code = v.http.post("/account/tokens", json={}, headers=sent).status_code
    expect(code == 403, f"got {code}")
    return "403: only the session makes tokens"


def refresh_rotated(v: Visitor) -> str:
    first = v.mint("jwt")["refresh_token"]
    second = v.refreshed(first)
    expect(second["refresh_token"] != first, "the refresh token stayed the same")
    expect(v.bearer(second["access_token"]).status_code == 200, "the new access token is refused")
    v.spent = [first, second["refresh_token"]]
    return "a new access token and a new refresh token"


def refresh_grace_same_successor(v: Visitor) -> str:
    expect(len(v.spent) == 2, "there is no rotated token: an earlier step failed")
    again = v.refreshed(v.spent[0])
    expect(again["refresh_token"] == v.spent[1], "the same token had two successors")
    return "the predecessor again, at once: the very same successor"


def refresh_replay_kills_family(v: Visitor) -> str:
    expect(len(v.spent) == 2, "there is no rotated token: an earlier step failed")
    newest = v.refreshed(v.spent[1])
    replay = v.refresh(v.spent[0])
    expect(replay.status_code == 400 and replay.json()["error"] == "invalid_grant", f"got {replay.status_code}")
    v.expect_all_dead(newest["access_token"], newest["refresh_token"], v.cookie)
    return "an older token came back: family, session and access tokens are dead"


def dpop_bound(v: Visitor) -> str:
    """The visitor's key is all that makes the token good, and each of its proofs is for one request (RFC 9449)."""
    prover, thief = Prover(Key.generate("ES256")), Prover(Key.generate("ES256"))
    tokens = v.mint("jwt", dpop=prover.proof("POST", f"{v.house.base}/account/tokens"))
    token, me = tokens["access_token"], f"{v.house.base}/api/me"
    proof = prover.proof("GET", me, token=token)
    expect(tokens["token_type"] == "DPoP", f"it is a {tokens['token_type']} token")
    expect(v.dpop(token, proof).status_code == 200, "the token with its proof is refused")
    wrong = {
        "a replayed proof": proof,
        "a thief's proof": thief.proof("GET", me, token=token),
        "a proof for another request": prover.proof("POST", me, token=token),
        "a proof for another token": prover.proof("GET", me, token=v.access("paseto")),
    }
    for what, sent in wrong.items():
        expect(v.dpop(token, sent).status_code == 401, f"{what} is accepted")
    expect(v.bearer(token).status_code == 401, "without a proof it is accepted")
    expect(v.refresh(tokens["refresh_token"]).status_code == 400, "it is refreshed without a proof")
    return "401 as Bearer, replayed, by another key, for another request or token"


def introspect(v: Visitor) -> str:
    v.enter()
    given = [v.mint("paseto")["access_token"], (jwt := v.mint("jwt"))["access_token"], jwt["refresh_token"]]
    for token in given:
        said = v.introspect(token).json()
        expect(said["active"] is True and said["sub"] == v.house.user, "a good token is not active")
    for token in ("garbage", tampered(given[0]), tampered(given[1]), v.cookie):
        expect(v.introspect(token).content == b'{"active":false}', "a bad token is active, or says more than that")
    expect(v.http.post("/oauth/introspect", data={"token": given[0]}).status_code == 401, "anybody may ask")
    return "active for jwt, paseto and refresh; nothing but inactive for the rest; 401 for strangers"


def revoke_token(v: Visitor) -> str:
    tokens = v.mint("paseto")
    expect(v.bearer(tokens["access_token"]).status_code == 200, "the token is refused before it is revoked")
    code = v.http.post("/oauth/revoke", data={"token": tokens["refresh_token"]}).status_code
    expect(code == 200, f"got {code}")
    expect(v.refused(tokens["access_token"]), "the access token of the revoked family is accepted")
    expect(v.refresh(tokens["refresh_token"]).status_code == 400, "the revoked refresh token is good")
    expect(v.with_cookie("GET", "/account/session").status_code == 200, "the session died, too")
    return "RFC 7009: the family and its access tokens are dead, the session lives"


def _refused_within_bound(v: Visitor, token: str) -> float:
    """Milliseconds until the server has heard."""
    returned = time.perf_counter_ns()
    while not v.refused(token):
        expect(time.perf_counter_ns() - returned < PATIENCE_MS * 1e6, f"still accepted after {PATIENCE_MS} ms")
    return (time.perf_counter_ns() - returned) / 1e6


def revoke_subject(v: Visitor) -> str:
    """Another process revokes the user on the same file; this server must hear of it by itself."""
    tokens = v.mint("jwt")
    expect(v.bearer(tokens["access_token"]).status_code == 200, "the token is refused before it is revoked")
    revoke_elsewhere(v.house.settings, v.house.user)
    heard = _refused_within_bound(v, tokens["access_token"])
    v.expect_all_dead(tokens["access_token"], tokens["refresh_token"], v.cookie)
    return f"revoked by another process; refused here {heard:.0f} ms later, with session and refresh token"


def service_for_one_service(v: Visitor) -> str:
    """Whoever knows the published keys and its own name takes neither another's token nor a user's."""
    api, ledger = v.house.settings.audience, f"{v.house.base}/ledger"
    token = service_elsewhere(v.house.settings, "billing", api)
    keys = [Key.from_jwk(key) for key in v.http.get("/.well-known/jwks.json").json()["keys"]]
    verifiers = {name: ServiceTokens(KeyRing.of(*keys), issuer=v.house.base, audience=name) for name in (api, ledger)}
    expect(verifiers[api].verify(token).subject == "billing", "the token is another's")
    v.enter()
    for name, other in ((ledger, token), (api, str(v.mint("jwt")["access_token"]))):
        try:
            verifiers[name].verify(other)
        except TokenError:
            continue
        raise NotAsExpected(f"{name} takes what is not for it")
    expect(v.refused(token), "a service passes for a user")
    return "for one service alone; a user's token is no service's, nor the other way round"


def sealed_redeemed_once(v: Visitor) -> str:
    """Two processes and one sealed token: the server's own store tells who was first."""
    redeemed, stolen = redeem_elsewhere(v.house.settings, REDEEMS)
    expect(not stolen, "it opens for another user")
    expect(redeemed == 1, f"{redeemed} of {REDEEMS} had it")
    return f"opens for its user alone; of {REDEEMS} redeems in two processes 1 had it"


def change_roles(v: Visitor) -> str:
    """Another process changes the user's roles: nobody is signed out, and nobody keeps the old ones."""
    v.enter()
    before = v.mint("jwt")
    change_roles_elsewhere(v.house.settings, v.house.user, "auditor")
    heard = _refused_within_bound(v, before["access_token"])
    session = v.with_cookie("GET", "/account/session")
    expect(session.status_code == 200, f"the session died, too: {session.status_code}")
    expect(session.json()["roles"] == ["auditor"], f"the session has the roles {session.json()['roles']}")
    after = v.bearer(v.mint("paseto")["access_token"])
    expect(after.status_code == 200 and after.json()["roles"] == ["auditor"], "a new token has other roles")
    renewed = v.bearer(v.refreshed(before["refresh_token"])["access_token"])
    expect(renewed.status_code == 200 and renewed.json()["roles"] == [], "a refresh token gained roles")
    return f"by another process; old tokens refused here {heard:.0f} ms later, the session has the new roles"


def sign_out(v: Visitor) -> str:
    v.enter()
    tokens = v.mint("paseto")
    reply = v.with_cookie("DELETE", "/account/session")
    expect(reply.status_code == 204, f"got {reply.status_code}")
    cleared = reply.headers.get("set-cookie", "")
    expect(cleared.startswith(f"{SESSION_COOKIE}=;") and "Max-Age=0" in cleared, "the cookie is not cleared")
    v.expect_all_dead(tokens["access_token"], tokens["refresh_token"], v.cookie)
    return "204: session, refresh token and access token are dead"


STEPS: dict[str, Callable[[Visitor], str]] = {
    step.__name__: step
    for step in (
        sign_in,
        session_cookie_flags,
        wrong_password_refused,
        csrf_refused,
        access_jwt,
        access_paseto,
        access_opaque,
        keys_published,
        tampered_refused,
        alg_none_refused,
        two_credentials_refused,
        bearer_cannot_mint,
        refresh_rotated,
        refresh_grace_same_successor,
        refresh_replay_kills_family,
        introspect,
        dpop_bound,
        revoke_token,
        *KINDS_STEPS,
        revoke_subject,
        change_roles,
        service_for_one_service,
        sealed_redeemed_once,
        sign_out,
    )
}
