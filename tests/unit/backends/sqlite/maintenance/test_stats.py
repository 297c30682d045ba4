"""`stats` counts what a file has, in pages where SQLite counts them, in lengths elsewhere."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from a3s_store import SqliteSessionStore
from a3s_store.backends.sqlite.connection.settings import Settings
from a3s_store.backends.sqlite.maintenance import stats
from a3s_store.core.collections import COLLECTIONS
from a3s_store.errors import CorruptionError
from a3s_store.models import Message
from a3s_store.testing.samples import rich_snapshot
from tests.support import artifact, database, messages, session, with_store
from tests.unit.cli.cli_runs import invoke


async def filled(store: SqliteSessionStore) -> None:
    await store.save_snapshot(rich_snapshot("rich"))
    await store.save(session("long", count=300))
    await store.save_artifacts("large", (artifact(1).evolve(content="x" * 50_000),))
    await store.fork("long", "forked", 100)
    await store.save(session("gone", count=500))
    await store.delete("gone")


def test_the_parts_and_the_free_pages_are_the_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "agent.a3s"
    with_store(path, filled)
    with database(path) as conn:
        conn.execute("CREATE TABLE app_mine AS SELECT zeroblob(9000) AS x")
        conn.commit()
    found = with_store(path, lambda store: store.stats())
    assert found.is_measured
    assert found.bytes_database == path.stat().st_size
    assert sum(found.bytes_by.values()) + found.bytes_free_pages == found.bytes_database
    assert found.bytes_free_pages > 0
    assert found.bytes_by["other"] > 9000, "tables of a host"
    assert {one.name for one in COLLECTIONS} <= found.bytes_by.keys()
    assert (found.sessions, found.messages) == (
        3,
        300 + len(rich_snapshot("rich").session.messages),
    )


def test_every_table_of_a_store_belongs_to_a_part(tmp_path: Path) -> None:
    path = tmp_path / "agent.a3s"
    with_store(path, filled)
    with database(path) as conn:
        rows = conn.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
    tables = {name for (name,) in rows if not name.startswith("sqlite_")}
    assert "stream_item" in tables
    assert {
        name for name in tables if stats._part(name, "table", stats._parts()) == stats._OTHER
    } <= {"file_link", "meta"}


def test_sizes_of_sessions_count_their_own_and_shared_messages(tmp_path: Path) -> None:
    path = tmp_path / "agent.a3s"
    with_store(path, filled)
    found = with_store(path, lambda store: store.stats())
    sizes = {one.session_id: one for one in found.largest}
    texts = sum(len(one.text) for one in messages(300))
    assert sizes["long"].messages == 300
    assert sizes["forked"].messages == 100
    assert texts < sizes["long"].bytes < texts + 300 * 200
    assert sizes["forked"].bytes < sizes["long"].bytes
    assert sizes["large"].messages == 0
    assert [one.bytes for one in found.largest] == sorted(
        (one.bytes for one in found.largest), reverse=True
    )


def test_without_dbstat_the_lengths_of_values_are_added_up(tmp_path: Path) -> None:
    path = tmp_path / "agent.a3s"
    with_store(path, filled)
    whole = with_store(path, lambda store: store.stats())

    def no_dbstat(action: int, table: str | None, *_: object) -> int:
        return sqlite3.SQLITE_DENY if table == "dbstat" else sqlite3.SQLITE_OK

    with database(path) as conn:
        conn.set_authorizer(no_dbstat)
        found = stats.stats(conn, Settings(path=path))
    assert not found.is_measured
    assert found.largest == whole.largest
    assert found.bytes_by.keys() == whole.bytes_by.keys()
    for part in ("messages", "trace_events", "run_records", "commit_log", "generations"):
        assert 0 < found.bytes_by[part] <= whole.bytes_by[part]
    assert found.bytes_by["indexes"] == 0


@pytest.mark.parametrize("next_page", [b"\xff\xff\xff\xfe", b"\x00\x00\x00\x03"])
def test_a_damaged_page_is_damage_and_no_full_disk(tmp_path: Path, next_page: bytes) -> None:
    path = tmp_path / "agent.a3s"
    with_store(
        path, lambda store: store.save(session("long", messages=(Message.user("x" * 90_000),)))
    )
    with database(path) as conn:
        (page,) = conn.execute(
            "SELECT min(pageno) FROM dbstat WHERE pagetype = 'overflow' AND name = 'message'"
        ).fetchone()
        (size,) = conn.execute("PRAGMA page_size").fetchone()
    with path.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(next_page + b"\xff" * (size - 4))  # it begins with the number of the next page
    with pytest.raises(CorruptionError, match="salvage") as caught:
        with_store(path, lambda store: store.stats())
    assert "verify" in str(caught.value)
    assert invoke("stats", path).exit_code == 4
