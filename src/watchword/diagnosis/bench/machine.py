"""The facts without which no figure means anything."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from ...crypto.bare import openssl

LIBRARIES = ("cryptography", "pynacl", "msgspec", "pyjwt", "joserfc", "jwcrypto", "pyseto", "redis", "psycopg")


def machine(libraries: Iterable[str] = LIBRARIES) -> dict[str, Any]:
    """cpu, cores, load (of 1, 5 and 15 minutes), system, python, openssl, and libraries: name -> version or None."""
    return {
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "load": load(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "openssl": openssl(),
        "libraries": {name: _version(name) for name in libraries},
    }


def load() -> list[float] | None:
    return [round(one, 2) for one in os.getloadavg()] if hasattr(os, "getloadavg") else None


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    found = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return found[0] if found else platform.processor() or "unknown"


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
