"""Writes committed/revocation-feed.json: answers of a revocation feed that a reader takes or refuses, and why.

`python -m tests.vectors.revocation_feed` makes them anew, with fresh keys; what is refused and for which reason stands
here, and nowhere else.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from watchword.encoding import b64url, dump_json, unb64url
from watchword.keys.key import Key
from watchword.revocation.answer import TYP

ISSUER: Final = "https://auth.example"
NOW: Final = 1_800_000_000
NONCE: Final = "q7Zb0n3nJ1sYx2v4Tt0k9w"
EPOCH: Final = "3f9c01ab"
UNTIL: Final = NOW + 1_020
FIRST: Final[dict[str, Any]] = {"nonce": NONCE, "epoch": "", "seq": 0}
LATER: Final[dict[str, Any]] = {"nonce": NONCE, "epoch": EPOCH, "seq": 40}
TOKEN: Final = [41, "token", "pWJ0cVfJ1mXbq7n2k3Yx5A", UNTIL]
SUBJECT: Final = [43, "subject", "user-7", UNTIL]

MAY: Final = ("padding", "a claim twice")
"""What another reader may take: the issuer has signed it all the same."""


def claims(**changes: Any) -> dict[str, Any]:
    """An answer to LATER with two events, and these changes; None leaves a claim out."""
    said = {
        "iss": ISSUER, "iat": NOW, "nonce": NONCE, "epoch": EPOCH, "after": 40, "head": 43, "more": False,
        "events": [TOKEN, SUBJECT],
    }  # fmt: skip
    return {name: value for name, value in (said | changes).items() if value is not None}


def jws(body: Any, key: Key, *, typ: str | None = TYP, **header: Any) -> str:
    """`body` signed by `key`; header members of None are left out."""
    head = {"alg": key.algorithm.name, "kid": key.kid, "typ": typ} | header
    written = dump_json({name: value for name, value in head.items() if value is not None})
    message = f"{b64url(written)}.{b64url(body if isinstance(body, bytes) else dump_json(body))}"
    return f"{message}.{b64url(key.sign(message.encode()))}"


def turned(answer: str, segment: int) -> str:
    """`answer` with one bit of a segment turned over."""
    parts = answer.split(".")
    raw = bytearray(unb64url(parts[segment].encode()))
    raw[len(raw) // 2] ^= 1
    parts[segment] = b64url(bytes(raw))
    return ".".join(parts)


def good(es256: Key, ed25519: Key) -> list[dict[str, Any]]:
    def row(name: str, question: dict[str, Any], said: dict[str, Any], events: list[Any], key: Key = es256) -> Any:
        kept = {"epoch": said["epoch"], "after": said["after"], "head": said["head"], "more": said["more"]}
        return {"name": name, "question": question, "answer": jws(said, key), "is": kept | {"events": events}}

    snapshot = claims(after=0, events=[[7, "session", "s-1", UNTIL], TOKEN, SUBJECT])
    sorts = ["token", "session", "family", "key", "subject", "signed_in", "roles", "client"]
    every = [[41 + place, what, f"{what}-1", UNTIL] for place, what in enumerate(sorts)] + [
        [49, "everything", "", UNTIL]
    ]
    notices = [[41, "acknowledge", "v-1", UNTIL], [42, "notice.later", "k", UNTIL]]
    foreign = [[41, "planet", "mars", UNTIL], SUBJECT]
    return [
        row("all there is", FIRST, snapshot, snapshot["events"]),
        row("all there is, of a feed in which nothing lives", FIRST, claims(after=0, events=[]), []),
        row("what came after the last answer", LATER, claims(), [TOKEN, SUBJECT]),
        row("nothing new", LATER, claims(head=40, events=[]), []),
        row("numbers without events", LATER, claims(head=90, events=[]), []),
        row("the first part of more", LATER, claims(more=True), [TOKEN, SUBJECT]),
        row("another life of the feed", LATER, claims(epoch="77aa0011", after=0, head=3, events=[]), []),
        row("a number that the feed never reached", LATER, claims(after=0, head=12, events=[]), []),
        row("every sort there is", LATER, claims(head=49, events=every), every),
        row("a sort that is not known", LATER, claims(events=foreign), [[41, "everything", "", UNTIL], SUBJECT]),
        row("notices", LATER, claims(events=[*notices, SUBJECT]),
            [SUBJECT]),
        row("claims that are not known", LATER, claims() | {"later": {"a": 1}}, [TOKEN, SUBJECT]),
        row("the other key", LATER, claims(), [TOKEN, SUBJECT], ed25519),
        row("iat of a clock an hour off", LATER, claims(iat=NOW - 3600), [TOKEN, SUBJECT]),
    ]  # fmt: skip


def bad(es256: Key) -> list[dict[str, Any]]:
    right = jws(claims(), es256)
    unsigned = f"{b64url(dump_json({'alg': 'none', 'kid': es256.kid, 'typ': TYP}))}.{right.split('.')[1]}."
    secret = Key.from_jwk({"kty": "oct", "alg": "HS256", "kid": es256.kid, "k": b64url(es256.public().to_pem())})
    jwk = es256.public().to_jwk()
    missing = {
        f"without {name}": (jws(claims(**{name: None}), es256), "malformed")
        for name in ("iss", "iat", "nonce", "epoch", "after", "head", "more", "events")
    }
    shapes: dict[str, Any] = {
        "an event of three members": [[41, "token", "t-1"]],
        "an event of five members": [[41, "token", "t-1", UNTIL, 1]],
        "an event that is an object": [{"seq": 41, "what": "token", "value": "t-1", "until": UNTIL}],
        "a number that is text": [["41", "token", "t-1", UNTIL]],
        "a number that is true": [[True, "token", "t-1", UNTIL]],
        "a value that is a number": [[41, "token", 7, UNTIL]],
        "an end before all time": [[41, "token", "t-1", -1]],
        "an end beyond all time": [[41, "token", "t-1", 2**53]],
        "events that are none": {"41": "token"},
    }
    wrong = {
        "recorded: the answer to an earlier question": (
            jws(claims(nonce="AAAAAAAAAAAAAAAAAAAAAA"), es256),
            "bad_claim",
        ),
        "a nonce that only begins so": (jws(claims(nonce=NONCE + "A"), es256), "bad_claim"),
        "another issuer": (jws(claims(iss="https://other.example"), es256), "wrong_issuer"),
        "the issuer with a slash": (jws(claims(iss=ISSUER + "/"), es256), "wrong_issuer"),
        "an access token": (jws(claims(), es256, typ="at+jwt"), "wrong_type"),
        "no type": (jws(claims(), es256, typ=None), "wrong_type"),
        "unsigned": (unsigned, "malformed"),
        "unsigned, with some signature": (unsigned + right.split(".")[2], "algorithm"),
        "HS256 under the public key": (jws(claims(), secret), "algorithm"),
        "a key nobody published": (jws(claims(), Key.generate("ES256", kid="stranger")), "unknown_key"),
        "another key of that name": (jws(claims(), Key.generate("ES256", kid=es256.kid)), "bad_signature"),
        "something else in the header": (jws(claims(), es256, x=1), "malformed"),
        "a key in the header": (jws(claims(), es256, jwk=jwk), "malformed"),
        "an address of keys in the header": (jws(claims(), es256, jku="https://other.example/keys"), "malformed"),
        "something critical": (jws(claims(), es256, crit=["exp"], exp=1), "malformed"),
        "no key id": (jws(claims(), es256, kid=None), "malformed"),
        "a changed claim": (turned(right, 1), "bad_signature"),
        "a changed signature": (turned(right, 2), "bad_signature"),
        "cut short": (right[:-22], "bad_signature"),
        "two segments": (right.rpartition(".")[0], "malformed"),
        "padding": (right + "=", "malformed"),
        "a claim twice": (jws(dump_json(claims())[:-1] + b',"nonce":"' + NONCE.encode() + b'"}', es256), "malformed"),
        "no object": (jws([claims()], es256), "malformed"),
        "a head behind the question": (jws(claims(head=39, events=[]), es256), "bad_claim"),
        "after something else": (jws(claims(after=39), es256), "bad_claim"),
        "after this number of another life": (jws(claims(epoch="77aa0011"), es256), "bad_claim"),
        "an epoch without a name": (jws(claims(epoch=""), es256), "malformed"),
        "more to come, and nothing here": (jws(claims(head=40, events=[], more=True), es256), "bad_claim"),
        "more that is no truth": (jws(claims(more=1), es256), "malformed"),
        "events in another order": (jws(claims(events=[SUBJECT, TOKEN]), es256), "bad_claim"),
        "an event twice": (jws(claims(events=[TOKEN, TOKEN]), es256), "bad_claim"),
        "an event beyond the head": (jws(claims(head=42), es256), "bad_claim"),
        "an event that was told before": (jws(claims(events=[[40, "token", "t-1", UNTIL]]), es256), "bad_claim"),
        "a sort without a name": (jws(claims(events=[[41, "", "t-1", UNTIL]]), es256), "bad_claim"),
    }
    shaped = {name: (jws(claims(events=events), es256), "malformed") for name, events in shapes.items()}
    every = wrong | missing | shaped
    return [
        {"name": name, "question": LATER, "answer": answer, "why": why} | ({"may": True} if name in MAY else {})
        for name, (answer, why) in every.items()
    ]


def main() -> None:
    es256, ed25519 = Key.generate("ES256", kid="feed-1"), Key.generate("Ed25519", kid="feed-2")
    keys = [key.public().to_jwk() for key in (es256, ed25519)]
    found = {"issuer": ISSUER, "jwks": {"keys": keys}, "good": good(es256, ed25519), "bad": bad(es256)}
    path = Path(__file__).with_name("committed") / "revocation-feed.json"
    path.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
