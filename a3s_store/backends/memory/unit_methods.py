"""The transactions of `MemorySessionStore`: each call on copies, which are kept if all succeed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from a3s_store.backends.memory.append_methods import MemoryAppends
from a3s_store.backends.memory.stream_methods import MemoryStreams
from a3s_store.core.base.appending import append_batch
from a3s_store.core.base.appends import Append, Update
from a3s_store.core.base.generational import refuse_other
from a3s_store.core.base.transactions import TransactionMethods
from a3s_store.core.base.unit_reads import Reads, StreamRead, UnitRead, refuse_changed
from a3s_store.core.base.units import Deletion, StreamCall, Unit, name_of
from a3s_store.core.batch import Batch
from a3s_store.core.unit_marks import UnitMarks
from a3s_store.errors import during
from a3s_store.printable import short_repr

if TYPE_CHECKING:
    from a3s_store.core.streams.requests import InfoQuery, ItemQuery


class MemoryUnits(MemoryAppends, MemoryStreams, TransactionMethods):
    """Units of calls, and the calls that they are made of."""

    async def _commit_unit(self, unit: Unit) -> tuple[Any, ...]:
        for position, one in enumerate(unit.operations):
            with during(name_of(one), unit.where(position)):
                self._refuse_unwritable_call(one)
        with self._lock:
            self._refuse_changed(unit.reads)
            put_back = self._copied(unit)
            self._unit = UnitMarks()
            try:
                results = []
                with self._log.unit():
                    for position, one in enumerate(unit.operations):
                        with during(name_of(one), unit.where(position)):
                            results.append(_CALLS[type(one)](self, one))
            except BaseException:
                put_back()
                raise
            finally:
                self._unit = None
        return tuple(results)

    def _refuse_unwritable_call(self, call: Any) -> None:
        if isinstance(call, Batch):
            self._refuse_unwritable(call)
        elif isinstance(call, Append):
            self._refuse_unwritable(append_batch(call))

    def _copied(self, unit: Unit) -> Callable[[], None]:
        """Have the unit change copies; return a function that puts the former ones back."""
        before = dict(self._entries), self._last, self._runs, self._workflows, self._memories
        streams = self._streams
        for one in unit.session_ids & self._entries.keys():
            self._entries[one] = self._entries[one].copy()
        self._last, self._runs = dict(self._last), self._runs.copy()
        self._workflows, self._memories = dict(self._workflows), dict(self._memories)
        self._streams = streams.copied(unit.streams)

        def put_back() -> None:
            self._entries, self._last, self._runs, self._workflows, self._memories = before
            self._streams = streams

        return put_back

    def _refuse_changed(self, reads: Reads) -> None:
        last_change = self._streams.last_change
        refuse_changed(
            [one for one, no in reads.sessions.items() if self._entry(one).generation != no],
            [name for name, no in reads.streams.items() if last_change(name) != no],
        )

    async def _read_stream_for_unit(
        self, op: str, query: InfoQuery | ItemQuery, reads: Reads
    ) -> StreamRead:
        with self._lock, during(op, f"stream {short_repr(query.name)}"):
            self._refuse_changed(reads)
            last_change = self._streams.last_change(query.name)
            return StreamRead(self._found_in_streams(query), last_change, self._log.latest)

    async def _read_for_unit(self, session_id: str, reads: Reads) -> UnitRead:
        with self._lock:
            self._refuse_changed(reads)
            entry = self._entry(session_id)
            return UnitRead(entry.session, entry.generation, self._log.latest)

    # -- Calls, under the lock ------------------------------------------------------------------

    def _commit_now(self, batch: Batch) -> bool:
        """Make a save, whose values can be written; False when its digest does not match."""
        entry = self._entry(batch.session_id)
        refuse_other(batch.expected_generation, entry.generation)
        if batch.expected_digest is not None:
            stored = entry.snapshot()
            if stored is None or stored.digest() != batch.expected_digest:
                return False
        self._apply(batch)
        return True

    def _delete_now(self, session_id: str, expected_generation: int | None) -> None:
        refuse_other(expected_generation, self._entry(session_id).generation)
        self._remove(session_id)

    def _save_of_unit(self, batch: Batch) -> None:
        self._commit_now(batch)

    def _deletion_of_unit(self, call: Deletion) -> None:
        self._delete_now(call.session_id, call.expected_generation)

    def _stream_of_unit(self, call: StreamCall) -> Any:
        return call.result(self._change_stream(call.request))


# How a unit makes each kind of call.
_CALLS: Final[Mapping[type, Callable[[MemoryUnits, Any], Any]]] = {
    Batch: MemoryUnits._save_of_unit,
    Append: MemoryUnits._append_now,
    Update: MemoryUnits._update_now,
    Deletion: MemoryUnits._deletion_of_unit,
    StreamCall: MemoryUnits._stream_of_unit,
}
