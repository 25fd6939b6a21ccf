"""audit: a configuration judged by the same rules that wrote it, or would have."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import reduce
from typing import Any, Literal

from msgspec import Struct

from ..config import Settings
from ..web.messages import host_of, is_loopback
from .answers import answers_of
from .base import DAY, HOUR, MINUTE
from .decide import decide
from .plan import Plan
from .rules import RULES
from .spans import span

Level = Literal["fail", "warn", "note"]


class Finding(Struct, frozen=True, kw_only=True):
    """One judgement. ``rule`` says why, and by which source; ``instead`` what to write."""

    level: Level
    rule: str
    setting: str
    says: str
    instead: str


class Check(Struct, frozen=True):
    """One row: the rule it holds a configuration to, how bad it is, the setting, what to write instead, the test.

    ``test``: what is wrong, in words; None where nothing is.
    """

    rule: str
    level: Level
    setting: str
    instead: str
    test: Callable[[Facts], str | None]


class Facts(Struct, frozen=True):
    """What is judged: the settings, the algorithms that sign (of a key file that is there), the plan of the file."""

    settings: Settings
    algorithms: frozenset[str] = frozenset()
    plan: Plan | None = None

    @property
    def scheme(self) -> str:
        """``rediss`` and ``redis+cluster`` are Redis, ``postgres`` is PostgreSQL."""
        name = self.settings.url.partition(":")[0].partition("+")[0]
        return {"rediss": "redis", "postgres": "postgresql"}.get(name, name)

    @property
    def processes(self) -> int:
        return self.settings.deployment.workers * self.settings.deployment.machines


def audit(settings: Settings, algorithms: Iterable[str] = ()) -> list[Finding]:
    """What these settings do against the rules, the worst first; then what differs from the plan that they came from.

    ``algorithms``: names of those that sign on the ring. Raises: ConfigurationError for answers that are none.
    """
    answers = settings.advice.answers
    plan = decide(answers_of(answers)) if answers else None
    facts = Facts(settings, frozenset(algorithms), plan)
    found = [
        Finding(level=check.level, rule=check.rule, setting=check.setting, says=says, instead=check.instead)
        for check in CHECKS
        if (says := check.test(facts)) is not None
    ]
    if plan is not None:
        judged = {one.setting for one in found}
        found += [one for one in _against(plan, facts) if one.setting not in judged]
    order = {"fail": 0, "warn": 1, "note": 2}
    return sorted(found, key=lambda one: order[one.level])


# The rows


def _memory(facts: Facts) -> str | None:
    if facts.scheme == "memory" and facts.processes > 1:
        return f"memory: belongs to one process, and there are {facts.processes}: each has sessions of its own"
    return None


def _file(facts: Facts) -> str | None:
    if facts.scheme == "sqlite" and facts.settings.deployment.machines > 1:
        return f"a file is on one machine, and there are {facts.settings.deployment.machines}"
    return None


def _redis(facts: Facts) -> str | None:
    return "Redis alone may lose the last second of what was revoked" if facts.scheme == "redis" else None


def _disguise(facts: Facts) -> str | None:
    asks = facts.settings.on_stale == "ask" and facts.settings.max_staleness == 0
    signed = facts.plan is None or facts.plan["api"].choice not in ("cookie", "opaque", "none")
    if asks and signed and facts.settings.deployment.user_lookup:
        return "each request verifies a signature, asks the blocklist and loads the user: a session in disguise"
    return None


def _shared_key(facts: Facts) -> str | None:
    deployment = facts.settings.deployment
    sharers = max(deployment.key_holders, deployment.verifiers if facts.settings.access.single_service else 1)
    if sharers > 1:
        return f"{sharers} services have a symmetric key: each that can verify or open can issue as well"
    hmac = sorted(name for name in facts.algorithms if name.startswith("HS"))
    if hmac and deployment.verifiers > 1:
        return f"{deployment.verifiers} services verify, and the ring has {hmac[0]}: whoever verifies with it can issue"
    return None


def _local(facts: Facts) -> str | None:
    access = facts.settings.access
    if access.single_service and not facts.settings.deployment.hidden_claims:
        return (
            "access tokens are encrypted, and nothing in them has to be hidden: v4.public fits, and others may verify"
        )
    return None


def _in_script(facts: Facts) -> str | None:
    deployment = facts.settings.deployment
    if deployment.browser_holds != "nothing" and not deployment.accept_xss_storage_risk.strip():
        return f"script in the browser holds the {deployment.browser_holds} token, and nobody has said why"
    return None


def _refresh_in_script(facts: Facts) -> str | None:
    if facts.settings.deployment.browser_holds == "refresh":
        return "script in the browser holds what lives for weeks"
    return None


def _accepted(facts: Facts) -> str | None:
    deployment = facts.settings.deployment
    if deployment.browser_holds != "nothing" and deployment.accept_xss_storage_risk.strip():
        return f"a token in script is accepted: {deployment.accept_xss_storage_risk.strip()}"
    return None


def _plain_http(facts: Facts) -> str | None:
    for name in (facts.settings.issuer, facts.settings.audience):
        if name.startswith("http://") and not is_loopback(host_of(name)):
            return f"{name} is reached without TLS"
    return None


def _open(facts: Facts) -> str | None:
    settings = facts.settings
    if settings.on_stale == "open" or settings.open_for:
        return f"for {settings.open_for:g} s past the lease a revoked token is taken"
    return None


def over(setting: str, limit: int) -> Callable[[Facts], str | None]:
    """A test: more seconds than that."""

    def test(facts: Facts) -> str | None:
        value = value_of(facts.settings, setting)
        return f"{span(value)}, which is more than {span(limit)}" if value > limit else None

    return test


def under(setting: str, limit: int) -> Callable[[Facts], str | None]:
    """A test: fewer seconds than that."""

    def test(facts: Facts) -> str | None:
        value = value_of(facts.settings, setting)
        return f"{span(value)}, which is less than {span(limit)}" if value < limit else None

    return test


CHECKS: tuple[Check, ...] = (
    Check(
        "may-forget", "fail", "url", 'url = "sqlite:///watchword.db" on one machine, postgresql:// on several', _memory
    ),
    Check("many-machines", "fail", "url", "postgresql://… , which all machines reach", _file),
    Check("many-machines", "warn", "url", 'postgresql://… as the record, and carrier = "redis://…" beside it', _redis),
    Check("over-tls", "fail", "issuer", "https://… for issuer and audience", _plain_http),
    Check(
        "no-signed-session",
        "warn",
        "on_stale",
        "a session, or max_staleness = 5 and the View: no read a request",
        _disguise,
    ),
    Check(
        "verify-each-by-itself",
        "fail",
        "deployment.key_holders",
        "ES256 or v4.public: others get the public key",
        _shared_key,
    ),
    Check(
        "own-both-ends", "warn", "access.single_service", "leave it out: a signed token, ids and scopes alone", _local
    ),
    Check(
        "foreign-script",
        "fail",
        "deployment.browser_holds",
        "a back end with a cookie, or accept_xss_storage_risk",
        _in_script,
    ),
    Check(
        "refresh-behind", "warn", "deployment.browser_holds", "the refresh token behind a back end", _refresh_in_script
    ),
    Check(
        "spa-alone", "note", "deployment.accept_xss_storage_risk", "a back end for the front end, one day", _accepted
    ),
    Check(
        "short-access",
        "warn",
        "access.lifetime",
        "access.lifetime = 900, and refresh tokens",
        over("access.lifetime", 900),
    ),
    Check(
        "short-access",
        "warn",
        "opaque_access.lifetime",
        "opaque_access.lifetime = 900",
        over("opaque_access.lifetime", 900),
    ),
    Check(
        "jwt-between-services",
        "warn",
        "service.lifetime",
        "service.lifetime = 300",
        over("service.lifetime", 5 * MINUTE),
    ),
    Check("handover", "warn", "sealed.lifetime", "sealed.lifetime = 300", over("sealed.lifetime", 5 * MINUTE)),
    Check("regulated", "warn", "session.absolute", "session.absolute = 43200", over("session.absolute", DAY)),
    Check("regulated", "warn", "session.idle", "session.idle = 1800", over("session.idle", HOUR)),
    Check("refresh-is-opaque", "warn", "refresh.grace", "refresh.grace = 10", over("refresh.grace", 30)),
    Check("stopped-and-local", "warn", "max_staleness", "max_staleness = 5", over("max_staleness", MINUTE)),
    Check("stopped-and-local", "warn", "on_stale", 'on_stale = "closed", and open for single routes alone', _open),
    Check("links", "warn", "one_time.every", "one_time.every = 300", under("one_time.every", MINUTE)),
)

STORES = ("memory", "sqlite", "redis", "postgresql")
"""From the weakest record to the strongest."""


def _against(plan: Plan, facts: Facts) -> Iterable[Finding]:
    """What is weaker than the plan of the answers in this very file."""
    for name, planned in plan.settings.items():
        if name.startswith("deployment.") or name == "keys":
            continue
        actual = value_of(facts.settings, name)
        if _weaker(name, actual, planned, facts):
            shown = facts.scheme if name == "url" else actual
            yield Finding(
                level="warn",
                rule=plan.because[name],
                setting=name,
                says=f"{_shown(shown)}, where the plan for these answers has {_shown(_bare(name, planned))}",
                instead=f"{name} = {_shown(planned)}, or other answers under [advice]",
            )


def _weaker(name: str, actual: Any, planned: Any, facts: Facts) -> bool:
    if name == "url":
        found = facts.scheme
        return found in STORES and STORES.index(found) < STORES.index(planned.partition(":")[0])
    if name == "audit_retention":
        return actual is not None and actual < planned
    if isinstance(planned, bool) or not isinstance(planned, (int, float)):
        return bool(actual != planned)
    return actual is None or actual > planned


def value_of(settings: Settings, name: str) -> Any:
    """The setting of a dotted name."""
    return reduce(getattr, name.split("."), settings)


def _bare(name: str, planned: Any) -> Any:
    return planned.partition(":")[0] if name == "url" else planned


def _shown(value: object) -> str:
    words: Mapping[object, str] = {True: "true", False: "false", None: "nothing"}
    return words[value] if isinstance(value, bool) or value is None else repr(value).replace("'", '"')


def why(rule: str) -> tuple[str, tuple[str, ...]]:
    """The reason of a rule, and its sources."""
    return RULES[rule].why, RULES[rule].sources
