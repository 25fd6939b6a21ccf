"""What a row of the hostile-token table holds, and the builders of its tokens.

The fixture is that of the security standard, §7.1: one issuer, one audience, a clock that stands still, a base token
that lives 300 s. Unless a row says otherwise the signature is right, so that its own fault alone can stop the token.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from watchword.app import drive
from watchword.clock import FrozenClock
from watchword.crypto.algorithms import Algorithm
from watchword.crypto.content import Content
from watchword.encoding import b64url, dump_json, json_object, pae, rfc3339, unb64url
from watchword.errors import WatchwordError
from watchword.formats import jwe, jws, paseto
from watchword.keys.key import Key
from watchword.keys.ring import KeyRing, Slot
from watchword.tokens.access import AccessTokens
from watchword.tokens.sealed import SealedTokens

ISSUER: Final = "https://as.test/t1"
AUDIENCE: Final = "https://api.test"
NOW: Final = 1_800_000_000
GONE: Final = object()
"""As the value of a name: take that name out."""

CLAIMS: Final[dict[str, Any]] = {
    "iss": ISSUER,
    "sub": "user-7",
    "aud": AUDIENCE,
    "exp": NOW + 300,
    "iat": NOW,
    "nbf": NOW,
    "jti": "jti-0123456789",
    "client_id": "first-party",
}

Changes = Mapping[str, Any] | bytes | None
"""Names to set or to take out; or bytes that stand there instead of a JSON object."""


class CountedKey(Key):
    """A Key that counts how often it was asked to check a signature or to open something."""

    __slots__ = ("calls",)

    def __init__(
        self, algorithm: Algorithm, private: Any, public: Any, *, kid: str | None = None, use: str | None = None
    ) -> None:
        super().__init__(algorithm, private, public, kid=kid, use=use)
        self.calls = 0
        bare = self.verify

        def counted(signature: bytes, message: bytes) -> None:
            self.calls += 1
            bare(signature, message)

        self.verify = counted
        unwrap = self.unwrap

        def counted_unwrap(content: Content, header: Mapping[str, Any], encrypted_key: bytes) -> bytes:
            self.calls += 1
            return unwrap(content, header, encrypted_key)

        self.unwrap = counted_unwrap

    def secret_bytes(self) -> bytes:
        self.calls += 1
        return super().secret_bytes()


COMMITTED: Final = Path(__file__).parent.parent / "vectors" / "committed" / "jose.json"
RSA_JWK: Final[dict[str, str]] = json.loads(COMMITTED.read_text())["jws"][1]["jwk"]
"""The RSA key of RFC 7515 A.2: making one takes too long."""

ED: Final = CountedKey.generate("Ed25519", kid="k1")
ES: Final = CountedKey.generate("ES256", kid="k2")
RETIRED: Final = CountedKey.generate("Ed25519", kid="k3")
EARLY: Final = CountedKey.generate("Ed25519", kid="k4")
RS: Final = CountedKey.from_jwk(RSA_JWK | {"kid": "k5"}, algorithm="RS256")
HS: Final = CountedKey.generate("HS256", kid="k6")
ENDING: Final = CountedKey.generate("ES256", kid="k7")
PUB: Final = CountedKey.generate("v4.public")
PUB_2: Final = CountedKey.generate("v4.public")
PUB_RETIRED: Final = CountedKey.generate("v4.public")
PUB_EARLY: Final = CountedKey.generate("v4.public")
LOCAL: Final = CountedKey.generate("v4.local")
DIR: Final = CountedKey.generate("A256GCM", kid="k8")

ATTACKER: Final = Key.generate("ES256", kid="attacker")
TENANT_2: Final = Key.generate("Ed25519", kid=ED.kid)
TENANT_2_PUB: Final = Key.generate("v4.public", kid=PUB.kid)

COUNTED: Final = (ED, ES, RETIRED, EARLY, RS, HS, ENDING, PUB, PUB_2, PUB_RETIRED, PUB_EARLY, LOCAL, DIR)


def good(key: Key) -> Slot:
    return Slot(key, announced_at=0, activates_at=0)


def early(key: Key) -> Slot:
    return Slot(key, announced_at=NOW, activates_at=NOW + 1)


def retired(key: Key, at: int) -> Slot:
    return Slot(key, announced_at=0, activates_at=0, signs_until=at - 100, retires_at=at)


def ring(name: str, clock: FrozenClock) -> KeyRing:
    """The ring of that name: ``main`` for nearly all rows, the others where a row needs their algorithm."""
    slots = {
        "main": [
            *(good(ED), good(ES), good(PUB), good(PUB_2)),
            *(retired(RETIRED, NOW - 50), retired(ENDING, NOW), retired(PUB_RETIRED, NOW)),
            *(early(EARLY), early(PUB_EARLY)),
        ],
        "rs256": [good(RS)],
        "hs256": [good(HS)],
        "sealed": [good(LOCAL), good(DIR)],
    }
    return KeyRing(slots[name], clock=clock)


def verifier(name: str = "main") -> AccessTokens:
    """A fresh verifier on that ring, at NOW."""
    return AccessTokens(ring(name, FrozenClock(NOW)), issuer=ISSUER, audience=AUDIENCE)


def written(base: Mapping[str, Any], changes: Changes) -> bytes:
    """The JSON of ``base`` with these changes; or the bytes that stand there instead."""
    if isinstance(changes, bytes):
        return changes
    return dump_json({name: value for name, value in {**base, **(changes or {})}.items() if value is not GONE})


def head_of(key: Key) -> dict[str, Any]:
    return {"alg": key.algorithm.name, "kid": key.kid, "typ": "at+jwt"}


def jwt(claims: Changes = None, header: Changes = None, *, key: Key = ED, signer: Key | None = None) -> str:
    """The base token with these changes, signed after them. ``signer`` signs in the name of ``key``."""
    message = f"{b64url(written(head_of(key), header))}.{b64url(written(CLAIMS, claims))}"
    return f"{message}.{b64url((signer or key).sign(message.encode()))}"


def unsigned(header: Changes = None, *, signature: bytes, key: Key = ED) -> str:
    """The base token with another signature."""
    return with_signature(jwt(None, header, key=key), signature)


def with_signature(token: str, signature: bytes) -> str:
    return f"{token.rpartition('.')[0]}.{b64url(signature)}"


def pas(
    claims: Changes = None, footer: Changes = None, *, key: Key = PUB, signer: Key | None = None, assertion: bytes = b""
) -> str:
    """The base token as v4.public with these changes; times that are whole seconds are written as RFC 3339."""
    if not isinstance(claims, bytes):
        times = {name: value for name, value in {**CLAIMS, **(claims or {})}.items() if name in paseto.TIMES}
        written_times = {name: _time(value) for name, value in times.items()}
        claims = {**(claims or {}), **written_times}
    return paseto.sign(
        written(CLAIMS, claims),
        signer or key,
        footer=written({"kid": key.kid, "typ": "at"}, footer),
        assertion=assertion,
    )


SEALED: Final[dict[str, Any]] = {"jti": "jti-0123456789", "iat": NOW, "exp": NOW + 300, "data": {"order": "o-1"}}


def assertion_of(
    *,
    context: str = "watchword.sealed.v1",
    purpose: str = "payment",
    subject: str = "user-7",
    audience: str = AUDIENCE,
) -> bytes:
    return pae(context.encode(), purpose.encode(), subject.encode(), audience.encode())


SEALED_FOR: Final = assertion_of()


def sealed_tokens() -> SealedTokens:
    """A fresh opener, at NOW."""
    return SealedTokens(ring("sealed", FrozenClock(NOW)), audience=AUDIENCE)


def seal(
    claims: Changes = None,
    *,
    typ: Any = "sealed",
    key: Key = LOCAL,
    kid: str | None = None,
    assertion: bytes | None = None,
    **context: str,
) -> str:
    """The base sealed token as v4.local with these changes, bound to what ``context`` changes."""
    said = {**SEALED, **(claims if isinstance(claims, Mapping) else {})}
    times = {name: _time(said[name]) for name in paseto.TIMES if name in said and said[name] is not GONE}
    return paseto.encrypt(
        written(said, times),
        key,
        footer=written({"kid": kid or key.kid, "typ": typ}, None),
        assertion=assertion_of(**context) if assertion is None else assertion,
    )


def seal_jwe(claims: Changes = None, *, typ: Any = "sealed+jwt", assertion: bytes | None = None, **context: str) -> str:
    """The same as a JWE."""
    bound = assertion_of(**context) if assertion is None else assertion
    more = {jwe.BOUND: jwe._bound(bound, "salt")} if bound else None
    return jwe.encrypt(written(SEALED, claims), DIR, typ=None if typ is GONE else typ, more=more)


def with_header(token: str, changes: Mapping[str, Any]) -> str:
    """A compact token with another first segment: what it covered is covered no more."""
    head, _, rest = token.partition(".")
    return f"{b64url(written(json_object(unb64url(head.encode())), changes))}.{rest}"


def _time(value: Any) -> Any:
    return rfc3339(value) if type(value) is int and -62_135_596_800 <= value < 253_402_300_800 else value


def raw_claim(name: str, text: bytes) -> bytes:
    """The claims of the base token, with this text as the JSON value of one of them."""
    return written(CLAIMS, {name: "@@"}).replace(b'"@@"', text)


def respelled(segment: str) -> Iterator[str]:
    """The other ways to spell the last character of a base64url segment: they differ in spare bits alone."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    spare = {0: 1, 2: 16, 3: 4}[len(segment) % 4]
    first = alphabet.index(segment[-1]) // spare * spare
    for other in alphabet[first : first + spare]:
        if other != segment[-1]:
            yield segment[:-1] + other


class Case(NamedTuple):
    """One token, and exactly what must become of it."""

    ids: str
    """The rows of the standard (H-) and of the list of attacks (T) that it stands for."""
    what: str
    token: str
    error: type[WatchwordError]
    reason: str
    calls: int = 0
    """How many signatures are checked, or ciphertexts opened, on the way."""
    claim: str = ""
    ring: str = "main"
    door: str = "access"
    """``access``: AccessTokens.verify; ``jws``: formats.jws.verify; ``open`` and ``check``: formats.paseto; ``sealed``:
    SealedTokens.open."""


def present(case: Case, token: object, access: AccessTokens) -> object:
    """Hand a token in at the door of its row."""
    if case.door == "jws":
        return jws.verify(token, ring(case.ring, FrozenClock(NOW)))
    if case.door == "open":
        return paseto.decrypt(token, LOCAL)
    if case.door == "check":
        return paseto.verify(token, PUB)
    if case.door == "sealed":
        untrusted: Any = token
        return sealed_tokens().open(untrusted, purpose="payment", bound_to="user-7")
    return drive(access.authenticate(token))


def crypto_calls() -> int:
    return sum(key.calls for key in COUNTED)


def forget_calls() -> None:
    for key in COUNTED:
        key.calls = 0
