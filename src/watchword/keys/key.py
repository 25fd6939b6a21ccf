"""Key: material bound to one algorithm and one use. Bytes and text are never keys."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, NoReturn, Self

from ..crypto import material
from ..crypto.algorithms import ALGORITHMS, OLD_ALGORITHMS, Algorithm
from ..crypto.digest import new_id, same
from ..crypto.wrapping import MOST, WRITTEN, PasswordCost
from ..errors import ConfigurationError, KeyUseError
from ..insecure import Danger
from . import jwk, paserk

_KID = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._~@-")


def kid_is_sound(kid: object) -> bool:
    """1 to 128 plain characters: a key id is only ever looked up in a dictionary."""
    return isinstance(kid, str) and 0 < len(kid) <= 128 and _KID.issuperset(kid)


class Key:
    """One key for one algorithm (ES256, Ed25519, RS256, HS256, v4.public, v4.local) and one use.

    ``use`` is ``sign`` (tokens that others read), ``mac`` (our own opaque tokens; HS256 alone) or ``seal`` (v4.local,
    and JWE: A256KW, ECDH-ES+A256KW, RSA-OAEP-256 …). ``sign``, ``verify``, ``wrap`` and ``unwrap`` are the bare
    primitive, prepared once. A public key has ``can_sign`` False, and cannot unwrap.
    Raises: WeakKeyError, KeyUseError, ConfigurationError, always while it is made and never later.
    """

    __slots__ = ("_private", "_public", "algorithm", "can_sign", "kid", "sign", "unwrap", "use", "verify", "wrap")

    def __init__(
        self, algorithm: Algorithm, private: Any, public: Any, *, kid: str | None = None, use: str | None = None
    ) -> None:
        algorithm.check(public)
        self.algorithm = algorithm
        self.use = use or algorithm.uses[0]
        if self.use not in algorithm.uses:
            raise KeyUseError(f"a key for {algorithm.name} cannot be used to {self.use}")
        self._private = private
        self._public = public
        self.can_sign = private is not None
        if kid is not None and not kid_is_sound(kid):
            raise ConfigurationError("a kid is 1 to 128 letters, digits, '.', '_', '~', '@' or '-'")
        self.kid = kid or self._natural_kid()
        self.sign = algorithm.signer(private) if algorithm.signer and self.can_sign else self._cannot
        self.verify = algorithm.verifier(public) if algorithm.verifier else self._cannot
        self.wrap = algorithm.wrapper(public) if algorithm.wrapper else self._cannot
        self.unwrap = algorithm.unwrapper(private) if algorithm.unwrapper and self.can_sign else self._cannot

    @classmethod
    def generate(
        cls, algorithm: str, *, kid: str | None = None, use: str | None = None, crv: str | None = None
    ) -> Self:
        """A fresh key: ``Key.generate("ES256")``, ``Key.generate("ECDH-ES", crv="X25519")``. RSA has 3072 bits."""
        row = row_of(algorithm)
        if crv is not None and crv not in row.curves:
            raise ConfigurationError(
                f"{algorithm} keys have no curve {crv!r}; there are: {', '.join(row.curves) or 'none'}"
            )
        private = row.curves[crv]() if crv else row.generate()
        return cls(row, private, row.public_of(private), kid=kid, use=use)

    def successor(self) -> Key:
        """A fresh key of the same algorithm, curve and use."""
        curve = material.jwk_members(self._public, None).get("crv")
        return Key.generate(self.algorithm.name, use=self.use, crv=curve if self.algorithm.curves else None)

    @classmethod
    def from_pem(
        cls,
        data: bytes | str,
        *,
        algorithm: str,
        password: bytes | None = None,
        kid: str | None = None,
        allow: Collection[Danger] = (),
    ) -> Self:
        """A private (PKCS#8, PKCS#1, SEC1) or public (SPKI) key in PEM; the algorithm is yours to say."""
        row = row_of(algorithm, allow)
        private, public = material.read_pem(data.encode(errors="replace") if isinstance(data, str) else data, password)
        return cls(row, private, public, kid=kid)

    @classmethod
    def from_jwk(cls, value: dict[str, Any], *, algorithm: str | None = None) -> Self:
        """A JSON Web Key (RFC 7517). Its ``alg`` decides; ``algorithm`` may stand in for one that is missing."""
        name, private, public = jwk.read(value, algorithm)
        return cls(row_of(name), private, public, kid=value.get("kid"))

    @classmethod
    def from_paserk(
        cls,
        text: str,
        *,
        algorithm: str | None = None,
        wrapping_key: Key | None = None,
        password: bytes | None = None,
        sealing_key: Key | None = None,
        at_most: PasswordCost = MOST,
        allow: Collection[Danger] = (),
    ) -> Self:
        """A PASERK: ``k3`` or ``k4``, ``.local.``, ``.secret.``, ``.public.``, or a locked one with what unlocks it.

        Parameters: algorithm: the one you want (``v4.local``); a PASERK of any other version or purpose is refused.
        wrapping_key: a local Key, for ``local-wrap.pie`` and ``secret-wrap.pie``. password: for ``local-pw`` and
        ``secret-pw``; one that asks for more work than ``at_most`` (256 MiB, 8 passes, 4 lanes, 10^6 iterations) is
        refused before any is done. sealing_key: our own key pair, for ``seal``. allow: ``[LEGACY_PASETO]`` of
        ``watchword.insecure`` reads k1 and k2. Raises: ConfigurationError; SealError when it does not open.
        """
        named = paserk.form_of(text).algorithm
        row = row_of(named, allow)
        if algorithm is not None and algorithm != named:
            raise KeyUseError(f"the PASERK holds a {named} key, not one for {str(algorithm)[:40]}")
        _, private, public = paserk.read(
            text, wrapping_key=wrapping_key, password=password, sealing_key=sealing_key, at_most=at_most
        )
        return cls(row, private, public)

    def public(self) -> Key:
        """The same key without what must stay secret. Raises KeyUseError for a symmetric key: it has no public half."""
        if self.algorithm.symmetric:
            raise KeyUseError(f"{self.algorithm.name} has no public half; for others to verify use ES256 or v4.public")
        return Key(self.algorithm, None, self._public, kid=self.kid, use=self.use)

    def to_pem(self, *, password: bytes | None = None) -> bytes:
        """PKCS#8 (SPKI for a public key). Raises KeyUseError for a symmetric key."""
        if self.algorithm.symmetric:
            raise KeyUseError("a symmetric key has no PEM form")
        return material.write_pem(self._private, self._public, password)

    def to_jwk(self, *, private: bool = False) -> dict[str, Any]:
        """The JWK with ``alg``, ``kid`` and ``use``; with ``private=True`` the secret members as well."""
        return jwk.write(self.algorithm, self._public, self._secret(private), kid=self.kid)

    def thumbprint(self) -> str:
        """RFC 7638, SHA-256. Raises KeyUseError for a symmetric key: it would be a hash of the secret."""
        if self.algorithm.symmetric:
            raise KeyUseError("the thumbprint of a symmetric key is a hash of the secret; name it by its kid")
        return jwk.thumbprint_of(self._public)

    def thumbprint_uri(self) -> str:
        """RFC 9278: ``urn:ietf:params:oauth:jwk-thumbprint:sha-256:…``."""
        return f"urn:ietf:params:oauth:jwk-thumbprint:sha-256:{self.thumbprint()}"

    def to_paserk(
        self,
        *,
        private: bool = False,
        wrapping_key: Key | None = None,
        password: bytes | None = None,
        sealing_key: Key | None = None,
        cost: PasswordCost = WRITTEN,
    ) -> str:
        """The PASERK of a PASETO key: the public half; with ``private=True`` the bare secret; or the secret, locked.

        Parameters: wrapping_key: a v3.local or v4.local Key of the same version. password: not empty; ``cost`` is
        64 MiB and 3 passes of Argon2id (k4), 210,000 rounds of PBKDF2 (k3). sealing_key: the public key for whose owner
        a local key is sealed.
        """
        if wrapping_key is None and password is None and sealing_key is None:
            return paserk.write(self.algorithm, self._public, self._secret(private))
        locks = {"wrapping_key": wrapping_key, "sealing_key": sealing_key}
        return paserk.write_locked(self.algorithm, self._secret(True), password=password, cost=cost, **locks)

    def paserk_id(self, *, private: bool = False) -> str:
        """``k4.pid`` or ``k4.lid``, the ``kid`` unless told otherwise; with ``private=True`` ``k4.sid``."""
        return paserk.identify(self.algorithm, self._public, self._secret(True) if private else None)

    def secret_bytes(self) -> bytes:
        """The raw bytes of a symmetric key, for the formats that encrypt with it."""
        if not self.algorithm.symmetric:
            raise KeyUseError("only a symmetric key is bytes")
        raw: bytes = self._secret(True)
        return raw

    def _secret(self, private: bool) -> Any:
        if private and self._private is None:
            raise KeyUseError("this is a public key")
        if self.algorithm.symmetric and not private:
            raise KeyUseError(f"a {self.algorithm.name} key is all secret; say private=True, or use ES256 or v4.public")
        return self._private if private else None

    def _natural_kid(self) -> str:
        if self.algorithm.format == "paseto":
            return paserk.identify(self.algorithm, self._public)
        return new_id() if self.algorithm.symmetric else jwk.thumbprint_of(self._public)

    def _cannot(self, *_: object) -> NoReturn:
        if self.algorithm.read_only:
            raise KeyUseError(f"read only: nothing is made with a {self.algorithm.name} key; use v4")
        half = "" if self.can_sign else ", and it is the public half"
        raise KeyUseError(f"this {self.algorithm.name} key cannot do that: it is for use to {self.use}{half}")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Key) or self.algorithm is not other.algorithm or self.can_sign != other.can_sign:
            return False
        mine, theirs = (material.jwk_members(key._public, None) for key in (self, other))
        return same(repr(mine), repr(theirs)) and self.use == other.use

    def __hash__(self) -> int:
        return hash((self.algorithm.name, self.kid))

    def __repr__(self) -> str:
        half = "private" if self.can_sign else "public"
        return f"Key({self.algorithm.name!r}, kid={self.kid!r}, use={self.use!r}, {half})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Key is not pickled; write it with to_pem, to_jwk or to_paserk")


def row_of(algorithm: str, allow: Collection[Danger] = ()) -> Algorithm:
    """The row of an algorithm's name. Raises: ConfigurationError with the names there are."""
    row = ALGORITHMS.get(algorithm) if isinstance(algorithm, str) else None
    if row is None:
        row = OLD_ALGORITHMS.get(algorithm) if isinstance(algorithm, str) else None
        if row is not None and not any(one is row.danger for one in allow):
            raise KeyUseError(
                f"read only: {algorithm} keys open old tokens, with allow=[LEGACY_PASETO] from watchword.insecure"
            )
    if row is None:
        raise ConfigurationError(f"no algorithm {str(algorithm)[:40]!r}; there are: {', '.join(ALGORITHMS)}")
    return row


def no_key(value: object) -> KeyUseError:
    """What to raise where a Key is wanted and ``value`` is none."""
    return KeyUseError(
        f"a Key is wanted here, not {type(value).__name__}; bytes and text are never keys: make one with Key.generate, "
        "from_pem, from_jwk or from_paserk, bound to one algorithm"
    )
