"""Write the rows of a list as a plan says (`core/list_plan.py`).

Plain functions of a connection, each inside a transaction that its caller opened.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any, NamedTuple

from a3s_store.backends.sqlite.rows import blobs, bounds
from a3s_store.backends.sqlite.rows.list_rows import digest_in
from a3s_store.backends.sqlite.rows.statements import Statements, statements, upsert
from a3s_store.core.checksums import digest_prefix, list_row_checksum
from a3s_store.core.collections import TableLayout
from a3s_store.core.digests import ListDigest
from a3s_store.core.list_diff import plan as compare
from a3s_store.core.list_plan import ListPlan, PlannedRow, RowDigest, plan_rows


class Target(NamedTuple):
    """One list in the file: its statements, and the key of the row it belongs to."""

    sql: Statements
    parent_key: int

    def rows_between(self, *seqs: int) -> tuple[int, ...]:
        """Return the parameters for the rows from one `seq` up to another; all rows by default."""
        return self.sql.key_range(self.parent_key, *seqs)


def target(rows: TableLayout, parent: str, parent_key: int) -> Target:
    """Return the list of these rows under one parent."""
    return Target(statements(rows, parent), parent_key)


def write(
    conn: sqlite3.Connection, to: Target, plan: ListPlan, end: int | None = None
) -> int | None:
    """Carry out a plan; return where the list ends afterwards, None where that is not known.

    `end` is the `seq` after the last stored row's; None: it is read.
    """
    if plan.compare:
        plan = _compared(conn, to, plan)
    if not plan.writes:
        return end
    if end is None:
        (end,) = conn.execute(to.sql.next_seq, to.rows_between()).fetchone()
    first = end - (plan.drop_front + plan.keep + plan.drop_back)
    start = first + plan.drop_front
    after = start + plan.keep
    if first < start:
        _delete(conn, to, first, start)
    if after < end:
        _delete(conn, to, after, end)
    for position, row in plan.replace:
        _replace(conn, to, row, start + position)
    # An emptied list begins at 0 again.
    start = after if plan.keep or first == end else 0
    _insert(conn, to, plan.added, start)
    return start + len(plan.added)


def _compared(conn: sqlite3.Connection, to: Target, plan: ListPlan) -> ListPlan:
    """Return the plan that leaves the stored rows alone that are already right."""
    sql = to.sql
    stored = conn.execute(sql.select, to.rows_between()).fetchall()
    new = [_columns(conn, sql, row) for row in plan.added]
    steps = compare([row[sql.first : sql.proven] for row in stored], new)
    replace = [
        (position, _over(sql, plan.added[position], stored[steps.drop_front + position]))
        for position in steps.replace
    ]
    return plan._replace(
        compare=False,
        drop_front=steps.drop_front,
        keep=steps.keep,
        drop_back=len(stored) - steps.drop_front - steps.keep,
        replace=replace,
        added=plan.added[steps.keep :],
    )


def _over(sql: Statements, row: PlannedRow, stored: tuple[Any, ...]) -> PlannedRow:
    """Return a new row, with plans of its lists that begin at those of the stored row."""
    plans = [
        plan_rows(plan.added, digest_in(sql, name, stored))
        for name, plan in zip(sql.rows.lists, row.lists, strict=True)
    ]
    return row._replace(lists=tuple(plans))


def write_value(
    conn: sqlite3.Connection, rows: TableLayout, key: str, row: PlannedRow, stored_key: int | None
) -> None:
    """Write a value that is in no list, whose `key` column tells it from others, with its lists.

    `stored_key` is the key of the row it replaces; None: there is none.
    """
    sql = statements(rows, key)
    statement = upsert(rows.table, key, (*sql.columns,))
    inserted = conn.execute(statement, _columns(conn, sql, row)).lastrowid
    end = None
    if stored_key is None:
        assert inserted is not None, "a row was inserted"
        stored_key = _own_key(conn, sql, inserted)
        end = 0
    _write_lists(conn, sql, stored_key, row, end)


def stored_digests(conn: sqlite3.Connection, to: Target) -> tuple[RowDigest, ...]:
    """Return the digests of the stored values, which have lists, in order."""
    wanted = ", ".join(["digest", *to.sql.extents])
    return tuple(
        RowDigest(digest, list_digests(rest))
        for digest, *rest in conn.execute(to.sql.between(wanted), to.rows_between()).fetchall()
    )


def list_digests(columns: Sequence[Any]) -> tuple[ListDigest, ...]:
    """Return the digests of a value's lists, from the columns `Statements.extents` names."""
    return tuple(ListDigest(*columns[at : at + 2]) for at in range(0, len(columns), 2))


def _write_lists(
    conn: sqlite3.Connection, sql: Statements, key: int, row: PlannedRow, end: int | None = None
) -> None:
    for part, plan in zip(sql.rows.lists.values(), row.lists, strict=True):
        write(conn, target(part, sql.key, key), plan, end)


def _columns(conn: sqlite3.Connection, sql: Statements, row: PlannedRow) -> tuple[Any, ...]:
    """Return the columns of a value as `Statements.columns` has them; a blob of it is written."""
    if sql.lists:
        digests = [part for plan in row.lists for part in (plan.digest.count, plan.digest.digest)]
        return sql.arranged((*row.columns, row.digest, *digests))
    columns = (*row.columns, digest_prefix(row.digest))
    if sql.rows.blob is not None:
        columns = _put_blob(conn, sql, sql.rows.blob, columns)
    return sql.arranged(columns)


def _proven(sql: Statements, place: tuple[int, ...], columns: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return a whole row: its place, columns and checksum."""
    row = (*place, *columns)
    return (*row, list_row_checksum(sql.checked(row) if sql.rows.added else row))


def _delete(conn: sqlite3.Connection, to: Target, start: int, end: int) -> None:
    between = to.rows_between(start, end)
    released: list[int] = []
    if to.sql.rows.blob:
        # Which blobs do these values refer to?
        found = conn.execute(to.sql.between("blob_key"), between).fetchall()
        released = [row[0] for row in found if row[0] is not None]
    conn.execute(to.sql.delete, between)
    blobs.reclaim(conn, released)


def _replace(conn: sqlite3.Connection, to: Target, row: PlannedRow, seq: int) -> None:
    sql = to.sql
    if any(plan.writes for plan in row.lists):
        # Which key does the value have that is replaced?
        (key,) = conn.execute(sql.between(sql.key), to.rows_between(seq, seq + 1)).fetchone()
        _write_lists(conn, sql, key, row)
    released: list[int] = []
    if sql.rows.blob:
        # Which blob does the value refer to that goes?
        found = conn.execute(sql.between("blob_key"), to.rows_between(seq, seq + 1)).fetchone()
        released = [key for key in found if key is not None]
    place = sql.place(to.parent_key, seq)
    changed = _proven(sql, place, _columns(conn, sql, row))
    conn.execute(sql.update, (*changed[sql.first :], *place))
    blobs.reclaim(conn, released)


def _insert(conn: sqlite3.Connection, to: Target, added: Sequence[PlannedRow], seq: int) -> None:
    if not added:
        return
    sql = to.sql
    places = sql.places(to.parent_key, seq, len(added))
    rows = [
        _proven(sql, place, _columns(conn, sql, row))
        for place, row in zip(places, added, strict=True)
    ]
    if not sql.lists:
        conn.executemany(sql.insert, rows)
        return
    for planned, row in zip(added, rows, strict=True):
        inserted = conn.execute(sql.insert, row).lastrowid
        assert inserted is not None, "a row was inserted"
        _write_lists(conn, sql, _own_key(conn, sql, inserted), planned, 0)


def _own_key(conn: sqlite3.Connection, sql: Statements, key: int) -> int:
    """Return the key of a row that was just inserted, one under which no row of a list lies yet."""
    lists = [statements(part, sql.key) for part in sql.rows.lists.values()]

    def has_rows(key: int) -> bool:
        # Has a list under this key a value?
        found = (conn.execute(one.next_seq, one.key_range(key)).fetchone() for one in lists)
        return any(following for (following,) in found)

    return bounds.key_within(conn, sql.rows.table, key, has_rows)


def _put_blob(
    conn: sqlite3.Connection, sql: Statements, name: str, columns: tuple[Any, ...]
) -> tuple[Any, ...]:
    place = sql.shape.names.index(name)
    text = columns[place]
    if not blobs.is_large(text):
        return (*columns, None)
    return (*columns[:place], None, *columns[place + 1 :], blobs.put(conn, text))
