"""Hostile JOSE: what is presented at which door, and how it must be refused; and the keys and builders of it."""

import json
import zlib
from collections.abc import Callable, Iterator
from os import urandom
from typing import Any, Final, NamedTuple

from watchword.claims import RFC_9068
from watchword.clock import FrozenClock
from watchword.crypto import key_management
from watchword.crypto.content import CONTENTS
from watchword.encoding import b64url, dump_json, unb64url
from watchword.errors import (
    AlgorithmError,
    MalformedTokenError,
    SealError,
    SignatureError,
    TokenError,
    UnknownKeyError,
)
from watchword.formats import jwe, jws
from watchword.formats.jwt import JwtVerifier
from watchword.insecure import DEFLATE, PBES2, RSA1_5
from watchword.keys.key import Key
from watchword.keys.ring import KeyRing

NOW: Final = 1_800_000_000
CLOCK: Final = FrozenClock(NOW)
ES, HS, ED = (Key.generate(name, kid=name) for name in ("ES256", "HS256", "Ed25519"))
RSA: Final = Key.generate("RSA-OAEP-256", kid="rsa")
SIGNING: Final = KeyRing.of(ES.public(), HS, ED.public(), clock=CLOCK)
KW, GCMKW, DIR, EC, X = (
    Key.generate("A256KW", kid="kw"),
    Key.generate("A128GCMKW", kid="gcmkw"),
    Key.generate("A128GCM", kid="dir"),
    Key.generate("ECDH-ES+A128KW", kid="ec"),
    Key.generate("ECDH-ES", crv="X25519", kid="x"),
)
PASSWORD: Final = Key.generate("PBES2-HS256+A128KW", kid="pw")
OPENING: Final = KeyRing.of(KW, GCMKW, DIR, EC, X, RSA, PASSWORD, clock=CLOCK)
CLAIMS: Final = {"iss": "https://a.test", "aud": "api", "sub": "u", "exp": NOW + 60, "iat": NOW, "jti": "1"}
BODY: Final = b64url(dump_json(CLAIMS))

Door = Callable[[object], Any]


class Row(NamedTuple):
    id: str
    what: str
    token: object
    door: Door
    error: type[TokenError]
    reason: str = ""


def jws_door(untrusted: object) -> bytes:
    return jws.verify(untrusted, SIGNING)


def jwe_door(untrusted: object) -> bytes:
    return jwe.decrypt(untrusted, OPENING)


def open_door(untrusted: object) -> bytes:
    return jwe.decrypt(untrusted, OPENING, allow=[RSA1_5, PBES2, DEFLATE])


JWT_DOOR: Final = JwtVerifier(SIGNING, RFC_9068, issuer="https://a.test", audience="api").verify
DOORS: Final[tuple[Door, ...]] = (jws_door, jwe_door, open_door, JWT_DOOR)
SIGNED_DOORS: Final[tuple[Door, ...]] = (jws_door, JWT_DOOR)


def signed(header: dict[str, Any] | bytes, body: str = BODY, key: Key = ES) -> str:
    head = b64url(header if isinstance(header, bytes) else dump_json(header))
    return f"{head}.{body}.{b64url(key.sign(f'{head}.{body}'.encode()))}"


def head(key: Key = ES, /, **more: Any) -> dict[str, Any]:
    return {"alg": key.algorithm.name, "kid": key.kid} | more


def resealed(token: str, **more: Any) -> str:
    """The same JWE with another header; its tag no longer fits, unless it is refused before."""
    parts = token.split(".")
    parts[0] = b64url(dump_json(json.loads(unb64url(parts[0].encode())) | more))
    return ".".join(parts)


def sealed_with(header: dict[str, Any], key: bytes, encrypted_key: bytes = b"", plaintext: bytes = b"x") -> str:
    """A JWE with this header whose tag is right under ``key``."""
    content, first = CONTENTS[header["enc"]], b64url(dump_json(header))
    iv = urandom(content.iv_size)
    ciphertext, tag = content.hide(key, iv, plaintext, first.encode())
    return ".".join((first, *map(b64url, (encrypted_key, iv, ciphertext, tag))))


def envelopes() -> Iterator[Row]:
    door: Door
    for alg in ("none", "None", "nOnE", "NONE", "", "HS1", "A256KW", "v4.public"):
        for proof in ("", ".AA", "." + b64url(bytes(64))):
            token = f"{b64url(dump_json({'alg': alg}))}.{BODY}{proof or '.'}"
            yield Row("T1", f"alg {alg!r} {proof}", token, jws_door, AlgorithmError if proof else MalformedTokenError)
    nonsense: tuple[Any, ...] = (None, [], 0, True)
    for wrong in nonsense:
        yield Row("T1", f"alg {wrong!r}", signed({"alg": wrong}), jws_door, MalformedTokenError)
    yield Row("T1", "no alg", signed({"kid": ES.kid}), jws_door, AlgorithmError, "alg_not_allowed")
    yield Row("T3", "ES384 by an ES256 key", signed(head(alg="ES384")), jws_door, AlgorithmError, "key_alg_mismatch")
    yield Row("T3", "HS256 by an ES256 key", signed(head(alg="HS256")), jws_door, AlgorithmError, "key_alg_mismatch")
    for alg in ("A128KW", "A256GCMKW", "RSA-OAEP", "ECDH-ES"):
        token = resealed(jwe.encrypt(b"x", KW), alg=alg)
        yield Row("T3", f"JWE {alg} by an A256KW key", token, jwe_door, AlgorithmError, "key_alg_mismatch")
    token = resealed(jwe.encrypt(b"x", DIR), enc="A256GCM")
    yield Row("T3", "dir with another enc", token, jwe_door, AlgorithmError, "key_alg_mismatch")
    yield Row("T3", "alg A128GCM instead of dir", resealed(token, alg="A128GCM"), jwe_door, AlgorithmError)
    yield Row("T4", "ES256K by an ES256 key", signed(head(alg="ES256K")), jws_door, AlgorithmError)
    for raw in (b"\x30\x06\x02\x01\x00\x02\x01\x00", bytes(64), bytes(63), bytes(65), urandom(64)[:-1] + b"\0\0"):
        token = f"{b64url(dump_json(head()))}.{BODY}.{b64url(raw)}"
        yield Row("T5 T6 T7", f"signature of {len(raw)} bytes", token, jws_door, SignatureError, "bad_signature")
    for name in ("jwk", "jku", "x5u", "x5c"):
        yield Row("T9", name, signed(head(**{name: "https://evil.test/k"})), jws_door, MalformedTokenError)
        yield Row(
            "T9", f"{name} in a JWE", resealed(jwe.encrypt(b"x", KW), **{name: {}}), jwe_door, MalformedTokenError
        )
    kids: tuple[Any, ...] = ("../../dev/null", "' OR 1=1--", "$(x)", "a\0b", "", "k" * 129, 7, None, [], "к")
    for kid in kids:
        for door, token in ((jws_door, signed(head(kid=kid))), (jwe_door, resealed(jwe.encrypt(b"x", KW), kid=kid))):
            yield Row("T10", f"kid {kid!r:.20}", token, door, MalformedTokenError, "malformed")
    yield Row("T10", "kid of nobody", signed(head(kid="nobody")), jws_door, UnknownKeyError, "key_not_found")
    yield Row("T10", "sealed for nobody", resealed(jwe.encrypt(b"x", KW), kid="no"), jwe_door, UnknownKeyError)
    for what, key in {"own public key": RSA.public(), "secret": KW}.items():
        for door in SIGNED_DOORS:
            token = jwe.encrypt(dump_json(CLAIMS), key, cty="JWT")
            yield Row("T11", f"claims sealed to the {what}", token, door, MalformedTokenError, "malformed")
    for value in (
        {"protected": "a", "payload": "b", "signature": "c"},
        {"a.b.c": 1},
        {"protected": "a", "iv": "b", "ciphertext": "c", "tag": "d", "recipients": [{"encrypted_key": "e"}]},
    ):
        for door in DOORS:
            yield Row("T12", f"JSON {list(value)}", json.dumps(value), door, MalformedTokenError)
    for text in ("", ".", "..", "...", "....", ".....", "a.b", "a.b.c.d", "a.b.c.d.e.f", "a b.c.d", "é.b.c", 5, None):
        for door in DOORS:
            yield Row("T12", f"text {text!r}", text, door, MalformedTokenError, "malformed")
    good = jwe.encrypt(b"x", KW).split(".")
    for position in (0, 2, 4):
        token = ".".join("" if index == position else part for index, part in enumerate(good))
        yield Row("T12 T24", f"JWE segment {position} empty", token, jwe_door, MalformedTokenError)


def headers() -> Iterator[Row]:
    for crit in ([], "b64", [1], ["b64", "b64"], ["alg"], ["x"], ["b64"], None):
        for more in ({}, {"b64": False}, {"b64": True}):
            extra = {"crit": crit} | more
            yield Row("T13", f"{extra}", signed(head(**extra)), jws_door, MalformedTokenError, "crit_unsupported")
            token = signed(head(typ="at+jwt", **extra))
            yield Row("T13", f"JWT {extra}", token, JWT_DOOR, MalformedTokenError, "crit_unsupported")
            token = resealed(jwe.encrypt(b"x", KW), **extra)
            yield Row("T13", f"JWE {extra}", token, jwe_door, MalformedTokenError, "crit_unsupported")
    yield Row("T13", "b64 and no crit", signed(head(b64=False)), jws_door, MalformedTokenError, "crit_unsupported")
    own = {"crit": ["b64"], "b64": False}
    for wrong in (
        {"crit": ["b64"]},
        {"b64": False},
        {},
        own | {"b64": 0},
        own | {"crit": ["b64", "x"]},
        own | {"b64": True},
    ):
        door = lambda token: jws.verify(token, SIGNING, b64=False)  # noqa: E731
        yield Row("T13", f"unencoded {wrong}", signed(head(**wrong)), door, MalformedTokenError, "crit_unsupported")
    for body in ("a.b", "a\nb", "a\x7fb"):
        yield Row("T13", f"unencoded {body!r}", signed(head(**own), body), door, MalformedTokenError, "malformed")
    detached = lambda token: jws.verify(token, SIGNING, detached=b"x" * (jws.MAX_DETACHED + 1))  # noqa: E731
    yield Row("T13", "detached, too large", signed(head(), ""), detached, MalformedTokenError, "too_large")
    beside = lambda token: jws.verify(token, SIGNING, detached=b"payload")  # noqa: E731
    yield Row("T13", "detached, and there", signed(head()), beside, MalformedTokenError, "malformed")
    sound = signed(head()).split(".")
    for index in range(3):
        for bad in ("=", "+", "/", " ", "\n", "\0"):
            parts = [part + bad * (place == index) for place, part in enumerate(sound)]
            yield Row("T15", f"{bad!r} in {index}", ".".join(parts), jws_door, MalformedTokenError, "malformed")
    for text in (
        b'{"alg":"ES256","alg":"none"}',
        b'{"alg":"ES256","a\\u006cg":"none"}',
        b'{"alg":"ES256","x":{"y":1,"y":2}}',
        b"\xef\xbb\xbf{}",
        '{"alg":"ES256"}'.encode("utf-16"),
        b'{"alg":"ES256\xff"}',
        b'{"alg":"\\ud800"}',
        b'{"x":NaN}',
        b'{"x":Infinity}',
        b'{"x":1e400}',
        b"[]",
        b'"x"',
        b"{}x",
        b'{"x":' + b"[" * 400 + b"]" * 400 + b"}",
    ):
        yield Row("T16", f"header {text[:30]!r}", signed(text), jws_door, MalformedTokenError)
    yield Row("T16", "header of 5 kB", signed(head(x="y" * 5000)), jws_door, MalformedTokenError, "too_large")
    yield Row("T22", "zip in a JWS", signed(head(zip="DEF")), jws_door, MalformedTokenError, "malformed")


def sealed() -> Iterator[Row]:
    stretched = jwe.encrypt(b"x", PASSWORD, allow=[PBES2])
    for p2c in (0, 1, 999, key_management.MOST_ROUNDS + 1, 2**31 - 1, 2**64, -1, 1.5, True, "8192", None):
        token = resealed(stretched, p2c=p2c)
        yield Row("T21", f"p2c {p2c!r}", token, open_door, MalformedTokenError, "malformed")
    token = resealed(stretched, p2s="AAAAAAAAAA")
    yield Row("T21", "p2s of 7 bytes", token, open_door, MalformedTokenError, "malformed")
    yield Row("T21", "PBES2", stretched, jwe_door, AlgorithmError, "alg_not_allowed")
    header = {"alg": "dir", "enc": "A128GCM", "kid": DIR.kid, "zip": "DEF"}
    for what, folded in {
        "limit + 1": deflated(bytes(jwe.MAX_UNFOLDED + 1)),
        "limit + 258": deflated(bytes(jwe.MAX_UNFOLDED + 258)),
        "4 MB of zeros": deflated(bytes(4_000_000)),
        "truncated": deflated(b"abc" * 100)[:-1],
        "bytes behind": deflated(b"abc") + b"\0",
        "zlib, not raw": zlib.compress(b"abc"),
        "empty": b"",
        "noise": urandom(64),
    }.items():
        token = sealed_with(header, DIR.secret_bytes(), plaintext=folded)
        yield Row("T22", f"zip {what}", token, open_door, MalformedTokenError)
        yield Row("T22", f"zip {what}, not allowed", token, jwe_door, MalformedTokenError, "malformed")
    yield Row("T22", "zip GZ", resealed(token, zip="GZ"), open_door, MalformedTokenError, "malformed")
    ec, x = jwe.encrypt(b"x", EC.public()), jwe.encrypt(b"x", X.public())
    p384 = Key.generate("ES384").to_jwk()
    good = json.loads(unb64url(ec.split(".")[0].encode()))["epk"]
    for what, epk in {
        "off the curve": good | {"y": good["x"]},
        "of another curve": {name: p384[name] for name in ("kty", "crv", "x", "y")},
        "of another family": {"kty": "OKP", "crv": "X25519", "x": b64url(urandom(32))},
        "that is RSA": RSA.public().to_jwk(),
        "infinity": good | {"x": b64url(bytes(32)), "y": b64url(bytes(32))},
        "with a short x": good | {"x": good["x"][:-4]},
        "on secp256k1": {n: v for n, v in Key.generate("ES256K").to_jwk().items() if n in good},
        "with no kty": {"x": "AA"},
        "with a list as kty": {"kty": []},
        "with a list as crv": {"kty": "EC", "crv": []},
        "with numbers": {"kty": "EC", "crv": "P-256", "x": 1, "y": 2},
    }.items():
        yield Row("T23", f"epk {what}", resealed(ec, epk=epk), jwe_door, SealError, "bad_signature")
    for point in (bytes(32), b"\1" + bytes(31), b"\xec" + b"\xff" * 30 + b"\x7f"):
        token = resealed(x, epk={"kty": "OKP", "crv": "X25519", "x": b64url(point)})
        yield Row("T23", f"X25519 {point[:1].hex()} of small order", token, jwe_door, SealError, "bad_signature")
    no_key: tuple[Any, ...] = (None, [], "x", good | {"d": "AA"})
    for missing in no_key:
        yield Row("T23", f"epk {missing!r:.9}", resealed(ec, epk=missing), jwe_door, MalformedTokenError, "malformed")
    for name in ("apu", "apv"):
        for wrong in (1, "=", "é", None):
            token = resealed(ec, **{name: wrong})
            yield Row("T23", f"{name} {wrong!r}", token, jwe_door, MalformedTokenError, "malformed")
    yield from tampered()


def tampered() -> Iterator[Row]:
    for key in (KW, GCMKW, DIR, EC, X, RSA.public()):
        for enc in ("A128GCM",) if key is DIR else ("A256GCM", "A128CBC-HS256"):
            parts = jwe.encrypt(b"secret", key, enc=enc).split(".")
            for index, name in enumerate(("header", "encrypted key", "iv", "ciphertext", "tag")):
                raw = unb64url(parts[index].encode())
                changes = {"flipped": bytes((raw[0] ^ 1,)) + raw[1:], "longer": raw + b"\0"} if raw and index else {}
                changes |= {f"cut by {cut}": raw[:-cut] for cut in (1, 4, 8) if index > 1 and len(raw) > cut}
                for what, changed in changes.items():
                    token = ".".join((*parts[:index], b64url(changed), *parts[index + 1 :]))
                    named = f"{key.algorithm.name} {enc} {name} {what}"
                    yield Row("T24", named, token, jwe_door, SealError, "bad_signature")
            other = "AA" if not parts[1] else ""
            token = ".".join((parts[0], other, *parts[2:]))
            error = MalformedTokenError if other else SealError
            yield Row("T24", f"{key.algorithm.name} {enc} encrypted key {other!r}", token, jwe_door, error)
    for name in ("iv", "tag"):
        for wrong in (None, "", "AA", 5):
            token = resealed(jwe.encrypt(b"x", GCMKW), **{name: wrong})
            yield Row("T24", f"GCMKW {name} {wrong!r}", token, jwe_door, MalformedTokenError, "malformed")
    parts = jwe.encrypt(b"x", RSA.public()).split(".")
    for what, length in (("empty", 0), ("short", 255), ("long", 385)):
        token = ".".join((parts[0], b64url(urandom(length)), *parts[2:]))
        yield Row("T25", f"RSA-OAEP {what}", token, jwe_door, SealError, "bad_signature")


def deflated(text: bytes) -> bytes:
    folding = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    return folding.compress(text) + folding.flush()


ROWS: Final = [*envelopes(), *headers(), *sealed()]
