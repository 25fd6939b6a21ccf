"""Totality: any bytes in, a value or a WatchwordError out (I19). Soundness: one spelling of each token (I2), and what
is accepted was signed exactly so (I1).
"""

import base64
import json
from collections.abc import Callable, Coroutine
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from watchword.app import drive
from watchword.clock import FrozenClock
from watchword.encoding import b64url, gate, json_object, unb64url
from watchword.errors import TokenError, WatchwordError
from watchword.formats import jws, opaque, paseto
from watchword.formats.base import FORMATS, make_format
from watchword.keys.key import Key
from watchword.keys.ring import KeyRing
from watchword.principal import Principal
from watchword.stores.base import Store, open_store
from watchword.tokens.access import AccessTokens
from watchword.tokens.refresh import RefreshTokens
from watchword.tokens.sessions import Sessions

CLOCK: Final = FrozenClock(1_800_000_000)
MUCH = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
SOME = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
N: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551

LOCAL: Final = Key.generate("v4.local")
RINGS: Final = {
    name: KeyRing.of(Key.generate(name), Key.generate("HS256", use="mac"), LOCAL, clock=CLOCK)
    for name in ("Ed25519", "ES256", "HS256", "v4.public")
}
KEYS: Final = {name: ring.active() for name, ring in RINGS.items()}


def verifier(name: str) -> AccessTokens:
    return AccessTokens(RINGS[name], issuer="https://as.test", audience="https://api.test")


def issued(name: str, subject: str) -> str:
    return verifier(name).issue(subject, scopes=["a", "b"], claims={"team": {"x": [1, "\u00e9"]}}, session_id="s").token


ACCESS: Final = {name: (issued(name, "user-7"), issued(name, "user-8")) for name in RINGS}
GENUINE: Final = {token for pair in ACCESS.values() for token in pair}


def store() -> Store:
    made = open_store("memory:")
    made.open_blocking()
    return made


STORE: Final = store()
SESSIONS: Final = Sessions(STORE, clock=CLOCK)
REFRESH: Final = RefreshTokens(STORE, RINGS["ES256"], clock=CLOCK)
SESSION: Final = drive(SESSIONS.start("user-7")).token
FAMILY: Final = drive(REFRESH.issue("user-7", client_id="c")).token
SEALED: Final = paseto.encrypt(b"{}", LOCAL, footer=b"f")
REAL: Final = [*GENUINE, SESSION, FAMILY, SEALED, jws.sign(b"{}", KEYS["ES256"])]

ALPHABET: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


# what goes in

ODD_CHARACTERS = st.sampled_from(
    [".", "=", "-", "_", "+", "/", " ", "\n", "\0", "A", "\u00e9", "\u0430", "{", '"', "\ud800"]
)
SPOTS = st.integers(0, 10_000)


def flip(token: str, spot: int, character: str) -> str:
    return token[: spot % len(token)] + character + token[spot % len(token) + 1 :] if token else character


def insert(token: str, spot: int, character: str) -> str:
    where = spot % (len(token) + 1)
    return token[:where] + character + token[where:]


def delete(token: str, spot: int, _: str) -> str:
    return token[: spot % len(token)] + token[spot % len(token) + 1 :] if token else token


def cut(token: str, spot: int, _: str) -> str:
    return token[: spot % (len(token) + 1)]


def splice(token: str, spot: int, _: str) -> str:
    """A segment of another real token in the place of one of this."""
    other = REAL[spot % len(REAL)].split(".")
    parts = token.split(".")
    where = spot // 7 % len(parts)
    return ".".join([*parts[:where], other[where % len(other)], *parts[where + 1 :]])


def shuffle(token: str, spot: int, _: str) -> str:
    parts = token.split(".")
    where = spot % len(parts)
    return ".".join(parts[where:] + parts[:where])


def respell(token: str, spot: int, _: str) -> str:
    """Another last character of a segment, mostly for the same bytes."""
    parts = token.split(".")
    where = spot % len(parts)
    last = parts[where][-1:]
    if last and last in ALPHABET:
        parts[where] = parts[where][:-1] + ALPHABET[ALPHABET.index(last) ^ (spot // 7 % 3 + 1)]
    return ".".join(parts)


def redo_json(token: str, spot: int, character: str) -> str:
    """One name twice, or one name more, in the first segment that is JSON."""
    parts = token.split(".")
    for where, part in enumerate(parts):
        try:
            raw = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
            names = json.loads(raw)
        except ValueError:
            continue
        if isinstance(names, dict) and names:
            name = list(names)[spot % len(names)] if spot % 3 else character
            more = f"{json.dumps(name)}:{json.dumps(names.get(name, spot))}".encode("utf-8", "surrogatepass")
            changed = raw[:-1] + b"," + more + b"}" if spot % 2 else b"{" + more + b"," + raw[1:]
            return ".".join([*parts[:where], b64url(changed), *parts[where + 1 :]])
    return token


CHANGES: list[Callable[[str, int, str], str]] = [flip, insert, delete, cut, splice, shuffle, respell, redo_json]
STEPS = st.lists(st.tuples(st.sampled_from(CHANGES), SPOTS, ODD_CHARACTERS), min_size=1, max_size=4)


@st.composite
def mutants(draw: st.DrawFn, tokens: Any = None) -> str:
    """A real token, changed a little."""
    token: str = draw(st.sampled_from(tokens or REAL))
    for change, spot, character in draw(STEPS):
        token = change(token, spot, character)
    return token


@st.composite
def lookalikes(draw: st.DrawFn) -> str:
    """Segments that nobody signed, of any JSON, behind the beginnings of ours."""
    leaf: st.SearchStrategy[object] = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
    value = leaf | st.lists(leaf | st.lists(leaf, max_size=3), max_size=3)
    names = st.sampled_from(["alg", "kid", "typ", "crit", "jwk", "zip", "b64", "exp", "aud", "x"])
    known = st.sampled_from(["at+jwt", "at", "Ed25519", "ES256", "HS256", *(key.kid for key in KEYS.values())])
    parts = [draw(st.dictionaries(names, value | known, max_size=4) | value) for _ in range(draw(st.integers(1, 4)))]
    segments = [b64url(json.dumps(part).encode()) for part in parts] + [b64url(draw(st.binary(max_size=80)))]
    return draw(st.sampled_from(["", "v4.public.", "v4.local.", "ww_rt_", "ww_ss_"])) + ".".join(segments)


TEXTS = st.text() | st.text("AQgwe.=_-JyZ019{}[]:,\"' \\u") | mutants() | lookalikes()
ANYTHING = TEXTS | TEXTS.map(lambda text: text.encode("utf-8", "surrogatepass")) | st.binary()
ODD: Any = st.none() | st.integers() | st.floats() | st.lists(st.text(), max_size=2) | st.builds(object)


def total(call: Callable[[Any], object], untrusted: Any) -> object | None:
    """The value, or None after a WatchwordError; anything else fails the test."""
    try:
        return call(untrusted)
    except WatchwordError:
        return None


# I19: totality


@MUCH
@given(ANYTHING | ODD)
def test_the_front_door(untrusted: Any) -> None:
    total(gate, untrusted)
    if isinstance(untrusted, bytes):
        total(unb64url, untrusted)
        total(json_object, untrusted)


@MUCH
@given(st.binary() | st.text().map(str.encode) | st.text('{}[]":,\\ 0123456789.eE+-truefalsn').map(str.encode))
def test_json(raw: bytes) -> None:
    value = total(json_object, raw)
    assert value is None or value == json.loads(raw)


@pytest.mark.parametrize("name", list(FORMATS))
@MUCH
@given(untrusted=ANYTHING | ODD)
def test_the_formats(name: str, untrusted: Any) -> None:
    for ring in RINGS.values():
        form = make_format(name, ring, typ="at+jwt")

        def walk(token: object, form: Any = form) -> object:
            envelope = form.parse(token)
            return form.verify(envelope, form.key(envelope))

        total(walk, untrusted)


@MUCH
@given(ANYTHING | ODD)
def test_the_other_readers(untrusted: Any) -> None:
    total(lambda token: jws.verify(token, RINGS["ES256"]), untrusted)
    total(lambda token: paseto.verify(token, KEYS["v4.public"]), untrusted)
    total(lambda token: paseto.decrypt(token, LOCAL), untrusted)
    total(lambda token: opaque.parse(token, "ww_ss_"), untrusted)


@MUCH
@given(ANYTHING | ODD)
def test_the_kinds(untrusted: Any) -> None:
    """Nothing but the very tokens that were issued is accepted (I1), wherever it is handed in."""
    verbs: list[tuple[Callable[[Any], Coroutine[Any, Any, Any]], str]] = [
        (SESSIONS.authenticate, SESSION),
        (SESSIONS.revocation_of, SESSION),
        (SESSIONS.update, SESSION),
        (REFRESH.authenticate, FAMILY),
        (REFRESH.family_of, FAMILY),
    ]
    for verb, genuine in verbs:
        if total(lambda token, verb=verb: drive(verb(token)), untrusted) is not None:  # type: ignore[misc]
            assert untrusted in (genuine, genuine.encode())
    if untrusted not in (SESSION, FAMILY, SESSION.encode(), FAMILY.encode()):
        for use in (SESSIONS.rotate, REFRESH.rotate, REFRESH.revocation_of):
            assert total(lambda token, use=use: drive(use(token)), untrusted) is None  # type: ignore[misc]


@MUCH
@given(st.data())
def test_access_tokens(data: st.DataObject) -> None:
    """I1: a mutant is accepted only where it came out as the very token again; ES256 has one twin."""
    name = data.draw(st.sampled_from(list(RINGS)))
    untrusted = data.draw(mutants(list(ACCESS[name])) | ANYTHING | ODD)
    access = verifier(name)
    if data.draw(st.booleans()):
        for token in ACCESS[name]:
            access.verify(token)
    who = total(lambda token: drive(access.authenticate(token)), untrusted)
    if who is not None:
        assert isinstance(who, Principal)
        text = untrusted if isinstance(untrusted, str) else untrusted.decode()
        assert text in ACCESS[name] or (name == "ES256" and twin(text) in ACCESS[name])


def twin(token: str) -> str:
    head, _, signature = token.rpartition(".")
    raw = unb64url(signature.encode())
    return f"{head}.{b64url(raw[:32] + (N - int.from_bytes(raw[32:], 'big')).to_bytes(32, 'big'))}"


MEMBERS = st.sampled_from(
    ["kty", "crv", "x", "y", "d", "n", "e", "k", "p", "q", "dp", "dq", "qi", "alg", "use", "key_ops", "kid"]
)
VALUES = (
    st.none() | st.integers() | st.booleans() | st.text(max_size=10) | st.lists(st.text(max_size=3), max_size=2)
    | st.dictionaries(st.text(max_size=3), st.text(max_size=3), max_size=2)
    | st.sampled_from(["EC", "OKP", "RSA", "oct", "P-256", "Ed25519", "ES256", "RS256", "HS256", "EdDSA", "sig"])
    | st.binary(min_size=30, max_size=34).map(b64url) | st.binary(max_size=400).map(b64url)
)  # fmt: skip
RSA: Final = Key.generate("RS256").to_jwk(private=True)
JWKS: Final = [RSA, *(KEYS[name].to_jwk(private=True) for name in ("ES256", "Ed25519", "HS256"))]
ALGORITHMS = st.none() | st.sampled_from(
    ["ES256", "Ed25519", "RS256", "HS256", "v4.public", "v4.local", "none", "", "x"]
)


@MUCH
@given(st.dictionaries(MEMBERS, VALUES) | ODD | st.text(), ALGORITHMS)
def test_jwks(value: Any, algorithm: str | None) -> None:
    total(lambda one: Key.from_jwk(one, algorithm=algorithm), value)


@SOME
@given(st.sampled_from(JWKS), st.dictionaries(MEMBERS, VALUES, max_size=2), st.sets(MEMBERS, max_size=1), ALGORITHMS)
def test_jwks_that_are_nearly_right(
    jwk: dict[str, Any], changes: dict[str, Any], gone: set[str], algorithm: str | None
) -> None:
    value = {name: one for name, one in (jwk | changes).items() if name not in gone}
    key = total(lambda one: Key.from_jwk(one, algorithm=algorithm), value)
    if isinstance(key, Key) and "private" in repr(key) and not key.algorithm.symmetric:
        key.public().verify(key.sign(b"message"), b"message")


PASERKS: Final = [
    LOCAL.to_paserk(private=True),
    KEYS["v4.public"].to_paserk(private=True),
    KEYS["v4.public"].to_paserk(),
]


@MUCH
@given(
    mutants(PASERKS)
    | st.text()
    | ODD
    | st.tuples(st.sampled_from(["local", "secret", "public"]), st.binary(max_size=70)).map(
        lambda pair: f"k4.{pair[0]}.{b64url(pair[1])}"
    )
)
def test_paserks(value: Any) -> None:
    key = total(Key.from_paserk, value)
    if isinstance(key, Key):
        assert key.to_paserk(private=key.can_sign) == value


PEMS: Final = [
    *(KEYS[name].to_pem() for name in ("ES256", "Ed25519", "v4.public")),
    *(KEYS[name].public().to_pem() for name in ("ES256", "Ed25519")),
    Key.from_jwk(RSA).to_pem(),
    Key.from_jwk(RSA).public().to_pem(),
    KEYS["ES256"].to_pem(password=b"password"),
]


@st.composite
def pems(draw: st.DrawFn) -> bytes:
    """The DER of a real key with some bytes changed, or its text with some characters changed."""
    pem = draw(st.sampled_from(PEMS))
    if draw(st.booleans()):
        lines = pem.split(b"\n")
        der = bytearray(base64.b64decode(b"".join(lines[1:-2])))
        for _ in range(draw(st.integers(1, 3))):
            der[draw(st.integers(0, len(der) - 1))] = draw(st.integers(0, 255))
        return b"\n".join([lines[0], base64.b64encode(der[: draw(st.integers(1, len(der)))]), *lines[-2:]])
    spot = draw(st.integers(0, len(pem)))
    return pem[:spot] + draw(st.binary(max_size=3)) + pem[spot + draw(st.integers(0, 2)) :]


@MUCH
@given(pems() | st.binary() | st.text() | ODD, ALGORITHMS, st.none() | st.sampled_from([b"password", b"", b"x"]))
def test_pems(value: Any, algorithm: Any, password: bytes | None) -> None:
    total(lambda one: Key.from_pem(one, algorithm=algorithm, password=password), value)


# I2: one spelling


@pytest.mark.parametrize("name", ["HS256", "Ed25519", "v4.public"])
def test_no_bit_may_be_another(name: str) -> None:
    """Every bit of the text, and every bit of what its segments stand for."""
    token = ACCESS[name][0]
    texts = [bytes(token.encode()[:spot] + bytes((token.encode()[spot] ^ 1 << bit,)) + token.encode()[spot + 1 :])
             for spot in range(len(token)) for bit in range(8)]  # fmt: skip
    parts = token.split(".")
    start = 2 if name == "v4.public" else 0
    for where in range(start, len(parts)):
        raw = unb64url(parts[where].encode())
        for bit in range(len(raw) * 8):
            changed = (int.from_bytes(raw, "big") ^ 1 << bit).to_bytes(len(raw), "big")
            texts.append(".".join([*parts[:where], b64url(changed), *parts[where + 1 :]]).encode())
    access = verifier(name)
    access.verify(token)
    for text in texts:
        with pytest.raises(TokenError):
            drive(access.authenticate(text))
    assert access.verify(token).subject == "user-7"


@pytest.mark.parametrize("name", ["HS256", "Ed25519", "v4.public", "ES256"])
def test_no_tail_may_be_spelled_otherwise(name: str) -> None:
    """Payloads and heads of all lengths, so that every kind of tail comes up."""
    access = verifier(name)
    tails = 0
    for length in range(3):
        token = access.issue("user-7", claims={"x": "x" * length}).token
        parts = token.split(".")
        for where in range(2 if name == "v4.public" else 0, len(parts)):
            for last in ALPHABET:
                text = ".".join([*parts[:where], parts[where][:-1] + last, *parts[where + 1 :]])
                if text != token:
                    tails += 1
                    with pytest.raises(TokenError):
                        access.verify(text)
    assert tails == 63 * 3 * (2 if name == "v4.public" else 3)


# I1: splices


@pytest.mark.parametrize("name", list(RINGS))
def test_no_splice_of_two_tokens_is_a_token(name: str) -> None:
    """All ways to put segments of two real tokens together, and of tokens of every other algorithm."""
    access, genuine = verifier(name), ACCESS[name]
    others = [pair[0] for other, pair in ACCESS.items() if other != name]
    for one in genuine:
        for other in [*genuine, *others]:
            mine, theirs = one.split("."), other.split(".")
            for mask in range(1 << len(mine)):
                text = ".".join(
                    theirs[where] if mask >> where & 1 and where < len(theirs) else part
                    for where, part in enumerate(mine)
                )
                if text not in genuine:
                    with pytest.raises(TokenError):
                        access.verify(text)


def test_no_part_of_a_v4_public_body_fits_another() -> None:
    """Payload and signature stand in one segment: cut there, and anywhere else."""
    access = verifier("v4.public")
    (head, purpose, one, footer), (_, _, other, _) = (token.split(".") for token in ACCESS["v4.public"])
    mine, theirs = unb64url(one.encode()), unb64url(other.encode())
    for where in range(1, len(mine)):
        text = f"{head}.{purpose}.{b64url(mine[:where] + theirs[where:])}.{footer}"
        if text not in ACCESS["v4.public"]:
            with pytest.raises(TokenError):
                access.verify(text)
