"""One thing an agent remembers beyond a conversation, and how much it matters now.

An item is a frozen value like every model: `MemoryItem.new` makes one with an id and a time, the
constructor takes what is on record. Upstream: `MemoryItem` of `memory.rs` (runtime 8).
"""

from __future__ import annotations

import datetime
import enum
import math
import uuid
from collections.abc import Mapping, Sequence
from typing import Final

from a3s_store.core.clean import clean_json
from a3s_store.core.clock import EPOCH, Clock, system_clock, timestamp
from a3s_store.core.collections import check_id
from a3s_store.core.redaction.redactor import Redactor
from a3s_store.errors import EncodeError
from a3s_store.wire import (
    DEFAULT_LIMITS,
    EMPTY,
    F32,
    U32,
    FrozenDict,
    Model,
    Timestamp,
    Value,
    check_size,
    compact,
    encode,
    field,
    model,
)
from a3s_store.wire.limits import current

IMPORTANCE: Final = 0.5
# What importance and recency weigh.
_IMPORTANCE: Final = 0.7
_RECENCY: Final = 0.3
_DECAY_DAYS: Final = 30.0
_DAY_MS: Final = 86_400_000
_MOST_ACCESSES: Final = 2**32 - 1


class MemoryType(enum.StrEnum):
    """What kind of memory an item is. Upstream: `MemoryType`."""

    EPISODIC = "episodic"
    SEMANTIC = "semantic"
    PROCEDURAL = "procedural"
    WORKING = "working"


@model()
class MemoryItem(Model):
    """Something remembered. `metadata` is an object of texts, `importance` from 0 to 1.

    An importance outside that range is clamped by `new` and kept as it is when read, as upstream
    does. `last_accessed` None means never. Upstream: `MemoryItem`.
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
        """An item of this moment under an id of its own. Upstream: `MemoryItem::new`, `with_*`.

        `importance` is brought into 0 to 1; NaN, which has no place there, is 0. Texts that cannot
        be written are cleaned (`a3s_store.clean_text`).

        Raises:
            EncodeError: `importance` is no number, or `tags` is a single text, whose characters
                would each be a tag.
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
            # In this order NaN, which is less than nothing, comes out as 0.
            importance=min(max(0.0, importance), 1.0),
            tags=tuple(map(clean_json, tags)),
            memory_type=memory_type,
            metadata=EMPTY if metadata is None else clean_json(dict(metadata)),
        )

    def accessed(self, *, clock: Clock = system_clock) -> MemoryItem:
        """The item once it was used again. Upstream: `record_access`, which no store calls."""
        return self.evolve(
            access_count=min(self.access_count + 1, _MOST_ACCESSES),
            last_accessed=timestamp(clock()),
        )


def relevance(item: MemoryItem, now_ms: int) -> float:
    """How much an item matters at a moment, in Unix milliseconds: 0.7 importance + 0.3 recency.

    Recency is exp(-age in days / 30). An item from the future counts as of this moment, so that a
    clock that went wrong once does not outrank everything for ever. Upstream: `relevance_score_at`.
    """
    return score(item.importance, item.timestamp, now_ms)


def score(importance: float, timestamp: str, now_ms: int) -> float:
    """The relevance of an item of which only these are at hand; see `relevance`."""
    age = max(0, now_ms - milliseconds(timestamp)) / _DAY_MS
    return _IMPORTANCE * importance + _RECENCY * math.exp(-age / _DECAY_DAYS)


def milliseconds(timestamp: str) -> int:
    """The Unix milliseconds of a timestamp as a model keeps it, rounded down."""
    # A leap second, which a datetime cannot hold, is the last millisecond before the next.
    whole = timestamp[:19]
    leap = whole.endswith(":60")
    moment = datetime.datetime.fromisoformat(f"{whole[:-2]}59+00:00" if leap else f"{whole}+00:00")
    delta = moment - EPOCH
    fraction = 999 if leap else int(timestamp[20:23].rstrip("Z") or 0)
    return (delta.days * 86_400 + delta.seconds) * 1000 + fraction


def check_item(item: MemoryItem) -> None:
    """Refuse what no store of memories takes.

    Raises:
        InvalidIdError: its id cannot be one.
        EncodeError: it breaks a rule of the model or is larger than the limits in force (`Limits`;
            the defaults outside of a store that has others), or its metadata is no object of texts.
    """
    if type(item) is not MemoryItem:
        raise EncodeError(f"expected a MemoryItem, found {type(item).__name__}")
    check_id(item.id, "memory id")
    tree = encode(item)
    check_size(tree, current() or DEFAULT_LIMITS)
    compact(tree)  # which also finds texts that are no Unicode
    what = unfit(item)
    if what is not None:
        raise EncodeError(what, model="MemoryItem", path="metadata")


def redacted(item: MemoryItem, redactor: Redactor | None) -> MemoryItem:
    """The item as it is to be written. Raises as `check_item`, and EncodeError for the hook."""
    check_item(item)
    if redactor is None:
        return item
    made: MemoryItem = redactor.value(item, "MemoryItem")
    check_item(made)
    return made


def unfit(item: MemoryItem) -> str | None:
    """What is wrong with the metadata, which upstream reads as a map of texts; None if nothing."""
    if type(item.metadata) is not FrozenDict:
        return f"expected an object, found {type(item.metadata).__name__}"
    if not all(type(value) is str for value in item.metadata.values()):
        return "expected an object of texts"
    return None
