"""The contracts of the house: who imports what, who reads the time, how names and files look.

The floors themselves and the place of `cryptography` are import-linter's, in pyproject.toml. Every other contract is a
row of RULES: a check of one module, with sources it must report and sources it must let pass.
"""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping, Set
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "watchword"


@dataclass(frozen=True)
class Module:
    """One source file; its dotted name starts below `watchword`, and the package itself is called "watchword"."""

    name: str
    text: str
    is_folder: bool = False

    @property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    def is_in(self, room: str) -> bool:
        return self.name == room or self.name.startswith(f"{room}.")


Check = Callable[[Module], list[str]]


def every_module() -> list[Module]:
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        *folders, stem = path.relative_to(PACKAGE).with_suffix("").parts
        is_folder = stem == "__init__"
        name = ".".join(folders if is_folder else [*folders, stem])
        found.append(Module(name or "watchword", path.read_text(encoding="utf-8"), is_folder))
    return found


def rooms_down_to(lowest: str) -> set[str]:
    """Every room from the top of the house down to the floor of `lowest`, that floor included."""
    config = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    [floors] = [row["layers"] for row in config["tool"]["importlinter"]["contracts"] if row["id"] == "floors"]
    rooms: set[str] = set()
    for floor in floors:
        here = {name.strip(" ()") for name in floor.split("|")}
        rooms |= here
        if lowest in here:
            return rooms
    raise AssertionError(f"no floor holds {lowest}")


# Who imports what


def imports(module: Module) -> Iterator[tuple[str, int]]:
    """What the module imports, spelled in full, with the lines; `from a import b` is `a.b`."""
    here = ["watchword", *(part for part in module.name.split(".") if part != "watchword")]
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            ups = node.level - module.is_folder
            start = here[: len(here) - ups] if node.level else []
            prefix = ".".join([*start, *([node.module] if node.module else [])])
            yield from ((f"{prefix}.{alias.name}", node.lineno) for alias in node.names)


def reserved(packages: str, rooms: Set[str], but_not: Set[str] = frozenset()) -> Check:
    """The packages are imported in these rooms only, and not in the exceptions among them."""
    names = set(packages.split())

    def check(module: Module) -> list[str]:
        if any(map(module.is_in, rooms)) and not any(map(module.is_in, but_not)):
            return []
        return [f"{module.name}:{line} imports {name}" for name, line in imports(module) if name.split(".")[0] in names]

    return check


def strangers(shared: Mapping[str, set[str]]) -> Check:
    """In these folders, a case imports no other case, only the rooms that its folder shares."""

    def check(module: Module) -> list[str]:
        folder, _, rest = module.name.partition(".")
        if folder not in shared or not rest:
            return []
        allowed = {*shared[folder], rest.split(".")[0]}
        found = []
        for name, line in imports(module):
            match name.split("."):
                case ["watchword", place, *inside] if place == folder and not allowed & {
                    *inside[:1],
                    ".".join(inside[:2]),
                }:
                    found.append(f"{module.name}:{line} imports {name}")
        return found

    return check


# Who reads the time

STOPWATCHES = {f"time.{name}" for name in ("perf_counter", "perf_counter_ns", "process_time", "process_time_ns")}
CLOCKS = {
    *STOPWATCHES,
    *(f"time.{name}{unit}" for name in ("time", "monotonic", "clock_gettime") for unit in ("", "_ns")),
    *(f"datetime.datetime.{name}" for name in ("now", "utcnow", "today")),
    "datetime.date.today",
}


def references(module: Module) -> Iterator[tuple[str, int]]:
    """Every name that leads back to an import, spelled in full whatever it was imported as."""
    nodes = list(ast.walk(module.tree))
    origin: dict[str, str] = {}
    for node in nodes:
        if isinstance(node, ast.Import):
            for alias in node.names:
                first = alias.name.split(".")[0]
                origin[alias.asname or first] = alias.name if alias.asname else first
        elif isinstance(node, ast.ImportFrom):
            origin.update({alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names})
    for node in nodes:
        if isinstance(node, ast.Name | ast.Attribute):
            head, dot, rest = ast.unparse(node).partition(".")
            if head in origin:
                yield f"{origin[head]}{dot}{rest}", node.lineno


def timeless(but: Mapping[str, set[str]]) -> Check:
    """No module reads the time, but for these rooms with these clocks."""

    def check(module: Module) -> list[str]:
        allowed = set[str]().union(*(clocks for room, clocks in but.items() if module.is_in(room)))
        return [f"{module.name}:{line} reads {name}" for name, line in references(module) if name in CLOCKS - allowed]

    return check


# How names and files look

SAYS_NOTHING = re.compile(r"(manager|helper|util|handler|backend|strategy)s?$", re.IGNORECASE)


def names(body: list[ast.stmt]) -> Iterator[tuple[str, int]]:
    """What a module or class defines, and what its classes define."""
    for node in body:
        match node:
            case ast.ClassDef(name=name, body=inner):
                yield name, node.lineno
                yield from names(inner)
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.AnnAssign(target=ast.Name(id=name)):
                yield name, node.lineno
            case ast.Assign(targets=targets):
                yield from ((target.id, node.lineno) for target in targets if isinstance(target, ast.Name))


def telling_names(module: Module) -> list[str]:
    everything = [(module.name.rpartition(".")[2], 1), *names(module.tree.body)]
    public = [(name, line) for name, line in everything if not name.startswith("_")]
    return [f"{module.name}:{line} is called {name}" for name, line in public if SAYS_NOTHING.search(name)]


def at_most(limit: int) -> Check:
    def check(module: Module) -> list[str]:
        lines = len(module.text.splitlines())
        return [f"{module.name} has {lines} lines"] if lines > limit else []

    return check


def documented(module: Module) -> list[str]:
    return [] if ast.get_docstring(module.tree) else [f"{module.name} has no docstring"]


# The rules

Source = tuple[str, str]


@dataclass(frozen=True)
class Rule:
    says: str
    check: Check
    reports: tuple[Source, ...]
    passes: tuple[Source, ...]


WEB_ROOMS = {"integrations", "server", "bff", "console"}

RULES = [
    Rule(
        "frameworks are imported in integrations, server, bff and console only",
        reserved("starlette fastapi litestar django flask", WEB_ROOMS),
        reports=(("authn.binding", "from starlette.requests import Request"), ("cli.serve", "import flask")),
        passes=(("integrations.flask", "import flask"), ("web.cookies", "from watchword.web import csrf")),
    ),
    Rule(
        "uvicorn is imported where frameworks are, in cli, and in what the benchmark serves",
        reserved("uvicorn", {*WEB_ROOMS, "cli", "diagnosis.bench.served"}),
        reports=(
            ("runtime.follow", "import uvicorn"),
            ("climate", "import uvicorn"),
            ("diagnosis.bench.loopback", "import uvicorn"),
        ),
        passes=(
            ("cli.serve", "import uvicorn"),
            ("server", "from uvicorn import Config"),
            ("diagnosis.bench.served", "import uvicorn"),
        ),
    ),
    Rule(
        "loops and threads live in runtime and above, and inside single stores",
        reserved("asyncio anyio threading", {*rooms_down_to("runtime"), "stores"}, {"stores.base", "stores.sql"}),
        reports=(
            ("authn.authenticator", "import asyncio"),
            ("stores.base", "from threading import Lock"),
            ("keys.sources", "def fetch() -> None:\n    import anyio.to_thread"),
        ),
        passes=(("runtime.follow", "import asyncio"), ("stores.sqlite", "import threading"), ("app", "import anyio")),
    ),
    Rule(
        "token kinds, formats and stores do not import each other",
        strangers(
            {
                "tokens": {
                    "base",
                    "roles",
                    "cards",
                    "personal",
                    "names",
                    "seen",
                    "signed",
                    "refresh_wire",
                    "session_rows",
                    "rows",
                },
                "formats": {"base", "compact"},
                "stores": {
                    *(
                        "base",
                        "whole",
                        "breaker",
                        "sql",
                        "sql_survey",
                        "sqlite_writer",
                        "postgres_wire",
                        "postgres_pool",
                        "postgres_loop",
                    ),
                    *("redis.address", "redis.lane", "redis.news", "redis.wire"),
                },
            }
        ),
        reports=(
            ("tokens.refresh", "from watchword.tokens.sessions import Sessions"),
            ("tokens.refresh", "from watchword.tokens import sessions"),
            ("tokens.refresh", "from . import sessions"),
            ("tokens.refresh", "from .sessions import Sessions"),
            ("tokens.refresh", "from ..tokens.sessions import Sessions"),
            ("formats.jwt", "import watchword.formats.jws"),
            ("formats.base", "def table() -> None:\n    from watchword.formats.jwt import Jwt"),
            ("stores.redis", "from watchword.stores import open_store"),
            ("stores.composite.store", "from ..redis.store import RedisStore"),
            ("stores.composite.store", "from ..sqlite import SQLiteStore"),
        ),
        passes=(
            ("tokens.refresh", "from watchword.tokens.base import Kind"),
            ("tokens.refresh", "from .base import Kind"),
            ("tokens.refresh", "from ..errors import TokenError"),
            ("formats.jwt", "from watchword.formats import compact"),
            ("stores.postgres", "from watchword.stores.sql import Sql"),
            ("stores.redis.scripts", "from watchword.stores.redis import pool"),
            ("stores.composite.line", "from ..redis.lane import Lane"),
            ("stores", "from watchword.stores.memory import Memory"),
            ("tokens.sessions", "from watchword.stores.base import Store"),
        ),
    ),
    Rule(
        "clock reads the time and nobody else; cli and the benchmarks may time what they run",
        timeless({"clock": CLOCKS, "cli": {"time.perf_counter_ns"}, "diagnosis.bench": STOPWATCHES}),
        reports=(
            ("tokens.access", "import time\nnow = time.time()"),
            ("tokens.access", "from time import monotonic as now\nnow()"),
            ("stores.sql", "import time as t\ndef f(read=t.time_ns): ..."),
            ("claims", "from datetime import UTC, datetime\ndatetime.now(UTC)"),
            ("claims", "import datetime as dt\ndt.datetime.utcnow()"),
            ("cli.demo", "import time\ntime.time()"),
            ("runtime.follow", "import time\ntime.perf_counter_ns()"),
        ),
        passes=(
            ("clock", "import time\ntime.monotonic_ns()"),
            ("cli.demo", "import time\ntime.perf_counter_ns()"),
            ("diagnosis.bench.run", "import time\ntime.process_time_ns()"),
            ("claims", "from datetime import datetime, timedelta\ndatetime.fromtimestamp(0)"),
            ("claims", "def check(time: Clock) -> int:\n    return time.time()"),
        ),
    ),
    Rule(
        "public names say what a thing is",
        telling_names,
        reports=(
            ("tokens.sessions", "class SessionManager: ..."),
            ("tokens.sessions", "class Sessions:\n    def error_handler(self) -> None: ..."),
            ("stores.base", "backend: str"),
            ("stores.base", "BACKENDS = {}"),
            ("utils", ""),
        ),
        passes=(
            ("tokens.sessions", "class Sessions:\n    def end(self) -> None:\n        handler = None"),
            ("keys.ring", "_strategy = 1"),
        ),
    ),
    Rule(
        "a module has at most 400 lines",
        at_most(400),
        reports=(("app", "x = 1\n" * 401),),
        passes=(("app", "x = 1\n" * 400),),
    ),
    Rule(
        "a module says in its first line what it is",
        documented,
        reports=(("app", "x = 1"), ("stores", ""), ("app", '"""   """')),
        passes=(("app", '"""The composition root."""'),),
    ),
]
EACH_RULE = pytest.mark.parametrize("rule", [pytest.param(rule, id=rule.says) for rule in RULES])


@EACH_RULE
def test_the_source_keeps_the_rule(rule: Rule) -> None:
    assert [complaint for module in every_module() for complaint in rule.check(module)] == []


@EACH_RULE
def test_the_rule_tells_offenders_from_innocents(rule: Rule) -> None:
    assert [source for source in rule.reports if not rule.check(Module(*source))] == []
    assert [source for source in rule.passes if rule.check(Module(*source))] == []


# What import-linter holds


def lint_imports(folder: Path) -> tuple[int, str]:
    program = str(Path(sys.executable).with_name("lint-imports"))
    command = [program, "--config", str(ROOT / "pyproject.toml"), "--no-cache"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return done.returncode, " ".join(done.stdout.split())


def test_the_source_keeps_the_floors() -> None:
    status, output = lint_imports(PACKAGE.parent)
    assert status == 0, output


def test_the_floors_report_offenders(tmp_path: Path) -> None:
    sources = {
        "__init__.py": "",
        "app.py": "",
        "attic.py": "",
        "crypto/__init__.py": "import cryptography.hazmat.primitives",
        "crypto/signing.py": "import nacl.signing",
        "tokens/__init__.py": "",
        "tokens/access.py": "from watchword import app",
        "formats/__init__.py": "from watchword import stores",
        "stores/__init__.py": "from cryptography import x509",
    }
    for name, source in sources.items():
        path = tmp_path / "watchword" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(source)
    status, output = lint_imports(tmp_path)
    assert status == 1, output
    assert "watchword.tokens is not allowed to import watchword.app" in output
    assert "watchword.formats is not allowed to import watchword.stores" in output
    assert "not listed as layers: - watchword.attic" in output
    assert "watchword.stores -> cryptography" in output
    assert "watchword.crypto ->" not in output
    assert "watchword.crypto.signing ->" not in output


# What a plain import costs

HEAVY = {
    *("starlette", "fastapi", "litestar", "django", "flask", "uvicorn", "uvloop", "httptools", "httpx", "httpx2"),
    *("redis", "hiredis", "psycopg", "jinja2", "click", "rich", "pydantic", "prometheus_client"),
    *("aiosmtplib", "fido2", "opentelemetry", "cedarpy"),
}


def loads(statement: str) -> set[str]:
    """The top-level packages in a fresh interpreter after one statement."""
    code = f"import sys\n{statement}\nprint(*(name.partition('.')[0] for name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_importing_watchword_loads_no_framework_and_no_driver() -> None:
    assert loads("import click") & HEAVY == {"click"}
    assert loads("import watchword") & HEAVY == set()


# What the repository says about where it was made

NOT_FOR_OTHERS = {
    "registry host": re.compile(
        r"\b(?:pypi|pythonhosted|npmjs|yarnpkg|crates)\.(?:org|com|io)\b|\bproxy\.golang\.org\b"
    ),
    "machine path": re.compile(r"(?<![\w.-])/(?:root|work|farm|home|Users)/[A-Za-z.]|\b[A-Z]:\\Users\\"),
}


def leaks(text: str) -> list[str]:
    return [f"{what} {hit[0]}" for what, pattern in NOT_FOR_OTHERS.items() for hit in pattern.finditer(text)]


def test_no_file_names_a_registry_host_or_a_machine_path() -> None:
    assert leaks("files." + "pythonhosted" + ".org") == ["registry host " + "pythonhosted" + ".org"]
    assert leaks("see /" + "home/ada/notes") == ["machine path /" + "home/a"]
    assert leaks("https://app.example/home/page and constraints.txt") == []

    if not (ROOT / ".git").exists():
        pytest.skip("not a checkout: there is no list of files")
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(listing, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    files = [path for name in listed.split("\0") if name and (path := ROOT / name).is_file()]
    assert files
    texts = {path: path.read_text(encoding="utf-8", errors="replace") for path in files}
    assert [f"{path.relative_to(ROOT)}: {leak}" for path, text in texts.items() for leak in leaks(text)] == []
