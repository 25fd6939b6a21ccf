"""Families of texts that are made to cost time: each says how to fill so many bytes. A door gets what fits in 8 KiB."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from fuzz.target import Target
from watchword.encoding import b64url

LIMIT: Final = 8_192
"""Bytes of a token, D-28."""
Fill = Callable[[int], bytes]


def _repeated(piece: bytes, start: bytes = b"", end: bytes = b"") -> Fill:
    return lambda size: start + piece * ((size - len(start) - len(end)) // len(piece)) + end


def _names(form: str, start: bytes = b"{", end: bytes = b"}") -> Fill:
    """An object of as many members as fit; ``form`` is one of them, with a number in it."""

    def fill(size: int) -> bytes:
        members, left = [], size - len(start) - len(end)
        for number in range(size):
            member = (form % number).encode()
            left -= len(member) + 1
            if left < 0:
                break
            members.append(member)
        return start + b",".join(members) + end

    return fill


JSON: Final[dict[str, Fill]] = {
    "nested lists": lambda size: b'{"a":' + b"[" * (size // 2 - 5) + b"]" * (size // 2 - 5) + b"}",
    "nested objects": lambda size: b'{"a":' * ((size - 1) // 6) + b"1" + b"}" * ((size - 1) // 6),
    "unfinished lists": _repeated(b"[", b'{"a":'),
    "lists side by side": _repeated(b"[],", b'{"a":[', b"1]}"),
    "objects side by side": _repeated(b"{},", b'{"a":[', b"1]}"),
    "lists of depth 6 side by side": _repeated(b"[[[[[[]]]]]],", b'{"a":[', b"1]}"),
    "brackets in text": _repeated(b"[{", b'{"a":"', b'"}'),
    "quotes that never end": _repeated(b'"', b'{"a":[[[[[[[[['),
    "escaped quotes": _repeated(b'\\"', b'{"a":[[],[],[],[],[],[],[],[],"', b'"]}'),
    "escaped quotes that never end": _repeated(b'\\"', b'{"a":[[],[],[],[],[],[],[],[],"'),
    "backslashes": _repeated(b"\\\\", b'{"a":[[],[],[],[],[],[],[],[],"', b'"]}'),
    "one name again and again": _repeated(b'"a":1,', b"{", b'"a":1}'),
    "many names": _names('"%d":1'),
    "many names, spelt otherwise": _names('"\\u0061%d":1'),
    "one object again and again": _repeated(b'{"a":1,"b":2},', b'{"a":[', b"1]}"),
    "escapes": _repeated(b"\\u0041", b'{"a":"', b'"}'),
    "pairs of surrogates": _repeated(b"\\ud83d\\ude00", b'{"a":"', b'"}'),
    "high surrogates": _repeated(b"\\ud83d", b'{"a":"', b'"}'),
    "white space": _repeated(b" \n\t\r", b'{"a":', b"1}"),
    "a whole number": _repeated(b"9", b'{"a":', b"}"),
    "whole numbers of 4,000 digits": _repeated(b"9" * 4000 + b",", b'{"a":[', b"1]}"),
    "whole numbers of 20 digits": _repeated(b"98765432109876543210,", b'{"a":[', b"1]}"),
    "a fraction": _repeated(b"9", b'{"a":1.', b"}"),
    "fractions that lie between two floats": _repeated(b"9007199254740993.00000000000000000001,", b'{"a":[', b"1]}"),
    "an exponent": _repeated(b"9", b'{"a":1e', b"}"),
    "small exponents": _repeated(b"2.2250738585072011e-308,", b'{"a":[', b"1]}"),
    "zeros": _repeated(b"0", b'{"a":', b"}"),
    "numbers": _repeated(b"1,", b'{"a":[', b"1]}"),
    "letters of four bytes": _repeated("\U0001f600".encode(), b'{"a":"', b'"}'),
    "letters that decompose": _repeated("\ufdfa".encode(), b'{"sub":"', b'"}'),
    "marks to put in order": _repeated("\u0301\u0323\u0345".encode(), b'{"sub":"a', b'"}'),
    "syllables of three letters": _repeated("\u1112\u1161\u11ab".encode(), b'{"sub":"', b'"}'),
    "invalid UTF-8": _repeated(b"\xed\xa0\x80", b'{"a":"', b'"}'),
    "audiences": _repeated(b'"https://api.test",', b'{"aud":[', b'"x"]}'),
    "scopes": _repeated(b"a ", b'{"scope":"', b'"}'),
    "scopes that differ": _names("%x", b'{"scope":"', b'"}'),
    "roles": _names('"r%d"', b'{"roles":[', b"]}"),
}
"""Texts that are, or nearly are, JSON objects."""

PLAIN: Final[dict[str, Fill]] = {
    "dots": _repeated(b"."),
    "segments": _repeated(b"a."),
    "letters": _repeated(b"A"),
    "a tail of base64": lambda size: b"A" * (size - 2) + b"AB",
    "padding": _repeated(b"=", b"AA"),
    "pluses": _repeated(b"+/"),
    "spaces": _repeated(b" "),
    "tabs in front": _repeated(b"\t", b"", b"x"),
    "commas": _repeated(b","),
    "semicolons": _repeated(b";"),
    "equal signs": _repeated(b"="),
    "NULs": _repeated(b"\0"),
    "bytes of 255": _repeated(b"\xff"),
    "lines": _repeated(b"\n"),
    "headers": _repeated(b"a: b\n"),
    "cookies": _repeated(b"a=b; "),
    "cookies of our name": _repeated(b"__Host-Http-ww_sid=b; "),
    "cookies of nearly our name": _repeated(b"__host-http-ww_sid"),
    "colons": _repeated(b":", b"https://["),
    "labels": _repeated(b"a.", b"https://"),
    "digits": _repeated(b"9"),
    "dashes": _repeated(b"-", b"-----BEGIN "),
    "PEM headers": _repeated(b"-----BEGIN PUBLIC KEY-----\n"),
    "PEM of zeros": _repeated(b"A" * 64 + b"\n", b"-----BEGIN PUBLIC KEY-----\n", b"-----END PUBLIC KEY-----\n"),
    "PEM with headers": _repeated(b"X: y\n", b"-----BEGIN PRIVATE KEY-----\n", b"\n-----END PRIVATE KEY-----\n"),
    "letters that decompose, bare": _repeated("\ufdfa".encode()),
    "a time with a fraction": _repeated(b"9", b"2027-01-15T08:00:00.", b"Z"),
}
"""Texts of any other sort."""

FAMILIES: Final = JSON | PLAIN


def _wraps(text: bytes) -> Iterator[tuple[str, bytes]]:
    """The places of a token that a text can stand in, in base64url."""
    inside = b64url(text).encode()
    yield "as a header", inside + b".e30.AAAA"
    yield "as a header of five", inside + b"..AAAAAAAAAAAAAAAA.AA.AAAAAAAAAAAAAAAAAAAAAA"
    yield "as a payload", b"eyJhbGciOiJFZDI1NTE5Iiwia2lkIjoiRWQyNTUxOSJ9." + inside + b"." + b"A" * 86
    yield "as a footer", b"v4.public." + b"A" * 86 + b"." + inside
    yield "as a body", b"v4.local." + inside
    yield "as a key", b"k4.public." + inside


def hostile(target: Target) -> Iterator[tuple[str, str, bytes]]:
    """(door, family, text of at most 8 KiB): every family at every door, bare and inside a token, and each seed of the
    door filled up: repeated, and with a family behind it."""
    for door in target.doors:
        for name, fill in FAMILIES.items():
            yield door, name, fill(LIMIT)
            for place, token in _wraps(fill(LIMIT * 3 // 4 - 200)):
                yield door, f"{name} {place}", token
    for door, text in target.seeds:
        for name, fill in FAMILIES.items():
            if text.startswith(b"{") and name in JSON:
                yield door, f"a seed that also has {name}", text[:-1] + b"," + fill(LIMIT - len(text))[1:]
            if len(text) < LIMIT - 100:
                yield door, f"a seed, then {name}", text + fill(LIMIT - len(text))
                yield door, f"{name}, then a seed", fill(LIMIT - len(text)) + text
        if text:
            yield door, "a seed again and again", text * (LIMIT // len(text))
