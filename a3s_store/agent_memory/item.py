"""The item of agent memory, its relevance, and the checks before it is stored.

An item is a frozen value like every model: `MemoryItem.new` makes a new one with an id and a time,
the constructor one of stored values. Upstream: `MemoryItem` of `memory.rs` (runtime 8).
"""

from __future__ import annotations

import datetime
import enum
import math
import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from a3s_store.core.clean import clean_json
from a3s_store.core.clock import EPOCH, Clock, system_clock, timestamp
from a3s_store.core.collections import check_id
from a3s_store.core.redaction.redactor import Redactor
from a3s_store.errors import EncodeError, during
from a3s_store.wire import (
    DEFAULT_LIMITS,
    EMPTY,
    F32,
    U32,
    FrozenDict,
    Limits,
    Model,
    Timestamp,
    Value,
    check_size,
    compact,
    encode,
    field,
    model,
)
from a3s_store.wire.limits import current, in_force

if TYPE_CHECKING:
    from typing import Self, Unpack

    from a3s_store import _changes

IMPORTANCE: Final = 0.5
# The weights in the relevance.
_IMPORTANCE: Final = 0.7
_RECENCY: Final = 0.3
_DECAY_DAYS: Final = 30.0
_DAY_MS: Final = 86_400_000
_MOST_ACCESSES: Final = 2**32 - 1


class MemoryType(enum.StrEnum):
    """The kind of an item. Upstream: `MemoryType`."""

    EPISODIC = "episodic"
    SEMANTIC = "semantic"
    PROCEDURAL = "procedural"
    WORKING = "working"


@model()
class MemoryItem(Model):
    """One item of agent memory. Upstream: `MemoryItem`.

    `metadata` is an object of texts. `importance` is from 0 to 1; `new` clamps other values, and
    reading keeps them, as upstream does. `last_accessed` None means never.
    """

    id: str
    content: str
    timestamp: Timestamp
    importance: F32 = field(default=IMPORTANCE)
    tags: tuple[str, ...] = field(default=())
    memory_type: MemoryType = field(default=MemoryType.EPISODIC)
    metadata: Value = field(default=EMPTY)
    access_count: U32 = field(default=0)
    last_accessed: Timestamp | None = field(default=None, write="null")

    @classmethod
    def new(
        cls,
        content: str,
        *,
        importance: float = IMPORTANCE,
        tags: Sequence[str] = (),
        memory_type: MemoryType = MemoryType.EPISODIC,
        metadata: Mapping[str, str] | None = None,
        clock: Clock = system_clock,
    ) -> MemoryItem:
        """Return a new item with the current time and an id. Upstream: `MemoryItem::new`, `with_*`.

        `importance` is clamped to 0 to 1; NaN becomes 0. Lone surrogates in texts are replaced
        (`a3s_store.clean_text`).

        Raises:
            EncodeError: `importance` is no number, or `tags` is a single text.
        """
        if isinstance(importance, bool) or not isinstance(importance, int | float):
            found = type(importance).__name__
            raise EncodeError(f"expected a number, found {found}", path="importance")
        if isinstance(tags, str):
            raise EncodeError("expected an array of strings", path="tags")
        return cls(
            id=str(uuid.uuid4()),
            content=clean_json(content),
            timestamp=timestamp(clock()),
            # In this order of arguments NaN becomes 0.
            importance=min(max(0.0, importance), 1.0),
            tags=tuple(map(clean_json, tags)),
            memory_type=memory_type,
            metadata=EMPTY if metadata is None else clean_json(dict(metadata)),
        )

    def accessed(self, *, clock: Clock = system_clock) -> MemoryItem:
        """Return the item with one more access. Upstream: `record_access`; no store calls it."""
        return self.evolve(
            access_count=min(self.access_count + 1, _MOST_ACCESSES),
            last_accessed=timestamp(clock()),
        )

    if TYPE_CHECKING:

        def evolve(self, **changes: Unpack[_changes.MemoryItemChanges]) -> Self: ...


def relevance(item: MemoryItem, now_ms: int) -> float:
    """Return the relevance of an item at a time in Unix milliseconds.

    It is 0.7 importance + 0.3 recency, and recency is exp(-age in days / 30). An item from the
    future has age 0, so that items of a wrong clock do not outrank all others for ever. Upstream:
    `relevance_score_at`.
    """
    return score(item.importance, item.timestamp, now_ms)


def score(importance: float, timestamp: str, now_ms: int) -> float:
    """Return the relevance of an item with this importance and timestamp; see `relevance`."""
    age = max(0, now_ms - milliseconds(timestamp)) / _DAY_MS
    return _IMPORTANCE * importance + _RECENCY * math.exp(-age / _DECAY_DAYS)


def milliseconds(timestamp: str) -> int:
    """Return the Unix milliseconds of a normalised timestamp, rounded down."""
    # A datetime has no leap second: it becomes the last millisecond of the second before.
    whole = timestamp[:19]
    leap = whole.endswith(":60")
    moment = datetime.datetime.fromisoformat(f"{whole[:-2]}59+00:00" if leap else f"{whole}+00:00")
    delta = moment - EPOCH
    fraction = 999 if leap else int(timestamp[20:23].rstrip("Z") or 0)
    return (delta.days * 86_400 + delta.seconds) * 1000 + fraction


def check_item(item: MemoryItem) -> None:
    """Check an item before it is stored.

    Raises:
        InvalidIdError: its id is not valid.
        EncodeError: it breaks a rule of the model, is larger than the limits in force (outside of
            stores the defaults of `Limits`), or its metadata is no object of texts.
    """
    if type(item) is not MemoryItem:
        raise EncodeError(f"expected a MemoryItem, found {type(item).__name__}")
    check_id(item.id, "memory id")
    tree = encode(item)
    check_size(tree, current() or DEFAULT_LIMITS)
    compact(tree)  # it refuses lone surrogates
    what = unfit(item)
    if what is not None:
        raise EncodeError(what, model="MemoryItem", path="metadata")


def redacted(item: MemoryItem, redactor: Redactor | None) -> MemoryItem:
    """Return the item to write, checked before and after redaction.

    Raises:
        InvalidIdError, EncodeError: as `check_item` and `Redactor.value` raise them.
    """
    check_item(item)
    if redactor is None:
        return item
    made: MemoryItem = redactor.value(item, "MemoryItem")
    check_item(made)
    return made


def redacted_for(
    owner: str,
    items: Iterable[MemoryItem],
    redactor: Redactor,
    limits: Limits,
    *,
    op: str,
    where: str,
) -> tuple[MemoryItem, ...]:
    """Return the items to write for an owner; errors have this operation and place.

    Raises:
        InvalidIdError, EncodeError: as `redacted`, or the hook would change the owner.
    """
    with during(op, "memories"):  # without the owner, which may have the text to be removed
        redactor.check_id(owner, "memory owner")
    with during(op, where), in_force(limits):
        return tuple(redacted(item, redactor) for item in items)


def unfit(item: MemoryItem) -> str | None:
    """Return the fault of the metadata, which upstream reads as a map of texts; None without."""
    if type(item.metadata) is not FrozenDict:
        return f"expected an object, found {type(item.metadata).__name__}"
    if not all(type(value) is str for value in item.metadata.values()):
        return "expected an object of texts"
    return None
