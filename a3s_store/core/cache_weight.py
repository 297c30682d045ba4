"""Weigh what the session cache holds: encoded bytes, and an allowance for each value.

The bytes of messages are known from the rows that were written or read. Those of lists are
estimated from a sample, which is taken again once a list has twice or half as many values, so that
weighing a list that grows costs nothing. Large texts that may lie in the blob table are counted
exactly. Of a list that begins as the one weighed before, only the others are looked at.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from a3s_store.core.collections import COLLECTIONS, SESSION_ROWS, TableLayout
from a3s_store.core.list_diff import common
from a3s_store.errors import EncodeError
from a3s_store.models import SessionData
from a3s_store.wire import compact, encode
from a3s_store.wire.limits import in_force

# Bytes of a value that are not its text: the objects it is made of.
VALUE_BYTES: Final = 200
# A session without its lists and its prompt, which are counted.
SESSION_BYTES: Final = 4096
_SAMPLE: Final = 16

_LAYOUTS: Final[Mapping[str, TableLayout]] = {
    **{collection.name: collection.rows for collection in COLLECTIONS},
    **SESSION_ROWS.lists,
}


class Estimate(NamedTuple):
    """The bytes of a list when it had this many values, those of lists inside them included.

    `latest` is the list that was weighed last with it, `counted` what `_count` returned of it, and
    `weight` its bytes.
    """

    values: int
    size: int
    latest: tuple[Any, ...] = ()
    counted: int = 0
    weight: int = 0


def list_bytes(name: str, values: tuple[Any, ...], last: Estimate | None) -> tuple[int, Estimate]:
    """Return the bytes of a list of this name, and the estimate that they follow from.

    `last` is the estimate of an earlier list in its place.
    """
    if last is not None and last.latest is values:
        return last.weight, last
    layout = _LAYOUTS.get(name)
    count = _count(values, layout, last)
    if layout is not None and layout.blob is not None:
        weight = count + 2 * VALUE_BYTES * len(values)
        return weight, Estimate(len(values), count, values, count, weight)
    if last is None or not last.values <= 2 * count <= 4 * last.values:
        last = Estimate(count, estimated_bytes(values, layout))
    weight = last.size * count // last.values if last.values else 0
    return weight, Estimate(last.values, last.size, values, count, weight)


def measured(name: str, values: tuple[Any, ...], size: int) -> Estimate:
    """Return the estimate for a list of this name whose rows have so many bytes."""
    layout = _LAYOUTS.get(name)
    count = len(values) if layout is not None and layout.blob else _count(values, layout)
    return Estimate(count, size + VALUE_BYTES * count)


def _count(
    values: tuple[Any, ...], layout: TableLayout | None, last: Estimate | None = None
) -> int:
    """Return how many values a list has, those of lists inside them included.

    Of a list whose values have blobs, the characters of these. `last` is the estimate of an earlier
    list in its place.
    """
    if layout is None or not (layout.lists or layout.blob):
        return len(values)
    shared = 0 if last is None else common(last.latest, values)
    if last is None or not shared:
        return _added_up(values, layout)
    gone, new = last.latest[shared:], values[shared:]
    return last.counted - _added_up(gone, layout) + _added_up(new, layout)


def _added_up(values: tuple[Any, ...], layout: TableLayout) -> int:
    if layout.blob is not None:
        return sum(len(getattr(value, layout.blob)) for value in values)
    return len(values) + sum(len(getattr(one, name)) for name in layout.lists for one in values)


def estimated_bytes(values: tuple[Any, ...], layout: TableLayout | None = None) -> int:
    """Return the bytes of values, estimated from some of them."""
    sample = values[:: len(values) // _SAMPLE + 1]
    if not sample:
        return 0
    size = sum(map(_encoded_bytes, sample)) + VALUE_BYTES * _count(sample, layout)
    return size * _count(values, layout) // _count(sample, layout)


def _encoded_bytes(value: Any) -> int:
    try:
        with in_force(None):
            return len(compact(encode(value)))
    except EncodeError:
        return 0  # it was loaded, and cannot be saved


def session_bytes(session: SessionData) -> int:
    """Return the bytes of a session without its messages and lists."""
    return SESSION_BYTES + len(session.config.system_prompt or "")
