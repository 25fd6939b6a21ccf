"""Live, read-only: the key documents: public keys alone, cached as the rotation expects, and of the keys in use."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ...encoding import unb64url
from ...errors import ConfigurationError, WatchwordError
from ...formats import paseto
from ...keys.discovery import KeyDocument, read_jwks, read_paseto_keys
from ...keys.key import Key
from ...keys.ring import RotationPolicy, State
from ...runtime.fetch import max_age
from ..canary import visiting
from ..hide import SECRET_MEMBERS
from ..patient import Answer, Patient
from ..tokens import said_by, said_by_paseto
from ..untrusted import Untrusted
from .base import Ailment, CannotRunError, Case, Family, Probe, Sign, endpoint
from .key_files import slots_of

_PUBLIC = ("kid", "kty", "crv", "x", "y", "n", "e", "paserk")
"""What makes a published key the one that it is: its name, and all of its public half."""
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


def _broken(answer: Answer, entries: list[Untrusted], read: Callable[[bytes], KeyDocument]) -> str:
    if not answer.ok:
        return f"status {answer.status}"
    if "json" not in answer.header("content-type"):
        return "it is no JSON"
    if not entries:
        return "" if answer.json().members.get("keys") == [] else "it has no list of keys"
    try:
        read(answer.body)
    except ConfigurationError as error:
        return str(error)
    return ""


def _signer(case: Case) -> Iterator[Sign]:
    """The key that the document has under the kid of a fresh token has signed it: a kid alone is a name."""
    token = _minted(case, "jwt")
    if not (kid := said_by(token).head.text("kid")):
        raise CannotRunError("it issues no JWT with a kid to the canary")
    yield from _vouched("the JWKS", _jwk_named(case, kid), lambda key: _verify_jwt(token, key))


def _paseto_signer(case: Case) -> Iterator[Sign]:
    token = _minted(case, "paseto")
    if not (kid := said_by_paseto(token).head.text("kid")):
        raise CannotRunError("it issues no PASETO with a kid to the canary")
    yield from _vouched("the PASETO document", _paserk_named(case, kid), lambda key: paseto.verify(token, key))


def _minted(case: Case, format: str) -> str:
    with visiting(case.canary, case.server) as visit:
        return visit.mint(format).get("access_token", "")


def _vouched(what: str, key: Key | None, verify: Callable[[Key], object]) -> Iterator[Sign]:
    if key is None:
        yield Sign("document.signer-missing", f"a fresh access token names a key that {what} does not have")
        return
    try:
        verify(key)
    except (WatchwordError, ValueError):
        yield Sign(
            "document.other-signer", f"a fresh access token does not verify with the key that {what} has under its kid"
        )


def _verify_jwt(token: str, key: Key) -> None:
    message, _, signature = token.rpartition(".")
    key.verify(unb64url(signature.encode()), message.encode())


def _as_file(case: Case) -> Iterator[Sign]:
    now, slots = case.clock.now(), slots_of(case.config)
    rows = (("jwks", "jwt", case.canary.paths.jwks), ("paseto_keys", "paseto", case.canary.paths.paseto_keys))
    for name, format, path in rows:
        said = {_public(one) for one in _whole(_got(case.server, path, name)) if one.text("use") != "enc"}
        held = {_public(_as_published(one.key)): one.state(now) for one in slots if _signs(one.key, format)}
        wanted = {one for one, state in held.items() if state is not State.RETIRED}
        if dead := [one for one in said & held.keys() if held[one] is State.RETIRED]:
            yield Sign("document.retired", f"{name} still has {len(dead)} retired key(s) of {case.config.path}")
        elif said != wanted:
            yield Sign("document.other-keys", f"{name} and the key file of {case.config.path} differ")


def _signs(key: Key, format: str) -> bool:
    return key.use == "sign" and key.algorithm.format == format and not key.algorithm.symmetric


def _as_published(key: Key) -> Untrusted:
    if key.algorithm.format == "paseto":
        return Untrusted({"kid": key.kid, "paserk": key.to_paserk()})
    return Untrusted(key.public().to_jwk())


def _public(entry: Untrusted) -> tuple[str, ...]:
    return tuple(entry.text(name) for name in _PUBLIC)


def _alike(case: Case) -> Iterator[Sign]:
    """Every node publishes the same: two that differ have two key files."""
    first, *others = case.patients
    held = _all_public(first, case)
    for other in others:
        if _all_public(other, case) != held:
            yield Sign("document.nodes-differ", f"{first.origin} and {other.origin} publish different keys")


def _all_public(patient: Patient, case: Case) -> set[tuple[str, ...]]:
    return {_public(one) for one in _whole(_got(patient, case.canary.paths.jwks, "jwks"))}


def _got(patient: Patient, path: str, what: str) -> Answer:
    answer = patient.ask(endpoint(path, what))
    if answer.status == 404:
        raise CannotRunError("there is no such document here (404)")
    return answer


def _whole(answer: Answer) -> list[Untrusted]:
    """Raises: CannotRunError for what is no key document: that is a finding of its own."""
    if not answer.ok or answer.json().items("keys") is None:
        raise CannotRunError("the document cannot be read: see document-jwks and document-paseto")
    return _entries(answer)


def _entries(answer: Answer) -> list[Untrusted]:
    return answer.json().items("keys") or []


def _is_secret(entry: Untrusted) -> bool:
    return bool(SECRET_MEMBERS & entry.members.keys()) or any(part in entry.text("paserk") for part in _PRIVATE_PASERK)


def published(case: Case, kid: str) -> Key:
    """The public key that the JWKS names so. Raises: CannotRunError."""
    if (key := _jwk_named(case, kid)) is None:
        raise CannotRunError("the JWKS has no key of that kid: see document-signer")
    return key


def _jwk_named(case: Case, kid: str) -> Key | None:
    entries = _whole(_got(case.server, case.canary.paths.jwks, "jwks"))
    return _read((one for one in entries if one.text("kid") == kid), lambda one: Key.from_jwk(one.members))


def _paserk_named(case: Case, kid: str) -> Key | None:
    entries = _whole(_got(case.server, case.canary.paths.paseto_keys, "paseto_keys"))
    return _read((one for one in entries if one.text("kid") == kid), lambda one: Key.from_paserk(one.text("paserk")))


def _read(entries: Iterator[Untrusted], read: Callable[[Untrusted], Key]) -> Key | None:
    try:
        return next(map(read, entries), None)
    except WatchwordError:
        raise CannotRunError("the key of that kid cannot be read: see document-jwks and document-paseto") from None


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
            mend="watchword keys rotate --config watchword.toml --emergency KID   "
            "# what was published is no secret; serve ring.jwks() alone",
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
            id="document.other-signer",
            symptom="Other services refuse fresh tokens: a wrong signature (`SignatureError`) of a known kid.",
            cause="Under the kid of the key that signs another key is published: the document is of another "
            "installation, or somebody has put a key of their own there.",
            mend="watchword keys export --config watchword.toml   # compare; then purge the cache of /.well-known/",
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
            asks="is the key published that signs now, and not its name alone",
            needs=("url", "canary"),
            run=_signer,
            finds=("document.signer-missing", "document.other-signer"),
        ),
        Probe(
            id="document-paseto-signer",
            asks="is the key of PASETOs",
            needs=("url", "canary"),
            run=_paseto_signer,
            finds=("document.signer-missing", "document.other-signer"),
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
