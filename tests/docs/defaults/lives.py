"""Defaults of time: how long things live, clocks, and how late a revocation may be heard."""

from __future__ import annotations

from tests.docs.defaults.base import Row, of
from watchword import (
    OneTimeTokens,
    RefreshTokens,
    Sessions,
    Watchword,
    claims,
)
from watchword.authn import dpop, nonces
from watchword.revocation import near, view
from watchword.runtime import follow
from watchword.tokens import one_time, refresh, session_rows
from watchword.tokens.base import KINDS
from watchword.web.token_cookies import TokenCookies

JUDGE = claims.ClaimsPolicy(issuer="https://i.example", audiences=frozenset({"a"}))

LIVES = (
    Row(
        what="session: without a request",
        value=of(Watchword, "session_idle"),
        settings=("session.idle",),
        keywords=("session_idle",),
        same=(of(Sessions, "idle"),),
        source="63B §2.2.3 (1 h at AAL2), OWASP Session Management (15 to 30 min), ASVS 7.3.1",
    ),
    Row(
        what="session: in all",
        value=KINDS["session"].life,
        settings=("session.absolute",),
        keywords=("session_absolute",),
        source="63B §2.2.3 (24 h at AAL2), ASVS 7.3.2",
    ),
    Row(
        what="session: in all, when it is remembered",
        value=of(Sessions, "remember"),
        same=(KINDS["session"].cap,),
        how="`Sessions(remember=)`",
        source="63B §2.1.3 (30 d at AAL1)",
    ),
    Row(
        what="session: live ones of a subject",
        value=of(Watchword, "session_limit"),
        settings=("session.limit",),
        keywords=("session_limit",),
        none="no limit",
        source="ASVS 7.1.2 wants it decided: a decision of the product, so there is none unless said",
    ),
    Row(
        what="session: told of one that ends for the limit",
        value=of(Watchword, "on_session_limit"),
        keywords=("on_session_limit",),
        none="nobody",
        source="Ours: there is no limit to tell of",
    ),
    Row(
        what="session: how often *last seen* is written",
        value=session_rows.TOUCH_EVERY,
        unit="s",
        source="Ours: a write a minute and not a request; a session never ends early for it",
    ),
    Row(
        what="access token",
        value=KINDS["access"].life,
        settings=("access.lifetime",),
        keywords=("access_lifetime",),
        source="RFC 6750 §5.3 (an hour or less)",
    ),
    Row(
        what="access token: the longest",
        value=KINDS["access"].cap,
        source="Ours: what is longer wants a record, so a refresh token or a session",
    ),
    Row(
        what="opaque access token",
        value=KINDS["opaque_access"].life,
        settings=("opaque_access.lifetime",),
        keywords=("opaque_access_lifetime",),
        source="As an access token",
    ),
    Row(
        what="service token",
        value=KINDS["service"].life,
        settings=("service.lifetime",),
        keywords=("service_lifetime",),
        source="RFC 6750 §5.3; one is issued for each call, or every few minutes",
    ),
    Row(
        what="service token: the longest", value=KINDS["service"].cap, source="Ours: a service can always issue another"
    ),
    Row(
        what="refresh token: unused",
        value=KINDS["refresh"].life,
        how="`RefreshTokens(idle=)`",
        source="RFC 9700 §4.14.2 (expire when unused for some time)",
    ),
    Row(
        what="refresh token: its family, in all, never extended",
        value=KINDS["refresh"].cap,
        how="`RefreshTokens(life=)`",
        source="ASVS 10.4.8, RFC 9700 §4.14.2",
    ),
    Row(
        what="refresh token: the last predecessor may come again",
        value=of(Watchword, "refresh_grace"),
        settings=("refresh.grace",),
        keywords=("refresh_grace",),
        same=(of(RefreshTokens, "grace"),),
        source="Ours, a deviation from ASVS 10.4.5: it gets the very same successor, and nothing forks",
    ),
    Row(
        what="refresh token: the longest such grace",
        value=refresh.LONGEST_GRACE,
        unit="s",
        source="Ours: in a longer one reuse goes unseen",
    ),
    Row(
        what="API key",
        value=KINDS["api_key"].life,
        how="`issue(lifetime=)`; None is no end",
        source="ASVS 13.3.4 (secrets expire); a quarter is ours",
    ),
    Row(what="API key: the longest with an end", value=KINDS["api_key"].cap, source="Ours: a year"),
    Row(
        what="one-time token for `email-verification`",
        value=one_time.PURPOSES["email-verification"],
        how="`issue(lifetime=)`",
        source="63B §4.2.1.2 (24 h at most by e-mail), ASVS 6.5.5",
    ),
    Row(
        what="one-time token for `password-reset`",
        value=one_time.PURPOSES["password-reset"],
        how="`issue(lifetime=)`",
        source="63B §4.2.1.2; shorter is ours",
    ),
    Row(
        what="one-time token for `magic-link`",
        value=one_time.PURPOSES["magic-link"],
        how="`issue(lifetime=)`",
        source="ASVS 6.5.5 (10 min at most out of band)",
    ),
    Row(what="one-time token: the longest", value=KINDS["one_time"].cap, source="Ours: an invitation"),
    Row(
        what="one-time token: time to the next for the same subject and purpose",
        value=of(Watchword, "one_time_every"),
        settings=("one_time.every",),
        keywords=("one_time_every",),
        same=(of(OneTimeTokens, "every"),),
        source="ASVS 6.3.1: nobody's mailbox is flooded through us",
    ),
    Row(
        what="sealed token",
        value=KINDS["sealed"].life,
        settings=("sealed.lifetime",),
        keywords=("sealed_lifetime",),
        source="Ours: the time of a hand-over, and it opens once when it is redeemed",
    ),
    Row(what="sealed token: the longest", value=KINDS["sealed"].cap, source="Ours"),
    Row(
        what="token cookies: a sign-in that is not remembered",
        value=of(TokenCookies, "life"),
        how="`TokenCookies(life=)`",
        source="As a session",
    ),
)

TIMES = (
    Row(
        what="leeway on `exp`",
        value=JUDGE.exp_leeway,
        unit="s",
        how="`exp_leeway=`, 60 s at most",
        source="RFC 7519 §4.1.4 allows some; ours is the strict one",
    ),
    Row(
        what="leeway on `nbf` and `iat`",
        value=JUDGE.leeway,
        unit="s",
        how="`leeway=`, 60 s at most",
        source="FAPI 2.0: 10 s in the future are taken, 60 s are not",
    ),
    Row(what="the most leeway", value=claims.MAX_LEEWAY, unit="s", source="FAPI 2.0"),
    Row(what="DPoP proof: the oldest", value=dpop.OLDEST, unit="s", source="RFC 9449 §11.1: a brief time"),
    Row(what="DPoP proof: from the future", value=dpop.EARLIEST, unit="s", source="FAPI 2.0"),
    Row(
        what="DPoP proof: remembered at least",
        value=dpop.REMEMBERED,
        unit="s",
        source="RFC 9449 §11.1: longer than any proof is good",
    ),
    Row(what="DPoP nonce: a new one every", value=nonces.ROTATION, unit="s", source="RFC 9449 §8"),
)

REVOCATION = (
    Row(
        what="how old the last word about revocations may be",
        value=of(Watchword, "max_staleness"),
        settings=("max_staleness",),
        keywords=("max_staleness",),
        source="Ours: ASVS 8.3.2 wants changes at once, or a bound that is declared",
    ),
    Row(
        what="past that",
        value=of(Watchword, "on_stale"),
        settings=("on_stale",),
        keywords=("on_stale",),
        source="ASVS 16.5.3 (no failure opens)",
    ),
    Row(
        what="how long a route of low risk may be open past it",
        value=of(Watchword, "open_for"),
        settings=("open_for",),
        keywords=("open_for",),
        source="ASVS 16.5.3",
    ),
    Row(what="the longest of that", value=view.LONGEST_OPEN, unit="s", source="Ours: the life of an access token"),
    Row(
        what="a database on the net is asked every",
        value=follow.EVERY_REMOTE,
        unit="s",
        source="Ours: a fifth of the bound, so four may fail",
    ),
    Row(
        what="SQLite is looked at every",
        value=follow.EVERY_INLINE,
        unit="s",
        source="Ours: one PRAGMA, no read of a page",
    ),
    Row(
        what="a session that was looked up answers from memory",
        value=of(Watchword, "session_near"),
        settings=("session.near",),
        keywords=("session_near",),
        same=(of(Sessions, "near"),),
        source="Ours: under the same bound; ASVS 7.4.1 holds within it",
    ),
    Row(what="records kept near, of each kind", value=near.CAPACITY, source="Ours: some megabytes"),
    Row(
        what="rows of the audit trail are kept",
        value=of(Watchword, "audit_retention"),
        settings=("audit_retention",),
        keywords=("audit_retention",),
        none="for ever",
        source="ASVS 14.2.7 wants it decided: what the law asks for differs",
    ),
)
