"""What the doctor finds in a configuration, its keys and its store: one fault each, and none in a healthy one."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.services.valkey import Server
from watchword.blocking import Watchword
from watchword.clock import FrozenClock, SystemClock
from watchword.diagnosis.doctor import Report, examine
from watchword.diagnosis.probes import records
from watchword.diagnosis.probes.clocks import forward
from watchword.stores.base import Survey

HEALTHY = """
url = "sqlite:///{folder}/app.db"
issuer = "https://auth.example"
audience = "https://api.example"
"""


def made(folder: Path, text: str = HEALTHY, name: str = "watchword.toml") -> str:
    path = folder / name
    path.write_text(text.format(folder=folder))
    return str(path)


def opened(path: str) -> None:
    with Watchword.from_config(path):
        pass


def ids(report: Report) -> set[str]:
    return {one.id for one in report.findings}


def local(report: Report) -> dict[str, str]:
    return {
        one.probe: one.health for one in report.results if "needs a server" not in one.why and "nodes" not in one.why
    }


def test_a_healthy_configuration_has_no_finding(tmp_path: Path) -> None:
    path = made(tmp_path)
    opened(path)
    report = examine([path], environ={})
    assert ids(report) == set()
    assert not report.failed
    assert {probe for probe, health in local(report).items() if health == "unknown"} == {"key-sprawl"}


SAID: dict[str, tuple[str, str]] = {
    "a name is misspelt": ("[sevrer]\nport = 1\n", "config.refused"),
    "two settings that cannot both hold": ("max_staleness = 0\n", "config.refused"),
    "it is open past the lease": ('on_stale = "open"\nopen_for = 30.0\n', "config.fails-open"),
    "a revocation may take two minutes": ("max_staleness = 120.0\n", "config.slow-revocation"),
    "access tokens live for an hour": ("[access]\nlifetime = 3600\n", "config.long-access"),
    "a session's idle time is longer than its whole": ("[session]\nidle = 90000\n", "config.idle-beyond-absolute"),
    "pages without TLS are trusted": ('[server]\norigins = ["http://app.example"]\n', "config.plain-origin"),
    "every address may say whose it is": ('[server]\ntrusted_proxies = ["*"]\n', "config.trusts-everybody"),
    "nearly every address may": (
        '[server]\ntrusted_proxies = ["0.0.0.0/1", "128.0.0.0/1"]\n',
        "config.trusts-everybody",
    ),
    "it listens to the network, and no proxy is named": ('[server]\nhost = "0.0.0.0"\n', "config.open-network"),
}


@pytest.mark.parametrize("name", SAID)
def test_a_setting(tmp_path: Path, name: str) -> None:
    text, expected = SAID[name]
    opened(made(tmp_path))
    assert ids(examine([made(tmp_path, HEALTHY + text)], environ={})) == {expected}


def test_an_issuer_without_tls(tmp_path: Path) -> None:
    path = made(tmp_path, HEALTHY.replace("https://auth", "http://auth"))
    opened(path)
    assert ids(examine([path], environ={})) == {"config.plain-issuer"}


def test_a_store_in_memory(tmp_path: Path) -> None:
    path = made(tmp_path, HEALTHY.replace("sqlite:///{folder}/app.db", "memory:"))
    one, many = examine([path], environ={}), examine([path], environ={}, workers=4)
    assert (ids(one), one.failed) == ({"config.memory"}, False)
    assert (ids(many), many.failed) == ({"config.memory-workers"}, True)
    for said in ("workers = 2", "machines = 2"):
        path = made(tmp_path, HEALTHY.replace("sqlite:///{folder}/app.db", "memory:") + f"[deployment]\n{said}\n")
        assert ids(examine([path], environ={})) == {"config.memory-workers"}


def test_a_password_that_others_can_read(tmp_path: Path) -> None:
    text = 'url = "postgresql://app:hunter2@127.0.0.1:1/app"\nissuer = "https://a"\naudience = "x"\nkeys = "k"\n'
    path = made(tmp_path, text)
    Path(path).chmod(0o644)
    report = examine([path], environ={})
    assert "config.readable" in ids(report)
    assert "hunter2" not in repr(report)
    Path(path).chmod(0o600)
    assert "config.readable" not in ids(examine([path], environ={}))


@pytest.mark.parametrize("option", ["password", "sslpassword"])
def test_a_password_among_the_options_that_others_can_read(tmp_path: Path, option: str) -> None:
    text = (
        f'url = "postgresql://app@127.0.0.1:1/app?{option}=hunter2"\nissuer = "https://a"\naudience = "x"\nkeys = "k"\n'
    )
    path = made(tmp_path, text)
    Path(path).chmod(0o644)
    report = examine([path], environ={})
    assert "config.readable" in ids(report)
    assert "hunter2" not in repr(report)


def test_what_others_may_write(tmp_path: Path) -> None:
    path = made(tmp_path)
    opened(path)
    for file, ailment in ((path, "config.writable"), (tmp_path / "app.db", "store.writable")):
        for mode in (0o620, 0o602):
            Path(file).chmod(mode)
            assert ids(examine([path], environ={})) == {ailment}
        Path(file).chmod(0o600)
    assert ids(examine([path], environ={})) == set()


def test_an_issuer_that_is_no_url_is_no_end_of_the_examination(tmp_path: Path) -> None:
    path = made(tmp_path, HEALTHY.replace("https://auth.example", "http://[x"))
    assert examine([path], environ={}).failed


def test_what_a_file_says_commands_no_terminal(tmp_path: Path) -> None:
    path = made(tmp_path, HEALTHY + '[server]\nhost = "\\u001b]0;x\\u0007\\u009b8m"\n')
    said = " ".join(one.seen for one in examine([path], environ={}).findings)
    assert "\\x1b" in said
    assert said.isprintable()


def test_one_secret_for_two_clients(tmp_path: Path) -> None:
    clients = '[[server.clients]]\nid = "{{}}"\nsecret_sha256 = "' + "a" * 64 + '"\n'
    (tmp_path / "b").mkdir()
    one = made(tmp_path, HEALTHY + clients.replace("{{}}", "orders"))
    other = made(tmp_path / "b", HEALTHY + clients.replace("{{}}", "ledger"))
    opened(one)
    opened(other)
    assert ids(examine([one, other], environ={})) == {"config.client-shared"}


# Keys


def _gone(keys: Path) -> None:
    keys.unlink()


def _cut(keys: Path) -> None:
    keys.write_bytes(keys.read_bytes()[:100])


def _open_folder(keys: Path) -> None:
    keys.parent.chmod(0o777)


def _no_signer(keys: Path) -> None:
    document = json.loads(keys.read_text())
    document["keys"] = [one for one in document["keys"] if one["use"] != "sign"]
    keys.write_text(json.dumps(document))


def _old(keys: Path) -> None:
    os.utime(keys, (1_600_000_000, 1_600_000_000))


KEYS: dict[str, tuple[Callable[[Path], None], str]] = {
    "the key file did not come along": (_gone, "keys.missing"),
    "others can read the key file": (lambda keys: keys.chmod(0o640), "keys.readable"),
    "the key file is cut": (_cut, "keys.broken"),
    "everybody may put another key file there": (_open_folder, "keys.folder-open"),
    "no key signs": (_no_signer, "keys.no-signer"),
    "a key has been signing for years": (_old, "keys.old"),
}


@pytest.mark.parametrize("name", KEYS)
def test_a_key_file(tmp_path: Path, name: str) -> None:
    change, expected = KEYS[name]
    path = made(tmp_path)
    opened(path)
    change(tmp_path / "app.db.keys")
    assert ids(examine([path], environ={})) == {expected}


def test_a_key_that_two_services_hold(tmp_path: Path) -> None:
    """Shared-key sprawl: the file was copied, and so were its symmetric keys."""
    (tmp_path / "b").mkdir()
    one = made(tmp_path)
    other = made(tmp_path / "b", HEALTHY.replace("auth.example", "other.example"))
    opened(one)
    opened(other)
    apart = examine([one, other], environ={})
    assert (ids(apart), local(apart)["key-sprawl"]) == (set(), "healthy")
    (tmp_path / "b/app.db.keys").write_bytes((tmp_path / "app.db.keys").read_bytes())
    report = examine([one, other], environ={})
    assert ids(report) == {"keys.shared"}
    [finding] = report.findings
    assert all(word in finding.seen for word in ("v4.local (seal)", "HS256 (mac)", one, other))


def test_two_nodes_of_one_service_share_their_keys_as_they_should(tmp_path: Path) -> None:
    one, other = made(tmp_path), made(tmp_path, name="other.toml")
    opened(one)
    assert ids(examine([one, other], environ={})) == set()


# The store


def test_a_store_that_is_away(tmp_path: Path) -> None:
    path = made(tmp_path)
    opened(path)
    Path(path).write_text(Path(path).read_text().replace(f"sqlite:///{tmp_path}/app.db", "redis://127.0.0.1:1"))
    with Path(path).open("a") as file:
        file.write(f'keys = "{tmp_path}/app.db.keys"\n')
    assert ids(examine([path], environ={})) == {"store.away"}


def test_a_database_that_was_changed_by_hand(tmp_path: Path) -> None:
    path = made(tmp_path)
    opened(path)
    with closing(sqlite3.connect(tmp_path / "app.db", isolation_level=None)) as file:
        file.execute("UPDATE watchword_migrations SET checksum = 'x' WHERE number = 1")
    assert ids(examine([path], environ={})) == {"store.amiss"}


def test_a_database_that_lacks_a_migration(tmp_path: Path) -> None:
    path = made(tmp_path)
    opened(path)
    with closing(sqlite3.connect(tmp_path / "app.db", isolation_level=None)) as file:
        file.execute("DELETE FROM watchword_migrations WHERE number = (SELECT max(number) FROM watchword_migrations)")
    assert ids(examine([path], environ={})) == {"store.behind"}


def test_a_trail_that_is_kept_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = made(tmp_path)
    with Watchword.from_config(path) as ww:
        for _ in range(3):
            ww.refresh.issue("u", client_id="c")
    monkeypatch.setattr(records, "LONG_TRAIL", 2)
    assert ids(examine([path], environ={})) == {"store.grows"}
    assert ids(examine([made(tmp_path, HEALTHY + "audit_retention = 86400\n")], environ={})) == set()


def test_sqlite_on_a_network_file_system(tmp_path: Path) -> None:
    path = made(tmp_path)
    opened(path)
    mounts = tmp_path / "mounts"
    mounts.write_text(f"none / ext4 rw 0 0\nserver:/export {tmp_path.resolve()} nfs4 rw 0 0\n")
    assert ids(examine([path], environ={}, mounts=str(mounts))) == {"store.network-file"}
    mounts.write_text("none / ext4 rw 0 0\n")
    assert ids(examine([path], environ={}, mounts=str(mounts))) == set()
    report = examine([path], environ={}, mounts=str(tmp_path / "none"))
    assert local(report)["store-file"] == "unknown"


def test_a_redis_that_evicts_or_forgets(tmp_path: Path, valkey: Server) -> None:
    path = made(tmp_path)
    opened(path)
    text = Path(path).read_text().replace(f"sqlite:///{tmp_path}/app.db", valkey.fresh())
    Path(path).write_text(text + f'keys = "{tmp_path}/app.db.keys"\n')
    client = valkey.client()
    names = ("maxmemory-policy", "appendonly", "appendfsync")
    known = {name: str(client.config_get(name)[name]) for name in names}
    try:
        client.config_set("appendonly", "yes")
        client.config_set("appendfsync", "always")
        client.config_set("maxmemory-policy", "noeviction")
        assert ids(examine([path], environ={})) == set()
        client.config_set("maxmemory-policy", "allkeys-lru")
        assert ids(examine([path], environ={})) == {"store.evicts"}
        client.config_set("maxmemory-policy", "noeviction")
        client.config_set("appendonly", "no")
        assert ids(examine([path], environ={})) == {"store.forgets"}
    finally:
        for name, value in known.items():
            client.config_set(name, value)
        client.close()


def test_a_postgres_that_confirms_too_early_or_takes_no_writes() -> None:
    """By what its survey says: ``fsync`` of the tests' own server is off, and a standby is not to be had here."""

    def seen(**about: str) -> list[str]:
        return [sign.ailment for sign in records.kept(Survey(scheme="postgresql", about=about))]

    assert seen(fsync="on", synchronous_commit="on", standby="false") == []
    assert seen(fsync="off", synchronous_commit="on", standby="false") == ["store.forgets"]
    assert seen(fsync="on", synchronous_commit="on", standby="true") == ["store.standby"]


# Clocks


class Backward(SystemClock):
    def __init__(self) -> None:
        self._at = 10_000.0

    def monotonic(self) -> float:
        self._at -= 0.001
        return self._at


def test_a_clock_that_goes_back(tmp_path: Path) -> None:
    path = made(tmp_path)
    opened(path)
    assert ids(examine([path], environ={}, clock=Backward())) == {"clock.backward"}
    assert forward(FrozenClock())
    assert forward(SystemClock())


def test_nothing_that_could_be_looked_at_is_a_failure(tmp_path: Path) -> None:
    assert examine([], environ={}).failed
