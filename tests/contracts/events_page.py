"""Writes docs/reference/events.md from the event matrix. ``make events`` calls it."""

from __future__ import annotations

from pathlib import Path

from watchword.revocation.matrix import COLUMNS, LIVES, MATRIX, Situation

PAGE = Path(__file__).parents[2] / "docs/reference/events.md"


def _row(row: Situation) -> str:
    cells = [row.event, row.call, row.of, ", ".join(f"`{sort}`" for sort in row.by)]
    return " | ".join([*cells, *(row.dies.get(kind, LIVES) for kind in COLUMNS)])


def write() -> str:
    """The page."""
    names = ["event", "how it is said", "whose", "in the feed", *COLUMNS]
    lines = [" | ".join(names), "|".join("---" for _ in names), *(_row(row) for row in MATRIX.values())]
    return TEXT.format(table="\n".join(f"|{line}|" if "---" in line else f"| {line} |" for line in lines))


TEXT = """\
# What dies of what

`make events` writes this page from `watchword.revocation.matrix.MATRIX`; a test holds it to that, and another does
each event to each kind of credential on each store and compares what died. `s` is the subject. Only what belongs to
whom the third column names is meant; what is issued afterwards is good. [How to revoke](../how-to/revoke.md) says which
to choose.

{table}

- *ends*: refused from the return of the call in this process, and in every other within `max_staleness`.
- *reads anew*: it lives, and is read with the roles of now; a session has those, a refresh family loses what was taken
  away.
- *ends if it carries roles*: the others live.
- A new password spares API keys, for no person is signed in with them: `api_keys=True` ends them as well. It spares the
  one session that `keep=` names, unless another revocation is committed in the same moment.
- A key: what it signed (`access`, `service`), sealed, or vouches for (`refresh`), and nothing of other keys.
- Service tokens end with their subject and client as well: both are the name of the service.

## In the feed

| sort | value | stops |
|---|---|---|
| `token`, `session`, `family`, `key` | an id | what has that id, or belongs to it, whatever its age |
| `subject` | a subject | what it held before |
| `signed_in` | a subject | the same, but for API keys and service tokens |
| `roles` | a subject | the same, as far as it carries a copy of roles |
| `client` | a `client_id` | what it held before |
| `everything` | – | all that was issued before |
| `acknowledge`, `changed`, and what begins with `notice.` | any | nothing: notices |
| any other | any | all that was issued before |

The last row is for rolling upgrades. While an older process runs beside a newer one that writes a new sort of
revocation, the older one refuses what it cannot judge, and logs an error that says so.
"""

if __name__ == "__main__":
    PAGE.write_text(write())
