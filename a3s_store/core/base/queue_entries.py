"""Stored entries of a session's queue, which survive a crash, and the claims on them.

An entry belongs to the live session that claimed it; a token of `live_window` identifies that one.
Stores that keep entries with their session are a `QueueEntryStore`; `QueueEntryMethods` implements
it over two methods of a backend. In all other stores, in directories of JSON files, and in files of
older releases, the entries of a session are the steps of one workflow checkpoint.

Invariants: 1. an entry is written and removed only under the claim it has; 2. of live sessions
that claim at the same time, one gets each entry; 3. entries are deleted with their session, and a
live session that continues after that leaves none for the next session of the id.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias, runtime_checkable

import attrs

from a3s_store import models
from a3s_store.core.base.store import BaseStore
from a3s_store.core.collections import check_id
from a3s_store.errors import DecodeError, EncodeError, SessionNotFoundError, during
from a3s_store.wire import FrozenDict, check_opaque, freeze

if TYPE_CHECKING:
    from a3s_store.models import WorkflowCheckpoint, WorkflowStepRecord

# The id of the workflow checkpoint of a queue is this followed by the session id.
WORKFLOW_PREFIX: Final = "a3s_store.queue/"
# The extra key of a step that holds the claim. Older releases ignore it.
_CLAIMED_BY: Final = "claimed_by"

# Kind and command id.
EntryKey: TypeAlias = tuple[str, str]
# Returns whether an entry with this claim may be claimed anew; None: it has no claim.
MayTake: TypeAlias = Callable[[str | None], bool]


def _kind(text: Any) -> str:
    return check_id(text, "kind of queue entry")


def _command_id(text: Any) -> str:
    return check_id(text, "command id")


def _object(value: Any) -> FrozenDict:
    found = freeze(value)
    if type(found) is not FrozenDict:
        raise EncodeError(f"expected a JSON object, found {type(value).__name__}", path="value")
    return found


@attrs.frozen(kw_only=True)
class QueueEntry:
    """One entry: `kind` and `command_id` together are unique in a session.

    Raises:
        InvalidIdError: `kind` or `command_id` is not valid as an id.
        EncodeError: `value` is not a JSON object.
    """

    kind: str = attrs.field(converter=_kind)
    command_id: str = attrs.field(converter=_command_id)
    value: FrozenDict = attrs.field(converter=_object)

    @property
    def key(self) -> EntryKey:
        """Kind and command id."""
        return self.kind, self.command_id


@runtime_checkable
class QueueEntryStore(Protocol):
    """A store that keeps queue entries with the session they belong to."""

    async def save_queue_entries(
        self,
        session_id: str,
        *,
        claimed_by: str | None,
        put: Sequence[QueueEntry] = (),
        remove: Sequence[EntryKey] = (),
        life: int | None = None,
    ) -> None:
        """Write and remove entries with one claim in one commit; other claims' entries stay.

        An existing entry keeps its place in the order. Removing an entry that does not exist is
        success. With `life` (see `Revision`; for stores with `conditional_writes`) a session that
        was deleted and created again since counts as not stored.

        Raises:
            SessionNotFoundError: `put` has entries and the session is not stored.
        """

    async def claim_queue_entries(
        self, session_id: str, *, by: str, may_take: MayTake, life: int | None = None
    ) -> tuple[QueueEntry, ...]:
        """Claim the entries that `may_take` allows; return all entries that `by` has claimed.

        The oldest comes first; the result is empty for a session that is not stored. Entries that
        an older release stored in a workflow checkpoint become entries of the session, and the
        checkpoint is removed. `may_take` may be called in another thread, once for each claim.
        `life` as in `save_queue_entries`.
        """


class QueueEntryMethods(BaseStore):
    """Implements `QueueEntryStore` over the two methods below: checks and redaction."""

    @abstractmethod
    async def _save_entries(
        self,
        session_id: str,
        claimed_by: str | None,
        put: Sequence[QueueEntry],
        remove: Sequence[EntryKey],
        life: int | None,
    ) -> None:
        """See `QueueEntryStore.save_queue_entries`; the arguments are checked."""

    @abstractmethod
    async def _claim_entries(
        self, session_id: str, by: str, may_take: MayTake, life: int | None
    ) -> tuple[QueueEntry, ...]:
        """See `QueueEntryStore.claim_queue_entries`; the arguments are checked."""

    async def save_queue_entries(
        self,
        session_id: str,
        *,
        claimed_by: str | None,
        put: Sequence[QueueEntry] = (),
        remove: Sequence[EntryKey] = (),
        life: int | None = None,
    ) -> None:
        """See `QueueEntryStore.save_queue_entries`. `redact=` applies to the values."""
        op = "save_queue_entries"
        self._check_open(op)
        check_id(session_id)
        if claimed_by is not None:
            check_id(claimed_by, "claim")
        for entry in put:
            if type(entry) is not QueueEntry:
                raise EncodeError(f"expected a QueueEntry, found {type(entry).__name__}", op=op)
        keys = [(_kind(kind), _command_id(command_id)) for kind, command_id in remove]
        with during(op, ""):
            self._redactor.check_id(session_id)
        with during(op, f"session {session_id!r}"):
            entries = [self._redacted_entry(entry) for entry in put]
        await self._save_entries(session_id, claimed_by, entries, keys, life)

    async def claim_queue_entries(
        self, session_id: str, *, by: str, may_take: MayTake, life: int | None = None
    ) -> tuple[QueueEntry, ...]:
        """See `QueueEntryStore.claim_queue_entries`."""
        self._check_open("claim_queue_entries")
        check_id(session_id)
        return await self._claim_entries(session_id, check_id(by, "claim"), may_take, life)

    def _redacted_entry(self, entry: QueueEntry) -> QueueEntry:
        self._redactor.check_id(entry.command_id, "command id")
        self._redactor.check_id(entry.kind, "kind of queue entry")
        value = self._redactor.value(entry.value, "value")
        check_opaque(value, self._limits, "value")
        return entry if value is entry.value else attrs.evolve(entry, value=value)


def session_not_saved() -> SessionNotFoundError:
    """Return the error for queue entries of a session that is not stored."""
    return SessionNotFoundError(
        "no session was saved under this id, or it was deleted and created again",
        hint="Save the session, then its queue entries",
    )


# -- Entries as steps of a workflow checkpoint ----------------------------------------------------


def blank_step(session_id: str) -> WorkflowStepRecord:
    """Return an empty step of a session's queue, for `step_of`."""
    outcome = models.StepOutcome(
        task_id="", session_id=session_id, agent="", output="", success=False
    )
    return models.WorkflowStepRecord(task_id="", outcome=outcome)


def step_of(
    entry: QueueEntry, made: WorkflowStepRecord, claimed_by: str | None
) -> WorkflowStepRecord:
    """Return the step of an entry: `made` with the value and the claim of the entry."""
    outcome = made.outcome.evolve(agent=entry.kind, structured=entry.value)
    extra = {key: value for key, value in made.extra.items() if key != _CLAIMED_BY}
    if claimed_by is not None:
        extra[_CLAIMED_BY] = claimed_by
    return made.evolve(task_id=entry.command_id, outcome=outcome, extra=extra)


def claim_of(step: WorkflowStepRecord) -> str | None:
    """Return the claim of a step; None when it has none."""
    found = step.extra.get(_CLAIMED_BY)
    return found if isinstance(found, str) else None


def key_of(step: WorkflowStepRecord) -> EntryKey:
    """Return the kind and the command id of a step."""
    return step.outcome.agent, step.task_id


def entry_of(step: WorkflowStepRecord) -> QueueEntry:
    """Return the entry of a step.

    Raises:
        DecodeError: the step has no value.
    """
    value = step.outcome.structured
    if not isinstance(value, dict):
        raise DecodeError("expected a JSON object", model="StepOutcome", path="structured")
    return QueueEntry(kind=step.outcome.agent, command_id=step.task_id, value=value)


def entries_of(checkpoint: WorkflowCheckpoint) -> Iterator[tuple[str | None, QueueEntry]]:
    """Yield the entries in the workflow checkpoint of a queue, each after its claim."""
    for step in checkpoint.steps:
        yield claim_of(step), entry_of(step)
