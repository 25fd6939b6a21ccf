"""Tokens that must not even be taken apart: segments, base64url, foreign serializations, size, other kinds."""

import json
from collections.abc import Iterator

from joserfc import jwe
from joserfc.jwk import ECKey

from tests.hostile.rows import CLAIMS, ED, ES, HS, RS, Case, head_of, jwt, pas, respelled, unsigned
from watchword.encoding import b64url, dump_json
from watchword.errors import MalformedTokenError


def malformed(ids: str, what: str, token: str, reason: str = "malformed", *, ring: str = "main") -> Case:
    return Case(ids, what, token, MalformedTokenError, reason, ring=ring)


def telling() -> str:
    """A good token whose payload and signature both hold '-' and '_'."""
    for number in range(10_000):
        token = jwt({"jti": f"jti-{number}", "team": "\u00fe\u00ff?>~" * 3})
        if all({"-", "_"} <= set(segment) for segment in token.split(".")[1:]):
            return token
    raise AssertionError("no such token among 10,000")


def segments() -> Iterator[Case]:
    head, body, signature = jwt().split(".")
    for what, token in {
        "empty": "",
        "one byte": "e",
        "a dot": ".",
        "two dots": "..",
        "8,000 dots": "." * 8_000,
        "NUL": "\0",
        "text": "None",
    }.items():
        yield malformed("H-01 T12", what, token)
    yield malformed("H-01 T12", "10,000 dots", "." * 10_000, "too_large")._replace(door="jws")
    for what, token in {
        "one": head,
        "two": f"{head}.{body}",
        "four": f"{head}.{body}.{signature}.{signature}",
        "five": f"{head}.{body}.{signature}.{signature}.{signature}",
        "two, dot at the end": f"{head}.",
        "header empty": f".{body}.{signature}",
        "payload empty": f"{head}..{signature}",
        "signature empty": f"{head}.{body}.",
        "three dots in a row": f"{head}...{signature}",
        "a dot before": f".{head}.{body}.{signature}",
        "a dot after": f"{head}.{body}.{signature}.",
        "only dots after": f"{head}..",
    }.items():
        yield malformed("H-02 T12", what, token)


def alphabet() -> Iterator[Case]:
    token = telling()
    for index, name in enumerate(("header", "payload", "signature")):
        parts = token.split(".")
        for padding in ("=", "=="):
            yield malformed("H-06 T15", f"{padding} on the {name}", _with(parts, index, parts[index] + padding))
        yield malformed(
            "H-06 T15", f"= inside the {name}", _with(parts, index, parts[index][:6] + "=" + parts[index][7:])
        )
        for space in (" ", "\t", "\r", "\n", "\0"):
            inner = parts[index][:8] + space + parts[index][8:]
            yield malformed("H-08 T15", f"{space!r} inside the {name}", _with(parts, index, inner))
    for index, name in ((1, "payload"), (2, "signature")):
        parts = token.split(".")
        for url, plain in (("-", "+"), ("_", "/")):
            standard = parts[index].replace(url, plain)
            yield malformed("H-07 T15", f"{plain} in the {name}", _with(parts, index, standard))
    for space in (" ", "\t", "\r", "\n", "\0", "\u00a0", "\u2028"):
        yield malformed("H-08 T15", f"{space!a} before", space + token)
        yield malformed("H-08 T15", f"{space!a} after", token + space)
    for junk in ("?", "%2e", "\u0430", "\u00ff", "\ud800"):
        yield malformed("H-08 T12", f"{junk!a} inside", token[:30] + junk + token[30:])
    yield malformed("H-08 T15", "a segment of 4 n + 1 characters", token + "A" * ((1 - len(token.split(".")[2])) % 4))


def _with(parts: list[str], index: int, segment: str) -> str:
    return ".".join([*parts[:index], segment, *parts[index + 1 :]])


def tails() -> Iterator[Case]:
    """Every way to spell the last character of a segment that stands for the same bytes."""
    token = jwt({"x": "1"})
    longer = [jwt({"x": "1" * length}, {"x5t": "1" * length}) for length in (1, 2, 3)]
    for name, index, tokens in (("header", 0, longer), ("payload", 1, longer), ("signature", 2, [token])):
        for one in tokens:
            parts = one.split(".")
            for number, tail in enumerate(respelled(parts[index])):
                what = f"{name} of {len(parts[index])} characters, spelling {number}"
                yield malformed("H-09 T15", what, _with(parts, index, tail))
    parts = jwt(key=HS).split(".")
    for number, tail in enumerate(respelled(parts[2])):
        yield malformed("H-09 T15", f"HS256 signature, spelling {number}", _with(parts, 2, tail), ring="hs256")
    parts = jwt(key=RS).split(".")
    for number, tail in enumerate(respelled(parts[2])):
        yield malformed("H-09 T15", f"RS256 signature, spelling {number}", _with(parts, 2, tail), ring="rs256")


def serializations() -> Iterator[Case]:
    protected, payload, signature = jwt().split(".")
    flat = {"protected": protected, "payload": payload, "signature": signature}
    one = {"protected": protected, "signature": signature}
    dots = {"dots": f"{protected}.{payload}.{signature}"}
    for what, value in {
        "flattened": flat,
        "general": {"payload": payload, "signatures": [one]},
        "flattened, exactly two dots": flat | dots,
        "general, exactly two dots": {"payload": payload, "signatures": [one]} | dots,
    }.items():
        yield malformed("H-10 T12", what, json.dumps(value))
        yield malformed("H-10 T12", f"{what}, as JWS", json.dumps(value))._replace(door="jws")
    for what, header in {
        "kid beside the protected header": {"kid": ES.kid},
        "alg in both headers": {"alg": "none"},
        "crit unprotected": {"crit": ["x"], "x": 1},
    }.items():
        yield malformed("H-10 T14", what, json.dumps(flat | {"header": header}))
    yield malformed("T14", "alg unprotected alone", json.dumps({"payload": payload, "header": {"alg": "none"}}))


def encrypted() -> Iterator[Case]:
    ours = ECKey.import_key({name: value for name, value in ES.public().to_jwk().items() if name in "kty crv x y"})
    header = {"alg": "ECDH-ES", "enc": "A256GCM", "kid": ES.kid, "typ": "at+jwt", "cty": "JWT"}
    for what, plaintext in {"claims": dump_json(CLAIMS), "our own JWT": jwt().encode()}.items():
        made = jwe.encrypt_compact(header, plaintext, ours)
        yield malformed("H-17 T11", f"JWE of {what} to our public key", made)
        yield malformed("H-17 T11", f"JWE of {what}, as JWS", made)._replace(door="jws")
    bomb = {"alg": "PBES2-HS256+A128KW", "enc": "A128GCM", "p2s": "c2FsdHNhbHQ", "p2c": 2**31, "kid": ED.kid}
    rest = ".".join(b64url(bytes(size)) for size in (24, 12, 64, 16))
    yield malformed("H-18", "PBES2, 2^31 rounds", f"{b64url(dump_json(bomb))}.{rest}")
    yield malformed("H-18", "PBES2 in a JWS header", unsigned(bomb, signature=bytes(64)))
    zipped = b64url(dump_json({"alg": "dir", "enc": "A128GCM", "zip": "DEF"}))
    nonce, tag = b64url(bytes(12)), b64url(bytes(16))
    yield malformed("H-19", "JWE bomb of 250 kB", f"{zipped}..{nonce}.{'A' * 250_000}.{tag}", "too_large")
    yield malformed("H-19", "JWE with zip", f"{zipped}..{nonce}.{'A' * 400}.{tag}")


def sizes() -> Iterator[Case]:
    most = jwt({"x": "1" * 5700})
    grown = jwt({"x": "1" * (5700 + (8193 - len(most)) * 3 // 4 + 1)})
    yield malformed("H-49", f"{len(grown)} bytes, rightly signed", grown, "too_large")
    yield malformed("H-49", "8,193 bytes", jwt() + "A" * (8193 - len(jwt())), "too_large")
    yield malformed("H-49", "8,193 bytes of v4.public", pas() + "A" * (8193 - len(pas())), "too_large")
    yield malformed("H-49", "a million bytes", jwt() + "A" * 1_000_000, "too_large")
    yield malformed("H-41 T10", "kid of 100 kB", unsigned({"kid": "k" * 100_000}, signature=bytes(64)), "too_large")
    yield malformed("H-41 T10", "kid of 10 kB", jwt(None, {"kid": "k" * 10_000}), "too_large")
    longest = dump_json(head_of(ED))[:-1] + b',"x":""}'
    header = longest[:-2] + b"x" * (1025 - len(longest)) + b'"}'
    yield malformed("H-41", f"header of {len(header):,} bytes", jwt(None, header), "too_large")


def other_kinds() -> Iterator[Case]:
    secret = b64url(bytes(range(32)))
    for what, token in {
        "session": f"ww_ss_{secret}",
        "refresh": f"ww_rt_{secret[:22]}.1.{secret}.{secret[:22]}",
        "one-time": f"ww_ot_{secret}",
        "opaque access": f"ww_at_{secret}",
        "API key": f"sk_live_{secret}",
        "sealed": f"v4.local.{secret}{secret}{secret}",
        "a session's secret that begins like a JWT": f"eyJ{secret}",
    }.items():
        yield malformed("H-48 T18", what, token)


def cases() -> Iterator[Case]:
    for table in (segments, alphabet, tails, serializations, encrypted, sizes, other_kinds):
        yield from table()
