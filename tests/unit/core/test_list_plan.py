"""A plan turns a stored list into the new one, and says the new list's digest: without a store."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from a3s_store.core.collections import RUN_RECORDS, TRACE_EVENTS, Collection, TableLayout
from a3s_store.core.columns import shape
from a3s_store.core.digests import EMPTY_LIST, ListDigest, list_digest
from a3s_store.core.list_plan import (
    ListPlan,
    Place,
    PlannedRow,
    RowDigest,
    StoredList,
    plan_list,
    plan_rows,
)
from a3s_store.errors import EncodeError
from a3s_store.testing import samples
from a3s_store.wire import encode

HERE = Place("", "list")


@attrs.frozen
class Row:
    """A row as a backend has it: its columns, and the rows of its lists."""

    columns: tuple[Any, ...]
    lists: tuple[tuple[Row, ...], ...]


def rows_of(layout: TableLayout, values: Sequence[Any]) -> tuple[Row, ...]:
    """The rows that these values have to become."""
    return tuple(
        Row(
            shape(layout).row(encode(value)),
            tuple(rows_of(part, getattr(value, name)) for name, part in layout.lists.items()),
        )
        for value in values
    )


def carried_out(rows: tuple[Row, ...], plan: ListPlan) -> tuple[Row, ...]:
    """The rows after a plan, which leaves the comparison with the stored ones to a backend."""
    if plan.compare:
        return tuple(new_row(row) for row in plan.added)
    end = len(rows) - plan.drop_back
    kept = [*rows[plan.drop_front : end]]
    assert len(kept) == plan.keep
    for position, row in plan.replace:
        inner = kept[position].lists
        kept[position] = Row(
            row.columns, tuple(map(carried_out, inner, row.lists)) if row.lists else ()
        )
    return (*kept, *(new_row(row) for row in plan.added))


def new_row(row: PlannedRow) -> Row:
    return Row(row.columns, tuple(carried_out((), one) for one in row.lists))


def digest_of(collection: Collection, values: Sequence[Any]) -> ListDigest:
    return list_digest([encode(value) for value in values], collection.rows)


def stored(collection: Collection, values: tuple[Any, ...], known: bool) -> StoredList:
    """The values as they are stored, of which a save may know nothing but the digest."""
    rows: tuple[RowDigest, ...] = ()
    if collection.rows.lists:
        first = plan_list(collection.rows, HERE, values, StoredList(EMPTY_LIST))
        rows = first.rows
        assert len(rows) == len(values)
    return StoredList(digest_of(collection, values), values if known else None, rows)


TRACES = [samples.trace_event(str(number)) for number in range(4)]
RUNS = [
    samples.run_record(name, events) for name, events in (("a", 0), ("a", 1), ("a", 3), ("b", 2))
]


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize(("collection", "items"), [(TRACE_EVENTS, TRACES), (RUN_RECORDS, RUNS)])
@given(data=st.data())
def test_a_plan_makes_the_rows_and_the_digest_of_the_new_list(
    collection: Collection, items: list[Any], known: bool, data: st.DataObject
) -> None:
    lists = st.lists(st.sampled_from(items), max_size=6).map(tuple)
    old, new = data.draw(lists), data.draw(lists)
    plan = plan_list(collection.rows, HERE, new, stored(collection, old, known))

    assert plan.digest == digest_of(collection, new)
    assert carried_out(rows_of(collection.rows, old), plan) == rows_of(collection.rows, new)
    if collection.rows.lists:
        assert plan.rows == stored(collection, new, known=True).rows


def test_a_list_that_is_the_stored_object_or_equal_to_it_writes_nothing() -> None:
    values = tuple(RUNS[1:])
    for new in (values, tuple(run.evolve() for run in RUNS[1:])):
        for known in (True, False):
            assert not plan_list(
                RUN_RECORDS.rows, HERE, new, stored(RUN_RECORDS, values, known)
            ).writes


def test_of_a_run_that_went_on_only_the_new_events_are_planned() -> None:
    short, longer = samples.run_record("a", 3), samples.run_record("a", 5)
    longer = longer.evolve(events=(*short.events, *longer.events[3:]))
    plan = plan_list(RUN_RECORDS.rows, HERE, (longer,), stored(RUN_RECORDS, (short,), known=True))

    ((position, row),) = plan.replace
    assert (position, plan.keep, len(plan.added)) == (0, 1, 0)
    assert (row.lists[0].keep, len(row.lists[0].added)) == (3, 2)


def test_with_only_a_digest_a_list_that_begins_with_the_stored_one_is_appended_to() -> None:
    plan = plan_list(
        TRACE_EVENTS.rows, HERE, tuple(TRACES), stored(TRACE_EVENTS, tuple(TRACES[:3]), known=False)
    )
    assert (plan.compare, plan.keep, len(plan.added)) == (False, 3, 1)


def test_emptying_a_list_of_which_only_the_digest_is_known_is_compared_with_its_rows() -> None:
    plan = plan_rows((), digest_of(TRACE_EVENTS, TRACES))
    assert (plan.compare, plan.writes, plan.digest) == (True, True, EMPTY_LIST)
    assert not plan_rows((), EMPTY_LIST).writes


@pytest.mark.parametrize(
    ("wrong", "path"),
    [
        ((TRACES[0], "text"), "list[1]"),
        ((TRACES[0], TRACES[1].evolve(kind="\ud800")), "list[1]"),  # type: ignore[arg-type]
        ((RUNS[0].evolve(events=[1]),), "list[0].events"),  # type: ignore[arg-type]
        ((RUNS[0].evolve(events=(1,)),), "list[0].events[0]"),  # type: ignore[arg-type]
    ],
)
def test_the_error_of_a_value_names_its_place(wrong: tuple[Any, ...], path: str) -> None:
    collection = RUN_RECORDS if isinstance(wrong[0], RUN_RECORDS.model) else TRACE_EVENTS
    with pytest.raises(EncodeError) as raised:
        plan_list(collection.rows, HERE, wrong, StoredList(EMPTY_LIST))
    assert raised.value.path.startswith(path)
