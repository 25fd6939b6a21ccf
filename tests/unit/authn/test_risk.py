"""The profiles: what each asks for, whatever else is set."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from watchword import FrozenClock, Key, Principal, Watchword
from watchword.authn.binding import BindingPolicy
from watchword.authn.risk import RISKS, risk_of
from watchword.errors import (
    BindingError,
    ConfigurationError,
    InsufficientScopeError,
    StepUpRequiredError,
    TokenReusedError,
)

MINUTE = timedelta(minutes=1)


def made(**options: Any) -> Watchword:
    return Watchword("memory:", issuer="https://as.test", audience="https://api.test", clock=FrozenClock(), **options)


async def test_high_risk_is_one_word() -> None:
    async with made(profile="high_risk") as ww:
        now = ww.clock.now()
        issued = ww.access.issue("ada", bind=Key.generate("ES256"))
        assert issued.expires_at - now == 300
        with pytest.raises(ConfigurationError):
            ww.access.issue("ada")
        with pytest.raises(ConfigurationError):
            ww.access.issue("ada", fpt="x", lifetime=6 * MINUTE)
        with pytest.raises(ConfigurationError, match="0:05:00"):
            await ww.opaque_access.issue("ada", lifetime=6 * MINUTE)
        assert (await ww.opaque_access.issue("ada")).expires_at - now == 300
        first = await ww.refresh.issue("ada", client_id="mobile")
        await ww.refresh.rotate(first.token)
        with pytest.raises(TokenReusedError):
            await ww.refresh.rotate(first.token)
        assert (ww.binding.policy.required, ww.binding.policy.fingerprint) == (True, "step_up")
        assert ww.risk.fresh == 15 * MINUTE


async def test_what_was_issued_before_is_not_taken() -> None:
    async with made() as lax, made(profile="high_risk", ring=lax.ring) as strict:
        with pytest.raises(BindingError):
            strict.access.verify(lax.access.issue("ada", lifetime=5 * MINUTE).token)


@pytest.mark.parametrize(
    ("given", "life"), [({}, 300), ({"access_lifetime": 60 * MINUTE}, 300), ({"access_lifetime": 2 * MINUTE}, 120)]
)
async def test_it_caps_and_never_widens(given: dict[str, Any], life: int) -> None:
    async with made(profile="high_risk", refresh_grace=MINUTE, **given) as ww:
        assert ww.access.issue("ada", fpt="x").expires_at - ww.clock.now() == life
        assert ww.refresh.grace == 0


@pytest.mark.parametrize("policy", ["observe", "end_session"])
def test_it_keeps_a_policy_that_is_named(policy: Any) -> None:
    found = made(profile="high_risk", binding=BindingPolicy(fingerprint=policy, nonce=True)).binding.policy
    assert (found.fingerprint, found.nonce, found.required) == (policy, True, True)


def test_the_profiles() -> None:
    assert set(RISKS) == {"default", "high_risk"}
    with pytest.raises(ConfigurationError, match="high_risk"):
        risk_of("High_Risk")
    with pytest.raises(ConfigurationError):
        made(profile="paranoid")


# Principal.require


def caller(**more: Any) -> Principal:
    return Principal(
        subject="ada", kind="access", token_id="t", issued_at=0, expires_at=1, scopes=frozenset({"a"}), **more
    )


def test_require_fresh() -> None:
    clock = FrozenClock()
    who = caller(auth_time=clock.now() - 300, roles=frozenset({"admin"}))
    who.require("a", role="admin", fresh=5 * MINUTE, clock=clock)
    clock.advance(1)
    with pytest.raises(StepUpRequiredError) as caught:
        who.require("a", fresh=5 * MINUTE, clock=clock)
    assert (caught.value.max_age, caught.value.status) == (300, 403)
    with pytest.raises(StepUpRequiredError):
        caller().require(fresh=timedelta(days=10_000), clock=clock)
    for role in ("owner", "a"):
        with pytest.raises(InsufficientScopeError):
            who.require(role=role)
    with pytest.raises(InsufficientScopeError):
        who.require("b", fresh=MINUTE, clock=clock)


def test_without_a_clock_it_is_the_machines() -> None:
    with pytest.raises(StepUpRequiredError):
        caller(auth_time=1).require(fresh=MINUTE)
    caller(auth_time=2**40).require(fresh=MINUTE)
