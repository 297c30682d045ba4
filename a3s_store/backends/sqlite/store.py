"""SqliteSessionStore: which functions of `read` and `write` each method runs.

They are plain functions of a connection, which the engine runs on the writer's or the reader's
thread, each call in one transaction.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Sequence
from os import PathLike
from pathlib import Path
from typing import Literal, overload

from a3s_store._deprecated import CACHE_PARAMETERS, renamed
from a3s_store.backends.sqlite.agent_memory_store import MemoryMethods
from a3s_store.backends.sqlite.checkpoint_methods import CheckpointMethods
from a3s_store.backends.sqlite.conditional_methods import ConditionalWrites
from a3s_store.backends.sqlite.connection import paths
from a3s_store.backends.sqlite.connection.settings import Durability, Settings
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
from a3s_store.backends.sqlite.rows.full_text import Indexes
from a3s_store.backends.sqlite.store_base import fault_named
from a3s_store.backends.sqlite.write import session_writer
from a3s_store.core.base.generational import check_count
from a3s_store.core.base.opening import Opening, not_constructed
from a3s_store.core.batch import Batch, LoadResult, refuse_unwritable
from a3s_store.core.collections import COLLECTIONS, Collection, check_id
from a3s_store.core.protocol import Capabilities, Inventory, SessionSummary
from a3s_store.core.redaction.credential_names import CredentialNames
from a3s_store.core.redaction.redactor import BUILT_IN, Redact, Redactor
from a3s_store.core.reports import Recovered
from a3s_store.core.session_cache import CacheTransaction
from a3s_store.core.snapshot import SessionSnapshot
from a3s_store.errors import InvalidArgumentError
from a3s_store.models import SessionData
from a3s_store.printable import short_repr
from a3s_store.wire import DEFAULT_LIMITS, Limits


class SqliteSessionStore(
    GenerationMethods,
    ConditionalWrites,
    CheckpointMethods,
    DraftMethods,
    MemoryMethods,
    SqliteQueueEntryMethods,
    MaintenanceMethods,
):
    """A `SessionStore` in one SQLite file that several tasks, threads and processes may share."""

    backend_name = "sqlite"

    def __init__(
        self,
        engine: Engine,
        clock: Callable[[], float] = time.time,
        redactor: Redactor | None = None,
    ) -> None:
        """Use `SqliteSessionStore.open` instead. Raises NotOpenedError for a path."""
        if not isinstance(engine, Engine):
            raise not_constructed(type(self).__name__)
        self._engine = engine
        self._clock = clock
        self._redactor = redactor or Redactor()
        self._limits = engine.settings.limits
        self._indexes = Indexes()

    @classmethod
    @renamed(**CACHE_PARAMETERS)
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
        """Open a store, or create one where there is no file (0600, in a folder that exists).

        Use `async with SqliteSessionStore.open(path) as store`, or `await` it and close the store.

        `durability="full"` syncs every save before it is acknowledged; "normal" does not, and a
        power cut may lose the last saves, each as a whole. `busy_timeout_ms` is how long a save
        waits while other processes write. `clock` gives Unix seconds for `saved_at_ms`.

        The session cache keeps the values last saved or loaded, so that a save encodes only the
        changes, and an unchanged session is loaded at once. It has the objects themselves, of at
        most `cache_max_sessions` sessions and `cache_max_items` messages and other values in all; a
        session that does not fit is encoded and compared whole each time. 0 turns it off.
        `pause_gc` pauses the garbage collector during loads, which is faster with a large heap.

        `redact` is called with every text except roles, types and images, once for each value, on
        the caller's thread; the text it returns is saved in place of the other. Loads return that
        text, and `save_snapshot_cas` compares with its digest. It has to return the same for the
        same text. An id of a session, run, workflow or memory that it would change is refused
        with InvalidIdError. Earlier saves, and forks of them, stay as they are. `SecretRedactor`
        is a ready-made hook.

        `credentials` are names of configuration values (in `config`, `llm_config`, unknown keys of
        the session) that are stored as an empty text, before `redact` is called: by default the
        built-in names, which `CredentialNames(add=, allow=)` changes; None stores all values. A
        loaded session has the empty text; `redacted()` returns a snapshot as it would be stored.

        `limits` are the largest sizes that can be saved, by default 256 million characters for each
        value: a larger value is an EncodeError that names it, and nothing is written.

        A file that other users may open gets permissions 0600. A file of another user is refused,
        one with several hard links, and one on a network file system, unless `network_mount` says
        that only one machine ever uses it. Where other machines may share the file system
        (virtiofs, FUSE, folders of a virtual machine's host) a FileSystemWarning is issued,
        unless `network_mount`.

        `auto_vacuum` applies when a file is created, and stays with the file: False saves the
        writes that let `compact` give pages back in small steps (a tenth of a save's bytes).

        A load verifies each message against its row checksum, which finds accidental damage. With
        `prove_chain` it also verifies the chain hashes, up to the one in the session's digest: a
        message that was edited together with its checksum is refused. A load then takes half as
        long again (docs/trust.md). It is turned on once damage was found in this opening.

        With `read_only` nothing is written, created or migrated, and a save raises
        StoreReadOnlyError: a closed file may be in a folder, or on a medium, that cannot be
        written. A file of a newer release that permits it opens read-only too: a save raises
        SchemaTooNewError.

        Raises:
            NotAStoreError: the file is not a store; it is left as it is.
            SchemaTooNewError: a newer release wrote it and this one cannot read it.
            SchemaError: with `read_only`, an older release wrote it.
            FileStateError: the database and its WAL or journal do not match; no file was changed.
            InvalidArgumentError: a setting has an invalid value.
            CorruptionError, MigrationError, StoreBusyError, StoreUnavailableError
        """
        _check_durability(durability)

        async def make() -> SqliteSessionStore:
            settings = Settings(
                path=paths.resolve(path),
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
        """The path of the file, absolute and with symlinks resolved."""
        return self._engine.settings.path

    @property
    def read_only(self) -> bool:
        """Whether saves are refused: opened with `read_only`, or written by a newer release."""
        return self._engine.writer is None

    def capabilities(self) -> Capabilities:
        """Return the capabilities of this store; `durable` only with `durability="full"`."""
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

    # -- Beyond `SessionStore` ----------------------------------------------------------------

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

        With `on_damage="report"` damage is not raised: the result has every value that verifies,
        and lists the damage.
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
        """Return a summary of every saved session, those updated last first, in one short query.

        `updated_at` counts seconds; within one, the session saved last comes first.
        """
        self._check_open("summaries")
        return await self._read_file("summaries", catalog.summaries)

    # -- The port -----------------------------------------------------------------------------

    async def _commit(self, batch: Batch) -> bool:
        def apply(conn: WorkConnection, memory: CacheTransaction) -> bool:
            with fault_named(lambda: refuse_unwritable(batch)):
                return session_writer.commit(conn, memory, batch, self._now_ms())

        return await self._write_session(batch.op, batch.session_id, apply)

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
            if generation is not None:
                return decode.to_found(conn, stored)
            return decode.load(conn, stored, cache, session_id)

        return await self._engine.read(
            op, self._where(session_id), fetch, build, session_id=session_id
        )

    async def _ids(self) -> list[str]:
        return list((await self._inventory()).sessions)

    async def _exists(self, session_id: str) -> bool:
        return await self._read_session(
            "exists", session_id, lambda conn: catalog.exists(conn, session_id)
        )

    async def _inventory(self) -> Inventory:
        return await self._read_file("inventory", catalog.inventory)

    async def close(self) -> None:
        """See `SessionStore.close`: accepted saves are committed, and one file is left.

        The WAL stays only while another process has the file open.
        """
        self._closed = True
        await self._close()

    async def _close(self) -> None:
        await self._engine.close()
        self._indexes.close()


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
