"""The client half. The refresh token lives in the secure storage of the operating system; the access token in memory.

``keyring`` stands in for the Keychain of iOS and the Keystore of Android: see README.md.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import httpx2
import keyring
from keyring.backend import KeyringBackend
from keyring.errors import PasswordDeleteError

SERVICE = "notes.example"
"""The name under which the secure storage keeps what is this application's."""
PAUSES = (0.0, 0.5, 1.0)
"""Seconds before each attempt to refresh. With 2 s for each answer, all is over within the server's grace of 10 s."""


class SignInAgainError(Exception):
    """This device was signed out, here or elsewhere, or its sign-in has ended: show the sign-in page."""


class OfflineError(Exception):
    """The server did not answer. Nothing is lost: the refresh token is kept, ask again when the network is back."""


class Client:
    """One account on one device: ``await client.request("GET", "/notes")`` refreshes by itself where that is due.

    Parameters: http: a client with the API's base_url, and a timeout of 2 s. device: how the list of devices is to call
    this one. storage: the keyring of the operating system, unless you name another.
    """

    def __init__(
        self,
        http: httpx2.AsyncClient,
        *,
        account: str,
        device: str,
        storage: KeyringBackend | None = None,
        pauses: Sequence[float] = PAUSES,
    ) -> None:
        self.account, self.device = account, device
        self._http, self._pauses = http, pauses
        self._storage = storage or keyring.get_keyring()
        self._access: str | None = None
        self._turn = asyncio.Lock()

    async def sign_in(self, password: str) -> None:
        asked = {"account": self.account, "password": password, "device": self.device}
        answer = await self._http.post("/sign-in", json=asked)
        answer.raise_for_status()
        await self._keep(answer.json())

    async def request(self, method: str, path: str) -> httpx2.Response:
        """Raises: SignInAgainError, OfflineError; httpx2.TransportError when the request itself was not answered."""
        access = await self._good_access(refused=None)
        answer = await self._send(method, path, access)
        if answer.status_code == 401:
            answer = await self._send(method, path, await self._good_access(refused=access))
        if answer.status_code == 401:
            await self._forget()
            raise SignInAgainError
        return answer

    async def sign_out(self) -> None:
        """This device forgets in any case; the server is told if it can be reached."""
        try:
            with suppress(SignInAgainError, OfflineError, httpx2.TransportError):
                await self.request("POST", "/sign-out")
        finally:
            await self._forget()

    async def _good_access(self, *, refused: str | None) -> str:
        """Single flight: of all who come at once, one refreshes, and the others find what it brought."""
        async with self._turn:
            if self._access is None or self._access == refused:
                self._access = None
                await self._refresh()
            assert self._access is not None
            return self._access

    async def _refresh(self) -> None:
        """Spend the refresh token for the next one.

        When the answer is lost, nobody knows whether the token was spent. So the very same is sent again: within the
        grace the server answers with the same successor. It must be the same, and soon; later it looks stolen.
        """
        spent = await asyncio.to_thread(self._storage.get_password, SERVICE, self.account)
        if spent is None:
            raise SignInAgainError
        for pause in self._pauses:
            await asyncio.sleep(pause)
            try:
                answer = await self._http.post("/token", json={"refresh_token": spent})
            except httpx2.TransportError:
                continue
            if answer.status_code == 200:
                await self._keep(answer.json())
                return
            if answer.status_code == 401:
                await self._forget()
                raise SignInAgainError
        raise OfflineError

    async def _keep(self, tokens: dict[str, Any]) -> None:
        """First the refresh token, on disk; only then is anything done with the access token."""
        await asyncio.to_thread(self._storage.set_password, SERVICE, self.account, tokens["refresh_token"])
        self._access = tokens["access_token"]

    async def _forget(self) -> None:
        self._access = None
        with suppress(PasswordDeleteError):  # there was none
            await asyncio.to_thread(self._storage.delete_password, SERVICE, self.account)

    async def _send(self, method: str, path: str, access: str) -> httpx2.Response:
        return await self._http.request(method, path, headers={"authorization": f"Bearer {access}"})
