"""The described systems of golden.toml."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct


class System(Struct, frozen=True, forbid_unknown_fields=True):
    """One system: its answers, and what is expected of the plan for them."""

    name: str
    answers: dict[str, Any]
    plan: dict[str, str]
    offers: dict[str, list[str]] = {}
    rejects: dict[str, list[str]] = {}
    settings: dict[str, Any] = {}
    checklist: int = 0


TABLE = Path(__file__).with_name("golden.toml")
GOLDEN = [msgspec.convert(row, System) for row in tomllib.loads(TABLE.read_text())["system"]]
