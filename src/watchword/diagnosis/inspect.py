"""``inspect``: what a text says, how far it would come, and what is wrong with it. It asks nobody, and never raises."""

from __future__ import annotations

from ..clock import Clock, SystemClock
from ..errors import Stage
from ..keys.ring import KeyRing
from .findings.table import findings
from .hide import shown
from .judge import judge
from .reading import instant, size_of, text_of
from .report import Report, Step
from .shapes.base import Look, Piece, shape_of
from .walk import CLAIMS_STOPPED, NO_NAMES, NO_STORE, NOT_REACHED, Trust, Walk

DEEPEST = 4
"""How far a text within a text is followed."""
_CONTAINERS = ("header", "cookies", "set-cookie", "url", "answer")
_KEYS = ("jwk", "jwks", "paserk", "paseto-keys", "pem")


def inspect(
    untrusted: str | bytes,
    *,
    clock: Clock | None = None,
    ring: KeyRing | None = None,
    issuer: str | None = None,
    audience: str | None = None,
    kind: str | None = None,
    purpose: str | None = None,
    bound_to: str | None = None,
    single_service: bool = False,
) -> Report:
    """Everything that can be said of a text: a token of any format and kind, a key, a line of headers, a URL.

    No I/O; any text and any bytes are taken. The report holds no secret. With ``ring`` signatures are looked at; with
    ``issuer`` and ``audience`` as well, a token of ours walks through the verifier of its kind.
    Parameters: kind: the kind that is wanted (``access``, ``service``, ``sealed``); otherwise what the token itself
    says. purpose, bound_to: what a sealed token opens with. single_service: access tokens are encrypted.
    """
    trust = Trust(
        clock=clock or SystemClock(),
        ring=ring,
        issuer=issuer,
        audience=audience,
        kind=kind,
        purpose=purpose,
        bound_to=bound_to,
        single_service=single_service,
    )
    return _report(Piece("", untrusted), trust, DEEPEST)


def _report(piece: Piece, trust: Trust, levels: int) -> Report:
    text, walk = text_of(piece.text), Walk()
    look = shape_of(text).read(piece.text, text, trust, walk)
    look.carrier = piece.carrier
    if look.form not in _CONTAINERS:  # what is inside is judged by itself
        walk = judge(piece.text, trust.kind or look.kind, trust) or walk
    walk.passed(Stage.EXTRACT, says=f"it came in the {piece.where}" if piece.where else "it was given alone")
    size, now = size_of(piece.text), trust.clock.now()
    claims = dict(look.claims or look.opened or {})
    expires = instant(claims.get("exp"))
    steps = walk.steps() if trust.kind and not look.pieces else _steps(look, piece, walk)
    return Report(
        what=look.what,
        form=look.form,
        kind=look.kind,
        where=piece.where,
        size=size,
        header=shown(dict(look.header)),
        claims=shown(claims),
        facts=look.facts,
        expires_at=expires,
        left=None if expires is None else expires - now,
        walk=steps,
        unverified=_unverified(look, steps, None not in (trust.issuer, trust.audience)),
        findings=findings(look, size, now),
        inside=tuple(_report(one, trust, levels - 1) for one in look.pieces) if levels else (),
    )


def _steps(look: Look, piece: Piece, walk: Walk) -> tuple[Step, ...]:
    steps = walk.steps()
    if look.form in _CONTAINERS:
        return tuple(step for step in steps if step.state == "stopped")
    of_others = look.form in ("unknown", "itsdangerous") and piece.carrier in ("cookie", "url", "body")
    return () if of_others or look.form in _KEYS else steps  # neither is a credential


def _unverified(look: Look, steps: tuple[Step, ...], named: bool) -> tuple[str, ...]:
    """What nobody vouches for, whatever the walk says. ``named``: issuer and audience were said."""
    if look.form == "proof":
        return look.unverified
    if look.form not in ("jws", "jwe", "paseto", "opaque"):
        return ()
    state = {step.stage: step.state for step in steps}
    said = list(look.unverified)
    if state.get(Stage.VERIFY) != "passed" and look.form != "opaque":
        said.append("who wrote it: no signature was found right, so nothing in it is known to be true")
    if state.get(Stage.CLAIMS) != "passed" and look.form != "opaque":
        stopped_there = state.get(Stage.CLAIMS) == "stopped"
        said.append(NO_NAMES if not named else CLAIMS_STOPPED if stopped_there else NOT_REACHED)
    return (*said, NO_STORE)
