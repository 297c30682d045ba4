"""Schema step 3 renames tables and columns: files, users' views and salvage go along."""

from __future__ import annotations

import asyncio
import gzip
import re
import sqlite3
from pathlib import Path

import pytest

from a3s_store import SqliteSessionStore, salvage
from a3s_store.backends.sqlite.schema import migrate, renames
from a3s_store.errors import CorruptionError, MigrationError
from tests.compat import make_file
from tests.support import database, with_store

OLD = [path for path in make_file.FILES.glob("*.a3s.gz") if int(path.name.split("-")[1]) < 3]


@pytest.fixture(params=sorted(OLD), ids=lambda path: path.name)
def old_file(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / "agent.a3s"
    path.write_bytes(gzip.decompress(request.param.read_bytes()))
    return path


def test_the_table_of_names_is_what_the_numbered_file_renames() -> None:
    made = [statement.split("\n\n")[-1] for statement in migrate.steps()[renames.STEP]]
    tables, columns = {}, {}
    for statement in made:
        if found := re.search(r"ALTER TABLE (\w+) RENAME TO (\w+);", statement):
            tables[found[2]] = found[1]
        elif found := re.search(r"ALTER TABLE (\w+) RENAME COLUMN (\w+) TO (\w+);", statement):
            columns[found[1], found[3]] = found[2]
    assert tables == renames.TABLES
    assert columns == {
        (table, new): old for table, names in renames.COLUMNS.items() for new, old in names.items()
    }


def test_no_row_is_written_anew(old_file: Path) -> None:
    """The pages of the tables stay: only the list of tables, and an index over few rows, change."""
    with database(old_file) as conn:
        conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    before = old_file.read_bytes()
    with_store(old_file, lambda store: store.list())
    after = old_file.read_bytes()
    page = 4096
    pages = [[text[at:][:page] for at in range(0, len(before), page)] for text in (before, after)]
    changed = sum(old != new for old, new in zip(*pages, strict=True))
    assert 0 < changed <= 12


def test_views_of_the_user_go_on_working(old_file: Path) -> None:
    with database(old_file) as conn:
        conn.execute("CREATE VIEW my_lists AS SELECT family, count FROM shelf")
        expected = conn.execute("SELECT * FROM my_lists").fetchall()
    with_store(old_file, lambda store: store.list())
    with database(old_file) as conn:
        assert conn.execute("SELECT * FROM my_lists").fetchall() == expected != []


@pytest.mark.parametrize("name", ["collection", "Agent_Memory", "branch_segment"])
def test_a_table_of_the_user_with_a_name_the_step_needs_is_left_and_named(
    old_file: Path, name: str
) -> None:
    with database(old_file) as conn:
        conn.execute(f"CREATE TABLE {name} (mine)")
        conn.execute(f"INSERT INTO {name} VALUES (1)")
        conn.commit()
    with pytest.raises(MigrationError, match=f"'{name}' of yours"):
        with_store(old_file, lambda store: store.list())
    with database(old_file) as conn:
        assert conn.execute(f"SELECT mine FROM {name}").fetchall() == [(1,)]
        conn.execute(f"ALTER TABLE {name} RENAME TO mine_alone")
        conn.commit()
    assert with_store(old_file, lambda store: store.list())


def test_a_broken_view_of_the_user_is_named_and_can_be_dropped(old_file: Path) -> None:
    with database(old_file) as conn:
        conn.execute("CREATE VIEW broken AS SELECT x FROM nowhere")
    with pytest.raises(MigrationError, match="view broken"):
        with_store(old_file, lambda store: store.list())
    with database(old_file) as conn:
        conn.execute("DROP VIEW broken")
    assert with_store(old_file, lambda store: store.list())


def test_older_releases_are_told_that_they_cannot_read_the_file(tmp_path: Path) -> None:
    path = tmp_path / "agent.a3s"
    with_store(path, lambda store: store.list())
    with database(path) as conn:
        row = conn.execute("SELECT value FROM meta WHERE name = 'min_reader'").fetchone()
    assert row == (7,)
    assert [migrate.min_reader(number) for number in range(1, 8)] == [1, 1, 3, 4, 4, 6, 7]


def test_a_file_that_was_never_migrated_is_salvaged_whole(old_file: Path, tmp_path: Path) -> None:
    report = asyncio.run(salvage(old_file, tmp_path / "new.a3s"))
    assert report.damage == ()
    _same_as_migrated(old_file, tmp_path / "new.a3s")


@pytest.mark.parametrize("table", ["shelf", "branch_part"])
def test_a_lost_table_of_an_old_file_is_put_together_again(
    old_file: Path, tmp_path: Path, table: str
) -> None:
    """What follows from other rows comes back, under its new name."""
    with database(old_file) as conn:
        conn.execute("CREATE TABLE collection (of_the_user)")
        conn.commit()
        conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (root,) = conn.execute(
            "SELECT rootpage FROM sqlite_schema WHERE name = ?", (table,)
        ).fetchone()
        conn.execute("PRAGMA journal_mode = DELETE")
    data = bytearray(old_file.read_bytes())
    data[(root - 1) * 4096 : root * 4096] = bytes(4096)
    old_file.write_bytes(data)
    report = asyncio.run(salvage(old_file, tmp_path / "new.a3s"))
    assert report.damage != ()

    async def names(store: SqliteSessionStore) -> list[str]:
        assert (await store.verify(depth="deep")).ok
        return await store.list()

    assert "grew" in with_store(tmp_path / "new.a3s", names)


def _same_as_migrated(old_file: Path, new: Path) -> None:
    salvaged = with_store(new, make_file.describe)
    migrated = with_store(old_file, make_file.describe)
    for described in (salvaged, migrated):
        for entry in described["sessions"].values():
            entry.pop("generations")  # salvage keeps conversations, and numbers them anew
    assert salvaged == migrated
    with database(new) as conn, pytest.raises(sqlite3.OperationalError):
        conn.execute("SELECT * FROM shelf")


def test_a_damaged_old_file_says_that_it_is_damaged_and_what_to_do(old_file: Path) -> None:
    """It is not migrated: a verified backup cannot be made of it."""
    with database(old_file) as conn:
        (root,) = conn.execute(
            "SELECT rootpage FROM sqlite_schema WHERE name = 'trace_event'"
        ).fetchone()
        conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    data = bytearray(old_file.read_bytes())
    data[(root - 1) * 4096 : root * 4096] = bytes(4096)
    old_file.write_bytes(data)
    with pytest.raises(CorruptionError, match="is damaged, so it was not migrated") as caught:
        with_store(old_file, lambda store: store.list())
    assert "a3s-store salvage" in caught.value.hint
    assert old_file.read_bytes() == data
    assert [path.name for path in old_file.parent.glob("agent.a3s.*backup*")] == []


def test_a_row_that_referred_to_none_before_does_not_keep_a_file_from_being_migrated(
    old_file: Path,
) -> None:
    """As before the step: the store opens, and `verify` reports the damage."""
    with database(old_file) as conn:
        conn.execute("PRAGMA foreign_keys = OFF")
        conn.execute("CREATE TABLE mine (a REFERENCES theirs (x))")
        conn.execute("CREATE TABLE theirs (x PRIMARY KEY)")
        conn.execute("INSERT INTO mine VALUES (7)")
        conn.execute("UPDATE branch_part SET source_branch = 99999 WHERE branch_key = 1")
        conn.commit()

    async def look(store: SqliteSessionStore) -> bool:
        assert await store.list()
        return (await store.verify(depth="deep")).ok

    assert with_store(old_file, look) is False
