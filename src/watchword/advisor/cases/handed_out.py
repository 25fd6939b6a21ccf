"""What is handed out besides: API keys, links by e-mail, a payment."""

from __future__ import annotations

from ..base import Rule, Says

NO_END = "it cannot be ended before it expires, and a key lives for months"
TWICE = "nothing knows that it was used: the link works again until it expires"
READABLE = "anybody who has it reads the order, the amount and the customer"

RULES = (
    Rule(
        id="keys-are-opaque",
        question="default",
        says={"api-keys": Says(rejects={"jwt": NO_END, "paseto": NO_END})},
        why="a key lives for months: it has to be found, listed, rotated and ended, so there is a row in any case",
        sources=("ASVS 7.4.1", "ASVS 6.5.2"),
    ),
    Rule(
        id="api-keys",
        question="needs",
        when={"needs": "api-keys"},
        says={
            "api-keys": Says(
                recommends="opaque",
                notes=("shown once; scopes, a label, an end; two at once while one is rotated: ww.api_keys",),
            )
        },
        why="a prefix that scanners find, a checksum, a hash at rest, scopes, the last use, and an end at once",
        sources=("ASVS 7.2.3", "ASVS 6.5.2", "ASVS 14.2.1"),
    ),
    Rule(
        id="no-api-keys",
        question="needs",
        unless={"needs": "api-keys"},
        says={"api-keys": Says(recommends="none", rejects={"opaque": "nobody was said to need them"})},
        why="a key that nobody asked for is one more to lose; where programs need one later, it is opaque: ww.api_keys",
        sources=("ASVS 7.2.2",),
    ),
    Rule(
        id="links-are-opaque",
        question="default",
        says={
            "verification": Says(rejects={"jwt": TWICE, "paseto": TWICE}),
            "reset": Says(rejects={"jwt": TWICE, "paseto": TWICE}),
        },
        why="a link is used once; only a row that is taken away knows that it was",
        sources=("ASVS 6.4.1", "NIST SP 800-63B-4 §4.2.1.2"),
    ),
    Rule(
        id="links",
        question="needs",
        when={"needs": "email"},
        says={
            "verification": Says(
                recommends="one-time",
                notes=("a page with a button: scanners of mail open links, and must not use them",),
            ),
            "reset": Says(
                recommends="one-time",
                notes=(
                    "one for a user in five minutes; a new password signs the user out everywhere",
                    "a page with a button: scanners of mail open links, and must not use them",
                ),
            ),
        },
        why="hashed at rest, for one purpose, with an end in its row, gone when it is used",
        sources=("ASVS 6.4.1", "ASVS 6.4.3", "NIST SP 800-63B-4 §4.2.1.2", "ASVS 14.2.1"),
    ),
    Rule(
        id="no-links",
        question="needs",
        unless={"needs": "email"},
        says={
            "verification": Says(recommends="none", rejects={"one-time": "nobody was said to get mail"}),
            "reset": Says(recommends="none", rejects={"one-time": "nobody was said to get mail"}),
        },
        why="no mail is sent; where it is one day, the link is a one-time token: ww.one_time",
        sources=("ASVS 6.4.1",),
    ),
    Rule(
        id="handover-is-hidden",
        question="default",
        says={
            "handover": Says(
                rejects={
                    "jwt": READABLE,
                    "fields": f"{READABLE}, changes them, and finds them in logs and histories",
                }
            )
        },
        why="what is handed over passes through the browser: unreadable, unchanged, for one user, used once",
        sources=("ASVS 14.2.1", "RFC 7519 §12"),
    ),
    Rule(
        id="handover-to-others",
        question="needs",
        when={"needs": "handover", "ends": "several"},
        says={
            "handover": Says(
                recommends="jwe",
                rejects={"sealed": "the other side would need the key, and could seal as well"},
                notes=("order, amount, currency, an idempotency key; a token of the card, never its number",),
            )
        },
        why="somebody else opens it: encrypted for their public key, so that they can open and not seal",
        sources=("RFC 7518 §4.6", "RFC 7515 §10.5"),
    ),
    Rule(
        id="handover",
        question="needs",
        when={"needs": "handover"},
        says={
            "handover": Says(
                recommends="sealed",
                rejects={"jwe": "one party owns both ends: v4.local has one way to be written, and binds the user"},
                notes=(
                    "the key lives in the service that seals and opens, alone",
                    "order, amount, currency, an idempotency key; a token of the card, never its number",
                ),
            )
        },
        why="encrypted, five minutes, opens only for its user, purpose and audience, and is redeemed once",
        sources=("PASETO specification", "ASVS 2.3.3"),
    ),
    Rule(
        id="no-handover",
        question="needs",
        unless={"needs": "handover"},
        says={
            "handover": Says(
                recommends="none",
                rejects=dict.fromkeys(("sealed", "jwe"), "nothing was said to be handed over"),
            )
        },
        why="nothing is handed over; where it is one day, it is a sealed token: ww.sealed",
        sources=("ASVS 14.2.1",),
    ),
)
