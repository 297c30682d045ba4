"""What apps ask all day of many sessions: lists, labels, search and usage, beside plain SQL."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import attrs

from a3s_store import SearchFilter, SessionFilter, SqliteSessionStore
from a3s_store.models import LlmCostRecord, Message, SessionData
from benchmarks.ratios.blocks import Contender, Row, in_turn, row
from benchmarks.ratios.conversations import messages, proven, session
from benchmarks.ratios.scale import Scale

_PAGE: Final = 50
_LABELS: Final = 40  # as many values of one label
_DAY: Final = 86_400
_START: Final = 1_700_000_000
_WORD: Final = "needle"

_LISTED: Final = (
    "FROM session JOIN owner USING (owner_key) LEFT JOIN session_config USING (owner_key) "
    "LEFT JOIN session_host USING (owner_key)"
)
# What a summary shows.
_COLUMNS: Final = (
    "id, session_config.name, workspace, state, model_name, head_length, total_tokens, total_cost, "
    "created_at, updated_at, session.parent_id, tenant_id, first_prompt, pinned, archived, "
    "trashed_at_ms, last_message_at_ms, changed_at_ms, commit_sequence, "
    "(SELECT max(generation) FROM generation WHERE owner_key = owner.owner_key), "
    "(SELECT json_group_object(key, value) FROM session_label WHERE owner_key = owner.owner_key)"
)
_FOUND: Final = "FROM search_index JOIN message ON message_key = search_index.rowid"
_NEWEST: Final = f"ORDER BY updated_at DESC, commit_sequence DESC LIMIT {_PAGE + 1}"


@attrs.frozen
class _Question:
    """A call of our store, and the statement that reads the same."""

    what: str
    call: Callable[[SqliteSessionStore], Awaitable[Any]]
    sql: str
    asked: str = ""


_QUESTIONS: Final = (
    _Question(
        f"first {_PAGE} of {{sessions}} sessions",
        lambda store: store.sessions(limit=_PAGE),
        f"SELECT {_COLUMNS} {_LISTED} {_NEWEST}",
        "≤ 3",
    ),
    _Question(
        f"{_PAGE} of {{sessions}} sessions with a label",
        lambda store: store.sessions(SessionFilter(labels={"team": "t1"}), limit=_PAGE),
        f"SELECT {_COLUMNS} {_LISTED} WHERE owner_key IN (SELECT owner_key FROM session_label "
        f"WHERE key = 'team' AND value = 't1') {_NEWEST}",
    ),
    _Question(
        "number of {sessions} sessions that are not archived",
        lambda store: store.count_sessions(),
        f"SELECT count(*) {_LISTED} WHERE archived IS NOT 1 AND trashed_at_ms IS NULL",
    ),
    _Question(
        "usage by day of {sessions} sessions",
        lambda store: store.usage(by=("day",)),
        "SELECT substr(timestamp, 1, 10), sum(prompt_tokens), sum(completion_tokens), "
        "sum(cost_usd), count(*) FROM cost_record GROUP BY 1",
    ),
    _Question(
        "newest 20 messages with a word, of {messages}",
        lambda store: store.search(_WORD, order="newest", limit=20),
        f"SELECT message_key, content {_FOUND} "
        f"WHERE search_index MATCH '{_WORD}' ORDER BY search_index.rowid DESC LIMIT 20",
    ),
    _Question(
        "messages with a word in one session, of {messages}",
        lambda store: store.search(_WORD, where=SearchFilter(ids=["s1"])),
        f"SELECT message_key, content {_FOUND} "
        f"WHERE search_index MATCH '{_WORD} AND scope : b' || (SELECT head_branch FROM session "
        "JOIN owner USING (owner_key) WHERE id = 's1') ORDER BY rank LIMIT 20",
    ),
)


async def everyday(folder: Path, scale: Scale) -> AsyncIterator[Row]:
    """Questions about all sessions of a store, beside statements that read the same."""
    path = folder / "everyday.a3s"
    count = scale.sessions[-1]
    async with SqliteSessionStore.open(path) as store:
        for number in range(count):
            await store.save(_session(number, scale.each))
            await store.update(f"s{number}", labels={"team": f"t{number % _LABELS}"})
        await store.rebuild_search()
        numbers = {"sessions": f"{count:,}", "messages": f"{count * scale.each:,}"}
        conn = sqlite3.connect(path)
        for question in _QUESTIONS:
            yield await _beside_sql(store, conn, question, scale, numbers)
        conn.close()
        yield await _host_update(store, scale)
    await proven(path)


def _session(number: int, length: int) -> SessionData:
    history = messages(length, seed=number)
    marked = Message.assistant(f"{_WORD} {history[-1].text}")
    costs = tuple(
        LlmCostRecord(
            model=f"m{number % 3}",
            provider="p",
            prompt_tokens=1000,
            completion_tokens=100,
            total_tokens=1100,
            cost_usd=0.001,
            timestamp=f"2026-01-{1 + number % 28:02}T00:00:{second:02}Z",
        )
        for second in range(5)
    )
    made = session(f"s{number}", (*history[:-1], marked))
    return made.evolve(cost_records=costs, updated_at=_START + number * _DAY % (400 * _DAY))


async def _beside_sql(
    store: SqliteSessionStore,
    conn: sqlite3.Connection,
    question: _Question,
    scale: Scale,
    numbers: dict[str, str],
) -> Row:
    async def ours(_: Any) -> None:
        assert await question.call(store)

    async def sql(_: Any) -> None:
        assert conn.execute(question.sql).fetchall()

    found = await in_turn(
        [Contender("ours", ours), Contender("sql", sql)], blocks=scale.blocks, rounds=scale.rounds
    )
    what = question.what.format(**numbers)
    return row(found, "ours", "sql", what=what, against="one statement", asked=question.asked)


async def _host_update(store: SqliteSessionStore, scale: Scale) -> Row:
    """Return the line of a label that is set, beside a save of the same session."""
    values = itertools.count()
    first = await store.load("s0")
    assert first is not None
    states = itertools.accumulate(
        itertools.repeat(first), lambda last, _: last.evolve(updated_at=last.updated_at + 1)
    )
    next(states)

    async def label(_: Any) -> None:
        await store.update("s0", labels={"team": f"v{next(values)}"})

    found = await in_turn(
        [Contender("ours", label), Contender("save", store.save, lambda: next(states))],
        blocks=scale.blocks,
        rounds=scale.rounds,
    )
    return row(found, "ours", "save", what="a label is set", against="a save of its time")
