"""The methods of `AppendingStore`, over a port that a backend implements.

Arguments are checked and values redacted here; what is stored is compared in `appends`, by
functions that a backend calls inside its transaction.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeAlias, Unpack

import attrs

from a3s_store import models
from a3s_store.core.arguments import refused
from a3s_store.core.base.appends import Append, Update, update_of
from a3s_store.core.base.conditional import check_save_id
from a3s_store.core.base.generational import check_expected, not_saved
from a3s_store.core.base.store import BaseStore
from a3s_store.core.batch import Batch
from a3s_store.core.collection_appends import CollectionAppendMethods
from a3s_store.core.collections import Collection, check_id
from a3s_store.core.list_pages import (
    Appended,
    ListPage,
    MessagePage,
    Positioned,
    RunEventPage,
    Steps,
    checked_slice,
)
from a3s_store.core.revision import Position
from a3s_store.errors import EncodeError, UnsupportedError

if TYPE_CHECKING:
    from a3s_store.core.session_update import SessionHeader, SessionUpdate
    from a3s_store.models import Message, RunEventRecord, SessionData

# Given the length of a list, returns the first position to read, and the one after the last.
RangeOf: TypeAlias = Callable[[int], tuple[int, int]]
_NUMBERS: Final = range(-(2**63), 2**63)


class AppendMethods(CollectionAppendMethods, BaseStore):
    """Implements `AppendingStore` over the port below."""

    # -- The port -----------------------------------------------------------------------------

    @abstractmethod
    async def _append(self, append: Append) -> Appended:
        """Ask `without_writing`, and add the messages where it returns None; one transaction.

        A session is created of `append.create` where there is none.
        """

    @abstractmethod
    async def _update(self, update: Update) -> int:
        """Change the session as `Update.of` does, and return the generation afterwards.

        Before that `refuse_other` and `not_saved`, in this order. An equal session is not written.
        `Update.host` changes the host's data in the same commit, and makes no generation.
        """

    @abstractmethod
    async def _message_page(
        self, session_id: str, range_of: RangeOf, generation: int | None
    ) -> MessagePage | None:
        """Return these messages; None without a session. Raises as `_load_generation`."""

    @abstractmethod
    async def _header(self, session_id: str) -> SessionHeader | None:
        """Return the session without its lists; None without a session."""

    @abstractmethod
    async def _append_values(
        self, collection: Collection, batch: Batch, keep_last: int | None
    ) -> int:
        """Add the values of the batch to the collection, then keep the last `keep_last`.

        Before that `refuse_other`. Returns the generation afterwards. The batch has the values to
        add, as if they were the whole collection.
        """

    @abstractmethod
    async def _values_page(
        self, collection: Collection, session_id: str, range_of: RangeOf
    ) -> ListPage[Any] | None:
        """Return these values of a collection; None when it was never saved."""

    @abstractmethod
    async def _append_events(
        self,
        session_id: str,
        run_id: str,
        events: tuple[RunEventRecord, ...],
        after_sequence: int | None,
    ) -> int:
        """Change the run as `with_events` does, and return the generation afterwards.

        Raises `no_run` where there is none. No events: the condition is checked, nothing written.
        """

    @abstractmethod
    async def _event_page(
        self, session_id: str, run_id: str, after: int | None, limit: int
    ) -> RunEventPage | None:
        """Return the page that `event_page_of` returns; None without the run."""

    # -- Messages -----------------------------------------------------------------------------

    async def append(
        self,
        session_id: str,
        messages: Sequence[Message],
        *,
        after: Position | None = None,
        expected_generation: int | None = None,
        create: SessionData | None = None,
        at_ms: Sequence[int] | None = None,
        updated_at: int | None = None,
        save_id: bytes | None = None,
    ) -> Appended:
        """See `AppendingStore.append`."""
        given = self._checked_append(
            session_id, messages, after, expected_generation, create, at_ms, updated_at, save_id
        )
        return await self._append(given)

    def _checked_append(
        self,
        session_id: str,
        messages: Sequence[Message],
        after: Position | None,
        expected_generation: int | None,
        create: SessionData | None,
        at_ms: Sequence[int] | None,
        updated_at: int | None,
        save_id: bytes | None = None,
    ) -> Append:
        """Return a call of `append` with checked arguments and without secrets."""
        self._check_open("append")
        given = Append(
            session_id=check_id(session_id),
            messages=_values("append", messages),
            after=after,
            expected_generation=self._checked_expectation("append", expected_generation),
            create=create,
            at_ms=() if at_ms is None else tuple(at_ms),
            updated_at=updated_at,
            save_id=save_id,
        )
        _check_append(given, has_times=at_ms is not None)
        if create is None and not self._redactor.has_hook:
            return given  # only configuration has credentials
        redacted = self._redacted(append_batch(given)).session
        assert redacted is not None, "the batch has a session"
        if create is not None:
            given = attrs.evolve(given, create=redacted.evolve(messages=()))
        return attrs.evolve(given, messages=redacted.messages)

    async def update(
        self,
        session_id: str,
        *,
        expected_generation: int | None = None,
        **changes: Unpack[SessionUpdate],
    ) -> int:
        """See `AppendingStore.update`."""
        return await self._update(self._checked_update(session_id, expected_generation, changes))

    def _checked_update(
        self, session_id: str, expected_generation: int | None, changes: Mapping[str, Any]
    ) -> Update:
        """Return a call of `update` with checked arguments and without secrets."""
        self._check_open("update")
        update = update_of(
            check_id(session_id),
            changes,
            self._checked_expectation("update", expected_generation),
        )
        if update.host and not self.capabilities().host_metadata:
            raise UnsupportedError(
                f"session store '{self.backend_name}' keeps no {', '.join(sorted(update.host))}",
                capability="host_metadata",
                op="update",
            )
        # The values lie in an empty session while they are redacted.
        batch = Batch(op="update", session_id=session_id, session=update.of(_empty(session_id)))
        redacted = self._redacted(batch).session
        assert redacted is not None, "the batch has a session"
        fields = {name: getattr(redacted, name) for name in update.fields}
        config = {name: getattr(redacted.config, name) for name in update.config}
        host = {name: self._redactor.value(one, name) for name, one in update.host.items()}
        return attrs.evolve(update, fields=fields, config=config, host=host)

    async def messages(
        self,
        session_id: str,
        *,
        last: int | None = None,
        start: int = 0,
        stop: int | None = None,
        generation: int | None = None,
    ) -> MessagePage | None:
        """See `AppendingStore.messages`."""
        self._check_open("messages")
        wanted = checked_slice("messages", start, stop, last)
        generation = self._checked_expectation("messages", generation, "generation")
        return await self._message_page(check_id(session_id), wanted.of, generation)

    async def iter_messages(
        self,
        session_id: str,
        *,
        start: int = 0,
        stop: int | None = None,
        reverse: bool = False,
        page: int = 500,
        generation: int | None = None,
    ) -> AsyncIterator[Positioned]:
        """See `AppendingStore.iter_messages`."""
        op = "iter_messages"
        self._check_open(op)
        wanted = checked_slice(op, start, stop, None)
        if type(page) is not int or page < 1:
            raise refused(op, "page", "is a number of messages, 1 or more")
        check_id(session_id)
        generation = self._checked_expectation(op, generation, "generation")
        # Without generations a conversation cannot be found again: it is read at once.
        has_generations = self.capabilities().generations
        steps = Steps(wanted, page if has_generations else None, reverse)
        while steps.has_more:
            self._check_open(op)
            found = await self._message_page(session_id, steps.range_of, generation)
            if found is None:
                raise not_saved().locate(op, f"session {session_id!r}")
            if has_generations:
                generation = found.generation
            steps.read(found)
            for one in reversed(found.items) if reverse else found.items:
                yield one

    async def load_header(self, session_id: str) -> SessionHeader | None:
        """See `AppendingStore.load_header`."""
        self._check_open("load_header")
        return await self._header(check_id(session_id))

    # -- Collections and runs -----------------------------------------------------------------

    async def _append_collection(
        self,
        collection: Collection,
        session_id: str,
        values: Sequence[Any],
        expected_generation: int | None,
        keep_last: int | None,
    ) -> int:
        op = f"append_{collection.name}"
        self._check_open(op)
        if keep_last is not None and (type(keep_last) is not int or keep_last < 0):
            raise refused(op, "keep_last", "is a number of values, 0 or more")
        batch = Batch(
            op=op,
            session_id=check_id(session_id),
            collections={collection: _values(op, values)},
            expected_generation=self._checked_expectation(op, expected_generation),
        )
        return await self._append_values(collection, self._redacted(batch), keep_last)

    async def _collection_page(
        self,
        collection: Collection,
        session_id: str,
        start: int,
        stop: int | None,
        last: int | None,
    ) -> ListPage[Any] | None:
        op = f"{collection.name}_page"
        self._check_open(op)
        wanted = checked_slice(op, start, stop, last)
        return await self._values_page(collection, check_id(session_id), wanted.of)

    async def append_run_events(
        self,
        session_id: str,
        run_id: str,
        events: Sequence[RunEventRecord],
        *,
        after_sequence: int | None = None,
    ) -> int:
        """See `AppendingStore.append_run_events`."""
        op = "append_run_events"
        self._check_open(op)
        _check_run_id(op, run_id)
        if after_sequence is not None and type(after_sequence) is not int:
            raise refused(op, "after_sequence", "is an integer")
        given = _values(op, events)
        for index, event in enumerate(given):
            if type(event) is not models.RunEventRecord:
                what = f"expected a RunEventRecord, found {type(event).__name__}"
                raise EncodeError(what, op=op, path=f"events[{index}]")
        batch = Batch(op=op, session_id=check_id(session_id))
        self._redacted(batch)  # refuses an id that redaction would change
        redacted: tuple[RunEventRecord, ...] = self._redactor.value(given, "events")
        return await self._append_events(session_id, run_id, redacted, after_sequence)

    async def event_page(
        self, session_id: str, run_id: str, *, after: int | None = None, limit: int = 100
    ) -> RunEventPage | None:
        """See `AppendingStore.event_page`."""
        op = "event_page"
        self._check_open(op)
        _check_run_id(op, run_id)
        if after is not None and type(after) is not int:
            raise refused(op, "after", "is the sequence of an event, or None")
        if type(limit) is not int or limit < 0:
            raise refused(op, "limit", "is a number of events, 0 or more")
        return await self._event_page(check_id(session_id), run_id, after, limit)

    # -- Arguments ----------------------------------------------------------------------------

    def _checked_expectation(
        self, op: str, generation: int | None, name: str = "expected_generation"
    ) -> int | None:
        check_expected(op, generation)
        if generation is not None and not self.capabilities().generations:
            raise UnsupportedError(
                f"session store '{self.backend_name}' does not support {name}",
                capability="generations",
                op=op,
                hint="Use a store with this capability, or after= with a position",
            )
        return generation


def append_batch(append: Append) -> Batch:
    """Return a batch with the messages of an append, to redact and to check them.

    The session in it is the one to create, or an empty one.
    """
    session = append.create or _empty(append.session_id)
    session = session.evolve(messages=append.messages)
    return Batch(op="append", session_id=append.session_id, session=session)


def update_batch(update: Update) -> Batch:
    """Return a batch with the values of an update, to check them; others are as in an empty one."""
    session = update.of(_empty(update.session_id))
    return Batch(op="update", session_id=update.session_id, session=session)


def _empty(session_id: str) -> SessionData:
    return models.SessionData(id=session_id, created_at=0, updated_at=0)


def _values(op: str, values: Sequence[Any]) -> tuple[Any, ...]:
    if not isinstance(values, list | tuple):
        raise EncodeError(f"expected a list, found {type(values).__name__}", op=op)
    return tuple(values)


def _check_run_id(op: str, run_id: object) -> None:
    if type(run_id) is not str:
        raise refused(op, "run_id", f"is a str, not {type(run_id).__name__}")


def _check_append(append: Append, *, has_times: bool) -> None:
    after, create = append.after, append.create
    if after is not None and not (
        type(after) is Position
        and type(after.length) is int
        and type(after.chain_hash) is bytes
        and after.length >= 0
    ):
        raise refused("append", "after", "is a Position")
    if create is not None:
        if type(create) is not models.SessionData:
            raise refused("append", "create", f"is a SessionData, not {type(create).__name__}")
        if create.id != append.session_id:
            raise refused("append", "create", "has another id")
        if create.messages != ():
            raise refused("append", "create", "has messages: give them as messages=")
    if has_times and len(append.at_ms) != len(append.messages):
        raise refused("append", "at_ms", "has one time for each message")
    for time in append.at_ms:
        if type(time) is not int or time not in _NUMBERS:
            raise refused("append", "at_ms", "has integers of 64 bits")
    updated_at = append.updated_at
    if updated_at is not None and (type(updated_at) is not int or updated_at not in _NUMBERS):
        raise refused("append", "updated_at", "is an integer of 64 bits")
    if append.save_id is not None:
        check_save_id(append.save_id, "append")
