"""Defaults of secrets: keys, how tokens are written, passwords."""

from __future__ import annotations

from typing import Any

from tests.docs.defaults.base import Row, of, setting
from watchword import (
    ApiKeys,
    RotationPolicy,
    Watchword,
    claims,
    encoding,
)
from watchword.crypto import digest, passwords, points
from watchword.crypto.algorithms import ALGORITHMS
from watchword.keys import discovery, jwks
from watchword.keys.remote import RemotePolicy
from watchword.keys.sources import fresh_slots
from watchword.runtime import fetch
from watchword.server.accounts import password_pool
from watchword.tokens import one_time, sealed, sessions

RSA: Any = ALGORITHMS["RS256"].generate

KEYS = (
    Row(
        what="keys of a new installation: for JWT, for PASETO, to seal, for our own MACs",
        value=tuple(slot.key.algorithm.name for slot in fresh_slots(signing=True)),
        how="`KeyRing.generate(…)`",
        source="ASVS App. C; ES256, because every gateway verifies it",
    ),
    Row(
        what="RSA: generated",
        value=RSA.keywords["key_size"],
        unit="bits",
        source="ASVS App. C, SP 800-57 Table 2 (128 bits of strength)",
    ),
    Row(what="RSA: the smallest that is taken", value=points.LEAST_RSA, unit="bits", source="RFC 7518 §3.3"),
    Row(what="RSA: the largest", value=points.MOST_RSA, unit="bits", source="Ours: what a verification may cost"),
    Row(what="RSA: public exponent", value=RSA.keywords["public_exponent"], source="FIPS 186-5 §A.1.1"),
    Row(
        what="HMAC keys: HS256, the least",
        value=len(ALGORITHMS["HS256"].generate()),
        unit="bytes",
        source="RFC 7518 §3.2 (as long as the hash)",
    ),
    Row(
        what="secrets of opaque tokens",
        value=digest.SECRET_BYTES,
        unit="bytes",
        source="ASVS 7.2.3, 11.5.1 (128 bits at least)",
    ),
    Row(
        what="a key is published before it signs",
        value=RotationPolicy().lead,
        unit="s",
        how="`RotationPolicy(discovery_cache=)`",
        source="Every verifier has fetched the document again by then",
    ),
    Row(
        what="a key is kept after it signed last",
        value=RotationPolicy().keep,
        unit="s",
        how="`RotationPolicy(token_life=, leeway=)`",
        source="Every token of it has expired by then; SP 800-57 §5.3",
    ),
    Row(
        what="others' keys: fresh, where they do not say",
        value=RemotePolicy().fresh,
        how="`RemotePolicy(fresh=)`",
        source="Ours: RFC 9111 leaves it to the cache",
    ),
    Row(
        what="others' keys: used after that, while asking fails",
        value=RemotePolicy().max_stale,
        how="`RemotePolicy(max_stale=)`",
        source="RFC 5861 §4 (stale-if-error)",
    ),
    Row(
        what="others' keys: between two fetches for an unknown `kid`",
        value=RemotePolicy().cooldown,
        how="`RemotePolicy(cooldown=)`",
        source="Ours: forged ids cause no flood",
    ),
    Row(what="others' keys: a fetch", value=fetch.SECONDS, unit="s", source="ASVS 13.1.3"),
    Row(what="key documents: size", value=discovery.MAX_BYTES, unit="bytes", source="ASVS 13.1.3"),
    Row(what="key documents: keys", value=jwks.MAX_KEYS, source="Ours: RFC 7517 has no bound"),
)

TOKENS = (
    Row(
        what="formats of access tokens",
        value=setting("access").format,
        settings=("access.format",),
        keywords=("formats",),
        none="the first key's",
        source="The key decides (RFC 8725 §3.1)",
    ),
    Row(
        what="formats of service tokens",
        value=setting("service").format,
        settings=("service.format",),
        none="the first key's",
        source="The key decides (RFC 8725 §3.1)",
    ),
    Row(
        what="formats of sealed tokens",
        value=setting("sealed").format,
        settings=("sealed.format",),
        none="the key's",
        source="The key decides (RFC 8725 §3.1)",
    ),
    Row(
        what="formats of all else",
        value=setting("session").format,
        settings=("session.format", "refresh.format", "opaque_access.format", "api_key.format", "one_time.format"),
        source="RFC 9700 §4.14, ASVS 7.2.3: only a record can end, rotate or count",
    ),
    Row(
        what="access tokens are encrypted",
        value=of(Watchword, "single_service"),
        settings=("access.single_service",),
        keywords=("single_service",),
        source="Ours: signed ones can be verified by others",
    ),
    Row(
        what="how API keys begin",
        value=of(Watchword, "api_key_prefix"),
        settings=("api_key.prefix",),
        keywords=("api_key_prefix",),
        same=(of(ApiKeys, "prefix"),),
        source="What secret scanners know",
    ),
    Row(
        what="which API keys are good here",
        value=of(Watchword, "environment"),
        settings=("environment",),
        keywords=("environment",),
        source="Ours: a test key opens nothing that is live",
    ),
    Row(
        what="a token: size",
        value=encoding.MAX_TOKEN,
        unit="bytes",
        how=f"{encoding.LARGE_TOKEN:,} with an ML-DSA key on the ring",
        source="Ours: what servers take as one header",
    ),
    Row(
        what="a header or footer: size",
        value=encoding.MAX_HEADER,
        unit="bytes",
        how=f"{encoding.LARGE_HEADER:,} with an ML-DSA key on the ring",
        source="Ours",
    ),
    Row(what="JSON: levels", value=encoding.MAX_DEPTH, source="RFC 8259 §9 (a parser may set a limit)"),
    Row(what="claims in a token", value=claims.MAX_CLAIMS, source="Ours: ten times what ours have"),
    Row(what="a claim of text: characters", value=claims.MAX_TEXT, source="Ours"),
    Row(what="audiences in a token", value=claims.MAX_AUDIENCES, source="Ours"),
    Row(
        what="personal data in a readable token is an error",
        value=of(Watchword, "strict"),
        settings=("strict",),
        keywords=("strict",),
        source="Ours: a warning, and with `strict` an error",
    ),
    Row(
        what="data of a session", value=sessions.MAX_DATA, unit="bytes", source="Ours: more belongs into your database"
    ),
    Row(what="data of a one-time token", value=one_time.MAX_DATA, unit="bytes", source="Ours"),
    Row(
        what="data of a sealed token", value=sealed.MAX_DATA, unit="bytes", source="Ours: it travels in a URL or a form"
    ),
)

PASSWORDS = (
    Row(
        what="Argon2id: memory",
        value=passwords.MEMORY_KIB,
        unit="KiB",
        source="OWASP Password Storage, ASVS 11.4.2 and App. C; RFC 9106",
    ),
    Row(what="Argon2id: passes", value=passwords.PASSES, source="the same row of the same table"),
    Row(what="Argon2id: lanes", value=passwords.LANES, source="the same row of the same table"),
    Row(
        what="a new password: the least",
        value=passwords.MIN_CHARACTERS,
        unit="characters",
        source="63B §3.1.1.2 (where it stands alone), ASVS 6.2.1",
    ),
    Row(
        what="a password: the most",
        value=passwords.MAX_BYTES,
        unit="bytes",
        source="63B §3.1.1.2, ASVS 6.2.9 (64 characters have to fit)",
    ),
    Row(
        what="threads that hash",
        value=password_pool.MAX_THREADS,
        how="fewer where there are fewer processors",
        source="ASVS 13.1.3: a flood of sign-ins slows nothing else",
    ),
)
