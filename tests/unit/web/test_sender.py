"""Login CSRF: who may sign in. A browser always says where a POST comes from; whoever says nothing is no browser."""

from __future__ import annotations

import pytest

from watchword.errors import CsrfError
from watchword.web.csrf import check_sender
from watchword.web.messages import Connection


def _post(*headers: tuple[bytes, bytes]) -> Connection:
    return Connection("POST", "/login", scheme="https", headers=[(b"host", b"app.example"), *headers])


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [(b"sec-fetch-site", b"same-origin")],
        [(b"sec-fetch-site", b"none")],
        [(b"origin", b"https://app.example")],
        [(b"origin", b"https://other.example")],
    ],
)
def test_our_own_pages_listed_ones_and_programs_may_sign_in(headers: list[tuple[bytes, bytes]]) -> None:
    check_sender(_post(*headers), origins=frozenset({"https://other.example"}))


@pytest.mark.parametrize(
    "headers",
    [
        [(b"sec-fetch-site", b"cross-site")],
        [(b"sec-fetch-site", b"same-site")],
        [(b"sec-fetch-site", b"cross-site"), (b"origin", b"https://evil.example")],
        [(b"origin", b"https://evil.example")],
        [(b"origin", b"null")],
        [(b"origin", b"https://app.example"), (b"origin", b"https://app.example")],
    ],
)
def test_other_pages_may_not(headers: list[tuple[bytes, bytes]]) -> None:
    with pytest.raises(CsrfError):
        check_sender(_post(*headers))
