"""Live, acting: a good token gets in, and no forged, foreign, confused or untimely one does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ...app import Watchword
from ...errors import WatchwordError
from ...keys.ring import KeyRing
from ...testing.flaws import Signed, written_jwt
from ..canary import Visit, bearer, visiting
from ..tokens import said_by
from .base import Ailment, CannotRunError, Case, Family, Probe, Sign, ensure_known
from .forging import FORGED, JWT, PASETO, SIGNED, Format, taken_apart
from .key_files import slots_of

LONGEST = 3600
LONG = 3072
"""Bytes that a claim is made longer by: the token has some 4.6 KiB then, of the 8 that we allow."""


def _good(case: Case) -> Iterator[Sign]:
    with visiting(case.canary, case.server) as visit:
        token = _token(visit)
        answer = case.server.ask(case.canary.paths.me, headers=[bearer(token)])
    if answer.status == 401 and "error" not in answer.header("www-authenticate"):
        yield Sign("token.dropped", "a bearer token is answered as if nothing had been presented")
    elif not answer.ok:
        yield Sign("token.refused", f"a fresh access token is refused with {answer.status}")
    claims = said_by(token).claims
    begins, ends = claims.number("iat"), claims.number("exp")
    if ends is None:
        yield Sign("token.long", "it never expires")
    elif (life := ends - (case.clock.now() if begins is None else begins)) > LONGEST:
        yield Sign("token.long", f"it lives for {life} s")


def _forged(case: Case, format: Format) -> Iterator[Sign]:
    with visiting(case.canary, case.server) as visit:
        token = _accepted(visit, format)
        key = format.key(case, format.read(token))
        yield from _shown(visit, format, FORGED, taken_apart(case, format, token, key))


def _signed(case: Case, format: Format) -> Iterator[Sign]:
    with visiting(case.canary, case.server) as visit:
        yield from _shown(visit, format, SIGNED, _own(case, format, _accepted(visit, format)))


def _whole(case: Case) -> Iterator[Sign]:
    """A token as long as one with many roles."""
    with visiting(case.canary, case.server) as visit:
        token = _accepted(visit, JWT)
        long = written_jwt(_own(case, JWT, token).saying(doctor="x" * LONG))
        if not (answer := case.server.ask(case.canary.paths.me, headers=[bearer(long)])).ok:
            yield Sign("token.cut", f"a good token of {len(long)} bytes is answered with {answer.status}")


def _own(case: Case, format: Format, token: str) -> Signed:
    """The token, to be signed anew by the server's own key. Raises: CannotRunError."""
    slot = KeyRing(slots_of(case.config), clock=case.clock).find(format.read(token).head.text("kid"))
    if slot is None or not slot.key.can_sign:
        raise CannotRunError(f"the key file of {case.config.path} is not this server's")
    return taken_apart(case, format, token, slot.key)


def _shown(visit: Visit, format: Format, table: Mapping[str, str], good: Signed) -> Iterator[Sign]:
    let_in: dict[str, list[str]] = {}
    for flaw, ailment in table.items():
        if flaw not in format.flaws:
            continue
        try:
            written = format.flaws[flaw](good)
        except WatchwordError:
            continue  # not of this algorithm
        if written != good.token and visit.patient.ask(visit.paths.me, headers=[bearer(written)]).ok:
            let_in.setdefault(ailment, []).append(flaw.replace("_", " "))
    for ailment, flaws in let_in.items():
        yield Sign(ailment, f"let in, as {format.shown}: {', '.join(flaws)}")


def _kinds(case: Case) -> Iterator[Sign]:
    """Each token of the canary where another kind is wanted."""
    with visiting(case.canary, case.server) as visit:
        ensure_known(visit)
        minted = visit.mint()
        if not (token := minted.get("access_token", "")):
            raise CannotRunError("no token is issued at the path of tokens")
        _ensure_good(visit, token)
        shots = {
            "a session's token as bearer": [bearer(visit.token)],
            "an access token in the session's cookie": [visit.cookie_of(token), ("sec-fetch-site", "same-origin")],
        }
        if refresh := minted.get("refresh_token"):
            shots["a refresh token as bearer"] = [bearer(refresh)]
        taken = [what for what, headers in shots.items() if case.server.ask(visit.paths.me, headers=headers).ok]
        if taken:
            yield Sign("token.kind", f"let in: {' and '.join(taken)}")
        if case.server.ask(visit.paths.me, query=f"access_token={token}").ok:
            yield Sign("token.in-url", "an access token in the query gets in (RFC 6750 section 2.3 is not to be used)")


def _drift(case: Case) -> Iterator[Sign]:
    """The server runs what the configuration says."""
    said = case.config.said
    try:
        audiences = set(Watchword.from_settings(said).access.audiences)
    except WatchwordError:
        raise CannotRunError(f"{case.config.path} cannot be used") from None
    with visiting(case.canary, case.server) as visit:
        claims = said_by(_token(visit)).claims
    found: dict[str, tuple[object, object]] = {
        "issuer": (claims.text("iss"), said.issuer),
        "audience": (claims.texts("aud"), audiences),
        "access.lifetime": ((claims.number("exp") or 0) - (claims.number("iat") or 0), said.access.lifetime),
    }
    if other := [name for name, (runs, wanted) in found.items() if runs != wanted]:
        yield Sign("token.other-settings", f"its tokens have another {' and '.join(other)} than {case.config.path}")


def _token(visit: Visit, format: Format = JWT) -> str:
    """Raises: CannotRunError where none of the format is issued."""
    token = visit.mint(format.name).get("access_token", "")
    if not format.read(token).claims:
        raise CannotRunError(f"no {format.shown} is issued at the path of tokens")
    return token


def _accepted(visit: Visit, format: Format) -> str:
    """A fresh token that gets in. Raises: CannotRunError."""
    token = _token(visit, format)
    _ensure_good(visit, token)
    return token


def _ensure_good(visit: Visit, token: str) -> None:
    """Raises: CannotRunError: where good tokens are refused, a refusal says nothing."""
    if not visit.patient.ask(visit.paths.me, headers=[bearer(token)]).ok:
        raise CannotRunError("a good token is refused, so a refusal says nothing: see token-good")


FAMILY = Family(
    page="token-checks",
    title="A bad token gets in, or a good one does not",
    look="`watchword inspect -` walks one token through the corridor and says where it stops; the log has the code "
    "of each refusal.",
    prevent="Verify with `ww.access.verify`, `Issuer` or the middleware alone, and run "
    "`assert_rejects_all(client, path)` "
    "in the tests of each service.",
    ailments=(
        Ailment(
            id="token.refused",
            symptom="A token that was just issued is refused.",
            cause="The verifier has other keys, another issuer or audience, or a wrong clock.",
            mend="watchword inspect - --issuer https://app.example   # names the stage where it stops",
        ),
        Ailment(
            id="token.dropped",
            symptom="API clients get 401, browsers with a cookie do not.",
            cause="A proxy removes the Authorization header.",
            mend="proxy_set_header Authorization $http_authorization;   # nginx; Apache: CGIPassAuth On",
        ),
        Ailment(
            id="token.cut",
            symptom="Users with many roles get 400, 401 or 431, others do not.",
            cause="A proxy cuts or refuses a long Authorization header.",
            mend="large_client_header_buffers 4 16k;   # nginx; or fewer roles in the token",
        ),
        Ailment(
            id="token.long",
            level="warning",
            symptom="A stolen access token works for hours.",
            cause="Access tokens live for more than an hour, or for ever.",
            mend="lifetime = 900   # under [access] in watchword.toml",
        ),
        Ailment(
            id="token.unsigned",
            symptom="Anybody is anybody.",
            cause="The verifier takes `alg: none`, or a token without a signature.",
            mend="who = ww.access.verify(token)   # instead of decoding without verifying",
        ),
        Ailment(
            id="token.confused-key",
            symptom="Anybody is anybody, to who knows the public key.",
            cause="The verifier takes the algorithm from the token, and the public key for an HMAC secret.",
            mend="who = ww.access.verify(token)   # the key decides the algorithm",
        ),
        Ailment(
            id="token.embedded-key",
            symptom="Anybody is anybody.",
            cause="The verifier uses the key that the token's own header brings.",
            mend="who = ww.access.verify(token)   # header jwk, jku, x5u and x5c are never used",
        ),
        Ailment(
            id="token.unverified",
            symptom="Anybody is anybody.",
            cause="The signature is not verified: somebody decodes, or trusts a gateway that does not check.",
            mend='grep -rn "verify_signature.*False" .   # and put ww.access.verify in its place',
        ),
        Ailment(
            id="token.audience",
            symptom="A token for one service opens another.",
            cause="`aud` is not compared.",
            mend="AccessTokens(ring, issuer=…, audience=…)   # audience is not optional",
        ),
        Ailment(
            id="token.issuer",
            symptom="A token of another issuer whose keys are known gets in.",
            cause="`iss` is not compared.",
            mend="AccessTokens(ring, issuer=…, audience=…)   # issuer is not optional",
        ),
        Ailment(
            id="token.type",
            symptom="An ID token or a logout token works as an access token.",
            cause="`typ` is not compared (RFC 9068 section 4, RFC 8725 section 3.11).",
            mend="who = ww.access.verify(token)   # wants typ at+jwt",
        ),
        Ailment(
            id="token.late",
            symptom="Expired tokens work.",
            cause="`exp` is not compared, or with minutes of leeway.",
            mend="ClaimsPolicy(issuer=…, audiences=…, exp_leeway=0)   # 60 s are the most",
        ),
        Ailment(
            id="token.early",
            symptom="Tokens for tomorrow work today.",
            cause="`nbf` is not compared.",
            mend="who = ww.access.verify(token)   # nbf and iat with 10 s of leeway",
        ),
        Ailment(
            id="token.endless",
            symptom="A token without `exp` works, for ever.",
            cause="`exp` is not required.",
            mend="who = ww.access.verify(token)   # exp is required",
        ),
        Ailment(
            id="token.kind",
            symptom="A refresh token or a session works as an access token, and what one leaks opens all.",
            cause="The kind of a token is not checked where it is presented.",
            mend="who = await auth.require()   # routes by carrier and prefix, never by what decodes",
        ),
        Ailment(
            id="token.in-url",
            symptom="Tokens stand in logs, histories and Referer.",
            cause="A token in the query is accepted.",
            mend='curl -H "Authorization: Bearer …"   # and remove what copies access_token from the query',
        ),
        Ailment(
            id="token.other-settings",
            level="warning",
            symptom="A change of the configuration has no effect.",
            cause="The server runs another configuration: an older one, another file, or variables that win over it.",
            mend="watchword config show --origin   # where the server runs; then restart it",
        ),
    ),
    probes=(
        Probe(
            id="token-good",
            asks="does a fresh access token get in, and end soon",
            needs=("url", "canary", "guarded"),
            run=_good,
            finds=("token.refused", "token.dropped", "token.long"),
        ),
        Probe(
            id="token-forged",
            asks="is refused what anybody could write: alg none, key confusion, no signature",
            needs=("url", "canary", "guarded"),
            run=lambda case: _forged(case, JWT),
            finds=("token.unsigned", "token.confused-key", "token.embedded-key", "token.unverified"),
        ),
        Probe(
            id="token-forged-paseto",
            asks="is a PASETO that anybody could write",
            needs=("url", "canary", "guarded"),
            run=lambda case: _forged(case, PASETO),
            finds=("token.unverified",),
        ),
        Probe(
            id="token-signed",
            asks="are aud, iss, typ, exp and nbf compared",
            needs=("url", "canary", "keys", "guarded"),
            run=lambda case: _signed(case, JWT),
            finds=("token.audience", "token.issuer", "token.type", "token.late", "token.early", "token.endless"),
        ),
        Probe(
            id="token-signed-paseto",
            asks="are they in a PASETO",
            needs=("url", "canary", "keys", "guarded"),
            run=lambda case: _signed(case, PASETO),
            finds=("token.audience", "token.issuer", "token.type", "token.late", "token.early", "token.endless"),
        ),
        Probe(
            id="token-whole",
            asks="does a long token arrive whole",
            needs=("url", "canary", "keys", "guarded"),
            run=_whole,
            finds=("token.cut",),
        ),
        Probe(
            id="token-kinds",
            asks="is every kind refused where another is wanted, and in a URL",
            needs=("url", "canary", "guarded"),
            run=_kinds,
            finds=("token.kind", "token.in-url"),
        ),
        Probe(
            id="token-settings",
            asks="does it run this configuration",
            needs=("url", "canary", "keys"),
            run=_drift,
            finds=("token.other-settings",),
        ),
    ),
)
