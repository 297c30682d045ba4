"""Find the copies that a store made beside its file and that still have a session; erase there.

A copy that is a complete store is searched for the bytes of the id; a short id may match as a part
of a longer word. A copy in which the session was deleted, and from which nothing was ever erased,
may still have pieces of its texts. A WAL that was set aside and an unfinished copy may have any
part of the store, with the id or without it, so they always count.

Invariants: 1. no file is removed but unfinished copies of ended processes; 2. a copy that cannot be
erased from is reported with the reason, and does not stop the erasure in the others.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

import attrs

from a3s_store.backends.sqlite import transaction
from a3s_store.backends.sqlite.connection import connect, kept_files
from a3s_store.backends.sqlite.connection.settings import Settings
from a3s_store.backends.sqlite.engine import Engine
from a3s_store.backends.sqlite.format import files_beside
from a3s_store.backends.sqlite.format.files_beside import COMPANIONS, LOGS, Copy, beside
from a3s_store.backends.sqlite.maintenance import erase
from a3s_store.backends.sqlite.read import decode, notes
from a3s_store.backends.sqlite.rows import tombstones
from a3s_store.core import processes
from a3s_store.core.new_files import is_left_behind
from a3s_store.core.reports import EraseReport, RemainingCopy
from a3s_store.errors import StoreError

_CHUNK: Final = 1024 * 1024


async def report_copies(
    report: EraseReport, settings: Settings, now: Callable[[], float], *, erase_there: bool
) -> EraseReport:
    """Add to the report of an erasure the copies that still have one of its sessions.

    With `erase_there` the sessions are erased in these copies first; errors in doing so are
    reported, not raised. `now` gives Unix seconds.
    """
    # `found` has the child sessions of a tree.
    ids = tuple(dict.fromkeys((*report.session_ids, *report.found)))
    found = await asyncio.to_thread(lambda: tuple(holding(settings.path, ids)))
    left: list[RemainingCopy] = []
    done: list[str] = []
    for copy in found:
        why = "" if not erase_there else await _erase_in(copy, settings, ids, now)
        if why is None:
            done.append(str(copy.path))
        else:
            left.append(RemainingCopy(path=str(copy.path), kind=copy.kind, why=why or None))
    return attrs.evolve(report, copies=tuple(left), erased_copies=tuple(done))


async def in_copies(engine: Engine, session_ids: Sequence[str]) -> tuple[str, ...]:
    """Return those of these ids that are unknown to the store, but found in a copy of it.

    Only copies that are complete stores count. Copies are read for unknown ids alone, each one
    whole.
    """
    path = engine.settings.path
    unknown: tuple[str, ...] = await engine.read(
        "erase", str(path), lambda conn: erase.unknown(conn, session_ids), decode.as_is
    )

    def look() -> tuple[str, ...]:
        return tuple(
            one for one in unknown if any(copy.is_database for copy in holding(path, [one]))
        )

    return await asyncio.to_thread(look) if unknown else ()


def holding(path: Path, session_ids: Sequence[str]) -> Iterator[Copy]:
    """Yield the copies beside a database that have one of these sessions, or may have."""
    if not session_ids:
        return
    try:
        copies = files_beside.find(path)
    except OSError:
        return
    words = {form.encode() for one in session_ids for form in (one, json.dumps(one)[1:-1])}
    longest = max(map(len, words))
    for copy in copies:
        is_part = copy.kind in ("set aside", "partial")
        if is_part or _has(copy, words, longest) or _had(copy, session_ids):
            yield copy


def _has(copy: Copy, words: set[bytes], longest: int) -> bool:
    parts = [copy.path, *(beside(copy.path, suffix) for suffix in LOGS if copy.is_database)]
    try:
        return any(_is_in(part, words, longest) for part in parts if part.exists())
    except OSError:
        return True  # an unreadable copy may have it


def _had(copy: Copy, session_ids: Sequence[str]) -> bool:
    """Return whether one of these sessions was deleted in a copy from which none was erased."""
    if not copy.is_database:
        return False
    try:
        conn = connect.open_reader(Settings(path=copy.path, network_mount=True, read_only=True))
    except (StoreError, sqlite3.Error, OSError):
        return False
    try:
        with transaction.read(conn):
            if notes.notes(conn)[notes.ERASED] is not None:
                return False
            return any(tombstones.is_known(conn, session_id) for session_id in session_ids)
    except sqlite3.Error:
        return False  # its schema has no tombstones
    finally:
        conn.close()


def _is_in(path: Path, words: set[bytes], longest: int) -> bool:
    # Closing a descriptor of a database that is open here would drop its locks: this one is kept.
    handle, at = kept_files.descriptor(path), 0
    while data := kept_files.read(handle, at, _CHUNK):
        if any(word in data for word in words):
            return True
        if len(data) < _CHUNK:
            return False
        at += _CHUNK - longest
    return False


async def _erase_in(
    copy: Copy, settings: Settings, session_ids: Sequence[str], now: Callable[[], float]
) -> str | None:
    """Erase the sessions in a copy; return the reason why that failed, None when it did not."""
    try:
        if copy.kind == "partial":
            return await asyncio.to_thread(_remove_partial, copy)
        if not copy.is_database:
            return "it is not a store: remove it when it is not needed any more"
        earlier = set(files_beside.find(copy.path))
        engine = await Engine.start(attrs.evolve(settings, path=copy.path, read_only=False))
        try:
            await erase.erase(engine, session_ids, now, elsewhere=session_ids)
        finally:
            await engine.close()
        for made in set(files_beside.find(copy.path)) - earlier:
            if made.kind == "migration backup":
                # The migration of this copy has just made it, so it has the sessions.
                made.path.unlink()
    except (StoreError, OSError) as error:
        return error.what if isinstance(error, StoreError) else type(error).__name__
    return None


def _remove_partial(copy: Copy) -> str | None:
    why = _still_made(copy)
    if why is None:
        for suffix in ("", *COMPANIONS):
            beside(copy.path, suffix).unlink(missing_ok=True)
        files_beside.remove_queue(copy.path)
    return why


def _still_made(copy: Copy) -> str | None:
    """Return why a partial copy may still be written; None when its process has ended."""
    writer = copy.writer or ""
    if writer.isdecimal():  # older releases wrote the process id alone, which may be reused
        return f"process {writer} is still making it" if processes.exists(int(writer)) else None
    if processes.state_of(writer) == "running":
        return f"process {writer.split('.')[1]} is still making it"
    try:
        if is_left_behind(writer, copy.path, alone=False):
            return None
    except FileNotFoundError:
        return None
    return (
        "a process of another machine or container, or from before a reboot, may still be making "
        "it: remove it when none is, or erase again when it is a day old"
    )
