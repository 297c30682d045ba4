"""The time, as whatever runs takes it: from an argument, in Unix milliseconds."""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable
from typing import Final, TypeAlias

from a3s_store.wire import timestamp_of

# Answers Unix milliseconds.
Clock: TypeAlias = Callable[[], int]

# The years 1 to 9999, which is what a timestamp can say.
_FIRST_MS: Final = -62_135_596_800_000
_LAST_MS: Final = 253_402_300_799_999
EPOCH: Final = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)


def system_clock() -> int:
    """This machine's clock, in Unix milliseconds."""
    return time.time_ns() // 1_000_000


def timestamp(milliseconds: int) -> str:
    """Unix milliseconds as the RFC 3339 text that is kept, in UTC."""
    # A clock that has lost its mind makes nothing impossible.
    within = min(max(milliseconds, _FIRST_MS), _LAST_MS)
    return timestamp_of(EPOCH + datetime.timedelta(milliseconds=within))
