"""Clocks in Unix milliseconds, passed as arguments so that tests can replace them."""

from __future__ import annotations

import datetime
import logging
import time
from collections.abc import Callable
from typing import Any, Final, TypeAlias

from a3s_store.wire import timestamp_of

# Returns Unix milliseconds.
Clock: TypeAlias = Callable[[], int]

# The years 1 to 9999, the range of a timestamp.
_FIRST_MS: Final = -62_135_596_800_000
_LAST_MS: Final = 253_402_300_799_999
_MOST_MS: Final = 2**63 - 1
_log = logging.getLogger("a3s_store.session")
EPOCH: Final = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)


def system_clock() -> int:
    """This machine's clock, in Unix milliseconds."""
    return time.time_ns() // 1_000_000


def unix_ms(seconds: float) -> int:
    """Return Unix seconds as whole milliseconds; 0 for a time far off and for NaN."""
    return int(seconds * 1000) if abs(seconds) < 1e12 else 0


class ClampedClock:
    """A clock whose times are clamped to 0 to 2^63-1, the range that every store can hold.

    A time that is no number becomes 0. The first time out of range is logged as a warning.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._warned = False

    def __call__(self) -> int:
        """Return the clamped time in Unix milliseconds."""
        now = self._clock()
        if type(now) is int and 0 <= now <= _MOST_MS:
            return now
        within = _within(now)
        if within != now and not self._warned:
            self._warned = True
            _log.warning("the clock is out of range: its time is taken for %d ms", within)
        return within


def _within(now: Any) -> int:
    # NaN is the number that does not equal itself.
    is_number = isinstance(now, int | float) and now == now
    return int(min(max(now, 0), _MOST_MS)) if is_number else 0


def clamped(clock: Clock) -> Clock:
    """Return a `ClampedClock` of this clock; a `ClampedClock` is returned unchanged."""
    return clock if isinstance(clock, ClampedClock) else ClampedClock(clock)


def timestamp(milliseconds: int) -> str:
    """Return Unix milliseconds as RFC 3339 text in UTC, clamped to the years 1 to 9999."""
    within = min(max(milliseconds, _FIRST_MS), _LAST_MS)
    return timestamp_of(EPOCH + datetime.timedelta(milliseconds=within))
