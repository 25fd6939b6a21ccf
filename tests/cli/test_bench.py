"""watchword bench as a process: tables, JSON, the page, an older run, a terminal, Ctrl-C. No test looks at a time."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest

from tests.cli.processes import COMMAND, environment, run, running
from tests.cli.terminal import at_terminal
from tests.services.valkey import Server
from watchword.diagnosis.bench.reading import report_of
from watchword.diagnosis.bench.result import Report
from watchword.diagnosis.bench.run import SECTIONS

ONE = ("bench", "--quick", "--only", "stores")
"""The quickest section."""
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


@dataclass(frozen=True)
class Run:
    """One whole quick run: what it printed, and the folder it wrote into."""

    done: subprocess.CompletedProcess[str]
    folder: Path

    @property
    def report(self) -> Report:
        return report_of(self.done.stdout.encode())


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("bench")
    words = ("--quick", "--argon2-ms", "20", "--json", "--output", "new.json", "--html", "new.html")
    return Run(run("bench", *words, folder=folder), folder)


def test_a_whole_run_has_every_section(whole: Run) -> None:
    assert whole.done.returncode == 0, whole.done.stderr
    assert [one.id for one in whole.report.sections] == list(SECTIONS)
    assert whole.report.quick
    for section in whole.report.sections:
        assert all(table.rows for table in section.tables)
        assert any(row.ours for table in section.tables for row in table.rows), section.id


def test_json_is_alone_on_standard_output_and_reads_back(whole: Run) -> None:
    assert msgspec.convert(json.loads(whole.done.stdout), Report) == whole.report
    assert report_of((whole.folder / "new.json").read_bytes()) == whole.report
    told = whole.done.stderr.splitlines()
    assert told == [*(f"measuring: {name}" for name in SECTIONS), "written: new.json", "written: new.html"]
    assert not CONTROL.search(whole.done.stdout + whole.done.stderr)


def test_the_page_holds_the_same_figures_and_the_command(whole: Run) -> None:
    page = (whole.folder / "new.html").read_text()
    assert page.startswith("<!doctype html>\n<html lang=")
    assert ">watchword bench --quick --argon2-ms 20 --output FILE --html FILE<" in page
    assert whole.report.at.replace("T", " ") in page
    assert page.count('role="img"') >= sum(len(section.tables) for section in whole.report.sections)
    assert not re.search(r"<script|<link|src=|url\(|https?://", page)


def test_it_leaves_nothing_behind(whole: Run) -> None:
    assert sorted(one.name for one in whole.folder.iterdir()) == ["new.html", "new.json"]


@pytest.fixture(scope="module")
def beside(whole: Run) -> str:
    """What a second run says beside the first, of another machine, with a row more and words for the terminal."""
    machine = whole.report.machine | {"cpu": "A Z80", "board": "<b>\x1b[2J\n"}
    report = msgspec.structs.replace(whole.report, watchword="0.0.1", machine=machine)
    document = msgspec.to_builtins(report)
    [stores] = [one for one in document["sections"] if one["id"] == "stores"]
    stores["tables"][0]["rows"].append({"name": "abacus", "median": 1.0, "p99": 1.0})
    (whole.folder / "old.json").write_text(json.dumps(document))
    done = run(*ONE, "--compare", "old.json", folder=whole.folder)
    assert (done.returncode, done.stderr) == (0, "measuring: stores\n")
    return done.stdout


def test_tables_have_medians_p99s_ratios_and_a_star_on_ours(beside: str) -> None:
    lines = beside.splitlines()
    heads = [line for line in lines if line.endswith("before  factor")]
    assert heads[0].split()[-6:-2] == ["µs", "median", "p99", "ratio"]
    ours = [line for line in lines if line.startswith(("* memory", "* SQLite"))]
    assert len(ours) >= 4
    for line in ours:
        assert re.search(r"[\d.,]+  +[\d.,]+  +[\d.,e-]+×  +[\d.,]+  +[\d.,e-]+×$", line), line
    assert max(map(len, lines)) <= 80
    assert not CONTROL.search(beside)


def test_an_older_run_stands_beside_it_and_what_differs_is_said(beside: str) -> None:
    said = " ".join(beside.partition("BESIDE THE OLDER RUN")[2].split())
    assert "differs: watchword was 0.0.1, and is 0.1.0" in said
    assert "differs: cpu was A Z80, and is" in said
    assert "differs: board was <b>\\x1b[2J\\n, and is not there" in said
    assert re.search(r"only in the old run: \S+: abacus", said)
    assert said.count("only in the old run: ") == 1, "what was not asked for is not missing"


def test_an_older_run_is_in_the_json_and_on_the_page(whole: Run) -> None:
    words = ("--compare", "new.json", "--json", "--html", "both.html")
    done = run(*ONE, *words, folder=whole.folder)
    compared = json.loads(done.stdout)["compared"]
    assert (done.returncode, compared["only_new"]) == (0, [])
    assert [one["table"].partition(".")[0] for one in compared["changes"]] == ["stores"] * len(compared["changes"])
    page = (whole.folder / "both.html").read_text()
    assert "Beside the older run" in page
    assert page.count('class="before"') > 1
    assert report_of(done.stdout.encode()).sections[0].id == "stores"


@pytest.mark.parametrize(
    ("words", "code", "error"),
    [
        (("--only", "nothing"), 2, "error: Invalid value for '--only': 'nothing' is not one of 'formats', "),
        (("--argon2-ms", "0"), 2, "error: Invalid value for '--argon2-ms'"),
        (("--rounds", "3"), 2, "error: No such option"),
        (("--compare", "away.json"), 1, "error: away.json cannot be read: No such file or directory"),
        (("--compare", "odd.json"), 1, "error: odd.json is no report of watchword bench: "),
        (("--output", "away/new.json"), 1, "error: away/new.json cannot be written"),
        (("--html", "."), 1, "error: . cannot be written"),
        (("--output", "one", "--html", "./one"), 1, "error: --output and --html name the same file"),
        (("--redis", "redis://:hunter2@203.0.113.9/0"), 1, "error: "),
        (("--postgres", "postgresql://u:hunter2@db.example/x"), 1, "error: "),
        (
            ("--redis", "redis://:hunter2\u2100@localhost/0"),
            1,
            "error: the Redis of a benchmark is named by what is no",
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_is_wrongly_used_ends_before_anything_is_measured(
    words: tuple[str, ...], code: int, error: str, tmp_path: Path
) -> None:
    (tmp_path / "odd.json").write_bytes(b'\xff\x00{"watchword": 1')
    done = run("bench", *words, folder=tmp_path)
    assert (done.returncode, done.stdout) == (code, "")
    first, second = done.stderr.splitlines()
    assert first.startswith(error)
    assert second.startswith("hint: ")
    assert "hunter2" not in done.stderr


def test_a_full_disk_takes_no_report_away(tmp_path: Path) -> None:
    done = run(*ONE, "--json", "--output", "/dev/full", folder=tmp_path)
    assert (done.returncode, [one.id for one in report_of(done.stdout.encode()).sections]) == (1, ["stores"])
    assert done.stderr.splitlines()[1:] == [
        "error: /dev/full: No space left on device",
        "hint: the report is above; write it to another place",
    ]


def test_a_reader_who_goes_takes_no_file_away(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    command = [*COMMAND, *ONE, "--output", "new.json"]
    with open(writing, "wb") as closed:
        done = subprocess.run(
            command, stdout=closed, stderr=subprocess.PIPE, cwd=tmp_path, env=environment(), timeout=60
        )
    assert (done.returncode, b"Traceback" in done.stderr) == (1, False)
    assert report_of((tmp_path / "new.json").read_bytes()).quick


def test_a_file_that_is_replaced_keeps_its_mode_and_stays_where_it_is(tmp_path: Path) -> None:
    kept = tmp_path / "kept.json"
    kept.write_text("old")
    kept.chmod(0o640)
    (tmp_path / "link.json").symlink_to("kept.json")
    assert run(*ONE, "--output", "link.json", folder=tmp_path).returncode == 0
    assert report_of(kept.read_bytes()).quick
    assert kept.stat().st_mode & 0o777 == 0o640
    assert sorted(one.name for one in tmp_path.iterdir()) == ["kept.json", "link.json"]


def test_bars_on_a_terminal_go_when_it_is_done(tmp_path: Path) -> None:
    with at_terminal(*ONE, folder=tmp_path, columns=80) as terminal:
        for words in ("stores", "%", "STORES", "* memory"):
            terminal.wait_for(words)
        assert terminal.end() == 0
    said = terminal.raw.decode()
    assert "\x1b[1m* memory" in said  # bold, and the star
    assert said.rindex("\x1b[2K") < said.index("STORES") < said.index("\x1b[1m* memory")
    assert max(map(len, terminal.seen.partition("STORES")[2].splitlines())) <= 80


def test_without_colours_a_terminal_gets_lines(tmp_path: Path) -> None:
    with at_terminal(*ONE, folder=tmp_path, NO_COLOR="1") as terminal:
        assert terminal.end() == 0
    assert "\x1b" not in terminal.raw.decode()
    assert terminal.seen.startswith("measuring: stores\n")


def of(folder: Path) -> list[str]:
    """Processes that work in this folder."""
    found = []
    for one in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):  # gone by now, or somebody else's
            found += [one.parent.name] if f"TMPDIR={folder}".encode() in one.read_bytes() else []
    return found


def test_ctrl_c_ends_it_with_nothing_left(tmp_path: Path) -> None:
    folder = tmp_path / "made"
    folder.mkdir()
    words = ("bench", "--quick", "--only", "requests", "--output", "new.json", "--html", "new.html")
    with at_terminal(*words, folder=tmp_path, TMPDIR=str(folder)) as terminal:
        terminal.wait_for("over loopback")
        assert list(folder.iterdir()), "it works in a folder of its own"
        assert len(of(folder)) > 1, "and starts processes"
        os.killpg(terminal.process.pid, signal.SIGINT)  # as a terminal does
        assert terminal.end() == 130
    assert terminal.seen.rstrip().endswith("stopped: nothing is written")
    assert "Traceback" not in terminal.seen
    assert "\x1b[?25h" in terminal.raw.decode(), "the cursor is back"
    assert list(folder.iterdir()) == []
    assert [one.name for one in tmp_path.iterdir()] == ["made"]
    assert of(folder) == []


def test_sigterm_ends_it_with_nothing_left_in_a_server(valkey: Server, tmp_path: Path) -> None:
    folder = tmp_path / "made"
    folder.mkdir()
    words = (*ONE, "--output", "new.json", "--redis", f"redis://127.0.0.1:{valkey.port}/0")
    with valkey.client() as client, running(*words, folder=tmp_path, TMPDIR=str(folder)) as bench:
        bench.line("stderr", "measuring: stores")
        assert list(folder.iterdir())
        code, _, errors = bench.stop(signal.SIGTERM)
        assert (code, errors) == (143, "stopped: nothing is written\n")
        assert client.keys("*watchword_bench*") == []
    assert [one.name for one in tmp_path.iterdir()] == ["made"]
    assert list(folder.iterdir()) == []


def test_a_password_of_a_store_is_nowhere(valkey: Server, tmp_path: Path) -> None:
    url = f"redis://bench:hunter2@127.0.0.1:{valkey.port}/0"
    words = ("--quick", "--only", "stores", "--redis", url, "--output", "new.json", "--html", "new.html", "--json")
    with valkey.client() as client:
        client.execute_command("ACL", "SETUSER", "bench", "on", ">hunter2", "~*", "&*", "+@all")
        try:
            done = run("bench", *words, folder=tmp_path)
        finally:
            client.acl_deluser("bench")
    assert done.returncode == 0, done.stderr
    [stores] = report_of(done.stdout.encode()).sections
    assert any(row.name.startswith("Redis") for table in stores.tables for row in table.rows)
    page = (tmp_path / "new.html").read_text()
    assert "--redis URL" in page
    for said in (done.stdout, done.stderr, page, (tmp_path / "new.json").read_text()):
        assert "hunter2" not in said
        assert url not in said


@pytest.mark.parametrize(
    ("package", "extra", "url"), [("redis", "redis", "redis:"), ("psycopg", "postgres", "postgresql:")]
)
def test_a_driver_that_is_missing_is_named(package: str, extra: str, url: str) -> None:
    code = (
        "import sys\n"
        f"sys.modules[{package!r}] = None\n"
        f"sys.argv = ['watchword', 'bench', '--quick', '--only', 'stores', '--{extra}', '{url}//localhost:1/0']\n"
        "from watchword.__main__ import main\nmain()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment(), timeout=60)
    assert "Traceback" not in done.stderr
    said = done.stdout + done.stderr
    assert f"pip install 'watchword[{extra}]'" in said


def test_sections_are_completed() -> None:
    line = "watchword bench --only re"
    env = environment(_WATCHWORD_COMPLETE="bash_complete", COMP_WORDS=line, COMP_CWORD="3")
    done = subprocess.run(COMMAND, capture_output=True, text=True, env=env, timeout=60)
    assert {one.partition(",")[2] for one in done.stdout.splitlines()} == {"revocation", "requests"}
