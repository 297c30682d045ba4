"""Add up the cost records of all sessions, in one read transaction.

SQL adds up the rows whose numbers are all in their columns; the few others are decoded. Rows are
not verified against their checksums: `verify` does that.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Any, Final

from a3s_store.backends.sqlite.read import session_lists
from a3s_store.core.collections import SESSION_ROWS
from a3s_store.core.columns import shape
from a3s_store.core.usage import (
    LABEL,
    LEAST_INEXACT_COST,
    TIMES,
    Amounts,
    Key,
    UsageQuery,
    UsageRow,
    amounts_of,
    usage_rows,
)
from a3s_store.models import LlmCostRecord
from a3s_store.wire import decode

_SHAPE: Final = shape(SESSION_ROWS.lists["cost_records"])
_SQL: Final = {
    "model": "c.model",
    "provider": "c.provider",
    "session": "o.id",
    "workspace": "k.workspace",
    "parent": "s.parent_id",
    "tenant": "s.tenant_id",
}
# As `slot_of` returns it.
_SLOT: Final = "substr(c.timestamp, 1, 14) || (CAST(substr(c.timestamp, 15, 2) AS INTEGER) / 15)"
# A sum of 64-bit integers may exceed 64 bits, so each half is added up by itself.
_HALF: Final = 32
_NANODOLLARS: Final = (
    f"CASE WHEN abs(c.cost_usd) < {LEAST_INEXACT_COST} "
    "THEN CAST(round(c.cost_usd * 1e9) AS INTEGER) ELSE 0 END"
)
_SUMMED: Final = ("c.prompt_tokens", "c.completion_tokens", "c.total_tokens", _NANODOLLARS)
_SUMS: Final = ", ".join(
    [
        "count(*)",
        *(
            half
            for value in _SUMMED
            for half in (f"sum({value} >> {_HALF})", f"sum({value} & {(1 << _HALF) - 1})")
        ),
        "sum(c.cost_usd IS NULL)",
        f"coalesce(sum(abs(c.cost_usd) >= {LEAST_INEXACT_COST}), 0)",
    ]
)
_CALLS: Final = 1 + 2 * len(_SUMMED) + 2


def usage(conn: sqlite3.Connection, query: UsageQuery) -> tuple[UsageRow, ...]:
    """Return the sums. Raises ValueError or DecodeError: a row is damaged."""
    return usage_rows([*_added_up(conn, query), *_one_by_one(conn, query)])


def _added_up(conn: sqlite3.Connection, query: UsageQuery) -> Iterator[tuple[Key, Amounts]]:
    facts = _facts(query)
    sql, values = statement(query, _SUMS, "c.extra IS NULL", grouped=True)
    for row in conn.execute(sql, values):
        sums = row[-_CALLS:]
        whole = [(sums[at] << _HALF) + sums[at + 1] for at in range(1, 2 * len(_SUMMED), 2)]
        prompt, completion, total, spent = whole
        amounts = (sums[0], prompt, completion, total, spent, *sums[-2:])
        yield query.key(dict(zip(facts, row, strict=False))), amounts


def _one_by_one(conn: sqlite3.Connection, query: UsageQuery) -> Iterator[tuple[Key, Amounts]]:
    facts = _facts(query)
    columns = ", ".join(f"c.{name}" for name in _SHAPE.names)
    sql, values = statement(query, columns, "c.extra IS NOT NULL", grouped=False)
    for row in conn.execute(sql, values):
        record = decode(LlmCostRecord, _SHAPE.tree(row[len(facts) :]))
        yield query.key(dict(zip(facts, row, strict=False))), amounts_of(record)


def _facts(query: UsageQuery) -> dict[str, str]:
    """Return the SQL of each value that a key of the query is made of."""
    facts = {}
    # First, so that groups come in the order of their times: each is converted once.
    if lengths := [TIMES[one] for one in query.by if one in TIMES]:
        is_local = query.zone is not None
        facts["slot"] = _SLOT if is_local else f"substr(c.timestamp, 1, {max(lengths)})"
    facts |= {one: _SQL[one] for one in query.by if one in _SQL}
    return facts | {one: _label(one) for one in query.by if one.startswith(LABEL)}


def _label(group: str) -> str:
    """Return the SQL of a label's value; the key is in it, since it is there several times."""
    key = group.removeprefix(LABEL).replace("'", "''")
    return f"(SELECT value FROM session_label WHERE owner_key = o.owner_key AND key = '{key}')"


def statement(
    query: UsageQuery, selected: str, condition: str, *, grouped: bool
) -> tuple[str, tuple[Any, ...]]:
    """Return the statement that reads the counted records, and its parameters.

    Each row begins with the values of `_facts`.
    """
    facts = _facts(query)
    chosen = session_lists.keys_sql(query.where)
    conditions = [condition, f"o.owner_key IN ({chosen.text})"]
    values = [*chosen.given]
    if not query.inherited:
        conditions.append("(c.session_id IS NULL OR c.session_id = o.id)")
    for bound, sign in ((query.since, ">="), (query.until, "<")):
        if bound is not None:
            conditions.append(f"rtrim(c.timestamp, 'Z') {sign} ?")
            values.append(bound)
    joined = [
        f"LEFT JOIN {table} ON {name}.owner_key = o.owner_key"
        for name, table in (("s", "session AS s"), ("k", "session_config AS k"))
        if any(one.startswith(f"{name}.") for one in facts.values())
    ]
    # The records of an owner are a range of keys, so none is read for an owner left out.
    sql = (
        f"SELECT {', '.join([*facts.values(), selected])} FROM owner AS o {' '.join(joined)} "
        "CROSS JOIN cost_record AS c ON c.cost_record_key >= o.owner_key << 32 "
        "AND c.cost_record_key < (o.owner_key + 1) << 32 "
        f"WHERE {' AND '.join(conditions)}"
    )
    if grouped:
        # Constants for no group at all: numbers would be taken for columns.
        sql += f" GROUP BY {', '.join(facts.values()) or 'NULL'}"
    return sql, tuple(values)
