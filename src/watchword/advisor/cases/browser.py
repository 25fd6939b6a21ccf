"""What a browser holds, and who of a system's clients has one."""

from __future__ import annotations

from ..base import MINUTE, Rule, Says

READ_BY_SCRIPT = "any script in the page reads it, and it stays there after the page is closed"
NO_WAY_BACK = (
    "a long-lived signed session cannot be ended; with a blocklist and a user lookup it is a session with a signature"
)

RULES = (
    Rule(
        id="no-web-storage",
        question="client",
        says={"browser": Says(rejects={"local-storage": READ_BY_SCRIPT})},
        why="what script can read, foreign script can send away; HttpOnly stops the theft, though not misuse meanwhile",
        sources=("NIST SP 800-63B-4 §5.1", "draft-ietf-oauth-browser-based-apps §8", "ASVS 10.1.1"),
    ),
    Rule(
        id="no-signed-session",
        question="client",
        says={"browser": Says(rejects={"signed-session": NO_WAY_BACK})},
        why="a session has to end at sign-out; only what the server can look up or is told of can be ended",
        sources=("ASVS 7.4.1", "ASVS 7.2.1"),
    ),
    Rule(
        id="spa-own-back-end",
        question="client",
        when={"client": "spa"},
        says={
            "browser": Says(
                recommends="bff",
                offers={"token-cookie": "where that back end cannot pass calls on; then CSRF and an end by the feed"},
                rejects={"token-memory": "there is a back end that can hold the token, so that no script has to"},
                notes=(
                    "the back end adds the bearer token to each call it passes on, and checks where calls come from",
                ),
            )
        },
        why="with a back end of its own a front end needs no token: the browser has a cookie, the server the rest",
        sources=("draft-ietf-oauth-browser-based-apps §6.1", "ASVS 10.1.1"),
    ),
    Rule(
        id="spa-other-site",
        question="client",
        when={"client": "spa-cross"},
        says={
            "browser": Says(
                recommends="bff",
                offers={"token-memory": "where no back end can stand there; script holds the token then"},
                rejects={"token-cookie": "a cookie of another site is a third-party cookie, which browsers drop"},
                notes=("the back end stands on the site of the front end; the API behind it may be anywhere",),
            )
        },
        why="cookies do not cross sites; a back end on the front end's own site has the cookie and makes the calls",
        sources=("draft-ietf-oauth-browser-based-apps §6.1", "RFC 6265bis §5.2"),
    ),
    Rule(
        id="spa-alone",
        question="client",
        when={"client": "spa-alone"},
        says={
            "browser": Says(
                recommends="token-memory",
                offers={"bff": "a small server beside the static files is worth it: no token in script"},
                rejects={"token-cookie": "there is no server of its own that could set it or read it"},
                notes=(
                    "authorization code with PKCE; the refresh token out of script if at all possible",
                    'watchword.toml says why this risk is taken: accept_xss_storage_risk = "…"',
                ),
            ),
            "api": Says(lifetime=5 * MINUTE),
            "refresh": Says(
                notes=("a page has no secure storage: a cookie on the token endpoint's path, or a sign-in each time",)
            ),
        },
        why="without a back end the page has to hold a token: a short one, in memory, and nothing that lasts",
        sources=("draft-ietf-oauth-browser-based-apps §6.3", "RFC 9700 §2.1.1"),
        settings={
            "deployment.accept_xss_storage_risk": "no server could hold the token for the front end; it lives 5 min"
        },
    ),
    Rule(
        id="server-session",
        question="client",
        when={"client": "web internal"},
        says={
            "browser": Says(
                recommends="session",
                rejects={
                    "token-memory": "pages that the server writes need no token in script",
                    "token-cookie": "where one server answers, a session does the same and can be ended at any moment",
                },
            )
        },
        why="the server that writes the page can remember who reads it: only an id to steal, and an end at any time",
        sources=("ASVS 7.2.3", "ASVS 3.3.3", "NIST SP 800-63B-4 §5.1"),
    ),
    Rule(
        id="staff-sessions",
        question="client",
        when={"client": "internal"},
        says={
            "browser": Says(
                idle=30 * MINUTE,
                notes=("an administrator sees and ends any session: ww.sessions.list, ww.revoke(subject=…)",),
            )
        },
        why="whoever administers others has to be seen and stopped; that wants sessions that can be listed",
        sources=("ASVS 7.4.5", "ASVS 7.5.2"),
    ),
    Rule(
        id="foreign-script",
        question="threat",
        when={"threat": "xss"},
        says={
            "browser": Says(
                rejects={"token-memory": "foreign script in the page could take it; a cookie with HttpOnly stays"},
                notes=("a Content-Security-Policy with a nonce: secure_page()",),
            )
        },
        why="HttpOnly keeps a cookie from script; what script does meanwhile from the page, a policy on script limits",
        sources=("ASVS 3.3.4", "ASVS 3.4.3"),
    ),
    Rule(
        id="no-browser",
        question="default",
        unless={"client": "web spa spa-cross spa-alone internal"},
        says={"browser": Says(recommends="none")},
        why="none of the clients is a browser",
        sources=("ASVS 10.1.1",),
    ),
)
