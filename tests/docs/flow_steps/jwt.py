"""A JWT with its refresh token: issued, verified under the View, refreshed, revoked."""

from __future__ import annotations

from functools import partial
from typing import Final

from tests.docs.sequence import Later, Part, Step

CLIENT, ISSUER, API = "Client", "Auth server", "API"
_api = partial(Step, at=API)

JWT: Final = (
    Part(
        "",
        (CLIENT, ISSUER, API),
        (
            Step(
                at=CLIENT,
                to=ISSUER,
                stage="sign in",
                shown="POST /account/tokens, with its session",
                file="server/endpoints/account_tokens.py",
                told="Who is signed in asks for tokens. A token cannot ask for more tokens.",
            ),
            Step(
                at=ISSUER,
                stage="issue",
                shown="a refresh family, generation 1; opaque",
                file="tokens/refresh.py",
                told="Its row holds the generation and a digest. It ends with the session.",
            ),
            Step(
                at=ISSUER,
                stage="issue",
                shown="a JWT, at+jwt, ES256, 15 minutes",
                file="tokens/access.py",
                told="Nothing of it is stored. `sid`, `fam` and `rev` say what it belongs to, to end with that.",
            ),
            Step(
                at=ISSUER,
                to=CLIENT,
                answer=True,
                stage="carry",
                shown="access token and refresh token",
                file="server/token_reply.py",
                told="The first into memory, the second [where it is safe](where-to-keep-a-token.md).",
            ),
            Later("beside the requests"),
            Step(
                at=API,
                to=ISSUER,
                stage="follow",
                shown="GET /.well-known/jwks.json, and again before it is old",
                file="runtime/refresh.py",
                told="Public keys. While the server is away, those that are known go on.",
            ),
            Step(
                at=API,
                to=ISSUER,
                stage="follow",
                shown="GET /revocations: what came after S?",
                file="runtime/feed_follower.py",
                told="Each question has a random number of its own, and is held for a while until there is news.",
            ),
            Step(
                at=ISSUER,
                to=API,
                answer=True,
                stage="follow",
                shown="a signed answer, good for max_staleness",
                file="revocation/answer.py",
                told="Signed with that number in it, so no old answer counts. The lease runs from when it was asked.",
            ),
            Later("with each request"),
            Step(
                at=CLIENT,
                to=API,
                stage="carry",
                shown="Authorization: Bearer eyJ…",
                file="web/messages.py",
                told="No browser sends this by itself, so there is no CSRF.",
            ),
            _api(
                stage="extract",
                shown="one token in one header; never from the URL",
                file="authn/credentials.py",
                told="One scheme, one space, one token.",
            ),
            _api(
                stage="route",
                shown="a bearer that begins with eyJ is an access token",
                file="authn/authenticator.py",
                told="A refresh token or a session does not get past here.",
            ),
            _api(
                stage="parse",
                shown="three segments, strict base64url and JSON",
                file="formats/compact.py",
                told="Read, and not yet believed.",
            ),
            _api(
                stage="key",
                shown="the key by kid; the header may only agree with it",
                file="keys/ring.py",
                told="Each key has one algorithm. A key in the header is never used, and `typ` has to be `at+jwt`.",
            ),
            _api(
                stage="verify",
                shown="ES256 over header and claims",
                file="crypto/signing.py",
                told="Only now the claims are anybody's word.",
            ),
            _api(
                stage="claims",
                shown="iss, aud, exp, nbf, iat",
                file="claims.py",
                told="Meant for us, now. `exp` has to be there.",
            ),
            _api(
                stage="revocation",
                shown="jti, sid, fam, sub, client, key: none has ended",
                file="revocation/view.py",
                ends=True,
                told="Look-ups in memory. Past the lease it is 503, or what the route has declared.",
            ),
            _api(
                stage="binding",
                shown="bound to a key: its proof, or it is refused",
                file="authn/binding.py",
                told="DPoP, where the API is a Watchword of the same store. With an issuer's keys alone, bound tokens "
                "are refused.",
            ),
            Step(
                at=API,
                to=CLIENT,
                answer=True,
                stage="answer",
                shown="200, and nobody was asked",
                file="principal.py",
                told="The route has a Principal.",
            ),
            Later("15 minutes later"),
            Step(
                at=API,
                to=CLIENT,
                answer=True,
                stage="claims",
                shown="401: exp is over",
                file="claims.py",
                told="The client refreshes, and tries once more.",
            ),
            Step(
                at=CLIENT,
                to=ISSUER,
                stage="carry",
                shown="POST /oauth/token, the refresh token in the body",
                file="server/endpoints/oauth_token.py",
                told="To the auth server, and to nobody else.",
            ),
            Step(
                at=ISSUER,
                stage="rotate",
                shown="one successor; a spent one that comes late ends it all",
                file="tokens/refresh.py",
                ends=True,
                told="Within 10 s the last one gets the same successor again. Later it is reuse: family, session and "
                "access tokens end. [Why](refresh.md).",
            ),
            Step(
                at=ISSUER,
                to=CLIENT,
                answer=True,
                stage="carry",
                shown="the next pair",
                file="server/token_reply.py",
                told="Store the refresh token before the access token is used.",
            ),
            Later("a telephone is lost"),
            Step(
                at=ISSUER,
                stage="revoke",
                shown="a fact in the feed: this family, this session",
                file="runtime/revoker.py",
                ends=True,
                told="`ww.devices.end` or `ww.revoke(…)`: one transaction. Its next refresh is refused.",
            ),
            Step(
                at=ISSUER,
                to=API,
                answer=True,
                stage="follow",
                shown="the question that was held is answered",
                file="server/endpoints/revocations.py",
                told="At once, for every API that follows.",
            ),
            _api(
                stage="revocation",
                shown="401, although exp is not over",
                file="revocation/view.py",
                ends=True,
                told="Within `max_staleness` at the latest, or 503.",
            ),
        ),
    ),
)
