"""The navigation is what the index pages link: nothing is listed twice. A page that no index leads to is a warning."""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

from sphinx.application import Sphinx

HEADING = re.compile(r"^#{2,} +(.+)$", re.MULTILINE)
LINK = re.compile(r"\]\(([^)#:]+)\.md(?:#[^)]*)?\)")
FRONT_DOOR = (
    '<!doctype html><meta charset="utf-8"><title>watchword</title><meta http-equiv="refresh" content="0; url={}">'
)


def add(app: Sphinx, name: str, source: list[str]) -> None:
    """An index page gets a table of contents of what it links, or of its folder when it links nothing."""
    if name.startswith("examples/"):
        source[0] = "---\norphan: true\n---\n" + source[0]  # a page that belongs to the how-to which links it
    if posixpath.basename(name) == "index":
        source[0] += "".join(_tree(heading, pages) for heading, pages in outline(source[0]).items()) or FOLDER


def outline(text: str) -> dict[str, list[str]]:
    """Heading -> the pages that are linked below it, each below one. What stands above all headings counts last."""
    above, *parts = HEADING.split(text)
    found: dict[str, list[str]] = {}
    for heading, part in [*zip(parts[::2], parts[1::2], strict=True), ("", above)]:
        seen = {page for pages in found.values() for page in pages}
        if fresh := [page for page in dict.fromkeys(LINK.findall(part)) if page not in seen]:
            found[heading] = fresh
    return found


def _tree(heading: str, pages: list[str]) -> str:
    caption = f":caption: {heading}\n" if heading else ""
    return "\n\n```{toctree}\n:hidden:\n:titlesonly:\n" + caption + "\n" + "\n".join(pages) + "\n```\n"


FOLDER = "\n\n```{toctree}\n:glob:\n:titlesonly:\n\n*\n```\n"


def front_door(app: Sphinx, broken: Exception | None) -> None:
    """The pages keep the repository's paths; who opens the folder is led to the first."""
    if broken is None:
        (Path(app.outdir) / "index.html").write_text(FRONT_DOOR.format(app.builder.get_target_uri(app.config.root_doc)))
