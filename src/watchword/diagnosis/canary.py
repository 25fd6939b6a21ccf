"""Canary: the account that the doctor acts with, and where its application answers. It leaves no session behind."""

from __future__ import annotations

import os
import stat
import tomllib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from ..errors import ConfigurationError
from .patient import Answer, Pairs, Patient, UnreachableError

VARIABLES = {"username": "WATCHWORD_CANARY_USERNAME", "password": "WATCHWORD_CANARY_PASSWORD"}
Wanted = Annotated[str, Meta(pattern=r"^((GET|POST|PUT|PATCH|DELETE) /[!-~]*)?$")]


SHORTEST = 16
"""Characters of a cookie that may be a session: with fewer it can be guessed."""
UNTOLD = 'which of its cookies is the session cannot be told: write cookie = "NAME" into the canary file'


class Paths(Struct, frozen=True, forbid_unknown_fields=True):
    """Where things are, as ``METHOD /path``; those of ``watchword serve`` unless named. Empty: there is none."""

    page: Wanted = "GET /"
    me: Wanted = "GET /api/me"
    sign_in: Wanted = "POST /account/sign-in"
    sign_out: Wanted = "DELETE /account/session"
    sessions: Wanted = "GET /account/sessions"
    tokens: Wanted = "POST /account/tokens"
    refresh: Wanted = "POST /oauth/token"
    jwks: Wanted = "GET /.well-known/jwks.json"
    paseto_keys: Wanted = "GET /.well-known/paseto-keys.json"
    health: Wanted = "GET /health"
    metrics: Wanted = "GET /metrics"


class Fields(Struct, frozen=True, forbid_unknown_fields=True):
    """What the members of a sign-in are called, and whether it is a form."""

    username: str = "username"
    password: str = "password"
    form: bool = False


class Canary(Struct, frozen=True, forbid_unknown_fields=True):
    """The account. ``max_staleness``: seconds within which a sign-out must reach every verifier.

    Unless said: what the configuration has, and without one 5.
    ``cookie``: the name of the session's cookie; empty: it is found out, by what ``me`` wants.
    """

    username: str = ""
    password: str = ""
    cookie: Annotated[str, Meta(pattern=r"^[!#$%&'*+.^_`|~0-9A-Za-z-]{0,128}$")] = ""
    max_staleness: Annotated[float, Meta(ge=0, le=60)] | None = None
    paths: Paths = Paths()
    fields: Fields = Fields()

    def __repr__(self) -> str:
        return "Canary(...)"

    @property
    def acts(self) -> bool:
        return bool(self.username and self.password)


def read_canary(path: str | None, environ: Mapping[str, str]) -> Canary:
    """The file, with the variables over it. Raises: ConfigurationError; a file that others can read is refused."""
    document: dict[str, Any] = {} if path is None else _document(Path(path))
    for name, variable in VARIABLES.items():
        if environ.get(variable):
            document[name] = environ[variable]
    try:
        return msgspec.convert(document, Canary)
    except msgspec.ValidationError as error:
        raise ConfigurationError(f"the canary does not fit: {error}") from error


def _document(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            document = tomllib.load(file)
    except OSError as error:
        raise ConfigurationError(f"{path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        raise ConfigurationError(f"{path} is not TOML") from None  # such an error may quote the password
    if "password" in document and mode & 0o077:
        raise ConfigurationError(f"{path} has mode {mode:04o} and a password; run: chmod 600 {path}")
    return document


class Visit(Struct, frozen=True):
    """One session of the canary. ``answer`` is that of its sign-in; ``beside``: the other cookies that it set."""

    name: str
    token: str
    answer: Answer
    patient: Patient
    paths: Paths
    beside: Mapping[str, str] = {}

    def __repr__(self) -> str:
        return "Visit(...)"

    @property
    def cookie(self) -> tuple[str, str]:
        """What a browser sends."""
        return _cookies({self.name: self.token, **self.beside})

    def cookie_of(self, token: str) -> tuple[str, str]:
        """The same with another token instead of the session's, and without its copies."""
        others = {name: value for name, value in self.beside.items() if self.token not in value}
        return _cookies({self.name: token, **others})

    def own(self) -> list[tuple[str, str]]:
        """The headers of a page of the application itself."""
        return [self.cookie, *own_page(self.patient)]

    def knows(self, patient: Patient | None = None) -> Answer:
        """What the protected page says to the session's cookie."""
        there = patient or self.patient
        return there.ask(self.paths.me, headers=[self.cookie, *own_page(there)])

    def mint(self, format: str = "jwt") -> dict[str, str]:
        """An access and a refresh token of this session; empty where there is no such endpoint."""
        if not self.paths.tokens:
            return {}
        answer = self.patient.ask(self.paths.tokens, headers=self.own(), json={"format": format})
        if not answer.ok:
            return {}
        said = answer.json()
        return {name: text for name in ("access_token", "refresh_token") if (text := said.text(name))}

    def sign_out(self, *more: tuple[str, str]) -> Answer:
        return self.patient.ask(self.paths.sign_out, headers=more or self.own())


def own_page(patient: Patient) -> list[tuple[str, str]]:
    """What a browser says of a request from a page of this origin."""
    return [("origin", patient.origin), ("sec-fetch-site", "same-origin")]


def bearer(token: str) -> tuple[str, str]:
    return "authorization", f"Bearer {token}"


def sign_in(canary: Canary, patient: Patient, headers: Pairs) -> Answer:
    """The answer to the canary's name and password. Raises: UnreachableError, also where they must not be sent."""
    if not patient.confidential:
        raise UnreachableError(f"{patient.origin} has no TLS, and a password is not sent there")
    said = {canary.fields.username: canary.username, canary.fields.password: canary.password}
    body: dict[str, Any] = {"form": said} if canary.fields.form else {"json": said}
    return patient.ask(canary.paths.sign_in, headers=headers, **body)


@contextmanager
def visiting(canary: Canary, patient: Patient) -> Iterator[Visit]:
    """A fresh session, ended afterwards. Raises: UnreachableError where the canary cannot sign in."""
    answer = sign_in(canary, patient, own_page(patient))
    visit = entered(canary, answer, patient)
    if visit is None:
        raise UnreachableError(f"the canary could not sign in: {not_entered(answer)}")
    try:
        yield visit
    finally:
        leave(visit)


def leave(visit: Visit | None) -> None:
    """End it, where it began and can be ended."""
    if visit is not None and visit.paths.sign_out:
        with suppress(UnreachableError):
            visit.sign_out()


def not_entered(answer: Answer) -> str:
    """Why a sign-in has begun nothing."""
    if answer.status == 429:
        return "limits of attempts stop it (429); let the canary pass, or wait"
    if answer.status >= 500:
        return f"the sign-in fails with {answer.status}, whatever the password"
    return f"status {answer.status}, and no cookie that is its session"


def entered(canary: Canary, answer: Answer, patient: Patient) -> Visit | None:
    """The session that a sign-in began. Raises: UnreachableError where several cookies could be it."""
    held = kept(answer)
    if answer.status >= 400 or not held:
        return None
    try:
        name = canary.cookie or patient.session_cookie or _found_out(canary, held, patient)
    except UnreachableError:
        leave(Visit(*held.popitem(), answer, patient, canary.paths, held))
        raise
    if not (token := held.pop(name, "")):
        return None
    return Visit(name, token, answer, patient, canary.paths, held)


def kept(answer: Answer) -> dict[str, str]:
    """The cookies that an answer sets, as browsers keep them: of one name the last. What is emptied is none."""
    pairs = [line.partition(";")[0].partition("=") for line in answer.all("set-cookie")]
    held = {name.strip(): value.strip() for name, _, value in pairs}
    return {name: value for name, value in held.items() if value.strip('"')}


def knows_cookies(canary: Canary, held: Mapping[str, str], patient: Patient) -> bool:
    """Whether the protected page takes these cookies."""
    shown = [_cookies(held)] if held else []
    return patient.ask(canary.paths.me, headers=[*shown, *own_page(patient)]).ok


def _found_out(canary: Canary, held: Mapping[str, str], patient: Patient) -> str:
    """The name of the session's cookie: the one without which ``me`` is refused. Empty where there is none.

    A framework may set others that are as long or longer, for CSRF.
    """
    known: Callable[[Mapping[str, str]], bool] = lambda some: knows_cookies(canary, some, patient)  # noqa: E731
    long = [name for name, value in held.items() if len(value) >= SHORTEST]
    good = bool(long) and known(held)
    if len(long) > 1:
        if not good or known({}):
            raise UnreachableError(UNTOLD)
        wanted = [one for one in long if not known({name: value for name, value in held.items() if name != one})]
        long = wanted or [one for one in long if known({one: held[one]})]
    found = max(long, key=lambda name: len(held[name]), default="")
    if good:
        patient.session_cookie = found
    return found


def _cookies(held: Mapping[str, str]) -> tuple[str, str]:
    return "cookie", "; ".join(f"{name}={value}" for name, value in held.items())
