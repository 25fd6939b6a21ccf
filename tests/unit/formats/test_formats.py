"""What the two formats of self-contained tokens share: they vouch after a good signature and never before."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from watchword.clock import FrozenClock
from watchword.encoding import MAX_HEADER, b64url, dump_json, rfc3339, unb64url
from watchword.errors import (
    AlgorithmError,
    ConfigurationError,
    MalformedTokenError,
    SignatureError,
    TokenError,
    UnknownKeyError,
    WrongTypeError,
)
from watchword.formats import jws, opaque, paseto
from watchword.formats.base import FORMATS, Envelope, Format, Vouched, make_format
from watchword.formats.compact import media_type
from watchword.formats.jwt import Jwt
from watchword.formats.paseto import PasetoPublic
from watchword.keys.key import Key
from watchword.keys.ring import KeyRing, Slot

NOW = 1_800_000_000
CLAIMS: dict[str, Any] = {"sub": "user-7", "exp": NOW + 300, "iat": NOW, "nbf": NOW}
EACH = pytest.mark.parametrize("name", list(FORMATS))


def ring_of(*names: str) -> KeyRing:
    return KeyRing.generate(*names, clock=FrozenClock(NOW))


def made(name: str, ring: KeyRing | None = None, typ: str = "at+jwt") -> Format:
    return make_format(name, ring or ring_of("ES256", "v4.public"), typ=typ)


def walk(form: Format, token: object) -> dict[str, Any]:
    envelope = form.parse(token)
    return form.verify(envelope, form.key(envelope)).claims


@EACH
def test_what_is_issued_is_read(name: str) -> None:
    form = made(name)
    token = form.issue(dict(CLAIMS))
    assert form.name == name
    assert token.startswith(form.starts)
    for _ in range(2):
        envelope = form.parse(token)
        verified = form.verify(envelope, form.key(envelope))
        assert verified.claims == CLAIMS
        assert verified.slot.key.algorithm.format == name
    assert walk(form, token.encode()) == CLAIMS


@EACH
def test_a_ring_without_its_keys_issues_nothing(name: str) -> None:
    with pytest.raises(ConfigurationError):
        made(name, ring_of("v4.public" if name == "jwt" else "ES256")).issue(dict(CLAIMS))
    with pytest.raises(ConfigurationError):
        made(name, KeyRing.of(Key.generate("HS256", use="mac"), Key.generate("v4.local"))).issue(dict(CLAIMS))


@EACH
def test_one_type_is_not_another(name: str) -> None:
    ring = ring_of("ES256", "v4.public")
    access, service = made(name, ring), made(name, ring, typ="service+jwt")
    for one, other in ((access, service), (service, access)):
        token = one.issue(dict(CLAIMS))
        assert walk(one, token) == CLAIMS
        for _ in range(2):
            with pytest.raises(WrongTypeError):
                walk(other, token)


@EACH
def test_a_head_is_vouched_for_by_a_good_signature_alone(name: str) -> None:
    form: Any = made(name)
    token = form.issue(dict(CLAIMS))
    for _ in range(3):
        with pytest.raises(TokenError):
            walk(form, token[:-40] + "A" * 40)
        assert form._vouched._known == {}
    walk(form, token)
    assert len(form._vouched._known) == 1


@EACH
def test_a_vouched_head_goes_with_its_key(name: str) -> None:
    clock = FrozenClock(NOW)
    ring = KeyRing.generate("ES256", "v4.public", clock=clock)
    form, token = made(name, ring), made(name, ring).issue(dict(CLAIMS))
    walk(form, token)
    kid = ring.active(format=name).kid
    slots = list(ring)
    ring.adopt([slot for slot in slots if slot.key.kid != kid])
    with pytest.raises(UnknownKeyError):
        walk(form, token)
    other = Key.generate(ring_name(name), kid=kid)
    ring.add(other)
    with pytest.raises(SignatureError):
        walk(form, token)
    ring.adopt(slots)
    assert walk(form, token) == CLAIMS
    ring.retire(kid)
    with pytest.raises(UnknownKeyError):
        walk(form, token)


def ring_name(format: str) -> str:
    return {"jwt": "ES256", "paseto": "v4.public"}[format]


@EACH
def test_a_ring_that_was_read_again_is_vouched_for_again(name: str) -> None:
    """The same keys in new slots, as after a look at the key file: the quick road opens again at the next token."""
    ring = ring_of("ES256", "v4.public")
    form: Any = made(name, ring)
    token = form.issue(dict(CLAIMS))
    walk(form, token)
    ring.adopt([Slot(slot.key, announced_at=0, activates_at=0) for slot in ring])
    assert form._vouched.slot(form.parse(token)) is None
    walk(form, token)
    assert form._vouched.slot(form.parse(token)) is ring.find(ring.active(format=name).kid)


def test_vouched_heads_are_bounded() -> None:
    ring = ring_of("ES256")
    slot = next(iter(ring))
    vouched = Vouched(ring)
    for number in range(2000):
        segment = b"%d" % number
        vouched.add(Envelope({"n": number}, segment, b"", b"", b""), slot)
        assert vouched.find(segment) == ({"n": number}, slot)
        assert len(vouched._known) <= Vouched.CAPACITY


@pytest.mark.parametrize("name", ["JWT", "opaque", "", "jwe", None])
def test_no_other_format(name: Any) -> None:
    with pytest.raises(ConfigurationError, match="there are: jwt, paseto"):
        make_format(name, ring_of(), typ="at+jwt")


# JWT and JWS


@pytest.mark.parametrize(
    ("typ", "compared"),
    [
        ("at+jwt", "at+jwt"),
        ("AT+JWT", "at+jwt"),
        ("application/at+jwt", "at+jwt"),
        ("Application/AT+JWT", "at+jwt"),
        ("", ""),
    ],
)
def test_media_types(typ: str, compared: str) -> None:
    assert media_type(typ) == compared


def test_a_jwt_says_what_it_is() -> None:
    ring = ring_of("ES256")
    token = made("jwt", ring).issue(dict(CLAIMS))
    head, body, _ = token.split(".")
    assert json.loads(unb64url(head.encode())) == {"alg": "ES256", "kid": ring.active().kid, "typ": "at+jwt"}
    assert json.loads(unb64url(body.encode())) == CLAIMS


def test_jws_signs_any_bytes() -> None:
    ring = ring_of("ES256", "Ed25519", "HS256")
    for slot in ring:
        for payload in (b"", b"x", b"\xff" * 1000, b'{"a":1}'):
            assert jws.verify(jws.sign(payload, slot.key), ring) == payload
            assert jws.verify(jws.sign(payload, slot.key, typ="x"), ring) == payload
    assert "typ" not in json.loads(unb64url(jws.sign(b"", next(iter(ring)).key).split(".")[0].encode()))


def test_a_jwt_is_never_empty() -> None:
    ring = ring_of("ES256")
    token = jws.sign(b"", ring.active(), typ="at+jwt")
    assert jws.verify(token, ring) == b""
    with pytest.raises(MalformedTokenError):
        made("jwt", ring).parse(token)


def test_without_a_kid_one_key_must_fit() -> None:
    one, two = Key.generate("ES256"), Key.generate("ES256")
    message = f"{b64url(dump_json({'alg': 'ES256'}))}.{b64url(b'x')}"
    token = f"{message}.{b64url(one.sign(message.encode()))}"
    assert jws.verify(token, KeyRing.of(one, Key.generate("Ed25519"))) == b"x"
    for ring in (KeyRing.of(one, two.public()), KeyRing.generate("Ed25519"), KeyRing.of()):
        with pytest.raises(UnknownKeyError):
            jws.verify(token, ring)


def test_a_mac_key_verifies_no_tokens() -> None:
    key = Key.generate("HS256", kid="m")
    token = jws.sign(b"x", key)
    assert jws.verify(token, KeyRing.of(key)) == b"x"
    mac = Key.from_jwk(key.to_jwk(private=True))
    as_mac = Key(mac.algorithm, mac.secret_bytes(), mac.secret_bytes(), kid="m", use="mac")
    with pytest.raises(UnknownKeyError):
        jws.verify(token, KeyRing.of(as_mac))


@pytest.mark.parametrize("size", [1022, 1023, 1024, 1025, 1026, 1027])
def test_headers_up_to_their_limit(size: int) -> None:
    key = Key.generate("Ed25519")
    head = dump_json({"alg": "Ed25519", "x": ""})
    head = dump_json({"alg": "Ed25519", "x": "x" * (size - len(head))})
    assert len(head) == size
    message = f"{b64url(head)}.{b64url(b'x')}"
    token = f"{message}.{b64url(key.sign(message.encode()))}"
    if size <= MAX_HEADER:
        assert jws.verify(token, KeyRing.of(key)) == b"x"
    else:
        with pytest.raises(MalformedTokenError) as caught:
            jws.verify(token, KeyRing.of(key))
        assert caught.value.reason == "too_large"


# PASETO


def test_a_paseto_says_what_it_is() -> None:
    ring = ring_of("v4.public")
    token = made("paseto", ring).issue(dict(CLAIMS))
    payload, footer = paseto.verify(token, ring.active())
    assert json.loads(footer) == {"kid": ring.active().kid, "typ": "at"}
    assert json.loads(payload) == {"sub": "user-7"} | {name: rfc3339(CLAIMS[name]) for name in ("exp", "iat", "nbf")}


def test_a_paseto_has_one_audience() -> None:
    with pytest.raises(ConfigurationError, match="one audience"):
        made("paseto").issue(CLAIMS | {"aud": ["a", "b"]})


@pytest.mark.parametrize("footer", [b"", b"f", b"\xff" * MAX_HEADER, b'{"kid":"x"}'])
@pytest.mark.parametrize("assertion", [b"", b"a", b"\xff" * 3000])
@pytest.mark.parametrize("payload", [b"", b"x", b'{"a":1}', b"\0" * 1000])
def test_both_purposes_both_ways(payload: bytes, footer: bytes, assertion: bytes) -> None:
    public, local = Key.generate("v4.public"), Key.generate("v4.local")
    signed = paseto.sign(payload, public, footer=footer, assertion=assertion)
    sealed = paseto.encrypt(payload, local, footer=footer, assertion=assertion)
    verbs: list[tuple[Callable[..., tuple[bytes, bytes]], str, Key]] = [
        (paseto.verify, signed, public.public()),
        (paseto.decrypt, sealed, local),
    ]
    for read, token, key in verbs:
        assert token.count(".") == (3 if footer else 2)
        assert read(token, key, assertion=assertion) == (payload, footer)
        for wrong in (assertion + b"x", assertion[:-1] if assertion else b"y"):
            with pytest.raises(TokenError) as caught:
                read(token, key, assertion=wrong)
            assert caught.value.stage == "verify"


def test_a_public_key_signs_nothing_and_a_signing_key_encrypts_nothing() -> None:
    public, local = Key.generate("v4.public"), Key.generate("v4.local")
    with pytest.raises(ConfigurationError):
        paseto.sign(b"", public.public())
    with pytest.raises(AlgorithmError):
        paseto.sign(b"", local)
    with pytest.raises(AlgorithmError):
        paseto.encrypt(b"", public)


# opaque


def test_opaque_tokens() -> None:
    token = opaque.issue("ww_ss_")
    assert len(token) == 6 + 43
    assert len(opaque.parse(token, "ww_ss_")) == 32
    assert opaque.parse(token.encode(), "ww_ss_") == opaque.parse(token, "ww_ss_")
    wrong = [
        token[:-1],
        token + "A",
        token[6:],
        "ww_rt_" + token[6:],
        token.upper(),
        f" {token}",
        f"{token}\n",
        token[:-1] + "=",
        "",
    ]
    wrong += [
        token[:-1] + other
        for other in "BCDEFGH"
        if other != token[-1] and token[-1] in "AEIMQUYcgkosw048" and other not in "AEIMQUYcgkosw048"
    ]
    for one in wrong:
        with pytest.raises(MalformedTokenError):
            opaque.parse(one, "ww_ss_")
    assert len({opaque.issue("ww_ss_") for _ in range(500)}) == 500


def test_both_classes_are_what_the_table_says() -> None:
    assert isinstance(made("jwt"), Jwt)
    assert isinstance(made("paseto"), PasetoPublic)


@EACH
def test_what_was_verified_shows_no_claims(name: str) -> None:
    form = made(name, ring_of("ES256", "v4.public"))
    envelope = form.parse(form.issue(dict(CLAIMS) | {"sub": "user-7"}))
    assert "user-7" not in repr(form.verify(envelope, form.key(envelope)))
