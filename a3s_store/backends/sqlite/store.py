"""SqliteSessionStore: each method runs functions of `read` and `write` on a worker's thread.

Those are plain functions of a connection; `engine` runs them, each call in one transaction.
"""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, Literal, overload

from a3s_store._deprecated import renamed
from a3s_store.backends.sqlite.agent_memory_store import MemoryMethods
from a3s_store.backends.sqlite.conditional_methods import ConditionalWrites
from a3s_store.backends.sqlite.connection import connect
from a3s_store.backends.sqlite.connection.connect import Durability, Settings
from a3s_store.backends.sqlite.connection.work_connection import WorkConnection
from a3s_store.backends.sqlite.draft_store import DraftMethods
from a3s_store.backends.sqlite.engine import Engine
from a3s_store.backends.sqlite.generation_methods import GenerationMethods
from a3s_store.backends.sqlite.maintenance import partial_read
from a3s_store.backends.sqlite.maintenance.api import MaintenanceMethods
from a3s_store.backends.sqlite.queue_entry_store import SqliteQueueEntryMethods
from a3s_store.backends.sqlite.read import catalog, decode
from a3s_store.backends.sqlite.read import fetch as fetching
from a3s_store.backends.sqlite.read.fetch import FetchedRows
from a3s_store.backends.sqlite.read.stored_checkpoint import FetchedCheckpoint
from a3s_store.backends.sqlite.rows.full_text import Indexes
from a3s_store.backends.sqlite.store_base import checkpoint_lane
from a3s_store.backends.sqlite.write import run_checkpoints, session_writer
from a3s_store.core.base.generational import check_count
from a3s_store.core.base.opening import Opening, not_constructed
from a3s_store.core.batch import Batch, LoadResult, refuse_unwritable, refuse_unwritable_value
from a3s_store.core.collections import COLLECTIONS, CheckpointKind, Collection, check_id
from a3s_store.core.protocol import Capabilities, Inventory, SessionSummary
from a3s_store.core.redaction.credential_names import CredentialNames
from a3s_store.core.redaction.redactor import BUILT_IN, Redact, Redactor
from a3s_store.core.reports import Recovered
from a3s_store.core.session_cache import CacheTransaction
from a3s_store.core.snapshot import SessionSnapshot
from a3s_store.errors import EncodeError, InvalidArgumentError
from a3s_store.models import SessionData
from a3s_store.printable import short_repr
from a3s_store.wire import DEFAULT_LIMITS, Limits


class SqliteSessionStore(
    GenerationMethods,
    ConditionalWrites,
    DraftMethods,
    MemoryMethods,
    SqliteQueueEntryMethods,
    MaintenanceMethods,
):
    """A `SessionStore` in one SQLite file, which several tasks, threads and processes may share."""

    backend_name = "sqlite"

    def __init__(
        self,
        engine: Engine,
        clock: Callable[[], float] = time.time,
        redactor: Redactor | None = None,
    ) -> None:
        """Use `SqliteSessionStore.open`. Raises NotOpenedError for a path."""
        if not isinstance(engine, Engine):
            raise not_constructed(type(self).__name__)
        self._engine = engine
        self._clock = clock
        self._redactor = redactor or Redactor()
        self._limits = engine.settings.limits
        self._indexes = Indexes()

    @classmethod
    @renamed(remembered_sessions="cache_max_sessions", remembered_values="cache_max_items")
    def open(
        cls,
        path: str | PathLike[str],
        *,
        durability: Durability = "full",
        busy_timeout_ms: int = 10_000,
        cache_max_sessions: int = 32,
        cache_max_items: int = 100_000,
        pause_gc: bool = False,
        clock: Callable[[], float] = time.time,
        redact: Redact | None = None,
        credentials: CredentialNames | None = BUILT_IN,
        network_mount: bool = False,
        read_only: bool = False,
        limits: Limits = DEFAULT_LIMITS,
        auto_vacuum: bool = True,
        prove_chain: bool = False,
    ) -> Opening[SqliteSessionStore]:
        """Open a store, or make one where there is no file (0600, in a folder that exists).

        `async with SqliteSessionStore.open(path) as store`, or `await` it and close it yourself.

        `durability` "full" syncs every save before it is acknowledged; "normal" does not, and a
        power cut may take the last moments (never part of a save). `busy_timeout_ms` is how long a
        save waits while other processes write. `clock` gives Unix seconds for `saved_at_ms`.

        What was last saved or loaded is remembered, so that the next save encodes only what is new
        and an unchanged session is loaded in no time: the objects themselves, of at most
        `cache_max_sessions` sessions and `cache_max_items` messages and other values in all. A
        longer session is encoded and compared whole each time. 0 remembers nothing. `pause_gc`
        stops the garbage collector while a load makes its objects: quicker beside a large heap.

        `redact` is asked about every text but roles, types and images, once for each value, where
        `save` is called; what it returns is saved in its place. So loads return that, and
        `save_snapshot_cas` compares with its digest. It has to return the same for the same text.
        An id by which something is found (of a session, run, workflow or memory) is refused with
        InvalidIdError where it would change it. What was saved before, and forks of that, stay as
        they are. `SecretRedactor` is a ready one.

        `credentials` names the values of configuration (`config`, `llm_config`, unknown keys of the
        session) in whose place an empty text is stored, before `redact` is asked: the default has
        the built-in names, `CredentialNames(add=, allow=)` changes them, None stores all values. A
        loaded session has the empty text; `redacted()` returns a snapshot as it would be stored.

        `limits` is how large what is saved may be, 256 million characters for each value if nothing
        is said: a larger one is an EncodeError that names it, and nothing is written.

        A file others may open is narrowed to its owner. Another user's is refused, one with several
        hard links, and one on a network file system, unless `network_mount` says that only one
        machine ever uses it. Where others may share the file system (virtiofs, FUSE, folders of a
        virtual machine's host) a FileSystemWarning is issued, unless `network_mount`.

        `auto_vacuum` counts where a file is made, and stays with it: False saves the writes by
        which `compact` can give pages back in small steps (a tenth of a save's bytes).

        A load verifies each message against the checksum in its row, which finds accidents. With
        `prove_chain` it is verified against the chain hashes as well, up to the one that the digest
        of the session is made of: a message that was edited and its checksum recomputed is refused.
        That costs half as much again as a load does (docs/trust.md). It is done without being asked
        once anything of the file was found damaged in this opening.

        With `read_only` nothing is written, made or migrated, and a save raises StoreReadOnlyError:
        a closed file may lie in a folder, or on a medium, that cannot be written. A newer release's
        file that permits it is read-only without that: a save raises SchemaTooNewError.

        Raises:
            NotAStoreError: the file is something else; it is left as it is.
            SchemaTooNewError: a newer release wrote it and this one cannot read it.
            SchemaError: with `read_only`, an older release wrote it.
            FileStateError: what lies at the path does not fit together; nothing was touched.
            InvalidArgumentError: a setting that cannot be.
            CorruptionError, MigrationError, StoreBusyError, StoreUnavailableError
        """
        _check_durability(durability)

        async def make() -> SqliteSessionStore:
            settings = Settings(
                path=connect.resolve(path),
                durability=durability,
                busy_timeout_ms=busy_timeout_ms,
                cache_max_sessions=cache_max_sessions,
                cache_max_items=cache_max_items,
                pause_gc=pause_gc,
                network_mount=network_mount,
                read_only=read_only,
                limits=limits,
                auto_vacuum=auto_vacuum,
                prove_chain=prove_chain,
            )
            redactor = Redactor(redact, names=credentials)
            return cls(await Engine.start(settings), clock, redactor)

        return Opening(make)

    def __repr__(self) -> str:
        state = "closed" if self._closed else "open"
        return f"<SqliteSessionStore {str(self._engine.settings.path)!r}, {state}>"

    @property
    def path(self) -> Path:
        """The file, as an absolute path with symlinks resolved."""
        return self._engine.settings.path

    @property
    def read_only(self) -> bool:
        """Whether nothing can be saved: it was opened so, or a newer release wrote the file."""
        return self._engine.writer is None

    def capabilities(self) -> Capabilities:
        """What this store promises; `durable` as far as `durability` says."""
        return Capabilities(
            atomic_session_snapshots=True,
            aggregate_cas=True,
            collections=True,
            checkpoints=True,
            durable=self._engine.settings.durability == "full",
            shared_by_processes=True,
            generations=True,
            conditional_writes=True,
            run_claims=True,
            drafts=True,
            agent_memory=True,
        )

    # -- More than the protocol ---------------------------------------------------------------

    @overload
    async def load(
        self,
        session_id: str,
        *,
        generation: int | None = None,
        on_damage: Literal["raise"] = "raise",
    ) -> SessionData | None: ...
    @overload
    async def load(
        self, session_id: str, *, generation: int | None = None, on_damage: Literal["report"]
    ) -> Recovered[SessionData]: ...
    async def load(
        self,
        session_id: str,
        *,
        generation: int | None = None,
        on_damage: Literal["raise", "report"] = "raise",
    ) -> SessionData | Recovered[SessionData] | None:
        """See `GenerationalStore.load`.

        With `on_damage="report"` damage is not raised: the answer has what can be proven, and says
        what is left out.
        """
        if not _reports("load", on_damage):
            return await super().load(session_id, generation=generation)
        self._check_open("load")
        if generation is not None:
            check_count("load", "generation", generation)
        rest = await self._recover("load", check_id(session_id), (), generation)
        session = None if rest.value is None else rest.value.session
        return Recovered(value=session, damage=rest.damage)

    @overload
    async def load_snapshot(
        self, session_id: str, *, on_damage: Literal["raise"] = "raise"
    ) -> SessionSnapshot | None: ...
    @overload
    async def load_snapshot(
        self, session_id: str, *, on_damage: Literal["report"]
    ) -> Recovered[SessionSnapshot]: ...
    async def load_snapshot(
        self, session_id: str, *, on_damage: Literal["raise", "report"] = "raise"
    ) -> SessionSnapshot | Recovered[SessionSnapshot] | None:
        """See `SessionStore.load_snapshot`; `on_damage` as in `load`."""
        if not _reports("load_snapshot", on_damage):
            return await super().load_snapshot(session_id)
        self._check_open("load_snapshot")
        return await self._recover("load_snapshot", check_id(session_id), COLLECTIONS)

    async def _recover(
        self,
        op: str,
        session_id: str,
        collections: Sequence[Collection],
        generation: int | None = None,
    ) -> Recovered[SessionSnapshot]:
        def read(conn: sqlite3.Connection) -> Recovered[SessionSnapshot]:
            return partial_read.recover(conn, session_id, collections, generation)

        return await self._engine.read(
            op,
            self._where(session_id),
            read,
            decode.as_is,
            session_id=session_id,
            shows_damage=lambda found: bool(found.damage),
        )

    async def summaries(self) -> tuple[SessionSummary, ...]:
        """Return what a list shows of every saved session, those updated last first.

        `updated_at` counts seconds; within one, sessions saved last come first. One short query.
        """
        self._check_open("summaries")
        return await self._engine.read("summaries", str(self.path), catalog.summaries, decode.as_is)

    # -- The port -----------------------------------------------------------------------------

    async def _commit(self, batch: Batch) -> bool:
        def apply(conn: WorkConnection, memory: CacheTransaction) -> bool:
            with _fault_named(lambda: refuse_unwritable(batch)):
                return session_writer.commit(conn, memory, batch, self._now_ms())

        where = self._where(batch.session_id)
        return await self._engine.write(
            batch.op, where, apply, batch.session_id, session_id=batch.session_id
        )

    async def _fetch(
        self, op: str, session_id: str, collections: Sequence[Collection], *, session: bool
    ) -> LoadResult:
        return await self._load(op, session_id, collections, session)

    async def _load_generation(self, session_id: str, generation: int) -> SessionData | None:
        return (await self._load("load", session_id, (), True, generation)).session

    async def _load(
        self,
        op: str,
        session_id: str,
        collections: Sequence[Collection],
        session: bool,
        generation: int | None = None,
    ) -> LoadResult:
        cache = self._engine.cache

        def fetch(conn: sqlite3.Connection) -> FetchedRows:
            known = cache.get(session_id)
            return fetching.fetch(
                conn, known, session_id, collections, session=session, generation=generation
            )

        def build(conn: sqlite3.Connection, stored: FetchedRows) -> LoadResult:
            found = decode.to_found(conn, stored)
            if stored.record is not None and generation is None:
                cache.update(session_id, lambda known: decode.refreshed(known, stored, found))
            return found

        return await self._engine.read(
            op, self._where(session_id), fetch, build, session_id=session_id
        )

    async def _ids(self) -> list[str]:
        return list((await self._inventory()).sessions)

    async def _exists(self, session_id: str) -> bool:
        return await self._engine.read(
            "exists",
            self._where(session_id),
            lambda conn: catalog.exists(conn, session_id),
            decode.as_is,
            session_id=session_id,
        )

    async def _put_checkpoint(self, kind: CheckpointKind, key: str, value: Any) -> None:
        def apply(conn: WorkConnection, memory: CacheTransaction) -> None:
            with _fault_named(lambda: refuse_unwritable_value(value)):
                run_checkpoints.put(conn, memory, kind, key, value)

        where = self._where(key, kind.key)
        await self._engine.write(f"save_{kind.name}", where, apply, checkpoint_lane(kind, key))

    async def _get_checkpoint(self, kind: CheckpointKind, key: str) -> Any | None:
        cache = self._engine.cache

        def build(conn: sqlite3.Connection, stored: FetchedCheckpoint | None) -> Any | None:
            value = decode.to_checkpoint(conn, kind, stored)
            if value is not None and stored is not None and stored.messages is not None:
                line = decode.line_of(value.messages, stored.messages)
                cache.update(value.session_id, lambda known: known.with_conversation(key, line))
            return value

        return await self._engine.read(
            f"load_{kind.name}",
            self._where(key, kind.key),
            lambda conn: run_checkpoints.get(conn, cache, kind, key),
            build,
        )

    async def _drop_checkpoint(self, kind: CheckpointKind, key: str) -> None:
        def apply(conn: WorkConnection, memory: CacheTransaction) -> None:
            run_checkpoints.drop(conn, memory, kind, key)

        where = self._where(key, kind.key)
        await self._engine.write(f"delete_{kind.name}", where, apply, checkpoint_lane(kind, key))

    async def _inventory(self) -> Inventory:
        return await self._engine.read("inventory", str(self.path), catalog.inventory, decode.as_is)

    async def close(self) -> None:
        """See `SessionStore.close`: what was accepted is finished, and one file is left.

        The log stays only while another process has the file open.
        """
        self._closed = True
        await self._close()

    async def _close(self) -> None:
        await self._engine.close()
        self._indexes.close()


@contextlib.contextmanager
def _fault_named(name: Callable[[], None]) -> Iterator[None]:
    """Where a text could not be written, let `name` say which: it raises with the whole path."""
    try:
        yield
    except (EncodeError, UnicodeEncodeError):
        name()
        raise


def _check_durability(value: object) -> None:
    if type(value) is not str or value not in ("full", "normal"):
        raise InvalidArgumentError(
            f"durability is 'full' or 'normal', not {short_repr(value)}",
            argument="durability",
            op="open",
        )


def _reports(op: str, on_damage: str) -> bool:
    if on_damage not in ("raise", "report"):
        raise InvalidArgumentError(
            f"on_damage is 'raise' or 'report', not {short_repr(on_damage)}",
            argument="on_damage",
            op=op,
        )
    return on_damage == "report"
