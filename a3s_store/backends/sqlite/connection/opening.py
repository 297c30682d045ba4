"""Open the file of a store while other processes may have it locked.

SQLite's own wait for a lock cannot be cut short, so the file is opened in brief attempts: an
opening that is cancelled ends with the attempt.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Final

import attrs

from a3s_store.backends.sqlite.connection import connect, failing_reads, network_mounts
from a3s_store.backends.sqlite.connection.retry_busy import retry_busy
from a3s_store.backends.sqlite.connection.settings import Settings
from a3s_store.backends.sqlite.connection.work_connection import WorkConnection
from a3s_store.backends.sqlite.errors import during

# Milliseconds that one attempt waits for locks.
_ATTEMPT_MS: Final = 100


async def may_write(settings: Settings) -> bool:
    """Return whether this release may write to the file; warn of a doubtful file system.

    Retried on a thread while the file is busy. Raises as `connect.may_write` and
    `failing_reads.opening` do.
    """
    unwanted = threading.Event()
    brief = _brief(settings)

    def attempt() -> bool:
        return failing_reads.opening(settings.path, lambda: connect.may_write(brief))

    def look_and_warn() -> bool:
        found = retry_busy(attempt, settings.busy_seconds, unwanted.is_set)
        network_mounts.warn(settings.path, permitted=settings.network_mount)
        return found

    try:
        with during("open", str(settings.path)):
            return await asyncio.to_thread(look_and_warn)
    finally:
        unwanted.set()


def open_brief(settings: Settings, open_it: Callable[[Settings], WorkConnection]) -> WorkConnection:
    """Return what `open_it` returns in one brief attempt, with the full timeout from then on.

    Raises as `open_it` and `failing_reads.opening` do.
    """
    brief = _brief(settings)
    conn = failing_reads.opening(settings.path, lambda: open_it(brief))
    conn.set_busy_timeout(settings.busy_timeout_ms)
    return conn


def _brief(settings: Settings) -> Settings:
    return attrs.evolve(settings, busy_timeout_ms=min(_ATTEMPT_MS, settings.busy_timeout_ms))
