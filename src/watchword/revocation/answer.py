"""The feed on the wire: a question that holds a nonce, and an answer that is signed for just this question. No I/O.

``docs/reference/revocation-feed.md`` says the same in words, for other languages. The nonce is what makes a lease safe:
nobody could sign it before the question was sent, so no cache, no proxy and no recorded answer renews one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Annotated, Any
from urllib.parse import parse_qsl, quote

from msgspec import Meta, Struct, ValidationError, convert

from ..crypto.digest import same
from ..encoding import LARGE_HEADER, b64url, dump_json, json_object, malformed, unb64url
from ..errors import AlgorithmError, BadRequestError, ClaimError, ConfigurationError, WrongIssuerError, WrongTypeError
from ..formats.compact import key_for, media_type, read_header, split
from ..keys.discovery import alias, is_text
from ..keys.key import Key
from ..keys.ring import KeyRing, State
from ..stores.base import Event, Feed
from .event import BY_CUTOFF, BY_NAME, is_notice

TYP = "revocations+jwt"
"""The header's ``typ`` (RFC 8725 §3.11), so that an answer is taken for no token, and no token for an answer."""
MEDIA_TYPE = f"application/{TYP}"
MOST_EVENTS = 2_000
MOST_PAYLOAD = 131_072
"""Bytes of the claims of one answer; the next question gets the rest."""
MOST_ANSWER = 196_608
"""Bytes of a whole answer that are read: the claims in base64url, a header, the largest signature."""
MOST_WAIT = 20.0
"""Seconds for which an answer is held, at most, whatever was asked for: proxies give up on a silent one."""

_NONCE = re.compile(r"[A-Za-z0-9_-]{22,128}")
_AFTER = re.compile(r"([!-~]{1,128})\.(0|[1-9][0-9]{0,14})")
_WAIT = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,3})?")
_QUERY = 2_048
_LONGEST = 255
"""Characters of a name, as ``tokens.names`` takes them."""

Number = Annotated[int, Meta(ge=0, lt=10**15)]
Second = Annotated[int, Meta(ge=0, lt=2**47)]


class Question(Struct, frozen=True):
    """What is asked: everything after ``epoch``.``seq``; without an epoch, all there is. ``wait``: seconds."""

    nonce: str
    epoch: str = ""
    seq: int = 0
    wait: float = 0.0

    @property
    def query(self) -> str:
        """The question as the query of its URL."""
        after = quote(f"{self.epoch}.{self.seq}" if self.epoch else "0", safe="")
        return f"after={after}&nonce={self.nonce}&wait={self.wait:.3f}"


class Answer(Struct, frozen=True):
    """What an answer vouches for: ``feed`` after number ``after`` (0: all there is), and whether there is ``more``."""

    feed: Feed
    after: int
    more: bool


class _Claims(Struct, frozen=True):
    iss: str
    iat: Second
    nonce: str
    epoch: Annotated[str, Meta(min_length=1, max_length=128)]
    after: Number
    head: Number
    more: bool
    events: Annotated[list[tuple[Number, str, str, Second]], Meta(max_length=MOST_EVENTS)]


def question_of(query: bytes) -> Question:
    """The question in the query of a URL. Raises: BadRequestError, which says what is wrong with it."""
    try:
        pairs = parse_qsl(query.decode("ascii")[: _QUERY + 1], strict_parsing=True, max_num_fields=16, errors="strict")
    except ValueError:
        raise BadRequestError("the query is not a form in UTF-8") from None
    asked = dict(pairs)
    if len(query) > _QUERY or len(asked) != len(pairs):
        raise BadRequestError(f"the query is longer than {_QUERY} bytes, or a parameter occurs twice")
    nonce, after, wait = asked.get("nonce", ""), asked.get("after", "0"), asked.get("wait", "0")
    if not _NONCE.fullmatch(nonce):
        raise BadRequestError("nonce is 22 to 128 characters of base64url: 128 random bits, new for each question")
    if not _WAIT.fullmatch(wait):
        raise BadRequestError("wait is seconds, such as 1.25")
    place = _AFTER.fullmatch(after)
    if place is None and after != "0":
        raise BadRequestError("after is '<epoch>.<seq>' of the last answer, or 0 for all there is")
    epoch, seq = ("", 0) if place is None else (place[1], int(place[2]))
    return Question(nonce, epoch, seq, min(float(wait), MOST_WAIT))


def page(feed: Feed, *, more: bool) -> tuple[Feed, bool]:
    """As much of ``feed`` as one answer holds, without notices; and whether there is more after it."""
    told: list[Event] = []
    size = 0
    for one in feed.events:
        if is_notice(one.what):
            continue
        size += len(dump_json(_row(one))) + 1
        if told and size > MOST_PAYLOAD - 4_096:  # what is left is for the other claims
            return Feed(feed.epoch, told[-1].seq, told), True
        told.append(one)
    return Feed(feed.epoch, feed.head, told), more


def signer(ring: KeyRing, dead: Callable[[str], bool]) -> Key:
    """The key that signs answers: the first active one that the JWK Set publishes and that is not ``dead``.

    Raises: ConfigurationError.
    """
    now = ring.clock.now()
    for slot in ring:
        key, row = slot.key, slot.key.algorithm
        published = key.use == "sign" and row.format == "jwt" and not row.symmetric
        if published and key.can_sign and slot.state(now) is State.ACTIVE and not dead(key.kid):
            return key
    raise ConfigurationError("answers of the feed are signed with a key of the JWK Set: put an ES256 key on the ring")


def write(question: Question, answer: Answer, *, issuer: str, now: int, key: Key) -> str:
    """The answer as a compact JWS."""
    head = {"alg": key.algorithm.name, "kid": key.kid, "typ": TYP}
    claims = {
        "iss": issuer,
        "iat": now,
        "nonce": question.nonce,
        "epoch": answer.feed.epoch,
        "after": answer.after,
        "head": answer.feed.head,
        "more": answer.more,
        "events": [_row(one) for one in answer.feed.events],
    }
    message = f"{b64url(dump_json(head))}.{b64url(dump_json(claims))}"
    return f"{message}.{b64url(key.sign(message.encode()))}"


def read(
    untrusted: object,
    question: Question,
    *,
    issuer: str,
    ring: KeyRing,
    dead: Callable[[str], bool] = lambda kid: False,
) -> Answer:
    """What an answer to ``question`` says, if it is one: signed by ``issuer``, for this question, and sound throughout.

    An event of a sort that is not known here becomes a cut-off of everything. ``dead``: whether a key was revoked.
    Raises: MalformedTokenError, AlgorithmError, UnknownKeyError, SignatureError, WrongTypeError, WrongIssuerError,
    ClaimError.
    """
    head, payload, signature, message = split(untrusted, MOST_ANSWER)
    slot = key_for(_header(head, ring.max_header), ring)
    if slot.key.algorithm.symmetric:
        raise AlgorithmError("who can verify with a symmetric key can sign as well: the feed is signed by a key pair")
    if dead(slot.key.kid):
        raise AlgorithmError("the key of this answer was revoked", reason="key_revoked")
    slot.key.verify(unb64url(signature), message)
    return _judged(_claims(unb64url(payload)), question, issuer)


def kid_of(untrusted: object) -> str:
    """The key id that an answer names, as rings here know it; it may choose a key, and no more."""
    kid: str = _header(split(untrusted, MOST_ANSWER)[0], LARGE_HEADER)["kid"]
    return kid


def _header(segment: bytes, limit: int) -> dict[str, Any]:
    header = read_header(segment, limit=limit, sound=is_text)
    if media_type(header.get("typ", "")) != TYP:
        raise WrongTypeError(f"an answer of the feed has the type {TYP!r}", claim="typ")
    if header.keys() != {"alg", "kid", "typ"}:
        malformed("the header of an answer holds alg, kid and typ, and nothing else")
    return header | {"kid": alias(header["kid"])}


def _claims(raw: bytes) -> _Claims:
    try:
        return convert(json_object(raw), _Claims)
    except ValidationError:
        malformed("the claims of the answer do not have the shape they should")


def _judged(said: _Claims, question: Question, issuer: str) -> Answer:
    if said.iss != issuer:
        raise WrongIssuerError(claim="iss")
    if not same(said.nonce, question.nonce):
        raise ClaimError("this is the answer to another question", claim="nonce")
    if said.after != 0 and (said.epoch, said.after) != (question.epoch, question.seq):
        raise ClaimError("this is no answer to what was asked", claim="after")
    if said.head < said.after:
        raise ClaimError("the answer goes back behind what was asked", claim="head")
    if said.more and said.head == said.after:
        raise ClaimError("there is more, and nothing here", claim="more")
    _check_order(said.events, said.after, said.head)
    events = [_event(one, said.iat) for one in said.events if not is_notice(one[1])]
    return Answer(Feed(said.epoch, said.head, events), said.after, said.more)


def _check_order(rows: Sequence[tuple[int, str, str, int]], after: int, head: int) -> None:
    last = after
    for seq, what, value, _ in rows:
        if not last < seq <= head or not 0 < len(what) <= _LONGEST or len(value) > _LONGEST:
            raise ClaimError("the events are out of order, or beyond the head", claim="events")
        last = seq


def _event(row: tuple[int, str, str, int], at: int) -> Event:
    seq, what, value, until = row
    if what not in BY_NAME and what not in BY_CUTOFF:
        what, value = "everything", ""  # whatever it stops was issued before it
    return Event(what=what, value=value, at=at, until=until, seq=seq)


def _row(one: Event) -> tuple[int, str, str, int]:
    return one.seq, one.what, one.value, one.until
