"""A row's mend with the names of this case in the place of its examples, so that it can be pasted."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping

from ..web.messages import host_of
from .hide import visible
from .probes.base import Case


def filled(mend: str, case: Case, fill: Mapping[str, str]) -> str:
    """``fill``: text of the mend -> what stands there. It wins over what the case knows; the longer text wins."""
    names = {example: visible(name) for example, name in (_known(case) | dict(fill)).items() if name}
    examples = "|".join(re.escape(one) for one in sorted(names, key=len, reverse=True))
    return re.sub(rf"(?<![\w./-])(?:{examples})(?!\w)", lambda found: names[found[0]], mend) if names else mend


def _known(case: Case) -> dict[str, str]:
    names = {"watchword.toml": shlex.quote(case.config.path)} if case.config.path else {}
    if case.patient is not None:
        names |= {"https://app.example": case.patient.origin, "app.example": host_of(case.patient.origin)}
    nodes = case.patients if len(case.patients) > 1 else ()
    return names | {f"http://NODE{number}:8080": one.origin for number, one in enumerate(nodes, 1)}
