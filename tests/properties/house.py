"""What the state machines of the kinds share: one SQLite file, one process that can be restarted, and a taint scan."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Coroutine
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from watchword.clock import FrozenClock
from watchword.errors import WatchwordError
from watchword.revocation.event import event
from watchword.revocation.feed import catch_up, catch_up_now
from watchword.revocation.view import View
from watchword.runtime.ticker import drive
from watchword.stores.sqlite import SQLiteStore

SUBJECTS = ["u1", "u2"]
STEPS = st.sampled_from([1, 59, 60, 299, 300, 301, 600, 1799, 1800, 3600, 43_200, 86_400])


class House(RuleBasedStateMachine):
    """Rules that every machine has: time passes, the process restarts, the janitor comes, a subject is cut off."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory()
        self.clock = FrozenClock()
        self.url = f"sqlite:///{self.folder.name}/app.db"
        self.secrets: list[str] = []
        self.changes: list[str] = []
        """The audit trail as it must be (I24)."""
        self.open()

    def open(self) -> None:
        self.store = SQLiteStore(self.url)
        self.store.open_blocking()
        self.view = View(clock=self.clock)
        self.view.pull = lambda: catch_up_now(self.store, self.view)
        catch_up_now(self.store, self.view)
        self.build()

    def build(self) -> None:
        """Make the kinds anew, over ``store`` and ``view``."""
        raise NotImplementedError

    def cut_off(self, subject: str) -> None:
        """All of the subject's is dead in the model as well."""
        raise NotImplementedError

    def ask(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """The answer of a verb, or the class of its refusal."""
        try:
            return drive(coroutine)
        except WatchwordError as error:
            return type(error)

    @rule(seconds=STEPS)
    def wait(self, seconds: int) -> None:
        self.clock.advance(timedelta(seconds=seconds))

    @rule()
    def restart(self) -> None:
        self.store.close_blocking()
        self.open()

    @rule()
    def sweep(self) -> None:
        drive(self.store.purge(now=self.clock.now()))

    @rule(subject=st.sampled_from(SUBJECTS))
    def revoke_subject(self, subject: str) -> None:
        drive(self.store.append(event("subject", subject, now=self.clock.now(), life=10**8)))
        drive(catch_up(self.store, self.view))
        self.cut_off(subject)

    def teardown(self) -> None:
        try:
            trail = [one.name for one in drive(self.store.audited(limit=10_000))]
            assert trail == self.changes, "I24"
            self.store.close_blocking()
            dump = b"".join(file.read_bytes() for file in Path(self.folder.name).iterdir())
            for secret in self.secrets:
                for form in (secret, secret[8:], b64encode(secret.encode()).decode(), secret.encode().hex()):
                    assert form.encode() not in dump, "I16"
        finally:
            self.store.close_blocking()
            self.folder.cleanup()
