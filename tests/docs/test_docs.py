"""What the documentation says is there, and what it shows runs."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from starlette.testclient import TestClient

import watchword
from tests.docs.links import TO_TESTS, names_in
from watchword.config import Settings
from watchword.errors import WatchwordError

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", ROOT / "ARCHITECTURE.md", ROOT / "SECURITY.md", *(ROOT / "docs").rglob("*.md")])
SNIPPET = re.compile(r"<!-- snippet: (?P<name>[a-z-]+) -->\n```python\n(?P<code>.*?)```", re.DOTALL)
SNIPPETS = {found["name"]: found["code"] for page in PAGES for found in SNIPPET.finditer(page.read_text())}
PROGRAM = re.compile(r"<!-- (?:file|append): \S+ -->\n```python\n")
"""Of a tutorial, where ``test_tutorials`` runs it."""
FRAMEWORK = {"fastapi"}


def test_every_python_block_runs() -> None:
    blocks = sum(page.read_text().count("```python") for page in PAGES)
    programs = sum(len(PROGRAM.findall(page.read_text())) for page in (ROOT / "docs/tutorial").glob("*.md"))
    assert blocks == len(SNIPPETS) + programs


@pytest.mark.parametrize("name", sorted(SNIPPETS.keys() - FRAMEWORK))
def test_a_snippet_runs_as_pasted(name: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", SNIPPETS[name]], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_the_readme_application_has_at_most_15_lines_and_runs_as_pasted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = SNIPPETS["fastapi"]
    assert len([line for line in code.splitlines() if line.strip()]) <= 15
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    exec(compile(code, "README.md", "exec"), names)  # noqa: S102  # the page's own words
    with TestClient(names["app"], base_url="https://testserver") as client:  # type: ignore[arg-type]
        assert client.get("/me").status_code == 401
        assert client.post("/login", headers={"sec-fetch-site": "same-origin"}).status_code == 200
        assert client.get("/me").json() == "user-7"
        assert client.post("/login", headers={"sec-fetch-site": "cross-site"}).status_code == 403


def _errors(root: type[WatchwordError]) -> Iterator[type[WatchwordError]]:
    for error in root.__subclasses__():
        if error.__module__ == "watchword.errors":
            yield error
            yield from _errors(error)


def test_every_error_is_documented_with_its_code_and_status() -> None:
    page = (ROOT / "docs/reference/errors.md").read_text()
    for error in _errors(WatchwordError):
        row = next((line for line in page.splitlines() if f"`{error.__name__}`" in line and "| `" in line), "")
        assert f"`{error.code}` | {error.status} |" in row, error.__name__


def test_one_class_is_one_code() -> None:
    codes = [error.code for error in _errors(WatchwordError)]
    assert len(codes) == len(set(codes))


def test_every_setting_is_documented() -> None:
    page = (ROOT / "docs/reference/configuration.md").read_text()
    for field in msgspec.structs.fields(Settings):
        if isinstance(field.type, type) and issubclass(field.type, msgspec.Struct):
            for inner in msgspec.structs.fields(field.type):
                assert f"`{field.name}.{inner.name}`" in page
        else:
            assert f"`{field.name}`" in page


def test_every_public_name_is_documented() -> None:
    page = (ROOT / "docs/reference/python.md").read_text()
    for name in watchword.__all__:
        assert f"| `{name}` |" in page


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#: ]+)(?:#[^) ]*)?(?: \"[^\"]*\")?\)", page.read_text()):
        assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_to_tests_name_one_that_is_there(page: Path) -> None:
    for target, name in TO_TESTS.findall(page.read_text()):
        assert name in names_in(page.parent / target), target
