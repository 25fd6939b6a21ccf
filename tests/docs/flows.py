"""Draws the three flows and writes docs/explanation/three-flows.md from one table. ``make flows`` calls it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from msgspec import Struct

from tests.docs.flow_steps.jwt import JWT
from tests.docs.flow_steps.paseto import PASETO
from tests.docs.flow_steps.session import SESSION
from tests.docs.sequence import Part, Step, svg

ROOT: Final = Path(__file__).parents[2]
FOLDER: Final = ROOT / "docs/explanation"
PAGE: Final = FOLDER / "three-flows.md"


class Flow(Struct, frozen=True):
    """One picture and its steps in words. ``says``: for who does not see the picture."""

    file: str
    title: str
    says: str
    parts: tuple[Part, ...]


FLOWS: Final = (
    Flow(
        "session-flow.svg",
        "A session",
        "Browser, application and store, from signing in over a request to signing out, as the numbered steps below.",
        SESSION,
    ),
    Flow(
        "jwt-flow.svg",
        "A JWT, its refresh token and the View",
        "Client, auth server and API: tokens are issued, verified without a call, refreshed and revoked, as the "
        "numbered steps below.",
        JWT,
    ),
    Flow(
        "paseto-flow.svg",
        "PASETO: public between services, local for a hand-over",
        "First one service calls another with v4.public, then a payment is handed over with v4.local, as the numbered "
        "steps below.",
        PASETO,
    ),
)
HEAD: Final = """\
# The three flows

How each sort of token is issued, carried, checked and ended. Each step says the stage of
[the corridor](../../ARCHITECTURE.md), or the verb, and the file that does it. **Red** is where a token can be ended:
there it stops counting.
"""
TAIL: Final = """\

## What the pictures have in common

- The corridor has the same seven stages each time. Only *key* and *verify* differ: a record and its digest, or a key
  and a signature.
- Nothing is revoked at the token. It is revoked in [the feed](revocation.md), and each verifier hears of it.
- After *verify* and *claims* a token is genuine. Whether it still counts is another question, and the red one.

The same as a table: [sessions, JWT and PASETO, side by side](sessions-jwt-paseto.md).

*`make flows` draws the pictures and writes the steps from one table; a test holds them to it.*
"""


def page() -> str:
    parts = [HEAD]
    for flow in FLOWS:
        parts.append(f"\n## {flow.title}\n\n![{flow.says}]({flow.file})\n")
        number = 1
        for part in flow.parts:
            parts.append(f"\n**{part.title}**\n\n" if part.title else "\n")
            steps = [step for step in part.steps if isinstance(step, Step)]
            parts += [f"{number + place}. {_told(step)}\n" for place, step in enumerate(steps)]
            number += len(steps)
    return "".join([*parts, TAIL])


def pictures() -> dict[str, str]:
    """File name -> SVG."""
    return {flow.file: svg(flow.parts, title=flow.title, says=flow.says) for flow in FLOWS}


def path_of(step: Step) -> Path:
    """The file that does it."""
    return ROOT / step.file[1:] if step.file.startswith("/") else ROOT / "src/watchword" / step.file


def _told(step: Step) -> str:
    path = path_of(step).relative_to(ROOT)
    way = f"{step.at} → {step.to}" if step.to else step.at
    shown = step.shown.replace("_", r"\_")
    red = " *It can be ended here.*" if step.ends else ""
    return f"{way}, **{step.stage}**: {shown}. {step.told}{red} [{step.file.strip('/')}](../../{path})"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    for name, text in pictures().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
