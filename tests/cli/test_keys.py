"""watchword keys: a ring from its first to its last day, and no secret that was not asked for."""

from __future__ import annotations

import json
import stat
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.cli.processes import run, running
from tests.cli.terminal import shown
from watchword import FrozenClock, Key, KeyRing, SystemClock
from watchword.blocking import Watchword
from watchword.errors import TokenError
from watchword.keys.sources import fresh_slots, locked

ISSUER, AUDIENCE = "https://id.example", "https://api.example"
TOML = f"""
url = "sqlite:///app.db"
issuer = "{ISSUER}"
audience = "{AUDIENCE}"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "watchword.toml").write_text(TOML)
    return tmp_path


def listed(folder: Path) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(run("keys", "list", "--json", folder=folder).stdout)["keys"]
    return found


def secrets_in(folder: Path) -> list[str]:
    rows = json.loads((folder / "app.db.keys").read_text())["keys"]
    material = [row["material"] for row in rows]
    return [one.rpartition(".")[2] if isinstance(one, str) else one.get("d") or one["k"] for one in material]


def house(folder: Path) -> Watchword:
    return Watchword(f"sqlite:///{folder}/app.db", issuer=ISSUER, audience=AUDIENCE)


def test_generate_makes_a_file_once(folder: Path) -> None:
    done = run("keys", "generate", folder=folder)
    assert (done.returncode, done.stderr) == (0, "")
    path = folder / "app.db.keys"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [row["algorithm"] for row in listed(folder)] == ["ES256", "v4.public", "v4.local", "HS256"]
    before = path.read_bytes()
    again = run("keys", "generate", folder=folder)
    assert (again.returncode, again.stdout) == (1, "")
    assert "is there already" in again.stderr
    assert run("keys", "generate", "ES256", folder=folder).returncode == 1
    assert path.read_bytes() == before
    added = run("keys", "generate", "Ed25519", folder=folder)
    assert "announced; signs from" in added.stdout
    assert [row["state"] for row in listed(folder)] == ["active"] * 4 + ["announced"]
    symmetric = run("keys", "generate", "HS384", folder=folder)
    assert (symmetric.returncode, "symmetric" in symmetric.stderr) == (1, True)
    other = run("keys", "generate", "RS256", "--keys", "other.keys", "--json", folder=folder)
    assert len(json.loads(other.stdout)["keys"]) == 1
    assert stat.S_IMODE((folder / "other.keys").stat().st_mode) == 0o600


def test_a_house_has_its_keys_to_seal_and_for_macs_whatever_signs(folder: Path) -> None:
    assert run("keys", "generate", "Ed25519", folder=folder).returncode == 0
    assert [row["algorithm"] for row in listed(folder)] == ["Ed25519", "v4.local", "HS256"]
    with house(folder) as ww:
        assert ww.access.verify(ww.access.issue("user-7").token).subject == "user-7"
        assert ww.refresh.rotate(ww.refresh.issue("user-7", client_id="app").token).subject == "user-7"


def test_a_house_that_verifies_alone_signs_nothing(folder: Path) -> None:
    (folder / "watchword.toml").write_text(f"{TOML}[access]\nsingle_service = true\n")
    assert run("keys", "generate", folder=folder).returncode == 0
    assert [row["algorithm"] for row in listed(folder)] == ["v4.local", "HS256"]


def test_list_shows_states_and_dates_and_no_key(folder: Path) -> None:
    run("keys", "generate", folder=folder)
    done = run("keys", "list", folder=folder)
    assert done.stdout.count("active") == 4
    told = done.stdout + run("keys", "list", "--json", folder=folder).stdout
    assert secrets_in(folder)
    assert not [one for one in secrets_in(folder) if one in told]
    code, said = shown("keys", "list", folder=folder)
    assert code == 0
    assert not [one for one in secrets_in(folder) if one in said]
    (folder / "app.db.keys").chmod(0o644)
    refused = run("keys", "list", folder=folder)
    assert (refused.returncode, "0644" in refused.stderr) == (1, True)


def test_a_rotation_takes_two_runs_and_a_lead_between_them(folder: Path) -> None:
    path, clock = folder / "app.db.keys", SystemClock()
    KeyRing(fresh_slots(signing=True)).save(path)
    [old, *_] = [row["kid"] for row in listed(folder)]
    first = json.loads(run("keys", "rotate", "--json", folder=folder).stdout)["keys"]
    assert [one["done"] for one in first] == ["announced", "announced"]
    second = run("keys", "rotate", folder=folder)
    assert second.stdout.count("may sign from") == 2
    assert [row["state"] for row in listed(folder)].count("announced") == 2
    rows = json.loads(path.read_text())
    for row in rows["keys"]:
        if row["announced_at"]:
            row["announced_at"] -= 400
            row["activates_at"] -= 400
    path.write_text(json.dumps(rows))
    third = json.loads(run("keys", "rotate", "--json", folder=folder).stdout)["keys"]
    assert [one["done"] for one in third] == ["activated", "activated"]
    assert third[0]["old"] == old
    assert 3600 < third[0]["at"] - clock.now() < 4200
    states = {row["kid"]: (row["state"], row["current"]) for row in listed(folder)}
    assert states[str(old)] == ("retiring", False)
    assert states[str(third[0]["new"])] == ("active", True)


def test_the_key_of_refresh_tokens_verifies_as_long_as_they_live(folder: Path) -> None:
    path, clock = folder / "app.db.keys", FrozenClock(SystemClock().now() - 500)
    with house(folder) as ww:
        refresh = ww.refresh.issue("user-7", client_id="app").token
    ring = KeyRing.load(path, clock=clock)
    ring.announce(Key.generate("HS256", use="mac"))
    ring.save(path)
    [turn] = json.loads(run("keys", "rotate", "--use", "mac", "--json", folder=folder).stdout)["keys"]
    assert turn["done"] == "activated"
    assert turn["at"] - SystemClock().now() > 30 * 86_400
    with house(folder) as ww:
        assert ww.refresh.rotate(refresh).subject == "user-7"


def test_commands_that_change_one_file_at_once_wait_for_each_other(folder: Path) -> None:
    path, names = folder / "app.db.keys", ("Ed25519", "ES384", "PS256")
    KeyRing(fresh_slots(signing=True)).save(path)
    with ExitStack() as stack:
        with locked(path):
            made = [stack.enter_context(running("keys", "generate", name, folder=folder)) for name in names]
        for one in made:
            assert one.line("stdout", "announced; signs from")
            assert one.process.wait(60) == 0
    assert {row["algorithm"] for row in listed(folder)} >= {*names, "ES256"}


def test_retire(folder: Path) -> None:
    path = folder / "app.db.keys"
    ring = KeyRing(fresh_slots(signing=True))
    fresh = Key.generate("ES256")
    ring.announce(fresh)
    ring.save(path)
    signer = str(listed(folder)[0]["kid"])
    refused = run("keys", "retire", signer, "--yes", folder=folder)
    assert (refused.returncode, "signs now" in refused.stderr) == (1, True)
    unasked = run("keys", "retire", fresh.kid, folder=folder)
    assert (unasked.returncode, "--yes" in unasked.stderr) == (1, True)
    assert run("keys", "retire", fresh.kid[:8], "--yes", folder=folder).returncode == 0
    assert {row["kid"]: row["state"] for row in listed(folder)}[fresh.kid] == "retired"
    assert run("keys", "retire", fresh.kid, "--yes", folder=folder).returncode == 1
    assert run("keys", "retire", "nobody", "--yes", folder=folder).returncode == 1


def test_export_is_public_unless_asked(folder: Path) -> None:
    with house(folder) as ww:
        token = ww.access.issue("user-7").token
    hidden = secrets_in(folder)
    public = {form: run("keys", "export", "--format", form, folder=folder).stdout for form in ("jwks", "paseto", "pem")}
    assert not [one for one in hidden for told in public.values() if one in told]
    ring = KeyRing.load(folder / "app.db.keys")
    assert json.loads(public["jwks"]) == ring.jwks()
    assert json.loads(public["paseto"])["keys"] == ring.paseto_keys()["keys"]
    assert public["pem"].count("BEGIN PUBLIC KEY") == 2
    (folder / "jwks.json").write_text(public["jwks"])
    assert run("inspect", "-", "--jwks", "jwks.json", stdin=token, folder=folder).returncode == 0
    refused = run("keys", "export", "--private", folder=folder)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert hidden[0] in run("keys", "export", "--private", "--yes", folder=folder).stdout
    written = run("keys", "export", "--private", "--yes", "--out", "backup.json", folder=folder)
    assert (written.returncode, written.stdout) == (0, "")
    assert stat.S_IMODE((folder / "backup.json").stat().st_mode) == 0o600
    again = run("keys", "export", "--out", "backup.json", folder=folder)
    assert (again.returncode, "not overwritten" in again.stderr) == (1, True)


def test_at_a_terminal_private_keys_are_asked_for(folder: Path) -> None:
    run("keys", "generate", folder=folder)
    code, said = shown("keys", "export", "--private", typed=[("[y/N]", "n")], folder=folder)
    assert code == 130
    assert not [one for one in secrets_in(folder) if one in said]
    code, said = shown("keys", "export", "--private", typed=[("[y/N]", "y")], folder=folder)
    assert (code, secrets_in(folder)[0] in said) == (0, True)


def test_an_emergency_ends_what_the_key_has_signed_and_replaces_it(folder: Path) -> None:
    with house(folder) as ww:
        token = ww.access.issue("user-7").token
        kid = ww.ring.active().kid
        refused = run("keys", "rotate", "--emergency", kid, folder=folder)
        assert (refused.returncode, "--yes" in refused.stderr) == (1, True)
        assert ww.access.verify(token).subject == "user-7"
        done = run("keys", "rotate", "--emergency", kid[:10], "--yes", "--json", folder=folder)
        told = json.loads(done.stdout)
        assert (done.returncode, told["missing"], len(told["acknowledged"])) == (0, [], 1), done.stderr
        with pytest.raises(TokenError, match="revoked"):
            ww.access.verify(token)
    rows = {str(row["kid"]): row for row in listed(folder)}
    assert rows[kid]["state"] == "revoked"
    [line] = [line for line in run("keys", "list", folder=folder).stdout.splitlines() if kid in line]
    assert line.endswith("verifies nothing")
    assert "verifies until" not in line
    [fresh] = [row for row in rows.values() if row["algorithm"] == "ES256" and row["current"]]
    assert fresh["kid"] != kid
    with house(folder) as ww:
        assert ww.access.verify(ww.access.issue("user-7").token).subject == "user-7"
    assert run("keys", "rotate", "--emergency", "--yes", folder=folder).returncode == 2
    assert run("keys", "rotate", "--emergency", kid, "--keys", "app.db.keys", "--yes", folder=folder).returncode == 1


def test_memory_has_no_keys_that_last(tmp_path: Path) -> None:
    (tmp_path / "watchword.toml").write_text(TOML.replace("sqlite:///app.db", "memory:"))
    for words in (("list",), ("rotate",), ("export",), ("generate",)):
        done = run("keys", *words, folder=tmp_path)
        assert (done.returncode, done.stdout) == (1, "")
        assert "memory" in done.stderr
