"""What the slowest inputs of at most 8 KiB cost, door by door, and what costs more by nature: ``make cost``.

CPU time of the thread, the best of several runs, the primitive included.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from time import thread_time_ns
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

from benchmarks.measure import commit, machine
from fuzz.costly import documents, made_for
from fuzz.families import hostile
from fuzz.target import Door, enter
from fuzz.targets import TARGETS, load
from watchword.crypto.material import jwk_members
from watchword.crypto.passwords import hash_password, password_matches
from watchword.crypto.wrapping import MOST
from watchword.formats import jwe
from watchword.insecure import PBES2
from watchword.keys.key import Key
from watchword.keys.ring import KeyRing

ALLOWED_MS = 5.0
ROOT = Path(__file__).resolve().parent.parent


def cost(door: Door, text: bytes, *, enough: float = 1.0, tries: int = 5) -> float:
    """CPU milliseconds of one input: the best of ``tries``, or the first that is below ``enough``."""
    best = float("inf")
    for _ in range(tries):
        started = thread_time_ns()
        enter(door, text)
        best = min(best, (thread_time_ns() - started) / 1e6)
        if best < enough:
            break
    return best


def inputs(name: str) -> Iterator[tuple[str, str, bytes]]:
    """(door, what, text): all that is tried at one target."""
    yield from hostile(load(name))
    yield from made_for(name)


def slowest(name: str) -> dict[str, tuple[float, str]]:
    """Door -> (milliseconds, what) of its slowest input."""
    doors, found = load(name).doors, dict[str, tuple[float, str]]()
    for door, what, text in inputs(name):
        took = cost(doors[door], text, enough=found.get(door, (0.0, ""))[0])
        if took > found.get(door, (0.0, ""))[0]:
            found[door] = took, what
    return found


def by_nature() -> Iterator[tuple[str, float, str]]:
    """(what, milliseconds, why it may): each is somebody's own choice, or off the path of a request."""
    for door, what, _, text in documents():
        yield (
            f"a key document with {what}",
            cost(load("documents").doors[door], text, enough=0),
            "each key is checked to be on its curve; fetched beside the path, from a configured issuer, at most 100",
        )
    own = "one's own key, read once at the start; OpenSSL checks that its primes are some"
    rsa = Key.generate("RS256").to_jwk(private=True)
    yield "a private RSA key of 3072 bits", cost(lambda _: Key.from_jwk(rsa), b"", enough=0), own
    largest = Key.from_jwk(jwk_members(*_largest()) | {"alg": "RSA-OAEP-256", "kid": "8192"})
    token, ring = jwe.encrypt(b"x", largest), KeyRing.of(largest)
    why = "one's own key; those of 3072 bits that are generated here, and of 4096, stay below 5 ms"
    yield "RSA-OAEP with a key of 8192 bits", cost(lambda _: jwe.decrypt(token, ring), b"", enough=0), why
    password = Key.generate("PBES2-HS256+A128KW")
    stretched, by_password = jwe.encrypt(b"x", password, allow=[PBES2]), KeyRing.of(password)
    why = "only with allow=[PBES2] of watchword.insecure; the rounds are what RFC 7518 §4.8 is for"
    yield (
        "PBES2 with 600,000 rounds",
        cost(lambda _: jwe.decrypt(stretched, by_password, allow=[PBES2]), b"", enough=0),
        why,
    )
    locked = Key.generate("v4.local").to_paserk(password=b"p")
    why = f"only where a password is given; at most {MOST.memory >> 20} MiB and {MOST.passes} passes; at_most= is less"
    yield "a PASERK under a password", cost(lambda _: Key.from_paserk(locked, password=b"p"), b"", enough=0), why
    phc = hash_password("a password of some length")
    why = "Argon2id is slow so that guessing is; the server bounds how many run at once"
    yield "a password", cost(lambda _: password_matches("another", phc), b"", enough=0), why


def _largest() -> tuple[Any, Any]:
    private = generate_private_key(65537, 8192)
    return private.public_key(), private


def main() -> None:
    read = argparse.ArgumentParser(prog="make cost")
    read.add_argument("--record", type=Path, help="a JSON file for the figures")
    options = read.parse_args()
    rows = [
        {"target": name, "door": door, "ms": round(took, 2), "input": what}
        for name in TARGETS
        for door, (took, what) in slowest(name).items()
    ]
    rows.sort(key=lambda row: -float(str(row["ms"])))
    nature = [{"what": what, "ms": round(took, 1), "why": why} for what, took, why in by_nature()]
    for row in rows:
        print(f"{row['ms']:>8} ms  {row['target']}, {row['door']}: {row['input']}")
    for row in nature:
        print(f"{row['ms']:>8} ms  {row['what']}")
    if options.record:
        options.record.write_text(json.dumps(_record(rows, nature), indent=1, ensure_ascii=False) + "\n")


def _record(rows: list[dict[str, Any]], nature: list[dict[str, Any]]) -> dict[str, Any]:
    where = machine()
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "commit": commit(ROOT),
        "command": "make cost",
        "machine": {name: where[name] for name in ("cpu", "cores", "system", "python", "openssl")},
        "inputs": sum(1 for name in TARGETS for _ in inputs(name)),
        "doors": rows,
        "by nature": nature,
    }


if __name__ == "__main__":
    main()
