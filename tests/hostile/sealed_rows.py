"""Sealed tokens: bound to another user, purpose or audience, of another kind, spliced, or saying what none says."""

from collections.abc import Callable, Iterator
from typing import Any

from tests.hostile.rows import (
    DIR,
    GONE,
    LOCAL,
    NOW,
    SEALED_FOR,
    Case,
    jwt,
    pas,
    respelled,
    seal,
    seal_jwe,
    with_header,
)
from watchword.encoding import b64url, unb64url
from watchword.errors import (
    AlgorithmError,
    ClaimError,
    MalformedTokenError,
    MissingClaimError,
    NotYetValidError,
    SealError,
    TokenExpiredError,
    UnknownKeyError,
    WrongTypeError,
)
from watchword.formats import jwe, paseto
from watchword.keys.key import Key

MAKERS: dict[str, Callable[..., str]] = {"v4.local": seal, "JWE": seal_jwe}
ELSE: dict[str, dict[str, str]] = {
    "another user": {"subject": "user-8"},
    "a user whose name begins so": {"subject": "user-7 "},
    "another purpose": {"purpose": "refund"},
    "another audience": {"audience": "https://other.test"},
    "no audience": {"audience": ""},
    "purpose and user exchanged": {"purpose": "user-7", "subject": "payment"},
    "purpose and user cut elsewhere": {"purpose": "paymentuser-", "subject": "7"},
    "another context": {"context": "watchword.sealed.v2"},
}


def unopened(ids: str, what: str, token: str, calls: int = 1) -> Case:
    return Case(ids, what, token, SealError, "bad_signature", calls=calls, door="sealed")


def malformed(ids: str, what: str, token: str, calls: int = 0) -> Case:
    return Case(ids, what, token, MalformedTokenError, "malformed", calls=calls, door="sealed")


def bound() -> Iterator[Case]:
    """H-62, H-63: what a token is bound to, and what stands around it."""
    for name, make in MAKERS.items():
        for what, context in ELSE.items():
            yield unopened("H-63", f"{name}: {what}", make(**context))
        yield unopened("H-62", f"{name}: no assertion at all", make(assertion=b""))
        mine, theirs = make().split("."), make({"jti": "another"}, subject="user-8").split(".")
        for place in range(len(mine)):
            mixed = ".".join([*mine[:place], theirs[place], *mine[place + 1 :]])
            if mine[place] not in ("", theirs[place]) and (place > 1 or name == "JWE"):
                yield unopened("H-63", f"{name}: segment {place} of another token", mixed)
    forged: dict[str, dict[str, Any]] = {
        "the bound of another token": {"ww_bound": jwe._bound(SEALED_FOR, "another")},
        "no bound": {"ww_bound": GONE},
        "a bound that is no text": {"ww_bound": 7},
        "a bound of nothing": {"ww_bound": ""},
        "a bound outside ASCII": {"ww_bound": "é.é"},
        "one more parameter": {"x": 1},
    }
    for what, changes in forged.items():
        yield unopened("H-63", f"JWE: {what}", with_header(seal_jwe(subject="user-8"), changes))


def kinds() -> Iterator[Case]:
    """H-48 in both directions: no kind stands for another, under the same key neither."""
    yield malformed("H-48", "an access token, JWT", jwt())
    yield malformed("H-48", "an access token, v4.public", pas())
    for start in ("ww_ss_", "ww_at_", "ww_rt_", "ww_ot_", "sk_live_"):
        yield malformed("H-48", f"{start}…", start + "A" * 43)
    for name, make in MAKERS.items():
        yield Case("H-48", f"sealed, {name}, as an access token", make(), MalformedTokenError, "malformed")
        for typ in ("at", "at+jwt", "service", "service+jwt", "JWT", "", GONE, "sealed "):
            yield Case(
                "H-48",
                f"{name} of typ {typ!r:.20}",
                make(typ=typ),
                WrongTypeError,
                "wrong_type",
                claim="typ",
                door="sealed",
            )


def keys() -> Iterator[Case]:
    stranger = Key.generate("v4.local")
    twin = Key(LOCAL.algorithm, stranger._private, stranger._public, kid=LOCAL.kid)
    yield unopened("H-63", "v4.local: sealed by a stranger in our key's name", seal(key=twin, kid=LOCAL.kid), calls=1)
    yield Case(
        "H-62", "v4.local: a key nobody has", seal(key=stranger), UnknownKeyError, "key_not_found", door="sealed"
    )
    yield Case(
        "H-62",
        "v4.local in the name of the JWE key",
        seal(kid=DIR.kid),
        AlgorithmError,
        "key_alg_mismatch",
        door="sealed",
    )
    for header, error, reason in (
        ({"enc": "A128GCM"}, AlgorithmError, "alg_not_allowed"),
        ({"alg": "A256KW"}, AlgorithmError, "alg_not_allowed"),
        ({"alg": "none"}, AlgorithmError, "alg_not_allowed"),
        ({"kid": "nobody"}, UnknownKeyError, "key_not_found"),
    ):
        token = with_header(seal_jwe(), header)
        yield Case("H-17 T3", f"JWE: {header}", token, error, reason, door="sealed")
    for name, value in (
        ("jwk", {}),
        ("jku", "https://evil.test"),
        ("x5u", "x"),
        ("zip", "DEF"),
        ("crit", ["ww_bound"]),
    ):
        reason = "crit_unsupported" if name == "crit" else "malformed"
        token = with_header(seal_jwe(), {name: value})
        yield Case("H-13 T9", f"JWE: {name}", token, MalformedTokenError, reason, door="sealed")


def shapes() -> Iterator[Case]:
    """One spelling, nothing cut, nothing behind it."""
    for name, make in MAKERS.items():
        token = make()
        head, _, last = token.rpartition(".")
        for other in respelled(last):
            yield malformed("H-09 T15", f"{name}: last character {other[-1]}", f"{head}.{other}")
        for what, spelled in (("padding", f"{token}="), ("a dot", f"{token}."), ("a space", f" {token}")):
            yield malformed("H-06 T15", f"{name}: {what}", spelled)
    _, _, body, footer = seal().split(".")
    raw = unb64url(body.encode())
    for what, changed in (("the nonce", raw[1:]), ("the tag", raw[:-1]), ("the ciphertext", raw[:32] + raw[33:])):
        yield unopened("H-63 T31", f"v4.local: {what} cut", f"v4.local.{b64url(changed)}.{footer}")
    for place in range(0, len(raw), 17):
        flipped = bytes([*raw[:place], raw[place] ^ 1, *raw[place + 1 :]])
        yield unopened("H-63 T30", f"v4.local: byte {place}", f"v4.local.{b64url(flipped)}.{footer}")
    parts = seal_jwe().split(".")
    for index, what in ((2, "iv"), (3, "ciphertext"), (4, "tag")):
        raw = unb64url(parts[index].encode())
        for change, changed in (("cut", raw[:-1]), ("longer", raw + b"\0"), ("changed", bytes([raw[0] ^ 1, *raw[1:]]))):
            token = ".".join([*parts[:index], b64url(changed), *parts[index + 1 :]])
            yield unopened("H-63 T24", f"JWE: {what} {change}", token)
    yield malformed("H-63 T24", "JWE: a key where dir has none", ".".join([parts[0], "AAAA", *parts[2:]]))._replace(
        calls=1
    )


def claims() -> Iterator[Case]:
    for name, make in MAKERS.items():
        for claim in ("jti", "iat", "exp", "data"):
            missing = make({claim: GONE})
            yield Case(
                "H-27", f"{name}: no {claim}", missing, MissingClaimError, "missing_claim", 1, claim, door="sealed"
            )
        for what, changes, error, reason, claim in (
            ("exp = now", {"exp": NOW, "iat": NOW - 300}, TokenExpiredError, "expired", "exp"),
            ("11 minutes", {"exp": NOW + 660}, ClaimError, "bad_claim", "exp"),
            ("exp = iat", {"exp": NOW}, ClaimError, "bad_claim", "exp"),
            ("iat = now + 11", {"iat": NOW + 11}, NotYetValidError, "issued_in_future", "iat"),
            ("data a list", {"data": []}, ClaimError, "bad_claim", "data"),
            ("jti a number", {"jti": 7}, ClaimError, "bad_claim", "jti"),
            ("rev a list", {"rev": []}, ClaimError, "bad_claim", "rev"),
        ):
            yield Case("H-31 H-34 H-36", f"{name}: {what}", make(changes), error, reason, 1, claim, door="sealed")


def wrong_payloads() -> Iterator[Case]:
    """Only after it was opened: a payload that is no object, or says a name twice."""
    for payload in (b"", b"[]", b"null", b'{"jti":"a","jti":"a"}', b"\xff", b'{"a":' * 9 + b"1" + b"}" * 9):
        token = paseto.encrypt(payload, LOCAL, footer={"kid": LOCAL.kid, "typ": "sealed"}, assertion=SEALED_FOR)
        yield malformed("H-21 T32", f"v4.local: {payload!r:.24}", token, calls=1)


def cases() -> Iterator[Case]:
    for part in (bound, kinds, keys, shapes, claims, wrong_payloads):
        yield from part()
