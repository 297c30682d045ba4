"""Appends and updates of a session, and what they are compared with: pure functions, no I/O.

A backend reads what is stored, asks `without_writing` inside its transaction, and writes what is
left to write.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import attrs

from a3s_store import models
from a3s_store.core import host_data
from a3s_store.core.arguments import refused
from a3s_store.core.base.generational import not_saved, refuse_other
from a3s_store.core.collections import CONFIG_PARTS, SESSION_ROWS
from a3s_store.core.digests import EMPTY_CHAIN, chain
from a3s_store.core.list_pages import Appended, RunEventPage
from a3s_store.core.revision import Position
from a3s_store.errors import (
    EncodeError,
    SessionNotFoundError,
    StaleGenerationError,
    UnknownFieldError,
)
from a3s_store.wire import canonical, encode

if TYPE_CHECKING:
    from a3s_store.models import Message, RunEventRecord, RunRecord, SessionData

# The fields of a session that have methods of their own, or never change.
NOT_UPDATED: Final = frozenset({"id", "messages", "extra", *SESSION_ROWS.lists})
NOWHERE: Final = Position(0, EMPTY_CHAIN)


@functools.cache
def _session_fields() -> frozenset[str]:
    names = frozenset(field.name for field in attrs.fields(models.SessionData))
    return names - NOT_UPDATED


@functools.cache
def _config_fields() -> frozenset[str]:
    """Return the fields of the configuration; its `parent_id` is changed with `config` itself."""
    names = frozenset(field.name for field in attrs.fields(models.SessionConfig))
    return names - _session_fields() - {"extra"}


@attrs.frozen(kw_only=True)
class Append:
    """One call of `append`, as `AppendingStore.append` describes it; arguments are checked."""

    session_id: str
    messages: tuple[Message, ...]
    after: Position | None = None
    expected_generation: int | None = None
    create: SessionData | None = None
    at_ms: tuple[int, ...] = ()
    updated_at: int | None = None
    save_id: bytes | None = None

    def updated_from(self, stored: int, now_ms: int) -> int:
        """Return the session's `updated_at` after the append; it never goes back by itself."""
        return max(stored, now_ms // 1000) if self.updated_at is None else self.updated_at

    def applied_to(self, session: SessionData, now_ms: int) -> SessionData:
        """Return a session with the messages at its end."""
        return session.evolve(
            messages=(*session.messages, *self.messages),
            updated_at=self.updated_from(session.updated_at, now_ms),
        )


def without_writing(
    append: Append,
    digests: Sequence[bytes],
    generation: int,
    stored: Position | None,
    chain_hash_at: Callable[[int], bytes | None],
    saved_as: Callable[[bytes], Position | None],
) -> Appended | None:
    """Return the result of an append that has nothing to write; None: its messages are written.

    `digests` are those of its messages. `stored` is the position of the session's end, None without
    a session; `generation` the last one of the id. `chain_hash_at` returns the stored chain hash of
    the first messages, None where it is not known; `saved_as` the end of the conversation that the
    save with this id made, None when there is none.

    Raises:
        SessionNotFoundError: there is no session, and none is to be created.
        StaleGenerationError: a condition does not hold.
        InvalidArgumentError: the save id belongs to a save of other messages.
    """
    if digests and stored is not None:
        found = _earlier(append, digests, generation, stored, chain_hash_at, saved_as)
        if found is not None:
            return found
    refuse_other(append.expected_generation, generation)
    if stored is None and append.create is None:
        raise not_saved()
    position = NOWHERE if stored is None else stored
    if append.after is not None and append.after != position:
        raise _elsewhere(append.after, position, generation)
    if digests:
        return None
    return Appended(start=position.length, position=position, generation=generation)


def _earlier(
    append: Append,
    digests: Sequence[bytes],
    generation: int,
    stored: Position,
    chain_hash_at: Callable[[int], bytes | None],
    saved_as: Callable[[bytes], Position | None],
) -> Appended | None:
    """Return the result of an earlier call with these messages; None when there was none."""
    after = append.after
    if append.save_id is not None:
        end = saved_as(append.save_id)
        if end is None:
            return None
        start = end.length - len(digests)
        if after is None:
            before = EMPTY_CHAIN if start == 0 else chain_hash_at(start) if start > 0 else None
        else:
            before = after.chain_hash if after.length == start else None
        if before is None or chain(digests, before)[-1] != end.chain_hash:
            raise refused("append", "save_id", "belongs to another save")
    elif after is not None and after.length + len(digests) <= stored.length:
        start = after.length
        end = Position(start + len(digests), chain(digests, after.chain_hash)[-1])
        if chain_hash_at(end.length) != end.chain_hash:
            return None
    else:
        return None
    return Appended(start=start, position=end, generation=generation, already=True)


def _elsewhere(after: Position, stored: Position, generation: int) -> StaleGenerationError:
    if after.length == stored.length:
        what = "the conversation has other messages than those before `after`"
    else:
        what = f"the conversation has {stored.length} messages, not {after.length}"
    return StaleGenerationError(
        what,
        expected=generation,
        actual=generation,
        expected_position=after,
        current=stored,
        hint="Read the messages after it, and append after the position they end at",
    )


@attrs.frozen(kw_only=True)
class Update:
    """One call of `update`: new values of fields of a session, and of its configuration.

    `host` has the changes of its `HostData`, checked.
    """

    session_id: str
    expected_generation: int | None = None
    fields: Mapping[str, Any] = attrs.field(factory=dict)
    config: Mapping[str, Any] = attrs.field(factory=dict)
    host: Mapping[str, Any] = attrs.field(factory=dict)

    @property
    def changes_config(self) -> bool:
        """Whether values are in the row of the configuration."""
        return bool(self.config) or not self.fields.keys().isdisjoint(CONFIG_PARTS)

    def of(self, session: SessionData) -> SessionData:
        """Return the session with these values."""
        changed = session.evolve(**self.fields)
        return changed.evolve(config=changed.config.evolve(**self.config))


def update_of(
    session_id: str, changes: Mapping[str, Any], expected_generation: int | None = None
) -> Update:
    """Return the update that these keyword arguments ask for.

    Raises:
        UnknownFieldError: a name is no field of a session or of its configuration.
        InvalidArgumentError, EncodeError: as `host_data.checked`.
    """
    of_session, of_config = _session_fields(), _config_fields()
    unknown = tuple(
        name for name in changes if name not in of_session | of_config | host_data.FIELDS
    )
    if unknown:
        import difflib  # here, since few programs need it

        known = sorted(of_session | of_config | host_data.FIELDS)
        close = [near for name in unknown for near in difflib.get_close_matches(name, known)]
        hint = f"Is it {' or '.join(map(repr, close))}" if close else f"It has {', '.join(known)}"
        if "messages" in unknown:
            hint = "Messages are added by append()"
        raise UnknownFieldError(
            f"update() changes no field {', '.join(map(repr, unknown))}",
            fields=unknown,
            op="update",
            hint=hint,
        )
    return Update(
        session_id=session_id,
        expected_generation=expected_generation,
        fields={name: value for name, value in changes.items() if name in of_session},
        config={name: value for name, value in changes.items() if name in of_config},
        host=host_data.checked(
            {name: value for name, value in changes.items() if name in host_data.FIELDS}
        ),
    )


# -- Collections and events of runs ------------------------------------------------------------


def with_values(
    stored: Sequence[Any] | None, added: Sequence[Any], keep_last: int | None
) -> tuple[Any, ...] | None:
    """Return a collection with more values at its end, of which the last ones are kept.

    `stored` is None where it was never saved. None: neither are values added nor are any dropped.
    """
    values = (*(stored or ()), *added)
    if keep_last is not None:
        values = values[max(0, len(values) - keep_last) :]
    if not added and (stored is None or len(values) == len(stored)):
        return None
    return values


def refuse_unwritable_events(events: Sequence[RunEventRecord]) -> None:
    """Check that events can be written.

    Raises:
        EncodeError: one cannot; it names the path.
    """
    for index, event in enumerate(events):
        try:
            canonical(encode(event))
        except EncodeError as error:
            raise error.inside("", f"events[{index}]") from None


def no_run() -> SessionNotFoundError:
    """Return the error for a run that is not stored."""
    return SessionNotFoundError(
        "no such run is stored under this id", hint="load_run_records() has all of them"
    )


def with_events(
    run: RunRecord, events: tuple[RunEventRecord, ...], after_sequence: int | None, generation: int
) -> RunRecord:
    """Return a run with more events; `event_count` and `updated_at_ms` of its snapshot rise.

    Raises:
        StaleGenerationError: its last event has another sequence than `after_sequence`.
    """
    latest = run.events[-1].sequence if run.events else run.snapshot.event_count - 1
    if after_sequence is not None and after_sequence != latest:
        raise StaleGenerationError(
            f"the last event of the run has the sequence {latest}, not {after_sequence}",
            expected=generation,
            actual=generation,
            current=latest,
            hint="Read the events after it with event_page()",
        )
    snapshot = run.snapshot
    return run.evolve(
        events=(*run.events, *events),
        snapshot=snapshot.evolve(
            event_count=snapshot.event_count + len(events),
            updated_at_ms=max([snapshot.updated_at_ms, *(one.timestamp_ms for one in events)]),
        ),
    )


def first_with_id(runs: Sequence[RunRecord], run_id: str) -> int | None:
    """Return the position of the first run with this id; None without one."""
    return next((at for at, run in enumerate(runs) if run.snapshot.id == run_id), None)


def runs_with_events(
    runs: tuple[RunRecord, ...],
    run_id: str,
    events: tuple[RunEventRecord, ...],
    after_sequence: int | None,
    generation: int,
) -> tuple[RunRecord, ...]:
    """Return the runs of a session, one of which has more events.

    Raises:
        SessionNotFoundError: no run has the id.
        StaleGenerationError: as `with_events`.
    """
    at = first_with_id(runs, run_id)
    if at is None:
        raise no_run()
    return (
        *runs[:at],
        with_events(runs[at], events, after_sequence, generation),
        *runs[at + 1 :],
    )


def event_page_of(run: RunRecord, after: int | None, limit: int) -> RunEventPage:
    """Return up to `limit` events of a run with a sequence above `after`; None: the first ones.

    Of a run whose first events were dropped `events` may begin with any that is kept.
    """
    # No bisection: sequences of a stored run need not rise.
    found = [event for event in run.events if after is None or event.sequence > after]
    first = run.events[0].sequence if run.events else None
    return page_of_events(found[: limit + 1], first, run.snapshot.event_count, after, limit)


def page_of_events(
    found: Sequence[RunEventRecord],
    first: int | None,
    event_count: int,
    after: int | None,
    limit: int,
) -> RunEventPage:
    """Return the page of these events after `after`, of which one more than `limit` may be given.

    `first` is the sequence of the oldest event kept, `event_count` counts dropped ones too.
    """
    events = tuple(found[:limit])
    start = 0 if after is None else after + 1
    return RunEventPage(
        events=events,
        first_available=first,
        latest_exclusive=event_count,
        next_after=events[-1].sequence if events else after,
        retention_gap=start < event_count and (first is None or start < first),
        has_more=len(found) > limit,
    )
