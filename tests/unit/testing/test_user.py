"""A test client that is somebody within a block, in every framework."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.testing.applications import FRAMEWORKS, of_fastapi
from watchword.blocking import Watchword
from watchword.errors import ConfigurationError
from watchword.testing import dressed

Made = Callable[[Watchword], Any]
EACH = pytest.mark.parametrize("made", FRAMEWORKS, ids=lambda made: made.__name__)
KINDS = pytest.mark.parametrize("kind", ["session", "access", "opaque_access", "api_key"])


@EACH
@KINDS
def test_the_client_is_somebody_within_the_block_alone(ww: Watchword, made: Made, kind: str) -> None:
    client = made(ww)
    with dressed(client, "ada", ww=ww, kind=kind):
        assert "ada" in client.post("/me").text
    assert client.post("/me").status_code == 401


@EACH
def test_who_it_was_before_is_set_aside_and_comes_back(ww: Watchword, made: Made) -> None:
    client = made(ww)
    with dressed(client, "ada", ww=ww):
        with dressed(client, "grace", ww=ww, kind="access"):
            assert "grace" in client.get("/me").text
        assert "ada" in client.post("/me").text
        with dressed(client, "hopper", ww=ww):
            assert "hopper" in client.post("/me").text
        assert "ada" in client.get("/me").text


@EACH
def test_what_it_wears_may_be_bad(ww: Watchword, made: Made) -> None:
    client = made(ww)
    with dressed(client, "ada", ww=ww, flaw="revoked"):
        assert client.get("/me").status_code == 401


@EACH
def test_an_error_in_the_block_undresses_too(ww: Watchword, made: Made) -> None:
    client = made(ww)
    with pytest.raises(KeyError), dressed(client, "ada", ww=ww):
        raise KeyError
    assert client.get("/me").status_code == 401


def test_nobody_is_a_caller_by_a_refresh_token(ww: Watchword) -> None:
    with (
        pytest.raises(ConfigurationError, match="nobody is a caller by a refresh token"),
        dressed(of_fastapi(ww), "ada", ww=ww, kind="refresh"),
    ):
        pass


def test_what_is_no_client_says_so(ww: Watchword) -> None:
    with pytest.raises(ConfigurationError, match="no test client known here"), dressed(object(), "ada", ww=ww):
        pass
