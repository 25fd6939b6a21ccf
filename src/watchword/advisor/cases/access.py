"""What an API is called with."""

from __future__ import annotations

from ..base import MINUTE, Rule, Says

BEARERS = "spa-cross spa-alone mobile device partner cli"
"""Clients that cannot, or need not, come with a cookie of ours."""
PEOPLE = "web spa spa-cross spa-alone mobile device partner cli internal"
"""Every client that is no service of ours."""
FEWER_WAYS = "where people want it: no algorithm to choose, fewer ways to be wrong"
EVERYTHING = "where something that knows JWT alone may come into the path"
MINTS = "whoever can verify with a shared key can issue as well; each service would be an issuer"
UNDER_THE_VIEW = "no call a request; it ends within the declared max_staleness (5 s), or the verifier says 503"
OTHERS = "identity providers, gateways and vendors speak JWT; PASETO would end at the first of them"

RULES = (
    Rule(
        id="layers-know-jwt",
        question="layers",
        when={"layers": "jwt"},
        says={
            "api": Says(rejects={"paseto": "a layer in the path knows JWT alone", "local": "a layer has to read it"}),
            "service": Says(rejects={"paseto": "a layer between the services knows JWT alone"}),
        },
        why="a format that one layer refuses does not arrive; check each of them before anything but JWT is adopted",
        sources=("RFC 9068 §1", "PASETO specification"),
    ),
    Rule(
        id="layers-unchecked",
        question="layers",
        when={"layers": "unknown"},
        says={
            "api": Says(rejects={"paseto": "nobody has checked that every layer passes it; JWT is what they all know"}),
            "service": Says(rejects={"paseto": "nobody has checked that every layer between the services passes it"}),
        },
        why="what nobody has checked fails at 2 AM; until then the format that everything knows",
        sources=("RFC 9068 §1",),
    ),
    Rule(
        id="others-speak-jwt",
        question="party",
        when={"party": "idp gateway vendor"},
        says={
            "api": Says(rejects={"paseto": OTHERS}),
            "service": Says(rejects={"paseto": OTHERS}),
            "browser": Says(
                notes=("a provider signs users in; the session is ours, and its tokens stay on the server",)
            ),
        },
        why="OAuth, OpenID Connect and the gateways around them are specified for JOSE",
        sources=("RFC 9068 §2", "OpenID Connect Core §2"),
    ),
    Rule(
        id="partners-integrate",
        question="client",
        when={"client": "partner"},
        says={
            "api": Says(
                offers={"jwt": "where a gateway of theirs or yours has to verify without asking"},
                rejects={"paseto": "partners have to integrate with what their languages and gateways know"},
                notes=("a partner gets its tokens with client credentials, bound to its audience and scopes",),
            )
        },
        why="each partner is another team with another stack: OAuth tokens, as JWT or opaque, are what all can handle",
        sources=("RFC 6749 §4.4", "RFC 9068 §2"),
    ),
    Rule(
        id="services-alone",
        question="client",
        unless={"client": PEOPLE},
        says={"api": Says(recommends="none")},
        why="services call each other with service tokens; nobody else calls",
        sources=("ASVS 13.2.1",),
    ),
    Rule(
        id="keep-what-is-sound",
        question="existing",
        when={"existing": "sound"},
        unless={"stop": "at-once"},
        says={
            "api": Says(
                recommends="existing",
                rejects={
                    "paseto": "what is there is sound; another format mends nothing and has to be learned",
                    "opaque": "what is there is sound, and what must end sooner ends by the feed",
                    "jwt": "it is there already",
                    "cookie": "the API has its tokens already",
                },
                notes=("its tokens end with the rest where verifiers follow the feed (ww.revoke), or by jti",),
            ),
            "service": Says(recommends="jwt", rejects={"paseto": "what is there is sound, and it is JWT"}),
        },
        why="a JWT system with one algorithm, exp, iss, aud and strong keys is not the problem; migrations are",
        sources=("RFC 8725 §3",),
        checklist=(
            "one algorithm for each key, fixed by the verifier and not by the token (RFC 8725 §3.1)",
            "exp on every token, 15 minutes at most; iss and aud compared (RFC 8725 §3.8, §3.9)",
            "typ says what a token is for: at+jwt (RFC 8725 §3.11, RFC 9068 §2.1)",
            "keys are random, of 256 bits or RSA 3072; no secret in two services (RFC 8725 §3.5)",
            "signing keys are published before they sign, and kept until their last token has expired",
            "a maintained library; jku, jwk and x5u in a header are never followed (RFC 8725 §3.10)",
            "refresh tokens, reset links and API keys are not JWTs (RFC 9700 §4.14.2, ASVS 7.4.1)",
            "there is a way to end a token before it expires, by jti, and it has been tried (ASVS 7.4.1)",
        ),
    ),
    Rule(
        id="mend-first",
        question="existing",
        when={"existing": "weak"},
        says={"api": Says(rejects={"existing": "one algorithm, exp, iss, aud, strong keys: one of these is missing"})},
        why="what lets a forged or a stolen token in has to change in any case; then change to what fits",
        sources=("RFC 8725 §2", "RFC 8725 §3"),
        checklist=(
            "first close the hole: fix the algorithm, ask for exp, iss and aud, make new keys (RFC 8725 §3)",
            "issue the new tokens beside the old ones, take both, and stop taking the old ones after their life",
        ),
    ),
    Rule(
        id="nothing-to-keep",
        question="existing",
        when={"existing": "none"},
        says={"api": Says(rejects={"existing": "there is none"})},
        why="there is no JWT system that could be kept",
        sources=("RFC 8725 §3",),
    ),
    Rule(
        id="cookie-is-enough",
        question="client",
        when={"verify": "one"},
        unless={"client": BEARERS},
        says={
            "api": Says(
                recommends="cookie",
                rejects=dict.fromkeys(
                    ("opaque", "jwt", "paseto"),
                    "the browser has a session, and one application answers: a token would add nothing",
                ),
            )
        },
        why="the pages of one application call it with the cookie they have",
        sources=("ASVS 10.1.1", "ASVS 3.5.1"),
    ),
    Rule(
        id="no-cookie-of-ours",
        question="client",
        when={"client": BEARERS},
        says={"api": Says(rejects={"cookie": "clients without a browser on our site have no cookie of ours"})},
        why="a cookie belongs to a browser and one site; programs and other sites come with a token",
        sources=("RFC 6750 §2.1", "RFC 6265bis §5.2"),
    ),
    Rule(
        id="cookies-stay-on-their-site",
        question="verify",
        when={"verify": "central local"},
        says={"api": Says(rejects={"cookie": "the session goes to one site; the other services get tokens"})},
        why="a session that every service can read is a key to all of them; each service gets a token for itself",
        sources=("ASVS 10.3.1", "RFC 9700 §2.3"),
    ),
    Rule(
        id="end-at-once",
        question="stop",
        when={"stop": "at-once"},
        says={
            "api": Says(
                recommends="opaque",
                offers={"jwt": UNDER_THE_VIEW, "paseto": UNDER_THE_VIEW},
                stops_within=0,
                rejects={"existing": "a signed token that nobody asks about lives until it expires"},
                notes=(
                    "signed tokens under the View are the other way: no call, and an end within max_staleness (5 s)",
                ),
            ),
            "service": Says(
                recommends="opaque", offers={"jwt": UNDER_THE_VIEW, "paseto": UNDER_THE_VIEW}, stops_within=0
            ),
            "browser": Says(stops_within=0),
            "api-keys": Says(stops_within=0),
            "handover": Says(stops_within=0),
        },
        why="not one request later means that each request asks the record: then the token may as well be its key",
        sources=("RFC 7662 §2", "ASVS 7.4.1"),
        settings={"max_staleness": 0, "on_stale": "ask", "session.near": False},
    ),
    Rule(
        id="many-may-ask",
        question="verify",
        when={"verify": "central"},
        says={
            "api": Says(
                recommends="opaque",
                offers={"jwt": "where a call to the central service is one too many"},
                rejects={"hs256": MINTS, "local": MINTS},
                notes=("services ask by introspection; what they heard is kept near, within the lease",),
            )
        },
        why="where a central service may be asked, an opaque token hides its content and ends when its row ends",
        sources=("RFC 7662 §2", "ASVS 10.3.1"),
        settings={"deployment.verifiers": 2},
    ),
    Rule(
        id="hidden-from-the-holder",
        question="unreadable",
        when={"unreadable": "yes", "verify": "one"},
        says={
            "api": Says(
                recommends="opaque",
                offers={"local": "it saves the look-up: access.single_service, v4.local, or JWE where JOSE is there"},
            )
        },
        why="an opaque token has nothing to read and can be ended; encryption hides the same, and needs a key besides",
        sources=("ASVS 14.2.6", "RFC 9068 §6"),
        settings={"strict": True},
    ),
    Rule(
        id="ids-alone",
        question="unreadable",
        when={"unreadable": "yes", "verify": "central local"},
        says={
            "api": Says(
                offers={"opaque": "who verifies asks what it says by introspection; its holder sees nothing"},
                rejects={"local": "each service that opens it needs the key, and could issue with it"},
                notes=("a signed token says ids and scopes alone; what must not be read stays in the database",),
            )
        },
        why="a key that hides from the holder and opens in many services is a shared secret: do not send it",
        sources=("ASVS 14.2.6", "RFC 9068 §6", "RFC 7515 §10.5"),
        settings={"strict": True},
    ),
    Rule(
        id="verify-each-by-itself",
        question="verify",
        when={"verify": "local"},
        says={"api": Says(rejects={"hs256": MINTS, "local": MINTS})},
        why="several verifiers, one issuer: a key pair, of which they have the public half",
        sources=("RFC 7515 §10.5", "ASVS 11.6.1"),
        settings={"deployment.verifiers": 2},
    ),
    Rule(
        id="stopped-and-local",
        question="stop",
        when={"verify": "local", "stop": "seconds minutes"},
        says={
            "api": Says(
                offers={"opaque": "the other way: introspection at each request, and an end at once"},
                notes=("each service follows the feed: no call a request, an end within max_staleness (5 s), or 503",),
            )
        },
        why="both can be had: signed tokens checked in memory against a View whose age has a declared bound",
        sources=("ASVS 7.4.1", "ASVS 8.3.2"),
        settings={"max_staleness": 5},
    ),
    Rule(
        id="jwt-for-others",
        question="party",
        when={"party": "idp gateway vendor"},
        says={"api": Says(recommends="jwt"), "service": Says(recommends="jwt")},
        why="who else reads the token reads JWT",
        sources=("RFC 9068 §2",),
    ),
    Rule(
        id="others-at-one-end",
        question="ends",
        when={"ends": "several", "verify": "local"},
        says={
            "api": Says(recommends="jwt", rejects={"paseto": "the other end is somebody else's, who has to integrate"}),
            "service": Says(recommends="jwt", rejects={"paseto": "the other end is somebody else's"}),
        },
        why="between parties the format is what both sides have libraries, gateways and people for",
        sources=("RFC 9068 §2", "RFC 8725 §3"),
    ),
    Rule(
        id="boring-answer",
        question="team",
        when={"team": "small jwt", "verify": "local"},
        says={
            "api": Says(recommends="jwt", offers={"paseto": FEWER_WAYS}),
            "service": Says(recommends="jwt", offers={"paseto": FEWER_WAYS}),
        },
        why="what the people on call have seen before is mended sooner; the checks are the same in both formats",
        sources=("RFC 8725 §3", "RFC 9068 §2"),
    ),
    Rule(
        id="own-both-ends",
        question="ends",
        when={"ends": "one", "verify": "local"},
        says={
            "api": Says(recommends="paseto", offers={"jwt": EVERYTHING}),
            "service": Says(recommends="paseto", offers={"jwt": EVERYTHING}),
        },
        why="one party owns issuer and verifiers: PASETO public has no algorithm to choose and fewer ways to be wrong",
        sources=("PASETO specification", "RFC 8725 §2.1"),
    ),
    Rule(
        id="local-after-all",
        question="default",
        when={"verify": "local"},
        says={"api": Says(recommends="jwt")},
        why="where others verify: JWT, signed with ES256",
        sources=("RFC 9068 §2", "RFC 8725 §3.1"),
    ),
    Rule(
        id="short-access",
        question="default",
        says={"api": Says(lifetime=15 * MINUTE)},
        why="a stolen token works until it expires or is stopped; long lives are for refresh tokens and sessions",
        sources=("RFC 6750 §5.3",),
    ),
    Rule(
        id="opaque-when-in-doubt",
        question="default",
        says={
            "api": Says(
                recommends="opaque",
                rejects={
                    "hs256": "it would do in one process; on the day a second service verifies, every token changes",
                    "local": "an opaque token hides as much, needs no key, and can be ended",
                },
            )
        },
        why="one application that knows its own tokens needs no signature, and can end each of them",
        sources=("ASVS 7.2.3", "RFC 7662 §4"),
    ),
)
