"""How docs/ becomes a site: ``make docs``. The files stay plain Markdown, which reads as well without it."""

from __future__ import annotations

from sphinx.application import Sphinx

from tests.docs.site import navigation, sources

project = "watchword"
author = "the watchword authors"
root_doc = "docs/index"
extensions = ["myst_parser"]
include_patterns = ["docs/**", "examples/*/README.md", "README.md", "ARCHITECTURE.md", "SECURITY.md", "CHANGELOG.md"]
exclude_patterns = [".*", "**/.*", "build", "src", "tests", "**/node_modules"]

# Each broken link, anchor and picture is a warning, and `make docs` makes warnings errors.
nitpicky = True
myst_heading_anchors = 4
smartquotes = False  # two hyphens are an option, not a dash
suppress_warnings = ["myst.header"]  # a page may begin below its title: the changelog

html_theme = "furo"
html_title = "watchword"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sourcelink = False
html_show_sphinx = False
html_show_copyright = False


def setup(app: Sphinx) -> None:
    app.connect("source-read", navigation.add)
    app.connect("doctree-read", sources.link, priority=100)  # before Sphinx gathers downloads
    app.connect("html-collect-pages", sources.pages)
    app.connect("build-finished", navigation.front_door)
