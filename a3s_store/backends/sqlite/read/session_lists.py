"""Pages of sessions: one statement reads a page, whatever the number of sessions.

Plain functions of a connection, each inside a read transaction of the caller.
"""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import attrs

from a3s_store.backends.sqlite.format import file_link
from a3s_store.backends.sqlite.read import run_states
from a3s_store.backends.sqlite.read.catalog import WAS_SAVED
from a3s_store.backends.sqlite.rows import session_host, session_texts
from a3s_store.core.base.host_data import Trashed
from a3s_store.core.listing.conditions import Conditions
from a3s_store.core.listing.cursors import Place
from a3s_store.core.listing.paging import PageOfSessions
from a3s_store.core.listing.values import Page, SessionOrder, SessionSummary
from a3s_store.core.row_values import parse_own
from a3s_store.wire.values import EMPTY, frozen_dict

# The sessions with a row.
_STORED: Final = "session AS s JOIN owner AS o USING (owner_key)"
# The tables of a list beside the row `s` of a session and its owner `o`.
_BRANCHES: Final = "JOIN branch_owner AS w USING (owner_key)"
_MORE: Final = """
LEFT JOIN session_config AS c USING (owner_key)
LEFT JOIN session_host AS h USING (owner_key)
"""
# The columns of `SessionSummary` up to `generation`, then those from `parent_id` on.
_ROW: Final = """
SELECT
    o.id, coalesce(c.name, ''), coalesce(s.state, 'Unknown'), coalesce(c.workspace, ''),
    s.model_name, coalesce(s.head_length, 0), s.total_tokens, coalesce(s.total_cost, 0.0),
    coalesce(s.created_at, 0), coalesce(s.updated_at, 0),
    coalesce((SELECT max(generation) FROM generation WHERE owner_key = o.owner_key), 0),
    s.parent_id, s.tenant_id, c.first_prompt,
    CASE WHEN h.owner_key IS NOT NULL THEN (
        SELECT json_group_object(key, value) FROM session_label WHERE owner_key = h.owner_key
    ) END,
    coalesce(h.pinned, 0), coalesce(h.archived, 0), h.trashed_at_ms,
    s.last_message_at_ms, s.changed_at_ms, s.commit_sequence
"""
_UP_TO_GENERATION: Final = 11
_NO_LABELS: Final = (None, "{}")
# The columns of each order: what it is by, then what no two sessions share.
_ORDERS: Final[dict[SessionOrder, tuple[str, str]]] = {
    "updated": ("s.updated_at", "s.commit_sequence"),
    "created": ("s.created_at", "o.id"),
    "name": ("coalesce(c.name, '')", "o.id"),
    "cost": ("coalesce(s.total_cost, 0.0)", "o.id"),
    "messages": ("s.head_length", "o.id"),
}
_CHOICES: Final = {
    "ids": "o.id",
    "workspace": "c.workspace",
    "state": "s.state",
    "model": "s.model_name",
    "parent": "s.parent_id",
    "tenant": "s.tenant_id",
    "principal": "s.principal",
}
# A session with a lost row is in no page.
_LOST: Final = f"""
SELECT 1 FROM owner AS o LEFT JOIN session AS s USING (owner_key)
WHERE s.owner_key IS NULL AND {WAS_SAVED} LIMIT 1
"""
# All sessions, the ones with a lost row, too. `updated_at` counts seconds; within one, the session
# that changed last comes first.
_SUMMARIES: Final = f"""
{_ROW} FROM owner AS o LEFT JOIN session AS s USING (owner_key) {_MORE}
WHERE typeof(o.id) = 'text' AND {WAS_SAVED} AND h.trashed_at_ms IS NULL
ORDER BY s.updated_at DESC, s.commit_sequence DESC, o.id
"""
_NO_RUNS: Final = (0, 0, 0, False)


class Sql(NamedTuple):
    """A piece of a statement, and its parameters."""

    text: str
    given: tuple[Any, ...] = ()


def page(conn: sqlite3.Connection, wanted: PageOfSessions) -> Page[SessionSummary]:
    """Return a page of sessions; see `PageOfSessions.page`."""
    store_id = file_link.read(conn).file_id.hex()
    sql = page_sql(wanted, wanted.start(store_id))
    rows = conn.execute(sql.text, sql.given).fetchall()
    found = wanted.cut(_summaries_of(conn, rows), store_id)
    is_partial = (wanted.where.text is not None and session_texts.are_lacking(conn)) or (
        found.next is None and conn.execute(_LOST).fetchone() is not None
    )
    return attrs.evolve(found, partial=is_partial)


def summaries(conn: sqlite3.Connection) -> tuple[SessionSummary, ...]:
    """Return a summary of every session that is not in the trash, those updated last first."""
    return tuple(_summaries_of(conn, conn.execute(_SUMMARIES).fetchall()))


def _summaries_of(
    conn: sqlite3.Connection, rows: Sequence[tuple[Any, ...]]
) -> list[SessionSummary]:
    unfinished = run_states.of_sessions(conn)
    return [_summary(row, unfinished.get(row[0], _NO_RUNS)) for row in rows]


def count(conn: sqlite3.Connection, where: Conditions) -> int:
    """Return the number of sessions for which the conditions hold."""
    conditions = where_sql(where)
    (found,) = conn.execute(
        f"SELECT count(*) FROM {_STORED} {_MORE} WHERE {conditions.text}",
        conditions.given,
    ).fetchone()
    return int(found)


def branches(conn: sqlite3.Connection, where: Conditions, most: int, *, heads: bool) -> list[int]:
    """Return branches of sessions for which the conditions hold, at most `most`.

    With `heads` those of current conversations, else all.
    """
    conditions = where_sql(where)
    more, branch = ("", "s.head_branch") if heads else (_BRANCHES, "w.branch_key")
    rows = conn.execute(
        f"SELECT DISTINCT {branch} FROM {_STORED} {_MORE} {more} WHERE {conditions.text} LIMIT ?",
        (*conditions.given, most),
    ).fetchall()
    return [branch for (branch,) in rows]


def trash(conn: sqlite3.Connection, latest_ms: int) -> tuple[Trashed, ...]:
    """Return the sessions that were put in the trash at that time or before, the oldest first."""
    rows = conn.execute(
        f"SELECT id, trashed_sequence, {session_host.LAST_CHANGE} <> trashed_sequence "
        "FROM session_host JOIN session AS s USING (owner_key) JOIN owner USING (owner_key) "
        "WHERE trashed_at_ms <= ? "
        "ORDER BY trashed_at_ms, trashed_sequence",
        (latest_ms,),
    ).fetchall()
    children: defaultdict[str, list[str]] = defaultdict(list)
    if rows:
        for child, parent in conn.execute(
            "SELECT id, parent_id FROM session JOIN owner USING (owner_key) "
            "WHERE parent_id IS NOT NULL ORDER BY id"
        ):
            children[parent].append(child)
    return tuple(
        Trashed(session_id, sequence, bool(was_changed), tuple(children.get(session_id, ())))
        for session_id, sequence, was_changed in rows
    )


def keys_sql(where: Conditions) -> Sql:
    """Return the statement that reads the keys of all sessions for which the conditions hold."""
    conditions = where_sql(where)
    sql = f"SELECT s.owner_key FROM {_STORED} {_MORE} WHERE {conditions.text}"
    return Sql(sql, conditions.given)


def page_sql(wanted: PageOfSessions, after: Place | None) -> Sql:
    """Return the statement that reads a page, and one more row if there is one."""
    column, tie = _ORDERS[wanted.order]
    conditions = where_sql(wanted.where)
    beyond, direction = ("<", "DESC") if wanted.descending else (">", "ASC")
    start = "" if after is None else f" AND ({column}, {tie}) {beyond} (?, ?)"
    return Sql(
        f"{_ROW} FROM {_STORED} {_MORE} WHERE {conditions.text}{start} "
        f"ORDER BY {column} {direction}, {tie} {direction} LIMIT ?",
        (*conditions.given, *(after or ()), wanted.limit + 1),
    )


def where_sql(where: Conditions) -> Sql:
    """Return the conditions as SQL, with the names that `_ROW` has."""
    found = [
        *(_is_one_of(_CHOICES[name], texts) for name, texts in where.choices.items()),
        *(_has_label(key, values) for key, values in where.labels.items()),
    ]
    if where.id_prefix is not None:
        found.append(Sql("substr(o.id, 1, ?) = ?", (len(where.id_prefix), where.id_prefix)))
    for text, value in (
        ("instr(coalesce(c.search_text, c.name), ?) > 0", where.text),
        ("s.updated_at >= ?", where.updated_since),
        ("s.updated_at < ?", where.updated_before),
        ("s.created_at >= ?", where.created_since),
        ("s.commit_sequence > ?", where.changed_after),
    ):
        if value is not None:
            found.append(Sql(text, (value,)))
    for text, flag in (
        ("coalesce(h.pinned, 0)", where.pinned),
        ("coalesce(h.archived, 0)", where.archived),
        ("(h.trashed_at_ms IS NOT NULL)", where.trashed),
    ):
        if flag is not None:
            found.append(Sql(text if flag else f"NOT {text}"))
    # Damaged trees return rows of other tables, so an id may be no text; `verify` reports it.
    texts = ["typeof(o.id) = 'text'", *(one.text for one in found)]
    return Sql(" AND ".join(texts), tuple(value for one in found for value in one.given))


def _is_one_of(column: str, texts: tuple[str, ...]) -> Sql:
    return Sql(f"{column} IN ({', '.join('?' * len(texts))})", texts)


def _has_label(key: str, values: tuple[str, ...] | None) -> Sql:
    having = Sql("key = ?", (key,))
    if values is not None:
        of_values = _is_one_of("value", values)
        having = Sql(f"key = ? AND {of_values.text}", (key, *of_values.given))
    return Sql(
        f"s.owner_key IN (SELECT owner_key FROM session_label WHERE {having.text})", having.given
    )


def _summary(row: tuple[Any, ...], runs: tuple[int, int, int, bool]) -> SessionSummary:
    head, rest = row[:_UP_TO_GENERATION], row[_UP_TO_GENERATION:]
    parent_id, tenant_id, first_prompt, labels, pinned, archived, *times = rest
    shown = EMPTY if labels in _NO_LABELS else frozen_dict(parse_own(labels), True)
    marks = shown, bool(pinned), bool(archived)
    return SessionSummary._make((*head, *runs, parent_id, tenant_id, first_prompt, *marks, *times))
