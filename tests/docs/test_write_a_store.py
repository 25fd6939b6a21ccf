"""The store of the guide, as somebody else's package: found by its scheme, and held to its promises."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from watchword import Watchword
from watchword.errors import TokenError

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/how-to/write-a-store.md").read_text()
CODE = PAGE.partition("```python\n")[2].partition("```")[0]
POINT = re.search(r'```toml\n\[project\.entry-points\."(?P<group>[a-z.]+)"\]\n(?P<line>.*?)```', PAGE, re.DOTALL)
TEST = PAGE.partition("## Hold it to its promises\n\n```\n")[2].partition("```")[0]


@pytest.fixture
def package(tmp_path: Path) -> Path:
    assert POINT is not None
    folder = tmp_path / "package"
    about = folder / "json_file_store-1.0.dist-info"
    about.mkdir(parents=True)
    (folder / "json_file_store.py").write_text(CODE)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: json-file-store\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(f"[{POINT['group']}]\n{POINT['line'].replace(chr(34), '')}")
    return folder


def test_it_keeps_its_promises_as_the_page_tests_it(package: Path, tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(TEST)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(tmp_path), "test_it.py"]
    path = os.pathsep.join([str(package), *filter(None, sys.path)])
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": path})
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout


@pytest.mark.anyio
async def test_a_watchword_over_it_by_its_url(package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(package))

    def opened() -> Watchword:
        return Watchword(f"jsonfile:{tmp_path}/app.json", issuer="https://app.example", audience="https://api.example")

    try:
        async with opened() as ww:
            kept, ended = await ww.sessions.start("user-7"), await ww.sessions.start("user-7")
            await ww.sessions.end(str(ended.session_id))
            access = ww.access.issue("user-7")
            await ww.revoke(token=access.token)
        async with opened() as ww:
            assert (await ww.sessions.authenticate(kept.token)).subject == "user-7"
            with pytest.raises(TokenError):
                await ww.sessions.authenticate(ended.token)
            with pytest.raises(TokenError):
                ww.access.verify(access.token)
    finally:
        sys.modules.pop("json_file_store", None)
