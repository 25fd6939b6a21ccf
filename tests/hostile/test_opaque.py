"""T42: opaque tokens. What is none costs no look-up, the store holds none, and one that was rotated ends its family.

Races of a hundred threads stand in ``tests/properties/test_parallel.py``, the checksum of API keys in
``tests/unit/tokens/test_api_keys.py``.
"""

import pytest

from watchword.app import drive
from watchword.clock import FrozenClock
from watchword.crypto.digest import digest
from watchword.encoding import b64url
from watchword.errors import MalformedTokenError, TokenError, TokenNotFoundError, TokenReusedError
from watchword.formats import opaque
from watchword.keys.key import Key
from watchword.keys.ring import KeyRing
from watchword.stores.base import Record
from watchword.stores.memory import MemoryStore
from watchword.tokens.refresh import RefreshTokens
from watchword.tokens.sessions import Sessions

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


class Watched(MemoryStore):
    """Counts what is asked of it."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0
        self.open_blocking()

    async def get(self, kind: str, key: str, *, now: int) -> Record | None:
        self.asked += 1
        return await super().get(kind, key, now=now)


class House:
    def __init__(self) -> None:
        clock = FrozenClock()
        self.clock, self.store = clock, Watched()
        self.sessions = Sessions(self.store, clock=clock)
        ring = KeyRing.of(Key.generate("HS256", use="mac"), clock=clock)
        self.refresh = RefreshTokens(self.store, ring, clock=clock)
        self.session = drive(self.sessions.start("user-7")).token
        self.family = drive(self.refresh.issue("user-7", client_id="c")).token
        self.store.asked = 0


@pytest.fixture
def house() -> House:
    return House()


def test_t42_a_typo_in_a_refresh_token_costs_no_look_up(house: House) -> None:
    """Each character in turn is another one: the MAC notices before the store is asked."""
    for at, character in enumerate(house.family):
        other = ALPHABET[(ALPHABET.find(character) + 1) % 64]
        with pytest.raises(TokenError):
            drive(house.refresh.authenticate(house.family[:at] + other + house.family[at + 1 :]))
    assert house.store.asked == 0
    assert drive(house.refresh.authenticate(house.family)).subject == "user-7"


def test_t42_what_cannot_be_a_session_costs_no_look_up(house: House) -> None:
    token, secret = house.session, house.session.removeprefix("ww_ss_")
    wrong = [token[:-1], token + "A", token.upper(), secret, f"ww_rt_{secret}", f" {token}", f"{token}=", house.family]
    wrong += [f"ww_ss_{secret[:-1]}{last}" for last in ALPHABET if last not in "AEIMQUYcgkosw048"]  # spare bits
    wrong += [f"ww_ss_{secret[:20]}{odd}{secret[21:]}" for odd in "\0 +/.=\u0660"]
    for text in wrong:
        with pytest.raises(MalformedTokenError):
            drive(house.sessions.authenticate(text))
    assert house.store.asked == 0
    with pytest.raises(TokenNotFoundError):
        drive(house.sessions.authenticate(f"ww_ss_{b64url(bytes(32))}"))
    assert house.store.asked == 1


def test_t42_the_store_holds_no_token(house: House) -> None:
    """Neither the tokens nor their secrets are in any record that was written: digests alone."""
    again = drive(house.refresh.rotate(house.family)).token
    rows = [row for kind in house.store._tables.rows.values() for row in kind.values()]
    written = repr([(row.record, row.data) for row in rows]) + repr(house.store._tables.audit)
    for token in (house.session, house.family, again):
        secrets = [part for part in token.replace("ww_ss_", "").split(".") if len(part) == 43]
        assert len(secrets) == 1
        for text in (token, *secrets):
            assert text not in written
            assert repr(text.encode())[2:-1] not in written
    assert digest("session", opaque.parse(house.session, "ww_ss_")) in written


def test_t42_what_was_rotated_ends_its_family(house: House) -> None:
    after = drive(house.refresh.rotate(house.family)).token
    house.clock.advance(11)
    with pytest.raises(TokenReusedError):
        drive(house.refresh.rotate(house.family))
    with pytest.raises(TokenError):
        drive(house.refresh.rotate(after))
    with pytest.raises(TokenError):
        drive(house.refresh.authenticate(after))
