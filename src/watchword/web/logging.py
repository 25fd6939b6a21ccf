"""Logs without tokens: a filter and a formatter that leave of each token its kind and its id, or a short digest.

``<access eyJ… id=9xPq…>``, ``<refresh ww_rt_… id=Zk1w….3>``, ``<session ww_ss_… #1a2b3c>``, ``Cookie: <hidden>``.
Kind and id are what JWTs, PASETOs and refresh tokens say of themselves, unverified. Opaque tokens say nothing: theirs
is a digest, the first 24 bits of the token's SHA-256; the same token has the same one, and nobody gets from it to the
token. Passwords and other secrets of low entropy get no digest.

What it cannot know: an opaque token of somebody else that stands in a text alone, with no word before it that says so;
a token that is cut in two by the log line itself, or whose letters are escapes; where a bare password ends that holds a
space, a quote or one of ``,;&#<``; and what a handler reads from an object on the record, such as Django's ``request``.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from copy import copy
from hashlib import sha256
from importlib import import_module
from typing import Any, Literal

from ..encoding import json_object, unb64url
from ..errors import ConfigurationError, WatchwordError
from ..tokens.base import KINDS

FAILED = "<a log record that could not be redacted>"
HIDDEN = "hidden"
DEEPEST = 8
_LONGEST_JWT = 16_384
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}
_BY_TYP = {kind.typ.removesuffix("+jwt"): name for name, kind in KINDS.items() if kind.typ}
_SIGNATURES = {"v1": 256, "v2": 64, "v3": 96, "v4": 64}
"""Bytes at the end of what PASETOs sign, by version."""
_OPAQUE = {start: name for name, kind in KINDS.items() for start in kind.starts if start.startswith("ww_")}
_HEADERS = frozenset({"authorization", "proxy_authorization", "cookie", "set_cookie", "dpop"})
_SECRETS = frozenset(
    {"access_token", "refresh_token", "id_token", "token", "api_key", "apikey", "x_api_key", "client_secret"}
    | {"client_assertion", "assertion", "subject_token", "actor_token", "code_verifier", "device_code"}
    | {"password", "passwd", "secret", "sessionid", "csrftoken"}
)
_SPOKEN = frozenset({"token", "assertion"})
_PLAIN = frozenset(name.replace("_", "") for name in _HEADERS | _SECRETS)
_ATOM = re.compile(r"\{([^{}]{1,64})\}[ioe]")
"""How gunicorn names a header among the args of its access log."""
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
_ROTATED = re.compile(r"ww_rt_([A-Za-z0-9_-]{22}\.[1-9][0-9]{0,8})\.[^.]+\.[^.]+", re.ASCII)


def _any(names: frozenset[str]) -> str:
    return "|".join(sorted(name.replace("_", "[_-]?+") for name in names))


# Every repetition is bounded, or takes all there is and gives nothing back ("++"), and nothing has to follow it: so a
# text is read once, whatever is in it.
_DONE = r"<(?:hidden|[a-z_]{2,14} [A-Za-z0-9_.]{2,40}… (?:id=[A-Za-z0-9_.-]{1,64}|#[0-9a-f]{6}))>"
"""What stands in the place of a value already, so that a text can be redacted twice."""
_CLEAR = (
    r"(?:(?<![A-Za-z0-9])|(?<=%[0-9A-Fa-f]{2})|(?<=25[0-9A-Fa-f]{2})|(?<=\\[a-z])|(?<=\\[0-7]{3})"
    r"|(?<=\\x[0-9A-Fa-f]{2})|(?<=\\u[0-9A-Fa-f]{4})|(?<=\\U[0-9A-Fa-f]{8})|(?<=[0-9\[Bb]m))"
)
"""Where a word begins: after what is no letter or digit, and after an escape, which ends in one.

The escapes: ``%3D``, ``%253D`` and deeper, ``\\n``, ``\\x00``, ``\\u0022``, and the colours of a terminal (``[31m``).
Tokens whose beginning nothing else has are found without it.
"""


def _quoted(sign: str, backslashes: int) -> str:
    """A value between signs that have so many backslashes before them: 0, in JSON in a JSON text 1, and once more 3.

    A sign of its own has the backslashes of one level more before it.
    """
    own = rf"(?:\\{{{2 * backslashes + 2}}})*+\\{{{2 * backslashes + 1}}}{sign}"
    start = rf"\\{{{backslashes}}}{sign}"
    even = rf"(?:(?:\\{{{2 * backslashes + 2}}})++(?={start}))?+"
    return rf"{start}(?!{_DONE}[{sign}\\])(?:[^{sign}\\\r\n]++|\\++(?!{sign})|{own})*+{even}"


_QUOTED = "|".join(_quoted(sign, backslashes) for backslashes in (3, 1, 0) for sign in "'\"")
_QUOTE = re.compile(r"\\{0,3}['\"]")
_BARE = r"(?!\\{0,3}['\"])"
_BYTES = r"(?:b(?=\\{0,3}['\"]))?+"
_LETTER = r"%(?:25)*+(?:2[BbDdEeFf]|3[Dd]|5[Ff]|7[Ee])"
"""A sign of tokens and credentials in percent-encoding, which has no need of it: ``ww%5Fss%5F…``."""
_ASKED = r"(?:(?<=[?&])|(?<=%26)|(?<=%3F)|(?<=2526)|(?<=253F))"
_KEY = rf"(?i:(?=[acdiprstx]){_CLEAR}(?:(?P<spoken>{_any(_SPOKEN)})|{_any(_SECRETS - _SPOKEN)})|{_ASKED}code)"
"""The name of a value, in letters of either case. ``code`` is one only where it begins a query, or goes on in one."""
_PROSE = r"(?(spoken)(?![a-z]{1,12}+[ ,.]{1,2}+[a-z]))"
"""What follows ``token: `` is a value, unless it reads as two words: ``the token: it was refused``."""
_ESCAPE = r"\\++(?!['\"])"
"""Backslashes within a value, not those of the sign that ends the text it stands in."""
_NAMED = (
    rf"(?i:(?<![a-z0-9_-])(?:{_any(_HEADERS)}))(?:[:=]|\\{{0,3}}['\"][ \t]{{0,4}}[:,])[ \t]{{0,4}}+{_BYTES}"
    rf"(?P<line>{_QUOTED}|{_BARE}[^\r\n]++)"
    rf"|{_KEY}(?:%(?P<deep>(?:25)*+)3[Dd](?P<nested>(?:[^&\s\"'#;,<%\\]|{_ESCAPE}|%(?!(?:25)*+26)|%(?=(?P=deep)25))++)"
    rf"|(?:=|[ \t]{{1,4}}+=(?!=)[ \t]{{0,4}}+|\\{{0,3}}['\"][ \t]{{0,4}}:[ \t]{{0,4}}+|:[ \t]{{1,4}}+{_PROSE}){_BYTES}"
    rf"(?P<value>{_QUOTED}|{_BARE}(?:[^&\s\"'#;,<\\]++|{_ESCAPE})++))"
    rf"|__(?i:Host|Secure)-[^\s=;,]{{1,64}}+=(?P<crumb>(?:[^\s;,\"'<\\]++|{_ESCAPE})++)"
    rf"|(?i:(?=[bd]){_CLEAR}(?:bearer|basic|dpop))(?:[ \t]{{1,4}}+|%(?:25)*+20|\+)"
    rf"(?P<credential>(?:[A-Za-z0-9._~+/=-]|{_LETTER}){{16}}(?:[A-Za-z0-9._~+/=-]++|{_LETTER})*+)"
    r"|://[^\s/?#@:\"'<>]{0,128}+:(?P<user>(?!<)[^\s/?#\"'<>]{1,256})(?=@)"
)
"""What is hidden stands at the end of each."""
_LINE, _DOT = r"(?:_|%(?:25)*+5[Ff])", r"(?:\.|%(?:25)*+2[Ee])"
_TOKEN = (
    rf"(?P<token>(?:(?P<start>ww{_LINE}[a-z]{{2}}{_LINE}|(?=PREFIX){_CLEAR}PREFIX{_LINE}(?:live|test){_LINE})"
    rf"|(?P<jwt>(?=eyJ){_CLEAR}eyJ)|(?P<paseto>v[1-4]{_DOT}(?:public|local){_DOT})"
    rf"|(?P<paserk>k[1-4]{_DOT}(?:secret|local|seal)(?:-wrap|-pw)?{_DOT}))"
    rf"(?:[A-Za-z0-9_.-]|{_LETTER}){{8}}(?:[A-Za-z0-9_.-]++|{_LETTER})*+)"
)
_ESCAPED = re.compile(r"%(?:25)*+([0-9A-Fa-f]{2})")


class Redactor:
    """Text and values without tokens. ``prefix``: how your API keys begin (``sk``). Raises: ConfigurationError."""

    def __init__(self, prefix: str = "sk") -> None:
        if re.fullmatch(r"[a-z0-9_]{1,32}", prefix) is None:
            raise ConfigurationError(f"{prefix!a} is no prefix of API keys: small letters, digits and '_'")
        token = _TOKEN.replace("PREFIX", prefix)
        self._pattern = re.compile(f"{_NAMED}|{token}")
        self._known = re.compile(token)

    def text(self, text: str) -> str:
        """In time linear in its length."""
        return self._pattern.sub(self._shown, text)

    def value(self, value: Any, depth: int = 0) -> Any:
        """The same for a value of a record's ``args``, which keeps its shape; of other objects where they show one."""
        if value is None or isinstance(value, bool | int | float):
            return value
        if isinstance(value, str):
            return value if (text := self.text(value)) == value else text
        if depth >= DEEPEST:
            return f"<{HIDDEN}: nested too deep>"
        if isinstance(value, Mapping):
            return self._mapping(value, depth)
        if type(value) in (list, tuple, set, frozenset):
            return type(value)(self._pair(value, depth) or [self.value(one, depth + 1) for one in value])
        shown = value.decode("latin-1") if isinstance(value, bytes | bytearray) else f"{value}\n{value!r}"
        if (text := self.text(shown)) == shown:
            return value
        return text.encode("utf-8") if isinstance(value, bytes | bytearray) else self.text(str(value))

    def _mapping(self, value: Mapping[Any, Any], depth: int) -> Any:
        found = {
            self.value(key, depth + 1): f"<{HIDDEN}>" if one and _is_secret(key) else self.value(one, depth + 1)
            for key, one in value.items()
        }
        if not isinstance(value, dict) or type(value) is dict:
            return found
        fresh = copy(value)  # gunicorn's args answer "-" for what they do not hold
        fresh.clear()
        fresh.update(found)
        return fresh

    def _pair(self, value: Any, depth: int) -> list[Any] | None:
        """A header as servers keep it: name and value."""
        if not isinstance(value, set | frozenset) and len(value) == 2 and _is_secret(value[0]):
            return [value[0], f"<{HIDDEN}>"]
        return None

    def _shown(self, found: re.Match[str]) -> str:
        """What stands in the place of one match."""
        part = found.lastgroup or ""
        if part == "token":
            return _token(found)
        value, before = found[part], found[0].removesuffix(found[part])
        return f"{before}{_quote(value)}{f'<{HIDDEN}>' if part in ('line', 'user') else self._of(value)}"

    def _of(self, value: str) -> str:
        """A value that has to go, whatever it is."""
        known = self._known.fullmatch(value.strip("\\'\""))
        return f"<{HIDDEN}>" if known is None else _token(known)


class RedactTokens(logging.Filter):
    """A filter that takes tokens out of a record: message, args, exception, stack and what ``extra`` added.

    Put it on handlers: a filter on a logger does not see the records of the loggers below it. The shape of ``args``
    stays, for formatters of access logs; a message that shows a token only when it is put together becomes text. The
    traceback becomes text (``exc_text``), and ``exc_info`` is None then. It never raises: a record that cannot be
    redacted says only that. Parameters: prefix: how your API keys begin (``sk``).
    """

    def __init__(self, prefix: str = "sk") -> None:
        super().__init__()
        self._redactor = Redactor(prefix)

    def filter(self, record: logging.LogRecord) -> bool:
        try:
            self._clean(record)
        except Exception:  # noqa: BLE001  # a log line is not worth an error, and not worth a token
            record.msg, record.args = FAILED, ()
            record.exc_info = record.exc_text = record.stack_info = None
            for name in vars(record).keys() - _STANDARD:
                delattr(record, name)
        return True

    def _clean(self, record: logging.LogRecord) -> None:
        text = self._redactor.text
        if record.exc_info and not record.exc_text:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        record.exc_info = None
        record.exc_text = record.exc_text and text(record.exc_text)
        record.stack_info = record.stack_info and text(record.stack_info)
        for name in vars(record).keys() - _STANDARD:
            value = f"<{HIDDEN}>" if _is_secret(name) else self._redactor.value(getattr(record, name))
            setattr(record, name, value)
        record.msg = self._redactor.value(record.msg)
        if record.args:
            record.args = self._redactor.value(record.args)
        if (whole := text(message := record.getMessage())) != message:
            record.msg, record.args = whole, ()


class RedactingFormatter(logging.Formatter):
    """Another formatter, and then no tokens in what it wrote: for access logs, whose formatters look at the request.

    Parameters: of: the formatter that writes, a class or its dotted name. prefix: how your API keys begin. All others
    go to ``of``. What it raises is a line that says so.
    """

    def __init__(
        self,
        fmt: str | None = None,
        datefmt: str | None = None,
        style: Literal["%", "{", "$"] = "%",
        *,
        of: str | type[logging.Formatter] = logging.Formatter,
        prefix: str = "sk",
        **options: Any,
    ) -> None:
        super().__init__()
        room, _, name = of.rpartition(".") if isinstance(of, str) else ("", "", "")
        made: Any = getattr(import_module(room), name) if isinstance(of, str) else of
        self._inner: logging.Formatter = made(fmt, datefmt, style, **options)
        self._redactor = Redactor(prefix)

    def format(self, record: logging.LogRecord) -> str:
        try:
            return self._redactor.text(self._inner.format(record))
        except Exception:  # noqa: BLE001  # as above
            return FAILED


def _is_secret(name: object) -> bool:
    text = name.decode("latin-1") if isinstance(name, bytes) else name
    if not isinstance(text, str) or len(text) > 64:
        return False
    atom = _ATOM.fullmatch(text)
    plain = (text if atom is None else atom[1]).lower().replace("-", "_").removeprefix("http_")
    return plain.replace("_", "") in _PLAIN


def _token(found: re.Match[str]) -> str:
    token, start = _plain(found["token"]), _plain(found["start"] or "")
    if start:
        name = _OPAQUE.get(start) or ("token" if start.startswith("ww_") else "api_key")
        rotated = _ROTATED.fullmatch(token)
        return _shown_as(name, start, token, rotated and rotated[1])
    if found["jwt"]:
        return _signed("jwt", "eyJ", token, *_jwt(token))
    if found["paseto"]:
        return _signed("paseto", _plain(found["paseto"]), token, *_paseto(token))
    return _shown_as("key", _plain(found["paserk"]), token, None)


def _plain(text: str) -> str:
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text) if "%" in text else text


def _signed(name: str, start: str, token: str, head: dict[str, Any], claims: dict[str, Any]) -> str:
    typ, id = head.get("typ"), claims.get("jti")
    name = _BY_TYP.get(typ.removesuffix("+jwt"), name) if isinstance(typ, str) else name
    return _shown_as(name, start, token, id if isinstance(id, str) and _ID.fullmatch(id) else None)


def _shown_as(name: str, start: str, token: str, id: str | None) -> str:
    digest = sha256(token.encode("utf-8", "replace")).hexdigest()
    return f"<{name} {start}… {f'#{digest[:6]}' if id is None else f'id={id}'}>"


def _jwt(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and claims, unverified; empty where there are none to read."""
    parts = token.split(".", 3)
    whole = len(parts) == 3 and len(token) <= _LONGEST_JWT
    return (_read(parts[0]), _read(parts[1])) if whole else ({}, {})


def _paseto(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Footer and claims, unverified; empty where there are none to read."""
    parts = token.split(".", 4)
    if len(parts) not in (3, 4) or len(token) > _LONGEST_JWT:
        return {}, {}
    claims = _read(parts[2], signature=_SIGNATURES[parts[0]]) if parts[1] == "public" else {}
    return _read(parts[3]) if len(parts) == 4 else {}, claims


def _read(segment: str, *, signature: int = 0) -> dict[str, Any]:
    try:
        octets = unb64url(segment.encode())
        return json_object(octets[: len(octets) - signature])
    except WatchwordError:
        return {}


def _quote(value: str) -> str:
    found = _QUOTE.match(value)
    return "" if found is None else found[0]
