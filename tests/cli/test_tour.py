"""No step of the tour is a no-op: against a server with one thing wrong, the step that looks at it does not hold."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec
import pytest
from starlette.requests import Request
from starlette.responses import Response

from tests.cli.test_demo import NAMED
from watchword import Principal, RefreshTokens, SealedTokens, View, Watchword, blocking
from watchword.authn import authenticator
from watchword.authn.binding import Binding
from watchword.authn.credentials import extract
from watchword.authn.replays import Replays
from watchword.claims import ClaimsPolicy
from watchword.cli import tour, tour_kinds
from watchword.cli.ephemeral import elsewhere, ephemeral
from watchword.cli.listening import listen, serving
from watchword.cli.tour import STEPS, Step, walk
from watchword.config import OneTimeSettings
from watchword.crypto import passwords
from watchword.encoding import json_object
from watchword.errors import SignatureError, TokenNotFoundError
from watchword.formats import jwt
from watchword.formats.base import Envelope, Verified
from watchword.formats.jwt import Jwt
from watchword.formats.paseto import PasetoPublic
from watchword.integrations import words
from watchword.integrations.asgi import Auth
from watchword.integrations.visit import current
from watchword.keys import discovery
from watchword.keys.ring import KeyRing, Slot
from watchword.revocation.event import Revocation, event
from watchword.server import auth_server
from watchword.server.accounts.password_pool import PasswordPool
from watchword.server.auth_server import AuthServer
from watchword.server.clients import Clients
from watchword.server.endpoints import account_tokens, oauth_introspect, oauth_revoke, sign_in
from watchword.server.replies import json_reply
from watchword.server.token_reply import token_reply
from watchword.stores.base import Record
from watchword.tokens import one_time
from watchword.tokens.api_keys import ApiKeys
from watchword.tokens.base import KINDS, Issued
from watchword.tokens.devices import Devices
from watchword.tokens.roles import Roles
from watchword.web.cookies import CookiePolicy

Patch = pytest.MonkeyPatch
NEVER = OneTimeSettings(every=0)


def walked() -> dict[str, Step]:
    with ephemeral(listen("localhost", 0)) as house, serving(house.app, house.sockets):
        return {step.name: step for step in walk(house)}


def do_nothing(*_: object, **__: object) -> None:
    return None


def token_in_body(patch: Patch) -> None:
    issued: list[Issued] = []
    enter = Auth.sign_in

    async def entered(self: Auth, subject: str, **more: Any) -> Issued:
        issued.append(await enter(self, subject, **more))
        return issued[-1]

    patch.setattr(Auth, "sign_in", entered)
    patch.setattr(sign_in, "json_reply", lambda body: json_reply(body | {"token": issued[-1].token}))


def readable_cookie(patch: Patch) -> None:
    line = CookiePolicy._line
    patch.setattr(CookiePolicy, "_line", lambda *said: line(*said).replace(b"; HttpOnly", b""))


def any_password(patch: Patch) -> None:
    async def matches(*_: object) -> bool:
        return True

    patch.setattr(PasswordPool, "matches", matches)


def forged_requests(patch: Patch) -> None:
    patch.setattr(authenticator, "check_page", do_nothing)


def forged_sign_ins(patch: Patch) -> None:
    patch.setattr(auth_server, "check_sender", do_nothing)
    patch.setattr(words, "check_sender", do_nothing)


def always(format: str) -> Callable[[Patch], None]:
    def mutate(patch: Patch) -> None:
        patch.setattr(account_tokens, "token_reply", lambda server, refresh, _: token_reply(server, refresh, format))

    return mutate


def opaque_lives_on(patch: Patch) -> None:
    async def owner(*_: object) -> None:
        raise TokenNotFoundError

    patch.setattr(oauth_revoke, "_owner", owner)


def any_audience(patch: Patch) -> None:
    patch.setattr(ClaimsPolicy, "_check_audience", do_nothing)


def any_type(patch: Patch) -> None:
    patch.setattr(jwt, "media_type", lambda typ: "")


def unbound(patch: Patch) -> None:
    patch.setattr(SealedTokens, "_assertion", lambda *_: b"watchword.sealed.v1")


def redeemed_by_all(patch: Patch) -> None:
    async def take(*_: object) -> bool:
        return True

    patch.setattr(SealedTokens, "_take", take)


def private_keys(patch: Patch) -> None:
    def jwks(ring: KeyRing) -> dict[str, Any]:
        return {"keys": [ring.active("sign", format="jwt").to_jwk(private=True)]}

    patch.setattr(discovery, "jwks", jwks)


def no_keys(patch: Patch) -> None:
    patch.setattr(discovery, "paseto_keys", lambda ring: {"keys": []})


def unsigned_jwt(patch: Patch) -> None:
    def verify(self: Jwt, envelope: Envelope, slot: Slot) -> Verified:
        return Verified(json_object(envelope.body), slot, "at+jwt")

    patch.setattr(Jwt, "verify", verify)


def unsigned_paseto(patch: Patch) -> None:
    """Whatever the signature, as long as it is a payload that can be read: that of the last good token."""
    check, good = PasetoPublic.verify, []

    def verify(self: PasetoPublic, envelope: Envelope, slot: Slot) -> Verified:
        try:
            good.append(check(self, envelope, slot))
        except SignatureError:
            return Verified(dict(good[-1].claims), slot, "at")
        return good[-1]

    patch.setattr(PasetoPublic, "verify", verify)


def alg_none(patch: Patch) -> None:
    check, first = Jwt.verify, Jwt.key

    def key(self: Jwt, envelope: Envelope) -> Slot:
        return first(self, msgspec.structs.replace(envelope, head={**envelope.head, "alg": "ES256"}))

    def verify(self: Jwt, envelope: Envelope, slot: Slot) -> Verified:
        if str(envelope.head["alg"]).lower() == "none":
            return Verified(json_object(envelope.body), slot, "at+jwt")
        return check(self, envelope, slot)

    patch.setattr(Jwt, "key", key)
    patch.setattr(Jwt, "verify", verify)


def first_credential(patch: Patch) -> None:
    def lenient(connection: Any, name: str) -> Any:
        if connection.headers_of(b"authorization"):
            connection.headers = [pair for pair in connection.headers if pair[0] != b"cookie"]
        return extract(connection, name)

    patch.setattr(authenticator, "extract", lenient)


def bearer_mints(patch: Patch) -> None:
    async def signed_in(self: AuthServer) -> Principal:
        return await self.auth.require()

    patch.setattr(AuthServer, "signed_in", signed_in)


def same_refresh_token(patch: Patch) -> None:
    rotate = RefreshTokens.rotate

    async def rotated(self: RefreshTokens, token: str, **more: Any) -> Issued:
        return msgspec.structs.replace(await rotate(self, token, **more), token=token)

    patch.setattr(RefreshTokens, "rotate", rotated)


def no_grace(patch: Patch) -> None:
    async def again(*_: object) -> None:
        raise TokenNotFoundError

    patch.setattr(RefreshTokens, "_again", again)


def forgiving(patch: Patch) -> None:
    async def kill(*_: object) -> bool:
        return True

    patch.setattr(RefreshTokens, "_kill", kill)


def all_active(patch: Patch) -> None:
    async def active(*_: object) -> Mapping[str, Any]:
        return {"active": True, "sub": "demo"}

    patch.setattr(oauth_introspect, "_active", active)


def anybody_introspects(patch: Patch) -> None:
    patch.setattr(Clients, "confidential", Clients.any)


def any_sender(patch: Patch) -> None:
    patch.setattr(Binding, "_check_key", do_nothing)


def nothing_is_remembered(patch: Patch) -> None:
    patch.setattr(Replays, "is_new", lambda *_: True)


def nothing_is_revoked(patch: Patch) -> None:
    async def revoke(*_: object, **__: object) -> None:
        return None

    patch.setattr(Watchword, "revoke", revoke)


def cutoffs_do_not_cut(patch: Patch) -> None:
    patch.setattr(View, "_position", lambda *_: 2**63)
    patch.setattr(tour, "PATIENCE_MS", 200)


def roles_stay(patch: Patch) -> None:
    patch.setattr(View, "roles_changed", lambda *_: None)


def role_changes_revoke(patch: Patch) -> None:
    async def change(self: Roles, subject: str, roles: Iterable[str]) -> Revocation:
        done = await self._store.append(event("subject", subject, now=self._clock.now()))
        return Revocation(seq=done)

    patch.setattr(Roles, "set", change)


def only_the_cookie_goes(patch: Patch) -> None:
    async def sign_out(self: Auth, who: Principal) -> None:
        current(self).set_cookies = self._signing_in.cleared()

    patch.setattr(Auth, "sign_out", sign_out)


def any_environment(patch: Patch) -> None:
    live = ApiKeys._live

    async def lenient(self: ApiKeys, untrusted: object) -> Record:
        self.environment = str(untrusted).split("_")[1]
        return await live(self, untrusted)

    patch.setattr(ApiKeys, "_live", lenient)


def keys_are_not_routed(patch: Patch) -> None:
    patch.setitem(KINDS, "api_key", msgspec.structs.replace(KINDS["api_key"], carriers=("bearer",)))


def no_key_is_dead(patch: Patch) -> None:
    patch.setattr(ApiKeys, "_check", do_nothing)
    patch.setattr(tour_kinds, "PATIENCE_MS", 200)


def any_purpose(patch: Patch) -> None:
    patch.setattr(one_time, "_purpose", lambda _: "any")


def mails_without_end(patch: Patch) -> None:
    patch.setattr(
        tour_kinds, "elsewhere", lambda settings: elsewhere(msgspec.structs.replace(settings, one_time=NEVER))
    )


def devices_stay(patch: Patch) -> None:
    async def none(*_: object, **__: object) -> int:
        return 0

    patch.setattr(Devices, "end_all", none)
    patch.setattr(blocking.Devices, "end_all", lambda *_, **__: 0)
    patch.setattr(tour_kinds, "PATIENCE_MS", 200)


def no_page(patch: Patch) -> None:
    async def broken(server: AuthServer, request: Request) -> Response:
        raise RuntimeError

    patch.setattr(AuthServer, "check_sender", broken)


MUTANTS: list[tuple[Callable[[Patch], None], str]] = [
    (token_in_body, "sign_in"),
    (no_page, "sign_in"),
    (readable_cookie, "session_cookie_flags"),
    (any_password, "wrong_password_refused"),
    (forged_requests, "csrf_refused"),
    (forged_sign_ins, "csrf_refused"),
    (always("paseto"), "access_jwt"),
    (always("jwt"), "access_paseto"),
    (always("jwt"), "access_opaque"),
    (opaque_lives_on, "access_opaque"),
    (private_keys, "keys_published"),
    (no_keys, "keys_published"),
    (unsigned_jwt, "tampered_refused"),
    (unsigned_paseto, "tampered_refused"),
    (alg_none, "alg_none_refused"),
    (first_credential, "two_credentials_refused"),
    (bearer_mints, "bearer_cannot_mint"),
    (same_refresh_token, "refresh_rotated"),
    (no_grace, "refresh_grace_same_successor"),
    (forgiving, "refresh_replay_kills_family"),
    (all_active, "introspect"),
    (anybody_introspects, "introspect"),
    (any_sender, "dpop_bound"),
    (nothing_is_remembered, "dpop_bound"),
    (nothing_is_revoked, "revoke_token"),
    (any_environment, "api_key"),
    (keys_are_not_routed, "api_key"),
    (no_key_is_dead, "api_key_rotated_and_revoked"),
    (any_purpose, "one_time_used_once"),
    (mails_without_end, "one_time_used_once"),
    (devices_stay, "devices_ended"),
    (cutoffs_do_not_cut, "revoke_subject"),
    (any_audience, "service_for_one_service"),
    (any_type, "service_for_one_service"),
    (unbound, "sealed_redeemed_once"),
    (redeemed_by_all, "sealed_redeemed_once"),
    (roles_stay, "change_roles"),
    (role_changes_revoke, "change_roles"),
    (only_the_cookie_goes, "sign_out"),
]


@pytest.fixture(autouse=True)
def cheap_hashes(monkeypatch: Patch) -> None:
    monkeypatch.setattr(passwords, "MEMORY_KIB", 64)


def test_nothing_is_wrong_without_a_mutant() -> None:
    steps = walked()
    assert [step for step in steps.values() if not step.ok] == []
    assert list(steps) == list(STEPS)


@pytest.mark.parametrize(("mutate", "step"), [pytest.param(*row, id=f"{row[0].__name__}-{row[1]}") for row in MUTANTS])
def test_a_mutant_is_seen(monkeypatch: Patch, mutate: Callable[[Patch], None], step: str) -> None:
    mutate(monkeypatch)
    steps = walked()
    assert list(steps) == list(STEPS), "the later steps are walked all the same"
    assert steps[step].ok is False
    assert steps[step].detail
    assert "Bearer ey" not in steps[step].detail


def test_every_step_has_its_mutant() -> None:
    assert {step for _, step in MUTANTS} == set(STEPS) >= set(NAMED)
