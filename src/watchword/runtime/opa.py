"""Asking an Open Policy Agent over REST: one bounded POST a decision, and nobody is let through without an answer."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Collection
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock

from ..errors import ConfigurationError, KeysUnavailableError, PolicyUnavailableError
from ..policy import opa
from ..policy.base import Decision, Facts
from ..principal import Principal
from .fetch import check_url, fetch
from .forks import starts_over
from .wire import Deadline

AT_ONCE = 16
"""Questions under way at the same time; further ones wait their turn, within their own time."""
MOST_WAITING = 1_000
"""Questions under way or waiting; further ones are refused at once."""


class OPA:
    """A policy in Rego, decided by an OPA: ``OPA("http://127.0.0.1:8181", rule="app/authz/allow")``.

    Plain http is for this machine alone (the usual sidecar); anywhere else it is https. The answer is ``true`` or an
    object with ``allow`` (see ``policy.opa``). Each decision stands in the audit trail with OPA's ``decision_id``.
    Whatever is not an answer in time (no connection, another status, a redirect, too long, too slow, another shape) is
    PolicyUnavailableError: 503, and nobody gets in.

    Parameters: url: scheme, host and port. rule: the path of the rule. seconds: for one decision, from being asked to
    being answered. networks: addresses that are not public and may be connected to (``["10.0.0.0/8"]``). tls: a
    context of your own, for a private authority or a client certificate.
    """

    recorded = True

    def __init__(
        self,
        url: str,
        *,
        rule: str,
        seconds: float = 1.0,
        networks: Collection[str] = (),
        tls: ssl.SSLContext | None = None,
    ) -> None:
        parts = check_url(url, allow_loopback=True)
        if parts.path.strip("/") or parts.query:
            raise ConfigurationError("the URL of an OPA is its scheme, host and port; the path goes into rule=")
        if not 0 < seconds <= 30:
            raise ConfigurationError("a decision takes more than 0 and at most 30 s")
        self.rule = rule
        self.url = f"{parts.scheme}://{parts.netloc}{opa.data_path(rule)}"
        self._seconds, self._networks, self._tls = seconds, networks, tls
        starts_over(self)

    def start_over(self) -> None:
        """As if nothing were under way: in a forked child no thread is left that could answer."""
        self._lock = Lock()
        self._waiting = 0
        self._pool: ThreadPoolExecutor | None = None

    async def decide(
        self, who: Principal, action: str, resource: Facts | None = None, context: Facts | None = None
    ) -> Decision:
        """What the OPA says. Under an event loop it is asked in a thread of ours, without one right here.

        Raises: PolicyUnavailableError; ConfigurationError for a resource or context that is no plain JSON.
        """
        body, deadline = opa.question(who, action, resource, context), Deadline(self._seconds)
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return self._ask(body, deadline)
        return await asyncio.wrap_future(self._begin(body, deadline))

    def _begin(self, body: bytes, deadline: Deadline) -> Future[Decision]:
        with self._lock:
            if self._waiting >= MOST_WAITING:
                raise PolicyUnavailableError("too many decisions wait for OPA", reason="overloaded")
            self._waiting += 1
            if self._pool is None:
                self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="watchword-opa")
        flight = self._pool.submit(self._ask, body, deadline)
        flight.add_done_callback(self._landed)  # also when it was given up before it began
        return flight

    def _landed(self, _: Future[Decision]) -> None:
        with self._lock:
            self._waiting -= 1

    def _ask(self, body: bytes, deadline: Deadline) -> Decision:
        try:
            answer = fetch(
                self.url,
                json=body,
                allow_loopback=True,
                networks=self._networks,
                seconds=deadline.left(),
                tls=self._tls,
            )
        except TimeoutError:
            raise PolicyUnavailableError("OPA has too much to do", reason="too_slow") from None
        except KeysUnavailableError as error:
            raise PolicyUnavailableError(f"OPA cannot be asked: {error}", reason=error.reason) from error
        return opa.decision(answer.body, self.rule)

    def __repr__(self) -> str:
        return f"OPA({self.url!r})"
