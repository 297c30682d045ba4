"""Keeps a queue's dead letters and external tasks across a crash. An extension; upstream has none.

The queue holds both; a `QueueJournal` is where they are written, and `JournalWriter` decides when.
`StoreJournal` writes them into any session store, as the steps of one workflow checkpoint: one
call, which lands whole or not at all.

Invariants: 1. one save runs at a time, and the next writes the newest state, however many changes
there were meanwhile; 2. nothing on record is replaced before it was read and taken in; 3. a save
that fails is told by an event and hinders nothing: the next change tries again, and stopping does;
4. what did not change since the last save is not written.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final, Protocol, TypeAlias

from a3s_store.core.clock import Clock, clamped, system_clock
from a3s_store.core.collections import check_id
from a3s_store.core.protocol import SessionStore
from a3s_store.errors import PersistenceError
from a3s_store.models import StepOutcome, WorkflowCheckpoint, WorkflowStepRecord
from a3s_store.runtime.queue.dead_letters import DeadLetter
from a3s_store.runtime.queue.handlers import ExternalTask
from a3s_store.wire import compact, decode, encode, parse

WORKFLOW_PREFIX: Final = "a3s_store.queue/"
_LETTER: Final = "dead_letter"
_TASK: Final = "external_task"

# Dead letters and pending external tasks, each oldest first.
Kept: TypeAlias = tuple[tuple[DeadLetter, ...], tuple[ExternalTask, ...]]


class QueueJournal(Protocol):
    """Where a queue's state is kept. A save replaces what was saved before, as a whole."""

    async def save(
        self, dead_letters: Sequence[DeadLetter], external_tasks: Sequence[ExternalTask]
    ) -> None:
        """Keep exactly these; what was kept before is gone, unless it raises."""

    async def load(self) -> Kept:
        """What was saved last; nothing when nothing was."""


class StoreJournal:
    """A `QueueJournal` in a session store, under the workflow id `a3s_store.queue/{session_id}`.

    Deleting the session leaves it, as it leaves every workflow checkpoint: `clear` removes it.
    Steps say in `agent` what they are; those of a kind that is not known are left out.

    Raises:
        InvalidIdError: the session's id is too long for an id with something before it.
    """

    def __init__(
        self, store: SessionStore, session_id: str, *, clock: Clock = system_clock
    ) -> None:
        self.workflow_id: Final = check_id(f"{WORKFLOW_PREFIX}{session_id}", "workflow id")
        self._store = store
        self._session_id = session_id
        self._clock = clamped(clock)
        # The steps of the last save, so that what did not change is not made again.
        self._steps: dict[str, WorkflowStepRecord] = {}

    async def save(
        self, dead_letters: Sequence[DeadLetter], external_tasks: Sequence[ExternalTask]
    ) -> None:
        """See `QueueJournal.save`; nothing to keep removes the checkpoint."""
        steps = [self._step(_LETTER, one.command_id, one.error, one) for one in dead_letters]
        steps += [self._step(_TASK, one.task_id, "", one) for one in external_tasks]
        self._steps = {step.task_id: step for step in steps}
        if not steps:
            await self.clear()
            return
        checkpoint = WorkflowCheckpoint(
            workflow_id=self.workflow_id, steps=tuple(steps), checkpoint_ms=self._clock()
        )
        await self._store.save_workflow_checkpoint(self.workflow_id, checkpoint)

    async def load(self) -> Kept:
        """See `QueueJournal.load`. Raises DecodeError for a step that is not what it says."""
        checkpoint = await self._store.load_workflow_checkpoint(self.workflow_id)
        letters: list[DeadLetter] = []
        tasks: list[ExternalTask] = []
        for step in () if checkpoint is None else checkpoint.steps:
            kept = step.outcome.structured
            # The decoder takes parsed objects and is strict: a frozen one is none.
            tree = dict(kept) if isinstance(kept, dict) else kept
            if step.outcome.agent == _LETTER:
                letters.append(decode(DeadLetter, tree))
            elif step.outcome.agent == _TASK:
                tasks.append(decode(ExternalTask, tree))
        return tuple(letters), tuple(tasks)

    async def clear(self) -> None:
        """Remove what is kept; success when nothing is."""
        self._steps = {}
        await self._store.delete_workflow_checkpoint(self.workflow_id)

    def _step(
        self, agent: str, entry_id: str, output: str, entry: DeadLetter | ExternalTask
    ) -> WorkflowStepRecord:
        made = self._steps.get(entry_id)
        if made is not None and made.outcome.agent == agent:
            return made  # entries are frozen, and an id is never used for another
        outcome = StepOutcome(
            task_id=entry_id,
            session_id=self._session_id,
            agent=agent,
            output=output,
            success=False,
            # Through text, since some numbers are encoded as text of their own.
            structured=parse(compact(encode(entry))),
        )
        return WorkflowStepRecord(task_id=entry_id, outcome=outcome)


class JournalWriter:
    """Brings what a queue holds onto its journal.

    `current` is asked for the state when a save begins, `absorb` is given what was on record before
    the first of them, `failed` is told each error. To be used from one event loop.
    """

    def __init__(
        self,
        journal: QueueJournal,
        *,
        current: Callable[[], Kept],
        absorb: Callable[[Kept], None],
        failed: Callable[[Exception], None],
    ) -> None:
        self._journal = journal
        self._current = current
        self._absorb = absorb
        self._failed = failed
        self._reading = asyncio.Lock()
        self._read = False
        # What is on record; None where that is not known, since it was not read or a save failed.
        self._recorded: Kept | None = None
        # Done when a save that has yet to begin has ended; None when none is wanted.
        self._next: asyncio.Future[None] | None = None
        self._saver: asyncio.Task[None] | None = None
        self._behind = False

    async def recover(self) -> None:
        """Take in what is on record, once; further calls do nothing.

        Raises:
            PersistenceError: it could not be read; nothing was taken in.
        """
        async with self._reading:
            if not self._read:
                try:
                    found = await self._journal.load()
                except Exception as error:
                    raise PersistenceError(
                        "the queue's record could not be read",
                        op="recover",
                        hint="What is on record is as it was; try again",
                    ) from error
                self._read = True
                self._recorded = found
                self._absorb(found)

    def changed(self) -> asyncio.Future[None]:
        """Have the state written; the future is done when a save that begins after this ended.

        It never holds an error. Several share it: shield it from your own cancellation.
        """
        if self._next is None:
            loop = asyncio.get_running_loop()
            self._next = loop.create_future()
            if self._saver is None:
                self._saver = loop.create_task(self._save_all(), name="queue journal")
        return self._next

    async def settle(self) -> None:
        """Wait until everything is on record; a save that failed is tried once more."""
        if self._behind:
            self.changed()
        while self._saver is not None:
            await asyncio.shield(self._saver)

    async def _save_all(self) -> None:
        try:
            while self._next is not None:
                done, self._next = self._next, None
                try:
                    await self._save()
                finally:
                    if not done.done():
                        done.set_result(None)
        finally:
            self._saver = None

    async def _save(self) -> None:
        self._behind = True
        try:
            await self.recover()
            state = self._current()
            if state != self._recorded:
                self._recorded = None
                await self._journal.save(*state)
                self._recorded = state
            self._behind = False
        except Exception as error:
            self._failed(error)
