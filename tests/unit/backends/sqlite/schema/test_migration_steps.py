"""Steps to a later schema: a backup first, all or nothing, tried on a copy when asked."""

from __future__ import annotations

import asyncio
import resource
import sqlite3
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from a3s_store import SqliteSessionStore, salvage
from a3s_store.backends.sqlite.connection import connect
from a3s_store.backends.sqlite.connection.settings import Settings
from a3s_store.backends.sqlite.format import file_copy
from a3s_store.backends.sqlite.maintenance import upgrade
from a3s_store.backends.sqlite.salvage import stored_tables
from a3s_store.backends.sqlite.schema import migrate
from a3s_store.errors import (
    CorruptionError,
    MigrationError,
    NotAStoreError,
    SchemaTooNewError,
    StoreError,
)
from tests.faults import stopped_process
from tests.support import database, session, with_store

RELEASED = migrate.steps()
# The schema of this release; further steps have the numbers after it.
NOW = migrate.newest()
BACKUP = f"agent.a3s.schema-{NOW}.backup"
Steps = Callable[..., None]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    with_store(tmp_path / "agent.a3s", lambda store: store.save(session()))
    return tmp_path / "agent.a3s"


@pytest.fixture
def release(monkeypatch: pytest.MonkeyPatch) -> Steps:
    """Have this release know these steps after its own."""

    def know(*further: str) -> None:
        steps = {n: tuple(migrate.split(script)) for n, script in enumerate(further, NOW + 1)}
        monkeypatch.setattr(migrate, "steps", lambda: {**RELEASED, **steps})

    return know


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def version(path: Path) -> int:
    with database(path) as conn:
        return migrate.numbers(conn)[1]


def listed(path: Path) -> list[str]:
    found: list[str] = with_store(path, lambda store: store.list())
    return found


def test_a_step_is_taken_once_and_the_file_as_it_was_lies_beside_it(
    path: Path, release: Steps
) -> None:
    release("CREATE TABLE later (x TEXT) STRICT;")
    assert listed(path) == ["fix-login"]
    backup = path.with_name(BACKUP)
    assert names(path.parent) == ["agent.a3s", backup.name]
    assert (version(path), version(backup)) == (NOW + 1, NOW)
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    listed(path)
    assert names(path.parent) == ["agent.a3s", backup.name]


def test_the_backup_is_a_store_that_the_release_before_opens(path: Path, release: Steps) -> None:
    release("CREATE TABLE later (x TEXT) STRICT;")
    listed(path)
    release()
    backup = path.with_name(BACKUP)
    assert with_store(backup, lambda store: store.load("fix-login")) == session()
    assert version(backup) == NOW


def test_a_new_store_is_made_without_a_backup(tmp_path: Path, release: Steps) -> None:
    release("CREATE TABLE later (x TEXT) STRICT;")
    assert listed(tmp_path / "agent.a3s") == []
    assert names(tmp_path) == ["agent.a3s"]


def test_a_taken_name_gets_a_number_and_what_has_it_is_left(path: Path, release: Steps) -> None:
    there = path.with_name(BACKUP)
    there.write_text("mine")
    release("CREATE TABLE later (x TEXT) STRICT;")
    listed(path)
    assert there.read_text() == "mine"
    assert version(path.with_name(f"{BACKUP}.2")) == NOW


def test_an_equal_backup_of_an_attempt_that_was_stopped_serves_again(
    path: Path, release: Steps
) -> None:
    release("CREATE TABLE later (x TEXT) STRICT;")
    with database(path) as conn, file_copy.temporary(path) as made:
        file_copy.copy(conn, made)
        made.rename(path.with_name(BACKUP))
    leftover = path.with_name(f"{BACKUP}.99.0.partial")
    leftover.write_bytes(b"half")
    listed(path)
    assert names(path.parent) == ["agent.a3s", BACKUP]


def test_a_backup_of_something_else_does_not_serve(path: Path, release: Steps) -> None:
    with database(path) as conn, file_copy.temporary(path) as made:
        file_copy.copy(conn, made)
        made.rename(path.with_name(BACKUP))
    with_store(path, lambda store: store.save(session(count=5)))
    release("CREATE TABLE later (x TEXT) STRICT;")
    listed(path)
    assert f"{BACKUP}.2" in names(path.parent)
    release()
    backup = path.with_name(f"{BACKUP}.2")
    assert with_store(backup, lambda store: store.load("fix-login")) == session(count=5)


def test_a_step_may_add_a_column_and_the_store_saves_on(path: Path, release: Steps) -> None:
    release("ALTER TABLE session ADD COLUMN project_id TEXT;")

    async def save_on(store: SqliteSessionStore) -> None:
        assert await store.load("fix-login") == session()
        await store.save(session(count=6))

    async def read_again(store: SqliteSessionStore) -> None:
        assert await store.load("fix-login") == session(count=6)
        assert (await store.verify(depth="deep")).ok

    with_store(path, save_on)
    with_store(path, read_again)
    # The row of the session is older than the column: SQLite stores nothing for it.
    stored_tables.all_tables.cache_clear()
    try:
        report = asyncio.run(salvage(path, path.with_name("salvaged.a3s")))
    finally:
        stored_tables.all_tables.cache_clear()
    assert (report.damage, report.sessions) == ((), ("fix-login",))
    assert (version(path), version(path.with_name(BACKUP))) == (NOW + 1, NOW)


REBUILT = """
DROP VIEW sessions;
DROP VIEW conversation;
DROP VIEW run_events;
DROP VIEW costs;
CREATE TABLE owner_new (
    owner_key INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, life INTEGER NOT NULL DEFAULT 1
) STRICT;
INSERT INTO owner_new SELECT owner_key, id, life FROM owner;
DROP TABLE owner;
ALTER TABLE owner_new RENAME TO owner;
"""


def test_a_step_may_rebuild_a_table_that_others_refer_to(path: Path, release: Steps) -> None:
    """With foreign keys on, dropping it would delete every session."""
    release(REBUILT)

    async def use(store: SqliteSessionStore) -> None:
        assert await store.load("fix-login") == session()
        await store.save(session(count=5))
        await store.delete("fix-login")

    with_store(path, use)
    with database(path) as conn:
        (left,) = conn.execute("SELECT count(*) FROM session").fetchone()
    assert left == 0, "foreign keys are on again"


@pytest.mark.parametrize(
    "step",
    [
        "CREATE TABLE later (x TEXT) STRICT;\nINSERT INTO later VALUES (x'00');",
        "CREATE TABLE later (x TEXT) STRICT;\nDELETE FROM owner;",
        "CREATE TABLE later (x TEXT) STRICT;\nCREATE TABLE later (y TEXT) STRICT;",
    ],
    ids=["a value of another type", "rows that hang in the air", "a name twice"],
)
def test_a_step_that_fails_changes_nothing_and_leaves_no_backup_behind(
    path: Path, release: Steps, step: str
) -> None:
    before = path.read_bytes()
    release(step)
    for _ in range(2):
        with pytest.raises(MigrationError, match=f"step {NOW + 1} failed"):
            listed(path)
    assert names(path.parent) == ["agent.a3s"], "or each attempt would leave another"
    assert version(path) == NOW
    release()
    assert with_store(path, lambda store: store.load("fix-login")) == session()
    assert path.read_bytes()[100:] == before[100:]


def test_where_a_later_step_fails_the_ones_before_stand_and_so_does_the_backup(
    path: Path, release: Steps
) -> None:
    release("CREATE TABLE later (x TEXT) STRICT;", "CREATE TABLE later (x TEXT) STRICT;")
    with pytest.raises(MigrationError, match=f"step {NOW + 2} failed"):
        listed(path)
    assert version(path) == NOW + 1
    assert version(path.with_name(BACKUP)) == NOW


def test_a_step_that_makes_what_no_step_should_is_refused(path: Path, release: Steps) -> None:
    """What it makes in this file is what it makes in an empty one."""
    release("CREATE TABLE IF NOT EXISTS later (x TEXT) STRICT;")
    with database(path) as conn:
        conn.execute("CREATE TABLE later (mine)")
        conn.commit()
    with pytest.raises(MigrationError):
        listed(path)
    assert version(path) == NOW


def test_without_a_backup_nothing_is_migrated(path: Path, release: Steps) -> None:
    """No space for a backup: no file of this process may be larger than half the store."""
    release("CREATE TABLE later (x TEXT) STRICT;")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size // 2, hard))
    try:
        with pytest.raises(MigrationError, match="nothing was migrated"):
            connect.open_writer(Settings(path=path))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert names(path.parent) == ["agent.a3s"]
    assert version(path) == NOW
    listed(path)
    assert version(path) == NOW + 1


def test_a_damaged_store_is_not_migrated(path: Path, release: Steps) -> None:
    release("CREATE TABLE later (x TEXT) STRICT;")
    with database(path) as conn:
        conn.execute("PRAGMA writable_schema = ON")
        (page,) = conn.execute(
            "SELECT rootpage FROM sqlite_schema WHERE name = 'sqlite_autoindex_message_1'"
        ).fetchone()
    with path.open("r+b") as file:
        file.seek((page - 1) * 4096 + 3)
        file.write(b"\0\0")  # an index without entries
    with pytest.raises(CorruptionError, match="so it was not migrated"):
        listed(path)
    assert version(path) == NOW


# -- By command ---------------------------------------------------------------------------------


def test_an_upgrade_says_what_it_did(path: Path, release: Steps) -> None:
    settings = Settings(path=path)
    nothing = upgrade.upgrade(settings)
    assert (nothing.before, nothing.after, nothing.steps, nothing.backup) == (NOW, NOW, (), None)
    release("CREATE TABLE a (x TEXT) STRICT;", "CREATE TABLE b (x TEXT) STRICT;")
    done = upgrade.upgrade(settings)
    assert (done.before, done.after, done.ok) == (NOW, NOW + 2, True)
    assert done.backup == str(path.with_name(BACKUP))
    assert done.steps == done.as_json()["steps"] == (NOW + 1, NOW + 2)


def test_a_rehearsal_leaves_the_file_as_it_is_to_the_byte(path: Path, release: Steps) -> None:
    before = path.read_bytes()
    release(stopped_process.STEPS[0], "CREATE TABLE note (x TEXT) STRICT;")
    report = upgrade.rehearse(Settings(path=path))
    assert (report.before, report.after, report.steps) == (NOW, NOW + 1, (NOW + 1,))
    assert not report.ok
    assert report.failure is not None
    assert f"step {NOW + 2} failed" in report.failure
    assert report.backup is None
    assert path.read_bytes() == before
    assert names(path.parent) == ["agent.a3s"]
    release(stopped_process.STEPS[0])
    assert upgrade.rehearse(Settings(path=path)).ok
    assert path.read_bytes() == before


def test_a_rehearsal_leaves_a_log_as_it_is_too(tmp_path: Path, release: Steps) -> None:
    folder = tmp_path / "killed"
    folder.mkdir()

    async def use(store: SqliteSessionStore) -> None:
        await store.save(session())
        for name in ("agent.a3s", "agent.a3s-wal"):
            process = await asyncio.create_subprocess_exec("cp", tmp_path / name, folder / name)
            assert await process.wait() == 0

    with_store(tmp_path / "agent.a3s", use)
    before = {name: (folder / name).read_bytes() for name in names(folder)}
    release("CREATE TABLE later (x TEXT) STRICT;")
    assert upgrade.rehearse(Settings(path=folder / "agent.a3s")).steps == (NOW + 1,)
    assert {name: (folder / name).read_bytes() for name in before} == before


def test_a_rehearsal_beside_an_open_store_leaves_it_at_work(path: Path, release: Steps) -> None:
    async def use(store: SqliteSessionStore) -> None:
        await store.save(session("before"))
        release("CREATE TABLE later (x TEXT) STRICT;")
        report = await asyncio.to_thread(upgrade.rehearse, Settings(path=path))
        assert report.steps == (NOW + 1,)
        await store.save(session("after"))

    with_store(path, use)
    assert version(path) == NOW


@pytest.mark.parametrize("work", [upgrade.upgrade, upgrade.rehearse])
def test_no_store_is_made_by_migrating_nothing(
    tmp_path: Path, work: Callable[[Settings], object]
) -> None:
    path = tmp_path / "agent.a3s"
    with pytest.raises(NotAStoreError):
        work(Settings(path=path))
    path.touch()
    with pytest.raises(NotAStoreError):
        work(Settings(path=path))
    assert path.stat().st_size == 0


@pytest.mark.parametrize("work", [upgrade.upgrade, upgrade.rehearse])
def test_a_newer_file_is_not_brought_back(path: Path, work: Callable[[Settings], object]) -> None:
    with database(path) as conn:
        conn.execute(f"PRAGMA user_version = {migrate.newest() + 1}")
    before = path.read_bytes()
    with pytest.raises(StoreError) as caught:
        work(Settings(path=path))
    assert isinstance(caught.value, SchemaTooNewError) or "newer" in str(caught.value)
    assert path.read_bytes() == before


def test_another_programs_database_is_not_migrated(tmp_path: Path) -> None:
    path = tmp_path / "theirs.db"
    conn = sqlite3.connect(path)
    conn.execute("CREATE TABLE theirs (x)")
    conn.close()
    before = path.read_bytes()
    with pytest.raises(NotAStoreError):
        upgrade.rehearse(Settings(path=path))
    assert path.read_bytes() == before
    assert names(tmp_path) == ["theirs.db"]
