"""watchword db: a step of its own before a release, and the truth about what is there."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.cli.processes import run
from tests.services.postgres import Postgres
from tests.services.valkey import Server
from watchword.app import drive
from watchword.blocking import Watchword
from watchword.errors import TokenRevokedError
from watchword.stores.base import Audit, Event, Record, open_store
from watchword.stores.sql import migrations

NOW = 1_800_000_000
LAST = migrations("sqlite")[-1]
TOML = """
url = "sqlite:///app.db"
issuer = "https://auth.example"
audience = "https://api.example"
migrate = "never"
"""


def fill(url: str) -> None:
    store = open_store(url)
    store.open_blocking()
    drive(
        store.put(
            *(Record(kind="session", key=f"{n}", data={}) for n in range(3)), Record(kind="k:y", key="1", data={})
        )
    )
    drive(store.put(Record(kind="session", key="dead", data={}, expires_at=1)))
    live, dead = (Event(what="session", value=f"{until}", at=1, until=until) for until in (4 * NOW, 1))
    drive(store.append(live, dead, audit=[Audit(name="a", at=86_400), Audit(name="b", at=NOW)]))
    store.close_blocking()


def filled(told: dict[str, object], head: int = 2) -> bool:
    """What ``fill`` left, as ``status --json`` tells it."""
    return (
        told["records"] == {"k:y": 1, "session": 3}
        and (told["head"], told["events"], told["audit"], told["oldest_audit"]) == (head, 1, 2, 86_400)
        and isinstance(told["size"], int)
        and told["size"] > 0
        and bool(told["epoch"])
    )


def test_upgrade_and_status_of_a_configuration(tmp_path: Path) -> None:
    (tmp_path / "watchword.toml").write_text(TOML)
    before = run("db", "status", folder=tmp_path)
    assert before.returncode == 1
    assert f"migration: 0000 of {LAST.number:04}" in before.stdout
    assert "ready: no" in before.stdout
    assert not (tmp_path / "app.db").exists(), "status changed something"
    refused = run("users", "list", folder=tmp_path)
    assert refused.returncode == 1
    assert refused.stderr.endswith("hint: run: watchword db upgrade\n")
    upgraded = run("db", "upgrade", folder=tmp_path)
    assert (upgraded.returncode, upgraded.stderr) == (0, "")
    assert upgraded.stdout.splitlines()[0] == "applying 0001_tables.sql"
    assert upgraded.stdout.splitlines()[-1] == f"sqlite: {LAST.number} applied; at migration {LAST.number:04}"
    again = run("db", "upgrade", "--json", folder=tmp_path)
    done = {"scheme": "sqlite", "applied": [], "present": LAST.number, "wanted": LAST.number}
    assert json.loads(again.stdout) == done
    fill(f"sqlite:///{tmp_path}/app.db")
    after = run("db", "status", folder=tmp_path)
    assert after.returncode == 0
    said = "ready: yes\n", "pending: none\n", "records session: 3\n", "oldest audit row: 1970-01-02T00:00:00Z\n"
    assert all(words in after.stdout for words in said)
    assert run("users", "list", folder=tmp_path).returncode == 0


def test_json_of_upgrade_is_one_document_and_progress_is_beside_it(tmp_path: Path) -> None:
    done = run("db", "upgrade", "--json", "--store", "sqlite:///x.db", folder=tmp_path)
    assert json.loads(done.stdout)["applied"][0] == "0001_tables.sql"
    assert done.stderr.startswith("applying 0001_tables.sql\n")


def test_variables_name_the_store_and_win_over_the_file(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/other.db"
    assert run("db", "upgrade", folder=tmp_path, WATCHWORD_URL=url).returncode == 0
    (tmp_path / "watchword.toml").write_text(TOML)
    assert run("db", "status", folder=tmp_path).returncode == 1
    assert run("db", "status", folder=tmp_path, WATCHWORD_URL=url).returncode == 0
    missing = run("db", "status", folder=tmp_path.parent)
    assert (missing.returncode, missing.stdout) == (1, "")
    assert missing.stderr.startswith("error: there is no watchword.toml\nhint: ")


@pytest.mark.parametrize("as_json", [False, True])
def test_what_is_not_ours_and_what_is_away_is_exit_code_1(tmp_path: Path, as_json: bool) -> None:
    flags = ["--json"] if as_json else []
    url = f"sqlite:///{tmp_path}/app.db"
    run("db", "upgrade", "--store", url)
    with closing(sqlite3.connect(tmp_path / "app.db", isolation_level=None)) as file:
        file.execute("UPDATE watchword_migrations SET checksum = 'x' WHERE number = 1")
    changed = run("db", "status", "--store", url, *flags)
    assert changed.returncode == 1
    assert "0001_tables.sql is not the file that was applied" in changed.stdout
    upgraded = run("db", "upgrade", "--store", url)
    assert upgraded.returncode == 1
    assert "Traceback" not in upgraded.stderr
    for away in ("postgresql://app:hunter2@127.0.0.1:1/app", "redis://app:hunter2@127.0.0.1:1"):
        for command in ("status", "upgrade"):
            done = run("db", command, "--store", away, *flags)
            said = done.stdout + done.stderr
            assert done.returncode == 1
            assert "hunter2" not in said
            assert "Traceback" not in said
    told = run("db", "status", "--json", "--store", "redis://app:hunter2@127.0.0.1:1").stdout
    assert {name: value for name, value in json.loads(told)["stores"][0].items() if name != "amiss"} == {
        "scheme": "redis",
        "reachable": False,
        "ready": False,
    }


@pytest.mark.parametrize(
    "url", ["nothing://app:hunter2@host", "sqlite://app:hunter2@host/x.db", "postgresql://a:hunter2@["]
)
def test_no_mistake_in_a_url_shows_its_password(url: str) -> None:
    for command in ("status", "upgrade"):
        done = run("db", command, "--store", url)
        assert done.returncode == 1
        assert "hunter2" not in done.stdout + done.stderr
        assert "Traceback" not in done.stderr


def test_a_new_epoch_ends_what_was_issued_before_unless_it_is_to_be_kept(tmp_path: Path, postgres: Postgres) -> None:
    for url in (f"sqlite:///{tmp_path}/app.db", postgres.fresh()):
        options = {"issuer": "https://as.test", "audience": "https://api.test", "keys": tmp_path / "app.keys"}
        assert run("db", "new-epoch", "--store", url).returncode == 1, "it made the tables"
        with Watchword(url, **options) as ww:  # type: ignore[arg-type]
            token, key = ww.refresh.issue("u", client_id="app").token, ww.api_keys.issue("u").token
            first = open_store(url).survey(now=NOW)[0].epoch
        done = run("db", "new-epoch", "--keep", "--json", "--store", url)
        kept = json.loads(done.stdout)
        assert kept["ended"] is False
        with Watchword(url, **options) as ww:  # type: ignore[arg-type]
            assert open_store(url).survey(now=NOW)[0].epoch == kept["epoch"] != first
            token = ww.refresh.rotate(token).token
            assert ww.api_keys.authenticate(key).subject == "u"
        done = run("db", "new-epoch", "--store", url)
        assert done.stdout.endswith("; everything that was issued before is refused\n")
        with Watchword(url, **options) as ww:  # type: ignore[arg-type]
            assert open_store(url).survey(now=NOW)[0].epoch not in (kept["epoch"], first)
            with pytest.raises(TokenRevokedError):
                ww.refresh.rotate(token)
            with pytest.raises(TokenRevokedError):
                ww.api_keys.authenticate(key)
            assert ww.refresh.rotate(ww.refresh.issue("u", client_id="app").token).subject == "u"
            assert [one.detail for one in ww.events() if one.name == "new_epoch"] == [{"keep": True}, {"keep": False}]


def test_a_store_that_sees_by_itself_that_it_is_another_has_no_epoch_to_set() -> None:
    done = run("db", "new-epoch", "--store", "memory:")
    assert (done.returncode, done.stderr.splitlines()[0]) == (1, "error: this store has no epoch that can be set")


def test_status_of_postgres(postgres: Postgres) -> None:
    url = postgres.fresh()
    assert run("db", "upgrade", "--store", url).returncode == 0
    fill(url)
    done = run("db", "status", "--json", "--store", url)
    [told] = json.loads(done.stdout)["stores"]
    assert done.returncode == 0
    assert filled(told)
    assert (told["scheme"], told["present"], told["checksums"]) == ("postgresql", LAST.number, True)
    assert told["about"]["standby"] == "false"
    assert told["about"]["fsync"] == "off"  # the server of these tests


def test_status_of_redis(valkey: Server) -> None:
    url = valkey.fresh()
    fill(url)
    assert run("db", "upgrade", "--store", url).stdout == "redis: nothing to do\n"
    done = run("db", "status", "--json", "--store", url)
    [told] = json.loads(done.stdout)["stores"]
    assert done.returncode == 0
    assert told["records"] == {"k:y": 1, "session": 4}  # the janitor has not come by yet
    assert filled(told | {"records": {"k:y": 1, "session": 3}})
    assert told["present"] is None
    wanted = {"maxmemory-policy": "noeviction", "evicted": "0", "appendfsync": "always", "replicas": "0"}
    assert wanted.items() <= told["about"].items()
    assert told["about"]["appendonly"] in ("yes", "no")
