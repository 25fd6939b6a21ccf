"""``GET /``: a page for people: who is signed in, or the form to sign in with. It needs no script."""

from __future__ import annotations

from base64 import b64encode
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import NamedTuple

from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response

from ...encoding import rfc3339
from ..auth_server import AuthServer


async def landing(server: AuthServer, request: Request) -> Response:
    """200, the page. A cookie that is no longer good counts as none."""
    return await page(server)


async def page(server: AuthServer, *, problem: str | None = None, status: int = 200) -> Response:
    """The page for whoever is asking; with a ``problem``, the form and what was wrong."""
    written = _prepared()
    who = None if problem else await server.whoever()
    if who is not None and who.kind != "session":
        who = None
    html = written.template.render(who=who, problem=problem, issuer=server.ww.issuer, style=written.style)
    return Response(html, status, {"content-security-policy": written.policy}, "text/html")


class _Prepared(NamedTuple):
    template: Template
    style: Markup
    policy: str


@cache
def _prepared() -> _Prepared:
    """The template, its style, and the policy that allows exactly this style and forms to ourselves."""
    pages = files("watchword.server") / "pages"
    style = (pages / "landing.css").read_text("utf-8")
    room = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    room.filters["time"] = lambda seconds: rfc3339(seconds).replace("T", " ").replace("Z", " UTC")
    known = b64encode(sha256(style.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; style-src 'sha256-{known}'; img-src data:; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    )
    return _Prepared(room.from_string((pages / "landing.html").read_text("utf-8")), Markup(style), policy)  # noqa: S704 - ours
