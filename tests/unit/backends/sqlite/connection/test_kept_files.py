"""Descriptors of databases: closing one would drop the locks that SQLite has on the file."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path

import pytest

from a3s_store import SqliteSessionStore
from a3s_store.backends.sqlite.connection import kept_files
from a3s_store.errors import NotAStoreError
from tests.support import session, with_store


def _locks(path: Path) -> list[str]:
    """The locks of this process on the file, as the kernel lists them."""
    inode = f":{path.stat().st_ino}"
    lines = Path("/proc/locks").read_text().splitlines()
    mine = (line for line in lines if f" {os.getpid()} " in line and f"{inode} " in line)
    return sorted(line.partition(": ")[2] for line in mine)


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc/locks")
def test_reading_a_file_that_is_open_here_keeps_sqlites_locks(tmp_path: Path) -> None:
    path = tmp_path / "agent.a3s"

    async def use(store: SqliteSessionStore) -> None:
        await store.save(session("s", count=1))
        before = _locks(path)
        assert before
        for number in range(3 * kept_files.KEPT):
            other = tmp_path / f"other-{number}"
            other.write_bytes(b"")
            kept_files.descriptor(other)
            assert os.pread(kept_files.descriptor(path), 6, 0) == b"SQLite"
        assert _locks(path) == before

    with_store(path, use)


def test_a_file_has_one_descriptor_whatever_its_name(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.write_bytes(b"1")
    kept = kept_files.descriptor(first)
    first.rename(second)
    assert kept_files.descriptor(second) == kept
    first.write_bytes(b"2")
    assert os.pread(kept_files.descriptor(first), 1, 0) == b"2"


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc/self/fd")
def test_of_files_that_are_closed_here_few_descriptors_are_kept(tmp_path: Path) -> None:
    for number in range(2 * kept_files.KEPT):
        path = tmp_path / f"file-{number}"
        path.write_bytes(b"")
        kept_files.descriptor(path)
    assert 0 < len(_open_below(tmp_path)) <= kept_files.KEPT + 1


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc/self/fd")
def test_a_removed_file_is_let_go_of(tmp_path: Path) -> None:
    removed, other = tmp_path / "removed", tmp_path / "other"
    for path in (removed, other):
        path.write_bytes(b"")
    kept_files.descriptor(removed)
    removed.unlink()
    kept_files.descriptor(other)
    assert _open_below(tmp_path) == [str(other)]


def _open_below(folder: Path) -> list[str]:
    """What this process has open in the folder; a removed file's name says that it is."""
    found = []
    for link in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            found.append(str(link.readlink()))
    return [name for name in found if name.startswith(str(folder))]


def test_what_is_no_regular_file_is_not_opened(tmp_path: Path) -> None:
    with pytest.raises(NotAStoreError):
        kept_files.descriptor(tmp_path)
    with pytest.raises(FileNotFoundError):
        kept_files.descriptor(tmp_path / "missing")
