"""SqliteSessionStore: which functions of `read` and `write` each method runs.

They are plain functions of a connection, which the engine runs on the writer's or the reader's
thread, each call in one transaction.
"""

from __future__ import annotations

import functools
import time
import weakref
from collections.abc import Callable, Coroutine, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from a3s_store import _forks
from a3s_store._deprecated import cache_by_counts
from a3s_store.backends.sqlite import read, write
from a3s_store.backends.sqlite.branch_methods import Branches
from a3s_store.backends.sqlite.checkpoint_methods import CheckpointMethods
from a3s_store.backends.sqlite.commit_log_methods import CommitLogReads
from a3s_store.backends.sqlite.conditional_methods import ConditionalWrites
from a3s_store.backends.sqlite.draft_store import DraftMethods
from a3s_store.backends.sqlite.generation_methods import GenerationMethods
from a3s_store.backends.sqlite.maintenance.api import MaintenanceMethods
from a3s_store.backends.sqlite.memory_methods import MemoryMethods
from a3s_store.backends.sqlite.queue_entry_store import SqliteQueueEntryMethods
from a3s_store.backends.sqlite.search_methods import MessageSearch
from a3s_store.backends.sqlite.unit_methods import UnitsOfCalls
from a3s_store.core.base.opening import Opening, not_constructed
from a3s_store.core.base.streams import StreamMethods
from a3s_store.core.batch import Batch, LoadResult, refuse_unwritable
from a3s_store.core.clock import unix_ms
from a3s_store.core.collections import Collection
from a3s_store.core.protocol import Capabilities, Inventory
from a3s_store.core.redaction.redactor import BUILT_IN, Redact, Redactor
from a3s_store.errors import EncodeError, InvalidArgumentError
from a3s_store.printable import short_repr
from a3s_store.wire import DEFAULT_LIMITS, Limits

if TYPE_CHECKING:
    from a3s_store.backends.sqlite.connection.settings import Durability
    from a3s_store.backends.sqlite.connection.work_connection import WorkConnection
    from a3s_store.backends.sqlite.engine import Engine
    from a3s_store.backends.sqlite.read.fetch import FetchedRows
    from a3s_store.backends.sqlite.write.write_states import WriteTransaction
    from a3s_store.core.redaction.credential_names import CredentialNames
    from a3s_store.core.retention import RetentionPolicy
    from a3s_store.core.streams.requests import Read, Write
    from a3s_store.models import SessionData


class SqliteSessionStore(
    UnitsOfCalls,
    GenerationMethods,
    MessageSearch,
    Branches,
    ConditionalWrites,
    CommitLogReads,
    CheckpointMethods,
    DraftMethods,
    MemoryMethods,
    StreamMethods,
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
        from a3s_store.backends.sqlite.engine import Engine

        if not isinstance(engine, Engine):
            raise not_constructed(type(self).__name__)
        self._engine = engine
        self._clock = clock
        self._redactor = redactor or Redactor()
        self._limits = engine.settings.limits
        if engine.idle is not None:
            engine.idle.prune = functools.partial(_idle_prune, weakref.ref(self))
            engine.idle.jobs.now_ms = lambda: unix_ms(clock())

    @classmethod
    @cache_by_counts
    def open(
        cls,
        path: str | PathLike[str],
        *,
        durability: Durability = "full",
        busy_timeout_ms: int = 10_000,
        cache_bytes: int = 64 << 20,
        pause_gc: bool = False,
        clock: Callable[[], float] = time.time,
        redact: Redact | None = None,
        credentials: CredentialNames | None = BUILT_IN,
        network_mount: bool = False,
        read_only: bool = False,
        limits: Limits = DEFAULT_LIMITS,
        auto_vacuum: bool = True,
        prove_chain: bool = False,
        log_rows: int = 100_000,
        log_days: int = 7,
        decode_all: bool = False,
        retention: RetentionPolicy | None = None,
        search: bool = True,
    ) -> Opening[SqliteSessionStore]:
        """Open a store, or create one where there is no file (0600, in a folder that exists).

        Use `async with SqliteSessionStore.open(path) as store`, or `await` it and close the store.
        The text ":memory:" opens a new store in memory, which ends when it is closed and is seen by
        no other opening. Backup, restore, migration and `read_only` need a file: UnsupportedError.
        Other spellings of it, which SQLite would take for the name of a file, are refused.

        `durability="full"` syncs every save before it is acknowledged; "normal" does not, and a
        power cut may lose the last saves, each as a whole. `busy_timeout_ms` is how long a save
        waits while other processes write. `clock` gives Unix seconds for `saved_at_ms`.

        The session cache keeps the values last saved or loaded, so that a save encodes only the
        changes, and an unchanged session is loaded at once. It has the objects themselves, of
        `cache_bytes` in all (64 MiB by default), counted as the bytes of their JSON and 200 for
        each value. A session that takes more than half of that is kept without its messages.
        Messages that the store saved or loaded are recognised though they are not cached, as long
        as the application keeps the objects; messages rebuilt equal, and lists, are then encoded
        and compared whole. 0 turns the cache off.
        `cache_max_sessions` and `cache_max_items`, the bounds of 0.1.0, are deprecated: 0 turns the
        cache off, another number has no effect. `pause_gc` pauses the garbage collector during
        loads, which is faster with a large heap.

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
        that only one machine ever uses it. Where others may share the file system (virtiofs, FUSE,
        folders of a virtual machine's host) a FileSystemWarning is issued, unless `network_mount`.

        `auto_vacuum` applies when a file is created, and stays with the file: False saves the
        writes that let `compact` give pages back in small steps (a tenth of a save's bytes).

        A load verifies each message against its row checksum, which finds accidental damage. With
        `prove_chain` it also verifies the chain hashes, up to the one in the session's digest: a
        message that was edited together with its checksum is refused. A load then takes half as
        long again (docs/trust.md). It is turned on once damage was found in this opening.

        The commit log keeps its newest `log_rows` entries, and all that were committed within
        `log_days` before the newest one. A writer trims it when it is idle, and when it closes.

        `retention` is the policy by which an idle writer prunes the file, at most once a day, and
        that of `prune`. None removes only generations that lose no message, `LOSSLESS`; a
        policy without any number removes nothing.

        `search=False` drops the full-text indexes of the file and makes none: searches of messages
        and memories compare them one by one.

        The content of a loaded message is decoded when it is first read. Stored text that is no
        content, which only another program can have written, is a CorruptionError there; with
        `decode_all`, and with `prove_chain`, a load decodes all messages.

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
        _check_retention(retention)

        async def make() -> SqliteSessionStore:
            with _forks.unit():  # a child could never import what is being imported here
                from a3s_store.backends.sqlite.connection import paths
                from a3s_store.backends.sqlite.connection.settings import Settings
                from a3s_store.backends.sqlite.engine import Engine

            in_memory = path == ":memory:"
            if in_memory and read_only:
                from a3s_store.backends.sqlite.connection.in_memory import refuse

                refuse("open")
            settings = Settings(
                path=Path(path) if in_memory else paths.resolve(path),
                in_memory=in_memory,
                durability=durability,
                busy_timeout_ms=busy_timeout_ms,
                cache_bytes=cache_bytes,
                pause_gc=pause_gc,
                network_mount=network_mount,
                read_only=read_only,
                limits=limits,
                auto_vacuum=auto_vacuum,
                prove_chain=prove_chain,
                log_rows=log_rows,
                log_days=log_days,
                decode_all=decode_all,
                retention=retention,
                search=search,
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
        """Return the capabilities of this store.

        It is `durable` with `durability="full"`, but not in memory.
        """
        in_memory = self._engine.settings.in_memory
        return Capabilities(
            atomic_session_snapshots=True,
            aggregate_cas=True,
            collections=True,
            checkpoints=True,
            durable=self._engine.settings.durability == "full" and not in_memory,
            shared_by_processes=not in_memory,
            generations=True,
            conditional_writes=True,
            run_claims=True,
            drafts=True,
            append=True,
            pages=True,
            search=True,
            host_metadata=True,
            branches=True,
            retention=True,
            usage=True,
            transactions=True,
            commit_log=True,
            append_only_event_log=not in_memory,
            watch=True,
            streams=True,
            agent_memory=True,
        )

    # -- The port -----------------------------------------------------------------------------

    async def _commit(self, batch: Batch) -> bool:
        writer = write.session_writer  # imported before the transaction, not inside it

        def apply(conn: WorkConnection, memory: WriteTransaction) -> bool:
            try:
                return writer.commit(conn, memory, batch, self._now_ms())
            except (EncodeError, UnicodeEncodeError):
                refuse_unwritable(batch)  # raises with the whole path
                raise

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
        cache, content = self._engine.cache, self._content_of(session_id)

        def fetch(conn: WorkConnection) -> FetchedRows:
            known = cache.get(session_id)
            return read.fetch.fetch(
                conn, known, session_id, collections, session=session, generation=generation
            )

        def build(conn: WorkConnection, stored: FetchedRows) -> LoadResult:
            return read.decode.load(
                conn, stored, cache, session_id, content, is_latest=generation is None
            )

        return await self._engine.read(
            op, self._where(session_id), fetch, build, session_id=session_id
        )

    async def _ids(self) -> list[str]:
        return await self._read_file("list", read.catalog.listed)

    async def _exists(self, session_id: str) -> bool:
        return await self._read_session(
            "exists", session_id, lambda conn: read.catalog.exists(conn, session_id)
        )

    async def _inventory(self) -> Inventory:
        return await self._read_file("inventory", read.catalog.inventory)

    async def _write_stream(self, op: str, name: str, request: Write) -> Any:
        from a3s_store.backends.sqlite import stream_requests  # with streams alone

        return await stream_requests.execute_write(self, op, name, request)

    async def _read_stream(self, op: str, name: str, query: Read) -> Any:
        from a3s_store.backends.sqlite import stream_requests

        return await stream_requests.execute_read(self, op, name, query)

    async def close(self) -> None:
        """See `SessionStore.close`: accepted saves are committed, and one file is left.

        The WAL stays only while another process has the file open.
        """
        self._closed = True
        await self._close()

    async def _close(self) -> None:
        await self._engine.close()


def _idle_prune(
    dropped: weakref.ref[SqliteSessionStore],
) -> Coroutine[Any, Any, None] | None:
    store = dropped()
    if store is None:
        return None
    from a3s_store.backends.sqlite.maintenance import idle_prune
    from a3s_store.core.retention import LOSSLESS

    return idle_prune.run(store, store._engine.settings.retention or LOSSLESS)


def _check_retention(value: object) -> None:
    if value is not None:
        from a3s_store.core.retention import LOSSLESS, policy_of

        policy_of("open", "retention", value, LOSSLESS)


def _check_durability(value: object) -> None:
    if type(value) is not str or value not in ("full", "normal"):
        raise InvalidArgumentError(
            f"durability is 'full' or 'normal', not {short_repr(value)}",
            argument="durability",
            op="open",
        )
