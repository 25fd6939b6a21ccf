"""Claims that look personal in a token that anybody can read: named once, never shown."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from watchword import AccessTokens, FrozenClock, KeyRing, SealedTokens, Watchword
from watchword.errors import ConfigurationError
from watchword.tokens import personal

US, API = "https://as.test", "https://api.test"
CARD = "4111 1111 1111 1111"
VALUE = "alice@example.test"


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    personal._told.clear()
    yield
    personal._told.clear()


def access(*algorithms: str, **more: Any) -> AccessTokens:
    return AccessTokens(KeyRing.generate(*algorithms or ("ES256",)), issuer=US, audience=API, **more)


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "watchword.access"]


PERSONAL: list[tuple[str, dict[str, Any]]] = [
    ("email", {"email": VALUE}),
    ("Email", {"Email": VALUE}),
    ("phone", {"phone": VALUE}),
    ("phone_number", {"phone_number": VALUE}),
    ("phoneNumber", {"phoneNumber": VALUE}),
    ("address", {"address": {"city": VALUE}}),
    ("birthdate", {"birthdate": VALUE}),
    ("name", {"name": VALUE}),
    ("given_name", {"given_name": VALUE}),
    ("family-name", {"family-name": VALUE}),
    ("profile.email", {"profile": {"email": VALUE}}),
    ("people.email", {"people": [{"x": 1}, {"email": VALUE}]}),
    ("note", {"note": f"paid with {CARD}"}),
    ("number", {"number": 4111111111111111}),
    ("o.list[1]", {"o": {"list": ["x", CARD]}}),
]


@pytest.mark.parametrize(("name", "claims"), PERSONAL, ids=[name for name, _ in PERSONAL])
@pytest.mark.parametrize("algorithm", ["ES256", "v4.public"])
def test_a_warning_names_the_claim_and_not_its_value(
    caplog: pytest.LogCaptureFixture, algorithm: str, name: str, claims: dict[str, Any]
) -> None:
    tokens = access(algorithm)
    for _ in range(3):
        issued = tokens.issue("u", claims=claims)
        assert dict(tokens.verify(issued.token).raw_claims).items() >= claims.items()
    [line] = said(caplog)
    assert caplog.records[0].levelno == logging.WARNING
    assert f"claim {name!r} looks " in line
    assert "keep it on the server" in line
    assert VALUE not in line
    assert "4111" not in line


@pytest.mark.parametrize(("name", "claims"), PERSONAL, ids=[name for name, _ in PERSONAL])
def test_strict_makes_it_an_error(caplog: pytest.LogCaptureFixture, name: str, claims: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError) as refused:
        access(strict=True).issue("u", claims=claims)
    assert f"{name!r} looks " in str(refused.value)
    assert VALUE not in str(refused.value)
    assert "4111" not in str(refused.value)
    assert said(caplog) == []


@pytest.mark.parametrize(
    "claims",
    [
        None,
        {"team": "blue", "plan": "pro", "tenant_name": "acme", "email_verified": True, "renamed": 1, "names": []},
        {"order": "o-4111111111111112", "at": 1_700_000_000_000, "uuid": "41111111-1111-1111-1111-111111111111"},
    ],
)
def test_what_is_not_personal(caplog: pytest.LogCaptureFixture, claims: dict[str, Any] | None) -> None:
    for strict in (False, True):
        access(strict=strict).issue("4111111111111111", client_id="4111111111111111", claims=claims, scopes=["email"])
    assert said(caplog) == []


def test_each_name_once(caplog: pytest.LogCaptureFixture) -> None:
    for tokens in (access(), access("v4.public")):
        tokens.issue("u", claims={"email": "a", "phone": "b"})
        tokens.issue("v", claims={"phone": "c", "name": "d"})
    assert [line.split("'")[1] for line in said(caplog)] == ["email", "phone", "name"]


def test_names_are_no_way_to_fill_the_memory_or_the_log(caplog: pytest.LogCaptureFixture) -> None:
    for number in range(personal.MOST_TOLD + 5):
        personal.check_personal({f"x{number}": {"email": 1}}, strict=False)
    assert len(personal._told) == len(said(caplog)) == personal.MOST_TOLD
    caplog.clear()
    personal._told.clear()
    personal.check_personal({"x" * 5000: {"email": 1}, CARD: {"email": 1}, "a\nb": {"email": 1}}, strict=False)
    assert len(said(caplog)) == 4 - 1  # two names that are not shown are one
    assert "4111" not in caplog.text
    assert "\n" not in "".join(said(caplog))
    assert all(len(line) < 300 for line in said(caplog))


async def test_what_nobody_can_read_may_hold_it(caplog: pytest.LogCaptureFixture) -> None:
    sealed = SealedTokens(KeyRing.generate("v4.local", "A256GCM"))
    for format in ("paseto", "jwe"):
        sealed.seal({"email": VALUE}, purpose="p", bound_to="u", format=format)
    async with Watchword("memory:", issuer=US, audience=API, clock=FrozenClock(), strict=True) as ww:
        await ww.sessions.start("u", data={"email": VALUE})
        await ww.opaque_access.issue("u", claims={"email": VALUE})
        ww.sealed.seal({"email": VALUE}, purpose="p", bound_to="u")
        with pytest.raises(ConfigurationError, match="'email' looks personal"):
            ww.access.issue("u", claims={"email": VALUE})
        with pytest.raises(ConfigurationError, match="'email' looks personal"):
            ww.service.issue("billing", audience=API, claims={"email": VALUE})
    assert said(caplog) == []


async def test_strict_in_the_configuration(tmp_path: Path) -> None:
    file = tmp_path / "watchword.toml"
    file.write_text(f'url = "memory:"\nissuer = "{US}"\naudience = "{API}"\nstrict = true\n')
    async with Watchword.from_config(file) as ww:
        with pytest.raises(ConfigurationError, match="'name' looks personal"):
            ww.access.issue("u", claims={"name": "Alice"})
