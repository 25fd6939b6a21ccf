"""How many tests there are against each other implementation, and in which version."""

import json
import math
import re
from importlib import import_module
from pathlib import Path
from typing import Any, Final, NamedTuple

ROOT: Final = Path(__file__).resolve().parents[2]
FILES: Final[dict[str, tuple[str, ...]]] = {
    "test_jose": ("pyjwt", "joserfc", "jwcrypto"),
    "test_jws": ("pyjwt", "joserfc", "jwcrypto"),
    "test_jwe": ("joserfc", "jwcrypto"),
    "test_sealed": ("pyseto", "joserfc", "jwcrypto"),
    "test_paseto": ("pyseto",),
    "test_pyseto": ("pyseto",),
    "test_npm_dpop": ("npm dpop", "npm jose"),
    "test_npm_jose": ("npm jose",),
    "test_npm_paseto": ("npm paseto", "npm paseto-ts"),
}
"""Runner -> the libraries it drives."""


class Interop(NamedTuple):
    runner: str
    libraries: tuple[str, ...]
    """Each with its version."""
    tests: int


def interop() -> list[Interop]:
    versions = _versions()
    return [
        Interop(f"{name}.py", tuple(f"{library} {versions[library]}" for library in libraries), _count(name))
        for name, libraries in FILES.items()
    ]


def _versions() -> dict[str, str]:
    pinned = re.findall(r"^([a-z0-9-]+)==(\S+)", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    package = json.loads((ROOT / "tests" / "interop" / "npm" / "package.json").read_text())
    return dict(pinned) | {f"npm {name}": version for name, version in package["dependencies"].items()}


def _count(name: str) -> int:
    """The tests of a module: one for each combination of its parameters."""
    module = import_module(f"tests.interop.{name}")
    return sum(_times(value) for test, value in vars(module).items() if test.startswith("test_"))


def _times(test: Any) -> int:
    marks = [mark for mark in getattr(test, "pytestmark", []) if mark.name == "parametrize"]
    return math.prod(len(list(mark.args[1])) for mark in marks)
