"""The picture of the decision tree and the page of rules are what the rules say; the picture is read in a browser."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

from tests.docs.advice_pages import PAGE, PICTURE, TERMINAL, page
from watchword.advisor.jobs import JOBS
from watchword.advisor.picture import svg
from watchword.advisor.rules import RULES

DOCS = Path(__file__).parents[2] / "docs"


def test_the_picture_and_the_page_are_those_of_the_rules() -> None:
    assert PICTURE.read_text() == svg(), "make tree writes it anew"
    assert PAGE.read_text() == page(), "make tree writes it anew"


def test_the_picture_has_every_rule_that_recommends_and_runs_no_script() -> None:
    text = svg()
    root = ET.fromstring(text)  # noqa: S314  # our own
    told = {node.text for node in root.iter("{http://www.w3.org/2000/svg}text")}
    recommending = {rule.id for rule in RULES.values() if any(says.recommends for says in rule.says.values())}
    assert recommending <= told
    assert {job.name for job in JOBS.values()} <= told
    assert "<script" not in text
    assert "href" not in text
    assert "prefers-color-scheme: dark" in text


def test_the_picture_of_the_terminal_fetches_nothing() -> None:
    shown = TERMINAL.read_text()
    assert "server-side" in shown
    assert "url(http" not in shown
    assert "font-face" not in shown
    assert "<script" not in shown
    assert f"]({TERMINAL.name})" in (DOCS / "how-to/choose-tokens.md").read_text()


def test_the_picture_stands_on_its_page() -> None:
    shown = (DOCS / "explanation/which-token-for-which-job.md").read_text()
    assert f"]({PICTURE.name})" in shown
    assert "how-to/choose-tokens.md" in (DOCS / "index.md").read_text()


def test_what_the_page_shows_is_what_it_tells() -> None:
    """Off a terminal, for the options of the page's own command."""
    page = (DOCS / "how-to/choose-tokens.md").read_text()
    [(options, shown)] = re.findall(r"<!-- told: (.+?) -->\n```\n(.*?)```", page, re.DOTALL)
    assert f"watchword advise {options} " in page
    command = [sys.executable, "-m", "watchword", "advise", *shlex.split(options)]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert f"\n\n{shown}\n" in told
