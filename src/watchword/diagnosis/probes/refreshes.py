"""Live, acting: refresh tokens rotate, a lost answer can be had again, two tabs do no harm, and a replay kills."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from ..canary import Visit, bearer, visiting
from ..patient import Answer
from .base import Ailment, CannotRunError, Case, Family, Probe, Sign
from .endings import refresh, until


def _rotates(case: Case) -> Iterator[Sign]:
    with visiting(case.canary, case.server) as visit:
        token = _first(visit)
        answer = refresh(case, token)
        fresh = _successor(answer)
        if not answer.ok:
            yield Sign("refresh.refused", f"a fresh refresh token was refused: status {answer.status}")
            return
        if fresh in ("", token):
            yield Sign("refresh.kept", "the answer has no other refresh token than the one that was sent")
        said = answer.header("cache-control").lower()
        if "no-store" not in said:
            yield Sign("refresh.cached", "the token response has no Cache-Control: no-store (RFC 6749 section 5.1)")


def _again(case: Case) -> Iterator[Sign]:
    """The answer was lost, and the client asks again."""
    with visiting(case.canary, case.server) as visit:
        token = _first(visit)
        yield from _told(_rotated(case, token), refresh(case, token), "asked again at once")


def _race(case: Case) -> Iterator[Sign]:
    """Two tabs ask at the same moment."""
    with visiting(case.canary, case.server) as visit, ThreadPoolExecutor(2) as tabs:
        token = _first(visit)
        one, other = tabs.map(lambda _: refresh(case, token), range(2))
        if not one.ok and not other.ok:
            raise CannotRunError(f"both of two tabs were refused ({one.status}, {other.status})")
        first, second = (one, other) if one.ok else (other, one)
        yield from _told(_successor(first), second, "two tabs at once")


def _told(fresh: str, second: Answer, when: str) -> Iterator[Sign]:
    if not second.ok:
        yield Sign("refresh.no-grace", f"{when}: the second is refused with {second.status}")
    elif _successor(second) != fresh:
        yield Sign("refresh.two-winners", f"{when}: both have a successor, and not the same one")


def _replay(case: Case) -> Iterator[Sign]:
    """A token of two generations ago comes from nobody but a thief, or the thief has come before."""
    with visiting(case.canary, case.server) as visit:
        first = _first(visit)
        second = _rotated(case, first)
        last = refresh(case, second)
        third, access = _successor(last), last.json().text("access_token")
        if not third:
            raise CannotRunError(f"the second rotation gave {last.status}")
        if third in (first, second):
            raise CannotRunError("it does not rotate: see refresh-rotates")
        if refresh(case, first).ok:
            yield Sign("refresh.old-accepted", "a token of two rotations ago gave a new pair")
            return
        if refresh(case, third).ok:
            yield Sign("refresh.replay-spares", "after a replay the family's newest token still gives new pairs")
            return
        shown = lambda: case.server.ask(case.canary.paths.me, headers=[bearer(access)]).ok  # noqa: E731 - twice below
        if access and until(shown, case.clock, case.bound) is None:
            yield Sign("refresh.replay-spares", "after a replay the family's access token still works")


def _first(visit: Visit) -> str:
    """Raises: CannotRunError where none is issued."""
    token = visit.mint().get("refresh_token")
    if not token:
        raise CannotRunError("no refresh token is issued at the path of tokens")
    return token


def _rotated(case: Case, token: str) -> str:
    answer = refresh(case, token)
    fresh = _successor(answer)
    if not fresh:
        raise CannotRunError(f"a fresh refresh token gave {answer.status}: see refresh-rotates")
    return fresh


def _successor(answer: Answer) -> str:
    return answer.json().text("refresh_token") if answer.ok else ""


FAMILY = Family(
    page="refresh",
    title="Refreshing signs users out, or lets a thief stay",
    look="The audit trail of the user: `refresh_rotated`, `refresh_reused`, and their family. "
    "`watchword_verified_total{outcome="
    '"reused"}` jumps when the client races itself.',
    prevent="Keep `refresh.grace` at its 10 s, let one client instance refresh at a time, and never add a "
    "cache, a retry "
    "or a queue in front of the token endpoint.",
    ailments=(
        Ailment(
            id="refresh.refused",
            symptom="Every client is signed out when its first access token ends.",
            cause="The token endpoint refuses good tokens: another store, another client id, or a proxy that "
            "changes the "
            "body.",
            mend="watchword db status --config watchword.toml   # is it the same store on all nodes?",
        ),
        Ailment(
            id="refresh.kept",
            symptom="Nothing is noticed: a stolen refresh token works beside its owner's, for as long as it lives.",
            cause="Refresh tokens are not rotated, or something answers with the first token again.",
            mend="await ww.refresh.rotate(token)   # at each use; then: watchword revoke --everything",
        ),
        Ailment(
            id="refresh.cached",
            symptom="Somebody gets another one's tokens from a cache.",
            cause="Cache-Control: no-store is lost on the way.",
            mend="proxy_pass_header Cache-Control;   # nginx, for /oauth/token",
        ),
        Ailment(
            id="refresh.no-grace",
            symptom="Users with two tabs, or a bad network, are signed out everywhere once in a while.",
            cause="The second of two uses counts as theft at once: `refresh.grace` is 0, or the proxy retries.",
            mend="grace = 10   # under [refresh] in watchword.toml",
        ),
        Ailment(
            id="refresh.two-winners",
            symptom="Users are signed out one token life after a race, as if by a timer.",
            cause="Two uses of one token each made a successor: no compare-and-swap, or two stores.",
            mend="watchword doctor --url http://NODE1:8080 --url http://NODE2:8080 --canary canary.toml   "
            "# are there two stores?",
        ),
        Ailment(
            id="refresh.old-accepted",
            symptom="A token from a backup or a log works, days after it was rotated.",
            cause="Any token of the family is accepted, not the newest and its predecessor alone.",
            mend="await ww.refresh.rotate(token)   # and no table of one's own beside it",
        ),
        Ailment(
            id="refresh.replay-spares",
            symptom="A thief and the owner go on side by side after the theft was seen.",
            cause="A replay is refused, and nothing is ended.",
            mend="watchword revoke --subject USER   # and let ww.refresh.rotate judge reuse",
        ),
    ),
    probes=(
        Probe(
            id="refresh-rotates",
            asks="is each one good for one successor",
            needs=("url", "canary"),
            run=_rotates,
            finds=("refresh.refused", "refresh.kept", "refresh.cached"),
        ),
        Probe(
            id="refresh-again",
            asks="can a lost answer be had again",
            needs=("url", "canary"),
            run=_again,
            finds=("refresh.no-grace", "refresh.two-winners"),
        ),
        Probe(
            id="refresh-race",
            asks="do two tabs get the same answer",
            needs=("url", "canary"),
            run=_race,
            finds=("refresh.no-grace", "refresh.two-winners"),
        ),
        Probe(
            id="refresh-replay",
            asks="does an old one kill its family",
            needs=("url", "canary", "guarded"),
            run=_replay,
            finds=("refresh.old-accepted", "refresh.replay-spares"),
        ),
    ),
)
