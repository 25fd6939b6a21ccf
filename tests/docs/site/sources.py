"""Links to files that are no pages: code and tests of this repository come along, as pages of their own."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.builders.html import StandaloneHTMLBuilder

TEXT = {
    ".py",
    ".toml",
    ".md",
    ".jsonl",
    ".json",
    ".conf",
    ".yaml",
    ".yml",
    ".txt",
    ".css",
    ".js",
    ".html",
    ".sql",
    ".rs",
}
LANGUAGES = {".py": "python", ".toml": "toml", ".json": "json", ".jsonl": "json", ".sql": "sql", ".yaml": "yaml"}


def link(app: Sphinx, document: nodes.document) -> None:
    """Lead links to files and folders of the repository to their pages. What is not there stays, and is warned of."""
    here = posixpath.dirname(app.env.docname)
    for node in list(
        document.findall(lambda node: isinstance(node, addnodes.pending_xref | addnodes.download_reference))
    ):
        path = posixpath.normpath(posixpath.join(here, node["reftarget"].partition("#")[0]))
        there = Path(app.srcdir) / path
        if posixpath.isabs(path) or path.startswith("..") or not (there.is_dir() or there.suffix in TEXT - {".md"}):
            continue
        if not there.exists():
            continue
        page = f"{path}/index" if (there / "index.md").exists() else f"source/{path}"
        if page.startswith("source/"):
            _linked(app)[page] = there
        anchor = node["reftarget"].partition("#")[2]
        uri = app.builder.get_relative_uri(app.env.docname, page) + (f"#{anchor}" if anchor else "")
        node.replace_self(nodes.reference("", "", *node.children, internal=True, refuri=uri))


def pages(app: Sphinx) -> Iterator[tuple[str, dict[str, Any], str]]:
    """A page a file; a folder is a page that shows the files right in it."""
    builder = app.builder
    assert isinstance(builder, StandaloneHTMLBuilder)  # the event is of HTML builders alone
    for page, there in sorted(_linked(app).items()):
        name = there.relative_to(app.srcdir).as_posix()
        files = sorted(one for one in there.iterdir() if one.suffix in TEXT) if there.is_dir() else [there]
        shown = "".join(_shown(builder, one, heading=there.is_dir()) for one in files)
        yield page, {"title": name, "body": f"<h1>{escape(name)}</h1>{shown}", "parents": []}, "page.html"


def _shown(builder: StandaloneHTMLBuilder, path: Path, *, heading: bool) -> str:
    code = builder.highlighter.highlight_block(
        path.read_text(), LANGUAGES.get(path.suffix, "text"), linenos="inline", lineanchors="L"
    )
    return f"<h2>{escape(path.name)}</h2>{code}" if heading else code


def _linked(app: Sphinx) -> dict[str, Path]:
    """Page -> file or folder, of all links that were read."""
    linked: dict[str, Path] = app.env.__dict__.setdefault("watchword_linked", {})
    return linked
