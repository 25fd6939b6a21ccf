"""What one revocation writes, when others write as well."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from watchword.app import Watchword
from watchword.errors import TokenRevokedError
from watchword.stores.base import Effect, Record
from watchword.stores.memory import MemoryStore


class Lost(MemoryStore):
    """Somebody else is quicker at each session."""

    async def swap(self, record: Record, *, version: int, effect: Effect | None = None, **more: Sequence[Any]) -> bool:
        if record.kind == "session":
            return False
        return await super().swap(record, version=version, effect=effect, **more)


async def test_a_new_password_ends_the_rest_even_where_no_session_can_be_spared() -> None:
    async with Watchword("memory:", issuer="https://app.example", audience="https://api.example") as ww:
        kept, other = await ww.sessions.start("ada"), await ww.sessions.start("ada")
        ww.store.__class__ = Lost  # the same rows, from now on
        await ww.subject_changed("ada", "password", keep=kept.token)
        for session in (kept, other):
            with pytest.raises(TokenRevokedError):
                await ww.sessions.authenticate(session.token)
