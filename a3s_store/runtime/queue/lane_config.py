"""Rules of each lane, made from a queue's configuration, which is checked first.

They say how long a command may take, when and how often it is tried again, how many may start per
time, and how waiting changes a lane's rank. Nothing here waits or reads a clock: the time is an
argument.

Invariants: 1. an invalid configuration is refused as a whole, when the queue is made; 2. features
that are not configured are off: no retries, timeouts, rate limits or boosts (as in upstream's
newest release; an older one tried every command three times, which is wrong for tools that change
something); 3. a bucket lets no more commands start than its rate and capacity allow, however the
clock is set. Upstream: `SessionQueueConfig`, `build_lane_config` (runtime 7.1).
"""

from __future__ import annotations

import sys
from typing import Final

import attrs

from a3s_store.errors import SessionConfigError
from a3s_store.models import (
    PriorityBoostConfig,
    RateLimitConfig,
    RetryPolicyConfig,
    SessionLane,
    SessionQueueConfig,
)

DLQ_SIZE: Final = 1000
LANE_FEATURES_TIMEOUT_MS: Final = 60_000
RETRY_CAP_MS: Final = 30_000
BOOST_DEADLINE_MS: Final = 300_000

_WINDOWS_MS: Final = {"per_second": 1_000, "per_minute": 60_000, "per_hour": 3_600_000}
# By boost strategy: how many ranks are gained while at most so many percent of the time are left.
_BOOSTS: Final = {
    "standard": ((10, 4), (25, 3), (50, 2), (75, 1)),
    "aggressive": ((20, 8), (40, 6), (60, 4), (80, 2)),
}
_PRIORITIES: Final = {
    SessionLane.CONTROL: 0,
    SessionLane.QUERY: 1,
    SessionLane.EXECUTE: 2,
    SessionLane.GENERATE: 3,
}


def with_lane_features(config: SessionQueueConfig) -> SessionQueueConfig:
    """Return the configuration with dead letters, metrics, alerts, and a timeout of a minute.

    Upstream: `SessionQueueConfig::with_lane_features` (runtime 7.1).
    """
    return config.evolve(
        enable_dlq=True,
        dlq_max_size=DLQ_SIZE,
        enable_metrics=True,
        enable_alerts=True,
        default_timeout_ms=LANE_FEATURES_TIMEOUT_MS,
    )


def lane_id(lane: SessionLane) -> str:
    """Return the lane's name in lower case, as in events, dead letters and metrics."""
    return lane.value.lower()


def priority(lane: SessionLane) -> int:
    """Return the rank of a lane, 0 to 3; the lowest starts first.

    Upstream: `SessionLane::priority` (runtime 6.2).
    """
    return _PRIORITIES[lane]


@attrs.frozen
class Retry:
    """When a failed command is tried again; with `doubling` the delays double, up to a cap."""

    max_retries: int = 0
    delay_ms: int = 0
    doubling: bool = False

    def delay_before(self, retry: int) -> int:
        """Return the milliseconds to wait before a retry, numbered from 1."""
        if not self.doubling:
            return self.delay_ms
        # The shift is bounded, since the delay after very many retries is too large a number.
        doubled = self.delay_ms << min(retry - 1, RETRY_CAP_MS.bit_length())
        return min(doubled, max(RETRY_CAP_MS, self.delay_ms))


@attrs.frozen
class Boost:
    """How the rank of a waiting command improves as its deadline comes near."""

    deadline_ms: int
    steps: tuple[tuple[int, int], ...]

    def rank(self, base: int, waited_ms: int) -> int:
        """Return the rank of a command that waited so long in a lane of rank `base`; 0 is first."""
        left = self.deadline_ms - waited_ms
        if left <= 0:
            return 0
        for percent, ranks in self.steps:
            if left * 100 <= self.deadline_ms * percent:
                return max(0, base - ranks)
        return base


class TokenBucket:
    """Lets `capacity` commands start at once, and is refilled evenly over `window_ms`."""

    def __init__(self, capacity: int, window_ms: int) -> None:
        self._capacity = capacity
        self._window_ms = window_ms
        # In commands times milliseconds of the window, so that no fraction is lost.
        self._full = capacity * window_ms
        self._level = self._full
        self._at: int | None = None

    def wait_ms(self, now_ms: int) -> int:
        """Return the milliseconds until the next command may start; 0 when it may now."""
        if self._at is None or now_ms < self._at:
            # A clock that was set back changes nothing.
            self._at = now_ms
        self._level = min(self._full, self._level + (now_ms - self._at) * self._capacity)
        self._at = now_ms
        missing = self._window_ms - self._level
        return 0 if missing <= 0 else -(-missing // self._capacity)

    def take(self) -> None:
        """Count a command that starts; `wait_ms` must have returned 0."""
        self._level -= self._window_ms


@attrs.frozen
class LaneRules:
    """The rules of one lane. None means no limit."""

    max_concurrency: int
    timeout_ms: int | None
    retry: Retry
    rate: tuple[int, int] | None
    boost: Boost | None
    pressure_threshold: int | None

    def bucket(self) -> TokenBucket | None:
        """Return a full bucket for the lane's rate limit; None without one."""
        return None if self.rate is None else TokenBucket(*self.rate)


def dlq_size(config: SessionQueueConfig) -> int:
    """Return how many dead letters are kept; 0 when they are off.

    Raises:
        SessionConfigError: they are on with a size of 0.
    """
    if not config.enable_dlq:
        return 0
    if config.dlq_max_size == 0:
        raise _refused("dlq_max_size", "queue.dlq_max_size must be greater than zero")
    # Another machine's largest number may be more than a list can hold here.
    return DLQ_SIZE if config.dlq_max_size is None else min(config.dlq_max_size, sys.maxsize)


def rules_of(config: SessionQueueConfig, lane: SessionLane) -> LaneRules:
    """Return the rules of one lane.

    Raises:
        SessionConfigError: a limit is zero, or a strategy is not known.
    """
    concurrency = f"{lane.value.lower()}_max_concurrency"
    most: int = getattr(config, concurrency)
    if most == 0:
        raise _refused(concurrency, f"queue max concurrency for {lane} must be greater than zero")
    timeout_ms = config.lane_timeouts.get(lane, config.default_timeout_ms)
    if timeout_ms == 0:
        raise _refused("default_timeout_ms", f"queue timeout for {lane} must be greater than zero")
    if config.pressure_threshold == 0:
        raise _refused("pressure_threshold", "queue.pressure_threshold must be greater than zero")
    return LaneRules(
        max_concurrency=most,
        timeout_ms=timeout_ms,
        retry=_retry(config.retry_policy),
        rate=_rate(config.rate_limit),
        boost=_boost(config.priority_boost),
        pressure_threshold=config.pressure_threshold,
    )


def _retry(policy: RetryPolicyConfig | None) -> Retry:
    if policy is None or policy.strategy == "none":
        return Retry()
    if policy.strategy == "fixed":
        fixed = policy.fixed_delay_ms
        return Retry(policy.max_retries, policy.initial_delay_ms if fixed is None else fixed)
    if policy.strategy == "exponential":
        return Retry(policy.max_retries, policy.initial_delay_ms, doubling=True)
    raise _refused(
        "retry_policy",
        f"unsupported queue retry strategy `{policy.strategy}`; "
        "expected none, fixed, or exponential",
    )


def _rate(limit: RateLimitConfig | None) -> tuple[int, int] | None:
    if limit is None or limit.limit_type == "unlimited":
        return None
    window_ms = _WINDOWS_MS.get(limit.limit_type)
    if window_ms is None:
        raise _refused(
            "rate_limit",
            f"unsupported queue rate limit `{limit.limit_type}`; "
            "expected unlimited, per_second, per_minute, or per_hour",
        )
    if not limit.max_operations:
        raise _refused(
            "rate_limit",
            f"queue rate limit `{limit.limit_type}` requires max_operations greater than zero",
        )
    return limit.max_operations, window_ms


def _boost(boost: PriorityBoostConfig | None) -> Boost | None:
    if boost is None or boost.strategy == "disabled":
        return None
    deadline_ms = BOOST_DEADLINE_MS if boost.deadline_ms is None else boost.deadline_ms
    if deadline_ms == 0:
        raise _refused("priority_boost", "queue priority boost deadline must be greater than zero")
    steps = _BOOSTS.get(boost.strategy)
    if steps is None:
        raise _refused(
            "priority_boost",
            f"unsupported queue priority boost strategy `{boost.strategy}`; "
            "expected disabled, standard, or aggressive",
        )
    return Boost(deadline_ms, steps)


def _refused(field: str, what: str) -> SessionConfigError:
    name = f"queue_config.{field}"
    return SessionConfigError(what, op="queue", where=name, field=name)
