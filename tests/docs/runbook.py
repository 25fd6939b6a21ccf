"""Writes docs/runbook/ from the doctor's table: a page a family of probes, and where to begin. See ``make runbook``."""

from __future__ import annotations

from pathlib import Path

from watchword.diagnosis.doctor import AILMENTS, FAMILIES, PAGES
from watchword.diagnosis.probes.base import Ailment, Family

FOLDER = Path(__file__).parents[2] / "docs/runbook"


def pages() -> dict[str, str]:
    """File name -> text."""
    written = {f"{family.page}.md": _page(family) for family in FAMILIES}
    return written | {"index.md": _index()}


def _page(family: Family) -> str:
    rows = "\n\n".join(_ailment(family, one) for one in family.ailments)
    return PAGE.format(title=family.title, look=family.look, prevent=family.prevent, rows=rows)


def _ailment(family: Family, one: Ailment) -> str:
    seen = "; ".join(f"`{probe.id}` ({probe.asks}?)" for probe in family.probes if one.id in probe.finds)
    return AILMENT.format(id=one.id, level=one.level, symptom=one.symptom, cause=one.cause, mend=one.mend, seen=seen)


def _index() -> str:
    rows = "\n".join(
        f"| {one.symptom} | [`{one.id}`]({PAGES[one.id]}.md#{one.id.replace('.', '')}) |" for one in AILMENTS.values()
    )
    return INDEX.format(rows=rows)


PAGE = """\
# {title}

[All symptoms](index.md).

**How to see it.** {look}

**How to prevent it.** {prevent}

{rows}

*Written by `make runbook` from the table of [`watchword doctor`](../how-to/use-the-doctor.md).*
"""

AILMENT = """\
## `{id}`

**Symptom.** {symptom}

**Seen by.** {seen} A {level}.

**Cause.** {cause}

**Mend.**

```text
{mend}
```"""

INDEX = """\
# The runbook

What ails, by symptom. Begin with [`watchword doctor`](../how-to/use-the-doctor.md):

```text
watchword doctor --config watchword.toml --url https://app.example --canary canary.toml
```

It names what it finds, with the page. Where it cannot run, look for the symptom here. `watchword doctor --explain ID`
says the same without a network.

| what people notice | finding |
|---|---|
{rows}

*Written by `make runbook` from the table of the doctor.*
"""

if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, text in pages().items():
        (FOLDER / name).write_text(text, "utf-8")
