"""Opening a file again and again while another process keeps it locked."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, TypeVar

from a3s_store.backends.sqlite.connection import fork_gate
from a3s_store.errors import StoreBusyError

T = TypeVar("T")

# Seconds between two attempts.
RETRY_SECONDS: Final = 0.005


def retry_busy(open_file: Callable[[], T], seconds: float, is_unwanted: Callable[[], bool]) -> T:
    """Return what `open_file` returns, called again while the file is busy and still wanted.

    SQLite's own wait cannot be cut short, so each attempt is to wait only for a moment. Each is
    one unit of work of `fork_gate`.

    Raises:
        StoreBusyError: the file was still busy after this many `seconds`, or `is_unwanted`.
    """
    until = time.monotonic() + seconds
    while True:
        try:
            with fork_gate.inside():
                return open_file()
        except StoreBusyError:
            if is_unwanted() or time.monotonic() >= until:
                raise
        time.sleep(RETRY_SECONDS)
