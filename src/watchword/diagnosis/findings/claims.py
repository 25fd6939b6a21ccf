"""Findings in the claims: what they lack, how long they live, what of them anybody can read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ...tokens.base import KINDS
from ...tokens.personal import looks_personal
from ..hide import plain
from ..reading import instant
from .base import Facts, Row

DAY = 86_400
_RIGHTS = {
    *("roles", "role", "groups", "permissions", "authorities", "entitlements", "is_admin", "isadmin", "admin", "scp"),
    "realm_access",
}
_RESETS = re.compile(r"reset|verif|confirm|invite|activat|magic|unsubscribe", re.IGNORECASE)
_NESTED = re.compile(
    r"(?:eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.|v[1-4]\.(?:local|public)\.[A-Za-z0-9_-]{16,}|ww_[a-z]{2}_)"
)
_MILLISECONDS = 10**11
_TYPED = ("access", "service", None)


def _claims(facts: Facts) -> dict[str, Any]:
    return dict(facts.look.claims or {})


def _lacks(name: str, *, kinds: tuple[str | None, ...] = _TYPED) -> Any:
    def when(facts: Facts) -> str | None:
        look = facts.look
        return name if look.claims is not None and name not in look.claims and look.kind in kinds else None

    return when


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, (dict, list)):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _texts(inner)


def _personal(facts: Facts) -> str | None:
    return _listed(path for path, what in looks_personal(_claims(facts)) if what == "looks personal")


def _card(facts: Facts) -> str | None:
    return _listed(path for path, what in looks_personal(_claims(facts)) if what != "looks personal")


def _rights(facts: Facts) -> str | None:
    return _listed(name for name in _claims(facts) if str(name).lower().replace("-", "_") in _RIGHTS)


def _nested(facts: Facts) -> str | None:
    return _listed(name for name, value in _claims(facts).items() if any(map(_NESTED.search, _texts(value))))


def _life(facts: Facts) -> int | None:
    claims = _claims(facts)
    end = instant(claims.get("exp"))
    start = instant(claims.get("iat")) or instant(claims.get("nbf"))
    return None if end is None or start is None else end - start


def _longest(facts: Facts) -> int:
    kind = KINDS.get(facts.look.kind or "")
    return int((kind or KINDS["access"]).life.total_seconds())


def _long(facts: Facts) -> str | None:
    life = _life(facts)
    return "exp" if life is not None and _longest(facts) < life <= DAY and facts.look.kind != "ID token" else None


def _forever(facts: Facts) -> str | None:
    life = _life(facts)
    return "exp" if life is not None and life > DAY else None


def _no_time(facts: Facts) -> str | None:
    claims = _claims(facts)
    wanted: Any = str if facts.look.form == "paseto" else int
    return _listed(
        name
        for name in ("exp", "nbf", "iat")
        if name in claims and (type(claims[name]) is not wanted or _instantless(claims[name]))
    )


def _instantless(value: Any) -> bool:
    return instant(value) is None


def _milliseconds(facts: Facts) -> str | None:
    claims = _claims(facts)
    values = ((name, claims.get(name)) for name in ("exp", "nbf", "iat"))
    return _listed(name for name, value in values if isinstance(value, int) and value > _MILLISECONDS)


def _refresh(facts: Facts) -> str | None:
    return "" if facts.look.claims is not None and facts.look.kind == "refresh" else None


def _reset(facts: Facts) -> str | None:
    claims = _claims(facts)
    said = [name for name in ("purpose", "action", "type", "use") if isinstance(claims.get(name), str)]
    return _listed(name for name in said if _RESETS.search(claims[name]))


def _issuer(facts: Facts) -> str | None:
    iss = _claims(facts).get("iss")
    return "iss" if isinstance(iss, str) and not iss.startswith("https://") else None


def _guessable(facts: Facts) -> str | None:
    jti = _claims(facts).get("jti")
    return "jti" if (isinstance(jti, str) and len(jti) < 8) or isinstance(jti, int) else None


def _listed(names: Iterator[str] | Any) -> str | None:
    found = list(dict.fromkeys(plain(str(name), 64) for name in names))
    return ", ".join(found[:6]) or None


_READABLE = "the claims are signed, not hidden: "
ROWS = (
    Row(
        "personal",
        "warning",
        _personal,
        _READABLE + "browsers, logs and every service see them; keep them on the server, or seal them",
        "RFC 7519 §12; OWASP ASVS 5.0 14.2.6",
    ),
    Row("card", "danger", _card, _READABLE + "this looks like a card number (Luhn)", "PCI DSS 4.0 3.5.1"),
    Row(
        "rights-readable",
        "note",
        _rights,
        _READABLE + "who has it reads what its owner may do, and an old one says what was true then",
        "RFC 9068 §6",
    ),
    Row("token-inside", "warning", _nested, "another token stands in the open in it", "RFC 7519 §12"),
    Row(
        "exp-missing",
        "danger",
        _lacks("exp"),
        "it never expires; PASETO does not ask for exp either",
        "OWASP ASVS 5.0 9.2.1",
    ),
    Row("aud-missing", "warning", _lacks("aud"), "it does not say for whom: any service may take it", "RFC 8725 §3.9"),
    Row("jti-missing", "note", _lacks("jti"), "without an id it cannot be stopped alone", "RFC 7519 §4.1.7"),
    Row("iss-missing", "note", _lacks("iss"), "it does not say who issued it", "RFC 8725 §3.8"),
    Row(
        "iat-missing",
        "note",
        _lacks("iat"),
        "it does not say when it was issued, so its age is not bounded",
        "RFC 9068 §2.2",
    ),
    Row("life-long", "warning", _long, "it lives longer than its kind should", "RFC 6750 §5.3; OWASP ASVS 5.0 9.2.1"),
    Row("life-days", "danger", _forever, "it lives for days, and nothing but a list stops it before", "RFC 6750 §5.3"),
    Row("time-odd", "warning", _no_time, "no time as this format writes it", "RFC 7519 §2"),
    Row("time-milliseconds", "warning", _milliseconds, "milliseconds, where seconds belong", "RFC 7519 §2"),
    Row(
        "refresh-as-token",
        "danger",
        _refresh,
        "a refresh token that verifies by itself: its reuse cannot be seen; opaque ones, kept as digests",
        "RFC 9700 §4.14.2",
    ),
    Row(
        "link-as-token",
        "danger",
        _reset,
        "a link that is to work once: only a record knows that it was used",
        "OWASP ASVS 5.0 6.4.1",
    ),
    Row("iss-odd", "note", _issuer, "the issuer is no https URL", "RFC 8414 §2"),
    Row("jti-short", "note", _guessable, "an id that may come twice", "RFC 7519 §4.1.7"),
)
