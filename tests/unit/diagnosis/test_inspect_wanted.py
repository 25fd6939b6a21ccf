"""inspect, with keys: what was asked for is what is judged, and nothing is vouched for that nobody signed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from watchword import FrozenClock, Key, KeyRing
from watchword.diagnosis.inspect import inspect
from watchword.diagnosis.report import STOPPED, Report
from watchword.diagnosis.trusted import ring_in
from watchword.encoding import b64url, dump_json
from watchword.errors import ConfigurationError, Stage
from watchword.formats import jwe, paseto

CLOCK = FrozenClock()
NOW = CLOCK.now()
ISSUER, AUDIENCE = "https://id.example", "https://api.example"
SIGNING, PUBLIC, WRAPPING, OPENING = map(Key.generate, ("ES256", "v4.public", "A256KW", "ECDH-ES+A256KW"))
RING = KeyRing.of(SIGNING, PUBLIC, WRAPPING, OPENING, clock=CLOCK)
CLAIMS: dict[str, Any] = {
    "iss": ISSUER,
    "sub": "user-7",
    "aud": AUDIENCE,
    "exp": NOW + 300,
    "iat": NOW,
    "jti": "j" * 16,
}


def jwt(typ: str = "at+jwt", **claims: Any) -> str:
    head = b64url(dump_json({"alg": "ES256", "kid": SIGNING.kid, "typ": typ}))
    message = f"{head}.{b64url(dump_json({**CLAIMS, 'client_id': 'app', **claims}))}"
    return f"{message}.{b64url(SIGNING.sign(message.encode()))}"


def look(untrusted: str, **more: Any) -> Report:
    return inspect(untrusted, clock=CLOCK, ring=RING, **more)


def stage(report: Report) -> Stage | None:
    return None if report.stopped is None else report.stopped.stage


def state(report: Report, stage: Stage) -> str:
    return next(step.state for step in report.walk if step.stage is stage)


@pytest.mark.parametrize("names", [{}, {"issuer": ISSUER}, {"issuer": ISSUER, "audience": AUDIENCE}])
@pytest.mark.parametrize(
    ("untrusted", "wanted"),
    [
        (jwt("JWT"), "access"),
        (jwt("logout+jwt"), "access"),
        (jwt("service+jwt"), "access"),
        (jwt(), "service"),
        (jwt(), "sealed"),
        (paseto.sign(dump_json(CLAIMS), PUBLIC, footer={"kid": PUBLIC.kid, "typ": "service"}), "access"),
        (jwe.encrypt(dump_json(CLAIMS), WRAPPING, typ="sealed"), "access"),
    ],
)
def test_with_keys_a_token_of_another_kind_is_not_the_one_that_is_wanted(
    untrusted: str, wanted: str, names: dict[str, str]
) -> None:
    report = look(untrusted, kind=wanted, **names)
    assert report.exit_code == STOPPED
    assert state(report, Stage.VERIFY) != "passed"
    assert report.stopped is not None
    assert report.stopped.code in ("wrong_type", "malformed")


def test_with_keys_and_no_names_the_wanted_kind_comes_to_its_claims() -> None:
    report = look(jwt(), kind="access")
    assert (stage(report), state(report, Stage.VERIFY), state(report, Stage.CLAIMS)) == (None, "passed", "unchecked")
    assert stage(look(jwt(exp=NOW - 900), kind="access")) is Stage.CLAIMS


def test_what_anybody_can_seal_says_nothing_of_who_wrote_it() -> None:
    report = look(jwe.encrypt(dump_json(CLAIMS), OPENING))
    assert state(report, Stage.VERIFY) == "unchecked"
    assert any("who wrote it" in one for one in report.unverified)
    shared = look(jwe.encrypt(dump_json(CLAIMS), WRAPPING))
    assert state(shared, Stage.VERIFY) == "passed"
    assert not any("who wrote it" in one for one in shared.unverified)


@pytest.mark.parametrize("key", [WRAPPING, OPENING], ids=lambda key: key.algorithm.name)
def test_the_times_of_what_was_opened_are_looked_at(key: Key) -> None:
    assert stage(look(jwe.encrypt(dump_json({**CLAIMS, "exp": NOW - 900}), key))) is Stage.CLAIMS
    named = {"issuer": ISSUER, "audience": AUDIENCE}
    assert state(look(jwe.encrypt(dump_json(CLAIMS), key), **named), Stage.CLAIMS) == "passed"
    assert stage(look(jwe.encrypt(dump_json({**CLAIMS, "aud": "x"}), key), **named)) is Stage.CLAIMS
    assert state(look(jwe.encrypt(b"\xff", key)), Stage.CLAIMS) == "unchecked"


def test_around_a_good_token_nothing_is_judged_twice() -> None:
    named = {"issuer": ISSUER, "audience": AUDIENCE}
    for line in (f"Authorization: Bearer {jwt()}", f"https://api.example/?access_token={jwt()}"):
        report = look(line, kind="access", **named)
        assert (stage(report), stage(report.inside[0])) == (None, None), line


@pytest.mark.parametrize("secret", [Key.generate("HS256"), SIGNING], ids=["shared", "private"])
def test_a_key_from_elsewhere_is_a_public_one(secret: Key) -> None:
    document = json.dumps(secret.to_jwk(private=True)).encode()
    with pytest.raises(ConfigurationError):
        ring_in(document, CLOCK)
    assert [slot.key.kid for slot in ring_in(document, CLOCK, ours=True)] == [secret.kid]


def test_one_public_key_from_elsewhere_is_a_document() -> None:
    assert len(list(ring_in(json.dumps(SIGNING.to_jwk()).encode(), CLOCK))) == 1


@pytest.mark.parametrize("body", [b'{"exp": 1, "exp": 9999999999}', b'{"a":' * 12 + b"1" + b"}" * 12])
def test_claims_that_no_verifier_would_take_end_the_walk(body: bytes) -> None:
    head = b64url(dump_json({"alg": "ES256", "kid": SIGNING.kid, "typ": "JWT"}))
    message = f"{head}.{b64url(body)}"
    for untrusted in (f"{message}.{b64url(SIGNING.sign(message.encode()))}", jwe.encrypt(body, WRAPPING)):
        assert stage(look(untrusted)) is Stage.CLAIMS


@pytest.mark.parametrize("text", ["hello", "a.b.c", '{"foo": 1}'])
def test_what_is_no_token_is_said_to_be_none(text: str) -> None:
    [step] = [step for step in look(text).walk if step.state == "stopped"]
    assert step.says == "no token, key or header line that is known here"
    assert (step.code, step.reason) == ("malformed", "malformed")


def test_of_nothing_it_says_that_there_was_nothing() -> None:
    [step] = [step for step in look("").walk if step.state == "stopped"]
    assert step.says == "there was no text"


def test_names_that_were_said_and_not_reached_are_not_called_unsaid() -> None:
    tampered = jwt()[:-4] + "AAAA"
    named = look(tampered, issuer=ISSUER, audience=AUDIENCE)
    assert "issuer and audience were not reached" in named.unverified
    assert "which issuer and audience are wanted was not said" in look(tampered).unverified
    old = look(jwt(exp=NOW - 1000), issuer=ISSUER, audience=AUDIENCE)
    assert "issuer, audience and times: they did not all pass" in old.unverified


@pytest.mark.parametrize(("line", "said"), [("a=1", "1 cookie"), ("a=1; b=2", "2 cookies")])
def test_cookies_are_counted_in_words(line: str, said: str) -> None:
    assert look(f"Cookie: {line}").what == f"a Cookie header with {said}"
