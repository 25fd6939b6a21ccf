"""Writes docs/reference/taxonomy.md: the table of kinds, and the matrix as it was seen. ``make taxonomy`` calls it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

from tests.contracts.matrix import TOKENS, VERIFIERS, Cell, NotAcceptedError, open_world, walk
from watchword.errors import (
    AlgorithmError,
    BindingError,
    ClaimError,
    MalformedTokenError,
    MissingClaimError,
    ProofError,
    SealError,
    SignatureError,
    TokenNotFoundError,
    UnknownKeyError,
    WrongAudienceError,
    WrongIssuerError,
    WrongTypeError,
)
from watchword.tokens.base import KINDS, Kind

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/reference/taxonomy.md"
SIGNS: dict[type[Exception], str] = {
    MalformedTokenError: "m",
    WrongTypeError: "t",
    UnknownKeyError: "k",
    AlgorithmError: "a",
    TokenNotFoundError: "n",
    SignatureError: "s",
    SealError: "x",
    MissingClaimError: "c",
    ClaimError: "c",
    WrongIssuerError: "i",
    WrongAudienceError: "u",
    BindingError: "b",
    ProofError: "b",
    NotAcceptedError: "h",
}
"""Refusal -> how the matrix shows it."""
MEANINGS = {
    "✓": "accepted",
    "m": "`MalformedTokenError`: it does not even begin, or look, like one that is taken here",
    "t": "`WrongTypeError`: the authenticated `typ` is another kind's, or a claim says so",
    "k": "`UnknownKeyError`: its key is for another use, or not on this ring",
    "a": "`AlgorithmError`: its key is not of the sort that this kind takes",
    "n": "`TokenNotFoundError`: no record, for this purpose",
    "s": "`SignatureError`",
    "x": "`SealError`: it does not open for this purpose, user and audience",
    "c": "`ClaimError`, `MissingClaimError`: a claim that this place wants is missing or another",
    "i": "`WrongIssuerError`",
    "u": "`WrongAudienceError`: another audience or environment",
    "b": "`BindingError`, `ProofError`: bound to a key, and no proof of it; or a proof, and bound to none",
    "h": "the endpoint says `invalid_grant`, `active: false` or 401",
}
AUDIENCES = {
    "here": "none: it goes back to who has the store",
    "any": "one or several; one must be ours",
    "one": "exactly one, named at issue",
    "bound": "one; with another it does not open",
}


def _time(life: timedelta) -> str:
    minutes = int(life.total_seconds()) // 60
    for size, unit in ((1440, "d"), (60, "h")):
        if minutes % size == 0 and minutes > size:
            return f"{minutes // size} {unit}"
    return f"{minutes} min"


def _keys(kind: Kind) -> str:
    if kind.use is None:
        return "none: a record"
    return f"`{kind.use}`, key pairs alone" if kind.pairs_only else f"`{kind.use}`"


def kinds_table() -> str:
    rows = [
        "kind | format | keys | `typ` | begins | audience | kept apart by | life (at most) | carried in | stored"
        " | past the lease"
    ]
    rows.append("|".join("---" for _ in rows[0].split("|")))
    for kind in KINDS.values():
        rows.append(
            " | ".join(
                (
                    kind.name,
                    ", ".join(kind.formats),
                    _keys(kind),
                    f"`{kind.typ}`" if kind.typ else "–",
                    " ".join(f"`{start}`" for start in kind.starts),
                    AUDIENCES[kind.audience],
                    ", ".join(kind.apart) or "–",
                    f"{_time(kind.life)} ({_time(kind.cap)})",
                    ", ".join(kind.carriers),
                    kind.stored,
                    "refused, asked, or open" if kind.opens else "refused or asked",
                )
            )
        )
    return "\n".join(f"| {row} |" if "---" not in row else f"|{row}|" for row in rows)


def instead_table() -> str:
    rows = [f"| {kind.name} | {kind.otherwise} | {kind.longer} |" for kind in KINDS.values()]
    return "\n".join(("| kind | in another format | for longer |", "|---|---|---|", *rows))


def matrix_table(cells: Mapping[str, list[Cell]]) -> str:
    width = max(len(one.name) for one in TOKENS)
    tens, units = ("".join(f"{n // 10 or ' '}" for n in _numbers()), "".join(str(n % 10) for n in _numbers()))
    lines = [f"{'':{width}} {tens}", f"{'':{width}} {units}"]
    for one in TOKENS:
        seen = {cell.verifier.name: cell for cell in cells[one.name]}
        lines.append(f"{one.name:{width}} " + "".join(_sign(seen[place.name]) for place in VERIFIERS))
    return "\n".join(lines)


def _numbers() -> range:
    return range(1, len(VERIFIERS) + 1)


def _sign(cell: Cell) -> str:
    return "✓" if cell.error is None else SIGNS.get(type(cell.error), "?")


def write(cells: Mapping[str, list[Cell]]) -> str:
    """The page."""
    table = matrix_table(cells)
    used = set("".join(line[-len(VERIFIERS) :] for line in table.splitlines()[2:]))
    signs = "\n".join(f"| {sign} | {meaning} |" for sign, meaning in MEANINGS.items() if sign in used)
    places = "\n".join(f"| {number} | {place.name} |" for number, place in zip(_numbers(), VERIFIERS, strict=True))
    return TEXT.format(
        kinds=kinds_table(),
        instead=instead_table(),
        tokens=len(TOKENS),
        places=len(VERIFIERS),
        list=places,
        matrix=table,
        signs=signs,
    )


TEXT = """\
# The taxonomy

`make taxonomy` writes this page from `watchword.tokens.base.KINDS` and from what the tests see; a test holds it to
both.

## What each kind is bound to

{kinds}

An API key's beginning is configurable, and its life may be without an end, asked for by name. With
`single_service=True` access tokens are encrypted instead, with `seal` keys (PASETO local, JWE `dir`): the same kind,
verified where it is issued and nowhere else. ID tokens are an OpenID provider's: `JwtVerifier` reads them, and
nothing here issues them.

What contradicts a row is a `ConfigurationError`, at issue or when things are built, and says what to use instead:

{instead}

## The matrix

{tokens} sorts of token, each presented at {places} places. All share one store, and wherever that is possible the
very same keys, so that nothing but their kind, purpose, environment, audience and issuer keeps them apart. A token is
accepted where its own kind is wanted and nowhere else; a refusal changes nothing in the store, and after all of them
the token still works where it belongs.

```
{matrix}
```

| sign | means |
|---|---|
{signs}

| number | place |
|---|---|
{list}

Two places take more than one kind by design, the corridor and introspection; what they answer names the kind.
`compat.pyjwt.decode` is no part of the matrix: like PyJWT it checks what it is told to check, and the `typ` is not
among that.
"""


async def seen() -> dict[str, list[Cell]]:
    async with open_world() as world:
        return {one.name: await walk(world, one) for one in TOKENS}


if __name__ == "__main__":
    PAGE.write_text(write(asyncio.run(seen())))
