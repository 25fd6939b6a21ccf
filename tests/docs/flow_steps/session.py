"""A session: signed in, checked with each request, signed out."""

from __future__ import annotations

from functools import partial
from typing import Final

from tests.docs.sequence import Later, Part, Step

BROWSER, APP, STORE = "Browser", "Application", "Store"
_app = partial(Step, at=APP)

SESSION: Final = (
    Part(
        "",
        (BROWSER, APP, STORE),
        (
            Step(
                at=BROWSER,
                to=APP,
                stage="sign in",
                shown="POST /login, a name and a password",
                file="web/ratelimit.py",
                told="[Limit attempts](../how-to/limit-attempts.md) first. To compare the password is yours, or "
                "the auth server's.",
            ),
            _app(
                stage="issue",
                shown="ww_ss_ and 256 random bits",
                file="tokens/sessions.py",
                told="`sessions.start` makes the token. What the browser was signed in with before ends in the same "
                "transaction.",
            ),
            Step(
                at=APP,
                to=STORE,
                stage="keep",
                shown="SHA-256 of the secret; subject, roles, device, data",
                file="tokens/session_rows.py",
                told="The store gets a digest and a row, never the token.",
            ),
            Step(
                at=APP,
                to=BROWSER,
                answer=True,
                stage="carry",
                shown="Set-Cookie: __Host-Http-ww_sid; HttpOnly; Secure; SameSite=Lax",
                file="web/cookies.py",
                told="No script reads it, no other host sets it.",
            ),
            Later("with each request"),
            Step(
                at=BROWSER,
                to=APP,
                stage="carry",
                shown="GET /orders; the cookie goes along by itself",
                file="web/messages.py",
                told="So the page it comes from has to be looked at, below.",
            ),
            _app(
                stage="extract",
                shown="one cookie of that name, and no second credential",
                file="authn/credentials.py",
                told="Two cookies of the name, or a token in a header besides, are refused.",
            ),
            _app(
                stage="route",
                shown="in a cookie, ww_ss_ is a session",
                file="authn/authenticator.py",
                told="By carrier and beginning, never by what a token says of itself.",
            ),
            _app(
                stage="binding",
                shown="a change comes from a page of our own",
                file="web/csrf.py",
                told="CSRF: `Sec-Fetch-Site`, else `Origin`, else a token of this sign-in. "
                "[Why so early](../decisions/0002-csrf-before-lookup.md).",
            ),
            _app(
                stage="parse",
                shown="the prefix and 43 characters, one spelling",
                file="formats/opaque.py",
                told="What is written otherwise costs no look-up.",
            ),
            _app(
                stage="key",
                shown="the row by its digest: kept near, or one read",
                file="revocation/near.py",
                told="A row is kept near for `max_staleness` at most, a minute at the longest.",
            ),
            _app(
                stage="verify",
                shown="the digests are the same",
                file="crypto/digest.py",
                told="Compared in constant time.",
            ),
            _app(
                stage="claims",
                shown="neither idle nor absolute end is over",
                file="tokens/sessions.py",
                told="The row's own times: 30 minutes without a request, 12 hours in all.",
            ),
            _app(
                stage="revocation",
                shown="the View has heard of no end",
                file="revocation/view.py",
                ends=True,
                told="Of this token, its session, its subject, or everything. Past the lease the store is asked, or it "
                "is 503.",
            ),
            _app(
                stage="binding",
                shown="the device is the same, where that is asked for",
                file="authn/fingerprint.py",
                told="Off unless you switch it on: [bind tokens](../how-to/bind-tokens.md).",
            ),
            Step(
                at=APP,
                to=BROWSER,
                answer=True,
                stage="answer",
                shown="200: the route has a Principal",
                file="principal.py",
                told="All that the route sees; the token is not in it.",
            ),
            Later("sign-out, here or from another device"),
            Step(
                at=BROWSER,
                to=APP,
                stage="sign out",
                shown="POST /logout",
                file="integrations/words.py",
                told="`sign_out` ends the session and clears the cookie. Clearing alone would end nothing.",
            ),
            _app(
                stage="revoke",
                shown="the row becomes a tombstone, with a fact in the feed",
                file="tokens/sessions.py",
                ends=True,
                told="One transaction; its refresh families and access tokens end with it. `devices.end` does the "
                "same, and `revoke(subject=…)` and a new password write one fact for all that a user has.",
            ),
            Step(
                at=STORE,
                to=APP,
                answer=True,
                stage="follow",
                shown="to every process: what came after number S",
                file="runtime/follow.py",
                told="Each follows the feed into its own View.",
            ),
            _app(
                stage="revocation",
                shown="401: here at once, elsewhere within max_staleness",
                file="revocation/view.py",
                ends=True,
                told="A copy of the cookie is worth nothing. Who cannot hear says 503.",
            ),
        ),
    ),
)
