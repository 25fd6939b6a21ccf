"""What the page of wire formats shows beside its snippets, which run as all snippets do."""

from __future__ import annotations

import re
from pathlib import Path

from watchword.keys.sources import FORMAT
from watchword.stores.redis.rows import feed_in
from watchword.tokens.base import KINDS
from watchword.web.cookies import SESSION_COOKIE
from watchword.web.token_cookies import ACCESS_COOKIE, FAMILY_COOKIE, REFRESH_COOKIE

PAGE = (Path(__file__).parents[2] / "docs/reference/wire-formats.md").read_text()


def test_each_kind_is_there_by_what_it_begins_with() -> None:
    for kind in KINDS.values():
        assert any(f"`{start}" in PAGE for start in kind.starts), kind.name


def test_names_of_cookies_and_of_the_key_file() -> None:
    for name in (SESSION_COOKIE, ACCESS_COOKIE, REFRESH_COOKIE, FAMILY_COOKIE):
        assert f"| `{name}` |" in PAGE
    assert FORMAT in PAGE


def test_the_epoch_of_a_redis() -> None:
    life, epoch = re.findall(r'SHA-256\("([^"]+)"\) +([0-9a-f]{12})…', PAGE)[0]
    assert feed_in([life.encode(), 0, []]).epoch == epoch
