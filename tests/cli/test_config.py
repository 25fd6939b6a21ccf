"""watchword config show: what holds, where it came from, and no secret."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.processes import run
from tests.cli.terminal import shown

SECRET = "hush-hush"
DIGEST = "ab" * 32
TOML = f"""# a comment
issuer = "https://id.example"
url = "postgresql://ada:{SECRET}@db.example:5432/app?sslpassword={SECRET}"
audience = \"\"\"https://api.example\"\"\"

[session]
idle = 60

[binding]
origins = [
  "https://a.example",
  "https://b.example",
]

[[server.clients]]
id = "one"
secret_sha256 = "{DIGEST}"

[policy.roles.clerk]
permissions = ["orders:read"]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "watchword.toml").write_text(TOML)
    return tmp_path


def test_each_value_and_where_it_came_from(folder: Path) -> None:
    done = run(
        "config",
        "show",
        "--origin",
        "--json",
        folder=folder,
        WATCHWORD_SESSION__ABSOLUTE="7200",
        WATCHWORD_PROFILE="default",
    )
    told = json.loads(done.stdout)
    assert done.returncode == 0
    wanted = {
        "issuer": ("https://id.example", "watchword.toml:2"),
        "url": ("postgresql://ada:<hidden>@db.example:5432/app?<hidden>", "watchword.toml:3"),
        "audience": ("https://api.example", "watchword.toml:4"),
        "session.idle": (60, "watchword.toml:7"),
        "session.absolute": (7200, "WATCHWORD_SESSION__ABSOLUTE"),
        "profile": ("default", "WATCHWORD_PROFILE"),
        "binding.origins": (["https://a.example", "https://b.example"], "watchword.toml:10"),
        "access.lifetime": (900, "default"),
        "server.clients[0].id": ("one", "watchword.toml:16"),
        "server.clients[0].secret_sha256": ("<hidden>", "watchword.toml:17"),
        "policy.roles.clerk.permissions": (["orders:read"], "watchword.toml:20"),
    }
    found = {name: (one["value"], one["origin"]) for name, one in told.items()}
    assert {name: found[name] for name in wanted} == wanted


def test_lines_off_and_on_a_terminal_and_no_secret_in_them(folder: Path) -> None:
    done = run("config", "show", "--origin", folder=folder)
    assert "session.idle = 60\twatchword.toml:7\n" in done.stdout
    assert "\t" not in run("config", "show", folder=folder).stdout
    code, said = shown("config", "show", "--origin", folder=folder)
    assert code == 0
    for told in (done.stdout, said):
        assert SECRET not in told
        assert DIGEST not in told


def test_what_is_wrong_is_told_in_two_lines(folder: Path) -> None:
    (folder / "watchword.toml").write_text(TOML.replace("idle", "idel"))
    done = run("config", "show", folder=folder)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "error: unknown setting session.idel\nhint: did you mean session.idle?\n"
    assert run("config", "show", "--config", "none.toml", folder=folder).returncode == 1
