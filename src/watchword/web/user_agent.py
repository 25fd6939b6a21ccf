"""The User-Agent header in a few words: which browser on which system, and nothing that changes with an update."""

from __future__ import annotations

_BROWSERS = {
    "Edg": "Edge",
    "OPR/": "Opera",
    "SamsungBrowser": "Samsung Internet",
    "Firefox": "Firefox",
    "FxiOS": "Firefox",
    "Chrome": "Chrome",
    "CriOS": "Chrome",
    "Safari": "Safari",
}
"""What a User-Agent has, and who that is; browsers name the ones they resemble, so the order decides."""
_SYSTEMS = {
    "Windows": "Windows",
    "iPhone": "iPhone",
    "iPad": "iPad",
    "Android": "Android",
    "CrOS": "ChromeOS",
    "Mac OS X": "macOS",
    "Linux": "Linux",
}


def device_of(user_agents: list[bytes]) -> str | None:
    """A few words for a list of sessions, such as ``Firefox on Linux``, never the User-Agent header itself."""
    said = user_agents[0][:1024].decode("latin-1") if user_agents else ""
    browser = next((name for sign, name in _BROWSERS.items() if sign in said), None)
    system = next((name for sign, name in _SYSTEMS.items() if sign in said), None)
    if browser is None:
        product = said.partition("/")[0].partition(" ")[0]
        known = product.isascii() and product.replace("-", "").replace("_", "").isalnum() and product != "Mozilla"
        browser = product[:40] if known else None
    return " on ".join(part for part in (browser, system) if part) or None
