"""decide: answers -> plan. Pure; the tables decide, and of two rules that disagree the one that is declared first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from .answers import Answers
from .base import Rule, Says
from .jobs import JOBS, NONE
from .plan import Offered, Overruled, Plan, Rejected, Row
from .rules import RULES

AFTER_ALL = "another answer fits: {why}"


def decide(answers: Answers, rules: Iterable[Rule] = RULES.values()) -> Plan:
    """The plan for these answers: for each job exactly one alternative; every other is offered or rejected."""
    held = [rule for rule in rules if rule.holds(answers)]
    rows = tuple(_row(job, [rule for rule in held if job in rule.says]) for job in JOBS)
    checklist = [line for rule in held for line in rule.checklist]
    settings = _settings(held, rows)
    return Plan(
        answers=answers,
        rows=rows,
        settings={name: value for name, (value, _) in settings.items()},
        because={name: rule for name, (_, rule) in settings.items()},
        checklist=tuple(checklist),
    )


class _Standing:
    """What is decided so far for one job, and by which rule."""

    def __init__(self, key: str) -> None:
        self.key, self.job = key, JOBS[key]
        self.chosen: tuple[str, Rule] | None = None
        self.rejected: dict[str, tuple[str, Rule]] = {}
        self.offered: dict[str, tuple[str, Rule]] = {}
        self.overruled: list[Overruled] = []

    def hear(self, rule: Rule, says: Says) -> None:
        if says.recommends is not None:
            self._recommend(rule, says.recommends)
        for name, reason in says.offers.items():
            self._offer(rule, name, reason)
        for name, reason in says.rejects.items():
            self._reject(rule, name, reason)

    def _overrule(self, rule: Rule, said: str, by: Rule) -> None:
        if rule.question != "default":  # what holds when in doubt gives way without a word
            self.overruled.append(Overruled(rule.id, said, by.id))

    def _recommend(self, rule: Rule, name: str) -> None:
        by = self.rejected.get(name, (None, None))[1] or (self.chosen[1] if self.chosen else None)
        if by is None:
            self.chosen = (name, rule)
            self.offered.pop(name, None)
        elif (self.chosen is None or self.chosen[0] != name) and name not in rule.says[self.key].offers:
            self._overrule(rule, f"recommends {name}", by)

    def _offer(self, rule: Rule, name: str, reason: str) -> None:
        if name in self.rejected:
            self._overrule(rule, f"offers {name}", self.rejected[name][1])
        elif self.chosen is None or self.chosen[0] != name:
            self.offered.setdefault(name, (reason, rule))

    def _reject(self, rule: Rule, name: str, reason: str) -> None:
        if self.chosen is not None and self.chosen[0] == name:
            self._overrule(rule, f"rejects {name}", self.chosen[1])
        elif name in self.offered:
            self._overrule(rule, f"rejects {name}", self.offered[name][1])
        else:
            self.rejected.setdefault(name, (reason, rule))


def _row(job: str, rules: Sequence[Rule]) -> Row:
    standing = _Standing(job)
    for rule in rules:
        standing.hear(rule, rule.says[job])
    if standing.chosen is None:
        raise AssertionError(f"no rule decides {job}: the defaults have a hole")
    choice, by = standing.chosen
    chosen, said = JOBS[job].alternatives[choice], [rule.says[job] for rule in rules]
    there = choice != NONE
    return Row(
        job=job,
        name=JOBS[job].name,
        choice=choice,
        what=chosen.what,
        rule=by.id,
        format=chosen.format,
        carrier=chosen.carrier,
        lifetime=_least(chosen.lifetime, [one.lifetime for one in said]),
        idle=_least(chosen.idle, [one.idle for one in said]),
        storage=chosen.storage,
        revocation=chosen.revocation,
        stops_within=_least(chosen.stops_within, [one.stops_within for one in said]),
        offered=tuple(_offered(standing)) if there else (),
        rejected=tuple(_rejections(standing, choice, by)),
        overruled=tuple(standing.overruled) if there else (),
        notes=tuple(dict.fromkeys(note for one in said for note in one.notes)) if there else (),
        rules=tuple(rule.id for rule in rules),
    )


def _rejections(standing: _Standing, choice: str, by: Rule) -> Iterable[Rejected]:
    """Every alternative that is neither chosen nor offered, in the order of the job's table."""
    taken = {choice, NONE} if choice == NONE else {choice, NONE, *standing.offered}
    for name, one in standing.job.alternatives.items():
        if name not in taken:
            reason, rule = standing.rejected.get(name, (AFTER_ALL.format(why=by.why), by))
            yield Rejected(name, one.what, reason, rule.id)


def _offered(standing: _Standing) -> Iterable[Offered]:
    for name, (reason, rule) in standing.offered.items():
        one = standing.job.alternatives[name]
        yield Offered(name, one.what, one.lifetime, one.stops_within, one.revocation, reason, rule.id)


def _least(value: int | None, caps: Sequence[int | None]) -> int | None:
    """The shortest time; what has none of its own keeps none."""
    return None if value is None else min([value, *(cap for cap in caps if cap is not None)])


LIVES: tuple[tuple[str, str, str, str], ...] = (
    ("session.idle", "browser", "session bff", "idle"),
    ("session.absolute", "browser", "session bff", "lifetime"),
    ("access.lifetime", "api", "jwt paseto existing", "lifetime"),
    ("opaque_access.lifetime", "api", "opaque", "lifetime"),
    ("service.lifetime", "service", "jwt paseto", "lifetime"),
    ("sealed.lifetime", "handover", "sealed jwe", "lifetime"),
)
"""A setting, and the row, its choices and the field that it is read from."""


def _settings(held: Sequence[Rule], rows: Sequence[Row]) -> dict[str, tuple[Any, str]]:
    """What watchword.toml says and which rule wants it: the rules in declared order, the alternatives, their times."""
    chosen = [(JOBS[row.job].alternatives[row.choice].settings, row.rule) for row in rows]
    settings: dict[str, tuple[Any, str]] = {}
    for source, rule in (*((one.settings, one.id) for one in held), *chosen):
        for name, value in source.items():
            settings.setdefault(name, (value, rule))
    by_job = {row.job: row for row in rows}
    for name, job, choices, field in LIVES:
        row = by_job[job]
        if row.choice in choices.split():
            settings[name] = (getattr(row, field), _capping(held, row, field))
    return settings


def _capping(held: Sequence[Rule], row: Row, field: str) -> str:
    """The rule that a time comes from: the first that asks for it, or else the one that chose."""
    says = ((rule.id, getattr(rule.says[row.job], field)) for rule in held if row.job in rule.says)
    return next((rule for rule, time in says if time == getattr(row, field)), row.rule)
