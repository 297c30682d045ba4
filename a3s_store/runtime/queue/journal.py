"""The journal of a queue: dead letters and external tasks that survive a crash. Not in upstream.

The queue has both in memory, `JournalWriter` decides when they are written, and a `QueueJournal`
writes them. `StoreJournal` writes them into a session store: as queue entries of the session where
the store is a `QueueEntryStore`, else as steps of one workflow checkpoint.

Invariants: 1. several live sessions of one stored session write and remove their own entries only;
2. a live session takes over the entries of those that were closed or crashed, and no others; 3. an
unchanged entry is not written again, unless a save failed since.
"""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Callable, Coroutine, Iterable, MutableMapping, Sequence
from typing import Any, Final, Protocol, TypeAlias, TypeVar, runtime_checkable

from a3s_store.core.base.queue_entries import (
    WORKFLOW_PREFIX,
    EntryKey,
    QueueEntry,
    QueueEntryStore,
    blank_step,
    claim_of,
    entry_of,
    key_of,
    session_not_saved,
    step_of,
)
from a3s_store.core.clock import Clock, clamped, system_clock
from a3s_store.core.collections import check_id
from a3s_store.core.live_window import close_window, is_open, open_window
from a3s_store.core.protocol import SessionStore
from a3s_store.core.revision import Revision
from a3s_store.models import WorkflowCheckpoint, WorkflowStepRecord
from a3s_store.runtime.queue.dead_letters import DeadLetter
from a3s_store.runtime.queue.handlers import ExternalTask
from a3s_store.wire import compact, decode, encode, parse

T = TypeVar("T")

_LETTER: Final = "dead_letter"
_TASK: Final = "external_task"

# Dead letters and pending external tasks, each oldest first.
Kept: TypeAlias = tuple[tuple[DeadLetter, ...], tuple[ExternalTask, ...]]


class QueueJournal(Protocol):
    """Stores the state of a queue. A save replaces the state that this queue saved before."""

    async def save(
        self, dead_letters: Sequence[DeadLetter], external_tasks: Sequence[ExternalTask]
    ) -> None:
        """Store exactly these in place of those saved or loaded before; unchanged if it raises."""

    async def load(self) -> Kept:
        """Return the stored state of an earlier queue, for this one to continue; maybe empty."""


@runtime_checkable
class ReleasableJournal(QueueJournal, Protocol):
    """A journal that several queues of one session share."""

    def release(self) -> None:
        """Let another queue take over the state. A second call does nothing."""


@runtime_checkable
class BoundJournal(QueueJournal, Protocol):
    """A journal that is tied to the life of its stored session."""

    def bind(self, revision: Callable[[], Revision | None]) -> None:
        """Set the function that returns the session's revision last read or written, None before.

        A deleted session's id may be used again. The function raises SessionDeletedError once the
        deletion is known.
        """


class StoreJournal:
    """A `BoundJournal` and `ReleasableJournal` in a session store.

    `token` is that of the live session, from `core.live_window`, which the caller closes. None
    opens one of the journal's own, until `release`.

    In a `QueueEntryStore` the entries belong to their session; saving them raises
    SessionNotFoundError until the session is stored. In other stores they are steps of the workflow
    checkpoint `a3s_store.queue/{session_id}`, which `clear` removes; saving raises
    SessionNotFoundError there once the session was saved and deleted. Live sessions on one event
    loop share that checkpoint safely; two processes that save at the same moment may overwrite each
    other.

    Raises:
        InvalidIdError: the session's id is too long for the id of that checkpoint.
    """

    def __init__(
        self,
        store: SessionStore,
        session_id: str,
        *,
        clock: Clock = system_clock,
        token: str | None = None,
    ) -> None:
        self.workflow_id: Final = check_id(f"{WORKFLOW_PREFIX}{session_id}", "workflow id")
        self._store = store
        self._entries: _Rows | _Steps = (
            _Rows(store, session_id, has_lives=store.capabilities().conditional_writes)
            if isinstance(store, QueueEntryStore)
            else _Steps(store, session_id, self.workflow_id, clock)
        )
        self._token = token
        self._opened: str | None = None
        self._revision: Callable[[], Revision | None] | None = None
        # The entries known to be stored, and the keys of those that may be: after a failed save no
        # entry is known to be stored.
        self._stored: dict[EntryKey, DeadLetter | ExternalTask] = {}
        self._may_be_stored: set[EntryKey] = set()

    def bind(self, revision: Callable[[], Revision | None]) -> None:
        """See `BoundJournal.bind`."""
        self._revision = revision

    def _life(self) -> int | None:
        """Return the life of the queue's session; None where the session was never saved.

        A store without `conditional_writes` has only one life. Raises SessionDeletedError.
        """
        revision = None if self._revision is None else self._revision()
        return None if revision is None else revision.life

    @property
    def token(self) -> str:
        """The token under which this journal claims entries."""
        if self._token is None:
            self._token = self._opened = open_window()
            weakref.finalize(self, close_window, self._token)
        return self._token

    async def save(
        self, dead_letters: Sequence[DeadLetter], external_tasks: Sequence[ExternalTask]
    ) -> None:
        """See `QueueJournal.save`. Entries of other live sessions stay."""
        wanted: dict[EntryKey, DeadLetter | ExternalTask] = {
            **{(_LETTER, one.command_id): one for one in dead_letters},
            **{(_TASK, one.task_id): one for one in external_tasks},
        }
        put = [
            # By its text, since some numbers are encoded as their own text.
            QueueEntry(kind=key[0], command_id=key[1], value=parse(compact(encode(one))))
            for key, one in wanted.items()
            if self._stored.get(key) != one
        ]
        remove = [key for key in self._may_be_stored if key not in wanted]
        if not put and not remove:
            return
        self._may_be_stored.update(entry.key for entry in put)
        self._stored = {}
        await self._entries.save(self.token, put, remove, self._life())
        self._stored = wanted
        self._may_be_stored = set(wanted)

    async def load(self) -> Kept:
        """See `QueueJournal.load`. Takes over the entries of closed and crashed live sessions.

        Raises DecodeError for an invalid entry. Entries of an unknown kind are left for the release
        that knows it.
        """
        letters: dict[EntryKey, DeadLetter] = {}
        tasks: dict[EntryKey, ExternalTask] = {}
        for entry in await self._entries.claim(self.token, self._life()):
            # The id is not redacted, unlike the one in the value; the decoder takes plain dicts.
            tree: dict[str, Any] = dict(entry.value)
            if entry.kind == _LETTER:
                letters[entry.key] = decode(DeadLetter, tree | {"command_id": entry.command_id})
            elif entry.kind == _TASK:
                tasks[entry.key] = decode(ExternalTask, tree | {"task_id": entry.command_id})
        self._stored = {**letters, **tasks}
        self._may_be_stored = set(self._stored)
        return tuple(letters.values()), tuple(tasks.values())

    async def clear(self) -> None:
        """Remove this journal's entries, and the workflow checkpoint if there is one."""
        await self.save((), ())
        await self._store.delete_workflow_checkpoint(self.workflow_id)

    def release(self) -> None:
        """Close the journal's own token, so that other live sessions may take over its entries."""
        if self._opened is not None:
            close_window(self._opened)


def _is_gone(claim: str | None) -> bool:
    return not is_open(claim)


class _Rows:
    """Entries in a store that keeps them with their session."""

    def __init__(self, store: QueueEntryStore, session_id: str, *, has_lives: bool) -> None:
        self._store = store
        self._session_id = session_id
        self._has_lives = has_lives

    async def save(
        self, token: str, put: list[QueueEntry], remove: list[EntryKey], life: int | None
    ) -> None:
        await self._store.save_queue_entries(
            self._session_id, claimed_by=token, put=put, remove=remove, **self._of(life)
        )

    async def claim(self, token: str, life: int | None) -> Iterable[QueueEntry]:
        return await self._store.claim_queue_entries(
            self._session_id, by=token, may_take=_is_gone, **self._of(life)
        )

    def _of(self, life: int | None) -> dict[str, int]:
        # A store of the application may not have the parameter.
        return {"life": life} if self._has_lives and life is not None else {}


# A lock for each workflow checkpoint of each store, as long as a journal uses it.
_Locks: TypeAlias = MutableMapping[tuple[int, str], asyncio.Lock]
_locks: Final[MutableMapping[asyncio.AbstractEventLoop, _Locks]] = weakref.WeakKeyDictionary()


class _Steps:
    """Entries as steps of one workflow checkpoint, which is read, merged and written as a whole."""

    def __init__(
        self, store: SessionStore, session_id: str, workflow_id: str, clock: Clock
    ) -> None:
        self._store = store
        self._session_id = session_id
        self._workflow_id = workflow_id
        self._clock = clamped(clock)
        self._lock: asyncio.Lock | None = None
        self._running: set[asyncio.Task[Any]] = set()
        self._blank = blank_step(session_id)

    async def save(
        self, token: str, put: list[QueueEntry], remove: list[EntryKey], life: int | None
    ) -> None:
        if put and life is not None and not await self._store.exists(self._session_id):
            raise session_not_saved()
        await self._whole(self._merge(token, put, remove))

    async def claim(self, token: str, life: int | None) -> Iterable[QueueEntry]:
        return await self._whole(self._take(token))

    async def _whole(self, work: Coroutine[Any, Any, T]) -> T:
        """Run to the end, with the checkpoint locked, even if the caller is cancelled.

        Otherwise a write that goes on in another thread would replace a later one.
        """
        task = asyncio.get_running_loop().create_task(work, name="workflow checkpoint of a queue")
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return await asyncio.shield(task)

    async def _merge(self, token: str, put: list[QueueEntry], remove: list[EntryKey]) -> None:
        async with self._locked():
            steps = await self._load()
            for key in remove:
                if key in steps and self._may_write(steps[key], token):
                    del steps[key]
            for entry in put:
                if entry.key not in steps or self._may_write(steps[entry.key], token):
                    steps[entry.key] = step_of(entry, self._blank, token)
            await self._save(steps)

    async def _take(self, token: str) -> Iterable[QueueEntry]:
        async with self._locked():
            steps = await self._load()
            mine = {key: one for key, one in steps.items() if self._may_write(one, token)}
            entries = {key: entry_of(one) for key, one in mine.items() if key[0] in _KINDS}
            taken = {
                key: step_of(entry, mine[key], token)
                for key, entry in entries.items()
                if claim_of(mine[key]) != token
            }
            if taken:
                await self._save({**steps, **taken})
            return entries.values()

    def _locked(self) -> asyncio.Lock:
        locks = _locks.setdefault(asyncio.get_running_loop(), weakref.WeakValueDictionary())
        key = id(self._store), self._workflow_id
        self._lock = locks.setdefault(key, asyncio.Lock())
        return self._lock

    @staticmethod
    def _may_write(step: WorkflowStepRecord, token: str) -> bool:
        claim = claim_of(step)
        return claim == token or _is_gone(claim)

    async def _load(self) -> dict[EntryKey, WorkflowStepRecord]:
        checkpoint = await self._store.load_workflow_checkpoint(self._workflow_id)
        return {} if checkpoint is None else {key_of(step): step for step in checkpoint.steps}

    async def _save(self, steps: dict[EntryKey, WorkflowStepRecord]) -> None:
        if not steps:
            await self._store.delete_workflow_checkpoint(self._workflow_id)
            return
        checkpoint = WorkflowCheckpoint(
            workflow_id=self._workflow_id,
            steps=tuple(steps.values()),
            checkpoint_ms=self._clock(),
        )
        await self._store.save_workflow_checkpoint(self._workflow_id, checkpoint)


_KINDS: Final = frozenset({_LETTER, _TASK})
