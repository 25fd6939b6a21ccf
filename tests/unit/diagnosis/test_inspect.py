"""inspect: each shape is known, each finding is reached, nothing is raised, and no secret is shown."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watchword import FrozenClock, Key, KeyRing
from watchword.app import drive
from watchword.authn.prover import Prover
from watchword.diagnosis.findings.table import FINDINGS
from watchword.diagnosis.inspect import inspect
from watchword.diagnosis.report import STOPPED, WARNED, WHOLE, Report
from watchword.encoding import b64url, dump_json
from watchword.errors import Stage
from watchword.formats import checked, jwe, opaque, paseto
from watchword.keys.discovery import alias
from watchword.stores.memory import MemoryStore
from watchword.tokens.base import KINDS
from watchword.tokens.refresh import RefreshTokens
from watchword.tokens.sealed import SealedTokens

CLOCK = FrozenClock()
NOW = CLOCK.now()
ISSUER, AUDIENCE = "https://id.example", "https://api.example"
KEYS = {name: Key.generate(name) for name in ("ES256", "HS256", "v4.public", "v4.local", "A256KW")}
MAC = Key.generate("HS256", use="mac")
RING = KeyRing.of(*KEYS.values(), MAC, clock=CLOCK)
CLAIMS: dict[str, Any] = {
    "iss": ISSUER,
    "sub": "user-7",
    "aud": AUDIENCE,
    "exp": NOW + 300,
    "iat": NOW,
    "jti": "jti-0123456789",
    "client_id": "app",
}
CARD = "4111 1111 1111 1111"
GONE = object()


def without(changes: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in changes.items() if value is not GONE}


def jwt(key: str = "ES256", *, head: Any = None, secret: bytes | None = None, **claims: Any) -> str:
    made = Key.from_jwk({"kty": "oct", "k": b64url(secret), "alg": "HS256"}) if secret else KEYS[key]
    header = without({"alg": made.algorithm.name, "kid": made.kid, "typ": "at+jwt", **(head or {})})
    message = f"{b64url(dump_json(header))}.{b64url(dump_json(without({**CLAIMS, **claims})))}"
    return f"{message}.{b64url(made.sign(message.encode()))}"


def weak_jwt(secret: bytes) -> str:
    import hmac

    message = f"{b64url(dump_json({'alg': 'HS256', 'kid': 'k', 'typ': 'at+jwt'}))}.{b64url(dump_json(CLAIMS))}"
    return f"{message}.{b64url(hmac.digest(secret, message.encode(), 'sha256'))}"


def pas(**claims: Any) -> str:
    times = {"exp": "2027-01-15T08:05:00Z", "iat": "2027-01-15T08:00:00Z"}
    body = without({**CLAIMS, **times, **claims})
    return paseto.sign(dump_json(body), KEYS["v4.public"], footer={"kid": KEYS["v4.public"].kid, "typ": "at"})


def look(untrusted: str | bytes, **more: Any) -> Report:
    return inspect(untrusted, clock=CLOCK, **more)


def found(report: Report) -> set[str]:
    return {one.id for each in (report, *report.all_inside()) for one in each.findings}


SESSION = opaque.issue("ww_ss_")
SEALED = paseto.encrypt(b"{}", KEYS["v4.local"], footer={"kid": KEYS["v4.local"].kid, "typ": "sealed"})
API_KEY = checked.issue("sk_live_")

FLASK = "eyJ1c2VyIjo3LCJlbWFpbCI6ImFAYi5leGFtcGxlIn0.ZyXwAA.abcdefghijklmnopqrstuvwxyz0"
EXAMPLES: dict[str, str] = {
    "alg-none": jwt(head={"alg": "none"}),
    "alg-spelling": jwt(head={"alg": "es256"}),
    "alg-unknown": jwt(head={"alg": "XY99"}),
    "alg-symmetric": jwt("HS256"),
    "weak-secret": weak_jwt(b"your-256-bit-secret"),
    "alg-old": ".".join((b64url(b'{"alg":"RSA1_5","enc":"A128GCM"}'), "AA", "AA", "AA", "AA")),
    "alg-eddsa": jwt(head={"alg": "EdDSA"}),
    "enc-unknown": ".".join((b64url(b'{"alg":"dir","enc":"X"}'), "", "AA", "AA", "AA")),
    "brings-key": jwt(head={"jku": "https://evil.example/keys"}),
    "private-key-inside": jwt(head={"jwk": {"kty": "oct", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQ"}}),
    "critical": jwt(head={"crit": ["x"]}),
    "zip": jwt(head={"zip": "DEF"}),
    "p2c": jwt(head={"p2c": 2**31}),
    "kid-odd": jwt(head={"kid": "../../dev/null"}),
    "kid-missing": jwt(head={"kid": GONE}),
    "typ-missing": jwt(head={"typ": GONE}),
    "typ-vague": jwt(head={"typ": "JWT"}),
    "header-odd": jwt(head={"x" * 41: 1}),
    "personal": jwt(email="ada@example.org"),
    "card": jwt(note=CARD),
    "rights-readable": jwt(roles=["admin"]),
    "token-inside": jwt(inner=SESSION),
    "exp-missing": pas(exp=GONE),
    "aud-missing": jwt(aud=GONE),
    "jti-missing": jwt(jti=GONE),
    "iss-missing": jwt(iss=GONE),
    "iat-missing": jwt(iat=GONE),
    "life-long": jwt(exp=NOW + 3600),
    "life-days": jwt(exp=NOW + 30 * 86_400),
    "time-odd": jwt(exp="tomorrow"),
    "time-milliseconds": jwt(exp=(NOW + 300) * 1000),
    "refresh-as-token": jwt(head={"typ": "JWT"}, typ="Refresh"),
    "link-as-token": jwt(purpose="password-reset"),
    "iss-odd": jwt(iss="auth"),
    "jti-short": jwt(jti="17"),
    "misplaced": f"Authorization: Bearer {SESSION}",
    "in-url": f"https://app.example/?access_token={jwt()}",
    "signed-cookie": f"Cookie: __Host-sid={jwt()}",
    "large": jwt(more="x" * 4000),
    "too-large": jwt(more="x" * 9000),
    "cookie-secure": "Set-Cookie: __Host-sid=abcdefgh; Path=/; HttpOnly; SameSite=Lax",
    "cookie-httponly": "Set-Cookie: __Host-sid=abcdefgh; Path=/; Secure; SameSite=Lax",
    "cookie-samesite": "Set-Cookie: __Host-sid=abcdefgh; Path=/; Secure; HttpOnly; SameSite=None",
    "cookie-prefix": "Set-Cookie: sid=abcdefgh; Path=/; Secure; HttpOnly; SameSite=Lax",
    "cookie-domain": "Set-Cookie: sid=abcdefgh; Path=/; Secure; HttpOnly; SameSite=Lax; Domain=example.org",
    "cookie-path": "Set-Cookie: __Host-sid=abcdefgh; Path=/app; Secure; HttpOnly; SameSite=Lax",
    "cookie-long": "Set-Cookie: __Host-sid=abcdefgh; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=9999999",
    "cookie-large": f"Set-Cookie: __Host-sid={'a' * 5000}; Path=/; Secure; HttpOnly; SameSite=Lax",
    "basic": "Authorization: Basic YWRhOmxvdmVsYWNl",
    "password-in-url": "https://ada:lovelace@app.example/",
    "guessable": "deadbeefdeadbeef",
    "checksum": API_KEY[:-1] + ("0" if API_KEY[-1] != "0" else "1"),
    "signed-value": FLASK,
    "foreign-secret": "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
    "bare-key": KEYS["v4.local"].to_paserk(private=True),
    "weak-key": json.dumps({"kty": "oct", "k": "AAAA", "alg": "HS256"}),
    "key-without-alg": json.dumps({name: value for name, value in KEYS["ES256"].to_jwk().items() if name != "alg"}),
    "key-without-kid": json.dumps({name: value for name, value in KEYS["ES256"].to_jwk().items() if name != "kid"}),
    "kid-twice": json.dumps({"keys": [KEYS["ES256"].to_jwk()] * 2}),
    "mixed-set": json.dumps({"keys": [KEYS["ES256"].to_jwk(), KEYS["HS256"].to_jwk(private=True)]}),
    "paseto-old": "v2.public." + "A" * 100,
}


def test_every_row_has_its_example() -> None:
    assert EXAMPLES.keys() == FINDINGS.keys()


@pytest.mark.parametrize("row", FINDINGS)
def test_the_row_is_found(row: str) -> None:
    report = look(EXAMPLES[row])
    assert row in found(report)
    heavy = FINDINGS[row].weight != "note"
    assert not heavy or report.exit_code in (STOPPED, WARNED)


def test_a_random_secret_is_not_called_weak() -> None:
    assert found(look(jwt("HS256"))) == {"alg-symmetric"}
    assert found(look(weak_jwt(b"secret"))) == {"alg-symmetric", "weak-secret"}
    assert "keyboardcat" not in str(look(weak_jwt(b"keyboardcat")).to_dict())


def test_a_good_token_has_no_finding() -> None:
    for token in (jwt(), pas()):
        report = look(token, ring=RING, issuer=ISSUER, audience=AUDIENCE)
        assert (found(report), report.exit_code, report.kind) == (set(), WHOLE, "access")
        assert report.left == 300
    cookie = f"Set-Cookie: __Host-sid={SESSION}; Path=/; Secure; HttpOnly; SameSite=Lax"
    assert found(look(cookie)) == set()
    assert found(look(f"Cookie: __Host-sid={SESSION}; theme=dark")) == set()
    assert look(f"Cookie: __Host-sid={SESSION}; theme=dark").exit_code == WHOLE
    assert found(look(f"Bearer {jwt()}")) == set()
    assert found(look(f"X-API-Key: {API_KEY}")) == set()


SHAPES = {
    "jws": jwt(),
    "jwe": jwe.encrypt(b"x", KEYS["A256KW"]),
    "paseto": paseto.encrypt(b"{}", KEYS["v4.local"]),
    "paserk": KEYS["v4.public"].to_paserk(),
    "opaque": SESSION,
    "foreign": EXAMPLES["foreign-secret"],
    "jwk": json.dumps(KEYS["ES256"].to_jwk()),
    "jwks": json.dumps(KeyRing.of(KEYS["ES256"]).jwks()),
    "paseto-keys": json.dumps(KeyRing.of(KEYS["v4.public"], clock=CLOCK).paseto_keys()),
    "header": f"Authorization: Bearer {jwt()}",
    "cookies": "Cookie: a=b; c=d",
    "set-cookie": "Set-Cookie: a=b",
    "itsdangerous": FLASK,
    "proof": Prover(KEYS["ES256"], clock=CLOCK).proof("GET", "https://api.example/"),
    "url": "https://app.example/path",
    "answer": json.dumps({"access_token": jwt(), "token_type": "Bearer"}),
    "json": '{"payload":"","signatures":[]}',
    "pem": KEYS["ES256"].to_pem().decode(),
    "unknown": "what is this",
}


@pytest.mark.parametrize("form", SHAPES)
def test_the_shape_is_known(form: str) -> None:
    for untrusted in (SHAPES[form], SHAPES[form].encode()):
        assert look(untrusted).form == form


def test_opaque_kinds_are_told_apart_and_their_spelling_is_checked() -> None:
    for kind, prefix in (("session", "ww_ss_"), ("opaque_access", "ww_at_"), ("one_time", "ww_ot_")):
        token = opaque.issue(prefix)
        report = look(token)
        assert (report.kind, report.stopped, report.exit_code) == (kind, None, WHOLE)
        assert look(token[:-1]).stopped is not None
    report = look(checked.issue("sk_test_"))
    assert (report.kind, dict(report.facts)["environment"], dict(report.facts)["checksum"]) == (
        "api_key",
        "test",
        "fits",
    )
    assert look(checked.issue("acme_live_")).kind == "api_key"


def test_a_refresh_token_names_its_family_and_with_our_keys_its_mac_is_checked() -> None:
    store = MemoryStore()
    store.open_blocking()
    token = drive(RefreshTokens(store, RING, clock=CLOCK).issue("user-7", client_id="c")).token
    report = look(token)
    assert (report.kind, dict(report.facts)["generation"]) == ("refresh", "1")
    assert dict(report.facts)["family"] == token.removeprefix("ww_rt_").partition(".")[0]
    verify = {step.stage: step.state for step in look(token, ring=RING).walk}[Stage.VERIFY]
    assert (verify, {step.stage: step.state for step in report.walk}[Stage.VERIFY]) == ("passed", "unchecked")
    forged = look(token[:-2] + ("AA" if token[-2:] != "AA" else "BA"), ring=RING).stopped
    assert forged is not None
    assert forged.stage is Stage.VERIFY


def test_an_expired_token_stops_at_its_claims_with_and_without_keys() -> None:
    for token in (jwt(exp=NOW, iat=NOW - 300), pas(exp="2027-01-15T08:00:00Z", iat="2027-01-15T07:55:00Z")):
        for more in ({}, {"ring": RING}, {"ring": RING, "issuer": ISSUER, "audience": AUDIENCE}):
            report = look(token, **more)
            assert report.stopped is not None
            assert (report.stopped.stage, report.stopped.code) == (Stage.CLAIMS, "expired")
            state = {step.stage: step.state for step in report.walk}[Stage.VERIFY]
            assert state == ("passed" if more else "unchecked")


@pytest.mark.parametrize(
    ("line", "where"),
    [
        (f"Authorization: Bearer {SESSION}", "bearer"),
        (f"X-API-Key: {SESSION}", "key"),
        (f"Cookie: __Host-sid={opaque.issue('ww_at_')}", "cookie"),
        (f"Cookie: __Host-sid={API_KEY}", "cookie"),
        (f"Authorization: Bearer {jwt(head={'typ': 'JWT'}, nonce='n-1')}", "bearer"),
        (f"Authorization: Bearer {jwt(head={'typ': 'dpop+jwt'}, htm='GET')}", "bearer"),
        (f"Authorization: Bearer {SEALED}", "bearer"),
    ],
)
def test_a_kind_where_it_should_not_be(line: str, where: str) -> None:
    assert ("misplaced", where) in {(one.id, one.where) for one in look(line).inside[0].findings}


@pytest.mark.parametrize(
    "line",
    [
        f"Authorization: Bearer {jwt()}",
        f"Authorization: DPoP {jwt()}",
        f"Authorization: Bearer {API_KEY}",
        f"X-API-Key: {API_KEY}",
        f"Cookie: __Host-sid={SESSION}",
        f"DPoP: {Prover(KEYS['ES256'], clock=CLOCK).proof('GET', 'https://api.example/')}",
    ],
)
def test_a_kind_where_it_should_be(line: str) -> None:
    assert "misplaced" not in found(look(line))
    assert "brings-key" not in found(look(line))


def test_a_proof_of_possession_is_checked_for_the_request_that_it_names() -> None:
    proof = Prover(KEYS["ES256"], clock=CLOCK).proof("GET", "https://api.example/a%20b/c?x=1")
    for text in (proof, f"DPoP: {proof}"):
        report = look(text)
        assert (report.exit_code, found(report)) == (WHOLE, set())
    assert (look(proof).form, look(proof).kind) == ("proof", "DPoP proof")
    assert {step.stage: step.state for step in look(proof).walk}[Stage.VERIFY] == "passed"
    late = inspect(proof, clock=FrozenClock(NOW + 3600)).stopped
    forged = look(f"{proof.rpartition('.')[0]}.{'A' * 86}").stopped
    assert late is not None
    assert forged is not None
    assert (late.code, forged.code) == ("proof", "proof")
    assert look(jwt(head={"typ": "dpop+jwt"})).stopped is not None


def test_a_key_id_of_a_stranger_names_its_key() -> None:
    """Amazon Cognito writes them in base64."""
    kid = "gIpWNsi6Z0Crgo9Zl+JtJmYFqgLKnyZVdGTXFKxAmqk="
    key = Key.from_jwk(KEYS["ES256"].to_jwk(private=True) | {"kid": alias(kid)})
    message = f"{b64url(dump_json({'alg': 'ES256', 'kid': kid}))}.{b64url(dump_json(CLAIMS))}"
    token = f"{message}.{b64url(key.sign(message.encode()))}"
    report = look(token, ring=KeyRing.of(key, clock=CLOCK), issuer=ISSUER, audience=AUDIENCE)
    assert (report.stopped, "kid-odd" in found(report)) == (None, False)
    assert look(token).stopped is None
    stopped = look(jwt(head={"kid": "../../dev/null"})).stopped
    assert stopped is not None
    assert stopped.stage is Stage.PARSE


def test_a_cookie_of_flask_is_known_and_what_it_shows_is_said() -> None:
    report = look(f"Cookie: session={FLASK}")
    assert (report.exit_code, report.inside[0].form) == (WARNED, "itsdangerous")
    assert {"signed-value", "personal"} <= found(report)
    assert "abcdefghijklmnop" not in repr(report)


def test_what_nobody_vouched_for_is_said() -> None:
    words = " ".join(look(jwt()).unverified)
    assert "who wrote it" in words
    assert "revoked" in words
    whole = look(jwt(), ring=RING, issuer=ISSUER, audience=AUDIENCE).unverified
    assert whole == ("no store was asked whether it was revoked or used",)
    assert "encrypted" in " ".join(look(SHAPES["paseto"]).unverified)


def test_a_sealed_jwt_is_opened_with_its_key_and_looked_at() -> None:
    nested = jwe.encrypt(jwt().encode(), KEYS["A256KW"], cty="JWT")
    assert look(nested).inside == ()
    [inner] = look(nested, ring=RING).inside
    assert (inner.form, inner.kind) == ("jws", "access")


def test_a_token_that_stands_bare_in_a_link_is_found() -> None:
    link, long = opaque.issue("ww_ot_"), opaque.issue("ww_ss_")
    for url, where in (
        (f"https://a.example/reset#{link}", "the fragment"),
        (f"https://a.example/r/{link}", "the path"),
    ):
        report = look(url)
        assert [(one.where, one.kind) for one in report.inside] == [(where, "one_time")]
        assert link not in repr(report)
        assert "in-url" not in {finding.id for one in report.all_inside() for finding in one.findings}
    [inner] = look(f"https://a.example/{long}/x").inside
    assert "in-url" in found(inner)
    assert look("https://a.example/reset/now#top").inside == ()


@pytest.mark.parametrize("format", ["paseto", "jwe"])
def test_what_was_sealed_is_shown_to_who_has_the_key_the_purpose_and_the_user(format: str) -> None:
    ring = KeyRing.of(Key.generate("v4.local"), Key.generate("A256GCM"), clock=CLOCK)
    secret = jwt()
    data = {"order": "o-1", "to": "ada@example.org", "copy": secret}
    token = SealedTokens(ring).seal(data, purpose="payment", bound_to="user-7", format=format).token
    report = look(token, ring=ring, kind="sealed", purpose="payment", bound_to="user-7")
    assert (report.stopped, report.left, report.claims["data"]["order"]) == (None, 300, "o-1")
    assert secret not in repr(report)
    assert "personal" not in found(report), "nobody else reads it"
    assert "encrypted" not in " ".join(report.unverified)
    for other in ({"bound_to": "user-8"}, {"purpose": "handover"}):
        named: Any = {"purpose": "payment", "bound_to": "user-7"} | other
        refused = look(token, ring=ring, kind="sealed", **named)
        assert refused.stopped is not None
        assert refused.stopped.stage is Stage.VERIFY
    assert look(token).claims == {}
    assert "encrypted" in " ".join(look(token).unverified)
    CLOCK.advance(301)
    late = look(token, ring=ring, kind="sealed", purpose="payment", bound_to="user-7")
    CLOCK.advance(-301)
    assert late.stopped is not None
    assert (late.stopped.stage, late.left, late.claims["data"]["order"]) == (Stage.CLAIMS, -1, "o-1")


def test_a_stranger_that_is_encrypted_for_nobody_in_particular_opens_with_its_key() -> None:
    key = KEYS["v4.local"]
    named: Any = {"kid": key.kid}
    token = paseto.encrypt(dump_json({"sub": "user-7", "exp": "2001-01-01T00:00:00Z"}), key, footer=named)
    report = look(token, ring=KeyRing.of(key, clock=CLOCK))
    assert report.claims["sub"] == "user-7"
    assert report.stopped is not None
    assert report.stopped.stage is Stage.CLAIMS
    bare = look(paseto.encrypt(b"{}", key)).stopped
    assert bare is not None
    assert (bare.stage, bare.says) == (Stage.PARSE, "there is no footer; here it names the key")
    bound = look(paseto.encrypt(b"{}", key, footer=named, assertion=b"x"), ring=KeyRing.of(key, clock=CLOCK))
    assert (bound.stopped, bound.claims) == (None, {})


def test_its_size_is_told_as_a_share_of_a_header_block() -> None:
    token = jwt()
    assert look(token).size == len(token)
    assert look(token).to_dict()["share_of_8_kib"] == round(len(token) / 8192, 4)


def test_two_cookies_of_one_name_stop_where_the_cookie_is_read() -> None:
    report = look(f"Cookie: __Host-sid={SESSION}; __Host-sid={SESSION}")
    assert report.stopped is not None
    assert (report.stopped.stage, report.stopped.reason) == (Stage.EXTRACT, "duplicate_cookie")


# No secret is shown


def secrets() -> dict[str, tuple[str, list[str]]]:
    """What was given, and what of it must not be seen."""
    signed, hs = jwt(), KEYS["HS256"].to_jwk(private=True)
    key = KEYS["ES256"].to_jwk(private=True)
    refresh_secret = b64url(bytes(range(32)))
    family = f"ww_rt_{'A' * 22}.1.{refresh_secret}.{'A' * 22}"
    private = KEYS["ES256"].to_pem().decode()
    local = KEYS["v4.local"].to_paserk(private=True)
    return {
        "jwt": (signed, [signed.rpartition(".")[2]]),
        "session": (SESSION, [SESSION[6:]]),
        "tiny session": ("ww_ss_abc1234", ["abc1234"]),
        "short session": (SESSION[:30], [SESSION[6:30]]),
        "api key": (API_KEY, [API_KEY[8:]]),
        "api key of another": ("sk_live_" + "7" * 24, ["7" * 24]),
        "refresh": (family, [refresh_secret]),
        "bearer": (f"Authorization: Bearer {SESSION}", [SESSION[6:]]),
        "basic": ("Basic YWRhOmxvdmVsYWNlLXB3", ["YWRhOmxvdmVsYWNlLXB3", "lovelace"]),
        "cookie": (f"sid={SESSION}; HttpOnly", [SESSION[6:]]),
        "other cookie": ("Cookie: sid=abcdef0123456789abcdef", ["abcdef0123456789abcdef"]),
        "url": (f"https://a:pass-word@x.example/?token={SESSION}", [SESSION[6:], "pass-word"]),
        "paserk": (local, [local[9:]]),
        "jwk": (json.dumps(key), [key["d"]]),
        "secret jwk": (json.dumps({"keys": [hs]}), [hs["k"]]),
        "pem": (private, [private.splitlines()[1]]),
        "jwk in a header": (jwt(head={"jwk": key}), [key["d"]]),
        "token in a claim": (jwt(note=f"x {SESSION} y"), [SESSION[6:]]),
        "password in a claim": (jwt(password="lovelace-1843"), ["lovelace-1843"]),
        "card in a claim": (jwt(note=CARD, number=4111111111111111), [CARD, "4111111111111111"]),
        "key in a claim": (jwt(note=private), [private.splitlines()[1]]),
        "key in a text in a claim": (jwt(note=json.dumps(key)), [key["d"]]),
        "key without a type": (jwt(key_material={"crv": "P-256", "d": key["d"]}), [key["d"]]),
        "key of PGP": (jwt(note="-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nlQdGBGXx"), ["lQdGBGXx"]),
        "secret of another in a claim": (
            jwt(note=f"see {EXAMPLES['foreign-secret']}"),
            [EXAMPLES["foreign-secret"][4:]],
        ),
        "secret of another as key id": (jwt(head={"kid": "AKIAIOSFODNN7EXAMPLE"}), ["IOSFODNN7EXAMPLE"]),
        "api key of another prefix in a claim": (jwt(note="acme_live_0123456789abcdefXYZ"), ["0123456789abcdefXYZ"]),
        **{
            f"claim {name}": (jwt(data={name: "hush-hush-three-3"}), ["hush-hush-three-3"])
            for name in ("private_key", "pwd", "passphrase", "totp_secret", "userPassword", "key")
        },
        "answer": (json.dumps({"access_token": SESSION, "client_secret": "hush-hush-1"}), [SESSION[6:], "hush-hush-1"]),
        "foreign": (EXAMPLES["foreign-secret"], [EXAMPLES["foreign-secret"][4:]]),
        "unknown": ("c2VjcmV0c2VjcmV0c2VjcmV0==", ["c2VjcmV0"]),
        "unknown json": ('{"foo": "hush-hush-2"}', ["hush-hush-2"]),
        "opaque in three": (f"{'q' * 20}.{'w' * 20}.{'z' * 20}", ["q" * 20, "w" * 20, "z" * 20]),
        "local paseto": (SHAPES["paseto"], [SHAPES["paseto"][9:]]),
    }


@pytest.mark.parametrize("name", secrets())
def test_no_secret_is_shown(name: str) -> None:
    given, hidden = secrets()[name]
    for more in ({}, {"ring": RING}, {"ring": RING, "issuer": ISSUER, "audience": AUDIENCE, "kind": "access"}):
        report = look(given, **more)
        told = f"{report!r} {json.dumps(report.to_dict(), ensure_ascii=False)}"
        assert not [piece for piece in hidden if piece in told]


def test_a_terminal_obeys_nothing_of_it() -> None:
    report = look(jwt(note="\x1b]0;x\x07\u202e\u009b31m", head={"x\x1b": "\r\n"}))
    told = " ".join([*map(str, report.claims.values()), *report.header, *map(str, report.header.values())])
    assert told.isprintable()
    assert "\\x1b" in told


# Any bytes

TEXTS = st.text(max_size=200) | st.binary(max_size=300)
STARTS = st.sampled_from(
    [
        *("eyJ", "v4.public.", "v2.local.", "k4.secret.", "ww_ss_", "ww_rt_", "sk_live_", "ghp_"),
        *("Bearer ", "Cookie: ", "Set-Cookie: a=", "DPoP: ", "Basic ", "https://x?token=", "https://["),
        *('{"keys":[', '{"kty":"', "-----BEGIN ", "[" * 3000, '"'),
    ]
)
JSON: Any = st.recursive(
    st.sampled_from(["https://a.example/%ff", "GET", "ES256", "dpop+jwt"])
    | st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.just(CARD),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=8,
)
NAMES = st.sampled_from(
    [
        *("alg", "kid", "typ", "enc", "jwk", "crit", "p2c", "cty", "exp", "nbf", "iat", "aud", "iss", "jti", "email"),
        *("purpose", "kty", "crv", "x", "y", "k", "d", "n", "e", "keys", "access_token", "payload", "signature"),
        *("paserk", "token_use", "htm", "htu"),
    ]
)


def checked_report(untrusted: str | bytes, **more: Any) -> None:
    report = look(untrusted, **more)
    json.dumps(report.to_dict(), allow_nan=False)
    assert report.exit_code in (WHOLE, STOPPED, WARNED)
    for one in (report, *report.all_inside()):
        assert all(finding.id in FINDINGS for finding in one.findings)


@settings(max_examples=200, deadline=None)
@given(TEXTS)
def test_any_bytes_are_a_report(untrusted: str | bytes) -> None:
    checked_report(untrusted)
    checked_report(untrusted, ring=RING, issuer=ISSUER, audience=AUDIENCE, kind="access")


@settings(max_examples=200, deadline=None)
@given(STARTS, st.text(max_size=100) | st.from_regex(r"[A-Za-z0-9_-]{0,40}(\.[A-Za-z0-9_-]{0,40}){0,5}"))
def test_any_text_behind_a_known_beginning_is_a_report(start: str, rest: str) -> None:
    checked_report(start + rest)
    checked_report(start + rest, ring=RING)


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(NAMES | st.text(max_size=8), JSON, max_size=5), st.dictionaries(NAMES, JSON, max_size=5))
def test_any_json_in_a_token_is_a_report(header: dict[str, Any], claims: dict[str, Any]) -> None:
    head, body = (b64url(json.dumps(one).encode("utf-8", "surrogatepass")) for one in (header, claims))
    proof = b64url(json.dumps(header | {"typ": "dpop+jwt"}).encode("utf-8", "surrogatepass"))
    for text in (
        f"{head}.{body}.AAAA",
        f"{proof}.{body}.AAAA",
        f"{head}.AA.AA.{body}.AA",
        f"v4.public.{body}{'A' * 88}.{head}",
        json.dumps(header),
    ):
        checked_report(text)
        checked_report(text, ring=RING)


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(NAMES, JSON, max_size=5), st.binary(max_size=40), st.sampled_from(["{}", "sealed", "at", "x"]))
def test_anything_that_was_sealed_is_a_report(claims: dict[str, Any], raw: bytes, typ: str) -> None:
    for payload in (json.dumps(claims).encode("utf-8", "surrogatepass"), raw):
        local = KEYS["v4.local"]
        for text in (
            paseto.encrypt(payload, local, footer={"kid": local.kid, "typ": typ}),
            jwe.encrypt(payload, KEYS["A256KW"]),
        ):
            checked_report(text, ring=RING)
            checked_report(text, ring=RING, kind="sealed", purpose="payment", bound_to="user-7")


@pytest.mark.parametrize("levels", [20, 200, 900, 5000])
def test_what_is_very_deep_is_a_report(levels: int) -> None:
    for inner in ('{"a":' * levels + "1" + "}" * levels, '{"a":' + "[" * levels + "]" * levels + "}"):
        body = b64url(inner.encode())
        for text in (inner, f"{b64url(b'{}')}.{body}.AAAA", f"{body}.{body}.AAAA", f"v4.public.{body}{'A' * 88}"):
            checked_report(text)


@pytest.mark.parametrize("size", [10**5, 3 * 10**6])
def test_what_is_very_long_is_a_report(size: int) -> None:
    for unit in (".", "[", "eyJ.", "a=b; ", '{"a":', "Cookie: a=b;", "1"):
        checked_report((unit * size)[:size])


def test_all_kinds_have_words() -> None:
    assert {"session", "refresh", "opaque_access", "one_time", "api_key"} <= KINDS.keys()


def test_every_finding_is_documented_as_it_is() -> None:
    page = (Path(__file__).parents[3] / "docs/how-to/inspect-a-token.md").read_text()
    for row in FINDINGS.values():
        assert f"| `{row.id}` | {row.weight} | {row.says} | {row.source} |" in page
