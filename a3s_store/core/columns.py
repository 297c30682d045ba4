"""The columns of each table, and the functions between a value's JSON object and its row.

The shape of a table is made from its layout in the registry and the wire rules of its model; the
functions are in modules that `python -m tools.generate` writes from the shape. The files in schema/
list the columns a second time; a test compares the two.

Invariants: 1. tree(row(t)) decodes to the same value as t; 2. a column holds its value exactly. A
value that a column cannot hold (an integer beyond 63 bits, negative zero, which SQLite stores as
the integer 0) is in the row's `extra` instead, under its own key, beside the keys that the model
does not know.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Iterator
from typing import Any, Final, Literal, NamedTuple

from a3s_store.core.collections import TableLayout, layouts
from a3s_store.wire import Wired, codec_for
from a3s_store.wire.kinds import Bool, EnumOf, Float64, Int, Kind, Time

# `python -m tools.generate` writes a module for each table.
_GENERATED: Final = "a3s_store.core._rows"

ColumnKind = Literal["text", "integer", "bool", "real", "json", "tag", "payload", "extra"]
SQL_TYPES: dict[ColumnKind, str] = {
    "text": "TEXT",
    "integer": "INTEGER",
    "bool": "INTEGER",
    "real": "REAL",
    "json": "TEXT",
    "tag": "TEXT",
    "payload": "TEXT",
    "extra": "TEXT",
}


class Column(NamedTuple):
    """One column: its name, its kind, and the key of its value in the JSON object.

    `inside` is the key of the nested object that has the value, for a nested object that is stored
    as columns of its own; None for the outer object. `may_be_null`: NULL is a value, not damage.
    """

    name: str
    kind: ColumnKind
    key: str = ""
    inside: str | None = None
    may_be_null: bool = True


class Shape:
    """The columns of one table and the two functions between them and JSON objects."""

    def __init__(self, rows: TableLayout) -> None:
        self.rows = rows
        self.lists = frozenset(rows.lists)
        self.columns = tuple(_columns(rows))
        self.names = tuple(column.name for column in self.columns)
        beside = frozenset(_keys_of(rows, {*rows.lists, *rows.in_other_tables}))
        self.groups = _groups(self.columns, beside)

    def row(self, tree: dict[str, Any]) -> tuple[Any, ...]:
        """Return the column values of a JSON object, in the order of `names`.

        Raises:
            EncodeError: a text holds a lone surrogate.
        """
        # Loaded at first use: most programs use few of the tables.
        self._load()
        return self.row(tree)

    def tree(self, row: tuple[Any, ...]) -> dict[str, Any]:
        """Return the JSON object of column values, for the codec to decode.

        Lists, and attributes that other tables hold, are not in it.

        Raises:
            ValueError: a column does not hold what its kind says.
        """
        self._load()
        return self.tree(row)

    def _load(self) -> None:
        made = importlib.import_module(f"{_GENERATED}.{self.rows.table}")
        self.row = made.row  # type: ignore[method-assign]
        self.tree = made.tree  # type: ignore[method-assign]


def _columns(rows: TableLayout) -> list[Column]:
    columns: list[Column] = []
    nested: list[Column] = []
    for field in codec_for(rows.model).fields:
        if field.attribute in rows.lists or field.attribute in rows.in_other_tables:
            continue
        if field.attribute in rows.flat:
            # The columns of a nested object follow those of the outer one, its own extra last.
            prefix = rows.flat[field.attribute]
            model: type = field.kind.cls  # type: ignore[attr-defined]
            nested += [
                _column(inner, prefix + inner.attribute, field.key)
                for inner in codec_for(model).fields
            ]
            extra = Column(name=f"{field.attribute}_extra", kind="extra", inside=field.key)
            nested.append(extra)
        elif field.attribute == rows.tagged:
            columns += [
                Column(name="type", kind="tag", key=field.key, may_be_null=False),
                Column(name="payload", kind="payload", key=field.key),
            ]
        else:
            column = _column(field, field.attribute, None)
            if field.attribute == rows.blob:
                column = column._replace(may_be_null=True)
            columns.append(column)
    if rows.keeps_extra:
        columns.append(Column(name="extra", kind="extra"))
    return columns + nested


def _column(field: Wired, name: str, inside: str | None) -> Column:
    kind = _column_kind(field.kind)
    inexact = kind == "real" or (isinstance(field.kind, Int) and field.kind.limits.high >= 2**63)
    return Column(
        name=name,
        kind=kind,
        key=field.key,
        inside=inside,
        may_be_null=field.optional or field.write == "omit" or inexact,
    )


def _column_kind(kind: Kind) -> ColumnKind:
    if isinstance(kind, Bool):
        return "bool"
    if isinstance(kind, Int):
        return "integer"
    if isinstance(kind, Float64):
        return "real"
    if type(kind) is Kind or isinstance(kind, EnumOf | Time):
        return "text"
    return "json"


def _keys_of(rows: TableLayout, attributes: set[str]) -> list[str]:
    return [f.key for f in codec_for(rows.model).fields if f.attribute in attributes | {*rows.flat}]


def _groups(
    columns: tuple[Column, ...], beside: frozenset[str]
) -> list[tuple[str | None, frozenset[str]]]:
    """Return the objects that columns come from, each with the keys that are not extra there."""
    groups = []
    for inside in dict.fromkeys(column.inside for column in columns):
        known = {c.key for c in columns if c.inside == inside and c.kind != "extra"}
        groups.append((inside, frozenset(known | beside if inside is None else known)))
    return groups


@functools.cache
def shape(rows: TableLayout) -> Shape:
    """Return the shape of a table; the same object each time."""
    return Shape(rows)


def columns_of_session_ids() -> Iterator[tuple[str, str]]:
    """Yield (table, column) for each column that holds the id of a session."""
    for rows in layouts():
        for name in shape(rows).names:
            if name.endswith("session_id") or name == "parent_id":
                yield rows.table, name
