"""The key file: readable by its owner alone, created once by one of many, whole or refused."""

import fcntl
import json
import os
import subprocess
import sys
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from watchword.clock import FrozenClock
from watchword.errors import ConfigurationError, KeysUnavailableError, WatchwordError
from watchword.keys.key import Key
from watchword.keys.ring import KeyRing, Slot, State
from watchword.keys.sources import FORMAT, load_or_create, read_file, write_file

NOW = 1_800_000_000
NAMES = ("ES256", "v4.public", "v4.local", "Ed25519")


def fresh() -> list[Slot]:
    keys = [*(Key.generate(name) for name in NAMES), Key.generate("HS256", use="mac")]
    return [Slot(key, announced_at=0, activates_at=0) for key in keys]


def told(slots: list[Slot]) -> list[tuple[Any, ...]]:
    return [(s.key, s.key.kid, s.key.use, s.announced_at, s.activates_at, s.signs_until, s.retires_at) for s in slots]


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_a_link_stays_one(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    held, link = tmp_path / "there" / "app.keys", tmp_path / "app.keys"
    load_or_create(held, fresh())
    link.symlink_to(held)
    write_file(link, changed := fresh())
    assert link.is_symlink()
    assert told(read_file(held)) == told(changed)
    assert os.listdir(held.parent) == ["app.keys"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root writes another's file as theirs")
def test_what_root_writes_stays_its_owners(tmp_path: Path) -> None:
    path = tmp_path / "app.keys"
    load_or_create(path, fresh())
    os.chown(path, 65534, 65534)
    write_file(path, fresh())
    assert (path.stat().st_uid, path.stat().st_gid, mode(path)) == (65534, 65534, 0o600)


def test_created_read_and_replaced(tmp_path: Path) -> None:
    path, slots = tmp_path / "app.keys", fresh()
    assert told(load_or_create(path, slots)) == told(slots)
    assert mode(path) == 0o600
    assert told(load_or_create(path, fresh())) == told(slots)
    changed = [
        *slots,
        Slot(Key.generate("ES256", kid="next").public(), announced_at=1, activates_at=2, signs_until=3, retires_at=4),
    ]
    write_file(path, changed)
    assert told(read_file(path)) == told(changed)
    assert mode(path) == 0o600
    assert os.listdir(tmp_path) == ["app.keys"]


def test_a_revoked_key_stays_so_and_an_older_version_still_reads_the_file(tmp_path: Path) -> None:
    path, clock = tmp_path / "app.keys", FrozenClock()
    ring = KeyRing(fresh(), clock=clock)
    kid = ring.active().kid
    ring.revoke(kid)
    ring.save(path)
    assert [slot.revoked for slot in read_file(path)].count(True) == 1
    assert next(slot for slot in read_file(path) if slot.revoked).key.kid == kid
    document = json.loads(path.read_text())
    assert document["format"] == "watchword-keys-1"
    assert [row["kid"] for row in document["keys"] if "revoked" in row] == [kid]
    (row,) = [row for row in document["keys"] if "revoked" in row]
    assert row["retires_at"] == clock.now(), "retired, for who does not know the word"


def test_the_umask_makes_it_no_wider(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        load_or_create(tmp_path / "app.keys", fresh())
    finally:
        os.umask(before)
    assert mode(tmp_path / "app.keys") == 0o600


@pytest.mark.parametrize("wide", [0o644, 0o640, 0o604, 0o660, 0o666, 0o601, 0o610, 0o777])
def test_a_file_that_others_can_touch_is_refused(tmp_path: Path, wide: int) -> None:
    path = tmp_path / "app.keys"
    load_or_create(path, fresh())
    path.chmod(wide)
    for read in (read_file, lambda p: load_or_create(p, fresh()), lambda p: KeyRing.load(str(p))):
        with pytest.raises(ConfigurationError, match="rotate its keys"):
            read(path)
    path.chmod(0o400)
    assert len(read_file(path)) == 5


def test_a_ring_from_a_file(tmp_path: Path) -> None:
    path, clock = tmp_path / "app.keys", FrozenClock(NOW)
    ring = KeyRing(fresh(), clock=clock)
    ring.announce(Key.generate("ES256", kid="next"))
    ring.save(path)
    again = KeyRing.load(path, clock=clock)
    assert [(slot.key, slot.state(NOW)) for slot in again] == [(slot.key, slot.state(NOW)) for slot in ring]
    assert again.active("mac").sign(b"m") == ring.active("mac").sign(b"m")
    clock.advance(360)
    again.activate("next")
    assert again.active(format="jwt").kid == "next"
    assert next(iter(again)).state(clock.now()) is State.RETIRING


def test_a_missing_file(tmp_path: Path) -> None:
    for read in (read_file, KeyRing.load):
        with pytest.raises(ConfigurationError, match="no key file"):
            read(str(tmp_path / "app.keys"))


def test_a_place_where_nothing_can_be_kept(tmp_path: Path) -> None:
    for path in (tmp_path / "no" / "app.keys", tmp_path / "file" / "app.keys"):
        (tmp_path / "file").touch()
        with pytest.raises(KeysUnavailableError):
            load_or_create(path, fresh())
    with pytest.raises(KeysUnavailableError):
        read_file(tmp_path)


def test_a_folder_without_hard_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    with pytest.raises(KeysUnavailableError, match="cannot be written"):
        load_or_create(tmp_path / "app.keys", fresh())
    assert os.listdir(tmp_path) == []


def rows(**changes: Any) -> dict[str, Any]:
    key = Key.generate("ES256", kid="k")
    row = {"kid": "k", "algorithm": "ES256", "use": "sign", "material": key.to_jwk(private=True)}
    times = {"announced_at": 0, "activates_at": 0, "signs_until": None, "retires_at": None}
    return {"format": FORMAT, "keys": [row | times | changes]}


def without(name: str) -> dict[str, Any]:
    document = rows()
    del document["keys"][0][name]
    return document


BROKEN: dict[str, Any] = {
    "empty": b"",
    "cut": json.dumps(rows()).encode()[:-10],
    "not JSON": b"secret",
    "not UTF-8": b"\xff\xfe",
    "deep": b"[" * 100_000,
    "a list": [],
    "a text": "keys",
    "null": None,
    "no format": {"keys": []},
    "another format": rows() | {"format": "watchword-keys-2"},
    "no keys": {"format": FORMAT},
    "keys a number": {"format": FORMAT, "keys": 1},
    "a row a text": {"format": FORMAT, "keys": ["secret"]},
    "a row null": {"format": FORMAT, "keys": [None]},
    "material null": rows(material=None),
    "material a number": rows(material=1),
    "material another PASERK": rows(material="k3.local.AAAA"),
    "material empty": rows(material={}),
    "kid null-like": rows(kid=["k"]),
    "kid unsound": rows(kid="../k"),
    "use of another": rows(use="seal"),
    "use a list": rows(use=["sign"]),
    "time a text": rows(activates_at="now"),
    "time null": rows(announced_at=None),
    "time a fraction": rows(activates_at=1.5),
    "time true": rows(retires_at=True),
    "end a text": rows(signs_until="never"),
    **{
        f"{name} missing": without(name)
        for name in ("kid", "use", "material", "announced_at", "activates_at", "signs_until", "retires_at")
    },
}


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN)
def test_a_broken_file_is_refused_and_left_alone(tmp_path: Path, content: Any) -> None:
    path = tmp_path / "app.keys"
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    path.write_bytes(raw)
    path.chmod(0o600)
    for read in (read_file, lambda p: load_or_create(p, fresh())):
        with pytest.raises(ConfigurationError):
            read(path)
    assert path.read_bytes() == raw


def test_a_sound_file_written_by_hand(tmp_path: Path) -> None:
    path = tmp_path / "app.keys"
    path.write_text(json.dumps(rows()))
    path.chmod(0o600)
    assert [slot.key.kid for slot in read_file(path)] == ["k"]


def test_no_error_shows_a_key(tmp_path: Path) -> None:
    path, document = tmp_path / "app.keys", rows(use="seal")
    path.write_text(json.dumps(document))
    path.chmod(0o600)
    with pytest.raises(WatchwordError) as caught:
        read_file(path)
    told_all = f"{caught.value!s}{caught.value!r}{caught.value.__cause__!r}"
    assert document["keys"][0]["material"]["d"] not in told_all
    path.write_text(json.dumps(document)[:-1])
    with pytest.raises(ConfigurationError) as cut:
        read_file(path)
    cause: BaseException | None = cut.value
    while cause is not None:
        assert not hasattr(cause, "doc")  # the whole text, in a JSONDecodeError
        cause = cause.__context__


RACER = """
import sys
from watchword.keys.key import Key
from watchword.keys.ring import Slot
from watchword.keys.sources import load_or_create
slots = [Slot(Key.generate(name), announced_at=0, activates_at=0) for name in ("ES256", "v4.public", "v4.local")]
print("ready", flush=True)
sys.stdin.readline()
print(*(slot.key.kid for slot in load_or_create(sys.argv[1], slots)))
"""


def race(code: str, path: Path) -> list[str]:
    """What eight processes print that run this at once."""
    command = [sys.executable, "-c", code, str(path)]
    racers = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(8)]
    for racer in racers:
        assert racer.stdout is not None
        assert racer.stdout.readline() == "ready\n"
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("go\n")
        racer.stdin.flush()
    printed = [racer.communicate()[0].strip() for racer in racers]
    assert {racer.returncode for racer in racers} == {0}
    return printed


def test_of_eight_processes_one_creates_and_all_load_the_same(tmp_path: Path) -> None:
    path = tmp_path / "app.keys"
    [answer] = set(race(RACER, path))
    assert answer.split() == [slot.key.kid for slot in read_file(path)]
    assert os.listdir(tmp_path) == ["app.keys"]
    assert mode(path) == 0o600


ANNOUNCER = """
import sys
from watchword.keys.key import Key
from watchword.keys.ring import KeyRing
print("ready", flush=True)
sys.stdin.readline()
with KeyRing.changing(sys.argv[1]) as ring:
    ring.announce(fresh := Key.generate("Ed25519"))
print(fresh.kid)
"""


def test_of_eight_processes_that_change_one_file_none_loses_anothers_key(tmp_path: Path) -> None:
    path = tmp_path / "app.keys"
    before = {slot.key.kid for slot in load_or_create(path, fresh())}
    added = set(race(ANNOUNCER, path))
    assert len(added) == 8
    assert {slot.key.kid for slot in read_file(path)} == before | added
    assert os.listdir(tmp_path) == ["app.keys"]
    assert mode(path) == 0o600


def test_the_lock_is_had_by_one_and_moves_to_the_file_that_is_there(tmp_path: Path) -> None:
    path = tmp_path / "app.keys"
    load_or_create(path, fresh())
    with open(path, "rb") as before, KeyRing.changing(path) as ring:
        with pytest.raises(BlockingIOError):
            fcntl.flock(before, fcntl.LOCK_EX | fcntl.LOCK_NB)
        ring.announce(Key.generate("ES256", kid="next"))
    waits = Thread(target=_announce, args=(path, "third"))
    with open(path, "rb") as old:
        fcntl.flock(old, fcntl.LOCK_EX)
        waits.start()
        write_file(path, [*read_file(path), *KeyRing.of(Key.generate("ES256", kid="other"))])
        new = open(path, "rb")  # noqa: SIM115 - closed last
        fcntl.flock(new, fcntl.LOCK_EX)
    waits.join(0.3)
    assert waits.is_alive(), "the lock of a file that was replaced is no lock"
    new.close()
    waits.join(30)
    assert {"next", "other", "third"} <= {slot.key.kid for slot in read_file(path)}


def _announce(path: Path, kid: str) -> None:
    with KeyRing.changing(path) as ring:
        ring.announce(Key.generate("ES256", kid=kid))


def test_what_was_not_changed_or_went_wrong_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "app.keys"
    load_or_create(path, fresh())
    stamp = path.stat()
    with KeyRing.changing(path):
        pass
    with pytest.raises(PermissionError, match="the caller's"):
        _break_off(path)
    assert os.path.samestat(path.stat(), stamp)
    with pytest.raises(ConfigurationError, match="no key file"), KeyRing.changing(tmp_path / "other.keys"):
        pass


def _break_off(path: Path) -> None:
    with KeyRing.changing(path) as ring:
        ring.announce(Key.generate("ES256"))
        raise PermissionError(1, "the caller's")
