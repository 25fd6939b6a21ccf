"""JWS and JWT: texts from outside, and headers and claims that are signed on the way, so that the readers behind the
signature are reached.
"""

from __future__ import annotations

import json
from typing import Final

from fuzz.house import ACCESS, AUDIENCE, CLAIMS, CLOCK, ED, HEADER, ISSUER, JWT, LARGE, ML, NOW, PAYLOAD, RING, SIGNED
from fuzz.house import signed as written
from fuzz.target import Target, enter
from watchword.claims import DPOP_PROOF, ID_TOKEN, LOGOUT_TOKEN, RFC_9068
from watchword.encoding import dump_json
from watchword.formats import jws
from watchword.formats.jwt import JwtVerifier
from watchword.runtime.ticker import drive
from watchword.tokens.foreign.profiles import AUTH0, COGNITO, ENTRA, KEYCLOAK, OKTA
from watchword.tokens.foreign.verify import ForeignTokens

PROFILES: Final = [
    JwtVerifier(RING, profile, issuer=ISSUER, audience=AUDIENCE)
    for profile in (RFC_9068, ID_TOKEN, LOGOUT_TOKEN, DPOP_PROOF)
]
FOREIGN: Final = [
    ForeignTokens(RING, issuer=ISSUER, audience=AUDIENCE, profile=profile, clock=CLOCK)
    for profile in (AUTH0, OKTA, KEYCLOAK, ENTRA, COGNITO)
]
MESSAGES: Final = {token.rpartition(".")[0] for token in SIGNED}


def _ours(text: bytes) -> None:
    """What was accepted from outside is what we signed; the signature alone may be its twin (ES256)."""
    assert text.decode("ascii").rpartition(".")[0] in MESSAGES


def verify(text: bytes) -> None:
    jws.verify(text, RING)
    _ours(text)


def detached(text: bytes) -> object:
    return jws.verify(text, RING, detached=b"payload")


def unencoded(text: bytes) -> object:
    return jws.verify(text, RING, b64=False)


def large(text: bytes) -> object:
    return jws.verify(text, LARGE)


def access(text: bytes) -> None:
    drive(ACCESS.authenticate(text))
    _ours(text)


def header(text: bytes) -> object:
    token = written(text, PAYLOAD)
    jws.verify(token, RING)
    said = json.loads(text)
    assert said["alg"] in ("Ed25519", "EdDSA")
    assert not {"crit", "b64", "jwk", "jku", "x5u", "x5c", "zip"} & said.keys()
    return ACCESS.verify(token)


def claims(text: bytes) -> None:
    who = ACCESS.verify(written(HEADER, text))
    said = json.loads(text)
    assert who.subject == said["sub"]
    assert said["iss"] == ISSUER
    assert AUDIENCE in ([said["aud"]] if isinstance(said["aud"], str) else said["aud"])
    assert type(said["exp"]) is int
    assert said["exp"] > NOW


def profiles(text: bytes) -> None:
    """Each profile in turn; the ``typ`` is the one it wants, so that its claims are looked at."""
    for verifier in PROFILES:
        head = dump_json({"alg": "Ed25519", "kid": ED.kid, "typ": verifier._profile.typ})
        enter(verifier.verify, written(head, text).encode())


def foreign(text: bytes) -> None:
    for verifier in FOREIGN:
        for typ in ("JWT", "at+jwt"):
            head = dump_json({"alg": "Ed25519", "kid": ED.kid, "typ": typ})
            enter(verifier.verify, written(head, text).encode())


EXTRA: Final = {"azp": "c", "tid": "t", "oid": "o", "ver": "2.0", "scp": ["a"], "token_use": "access", "cid": "c"}
TARGET: Final = Target(
    doors={
        "verify": verify,
        "detached": detached,
        "unencoded": unencoded,
        "large": large,
        "access": access,
        "header": header,
        "claims": claims,
        "profiles": profiles,
        "foreign": foreign,
    },
    seeds=[
        *(("verify", token.encode()) for token in SIGNED),
        ("detached", jws.sign(b"payload", ED, detached=True).encode()),
        ("unencoded", jws.sign(b"payload", ED, b64=False).encode()),
        ("large", jws.sign(PAYLOAD, ML).encode()),
        ("access", JWT.encode()),
        ("header", HEADER),
        ("header", b'{"alg":"EdDSA","kid":"Ed25519","typ":"application/at+jwt","x":[1,{"y":"\\u00e9"}]}'),
        ("header", b'{"alg":"Ed25519","crit":["b64"],"b64":false,"jwk":{},"cty":"JWT","zip":"DEF","x5c":[]}'),
        *((door, PAYLOAD) for door in ("claims", "profiles", "foreign")),
        ("claims", dump_json(CLAIMS | {"aud": [AUDIENCE, "x"], "roles": ["a"], "cnf": {"jkt": "x"}, "rev": [1, 2]})),
        ("profiles", dump_json(CLAIMS | {"nonce": "n", "auth_time": NOW, "azp": AUDIENCE, "events": {}, "sid": "s"})),
        ("profiles", dump_json(CLAIMS | {"htm": "GET", "htu": "https://api.test/x", "ath": "x"})),
        ("foreign", dump_json(CLAIMS | EXTRA | {"realm_access": {"roles": ["a"]}, "cognito:groups": ["g"]})),
    ],
)
