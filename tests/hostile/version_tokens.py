"""T28 to T36: tokens of one version, purpose or spelling where another is wanted."""

from collections.abc import Iterator
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from cryptography.hazmat.primitives.hashes import SHA384
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.hostile.version_rows import (
    ACCESS,
    CLAIMS,
    EVERY,
    LOCAL,
    OLD_LOCAL,
    OLD_PAIR,
    ORDER,
    PAIR,
    Case,
    access,
    calling,
    refused,
)
from watchword.crypto.raw_keys import RAW
from watchword.encoding import b64url, dump_json, pae, unb64url
from watchword.errors import (
    AlgorithmError,
    ClaimError,
    ConfigurationError,
    KeyUseError,
    MalformedTokenError,
    SealError,
    SignatureError,
    UnknownKeyError,
    WrongTypeError,
)
from watchword.formats import paseto
from watchword.insecure import RSA1_5
from watchword.keys.footer import read_footer
from watchword.keys.key import Key
from watchword.keys.ring import KeyRing


def _tokens() -> dict[str, str]:
    made = {f"v{version}.local": paseto.encrypt(b"{}", key, footer=b"f") for version, key in LOCAL.items()}
    made |= {f"v{version}.public": paseto.sign(b"{}", key, footer=b"f") for version, key in PAIR.items()}
    made["v2.public"] = "v2.public." + b64url(b"{}" + PAIR[4].sign(pae(b"v2.public.", b"{}", b"f"))) + ".Zg"
    return made | {"v1.local": "v1.local." + b64url(bytes(99)), "v2.local": "v2.local." + b64url(bytes(99))}


TOKENS: Final = _tokens()


def key_lucidity() -> Iterator[Case]:
    """T28: only the one key of the one version and purpose opens a token."""
    for name, token in TOKENS.items():
        for key in EVERY:
            own = key.algorithm.name
            if own == name:
                continue
            verb, purpose = (paseto.verify, "public") if name.endswith("public") else (paseto.decrypt, "local")
            error = MalformedTokenError if own.endswith(purpose) else AlgorithmError
            reason = "" if own.endswith(purpose) else "key_alg_mismatch"
            yield refused("T28", f"{name} with a {own} key", calling(verb, token, key), error, reason)
    signed = paseto.sign(b"{}", PAIR[4]).removeprefix("v4.public.")
    for what, call in {
        "v4 signature under v2": calling(paseto.verify, "v2.public." + signed, OLD_PAIR[2]),
        "v2 signature under v4": calling(paseto.verify, "v4" + TOKENS["v2.public"][2:], PAIR[4]),
        "v4 signature under v3": calling(paseto.verify, "v3.public." + signed + b64url(bytes(66)), PAIR[3]),
    }.items():
        yield refused("T28", what, call, SignatureError)
    sealed = paseto.encrypt(b"{}", LOCAL[4]).removeprefix("v4.local.")
    for version in (1, 2):
        token, key = f"v{version}.local.{sealed}AAAAAAAAAAAAAAAAAAAAAAAAAAAA", OLD_LOCAL[version]
        yield refused("T28", f"v4.local as v{version}", calling(paseto.decrypt, token, key), SealError)
    for wrong in (LOCAL[4].secret_bytes(), LOCAL[4].to_paserk(private=True), None, b"", LOCAL[4]._private):
        for use, content in (
            *((paseto.decrypt, TOKENS["v4.local"]), (paseto.verify, TOKENS["v4.public"])),
            *((paseto.encrypt, b"{}"), (paseto.sign, b"{}")),
        ):
            what = f"{type(wrong).__name__} as a key of {use.__name__}"
            yield refused("T28", what, calling(use, content, wrong), KeyUseError, "key_use")
    for version, other in ((3, 4), (4, 3)):
        body = access(version, kid=PAIR[version].kid)
        token = f"v{other}{body[2:]}"
        what = f"an access token of v{version} called v{other}"
        yield refused("T28", what, calling(ACCESS.verify, token), AlgorithmError, "key_alg_mismatch")
    for version in (3, 4):
        for kid in (LOCAL[version].kid, OLD_PAIR[2].kid, "k3.pid.unknown"):
            token = access(version, kid=kid)
            what = f"v{version} access token, kid {kid[:6]}"
            yield refused("T28 T33", what, calling(ACCESS.verify, token), UnknownKeyError, "key_not_found")


def old_versions() -> Iterator[Case]:
    """T28: v1 and v2 need their danger's name, and never write."""
    texts = {key.algorithm.name: key.to_paserk(private=True) for key in (*OLD_LOCAL.values(), *OLD_PAIR.values())}
    for name, text in texts.items():
        for allow in ([], ["LEGACY_PASETO"], [RSA1_5], "LEGACY_PASETO"):
            what = f"{name} with allow={allow}"
            yield refused("T28", what, calling(Key.from_paserk, text, allow=allow), KeyUseError, "key_use")
        yield refused("T28", f"generate {name}", calling(Key.generate, name), KeyUseError, "key_use")
    pem = PAIR[4].to_pem()
    yield refused("T28", "v2.public PEM", calling(Key.from_pem, pem, algorithm="v2.public"), KeyUseError, "key_use")
    jwk = Key.generate("Ed25519").to_jwk() | {"alg": "v2.public"}
    yield refused("T28", "v2.public JWK", calling(Key.from_jwk, jwk), KeyUseError, "key_use")
    for key in (*OLD_LOCAL.values(), *OLD_PAIR.values()):
        name = key.algorithm.name
        use = paseto.encrypt if key.algorithm.symmetric else paseto.sign
        yield refused("T28", f"write with {name}", calling(use, b"{}", key), KeyUseError, "key_use")
        yield refused("T28", f"{name} on a ring", calling(KeyRing.of, key), KeyUseError, "key_use")
        lock = {"password": b"p"}
        yield refused("T28", f"{name} wrapped", calling(key.to_paserk, **lock), KeyUseError, "key_use")
        verb = paseto.decrypt if key.algorithm.symmetric else paseto.verify
        token = TOKENS[name]
        yield refused(
            "T34",
            f"{name} with an implicit assertion",
            calling(verb, token, key, assertion=b"a"),
            ConfigurationError,
            "configuration",
        )


def headers() -> Iterator[Case]:
    """T29: each header has one spelling."""
    for name, token in TOKENS.items():
        key = next((one for one in EVERY if one.algorithm.name == name), None)
        if key is None:
            continue
        verb = paseto.verify if name.endswith("public") else paseto.decrypt
        rest = token[len(name) + 1 :]
        for head in (
            *(
                name.upper() + ".",
                name.title() + ".",
                f"{name}",
                f" {name}.",
                f"{name} .",
                f"{name}..",
                f"\ufeff{name}.",
            ),
            *(
                f"\ufeff{name}.",
                f"v0{name[1:]}.",
                f"{name[:2]}c{name[2:]}.",
                f"{name[1:]}.",
                f"k{name[1:]}.",
                f"v\u0664{name[2:]}.",
            ),
        ):
            call = calling(verb, head + rest, key)
            yield refused("T29", f"{head!a} for {name}", call, MalformedTokenError, "malformed")
        for what, text in {
            "five segments": f"{name}.AAAA.Zg.Zg",
            "trailing dot": token.rpartition(".")[0] + ".",
            "no body": f"{name}.",
            "no body, a footer": f"{name}..Zg",
            "trailing space": token + " ",
            "a newline": token + "\n",
            "non-ASCII": token + "é",
        }.items():
            call = calling(verb, text, key)
            yield refused("T29", f"{what} for {name}", call, MalformedTokenError, "malformed")
        long = f"{name}.{'A' * 8192}"
        yield refused("T29", f"too long for {name}", calling(verb, long, key), MalformedTokenError, "too_large")


def truncated() -> Iterator[Case]:
    """T31: never a slice of what is not there."""
    for key in EVERY:
        name = key.algorithm.name
        local = key.algorithm.symmetric
        verb = paseto.decrypt if local else paseto.verify
        least = {"v1": 80, "v2": 40, "v3": 80, "v4": 64}[name[:2]] if local else key.algorithm.signature
        for size in (1, least // 2, least - 1, least):
            token = f"{name}.{b64url(bytes(size))}"
            error = SealError if local else SignatureError if size == least else MalformedTokenError
            call = calling(verb, token, key)
            yield refused("T31", f"{size} bytes of {name}", call, error, "bad_signature" if local else "")


def payloads() -> Iterator[Case]:
    """T32: what was signed and is no object of claims is refused, after the signature."""
    for version in (3, 4):
        for what, raw in {
            "array": b"[]",
            "text": b'"x"',
            "number": b"1",
            "null": b"null",
            "empty": b"",
            "twice": dump_json(CLAIMS)[:-1] + b',"sub":"user-8"}',
            "escaped twice": dump_json(CLAIMS)[:-1] + b',"s\\u0075b":"user-8"}',
            "UTF-16": dump_json(CLAIMS).decode().encode("utf-16"),
            "bad UTF-8": b'{"sub":"\xff"}',
            "deep": b'{"a":' * 9 + b"1" + b"}" * 9,
        }.items():
            token = access(version, claims=raw)
            yield refused("T32", f"v{version}: {what}", calling(ACCESS.verify, token), MalformedTokenError)
            forged = access(version, claims=raw, signer=Key.generate(f"v{version}.public"))
            what = f"v{version}: {what}, forged"
            yield refused("T32", what, calling(ACCESS.verify, forged), SignatureError)
        for text in ("2027-01-15t08:05:00Z", "2027-01-15 08:05:00Z", "2027-01-15T08:05:00", "2027-01-15T24:00:00Z", 1):
            token = access(version, claims=dump_json({**CLAIMS, "exp": text}))
            yield refused("T36", f"v{version}: exp {text}", calling(ACCESS.verify, token), ClaimError)


def footers() -> Iterator[Case]:
    """T33: expected footers, guards, and what may travel in ``wpk``."""
    for version in (3, 4):
        for footer in (b"", b"g", b"ff"):
            local, public = TOKENS[f"v{version}.local"], TOKENS[f"v{version}.public"]
            call = calling(paseto.decrypt, local, LOCAL[version], footer=footer)
            yield refused("T33", f"v{version}.local: {footer!r} expected", call, SealError, "footer_mismatch")
            call = calling(paseto.verify, public, PAIR[version], footer=footer)
            yield refused("T33", f"v{version}.public: {footer!r} expected", call, SignatureError, "footer_mismatch")
        bare = paseto.encrypt(b"{}", LOCAL[version])
        call = calling(paseto.decrypt, bare, LOCAL[version], footer=b"f")
        yield refused("T33", f"v{version}.local: no footer, one expected", call, SealError, "footer_mismatch")
        swapped = TOKENS[f"v{version}.local"].rpartition(".")[0] + ".Zw"
        call = calling(paseto.decrypt, swapped, LOCAL[version])
        yield refused("T30 T33", f"v{version}.local: another footer", call, SealError)
    inner = LOCAL[4].to_paserk(wrapping_key=Key.generate("v4.local"))
    for what, raw in {
        "list": b"[]",
        "nested": b'{"a":{}}',
        "number": b'{"a":1}',
        "twice": b'{"kid":"a","kid":"b"}',
        "kid path": b'{"kid":"../x"}',
        "9 deep": b'{"a":' * 9 + b"1" + b"}" * 9,
        "not JSON": b"kid",
        "empty": b"",
        **{
            f"wpk {word}": dump_json({"wpk": word})
            for word in (
                *(LOCAL[4].to_paserk(private=True), PAIR[4].to_paserk(private=True), PAIR[4].to_paserk()),
                *(
                    "k4.local-pw.AAAA",
                    "k4.secret-pw.AAAA",
                    "k1.local.AAAA",
                    "k2.secret.AAAA",
                    PAIR[4].kid,
                    "k5.seal.AAAA",
                ),
                *(
                    "k5.seal.AAAA",
                    "",
                    "k4.seal.",
                    "k4.seal",
                    inner + "=",
                    inner.upper(),
                    " " + inner,
                    "k4.local-wrap.xyz.AAAA",
                ),
            )
        },
        "wpk a number": b'{"wpk":1}',
    }.items():
        yield refused("T33", f"footer {what}", calling(read_footer, raw), MalformedTokenError)
    many = dump_json({str(number): "" for number in range(513)})
    yield refused("T33", "513 names", calling(read_footer, many), MalformedTokenError, "too_large")
    long = dump_json({"a": "x" * 8192})
    yield refused("T33", "8,201 bytes", calling(read_footer, long), MalformedTokenError, "too_large")
    bad = {"wpk": LOCAL[4].to_paserk(private=True)}
    yield refused(
        "T33",
        "writing a bare wpk",
        calling(paseto.sign, b"{}", PAIR[4], footer=bad),
        ConfigurationError,
        "configuration",
    )
    for version in (3, 4):
        token = access(version, {"kid": PAIR[version].kid, "typ": "at", "wpk": LOCAL[4].to_paserk(private=True)})
        what = f"access v{version} with a bare wpk"
        yield refused("T33", what, calling(ACCESS.verify, token), MalformedTokenError)
        token = access(version, {"kid": PAIR[version].kid, "typ": "service"})
        yield refused("T33", f"access v{version} typ", calling(ACCESS.verify, token), WrongTypeError)
        token = access(version, {"typ": "at"})
        what = f"access v{version} nameless"
        yield refused("T33", what, calling(ACCESS.verify, token), UnknownKeyError, "key_not_found")


def assertions() -> Iterator[Case]:
    """T34: missing, different, or swapped with the footer."""
    for version in (3, 4):
        local = paseto.encrypt(b"{}", LOCAL[version], footer=b"f", assertion=b"i")
        public = paseto.sign(b"{}", PAIR[version], footer=b"f", assertion=b"i")
        for assertion in (b"", b"j", b"f", b"i\0"):
            call = calling(paseto.decrypt, local, LOCAL[version], assertion=assertion)
            yield refused("T34", f"v{version}.local, {assertion!r}", call, SealError)
            call = calling(paseto.verify, public, PAIR[version], assertion=assertion)
            yield refused("T34", f"v{version}.public, {assertion!r}", call, SignatureError)
        swapped = local.rpartition(".")[0] + "." + b64url(b"i")
        call = calling(paseto.decrypt, swapped, LOCAL[version], assertion=b"f")
        yield refused("T34", f"v{version}.local, footer and assertion swapped", call, SealError)


def v3_public() -> Iterator[Case]:
    """T35: the key is bound, compressed, on P-384; r and s are numbers of the curve."""
    key, header = PAIR[3], b"v3.public."
    es384 = Key.from_pem(key.to_pem(), algorithm="ES384")  # the same key, bare
    point = RAW["v3.public"].write_public(key._public)
    whole = key._public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    for what, covered in {
        "pk uncompressed": pae(whole, header, b"{}", b"", b""),
        "pk missing": pae(header, b"{}", b"", b""),
        "pk last": pae(header, b"{}", b"", b"", point),
        "pk of another": pae(RAW["v3.public"].write_public(Key.generate("v3.public")._public), header, b"{}", b"", b""),
        "no assertion piece": pae(point, header, b"{}", b""),
        "header of v4": pae(point, b"v4.public.", b"{}", b"", b""),
    }.items():
        token = "v3.public." + b64url(b"{}" + es384.sign(covered))
        yield refused("T35", what, calling(paseto.verify, token, key), SignatureError)
    good = "v3.public." + b64url(b"{}" + es384.sign(pae(point, header, b"{}", b"", b"")))
    assert paseto.verify(good, key) == (b"{}", b"")
    raw = unb64url(good.removeprefix("v3.public.").encode())
    for what, signature in {
        "r = 0": bytes(48) + raw[-48:],
        "s = 0": raw[-96:-48] + bytes(48),
        "r = s = 0": bytes(96),
        "r = n": ORDER.to_bytes(48, "big") + raw[-48:],
        "s = n": raw[-96:-48] + ORDER.to_bytes(48, "big"),
        "DER": es384._private.sign(b"", ECDSA(SHA384())).ljust(96)[:96],
        "r and s swapped": raw[-48:] + raw[-96:-48],
    }.items():
        token = "v3.public." + b64url(b"{}" + signature)
        yield refused("T35", what, calling(paseto.verify, token, key), SignatureError)
    other = Key.generate("v3.public")
    yield refused("T35", "another key", calling(paseto.verify, good, other), SignatureError)
    for name in ("ES256", "ES512", "ES256K", "Ed25519"):
        pem = Key.generate(name).to_pem()
        yield refused("T35", f"{name} key", calling(Key.from_pem, pem, algorithm="v3.public"), KeyUseError)
    yield refused("T35", "a JWS under it", calling(key.sign, b"e30.e30"), KeyUseError)
    yield refused("T35", "bare bytes", calling(key.verify, raw[-96:], b"e30.e30"), SignatureError)


def cases() -> Iterator[Case]:
    for table in (key_lucidity, old_versions, headers, truncated, payloads, footers, assertions, v3_public):
        yield from table()
