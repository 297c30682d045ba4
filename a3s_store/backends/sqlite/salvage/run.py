"""Recover readable data from a damaged store file into a new store.

The source is read as bytes (`page_reader`, `row_recovery`); SQLite does not open it. The recovered
rows go into a temporary database, from which intact sessions are read by the ordinary load and
damaged ones value by value (`session_recovery`). All of it is saved into a new file by the ordinary
save, and the file is verified before it gets its name.

Invariants: 1. the source and the files beside it are not changed, locked or created; 2. under the
target's name there is no file, or one with everything that could be recovered; 3. every recovered
value was saved earlier: values that do not verify are left out and reported.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import stat
import threading
import time
from collections.abc import Callable
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

from a3s_store.backends.sqlite import transaction
from a3s_store.backends.sqlite.connection import durability_note, fork_gate, kept_files, paths
from a3s_store.backends.sqlite.errors import corruption_named, during
from a3s_store.backends.sqlite.format import file_copy, row_salt
from a3s_store.backends.sqlite.maintenance import backup
from a3s_store.backends.sqlite.read import notes
from a3s_store.backends.sqlite.rows import drafts
from a3s_store.backends.sqlite.rows.agent_memory import PART as MEMORIES
from a3s_store.backends.sqlite.salvage import (
    file_damage,
    row_recovery,
    session_recovery,
    stream_recovery,
)
from a3s_store.backends.sqlite.salvage.page_reader import Image
from a3s_store.backends.sqlite.salvage.relink import relink
from a3s_store.backends.sqlite.salvage.session_recovery import Kept
from a3s_store.backends.sqlite.store import SqliteSessionStore
from a3s_store.core.collections import LOOP_CHECKPOINTS, CheckpointKind
from a3s_store.core.drafts import Draft
from a3s_store.core.host_data import HostData
from a3s_store.core.reports import Damage, Recovered, SalvageReport
from a3s_store.errors import (
    CodecError,
    CorruptionError,
    InvalidIdError,
    InvalidSnapshotError,
    NotAStoreError,
    StoreUnavailableError,
)
from a3s_store.wire.limits import NO_LIMITS

if TYPE_CHECKING:
    from a3s_store.backends.sqlite.connection.work_connection import WorkConnection
    from a3s_store.backends.sqlite.write.write_states import WriteTransaction

# How many damages are recorded in the new file.
_MOST_KEPT: Final = 1000
R = TypeVar("R")
# Called with the number of owners and checkpoints that were recovered, and the number of all.
Progress = Callable[[int, int], object]


async def salvage(
    source: str | PathLike[str],
    target: str | PathLike[str],
    *,
    on_progress: Progress | None = None,
) -> SalvageReport:
    """Recover readable data from the store file `source` into the new store `target` (0600).

    The report lists the damage; damaged indexes lose nothing and are not looked at. `source` and
    its WAL are only read; it must be closed in this process, and no process may write to it.
    Sessions, collections, checkpoints, streams and agent memory come back as they were; of a
    damaged one, every value that verifies. Earlier generations with a complete conversation with
    which the present one does not begin are saved before it, in order, so that they can still be
    loaded. Generations are numbered anew, also under the ids of deleted sessions. Save ids, claims
    of runs, and the source of a session's name are not recovered. Sessions and streams with a lost
    id or name are called `recovered-...`.

    `on_progress` is called with the number of owners and checkpoints recovered and the number of
    all; an exception it raises ends the salvage. When this raises, there is no file under `target`.
    A killed process leaves a file `target` with `.<process>.<number>.partial` appended, to be
    removed.

    Raises:
        NotAStoreError: `source` has no rows of a store.
        StoreBusyError: `source` was written to meanwhile.
        StoreUnavailableError: `source` cannot be read, or is open in this process; `target` exists,
            or files that SQLite would take for its WAL.
        StoreFullError: the disk is full, or a quota or limit on the size of files is reached.
    """
    started = time.monotonic()
    path = paths.resolve(source)
    with during("salvage", str(path)):
        name = paths.resolve(target)
        file_copy.refuse_long(name)
        file_copy.refuse_taken(name)
        _refuse_open(path)
        with contextlib.closing(row_recovery.scratch()) as conn:
            found = await _in_thread(lambda stop: read(path, conn, stop))
            with file_copy.temporary(name) as made:
                writing = _Writing(conn, made, found, on_progress)
                await writing.write()
                kept = writing.report(str(path), str(name), time.monotonic() - started)
                await _in_thread(lambda _: _keep(kept, made))
                await _in_thread(lambda stop: backup.check(made, stop))
                await _in_thread(lambda _: file_copy.sync_file(made))
                file_copy.refuse_taken(name)
                await _in_thread(lambda _: file_copy.place(made, name))
    return writing.report(str(path), str(name), time.monotonic() - started)


async def _in_thread(run: Callable[[threading.Event], R]) -> R:
    """Return the result of `run` on a thread; if cancelled, set its event and wait for its end."""
    stop = threading.Event()

    def unit() -> R:
        with fork_gate.inside():
            return run(stop)

    work = asyncio.ensure_future(asyncio.to_thread(unit))
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        stop.set()
        await asyncio.wait({work})
        if not work.cancelled():
            work.exception()  # marks its exception as retrieved
        raise


def _keep(report: SalvageReport, made: Path) -> None:
    """Record the salvage in the new file: what was recovered, and the damage."""
    note = {
        "at": int(time.time()),
        "source": report.source,
        "whole": len(report.sessions),
        "partial": report.partial,
        "lost": report.lost,
        "damage": [str(one) for one in report.damage[:_MOST_KEPT]],
    }
    conn = sqlite3.connect(f"{made.as_uri()}?mode=rw", uri=True, isolation_level=None)
    with contextlib.closing(conn), transaction.write(conn):
        notes.keep(conn, notes.SALVAGED, note)


def _refuse_open(path: Path) -> None:
    if not stat.S_ISREG(path.stat().st_mode):
        raise NotAStoreError("not a regular file", hint="Name a file")
    if kept_files.is_open_here(path):
        raise StoreUnavailableError(
            "the store is open in this process", hint="Close it, then salvage it"
        )


class Found(NamedTuple):
    """The damage found in a file, and whether the file has auto-vacuum."""

    damage: list[Damage]
    auto_vacuum: bool


def read(path: Path, conn: sqlite3.Connection, stop: threading.Event) -> Found:
    """Fill the database with the rows of a file, relinked; `stop` ends it with StoppedError."""

    def tick() -> None:
        if stop.is_set():
            raise backup.StoppedError

    with Image(path) as image:
        recovered = row_recovery.recover_rows(image, conn, tick)
        image.check_unchanged()
        if not recovered.rows.total() and (recovered.lost_pages or not image.has_header()):
            raise NotAStoreError(
                "the file has no rows of a store", hint="Name another, or restore a backup"
            )
        damage = [*file_damage.of_file(image), *file_damage.of_tables(recovered)]
        if row_salt.find(conn) is None:
            what = (
                "the salt of the row checksums is lost: messages are verified against their chain "
                "hashes only"
            )
            damage.append(Damage(part="file", what=what))
    return Found([*damage, *relink(conn, recovered)], image.auto_vacuum)


class _Writing:
    """Saves the recovered values into a new store, and counts them for the report."""

    def __init__(
        self,
        conn: sqlite3.Connection,
        made: Path,
        found: Found,
        on_progress: Progress | None,
    ) -> None:
        self._conn = conn
        self._made = made
        self._damage, self._auto_vacuum = found
        self._on_progress = on_progress
        self._now = 0.0
        self._messages = 0
        self._checkpoints = 0
        self._memories = 0
        self._streams = 0
        self._whole: list[str] = []
        self._partial: list[str] = []

    def report(self, source: str, target: str, seconds: float) -> SalvageReport:
        self._damage.sort(key=lambda one: (one.session_id is None, one.session_id or ""))
        return SalvageReport(
            source=source,
            target=target,
            sessions=tuple(self._whole),
            partial=tuple(self._partial),
            checkpoints=self._checkpoints,
            messages=self._messages,
            memories=self._memories,
            streams=self._streams,
            seconds=seconds,
            damage=tuple(self._damage),
        )

    async def write(self) -> None:
        """Save everything; none of it has to be durable before the file has its name."""
        found = await _in_thread(lambda _: session_recovery.contents(self._conn))
        counts = (*map(len, (found.owners, found.checkpoints, found.memories, found.streams)),)
        total = sum(counts)
        if lost := await _in_thread(lambda _: drafts.without_run(self._conn)):
            what = f"the run checkpoints of {lost} drafts are missing"
            self._damage.append(Damage(part=drafts.PART, what=what))
        async with SqliteSessionStore.open(
            self._made,
            durability="normal",
            clock=lambda: self._now,
            credentials=None,  # values are saved as they were stored
            limits=NO_LIMITS,
            auto_vacuum=self._auto_vacuum,
        ) as store:
            for done, session_id in enumerate(found.owners):
                self._tell(done, total)
                await self._bring_session(store, session_id)
            for done, (kind, key) in enumerate(found.checkpoints, len(found.owners)):
                self._tell(done, total)
                await self._bring_checkpoint(store, kind, key)
            for done, owner in enumerate(found.memories, sum(counts[:2])):
                self._tell(done, total)
                await self._bring_memories(store, owner)
            for done, stream_key in enumerate(found.streams, sum(counts[:3])):
                self._tell(done, total)
                await self._bring_stream(store, stream_key)
        await _in_thread(lambda _: durability_note.forget_normal(self._made))
        self._tell(total, total)

    def _tell(self, done: int, total: int) -> None:
        if self._on_progress is not None:
            self._on_progress(done, total)

    async def _found(self, read: Callable[[], R], **named: str) -> R | None:
        """Read one thing; when it is damaged in a way that reading does not handle, report it."""

        def run(_: threading.Event) -> R:
            with corruption_named():
                return read()

        try:
            return await _in_thread(run)
        except CorruptionError as error:
            self._damage.append(_lost(**named, why=error.what))
        return None

    async def _bring_session(self, store: SqliteSessionStore, session_id: str) -> None:
        kept = await self._found(
            lambda: session_recovery.session(self._conn, session_id), session_id=session_id
        )
        if kept is None:
            return
        damage = [*kept.damage]
        named = any(one.session_id == session_id for one in self._damage)
        try:
            if not await self._save(store, session_id, kept):
                damage.append(_lost(session_id=session_id))
                return
        except (CodecError, InvalidIdError, InvalidSnapshotError) as error:
            damage.append(_lost(session_id=session_id, why=error.what))
            return
        finally:
            self._damage += damage
        (self._partial if damage or named else self._whole).append(session_id)

    async def _save(self, store: SqliteSessionStore, session_id: str, kept: Kept) -> bool:
        """Save the recovered values under an id; return False when there are none.

        Raises CodecError, InvalidIdError, InvalidSnapshotError.
        """
        snapshot = kept.snapshot
        if snapshot is not None:
            for saved_at_ms, messages in kept.earlier:
                self._now = saved_at_ms / 1000
                await store.save(snapshot.session.evolve(messages=messages))
            self._now = kept.saved_at_ms / 1000
            await store.save_snapshot(snapshot)
            if kept.queue:
                # Without claims: the live sessions that held them write to the old file.
                await store.save_queue_entries(session_id, claimed_by=None, put=kept.queue)
            await self._keep_host_data(store, session_id, kept.host)
            self._messages += len(snapshot.session.messages)
            return True
        self._now = kept.saved_at_ms / 1000
        for collection, values in kept.collections.items():
            await getattr(store, f"save_{collection.name}")(session_id, values)
        return bool(kept.collections)

    async def _keep_host_data(
        self, store: SqliteSessionStore, session_id: str, host: HostData
    ) -> None:
        await store.update(
            session_id,
            labels=host.labels,
            metadata=host.metadata,
            pinned=host.pinned,
            archived=host.archived,
        )
        if host.trashed_at_ms is not None:
            self._now = host.trashed_at_ms / 1000
            await store.trash(session_id)

    async def _bring_checkpoint(
        self, store: SqliteSessionStore, kind: CheckpointKind, key: str
    ) -> None:
        found = await self._found(
            lambda: session_recovery.checkpoint(self._conn, kind, key),
            collection=kind.name,
            key=key,
        )
        if found is None:
            return
        self._damage += found.damage
        if found.value is None:
            if not found.damage:
                self._damage.append(_lost(collection=kind.name, key=key))
            return
        draft = Recovered[Draft](value=None)
        if kind is LOOP_CHECKPOINTS:
            draft = await _in_thread(lambda _: session_recovery.draft(self._conn, key))
            self._damage += draft.damage
        try:
            await getattr(store, f"save_{kind.name}")(key, found.value)
            if draft.value is not None:
                await store.save_draft(key, draft.value)
        except (CodecError, InvalidIdError, InvalidSnapshotError) as error:
            self._damage.append(_lost(collection=kind.name, key=key, why=error.what))
        else:
            self._checkpoints += 1

    async def _bring_memories(self, store: SqliteSessionStore, owner: str) -> None:
        found = await self._found(
            lambda: session_recovery.memories(self._conn, owner),
            session_id=owner,
            collection=MEMORIES,
        )
        if found is None:
            return
        self._damage += found.damage
        for item in found.value or ():
            try:
                await store.memories(owner).store(item)
            except (CodecError, InvalidIdError) as error:
                self._damage.append(_lost(session_id=owner, collection=MEMORIES, why=error.what))
            else:
                self._memories += 1

    async def _bring_stream(self, store: SqliteSessionStore, stream_key: int) -> None:
        found = await _in_thread(lambda _: stream_recovery.recovered(self._conn, stream_key))
        self._damage += found.damage
        if found.damage and not found.items:
            return

        def restore(conn: WorkConnection, changes: WriteTransaction) -> None:
            stream_recovery.restore(conn, changes, found, found.changed_at_ms)

        await store._engine.write("salvage", str(self._made), restore)
        self._streams += 1


def _lost(
    *,
    session_id: str | None = None,
    collection: str = "session",
    key: str | None = None,
    why: str = "none of it can be verified",
) -> Damage:
    return Damage(part=collection, what=why, session_id=session_id, key=key)
