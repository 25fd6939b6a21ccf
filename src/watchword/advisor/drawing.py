"""What the pictures of the documentation share: a frame, its colours in light and in dark, and lines of text."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from textwrap import wrap

WIDTH = 500
"""Narrow, so that a telephone still shows letters of ten pixels."""
LINE, PAD, MARGIN = 17, 9, 14
CHARACTER, BOLD = 7.0, 7.9
"""Pixels of one character on average, at 13 px."""
STYLE = """
  :root { --paper: #ffffff; --ink: #1c2430; --quiet: #5b6675; --box: #f1f4f8; --line: #8b96a5; --yes: #e3f2ec;
          --edge: #1f5f4b; }
  @media (prefers-color-scheme: dark) {
    :root { --paper: #12161c; --ink: #e8ebf0; --quiet: #9aa5b4; --box: #1b212a; --line: #6c788a; --yes: #16302a;
            --edge: #6fcfae; }
  }
  text { font: 13px system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; fill: var(--ink); }
  .job { font-size: 17px; font-weight: 600; }
  .quiet { fill: var(--quiet); font-size: 12px; }
  .strong { font-weight: 600; }
  .paper { fill: var(--paper); }
  .box { fill: var(--box); stroke: var(--line); }
  .yes { fill: var(--yes); stroke: var(--edge); }
  .arrow { stroke: var(--line); fill: none; }
  .tip { fill: var(--line); }
"""
Lines = list[tuple[str, str]]
"""Each with its class."""


def framed(parts: Iterable[str], height: int, *, title: str, says: str, style: str = "", width: int = WIDTH) -> str:
    """The whole picture: named and described for who does not see it. ``style`` comes on top of ours."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" role="img" '
        'aria-labelledby="t d">\n'
        f'<title id="t">{escape(title)}</title>\n<desc id="d">{escape(says)}</desc>\n<style>{STYLE}{style}</style>\n'
        f'<rect class="paper" width="{width}" height="{height}"/>\n' + "\n".join(parts) + "\n</svg>\n"
    )


def wrapped(text: str, width: int, character: float = CHARACTER) -> list[str]:
    """The lines of a text in a box of ``width`` pixels."""
    return wrap(text, int((width - 2 * PAD) / character), break_on_hyphens=False)


def heading(text: str, y: int) -> str:
    return f'<text class="job" x="{MARGIN}" y="{y + 18}">{escape(text)}</text>'


def box(kind: str, x: int, y: int, width: int, height: int, lines: Lines) -> str:
    texts = "".join(
        f'<text class="{style}" x="{x + PAD}" y="{y + PAD + 13 + number * LINE}">{escape(line)}</text>'
        for number, (line, style) in enumerate(lines)
    )
    return f'<rect class="{kind}" x="{x}" y="{y}" width="{width}" height="{height}" rx="6"/>{texts}'
