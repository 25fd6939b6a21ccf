"""Live, acting: what one node began is known on the other, and what one ended; and nothing is cut on the way."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from ..canary import Visit, bearer, visiting
from ..patient import Patient, UnreachableError
from .base import Ailment, CannotRunError, Case, Family, Probe, Sign, ensure_known
from .endings import until

HEADER = 6144
"""Bytes of a header block that has to pass: three quarters of the 8 KiB that most proxies allow."""
COOKIES = 3072
BACK = 15.0
"""Seconds that a restart may take; twice as long is waited."""


def _known(case: Case) -> Iterator[Sign]:
    first, *others = case.patients
    for other in others:
        with visiting(case.canary, first) as visit:
            if not visit.knows().ok:
                raise CannotRunError(f"the session is not good on {first.origin} itself")
            if not visit.knows(other).ok:
                yield Sign("node.session-lost", f"a session of {first.origin} is unknown on {other.origin}")
                continue
            token = visit.mint().get("access_token")
            if token and not other.ask(case.canary.paths.me, headers=[bearer(token)]).ok:
                yield Sign("node.token-refused", f"an access token of {first.origin} is refused on {other.origin}")
            if case.canary.paths.sign_out and visit.sign_out().status < 400:
                bound = case.bound
                if until(partial(_lets_in, visit, other), case.clock, bound) is None:
                    yield Sign("node.deaf", f"signed out on {first.origin}, and still signed in on {other.origin}")


def _restarted(case: Case) -> Iterator[Sign]:
    """What was signed in before a restart is signed in after it."""
    assert case.restart is not None  # noqa: S101 - a probe that needs it has it
    with visiting(case.canary, case.server) as visit:
        ensure_known(visit)
        token = visit.mint().get("access_token", "")
        shown = partial(case.server.ask, case.canary.paths.me, headers=[bearer(token)])
        good = bool(token) and shown().ok
        case.restart()
        if (
            until(partial(_away, case.server, case.canary.paths.page or case.canary.paths.me), case.clock, BACK)
            is not None
        ):
            if not visit.knows().ok:
                yield Sign("restart.session-lost", "a session from before the restart is unknown after it")
            if good and not shown().ok:
                yield Sign("restart.token-refused", "an access token from before the restart is refused after it")
        else:
            yield Sign("restart.stays-away", "the server does not answer after the restart")


def _away(there: Patient, path: str) -> bool:
    try:
        there.ask(path)
    except UnreachableError:
        return True
    return False


def _lets_in(visit: Visit, there: Patient) -> bool:
    return visit.knows(there).ok


def _long_header(case: Case) -> Iterator[Sign]:
    path = case.canary.paths.health or case.canary.paths.page or case.canary.paths.me
    plain = case.server.ask(path)
    padded = case.server.ask(path, headers=[("x-watchword-doctor", "x" * HEADER)])
    if plain.status != padded.status:
        yield Sign("proxy.header-limit", f"{HEADER} bytes of header turn {plain.status} into {padded.status}")


def _whole_cookie(case: Case) -> Iterator[Sign]:
    with visiting(case.canary, case.server) as visit:
        others = "; ".join(f"c{number}={'x' * 500}" for number in range(COOKIES // 500))
        headers = [("cookie", f"{others}; {visit.name}={visit.token}"), *visit.own()[1:]]
        if visit.knows().ok and not (answer := case.server.ask(visit.paths.me, headers=headers)).ok:
            yield Sign(
                "proxy.cookie-cut", f"behind {COOKIES} bytes of other cookies the session is lost: {answer.status}"
            )


FAMILY = Family(
    page="nodes",
    title="Nodes disagree, or a proxy cuts what passes",
    look="The same request to each node, past the load balancer: `curl -si http://NODE:8080/api/me -H 'Cookie: …'`.",
    prevent="One store and one key file for all nodes, and room for 16 KiB of headers in every proxy.",
    ailments=(
        Ailment(
            id="node.session-lost",
            symptom="Users are signed out at random, or by every restart and deployment.",
            cause="The nodes have a store each: `memory:`, or a SQLite file on each of them.",
            mend='url = "postgresql://…"   '
            "# at the top of watchword.toml, before any [table]; the same one on each node",
        ),
        Ailment(
            id="node.token-refused",
            symptom="API calls fail at random.",
            cause="The nodes have different keys, issuers or audiences.",
            mend="watchword keys list   # on each node: the kids have to be the same",
        ),
        Ailment(
            id="node.deaf",
            symptom="A sign-out works on one node and not on the other.",
            cause="The other node does not hear the feed, or keeps sessions in a cache of its own.",
            mend="curl -s http://NODE:8080/health   # revocations and follower; restart on follower: dead",
        ),
        Ailment(
            id="restart.session-lost",
            symptom="Every deployment signs everybody out.",
            cause="The store does not outlive the process: `memory:`, or a file inside of a container.",
            mend='url = "sqlite:////var/lib/app/app.db"   '
            "# at the top of watchword.toml, before any [table]; on a volume that stays",
        ),
        Ailment(
            id="restart.token-refused",
            symptom="Every deployment makes API clients refresh, and breaks links that were sent.",
            cause="The key file does not outlive the process: fresh keys are made at each start.",
            mend='keys = "/var/lib/app/app.db.keys"   '
            "# at the top of watchword.toml, before any [table]; on a volume that stays",
        ),
        Ailment(
            id="restart.stays-away",
            symptom="A restart does not come back.",
            cause="The process does not start: the configuration, the keys, or the port.",
            mend="watchword doctor --config watchword.toml   # and: watchword serve, to read why",
        ),
        Ailment(
            id="proxy.header-limit",
            symptom="Users with many cookies or roles get 400, 431 or 502.",
            cause="A proxy allows less header than the application needs.",
            mend="large_client_header_buffers 4 16k;   # nginx; or shorter tokens",
        ),
        Ailment(
            id="proxy.cookie-cut",
            symptom="Users are signed out once another application of the domain has set enough cookies.",
            cause="A proxy or firewall cuts a long Cookie header without a word.",
            mend="large_client_header_buffers 4 16k;   # nginx; and look for the rule that shortens Cookie",
        ),
    ),
    probes=(
        Probe(
            id="node-known",
            asks="does the second node know sessions, tokens and sign-outs of the first",
            needs=("urls", "canary", "guarded"),
            run=_known,
            finds=("node.session-lost", "node.token-refused", "node.deaf"),
        ),
        Probe(
            id="node-restarted",
            asks="do sessions and tokens outlive a restart",
            needs=("url", "canary", "restart", "guarded"),
            run=_restarted,
            finds=("restart.session-lost", "restart.token-refused", "restart.stays-away"),
        ),
        Probe(
            id="proxy-header",
            asks="does a long header pass",
            needs=("url",),
            run=_long_header,
            finds=("proxy.header-limit",),
        ),
        Probe(
            id="proxy-cookie",
            asks="does a long Cookie header arrive whole",
            needs=("url", "canary", "guarded"),
            run=_whole_cookie,
            finds=("proxy.cookie-cut",),
        ),
    ),
)
