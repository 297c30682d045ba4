"""SqliteSessionStore: each method is one trip to a worker's thread.

One connection writes, another reads; what they do is in `sessions`, `checkpoints`, `log` and
`rows`, as plain functions. This room decides what runs where, in which transaction, and what an
error is called.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, TypeVar

from a3s_store.base import FamilyStore, Opening
from a3s_store.batch import Batch, Found, Trees, encode_batch, refuse_unwritable
from a3s_store.errors import (
    EncodeError,
    SchemaTooNewError,
    SessionNotFoundError,
    StoreClosedError,
    StoreError,
    StoreUnavailableError,
    during,
)
from a3s_store.families import FAMILIES, CheckpointKind, Family, check_id
from a3s_store.models import SessionData
from a3s_store.snapshot import SessionSnapshot
from a3s_store.sqlite import checkpoints, connection, listing, reading, sessions, tx, wal
from a3s_store.sqlite.connection import Durability, Settings, WorkConnection
from a3s_store.sqlite.listing import Generation, SessionSummary
from a3s_store.sqlite.worker import Worker
from a3s_store.store import Capabilities, Health, Inventory
from a3s_store.wire import decode, encode

R = TypeVar("R")


class SqliteSessionStore(FamilyStore):
    """A `SessionStore` in one SQLite file, which several tasks, threads and processes may share."""

    backend_name = "sqlite"

    def __init__(
        self, settings: Settings, clock: Callable[[], float], writer: Worker | None, reader: Worker
    ) -> None:
        """Use `SqliteSessionStore.open`."""
        self._settings = settings
        self._clock = clock
        self._writer = writer
        self._reader = reader
        self._keeper = wal.LogKeeper(settings.wal)
        self._failure: StoreError | None = None
        self._closing: asyncio.Task[None] | None = None

    @classmethod
    def open(
        cls,
        path: str | PathLike[str],
        *,
        durability: Durability = "full",
        busy_timeout_ms: int = 10_000,
        clock: Callable[[], float] = time.time,
    ) -> Opening[SqliteSessionStore]:
        """Open a store, or make one where there is no file (0600, in a folder that exists).

        `async with SqliteSessionStore.open(path) as store`, or `await` it and close it yourself.

        `durability` "full" syncs every save before it is acknowledged; "normal" does not, and a
        power cut may take the last moments (never part of a save). `busy_timeout_ms` is how long a
        save waits while other processes write. `clock` gives Unix seconds for `saved_at_ms`.

        A file of a newer release that permits it is opened for reading; every save then raises
        SchemaTooNewError.

        Raises:
            NotAStoreError: the file is something else; it is left as it is.
            SchemaTooNewError: a newer release wrote it and this one cannot read it.
            CorruptionError, MigrationError, StoreBusyError, StoreUnavailableError
        """
        if durability not in ("full", "normal"):
            raise ValueError(f"durability is 'full' or 'normal', not {durability!r}")

        async def make() -> SqliteSessionStore:
            settings = Settings(
                path=connection.resolve(path),
                durability=durability,
                busy_timeout_ms=busy_timeout_ms,
            )
            return await _open(cls, settings, clock)

        return Opening(make)

    def __repr__(self) -> str:
        state = "closed" if self._closed else "open"
        return f"<SqliteSessionStore {str(self._settings.path)!r}, {state}>"

    @property
    def path(self) -> Path:
        """The file, as an absolute path with symlinks resolved."""
        return self._settings.path

    @property
    def read_only(self) -> bool:
        """Whether the file was written by a newer release, and can be read only."""
        return self._writer is None

    def capabilities(self) -> Capabilities:
        """What this store promises; `durable` as far as `durability` says."""
        return Capabilities(
            atomic_session_snapshots=True,
            aggregate_cas=True,
            durable=self._settings.durability == "full",
            shared_by_processes=True,
            generations=True,
        )

    # -- More than the protocol ---------------------------------------------------------------

    async def save(self, session: SessionData, *, expected_generation: int | None = None) -> None:
        """See `SessionStore.save`. With `expected_generation`, only if the session is at it.

        0 means that nothing was ever saved under the id.

        Raises:
            StaleGenerationError: somebody saved since; nothing was written.
        """
        await self._put(
            self._session_batch("save", session, expected_generation=expected_generation)
        )

    async def save_snapshot(
        self, snapshot: SessionSnapshot, *, expected_generation: int | None = None
    ) -> None:
        """See `SessionStore.save_snapshot`; `expected_generation` as in `save`."""
        await self._put(
            self._snapshot_batch("save_snapshot", snapshot, expected_generation=expected_generation)
        )

    async def load(self, session_id: str, *, generation: int | None = None) -> SessionData | None:
        """See `SessionStore.load`. With `generation`, with the conversation it had then.

        Everything but the conversation is as it is now.

        Raises:
            SessionNotFoundError: the session has no such generation, or it had no conversation.
        """
        self._check_open("load")

        def fetch(conn: sqlite3.Connection) -> dict[str, Any] | None:
            return sessions.fetch_session(conn, session_id, generation=generation)

        return await self._read(
            "load", self._where(check_id(session_id)), fetch, reading.to_session
        )

    async def generation(self, session_id: str) -> int:
        """The number of the last save under this id, 0 when there was none."""
        self._check_open("generation")

        def fetch(conn: sqlite3.Connection) -> int:
            owner = sessions.find_owner(conn, session_id)
            return 0 if owner is None else owner.generation

        return await self._read(
            "generation", self._where(check_id(session_id)), fetch, reading.as_is
        )

    async def generations(self, session_id: str) -> tuple[Generation, ...]:
        """Every save under this id that is on record, oldest first; see `Generation`."""
        self._check_open("generations")
        where = self._where(check_id(session_id))
        return await self._read(
            "generations", where, lambda conn: listing.generations(conn, session_id), reading.as_is
        )

    async def summaries(self) -> tuple[SessionSummary, ...]:
        """What a list shows of every saved session, those updated last first; one short query."""
        self._check_open("summaries")
        return await self._read("summaries", str(self.path), listing.summaries, reading.as_is)

    async def fork(self, session_id: str, new_id: str, at: int | None = None) -> None:
        """Save a copy under `new_id` whose history is the first `at` messages; None: all of them.

        No message is copied: both share them and go on apart. The families are copied, runs and
        subagent tasks bound to the new id, as upstream's `fork_for_session` does.

        Raises:
            SessionNotFoundError: there is no such session, or it is not that long.
            StaleGenerationError: something was saved under `new_id` already.
        """
        self._check_open("fork")
        check_id(new_id)
        where = self._where(check_id(session_id))

        def copy(conn: WorkConnection) -> None:
            found = reading.fetch(conn, session_id, FAMILIES, session=True, messages=False)
            if found.session is None:
                raise SessionNotFoundError("no session was saved under this id")
            source = SessionSnapshot.of(found.session, found.shelves, found.retained_artifact_uris)
            batch = self._snapshot_batch("fork", source.fork(new_id), expected_generation=0)
            sessions.fork(conn, session_id, batch, encode_batch(batch), at, self._now_ms())

        await self._write("fork", where, copy)

    async def rewind(self, session_id: str, length: int) -> int:
        """Make the first `length` messages the history; answers the new generation.

        Nothing is destroyed: the longer history is that of the generation before.

        Raises:
            SessionNotFoundError: there is no such session, or it is not that long.
        """
        self._check_open("rewind")
        where = self._where(check_id(session_id))
        return await self._write(
            "rewind",
            where,
            lambda conn: sessions.rewind(conn, session_id, length, self._now_ms()),
        )

    # -- The port -----------------------------------------------------------------------------

    async def _commit(self, batch: Batch) -> bool:
        trees: Trees | None = None

        def prepare() -> None:
            nonlocal trees
            trees = encode_batch(batch)

        def apply(conn: WorkConnection) -> bool:
            assert trees is not None, "prepared before the transaction began"
            try:
                return sessions.commit(conn, batch, trees, self._now_ms())
            except EncodeError:
                refuse_unwritable(batch)  # raises the same with the whole path
                raise

        return await self._write(batch.op, self._where(batch.session_id), apply, prepare)

    async def _fetch(
        self, op: str, session_id: str, families: Sequence[Family], *, session: bool
    ) -> Found:
        return await self._read(
            op,
            self._where(session_id),
            lambda conn: reading.fetch_trees(conn, session_id, families, session=session),
            reading.to_found,
        )

    async def _delete(self, session_id: str) -> None:
        await self._write(
            "delete", self._where(session_id), lambda conn: sessions.delete(conn, session_id)
        )

    async def _ids(self) -> list[str]:
        return list((await self._inventory()).sessions)

    async def _exists(self, session_id: str) -> bool:
        def fetch(conn: sqlite3.Connection) -> bool:
            row = conn.execute(
                "SELECT 1 FROM owner JOIN session USING (owner_key) WHERE id = ?", (session_id,)
            ).fetchone()
            return row is not None

        return await self._read("exists", self._where(session_id), fetch, reading.as_is)

    async def _put_checkpoint(self, kind: CheckpointKind, key: str, value: Any) -> None:
        tree: dict[str, Any] = {}
        await self._write(
            f"save_{kind.name}",
            self._where(key, kind.key),
            lambda conn: checkpoints.put(conn, kind, key, tree),
            lambda: tree.update(encode(value)),
        )

    async def _get_checkpoint(self, kind: CheckpointKind, key: str) -> Any | None:
        return await self._read(
            f"load_{kind.name}",
            self._where(key, kind.key),
            lambda conn: checkpoints.get(conn, kind, key),
            lambda tree: None if tree is None else decode(kind.model, tree),
        )

    async def _drop_checkpoint(self, kind: CheckpointKind, key: str) -> None:
        await self._write(
            f"delete_{kind.name}",
            self._where(key, kind.key),
            lambda conn: checkpoints.drop(conn, kind, key),
        )

    async def _inventory(self) -> Inventory:
        return await self._read("inventory", str(self.path), listing.inventory, reading.as_is)

    async def _health(self) -> Health:
        facts = await self._read("health_check", str(self.path), listing.facts, reading.as_is)
        if self._writer is not None:
            await self._write("health_check", str(self.path), listing.probe)
        facts |= {
            "read_only": self.read_only,
            "durability": self._settings.durability,
            "database_bytes": self.path.stat().st_size,
            "log_bytes": self._keeper.size(),
        }
        return Health(
            backend=self.backend_name,
            location=str(self.path),
            facts=facts,
            advice=tuple(self._advice()),
        )

    def _advice(self) -> Iterator[str]:
        if self._keeper.error is not None:
            yield f"The last checkpoint failed: {self._keeper.error}. Check the disk."
        if wal.has_reset_bug():
            yield (
                f"SQLite {sqlite3.sqlite_version} has the WAL-reset bug. This store's own "
                "checkpoints avoid it; do not let other programs checkpoint the open file."
            )

    async def close(self) -> None:
        """See `SessionStore.close`: what was accepted is finished, and one file is left.

        The log stays only while another process has the file open.
        """
        self._closed = True
        if self._closing is None:
            self._closing = asyncio.create_task(self._close())
        await asyncio.shield(self._closing)

    async def _close(self) -> None:
        # When the event loop is shut down in the middle, what remains is still done.
        try:
            await self._reader.close()
        finally:
            if self._writer is not None:
                try:
                    with contextlib.suppress(StoreClosedError):
                        await self._writer.run(self._keeper.checkpoint)
                finally:
                    await self._writer.close()

    # -- Where things run ---------------------------------------------------------------------

    def _where(self, key: str, what: str = "session") -> str:
        shown = key if len(key) <= 80 else key[:79] + "…"
        return f"{what} {shown!r} in {self.path}"

    def _now_ms(self) -> int:
        return int(self._clock() * 1000)

    async def _write(
        self,
        op: str,
        where: str,
        apply: Callable[[WorkConnection], R],
        prepare: Callable[[], None] | None = None,
    ) -> R:
        """Run `apply` in one write transaction on the writer's thread, after `prepare`."""
        if self._writer is None:
            raise SchemaTooNewError(
                "the file was written by a newer release and is open for reading only",
                op=op,
                where=where,
                hint="Install that release to write to it",
            )

        def job(conn: WorkConnection) -> R:
            with during(op, where), self._watch_for_failure():
                if prepare is not None:
                    prepare()
                with tx.write(conn):
                    answer = apply(conn)
            self._keeper.after_commit(conn)
            return answer

        return await self._writer.run(job)

    @contextlib.contextmanager
    def _watch_for_failure(self) -> Iterator[None]:
        """After an I/O error nobody knows what the disk holds: refuse to write until reopened."""
        if self._failure is not None:
            raise StoreUnavailableError(
                "an earlier save met an I/O error",
                hint="Check the disk, then close the store and open it again",
            ) from self._failure
        try:
            yield
        except sqlite3.OperationalError as error:
            if (getattr(error, "sqlite_errorcode", 0) & 0xFF) == sqlite3.SQLITE_IOERR:
                self._failure = StoreUnavailableError(str(error))
            raise

    async def _read(
        self,
        op: str,
        where: str,
        fetch: Callable[[WorkConnection], Any],
        build: Callable[[Any], R],
    ) -> R:
        """Fetch in one read transaction on the reader's thread, then build values of it there."""

        def job(conn: WorkConnection) -> R:
            with during(op, where), reading.damage_named():
                with tx.read(conn):
                    fetched = fetch(conn)
                return build(fetched)

        return await self._reader.run(job)


async def _open(
    cls: type[SqliteSessionStore], settings: Settings, clock: Callable[[], float]
) -> SqliteSessionStore:
    writer: Worker | None = None
    if await asyncio.to_thread(connection.may_write, settings):
        writer = Worker(lambda: connection.open_writer(settings))
        await writer.start()
    reader = Worker(lambda: connection.open_reader(settings))
    try:
        await reader.start()
    except BaseException:
        if writer is not None:
            await writer.close()
        raise
    return cls(settings, clock, writer, reader)
