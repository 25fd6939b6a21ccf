"""Elements of HTML and SVG as text. What is not :class:`Markup` is escaped, so nothing becomes markup by mistake."""

from __future__ import annotations

from html import escape

from .figures import text

VOID = frozenset({"meta", "br"})


class Markup(str):
    """Text that is markup already; :func:`tag` and :func:`raw` alone make it."""

    __slots__ = ()


def tag(name: str, /, *inner: str, **attributes: object) -> Markup:
    """An element. ``class_`` is class, ``stroke_width`` is stroke-width; an attribute that is None is left out."""
    said = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(text(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    return Markup(f"<{name}{said}>" + ("" if name in VOID else f"{join(*inner)}</{name}>"))


def join(*parts: str, by: str = "") -> Markup:
    """One after another; what is no markup is escaped."""
    return Markup(by.join(part if isinstance(part, Markup) else escape(text(part)) for part in parts))


def raw(trusted: str) -> Markup:
    """Markup of our own, such as a style sheet. Never what came from a report."""
    return Markup(trusted)
