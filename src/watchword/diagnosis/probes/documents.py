"""Live, read-only: the key documents: public keys alone, cached as the rotation expects, and of the keys in use."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ...errors import ConfigurationError
from ...keys.discovery import KeyDocument, read_jwks, read_paseto_keys
from ...keys.key import Key
from ...keys.ring import RotationPolicy, State
from ...runtime.fetch import max_age
from ..canary import visiting
from ..hide import SECRET_MEMBERS
from ..patient import Answer, Patient
from ..tokens import said_by
from .base import Ailment, CannotRunError, Case, Family, Probe, Sign, endpoint
from .key_files import slots_of

_PRIVATE_PASERK = (".secret.", ".local.", ".seal.", ".secret-", ".local-")


def _jwks(case: Case) -> Iterator[Sign]:
    yield from _document(_got(case.server, case.canary.paths.jwks, "jwks"), "the JWKS", read_jwks)


def _paseto(case: Case) -> Iterator[Sign]:
    yield from _document(
        _got(case.server, case.canary.paths.paseto_keys, "paseto_keys"), "the PASETO document", read_paseto_keys
    )


def _document(answer: Answer, what: str, read: Callable[[bytes], KeyDocument]) -> Iterator[Sign]:
    entries = _entries(answer)
    if any(_is_secret(one) for one in entries):
        yield Sign("document.secret", f"{what} holds a private or symmetric key")
        return
    broken = _broken(answer, entries, read)
    if broken:
        yield Sign("document.broken", f"{what}: {broken}")
        return
    fresh, lead = max_age(answer.header("cache-control"), answer.header("age")), RotationPolicy().lead
    if answer.header("cache-control") and fresh is not None and fresh > lead:
        yield Sign("document.cached-long", f"{what} may be kept for {fresh} s; a key is announced {lead} s before use")
    if "no-store" in answer.header("cache-control") or max_age(answer.header("cache-control")) in (None, 0):
        yield Sign("document.uncached", f"{what} does not say how long it may be kept")


def _broken(answer: Answer, entries: list[dict[str, Any]], read: Callable[[bytes], KeyDocument]) -> str:
    if not answer.ok:
        return f"status {answer.status}"
    if "json" not in answer.header("content-type"):
        return "it is no JSON"
    if not entries:
        return "" if answer.json().get("keys") == [] else "it has no list of keys"
    try:
        read(answer.body)
    except ConfigurationError as error:
        return str(error)
    return ""


def _signer(case: Case) -> Iterator[Sign]:
    there = set(_kids(case.server, case))
    with visiting(case.canary, case.server) as visit:
        kid = said_by(visit.mint().get("access_token", "")).head.get("kid")
    if kid is None:
        raise CannotRunError("it issues no JWT with a kid to the canary")
    if kid not in there:
        yield Sign("document.signer-missing", "a fresh access token names a key that the JWKS does not have")


def _as_file(case: Case) -> Iterator[Sign]:
    now, slots = case.clock.now(), slots_of(case.config)
    rows = (("jwks", "jwt", case.canary.paths.jwks), ("paseto_keys", "paseto", case.canary.paths.paseto_keys))
    for name, format, path in rows:
        said = {str(one.get("kid")) for one in _whole(_got(case.server, path, name)) if one.get("use") != "enc"}
        held = {
            one.key.kid: one.state(now) for one in slots if one.key.use == "sign" and one.key.algorithm.format == format
        }
        wanted = {kid for kid, state in held.items() if state is not State.RETIRED}
        if dead := [kid for kid in said & held.keys() if held[kid] is State.RETIRED]:
            yield Sign("document.retired", f"{name} still has {len(dead)} retired key(s) of {case.config.path}")
        elif said != wanted:
            yield Sign("document.other-keys", f"{name} and the key file of {case.config.path} differ")


def _alike(case: Case) -> Iterator[Sign]:
    """Every node publishes the same: two that differ have two key files."""
    first, *others = case.patients
    held = _kids(first, case)
    for other in others:
        if _kids(other, case) != held:
            yield Sign("document.nodes-differ", f"{first.origin} and {other.origin} publish different keys")


def _kids(patient: Patient, case: Case) -> set[str]:
    return {str(one.get("kid")) for one in _whole(_got(patient, case.canary.paths.jwks, "jwks"))}


def _got(patient: Patient, path: str, what: str) -> Answer:
    answer = patient.ask(endpoint(path, what))
    if answer.status == 404:
        raise CannotRunError("there is no such document here (404)")
    return answer


def _whole(answer: Answer) -> list[dict[str, Any]]:
    """Raises: CannotRunError for what is no key document: that is a finding of its own."""
    if not answer.ok or not isinstance(answer.json().get("keys"), list):
        raise CannotRunError("the document cannot be read: see document-jwks and document-paseto")
    return _entries(answer)


def _entries(answer: Answer) -> list[dict[str, Any]]:
    found = answer.json().get("keys")
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _is_secret(entry: dict[str, Any]) -> bool:
    return bool(SECRET_MEMBERS & entry.keys()) or any(part in str(entry.get("paserk", "")) for part in _PRIVATE_PASERK)


def published(case: Case, kid: str) -> Key:
    """The public key that the JWKS names so. Raises: CannotRunError."""
    answer = _got(case.server, case.canary.paths.jwks, "jwks")
    try:
        return next(Key.from_jwk(one) for one in _entries(answer) if one.get("kid") == kid)
    except (StopIteration, ConfigurationError):
        raise CannotRunError("the JWKS has no key of that kid: see document-signer") from None


FAMILY = Family(
    page="key-documents",
    title="The key documents do not fit the keys",
    look="`curl -si https://app.example/.well-known/jwks.json`: the kids, Cache-Control and Age. `watchword keys list` "
    "shows the states in the key file.",
    prevent="Announce before use (`watchword keys rotate` does), and let no cache keep the documents for longer than "
    "they say.",
    ailments=(
        Ailment(
            id="document.secret",
            symptom="Anybody can sign tokens of anybody.",
            cause="The document was written by hand, or by something else than the key ring, with private halves.",
            mend="watchword keys rotate --emergency KID   # what was published is no secret; serve ring.jwks() alone",
        ),
        Ailment(
            id="document.broken",
            symptom="Other services refuse all tokens: they have no keys.",
            cause="A proxy answers in its place, cuts it, or changes it.",
            mend="curl -si http://127.0.0.1:8080/.well-known/jwks.json   # compare, and let the path through unchanged",
        ),
        Ailment(
            id="document.cached-long",
            symptom="After a rotation some services refuse fresh tokens until their copy expires.",
            cause="A proxy or CDN lets the document be kept for longer than a key is announced before it signs.",
            mend="proxy_ignore_headers off; expires off;   # nginx; pass Cache-Control on as the server sent it",
        ),
        Ailment(
            id="document.uncached",
            level="warning",
            symptom="Verifiers ask for the keys at each request, or keep them for as long as they please.",
            cause="Cache-Control is missing or says no-store: a proxy replaced it.",
            mend="proxy_hide_header off;   # nginx; pass Cache-Control: public, max-age=300 on",
        ),
        Ailment(
            id="document.signer-missing",
            symptom="Other services refuse fresh tokens as of an unknown key (`UnknownKeyError`).",
            cause="A key signs that was never announced, or an old document is served.",
            mend="watchword keys list   # then purge the cache of /.well-known/ at the proxy",
        ),
        Ailment(
            id="document.retired",
            symptom="A key that was taken out of use still verifies elsewhere.",
            cause="The running process, or a cache, serves an older document than the key file.",
            mend="systemctl restart watchword   # and purge the cache of /.well-known/ at the proxy",
        ),
        Ailment(
            id="document.other-keys",
            symptom="Tokens of one process are refused by another one of the same application.",
            cause="The server has another key file than the configuration names, or has not read it again.",
            mend="watchword keys list --config watchword.toml   # compare with the kids of the document",
        ),
        Ailment(
            id="document.nodes-differ",
            symptom="Tokens are good on one node and refused on the other, at random behind a load balancer.",
            cause="Each node made a key file of its own.",
            mend="rsync -p NODE1:app.db.keys NODE2:app.db.keys   # and restart; or keep keys in one place",
        ),
    ),
    probes=(
        Probe(
            id="document-jwks",
            asks="is the JWKS public, whole, and cached as a rotation expects",
            needs=("url",),
            run=_jwks,
            finds=("document.secret", "document.broken", "document.cached-long", "document.uncached"),
        ),
        Probe(
            id="document-paseto",
            asks="is the PASETO document",
            needs=("url",),
            run=_paseto,
            finds=("document.secret", "document.broken", "document.cached-long", "document.uncached"),
        ),
        Probe(
            id="document-signer",
            asks="is the key published that signs now",
            needs=("url", "canary"),
            run=_signer,
            finds=("document.signer-missing",),
        ),
        Probe(
            id="document-states",
            asks="do the documents fit the states of the key file",
            needs=("url", "keys"),
            run=_as_file,
            finds=("document.retired", "document.other-keys"),
        ),
        Probe(
            id="document-nodes",
            asks="do all nodes publish the same keys",
            needs=("urls",),
            run=_alike,
            finds=("document.nodes-differ",),
        ),
    ),
)
