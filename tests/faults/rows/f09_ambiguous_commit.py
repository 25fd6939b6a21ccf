"""F-09: the connection is cut at the commit, so that nobody knows whether it was done; and the caller tries again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, NamedTuple

import psycopg

from tests.faults.journal import Journal, clock, columns
from tests.faults.row import Fault, Row, Target
from tests.faults.setting import Setting
from watchword import Watchword
from watchword.errors import StoreUnavailableError, TokenConsumedError, TokenRevokedError, WatchwordError

COMMIT = b"COMMIT\x00"
PURPOSE = "password-reset"
PAYMENT = "payment"


class Case(NamedTuple):
    """What is tried, and what the second try has to come to when the first was committed, and when it was not."""

    verb: str
    trying: Callable[[], Awaitable[Any]]
    done: type[WatchwordError] | None = None
    """None: the second try is answered as the first would have been."""


async def run(place: Setting) -> Row:
    proxy, journal = place.proxy(), Journal()
    wrong: list[str] = []
    figures = {"cuts": 0, "unknown": 0, "duplicate_effects": 0, "lost_effects": 0, "two_successors": 0}
    schema = place.place(place.postgres.schema)
    with place.postgres.connect(schema) as other:
        other.execute("CREATE TABLE done (name TEXT)")
        async with place.watchword(place.where(port=proxy.port), max_staleness=60) as ww:
            for n in range(place.pick(1, 50)):
                for delivered in (False, True):
                    successors, cases = await _cases(ww, f"{n}.{delivered}")
                    for case in cases:
                        figures["cuts"] += 1
                        proxy.cut_at(COMMIT, delivered=delivered)
                        first = await _tried(journal, case)
                        figures["unknown"] += (
                            isinstance(first, StoreUnavailableError) and first.reason == "commit_unknown"
                        )
                        second = await _tried(journal, case)
                        expected = case.done if delivered else None
                        if first is not None and (None if second is None else type(second)) is not expected:
                            wrong.append(f"{case.verb}, delivered {delivered}: {second!r}")
                    figures["two_successors"] += len(set(successors)) > 1
                    effects = other.execute("SELECT count(*) FROM done WHERE name = %s", (f"{n}.{delivered}",))
                    [(number,)] = effects.fetchall()
                    figures["duplicate_effects"] += max(int(str(number)) - 1, 0)
                    figures["lost_effects"] += max(1 - int(str(number)), 0)
    found = columns([journal], bound=60)
    found["more"] |= figures | {"unexpected": len(wrong)} | ({"wrong": "; ".join(wrong[:5])} if wrong else {})
    return place.row(**found)


async def _cases(ww: Watchword, name: str) -> tuple[list[str], list[Case]]:
    """The verbs, each with a credential of its own; and where the successors are collected that a rotation gave."""
    successors: list[str] = []
    refresh = (await ww.refresh.issue(name, client_id="app")).token
    reset = (await ww.one_time.issue(name, purpose=PURPOSE)).token
    payment, other = (ww.sealed.seal({"order": name}, purpose=PAYMENT, bound_to=name).token for _ in range(2))
    access = ww.access.issue(name, session_id=f"session-{name}").token

    def effect(connection: psycopg.Connection[Any]) -> None:
        connection.execute("INSERT INTO done VALUES (%s)", (name,))

    pay = partial(ww.sealed.redeem, purpose=PAYMENT, bound_to=name)

    async def rotate() -> None:
        successors.append((await ww.refresh.rotate(refresh)).token)
        successors.append((await ww.refresh.rotate(refresh)).token)

    async def revoke() -> None:
        await ww.revoke(session=f"session-{name}")
        try:
            ww.access.verify(access)
        except TokenRevokedError:
            return
        raise AssertionError("revoked, and still good")

    return successors, [
        Case("rotate", rotate),
        Case("redeem", partial(ww.one_time.redeem, reset, purpose=PURPOSE, effect=effect), TokenConsumedError),
        Case("pay", partial(pay, payment), TokenConsumedError),
        Case("pay", partial(pay, other, idempotency_key=name)),
        Case("revoke", revoke),
    ]


async def _tried(journal: Journal, case: Case) -> WatchwordError | None:
    began = clock.monotonic()
    try:
        await case.trying()
    except WatchwordError as error:
        journal.write(case.verb, "", began, journal.status(error))
        return error
    journal.write(case.verb, "", began, 200)
    return None


FAULTS = (
    Fault(
        id="F-09",
        what="a commit that nobody hears the answer to",
        injected="the connection is cut when the client says COMMIT, before it arrives and after it; then the caller"
        " tries again: a rotation, a redemption with an effect in the same transaction, two payments (one with an"
        " idempotency key), a revocation",
        expected="the first try is 503 and says that nobody knows (`commit_unknown`); the second finds what was done:"
        " the same successor, the first caller's answer for its idempotency key, `token_consumed` without one; a"
        " revocation is written once more; each effect is written once",
        run=run,
        stores=("postgres",),
        targets=(
            Target("unexpected", 0),
            Target("duplicate_effects", 0),
            Target("lost_effects", 0),
            Target("two_successors", 0),
            Target("other_5xx", 0),
        ),
        words={
            "cuts": "commits that were cut, half of them after they had arrived",
            "unknown": "of them, those that were reported so",
            "unexpected": "second tries that came to something else",
        },
    ),
)
