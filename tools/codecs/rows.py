"""The functions between a JSON object and the row of one table, as source text.

The column `role` has the variable `v_role`. Objects that columns come from are numbered: `p0` is
the value's own object, the others are nested in it; `over0` has what its columns cannot hold.
"""

from __future__ import annotations

from a3s_store.core.columns import Column, Shape
from tools.codecs.lines import block


def functions(shape: Shape) -> list[str]:
    """Return the lines of `row` and `tree` of a table."""
    return _Rows(shape).lines


class _Rows:
    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self.groups = shape.groups
        self.values = "".join(f"v_{column.name}, " for column in shape.columns)
        known = [
            f"_KNOWN{n}: Final = frozenset(({''.join(f'{key!r}, ' for key in sorted(keys))}))"
            for n, (_, keys) in enumerate(self.groups)
            if any(c.kind == "extra" and self._group(c) == n for c in shape.columns)
        ]
        table = shape.rows.table
        self.lines = [
            *known,
            *([""] if known else []),
            *block(
                "def row(tree: dict[str, Any]) -> tuple[Any, ...]:",
                f'"""Return the columns of `{table}` of a JSON object."""',
                *self._row(),
            ),
            "",
            *block(
                "def tree(row: tuple[Any, ...]) -> dict[str, Any]:",
                f'"""Return the JSON object of columns of `{table}`."""',
                *self._tree(),
            ),
        ]

    def _row(self) -> list[str]:
        kinds = {(self._group(c), c.kind) for c in self.shape.columns}
        lines: list[str] = []
        for n, (inside, _) in enumerate(self.groups):
            part = "tree" if inside is None else f"tree[{inside!r}]"
            lines += [f"p{n}: dict[str, Any] = {part}"]
            if kinds & {(n, "extra"), (n, "integer"), (n, "real")}:
                lines += [f"over{n}: dict[str, Any] | None = None"]
        for column in self.shape.columns:
            lines += self._to_column(column)
        return [*lines, f"return ({self.values})"]

    def _tree(self) -> list[str]:
        lines = [f"{self.values} = row"]
        lines += [f"p{n}: dict[str, Any] = {{}}" for n in range(len(self.groups))]
        extras: list[str] = []
        for column in self.shape.columns:
            step = _from_column(column, f"p{self._group(column)}")
            # Extra keys last: a value that did not fit its column is among them.
            (extras if column.kind == "extra" else lines).extend(
                block(f"if v_{column.name} is not None:", step)
            )
        nested = [
            f"p0[{inside!r}] = p{n}"
            for n, (inside, _) in enumerate(self.groups)
            if inside is not None
        ]
        return [*lines, *extras, *nested, "return p0"]

    def _group(self, column: Column) -> int:
        return next(n for n, (inside, _) in enumerate(self.groups) if inside == column.inside)

    def _to_column(self, column: Column) -> list[str]:
        """Return the lines that set a variable to the value of a column."""
        n, key, value = self._group(column), column.key, f"v_{column.name}"
        part, over, known = f"p{n}", f"over{n}", f"_KNOWN{n}"
        get = f"{value} = {part}.get({key!r})"
        if column.kind == "text":
            return [get]
        if column.kind == "bool":
            # As SQLite returns it, since row checksums are made of it.
            return [get, *block(f"if {value} is not None:", f"{value} = int({value})")]
        if column.kind == "tag":
            return [f"{value} = {part}[{key!r}]['type']"]
        if column.kind == "payload":
            return [f"{value} = payload_text({part}[{key!r}])"]
        if column.kind == "json":
            if column.may_be_null:
                return [get, *block(f"if {value} is not None:", f"{value} = own_text({value})")]
            return [f"{value} = own_text({part}[{key!r}])"]
        if column.kind == "integer":
            fits = f"{value} is None or {-(2**63)} <= {value} < {2**63}"
            aside = f"{over} = {{**({over} or {{}}), {key!r}: {value}}}"
            return [get, *block(f"if not ({fits}):", aside, f"{value} = None")]
        if column.kind == "real":
            exact = f"{value} is None or (type({value}) is float and {value} != 0.0)"
            aside = f"{value}, {over} = real_column({value}, {key!r}, {over})"
            return [get, *block(f"if not ({exact}):", aside)]
        # The extra column is the last of its object, so `over` has every value that did not fit.
        rest = f"{{key: item for key, item in {part}.items() if key not in {known}}}"
        return [
            *block(
                f"if {over} is not None or not {known}.issuperset({part}):",
                f"{over} = {{**({over} or {{}}), **{rest}}}",
            ),
            f"{value} = own_text({over}) if {over} else None",
        ]


def _from_column(column: Column, part: str) -> str:
    """Return the line that puts the value of a column, which is not NULL, into its object."""
    value = f"v_{column.name}"
    if column.kind == "extra":
        return f"{part}.update(object_of({value}))"
    if column.kind == "tag":
        return f"{part}[{column.key!r}] = {{'type': {value}}}"
    if column.kind == "payload":
        # The column of the tag comes before this one.
        return f"{part}.setdefault({column.key!r}, {{}}).update(object_of({value}))"
    decoded = {
        "json": f"parse_own({value})",
        # The decoder refuses everything but 0 and 1.
        "bool": f"{value} == 1 if {value} in (0, 1) else {value}",
    }.get(column.kind, value)
    return f"{part}[{column.key!r}] = {decoded}"
