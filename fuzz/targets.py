"""The table of targets: a new one is a new file and a row."""

from __future__ import annotations

from importlib import import_module

from fuzz.target import Target

TARGETS = (
    "signed",
    "sealed",
    "pasetos",
    "paserks",
    "keys",
    "documents",
    "encodings",
    "opaques",
    "requests",
    "legacy",
)


def load(name: str) -> Target:
    target: Target = import_module(f"fuzz.{name}").TARGET
    return target
