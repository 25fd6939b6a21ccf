"""npm's libraries as tests reach them: installed once for each package.json, asked through one Node process."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any, Final

HERE: Final = Path(__file__).resolve().parent
OLDEST: Final = 18
NPM: Final = "npm install --no-package-lock --no-audit --no-fund --ignore-scripts --prefer-offline --fetch-retries=1"


class RefusedError(Exception):
    """A library refused what it was given; its own code is the first argument."""


def installed(folder: Path) -> Path | str:
    """`folder` with the packages and the scripts in it, or the reason why not."""
    if (missing := _missing()) is not None:
        return missing
    wanted, stamp = (HERE / "package.json").read_text(), folder / "installed.json"
    for file in (*HERE.glob("*.mjs"), HERE / "package.json"):
        shutil.copy(file, folder)
    if not stamp.exists() or stamp.read_text() != wanted:
        done = subprocess.run([*NPM.split(), "--loglevel=error"], cwd=folder, capture_output=True, text=True)
        if done.returncode:
            return f"npm could not install {HERE / 'package.json'}: {done.stderr.strip()[:300]}"
        stamp.write_text(wanted)
    return folder


def _missing() -> str | None:
    if not shutil.which("node") or not shutil.which("npm"):
        return f"no node and npm on PATH; install Node.js {OLDEST} or newer"
    version = subprocess.run(["node", "--version"], capture_output=True, text=True).stdout.strip()
    if int(version.removeprefix("v").partition(".")[0]) < OLDEST:
        return f"this is Node.js {version}, and {OLDEST} is the oldest that will do"
    return None


def node(folder: Path, program: str, now: int, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    """A Node process in `folder` whose clock stands still at `now`, with pipes to talk to it."""
    return subprocess.Popen(
        ["node", "--import", "./still.mjs", program, *arguments],
        cwd=folder,
        env=os.environ | {"WATCHWORD_NOW": str(now)} | environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


class Peer:
    """The other side: `ask("jose", "sign", jwk=…, header=…, payload=…)`."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def ask(self, library: str, verb: str, **rest: Any) -> Any:
        """What the library answers. Raises: RefusedError."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"library": library, "verb": verb, **rest}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, f"Node ended: {self._process.communicate()[1]}"
        answer = json.loads(line)
        if "refused" in answer:
            raise RefusedError(answer["refused"], answer["why"])
        return answer["is"]

    def close(self) -> None:
        self._process.communicate()
