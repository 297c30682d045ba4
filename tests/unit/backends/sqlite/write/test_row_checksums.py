"""Rows of an older schema get their checksums while nothing else is to be done."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from a3s_store import SqliteSessionStore
from a3s_store.backends.sqlite import idle_work, transaction
from a3s_store.backends.sqlite.rows import list_rows
from a3s_store.backends.sqlite.rows.statements import Statements
from a3s_store.backends.sqlite.schema import migrate
from a3s_store.backends.sqlite.write import row_checksums
from a3s_store.errors import CorruptionError
from tests.compat import make_file
from tests.everything import fill
from tests.support import all_rows, database, trace, with_store

# The newest file without row checksums of lists.
OLD = make_file.FILES / "schema-8-0.1.0.a3s.gz"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """An older file that was migrated, and closed before it was idle."""
    path = tmp_path / "agent.a3s"
    path.write_bytes(gzip.decompress(OLD.read_bytes()))
    with_store(path, lambda store: store.list())
    return path


@contextlib.contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    conn = sqlite3.connect(path, isolation_level=None)
    try:
        yield conn
    finally:
        conn.close()


def tables() -> list[Statements]:
    return [*row_checksums._tables()]


def without(conn: sqlite3.Connection) -> int:
    """Return how many rows have no checksum; each other one must have the right one."""
    missing = 0
    for sql in tables():
        found = f"SELECT {', '.join(sql.selected)} FROM {sql.rows.table}"
        (lacking,) = conn.execute(
            f"SELECT count(*) FROM {sql.rows.table} WHERE checksum IS NULL"
        ).fetchone()
        missing += lacking
        for row in conn.execute(f"{found} WHERE checksum IS NOT NULL"):
            assert list_rows.is_written(sql, row), sql.rows.table
    return missing


def finish(conn: sqlite3.Connection) -> int:
    """Make one checksum in each transaction until all are there; return how many it took."""
    steps = 0
    is_left = True
    while is_left:
        with transaction.write(conn):
            is_left = row_checksums.step(conn, 0)
        steps += 1
    return steps


def test_a_new_file_needs_none(tmp_path: Path) -> None:
    path = tmp_path / "agent.a3s"
    with_store(path, fill)
    with opened(path) as conn:
        assert not row_checksums.is_needed(conn)
        assert without(conn) == 0


def test_every_row_of_an_older_file_gets_one_and_nothing_else_changes(path: Path) -> None:
    before = all_rows(path)
    with opened(path) as conn:
        missing = without(conn)
        assert missing > 20
        assert row_checksums.is_needed(conn)
        assert finish(conn) > missing, "a row in each step, and the end of each table"
        assert without(conn) == 0
        assert not row_checksums.is_needed(conn)
        for sql in tables():
            conn.execute(f"UPDATE {sql.rows.table} SET checksum = NULL")
    before["meta"].pop((row_checksums.NAME,))
    assert {**all_rows(path), "file_link": {}} == {**before, "file_link": {}}


def test_a_step_that_was_rolled_back_is_repeated(path: Path) -> None:
    with opened(path) as conn:
        is_left = True
        while is_left:
            for ending in ("ROLLBACK", "COMMIT"):
                conn.execute("BEGIN IMMEDIATE")
                is_left = row_checksums.step(conn, 0)
                conn.execute(ending)
        assert without(conn) == 0


def test_rows_added_and_replaced_meanwhile_are_right(path: Path) -> None:
    async def change(store: SqliteSessionStore) -> None:
        events = await store.load_trace_events("rich")
        assert events
        await store.save_trace_events("rich", (trace(7), *events[1:], trace(8)))

    with opened(path) as conn:
        for _ in range(5):
            with transaction.write(conn):
                row_checksums.step(conn, 0)
    with_store(path, change)
    with opened(path) as conn:
        finish(conn)
        assert without(conn) == 0
    report = with_store(path, lambda store: store.verify(depth="deep"))
    assert report.damage == ()


def test_a_damaged_row_gets_none_and_is_refused_as_before(path: Path) -> None:
    with opened(path) as conn:
        (key,) = conn.execute("SELECT min(trace_event_key) FROM trace_event").fetchone()
        conn.execute("UPDATE trace_event SET name = 'x' || name WHERE trace_event_key = ?", (key,))
        conn.execute("UPDATE task SET content = CAST(x'ff' AS TEXT) WHERE task_key = 4294967296")
        damaged = conn.execute("SELECT count(*) FROM task WHERE task_key = 4294967296").fetchone()
        finish(conn)
        assert without(conn) == 1 + damaged[0]
        owner = conn.execute("SELECT id FROM owner WHERE owner_key = ?", (key >> 32,)).fetchone()[0]
    with pytest.raises(CorruptionError) as caught:
        with_store(path, lambda store: store.load_trace_events(owner))
    assert (caught.value.part, caught.value.position) == ("trace_events", 0)


def test_an_idle_store_makes_them_by_itself(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idle_work, "IDLE", 0.01)
    monkeypatch.setattr(idle_work, "BETWEEN_STEPS", 0.001)

    async def wait(store: SqliteSessionStore) -> None:
        with opened(path) as conn:
            async with asyncio.timeout(20):
                while row_checksums.is_needed(conn):  # noqa: ASYNC110 - it sets no event
                    await asyncio.sleep(0.01)
        assert (await store.verify(depth="deep")).damage == ()

    with_store(path, wait)
    with opened(path) as conn:
        assert without(conn) == 0


def test_files_of_this_release_may_be_read_by_older_ones(path: Path) -> None:
    """But not written: they would change a row and leave its checksum."""
    with database(path) as conn:
        assert conn.execute("PRAGMA user_version").fetchone()[0] == migrate.newest()
        (value,) = conn.execute("SELECT value FROM meta WHERE name = 'min_reader'").fetchone()
    assert value < migrate.newest()
