"""What services call each other with."""

from __future__ import annotations

from ..base import Rule, Says

RULES = (
    Rule(
        id="no-services",
        question="client",
        unless={"client": "service", "verify": "central local"},
        says={"service": Says(recommends="none")},
        why="one application answers, and calls nobody",
        sources=("ASVS 13.2.1",),
    ),
    Rule(
        id="no-shared-secret",
        question="verify",
        says={
            "service": Says(
                rejects={
                    "shared": "each service that can verify can issue, and one that leaks is all of them",
                    "user-token": "a token for one audience is not for the next; it lets the callee act as the user",
                    "api-key": "a secret that lives for months in every service; a token lives for minutes",
                }
            )
        },
        why="each service proves who it is for one target and a few minutes, with a key that only the issuer has",
        sources=("RFC 7515 §10.5", "RFC 8725 §3.9", "ASVS 13.2.1", "RFC 9700 §2.3"),
    ),
    Rule(
        id="services-may-ask",
        question="verify",
        when={"verify": "central", "stop": "seconds minutes"},
        says={
            "service": Says(
                offers={"opaque": "where revocation matters more than a call"}, notes=("one audience for each target",)
            )
        },
        why="where central revocation matters more than a call, a service token may be opaque",
        sources=("RFC 7662 §2",),
    ),
)

LAST = (
    Rule(
        id="jwt-between-services",
        question="default",
        says={
            "service": Says(
                recommends="jwt",
                rejects={
                    "opaque": "each call would cause another one, to ask about it; five minutes are short enough",
                    "paseto": "JWT is what meshes, gateways and clouds verify; PASETO where one party owns all of it",
                },
            )
        },
        why="short, for one audience, signed with ES256",
        sources=("RFC 9068 §2", "RFC 8725 §3.9"),
    ),
)
"""After the rules that ask who owns both ends."""
