"""Plan an append to a stream: pure functions, which every backend asks.

A backend reads the stream and the items with the ids of the request, calls `plan`, and writes the
actions in order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import attrs
import orjson

from a3s_store.core.streams.requests import (
    Append,
    Body,
    EncodedItem,
    Finish,
    version_id,
    version_of,
)
from a3s_store.core.streams.values import StreamAppended
from a3s_store.errors import StaleItemError


class StreamState(NamedTuple):
    """A stored stream, as conditions see it. `metadata` is JSON text."""

    next: int
    sequence: int
    changed_at_ms: int
    metadata: str | None
    session_id: str | None


class StoredItem(NamedTuple):
    """A stored item with an id of the request: `key` is the backend's.

    `is_same` says whether it has the value, labels and metadata of another, and never expires.
    """

    key: Any
    version: int
    is_same: Callable[[EncodedItem], bool]


@attrs.define
class Action:
    """An item to write: at a new `seq`, or in place of the one with `key`."""

    item: EncodedItem
    version: int
    seq: int | None = None
    key: Any = None


class Plan(NamedTuple):
    """The actions of an append, and its result, `sequence` excepted.

    `at_ms` is the time of the change, which is never before the last one; `now_ms` that of the
    clock. `changes_stream` is whether there is anything to write.
    """

    actions: tuple[Action, ...]
    at_ms: int
    now_ms: int
    changes_stream: bool
    result: StreamAppended

    def expires_at_ms(self, item: EncodedItem) -> int | None:
        """Return when an item expires, by the clock; None: never."""
        return None if item.ttl_ms is None else self.now_ms + item.ttl_ms

    @property
    def inserts(self) -> bool:
        """Whether an item is new."""
        return any(self.result.inserted)


def refuse_other(what: str, expected: int | None, current: int) -> None:
    """Raise StaleItemError unless a condition holds; None: it is not asked."""
    if expected is not None and expected != current:
        raise StaleItemError(
            f"expected {what} {expected}, found {current}",
            expected=expected,
            current=current,
            hint="Read it again, then repeat the change",
        )


def next_of(stream: StreamState | None) -> int:
    """Return the `seq` of the next item; 0 without a stream."""
    return 0 if stream is None else stream.next


def plan(
    request: Append, stream: StreamState | None, stored: Mapping[str, StoredItem], now_ms: int
) -> Plan:
    """Return what an append changes; `stored` has the items that do not expire before now, by id.

    Raises:
        StaleItemError: a condition does not hold, or an id is stored, or the stream is tied to
            another session.
    """
    first = next_of(stream)
    refuse_other("the next seq", request.expected_next, first)
    present = 0 if stream is None else stream.sequence
    refuse_other("the last change", request.expected_sequence, present)
    _refuse_other_session(request, stream)
    made: dict[str, Action] = {}
    actions: list[Action] = []
    inserted: list[bool] = []
    versions: list[int] = []
    end = first
    for item in request.items:
        old = None if item.id is None else stored.get(item.id)
        again = None if item.id is None else made.get(item.id)
        version = again.version if again is not None else 0 if old is None else old.version
        refuse_other("version", request.expected_version, version)
        inserted.append(not version)
        if version and request.on_conflict != "replace":
            if request.on_conflict == "raise":
                raise StaleItemError(
                    "an item with this id is stored",
                    expected=0,
                    current=version,
                    hint="Use on_conflict='ignore' or 'replace', or another id",
                )
        elif again is not None:
            again.item, again.version = item, version + 1
            version += 1
        elif old is not None and item.ttl_ms is None and old.is_same(item):
            pass  # nothing changes
        else:
            version += 1
            action = Action(item, version)
            if old is None:
                action.seq = end
                end += 1
            else:
                action.key = old.key
            actions.append(action)
            if item.id is not None:
                made[item.id] = action
        versions.append(version)
    before = None if stream is None else stream.metadata
    tied = None if stream is None else stream.session_id
    return Plan(
        actions=tuple(actions),
        at_ms=now_ms if stream is None else max(now_ms, stream.changed_at_ms),
        now_ms=now_ms,
        changes_stream=bool(actions)
        or (request.metadata is not None and request.metadata != before)
        or (stream is not None and request.session_id not in (None, tied)),
        result=StreamAppended(
            first=first,
            next=end,
            inserted=tuple(inserted),
            versions=tuple(versions),
            sequence=None if stream is None else stream.sequence,
        ),
    )


def _refuse_other_session(request: Append, stream: StreamState | None) -> None:
    tied = None if stream is None else stream.session_id
    if tied is not None and request.session_id not in (None, tied):
        raise StaleItemError(
            "the stream is tied to another session",
            expected=request.session_id,
            current=tied,
            hint="Use a stream of another name",
        )


def refuse_taken(stream: StreamState | None) -> None:
    """Raise StaleItemError if there is a stream under the name of a new copy."""
    if stream is not None:
        raise StaleItemError(
            "there is a stream under the new name",
            expected=0,
            current=stream.next,
            hint="Delete it first, or copy to another name",
        )


def next_version(last_id: str | None, expected: int | None) -> int:
    """Return the version that follows the last id of a value. Raises StaleItemError."""
    present = 0 if last_id is None else version_of(last_id)
    refuse_other("version", expected, present)
    return present + 1


def manifest_item(request: Finish, version: int, seqs: Sequence[int]) -> EncodedItem:
    """Return the item that completes a value of chunks at these places."""
    text = orjson.dumps({**request.manifest, "chunks": list(seqs)})
    return EncodedItem(
        id=version_id(request.id_prefix, version),
        body=Body(text, True),
        labels=(),
        metadata=None,
        ttl_ms=None,
    )


def chunks_gone() -> StaleItemError:
    """Return the error for a value of which chunks are not stored any more."""
    return StaleItemError(
        "chunks of the value expired before it was complete",
        expected=None,
        current=0,
        hint="Store it again; a value has to be complete within a day",
    )
