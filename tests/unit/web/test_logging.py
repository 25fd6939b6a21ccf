"""No token gets into a log: whatever a record holds, and as servers write it."""

import json
import logging
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from watchword import KeyRing, SealedTokens, SystemClock, Watchword
from watchword.crypto.digest import new_secret
from watchword.encoding import b64url
from watchword.errors import ConfigurationError
from watchword.integrations.way_back import location_of
from watchword.tokens.access import AccessTokens
from watchword.web.logging import FAILED, RedactingFormatter, Redactor, RedactTokens
from watchword.web.messages import Connection

SECRET = new_secret()
SESSION = f"ww_ss_{SECRET}"


def access(*algorithms: str) -> Any:
    ring = KeyRing.generate(*algorithms, clock=SystemClock())
    return AccessTokens(ring, issuer="https://as.test", audience="https://api.test").issue("user-7")


JWT, PASETO = access("ES256"), access("v4.public")
SEALED = SealedTokens(KeyRing.generate("v4.local")).seal({"a": 1}, purpose="p", bound_to="u").token
PASERK = f"k4.secret.{SECRET}{SECRET}"
TOKENS = {
    "session": SESSION,
    "refresh": f"ww_rt_{SECRET}",
    "opaque_access": f"ww_at_{SECRET}",
    "one_time": f"ww_ot_{SECRET}",
    "api_key": f"sk_live_{SECRET}123456",
    "jwt": JWT.token,
    "paseto": PASETO.token,
    "sealed": SEALED,
    "paserk": PASERK,
    "jwe": f"eyJhbGciOiJkaXIifQ..{SECRET}.{SECRET}.{SECRET}",
}
PLACES = [
    "{}",
    "GET /x?token={}&a=1 HTTP/1.1",
    "GET /x/{} HTTP/1.1",
    "/x#access_token={}",
    "https://as.test/?u=https%3A%2F%2Fapp.test%2F%3Ftoken%3D{}",
    "Authorization: Bearer {}",
    "{{'authorization': 'Bearer {}'}}",
    '{{"a": {{"refresh_token": "{}"}}}}',
    '{{\\"token\\":\\"{}\\"}}',
    "[(b'cookie', b'__Host-session={}; a=b')]",
    "Set-Cookie: __Host-session={}; Path=/",
    "a.{}",
    "a-{}",
    "a_{}",
    "<{}>",
    "({}),",
]


def record(msg: object, *args: object, **more: Any) -> logging.LogRecord:
    made = logging.LogRecord("a", logging.INFO, "/a.py", 1, msg, args, None)
    vars(made).update(more)
    return made


def written(made: logging.LogRecord) -> str:
    assert RedactTokens().filter(made) is True
    return logging.Formatter("%(message)s").format(made) + repr(vars(made))


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("kind", TOKENS)
def test_every_token_goes_wherever_it_stands(kind: str, place: str) -> None:
    token = TOKENS[kind]
    for piece in (token, token[10:30], token[-20:]):
        assert piece not in Redactor().text(place.format(token))
        assert piece not in written(record(place.format(token).replace("%", "%%")))
        assert piece not in written(record("%s and %r", place.format(token), place.format(token)))


ENCODERS: dict[str, Callable[[str], str]] = {
    "json": json.dumps,
    "json twice": lambda text: json.dumps(json.dumps(text)),
    "repr": repr,
    "repr of bytes": lambda text: repr(text.encode()),
    "repr of a repr": lambda text: repr({"a": repr(text)}),
    "exception": lambda text: repr(KeyError(text)),
    "ascii": ascii,
    "every sign escaped": lambda text: re.sub(
        r"[^\w.-]", lambda found: f"\\u{ord(found[0]) % 65_536:04x}", text, flags=re.ASCII
    ),
    "url": quote,
    "url twice": lambda text: quote(quote(text, safe=""), safe=""),
    "url three times": lambda text: quote(quote(quote(text, safe=""), safe=""), safe=""),
    "html": escape,
    "colour": lambda text: f"\x1b[31m{text}\x1b[0m",
    "bright colour": lambda text: repr(f"\x1b[1;38;5;196m{text}\x1b[m"),
}
BEFORE = (
    "",
    " ",
    "\n",
    "\r\n",
    "\t",
    "\x00",
    '"',
    "'",
    "=",
    "?a=",
    "\x1b[31m",
    "\x1b[m",
    "\u2028",
    "\U0001f511",
    "é",
    "\\",
)


@pytest.mark.parametrize("encoder", ENCODERS)
@pytest.mark.parametrize("kind", TOKENS)
def test_no_half_of_a_token_survives_an_encoder(kind: str, encoder: str) -> None:
    """An escape ends in a letter or a digit, and is not the beginning of the word that follows it."""
    token, encode = TOKENS[kind], ENCODERS[encoder]
    for before in BEFORE:
        shown = Redactor().text(encode(f"{before}{token}"))
        for piece in (token[: len(token) // 2], token[len(token) // 2 :]):
            assert piece not in shown, (before, shown)


def test_it_says_which_kind_and_which_token() -> None:
    text = Redactor().text
    assert text(SESSION).startswith("<session ww_ss_… #")
    assert text(SESSION) == text(f"x {SESSION}")[2:] != text(f"ww_ss_{new_secret()}")
    assert text(JWT.token) == f"<access eyJ… id={JWT.token_id}>"
    assert text(PASETO.token) == f"<access v4.public.… id={PASETO.token_id}>"
    assert text(SEALED).startswith("<sealed v4.local.… #")
    assert text(TOKENS["jwe"]).startswith("<jwt eyJ… #")
    assert text(TOKENS["api_key"]).startswith("<api_key sk_live_… #")
    assert text(PASERK).startswith("<key k4.secret.… #")


async def test_of_a_refresh_token_its_family_and_generation_stay() -> None:
    async with Watchword("memory:", issuer="https://as.test", audience="https://api.test") as ww:
        first = await ww.refresh.issue("user-7", client_id="app")
        second = await ww.refresh.rotate(first.token)
    assert Redactor().text(first.token) == f"<refresh ww_rt_… id={first.family_id}.1>"
    assert Redactor().text(f"token={second.token}&") == f"token=<refresh ww_rt_… id={second.token_id}>&"


def unsigned(head: str, claims: str) -> str:
    return ".".join(b64url(part.encode()) for part in (head, claims)) + f".{SECRET}"


@pytest.mark.parametrize(
    ("head", "claims", "shown"),
    [
        ('{"typ": "service+jwt"}', '{"jti": "a-1"}', "<service eyJ… id=a-1>"),
        ('{"typ": "JWT"}', '{"jti": "a-1"}', "<jwt eyJ… id=a-1>"),
        ('{"typ": "<b>"}', '{"jti": "<b>"}', "<jwt eyJ… #"),
        ('{"typ": ["at+jwt"]}', '{"jti": "a\\nb"}', "<jwt eyJ… #"),
        ('{"typ": "at+jwt"}', f'{{"jti": "{"a" * 65}"}}', "<access eyJ… #"),
        ('{"typ": "at+jwt"}', '{"jti": 7}', "<access eyJ… #"),
        ('{"typ": "at+jwt"}', "[]", "<access eyJ… #"),
        ('{"typ": "at+jwt"}', "[" * 9_000, "<access eyJ… #"),
        ('{"typ', '{"jti": "a-1"}', "<jwt eyJ… id=a-1>"),
    ],
)
def test_what_a_token_says_of_itself_cannot_write_the_log(head: str, claims: str, shown: str) -> None:
    assert Redactor().text(unsigned(head, claims)).startswith(shown)


@pytest.mark.parametrize("body", ["AAAA", "", "a" * 86, "..", f"{SECRET}{SECRET}.{SECRET}", f"{SECRET}{SECRET}.e30"])
@pytest.mark.parametrize("version", ["v1", "v2", "v3", "v4"])
def test_a_paseto_that_is_none_has_a_digest(version: str, body: str) -> None:
    token = f"{version}.public.{body}.{SECRET}"
    assert Redactor().text(token).startswith(f"<paseto {version}.public.… #")


@pytest.mark.parametrize(
    "secret",
    [
        "Authorization: Basic dXNlcjpwYXNz",
        "authorization: foreign",
        "Authorization: Bearer abcdefghijklmnop",
        "DPoP abcdefghijklmnopqrst",
        "Cookie: a=foreign; b=other",
        "{'Cookie': 'a=foreign, b=other'}",
        "/cb?code=foreign&state=1",
        "/cb?x=1&client_secret=foreign",
        '{"password": "two foreign, words"}',
        "__Secure-mine=foreign; x",
    ],
)
def test_what_is_known_by_the_word_before_it_goes_too(secret: str) -> None:
    shown = Redactor().text(secret)
    assert "<hidden>" in shown
    for piece in ("dXNlcjpwYXNz", "foreign", "abcdefgh", "other", "words"):
        assert piece not in shown


INNER = "/me?token=foreign1&code=foreign2&password=a%26foreign3&page=2"


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_a_query_within_a_query_is_one_too(depth: int) -> None:
    """As the way to the path that refreshes has one: ``?next=/me%3Ftoken%3D…``."""
    inner = INNER
    for _ in range(depth):
        inner = quote(inner, safe="/")
    shown = Redactor().text(f"GET /auth/refresh?next={inner}&again=1 HTTP/1.1")
    assert "foreign" not in shown
    for stays in ("GET /auth/refresh?next=/me%", "code%", "password%", "page%", "2&again=1 HTTP/1.1"):
        assert stays in shown
    assert shown.count("<hidden>") == 3
    assert Redactor().text(shown) == shown


def test_our_own_way_to_refresh_says_no_more_than_the_request_did() -> None:
    made = location_of("/auth/refresh", Connection(path="/me", query=INNER.partition("?")[2].encode()))
    assert made is not None
    assert "foreign" in made.decode()
    assert "foreign" not in Redactor().text(made.decode())


def test_what_a_value_holds_in_code_is_its_own() -> None:
    for value in ("a%26foreign", "a%2526foreign", "a%23foreign", "foreign"):
        assert "foreign" not in Redactor().text(f"/x?token={value}&page=2")
        assert Redactor().text(f"/x?token={value}&page=2").endswith("&page=2")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('{"password":"a\\"foreign","b":1}', '{"password":"<hidden>","b":1}'),
        ('{"password":"a\\\\","b":1}', '{"password":"<hidden>","b":1}'),
        ('{"password":"\\"foreign\\\\\\"foreign","b":1}', '{"password":"<hidden>","b":1}'),
        (json.dumps(json.dumps({"password": 'a"foreign', "b": 1})), '"{\\"password\\": \\"<hidden>\\", \\"b\\": 1}"'),
        (
            json.dumps(json.dumps({"password": 'a\\"foreign\\', "b": 1})),
            '"{\\"password\\": \\"<hidden>\\", \\"b\\": 1}"',
        ),
        (repr({"password": "a'\"foreign", "b": 1}), "{'password': '<hidden>', 'b': 1}"),
        ("password: foreign", "password: <hidden>"),
        ("the password: foreign is wrong", "the password: <hidden> is wrong"),
        ("token: foreign", "token: <hidden>"),
        ("token: Foreign was here", "token: <hidden> was here"),
        ("password = foreign", "password = <hidden>"),
        ("password = 'foreign' # a", "password = '<hidden>' # a"),
        ("password=bob&a=1", "password=<hidden>&a=1"),
        ("accessToken=foreign&refreshToken=foreign&a=1", "accessToken=<hidden>&refreshToken=<hidden>&a=1"),
        ('{"clientSecret": "foreign", "idToken":"foreign"}', '{"clientSecret": "<hidden>", "idToken":"<hidden>"}'),
        ("redis://:foreign@host/0", "redis://:<hidden>@host/0"),
        ("postgres://u:for:ei@gn@h:5432/db", "postgres://u:<hidden>@h:5432/db"),
        ("Bearer%2520foreignforeignforeign&a=1", "Bearer%2520<hidden>&a=1"),
        ("Bearer%20foreign%2Fforeign%2525252Bforeign%3D&a=1", "Bearer%20<hidden>&a=1"),
        ("\\nBearer foreignforeignforeign", "\\nBearer <hidden>"),
    ],
)
def test_a_value_ends_where_its_writer_ended_it(text: str, shown: str) -> None:
    assert Redactor().text(text) == Redactor().text(shown) == shown


def test_names_in_camel_case_are_those_of_mappings_too() -> None:
    assert Redactor().value({"accessToken": "foreign", "X-Api-Key": "foreign"}) == {
        "accessToken": "<hidden>",
        "X-Api-Key": "<hidden>",
    }


@pytest.mark.parametrize("kind", TOKENS)
def test_signs_in_percent_encoding_are_the_same_token(kind: str) -> None:
    token, text = TOKENS[kind], Redactor().text
    for escapes in ({"_": "%5F", ".": "%2E", "-": "%2D"}, {"_": "%255f", ".": "%252e", "-": "%252d"}):
        assert text("".join(escapes.get(sign, sign) for sign in token)) == text(token)


@pytest.mark.parametrize(
    "text",
    [
        "http://127.0.0.1:8080/a@b",
        "if token == expected:",
        "status_code=200",
        "/x%3Fstatus_code%3D200",
        "the token: it was refused",
        "the keyJournal eyJ",
        "k4.public.abcdefghijkl",
        "Bearer of bad news",
        "a cookie, the second one",
        "GET /orders?page=2 HTTP/1.1",
        "ww_ss_ is a prefix",
        "authorization is needed",
    ],
)
def test_what_is_no_token_stays(text: str) -> None:
    assert Redactor().text(text) == text


def test_what_was_redacted_is_not_redacted_again() -> None:
    for token in TOKENS.values():
        for place in PLACES:
            once = Redactor().text(place.format(token))
            assert Redactor().text(once) == once


def test_a_prefix_of_api_keys_can_be_named() -> None:
    key = f"acme_test_{SECRET}123456"
    assert SECRET in Redactor().text(key)
    assert SECRET not in Redactor("acme").text(key)
    assert SECRET in Redactor("a").text(key)
    with pytest.raises(ConfigurationError):
        RedactTokens("(a+)+")


def test_nested_values_keep_their_shape() -> None:
    made = record("%s %d", {"a": [SESSION, {"Cookie": "a=foreign"}], "n": 1, SESSION: (b"dpop", b"foreign")}, 7)
    assert SECRET not in written(made)
    assert "foreign" not in written(made)
    assert made.args is not None
    assert made.args[1] == 7  # type: ignore[index]
    extra = record(
        "a", headers={"HTTP_AUTHORIZATION": "foreign"}, authorization="foreign", url=SESSION, body=SESSION.encode()
    )
    assert SECRET not in written(extra)
    assert "foreign" not in written(extra)


def test_a_token_that_message_and_args_make_together_goes() -> None:
    assert SECRET not in written(record("ww_ss_%s", SECRET)).partition("{")[0]
    assert "foreign" not in written(record("Authorization: %s", "foreign"))
    assert "foreign" not in written(record("/x?token=%s", "foreign"))


class Shows:
    def __str__(self) -> str:
        return SESSION


def test_objects_and_exceptions_show_none() -> None:
    assert SECRET not in written(record(Shows()))
    assert SECRET not in written(record("%s", Shows()))
    assert SECRET not in written(record("%s", ValueError(SESSION)))
    made = record("a")
    try:
        raise ValueError(SESSION)
    except ValueError:
        made.exc_info = sys.exc_info()
    made.stack_info = SESSION
    shown = written(made)
    assert SECRET not in shown
    assert "ValueError: <session" in shown


class Breaks:
    def __str__(self) -> str:
        raise RuntimeError(SESSION)


def test_it_never_raises_and_shows_nothing_then() -> None:
    made = record("%s", Breaks(), seen=SESSION)
    assert FAILED in written(made)
    assert SECRET not in repr(vars(made))
    loop: list[Any] = [SESSION]
    loop.append(loop)
    assert SECRET not in written(record("%s", loop))
    assert SECRET not in written(record("%s %s", SESSION))
    assert RedactingFormatter(of="uvicorn.logging.AccessFormatter").format(record("a")) == FAILED


def seconds(text: str) -> float:
    begun = time.process_time()
    Redactor().text(text)
    return time.process_time() - begun


@pytest.mark.parametrize(
    "piece",
    [
        *("eyJ", "eyJ.", "ww_ss_", "authorization:", "cookie\t", "token=", "token'", "__Host-", "__Host-a", "bearer "),
        *(
            "a",
            "v4.public.",
            "k4.secret.",
            "'",
            "\\'",
            "%3D",
            "-eyJ",
            " ",
            "\\n",
            "%25",
            "\\u0022eyJ",
            "[31m",
            "\t",
            "=",
            "\n",
        ),
    ],
)
def test_a_megabyte_is_read_once(piece: str) -> None:
    """Eight times the text takes about eight times as long, where a regex that goes back takes 64 times."""
    few, many = (piece * (size // len(piece)) for size in (125_000, 1_000_000))
    assert seconds(many) < 24 * max(seconds(few), 0.005)


@pytest.mark.parametrize(
    "begin", ["token=", 'token="', 'token=\\"', "token%3D", "token%", "://a:", "ww_ss_", "bearer ", "cookie: '"]
)
@pytest.mark.parametrize("piece", ["\\", "25", "%25", "@", "%2525255F", '\\\\"'])
def test_nor_is_what_follows_a_word_read_twice(begin: str, piece: str) -> None:
    few, many = (begin + piece * (size // len(piece)) for size in (60_000, 480_000))
    assert seconds(many) < 24 * max(seconds(few), 0.005)


# as servers write it

CONFIG = """
from uvicorn.config import LOGGING_CONFIG

LOGGING_CONFIG["formatters"]["access"] |= {
    "()": "watchword.web.logging.RedactingFormatter", "of": "uvicorn.logging.AccessFormatter"
}
LOGGING_CONFIG["filters"] = {"tokens": {"()": "watchword.web.logging.RedactTokens"}}
for handler in LOGGING_CONFIG["handlers"].values():
    handler["filters"] = ["tokens"]

async def app(scope, receive, send):
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body"})
    if scope["path"] == "/boom":
        raise ValueError(scope["query_string"])

if __name__ == "__main__":
    import os, socket, uvicorn
    taken = socket.socket(fileno=int(os.environ["SOCKET"]))
    server = uvicorn.Server(uvicorn.Config(app, log_config=LOGGING_CONFIG, lifespan="off"))
    server.run(sockets=[taken])
"""


def test_uvicorn(tmp_path: Path) -> None:
    (tmp_path / "served.py").write_text(CONFIG)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        environment = os.environ | {"SOCKET": str(listening.fileno()), "NO_COLOR": "1"}
        with subprocess.Popen(
            [sys.executable, "served.py"],
            cwd=tmp_path,
            env=environment,
            pass_fds=[listening.fileno()],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as server:
            base = f"http://127.0.0.1:{listening.getsockname()[1]}"
            for path in ("/x", "/boom"):
                httpx.get(f"{base}{path}?token={SESSION}&a=1")
            server.terminate()
            out, _ = server.communicate(timeout=20)
    assert SECRET not in out
    assert "/x?token=<session ww_ss_… #" in out
    assert '&a=1 HTTP/1.1" 204' in out
    assert "ValueError: b'token=<session" in out


FILTERED = """
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"tokens": {"()": "watchword.web.logging.RedactTokens"}},
    "formatters": {"plain": {"format": "%(name)s %(message)s"}},
    "handlers": {
        "out": {
            "class": "logging.StreamHandler", "stream": "ext://sys.stdout", "filters": ["tokens"], "formatter": "plain"
        }
    },
    "root": {"handlers": ["out"], "level": "INFO"},
}
"""

GUNICORN = """
logconfig_dict = LOGGING | {
    "loggers": {
        "gunicorn.access": {"handlers": ["out"], "level": "INFO", "propagate": False},
        "gunicorn.error": {"handlers": ["out"], "level": "INFO", "propagate": False},
    }
}
access_log_format = '"%(r)s" %(s)s "%(f)s" %({authorization}i)s %({cookie}i)s %({accept}i)s %({x-none}i)s'
"""

WSGI = """
def app(environ, start_response):
    if environ["PATH_INFO"] == "/boom":
        raise ValueError(environ["QUERY_STRING"])
    start_response("204 No Content", [])
    return []
"""


def test_gunicorn(tmp_path: Path) -> None:
    """Its access log hands over atoms, which answer "-" for what is not there."""
    (tmp_path / "conf.py").write_text(FILTERED + GUNICORN)
    (tmp_path / "served.py").write_text(WSGI)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        command = [sys.executable, "-m", "gunicorn", "-c", "conf.py", "--bind", f"fd://{listening.fileno()}"]
        with subprocess.Popen(
            [*command, "served:app"],
            cwd=tmp_path,
            pass_fds=[listening.fileno()],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as server:
            base = f"http://127.0.0.1:{listening.getsockname()[1]}"
            told = {"authorization": "foreign", "cookie": "a=foreign", "referer": f"https://a.test/?code={SECRET}"}
            for path in ("/x", "/boom"):
                httpx.get(f"{base}{path}?token={SESSION}&a=1", headers=told | {"accept": "text/html"}, timeout=20)
            server.terminate()
            out, _ = server.communicate(timeout=20)
    assert SECRET not in out
    assert "foreign" not in out
    [line] = [one for one in out.splitlines() if one.startswith("gunicorn.access") and "/x?" in one]
    assert "/x?token=<session ww_ss_… #" in line
    assert line.endswith("<hidden> <hidden> text/html -")
    assert "ValueError: token=<session ww_ss_… #" in out


DJANGO = """
import sys
import django
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.core.servers.basehttp import WSGIRequestHandler, WSGIServer
from django.http import HttpResponse
from django.test import Client
from django.urls import path

settings.configure(
    ROOT_URLCONF=__name__,
    ALLOWED_HOSTS=["testserver", "127.0.0.1"],
    MIDDLEWARE=["django.middleware.common.CommonMiddleware"],
    LOGGING=LOGGING | {
        "loggers": {name: {"handlers": ["out"], "propagate": False} for name in ("django", "django.server")}
    },
)
django.setup()

def boom(request):
    raise ValueError(request.GET["token"])

urlpatterns = [path("x", lambda request: HttpResponse("x")), path("boom", boom)]
token = sys.stdin.readline().strip()
client = Client(raise_request_exception=False)
client.get(f"/nowhere/{token}")
client.get(f"/boom?token={token}")
client.get("/x", headers={"host": token})
server = WSGIServer(("127.0.0.1", 0), WSGIRequestHandler)
server.set_app(WSGIHandler())
print(server.server_port, flush=True)
server.handle_request()
server.server_close()
"""


def test_django(tmp_path: Path) -> None:
    """Its settings' LOGGING, with the filter on each handler: pages that are not there, errors, hosts, runserver."""
    (tmp_path / "project.py").write_text(FILTERED + DJANGO)
    pipe = subprocess.PIPE
    command = [sys.executable, "project.py"]
    with subprocess.Popen(
        command, cwd=tmp_path, stdin=pipe, stdout=pipe, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(f"{SESSION}\n")
        process.stdin.flush()
        before: list[str] = []
        while not (before and before[-1].strip().isdigit()):
            before.append(line := process.stdout.readline())
            assert line, "".join(before)
        httpx.get(f"http://127.0.0.1:{before[-1].strip()}/x?token={SESSION}", timeout=20)
        rest, _ = process.communicate(timeout=20)
    out = "".join(before) + rest
    assert SECRET not in out
    assert "django.request Not Found: /nowhere/<session ww_ss_… #" in out
    assert "ValueError: <session ww_ss_… #" in out
    assert "django.security.DisallowedHost Invalid HTTP_HOST header: '<session ww_ss_… #" in out
    assert 'django.server "GET /x?token=<session ww_ss_… #' in out
