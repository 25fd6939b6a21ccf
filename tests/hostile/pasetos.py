"""PASETO: headers of other versions and purposes, footers, keys of the wrong sort, truncation, times."""

from collections.abc import Iterator

from tests.hostile.rows import (
    ED,
    ES,
    LOCAL,
    NOW,
    PUB,
    PUB_EARLY,
    PUB_RETIRED,
    TENANT_2_PUB,
    Case,
    CountedKey,
    jwt,
    pas,
    respelled,
)
from watchword.encoding import b64url, dump_json, unb64url
from watchword.errors import (
    AlgorithmError,
    ClaimError,
    MalformedTokenError,
    SealError,
    SignatureError,
    TokenExpiredError,
    UnknownKeyError,
    WrongTypeError,
)
from watchword.formats import paseto
from watchword.keys.key import Key
from watchword.keys.paserk import LOCAL as LOCAL_HEADER


def malformed(ids: str, what: str, token: str, reason: str = "malformed", *, door: str = "access") -> Case:
    return Case(ids, what, token, MalformedTokenError, reason, door=door)


def sealed(payload: bytes = b'{"x":1}', *, key: CountedKey | Key = LOCAL, footer: bytes = b"f") -> str:
    return paseto.encrypt(payload, key, footer=footer)


def heads() -> Iterator[Case]:
    """Another version or purpose than the verifier's, at every door."""
    public, local = pas().removeprefix("v4.public."), sealed().removeprefix("v4.local.")
    for version in ("v1", "v2", "v3"):
        for purpose in ("public", "local"):
            for body in (public, local):
                for door in ("access", "open", "check"):
                    what, token = f"{version}.{purpose} at {door}", f"{version}.{purpose}.{body}"
                    if (version, purpose, body, door) == (
                        "v3",
                        "public",
                        public,
                        "access",
                    ):  # its footer names a v4 key
                        yield Case("H-58 T28", what, token, AlgorithmError, "key_alg_mismatch")
                    else:
                        yield malformed("H-58 T28", f"{what}, {len(body)} characters", token, door=door)
    yield malformed("H-58 T28", "v4.local to the access verifier", f"v4.local.{local}")
    yield malformed("H-58 T28", "v4.local to a v4.public verifier", f"v4.local.{local}", door="check")
    yield malformed("H-58 T28", "v4.public to a v4.local verifier", f"v4.public.{public}", door="open")
    yield malformed("H-58 T28", "a JWT to a v4.public verifier", jwt(), door="check")
    yield malformed("H-58 T28", "v4.public to a JWS verifier", pas(), door="jws")
    for head in (
        *(
            "V4.public.",
            "v4.Public.",
            "v4.PUBLIC.",
            "v4c.public.",
            "v04.public.",
            "v4 .public.",
            "v4.public .",
            "v4..public.",
        ),
        *(
            "v4.public..",
            " v4.public.",
            "\tv4.public.",
            "v4.public. ",
            "\ufeffv4.public.",
            "v\u0664.public.",
            "v4.publi\u0441.",
        ),
        *(
            "v4.public\0.",
            "k4.public.",
            "v4.pid.",
            "v5.public.",
            "v44.public.",
            "4.public.",
            "v4public.",
            ".v4.public.",
        ),
    ):
        for door in ("access", "check"):
            yield malformed("T29", f"{head!a} at {door}", head + public, door=door)
    for what, token in {
        "no body": "v4.public.",
        "no dot": "v4.public",
        "footer empty": pas(None, b"") + ".",
        "body empty, footer there": "v4.public.." + public.partition(".")[2],
        "five segments": pas() + ".AAAA",
        "five segments, last empty": pas() + ".",
        "three dots in a row": "v4.public..." + public,
    }.items():
        for door in ("access", "check"):
            yield malformed("T29", f"{what} at {door}", token, door=door)


def spellings() -> Iterator[Case]:
    for length in (0, 1, 2):
        token = pas({"x": "1" * length}, {"x": "1" * length})
        head, purpose, body, footer = token.split(".")
        for number, tail in enumerate(respelled(body)):
            what = f"body of {len(body)} characters, spelling {number}"
            yield malformed("H-60 T30", what, f"{head}.{purpose}.{tail}.{footer}")
        for number, tail in enumerate(respelled(footer)):
            what = f"footer of {len(footer)} characters, spelling {number}"
            yield malformed("H-60 T30", what, f"{head}.{purpose}.{body}.{tail}")
        hidden = sealed(b"x" * length, footer=b"").removeprefix("v4.local.")
        for number, tail in enumerate(respelled(hidden)):
            what = f"v4.local of {len(hidden)} characters, spelling {number}"
            yield malformed("H-60 T30", what, f"v4.local.{tail}", door="open")
    head, purpose, body, footer = pas().split(".")
    for padding in ("=", "=="):
        yield malformed("H-60 T30", f"{padding} on the body", f"{head}.{purpose}.{body}{padding}.{footer}")
        yield malformed("H-60 T30", f"{padding} on the footer", f"{head}.{purpose}.{body}.{footer}{padding}")
    for junk in (" ", "\n", "\0", "+", "/", "%"):
        yield malformed("T29 T30", f"{junk!r} in the body", f"{head}.{purpose}.{body[:9]}{junk}{body[9:]}.{footer}")
        yield malformed("T29 T30", f"{junk!r} in the footer", f"{head}.{purpose}.{body}.{footer[:9]}{junk}{footer[9:]}")


def truncated() -> Iterator[Case]:
    footer = pas().rpartition(".")[2]
    for size in (1, 31, 32, 63):
        token = f"v4.public.{b64url(bytes(size))}.{footer}"
        yield malformed("T31", f"v4.public of {size} bytes", token)
        yield malformed("T31", f"v4.public of {size} bytes at check", token, door="check")
        short = f"v4.local.{b64url(bytes(size))}"
        yield Case("T31", f"v4.local of {size} bytes", short, SealError, "bad_signature", calls=1, door="open")
    raw = unb64url(sealed(footer=b"").removeprefix("v4.local.").encode())
    other = unb64url(sealed(b'{"x":2}', footer=b"").removeprefix("v4.local.").encode())
    for what, body in {
        "nonce cut": raw[1:],
        "tag cut": raw[:-1],
        "ciphertext gone": raw[:32] + raw[-32:],
        "ciphertext cut": raw[:32] + raw[33:],
        "spliced: another's tag": raw[:-32] + other[-32:],
        "spliced: another's nonce": other[:32] + raw[32:],
        "spliced: another's ciphertext": raw[:32] + other[32:-32] + raw[-32:],
        "zeros": bytes(96),
    }.items():
        token = f"v4.local.{b64url(body)}"
        yield Case("H-63 T31", f"v4.local: {what}", token, SealError, "bad_signature", calls=1, door="open")
    for what, token in {
        "a footer put on": f"v4.local.{b64url(raw)}.{b64url(b'f')}",
        "the footer taken off": sealed().rpartition(".")[0],
        "another footer": f"{sealed().rpartition('.')[0]}.{b64url(b'g')}",
    }.items():
        yield Case("H-62 T30", f"v4.local: {what}", token, SealError, "bad_signature", calls=1, door="open")


def footers() -> Iterator[Case]:
    base = dump_json({"kid": PUB.kid, "typ": "at"})
    for what, footer in {
        "1 MB": b" " * 1_000_000 + base,
        "1,025 bytes": base[:-1] + b',"x":"' + b"x" * (1025 - len(base) - 7) + b'"}',
        "513 keys": base[:-1] + b"".join(f',"k{number}":""'.encode() for number in range(511)) + b"}",
    }.items():
        yield malformed("H-61", what, pas(None, footer), "too_large")
    for what, footer in {
        "not JSON": b"not json",
        "empty object's beginning": b"{",
        "list": b"[" + base + b"]",
        "text": b'"at"',
        "number": b"7",
        "three deep": base[:-1] + b',"x":{"y":{}}}',
        "two deep": base[:-1] + b',"x":{}}',
        "a list inside": base[:-1] + b',"x":[]}',
        "a number inside": base[:-1] + b',"x":1}',
        "null inside": base[:-1] + b',"x":null}',
        "kid twice, ours last": b'{"kid":"x",' + base[1:],
        "kid twice, ours first": base[:-1] + b',"kid":"x"}',
        "typ twice": base[:-1] + b',"typ":"sealed"}',
        "kid escaped twice": base[:-1] + b',"\\u006bid":"x"}',
        "BOM": b"\xef\xbb\xbf" + base,
        "UTF-16": base.decode().encode("utf-16-le"),
        "invalid UTF-8": base[:-1] + b',"x":"\xff"}',
        "900 arrays": base[:-1] + b',"x":' + b"[" * 900 + b"}",
        "kid a number": b'{"kid":1,"typ":"at"}',
        "kid null": b'{"kid":null,"typ":"at"}',
        "kid empty": b'{"kid":"","typ":"at"}',
        "kid with a slash": b'{"kid":"../../dev/null","typ":"at"}',
        "kid of 129 characters": b'{"kid":"' + b"k" * 129 + b'","typ":"at"}',
        "trailing garbage": base + b"x",
        **{
            f"wpk {word}": base[:-1] + f',"wpk":"{word}.AAAA"}}'.encode()
            for word in ("k4.local", "k4.secret", "k4.public")
        },
    }.items():
        yield malformed("H-61 T29" if "kid" in what else "H-61", f"footer: {what}", pas(None, footer))
    yield malformed("H-61", "footer: none", pas(None, b""))
    for what, typ in {
        "service": "service",
        "sealed": "sealed",
        "at+jwt": "at+jwt",
        "AT": "AT",
        "at and a space": "at ",
        "empty": "",
        "JWT": "JWT",
    }.items():
        token = pas(None, {"typ": typ})
        yield Case("H-47 H-48 T18", f"footer typ {what}", token, WrongTypeError, "wrong_type", claim="typ")
    missing = pas(None, dump_json({"kid": PUB.kid}))
    yield Case("H-47 T18", "footer typ missing", missing, WrongTypeError, "wrong_type", claim="typ")


def keys() -> Iterator[Case]:
    nameless = pas(None, dump_json({"typ": "at"}))
    yield Case("H-40 T10", "footer without a kid", nameless, UnknownKeyError, "key_not_found")
    for what, kid in {
        "unknown": "k4.pid.unknown",
        "a local key's": LOCAL.kid,
        "another version's": PUB.kid.replace("k4", "k2"),
        "a PASERK, not its id": PUB.public().to_paserk(),
    }.items():
        yield Case("H-41 T10 T28", f"footer kid {what}", pas(None, {"kid": kid}), UnknownKeyError, "key_not_found")
    for key in (ED, ES):
        token = pas(None, {"kid": key.kid})
        what = f"footer kid of our {key.algorithm.name} key"
        yield Case("H-12 T28", what, token, AlgorithmError, "key_alg_mismatch")
    same_bytes = jwt(None, {"kid": PUB.kid}, signer=PUB)
    yield Case("H-12 T28", "a v4.public key under a JWT", same_bytes, AlgorithmError, "key_alg_mismatch")
    for what, key in {"retired": PUB_RETIRED, "not yet active": PUB_EARLY}.items():
        yield Case("H-54", f"v4.public key {what}", pas(key=key), UnknownKeyError, "key_not_found")
    theirs = pas(signer=TENANT_2_PUB)
    yield Case("H-55 T19", "v4.public of another tenant, our kid", theirs, SignatureError, "bad_signature", calls=1)
    raw = PUB.public().to_paserk().removeprefix("k4.public.")
    confused = Key.from_paserk(LOCAL_HEADER + raw)
    token = sealed(key=confused)
    yield malformed("H-59 T28", "v4.local made with our public key's bytes", token)
    yield Case("H-59 T28", "the same, opened", token, SealError, "bad_signature", calls=1, door="open")
    version_2 = "v2.public." + pas().removeprefix("v4.public.")
    yield malformed("T28", "v2 with the same Ed25519 key", version_2, door="check")


def times() -> Iterator[Case]:
    later = "2027-01-15T08:05:00"
    for text in (
        *(
            "2027-01-15t08:05:00Z",
            f"{later}z",
            "2027-01-15 08:05:00Z",
            later,
            "2027-01-15",
            f"{later}+0100",
            f"{later}+01",
        ),
        *(
            "2027-01-15T24:00:00Z",
            "2027-01-15T08:05:60Z",
            "2027-02-30T08:05:00Z",
            "2027-1-15T08:05:00Z",
            f"{later}+24:00",
        ),
        *(
            f"{later}.Z",
            f"{later},5Z",
            f"{later}Z ",
            f" {later}Z",
            f"+{later}Z",
            f"12027{later[4:]}Z",
            "tomorrow",
            "",
            str(NOW),
        ),
        *(
            f"{later}.{'1' * 5000}Z",
            "\u0662027-01-15T08:05:00Z",
            f"{later}+01:00Z",
            f"{later}-",
            "0000-01-01T00:00:00Z",
        ),
        *("0001-01-01T00:00:00+14:00", "20270115T080500Z", "2027-W02-5T08:05:00Z", "2027-015T08:05:00Z", f"{later}\0Z"),
    ):
        for name in ("exp", "iat", "nbf"):
            token = pas({name: text})
            yield Case("T36", f"{name} {text[:32]!a}", token, ClaimError, "bad_claim", calls=1, claim=name)
    for what, text in {
        "other zone": "2027-01-15T22:00:00+14:00",
        "fraction of 20 digits": "2027-01-15T08:00:00.99999999999999999999Z",
        "unknown zone": "2027-01-15T08:00:00-00:00",
    }.items():
        token = pas({"exp": text, "iat": NOW - 60, "nbf": NOW - 60})
        yield Case("T36", f"exp = now, {what}", token, TokenExpiredError, "expired", calls=1, claim="exp")


def cases() -> Iterator[Case]:
    for table in (heads, spellings, truncated, footers, keys, times):
        yield from table()
