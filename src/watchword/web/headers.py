"""The headers of your own pages, in one call: what a browser may load, show, tell and keep of them.

Sources: Content Security Policy Level 3 (nonces, ``strict-dynamic``); ASVS 5.0 3.4.1 (HSTS), 3.4.3 (CSP), 3.4.4
(nosniff), 3.4.5 (Referrer-Policy), 3.4.6 (frame-ancestors), 3.4.7 (report-to), 3.4.8 (COOP), 14.3.1 (Clear-Site-Data),
14.3.2 (no-store).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from types import MappingProxyType

from ..crypto.digest import new_id
from ..errors import ConfigurationError

CLEAR_SITE_DATA = b'"cache", "cookies", "storage"'
"""For the answer to a sign-out (W3C Clear Site Data §3.1). ``cookies`` are those of the whole registered domain."""
LEAST_HSTS = timedelta(days=365)
DIRECTIVES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "default-src": ("'self'",),
        "script-src": ("'nonce-{nonce}'", "'strict-dynamic'"),
        "style-src": ("'self'", "'nonce-{nonce}'"),
        "img-src": ("'self'", "data:"),
        "object-src": ("'none'",),
        "base-uri": ("'none'",),
        "form-action": ("'self'",),
        "frame-ancestors": ("'none'",),
    }
)
"""The policy of a page: scripts are those that hold the nonce, and what these load; all else comes from the site."""
MORE = frozenset({"connect-src", "font-src", "frame-src", "manifest-src", "media-src", "worker-src"})
_SOURCE = re.compile(r"[!-+\--:<-~]+", re.ASCII)
_REPORT = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}", re.ASCII)
_UNSAFE = re.compile(r"'(unsafe-|nonce-).*|\*|https?:|wss?:", re.IGNORECASE)
_LOADED_AS_CODE = ("script-src", "object-src", "base-uri", "worker-src", "default-src")
_MADE_BY_PAGES = ("data:", "blob:", "filesystem:")


@dataclass(frozen=True)
class Page:
    """One answer. ``nonce`` goes into ``<script nonce=…>`` and ``<style nonce=…>``; both are for this answer alone."""

    nonce: str = field(repr=False)
    headers: dict[str, str] = field(repr=False)


def secure_page(
    *,
    private: bool = True,
    hsts: timedelta | None = None,
    also: Mapping[str, Iterable[str]] = MappingProxyType({}),
    report_to: str | None = None,
) -> Page:
    """A fresh nonce and the headers of one page; make one for each answer, and never cache it with its nonce.

    Parameters: private: nothing keeps a copy (``no-store``). hsts: https alone from now on, for a year or more, on all
    subdomains too; it cannot be taken back before it ends. also: directive -> further sources, for
    ``connect-src``, ``img-src`` and so on. report_to: the name of an endpoint of your ``Reporting-Endpoints``.
    Raises: ConfigurationError for what would undo the policy: ``'unsafe-inline'``, ``*``, a nonce of one's own.
    """
    nonce = new_id()
    headers = {
        "Content-Security-Policy": _policy(nonce, also, report_to),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
    }
    if "frame-ancestors" not in also:
        headers["X-Frame-Options"] = "DENY"  # for browsers that do not know frame-ancestors
    if private:
        headers["Cache-Control"] = "no-store"
    if hsts is not None:
        headers["Strict-Transport-Security"] = f"max-age={_seconds(hsts)}; includeSubDomains"
    return Page(nonce, headers)


def _policy(nonce: str, also: Mapping[str, Iterable[str]], report_to: str | None) -> str:
    if isinstance(unknown := next((name for name in also if name not in DIRECTIVES and name not in MORE), None), str):
        raise ConfigurationError(f"{unknown!a} is no directive that sources can be added to")
    lines = [_line(name, sources, also.get(name, ()), nonce) for name, sources in DIRECTIVES.items()]
    lines += [_line(name, DIRECTIVES["default-src"], sources, nonce) for name, sources in also.items() if name in MORE]
    if report_to is not None:
        if _REPORT.fullmatch(report_to) is None:
            raise ConfigurationError("report_to is the name of an endpoint: letters, digits, '-' and '_'")
        lines.append(f"report-to {report_to}")
    return "; ".join(lines)


def _line(name: str, sources: tuple[str, ...], more: Iterable[str], nonce: str) -> str:
    if isinstance(more, str):
        raise ConfigurationError(f"the sources of {name} are a list, such as ['https://cdn.example']")
    added = [_source(name, one) for one in more]
    kept = [one.format(nonce=nonce) for one in sources if not (added and one == "'none'")]
    return " ".join([name, *kept, *added])


def _source(name: str, source: str) -> str:
    code = name in _LOADED_AS_CODE and source.lower().startswith(_MADE_BY_PAGES)
    if _SOURCE.fullmatch(source) is None or _UNSAFE.fullmatch(source) or code:
        raise ConfigurationError(f"{source!a} is no source for {name}: an origin such as https://cdn.example is one")
    return source


def _seconds(hsts: timedelta) -> int:
    if hsts < LEAST_HSTS:
        raise ConfigurationError("hsts is a year or more (365 d); two years are usual")
    return int(hsts.total_seconds())
