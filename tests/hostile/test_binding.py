"""H-56, H-57, T41: attacks on tokens that are bound to a key, and exactly how each one is refused (RFC 9449 §11)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from hashlib import sha256
from hmac import digest as hmac_digest
from typing import Any, Final, NamedTuple

import pytest

from tests.unit.authn.proving import API, KEY, NOW, URL, Server, claims_of, proof, public_jwk
from watchword.authn.dpop import LONGEST
from watchword.encoding import b64url, dump_json, unb64url
from watchword.errors import BindingError, NonceRequiredError, ProofError, TokenError, WatchwordError
from watchword.keys.key import Key
from watchword.web.challenge import reply_to
from watchword.web.messages import Connection

OTHER: Final = Key.generate("ES256")
RSA: Final = Key.generate("RS256")
ED: Final = Key.generate("Ed25519")

Attack = Callable[[str], list[str]]
"""Of a good token: the DPoP headers that are sent with it."""


class Row(NamedTuple):
    id: str
    what: str
    headers: Attack
    error: type[TokenError] = ProofError
    reason: str = "binding_mismatch"
    scheme: str = "DPoP"


def said(**wrong: Any) -> Attack:
    return lambda token: [proof(claims_of(token, **wrong))]


def headed(key: Key = KEY, sign: Any = None, **wrong: Any) -> Attack:
    return lambda token: [proof(claims_of(token), key, head=wrong, sign=sign)]


def raw(*values: str) -> Attack:
    return lambda token: list(values)


def segments(change: Callable[[list[str]], list[str]]) -> Attack:
    return lambda token: [".".join(change(proof(claims_of(token)).split(".")))]


def schemes() -> Iterator[Row]:
    bound = "a bound token as Bearer"
    yield Row("H-56", f"{bound}, no proof", raw(), BindingError, scheme="Bearer")
    yield Row("H-56", f"{bound}, with its proof", said(), BindingError, scheme="bearer")
    yield Row("R-9449-1", "no proof", raw())
    yield Row("R-9449-1", "an empty proof", raw(""))
    yield Row("H-57", "two headers, the same", lambda token: [proof(claims_of(token))] * 2)
    yield Row("H-57", "two headers", lambda token: [proof(claims_of(token, jti=one)) for one in ("a", "b")])
    yield Row("H-57", "two proofs in one header", lambda token: [", ".join([proof(claims_of(token))] * 2)])
    for what, value in {
        "no JWT": "x",
        "four segments": "a.b.c.d",
        "bytes": "\xff\xfe",
        "only dots": "..",
        "the access token": "eyJhbGciOiJFUzI1NiJ9.e30.AAAA",
        "too large": "e" * (LONGEST + 1),
    }.items():
        yield Row("R-9449-1", what, raw(value))
    yield Row("R-9449-1", "the access token itself", lambda token: [token])


def heads() -> Iterator[Row]:
    for typ in (None, "", "JWT", "at+jwt", "dpop", "dpop+jwt ", 7, ["dpop+jwt"]):
        yield Row("H-57 R-9449-2", f"typ {typ!r}", headed(typ=typ))
    for alg in (None, "none", "None", "", "HS256", "ES384", "ES256K", "RS256", "ECDH-ES", "x", 7):
        yield Row("H-57 R-9449-2", f"alg {alg!r}", headed(alg=alg))
    for alg in ("none", "HS256"):
        yield Row("H-57", f"unsigned, alg {alg}", headed(alg=alg, sign=lambda message: b""))
    hmac = {"kty": "oct", "k": b64url(b"k" * 32)}
    own = headed(alg="HS256", jwk=hmac, sign=lambda message: hmac_digest(b"k" * 32, message, "sha256"))
    yield Row("H-57", "HS256 with a jwk of its own", own)
    pem = KEY.public().to_pem()
    yield Row("T41", "HS256 under the public key", headed(alg="HS256", sign=lambda m: hmac_digest(pem, m, "sha256")))
    private = KEY.to_jwk(private=True)
    yield Row("H-57 R-9449-3", "a private jwk", headed(jwk=private))
    yield Row("R-9449-3", "a private jwk that is only to verify", headed(jwk=private | {"key_ops": ["verify"]}))
    for name in ("d", "p", "k", "oth", "priv"):
        yield Row("R-9449-3", f"a secret member {name!r}", headed(jwk=public_jwk(KEY) | {name: "AA"}))
    yield Row("R-9449-3", "a private RSA jwk", headed(RSA, jwk=RSA.to_jwk(private=True)))
    x = public_jwk(KEY)
    jwks: dict[str, Any] = {
        "missing": None,
        "a text": "x",
        "a list": [x],
        "empty": {},
        "no point": {"kty": "EC", "crv": "P-256"},
        "off the curve": x | {"y": b64url(b"\1" * 32)},
        "of another curve": public_jwk(Key.generate("ES384")),
        "short": x | {"x": b64url(b"\1" * 31)},
        "kty is a list": x | {"kty": ["EC"]},
        "x is a number": x | {"x": 7},
        "its own alg": x | {"alg": "ES384"},
        "to encrypt": x | {"use": "enc"},
        "to sign": x | {"key_ops": "verify"},
        "an Ed25519 of small order": {"kty": "OKP", "crv": "Ed25519", "x": b64url(b"\0" * 32)},
        "an RSA of 1024 bits": {"kty": "RSA", "n": b64url(b"\xc1" * 128), "e": "AQAB"},
        "nested deep": {"a": {"b": {"c": {"d": {"e": {"f": {"g": {"h": {}}}}}}}}},
    }
    for what, jwk in jwks.items():
        yield Row("R-9449-2", f"jwk {what}", headed(jwk=jwk))
    for name in ("jku", "x5u", "x5c"):
        beside: dict[str, Any] = {name: "https://evil.test/keys"}
        yield Row("H-13", f"{name} beside the jwk", headed(**beside))
    yield Row("R-9449-2", "crit", headed(crit=["exp"], exp=1))
    yield Row("R-9449-2", "b64", headed(b64=False, crit=["b64"]))
    yield Row("R-9449-2", "a large header", headed(x="y" * 1100))


def signatures() -> Iterator[Row]:
    yield Row("R-9449-3", "by another key than its jwk", headed(sign=OTHER.sign))
    yield Row("H-57 T41", "by another key altogether", lambda token: [proof(claims_of(token), OTHER)])
    yield Row("H-57", "by another key of another sort", lambda token: [proof(claims_of(token), ED)])
    yield Row("T41", "a changed payload", segments(lambda s: [s[0], b64url(unb64url(s[1].encode()) + b" "), s[2]]))
    yield Row("T41", "a changed signature", segments(lambda s: [*s[:2], b64url(b"\1" * 64)]))
    yield Row("T41", "no signature", segments(lambda s: [*s[:2], ""]))
    yield Row("T41", "a DER signature", segments(lambda s: [*s[:2], b64url(b"\x30\x06\x02\x01\x01\x02\x01\x01")]))
    yield Row("T41", "padding", segments(lambda s: [*s[:2], s[2] + "=="]))


def contents() -> Iterator[Row]:
    for name in ("jti", "htm", "htu", "iat", "ath"):
        yield Row("R-9449-2", f"no {name}", said(**{name: None}))
    for name in ("jti", "htm", "htu", "ath"):
        odd: tuple[Any, ...] = ("", 7, ["x"], {}, True, "\0")
        for value in odd:
            yield Row("R-9449-2", f"{name} {value!r}", said(**{name: value}))
    yield Row("R-9449-2", "a long jti", said(jti="j" * 1025))
    for body in (b"", b"[]", b"{", b'"x"', b"\xff", b'{"jti":"a","jti":"b"}'):
        yield Row("R-9449-1", f"the payload {body!r}", raw(proof(body)))
    for method in ("POST", "get", "Get", "GET ", "*", "GETPOST"):
        yield Row("H-57 R-9449-4", f"htm {method!r}", said(htm=method))
    for htu in (
        f"{API}/orders/",
        f"{API}/order",
        f"{API}/orders%2F",
        f"{API}/Orders",
        f"{API}//orders",
        f"{API}/x/orders",
        API,
        "http://api.test/orders",
        "https://api.test:8443/orders",
        "https://evil.test/orders",
        "https://api.test.evil.test/orders",
        "https://api.test@evil.test/orders",
        "https://user@api.test/orders",
        "//api.test/orders",
        "/orders",
        "orders",
        "https:///orders",
        "https://api.test\\orders",
        "https://api.test/orders ",
        "ftp://api.test/orders",
        "https://\u00e4pi.test/orders",
        "https://api.test:0/orders",
    ):
        yield Row("H-57 R-9449-4", f"htu {htu}", said(htu=htu))
    for iat in (NOW - 61, NOW + 11, NOW - 3600, NOW + 3600, 0, -1, 2**53, 2**80):
        yield Row("H-57 R-9449-5", f"iat {iat - NOW:+}", said(iat=iat))
    spelled: tuple[Any, ...] = (float(NOW), str(NOW), True, [NOW], 1e300)
    for time in spelled:
        yield Row("R-9449-5", f"iat {time!r}", said(iat=time))
    for what, ath in {
        "of another token": b64url(sha256(b"another").digest()),
        "of no token": b64url(sha256(b"").digest()),
        "in hex": sha256(b"another").hexdigest(),
    }.items():
        yield Row("H-57", f"ath {what}", said(ath=ath))
    yield Row("H-57", "ath is the token itself", lambda token: [proof(claims_of() | {"ath": token[:1024]})])
    yield Row("H-57", "ath with padding", lambda token: [proof(claims_of() | {"ath": claims_of(token)["ath"] + "="})])


ROWS: Final = [*schemes(), *heads(), *signatures(), *contents()]


@pytest.mark.parametrize("row", [pytest.param(row, id=f"{row.id} {row.what}") for row in ROWS])
async def test_row(row: Row) -> None:
    """Cold, and where a good proof of the same key was seen. A refusal is exactly this, and leaves nothing behind."""
    for warm in (False, True):
        server = Server()
        token = server.bound()
        if warm:
            await server.send(token, proof(claims_of(token, jti="before")))
        kept = len(server.binding._proofs._replays), len(server.binding._proofs._keys)
        with pytest.raises(WatchwordError) as caught:
            await server.send(token, *row.headers(token), scheme=row.scheme)
        error = caught.value
        assert type(error) is row.error
        assert isinstance(error, TokenError)
        assert (error.reason, error.stage, error.status) == (row.reason, "binding", 401)
        expected = "invalid_token" if row.error is BindingError else "invalid_dpop_proof"
        assert dict(reply_to(error).headers)[b"www-authenticate"].startswith(
            f'DPoP realm="watchword", error="{expected}"'.encode()
        )
        assert token not in f"{error!s} {error!r} {error.__cause__!s}"
        assert len(server.binding._proofs._replays) == kept[0]
        assert len(server.binding._proofs._keys) <= kept[1] + 1
        assert (await server.send(token, proof(claims_of(token)))).jkt == KEY.thumbprint(), "the token itself is good"


def test_the_table_says_nothing_twice() -> None:
    assert len({(row.id, row.what) for row in ROWS}) == len(ROWS) > 140


# what a table of single requests cannot say


async def test_h57_a_replayed_proof() -> None:
    server = Server()
    token = server.bound()
    once = proof(claims_of(token))
    await server.send(token, once)
    for later in (0, 30, 30):
        server.clock.advance(later)
        with pytest.raises(ProofError) as caught:
            await server.send(token, once)
        assert caught.value.reason == "replayed"
    server.clock.advance(1)
    with pytest.raises(ProofError) as caught:
        await server.send(token, once)
    assert caught.value.reason == "binding_mismatch", "it is too old by now"


async def test_h57_a_proof_of_the_future_is_remembered_until_it_is_old() -> None:
    """A memory that counts from arrival, and not from ``iat``, would forget it ten seconds early."""
    for wait in (0, 1, 59, 61, 119):
        server = Server()
        server.clock.advance(wait)  # anywhere in a generation of the memory
        token, ahead = server.bound(), server.clock.now() + 10
        once = proof(claims_of(token, iat=ahead))
        await server.send(token, once)
        for later in range(7):
            server.clock.advance(10)
            await server.send(token, proof(claims_of(token, iat=server.clock.now(), jti=f"other-{later}")))
        with pytest.raises(ProofError) as caught:
            await server.send(token, once)
        assert caught.value.reason == "replayed"


async def test_one_jti_of_two_keys_is_two() -> None:
    """Else one client could use up the names of another's proofs."""
    server = Server()
    mine, theirs = server.bound(), server.bound(OTHER)
    await server.send(mine, proof(claims_of(mine)))
    await server.send(theirs, proof(claims_of(theirs), OTHER))


async def test_an_unbound_token_is_no_dpop_token() -> None:
    """H-57: also with a proof that is right in everything. As Bearer it is good, and the proof beside it nothing."""
    server = Server()
    token = server.access.issue("user-7").token
    for proofs in ([], [proof(claims_of(token))]):
        with pytest.raises(BindingError) as caught:
            await server.send(token, *proofs)
        assert (caught.value.stage, caught.value.scheme) == ("binding", "DPoP")
        assert (await server.send(token, *proofs, scheme="Bearer")).jkt is None


async def test_a_stolen_proof_is_worth_nothing_elsewhere() -> None:
    """§11.1, §2: captured by a server of another origin, by Host header or by a proxy that says it is another."""
    server = Server()
    token = server.bound()
    captured = proof(claims_of(token, htu="https://evil.test/orders"))
    lines = [(b"authorization", f"DPoP {token}".encode()), (b"dpop", captured.encode())]
    for host in ((b"host", b"evil.test"), (b"x-forwarded-host", b"evil.test"), (b"forwarded", b"host=evil.test")):
        with pytest.raises((ProofError, TokenError)) as caught:
            await server.corridor.authenticate(_get(host, *lines))
        assert caught.value.stage == "binding"


def _get(*headers: tuple[bytes, bytes]) -> Connection:
    return Connection("GET", "/orders", headers=headers)


async def test_the_token_is_judged_before_the_proof() -> None:
    """A bad token with a good proof is a bad token, refused under the scheme it came in; the proof is not used up."""
    server = Server()
    token = server.bound()
    server.clock.advance(901)
    good = proof(claims_of(token, iat=server.clock.now()))
    with pytest.raises(TokenError) as caught:
        await server.send(token, good)
    assert (caught.value.reason, caught.value.scheme) == ("expired", "DPoP")
    assert len(server.binding._proofs._replays) == 0


async def test_nonces() -> None:
    """R-9449-10, R-9449-12: without one of ours, or with one of two periods ago, no proof counts; the error has one."""
    server = Server(nonce=True)
    token = server.bound()
    for nonce in (None, "x", "A" * 32):
        with pytest.raises(NonceRequiredError) as caught:
            await server.send(token, proof(claims_of(token, nonce=nonce)))
        assert (caught.value.reason, caught.value.stage) == ("use_dpop_nonce", "binding")
    nonce = caught.value.nonce
    await server.send(token, proof(claims_of(token, nonce=nonce)))
    server.clock.advance(300)
    await server.send(token, proof(claims_of(token, nonce=nonce, iat=server.clock.now())))
    server.clock.advance(300)
    with pytest.raises(NonceRequiredError) as again:
        await server.send(token, proof(claims_of(token, nonce=nonce, iat=server.clock.now())))
    assert again.value.nonce != nonce
    await Server().send(token, proof(claims_of(token, nonce="whatever")))  # where none is asked for


async def test_one_key_of_another_ring_does_not_make_our_nonces() -> None:
    server, other = Server(nonce=True), Server(nonce=True)
    other.ring.adopt([])
    nonce = other.binding._proofs._nonces.fresh()  # type: ignore[union-attr]
    token = server.bound()
    with pytest.raises(NonceRequiredError):
        await server.send(token, proof(claims_of(token, nonce=nonce)))


def test_the_good_proof_is_good() -> None:
    assert dump_json(claims_of("t")).startswith(b'{"jti":"j-1","htm":"GET","htu":"https://api.test/orders"')
    assert URL == "https://api.test/orders"
