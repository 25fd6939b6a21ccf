"""Writes docs/ out as a site: ``python -m tests.docs.site OUT [ROOT]``. See ``make docs``."""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from sphinx.cmd.build import main

HERE = Path(__file__).parent
ROOT = HERE.parents[2]

# A warning is a link, an anchor or a picture that leads nowhere, or a page that no index leads to.
STRICT = ["--quiet", "--fail-on-warning", "--nitpicky"]

if __name__ == "__main__":
    out, root = (*sys.argv[1:], str(ROOT))[:2]
    with TemporaryDirectory() as parsed:
        failed = main([*STRICT, "-b", "html", "-c", str(HERE), "-d", parsed, root, out])
    if not failed:
        sys.stdout.write(f"The site is in {out}: open {out}/index.html\n")
    sys.exit(failed)
