"""Pictures of commands at a terminal, for the docs: ``python -m tests.cli.pictures`` writes ``docs/pictures``.

What is on them was printed by the commands themselves, in a house of the moment. They fetch nothing: the fonts are the
reader's own.
"""

from __future__ import annotations

import re
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.terminal_theme import SVG_EXPORT_THEME
from rich.text import Text

from tests.cli.processes import run
from tests.cli.terminal import at_terminal
from watchword.blocking import Watchword

PICTURES = Path(__file__).parents[2] / "docs" / "pictures"
URL = "http://localhost:8080"
_WIPED = "\x1b[2K"
"""What a bar of progress ends with: it is no more on the screen."""
_FONTS = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)


def picture(words: str, said: str, width: int) -> str:
    """An SVG of one command and what it said."""
    console = Console(record=True, width=width, file=StringIO(), force_terminal=True)
    console.print(Text.from_ansi(f"$ {words}\n{said.rstrip()}"), soft_wrap=False)
    svg = console.export_svg(title="", theme=SVG_EXPORT_THEME, unique_id="w")
    return _FONTS.sub("", svg).replace("Fira Code", "ui-monospace, monospace") + "\n"


def main() -> None:
    PICTURES.mkdir(exist_ok=True)
    with TemporaryDirectory() as made:
        folder = Path(made)
        run("init", "--yes", folder=folder)
        with Watchword(f"sqlite:///{folder}/watchword.db", issuer=URL, audience=f"{URL}/api") as ww:
            token = ww.access.issue("user-7", roles=["admin"], claims={"email": "ada@example.org"}).token
        (folder / "token.txt").write_text(f"{token}\n")
        run("keys", "rotate", folder=folder)
        for name, words, width in (
            ("inspect", "inspect --file token.txt --config watchword.toml", 120),
            ("keys", "keys list", 155),
            ("config", "config show --origin", 90),
            ("bench", "bench --quick --only revocation", 80),
        ):
            _, said = at_terminal(*words.split(), folder=folder, COLUMNS=str(width))
            lines = said.rpartition(_WIPED)[2].splitlines()
            (PICTURES / f"{name}.svg").write_text(picture(f"watchword {words}", "\n".join(lines[:40]), width))


if __name__ == "__main__":
    main()
