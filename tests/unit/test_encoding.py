"""The strict front door: base64url, JSON, RFC 3339, PAE. One way to write each value, and only that way is read."""

import base64
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from watchword.encoding import (
    MAX_DEPTH,
    MAX_TOKEN,
    b64url,
    base62,
    dump_json,
    gate,
    json_object,
    pae,
    rfc3339,
    seconds_of,
    unb64url,
    unbase62,
)
from watchword.errors import MalformedTokenError

ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


CALM = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


# gate


@pytest.mark.parametrize("limit", [1, 256, MAX_TOKEN])
def test_gate_is_as_wide_as_it_says(limit: int) -> None:
    for token in ("a" * limit, b"a" * limit):
        assert gate(token, limit) == b"a" * limit
    for token in ("a" * (limit + 1), b"a" * (limit + 1)):
        with pytest.raises(MalformedTokenError) as caught:
            gate(token, limit)
        assert caught.value.reason == "too_large"


@pytest.mark.parametrize(
    "untrusted", ["\u00e9", "a\u0430", "\ud800", b"\x80", b"a\xff", None, 1, bytearray(b"a"), ["a"]]
)
def test_gate_lets_nothing_else_in(untrusted: Any) -> None:
    with pytest.raises(MalformedTokenError) as caught:
        gate(untrusted)
    assert caught.value.reason == "malformed"


# base64url


@CALM
@given(st.binary(max_size=200))
def test_base64url_both_ways(raw: bytes) -> None:
    text = b64url(raw)
    assert text == base64.urlsafe_b64encode(raw).decode().rstrip("=")
    assert unb64url(text.encode()) == raw


@pytest.mark.parametrize("length", [2, 3])
def test_one_spelling_of_each_tail(length: int) -> None:
    """Of all texts of that length that a lax reader maps to some bytes, exactly the one that we write is read."""
    for first in (b"A", b"_", b"z"):
        for last in ALPHABET:
            text = (first * (length - 1)) + bytes((last,))
            lax = base64.urlsafe_b64decode(text + b"=" * (-length % 4))
            if b64url(lax).encode() == text:
                assert unb64url(text) == lax
            else:
                with pytest.raises(MalformedTokenError):
                    unb64url(text)


@pytest.mark.parametrize("length", [1, 5, 9])
def test_no_text_of_4_n_plus_1(length: int) -> None:
    with pytest.raises(MalformedTokenError):
        unb64url(b"A" * length)


def test_no_character_outside_the_alphabet() -> None:
    for byte in set(range(256)) - set(ALPHABET):
        for text in (
            b"AAA" + bytes((byte,)),
            bytes((byte,)) + b"AAA",
            b"AA" + bytes((byte,)) + b"A",
            b"AAAA" + bytes((byte,)),
        ):
            with pytest.raises(MalformedTokenError):
                unb64url(text)


@pytest.mark.parametrize(
    "text", [b"AA==", b"AAA=", b"AAAA=", b"AAAA====", b"=", b"====", b"A===", b"AA=A", b"QQ==QQ=="]
)
def test_no_padding(text: bytes) -> None:
    with pytest.raises(MalformedTokenError):
        unb64url(text)


def test_nothing_is_nothing() -> None:
    assert unb64url(b"") == b""
    assert b64url(b"") == ""


# JSON


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (b"{}", {}),
        (b' {"a" : 1}\n', {"a": 1}),
        (b'{"\\u0061":1}', {"a": 1}),
        ('{"a":"\u00e9\U0001f600"}'.encode(), {"a": "\u00e9\U0001f600"}),
        (b'{"a":"\\ud83d\\ude00"}', {"a": "\U0001f600"}),
        (b'{"a":[1,2.5,true,false,null,"x"]}', {"a": [1, 2.5, True, False, None, "x"]}),
        (b'{"a":{"b":1},"c":{"b":1}}', {"a": {"b": 1}, "c": {"b": 1}}),
        (b'{"a":[[1],[1],[1],[1],[1],[1],[1],[1],[1]]}', {"a": [[1]] * 9}),
        (b'{"a":"[[[[[[[[[[{{{{{{{{{{\\"[[["}', {"a": '[[[[[[[[[[{{{{{{{{{{"[[['}),
        (b'{"a":' + b"[" * (MAX_DEPTH - 1) + b"]" * (MAX_DEPTH - 1) + b"}", None),
        (b'{"a":18446744073709551617}', {"a": 2**64 + 1}),
    ],
)
def test_json_that_is_read(raw: bytes, value: Any) -> None:
    assert json_object(raw) == (json.loads(raw) if value is None else value)


@pytest.mark.parametrize(
    "raw",
    [
        *(
            b"",
            b" ",
            b"null",
            b"1",
            b'"x"',
            b"[]",
            b'[{"a":1}]',
            b"true",
            b"{",
            b"}",
            b"{}{}",
            b"{}x",
            b"{}\0",
            b"\0{}",
        ),
        *(b'{"a":1,}', b"{'a':1}", b"{a:1}", b'{"a"}', b'{"a":}', b'{"a":01}', b'{"a":+1}', b'{"a":.5}', b'{"a":1.}'),
        *(
            b'{"a":NaN}',
            b'{"a":Infinity}',
            b'{"a":-Infinity}',
            b'{"a":1e400}',
            b'{"a":0x1}',
            b'{"a":1_0}',
            b'{"a":True}',
        ),
        *(b'{"a":"\xff"}', b'{"a":"\xc0\xaf"}', b'{"a":"\xed\xa0\x80"}', b'{"a":"\\ud800"}', b'{"a":"\\ude00\\ud83d"}'),
        *(
            b'{"a":"\x00"}',
            b'{"a":"\n"}',
            b'{"a":"\\x41"}',
            b'{"a":"',
            b"\xef\xbb\xbf{}",
            "{}".encode("utf-16"),
            b"//\n{}",
        ),
        *(
            b'{"a":1,"a":1}',
            b'{"a":1,"\\u0061":1}',
            b'{"a":{"b":1,"b":2}}',
            b'{"a":[{"b":1,"b":1}]}',
            b'{"a":1, "a":2}',
        ),
        b'{"a":' + b"1" * 5000 + b"}",
        b'{"a":' + b"[" * MAX_DEPTH + b"]" * MAX_DEPTH + b"}",
        b'{"a":' * (MAX_DEPTH + 1) + b"1" + b"}" * (MAX_DEPTH + 1),
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"a":"\\"' + b"[" * 9,
    ],
    ids=lambda raw: repr(raw[:30]),
)
def test_json_that_is_refused(raw: bytes) -> None:
    with pytest.raises(MalformedTokenError):
        json_object(raw)


LEAVES: st.SearchStrategy[object] = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
)
JSON: st.SearchStrategy[object] = st.deferred(
    lambda: LEAVES | st.lists(JSON, max_size=3) | st.dictionaries(st.text(max_size=5), JSON, max_size=3)
)


def depth(value: Any) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return (1 if isinstance(value, dict | list) else 0) + max(map(depth, inner), default=0)


@CALM
@given(st.dictionaries(st.text(max_size=5), JSON, max_size=4), st.sampled_from([None, 2]), st.booleans())
def test_json_is_read_whatever_its_spelling(value: dict[str, Any], indent: int | None, ascii_only: bool) -> None:
    """Another writer's blanks and escapes change nothing; what nests too deep is refused in any spelling."""
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only)
    if any("\ud800" <= character <= "\udfff" for character in json.dumps(value, ensure_ascii=False)):
        return  # a lone surrogate cannot be written in UTF-8
    if depth(value) <= MAX_DEPTH:
        assert json_object(text.encode()) == value
    else:
        with pytest.raises(MalformedTokenError):
            json_object(text.encode())


WIDE = {
    "lists side by side": '{"a":[' + "[]," * 500 + "1]}",
    "at the limit, side by side": '{"a":[' + "[[[[[[]]]]]]," * 100 + "1]}",
    "brackets in text": '{"a":"' + "[{" * 500 + '"}',
    "brackets behind an escaped quote": '{"a":"\\"[[[[[[[[[[","b":"\\\\","c":["]]"]}',
    "brackets in names": '{"[[[[[[[[[[":{"]]]]]]]]]]":1}}',
}


@pytest.mark.parametrize("text", WIDE.values(), ids=WIDE)
def test_what_is_wide_is_not_deep(text: str) -> None:
    assert json_object(text.encode()) == json.loads(text)


DEEP = {
    "one more": '{"a":[[[[[[[[]]]]]]]]}',
    "one more among others": '{"a":[' + "[[[[[[]]]]]]," * 50 + "[[[[[[[]]]]]]]]}",
    "behind texts": '{"a":"\\"","b":"\\\\","c":[[[[[[[[1]]]]]]]]}',
    "of two sorts": '{"a":[{"a":[{"a":[{"a":[{}]}]}]}]}',
    "without an end": '{"a":' + "[" * 8000,
    "a text without an end": '{"a":[[[[[[[[[" ' + '\\"' * 4000,
}


@pytest.mark.parametrize("text", DEEP.values(), ids=DEEP)
def test_what_is_deep_is_refused(text: str) -> None:
    with pytest.raises(MalformedTokenError):
        json_object(text.encode())


@pytest.mark.parametrize("number", ["1e400", "-1e400", "1e" + "9" * 50, "9" * 400 + ".0", "9" * 5000])
def test_numbers_without_a_place(number: str) -> None:
    with pytest.raises(MalformedTokenError):
        json_object(f'{{"a":{number}}}'.encode())


@CALM
@given(st.floats(allow_nan=False, allow_infinity=False) | st.just(2.2250738585072011e-308))
def test_floats_are_pythons(number: float) -> None:
    found = json_object(f'{{"a":{number!r}}}'.encode())["a"]
    assert (type(found), found) == (float, number)


@CALM
@given(st.lists(st.tuples(st.sampled_from(["a", "b", "\u00e9", "a b"]), st.integers(0, 9)), min_size=1, max_size=5))
def test_json_with_a_name_twice_is_refused(pairs: list[tuple[str, int]]) -> None:
    raw = ("{" + ",".join(f"{json.dumps(name)}:{value}" for name, value in pairs) + "}").encode()
    if len(dict(pairs)) == len(pairs):
        assert json_object(raw) == dict(pairs)
    else:
        with pytest.raises(MalformedTokenError):
            json_object(raw)


def test_what_json_cannot_hold_is_the_writers_error() -> None:
    with pytest.raises(TypeError):
        dump_json({"a": object()})


# RFC 3339 (T36): the exact table


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1969-12-31T23:59:59Z", -1),
        ("2027-01-15T08:00:00Z", 1_800_000_000),
        ("2027-01-15T08:00:00+00:00", 1_800_000_000),
        ("2027-01-15T08:00:00-00:00", 1_800_000_000),
        ("2027-01-15T22:00:00+14:00", 1_800_000_000),
        ("2027-01-14T20:00:00-12:00", 1_800_000_000),
        ("2027-01-15T13:45:00+05:45", 1_800_000_000),
        ("2027-01-16T07:59:00+23:59", 1_800_000_000),
        ("2027-01-15T08:00:00.0Z", 1_800_000_000),
        ("2027-01-15T08:00:00.9Z", 1_800_000_000),
        ("2027-01-15T08:00:00.12345678901234567890Z", 1_800_000_000),
        ("2027-01-15T08:00:00.99999999999999999999Z", 1_800_000_000),
        ("2027-01-15T22:00:00.5+14:00", 1_800_000_000),
        ("2024-02-29T00:00:00Z", 1_709_164_800),
        ("0001-01-01T00:00:00Z", -62_135_596_800),
        ("0001-01-01T00:00:00+14:00", -62_135_596_800 - 14 * 3600),
        ("9999-12-31T23:59:59Z", 253_402_300_799),
        ("9999-12-31T23:59:59-23:59", 253_402_300_799 + 23 * 3600 + 59 * 60),
    ],
)
def test_times_that_are_read(text: str, seconds: int) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize(
    "text",
    [
        *("2027-01-15t08:00:00Z", "2027-01-15T08:00:00z", "2027-01-15t08:00:00z", "2027-01-15 08:00:00Z"),
        *(
            "2027-01-15T08:00:00",
            "2027-01-15T08:00:00.5",
            "2027-01-15",
            "2027-01-15T08:00Z",
            "2027-01-15T08Z",
            "",
            "Z",
            "T",
        ),
        *("1800000000", "1800000000.5", "2027-01-15T24:00:00Z", "2027-01-15T24:00:00.0Z", "2027-01-15T25:00:00Z"),
        *("2027-01-15T08:60:00Z", "2027-01-15T08:00:60Z", "2016-12-31T23:59:60Z", "2027-13-15T08:00:00Z"),
        *(
            "2027-00-15T08:00:00Z",
            "2027-01-00T08:00:00Z",
            "2027-02-29T08:00:00Z",
            "2027-04-31T08:00:00Z",
            "0000-01-01T00:00:00Z",
        ),
        *("27-01-15T08:00:00Z", "12027-01-15T08:00:00Z", "-2027-01-15T08:00:00Z", "+2027-01-15T08:00:00Z"),
        *(
            "20270115T080000Z",
            "2027-W02-5T08:00:00Z",
            "2027-015T08:00:00Z",
            "2027/01/15T08:00:00Z",
            "2027-01-15T08.00.00Z",
        ),
        *(
            "2027-01-15T08:00:00+0100",
            "2027-01-15T08:00:00+01",
            "2027-01-15T08:00:00+1:00",
            "2027-01-15T08:00:00+24:00",
        ),
        *(
            "2027-01-15T08:00:00+01:60",
            "2027-01-15T08:00:00+01:00Z",
            "2027-01-15T08:00:00ZZ",
            "2027-01-15T08:00:00+01:00:00",
        ),
        *("2027-01-15T08:00:00.Z", "2027-01-15T08:00:00.+01:00", "2027-01-15T08:00:00,5Z", "2027-01-15T08:00:00.5ZZ"),
        *("2027-01-15T08:00:00.5-+1:00", "2027-01-15T08:00:00.-5Z", "2027-01-15T08:00:00.5 Z", "2027-01-15T08:00:00 Z"),
        *(" 2027-01-15T08:00:00Z", "2027-01-15T08:00:00Z ", "2027-01-15T08:00:00Z\n", "2027-01-15T08:00:00\0Z"),
        *("\u0662027-01-15T08:00:00Z", "\u0662\u0660\u0662\u0667-01-15T08:00:00Z", "2027-01-15T08:00:00.\u0665Z"),
        *("2027-01-15T08:00:00\u221201:00", "2027-01-15T08:00:00+\u0660\u0661:00", "2027\u201301-15T08:00:00Z"),
        *("2027-01-15T08:00:00." + "1" * 5000 + "Z", "2027-1-15T08:00:000Z", "2027-01-15T8:00:000Z", "now", "T" * 20),
    ],
)
def test_times_that_are_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - any of them: the formats turn them into a ClaimError
        seconds_of(text)


@CALM
@given(st.integers(-62_135_596_800, 253_402_300_799))
def test_times_both_ways(seconds: int) -> None:
    assert seconds_of(rfc3339(seconds)) == seconds
    assert len(rfc3339(seconds)) == 20


# PAE (PASETO, Common.md)


@pytest.mark.parametrize(
    ("pieces", "hex"),
    [
        ((), "00" * 8),
        ((b"",), "01" + "00" * 15),
        ((b"", b""), "02" + "00" * 23),
        ((b"Paragon",), "01000000000000000700000000000000" + b"Paragon".hex()),
        (
            (b"Paragon", b"Initiative"),
            "0200000000000000" + "0700000000000000" + b"Paragon".hex() + "0a00000000000000" + b"Initiative".hex(),
        ),
    ],
)
def test_pae(pieces: tuple[bytes, ...], hex: str) -> None:
    assert pae(*pieces).hex() == hex


@CALM
@given(st.lists(st.binary(max_size=20), max_size=4), st.lists(st.binary(max_size=20), max_size=4))
def test_pae_tells_all_lists_apart(one: list[bytes], other: list[bytes]) -> None:
    assert (pae(*one) == pae(*other)) is (one == other)


# base62


@pytest.mark.parametrize(
    ("raw", "width", "text"),
    [
        (b"\x00", 1, "0"),
        (b"\x3d", 1, "z"),
        (b"\x3e", 2, "10"),
        (b"\x00\x00", 3, "000"),
        (b"\xff" * 4, 6, "4gfFC3"),
    ],
)
def test_base62_has_one_spelling(raw: bytes, width: int, text: str) -> None:
    assert base62(raw, width) == text
    assert unbase62(base62(raw, width), len(raw)) == raw
    assert len(base62(raw, width)) == width


@pytest.mark.parametrize(
    ("text", "size"), [("4gfFC4", 4), ("zzzzzz", 4), ("z" * 43, 32), ("A-A", 4), ("A A", 4), ("é", 4)]
)
def test_base62_that_does_not_fit_or_is_none_is_refused(text: str, size: int) -> None:
    with pytest.raises(MalformedTokenError):
        unbase62(text, size)
