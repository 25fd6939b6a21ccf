"""watchword.toml and WATCHWORD_… variables: what is meant is taken, and anything else is refused with a hint."""

import os
from pathlib import Path
from typing import Any

import pytest

from watchword import Watchword, blocking
from watchword.config import Settings, read_settings, settings_of
from watchword.errors import ConfigurationError
from watchword.options import keywords

LEAST = {"url": "memory:", "issuer": "https://as.test", "audience": "https://api.test"}
TOML = """
url = "memory:"
issuer = "https://as.test"
audience = "https://api.test"
max_staleness = 2.5

[session]
idle = 600
absolute = 3600
same_site = "strict"

[access]
lifetime = 60

[refresh]
grace = 0

[server]
host = "0.0.0.0"
port = 9000
origins = ["https://app.test"]

[[server.clients]]
id = "api"
secret_sha256 = "00"
"""


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith("WATCHWORD_"):
            monkeypatch.delenv(name)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "watchword.toml"
    made.write_text(TOML)
    return made


def test_the_least_that_must_be_said() -> None:
    settings = settings_of(LEAST, {})
    assert (settings.url, settings.issuer, settings.audience) == tuple(LEAST.values())
    assert (settings.keys, settings.max_staleness) == (None, 5.0)
    assert (settings.session.idle, settings.session.absolute, settings.session.same_site) == (1800, 43_200, "lax")
    assert (settings.access.lifetime, settings.refresh.grace) == (900, 10)
    assert (settings.server.host, settings.server.origins, settings.server.clients) == ("127.0.0.1", (), ())


@pytest.mark.parametrize("name", LEAST)
def test_what_must_be_said(name: str) -> None:
    with pytest.raises(ConfigurationError, match=f"missing required field `{name}`"):
        settings_of({key: value for key, value in LEAST.items() if key != name}, {})


def test_a_whole_file(path: Path) -> None:
    settings = read_settings(path)
    assert settings.max_staleness == 2.5
    assert (settings.session.idle, settings.session.absolute, settings.session.same_site) == (600, 3600, "strict")
    assert (settings.access.lifetime, settings.refresh.grace) == (60, 0)
    assert (settings.server.host, settings.server.port, settings.server.origins) == (
        "0.0.0.0",  # noqa: S104 - only read
        9000,
        ("https://app.test",),
    )
    assert [one.id for one in settings.server.clients] == ["api"]
    assert read_settings(str(path)) == settings


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"isuer": "x"}, "unknown setting isuer; did you mean issuer?"),
        ({"sesion": {}}, "unknown setting sesion; did you mean session?"),
        ({"session": {"idel": 5}}, "unknown setting session.idel; did you mean session.idle?"),
        ({"refresh": {"graze": 5}}, "unknown setting refresh.graze; did you mean refresh.grace?"),
        ({"server": {"hots": "x"}}, "unknown setting server.hots; did you mean server.host?"),
        ({"zzzz": 1}, "unknown setting zzzz; known are: url, issuer, audience,"),
        ({"access": {"zzzz": 1}}, "unknown setting access.zzzz; known are: lifetime"),
        ({"server": {"clients": [{"id": "a", "secret": "x"}]}}, "unknown field `secret`"),
    ],
)
def test_an_unknown_name_is_refused_with_the_right_one(document: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        settings_of(LEAST | document, {})
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("document", "where"),
    [
        ({"url": 5}, "$.url"),
        ({"audience": ["https://api.test"]}, "$.audience"),
        ({"max_staleness": "soon"}, "$.max_staleness"),
        ({"on_stale": "maybe"}, "$.on_stale"),
        ({"open_for": -1}, "$.open_for"),
        ({"max_staleness": -1}, "$.max_staleness"),
        ({"max_staleness": float("nan")}, "$.max_staleness"),
        ({"max_staleness": float("inf")}, "$.max_staleness"),
        ({"session": 5}, "$.session"),
        ({"session": {"idle": "soon"}}, "$.session.idle"),
        ({"session": {"idle": 1.5}}, "$.session.idle"),
        ({"session": {"idle": True}}, "$.session.idle"),
        ({"session": {"idle": -1}}, "$.session.idle"),
        ({"session": {"absolute": 10**30}}, "$.session.absolute"),
        ({"session": {"same_site": "none"}}, "$.session.same_site"),
        ({"access": {"lifetime": [900]}}, "$.access.lifetime"),
        ({"refresh": {"grace": -1}}, "$.refresh.grace"),
        ({"server": {"port": "http"}}, "$.server.port"),
        ({"server": {"origins": "https://app.test"}}, "$.server.origins"),
        ({"server": {"clients": [{"id": "a"}]}}, "$.server.clients[0]"),
    ],
    ids=repr,
)
def test_a_value_of_another_type_is_refused_by_its_place(document: dict[str, Any], where: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        settings_of(LEAST | document, {})
    assert where in str(caught.value)


# the environment


def test_variables_win(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHWORD_ISSUER", "https://other.test")
    monkeypatch.setenv("WATCHWORD_MAX_STALENESS", "1.5")
    monkeypatch.setenv("WATCHWORD_SESSION__IDLE", "120")
    monkeypatch.setenv("WATCHWORD_SERVER__ORIGINS", "https://a.test,https://b.test")
    settings = read_settings(path)
    assert (settings.issuer, settings.max_staleness, settings.session.idle) == ("https://other.test", 1.5, 120)
    assert settings.session.absolute == 3600
    assert settings.server.origins == ("https://a.test", "https://b.test")
    assert read_settings(path, environ={}).issuer == "https://as.test"


def test_variables_alone_are_enough() -> None:
    assert settings_of({}, {f"WATCHWORD_{name.upper()}": value for name, value in LEAST.items()}) == settings_of(
        LEAST, {}
    )


def test_a_document_is_not_changed_by_its_environment() -> None:
    document: dict[str, Any] = LEAST | {"session": {"idle": 100}}
    settings_of(document, {"WATCHWORD_SESSION__IDLE": "200"})
    assert document["session"] == {"idle": 100}


@pytest.mark.parametrize("name", ["WATCHWORD_KEYS", "WATCHWORD_URL", "WATCHWORD_SESSION__IDLE", "WATCHWORD_SESSION"])
def test_a_variable_that_is_set_and_empty_is_refused(name: str) -> None:
    with pytest.raises(ConfigurationError, match=f"{name} is set and empty"):
        settings_of(LEAST, {name: ""})


@pytest.mark.parametrize(
    ("name", "document"),
    [
        ("WATCHWORD_SESSION__IDEL", {}),
        ("WATCHWORD_SESSION__", {}),
        ("WATCHWORD_SESSION__IDLE__X", {}),
        ("WATCHWORD_SESSION", {}),
        ("WATCHWORD_SESSION__IDLE", {"session": 5}),
        ("WATCHWORD_URL__X", {}),
        ("WATCHWORD_SERVER__PORT", {"server": "x"}),
    ],
)
def test_a_variable_that_fits_nowhere_is_refused(name: str, document: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        settings_of(LEAST | document, {name: "60"})


def test_variables_of_somebody_else_are_left_alone() -> None:
    others = {"WATCHWORD_REQUIRE": "redis", "WATCHWORD_VECTORS": "", "PATH": "", "watchword_url": "x", "URL": "x"}
    assert settings_of(LEAST, others) == settings_of(LEAST, {})


# the file


def test_a_file_that_is_missing_or_broken(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"nowhere\.toml"):
        read_settings(tmp_path / "nowhere.toml")
    for text in (b"url = ", b"url = 'a'\nurl = 'b'", b"\xff\xfe"):
        (tmp_path / "broken.toml").write_bytes(text)
        with pytest.raises(ConfigurationError, match=r"broken\.toml"):
            read_settings(tmp_path / "broken.toml")
    with pytest.raises(ConfigurationError):
        read_settings(tmp_path)


# what comes of it


async def test_a_watchword_of_a_file(path: Path) -> None:
    async with Watchword.from_config(path) as ww:
        session = await ww.sessions.start("u")
        who = await ww.sessions.authenticate(session.token)
        assert who.expires_at - who.issued_at == 600
        caller = ww.access.verify(ww.access.issue("u").token)
        assert caller.expires_at - caller.issued_at == 60
        assert caller.claims["iss"] == "https://as.test"
        assert ww.view.max_staleness == 2.5
        first = await ww.refresh.issue("u", client_id="c")
        await ww.refresh.rotate(first.token)
        assert await ww.store.find("refresh_sealed", now=0) == [], "grace = 0"


def test_a_blocking_watchword_of_a_file(path: Path) -> None:
    for given in (path, str(path)):
        with blocking.Watchword.from_config(given) as ww:
            who = ww.sessions.authenticate(ww.sessions.start("u").token)
            assert who.expires_at - who.issued_at == 600


@pytest.mark.parametrize(
    "text",
    ["[session]\nidle = 59", "[session]\nabsolute = 9999999", "[access]\nlifetime = 3601", "[access]\nlifetime = 0"],
)
def test_lifetimes_that_cannot_be_are_refused_when_it_is_made(tmp_path: Path, text: str) -> None:
    file = tmp_path / "watchword.toml"
    file.write_text("\n".join(f'{name} = "{value}"' for name, value in LEAST.items()) + f"\n{text}\n")
    for make in (Watchword.from_config, blocking.Watchword.from_config):
        with pytest.raises(ConfigurationError):
            make(file)


def test_binding_and_profile_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / "watchword.toml"
    said = '[binding]\nnonce = true\nfingerprint = "observe"\nsignals = ["agent"]\norigins = ["https://shop.test"]'
    file.write_text(
        "\n".join(f'{name} = "{value}"' for name, value in LEAST.items()) + f'\nprofile = "high_risk"\n{said}\n'
    )
    policy = Watchword.from_config(file).binding.policy
    assert (policy.nonce, policy.fingerprint, policy.required) == (True, "observe", True)
    assert (policy.signals, policy.origins) == (("agent",), ("https://shop.test",))
    variables = {"WATCHWORD_BINDING__SIGNALS": "agent,network", "WATCHWORD_PROFILE": "high_risk"}
    settings = settings_of(LEAST, variables)
    assert (settings.binding.signals, settings.profile) == (("agent", "network"), "high_risk")
    for wrong in ({"profile": "paranoid"}, {"binding": {"fingerprint": "deny"}}, {"binding": {"nonces": True}}):
        with pytest.raises(ConfigurationError):
            settings_of(LEAST | wrong, {})


def test_settings_are_read_only() -> None:
    settings: Settings = settings_of(LEAST, {})
    with pytest.raises(AttributeError):
        settings.url = "x"  # type: ignore[misc]


def test_settings_do_not_show_the_password_of_the_url() -> None:
    settings = settings_of(LEAST | {"url": "postgresql://app:s3cr3t@db.test/app", "keys": "app.keys"}, {})
    assert "postgresql:" in repr(settings)
    assert "s3cr3t" not in f"{settings!r} {settings}"


def test_retention_and_migration_reach_the_watchword() -> None:
    settings = settings_of(LEAST | {"migrate": "never"}, {"WATCHWORD_AUDIT_RETENTION": "86400"})
    assert (settings.migrate, settings.audit_retention) == ("never", 86_400)
    ww = Watchword.from_settings(settings)
    assert ww.store.migrates is False
    assert ww._janitor._retention == 86_400
    for wrong in ({"migrate": "sometimes"}, {"audit_retention": 86_399}):
        with pytest.raises(ConfigurationError):
            settings_of(LEAST | wrong, {})


def test_facts_of_the_deployment_and_answers_are_read_and_change_nothing() -> None:
    told = {"deployment": {"workers": 4}, "advice": {"answers": {"client": ["web"], "stop": "no"}}}
    settings = settings_of(LEAST | told, {"WATCHWORD_DEPLOYMENT__MACHINES": "2"})
    assert (settings.deployment.workers, settings.deployment.machines) == (4, 2)
    assert settings.advice.answers == {"client": ["web"], "stop": "no"}
    assert keywords(settings) == keywords(settings_of(LEAST, {}))
    with pytest.raises(ConfigurationError, match=r"did you mean deployment\.workers"):
        settings_of(LEAST | {"deployment": {"worker": 4}}, {})
    with pytest.raises(ConfigurationError, match="workers"):
        settings_of(LEAST | {"deployment": {"workers": 0}}, {})
