"""PASERK: keys of PASETO as text (``k4.secret.…``), locked or not, and their ids (``k4.pid.…``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import Struct

from ..crypto import sealing, wrapping
from ..crypto.algorithms import Algorithm
from ..crypto.digest import paserk_id
from ..crypto.raw_keys import RAW, read_raw, v1_der
from ..crypto.wrapping import MOST, WRITTEN, PasswordCost
from ..encoding import b64url, gate, unb64url
from ..errors import ConfigurationError, KeyUseError, MalformedTokenError

if TYPE_CHECKING:
    from .key import Key

LOCAL, SECRET, PUBLIC = "k4.local.", "k4.secret.", "k4.public."
LIMIT = 4096
"""Bytes of a PASERK; the longest is k1.secret under a password, about 1,900."""


class Form(Struct, frozen=True):
    """What a PASERK's header says: the algorithm of the key, which part of it is there, and what locks it."""

    algorithm: str
    part: str
    """``local``, ``secret`` or ``public``; or ``lid``, ``sid``, ``pid``, which only name a key."""
    lock: str
    """Empty, ``wrapping_key``, ``password`` or ``sealing_key``."""


_TYPES = {
    "local": ("local", "local", ""),
    "secret": ("public", "secret", ""),
    "public": ("public", "public", ""),
    "lid": ("local", "lid", ""),
    "sid": ("public", "sid", ""),
    "pid": ("public", "pid", ""),
    "local-wrap.pie": ("local", "local", "wrapping_key"),
    "secret-wrap.pie": ("public", "secret", "wrapping_key"),
    "local-pw": ("local", "local", "password"),
    "secret-pw": ("public", "secret", "password"),
    "seal": ("local", "local", "sealing_key"),
}
FORMS: dict[str, Form] = {
    f"k{version}.{type}.": Form(f"v{version}.{purpose}", part, lock)
    for version in (1, 2, 3, 4)
    for type, (purpose, part, lock) in _TYPES.items()
}
_TRAVELS = tuple(header for header, form in FORMS.items() if form.lock in ("wrapping_key", "sealing_key"))


def split(text: str) -> tuple[str, bytes]:
    """(header with its last dot, data). Raises: ConfigurationError unless it is one of the known types, well spelt."""
    if not isinstance(text, str):
        raise ConfigurationError(f"a PASERK is text, not {type(text).__name__}")
    start = text.rfind(".", 0, LIMIT) + 1
    header = text[:start]
    if header not in FORMS:
        raise ConfigurationError("not a PASERK of a known version and type")
    try:
        return header, unb64url(gate(text[start:], LIMIT))
    except MalformedTokenError as error:
        raise ConfigurationError("the PASERK is too long, or not canonical base64url") from error


def form_of(text: str) -> Form:
    """What key a PASERK holds. Raises: ConfigurationError for an id, which holds none."""
    form = FORMS[split(text)[0]]
    if form.part not in ("local", "secret", "public"):
        raise ConfigurationError("this is the id of a key, not a key")
    return form


def read(
    text: str,
    *,
    wrapping_key: Key | None = None,
    password: bytes | None = None,
    sealing_key: Key | None = None,
    at_most: PasswordCost = MOST,
) -> tuple[str, Any, Any]:
    """(algorithm name, private or None, public) of a PASERK and what unlocks it; halves must belong together."""
    header, data = split(text)
    form = form_of(text)
    _only(form.lock, {"wrapping_key": wrapping_key, "password": password, "sealing_key": sealing_key})
    if wrapping_key is not None:
        data = wrapping.pie_unwrap(header, _secret_of(wrapping_key, header), data)
    elif password is not None:
        data = wrapping.pw_unwrap(header, password, data, at_most)
        data = v1_der(data) if header == "k1.secret-pw." else data
    elif sealing_key is not None:
        data = sealing.unseal(header, _sealer(sealing_key, header)._secret(True), data)
    if form.part != "local":
        private, public = read_raw(form.algorithm, data, secret=form.part == "secret")
        return form.algorithm, private, public
    return form.algorithm, data, data  # a Key of it has exactly 32 bytes, or there is none


def write(algorithm: Algorithm, public: Any, private: Any) -> str:
    """The plain PASERK: of the private half where it is given, else of the public one."""
    _want_paseto(algorithm)
    if algorithm.symmetric or private is not None:
        return _header(algorithm, "local" if algorithm.symmetric else "secret") + b64url(_raw(algorithm, private))
    return _header(algorithm, "public") + b64url(RAW[algorithm.name].write_public(public))


def write_locked(
    algorithm: Algorithm,
    private: Any,
    *,
    wrapping_key: Key | None = None,
    password: bytes | None = None,
    sealing_key: Key | None = None,
    cost: PasswordCost = WRITTEN,
) -> str:
    """The PASERK of a private key under exactly one lock."""
    _want_paseto(algorithm)
    if algorithm.read_only:
        raise KeyUseError("read only: no key of PASETO v1 or v2 is wrapped; move to v4")
    locks = {"wrapping_key": wrapping_key, "password": password, "sealing_key": sealing_key}
    _only(next(name for name, given in locks.items() if given is not None), locks)
    part, secret = "local" if algorithm.symmetric else "secret", _raw(algorithm, private)
    if wrapping_key is not None:
        header = _header(algorithm, f"{part}-wrap.pie")
        return header + b64url(wrapping.pie_wrap(header, _secret_of(wrapping_key, header), secret))
    if password is not None:
        header = _header(algorithm, f"{part}-pw")
        return header + b64url(wrapping.pw_wrap(header, password, secret, cost))
    if not algorithm.symmetric:
        raise KeyUseError("only a local key is sealed; wrap a key pair under a key or a password")
    header = _header(algorithm, "seal")
    return header + b64url(sealing.seal(header, _sealer(sealing_key, header)._public, secret))


def identify(algorithm: Algorithm, public: Any, private: Any = None) -> str:
    """The id that goes into a footer: ``pid`` of the public key, ``lid`` of a local one; ``sid`` of a private half."""
    part = "lid" if algorithm.symmetric else "sid" if private is not None else "pid"
    return paserk_id(_header(algorithm, part), write(algorithm, public, public if algorithm.symmetric else private))


def travels(text: object) -> bool:
    """Whether a footer may carry this: a key wrapped under a key, or sealed; no bare one, none under a password."""
    if not isinstance(text, str) or not text.startswith(_TRAVELS):
        return False
    try:
        return bool(split(text)[1])
    except ConfigurationError:
        return False


def _want_paseto(algorithm: Algorithm) -> None:
    if algorithm.format != "paseto":
        raise KeyUseError(f"a {algorithm.name} key is written as JWK, not as PASERK")


def _header(algorithm: Algorithm, type: str) -> str:
    return f"k{algorithm.name[1]}.{type}."


def _raw(algorithm: Algorithm, private: Any) -> bytes:
    return bytes(private) if algorithm.symmetric else RAW[algorithm.name].write_secret(private)


def _only(wanted: str, locks: dict[str, Any]) -> None:
    given = [name for name, value in locks.items() if value is not None]
    if given != ([wanted] if wanted else []):
        raise ConfigurationError(f"this PASERK wants {wanted + '=' if wanted else 'no lock'}, and nothing else")


def _secret_of(wrapping_key: Key, header: str) -> bytes:
    wanted = f"v{header[1]}.local"
    if getattr(wrapping_key, "algorithm", None) is None or wrapping_key.algorithm.name != wanted:
        raise KeyUseError(f"the wrapping key of {header[:-1]} is a {wanted} Key")
    return wrapping_key.secret_bytes()


def _sealer(sealing_key: Key | None, header: str) -> Key:
    if header[1] == "1":
        raise KeyUseError(
            "k1.seal is not done here: it is RSA without padding, which cryptography does not offer, and Python's own "
            "arithmetic would leak the private key through its timing; let the sender seal for a k3 or k4 key"
        )
    wanted = f"v{header[1]}.public"
    if sealing_key is None or getattr(sealing_key, "algorithm", None) is None or sealing_key.algorithm.name != wanted:
        raise KeyUseError(f"the sealing key of {header[:-1]} is a {wanted} Key")
    return sealing_key
