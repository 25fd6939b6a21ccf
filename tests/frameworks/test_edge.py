"""The table of refusals (A-16.5.1, I17), line by line, in every framework, served for real.

One reason inside, and outside no more than its line says: status, challenge (RFC 6750, RFC 9449) and body. The reason
stands in the log alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct

from tests.frameworks.frameworks import FRAMEWORKS, Framework, ask, served
from tests.frameworks.requests import (
    FOREIGN,
    LACKING,
    MALFORMED,
    NOTHING,
    REFUSED,
    Headers,
    Mint,
    Seen,
    bearer,
    cookie,
    house,
)
from watchword.authn.prover import Prover
from watchword.encoding import b64url, dump_json, json_object, unb64url
from watchword.keys.key import Key
from watchword.testing.flaws import flawed
from watchword.web.cookies import SESSION_COOKIE

DPOP = 'DPoP realm="watchword"'
ALGS = 'algs="RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512 Ed25519 EdDSA Ed448"'


class Edge(Struct):
    """One application, and what it logged since it was last looked at."""

    port: int
    log: Path
    mint: Mint
    read: int = 0

    def ask(self, headers: Headers, line: str = "GET /me") -> Seen:
        self.logged()
        return ask(self.port, line, headers)

    def logged(self) -> str:
        text = self.log.read_text()
        new, self.read = text[self.read :], len(text)
        return new


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    folder: Path = tmp_path_factory.mktemp("edge")
    return f"sqlite:///{folder}/app.db", f"{folder}/app.keys"


@pytest.fixture(scope="module")
def mint(place: tuple[str, str]) -> Iterator[Mint]:
    minting = house(*place)
    with minting.ww, minting.past, minting.elsewhere, minting.test:
        yield minting


@pytest.fixture(scope="module", params=FRAMEWORKS, ids=lambda one: one.name)
def edge(
    request: pytest.FixtureRequest, place: tuple[str, str], mint: Mint, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Edge]:
    framework: Framework = request.param
    log = tmp_path_factory.mktemp("log") / "app.log"
    with served(framework, *place, log=str(log)) as port:
        yield Edge(port, log, mint)


def flaw(name: str) -> Callable[[Mint], str]:
    return lambda mint: flawed(mint.ww.core, mint.ww.access.issue("ada").token, name)


def forged(head: dict[str, Any] | None = None, **claims: Any) -> Callable[[Mint], str]:
    """Signed by our own key. Times are seconds from now."""

    def made(mint: Mint) -> str:
        ring, now = mint.ww.core.ring, mint.ww.core.clock.now()
        parts = mint.ww.access.issue("ada").token.encode().split(b".")[:2]
        found = [json_object(unb64url(part)) for part in parts]
        told = {name: now + value if name in ("exp", "iat", "nbf") else value for name, value in claims.items()}
        changed = [b64url(dump_json(one | more)) for one, more in zip(found, (head or {}, told), strict=True)]
        message = ".".join(changed)
        return f"{message}.{b64url(ring.active('sign', format='jwt').sign(message.encode()))}"

    return made


def revoked(mint: Mint) -> str:
    """By its own session, which this process ends before the other one sees it for the first time."""
    session = mint.session()
    mint.ww.sessions.end(str(session.session_id))
    return mint.ww.access.issue("ada", session_id=session.session_id).token


TOKENS: tuple[tuple[str, Callable[[Mint], str]], ...] = (
    ("malformed", lambda mint: "eyJ.not-a-token.x"),
    ("malformed", lambda mint: "abc"),
    ("malformed", lambda mint: mint.session().token),
    ("too_large", lambda mint: mint.ww.access.issue("ada").token + "A" * 8192),
    ("alg_not_allowed", forged({"alg": "none"})),
    ("malformed", flaw("unsigned")),
    ("key_not_found", flaw("unknown_key")),
    ("key_not_found", lambda mint: f"ww_at_{'A' * 43}"),
    ("key_alg_mismatch", flaw("key_confusion")),
    ("bad_signature", flaw("tampered_signature")),
    ("crit_unsupported", forged({"crit": ["x"]})),
    ("expired", flaw("expired")),
    ("not_yet_valid", flaw("not_yet_valid")),
    ("issued_in_future", forged(iat=3600, nbf=0, exp=4000)),
    ("wrong_issuer", flaw("wrong_issuer")),
    ("wrong_audience", flaw("wrong_audience")),
    ("wrong_type", flaw("wrong_type")),
    ("missing_claim", flaw("no_expiry")),
    ("bad_claim", forged(sub=7)),
)


@pytest.mark.parametrize(("reason", "token"), TOKENS)
def test_a_bad_token_is_refused_with_one_body(reason: str, token: Callable[[Mint], str], edge: Edge) -> None:
    text = token(edge.mint)
    seen = edge.ask([bearer(text)])
    one = Seen(401, INVALID, [], REFUSED)
    assert (seen.status, seen.body, seen.cookies, seen.challenge) == (one.status, one.body, one.cookies, one.challenge)
    assert seen.headers["cache-control"] == "no-store"
    logged = edge.logged()
    assert f"watchword.integrations {reason}: " in logged
    assert text not in logged


INVALID = (
    '{"error": "invalid_token", "error_description": "The credential was refused; sign in again or get a new token."}'
)


def test_a_revoked_one_as_well(edge: Edge) -> None:
    headers = [bearer(revoked(edge.mint))]
    seen = edge.ask(headers)
    while seen.status == 200:  # the other process hears within the bound; test_requests holds it to that
        seen = edge.ask(headers)
    assert (seen.status, seen.body, seen.challenge) == (401, INVALID, REFUSED)
    assert "watchword.integrations revoked: " in edge.logged()


def test_a_bound_token_as_bearer_names_the_other_scheme(edge: Edge) -> None:
    prover = Prover(Key.generate("ES256"))
    seen = edge.ask([bearer(edge.mint.ww.access.issue("ada", bind=prover.jkt).token)])
    assert (seen.status, seen.body, seen.challenge) == (401, INVALID, f'{DPOP}, error="invalid_token", {ALGS}')
    assert "watchword.integrations binding_mismatch: " in edge.logged()


def test_a_proof_counts_once(edge: Edge) -> None:  # RFC 9449 §7.1, §11.1
    prover = Prover(Key.generate("ES256"))
    token = edge.mint.ww.access.issue("ada", bind=prover.jkt).token
    proof = prover.proof("GET", "https://api.example/me", token=token)
    headers = [bearer(token, "DPoP"), ("dpop", proof)]
    assert edge.ask(headers).body == "ada"
    seen = edge.ask(headers)
    assert (seen.status, seen.challenge) == (401, f'{DPOP}, error="invalid_dpop_proof", {ALGS}')
    assert "invalid_dpop_proof" in seen.body
    logged = edge.logged()
    assert "watchword.integrations replayed: " in logged
    assert proof not in logged


def test_a_wanted_nonce_is_said(edge: Edge) -> None:  # RFC 9449 §9
    seen = edge.ask([], "GET /down?user=NonceRequiredError")
    assert (seen.status, seen.challenge) == (401, f'{DPOP}, error="use_dpop_nonce", {ALGS}')
    assert "dpop-nonce" in seen.headers


def test_nothing_presented_is_a_scheme_and_a_realm(edge: Edge) -> None:  # RFC 6750 §3.1
    seen = edge.ask([])
    assert (seen.status, seen.challenge) == (401, NOTHING)
    assert '"error"' not in seen.body
    assert edge.logged() == ""


def test_two_cookies_of_a_name_are_none(edge: Edge) -> None:  # Q-35, R-6265-6
    token = edge.mint.session().token
    seen = edge.ask([("cookie", f"{SESSION_COOKIE}={token}; {SESSION_COOKIE}=x")])
    assert (seen.status, seen.body, seen.challenge) == (401, INVALID, REFUSED)
    assert "watchword.integrations duplicate_cookie: " in edge.logged()


BAD: tuple[tuple[str, int, str, Callable[[Mint], Headers]], ...] = (
    ("two_credentials", 400, "", lambda m: [cookie(m.session().token), bearer(m.ww.access.issue("ada").token)]),
    ("malformed_header", 400, "", lambda m: [("authorization", "Bearer")]),
    ("malformed_header", 400, "", lambda m: [bearer("a b")]),
    ("too_large", 431, "", lambda m: [bearer("x" * 20_000)]),
    ("too_large", 431, '"cookies"', lambda m: [("cookie", "; ".join(f"c{n}={'x' * 200}" for n in range(90)))]),  # F-44
)


@pytest.mark.parametrize(("reason", "status", "clears", "headers"), BAD)
def test_a_bad_request(reason: str, status: int, clears: str, headers: Callable[[Mint], Headers], edge: Edge) -> None:
    seen = edge.ask(headers(edge.mint))
    assert (seen.status, seen.challenge) == (status, MALFORMED)
    assert '"invalid_request"' in seen.body
    assert seen.headers.get("clear-site-data", "") == clears
    assert f"watchword.integrations {reason}: " in edge.logged()


def test_a_missing_scope_is_named(edge: Edge) -> None:
    seen = edge.ask([bearer(edge.mint.ww.access.issue("ada", scopes=["x"]).token)], "GET /orders")
    assert (seen.status, seen.challenge) == (403, f'{LACKING}, scope="orders:read"')
    assert "watchword.integrations insufficient_scope: " in edge.logged()


def test_csrf_says_csrf(edge: Edge) -> None:
    seen = edge.ask([cookie(edge.mint.session().token), *FOREIGN.items()], "POST /write")
    assert (seen.status, seen.challenge) == (403, None)
    assert "(CSRF)" in seen.body
    assert "watchword.integrations sec_fetch_site: CSRF: " in edge.logged()


GONE = {
    "StaleRevocationError": "stale_revocation_state",
    "StoreUnavailableError": "store_unavailable",
    "KeysUnavailableError": "keys_unavailable",
}


@pytest.mark.parametrize(("error", "reason"), GONE.items())
def test_what_cannot_be_known_is_503_and_never_401(error: str, reason: str, edge: Edge) -> None:
    seen = edge.ask([cookie(edge.mint.session().token)], f"GET /down?user={error}")
    assert (seen.status, seen.challenge, seen.cookies) == (503, None, [])
    assert seen.headers["retry-after"] == "1"
    assert '"temporarily_unavailable"' in seen.body
    assert reason not in seen.body
    assert f"watchword.integrations {reason}: " in edge.logged()


def test_what_is_broken_is_500_and_says_nothing(edge: Edge) -> None:
    seen = edge.ask([], "GET /down?user=KeyUseError")
    assert (seen.status, seen.challenge) == (500, None)
    assert seen.body == '{"error": "server_error", "error_description": "The server cannot answer this request."}'
    assert "watchword.integrations key_use: " in edge.logged()
