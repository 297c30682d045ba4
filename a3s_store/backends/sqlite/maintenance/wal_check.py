"""Verify the WAL of an open store."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from typing import TYPE_CHECKING

from a3s_store.backends.sqlite.connection import durability_note, wal_checkpoint
from a3s_store.backends.sqlite.errors import during
from a3s_store.backends.sqlite.format import wal_file
from a3s_store.core.reports import Damage
from a3s_store.errors import StoreBusyError

if TYPE_CHECKING:
    from a3s_store.backends.sqlite.engine import Engine


async def audit(engine: Engine, where: str, skipped: list[str]) -> wal_file.WalAudit:
    """Verify the frames of the WAL; add to `skipped` why it was not done."""
    writer = engine.writer
    wal_path = engine.settings.wal
    if writer is None:
        skipped.append("the WAL: the store is open for reading only")
        return wal_file.WalAudit(header="none")
    try:
        with during("verify", where):
            data = await writer.run(lambda conn: wal_checkpoint.read_wal(conn, wal_path))
    except StoreBusyError as error:
        skipped.append(f"the WAL: {error.what}")
        return wal_file.WalAudit(header="none")
    found = await asyncio.to_thread(wal_file.audit, data)
    if found.is_damaged and await writer.run(_says_normal):
        skipped.append("damage in the WAL: a power cut may have left it like this")
        return wal_file.WalAudit(header="none")
    return found


def _says_normal(conn: sqlite3.Connection) -> bool:
    with contextlib.suppress(sqlite3.Error):  # the verification reports that damage
        return durability_note.says_normal(conn)
    return False


def damage_of(log: wal_file.WalAudit) -> tuple[Damage, ...]:
    """Return the damage that an audit found."""
    if not log.is_damaged:
        return ()
    what = f"recovery would drop {log.commits_behind} commits that follow a damaged page"
    return (Damage(part="wal", what=what, position=log.good_frames),)
