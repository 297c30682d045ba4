"""A database and what lies beside it: what people and programs leave, and what follows."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from a3s_store import SqliteSessionStore
from a3s_store.errors import StoreError
from tests.faults.harness.store_process import StoreProcess, named
from tests.support import session

Make = Callable[[Path], None]


def saved(path: Path, *ids: str, count: int = 3) -> None:
    async def save() -> None:
        async with SqliteSessionStore.open(path) as store:
            for each in ids:
                await store.save(session(each, count))

    asyncio.run(save())


def opened(path: Path) -> str:
    """Open the store; return: an error, or the ids that can be loaded."""

    async def read() -> str:
        async with SqliteSessionStore.open(path) as store:
            ids = await store.list()
            for each in ids:
                assert await store.load(each) is not None
            assert (await store.verify(depth="deep")).ok
            return " ".join(ids)

    try:
        return asyncio.run(read())
    except StoreError as error:
        return named(error)


def log_of(path: Path) -> Path:
    return path.with_name(path.name + "-wal")


def content(folder: Path) -> dict[str, bytes]:
    return {
        each.name: each.read_bytes()
        for each in folder.iterdir()
        if not each.name.endswith(("-shm", "-queue"))
    }


@pytest.fixture
def path(tmp_path: Path) -> Path:
    folder = tmp_path / "store"
    folder.mkdir()
    return folder / "agent.a3s"


@pytest.fixture
def process() -> Iterator[StoreProcess]:
    with StoreProcess() as made:
        yield made


def killed(path: Path, process: StoreProcess, *ids: str) -> None:
    """A store whose process was killed after it had saved these."""
    assert process.open(path) is None
    # The first save has a checkpoint behind it, the second comes after that.
    for count in (2, 3):
        for each in ids:
            assert process.save(each, count) is None
    process.kill()


# -- Beside a file whose process was killed ------------------------------------------------------


def _nothing(path: Path) -> None:
    log_of(path).unlink()
    path.with_name(path.name + "-shm").unlink()


def _emptied(path: Path) -> None:
    log_of(path).write_bytes(b"")


def _cut_within_the_first_page(path: Path) -> None:
    log_of(path).write_bytes(log_of(path).read_bytes()[:3000])


def _of_another_store(path: Path) -> None:
    other = path.parent.parent / "other.a3s"
    with StoreProcess() as process:
        killed(other, process, "x")
    shutil.copy(log_of(other), log_of(path))


def _as_it_is(path: Path) -> None:
    pass


def _no_index(path: Path) -> None:
    path.with_name(path.name + "-shm").unlink()


def _without_its_database(path: Path) -> None:
    path.unlink()


def _emptied_database(path: Path) -> None:
    path.write_bytes(b"")


def _replaced_by_a_backup(path: Path) -> None:
    shutil.copy(path.parent.parent / "backup.a3s", path)


def _replaced_by_a_renamed_backup(path: Path) -> None:
    (path.parent.parent / "backup.a3s").rename(path)


def _replaced_by_its_older_self(path: Path) -> None:
    shutil.copy(path.parent.parent / "copied.a3s", path)


def _cut_database(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2 // 4096 * 4096])


def _hot_journal(path: Path) -> None:
    path.with_name(path.name + "-journal").write_bytes(b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7" * 64)


KILLED: list[tuple[str, Make, str]] = [
    ("all of it", _as_it_is, "a b"),
    ("no index", _no_index, "a b"),
    ("no log", _nothing, "WalMissingError absent"),
    ("an empty log", _emptied, "WalMissingError absent"),
    ("a log cut short", _cut_within_the_first_page, "WalMissingError cut_short"),
    ("another store's log", _of_another_store, "WalForeignError other_file"),
    ("no database", _without_its_database, "WalForeignError no_database"),
    ("an empty database", _emptied_database, "WalForeignError no_database"),
    ("a backup copied over it", _replaced_by_a_backup, "WalForeignError other_file"),
    ("a backup renamed to it", _replaced_by_a_renamed_backup, "WalForeignError other_file"),
    ("its own older state", _replaced_by_its_older_self, "WalForeignError newer"),
    ("half of the database", _cut_database, "CorruptionError"),
    ("a journal", _hot_journal, "JournalFoundError hot"),
]


@pytest.mark.parametrize(("what", "change", "expected"), KILLED, ids=[row[0] for row in KILLED])
def test_what_lies_beside_a_file_that_was_not_closed(
    path: Path, tmp_path: Path, process: StoreProcess, what: str, change: Make, expected: str
) -> None:
    saved(path, "a")
    shutil.copy(path, tmp_path / "copied.a3s")
    backed_up(path, tmp_path / "backup.a3s")
    saved(path, "a", count=50)
    killed(path, process, "b")
    change(path)
    before = content(path.parent)
    assert opened(path) == expected
    if "Error" in expected:
        assert content(path.parent) == before


def backed_up(path: Path, target: Path) -> None:
    async def back_up() -> None:
        async with SqliteSessionStore.open(path) as store:
            await store.backup(target)

    asyncio.run(back_up())


# -- Beside a file that was closed -----------------------------------------------------------------


def _own_older_log(path: Path) -> None:
    shutil.copy(path.parent.parent / "older-wal", log_of(path))


def _log_of_another_program(path: Path) -> None:
    """Another program wrote to a copy of the file, and was killed."""
    copy = path.parent.parent / "copy.a3s"
    shutil.copy(path, copy)
    conn = sqlite3.connect(copy, isolation_level=None)
    conn.execute("CREATE TABLE theirs (x)")
    shutil.copy(log_of(copy), log_of(path))
    conn.close()


def _first_bytes_of_a_log(path: Path) -> None:
    log_of(path).write_bytes(b"\x37\x7f\x06\x82")


def _stale_index(path: Path) -> None:
    path.with_name(path.name + "-shm").write_bytes(b"\xff" * 32768)


def _journal_without_a_first_byte(path: Path) -> None:
    path.with_name(path.name + "-journal").write_bytes(bytes(512))


CLOSED: list[tuple[str, Make, str]] = [
    ("nothing", _as_it_is, "a b"),
    ("an empty log", _emptied, "a b"),
    ("a log of four bytes", _first_bytes_of_a_log, "a b"),
    ("another store's log", _of_another_store, "WalForeignError other_file"),
    ("its own older log", _own_older_log, "WalForeignError older"),
    ("another program's log", _log_of_another_program, "WalForeignError unlinked"),
    ("half of the database", _cut_database, "CorruptionError"),
    ("a stale index", _stale_index, "a b"),
    ("a journal", _hot_journal, "JournalFoundError hot"),
    ("a journal that is ended", _journal_without_a_first_byte, "a b"),
]


@pytest.mark.parametrize(("what", "change", "expected"), CLOSED, ids=[row[0] for row in CLOSED])
def test_what_lies_beside_a_file_that_was_closed(
    path: Path, tmp_path: Path, process: StoreProcess, what: str, change: Make, expected: str
) -> None:
    killed(path, process, "a")
    shutil.copy(log_of(path), tmp_path / "older-wal")
    saved(path, "b")
    saved(path, "b", count=5)
    change(path)
    before = content(path.parent)
    assert opened(path) == expected
    if "Error" in expected:
        assert content(path.parent) == before


def test_a_database_without_tables_is_not_taken_for_a_new_store(path: Path) -> None:
    """So young stores of older releases looked that had lost their log."""
    with contextlib.closing(sqlite3.connect(path)) as conn:
        conn.execute("PRAGMA journal_mode = WAL")
    assert opened(path) == "FileIncompleteError no_tables"


def test_an_empty_file_is_made_a_store(path: Path) -> None:
    path.touch()
    saved(path, "a")
    assert opened(path) == "a"
    assert path.stat().st_mode & 0o777 == 0o600


# -- Under the process that has it open ------------------------------------------------------------


def _moved_away(path: Path) -> None:
    path.rename(path.with_name("moved.a3s"))


def _removed(path: Path) -> None:
    path.unlink()


def _no_log(path: Path) -> None:
    log_of(path).unlink()


def _replaced_log(path: Path) -> None:
    log_of(path).unlink()
    log_of(path).write_bytes(b"")


def _cut_log(path: Path) -> None:
    with log_of(path).open("r+b") as file:
        file.truncate(0)


def _half_a_database(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2 // 4096 * 4096)


UNDER: list[tuple[str, Make, str, bool]] = [
    # The change, the error of the next save, whether all acknowledged saves are in a file then.
    ("the log removed", _no_log, "StoreReplacedError gone", True),
    ("the log replaced", _replaced_log, "StoreReplacedError replaced", True),
    ("the log emptied", _cut_log, "StoreReplacedError cut", False),
    ("the index removed", _no_index, "StoreReplacedError gone", True),
    ("the database moved away", _moved_away, "StoreReplacedError gone", True),
    ("the database removed", _removed, "StoreReplacedError gone", True),
    ("a backup renamed to it", _replaced_by_a_renamed_backup, "StoreReplacedError replaced", True),
    ("a backup copied over it", _replaced_by_a_backup, "StoreReplacedError overwritten", False),
    ("half of the database", _half_a_database, "StoreReplacedError cut", False),
]


@pytest.mark.parametrize("end", ["closed", "killed"])
@pytest.mark.parametrize(
    ("what", "change", "expected", "is_kept"), UNDER, ids=[r[0] for r in UNDER]
)
def test_what_is_done_under_an_open_store(
    path: Path,
    tmp_path: Path,
    process: StoreProcess,
    what: str,
    change: Make,
    expected: str,
    is_kept: bool,
    end: str,
) -> None:
    saved(path, "a")
    backed_up(path, tmp_path / "backup.a3s")
    assert process.open(path) is None
    for each in ("b", "c"):
        assert process.save(each, 30) is None
    change(path)
    before = path.read_bytes() if path.exists() else b""
    assert process.save("d", 3) == expected
    assert process.save("e", 3) == expected
    if not is_kept:
        assert path.read_bytes() == before
        assert process.load("a") == expected
    if end == "closed":
        assert process.close() is None
    else:
        process.kill()
    if not is_kept:
        # Nothing is copied into a file that is another one, by the closing either.
        assert path.read_bytes() == before
        return
    stores = [
        each for each in path.parent.iterdir() if not each.name.endswith(("-wal", "-shm", "-queue"))
    ]
    assert "a b c" in {opened(each) for each in stores}
