"""Pictures of commands at a terminal, for the docs: ``python -m tests.cli.pictures`` writes ``docs/pictures``.

What is on them was printed by the commands themselves, in a house of the moment. They fetch nothing: the fonts are the
reader's own.
"""

from __future__ import annotations

import re
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory

from msgspec import Struct
from rich.console import Console
from rich.terminal_theme import SVG_EXPORT_THEME
from rich.text import Text

from tests.cli.processes import run
from tests.cli.terminal import shown
from watchword.blocking import Watchword

FOLDER = Path(__file__).parents[2] / "docs" / "pictures"
URL = "http://localhost:8080"
_PROGRESS = re.compile(r"\r\x1b\[2K[^\r\n]*\r")
"""A line that was written over."""
_WIPED = "\x1b[2K"
"""What a bar of progress ends with: it is no more on the screen."""
_FONTS = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)


def picture(words: str, said: str, width: int) -> str:
    """An SVG of one command and what it said."""
    console = Console(record=True, width=width, file=StringIO(), force_terminal=True)
    console.print(Text.from_ansi(f"$ {words}\n{said.rstrip()}"), soft_wrap=False)
    svg = console.export_svg(title="", theme=SVG_EXPORT_THEME, unique_id="w")
    return _FONTS.sub("", svg).replace("Fira Code", "ui-monospace, monospace") + "\n"


class Picture(Struct, frozen=True):
    """One command, how wide its terminal is, what is typed when it asks, and how many of its lines are shown."""

    words: str
    width: int = 100
    typed: tuple[tuple[str, str], ...] = ()
    lines: int = 40


PICTURES = {
    "init": Picture(
        "init --dir new",
        typed=(("record kept", ""), ("public address", ""), ("reads the access", ""), ("written?", "paseto")),
    ),
    "inspect": Picture("inspect --file token.txt --config watchword.toml", width=120),
    "keys": Picture("keys list", width=155),
    "config": Picture("config show --origin", width=90),
    "advise": Picture("advise --client web --needs none", width=120, lines=90),
    "doctor": Picture("doctor --config watchword.toml", width=120, lines=16),
    "demo": Picture("demo --tour", width=130),
    "bench": Picture("bench --quick --only revocation", width=80),
}


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    with TemporaryDirectory() as made:
        folder = Path(made)
        run("init", "--yes", folder=folder)
        with Watchword(f"sqlite:///{folder}/watchword.db", issuer=URL, audience=f"{URL}/api") as ww:
            token = ww.access.issue("user-7", roles=["admin"], claims={"email": "ada@example.org"}).token
        (folder / "token.txt").write_text(f"{token}\n")
        run("keys", "rotate", folder=folder)
        for name, one in PICTURES.items():
            if name == "doctor":  # last of all that reads the keys: now it has something to find
                (folder / "watchword.db.keys").chmod(0o644)
            _, said = shown(*one.words.split(), typed=one.typed, folder=folder, columns=one.width)
            said = _PROGRESS.sub("", said).rpartition(_WIPED)[2].replace(made, "/srv/app")
            (folder / "watchword.db.keys").chmod(0o600)
            lines = "\n".join(said.splitlines()[: one.lines])
            (FOLDER / f"{name}.svg").write_text(picture(f"watchword {one.words}", lines, one.width))


if __name__ == "__main__":
    main()
