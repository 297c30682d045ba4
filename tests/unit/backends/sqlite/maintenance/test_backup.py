"""A backup is of one moment, takes its name when it is complete, and delays no save."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import stat
import threading
from pathlib import Path

import pytest

from a3s_store import SqliteSessionStore
from a3s_store.backends.sqlite.connection.settings import Settings
from a3s_store.backends.sqlite.format import file_copy
from a3s_store.backends.sqlite.maintenance import backup
from a3s_store.backends.sqlite.schema import migrate
from a3s_store.errors import (
    CorruptionError,
    NotAStoreError,
    SchemaTooNewError,
    StoreUnavailableError,
)
from tests.support import artifact, database, session, with_store


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A store large enough for several steps of a copy."""

    async def fill(store: SqliteSessionStore) -> None:
        await store.save(session(count=40))
        await store.save_artifacts("fix-login", [artifact(n, size=15_000) for n in range(100)])

    path = tmp_path / "agent.a3s"
    with_store(path, fill)
    return path


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def test_a_backup_is_a_store_with_all_there_was(path: Path, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    report = backup.take(
        Settings(path=path), tmp_path / "copy.a3s", lambda *pages: told.append(pages)
    )
    assert names(tmp_path) == ["agent.a3s", "copy.a3s"], "one file, and nothing left over"
    assert (report.source, report.target) == (str(path), str(tmp_path / "copy.a3s"))
    assert report.bytes == (tmp_path / "copy.a3s").stat().st_size == report.pages * 4096
    assert report.sessions == 1
    assert report.as_json()["pages"] == report.pages
    assert [done for done, _ in told] == sorted({done for done, _ in told})
    assert len(told) > 1
    assert told[-1] == (report.pages, report.pages)

    async def use(store: SqliteSessionStore) -> None:
        assert await store.load("fix-login") == session(count=40)
        assert len(await store.load_artifacts("fix-login") or ()) == 100
        await store.save(session(count=41))

    with_store(tmp_path / "copy.a3s", use)
    assert with_store(path, lambda store: store.load("fix-login")) == session(count=40)


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077, 0o777])
def test_a_backup_is_its_owners_alone_whatever_the_umask(
    path: Path, tmp_path: Path, umask: int
) -> None:
    before = os.umask(umask)
    try:
        backup.take(Settings(path=path), tmp_path / "copy.a3s")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "copy.a3s").stat().st_mode) == 0o600


def test_the_temporary_file_is_its_owners_alone_from_the_beginning(
    path: Path, tmp_path: Path
) -> None:
    modes = set()

    def look(_: int, __: int) -> None:
        for entry in tmp_path.glob("*.partial*"):
            modes.add(stat.S_IMODE(entry.stat().st_mode))

    before = os.umask(0)
    try:
        backup.take(Settings(path=path), tmp_path / "copy.a3s", look)
    finally:
        os.umask(before)
    assert modes == {0o600}


@pytest.mark.parametrize("suffix", ["", "-wal", "-shm", "-journal"])
def test_nothing_is_ever_replaced(path: Path, tmp_path: Path, suffix: str) -> None:
    """A WAL at that path would be replayed into the backup by the next opening."""
    there = tmp_path / f"copy.a3s{suffix}"
    there.write_bytes(b"mine")
    with pytest.raises(StoreUnavailableError) as caught:
        backup.take(Settings(path=path), tmp_path / "copy.a3s", lambda *_: pytest.fail("copied"))
    assert str(there) in str(caught.value)
    assert there.read_bytes() == b"mine"
    assert names(tmp_path) == sorted(["agent.a3s", there.name])


def test_a_symbolic_link_that_leads_nowhere_is_not_followed(path: Path, tmp_path: Path) -> None:
    (tmp_path / "copy.a3s").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StoreUnavailableError):
        backup.take(Settings(path=path), tmp_path / "copy.a3s")
    assert not (tmp_path / "elsewhere").exists()


def test_a_name_that_is_taken_meanwhile_is_left_as_it_is(path: Path, tmp_path: Path) -> None:
    def take_it(done: int, total: int) -> None:
        if done == total:
            (tmp_path / "copy.a3s").write_bytes(b"mine")

    with pytest.raises(StoreUnavailableError):
        backup.take(Settings(path=path), tmp_path / "copy.a3s", take_it)
    assert (tmp_path / "copy.a3s").read_bytes() == b"mine"
    assert names(tmp_path) == ["agent.a3s", "copy.a3s"]


@pytest.mark.parametrize("target", ["", "a\0b", ":memory:", "/", "missing/copy.a3s"])
def test_what_cannot_be_a_new_file_is_refused(path: Path, tmp_path: Path, target: str) -> None:
    name = target if not target.startswith("missing") else str(tmp_path / target)
    with pytest.raises(StoreUnavailableError):
        backup.take(Settings(path=path), name)
    assert names(tmp_path) == ["agent.a3s"]


def test_saves_go_on_and_the_copy_is_of_one_moment(path: Path, tmp_path: Path) -> None:
    """Sessions are saved between any two steps; none is in the copy, all are in the store."""
    saved = 0

    async def main() -> None:
        nonlocal saved
        loop = asyncio.get_running_loop()
        async with SqliteSessionStore.open(path) as store:

            async def save(number: int) -> None:
                await store.save(session(f"during-{number}"))
                await store.save(session(count=40 + number))

            def between(_: int, __: int) -> None:
                nonlocal saved
                saved += 1
                asyncio.run_coroutine_threadsafe(save(saved), loop).result(timeout=30)

            await asyncio.to_thread(
                backup.take, Settings(path=path), tmp_path / "copy.a3s", between
            )
            assert await store.load("fix-login") == session(count=40 + saved)

    asyncio.run(main())
    assert saved > 1
    assert with_store(tmp_path / "copy.a3s", lambda store: store.list()) == ["fix-login"]
    assert with_store(tmp_path / "copy.a3s", lambda s: s.load("fix-login")) == session(count=40)
    assert len(with_store(path, lambda store: store.list())) == saved + 1


def test_what_is_in_the_log_only_is_in_the_backup(path: Path, tmp_path: Path) -> None:
    async def use(store: SqliteSessionStore) -> None:
        await store.save(session("just now"))
        report = await backup.run(Settings(path=path), tmp_path / "copy.a3s")
        assert report.sessions == 2

    with_store(path, use)
    found = with_store(tmp_path / "copy.a3s", lambda store: store.list())
    assert found == ["fix-login", "just now"]


def test_progress_is_told_on_the_event_loop(path: Path, tmp_path: Path) -> None:
    threads = set()

    async def main() -> None:
        await backup.run(
            Settings(path=path),
            tmp_path / "copy.a3s",
            lambda *_: threads.add(threading.get_ident()),
        )

    asyncio.run(main())
    assert threads == {threading.get_ident()}


def test_a_cancelled_backup_leaves_nothing(path: Path, tmp_path: Path) -> None:
    async def main() -> None:
        began = asyncio.Event()
        task = asyncio.create_task(
            backup.run(Settings(path=path), tmp_path / "copy.a3s", lambda *_: began.set())
        )
        await began.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        left = names(tmp_path)
        assert left in (["agent.a3s"], ["agent.a3s", "copy.a3s"]), "nothing, or the whole of it"

    asyncio.run(main())


def test_a_backup_that_is_stopped_leaves_nothing(path: Path, tmp_path: Path) -> None:
    stop = threading.Event()
    with pytest.raises(backup.StoppedError):
        backup.take(Settings(path=path), tmp_path / "copy.a3s", lambda *_: stop.set(), stop=stop)
    assert names(tmp_path) == ["agent.a3s"]


def test_what_progress_raises_ends_the_backup_and_comes_out(path: Path, tmp_path: Path) -> None:
    class EnoughError(Exception):
        pass

    def refuse(_: int, __: int) -> None:
        raise EnoughError

    with pytest.raises(EnoughError):
        backup.take(Settings(path=path), tmp_path / "copy.a3s", refuse)
    with pytest.raises(EnoughError):
        asyncio.run(backup.run(Settings(path=path), tmp_path / "copy.a3s", refuse))
    assert names(tmp_path) == ["agent.a3s"]


def test_a_damaged_store_makes_no_backup(path: Path, tmp_path: Path) -> None:
    with database(path) as conn:
        conn.execute("UPDATE message SET content = replace(content, 'words', 'WORDS')")
        conn.commit()
    with pytest.raises(CorruptionError):
        backup.take(Settings(path=path), tmp_path / "copy.a3s")
    assert names(tmp_path) == ["agent.a3s"]


def test_a_store_of_a_newer_release_can_be_backed_up(path: Path, tmp_path: Path) -> None:
    with database(path) as conn:
        conn.execute("PRAGMA user_version = 99")

    async def use(store: SqliteSessionStore) -> None:
        assert store.read_only
        await backup.run(Settings(path=store.path), tmp_path / "copy.a3s")

    with_store(path, use)
    with file_copy.opened(tmp_path / "copy.a3s") as conn:
        assert migrate.numbers(conn)[1] == 99
    with pytest.raises(SchemaTooNewError):
        with_store(tmp_path / "copy.a3s", lambda store: store.delete("fix-login"))


@pytest.mark.parametrize("content", [b"", b"dear diary\n" * 500])
def test_what_is_no_store_makes_no_backup(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "agent.a3s"
    path.write_bytes(content)
    with pytest.raises(NotAStoreError):
        backup.take(Settings(path=path), tmp_path / "copy.a3s")
    assert names(tmp_path) == ["agent.a3s"]
    assert path.read_bytes() == content


def test_a_missing_store_makes_no_backup_and_no_file(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailableError):
        backup.take(Settings(path=tmp_path / "agent.a3s"), tmp_path / "copy.a3s")
    assert names(tmp_path) == []


def test_a_very_long_name_has_room_for_the_temporary_one(path: Path, tmp_path: Path) -> None:
    name = "ü" * 120
    backup.take(Settings(path=path), tmp_path / name)
    assert name in names(tmp_path)


def test_the_log_may_be_begun_again_once_the_backup_is_made(path: Path, tmp_path: Path) -> None:
    """The transaction that holds the moment must not outlive the copy."""
    backup.take(Settings(path=path), tmp_path / "copy.a3s")
    conn = sqlite3.connect(path, isolation_level=None)
    conn.execute("INSERT INTO owner (id) VALUES ('x')")
    assert conn.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone() == (0, 0, 0)
    conn.close()
