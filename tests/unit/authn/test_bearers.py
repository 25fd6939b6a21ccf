"""Our own access tokens and those of other issuers in one place: each is judged by its own keys alone (T19)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from watchword.authn.authenticator import Authenticator
from watchword.authn.bearers import Bearers
from watchword.clock import FrozenClock
from watchword.encoding import b64url, dump_json
from watchword.errors import (
    AlgorithmError,
    BindingError,
    ConfigurationError,
    MalformedTokenError,
    PrefixClashError,
    SignatureError,
    TokenError,
    TokenExpiredError,
    TokenRevokedError,
    UnknownKeyError,
    WrongAudienceError,
    WrongIssuerError,
    WrongTypeError,
)
from watchword.keys.discovery import alias
from watchword.keys.key import Key
from watchword.keys.ring import KeyRing
from watchword.revocation.event import event
from watchword.revocation.view import OnStale, View
from watchword.stores.base import Feed
from watchword.tokens.access import AccessTokens
from watchword.tokens.foreign import AUTH0, ForeignTokens
from watchword.web.messages import Connection

US, THEM, API = "https://app.example", "https://them.example/", "https://api.example"
CLOCK = FrozenClock(1_800_000_000)
NOW = CLOCK.now()


class Both:
    """Our ring and theirs, and what both sign."""

    def __init__(self, *, own: Key | None = None, theirs: Key | None = None, view: View | None = None) -> None:
        self.own = own or Key.generate("ES256")
        self.theirs = theirs or Key.generate("RS256")
        self.ring = KeyRing.of(self.own, Key.generate("v4.public"), clock=CLOCK)
        self.access = AccessTokens(self.ring, issuer=US, audience=API, view=view)
        foreign_ring = KeyRing.of(self.theirs.public(), clock=CLOCK)
        self.foreign = ForeignTokens(foreign_ring, issuer=THEM, audience=API, profile=AUTH0)
        self.bearers = Bearers(self.access, self.ring, self.foreign)

    def their_token(self, key: Key | None = None, head: dict[str, Any] | None = None, **more: Any) -> str:
        key = key or self.theirs
        header = {"alg": key.algorithm.name, "kid": key.kid, "typ": "JWT"} | (head or {})
        claims = {"iss": THEM, "sub": "auth0|7", "aud": API, "azp": "c", "iat": NOW, "exp": NOW + 60} | more
        header = {name: value for name, value in header.items() if value is not None}
        message = f"{b64url(dump_json(header))}.{b64url(dump_json(claims))}"
        return f"{message}.{b64url(key.sign(message.encode()))}"


async def test_each_is_taken_and_told_apart() -> None:
    both = Both()
    for format in ("jwt", "paseto"):
        who = await both.bearers.authenticate(both.access.issue("user-7", format=format).token)
        assert (who.subject, who.issuer) == ("user-7", None)
    for kid in ({}, {"kid": None}):
        who = await both.bearers.authenticate(both.their_token(head=kid))
        assert (who.subject, who.issuer) == ("auth0|7", THEM)


async def test_t19_a_key_vouches_for_its_own_side_alone() -> None:
    both = Both()
    ours = both.access.issue("user-7").token
    as_them = AccessTokens(both.ring, issuer=THEM, audience=API).issue("user-7").token
    refused: list[tuple[type[TokenError], str]] = [
        (WrongIssuerError, as_them),  # our key, their name
        (WrongIssuerError, both.their_token(iss=US)),  # their key, our name
        (SignatureError, both.their_token(head={"kid": both.own.kid, "alg": "ES256", "typ": "at+jwt"})),
        (SignatureError, both.their_token(both.own, head={"kid": both.theirs.kid, "alg": "RS256"})),
        (AlgorithmError, both.their_token(head={"kid": both.own.kid, "typ": "at+jwt"})),
        (WrongTypeError, both.their_token(both.own)),  # our key, their type
        (SignatureError, ours[:-6] + "AAAAAA"),
        (UnknownKeyError, AccessTokens(KeyRing.generate("v4.public"), issuer=US, audience=API).issue("u").token),
        (UnknownKeyError, both.their_token(Key.generate("RS256"))),
        (WrongAudienceError, both.their_token(aud="https://other.example")),
        (TokenExpiredError, both.their_token(exp=NOW, iat=NOW - 60)),
        (AlgorithmError, both.their_token(head={"alg": "none"})),
    ]
    for error, token in refused:
        with pytest.raises(error):
            await both.bearers.authenticate(token)


async def test_a_key_id_that_both_have_is_ours() -> None:
    """Then theirs is refused, and never the other way round: what they publish cannot turn our tokens away."""
    both = Both(own=Key.generate("ES256", kid="1"), theirs=Key.generate("ES256", kid="1"))
    assert (await both.bearers.authenticate(both.access.issue("user-7").token)).issuer is None
    for head in ({}, {"typ": "at+jwt"}):
        with pytest.raises(TokenError):
            await both.bearers.authenticate(both.their_token(head=head))


async def test_what_we_revoked_is_not_asked_of_others() -> None:
    view = View(clock=CLOCK)
    view.hear(Feed("epoch", 0), asked_after=0, sent_at=CLOCK.monotonic())
    both = Both(view=view)
    issued = both.access.issue("user-7")
    fact = event("token", issued.token_id, now=NOW)
    view.hear(Feed("epoch", 1, events=(fact,)), asked_after=0, sent_at=CLOCK.monotonic())

    async def never(untrusted: object, *, on_stale: OnStale | None = None) -> Any:
        raise AssertionError

    both.foreign.authenticate = never  # type: ignore[method-assign]  # whoever asks them fails
    for token in (issued.token, issued.token):
        with pytest.raises(TokenRevokedError):
            await both.bearers.authenticate(token)


async def test_a_key_id_with_characters_of_its_own() -> None:
    odd = "ab+/="
    both = Both()
    ring = KeyRing.of(Key.from_jwk(both.theirs.public().to_jwk() | {"kid": alias(odd)}), clock=CLOCK)
    bearers = Bearers(both.access, both.ring, ForeignTokens(ring, issuer=THEM, audience=API, profile=AUTH0))
    assert (await bearers.authenticate(both.their_token(head={"kid": odd}))).issuer == THEM


async def test_nonsense_is_a_token_error() -> None:
    both = Both()
    for untrusted in (
        "",
        "eyJ",
        "eyJ..",
        "eyJhIjoxfQ.e30.e30",
        "v4.public.AAAA",
        "x" * 20_000,
        "eyJ" * 9000,
        None,
        7,
        b"\xff",
    ):
        with pytest.raises(TokenError):
            await both.bearers.authenticate(untrusted)
    with pytest.raises(TokenError):
        await both.bearers.authenticate(f"{b64url(json.dumps({'alg': 'ES256', 'kid': ['x']}).encode())}.e30.e30")


async def test_only_our_own_is_revoked_here() -> None:
    both = Both()
    assert (await both.bearers.revocation_of(both.access.issue("user-7").token)) is not None
    with pytest.raises(TokenError):
        await both.bearers.revocation_of(both.their_token())
    with pytest.raises(ConfigurationError):
        await both.foreign.revocation_of(both.their_token())


async def test_in_the_corridor() -> None:
    both = Both()
    with pytest.raises(PrefixClashError, match="Bearers"):
        Authenticator((both.access, both.foreign))
    corridor = Authenticator((both.bearers,))

    def presenting(token: str) -> Connection:
        headers = ((b"host", b"api.example"), (b"authorization", b"Bearer " + token.encode()))
        return Connection(method="GET", scheme="https", headers=headers)

    for token, issuer in ((both.access.issue("user-7").token, None), (both.their_token(), THEM)):
        who = await corridor.authenticate(presenting(token))
        assert who is not None
        assert who.issuer == issuer
    with pytest.raises(MalformedTokenError):
        await corridor.authenticate(presenting("ww_ss_x"))


async def test_a_bound_token_of_ours_walks_on_to_its_proof_and_theirs_does_not() -> None:
    both = Both()
    jkt = Key.generate("ES256").thumbprint()
    for format in ("jwt", "paseto"):
        bound = both.access.issue("user-7", format=format, bind=jkt).token
        assert (await both.bearers.unproven(bound)).jkt == jkt
        with pytest.raises(BindingError):
            await both.bearers.authenticate(bound)
        for door in (Authenticator((both.bearers,)), Authenticator((both.access,))):
            for scheme in ("DPoP", "Bearer"):
                headers = [(b"authorization", f"{scheme} {bound}".encode())]
                with pytest.raises(BindingError):
                    await door.authenticate(Connection("GET", "/", headers=headers))
    theirs = both.their_token(cnf={"jkt": jkt})
    for ask in (both.bearers.unproven, both.bearers.authenticate):
        with pytest.raises(BindingError):
            await ask(theirs)
    assert (await both.bearers.unproven(both.their_token())).issuer == THEM
