"""Payloads under a good signature that must not be believed: JSON that is not what it seems, claims that are not ours.

Every fault of a claim is written twice, as a JWT and as v4.public: the two are equals.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from tests.hostile.rows import AUDIENCE, CLAIMS, ED, ES, GONE, ISSUER, NOW, Case, head_of, jwt, pas, raw_claim
from watchword.encoding import dump_json
from watchword.errors import (
    BindingError,
    ClaimError,
    MalformedTokenError,
    MissingClaimError,
    NotYetValidError,
    TokenError,
    TokenExpiredError,
    WrongAudienceError,
    WrongIssuerError,
)

BASE = dump_json(CLAIMS)


def both(
    ids: str, what: str, claims: Mapping[str, Any], error: type[TokenError], reason: str, claim: str
) -> Iterator[Case]:
    yield Case(ids, f"JWT: {what}", jwt(claims), error, reason, calls=1, claim=claim)
    yield Case(ids, f"v4.public: {what}", pas(claims), error, reason, calls=1, claim=claim)


def bad(ids: str, name: str, *values: Any) -> Iterator[Case]:
    """Values that this claim may never have."""
    for value in values:
        what = (
            f"{name} {value!a}"
            if len(repr(value)) < 60
            else f"{name} {str(value)[:20]!a}, {len(repr(value))} characters"
        )
        yield from both(ids, what, {name: value}, ClaimError, "bad_claim", name)


def missing(ids: str, *names: str) -> Iterator[Case]:
    for name in names:
        yield from both(ids, f"{name} missing", {name: GONE}, MissingClaimError, "missing_claim", name)


def audiences() -> Iterator[Case]:
    wrong = {
        "another service": "https://other.test",
        "beginning": AUDIENCE[:-1],
        "with a slash": f"{AUDIENCE}/",
        "upper case": AUDIENCE.upper(),
        "two in one text": f"{AUDIENCE} https://other.test",
        "with a space": f" {AUDIENCE}",
        "with NUL": f"{AUDIENCE}\0",
    }
    for what, value in wrong.items():
        ids = "H-24 T17" if what == "another service" else "H-26 T17"
        yield from both(ids, f"aud {what}", {"aud": value}, WrongAudienceError, "wrong_audience", "aud")
    yield from missing("H-25 T17", "aud")
    yield from bad("H-25 T17", "aud", None, "", [], {}, 0, True)
    for mixed in ([AUDIENCE, 1], [[AUDIENCE]], [AUDIENCE, ""], [AUDIENCE, None], [AUDIENCE, "a\0"], {AUDIENCE: 1}):
        yield from bad("H-26 T17", "aud", mixed)
    yield from bad("H-26 T17", "aud", [AUDIENCE] + ["a"] * 16, ["a"] * 1000)
    others = jwt({"aud": ["https://other.test", AUDIENCE.upper()]})
    yield Case("H-24 T17", "JWT: aud two others", others, WrongAudienceError, "wrong_audience", calls=1, claim="aud")
    listed = pas({"aud": [AUDIENCE]})
    yield Case("H-26 T17", "v4.public: aud a list of ours", listed, ClaimError, "bad_claim", calls=1, claim="aud")


def expiry() -> Iterator[Case]:
    yield from missing("H-27 T17", "exp")
    yield from bad("H-27 T17", "exp", None)
    yield from bad("H-28 T17", "exp", str(NOW + 300), f"{NOW + 300} ", "never")
    yield from bad("H-29 T17", "exp", True, False)
    yield from bad("H-30 T17", "exp", 1e300, NOW + 300.5)
    for text in (b"NaN", b"Infinity", b"-Infinity", b"1e400", b"0x6b49d3ac", b"1_800_000_300", b"01800000300"):
        for what, token in (("JWT", jwt(raw_claim("exp", text))), ("v4.public", pas(raw_claim("exp", text)))):
            yield Case("H-30 T16", f"{what}: exp {text.decode()}", token, MalformedTokenError, "malformed", calls=1)
    for text in (b"-0", b"1800000300.0", b"18000003e2", b"-1.8e9"):
        for what, token in (("JWT", jwt(raw_claim("exp", text))), ("v4.public", pas(raw_claim("exp", text)))):
            yield Case("H-30 T16", f"{what}: exp {text.decode()}", token, ClaimError, "bad_claim", calls=1, claim="exp")
    for exp, what in ((NOW, "now"), (NOW - 1, "now - 1"), (1, "1970")):
        yield from both("H-31 T17", f"exp = {what}", {"exp": exp, "iat": NOW - 9}, TokenExpiredError, "expired", "exp")
    yield from bad("H-32 T17", "exp", -1, 0, 2**53, 2**63, 2**64 + 1, -(2**63), [NOW + 300], {"$gt": 0}, [1] * 20)
    yield from bad("H-32 T17", "exp", {str(number): 1 for number in range(20)}, ["2027-01-15T09:00:00Z"])


def beginnings() -> Iterator[Case]:
    later = both("H-33 T17", "nbf = now + 11", {"nbf": NOW + 11}, NotYetValidError, "not_yet_valid", "nbf")
    yield from later
    yield from both("H-33 T17", "nbf > exp", {"nbf": NOW + 301}, NotYetValidError, "not_yet_valid", "nbf")
    yield from bad("H-33 T17", "nbf", str(NOW), True, None, [], float(NOW), -1, 0, 2**53)
    future = {"iat": NOW + 11}
    yield from both("H-34 T17", "iat = now + 11", future, NotYetValidError, "issued_in_future", "iat")
    yield from both("H-34 T17", "iat > exp", {"iat": NOW + 6, "exp": NOW + 5}, ClaimError, "bad_claim", "exp")
    yield from both("H-34 T17", "iat = exp", {"iat": NOW + 5, "exp": NOW + 5}, ClaimError, "bad_claim", "exp")
    yield from both("H-34", "exp - iat of 60 min and 1 s", {"exp": NOW + 3601}, ClaimError, "bad_claim", "exp")
    yield from both("H-34", "exp - iat of a year", {"exp": NOW + 31_536_000}, ClaimError, "bad_claim", "exp")
    yield from bad("H-34 T17", "iat", str(NOW), True, None, [], float(NOW), -1, 0, 2**53)
    yield from missing("H-34 T17", "iat")


def issuers() -> Iterator[Case]:
    for what, value in {
        "with a slash": f"{ISSUER}/",
        "upper case": ISSUER.upper(),
        "another tenant": "https://as.test/t2",
        "the beginning of ours": ISSUER[:-1],
        "the end of ours": "as.test/t1",
        "ours in theirs": f"https://evil.test/{ISSUER}",
        "a space after": f"{ISSUER} ",
        "escaped": "https://as.test/%741",
    }.items():
        yield from both("H-35 T17 T19", f"iss {what}", {"iss": value}, WrongIssuerError, "wrong_issuer", "iss")
    yield from bad("H-35 T17", "iss", [ISSUER], "", None, 1, f"{ISSUER}\0", f"{ISSUER}\n", {"iss": ISSUER})
    yield from missing("H-35 T17", "iss")


def names() -> Iterator[Case]:
    yield from bad(
        "H-36 T17", "sub", 7, "", "s" * 2048, "s" * 1025, None, ["user-7"], True, "user\0-7", "user\n7", "\u202euser"
    )
    yield from bad("H-36 T17", "jti", 7, "", "j" * 2048, None, ["jti"])
    yield from bad("H-36 T17", "client_id", 7, "", None, ["first-party"], "c\u0000")
    yield from missing("H-36 T17", "sub", "jti", "client_id")
    yield from bad("H-36", "sid", 7, "", None, ["s"])
    yield from bad("H-36", "fam", 7, "", None)
    yield from bad("H-36", "rev", 7, "", None)
    yield from bad("H-36", "scope", 7, ["orders:read"], "orders\u00e9", "a\0b", "a\nb")
    yield from bad("H-36", "roles", "admin", 7, None, [7], [""], ["r"] * 65, {"admin": True}, [["admin"]])
    yield from bad("H-36", "auth_time", "yesterday", True, 1.5, [])
    many = {f"c{number}": 1 for number in range(57)}
    yield from both("H-36", "65 claims", many, ClaimError, "bad_claim", "*")


def bound() -> Iterator[Case]:
    bindings: dict[str, dict[str, Any]] = {
        "DPoP, no thumbprint": {"cnf": {"jkt": "0ZcOCORZNYy"}},
        "DPoP and mTLS": {"cnf": {"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I", "x5t#S256": "x"}},
        "mTLS": {"cnf": {"x5t#S256": "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2"}},
        "cnf empty": {"cnf": {}},
        "cnf null": {"cnf": None},
    }
    for what, claims in bindings.items():
        yield from both("H-56", f"bound: {what}", claims, BindingError, "binding_mismatch", "")


def not_json() -> Iterator[Case]:
    """Under a good signature, so that one check is paid; nothing is read before it."""
    text = BASE.decode()
    deep = {"arrays": (b"[", b"]"), "objects": (b'{"a":', b"}")}
    payloads: dict[str, tuple[str, bytes]] = {
        "UTF-16": ("H-21 T16", text.encode("utf-16")),
        "UTF-16, no BOM": ("H-21 T16", text.encode("utf-16-le")),
        "UTF-32": ("H-21 T16", text.encode("utf-32")),
        "BOM": ("H-22 T16", b"\xef\xbb\xbf" + BASE),
        "invalid UTF-8": ("H-23 T16", raw_claim("sub", b'"user\xff"')),
        "overlong UTF-8": ("H-23 T16", raw_claim("sub", b'"user\xc0\xaf"')),
        "surrogate in UTF-8": ("H-23 T16", raw_claim("sub", b'"user\xed\xa0\x80"')),
        "lone surrogate": ("H-23 T16", raw_claim("sub", b'"user\\ud800"')),
        "surrogates in the wrong order": ("H-23 T16", raw_claim("sub", b'"user\\ude00\\ud83d"')),
        "NUL raw": ("H-23 T16", raw_claim("sub", b'"user\x00"')),
        "5,000 digits": ("H-45 T16", raw_claim("x", b"1" * 5000)),
        "list": ("H-46 T16", b"[1]"),
        "the claims in a list": ("H-46 T16", b"[" + BASE + b"]"),
        "text": ("H-46 T16", b'"x"'),
        "number": ("H-46 T16", b"1"),
        "null": ("H-46 T16", b"null"),
        "true": ("H-46 T16", b"true"),
        "not JSON": ("H-46 T16", b"<xml/>"),
        "trailing garbage": ("H-46 T16", BASE + b"x"),
        "two objects": ("H-46 T16", BASE + BASE),
        "trailing comma": ("H-46 T16", BASE[:-1] + b",}"),
        "single quotes": ("H-46 T16", BASE.replace(b'"', b"'")),
        "comment": ("H-46 T16", b"/*x*/" + BASE),
    }
    for name, (opening, closing) in deep.items():
        payloads[f"{name} 9 deep"] = ("H-44 T16", raw_claim("x", opening * 8 + b"1" + closing * 8))
        payloads[f"{name} 900 deep"] = ("H-44 T16", raw_claim("x", opening * 900 + b"1" + closing * 900))
    payloads["2,500 arrays, never closed"] = ("H-44 T16", raw_claim("x", b"[" * 2500))
    for name in ("exp", "aud", "sub", "iss"):
        other = dump_json({name: "other"})[1:-1]
        escaped = other.replace(name.encode(), f"\\u{ord(name[0]):04x}{name[1:]}".encode())
        for what, one in {name: other, f"{name} escaped": escaped}.items():
            payloads[f"{what} twice, ours last"] = ("H-43 T16", b"{" + one + b"," + BASE[1:])
            payloads[f"{what} twice, ours first"] = ("H-43 T16", BASE[:-1] + b"," + one + b"}")
    payloads["twice inside cnf"] = ("H-43 T16", raw_claim("cnf", b'{"jkt":"a","jkt":"b"}'))
    payloads["twice inside a list"] = ("H-43 T16", raw_claim("x", b'[{"a":1,"a":1}]'))
    for what, (ids, payload) in payloads.items():
        yield Case(ids, f"JWT: {what}", jwt(payload), MalformedTokenError, "malformed", calls=1)
        yield Case(ids, f"v4.public: {what}", pas(payload), MalformedTokenError, "malformed", calls=1)
    yield Case("H-46 T16", "JWT: empty", jwt(b""), MalformedTokenError, "malformed")
    yield Case("H-46 T16", "v4.public: empty", pas(b""), MalformedTokenError, "malformed", calls=1)
    yield from too_large("H-44 T16", "50,000 arrays", raw_claim("x", b"[" * 50_000 + b"]" * 50_000))
    yield from too_large("H-45 T16", "a million digits", raw_claim("x", b"1" * 1_000_000))
    yield from too_large("T16", "100,000 names", dump_json({str(number): 1 for number in range(100_000)}))
    yield from bad("H-23 T16", "sub", "user\u0000")


def too_large(ids: str, what: str, payload: bytes) -> Iterator[Case]:
    yield Case(ids, f"JWT: {what}", jwt(payload), MalformedTokenError, "too_large")
    yield Case(ids, f"v4.public: {what}", pas(payload), MalformedTokenError, "too_large")


def headers_not_json() -> Iterator[Case]:
    """The same in the header, before any signature."""
    base = dump_json(head_of(ED))
    text = base.decode()
    for what, (ids, header) in {
        "UTF-16": ("H-21 T16", text.encode("utf-16")),
        "UTF-16, no BOM": ("H-21 T16", text.encode("utf-16-le")),
        "UTF-32": ("H-21 T16", text.encode("utf-32")),
        "BOM": ("H-22 T16", b"\xef\xbb\xbf" + base),
        "invalid UTF-8": ("H-23 T16", base[:-1] + b',"x":"\xff"}'),
        "overlong UTF-8": ("H-23 T16", base[:-1] + b',"x":"\xc0\xaf"}'),
        "lone surrogate": ("H-23 T16", base[:-1] + b',"x":"\\ud800"}'),
        "900 arrays": ("H-44 T16", base[:-1] + b',"x":' + b"[" * 900 + b"}"),
        "400 arrays, closed": ("H-44 T16", base[:-1] + b',"x":' + b"[" * 400 + b"]" * 400 + b"}"),
        "9 levels": ("H-44 T16", base[:-1] + b',"x":' + b"[" * 8 + b"]" * 8 + b"}"),
        "900 digits and a letter": ("H-45 T16", base[:-1] + b',"x":' + b"1" * 900 + b"x}"),
        "NaN": ("T16", base[:-1] + b',"x":NaN}'),
        "1e400": ("T16", base[:-1] + b',"x":1e400}'),
        "list": ("T16", b"[" + base + b"]"),
        "text": ("T16", b'"eyJ"'),
        "trailing garbage": ("T16", base + b"x"),
    }.items():
        # a header in UTF-16 or a list does not begin like a JWT at all: at the door of JWS it is looked at nevertheless
        yield Case(ids, f"header: {what}", jwt(None, header), MalformedTokenError, "malformed")
        yield Case(ids, f"JWS header: {what}", jwt(None, header), MalformedTokenError, "malformed", door="jws")
    for what, header in {"50,000 arrays": b"[" * 50_000, "a million digits": b"1" * 1_000_000}.items():
        token = jwt(None, base[:-1] + b',"x":' + header + b"}")
        yield Case("H-44 H-45 T16", f"header: {what}", token, MalformedTokenError, "too_large")


def of_every_algorithm() -> Iterator[Case]:
    """The same claims stage behind ES256, once."""
    for name, error, reason in (
        ("aud", WrongAudienceError, "wrong_audience"),
        ("iss", WrongIssuerError, "wrong_issuer"),
    ):
        token = jwt({name: "https://other.test"}, key=ES)
        yield Case("H-24 H-35 T17", f"ES256: {name}", token, error, reason, calls=1, claim=name)


TABLES = (
    *(audiences, expiry, beginnings, issuers, names, bound),
    *(not_json, headers_not_json, of_every_algorithm),
)


def cases() -> Iterator[Case]:
    for table in TABLES:
        yield from table()
