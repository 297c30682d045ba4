"""A restore keeps the old store, is refused while that is open, and never mixes two stores."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from a3s_store import SqliteSessionStore
from a3s_store.backends.sqlite.connection import connect, kept_files
from a3s_store.backends.sqlite.connection.settings import Settings
from a3s_store.backends.sqlite.format import atomic_rename
from a3s_store.backends.sqlite.maintenance import backup
from a3s_store.backends.sqlite.maintenance.restore import restore
from a3s_store.errors import (
    CorruptionError,
    NotAStoreError,
    StoreBusyError,
    StoreError,
    StoreUnavailableError,
    WalForeignError,
)
from tests.support import database, session, with_store
from tests.unit.backends.sqlite.media import read_only


def make(path: Path, name: str, count: int = 4) -> Path:
    with_store(path, lambda store: store.save(session(name, count=count)))
    return path


def ids(path: Path) -> list[str]:
    found: list[str] = with_store(path, lambda store: store.list())
    return found


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """A backup of a store with the session "then"."""
    make(tmp_path / "source.a3s", "then")
    backup.take(Settings(path=tmp_path / "source.a3s"), tmp_path / "saved.a3s")
    (tmp_path / "source.a3s").unlink()
    return tmp_path / "saved.a3s"


def killed(path: Path, name: str) -> Path:
    """A store whose process was killed with all its data in the WAL."""
    program = (
        "import asyncio, os, sys\n"
        "from a3s_store import SqliteSessionStore\n"
        "from tests.support import session\n"
        "async def main():\n"
        "    store = await SqliteSessionStore.open(sys.argv[1])\n"
        "    await store.save(session(sys.argv[2]))\n"
        "    os._exit(0)\n"
        "asyncio.run(main())\n"
    )
    subprocess.run([sys.executable, "-c", program, str(path), name], check=True, timeout=60)
    assert path.with_name(path.name + "-wal").stat().st_size > 0
    return path


def test_a_backup_becomes_a_store_where_there_was_none(saved: Path, tmp_path: Path) -> None:
    report = restore(saved, tmp_path / "agent.a3s")
    assert names(tmp_path) == ["agent.a3s", "saved.a3s"]
    assert (report.replaced, report.sessions) == ((), 1)
    assert report.as_json()["bytes"] == (tmp_path / "agent.a3s").stat().st_size
    assert stat.S_IMODE((tmp_path / "agent.a3s").stat().st_mode) == 0o600
    assert ids(tmp_path / "agent.a3s") == ids(saved) == ["then"]


def test_what_is_there_is_not_replaced_unasked(saved: Path, tmp_path: Path) -> None:
    path = make(tmp_path / "agent.a3s", "now")
    with pytest.raises(StoreUnavailableError) as caught:
        restore(saved, path)
    assert caught.value.op == "restore"
    assert ids(path) == ["now"]
    assert names(tmp_path) == ["agent.a3s", "saved.a3s"]


def test_what_was_there_is_kept_under_another_name_each_time(saved: Path, tmp_path: Path) -> None:
    path = make(tmp_path / "agent.a3s", "now")
    first = restore(saved, path, replace=True)
    assert first.replaced == (f"{path}.replaced",)
    make(path, "later")
    second = restore(saved, path, replace=True)
    assert second.replaced == (f"{path}.replaced.2",)
    assert ids(path) == ["then"]
    assert ids(Path(f"{path}.replaced")) == ["now"]
    assert ids(Path(f"{path}.replaced.2")) == ["later", "then"]


def test_what_a_killed_process_left_in_its_log_is_kept_with_the_store(
    saved: Path, tmp_path: Path
) -> None:
    path = killed(tmp_path / "agent.a3s", "now")
    restore(saved, path, replace=True)
    assert names(tmp_path) == ["agent.a3s", "agent.a3s.replaced", "saved.a3s"]
    assert ids(path) == ["then"]
    assert ids(Path(f"{path}.replaced")) == ["now"]


def test_a_source_is_taken_with_its_log(tmp_path: Path) -> None:
    source = killed(tmp_path / "source.a3s", "in the log")
    restore(source, tmp_path / "agent.a3s")
    assert ids(tmp_path / "agent.a3s") == ["in the log"]


def test_a_damaged_store_is_kept_byte_for_byte_with_its_log(saved: Path, tmp_path: Path) -> None:
    path = killed(tmp_path / "agent.a3s", "now")
    log = tmp_path / "agent.a3s-wal"
    for file in (path, log):
        with file.open("r+b") as opened:
            opened.write(b"damaged " * 10)
    before = path.read_bytes(), log.read_bytes()
    report = restore(saved, path, replace=True)
    assert report.replaced == (f"{path}.replaced", f"{path}.replaced-wal")
    assert tuple(Path(name).read_bytes() for name in report.replaced) == before
    assert ids(path) == ["then"]


def test_a_store_whose_log_alone_is_damaged_is_kept_byte_for_byte(
    saved: Path, tmp_path: Path
) -> None:
    """SQLite would copy the readable part of the WAL, and remove the WAL."""
    path = tmp_path / "agent.a3s"
    make(path, "in the database")
    killed(path, "in the log")
    log = tmp_path / "agent.a3s-wal"
    with log.open("r+b") as opened:
        opened.seek(32 + 24 + 100)
        byte = opened.read(1)[0]
        opened.seek(-1, os.SEEK_CUR)
        opened.write(bytes([byte ^ 4]))
    before = path.read_bytes(), log.read_bytes()
    report = restore(saved, path, replace=True)
    assert tuple(Path(name).read_bytes() for name in report.replaced) == before
    assert ids(path) == ["then"]


def test_a_log_without_its_database_is_kept_and_nothing_is_made_beside_it(
    saved: Path, tmp_path: Path
) -> None:
    path = killed(tmp_path / "agent.a3s", "now")
    path.unlink()
    (tmp_path / "agent.a3s-shm").unlink(missing_ok=True)
    before = names(tmp_path)
    with pytest.raises(WalForeignError) as caught:
        ids(path)
    assert caught.value.reason == "no_database"
    assert "restore" in caught.value.hint
    assert names(tmp_path) == before
    report = restore(saved, path)
    assert report.replaced == (f"{path}.replaced-wal",)
    assert ids(path) == ["then"]


@contextmanager
def another_process_with(path: Path) -> Iterator[None]:
    program = (
        "import asyncio, sys\n"
        "from a3s_store import SqliteSessionStore\n"
        "async def main():\n"
        "    async with SqliteSessionStore.open(sys.argv[1]):\n"
        "        print('open', flush=True)\n"
        "        await asyncio.to_thread(sys.stdin.read)\n"
        "asyncio.run(main())\n"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", program, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert other.stdout is not None
    assert other.stdout.readline() == "open\n"
    try:
        yield
    finally:
        other.communicate("", timeout=60)


def test_a_store_that_another_process_has_open_is_not_replaced(saved: Path, tmp_path: Path) -> None:
    path = make(tmp_path / "agent.a3s", "now")
    with another_process_with(path):
        before = path.read_bytes()
        with pytest.raises(StoreBusyError):
            restore(saved, path, replace=True)
        assert path.read_bytes() == before
        assert not list(tmp_path.glob("*.replaced*"))
        assert not list(tmp_path.glob("*.partial*"))
    restore(saved, path, replace=True)
    assert ids(path) == ["then"]


def test_a_damaged_store_that_another_process_has_open_is_not_replaced(
    saved: Path, tmp_path: Path
) -> None:
    path = make(tmp_path / "agent.a3s", "now")
    with another_process_with(path):
        with path.open("r+b") as opened:
            opened.write(b"damaged ")
        with pytest.raises(StoreBusyError):
            restore(saved, path, replace=True)
        with path.open("r+b") as opened:
            opened.write(b"SQLite f")


def test_a_store_that_this_process_has_open_is_not_replaced(saved: Path, tmp_path: Path) -> None:
    path = make(tmp_path / "agent.a3s", "now")

    async def use(store: SqliteSessionStore) -> None:
        with pytest.raises(StoreBusyError):
            await asyncio.to_thread(restore, saved, path, replace=True)
        await store.save(session("still here"))

    with_store(path, use)
    assert ids(path) == ["now", "still here"]


def test_a_damaged_store_that_this_process_has_open_is_not_so_much_as_read(
    saved: Path, tmp_path: Path
) -> None:
    """Closing a descriptor of an open database drops its locks."""
    path = make(tmp_path / "agent.a3s", "now")
    write = "import sys; f = open(sys.argv[1], 'r+b'); f.write(sys.argv[2].encode())"

    async def use(store: SqliteSessionStore) -> None:
        for content in ("damaged ", "SQLite f"):
            subprocess.run([sys.executable, "-c", write, str(path), content], check=True)  # noqa: ASYNC221
            with pytest.raises(StoreBusyError):
                await asyncio.to_thread(restore, saved, path, replace=True)

    with_store(path, use)
    assert ids(path) == ["now"]


def test_a_plain_reader_of_this_process_is_in_the_way_too(saved: Path, tmp_path: Path) -> None:
    path = make(tmp_path / "agent.a3s", "now")
    with database(path) as conn:
        conn.execute("SELECT count(*) FROM session").fetchone()
        with pytest.raises(StoreBusyError):
            restore(saved, path, replace=True)


def test_whoever_was_about_to_open_the_old_file_is_told_to_try_again(
    saved: Path, tmp_path: Path
) -> None:
    """An open connection would use the new store's WAL with the old database."""
    path = make(tmp_path / "agent.a3s", "now")
    before = kept_files.identity(path)
    settings = Settings(path=path)
    conn = connect._connect(path, settings)
    try:
        conn.closed.set()  # it has read nothing yet, and holds no lock
        restore(saved, path, replace=True)
        with pytest.raises(StoreBusyError, match="replaced"):
            connect._look(conn, path, before)
    finally:
        sqlite3.Connection.close(conn)
    assert ids(path) == ["then"]


def test_a_damaged_backup_is_refused_before_anything_happens(saved: Path, tmp_path: Path) -> None:
    path = make(tmp_path / "agent.a3s", "now")
    with database(saved) as conn:
        conn.execute("UPDATE message SET content = replace(content, 'words', 'WORDS')")
        conn.commit()
    with pytest.raises(CorruptionError) as caught:
        restore(saved, path, replace=True)
    assert "salvage" in caught.value.hint
    assert str(saved) in str(caught.value)
    assert names(tmp_path) == ["agent.a3s", "saved.a3s"]
    assert ids(path) == ["now"]


def test_a_backup_with_a_damaged_log_is_refused(tmp_path: Path) -> None:
    source = killed(tmp_path / "source.a3s", "now")
    log = tmp_path / "source.a3s-wal"
    data = bytearray(log.read_bytes())
    data[32 + 24 + 100] ^= 4
    log.write_bytes(data)
    before = {name: (tmp_path / name).read_bytes() for name in ("source.a3s", "source.a3s-wal")}
    with pytest.raises(CorruptionError):
        restore(source, tmp_path / "agent.a3s")
    assert {name: (tmp_path / name).read_bytes() for name in before} == before
    assert not (tmp_path / "agent.a3s").exists()


@pytest.mark.parametrize("content", [b"", b"dear diary\n" * 500])
def test_what_is_no_store_is_not_restored(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "saved.a3s").write_bytes(content)
    with pytest.raises(NotAStoreError):
        restore(tmp_path / "saved.a3s", tmp_path / "agent.a3s")
    assert names(tmp_path) == ["saved.a3s"]


def test_a_store_is_not_restored_onto_itself_or_onto_a_folder(saved: Path, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "link.a3s").symlink_to(saved)
    for target in (saved, tmp_path / "link.a3s", tmp_path / "folder"):
        with pytest.raises(StoreError):
            restore(saved, target, replace=True)
    assert ids(saved) == ["then"]


def test_a_symbolic_link_to_a_store_stays_one(saved: Path, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    make(tmp_path / "data" / "agent.a3s", "now")
    (tmp_path / "agent.a3s").symlink_to(tmp_path / "data" / "agent.a3s")
    report = restore(saved, tmp_path / "agent.a3s", replace=True)
    assert (tmp_path / "agent.a3s").is_symlink()
    assert report.replaced == (str(tmp_path / "data" / "agent.a3s.replaced"),)
    assert ids(tmp_path / "agent.a3s") == ["then"]


def test_without_a_swap_of_names_the_restore_goes_another_way(
    saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a file system without exchange of names and without rename that refuses to replace."""
    monkeypatch.setattr(atomic_rename, "_call", lambda: None)
    path = make(tmp_path / "agent.a3s", "now")
    restore(saved, path, replace=True)
    assert names(tmp_path) == ["agent.a3s", "agent.a3s.replaced", "saved.a3s"]
    assert ids(path) == ["then"]
    assert ids(Path(f"{path}.replaced")) == ["now"]
    assert path.stat().st_nlink == 1


def test_a_rename_that_never_replaces_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    for call in (atomic_rename._call(), None):
        monkeypatch.setattr(atomic_rename, "_call", lambda call=call: call)
        one.write_text("one")
        two.write_text("two")
        with pytest.raises(FileExistsError):
            atomic_rename.rename_new(one, two)
        assert (one.read_text(), two.read_text()) == ("one", "two")
        two.unlink()
        atomic_rename.rename_new(one, two)
        assert names(tmp_path) == ["two"]


@pytest.mark.skipif(sys.platform != "linux", reason="tried on Linux only")
@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs a mount")
def test_a_backup_on_a_medium_that_cannot_be_written_is_restored(
    saved: Path, tmp_path: Path
) -> None:
    medium = tmp_path / "medium"
    medium.mkdir()
    shutil.copy(saved, medium / "saved.a3s")
    with read_only(medium):
        restore(medium / "saved.a3s", tmp_path / "agent.a3s")
    assert ids(tmp_path / "agent.a3s") == ["then"]
