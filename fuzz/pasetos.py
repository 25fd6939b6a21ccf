"""PASETO v1 to v4: texts from outside, and payloads and footers that are authenticated on the way."""

from __future__ import annotations

import json
from typing import Final

from fuzz.house import (
    ACCESS,
    FOOTER,
    LINK,
    NOW,
    PASETO,
    PASETO_CLAIMS,
    SEALED,
    V1,
    V2,
    V2_PAIR,
    V3,
    V3_PAIR,
    V4,
    V4_PAIR,
    footed,
)
from fuzz.target import Target, said
from watchword.encoding import dump_json, seconds_of
from watchword.errors import MalformedTokenError, WatchwordError
from watchword.formats import paseto
from watchword.keys.footer import read_footer
from watchword.runtime.ticker import drive

CLAIMS: Final = dump_json(PASETO_CLAIMS)
LOCAL: Final = {
    paseto.encrypt(CLAIMS, key, footer=footer, assertion=b"a") for key in (V4, V3) for footer in (b"", b'{"kid":"x"}')
}
PUBLIC: Final = {
    paseto.sign(CLAIMS, key, footer=footer, assertion=b"a") for key in (V4_PAIR, V3_PAIR) for footer in (b"", b"f")
}
OLD: Final = {
    "v1.local.WzhIh1MpbqVNXNt7-HbWvL-JwAym3Tomad9Pc2nl7wK87vGraUVvn2bs8BBNo7jbukCNrkVID0jCK2vr5bP18G78j1b"
    "OTbBcP9HZzqnraEdspcjd_PvrxDEhj9cS2MG5fmxtvuoHRp3M24HvxTtql9z26KTfPWxJN5bAJaAM6gos8fnfjJO8oKiqQMaiBP_"
    "Cqncmqw8",
    "v2.local.97TTOvgwIxNGvV80XKiGZg_kD3tsXM_-qB4dZGHOeN1cTkgQ4PnW8888l802W8d9AvEGnoNBY3BnqHORy8a5cC8aKpb"
    "A0En8XELw2yDk2f1sVODyfnDbi6rEGMY3pSfCbLWMM2oHJxvlEl2XbQ",
    "v2.public.eyJkYXRhIjoidGhpcyBpcyBhIHNpZ25lZCBtZXNzYWdlIiwiZXhwIjoiMjAxOS0wMS0wMVQwMDowMDowMCswMDowMC"
    "J9HQr8URrGntTu7Dz9J2IF23d1M7-9lH9xiqdGyJNvzp4angPW5Esc7C5huy_M8I8_DjJK2ZXC2SUYuOFM-Q_5Cw",
}
"""1-E-1, 2-E-1 and 2-S-1 of the published vectors: nothing here writes such tokens."""


def _opened(text: bytes, key: object, verb: object, genuine: set[str]) -> None:
    verb(text, key, assertion=b"a")  # type: ignore[operator]  # one of several verbs
    assert text.decode("ascii") in genuine or "v3.public" in text.decode("ascii")


def v4_local(text: bytes) -> None:
    _opened(text, V4, paseto.decrypt, LOCAL)


def v3_local(text: bytes) -> None:
    _opened(text, V3, paseto.decrypt, LOCAL)


def v4_public(text: bytes) -> None:
    _opened(text, V4_PAIR, paseto.verify, PUBLIC)


def v3_public(text: bytes) -> None:
    _opened(text, V3_PAIR, paseto.verify, PUBLIC)


def old(text: bytes) -> None:
    verb, key = {b"v1.local": (paseto.decrypt, V1), b"v2.local": (paseto.decrypt, V2)}.get(
        text[:8], (paseto.verify, V2_PAIR)
    )
    verb(text, key)
    assert text.decode("ascii") in OLD


def access(text: bytes) -> None:
    drive(ACCESS.authenticate(text))
    assert text.decode("ascii") == PASETO


def sealed(text: bytes) -> None:
    assert SEALED.open(said(text), purpose="payment", bound_to="user-7") == {"order": "o-1", "amount": 1200}
    assert said(text) == LINK


def claims(text: bytes) -> None:
    who = ACCESS.verify(footed(text, FOOTER))
    said = json.loads(text)
    assert who.subject == said["sub"]
    assert seconds_of(said["exp"]) > NOW


def footer(text: bytes) -> object:
    return ACCESS.verify(footed(CLAIMS, text))


def read(text: bytes) -> None:
    found = read_footer(text)
    assert found == json.loads(text)
    assert all(isinstance(value, str) for value in found.values())


def round_trip(text: bytes) -> None:
    limit = 1 << 20
    for key in (V4, V3):
        sealed = paseto.encrypt(text, key, footer=text[:9], assertion=text[3:])
        assert paseto.decrypt(sealed, key, footer=text[:9], assertion=text[3:], limit=limit) == (text, text[:9])
        try:
            paseto.decrypt(sealed, key, assertion=text[3:] + b"\0", limit=limit)
        except MalformedTokenError:
            raise AssertionError("our own token is malformed") from None
        except WatchwordError:
            continue
        raise AssertionError("another assertion opened it")


TARGET: Final = Target(
    doors={
        "v4.local": v4_local,
        "v3.local": v3_local,
        "v4.public": v4_public,
        "v3.public": v3_public,
        "old": old,
        "access": access,
        "sealed": sealed,
        "claims": claims,
        "footer": footer,
        "read": read,
        "round trip": round_trip,
    },
    seeds=[
        *((token[:8] if "local" in token[:8] else token[:9], token.encode()) for token in (*LOCAL, *PUBLIC)),
        *(("old", token.encode()) for token in OLD),
        ("access", PASETO.encode()),
        ("sealed", LINK.encode()),
        ("claims", CLAIMS),
        ("claims", CLAIMS.replace(b"08:05:00Z", b"22:05:00.123456789+14:00")),
        ("footer", FOOTER),
        ("read", FOOTER),
        ("read", b'{"wpk":"k4.local-wrap.pie.AAAA","kid":"k4.lid.x"}'),
        ("round trip", CLAIMS),
    ],
)
