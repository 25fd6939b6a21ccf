"""Local: the store: reachable, up to date, durable, and not growing for ever."""

from __future__ import annotations

import os
import shlex
import stat
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from ...errors import ConfigurationError, UnavailableError
from ...stores.base import Survey, open_store
from .base import Ailment, CannotRunError, Case, Family, Probe, Sign

NETWORK = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "ceph", "glusterfs", "fuse.sshfs", "fuse.s3fs", "afs"}
)
LONG_TRAIL = 1_000_000
"""Rows of the audit trail from which its growth is worth a word."""


def _survey(case: Case) -> list[Survey]:
    """Raises: UnavailableError, ConfigurationError, CannotRunError."""
    if case.config.said.url.startswith("memory:"):
        raise CannotRunError("a store in memory is the process's own")
    store = open_store(case.config.said.url, carrier=case.config.said.carrier)
    return list(store.survey(now=case.clock.now()))


def _ready(case: Case) -> Iterator[Sign]:
    try:
        found = _survey(case)
    except UnavailableError as error:
        yield Sign("store.away", str(error))
        return
    except ConfigurationError as error:
        yield Sign("store.amiss", str(error))
        return
    for one in found:
        if one.amiss:
            yield Sign("store.evicts" if "maxmemory-policy" in one.amiss else "store.amiss", one.amiss)
        if one.pending and (one.present or case.config.said.migrate == "never"):
            yield Sign("store.behind", f"{one.scheme} lacks {', '.join(one.pending)}")


def _durable(case: Case) -> Iterator[Sign]:
    for one in _known(case):
        yield from kept(one)


def kept(one: Survey) -> Iterator[Sign]:
    """Whether this server keeps what it confirms, by its own word."""
    yield from (Sign("store.forgets", f"{one.scheme}: {caution}") for caution in one.cautions)
    off = [name for name in ("fsync", "synchronous_commit") if one.about.get(name) == "off"]
    if off:
        yield Sign("store.forgets", f"{one.scheme}: {' and '.join(off)} off, so a crash loses what was confirmed")
    if one.about.get("standby") == "true":
        yield Sign("store.standby", f"{one.scheme}: it is a standby, which takes no writes")


def _trail(case: Case) -> Iterator[Sign]:
    for one in _known(case):
        if case.config.said.audit_retention is None and one.audit > LONG_TRAIL:
            yield Sign("store.grows", f"{one.audit} rows in the audit trail of {one.scheme}, and nothing removes them")


def _file(case: Case) -> Iterator[Sign]:
    url = case.config.said.url
    if not url.startswith("sqlite:"):
        raise CannotRunError("the store is no file")
    path = getattr(open_store(url), "path", "")
    sort = filesystem(Path(str(path)).absolute(), case.mounts)
    if sort in NETWORK:
        yield Sign("store.network-file", f"{path} lies on {sort}")
    with suppress(FileNotFoundError):
        mode = stat.S_IMODE(os.stat(path).st_mode)
        if mode & 0o022:
            yield Sign("store.writable", f"{path} has mode {mode:04o}", {"watchword.db": shlex.quote(str(path))})


def _known(case: Case) -> list[Survey]:
    try:
        return _survey(case)
    except (UnavailableError, ConfigurationError):
        raise CannotRunError("the store does not answer") from None


def filesystem(path: Path, mounts: str) -> str:
    """The type of the file system that holds ``path``, as the kernel lists it. Raises: CannotRunError elsewhere."""
    try:
        lines = Path(mounts).read_text("utf-8", "replace").splitlines()
    except OSError:
        raise CannotRunError("this system does not list its file systems in /proc/self/mounts") from None
    sorts: Mapping[str, str] = {
        words[1].replace("\\040", " "): words[2] for words in map(str.split, lines) if len(words) > 2
    }
    at = path.resolve()
    return next((sorts[str(place)] for place in (at, *at.parents) if str(place) in sorts), "")


FAMILY = Family(
    page="store",
    title="The store is away, behind, forgetful or growing",
    look="`watchword db status` says what is there; `/health` says whether a running process reaches it.",
    prevent="Alarm on `/health`, run `watchword db upgrade` as a step of each release, and try a restore once a "
    "quarter.",
    ailments=(
        Ailment(
            id="store.away",
            symptom="Sign-in answers 503, and checks do once the lease has run out.",
            cause="The database does not answer this machine: it is down, or the URL, the network or the password is "
            "wrong.",
            mend="watchword db status --config watchword.toml   # repeat until it is reachable",
        ),
        Ailment(
            id="store.amiss",
            symptom="The process refuses to open the store.",
            cause="Its tables are of a newer release, were changed by hand, or the server is too old.",
            mend="watchword db status --config watchword.toml   # says which",
        ),
        Ailment(
            id="store.evicts",
            symptom="Single users are signed out under load, and revoked tokens come back.",
            cause="Redis may evict keys when its memory is full.",
            mend="redis-cli CONFIG SET maxmemory-policy noeviction   # and in redis.conf",
        ),
        Ailment(
            id="store.behind",
            symptom="The new release does not start, or writes nothing.",
            cause="The database lacks migrations of this release.",
            mend="watchword db upgrade --config watchword.toml",
        ),
        Ailment(
            id="store.forgets",
            level="warning",
            symptom="After a power failure or a failover, rotated tokens and ended sessions are good again.",
            cause="The server confirms writes before they are safe.",
            mend="redis-cli CONFIG SET appendonly yes; redis-cli CONFIG SET appendfsync always   "
            "# PostgreSQL: ALTER SYSTEM SET synchronous_commit = on",
        ),
        Ailment(
            id="store.standby",
            symptom="Everything that writes is 503: sign-in, refresh, revocation.",
            cause="The URL leads to a standby.",
            mend="WATCHWORD_URL=postgresql://PRIMARY/…   # and: watchword db new-epoch, if it was promoted",
        ),
        Ailment(
            id="store.grows",
            level="warning",
            symptom="The disk fills, backups take longer each week.",
            cause="The audit trail is kept for ever: `audit_retention` is not set.",
            mend="audit_retention = 31536000   "
            "# at the top of watchword.toml, before any [table]; archive ww.events() first",
        ),
        Ailment(
            id="store.network-file",
            symptom="`database is locked`, or two nodes that each rotated the same token.",
            cause="SQLite lies on a network file system, whose locks do not hold.",
            mend='url = "postgresql://…"   '
            "# at the top of watchword.toml, before any [table]; or move the file to a local disk",
        ),
        Ailment(
            id="store.writable",
            symptom="Another user of the machine can write themselves a session of anybody.",
            cause="Others can write the database.",
            mend="chmod go-rw watchword.db watchword.db-wal watchword.db-shm   # and look at watchword db status",
        ),
    ),
    probes=(
        Probe(
            id="store-ready",
            asks="does it answer, and is it of this release",
            needs=("config",),
            run=_ready,
            finds=("store.away", "store.amiss", "store.evicts", "store.behind"),
        ),
        Probe(
            id="store-durable",
            asks="does it keep what it confirmed",
            needs=("config",),
            run=_durable,
            finds=("store.forgets", "store.standby"),
        ),
        Probe(
            id="store-trail",
            asks="is the trail pruned",
            needs=("config",),
            run=_trail,
            finds=("store.grows",),
        ),
        Probe(
            id="store-file",
            asks="does SQLite lie on a local disk, and can its owner alone write it",
            needs=("config",),
            run=_file,
            finds=("store.network-file", "store.writable"),
        ),
    ),
)
