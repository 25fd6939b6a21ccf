"""Tables of the self-contained tokens: cold verification and signing, beside the raw primitive and other libraries.

Everybody reads the same token: eight usual claims (iss sub aud exp iat nbf jti scope) and ``client_id``, which RFC 9068
demands of an access token. Everybody checks exp, iss and aud; before anything is timed, each must have refused a token
for another audience.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from hashlib import sha256
from typing import Any

from msgspec import Struct

from watchword.crypto.bare import Bare, bare
from watchword.diagnosis.bench.base import AUDIENCE, ISSUER
from watchword.diagnosis.bench.formats import key_of, pieces_of, without_memory
from watchword.diagnosis.bench.peers import Material, Peer, claims_of, peers_for, spelled
from watchword.formats.base import make_format
from watchword.keys.key import Key
from watchword.keys.ring import KeyRing
from watchword.tokens.access import AccessTokens

from .measure import Case, Ratio, Table

SCOPES = ("orders:read", "orders:write")
TOKENS = 64
"""Different tokens that each case takes in turn."""

COLD, BARE = "watchword", "watchword, Key.verify alone"
WRITE, ISSUE = "watchword", "watchword, access.issue"


class Algorithm(Struct, frozen=True, kw_only=True):
    """One algorithm: our key, which the others get as well, the raw calls, and the goals of the design."""

    key: Key
    raw: list[Bare]
    """The first is what the ratios are over."""
    goals: dict[str, str]
    """Of verification: over ``raw``, and against a library."""

    @property
    def material(self) -> Material:
        return Material(key=self.key)


def tokens_of(ring: KeyRing, **options: Any) -> AccessTokens:
    return AccessTokens(ring, issuer=ISSUER, audience=AUDIENCE, **options)


def issued(access: AccessTokens, count: int = TOKENS, **options: Any) -> list[str]:
    return [access.issue(f"user-{number}", scopes=SCOPES, **options).token for number in range(count)]


GOALS: dict[str, dict[str, str]] = {
    "HS256": {"raw": "≤ 2.5", "PyJWT": "≥ 8", "joserfc": "≥ 5"},
    "ES256": {"raw": "≤ 1.10", "PyJWT": "≥ 1.5", "joserfc": "≥ 1.35"},
    "RS256": {"raw": "≤ 1.25", "PyJWT": "≥ 2.5", "joserfc": "≥ 1.8"},
    "Ed25519": {"raw": "≤ 1.10", "PyJWT": "≥ 2", "joserfc": "≥ 2"},
    "v4.public": {"raw": "≤ 1.10", "pyseto": "≥ 2"},
}


def algorithms() -> list[Algorithm]:
    return [Algorithm(key=key_of(name), raw=bare(name), goals=goals) for name, goals in GOALS.items()]


def peers_of(one: Algorithm) -> list[Peer]:
    """Those that are installed."""
    found = []
    for make in peers_for(one.material.name).values():
        with suppress(ImportError):
            found.append(make(one.material))
    return found


def tables(only: Callable[[str], bool]) -> Iterator[Table]:
    for one in algorithms():
        if only(f"verify {one.material.name}"):
            yield _verify(one)
        if only(f"sign {one.material.name}"):
            yield _sign(one)


def _verify(one: Algorithm) -> Table:
    ring = KeyRing.of(one.key)
    access = without_memory(tokens_of(ring))
    tokens = issued(access)
    theirs = dict(access.verify(tokens[0]).raw_claims) | {"aud": "https://other.example"}
    other = make_format(one.key.algorithm.format, ring, typ="at+jwt").issue(theirs)
    pieces = [pieces_of(token) for token in tokens]
    peers = peers_of(one)
    cases = [_raw_verify(raw, [message for _, message in pieces]) for raw in one.raw]
    cases += [Case(COLD, access.verify, [(token,) for token in tokens]), Case(BARE, one.key.verify, pieces)]
    _must_refuse(COLD, access.verify, other)
    for peer in peers:
        _must_refuse(peer.name, peer.read, spelled(other, peer, one.material))
        cases.append(Case(peer.name, peer.read, [(spelled(token, peer, one.material),) for token in tokens]))
    for token in tokens[:3]:
        access.verify(token)
    assert access._seen.get(sha256(tokens[0].encode()).digest()) is None, "a remembered token would not be cold"
    raw = one.raw[0].name
    ratios = [Ratio(COLD, raw, one.goals["raw"]), Ratio(COLD, BARE)]
    ratios += [Ratio(peer.name, COLD, one.goals.get(peer.name, "")) for peer in peers]
    return Table(f"verify {one.material.name}", cases, ratios)


def _raw_verify(raw: Bare, messages: list[bytes]) -> Case:
    signed = [raw.sign(*raw.signing(message)) for message in messages]
    return Case(raw.name, raw.verify, list(map(raw.verifying, signed, messages)))


def _must_refuse(name: str, read: Callable[[str], object], token: str) -> None:
    try:
        read(token)
    except Exception:  # noqa: BLE001 - each library has errors of its own
        return
    raise AssertionError(f"{name} takes a token for another audience: it is no fair peer")


def _sign(one: Algorithm) -> Table:
    ring = KeyRing.of(one.key)
    access = tokens_of(ring)
    tokens = issued(access)
    messages = [pieces_of(token)[1] for token in tokens]
    written = [claims_of(token) for token in tokens]
    whole = [dict(access.verify(token).claims) for token in tokens]
    form = make_format(one.key.algorithm.format, ring, typ="at+jwt")
    cases = [Case(raw.name, raw.sign, [raw.signing(message) for message in messages]) for raw in one.raw]
    cases.append(Case(WRITE, form.issue, [(claims,) for claims in whole]))
    cases.append(Case(ISSUE, partial(access.issue, scopes=SCOPES), [(f"user-{n}",) for n in range(TOKENS)]))
    peers = peers_of(one)
    cases += [Case(peer.name, peer.write, [(claims,) for claims in written]) for peer in peers]
    raw = one.raw[0].name
    ratios = [Ratio(WRITE, raw), Ratio(ISSUE, raw)]
    ratios += [Ratio(peer.name, over) for peer in peers for over in (WRITE, ISSUE)]
    return Table(f"sign {one.material.name}", cases, ratios)
