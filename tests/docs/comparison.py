"""Writes docs/explanation/sessions-jwt-paseto.md from its rows. ``make comparison`` calls it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from tests.docs.comparison_rows.base import COLUMNS, Cell, Row
from tests.docs.comparison_rows.table import ROWS
from watchword import AccessTokens, FrozenClock, KeyRing
from watchword.formats import opaque

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = ROOT / "docs/explanation/sessions-jwt-paseto.md"
ISSUER, AUDIENCE = "https://auth.example", "https://api.example"
HEAD: Final = """\
# Sessions, JWT and PASETO, side by side

Each answer is true of watchword, and is a link to the test that shows it; the test's name is the link's title.

- A **session** is an opaque token: random, with a record in the store. Opaque access tokens and API keys answer alike.
- A **JWT** here is an access or service token that is signed (JWS), and read by all who have the public key.
- **PASETO v4.public** is the same token in another format.
- **Encrypted** are sealed tokens, and the access tokens of one service that issues and verifies: v4.local, or a JWE.

Which of them for which job: [the tree](which-token-for-which-job.md). How each travels:
[the three flows](three-flows.md). What is left to you: [what neither format solves](what-neither-format-solves.md).
"""
TAIL: Final = """\

## How to read it

**The difference is not the format.** JWT and PASETO have the same answer in nearly every row. Who asks a record can end
a token at once, and pays for the record. Who asks a key needs no record, and needs the View to end anything.

**PASETO has fewer ways to be wrong**, where a JWT library lets the token choose. A library that binds each key to one
algorithm has closed that. Expiry, revocation, storage and theft are left to you by both.

The bytes are those of an access token for one user, one session and one scope; your own claims come on top.
Figures of speed: [benchmarks](../reference/benchmarks.md).
What each kind is bound to: [the taxonomy](../reference/taxonomy.md).

*`make comparison` writes this page from a table, and a test sees to it that each test is there.*
"""


def page() -> str:
    parts = [HEAD]
    for title, rows in ROWS.items():
        parts.append(f"\n## {title}\n\n{_line(['', *COLUMNS.values()])}\n{_line(['---'] * (len(COLUMNS) + 1))}\n")
        parts += [f"{_row(row)}\n" for row in rows]
    return "".join([*parts, TAIL])


def cells() -> list[Cell]:
    """Every one of the page."""
    return [getattr(row, column) for rows in ROWS.values() for row in rows for column in COLUMNS]


def sizes() -> dict[str, int]:
    """Bytes of a token of each sort, with the same claims: a user, a client, a session, a scope."""

    def access(*algorithms: str, alone: bool = False) -> AccessTokens:
        ring = KeyRing.generate(*algorithms, clock=FrozenClock())
        return AccessTokens(ring, issuer=ISSUER, audience=AUDIENCE, single_service=alone)

    made = {
        "jwt": access("ES256"),
        "paseto": access("v4.public"),
        "local": access("v4.local", alone=True),
        "jwe": access("A256GCM", alone=True),
    }
    session = 22 * "s"
    found = {name: tokens.issue("user-7", scopes=["orders:read"], session_id=session) for name, tokens in made.items()}
    return {"session": len(opaque.issue("ww_ss_"))} | {name: len(issued.token) for name, issued in found.items()}


def _row(row: Row) -> str:
    return _line([f"**{row.asks}**", *(_cell(getattr(row, column)) for column in COLUMNS)])


def _cell(cell: Cell) -> str:
    path, _, name = cell.test.partition("::")
    link = f'[{cell.says.format(**sizes())}](../../tests/{path} "{name}")'
    return f"{link} ([more]({cell.more}))" if cell.more else link


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
