"""``watchword advise`` as a process: with arrow keys on a terminal, off it, and judging a configuration."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cli.processes import run
from tests.cli.terminal import DOWN, ENTER, LEFT, SPACE, UP, at_terminal
from watchword import KeyRing
from watchword.advisor.questions import QUESTIONS
from watchword.advisor.rules import RULES
from watchword.blocking import Watchword
from watchword.cli.choosing import KEYS, split

ASKED = [question.asks for question in QUESTIONS.values()]


def plan_of(*words: str, stdin: str = "", folder: Path | None = None) -> dict[str, Any]:
    done = run("advise", "--json", *words, stdin=stdin, folder=folder)
    assert (done.returncode, done.stderr) == (0, "")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


# Off a terminal


def test_options_are_answers_and_the_rest_is_assumed() -> None:
    found = plan_of("--client", "spa", "--client", "mobile", "--verify", "local", "--needs", "none")
    assert found["answers"]["client"] == ["spa", "mobile"]
    assert found["answers"]["stop"] == "seconds"
    assert found["answers"]["needs"] == []
    assert {job: row["choice"] for job, row in found["plan"].items()} == {
        "browser": "bff", "api": "paseto", "refresh": "opaque", "service": "paseto",
        "api-keys": "none", "verification": "none", "reset": "none", "handover": "none",
    }  # fmt: skip
    assert found["settings"]["access.format"] == {"value": "paseto", "rule": "own-both-ends"}


def test_a_file_of_answers_as_toml_as_json_and_from_standard_input(tmp_path: Path) -> None:
    (tmp_path / "answers.toml").write_text('client = ["partner"]\nneeds = ["api-keys"]\n')
    (tmp_path / "answers.json").write_text('{"client": ["partner"], "needs": ["api-keys"]}')
    (tmp_path / "old.toml").write_text('[advice.answers]\nclient = ["partner"]\nneeds = ["api-keys"]\n')
    found = [plan_of("--answers", name, folder=tmp_path) for name in ("answers.toml", "answers.json", "old.toml")]
    found.append(plan_of("--answers", "-", stdin='client = ["partner"]\nneeds = ["api-keys"]\n'))
    assert found[0]["plan"]["api-keys"]["choice"] == "opaque"
    assert all(one == found[0] for one in found)


def test_an_option_wins_over_the_file(tmp_path: Path) -> None:
    (tmp_path / "answers.toml").write_text('client = "web"\nlevel = "ordinary"\n')
    assert plan_of("--answers", "answers.toml", "--level", "high", folder=tmp_path)["answers"]["level"] == "high"


def test_the_plan_in_lines_names_why_and_why_not() -> None:
    done = run("advise", "--client", "web")
    assert (done.returncode, done.stderr) == (0, "")
    assert "browser session: a server-side session\n" in done.stdout
    assert "server-session: ASVS 7.2.3" in done.stdout
    assert "  not a token in localStorage or sessionStorage: any script in the page reads it" in done.stdout
    assert "\x1b" not in done.stdout


def test_a_checklist_for_what_is_sound() -> None:
    assert "  [ ] one algorithm for each key" in run("advise", "--client", "mobile", "--existing", "sound").stdout


def test_nobody_to_ask() -> None:
    done = run("advise")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines()[0] == "error: there is no terminal to ask at"
    assert "--answers FILE" in done.stderr


@pytest.mark.parametrize(
    ("words", "stdin", "told", "code"),
    [
        (("--answers", "-"), "client = [", "neither TOML nor JSON", 1),
        (("--answers", "-"), "{" * 100_000, "neither TOML nor JSON", 1),
        (("--answers", "-"), 'clint = "web"', "did you mean client?", 1),
        (("--answers", "-"), 'client = "wab"', "did you mean web?", 1),
        (("--answers", "nowhere.toml"), "", "nowhere.toml: No such file", 1),
        (("--client", "wab"), "", "'wab' is not one of", 2),
        (("--explain", "own-both-end"), "", "did you mean own-both-ends?", 1),
        (("--explain", "all", "--client", "web"), "", "stand alone", 2),
        (("--audit", "nowhere.toml"), "", "there is no nowhere.toml", 1),
    ],
)
def test_mistakes(words: tuple[str, ...], stdin: str, told: str, code: int, tmp_path: Path) -> None:
    done = run("advise", *words, stdin=stdin, folder=tmp_path)
    assert (done.returncode, done.stdout) == (code, "")
    assert told in done.stderr
    assert done.stderr.startswith("error: ")


def test_a_rule_is_explained() -> None:
    done = run("advise", "--explain", "own-both-ends")
    assert done.returncode == 0
    assert "when verify: local" in done.stdout
    assert "source: PASETO specification" in done.stdout
    told = json.loads(run("advise", "--explain", "all", "--json").stdout)
    assert [one["id"] for one in told] == list(RULES)


def test_help_has_every_question_and_examples() -> None:
    told = run("advise", "--help").stdout
    assert all(f"--{name}" in told for name in QUESTIONS)
    assert "Example" in told
    assert "Exit codes" in told


# On a terminal


def test_it_asks_with_arrow_keys() -> None:
    with at_terminal("advise") as terminal:
        terminal.wait_for(ASKED[0])
        terminal.press(SPACE, DOWN, SPACE, ENTER)  # not web, but spa
        terminal.wait_for(ASKED[1])
        terminal.press(DOWN, ENTER)  # from seconds to at once
        for asked in ASKED[2:]:
            terminal.wait_for(asked)
            terminal.press(ENTER)
        assert terminal.end() == 0
        assert terminal.echoes()
        assert terminal.raw.count(b"\x1b[?25l") == terminal.raw.count(b"\x1b[?25h") == 1
    assert "a back end for the front" in terminal.seen
    assert "not: one request later" not in terminal.seen
    assert f"{ASKED[1]} at-once" in terminal.seen


def test_keys_that_come_at_once_and_one_step_back() -> None:
    with at_terminal("advise", "--json") as terminal:
        terminal.wait_for(ASKED[0])
        terminal.press(UP, UP, DOWN, SPACE, ENTER)  # round the end of the list, to staff
        terminal.wait_for(ASKED[1])
        terminal.press(UP, LEFT)
        terminal.wait_for(ASKED[0])
        terminal.press(ENTER)
        for asked in ASKED[1:]:
            terminal.wait_for(asked)
            terminal.press(ENTER)
        assert terminal.end() == 0
    answers = json.loads(terminal.seen[terminal.seen.index("{") :])["answers"]
    assert answers["client"] == ["web", "internal"]


@pytest.mark.parametrize("key", ["q", "\x04"])
def test_leaving(key: str) -> None:
    with at_terminal("advise") as terminal:
        terminal.wait_for(ASKED[0])
        terminal.press(key)
        assert terminal.end() == 1
        assert terminal.echoes()
    assert "error: left without an answer" in terminal.seen


def test_ctrl_c_leaves_the_terminal_as_it_was() -> None:
    with at_terminal("advise") as terminal:
        terminal.wait_for("arrows move")
        terminal.interrupt()
        assert terminal.end() == 130
        assert terminal.echoes()
        assert terminal.raw.rstrip().endswith(b"\x1b[?25h")


def test_no_client_is_no_answer() -> None:
    with at_terminal("advise") as terminal:
        terminal.wait_for(ASKED[0])
        terminal.press(SPACE, ENTER, SPACE, ENTER)  # nothing is marked at the first enter
        terminal.wait_for(f"{ASKED[0]} web")
        terminal.press("q")
        assert terminal.end() == 1


def test_a_terminal_that_cannot_move_its_cursor_is_asked_with_numbers() -> None:
    with at_terminal("advise", TERM="dumb") as terminal:
        terminal.wait_for("1. a server-rendered web application")
        terminal.wait_for("[1]")
        terminal.press("99\n")
        terminal.wait_for("answer with 1 to 10")
        terminal.press("2 5\n")
        for asked in ASKED[1:]:
            terminal.wait_for(asked)
            terminal.press("\n")
        assert terminal.end() == 0
    assert "\x1b[?25l" not in terminal.raw.decode()


def test_a_narrow_terminal_wraps_no_line_of_a_question() -> None:
    with at_terminal("advise", columns=40) as terminal:
        terminal.wait_for(ASKED[0])
        terminal.press(DOWN)
        terminal.wait_for("> [ ] a single-page")
        assert all(len(line) < 40 for line in terminal.seen.splitlines())
        terminal.press("q")
        assert terminal.end() == 1


def test_on_a_terminal_it_is_a_table_and_with_no_color_it_is_plain() -> None:
    with at_terminal("advise", "--client", "web") as terminal:
        assert terminal.end() == 0
    assert "┃" in terminal.seen
    with at_terminal("advise", "--client", "web", NO_COLOR="1") as plain:
        assert plain.end() == 0
    assert "\x1b" not in plain.raw.decode()


@given(st.binary(max_size=64))
def test_any_bytes_are_keys_or_nothing(sent: bytes) -> None:
    assert set(split(sent)) <= set(KEYS.values())


def test_keys_in_one_piece() -> None:
    assert split(b"\x1b[A\x1b[B x\r\x1b") == ["up", "down", "mark", "enter", "leave"]


# The audit


GOOD = 'url = "sqlite:///app.db"\nissuer = "https://auth.example"\naudience = "https://api.example"\n'


def audited(folder: Path, text: str) -> tuple[int, list[dict[str, Any]]]:
    (folder / "watchword.toml").write_text(text)
    done = run("advise", "--audit", "watchword.toml", "--json", folder=folder)
    assert done.stderr == ""
    return done.returncode, json.loads(done.stdout)["findings"]


def test_a_good_configuration_has_exit_code_0(tmp_path: Path) -> None:
    assert audited(tmp_path, GOOD) == (0, [])


def test_a_warning_is_told_and_is_no_failure(tmp_path: Path) -> None:
    code, [finding] = audited(tmp_path, GOOD + "[access]\nlifetime = 3600\n")
    assert (code, finding["level"], finding["rule"], finding["sources"][0]) == (
        0,
        "warn",
        "short-access",
        "RFC 6750 §5.3",
    )


def test_what_would_not_start_is_no_matter_of_advice(tmp_path: Path) -> None:
    """As ``serve`` refuses it, by the name of the setting."""
    (tmp_path / "watchword.toml").write_text(GOOD + "[access]\nlifetime = 86400\n")
    done = run("advise", "--audit", "watchword.toml", folder=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    said = "it would not start: access.lifetime: 86400 s is more than the 3600 that are allowed"
    assert done.stderr.startswith(f"error: watchword.toml: {said}")


def test_the_count_says_whether_there_was_a_plan(tmp_path: Path) -> None:
    for more, said in (
        ("", "checks (no answers in it): "),
        ('[advice.answers]\nclient = ["web"]\n', "and its own plan: "),
    ):
        (tmp_path / "watchword.toml").write_text(GOOD + more)
        assert said in run("advise", "--audit", "watchword.toml", folder=tmp_path).stdout


def test_a_missing_file_is_named_by_the_option_that_there_is(tmp_path: Path) -> None:
    done = run("advise", "--audit", "nope.toml", folder=tmp_path)
    assert "there is no nope.toml" in done.stderr
    assert "--config" not in done.stderr


def test_a_failure_is_exit_code_1_and_says_what_to_write(tmp_path: Path) -> None:
    text = GOOD.replace("sqlite:///app.db", "memory:") + "[deployment]\nworkers = 4\n"
    code, [finding] = audited(tmp_path, text)
    assert (code, finding["level"]) == (1, "fail")
    done = run("advise", "--audit", "watchword.toml", folder=tmp_path)
    assert done.returncode == 1
    assert "fail url: memory: belongs to one process, and there are 4" in done.stdout
    assert '  instead: url = "sqlite:///watchword.db"' in done.stdout


def test_the_key_file_is_read_where_it_is(tmp_path: Path) -> None:
    text = GOOD + "[deployment]\nverifiers = 2\n"
    with Watchword(f"sqlite:///{tmp_path}/app.db", issuer="https://auth.example", audience="https://api.example"):
        pass  # it makes its keys: ES256, v4.public, and symmetric ones that sign nothing
    assert (tmp_path / "app.db.keys").exists()
    assert audited(tmp_path, text) == (0, [])
    KeyRing.generate("HS256").save(tmp_path / "app.db.keys")
    code, [finding] = audited(tmp_path, text)
    assert (code, finding["rule"]) == (1, "verify-each-by-itself")
    assert "HS256" in finding["says"]
