"""The verdict of our own verifiers, where the keys and the names that they need were given."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..crypto.algorithms import ALGORITHMS
from ..errors import ConfigurationError, Stage, TokenError, UnknownKeyError, WatchwordError
from ..formats import jws, paseto
from ..tokens.access import AccessTokens
from ..tokens.sealed import SealedTokens
from ..tokens.service import ServiceTokens
from .walk import Trust, Walk

Verdict = Callable[[Any, Trust], object]


def judge(untrusted: str | bytes, kind: str | None, trust: Trust) -> Walk | None:
    """The walk as the verifier of ``kind`` has it; None where there is no such verifier, or it lacks something."""
    verdict = _verdict(kind, trust)
    if verdict is None:
        return None
    walk = Walk()
    try:
        verdict(untrusted, trust)
        walk.passed(Stage.PARSE, Stage.KEY, Stage.VERIFY)
        if kind not in ("jws", *ALGORITHMS):
            walk.passed(Stage.CLAIMS)
    except ConfigurationError as error:  # keys that this kind does not take
        walk.unchecked(Stage.KEY, str(error))
    except TokenError as error:
        if trust.ring is None and isinstance(error, UnknownKeyError):
            return None  # as far as it goes without keys; its times are looked at elsewhere
        walk.judged(error)
    except WatchwordError as error:
        walk.stop(error, at=Stage.REVOCATION)
    return walk


def _verdict(kind: str | None, trust: Trust) -> Verdict | None:
    named = trust.issuer and trust.audience
    if trust.ring is None:
        return {"access": _access, "service": _service}.get(trust.kind or "")
    if kind in ("access", "service") and named:
        return _access if kind == "access" else _service
    if kind == "sealed" and trust.purpose and trust.bound_to:
        return _sealed
    if trust.kind == "jws":
        return lambda untrusted, trust: jws.verify(untrusted, trust.keys)
    return _bare if trust.kind in ALGORITHMS else None


def _access(untrusted: Any, trust: Trust) -> object:
    return AccessTokens(
        trust.keys,
        issuer=trust.issuer or "-",
        audience=trust.audience or "-",
        clock=trust.clock,
        single_service=trust.single_service,
    ).verify(untrusted)


def _service(untrusted: Any, trust: Trust) -> object:
    return ServiceTokens(
        trust.keys, issuer=trust.issuer or "-", audience=trust.audience or "-", clock=trust.clock
    ).verify(untrusted)


def _sealed(untrusted: Any, trust: Trust) -> object:
    return SealedTokens(trust.keys, audience=trust.audience or "", clock=trust.clock).open(
        untrusted, purpose=str(trust.purpose), bound_to=str(trust.bound_to)
    )


def _bare(untrusted: Any, trust: Trust) -> object:
    """A PASETO of whatever content, under the one key of that algorithm."""
    keys = [slot.key for slot in trust.keys if slot.key.algorithm.name == trust.kind]
    if len(keys) != 1:
        raise ConfigurationError(f"exactly one {trust.kind} key is needed to judge that, and there are {len(keys)}")
    return (paseto.decrypt if keys[0].algorithm.symmetric else paseto.verify)(untrusted, keys[0])
