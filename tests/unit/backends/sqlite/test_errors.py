"""Every error of SQLite and of the system is mapped to a class of ours by its code, with a hint.

The files and folders are real. No operation is refused to root, so another user runs some in a
process of its own.
"""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from a3s_store import SqliteSessionStore
from a3s_store.backends.sqlite.errors import NO_ROOM, explain
from a3s_store.errors import (
    CorruptionError,
    EncodeError,
    NotAStoreError,
    StoreBusyError,
    StoreError,
    StoreFullError,
    StoreUnavailableError,
)
from tests.support import session, with_store

ROOT = Path(__file__).parents[4]
posix = pytest.mark.skipif(os.name == "nt", reason="these are rules of POSIX")

# The class of each primary result code. SQLITE_OK, ROW and DONE are no errors, NOTICE and WARNING
# go to a log, and the others are errors in our SQL or in our use of SQLite.
NAMED: dict[str, type[StoreError]] = {
    "SQLITE_ABORT": StoreError,
    "SQLITE_AUTH": StoreUnavailableError,
    "SQLITE_BUSY": StoreBusyError,
    "SQLITE_CANTOPEN": StoreUnavailableError,
    "SQLITE_CONSTRAINT": StoreError,
    "SQLITE_CORRUPT": CorruptionError,
    "SQLITE_EMPTY": StoreError,
    "SQLITE_ERROR": StoreError,
    "SQLITE_FORMAT": CorruptionError,
    "SQLITE_FULL": StoreFullError,
    "SQLITE_INTERNAL": StoreError,
    "SQLITE_INTERRUPT": StoreError,
    "SQLITE_IOERR": StoreUnavailableError,
    "SQLITE_LOCKED": StoreBusyError,
    "SQLITE_MISMATCH": StoreError,
    "SQLITE_MISUSE": StoreError,
    "SQLITE_NOLFS": StoreUnavailableError,
    "SQLITE_NOMEM": StoreUnavailableError,
    "SQLITE_NOTADB": NotAStoreError,
    "SQLITE_NOTFOUND": StoreError,
    "SQLITE_PERM": StoreUnavailableError,
    "SQLITE_PROTOCOL": StoreBusyError,
    "SQLITE_RANGE": StoreError,
    "SQLITE_READONLY": StoreUnavailableError,
    "SQLITE_SCHEMA": StoreError,
    "SQLITE_TOOBIG": EncodeError,
}
NO_FAILURES = {"OK", "ROW", "DONE", "NOTICE", "WARNING", "DENY", "IGNORE"}


def codes() -> dict[str, int]:
    """Every result code this Python knows, extended ones among them."""
    names = [name for name in dir(sqlite3) if name.startswith("SQLITE_")]
    kinds = [*NAMED, *(f"SQLITE_{name}" for name in NO_FAILURES)]
    return {
        name: getattr(sqlite3, name)
        for name in names
        if any(name == kind or name.startswith(f"{kind}_") for kind in kinds)
        and getattr(sqlite3, name) & 0xFF in {getattr(sqlite3, kind, -1) for kind in NAMED}
        and not name.startswith("SQLITE_LIMIT")
    }


def of_code(code: int, name: str) -> sqlite3.Error:
    error = sqlite3.OperationalError("words of SQLite's own")
    error.sqlite_errorcode = code
    error.sqlite_errorname = name
    return error


@pytest.mark.parametrize("name", sorted(NAMED))
def test_every_primary_code_of_sqlite_has_a_name_and_a_hint(name: str) -> None:
    known = explain(of_code(getattr(sqlite3, name), name))
    assert type(known) is NAMED[name]
    assert known.hint
    assert name in str(known)


def test_no_result_code_is_missing_from_the_table() -> None:
    listed = {getattr(sqlite3, name) for name in NAMED}
    assert listed == set(range(1, 27))


def test_an_extended_code_has_the_name_of_its_primary_one() -> None:
    extended = {name: code for name, code in codes().items() if code > 0xFF}
    assert len(extended) > 60
    primary = {getattr(sqlite3, name): cls for name, cls in NAMED.items()}
    for name, code in extended.items():
        # Where the WAL's index cannot be allocated, the disk is full and not broken.
        named = StoreFullError if code in NO_ROOM else primary[code & 0xFF]
        assert type(explain(of_code(code, name))) is named, name


@pytest.mark.parametrize("number", sorted(errno.errorcode), ids=errno.errorcode.__getitem__)
def test_every_error_of_the_system_has_a_name_and_a_hint(number: int) -> None:
    known = explain(OSError(number, os.strerror(number), "a file"))
    full = {"ENOSPC", "EDQUOT", "EFBIG"}
    expected = StoreFullError if errno.errorcode[number] in full else StoreUnavailableError
    assert type(known) is expected
    assert known.hint
    assert errno.errorcode[number] in str(known)
    assert "a file" in str(known)


# -- Paths ----------------------------------------------------------------------------------------


def missing_folder(folder: Path) -> object:
    return folder / "none" / "agent.a3s"


def a_folder(folder: Path) -> object:
    return folder


def through_a_file(folder: Path) -> object:
    (folder / "file").write_text("text")
    return folder / "file" / "agent.a3s"


def dangling_link(folder: Path) -> object:
    (folder / "link").symlink_to(folder / "none" / "agent.a3s")
    return folder / "link"


def circle_of_links(folder: Path) -> object:
    (folder / "a").symlink_to(folder / "b")
    (folder / "b").symlink_to(folder / "a")
    return folder / "a"


def long_name(folder: Path) -> object:
    return folder / ("x" * 300)


def long_path(folder: Path) -> object:
    return str(folder) + "/x" * 4000


def a_pipe(folder: Path) -> object:
    os.mkfifo(folder / "pipe")
    return folder / "pipe"


def a_text(folder: Path) -> object:
    (folder / "notes").write_text("These are notes, and long enough not to be a header." * 20)
    return folder / "notes"


PATHS: list[Callable[[Path], object]] = [
    missing_folder,
    a_folder,
    through_a_file,
    dangling_link,
    circle_of_links,
    long_name,
    long_path,
    a_pipe,
    a_text,
    lambda folder: "",
    lambda folder: f"{folder}/a\0b",
    lambda folder: f"{folder}/\ud800",
    lambda folder: os.fsencode(folder / "bytes"),
    lambda folder: "/dev/null",
    lambda folder: "/",
]


@posix
@pytest.mark.parametrize("make", PATHS, ids=lambda make: make.__name__)
def test_a_path_that_cannot_be_a_store_is_refused_by_name_and_nothing_is_made(
    tmp_path: Path, make: Callable[[Path], object]
) -> None:
    path = make(tmp_path)

    def there() -> list[tuple[str, int]]:
        return sorted((str(p), p.lstat().st_size) for p in tmp_path.rglob("*"))

    async def main() -> None:
        async with SqliteSessionStore.open(path):  # type: ignore[arg-type]
            pass

    before = there()
    with pytest.raises(StoreUnavailableError) as caught:
        asyncio.run(main())
    assert caught.value.op == "open"
    assert caught.value.hint
    assert there() == before


def test_a_path_that_looks_like_a_uri_is_a_file_of_that_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite would open another one. Its names of databases in memory are refused."""
    monkeypatch.chdir(tmp_path)
    for name in ("file:x?mode=rwc", "file:x", "a?mode=memory", "a%00b"):
        path = Path(name)
        with_store(path, lambda store: store.save(session()))
        assert path.stat().st_size > 0
        assert with_store(path, lambda store: store.list()) == ["fix-login"]
    assert len(list(tmp_path.iterdir())) == 4


# -- While it is open -----------------------------------------------------------------------------


def removed(path: Path) -> None:
    path.unlink()


def replaced(path: Path) -> None:
    shutil.copy(path, path.with_name("copy"))
    path.with_name("copy").replace(path)


def moved(path: Path) -> None:
    path.replace(path.with_name("elsewhere"))


@posix
@pytest.mark.parametrize("happens", [removed, replaced, moved])
def test_a_file_that_is_gone_while_it_is_open_is_noticed_before_anything_is_written(
    tmp_path: Path, happens: Callable[[Path], None]
) -> None:
    path = tmp_path / "agent.a3s"
    with_store(path, lambda store: store.save(session(count=1)))

    async def use(store: SqliteSessionStore) -> None:
        await store.save(session(count=2))
        # In another process: one that closed the file here would drop SQLite's locks.
        name, module = happens.__name__, "tests.unit.backends.sqlite.test_errors"
        program = f"from {module} import *; {name}(Path({str(path)!r}))"
        done = await asyncio.to_thread(
            subprocess.run, [sys.executable, "-c", program], cwd=ROOT, check=False
        )
        assert done.returncode == 0
        log = path.with_name("agent.a3s-wal").stat()
        for _ in range(2):
            with pytest.raises(StoreUnavailableError) as caught:
                await store.save(session(count=3))
            assert caught.value.hint
        after = path.with_name("agent.a3s-wal").stat()
        assert (after.st_size, after.st_mtime_ns) == (log.st_size, log.st_mtime_ns)

    with_store(path, use)


# -- Another user ---------------------------------------------------------------------------------

AS_NOBODY = """
import asyncio, os, sys, tempfile
from a3s_store import SqliteSessionStore
from a3s_store.errors import StoreError
from tests.support import session

async def main(path):
    try:
        async with SqliteSessionStore.open(path) as store:
            await store.save(session())
    except StoreError as error:
        assert error.hint, error
        print(type(error).__name__)

with tempfile.TemporaryDirectory() as folder:
    asyncio.run(main(folder + "/agent.a3s"))  # whatever is imported has been
if os.geteuid() == 0:
    os.setgroups([])
    os.setegid(65534)
    os.seteuid(65534)
asyncio.run(main(sys.argv[1]))
"""


def as_nobody(path: Path) -> str:
    """Open and save as a user who is not root; the name of the error, empty when it worked."""
    done = subprocess.run(
        [sys.executable, "-c", AS_NOBODY, str(path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.strip()


@pytest.fixture
def theirs() -> Iterator[Path]:
    """A folder that every user may enter and that belongs to a user other than root."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if os.geteuid() == 0:
            os.chown(folder, 65534, 65534)
        yield folder
        folder.chmod(stat.S_IRWXU)


@posix
def test_another_user_can_use_a_store_in_a_folder_of_their_own(theirs: Path) -> None:
    assert as_nobody(theirs / "agent.a3s") == ""


@posix
def test_a_folder_that_may_not_be_written_is_a_typed_error(theirs: Path) -> None:
    theirs.chmod(0o555)
    assert as_nobody(theirs / "agent.a3s") == "StoreUnavailableError"
    assert list(theirs.iterdir()) == []


@posix
def test_a_file_that_may_not_be_written_is_a_typed_error(theirs: Path) -> None:
    path = theirs / "agent.a3s"
    assert as_nobody(path) == ""
    before = path.read_bytes()
    path.chmod(0o444)
    theirs.chmod(0o555)
    assert as_nobody(path) == "StoreUnavailableError"
    assert path.read_bytes() == before
    theirs.chmod(0o000)
    assert as_nobody(path) == "StoreUnavailableError"


@posix
@pytest.mark.skipif(os.name != "nt" and os.geteuid() != 0, reason="only root makes others' files")
def test_a_file_of_somebody_else_is_a_typed_error(theirs: Path) -> None:
    path = theirs / "agent.a3s"
    with_store(path, lambda store: store.save(session()))
    before = path.read_bytes()
    assert as_nobody(path) == "StoreUnavailableError"
    assert path.read_bytes() == before
