"""Local: what a watchword.toml says that contradicts itself, or leaves a danger on."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator

from ...app import Watchword
from ...errors import WatchwordError
from ...web.messages import host_of, is_loopback
from ..origins import holds_secret
from .base import Ailment, Case, Family, Probe, Sign

LONG_STALENESS = 60
LONG_ACCESS = 900
_WIDE = 8
"""Bits of a network that fewer than so many bits name: no proxies of anybody's are that many."""


def _agrees(case: Case) -> Iterator[Sign]:
    """Making a Watchword does no I/O, and refuses whatever cannot be."""
    if case.config.settings is None:
        yield Sign("config.refused", case.config.refused)
        return
    try:
        Watchword.from_settings(case.config.settings)
    except WatchwordError as error:
        yield Sign("config.refused", str(error))


def _memory(case: Case) -> Iterator[Sign]:
    said = case.config.said
    if not said.url.startswith("memory:"):
        return
    workers = max(case.workers, said.deployment.workers * said.deployment.machines)
    if workers > 1:
        yield Sign("config.memory-workers", f"url is memory:, and there are {workers} workers")
    else:
        yield Sign("config.memory", "url is memory:")


def _stale(case: Case) -> Iterator[Sign]:
    said = case.config.said
    if said.on_stale == "open":
        yield Sign("config.fails-open", f"on_stale is open, for {said.open_for:g} s past {said.max_staleness:g} s")
    if said.max_staleness > LONG_STALENESS:
        yield Sign("config.slow-revocation", f"max_staleness is {said.max_staleness:g} s")
    if said.access.lifetime > LONG_ACCESS:
        yield Sign("config.long-access", f"access.lifetime is {said.access.lifetime} s")
    if said.session.idle > said.session.absolute:
        seen = f"session.idle is {said.session.idle} s, and session.absolute is {said.session.absolute} s"
        yield Sign("config.idle-beyond-absolute", seen)


def _addresses(case: Case) -> Iterator[Sign]:
    said = case.config.said
    if _is_plain(said.issuer):
        yield Sign("config.plain-issuer", "issuer is an http URL of another machine")
    if any(_is_plain(one) for one in said.server.origins):
        yield Sign("config.plain-origin", "server.origins has an http origin of another machine")
    if any(map(_is_wide, said.server.trusted_proxies)):
        yield Sign("config.trusts-everybody", "server.trusted_proxies names every address")
    elif not is_loopback(said.server.host) and not said.server.trusted_proxies:
        yield Sign("config.open-network", f"server.host is {said.server.host}, and no proxy is named")


def _readable(case: Case) -> Iterator[Sign]:
    said = case.config.said
    secret = any(holds_secret(url) for url in (said.url, said.carrier or ""))
    mode = stat.S_IMODE(os.stat(case.config.path).st_mode)
    if secret and mode & 0o077:
        yield Sign("config.readable", f"{case.config.path} has mode {mode:04o} and a URL with a password")
    if mode & 0o022:
        yield Sign("config.writable", f"{case.config.path} has mode {mode:04o}")


def _shared(case: Case) -> Iterator[Sign]:
    holders: dict[str, list[str]] = {}
    for one in case.configs:
        for client in one.settings.server.clients if one.settings is not None else ():
            holders.setdefault(client.secret_sha256, []).append(f"{client.id} in {one.path}")
    for found in holders.values():
        if len(found) > 1:
            yield Sign("config.client-shared", f"one secret for {', '.join(found)}")


def _is_wide(network: str) -> bool:
    bits = network.partition("/")[2]
    return network == "*" or (bits.isascii() and bits.isdigit() and int(bits) < _WIDE)


def _is_plain(url: str) -> bool:
    return url.startswith("http://") and not is_loopback(host_of(url))


FAMILY = Family(
    page="configuration",
    title="The configuration contradicts itself, or leaves a danger on",
    look="Read `watchword.toml` and the variables that begin with `WATCHWORD_` together: a variable wins over "
    "the file.",
    prevent="Run `watchword doctor --config watchword.toml` where the configuration is deployed, before the process "
    "starts.",
    ailments=(
        Ailment(
            id="config.refused",
            symptom="The process does not start, or starts with other settings than the file seems to say.",
            cause="A name is misspelt, a value is of the wrong type, or two settings cannot both hold.",
            mend="watchword serve --config watchword.toml   # says the same in two lines; correct the setting it names",
        ),
        Ailment(
            id="config.memory",
            level="warning",
            symptom="Everybody is signed out, and all API keys are dead, after each restart.",
            cause="The store is the memory of one process.",
            mend='url = "sqlite:///watchword.db"   # at the top of watchword.toml, before any [table]',
        ),
        Ailment(
            id="config.memory-workers",
            symptom="Users are signed in on one request and signed out on the next; revocations reach one worker.",
            cause="Each worker has a memory of its own, and keys of its own.",
            mend='url = "sqlite:///watchword.db"   '
            "# at the top of watchword.toml, before any [table]; PostgreSQL for several machines",
        ),
        Ailment(
            id="config.fails-open",
            level="warning",
            symptom="A revoked access token works while the store is away.",
            cause="`on_stale` is `open`: past the lease, access tokens are taken without asking.",
            mend='on_stale = "closed"   '
            "# at the top of watchword.toml, before any [table]; declare open on routes of low risk alone",
        ),
        Ailment(
            id="config.slow-revocation",
            level="warning",
            symptom="A token works for minutes after it was revoked, when a verifier has lost the feed.",
            cause="`max_staleness` is over a minute.",
            mend="max_staleness = 5   # at the top of watchword.toml, before any [table]",
        ),
        Ailment(
            id="config.long-access",
            level="warning",
            symptom="A stolen access token is good for long where nobody follows the feed.",
            cause="`access.lifetime` is over 15 minutes (RFC 9700 section 2.2 asks for short ones).",
            mend="lifetime = 900   # under [access] in watchword.toml",
        ),
        Ailment(
            id="config.idle-beyond-absolute",
            level="warning",
            symptom="A session that nobody uses lives as long as one that is used.",
            cause="`session.idle` is longer than `session.absolute`: it never takes effect.",
            mend="idle = 1800   # under [session] in watchword.toml",
        ),
        Ailment(
            id="config.plain-issuer",
            symptom="Verifiers refuse to discover the keys, or fetch them where anybody on the way can change them.",
            cause="`issuer` is an http URL.",
            mend='issuer = "https://…"   # at the top of watchword.toml, before any [table]',
        ),
        Ailment(
            id="config.plain-origin",
            symptom="Whoever is on the network path of a user can act with the user's cookie.",
            cause="`server.origins` trusts pages that came without TLS.",
            mend='origins = ["https://…"]   # under [server] in watchword.toml',
        ),
        Ailment(
            id="config.trusts-everybody",
            symptom="Limits by address do not bite, and the trail has addresses that nobody has.",
            cause="`server.trusted_proxies` lets every client write X-Forwarded-For.",
            mend='trusted_proxies = ["10.0.0.5"]   # under [server] in watchword.toml: the proxy\'s own address',
        ),
        Ailment(
            id="config.open-network",
            level="warning",
            symptom="Passwords and tokens cross the network in the clear, or every client has the proxy's address.",
            cause="The server listens beyond this machine, and no proxy that ends TLS is named.",
            mend='host = "127.0.0.1"   '
            "# under [server] in watchword.toml; and a proxy before it, or name it in trusted_proxies",
        ),
        Ailment(
            id="config.readable",
            symptom="Another user of the machine can reach the database.",
            cause="The configuration holds a password, and others can read it.",
            mend="chmod 600 watchword.toml   # and change the password; better: WATCHWORD_URL",
        ),
        Ailment(
            id="config.writable",
            symptom="Another user of the machine can name a database, keys and origins of their own.",
            cause="Others can write the configuration.",
            mend="chmod go-w watchword.toml",
        ),
        Ailment(
            id="config.client-shared",
            symptom="Who holds the secret of one service can introspect and revoke as another.",
            cause="Two clients have the same secret.",
            mend='python3 -c "import secrets,hashlib; s=secrets.token_urlsafe(32); '
            'print(s, hashlib.sha256(s.encode()).hexdigest())"   # one for each client',
        ),
    ),
    probes=(
        Probe(
            id="config-agrees",
            asks="can a Watchword be made of it",
            needs=("config",),
            run=_agrees,
            finds=("config.refused",),
        ),
        Probe(
            id="config-memory",
            asks="does the store outlive the process, and is it one for all workers",
            needs=("config",),
            run=_memory,
            finds=("config.memory", "config.memory-workers"),
        ),
        Probe(
            id="config-times",
            asks="does a revocation take hold soon, and closed",
            needs=("config",),
            run=_stale,
            finds=("config.fails-open", "config.slow-revocation", "config.long-access", "config.idle-beyond-absolute"),
        ),
        Probe(
            id="config-addresses",
            asks="is everything said over TLS, and to those who are meant",
            needs=("config",),
            run=_addresses,
            finds=("config.plain-issuer", "config.plain-origin", "config.trusts-everybody", "config.open-network"),
        ),
        Probe(
            id="config-readable",
            asks="can others read a password in it, or change it",
            needs=("config",),
            run=_readable,
            finds=("config.readable", "config.writable"),
        ),
        Probe(
            id="config-clients",
            asks="has each client a secret of its own",
            needs=("config",),
            run=_shared,
            finds=("config.client-shared",),
        ),
    ),
)
