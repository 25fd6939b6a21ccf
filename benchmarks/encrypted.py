"""Tables of the encrypted tokens: the bytes of a JSON object in, the same bytes out; no claim is checked.

The raw row is the ciphers alone, with every key prepared: AES-GCM, after a P-256 exchange where there is one; for
v4.local XChaCha20 and BLAKE2b as cryptography and hashlib have them.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from watchword.crypto.paseto import v4_open, v4_seal
from watchword.diagnosis.bench.base import AUDIENCE, ISSUER
from watchword.diagnosis.bench.peers import Box, jwe_boxes, local_boxes
from watchword.formats import jwe, paseto
from watchword.keys.key import Key
from watchword.keys.ring import KeyRing

from .measure import Case, Ratio, Table

CLAIMS = {"iss": ISSUER, "aud": AUDIENCE, "sub": "user-1", "order": "o-1", "amount": 1200, "note": "x" * 90}
TEXT = json.dumps(CLAIMS).encode()
TOKENS = 64
RAW, OURS = "ciphers alone", "watchword"


def tables(only: Callable[[str], bool]) -> Iterator[Table]:
    for name, make in (("v4.local", _local), ("JWE dir", _direct), ("JWE ECDH-ES+A256KW", _agreed)):
        if only(f"decrypt {name}") or only(f"encrypt {name}"):
            yield from (table for table in make(name) if only(table.name))


def _local(name: str) -> Iterator[Table]:
    key = Key.generate("v4.local")
    secret = key.secret_bytes()
    bodies = [(secret, v4_seal(secret, TEXT, b"", b""), b"", b"") for _ in range(TOKENS)]
    ours = Box(OURS, lambda token: paseto.decrypt(token, key)[0], lambda raw: paseto.encrypt(raw, key))
    raws = Case(RAW, v4_open, bodies), Case(RAW, v4_seal, [(secret, TEXT, b"", b"")])
    yield from _both(name, ours, list(local_boxes(key)), raws, "≥ 2.5")


def _direct(name: str) -> Iterator[Table]:
    key = Key.generate("A256GCM")
    gcm, nonce = AESGCM(os.urandom(32)), bytes(12)
    hidden = gcm.encrypt(nonce, TEXT, None)
    raws = Case(RAW, gcm.decrypt, [(nonce, hidden, None)]), Case(RAW, gcm.encrypt, [(nonce, TEXT, None)])
    yield from _both(name, _ours(key), list(jwe_boxes(key, "A256GCM")), raws)


def _agreed(name: str) -> Iterator[Table]:
    key = Key.generate("ECDH-ES+A256KW", crv="P-256")
    private, public = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    gcm, nonce = AESGCM(os.urandom(32)), bytes(12)
    hidden = gcm.encrypt(nonce, TEXT, None)

    def unsealed() -> object:
        return private.exchange(ec.ECDH(), public.public_key()), gcm.decrypt(nonce, hidden, None)

    def sealed() -> object:
        fresh = ec.generate_private_key(ec.SECP256R1())
        return fresh.exchange(ec.ECDH(), public.public_key()), gcm.encrypt(nonce, TEXT, None)

    yield from _both(name, _ours(key), list(jwe_boxes(key, "A256GCM")), (Case(RAW, unsealed), Case(RAW, sealed)))


def _ours(key: Key) -> Box:
    ring = KeyRing.of(key)
    return Box(OURS, lambda token: jwe.decrypt(token, ring), lambda raw: jwe.encrypt(raw, key, enc="A256GCM"))


def _both(name: str, ours: Box, peers: list[Box], raws: tuple[Case, Case], goal: str = "") -> Iterator[Table]:
    tokens: list[tuple[Any, ...]] = [(ours.seal(TEXT),) for _ in range(TOKENS)]
    boxes = [ours, *peers]
    for box in boxes:
        assert box.open(str(tokens[0][0])) == TEXT, f"{box.name} reads something else"
    for verb, raw, cases in (
        ("decrypt", raws[0], [Case(box.name, box.open, tokens) for box in boxes]),
        ("encrypt", raws[1], [Case(box.name, box.seal, [(TEXT,)]) for box in boxes]),
    ):
        wanted = goal if verb == "decrypt" else ""
        ratios = [Ratio(OURS, RAW), *(Ratio(box.name, OURS, wanted) for box in peers)]
        yield Table(f"{verb} {name}", [raw, *cases], ratios)
