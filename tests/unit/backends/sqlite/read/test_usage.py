"""Usage reads cost records by their keys, in two statements, and no session."""

from __future__ import annotations

import itertools
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from a3s_store import MemorySessionStore, SqliteSessionStore
from a3s_store.backends.sqlite.read import usage
from a3s_store.core.usage import GROUPS, usage_query
from a3s_store.errors import CorruptionError
from a3s_store.testing.samples import cost_record
from tests.support import database, messages, session, with_store
from tests.unit.backends.sqlite.read.test_loads_of_lists import statements_of

_TODAY = date(2026, 5, 18)


def _fill(path: Path, *timestamps: str) -> None:
    calls = tuple(cost_record(timestamp=one, session_id=None) for one in timestamps)

    async def fill(store: SqliteSessionStore) -> None:
        await store.save(session("s", messages=messages(3), cost_records=calls))

    with_store(path, fill)


def test_records_are_found_by_their_keys(tmp_path: Path) -> None:
    path = tmp_path / "agent.a3s"
    _fill(path)
    with database(path) as conn:
        for names, tz, since, inherited in itertools.product(
            ((), *((one,) for one in GROUPS), GROUPS),
            (None, "Europe/Berlin"),
            (None, _TODAY),
            (False, True),
        ):
            query = usage_query(names, None, since, since, tz, inherited)
            for grouped in (True, False):
                sql, values = usage.statement(query, "count(*)", "c.extra IS NULL", grouped=grouped)
                plan = [row[3] for row in conn.execute(f"EXPLAIN QUERY PLAN {sql}", values)]
                places = [one for one in plan if not one.startswith("USE TEMP")]
                assert "SEARCH c USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)" in places
                assert not any(one.startswith("SCAN c") for one in places), places


def test_usage_takes_two_statements_however_many_sessions_there_are(tmp_path: Path) -> None:
    async def fill(store: SqliteSessionStore) -> None:
        for number in range(20):
            await store.save(
                session(f"s{number}", messages=messages(3), cost_records=(cost_record(),) * 3)
            )

    path = tmp_path / "agent.a3s"
    with_store(path, fill)
    seen = statements_of(path, lambda store: store.usage(by=GROUPS, tz="Europe/Berlin"))
    assert sum(one.startswith("SELECT") and "cost_record" in one for one in seen) == 2, seen
    assert not any("message" in one for one in seen), seen


@pytest.mark.parametrize("tz", ["Pacific/Apia", "America/New_York", "Africa/Monrovia"])
def test_the_ends_of_the_calendar_and_leap_seconds_are_added_up(tmp_path: Path, tz: str) -> None:
    times = (
        "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:60.999999999Z",
        "1960-01-01T00:44:30Z",
        "2016-12-31T23:59:60Z",
    )
    calls = tuple(cost_record(timestamp=one, session_id=None) for one in times)

    async def rows(store: Any) -> Any:
        await store.save(session("s", cost_records=calls))
        return await store.usage(by=("hour",), tz=tz)

    async def both(store: SqliteSessionStore) -> None:
        found = await rows(store)
        assert found == await rows(MemorySessionStore())
        assert sum(row.calls for row in found) == len(times)

    with_store(tmp_path / "agent.a3s", both)


def test_a_damaged_time_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "agent.a3s"
    _fill(path, "2026-05-18T08:00:00Z")
    with database(path) as conn:
        conn.execute("UPDATE cost_record SET timestamp = 'never'")
        conn.commit()
    with pytest.raises(CorruptionError, match="usage"):
        with_store(path, lambda store: store.usage(tz="Europe/Berlin"))
