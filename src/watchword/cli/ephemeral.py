"""A server for the moment: a temporary SQLite file, fresh keys, one user and one client. It leaves nothing behind."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from secrets import choice, token_urlsafe
from tempfile import TemporaryDirectory
from types import FrameType
from typing import Any
from urllib.parse import quote

from msgspec import Struct

from .. import blocking
from ..app import Watchword, keywords
from ..config import ClientSettings, ServerSettings, Settings
from ..errors import SealError
from .listening import listen_somewhere

PREFERRED_PORT = 8765
USER = "demo"
SCOPES = ("orders:read", "orders:write")
CLIENT = "demo-api"

_CONSONANTS, _VOWELS = "bdfghklmnprstvz", "aeiou"


class Ephemeral(Struct, frozen=True):
    """What there is to know about it. ``settings`` also serve to open a second Watchword on the same file."""

    base: str
    settings: Settings
    app: Any
    sockets: list[socket.socket]
    passphrase: str
    client_secret: str
    user: str = USER
    client: str = CLIENT


@contextmanager
def ephemeral(sockets: list[socket.socket] | None = None) -> Iterator[Ephemeral]:
    """Make it, and remove it at the end, also at Ctrl-C, SIGTERM and when the terminal goes away."""
    from ..server.app import create_app

    with _ending_is_an_exception(), TemporaryDirectory(prefix="watchword-demo-") as folder:
        sockets = sockets if sockets is not None else listen_somewhere("localhost", PREFERRED_PORT)
        try:
            base, secret = f"http://localhost:{sockets[0].getsockname()[1]}", token_urlsafe(32)
            client = ClientSettings(id=CLIENT, secret_sha256=sha256(secret.encode()).hexdigest())
            settings = Settings(
                url=f"sqlite:///{quote(str(Path(folder) / 'demo.db'))}",
                issuer=base,
                audience=f"{base}/api",
                server=ServerSettings(clients=(client,)),
            )
            app, phrase = create_app(settings), _passphrase()
            asyncio.run(_settle(app.state.server, phrase))
            yield Ephemeral(base, settings, app, sockets, phrase, secret)
        finally:
            for one in sockets:
                one.close()


async def _settle(server: Any, passphrase: str) -> None:
    async with server.running():
        await server.accounts.add(USER, passphrase, scopes=SCOPES)


def elsewhere(settings: Settings) -> blocking.Watchword:
    """Another process, as far as the server can tell: a Watchword of its own on the same file."""
    return blocking.Watchword(settings.url, **keywords(settings))


def revoke_elsewhere(settings: Settings, subject: str) -> None:
    """Revoke a subject as another process would."""
    with elsewhere(settings) as other:
        other.revoke(subject=subject)


def service_elsewhere(settings: Settings, service: str, audience: str) -> str:
    """A token with which a service of the same house calls the one that ``audience`` names."""

    async def issue() -> str:
        async with Watchword.from_settings(settings) as other:
            return other.service.issue(service, audience=audience).token

    return asyncio.run(issue())


def redeem_elsewhere(settings: Settings, redeems: int) -> tuple[int, bool]:
    """A sealed token for ``ada`` and ``bob``'s try at it, in two Watchwords on the same file, as two processes have.

    Answers how many of so many redeems at once had it, and whether bob did.
    """
    context: Any = {"purpose": "payment", "bound_to": "ada"}

    async def redeem() -> tuple[int, bool]:
        async with Watchword.from_settings(settings) as one, Watchword.from_settings(settings) as other:
            token = one.sealed.seal({"order_id": "o-1", "amount": 1200, "currency": "EUR"}, **context).token
            try:
                other.sealed.open(token, purpose="payment", bound_to="bob")
                stolen = True
            except SealError:
                stolen = False
            asked = [(one, other)[number % 2].sealed.redeem(token, **context) for number in range(redeems)]
            answers = await asyncio.gather(*asked, return_exceptions=True)
            return sum(isinstance(answer, dict) for answer in answers), stolen

    return asyncio.run(redeem())


def change_roles_elsewhere(settings: Settings, name: str, *roles: str) -> None:
    """Give a user other roles as ``watchword users roles`` would."""
    from ..server.accounts.accounts import Accounts
    from ..server.accounts.password_pool import PasswordPool

    async def change() -> None:
        async with Watchword.from_settings(settings) as other:
            await Accounts(other, PasswordPool(1)).set_roles(name, roles)

    asyncio.run(change())


def tampered(token: str, place: float = 1 / 3) -> str:
    """The token with one character changed, so far behind its first dot."""
    head, _, rest = token.partition(".")
    at = int(len(rest) * place)
    return f"{head}.{rest[:at]}{'A' if rest[at] != 'A' else 'B'}{rest[at + 1 :]}"


def _passphrase() -> str:
    """Four words that can be said aloud, 74 random bits."""
    return "-".join("".join(choice(_CONSONANTS) + choice(_VOWELS) for _ in range(3)) for _ in range(4))


@contextmanager
def _ending_is_an_exception() -> Iterator[None]:
    """SIGTERM and SIGHUP unwind the stack like Ctrl-C, so that the directory goes; put back as it was afterwards."""

    def end(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    wanted = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before: dict[int, Any] = {}
    with suppress(ValueError):  # not the main thread: then signals are somebody else's
        for number in wanted:
            before[number] = signal.signal(number, end)
    try:
        yield
    finally:
        for number, way in before.items():
            signal.signal(number, way)
