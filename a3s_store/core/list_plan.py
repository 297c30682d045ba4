"""Plan the rows to write so that a stored list becomes another one: pure functions, no I/O.

Where the stored values are known, the new ones are compared with those and only the ones that
differ are encoded. Otherwise all are encoded, and compared by digest: an equal list is left alone,
one that begins with the stored one is appended to, and any other is compared with its rows by the
backend. Lists inside a value are planned in the same way.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from a3s_store.core.collections import TableLayout
from a3s_store.core.columns import shape
from a3s_store.core.digests import EMPTY_LIST, ListDigest, digest_with, item_digest
from a3s_store.core.list_diff import Plan, recognise
from a3s_store.errors import EncodeError
from a3s_store.wire import encode, encode_without
from a3s_store.wire.limits import in_force

Values = tuple[Any, ...]


class Place(NamedTuple):
    """Where a caller has put values, for errors: the model that has them, and their path in it."""

    model: str
    path: str

    def refuse(self, error: EncodeError, position: int | None) -> EncodeError:
        """Return the error of the value at a position; None: of a value that is in no list."""
        return error.inside(self.model, self._path(position))

    def at(self, position: int | None, name: str) -> Place:
        """Return the place of the list `name` inside the value at a position."""
        path = self._path(position)
        return Place(self.model, f"{path}.{name}" if path else name)

    def _path(self, position: int | None) -> str:
        return self.path if position is None else f"{self.path}[{position}]"


class RowDigest(NamedTuple):
    """The digest of a value that has lists, and those of its lists, in the layout's order."""

    digest: bytes
    lists: tuple[ListDigest, ...]


class PlannedRow(NamedTuple):
    """A value to write: its columns without digests, its digest, and the plans of its lists."""

    columns: tuple[Any, ...]
    digest: bytes
    lists: tuple[ListPlan, ...] = ()

    @property
    def row_digest(self) -> RowDigest:
        """The digests of the value as they will be stored."""
        return RowDigest(self.digest, tuple(plan.digest for plan in self.lists))


class ListPlan(NamedTuple):
    """The rows of a list to remove, replace and add.

    The first `drop_front` rows and the last `drop_back` go, `keep` rows stay between them.
    `replace` has the new values of some that stay, by their position in the new list; `added` has
    the values that follow them. With `compare` nothing is known of the stored rows: `added` is the
    whole list, which the backend compares with them.

    `digest` is that of the new list; `rows` has the digests of its values where these have lists.
    """

    digest: ListDigest
    rows: tuple[RowDigest, ...] = ()
    drop_front: int = 0
    keep: int = 0
    drop_back: int = 0
    replace: Sequence[tuple[int, PlannedRow]] = ()
    added: Sequence[PlannedRow] = ()
    compare: bool = False

    @property
    def writes(self) -> bool:
        """Whether anything has to be written."""
        return bool(self.compare or self.drop_front or self.drop_back or self.replace or self.added)


class StoredList(NamedTuple):
    """A stored list: its digest, and its values and their digests where they are known.

    `values` are None where they are not known. `rows` as in `ListPlan`; needed with `values`.
    """

    digest: ListDigest
    values: Values | None = None
    rows: tuple[RowDigest, ...] = ()


NOTHING_STORED: Final = StoredList(EMPTY_LIST)


def plan_list(layout: TableLayout, place: Place, values: Values, stored: StoredList) -> ListPlan:
    """Return what to write so that the stored list has these values.

    Raises:
        EncodeError: a value breaks its rules.
    """
    if stored.values is values:
        return ListPlan(digest=stored.digest, rows=stored.rows, keep=stored.digest.count)
    knows_rows = not layout.lists or len(stored.rows) == stored.digest.count
    if stored.values is None or not knows_rows:
        return plan_rows(new_rows(layout, place, values, 0), stored.digest)
    return _plan_changes(layout, place, values, stored.values, stored)


def plan_rows(rows: Sequence[PlannedRow], stored: ListDigest) -> ListPlan:
    """Return what to write so that a list of which only the digest is known has these rows."""
    digests = [row.digest for row in rows]
    digest = EMPTY_LIST.appended(digests)
    after = _row_digests(rows)
    kept = stored.count
    if digest == stored:
        return ListPlan(digest=digest, rows=after, keep=kept)
    if kept <= len(rows) and EMPTY_LIST.appended(digests[:kept]) == stored:
        return ListPlan(digest=digest, rows=after, keep=kept, added=rows[kept:])
    return ListPlan(digest=digest, rows=after, added=rows, compare=True)


def plan_value(
    layout: TableLayout,
    place: Place,
    value: Any,
    known: Any | None,
    stored: Sequence[ListDigest] | None = None,
    position: int | None = None,
) -> PlannedRow:
    """Return the row of a value that has lists, in place of a stored one.

    `known` is the stored value, None where it is not known; `stored` the digests of its lists, None
    where no value is stored. Raises EncodeError.
    """
    tree = _encode(layout, place, value, position)
    plans: list[ListPlan] = []
    for index, (name, part) in enumerate(layout.lists.items()):
        before = NOTHING_STORED
        if stored is not None:
            # The digests of values that have lists themselves are not at hand here.
            values = None if known is None or part.lists else getattr(known, name)
            before = StoredList(stored[index], values)
        inner = _list_of(place, value, name, position)
        plans.append(plan_list(part, place.at(position, name), inner, before))
    digests = {name: plan.digest for name, plan in zip(layout.lists, plans, strict=True)}
    return PlannedRow(shape(layout).row(tree), digest_with(tree, digests), tuple(plans))


def _plan_changes(
    layout: TableLayout, place: Place, values: Values, old: Values, stored: StoredList
) -> ListPlan:
    """Compare with the stored values, by identity first."""
    steps = recognise(old, values)
    kept = steps.drop_front + steps.keep
    digest = _remaining(layout, place, old, stored, steps)
    rows = [*stored.rows[steps.drop_front : kept]]
    replace: list[tuple[int, PlannedRow]] = []
    for position in steps.replace:
        at = steps.drop_front + position
        if layout.lists:
            was = stored.rows[at]
            row = plan_value(layout, place, values[position], old[at], was.lists, position)
            rows[position] = row.row_digest
            before = was.digest
        else:
            (before,) = _stored_digests(layout, place, old, stored, at, at + 1)
            (row,) = new_rows(layout, place, (values[position],), position)
        digest = digest.replaced(position, before, row.digest)
        replace.append((position, row))
    added = new_rows(layout, place, values[steps.keep :], steps.keep)
    return ListPlan(
        digest=digest.appended([row.digest for row in added]),
        rows=(*rows, *_row_digests(added)),
        drop_front=steps.drop_front,
        keep=steps.keep,
        drop_back=len(old) - kept,
        replace=replace,
        added=added,
    )


def _remaining(
    layout: TableLayout, place: Place, old: Values, stored: StoredList, steps: Plan
) -> ListDigest:
    """Return the digest of the stored rows that stay."""
    kept = steps.drop_front + steps.keep
    if (steps.drop_front, kept) == (0, len(old)):
        return stored.digest
    if not steps.keep:
        return EMPTY_LIST
    front = _stored_digests(layout, place, old, stored, 0, steps.drop_front)
    back = _stored_digests(layout, place, old, stored, kept, len(old))
    return stored.digest.without_first(front).without_last(back)


def _stored_digests(
    layout: TableLayout, place: Place, old: Values, stored: StoredList, start: int, end: int
) -> list[bytes]:
    if layout.lists:
        return [row.digest for row in stored.rows[start:end]]
    with in_force(None):  # stored values may be larger than what may be written today
        return [row.digest for row in new_rows(layout, place, old[start:end], start)]


def _row_digests(rows: Sequence[PlannedRow]) -> tuple[RowDigest, ...]:
    return tuple(row.row_digest for row in rows if row.lists)


def new_rows(layout: TableLayout, place: Place, values: Values, start: int) -> list[PlannedRow]:
    """Return the rows of values; `start` is the position of the first, for errors.

    Raises:
        EncodeError: a value breaks its rules.
    """
    if layout.lists:
        return [
            plan_value(layout, place, value, None, None, position)
            for position, value in enumerate(values, start)
        ]
    row = shape(layout).row
    found: list[PlannedRow] = []
    for position, value in enumerate(values, start):
        tree = _encode(layout, place, value, position)
        found.append(PlannedRow(row(tree), item_digest(tree, layout)))
    return found


def _encode(layout: TableLayout, place: Place, value: Any, position: int | None) -> dict[str, Any]:
    """Return the JSON object of a value without its lists. Raises EncodeError."""
    if type(value) is not layout.model:
        what = f"expected a {layout.model.__name__}, found {type(value).__name__}"
        raise place.refuse(EncodeError(what), position)
    try:
        if not layout.lists:
            return encode(value)
        return encode_without(value, shape(layout).lists)
    except EncodeError as error:
        raise place.refuse(error, position) from None


def _list_of(place: Place, value: Any, name: str, position: int | None) -> Values:
    try:
        return array(getattr(value, name), "", name)
    except EncodeError as error:
        raise place.refuse(error, position) from None


def array(values: Any, model: str, name: str) -> Values:
    """Return the values of an attribute that is not encoded as a whole.

    Raises EncodeError where it is no tuple.
    """
    if type(values) is not tuple:
        what = f"expected an array, found {type(values).__name__}"
        raise EncodeError(what, model=model, path=name)
    return values
