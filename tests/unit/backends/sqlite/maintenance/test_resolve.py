"""`resolve` makes refused files openable; no file is removed, no left-out WAL applied later."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

import a3s_store
from a3s_store.backends.sqlite.maintenance.resolve import Action
from a3s_store.errors import (
    CorruptionError,
    NotAStoreError,
    StoreBusyError,
    StoreUnavailableError,
    WalForeignError,
    WalMissingError,
)
from tests.faults.harness.store_process import StoreProcess
from tests.support import session, with_store


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "agent.a3s"


@pytest.fixture
def process() -> Iterator[StoreProcess]:
    with StoreProcess() as made:
        yield made


def log_of(path: Path) -> Path:
    return path.with_name(path.name + "-wal")


def killed(path: Path, process: StoreProcess, name: str) -> None:
    assert process.open(path) is None
    for count in (2, 3):
        assert process.save(name, count) is None
    process.kill()


def ids(path: Path) -> list[str]:
    async def read(store: a3s_store.SqliteSessionStore) -> list[str]:
        assert (await store.verify(depth="deep")).ok
        return await store.list()

    return with_store(path, read)


def test_a_foreign_log_is_set_aside_for_good(
    path: Path, tmp_path: Path, process: StoreProcess
) -> None:
    with_store(path, lambda store: store.save(session("mine")))
    other = tmp_path / "other.a3s"
    killed(other, process, "theirs")
    shutil.copy(log_of(other), log_of(path))
    report = a3s_store.resolve(path, "set-aside-wal")
    aside = Path(f"{log_of(path)}.set-aside")
    assert report.set_aside == (str(aside),)
    assert report.sessions == 1
    assert report.last_saved_at_ms is not None
    assert aside.read_bytes() == log_of(other).read_bytes()
    assert ids(path) == ["mine"]


def test_a_log_that_was_left_out_is_never_this_files_again(
    path: Path, tmp_path: Path, process: StoreProcess
) -> None:
    with_store(path, lambda store: store.save(session("before")))
    shutil.copy(path, tmp_path / "older")
    with_store(path, lambda store: store.save(session("between")))
    killed(path, process, "after")
    shutil.copy(tmp_path / "older", path)
    with pytest.raises(WalForeignError) as caught:
        ids(path)
    assert caught.value.reason == "newer"
    a3s_store.resolve(path, "set-aside-wal")
    assert ids(path) == ["before"]
    Path(f"{log_of(path)}.set-aside").rename(log_of(path))
    with pytest.raises(WalForeignError):
        ids(path)


def test_a_file_without_its_log_is_gone_on_with(path: Path, process: StoreProcess) -> None:
    with_store(path, lambda store: store.save(session("before")))
    killed(path, process, "after")
    log_of(path).unlink()
    with pytest.raises(WalMissingError) as caught:
        ids(path)
    assert "resolve agent.a3s --without-wal" in str(caught.value)
    report = a3s_store.resolve(path, "without-wal")
    assert report.set_aside == ()
    assert "before" in ids(path)


def test_another_programs_log_is_taken_in_or_left_out(path: Path, tmp_path: Path) -> None:
    with_store(path, lambda store: store.save(session("mine")))
    conn = sqlite3.connect(path, isolation_level=None)
    conn.execute("CREATE TABLE theirs (x)")
    for end in ("", "-wal"):
        shutil.copy(f"{path}{end}", f"{tmp_path / 'killed.a3s'}{end}")
    conn.close()
    for action, has_theirs in (("with-wal", 1), ("set-aside-wal", 0)):
        one = tmp_path / f"{action}.a3s"
        for end in ("", "-wal"):
            shutil.copy(f"{tmp_path / 'killed.a3s'}{end}", f"{one}{end}")
        with pytest.raises(WalForeignError, match="another program"):
            ids(one)
        a3s_store.resolve(one, action)  # type: ignore[arg-type]
        assert ids(one) == ["mine"]
        conn = sqlite3.connect(one)
        tables = "SELECT count(*) FROM sqlite_schema WHERE name = 'theirs'"
        assert conn.execute(tables).fetchone() == (has_theirs,)
        conn.close()


@pytest.mark.parametrize("action", ["set-aside-wal", "with-wal", "set-aside-journal"])
def test_where_there_is_nothing_to_resolve_it_says_so(path: Path, action: Action) -> None:
    with_store(path, lambda store: store.save(session("mine")))
    before = path.read_bytes()
    with pytest.raises(StoreUnavailableError, match="there is no"):
        a3s_store.resolve(path, action)
    assert path.read_bytes() == before


def test_a_store_that_is_open_is_left_alone(path: Path, process: StoreProcess) -> None:
    assert process.open(path) is None
    assert process.save("a", 3) is None
    with pytest.raises(StoreBusyError):
        a3s_store.resolve(path, "set-aside-wal")
    assert process.save("b", 3) is None
    assert process.close() is None
    assert ids(path) == ["a", "b"]


def test_what_is_damaged_is_not_accepted(path: Path, process: StoreProcess) -> None:
    with_store(path, lambda store: store.save(session("mine", 500)))
    killed(path, process, "after")
    log_of(path).unlink()
    with path.open("r+b") as file:
        file.seek(40 * 4096)
        file.write(b"\xff" * 8192)
    before = path.read_bytes()
    with pytest.raises(CorruptionError):
        a3s_store.resolve(path, "without-wal")
    assert path.read_bytes() == before


def test_there_must_be_a_database(path: Path) -> None:
    with pytest.raises(NotAStoreError):
        a3s_store.resolve(path, "without-wal")
