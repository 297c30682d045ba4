"""`FileSessionStore`: which operation of `Directory` each method runs."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from a3s_store.agent_memory.item import MemoryItem
from a3s_store.agent_memory.session_stores import BaseMemoryMethods, Change
from a3s_store.backends.jsonfiles import left_behind
from a3s_store.backends.jsonfiles.append_methods import FileAppends
from a3s_store.backends.jsonfiles.atomic_write import make_folder
from a3s_store.backends.jsonfiles.commit_log_methods import NoCommitLog
from a3s_store.backends.jsonfiles.directory import Directory
from a3s_store.backends.jsonfiles.layout import Layout
from a3s_store.backends.jsonfiles.listing_methods import FileListing
from a3s_store.backends.jsonfiles.retention_methods import NoRetention
from a3s_store.backends.jsonfiles.store_base import named
from a3s_store.backends.jsonfiles.stream_methods import NoStreams
from a3s_store.backends.jsonfiles.unit_methods import NoTransactions
from a3s_store.core.base.opening import Opening, not_constructed
from a3s_store.core.base.queue_entries import EntryKey, MayTake, QueueEntry, QueueEntryMethods
from a3s_store.core.base.usage import UsageMethods
from a3s_store.core.batch import Batch, LoadResult
from a3s_store.core.collections import CheckpointKind, Collection
from a3s_store.core.protocol import Capabilities, Health, Inventory
from a3s_store.core.redaction.credential_names import CredentialNames
from a3s_store.core.redaction.redactor import BUILT_IN, Redact, Redactor
from a3s_store.errors import InvalidArgumentError, during
from a3s_store.printable import short_repr
from a3s_store.wire import DEFAULT_LIMITS, Limits

T = TypeVar("T")
DEFAULT_TIMEOUT = 10.0


class FileSessionStore(
    FileAppends,
    FileListing,
    NoCommitLog,
    NoRetention,
    NoTransactions,
    NoStreams,
    UsageMethods,
    BaseMemoryMethods,
    QueueEntryMethods,
):
    """A `SessionStore` on a directory with the files of upstream's 3.3.0.

    It can be used beside upstream's engines, and sessions can be read with any tool. Each file is
    replaced as a whole and synced, but a snapshot is several files: after a crash between two of
    them some are new and some old (collections first, the session last), so `capabilities()` does
    not promise `atomic_session_snapshots`. Every save rewrites its files, so that a turn of a long
    conversation costs more than one of a short conversation; `SqliteSessionStore` has neither
    limit. `append`, `update` and reads of parts read the whole file, too; `sessions` and `usage`
    read every session.

    Ids that differ only in `/`, `\\` and `..` share a file; the second one is refused with
    IdCollisionError. Ids of more than 250 bytes, and the id `.`, cannot be saved.

    Agent memory is in the folder `.memories`, which upstream ignores. Each change rewrites the file
    of its owner, and each search reads it.
    """

    backend_name = "file"

    def __init__(
        self,
        directory: Directory,
        redactor: Redactor | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Not for callers, who use `open`; a path raises NotOpenedError."""
        if not isinstance(directory, Directory):
            raise not_constructed(type(self).__name__)
        super().__init__(directory, redactor or Redactor(), clock)

    @classmethod
    def open(
        cls,
        directory: str | os.PathLike[str],
        *,
        timeout: float = DEFAULT_TIMEOUT,
        redact: Redact | None = None,
        credentials: CredentialNames | None = BUILT_IN,
        clock: Callable[[], float] = time.time,
        limits: Limits = DEFAULT_LIMITS,
    ) -> Opening[FileSessionStore]:
        """Open a directory; a missing one is created, for its owner only.

        Await the result, or enter it with `async with`. `timeout` is the time in seconds that an
        operation waits for the lock of the directory. `redact`, `credentials` and `limits` as in
        `SqliteSessionStore.open`; `limits.file_bytes` applies to each file. `clock` returns Unix
        seconds, for the relevance of memories.

        Raises:
            InvalidArgumentError: the timeout is no number, or below 0.
            StoreUnavailableError: the directory cannot be made or entered.
        """
        if type(timeout) not in (int, float) or not timeout >= 0:
            raise InvalidArgumentError(
                f"timeout is a number of seconds, 0 or more, not {short_repr(timeout)}",
                argument="timeout",
                op="open",
            )
        root = Path(directory).absolute()

        async def make() -> FileSessionStore:
            await asyncio.to_thread(_open, root)
            return cls(Directory(root, timeout, limits), Redactor(redact, names=credentials), clock)

        return Opening(make)

    def __repr__(self) -> str:
        return f"<FileSessionStore in {self._directory.root}>"

    def capabilities(self) -> Capabilities:
        """Return the promises of this store; a snapshot is not one commit."""
        return Capabilities(
            aggregate_cas=True,
            collections=True,
            checkpoints=True,
            append=True,
            pages=True,
            usage=True,
            durable=True,
            shared_by_processes=True,
            agent_memory=True,
        )

    async def _commit(self, batch: Batch) -> bool:
        return await self._run(batch.op, named(batch.session_id), self._directory.commit, batch)

    async def _fetch(
        self, op: str, session_id: str, collections: Sequence[Collection], *, session: bool
    ) -> LoadResult:
        def fetch() -> LoadResult:
            return self._directory.fetch(session_id, collections, session=session)

        return await self._run(op, named(session_id), fetch)

    async def _delete(self, session_id: str) -> None:
        # After memories that are being stored: one of a cancelled call would stay otherwise.
        work, lane = self._directory.delete, _memories(session_id)
        await self._run("delete", named(session_id), work, session_id, lane=lane)

    async def _ids(self) -> list[str]:
        return await self._run("list", "sessions", self._directory.ids)

    async def _exists(self, session_id: str) -> bool:
        return await self._run("exists", named(session_id), self._directory.exists, session_id)

    async def _put_checkpoint(self, kind: CheckpointKind, key: str, value: Any) -> None:
        work = self._directory.put_checkpoint
        await self._run(f"save_{kind.name}", named(key, kind.key), work, kind, key, value)

    async def _get_checkpoint(self, kind: CheckpointKind, key: str) -> Any | None:
        work = self._directory.get_checkpoint
        return await self._run(f"load_{kind.name}", named(key, kind.key), work, kind, key)

    async def _drop_checkpoint(self, kind: CheckpointKind, key: str) -> None:
        work = self._directory.drop_checkpoint
        await self._run(f"delete_{kind.name}", named(key, kind.key), work, kind, key)

    async def _load_memories(self, op: str, owner: str) -> tuple[MemoryItem, ...]:
        return await self._run(op, _memories(owner), self._directory.memories.load, owner)

    async def _change_memories(self, op: str, owner: str, change: Change) -> None:
        work, lane = self._directory.memories.change, _memories(owner)
        await self._run(op, lane, work, owner, change, lane=lane)

    async def _change_memories_of(
        self, op: str, owner: str, life: int | None, change: Change
    ) -> None:
        # Lives are not stored here: a session created again under the id counts as the same.
        work, lane = self._directory.memories.change_of_session, _memories(owner)
        await self._run(op, lane, work, owner, change, lane=lane)

    async def _memory_owners(self) -> Iterable[str]:
        return await self._run("memory_owners", "agent memory", self._directory.memories.owners)

    async def _save_entries(
        self,
        session_id: str,
        claimed_by: str | None,
        put: Sequence[QueueEntry],
        remove: Sequence[EntryKey],
        life: int | None,
    ) -> None:
        work, now = self._directory.queues.save, self._now_ms()
        given = (session_id, claimed_by, put, remove, now)
        lane = f"queue {session_id}"
        await self._run("save_queue_entries", named(session_id), work, *given, lane=lane)

    async def _claim_entries(
        self, session_id: str, by: str, may_take: MayTake, life: int | None
    ) -> tuple[QueueEntry, ...]:
        work, now = self._directory.queues.claim, self._now_ms()
        given = (session_id, by, may_take, now)
        op, lane = "claim_queue_entries", f"queue {session_id}"
        return await self._run(op, named(session_id), work, *given, lane=lane)

    async def _inventory(self) -> Inventory:
        return await self._run("inventory", "all ids", self._directory.inventory)

    async def _health(self) -> Health:
        await self._run("health_check", "a probe", self._directory.probe)
        return Health(backend=self.backend_name, location=str(self._directory.root))

    async def _close(self) -> None:
        loop = asyncio.get_running_loop()
        running = [task for task in tuple(self._running) if task.get_loop() is loop]
        if running:
            await asyncio.wait(running)


def _memories(owner: str) -> str:
    return f"memories of {owner!r}"


def _open(root: Path) -> None:
    with during("open", str(root)):
        for folder in (*reversed(root.parents), root):
            if not folder.exists():
                make_folder(folder)
        # Raises now, not at the first save, if this is no directory or must not be entered.
        next(root.iterdir(), None)
        left_behind.sweep_at_opening(Layout(root))
