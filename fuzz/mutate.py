"""Mutations without a fuzzer: the same inputs on every machine, for the copy of this search in the test suite."""

from __future__ import annotations

import re
from collections.abc import Iterator
from random import Random

from fuzz.target import Target

INTERESTING = (
    b"",
    b".",
    b"=",
    b"-",
    b"\0",
    b"\xff",
    b"\xed\xa0\x80",
    b"{",
    b"[",
    b'"',
    b"\\",
    b"9" * 30,
    b"-1",
    b"null",
)
"""What takes the place of a piece, or is set into it."""
VALUES = (
    b"null",
    b"true",
    b"-1",
    b"7",
    b"1e300",
    b"0.5",
    b'""',
    b'"x"',
    b"[]",
    b'["x"]',
    b"[7]",
    b"{}",
    b'{"a":[null]}',
)
_VALUE = re.compile(rb'(?<=:) ?("(?:[^"\\]|\\.)*"|[\w.+-]+|\[[^\]]*\]|\{[^}]*\})')


def mutants(target: Target, count: int, seed: int = 20_261_122) -> Iterator[bytes]:
    """That many inputs: a seed of the target with 1 to 4 changes, its door mostly left as it is."""
    draw, inputs = Random(seed), target.inputs()  # noqa: S311 # repeatable
    for _ in range(count):
        data = bytearray(draw.choice(inputs))
        for _ in range(draw.randint(1, 4)):
            _change(draw, data, inputs)
        yield bytes(data)


def _change(draw: Random, data: bytearray, inputs: list[bytes]) -> None:
    at = draw.randint(1, max(1, len(data)))
    match draw.randrange(9):
        case 0:  # another bit
            if at < len(data):
                data[at] ^= 1 << draw.randrange(8)
        case 1:  # a piece less
            del data[at : at + draw.choice((1, 2, 8, 64))]
        case 2:  # a piece of something else
            data[at:at] = draw.choice(INTERESTING)
        case 3:
            data[at : at + draw.choice((1, 4, 40))] = draw.choice(INTERESTING)
        case 4:  # a piece twice
            data[at:at] = data[at : at + draw.choice((1, 5, 200))]
        case 5:  # a piece of another input
            other = draw.choice(inputs)
            data[at : at + draw.choice((0, 10, 100))] = other[draw.randrange(len(other)) :][: draw.choice((3, 30, 300))]
        case 6 | 7:  # another value in JSON
            if found := list(_VALUE.finditer(data)):
                one = draw.choice(found)
                data[one.start() : one.end()] = draw.choice(VALUES)
        case _:  # another door
            data[0] = draw.randrange(256)
