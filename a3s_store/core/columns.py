"""The columns of each table, and the functions between a value's JSON object and its row.

The shape of a table is made from its layout in the registry and the wire rules of its model. The
files in schema/ list the columns a second time; a test compares the two.

Invariants: 1. tree(row(t)) decodes to the same value as t; 2. a column holds its value exactly. A
value that a column cannot hold (an integer beyond 63 bits, negative zero, which SQLite stores as
the integer 0) is in the row's `extra` instead, under its own key, beside the keys that the model
does not know.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator
from typing import Any, Literal

import attrs
import orjson

from a3s_store.core.collections import TableLayout, layouts
from a3s_store.wire import Wired, codec_for, own_text, parse_own
from a3s_store.wire.codegen import block, compiled
from a3s_store.wire.kinds import Bool, EnumOf, Float64, Int, Kind, Time

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


@attrs.frozen(kw_only=True)
class Column:
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
        beside = frozenset(_keys_of(rows, {*rows.lists, *rows.elsewhere}))
        self._groups = _groups(self.columns, beside)

    def row(self, tree: dict[str, Any]) -> tuple[Any, ...]:
        """Return the column values of a JSON object, in the order of `names`.

        Raises:
            EncodeError: a text holds a lone surrogate.
        """
        # Compiled at first use: most programs use few of the tables.
        self.row = self._compile("row")  # type: ignore[method-assign]
        return self.row(tree)

    def tree(self, row: tuple[Any, ...]) -> dict[str, Any]:
        """Return the JSON object of column values, for the codec to decode.

        Lists, and attributes that other tables hold, are not in it.

        Raises:
            ValueError: a column does not hold what its kind says.
        """
        self.tree = self._compile("tree")  # type: ignore[method-assign]
        return self.tree(row)

    def source(self, name: Literal["row", "tree"]) -> str:
        """Return the text of the function behind `row` or `tree`."""
        lines = self._row_source() if name == "row" else self._tree_source()
        return "\n".join(block(f"def {name}({'tree' if name == 'row' else 'row'}):", *lines))

    def _compile(self, name: Literal["row", "tree"]) -> Any:
        names: dict[str, Any] = {
            "to_json": own_text,
            "to_real": _to_real,
            "payload": _payload,
            "parse_own": parse_own,
            "an_object": _object,
        }
        names |= {f"known{index}": known for index, (_, known) in enumerate(self._groups)}
        return compiled(name, self.source(name), names, f"{name} of {self.rows.table}")

    def _row_source(self) -> list[str]:
        lines: list[str] = []
        for index, (inside, _) in enumerate(self._groups):
            part = "tree" if inside is None else f"tree[{inside!r}]"
            lines += [f"p{index} = {part}", f"get{index} = p{index}.get", f"over{index} = None"]
        for place, column in enumerate(self.columns):
            lines += _to_column(f"v{place}", column, self._group(column))
        return [*lines, f"return {self._values()}"]

    def _tree_source(self) -> list[str]:
        lines = [f"{self._values()} = row"]
        lines += [f"p{index} = {{}}" for index in range(len(self._groups))]
        extras: list[str] = []
        for place, column in enumerate(self.columns):
            step = _from_column(f"v{place}", column, f"p{self._group(column)}")
            # Extra keys last: a value that did not fit its column is among them.
            (extras if column.kind == "extra" else lines).extend(
                block(f"if v{place} is not None:", step)
            )
        nested = [
            f"p0[{inside!r}] = p{index}"
            for index, (inside, _) in enumerate(self._groups)
            if inside is not None
        ]
        return [*lines, *extras, *nested, "return p0"]

    def _group(self, column: Column) -> int:
        return next(i for i, (inside, _) in enumerate(self._groups) if inside == column.inside)

    def _values(self) -> str:
        return "(" + "".join(f"v{place}, " for place in range(len(self.columns))) + ")"


def _columns(rows: TableLayout) -> list[Column]:
    columns: list[Column] = []
    nested: list[Column] = []
    for field in codec_for(rows.model).fields:
        if field.attribute in rows.lists or field.attribute in rows.elsewhere:
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
                column = attrs.evolve(column, may_be_null=True)
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


def _to_column(value: str, column: Column, group: int) -> list[str]:
    """Return the lines that set a variable to the value of a column."""
    key, over = column.key, f"over{group}"
    get = f"{value} = get{group}({key!r})"
    if column.kind in ("text", "bool"):
        return [get]
    if column.kind == "tag":
        return [f"{value} = p{group}[{key!r}]['type']"]
    if column.kind == "payload":
        return [f"{value} = payload(p{group}[{key!r}])"]
    if column.kind == "json":
        if column.may_be_null:
            return [get, *block(f"if {value} is not None:", f"{value} = to_json({value})")]
        return [f"{value} = to_json(p{group}[{key!r}])"]
    if column.kind == "integer":
        fits = f"{value} is None or {-(2**63)} <= {value} < {2**63}"
        aside = f"{over} = {{**({over} or {{}}), {key!r}: {value}}}"
        return [get, *block(f"if not ({fits}):", aside, f"{value} = None")]
    if column.kind == "real":
        exact = f"{value} is None or (type({value}) is float and {value} != 0.0)"
        aside = f"{value}, {over} = to_real({value}, {key!r}, {over})"
        return [get, *block(f"if not ({exact}):", aside)]
    # The extra column is the last of its object, so `over` has every value that did not fit.
    rest = f"{{key: item for key, item in p{group}.items() if key not in known{group}}}"
    return [
        *block(
            f"if {over} is not None or not known{group}.issuperset(p{group}):",
            f"{over} = {{**({over} or {{}}), **{rest}}}",
        ),
        f"{value} = to_json({over}) if {over} else None",
    ]


def _payload(value: dict[str, Any]) -> str | None:
    rest = {key: item for key, item in value.items() if key != "type"}
    return own_text(rest) if rest else None


def _to_real(value: Any, key: str, over: dict[str, Any] | None) -> tuple[Any, Any]:
    # A fragment does not show its text, so it is written and parsed; few columns are floats.
    number = orjson.loads(orjson.dumps(value)) if type(value) is orjson.Fragment else value
    if number != 0.0 or math.copysign(1.0, number) > 0:
        return number, over
    return None, {**(over or {}), key: value}


def _from_column(value: str, column: Column, part: str) -> str:
    """Return the line that puts the value of a column, which is not NULL, into its object."""
    if column.kind == "extra":
        return f"{part}.update(an_object({value}))"
    if column.kind == "tag":
        return f"{part}[{column.key!r}] = {{'type': {value}}}"
    if column.kind == "payload":
        # The column of the tag comes before this one.
        return f"{part}.setdefault({column.key!r}, {{}}).update(an_object({value}))"
    decoded = {
        "json": f"parse_own({value})",
        # The decoder refuses everything but 0 and 1.
        "bool": f"{value} == 1 if {value} in (0, 1) else {value}",
    }.get(column.kind, value)
    return f"{part}[{column.key!r}] = {decoded}"


def _object(text: str) -> dict[str, Any]:
    found = parse_own(text)
    if type(found) is not dict:
        raise ValueError("a column that holds a JSON object holds something else")
    return found


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
