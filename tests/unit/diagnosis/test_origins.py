"""Where settings come from: any TOML has the lines its author sees."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchword.diagnosis.origins import holds_secret, line_of, origins, url_without_secrets
from watchword.errors import ConfigurationError

BASE = 'url = "memory:"\nissuer = "https://i"\naudience = "https://a"\n'


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("a = 1\nb = 2\n", {"a": 1, "b": 2}),
        ("\n# a = 2\n\na = 1", {"a": 4}),
        ("a = [\n 1,\n 2,\n]\nb = 1\n", {"a": 1, "b": 5}),
        ('a = """\nb = 2\n"""\nb = 3\n', {"a": 1, "b": 4}),
        ("[t]\na = 1\n\n[s]\nb.c = 2\n", {"t.a": 2, "s.b.c": 5}),
        ("t = {a = 1, b = 2}\n", {"t.a": 1, "t.b": 1}),
        ("[[l]]\na = 1\n[[l]]\na = 2\n", {"l[0].a": 2, "l[1].a": 4}),
        ('"t"."a" = 1\r\nb = 2\r\n', {"t.a": 1, "b": 2}),
    ],
)
def test_lines(text: str, lines: dict[str, int]) -> None:
    assert lines.items() <= line_of(text).items()


@given(
    st.lists(st.tuples(st.integers(0, 3), st.sampled_from(["1", '"x"', "[\n1,\n2\n]", '"""\na = 1\n"""'])), max_size=12)
)
def test_what_is_written_at_a_line_is_found_there(rows: list[tuple[int, str]]) -> None:
    text, wanted = "", {}
    for number, (blank, value) in enumerate(rows):
        text += "# nothing\n" * blank
        wanted[f"k{number}"] = text.count("\n") + 1
        text += f"k{number} = {value}\n"
    assert line_of(text) == wanted


def test_variables_win_and_say_so(tmp_path: Path) -> None:
    path = tmp_path / "w.toml"
    path.write_text(BASE + "[session]\nidle = 60\n")
    found = {
        one.name: (one.value, one.origin) for one in origins(path, {"WATCHWORD_SESSION__IDLE": "70", "OTHER": "x"})
    }
    assert found["session.idle"] == (70, "WATCHWORD_SESSION__IDLE")
    assert found["url"] == ("memory:", f"{path}:1")
    assert found["session.absolute"] == (43_200, "default")
    assert {name: value for name, (value, _) in found.items() if name == "server.metrics_token_sha256"} == {
        "server.metrics_token_sha256": None
    }
    with pytest.raises(ConfigurationError):
        origins(path, {"WATCHWORD_SESSION__IDLE": ""})


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("memory:", "memory:"),
        ("sqlite:///app.db", "sqlite:///app.db"),
        ("sqlite:////var/app.db", "sqlite:////var/app.db"),
        ("postgresql://ada:pw@db:5432/app", "postgresql://ada:<hidden>@db:5432/app"),
        ("postgresql://ada@db/app", "postgresql://ada@db/app"),
        ("redis://:pw@db/0", "redis://:<hidden>@db/0"),
        ("postgresql://db/app?password=pw", "postgresql://db/app?<hidden>"),
        ("rediss://[pw", "rediss://<hidden>"),
        ("postgresql://ada:hunter2", "postgresql://<hidden>"),
        ("postgresql://app:12/34secret@db/x", "postgresql://app:<hidden>@db/x"),
        ("postgresql://app:1?2#3@4@db/x?sslmode=require", "postgresql://app:<hidden>@db/x?<hidden>"),
        ("postgresql://p/w:x@db/x", "postgresql://<hidden>:<hidden>@db/x"),
        ("redis+sentinel://one:26379,[::1]:2,three/main/0", "redis+sentinel://one:26379,[::1]:2,three/main/0"),
        ("sqlite:////srv/ada@work/app.db?mode=ro", "sqlite:////srv/ada@work/app.db?<hidden>"),
    ],
)
def test_a_url_is_shown_without_its_secrets(url: str, shown: str) -> None:
    assert url_without_secrets(url) == shown


@pytest.mark.parametrize(
    ("url", "held"),
    [
        ("memory:", False),
        ("sqlite:////srv/ada@work/app.db", False),
        ("postgresql://ada@db/app?sslmode=require&passfile=/etc/pw", False),
        ("postgresql://ada:pw@db/app", True),
        ("postgresql://ada@db/app?sslmode=require&password=pw", True),
        ("postgresql://ada@db/app?SSLPassword=pw", True),
        ("postgresql://ada@db/app?pass%77ord=pw", True),
        ("postgresql://[x", False),
    ],
)
def test_a_password_in_a_url_is_seen_wherever_it_stands(url: str, held: bool) -> None:
    assert holds_secret(url) is held
