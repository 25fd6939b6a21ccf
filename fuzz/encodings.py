"""The strict front door: base64url, JSON, RFC 3339, PAE; each beside Python's own reader."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from math import floor
from typing import Final

from fuzz.target import Target, said
from watchword.encoding import b64url, dump_json, gate, json_object, pae, rfc3339, seconds_of, unb64url
from watchword.errors import MalformedTokenError


def whole(text: bytes) -> None:
    assert gate(text) == text
    assert gate(text.decode("ascii")) == text


def base64_url(text: bytes) -> None:
    raw = unb64url(text)
    assert b64url(raw).encode() == text
    assert base64.urlsafe_b64decode(text + b"=" * (-len(text) % 4)) == raw


def json_text(text: bytes) -> None:
    found = json_object(text)
    assert found == json.loads(text)
    assert json_object(dump_json(found)) == found


def times(text: bytes) -> None:
    try:
        seconds = seconds_of(said(text))
    except (ValueError, OverflowError):  # as it says
        raise MalformedTokenError from None
    moment = datetime.fromisoformat(said(text)[:19] + "Z").timestamp()
    assert abs(seconds - moment) < 86_400
    if len(text) < 27:
        assert floor(datetime.fromisoformat(said(text)).timestamp()) == seconds
    if text.endswith(b"Z") and b"." not in text:
        assert rfc3339(seconds) == said(text)


def written(text: bytes) -> None:
    """A number of seconds, there and back."""
    seconds = int.from_bytes(text[:5], "big") % 253_402_300_800
    assert seconds_of(rfc3339(seconds)) == seconds
    assert datetime.fromtimestamp(seconds, UTC).isoformat()[:19] == rfc3339(seconds)[:19]


def pieces(text: bytes) -> None:
    """No two lists of pieces have one encoding: the lengths can be read back."""
    given = text.split(b"\0")
    raw = pae(*given)
    count, at, found = int.from_bytes(raw[:8], "little"), 8, []
    for _ in range(count):
        size = int.from_bytes(raw[at : at + 8], "little")
        found.append(raw[at + 8 : at + 8 + size])
        at += 8 + size
    assert found == given
    assert at == len(raw)


TARGET: Final = Target(
    doors={
        "gate": whole,
        "base64url": base64_url,
        "json": json_text,
        "times": times,
        "written": written,
        "pae": pieces,
    },
    seeds=[
        ("gate", b"a.b-c_d"),
        *(("base64url", b64url(bytes(range(size))).encode()) for size in (1, 2, 3, 40)),
        ("json", b'{"a":[1,-2.5e3,true,null,"\\u00e9\\n",{"b":{}}],"c":"x"}'),
        ("json", b'{ "a" : 18446744073709551616 , "a\\u0062" : 1e-7 }'),
        ("json", '{"é":"\U0001f600","x":[[[[[[[1]]]]]]]}'.encode()),
        ("times", b"2027-01-15T08:00:00Z"),
        ("times", b"2027-01-15T08:00:00.123456+14:00"),
        ("times", b"0001-01-01T00:00:00-23:59"),
        ("written", b"\1\2\3\4\5"),
        ("pae", b"a\0b\0\0c"),
    ],
)
