"""The map of tokens that verified before: bounded, and without a word of any token."""

import threading
from hashlib import sha256

from watchword.keys.key import Key
from watchword.keys.ring import Slot
from watchword.principal import Principal
from watchword.tokens.seen import CAPACITY, Seen

SLOT = Slot(Key.generate("ES256"), announced_at=0, activates_at=0)


def who(number: int) -> Principal:
    return Principal(subject=f"u{number}", kind="access", token_id="t", issued_at=0, expires_at=1)


def key(number: int) -> bytes:
    return sha256(f"token-{number}".encode()).digest()


def test_it_finds_what_was_added_and_nothing_else() -> None:
    seen = Seen()
    seen.add(key(1), who(1), SLOT)
    assert seen.get(key(1)) == (who(1), SLOT)
    assert seen.get(key(2)) is None


def test_it_is_bounded_and_the_newest_half_stays() -> None:
    seen = Seen(capacity=8)
    for number in range(100):
        seen.add(key(number), who(number), SLOT)
        assert len(seen) <= 8
        assert all(seen.get(key(recent)) is not None for recent in range(max(0, number - 3), number + 1))
    assert seen.get(key(91)) is None


def test_the_usual_bound() -> None:
    seen = Seen()
    for number in range(2 * CAPACITY):
        seen.add(number.to_bytes(8), who(0), SLOT)
    assert CAPACITY / 2 <= len(seen) <= CAPACITY


def test_the_last_word_about_a_token_counts() -> None:
    seen = Seen(capacity=4)
    for number in range(3):
        seen.add(key(number), who(number), SLOT)
    seen.add(key(0), who(7), SLOT)
    assert seen.get(key(0)) == (who(7), SLOT)


def test_threads_share_it() -> None:
    seen, failures = Seen(capacity=16), list[BaseException]()
    barrier = threading.Barrier(4)

    def work(start: int) -> None:
        barrier.wait()
        try:
            for number in range(start, start + 3000):
                seen.add(key(number), who(number), SLOT)
                found = seen.get(key(number % 50))
                assert found is None or found[0].subject == f"u{number % 50}"
        except BaseException as error:  # noqa: BLE001 - told by the main thread
            failures.append(error)

    threads = [threading.Thread(target=work, args=(start,)) for start in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(seen) <= 16 + 4
