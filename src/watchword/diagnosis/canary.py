"""Canary: the account that the doctor acts with, and where its application answers. It leaves no session behind."""

from __future__ import annotations

import os
import stat
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from ..errors import ConfigurationError
from .patient import Answer, Pairs, Patient, UnreachableError

VARIABLES = {"username": "WATCHWORD_CANARY_USERNAME", "password": "WATCHWORD_CANARY_PASSWORD"}
Wanted = Annotated[str, Meta(pattern=r"^((GET|POST|PUT|PATCH|DELETE) /[!-~]*)?$")]


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
    """

    username: str = ""
    password: str = ""
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
    """One session of the canary. ``answer`` is that of its sign-in."""

    name: str
    token: str
    answer: Answer
    patient: Patient
    paths: Paths

    def __repr__(self) -> str:
        return "Visit(...)"

    @property
    def cookie(self) -> tuple[str, str]:
        return "cookie", f"{self.name}={self.token}"

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
        found = answer.json() if answer.ok else {}
        return {name: text for name in ("access_token", "refresh_token") if isinstance(text := found.get(name), str)}

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
    found = session_cookie(answer)
    if found is None:
        raise UnreachableError(
            f"the canary could not sign in: status {answer.status}, and no cookie that is its session"
        )
    visit = Visit(*found, answer, patient, canary.paths)
    try:
        yield visit
    finally:
        if canary.paths.sign_out:
            with suppress(UnreachableError):
                visit.sign_out()


def session_cookie(answer: Answer) -> tuple[str, str] | None:
    """Name and value of the cookie that holds the session: the longest value that was set."""
    pairs = [line.partition(";")[0].partition("=") for line in answer.all("set-cookie")]
    held = [(name.strip(), value.strip()) for name, _, value in pairs if len(value.strip()) >= 16]
    return max(held, key=lambda pair: len(pair[1])) if held and answer.status < 400 else None
