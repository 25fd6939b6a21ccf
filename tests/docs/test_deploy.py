"""The configurations that the guide to deploying shows are ones that watchword reads."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from watchword.config import settings_of

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/how-to/deploy.md").read_text()
BLOCKS = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize("block", BLOCKS)
def test_a_configuration_is_read(block: str) -> None:
    assert settings_of(tomllib.loads(block), {}).issuer == "https://auth.example"


def test_there_are_two() -> None:
    assert len(BLOCKS) == 2


def test_what_the_image_installs_is_there() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    named = re.search(r"/src\[(?P<extras>[a-z,]+)\]", PAGE)
    assert named is not None
    assert set(named["extras"].split(",")) <= extras.keys()
