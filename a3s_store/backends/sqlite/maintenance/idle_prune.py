"""Prune a store by its policy while no one saves: at most once a day for each file.

A note in the file has the time of the last complete run, which is made only where something may be
due. A run that closing interrupts leaves no note, so the next opening goes on.
"""

from __future__ import annotations

import contextlib
import sqlite3
from typing import Final

import attrs

from a3s_store.backends.sqlite.listing_methods import SessionLists
from a3s_store.backends.sqlite.maintenance import compact
from a3s_store.backends.sqlite.maintenance.prune import Pruning
from a3s_store.backends.sqlite.maintenance.steps import Steps
from a3s_store.backends.sqlite.read import decode, notes
from a3s_store.backends.sqlite.rows import session_host
from a3s_store.core.base import retention
from a3s_store.core.retention import DAY_MS, RetentionPolicy
from a3s_store.errors import StoreError

# A session with more generations than are kept, one of them old enough.
_GENERATIONS: Final = """
SELECT 1 FROM generation GROUP BY owner_key HAVING count(*) > ? AND min(saved_at_ms) <= ? LIMIT 1
"""
_TRASH: Final = f"""
SELECT 1 FROM session_host JOIN session AS s USING (owner_key)
WHERE trashed_at_ms <= ? AND {session_host.LAST_CHANGE} = trashed_sequence LIMIT 1
"""


def is_due(conn: sqlite3.Connection, policy: RetentionPolicy, now_ms: int) -> bool:
    """Return whether the policy may remove anything, and did not run within the last day."""
    last = notes.pruned_at_ms(conn, attrs.astuple(policy))
    if last is not None and 0 <= now_ms - last < DAY_MS:
        return False
    if policy.keep_generations is not None:
        given = policy.keep_generations, now_ms - DAY_MS
        if conn.execute(_GENERATIONS, given).fetchone() is not None:
            return True
    if policy.trash_days is not None:
        latest = now_ms - policy.trash_days * DAY_MS
        if conn.execute(_TRASH, (latest,)).fetchone() is not None:
            return True
    if policy.max_bytes is None:
        return False
    pages = compact.pages(conn)
    return (pages.total - pages.free) * pages.size > policy.max_bytes


async def run(store: SessionLists, policy: RetentionPolicy) -> None:
    """Prune if it is due. An error ends it: saves and loads report what is wrong with the file."""
    engine, now_ms = store._engine, store._now_ms()
    where = str(engine.settings.path)
    with contextlib.suppress(StoreError):
        due = await engine.read(
            "prune", where, lambda conn: is_due(conn, policy, now_ms), decode.as_is
        )
        if not due:
            return
        steps = Steps(engine, "prune", when_idle=True)
        await retention.prune(Pruning(store, steps, dry_run=False), policy, None, dry_run=False)
        note = {"at": now_ms // 1000, "policy": attrs.astuple(policy)}
        await steps.run(notes.keep, notes.PRUNED, note)
