"""Signatures that are wrong, or right in another spelling: cut, flipped, spliced, of the wrong form, of edge values."""

from collections.abc import Iterator
from hashlib import sha512
from typing import Any

from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA1, SHA256, SHA512, HashAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from tests.hostile.rows import ED, ES, HS, PUB, PUB_2, RS, Case, CountedKey, jwt, pas, unsigned, with_signature
from watchword.crypto.material import raw_public
from watchword.encoding import b64url, unb64url
from watchword.errors import MalformedTokenError, SignatureError
from watchword.keys.key import Key

N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""The order of P-256."""
L = 2**252 + 27742317777372353535851937790883648493
"""The order of Ed25519's group."""
P = 2**255 - 19


def wrong(ids: str, what: str, token: str, *, ring: str = "main", door: str = "access") -> Case:
    return Case(ids, what, token, SignatureError, "bad_signature", calls=1, ring=ring, door=door)


def signature_of(token: str) -> bytes:
    return unb64url(token.rpartition(".")[2].encode())


def scalars(r: int, s: int) -> bytes:
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def cut_and_flipped() -> Iterator[Case]:
    for key, ring in ((ED, "main"), (ES, "main"), (RS, "rs256"), (HS, "hs256")):
        name, token = key.algorithm.name, jwt(key=key)
        good = signature_of(token)
        for position in (0, 1, len(good) // 2 - 1, len(good) // 2, len(good) - 1):
            for bit in (1, 128):
                flipped = good[:position] + bytes((good[position] ^ bit,)) + good[position + 1 :]
                yield wrong("H-50", f"{name}: bit {bit} of byte {position}", with_signature(token, flipped), ring=ring)
        for what, other in {
            "one byte": good[:1],
            "first half": good[: len(good) // 2],
            "second half": good[len(good) // 2 :],
            "last byte cut": good[:-1],
            "first byte cut": good[1:],
            "a zero before": b"\0" + good,
            "a zero after": good + b"\0",
            "twice": good + good,
            "zeros": bytes(len(good)),
            "ones": b"\xff" * len(good),
            "reversed": good[::-1],
        }.items():
            yield wrong("H-50", f"{name}: {what}", with_signature(token, other), ring=ring)
        empty = with_signature(token, b"")
        yield Case("H-50", f"{name}: none", empty, MalformedTokenError, "malformed", ring=ring)
        theirs = jwt({"sub": "admin"}, key=key)
        yield wrong("H-50 H-63", f"{name}: another token's", with_signature(theirs, good), ring=ring)
        head, body, _ = jwt({"jti": "other"}, {"x5t": "other"}, key=key).split(".")
        mine = token.split(".")
        yield wrong("H-50 H-63", f"{name}: another token's payload", f"{mine[0]}.{body}.{mine[2]}", ring=ring)
        yield wrong("H-50 H-63", f"{name}: another token's header", f"{head}.{mine[1]}.{mine[2]}", ring=ring)
        yield wrong(
            "T20", f"{name}: junk of the right length", with_signature(token, b"junk" * (len(good) // 4)), ring=ring
        )
    for claimed, used in ((ED, ES), (ES, ED)):
        crossed = jwt(key=claimed, signer=used)
        yield wrong("H-50", f"{claimed.algorithm.name}: made with {used.algorithm.name}", crossed)


def ecdsa() -> Iterator[Case]:
    token = jwt(key=ES)
    good = signature_of(token)
    r, s = int.from_bytes(good[:32], "big"), int.from_bytes(good[32:], "big")
    der = encode_dss_signature(r, s)
    for what, signature in {
        "DER": der,
        "DER, padded to 64": der[:64].ljust(64, b"\0"),
        "DER of zeros": b"0\x06\x02\x01\x00\x02\x01\x00",
        "63 bytes": good[:63],
        "65 bytes": b"\0" + good,
        "65 bytes, zero after": good + b"\0",
        "66 bytes, zero before each half": b"\0" + good[:32] + b"\0" + good[32:],
        "128 bytes": good + good,
        "half": good[:32],
    }.items():
        yield wrong("H-51 T6", f"ES256: {what}", with_signature(token, signature))
    edges = {"0": 0, "1": 1, "n-1": N - 1, "n": N, "n+1": N + 1, "2^256-1": 2**256 - 1}
    for r_name, r_edge in edges.items():
        for s_name, s_edge in edges.items():
            ids = "H-53 H-51 T5" if (r_edge, s_edge) == (0, 0) else "H-51 T5"
            yield wrong(ids, f"ES256: r = {r_name}, s = {s_name}", with_signature(token, scalars(r_edge, s_edge)))
    for what, edge in edges.items():
        yield wrong("H-51 T5", f"ES256: r right, s = {what}", with_signature(token, scalars(r, edge)))
        yield wrong("H-51 T5", f"ES256: r = {what}, s right", with_signature(token, scalars(edge, s)))
    yield wrong("H-51 T5", "ES256: r and s changed places", with_signature(token, scalars(s, r)))
    yield wrong("H-51 T5", "ES256: r = n - r", with_signature(token, scalars(N - r, s)))
    yield wrong("H-53 T5", "psychic: MAYCAQACAQA", f"{token.rpartition('.')[0]}.MAYCAQACAQA")


def _of_order_1(public: bytes, message: bytes, private: int, point: bytes) -> bytes:
    """A signature whose R is the identity, by one who holds the key: S = h·a. The equation holds."""
    challenge = int.from_bytes(sha512(point + public + message).digest(), "little") % L
    return point + (challenge * private % L).to_bytes(32, "little")


def _scalar(key: CountedKey) -> int:
    secret = key.to_jwk(private=True)["d"]
    half = int.from_bytes(sha512(unb64url(secret.encode())).digest()[:32], "little")
    return half & ((1 << 254) - 8) | 1 << 254


def eddsa() -> Iterator[Case]:
    token = jwt()
    good, message = signature_of(token), token.rpartition(".")[0].encode()
    s = int.from_bytes(good[32:], "little")
    public, scalar = unb64url(ED.to_jwk()["x"].encode()), _scalar(ED)
    identity, unreduced = (1).to_bytes(32, "little"), (P + 1).to_bytes(32, "little")
    for what, signature in {
        "S + L": good[:32] + (s + L).to_bytes(32, "little"),
        "S + 2 L": good[:32] + (s + 2 * L).to_bytes(32, "little"),
        "top bit of S": good[:63] + bytes((good[63] | 0x80,)),
        "S = L": good[:32] + L.to_bytes(32, "little"),
        "S = 0": good[:32] + bytes(32),
        "zeros": bytes(64),
        "63 bytes": good[:63],
        "65 bytes": good + b"\0",
        "R's sign changed": good[:31] + bytes((good[31] ^ 0x80,)) + good[32:],
        "R of small order, made by the holder": _of_order_1(public, message, scalar, identity),
        "R of small order, not canonical": _of_order_1(public, message, scalar, unreduced),
        "R and S changed places": good[32:] + good[:32],
    }.items():
        yield wrong("H-52 T7", f"Ed25519: {what}", with_signature(token, signature))


def rsa() -> Iterator[Case]:
    private: Any = load_pem_private_key(RS.to_pem(), None)
    size = private.key_size // 8
    token = jwt(key=RS)
    good, message = signature_of(token), token.rpartition(".")[0].encode()
    modulus = private.public_key().public_numbers().n
    number = int.from_bytes(good, "big")
    hashes: dict[str, HashAlgorithm] = {"SHA-1": SHA1(), "SHA-512": SHA512()}  # noqa: S303 - to see it refused
    forms = {f"PKCS#1 with {name}": private.sign(message, padding.PKCS1v15(), one) for name, one in hashes.items()}
    forms["PSS"] = private.sign(message, padding.PSS(padding.MGF1(SHA256()), 32), SHA256())
    forms["PSS, longest salt"] = private.sign(message, padding.PSS(padding.MGF1(SHA256()), size - 34), SHA256())
    forms["0"] = bytes(size)
    forms["1"] = (1).to_bytes(size, "big")
    forms["n - 1"] = (modulus - 1).to_bytes(size, "big")
    forms["n"] = modulus.to_bytes(size, "big")
    forms["n - signature"] = (modulus - number).to_bytes(size, "big")
    forms["signature + n, one byte more"] = (number + modulus).to_bytes(size + 1, "big")
    forms["zero before"] = b"\0" + good
    forms["zero after"] = good + b"\0"
    forms["last byte cut"] = good[:-1]
    forms["first byte cut"] = good[1:]
    for what, signature in forms.items():
        yield wrong("T8", f"RS256: {what}", with_signature(token, signature), ring="rs256")


def pasetos() -> Iterator[Case]:
    def rejoined(body: bytes, footer: str) -> str:
        return f"v4.public.{b64url(body)}.{footer}"

    token, other = pas(), pas({"sub": "admin"})
    body, footer = (part for part in token.split(".")[2:])
    raw, theirs = unb64url(body.encode()), unb64url(other.split(".")[2].encode())
    yield wrong("H-63 T30", "v4.public: another token's signature", rejoined(theirs[:-64] + raw[-64:], footer))
    yield wrong("H-63 T30", "v4.public: another token's payload", rejoined(raw[:-64] + theirs[-64:], footer))
    yield wrong("H-63 T31", "v4.public: payload cut", rejoined(raw[1:], footer))
    yield wrong("H-63 T31", "v4.public: signature cut", rejoined(raw[:-1], footer))
    yield wrong("T31", "v4.public: only a signature", rejoined(raw[-64:], footer))
    for position in (0, len(raw) - 65, len(raw) - 64, len(raw) - 33, len(raw) - 32, len(raw) - 1):
        flipped = raw[:position] + bytes((raw[position] ^ 1,)) + raw[position + 1 :]
        yield wrong("H-50 T30", f"v4.public: byte {position} flipped", rejoined(flipped, footer))
    swapped = pas(None, {"x": "1"}).split(".")[3]
    yield wrong("H-62 T30", "v4.public: another footer", rejoined(raw, swapped))
    yield wrong("H-62", "v4.public: footer names another real key", pas(None, {"kid": PUB_2.kid}))
    yield wrong("H-62", "v4.public: signed with an assertion", pas(assertion=b"https://as.test/t2"))
    swap = raw[-64:]
    s = int.from_bytes(swap[32:], "little")
    yield wrong("H-52", "v4.public: S + L", rejoined(raw[:-64] + swap[:32] + (s + L).to_bytes(32, "little"), footer))
    yield wrong("H-52", "v4.public: zeros", rejoined(raw[:-64] + bytes(64), footer))
    jose = Key.from_jwk({"kty": "OKP", "crv": "Ed25519", "x": b64url(raw_public(PUB._public))}, algorithm="Ed25519")
    assert not jose.can_sign
    yield wrong("H-50", "JWT: signed by a v4.public key of another ring", unsigned(signature=raw[-64:]))


def cases() -> Iterator[Case]:
    for table in (cut_and_flipped, ecdsa, eddsa, rsa, pasetos):
        yield from table()
