"""The shared cache, which may be away: then every process keeps its own until it is back.

Sign-in counts its attempts here. A limit by process is better than none, and better than turning everybody away
because Valkey restarts.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import redis
import structlog
from django.core.cache.backends.locmem import LocMemCache
from django.core.cache.backends.redis import RedisCache

log = structlog.get_logger(__name__)


def _shared_or_own(name: str) -> Callable[..., Any]:
    """The method of the shared cache, or of the process's own while the shared one does not answer."""

    def method(self: SharedCache, *args: Any, **kwargs: Any) -> Any:
        try:
            return getattr(super(SharedCache, self), name)(*args, **kwargs)
        except (redis.ConnectionError, redis.TimeoutError) as error:
            log.warning("shared_cache_away", reason=type(error).__name__)
            return getattr(self.own, name)(*args, **kwargs)

    method.__name__ = name
    return method


class SharedCache(RedisCache):
    """Django's Redis cache with a small one in memory behind it."""

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        super().__init__(server, params)
        self.own = LocMemCache("shared-cache-away", {**params, "OPTIONS": {"MAX_ENTRIES": 10_000}})

    add = _shared_or_own("add")
    get = _shared_or_own("get")
    set = _shared_or_own("set")
    touch = _shared_or_own("touch")
    delete = _shared_or_own("delete")
    get_many = _shared_or_own("get_many")
    has_key = _shared_or_own("has_key")
    incr = _shared_or_own("incr")
    set_many = _shared_or_own("set_many")
    delete_many = _shared_or_own("delete_many")
    clear = _shared_or_own("clear")
