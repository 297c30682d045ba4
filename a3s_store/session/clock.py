"""The time, as everything in this room takes it: from an argument."""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable
from typing import TypeAlias

from a3s_store.wire import timestamp_of

# Answers Unix milliseconds.
Clock: TypeAlias = Callable[[], int]


def system_clock() -> int:
    """This machine's clock, in Unix milliseconds."""
    return time.time_ns() // 1_000_000


def timestamp(milliseconds: int) -> str:
    """Unix milliseconds as the RFC 3339 text that is kept, in UTC."""
    moment = datetime.datetime.fromtimestamp(milliseconds // 1000, datetime.UTC)
    return timestamp_of(moment.replace(microsecond=milliseconds % 1000 * 1000))
