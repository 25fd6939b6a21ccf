"""A server that means harm, or is merely odd: the doctor ends in time, in one piece, and blames what it saw alone."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.unit.diagnosis.faults import HEALTH, JWKS, ME, REFRESH, SESSIONS, SIGN_IN, SIGN_OUT, TOKENS, answers, fake
from tests.unit.diagnosis.test_faults import Open
from tests.unit.diagnosis.wards import Ask, Asked, Said, Ward, canary, none
from watchword.clock import FrozenClock, SystemClock
from watchword.diagnosis import doctor
from watchword.diagnosis.canary import Canary, Paths, kept, visiting
from watchword.diagnosis.doctor import PROBES, Report, examine
from watchword.diagnosis.patient import MOST_REQUESTS, Answer, Patient, UnreachableError
from watchword.diagnosis.probes.base import Case, Probe
from watchword.diagnosis.probes.endings import until
from watchword.diagnosis.untrusted import Untrusted
from watchword.encoding import b64url, dump_json, unb64url

Say = Callable[[socket.socket], None]


def _headers_that_drip(peer: socket.socket) -> None:
    peer.sendall(b"HTTP/1.1 200 OK\r\n")
    while True:
        peer.sendall(b"x")
        threading.Event().wait(0.05)


def _interim_without_end(peer: socket.socket) -> None:
    while True:
        peer.sendall(b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n" * 50)


def _body_that_drips(peer: socket.socket) -> None:
    peer.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n")
    while True:
        peer.sendall(b"x")
        threading.Event().wait(0.05)


def _silence(peer: socket.socket) -> None:
    while peer.recv(65536):
        pass


HOSTILE: dict[str, Say] = {
    "headers that drip": _headers_that_drip,
    "interim answers without end": _interim_without_end,
    "a body that drips": _body_that_drips,
    "silence": _silence,
}


@contextmanager
def listening(say: Say) -> Iterator[str]:
    """A server that says so to every connection."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                peer, _ = server.accept()
            except OSError:
                return
            threading.Thread(target=answer, args=(peer,), daemon=True).start()

    def answer(peer: socket.socket) -> None:
        with peer:
            try:
                peer.recv(65536)
                say(peer)
            except OSError:
                return

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()


@pytest.mark.parametrize("name", HOSTILE)
def test_an_exchange_ends(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr("watchword.diagnosis.patient.SECONDS", 0.4)
    with listening(HOSTILE[name]) as url:
        patient, began = Patient(url), SystemClock().monotonic()
        with pytest.raises(UnreachableError, match="did not end its answer within"):
            patient.ask("GET /")
        assert 0.3 < SystemClock().monotonic() - began < 5
        patient.close()


@pytest.mark.parametrize("name", HOSTILE)
def test_all_probes_end_together(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """The time for all bites within an exchange as well."""
    monkeypatch.setattr(doctor, "SECONDS", 0.5)
    monkeypatch.setattr(doctor, "_ALWAYS", ())  # what does not answer is asked nevertheless
    with listening(HOSTILE[name]) as url:
        patient, began = Patient(url), SystemClock().monotonic()
        report = examine([], [patient], canary(), environ={})
        assert SystemClock().monotonic() - began < 5
        patient.close()
    assert "healthy" not in {one.health for one in report.results if one.where == url}
    assert "the time was up" in {one.why for one in report.results}


def test_a_sign_out_that_never_comes_is_not_asked_after_with_all_requests() -> None:
    clock, looks = FrozenClock(), list[float]()

    def held() -> bool:
        looks.append(clock.monotonic())
        return True

    assert until(held, clock, 60, pause=clock.advance) is None
    assert len(looks) * 4 < MOST_REQUESTS / 2
    assert looks[1] - looks[0] == pytest.approx(0.05)


# Odd answers


def said(path: str, body: Any, status: int = 200) -> Callable[[Ward], Any]:
    def change(asked: Asked, answer: Said) -> None:
        if answer.status < 300:
            answer.status = status
            answer.body = body if isinstance(body, bytes) else dump_json(body)

    return answers(change, path)


def headed(path: str, name: str, value: str) -> Callable[[Ward], Any]:
    return answers(lambda asked, answer: answer.put(name, value), path)


def claiming(**claims: Any) -> dict[str, Any]:
    parts = (b64url(dump_json(one)) for one in ({"alg": "ES256", "kid": "k"}, {"sub": "a", **claims}))
    return {"access_token": f"{'.'.join(parts)}.AAAA", "refresh_token": 7}


ODD: dict[str, Callable[[Ward], Any]] = {
    "an id that is a list": said(SESSIONS, {"sessions": [{"session_id": [1]}, {"session_id": {}}, 3, None]}),
    "sessions that are an object": said(SESSIONS, {"sessions": {"session_id": "x"}}),
    "a session's own id that is an object": said(SIGN_IN, {"session_id": {"a": 1}}),
    "iat that is a text": said(TOKENS, claiming(iat="x", exp=2**40)),
    "exp that is a list": said(TOKENS, claiming(iat=1, exp=[1])),
    "times beyond all numbers": said(TOKENS, claiming(iat=-(10**400), exp=10**400, nbf=1e308)),
    "aud that holds objects": said(TOKENS, claiming(iat=1, exp=2, aud=[{"a": 1}, [2]], iss={"b": 1})),
    "tokens that are numbers": said(TOKENS, {"access_token": 1, "refresh_token": [2]}),
    "a kid that is a list": said(TOKENS, {"access_token": "eyJraWQiOlsxXX0.eyJhIjoxfQ.AA"}),
    "a PASETO of nothing": said(TOKENS, {"access_token": "v4.public.AAAA.AAAA"}),
    "a refresh token that is an object": said(REFRESH, {"refresh_token": {"a": 1}, "access_token": 5}),
    "keys of every type": said(JWKS, {"keys": [1, None, [], {"kid": [1]}, {"kid": {}, "use": 3, "paserk": 5}]}),
    "keys without end": said(JWKS, {"keys": [{"kty": "EC", "kid": "k", "x": 5}] * 300}),
    "a JSON that is deep": said(JWKS, b'{"keys":' + b"[" * 60_000),
    "no text at all": said(JWKS, b"\xff\xfe\x00" * 100),
    "a health of every type": said(HEALTH, {"status": 1, "store": [1], "follower": {"a": 1}, "x y": "ok"}, 503),
    "a date before all": headed(HEALTH, "date", "Mon, 01 Jan 0001 00:00:00 +2359"),
    "a date that is none": headed(HEALTH, "date", "yesterday"),
    "an age that is none": headed(JWKS, "cache-control", "max-age=" + "9" * 5000),
    "a cookie without a name": headed(SIGN_IN, "set-cookie", "=" + "x" * 40),
    "a cookie that is no text": headed(SIGN_IN, "set-cookie", "sid=" + "\xe9" * 40 + "; Max-Age=" + "9" * 5000),
    "a cookie of nothing": headed(SIGN_IN, "set-cookie", ";;;=;=; =;"),
    "a cookie that expires never": headed(
        SIGN_IN, "set-cookie", f"sid={'x' * 40}; Expires=Mon, 01 Jan 0001 00:00 +2359"
    ),
    "a location that is none": headed(SIGN_IN, "location", "http://[x"),
}


def looked_at(ward: Ward, fault: Any, who: Canary | None = None) -> Report:
    patient, ward.meddler.fault = Patient(ward.url), fault
    try:
        return examine([str(ward.config)], [patient], who or canary(), environ={})
    finally:
        ward.meddler.fault = none
        patient.close()


@pytest.mark.parametrize("name", ODD)
def test_an_odd_answer_ends_no_probe(wards: Open, name: str) -> None:
    ward = wards()
    report = looked_at(ward, ODD[name](ward))
    assert len(report.results) >= len(PROBES)
    assert [f"{one.probe}: {one.why}" for one in report.results if "failed (" in one.why] == []


def test_what_no_probe_foresaw_is_unknown_and_the_report_goes_on() -> None:
    def breaks(case: Case) -> Any:
        raise TypeError("unhashable type: 'list'")

    def goes(case: Case) -> Any:
        return iter(())

    probes = [Probe(id=run.__name__, asks="", needs=(), run=run, finds=()) for run in (breaks, goes)]
    report = examine(probes=probes, environ={})
    assert [one.health for one in report.results] == ["unknown", "healthy"]
    assert report.results[0].why == "the probe itself failed (TypeError): what it met is not foreseen"


def test_members_of_another_type_count_as_missing() -> None:
    odd = Untrusted(
        {"a": [1], "b": True, "c": "x", "d": 2**60, "e": 1.9, "f": float("nan"), "g": [{}, 1, "y"], "h": -3}
    )
    assert [odd.text(name) for name in "abcz"] == ["", "", "x", ""]
    assert [odd.number(name) for name in "abcdefhz"] == [None, None, None, None, 1, None, -3, None]
    assert (odd.items("g"), odd.items("c"), odd.texts("g"), odd.texts("c")) == ([Untrusted({})], None, {"y"}, {"x"})
    assert Answer(200, (), b"[1]").json() == Untrusted({})
    assert "x" not in repr(odd)


# What is not known is not healthy


def why(report: Report, probe: str) -> str:
    [one] = [one for one in report.results if one.probe == probe]
    assert one.health == "unknown", one
    return one.why


def test_where_good_tokens_are_refused_a_refusal_of_forged_ones_is_no_health(wards: Open) -> None:
    ward = wards()

    async def no_bearer(asked: Asked, ask: Ask) -> Said:
        if asked.is_(ME) and asked.get("authorization"):
            said = fake(401, error="invalid_token")
            said.put("www-authenticate", 'Bearer error="invalid_token"')
            return said
        return await ask(asked)

    report = looked_at(ward, no_bearer)
    for probe in ("forged", "forged-paseto", "signed", "signed-paseto", "whole", "kinds"):
        assert why(report, f"token-{probe}") == "a good token is refused, so a refusal says nothing: see token-good"
    assert {one.id for one in report.findings} == {"token.refused"}


def test_where_no_token_is_issued_nothing_is_known_of_tokens(wards: Open) -> None:
    report = looked_at(wards(), none, canary(paths=Paths(tokens="")))
    for probe in ("token-good", "token-forged", "token-kinds", "document-signer"):
        assert "issue" in why(report, probe)
    assert not report.findings


def test_where_nobody_is_let_in_what_depends_on_refusals_is_unknown(wards: Open) -> None:
    ward = wards()
    report = looked_at(ward, answers(lambda asked, said: setattr(said, "status", 200), ME)(ward))
    for probe in (
        "session-ends",
        "cookie-fresh",
        "csrf-crossing",
        "refresh-replay",
        "token-good",
        "token-kinds",
        "proxy-cookie",
    ):
        assert "see session-wanted" in why(report, probe)


def test_a_limit_of_attempts_is_no_wrong_password(wards: Open) -> None:
    ward = wards()

    async def limited(asked: Asked, ask: Ask) -> Said:
        return fake(429) if asked.is_(SIGN_IN) else await ask(asked)

    report = looked_at(ward, limited)
    assert "limits of attempts" in why(report, "session-begins")
    assert "limits of attempts" in why(report, "cookie-flags")
    assert not report.findings


def test_tokens_written_otherwise_are_not_taken_for_forged_ones(wards: Open) -> None:
    """With spaces in their JSON: what a flaw changes must be there, or it is the good token that gets in."""
    ward = wards()

    def spaced(asked: Asked, answer: Said) -> None:
        found = json.loads(answer.body) if answer.status == 200 else {}
        if found.get("access_token", "").startswith("eyJ"):
            head, claims = (json.loads(unb64url(part.encode())) for part in found["access_token"].split(".")[:2])
            message = f"{b64url(dump_json(head))}.{b64url(json.dumps(claims).encode())}"
            key = ward.ww.ring.active("sign", format="jwt")
            answer.body = dump_json(found | {"access_token": f"{message}.{b64url(key.sign(message.encode()))}"})

    report = looked_at(ward, answers(spaced, TOKENS)(ward))
    assert [f"{one.id}: {one.seen}" for one in report.findings] == []
    assert next(one for one in report.results if one.probe == "token-forged").health == "healthy"


def test_without_a_sign_out_other_sites_are_tried_with_the_path_of_tokens(wards: Open) -> None:
    ward = wards()

    async def waved(asked: Asked, ask: Ask) -> Said:
        if asked.is_(TOKENS):
            asked.put("origin", ward.url)
            asked.put("sec-fetch-site", "same-origin")
        return await ask(asked)

    report = looked_at(ward, waved, canary(paths=Paths(sign_out="")))
    assert {one.id for one in report.findings if one.probe == "csrf-crossing"} == {
        "csrf.cross-site",
        "csrf.sibling",
        "csrf.foreign-origin",
        "csrf.null-origin",
    }


# Which cookie is the session


def cookies(*lines: str) -> Callable[[Asked, Said], None]:
    def change(asked: Asked, said: Said) -> None:
        said.headers += [(b"set-cookie", one.encode()) for one in lines]

    return change


def test_the_session_is_the_cookie_that_is_wanted_or_the_one_that_is_named(wards: Open) -> None:
    ward = wards()
    ward.meddler.fault = answers(cookies(f"csrftoken={'c' * 64}; Path=/", f"theme={'d' * 90}; Path=/"), SIGN_IN)(ward)
    try:
        for who in (canary(), canary(cookie="__Host-Http-ww_sid")):
            patient = Patient(ward.url)
            with visiting(who, patient) as visit:
                assert visit.name == "__Host-Http-ww_sid"
                assert visit.knows().ok
                asked = patient.asked
            assert asked == (2 if who.cookie else 7)  # nobody, all, and without each of three
            patient.close()
        patient = Patient(ward.url)
        with pytest.raises(UnreachableError, match="could not sign in"), visiting(canary(cookie="other"), patient):
            pass
        patient.close()
    finally:
        ward.meddler.fault = none
    report = looked_at(ward, none, canary(cookie="other"))
    assert {one.id for one in report.findings} == {"session.no-sign-in"}


def test_where_it_cannot_be_told_which_cookie_is_the_session_none_is_guessed(wards: Open) -> None:
    ward, ended = wards(), list[int]()

    async def open_to_all(asked: Asked, ask: Ask) -> Said:
        said = await ask(asked)
        if asked.is_(SIGN_OUT):
            ended.append(said.status)
        if asked.is_(SIGN_IN):
            cookies(f"csrftoken={'c' * 64}; Path=/")(asked, said)
        return fake(200) if asked.is_(ME) else said

    report = looked_at(ward, open_to_all)
    assert 'write cookie = "NAME" into the canary file' in why(report, "cookie-flags")
    assert {one.id for one in report.findings} == {"session.unguarded"}
    assert 204 in ended, "the sessions of those sign-ins are left behind"


def test_of_one_name_the_last_cookie_counts_and_an_emptied_one_is_none() -> None:
    lines = ("sid=first; Secure", "sid=second", "other=x", 'other=""; Max-Age=0', "third = y ")
    assert kept(Answer(200, tuple(("set-cookie", one) for one in lines), b"")) == {"sid": "second", "third": "y"}
