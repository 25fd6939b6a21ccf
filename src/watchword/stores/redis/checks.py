"""What a server must be before it is trusted with records, and what it should be."""

from __future__ import annotations

from collections.abc import Mapping

from ...errors import ConfigurationError
from .address import Address

OLDEST = 7


def read_info(text: bytes) -> dict[str, str]:
    """The answer of INFO."""
    lines = (line.partition(":") for line in text.decode("utf-8", "replace").splitlines())
    return {name: value for name, colon, value in lines if colon}


def check(address: Address, info: Mapping[str, str], appendfsync: str = "") -> list[str]:
    """What is amiss but allowed, in sentences. Raises: ConfigurationError for what is not allowed."""
    version = info.get("redis_version", "0")
    if int(version.split(".")[0]) < OLDEST:
        raise ConfigurationError(f"{address} is Redis {version}: use Redis 7 or later, or Valkey")
    policy = info.get("maxmemory_policy", "unknown")
    if policy != "noeviction":
        raise ConfigurationError(
            f"{address} has maxmemory-policy {policy}: it would drop revocations and sessions when memory runs short;"
            " set it to noeviction, or give the store a server of its own"
        )
    if info.get("cluster_enabled") == "1" and not address.cluster:
        raise ConfigurationError(f"{address} is part of a cluster: write redis+cluster:// so that its primary is found")
    return _cautions(address, info, appendfsync)


def _cautions(address: Address, info: Mapping[str, str], appendfsync: str) -> list[str]:
    found = []
    if info.get("aof_enabled") != "1":
        found.append("appendonly is off, so a restart loses what was written since the last snapshot")
    elif appendfsync not in ("always", ""):
        found.append(f"appendfsync is {appendfsync}, so a power failure loses the last second, or more")
    replicas = int(info.get("connected_slaves", "0"))
    if replicas < address.wait:
        found.append(f"wait={address.wait}, and {replicas} replicas are connected, so every write is refused")
    if replicas and not address.wait:
        found.append("wait is 0, so a failover loses what the new primary had not received")
    return found
