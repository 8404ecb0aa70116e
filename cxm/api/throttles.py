"""Rate limits: a token bucket for every API key, shared by all web processes through Valkey.

A bucket holds up to `burst` requests and refills at `rate` a second. When Valkey is away each process keeps the buckets
itself: the limit is then by process, which is better than none and better than refusing everybody.
"""

from __future__ import annotations

import math
import threading
import time
from dataclasses import dataclass
from functools import cache

import redis
import structlog
from django.conf import settings

logger = structlog.get_logger(__name__)

TAKE_ONE = """
local now = redis.call('TIME')
now = now[1] + now[2] / 1000000
local rate, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
local bucket = redis.call('HMGET', KEYS[1], 'tokens', 'at')
local tokens = math.min(burst, (tonumber(bucket[1]) or burst) + (now - (tonumber(bucket[2]) or now)) * rate)
local taken = 0
if tokens >= 1 then tokens = tokens - 1; taken = 1 end
redis.call('HSET', KEYS[1], 'tokens', tostring(tokens), 'at', string.format('%.6f', now))
redis.call('PEXPIRE', KEYS[1], math.ceil(burst / rate * 1000) + 1000)
return {taken, tostring(tokens)}
"""
RETRY_AFTER_FAILURE_S = 5.0
MAX_LOCAL_BUCKETS = 10_000


@dataclass(frozen=True, slots=True)
class Limit:
    """`rate` requests a second on the long run, `burst` at once."""

    rate: float
    burst: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the bucket said: whether the request may go on, and what the client is told."""

    allowed: bool
    limit: Limit
    tokens: float

    @property
    def headers(self) -> dict[str, str]:
        """RateLimit-* for every answer, Retry-After for a refusal; all times in whole seconds."""
        headers = {
            "RateLimit-Limit": str(self.limit.burst),
            "RateLimit-Remaining": str(max(0, math.floor(self.tokens))),
            "RateLimit-Reset": str(math.ceil((self.limit.burst - self.tokens) / self.limit.rate)),
        }
        if not self.allowed:
            headers["Retry-After"] = str(max(1, math.ceil((1 - self.tokens) / self.limit.rate)))
        return headers


class LocalBuckets:
    """Token buckets of this process, used while Valkey is away."""

    def __init__(self) -> None:
        self.buckets: dict[str, tuple[float, float]] = {}
        self.lock = threading.Lock()

    def take(self, name: str, limit: Limit) -> Verdict:
        """Take one token from the named bucket, in memory."""
        now = time.monotonic()
        with self.lock:
            if len(self.buckets) >= MAX_LOCAL_BUCKETS:
                self.buckets.clear()
            tokens, at = self.buckets.get(name, (float(limit.burst), now))
            tokens = min(limit.burst, tokens + (now - at) * limit.rate)
            allowed = tokens >= 1
            tokens -= allowed
            self.buckets[name] = (tokens, now)
        return Verdict(allowed, limit, tokens)


class Throttle:
    """Takes a token for a name (`<organisation>:<key>`): one round trip to Valkey, or this process's own memory."""

    def __init__(self, url: str) -> None:
        # A limit must never make a request slow: 100 ms, then the local buckets for a while.
        self.client = redis.Redis.from_url(url, socket_timeout=0.1, socket_connect_timeout=0.1)
        self.script = self.client.register_script(TAKE_ONE)
        self.local = LocalBuckets()
        self.away_until = 0.0

    def take(self, name: str, limit: Limit) -> Verdict:
        """Take one token; never raises."""
        if time.monotonic() >= self.away_until:
            try:
                taken, tokens = self.script(keys=[f"cxm:rate:{name}"], args=[limit.rate, limit.burst])
                return Verdict(bool(taken), limit, float(tokens))
            except redis.RedisError as error:
                self.away_until = time.monotonic() + RETRY_AFTER_FAILURE_S
                logger.warning("rate_limit_local", reason=type(error).__name__)
        return self.local.take(name, limit)


@cache
def throttle() -> Throttle:
    """The process's throttle on REDIS_URL."""
    return Throttle(settings.REDIS_URL)


def api_limit() -> Limit:
    """The limit of a management API key: 50 requests a second, 200 at once, unless the settings say otherwise."""
    rate, burst = getattr(settings, "API_RATE_LIMIT", (50, 200))
    return Limit(rate, burst)
