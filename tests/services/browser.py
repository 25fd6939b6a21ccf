"""A real browser: Debian's Chromium, driven by Playwright, without a window."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")


def program() -> Path | None:
    """Where it is, or None."""
    return next((Path(found) for name in NAMES if (found := shutil.which(name)) is not None), None)


@contextmanager
def running(program: Path) -> Iterator[Browser]:
    """``--no-sandbox`` is for root in a container, which is who runs tests; it sees our own pages alone."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()
