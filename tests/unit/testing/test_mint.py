"""Each flaw is the one that its name says, and nothing else is wrong with the token."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from watchword import Key, KeyRing, errors
from watchword.blocking import Watchword
from watchword.clock import FrozenClock
from watchword.errors import ConfigurationError, TokenError
from watchword.testing import mint
from watchword.testing.flaws import JWT_FLAWS, PASETO_FLAWS, UNSIGNED, flawed, written_jwt, written_paseto
from watchword.testing.mint import ISSUE

SIGNED: dict[str, type[TokenError]] = {
    "expired": errors.TokenExpiredError,
    "not_yet_valid": errors.NotYetValidError,
    "no_expiry": errors.MissingClaimError,
    "wrong_audience": errors.WrongAudienceError,
    "wrong_issuer": errors.WrongIssuerError,
    "foreign_key": errors.SignatureError,
    "wrong_type": errors.WrongTypeError,
    "no_type": errors.WrongTypeError,
    **dict.fromkeys(UNSIGNED, errors.MalformedTokenError),
    "key_confusion": errors.AlgorithmError,
    "embedded_key": errors.MalformedTokenError,
    "unknown_key": errors.UnknownKeyError,
    "tampered_payload": errors.SignatureError,
    "tampered_signature": errors.SignatureError,
    "no_signature": errors.MalformedTokenError,
    "wrong_purpose": errors.MalformedTokenError,
    "wrong_version": errors.MalformedTokenError,
    "no_footer": errors.TokenError,
    "revoked": errors.TokenRevokedError,
}
RECORDS = ("session", "opaque_access", "api_key", "refresh")


@pytest.mark.parametrize(
    ("format", "flaw"),
    [("jwt", flaw) for flaw in [*JWT_FLAWS, "revoked"]] + [("paseto", flaw) for flaw in [*PASETO_FLAWS, "revoked"]],
)
def test_a_signed_token_has_the_flaw_of_its_name(ww: Watchword, format: str, flaw: str) -> None:
    token = mint(ww, "access", "ada", flaw=flaw, format=format)
    with pytest.raises(SIGNED[flaw]):
        ww.access.verify(token)


@pytest.mark.parametrize("format", ["jwt", "paseto"])
def test_what_is_taken_apart_and_written_again_unchanged_is_good(
    ww: Watchword, format: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    table, write = (JWT_FLAWS, written_jwt) if format == "jwt" else (PASETO_FLAWS, written_paseto)
    monkeypatch.setitem(table, "none", write)
    token = flawed(ww.core, ww.access.issue("ada", scopes=["a"], format=format).token, "none")
    assert ww.access.verify(token).scopes == {"a"}


def authenticate(ww: Watchword, kind: str) -> Callable[[str], Any]:
    face = {"session": ww.sessions, "opaque_access": ww.opaque_access, "api_key": ww.api_keys, "refresh": ww.refresh}
    verb: Callable[[str], Any] = face[kind].authenticate  # type: ignore[attr-defined]
    return verb


@pytest.mark.parametrize("kind", RECORDS)
def test_a_good_record_is_the_subject(ww: Watchword, kind: str) -> None:
    who = authenticate(ww, kind)(mint(ww, kind, "ada", scopes=["a"], roles=["r"]))
    assert (who.subject, who.kind, who.scopes, who.roles) == ("ada", kind, {"a"}, {"r"})


@pytest.mark.parametrize("kind", RECORDS)
@pytest.mark.parametrize("flaw", ["expired", "revoked", "tampered", "unknown"])
def test_a_bad_record_is_refused(ww: Watchword, kind: str, flaw: str) -> None:
    token = mint(ww, kind, "ada", flaw=flaw)
    with pytest.raises(TokenError) as caught:
        authenticate(ww, kind)(token)
    if flaw == "revoked":
        assert isinstance(caught.value, errors.TokenRevokedError)


def test_a_token_that_nobody_issued_has_a_good_checksum(ww: Watchword) -> None:
    with pytest.raises(errors.TokenNotFoundError):
        ww.api_keys.authenticate(mint(ww, "api_key", flaw="unknown"))


def test_an_api_key_of_the_other_environment(ww: Watchword) -> None:
    with pytest.raises(errors.WrongAudienceError, match="a test key"):
        ww.api_keys.authenticate(mint(ww, "api_key", flaw="wrong_environment"))


@pytest.mark.parametrize("flaw", ["expired", "revoked", "tampered", "unknown"])
def test_a_bad_one_time_token_is_refused(ww: Watchword, flaw: str) -> None:
    with pytest.raises(TokenError):
        ww.one_time.authenticate(mint(ww, "one_time", "ada", flaw=flaw))


def test_a_bad_service_token_and_a_tampered_sealed_one(ww: Watchword) -> None:
    assert ww.service.verify(mint(ww, "service", "billing")).subject == "billing"
    for flaw, error in (("wrong_audience", errors.WrongAudienceError), ("revoked", errors.TokenRevokedError)):
        with pytest.raises(error):
            ww.service.verify(mint(ww, "service", "billing", flaw=flaw))
    assert ww.sealed.open(mint(ww, "sealed", "ada"), purpose="test", bound_to="ada") == {"sub": "ada"}
    with pytest.raises(TokenError):
        ww.sealed.open(mint(ww, "sealed", "ada", flaw="tampered"), purpose="test", bound_to="ada")


def test_every_kind_is_minted_as_often_as_one_wants(ww: Watchword) -> None:
    for kind in ISSUE:
        assert mint(ww, kind) != mint(ww, kind)


@pytest.mark.parametrize(
    ("kind", "flaw", "says"),
    [
        ("id", None, "no kind that can be minted"),
        ("session", "unsigned", "a session token cannot be 'unsigned'"),
        ("access", "wrong_environment", "this token cannot be 'wrong_environment'"),
        ("sealed", "expired", "a sealed token cannot be 'expired'"),
        ("session", "wrong_environment", "cannot be"),
    ],
)
def test_what_cannot_be_minted_says_so(ww: Watchword, kind: str, flaw: str | None, says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        mint(ww, kind, flaw=flaw)


def test_a_symmetric_key_has_no_public_half_to_confuse(clock: FrozenClock) -> None:
    ring = KeyRing.of(Key.generate("HS256", use="sign"), clock=clock)
    with (
        Watchword("memory:", issuer="https://a.example", audience="https://b.example", clock=clock, ring=ring) as ww,
        pytest.raises(ConfigurationError, match="HS256 has no public key"),
    ):
        mint(ww, flaw="key_confusion")


def test_a_token_that_is_encrypted_has_no_flaws_of_signed_ones(clock: FrozenClock) -> None:
    names: dict[str, Any] = {"issuer": "https://a.example", "audience": "https://b.example"}
    with Watchword("memory:", **names, clock=clock, single_service=True) as ww:
        with pytest.raises(ConfigurationError, match="encrypted"):
            mint(ww, flaw="expired")
        with pytest.raises(errors.TokenRevokedError):
            ww.access.verify(mint(ww, flaw="revoked"))


def test_a_token_of_ours_still_lives_as_long_as_ever(ww: Watchword, clock: FrozenClock) -> None:
    token = mint(ww, "session", "ada")
    clock.advance(timedelta(minutes=29))
    assert ww.sessions.authenticate(token).subject == "ada"
