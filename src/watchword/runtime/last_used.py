"""Writes the last uses of API keys in batches, so that a check of a key writes nothing."""

from __future__ import annotations

from ..tokens.api_keys import ApiKeys


class LastUsed:
    """One tick is one batch. What a crash loses is at most the uses of the last tick."""

    name = "last-used"
    seconds = 30.0

    def __init__(self, api_keys: ApiKeys) -> None:
        self._api_keys = api_keys

    async def tick(self) -> None:
        await self._api_keys.flush()
