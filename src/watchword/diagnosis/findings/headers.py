"""Findings in the header of a token: algorithms, keys that it brings along, its type."""

from __future__ import annotations

from ...crypto.algorithms import ALGORITHMS, JOSE_NAMES
from ...crypto.content import CONTENTS
from ...formats.compact import BROUGHT_ALONG, media_type
from ..hide import plain
from ..reading import is_kid
from ..weak import is_weak
from .base import Facts, Row

_SEALING = frozenset(name for name, row in ALGORITHMS.items() if row.format == "jwe" and name not in CONTENTS) | {"dir"}
_KNOWN = {name.lower(): name for name in (*JOSE_NAMES, *_SEALING)}
_MANY_ROUNDS = 1_000_000


def _alg(facts: Facts) -> str:
    return facts.look.algorithm if facts.look.form in ("jws", "jwe") else ""


def _jose(facts: Facts) -> bool:
    return facts.look.form in ("jws", "jwe")


def _none(facts: Facts) -> str | None:
    return "alg" if _alg(facts).strip().lower() == "none" else None


def _unknown(facts: Facts) -> str | None:
    if not _jose(facts) or _none(facts) is not None:
        return None
    known = _alg(facts) in (JOSE_NAMES if facts.look.form == "jws" else _SEALING)
    return None if known else "alg"


def _spelling(facts: Facts) -> str | None:
    name = _alg(facts)
    return "alg" if name.lower() in _KNOWN and name not in _KNOWN.values() else None


def _symmetric(facts: Facts) -> str | None:
    return "alg" if facts.look.form == "jws" and _alg(facts) in ("HS256", "HS384", "HS512") else None


def _weak(facts: Facts) -> str | None:
    look = facts.look
    return "signature" if is_weak(look.algorithm, look.message, look.signature) else None


def _old(facts: Facts) -> str | None:
    return "alg" if _alg(facts) == "RSA1_5" or _alg(facts).startswith("PBES2") else None


def _eddsa(facts: Facts) -> str | None:
    return "alg" if _alg(facts) == "EdDSA" else None


def _enc(facts: Facts) -> str | None:
    enc = facts.look.header.get("enc")
    return "enc" if facts.look.form == "jwe" and (not isinstance(enc, str) or enc not in CONTENTS) else None


def _brought(facts: Facts) -> str | None:
    names = [name for name in BROUGHT_ALONG if name in facts.look.header]
    return ", ".join(names) if names and facts.look.kind != "DPoP proof" else None


def _private(facts: Facts) -> str | None:
    jwk = facts.look.header.get("jwk")
    return "jwk" if isinstance(jwk, dict) and not {"d", "k", "p", "q", "priv"}.isdisjoint(jwk) else None


def _crit(facts: Facts) -> str | None:
    found = [name for name in ("crit", "b64") if name in facts.look.header]
    return ", ".join(found) or None


def _zip(facts: Facts) -> str | None:
    return "zip" if "zip" in facts.look.header else None


def _rounds(facts: Facts) -> str | None:
    rounds = facts.look.header.get("p2c")
    return "p2c" if isinstance(rounds, int) and rounds > _MANY_ROUNDS else None


def _kid(facts: Facts) -> str | None:
    return None if is_kid(facts.look.header.get("kid", "-")) else "kid"


def _no_kid(facts: Facts) -> str | None:
    formed = facts.look.form in ("jws", "jwe", "paseto")
    return "kid" if formed and "kid" not in facts.look.header and facts.look.kind != "DPoP proof" else None


def _no_typ(facts: Facts) -> str | None:
    return "typ" if facts.look.form in ("jws", "paseto") and "typ" not in facts.look.header else None


def _vague(facts: Facts) -> str | None:
    typ = facts.look.header.get("typ")
    vague = isinstance(typ, str) and media_type(typ) == "jwt" and facts.look.kind != "ID token"
    return "typ" if facts.look.form == "jws" and vague else None


def _many(facts: Facts) -> str | None:
    odd = [plain(str(name), 40) for name in facts.look.header if isinstance(name, str) and len(name) > 40]
    return odd[0] if odd else None


ROWS = (
    Row("alg-none", "danger", _none, "it is not signed: anybody can write one", "RFC 8725 §2.1, §3.2"),
    Row(
        "alg-spelling",
        "danger",
        _spelling,
        "the algorithm differs from a real one by its letters' case: such a token looks for a lax verifier",
        "RFC 7515 §4.1.1",
    ),
    Row("alg-unknown", "warning", _unknown, "no algorithm that is taken here", "RFC 8725 §3.1"),
    Row(
        "alg-symmetric",
        "note",
        _symmetric,
        "signed with a shared secret: whoever verifies it could write it as well; ES256 or v4.public for others",
        "RFC 8725 §3.2; OWASP ASVS 5.0 9.1.2",
    ),
    Row(
        "weak-secret",
        "danger",
        _weak,
        "its secret stands in every word list, so anybody can sign for you: make a random one of 32 bytes now",
        "RFC 8725 §3.5; RFC 7518 §3.2",
    ),
    Row("alg-old", "warning", _old, "an algorithm with a bad past: RSA-OAEP-256 or ECDH-ES+A256KW", "RFC 8725 §3.2"),
    Row("alg-eddsa", "note", _eddsa, "a name for two algorithms, and deprecated: write Ed25519", "RFC 9864 §2.2"),
    Row("enc-unknown", "warning", _enc, "no content encryption that is known", "RFC 7518 §5.1"),
    Row(
        "brings-key",
        "danger",
        _brought,
        "it brings its own key, or says where to fetch one: a verifier that believes it takes anybody's token",
        "RFC 8725 §3.10; OWASP ASVS 5.0 9.1.3",
    ),
    Row("private-key-inside", "danger", _private, "a private key stands in the header: replace it", "RFC 7515 §4.1.3"),
    Row("critical", "warning", _crit, "critical extensions: few verifiers understand any", "RFC 7515 §4.1.11"),
    Row("zip", "warning", _zip, "compressed: a small token may unfold to a large text", "RFC 8725 §3.6"),
    Row("p2c", "danger", _rounds, "so many rounds keep a verifier busy before it knows anything", "RFC 7518 §4.8.1.2"),
    Row(
        "kid-odd",
        "danger",
        _kid,
        "no plain key id: it aims at whatever looks it up (a path, a query)",
        "RFC 8725 §3.10",
    ),
    Row("kid-missing", "note", _no_kid, "it names no key, so keys cannot be rotated smoothly", "RFC 7515 §4.1.4"),
    Row(
        "typ-missing",
        "note",
        _no_typ,
        "it does not say what it is for, so one kind may pass for another",
        "RFC 8725 §3.11; OWASP ASVS 5.0 9.2.2",
    ),
    Row(
        "typ-vague",
        "note",
        _vague,
        "'JWT' says nothing: an access token is at+jwt",
        "RFC 8725 §3.11; RFC 9068 §2.1",
    ),
    Row("header-odd", "note", _many, "a header parameter with an overlong name", "RFC 7515 §4.3"),
)
