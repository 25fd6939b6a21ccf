"""The frameworks, each with its application and how it is served; a new one is an application and a row."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Literal

from msgspec import Struct

from tests.frameworks.requests import Headers, Seen

ROOT = Path(__file__).resolve().parents[2]


class Framework(Struct, frozen=True):
    name: str
    module: str
    """In ``tests/frameworks/apps``."""
    serves: Literal["asgi", "wsgi"]


FRAMEWORKS = (
    Framework("ASGI", "asgi", "asgi"),
    Framework("FastAPI, async", "fastapi_async", "asgi"),
    Framework("FastAPI, plain routes", "fastapi_plain", "asgi"),
    Framework("Starlette", "starlette", "asgi"),
    Framework("Litestar", "litestar", "asgi"),
    Framework("Django", "django_plain", "wsgi"),
    Framework("Django, async", "django_async", "asgi"),
    Framework("Flask", "flask_plain", "wsgi"),
    Framework("Flask, async", "flask_async", "wsgi"),
)


@contextmanager
def served(framework: Framework, url: str, keys: str, **settings: str) -> Iterator[int]:
    """The port of the application, in a process of its own, over the store at ``url``.

    ``settings``: ``cookie="tokens"``, and ``log``, the file for what it logs.
    """
    command = [sys.executable, "-m", "tests.frameworks.serve", framework.module, framework.serves]
    told = {"url": url, "keys": keys, **settings}
    known = os.environ | {f"FRAMEWORK_{name.upper()}": value for name, value in told.items()}
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, env=known, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.stdin.close()
            process.wait(20)


def ask(port: int, line: str, headers: Headers) -> Seen:
    """One request as it is written: no cookie jar, no header that nobody asked for but Host."""
    method, _, path = line.partition(" ")
    connection = HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.putrequest(method, path, skip_host=any(name == "host" for name, _ in headers))
        for name, value in headers:
            connection.putheader(name, value)
        if method == "POST":
            connection.putheader("content-length", "0")
        connection.endheaders()
        answer = connection.getresponse()
        body = answer.read().decode()
        cookies = answer.headers.get_all("set-cookie") or []
        named = {name.lower(): value for name, value in answer.getheaders()}
        return Seen(answer.status, body, cookies, answer.headers["www-authenticate"], named)
    finally:
        connection.close()
