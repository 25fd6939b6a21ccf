"""The walk of one text through the corridor: what each stage says, where it stops, what nothing here could look at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from ..claims import ClaimsPolicy
from ..clock import Clock
from ..errors import Stage, TokenError, WatchwordError, WrongTypeError
from ..keys.ring import KeyRing
from .report import State, Step

NO_STORE = "no store was asked whether it was revoked or used"
NO_REQUEST = "there is no request here whose sender could be looked at"
NO_KEYS = "no keys were given: --jwks, --issuer or --config names some"
NO_NAMES = "which issuer and audience are wanted was not said"
CLAIMS_STOPPED = "issuer, audience and times: they did not all pass"
NOT_REACHED = "issuer and audience were not reached"
_ORDER = tuple(Stage)


class Trust(Struct, frozen=True, kw_only=True):
    """What the text is judged by. Without a ring no signature is looked at."""

    clock: Clock
    ring: KeyRing | None = None
    issuer: str | None = None
    audience: str | None = None
    kind: str | None = None
    """The kind that is wanted, where the caller says so."""
    purpose: str | None = None
    bound_to: str | None = None
    single_service: bool = False
    """Access tokens are encrypted, for the one service that issues and verifies them."""

    @property
    def keys(self) -> KeyRing:
        """The ring, or one without keys: to read with, never to trust."""
        return self.ring if self.ring is not None else KeyRing.of(clock=self.clock)


class Walk:
    """Notes of a walk. Stages that nobody spoke of are unchecked; those behind a stop are not reached."""

    def __init__(self) -> None:
        self._noted: dict[Stage, tuple[State, str]] = {}
        self._stop: Step | None = None

    def passed(self, *stages: Stage, says: str = "") -> None:
        for stage in stages:
            self._noted[stage] = ("passed", says)

    def unchecked(self, stage: Stage, says: str) -> None:
        self._noted[stage] = ("unchecked", says)

    def stop(self, error: WatchwordError, *, at: Stage | None = None) -> None:
        """The first refusal ends the walk."""
        if self._stop is None:
            stage = at or error.stage or Stage.PARSE
            self._stop = Step(stage=stage, state="stopped", says=str(error), code=error.code, reason=error.reason)

    @property
    def stopped(self) -> bool:
        return self._stop is not None

    def judged(self, error: TokenError) -> None:
        """A verifier refused: what was before that stage passed, unless it was noted otherwise.

        The type is looked at before the key.
        """
        stage = error.stage or Stage.PARSE
        early = isinstance(error, WrongTypeError) and error.claim in ("typ", "cty")
        for one in _ORDER[1 : _ORDER.index(stage)]:
            if one in self._noted:
                continue
            if early and one in (Stage.KEY, Stage.VERIFY):
                self.unchecked(one, "the type is looked at before any key")
            else:
                self.passed(one)
        self.stop(error)

    def vouched(self) -> None:
        """A verifier took it."""
        self.passed(Stage.PARSE, Stage.KEY, Stage.VERIFY, Stage.CLAIMS)
        self.outside()

    def outside(self) -> None:
        """What no text alone can show."""
        self._noted.setdefault(Stage.REVOCATION, ("unchecked", NO_STORE))
        self._noted.setdefault(Stage.BINDING, ("unchecked", NO_REQUEST))

    def steps(self) -> tuple[Step, ...]:
        self.outside()
        found: list[Step] = []
        for stage in _ORDER:
            if self._stop is not None and stage is self._stop.stage:
                found.append(self._stop)
            elif self._stop is not None and _ORDER.index(stage) > _ORDER.index(self._stop.stage):
                found.append(Step(stage=stage, state="unreached"))
            else:
                state, says = self._noted.get(stage, ("unchecked", ""))
                found.append(Step(stage=stage, state=state, says=says))
        return tuple(found)


def check_claims(walk: Walk, claims: Mapping[str, Any], trust: Trust) -> None:
    """Stage *claims* for a token of no kind of ours: its times; issuer and audience where they were named."""
    known = {"iss": trust.issuer, "aud": trust.audience}
    judged = dict(claims) | {name: "x" for name, wanted in known.items() if wanted is None}
    policy = ClaimsPolicy(
        issuer=trust.issuer or "x", audiences=frozenset({trust.audience or "x"}), required=("iss", "aud")
    )
    try:
        policy.check(judged, trust.clock.now())
    except TokenError as error:
        walk.stop(error)
        return
    if None in known.values():
        walk.unchecked(Stage.CLAIMS, f"its times are good; {NO_NAMES}")
    else:
        walk.passed(Stage.CLAIMS, says="issuer, audience and times are those wanted")
