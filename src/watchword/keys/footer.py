"""The footer of a PASETO as a flat JSON object of text: which key (``kid``), a key that travels along (``wpk``), more.

It is authenticated, and readable before anything was verified: until then it may choose a key and do no more.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..encoding import dump_json, json_object, malformed
from ..errors import ConfigurationError, MalformedTokenError
from . import paserk
from .key import kid_is_sound

MAX_FOOTER = 8192
MAX_NAMES = 512


def read_footer(raw: bytes, *, limit: int = MAX_FOOTER) -> dict[str, str]:
    """The footer as an object of text, guarded: size first, then depth, names, ``kid`` and ``wpk``.

    ``wpk`` may hold a key wrapped under a key (``k4.local-wrap.pie``, ``k4.secret-wrap.pie``) or sealed (``k4.seal``);
    a bare key or one under a password never travels in the open. Raises: MalformedTokenError.
    """
    if len(raw) > limit:
        malformed(f"the footer is longer than {limit} bytes", "too_large")
    if not raw:
        malformed("there is no footer; here it names the key")
    footer = json_object(raw)
    if len(footer) > MAX_NAMES:
        malformed(f"the footer has more than {MAX_NAMES} names", "too_large")
    if any(type(value) is not str for value in footer.values()):
        malformed("the footer is not a flat object of text")
    if "kid" in footer and not kid_is_sound(footer["kid"]):
        malformed("the footer's 'kid' is not 1 to 128 unreserved characters")
    if "wpk" in footer and not paserk.travels(footer["wpk"]):
        malformed("the footer's 'wpk' is not a key that is wrapped under a key, or sealed")
    return footer


def write_footer(footer: bytes | Mapping[str, str]) -> bytes:
    """The bytes of a footer: as they are, or an object that passes the same guards. Raises: ConfigurationError."""
    if isinstance(footer, bytes):
        return footer
    raw = dump_json(dict(footer))
    try:
        read_footer(raw)
    except MalformedTokenError as error:
        raise ConfigurationError(f"this cannot be a footer: {error}") from error
    return raw
