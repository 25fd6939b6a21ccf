"""What a plan becomes: a watchword.toml that runs, an application in a framework, its jobs, and tests of the plan."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from importlib.resources import files
from string import Template
from typing import Any

from .answers import plain
from .audit import why
from .jobs import NONE
from .plan import Plan

_UVICORN = "uvicorn --factory app:main"
RUN = {
    "fastapi": _UVICORN,
    "starlette": _UVICORN,
    "litestar": _UVICORN,
    "django": "gunicorn app:application",
    "flask": "flask --app app:main run",
}
"""Framework -> what runs the application, as its first line says."""
FRAMEWORKS = tuple(RUN)
ISSUER = "http://localhost:8080"
"""Where ``watchword serve`` listens unless it is told otherwise; to be the public https URL later."""
_THREADS = ("django", "flask")
_BLOCK = re.compile(r"^#\[(?P<flags>[a-z -]+)\n(?P<text>.*?)^#\]\n", re.MULTILINE | re.DOTALL)
_RUN = re.compile(r"(?<!\w)\((jobs\.\w+\((?:[^()]|\([^()]*\))*\))\)")
"""A call in brackets of its own, which is what remains where nothing has to run it."""
_WIDTH = 118


def project(plan: Plan, framework: str = "fastapi") -> dict[str, str]:
    """File name -> text: ``watchword.toml``, ``app.py``, ``test_plan.py``, and ``jobs.py`` where the plan has any."""
    flags = _flags(plan, framework)
    texts = {"watchword.toml": toml(plan), "app.py": _rendered(f"app_{framework}", flags, plan)}
    if "has-jobs" in flags:
        texts["jobs.py"] = _rendered("jobs", flags, plan)
    return texts | {"test_plan.py": _rendered("test_plan", flags, plan)}


def toml(plan: Plan) -> str:
    """The configuration: each setting with the reason it has, and the answers it came from."""
    top = {"url": plan.settings["url"], "issuer": ISSUER, "audience": ISSUER}
    top |= {name: value for name, value in plan.settings.items() if "." not in name and name != "url"}
    lines = [
        "# Written by: watchword advise --write. app.py reads it; what runs that is said there.",
        "# Judge it again, after any change, with: watchword advise --audit watchword.toml",
        "",
    ]
    lines += _settings(plan, top)
    for section in dict.fromkeys(name.partition(".")[0] for name in plan.settings if "." in name):
        inner = {name: value for name, value in plan.settings.items() if name.startswith(f"{section}.")}
        lines += ["", f"[{section}]", *_settings(plan, inner)]
    lines += ["", "# What was answered; --audit holds the settings above to the plan for it.", "[advice.answers]"]
    lines += [f"{name} = {_value(value)}" for name, value in plain(plan.answers).items()]
    return "\n".join(lines) + "\n"


def _settings(plan: Plan, values: Mapping[str, Any]) -> Iterable[str]:
    """A line for each setting; above it its reason, once for those that stand together."""
    told: tuple[str, ...] = ()
    for name, value in values.items():
        reason = tuple(_reason(plan, name))
        yield from reason if reason != told else ()
        told = reason
        yield f"{name.rpartition('.')[2]} = {_value(value)}"


def _reason(plan: Plan, name: str) -> Iterable[str]:
    if name == "issuer":
        return ("# The public https URL of this server, and of the API that its tokens are for.",)
    if name not in plan.because:
        return ()
    rule = plan.because[name]
    text, sources = why(rule)
    return _wrapped(f"{text} ({rule}: {', '.join(sources)})")


def _wrapped(text: str) -> Iterable[str]:
    line = "#"
    for word in text.split():
        if len(line) + 1 + len(word) > _WIDTH:
            yield line
            line = "#"
        line += f" {word}"
    yield line


def _value(value: Any) -> str:
    """A TOML value: JSON's spelling of text, numbers, booleans and lists of text is TOML's as well."""
    return json.dumps(value, ensure_ascii=False)


def _flags(plan: Plan, framework: str) -> frozenset[str]:
    """What the templates ask: which blocks of them this plan and framework have."""
    choices = {row.job: row.choice for row in plan.rows}
    signed = choices["api"] in ("jwt", "paseto", "existing")
    chosen: Mapping[str, bool] = {
        "browser": choices["browser"] in ("session", "bff"),
        "api-opaque": choices["api"] == "opaque",
        "api-signed": signed,
        "api-token": signed or choices["api"] == "opaque",
        "refresh": choices["refresh"] != NONE,
        "service": choices["service"] in ("jwt", "paseto"),
        "service-opaque": choices["service"] == "opaque",
        "api-keys": choices["api-keys"] != NONE,
        "email": choices["reset"] != NONE,
        "sealed": choices["handover"] == "sealed",
        "jwe": choices["handover"] == "jwe",
    }
    flags = {name for name, there in chosen.items() if there}
    if flags - {"browser"}:
        flags.add("has-jobs")
    if flags - {"browser", "has-jobs", "jwe"}:
        flags.add("ww-jobs")
    if flags & {"service-opaque", "api-keys", "email", "jwe"}:
        flags.add("timed")
    flags.add("browser" if "browser" in flags else "no-browser")
    flags.add("bound" if plan.settings.get("profile") == "high_risk" else "unbound")
    flags.add("sync" if framework in _THREADS else "async")
    flags.add("not-django" if framework != "django" else "django")
    if framework in ("fastapi", "starlette", "litestar"):
        flags.add("httpx-client")
    if framework in ("fastapi", "starlette"):
        flags.add("asgi-client")
    return frozenset({*flags, framework})


def _rendered(name: str, flags: frozenset[str], plan: Plan) -> str:
    text = files(__package__).joinpath("templates", f"{name}.txt").read_text(encoding="utf-8")
    kept = _BLOCK.sub(lambda found: found["text"] if set(found["flags"].split()) <= flags else "", text)
    if "sync" in flags:
        kept = kept.replace("async def ", "def ").replace("await ", "")
    values: dict[str, object] = {f"{row.job.replace('-', '_')}_lifetime": row.lifetime for row in plan.rows}
    values |= {
        "session_idle": plan["browser"].idle,
        "same_site": str(plan.settings.get("session.same_site", "lax")).title(),
        "run": "asyncio.run" if "async" in flags else "",
        "ww": "ww.core" if "async" in flags else "ww",
    }
    done = Template(kept).substitute(values)
    return re.sub(r"\n{4,}", "\n\n\n", _RUN.sub(r"\1", done))
