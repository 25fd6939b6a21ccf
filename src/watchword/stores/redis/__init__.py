"""The store in Redis 7 or Valkey: one server, behind sentinels, or a cluster. Fast, but weaker than SQL."""

from .store import RedisStore as RedisStore
