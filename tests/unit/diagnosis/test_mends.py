"""A mend can be pasted: it names the file, the key and the server that were examined, and the place in the file."""

from __future__ import annotations

import re
import shlex
import tomllib
from pathlib import Path

import pytest

from watchword.blocking import Watchword
from watchword.cli.init import written
from watchword.clock import FrozenClock
from watchword.config import settings_of
from watchword.diagnosis.canary import Canary
from watchword.diagnosis.doctor import AILMENTS, examine
from watchword.diagnosis.mends import filled
from watchword.diagnosis.patient import Patient
from watchword.diagnosis.probes.base import Case, Configured
from watchword.keys.sources import read_file

_SETTINGS = {
    id: row.mend
    for id, row in AILMENTS.items()
    if re.match(r"[a-z_.]+ = ", row.mend) and not row.mend.startswith("who = ")
}


def _service(folder: Path) -> Path:
    folder.mkdir()
    path = folder / "my.toml"
    path.write_text(
        f'url = "sqlite:///{folder}/my.db"\nissuer = "https://id.example"\naudience = "https://a.example"\n'
    )
    with Watchword.from_config(path):
        pass
    return path


def test_an_exposed_key_file_is_mended_where_it_is_and_all_of_its_keys_are(tmp_path: Path) -> None:
    path = _service(tmp_path / "a house")
    keys = path.parent / "my.db.keys"
    kids = [slot.key.kid for slot in read_file(keys)]
    keys.chmod(0o644)
    [found] = examine([str(path)], environ={}).findings
    said, _, _ = found.mend.partition("   #")
    words = shlex.split(said.replace("; ", " ; "))
    assert words[:4] == ["chmod", "600", str(keys), "&&"]
    assert [words[at + 2] for at, word in enumerate(words) if word == "--emergency"] == kids
    assert len(kids) == 4
    assert [words[at + 1] for at, word in enumerate(words) if word == "--config"] == [str(path)] * 5
    assert not {"KID", "app.db.keys", "watchword.toml"} & set(words)


def test_a_folder_and_a_missing_file_are_named(tmp_path: Path) -> None:
    path = _service(tmp_path / "b")
    (path.parent / "my.db.keys").rename(tmp_path / "away")
    [gone] = examine([str(path)], environ={}).findings
    assert gone.mend == f"cp BACKUP/my.db.keys {path.parent}/my.db.keys && chmod 600 {path.parent}/my.db.keys"
    (tmp_path / "away").rename(path.parent / "my.db.keys")
    path.parent.chmod(0o777)
    assert f"chmod o-w {path.parent}" in {one.mend for one in examine([str(path)], environ={}).findings}


def test_the_server_that_was_asked_is_named() -> None:
    one, two = Patient("https://one.example:8443"), Patient("https://two.example")
    case = Case(
        clock=FrozenClock(), canary=Canary(), config=Configured("a.toml", None), patient=one, patients=(one, two)
    )
    for patient in (one, two):
        patient.close()
    assert filled('origins = ["https://app.example"]', case, {}) == 'origins = ["https://one.example:8443"]'
    assert filled("certbot -d app.example", case, {}) == "certbot -d one.example"
    nodes = "doctor --url http://NODE1:8080 --url http://NODE2:8080"
    assert filled(nodes, case, {}) == "doctor --url https://one.example:8443 --url https://two.example"
    assert filled("cat watchword.toml", case, {"watchword.toml": "b.toml"}) == "cat b.toml"
    assert filled("cat /etc/watchword.toml", case, {}) == "cat /etc/watchword.toml"


@pytest.mark.parametrize("id", _SETTINGS)
def test_a_setting_fits_in_the_place_that_the_mend_names(id: str) -> None:
    """In the file that ``watchword init`` writes, whose last table is ``[server]``."""
    said, _, place = _SETTINGS[id].replace('sha256 = "…"', f'sha256 = "{"0" * 64}"').partition("   # ")
    table = re.match(r"under \[(\w+)\] in watchword\.toml", place)
    assert table or place.startswith("at the top of watchword.toml, before any [table]")
    lines = written("sqlite:///a.db", "https://id.example", "https://a.example", "jwt", secret=False).splitlines()
    lines = [line for line in lines if not line.startswith(said.partition("=")[0])]
    at = lines.index(f"[{table[1]}]") + 1 if table else 0
    settings_of(tomllib.loads("\n".join([*lines[:at], said, *lines[at:]])), {})


def test_settings_are_told_from_code() -> None:
    assert len(_SETTINGS) >= 20
