"""JWE compact (RFC 7516): sealed bytes, sealed claims, sealed JWTs. Only a nested JWT says who wrote it."""

from __future__ import annotations

import zlib
from collections.abc import Collection, Mapping
from hmac import compare_digest
from hmac import digest as hmac_digest
from os import urandom
from typing import Any

from ..crypto.algorithms import ALGORITHMS, Algorithm
from ..crypto.content import CONTENTS, Content
from ..encoding import MAX_HEADER, MAX_TOKEN, b64url, dump_json, gate, json_object, malformed, unb64url
from ..errors import AlgorithmError, ConfigurationError, KeyUseError, SealError, UnknownKeyError, WrongTypeError
from ..insecure import DEFLATE, Danger
from ..keys.key import Key
from ..keys.ring import KeyRing, Slot, State
from .base import Envelope, Format, Verified
from .compact import BROUGHT_ALONG, media_type, read_header, slot_for

ENCS = frozenset(CONTENTS)
"""Every ``enc`` of RFC 7518 §5."""
MAX_UNFOLDED = 250_000
"""Bytes that ``zip: DEF`` may unfold to (RFC 8725bis §3.6)."""


BOUND = "ww_bound"
"""The header parameter of ``Jwe`` for what a token is bound to: ``<salt>.<HMAC-SHA-256 under it>``, base64url."""


class _Parts(Envelope, frozen=True):
    """``message`` is empty, ``signature`` the tag and ``body`` the ciphertext."""

    encrypted_key: bytes = b""
    iv: bytes = b""


def encrypt(
    plaintext: bytes,
    key: Key,
    *,
    enc: str | None = None,
    typ: str | None = None,
    cty: str | None = None,
    more: Mapping[str, str] | None = None,
    allow: Collection[Danger] = (),
) -> str:
    """The compact JWE of ``plaintext``. The key decides ``alg``; ``enc`` is A256GCM unless the key is for another one.

    ``more``: other header parameters of yours; anybody reads them, and nobody changes them.
    To nest a signed JWT (RFC 7519 §5.2): ``encrypt(token.encode(), key, cty="JWT")``.
    """
    row = key.algorithm
    if row.format != "jwe" or key.use != "seal":
        raise KeyUseError(f"a {row.name} key for use to {key.use} does not seal a JWE; A256KW or ECDH-ES+A256KW would")
    if row.danger is not None and row.danger not in allow:
        raise KeyUseError(f"{row.name} works only with allow=[{row.danger.name}] from watchword.insecure")
    direct = row.name in CONTENTS
    content = CONTENTS.get(enc or (row.name if direct else "A256GCM"))
    if content is None or (direct and content.name != row.name):
        raise ConfigurationError(f"a {row.name} key does not encrypt with enc={enc!r}")
    wrapped = key.wrap(content)
    header = {"alg": "dir" if direct else row.name, "enc": content.name, "kid": key.kid}
    header |= {name: value for name, value in (("typ", typ), ("cty", cty), *(more or {}).items()) if value}
    header |= wrapped.header
    head, iv = b64url(dump_json(header)), urandom(content.iv_size)
    ciphertext, tag = content.hide(wrapped.key, iv, plaintext, head.encode())
    return ".".join((head, *map(b64url, (wrapped.encrypted_key, iv, ciphertext, tag))))


def decrypt(
    untrusted: object,
    ring: KeyRing,
    *,
    encs: Collection[str] = ENCS,
    typ: str | None = None,
    allow: Collection[Danger] = (),
    limit: int = MAX_TOKEN,
) -> bytes:
    """The plaintext. Who holds a public key, or shares a secret one, can write such a token: it proves no sender.

    Raises: MalformedTokenError, AlgorithmError, UnknownKeyError, WrongTypeError by what the header says; SealError for
    every key, tag or padding that is wrong, all alike.
    """
    parts = _split(untrusted, limit, allow)
    if typ is not None and media_type(parts.head.get("typ", "")) != media_type(typ):
        raise WrongTypeError(f"this takes {typ!r} alone", claim="typ")
    return _opened(parts, ring, encs, allow)


def decrypt_nested(
    untrusted: object,
    ring: KeyRing,
    inner: Format,
    *,
    encs: Collection[str] = ENCS,
    allow: Collection[Danger] = (),
    limit: int = MAX_TOKEN,
) -> Verified:
    """A JWT that was signed, then sealed: ``ring`` opens it, ``inner`` (a Jwt) verifies what is inside.

    Raises: what ``decrypt`` raises, then what ``inner`` raises.
    """
    parts = _split(untrusted, limit, allow)
    if media_type(parts.head.get("cty", "")) != "jwt":
        raise WrongTypeError("this takes a sealed JWT alone (cty: JWT)", claim="cty")
    envelope = inner.parse(_opened(parts, ring, encs, allow))
    return inner.verify(envelope, inner.key(envelope))


def _split(untrusted: object, limit: int, allow: Collection[Danger]) -> _Parts:
    segments = gate(untrusted, limit).split(b".")
    if len(segments) != 5 or not (segments[0] and segments[2] and segments[4]):
        malformed("a compact JWE has five segments (a signed JWT has three), and header, iv and tag are not empty")
    forbidden = BROUGHT_ALONG if DEFLATE in allow else (*BROUGHT_ALONG, "zip")
    head = read_header(segments[0], limit=MAX_HEADER, forbidden=forbidden)
    if head.get("zip", "DEF") != "DEF":
        malformed("the only compression there is, is DEF")
    encrypted_key, iv, ciphertext, tag = map(unb64url, segments[1:])
    return _Parts(head, segments[0], b"", tag, ciphertext, encrypted_key=encrypted_key, iv=iv)


def _rows(head: Mapping[str, Any], encs: Collection[str], allow: Collection[Danger]) -> tuple[Algorithm, Content]:
    alg, enc = head.get("alg", ""), head.get("enc", "")
    content = CONTENTS.get(enc) if enc in encs else None
    row = ALGORITHMS.get(enc if alg == "dir" else alg)
    if content is None or row is None or row.format != "jwe" or (row.name in CONTENTS) != (alg == "dir"):
        raise AlgorithmError("the header's algorithms are none that are allowed here")
    if row.danger is not None and row.danger not in allow:
        raise AlgorithmError(f"{row.name} is read only with allow=[{row.danger.name}] from watchword.insecure")
    return row, content


def _opened(parts: _Parts, ring: KeyRing, encs: Collection[str], allow: Collection[Danger]) -> bytes:
    row, content = _rows(parts.head, encs, allow)
    return _revealed(parts, slot_for(parts.head, ring, row.name, "seal").key, content)


def _revealed(parts: _Parts, key: Key, content: Content, *, ours: bool = True) -> bytes:
    """RFC 7516 §11.5: a content key that does not come out is replaced by a random one, so that all failures look and
    last alike; so is that of a token which is not ``ours``."""
    if not key.can_sign:
        raise UnknownKeyError("the ring holds the public half of this key alone")
    try:
        content_key = key.unwrap(content, parts.head, parts.encrypted_key)
    except SealError:
        content_key = b""
    if not ours or len(content_key) != content.key_size:
        content_key = urandom(content.key_size)
    plaintext = content.reveal(content_key, parts.iv, parts.body, parts.signature, parts.head_segment)
    return _unfolded(plaintext) if "zip" in parts.head else plaintext


def _unfolded(folded: bytes) -> bytes:
    """Raw DEFLATE (RFC 1951): the whole stream, nothing behind it, and no more than MAX_UNFOLDED bytes."""
    stream = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        plaintext = stream.decompress(folded, MAX_UNFOLDED + 1)
    except zlib.error:
        malformed("what was compressed cannot be unfolded")
    if len(plaintext) > MAX_UNFOLDED:
        malformed(f"the text unfolds to more than {MAX_UNFOLDED} bytes", "too_large")
    if not stream.eof or stream.unused_data:
        malformed("what was compressed is cut off, or something stands behind it")
    return plaintext


class Jwe:
    """Claims of one ``typ`` in a JWE: ``dir`` with A256GCM, or ECDH-ES+A256KW for a ring with somebody's public key.

    Who has that public key can write such a token, so ``algorithms`` may leave it out.
    ``assertion`` is what both sides know and the token does not say. Its salted digest stands in the protected header
    (``ww_bound``), so another assertion fails as a wrong key does. Claims are whole seconds, as in a JWT.
    """

    name = "jwe"
    starts = ("eyJ",)

    def __init__(self, ring: KeyRing, typ: str, *, algorithms: tuple[str, ...] = ("A256GCM", "ECDH-ES+A256KW")) -> None:
        self._ring = ring
        self._typ = typ
        self.algorithms = algorithms

    def issue(self, claims: dict[str, Any], *, assertion: bytes = b"") -> str:
        more = {BOUND: _bound(assertion, b64url(urandom(16)))} if assertion else None
        return encrypt(dump_json(claims), self._recipient(), typ=self._typ, more=more)

    def parse(self, untrusted: object) -> Envelope:
        return _split(untrusted, self._ring.max_token, ())

    def key(self, envelope: Envelope) -> Slot:
        if media_type(envelope.head.get("typ", "")) != media_type(self._typ):
            raise WrongTypeError(f"this takes {self._typ!r} alone", claim="typ")
        row, _ = _rows(envelope.head, ("A256GCM",), ())
        if row.name not in self.algorithms:
            raise AlgorithmError("the header's algorithm is none that is allowed here")
        return slot_for(envelope.head, self._ring, row.name, "seal")

    def verify(self, envelope: Envelope, slot: Slot, *, assertion: bytes = b"") -> Verified:
        """Raises: SealError for another key, another assertion, or one changed bit."""
        if not isinstance(envelope, _Parts):
            raise ConfigurationError("this envelope was parsed by another format")
        ours = _fits(envelope.head.get(BOUND), assertion)
        return Verified(json_object(_revealed(envelope, slot.key, CONTENTS["A256GCM"], ours=ours)), slot, self._typ)

    def _recipient(self) -> Key:
        """The first key on the ring that may seal now: our own, or the public one of somebody else."""
        now = self._ring.clock.now()
        for slot in self._ring:
            fits = slot.key.use == "seal" and slot.key.algorithm.name in self.algorithms
            if fits and slot.state(now) is State.ACTIVE:
                return slot.key
        raise ConfigurationError(f"this ring has no active key for a JWE of {' or '.join(self.algorithms)}")


def _bound(assertion: bytes, salt: str) -> str:
    return f"{salt}.{b64url(hmac_digest(salt.encode(), assertion, 'sha256'))}"


def _fits(said: object, assertion: bytes) -> bool:
    """Whether a header's ``ww_bound`` is of this assertion; without an assertion there is none."""
    if not isinstance(said, str) or not said.isascii() or not assertion:
        return said is None and not assertion
    return compare_digest(_bound(assertion, said.partition(".")[0]), said)
