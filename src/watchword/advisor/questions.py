"""The questions, in the order in which they are asked, with what is assumed where nobody answers."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct


class Question(Struct, frozen=True, kw_only=True):
    """One question. ``many``: any number of answers may hold at once. ``default``: the answer when in doubt."""

    id: str
    asks: str
    holds: str
    """How a condition on it begins, before the answer."""
    choices: Mapping[str, str]
    """Answer -> what it says."""
    default: tuple[str, ...]
    many: bool = False


QUESTIONS: dict[str, Question] = {
    row.id: row
    for row in (
        Question(
            id="client",
            asks="Who are the clients?",
            holds="client:",
            choices={
                "web": "a server-rendered web application",
                "spa": "a single-page application with a back end of its own",
                "spa-cross": "a single-page application whose API is on another site",
                "spa-alone": "a single-page application without a back end of its own",
                "mobile": "a native mobile or desktop application",
                "device": "devices without a user",
                "service": "services that call each other",
                "partner": "partners who integrate with a public API",
                "cli": "a command line or scripts",
                "internal": "staff, in a dashboard or an admin portal",
            },
            default=("web",),
            many=True,
        ),
        Question(
            id="stop",
            asks="Must it be stopped before it expires (sign-out, lost device, disabled user), and how fast?",
            holds="to be stopped",
            choices={
                "no": "no: it may live until it expires",
                "minutes": "within minutes",
                "seconds": "within seconds, on every node",
                "at-once": "at once: not one request later",
            },
            default=("seconds",),
        ),
        Question(
            id="verify",
            asks="Who verifies access tokens?",
            holds="verified by",
            choices={
                "one": "one application alone",
                "central": "several services, which may ask a central one",
                "local": "several services, each by itself and without a call",
            },
            default=("one",),
        ),
        Question(
            id="unreadable",
            asks="Must what a token says be unreadable to who holds it?",
            holds="unreadable to its holder:",
            choices={"no": "no: ids and scopes are no secret", "yes": "yes"},
            default=("no",),
        ),
        Question(
            id="party",
            asks="Is somebody else's system in the path?",
            holds="in the path:",
            choices={
                "idp": "an identity provider that signs users in",
                "gateway": "a gateway or proxy that verifies tokens",
                "vendor": "products that speak OAuth and OpenID Connect",
            },
            default=(),
            many=True,
        ),
        Question(
            id="layers",
            asks="Does every layer (framework, proxy, gateway) pass the format?",
            holds="every layer passes the format:",
            choices={
                "any": "yes: none of them looks inside",
                "jwt": "some of them know JWT alone",
                "unknown": "nobody has checked",
            },
            default=("any",),
        ),
        Question(
            id="ends",
            asks="Does one party own both ends, who issues and who verifies?",
            holds="one party owns both ends:",
            choices={"one": "yes", "several": "no: others issue or verify as well"},
            default=("one",),
        ),
        Question(
            id="threat",
            asks="What is to be feared most?",
            holds="to be feared most:",
            choices={
                "xss": "foreign script in our pages",
                "replay": "stolen tokens that are used elsewhere",
                "insider": "somebody inside: an operator, a log, another service",
            },
            default=("xss",),
            many=True,
        ),
        Question(
            id="nodes",
            asks="How many processes answer requests?",
            holds="answered by",
            choices={
                "process": "one, and a restart may sign everybody out",
                "one": "one machine, and restarts change nothing",
                "several": "several machines",
            },
            default=("one",),
        ),
        Question(
            id="devices",
            asks="Is one user signed in on several devices?",
            holds="several devices of a user:",
            choices={"one": "no", "several": "yes, and may end each of them"},
            default=("several",),
        ),
        Question(
            id="team",
            asks="Who runs it at 2 AM?",
            holds="run by",
            choices={
                "open": "people who can learn either format",
                "small": "few people, who want what is best known",
                "jwt": "people who have run JWT, and never PASETO",
                "paseto": "people who have run PASETO",
            },
            default=("open",),
        ),
        Question(
            id="existing",
            asks="Is there a JWT system already?",
            holds="a JWT system already:",
            choices={
                "none": "no",
                "sound": "yes, and it is sound: one algorithm, exp, iss, aud, strong keys, a maintained library",
                "weak": "yes, and one of these is missing",
            },
            default=("none",),
        ),
        Question(
            id="level",
            asks="Which level of protection is asked for?",
            holds="protection of",
            choices={
                "ordinary": "an ordinary application",
                "regulated": "personal data or money under regulation (NIST AAL2, ASVS level 2)",
                "high": "banking, health, administration (NIST AAL3, ASVS level 3)",
            },
            default=("ordinary",),
        ),
        Question(
            id="needs",
            asks="What else is handed out?",
            holds="handed out:",
            choices={
                "api-keys": "API keys",
                "email": "links by e-mail: verification, password reset",
                "handover": "a payment or another hand-over to a second party",
            },
            default=("email",),
            many=True,
        ),
    )
}
