"""Errors have operation, place and hint; errors of drivers are mapped by their code."""

from __future__ import annotations

import datetime
import errno
import inspect
import pickle
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from a3s_store import (
    CredentialNames,
    FileSessionStore,
    Limits,
    SecretRedactor,
    SqliteSessionStore,
    clean_text,
    errors,
    interop,
)
from a3s_store.backends.sqlite.errors import explain
from a3s_store.errors import (
    CodecError,
    CorruptionError,
    DecodeError,
    EncodeError,
    FileStateError,
    GenerationGoneError,
    InvalidArgumentError,
    NotAStoreError,
    RunClaimedError,
    SessionNotSavedError,
    StaleGenerationError,
    StaleItemError,
    StaleSessionError,
    StoreBusyError,
    StoreError,
    StoreFullError,
    StoreReplacedError,
    StoreUnavailableError,
    UnsavedSessionsError,
    during,
)
from a3s_store.printable import one_line
from a3s_store.wire import timestamp_of
from tests.programs import output_of
from tests.support import artifact, session, with_store

CLASSES = [
    value
    for _, value in inspect.getmembers(errors, inspect.isclass)
    if issubclass(value, StoreError) and value.__module__.startswith(errors.__name__)
]


def made(cls: type[StoreError]) -> StoreError:
    if cls is UnsavedSessionsError:
        return UnsavedSessionsError([SessionNotSavedError("the disk is gone")])
    more: dict[str, Any] = {}
    if issubclass(cls, CodecError):
        more = {"model": "SessionData", "path": "messages[3]"}
    if issubclass(cls, StaleGenerationError):
        more = {"expected": 1, "actual": 2}
    if issubclass(cls, StaleSessionError):
        more |= {"session_id": "x", "reason": "rewritten"}
    if cls is StaleItemError:
        more = {"expected": 1, "current": 2}
    if cls is RunClaimedError:
        more = {"run_id": "run-1"}
    if cls is GenerationGoneError:
        more = {"generation": 2}
    if issubclass(cls, FileStateError):
        more = {"path": "agent.a3s", "reason": "absent"}
    if cls is StoreReplacedError:
        more = {"which": "log", "kind": "gone"}
    return cls("the disk is gone", op="save", where="session 'x'", hint="Buy one", **more)


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_every_error_says_what_where_and_what_next(cls: type[StoreError]) -> None:
    text = str(made(cls))
    if cls is UnsavedSessionsError:
        assert text.startswith("close: sessions were closed and not saved")
        return
    for part in ("save: ", "the disk is gone", "(session 'x')", ". Buy one"):
        assert part in text
    assert cls.__name__ in (errors.__doc__ or ""), "the tree in the docstring names each"


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_every_error_is_one_printable_line_whatever_is_in_its_parts(cls: type[StoreError]) -> None:
    hostile = "x\x1b]52;c;eA==\x07\nrefused everything\u202e\u200b\u2028" + "o" + "\u0301" * 40
    error = made(cls)
    for name in ("what", "op", "where", "hint", "model", "path"):
        if hasattr(error, name):
            setattr(error, name, hostile)
    text = str(error)
    assert "refused everything" in text
    assert one_line(text) == text
    assert not any(mark in text for mark in "\n\r\x07\x1b\u202e\u200b\u2028")
    assert text.count("\u0301") <= 8 * text.count("o")


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_every_error_survives_pickling(cls: type[StoreError]) -> None:
    error = made(cls)
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is cls
    assert (str(again), vars(again)) == (str(error), vars(error))


LONG: Any = "x\x1b" * 500


def refusals(folder: Path) -> dict[str, Callable[[SqliteSessionStore], Any]]:
    """Return calls with an invalid argument, by the argument's name."""
    path = folder / "other.a3s"
    return {
        "policy": lambda store: store.prune(LONG),
        "target_free": lambda store: store.compact(target_free=1),
        "depth": lambda store: store.verify(depth=LONG),
        "time_limit": lambda store: store.verify(time_limit=-1),
        "on_damage": lambda store: store.load("s", on_damage=LONG),
        "durability": lambda _: SqliteSessionStore.open(path, durability=LONG),
        "busy_timeout_ms": lambda _: SqliteSessionStore.open(path, busy_timeout_ms=10**5000),
        "timeout": lambda _: FileSessionStore.open(folder / "files", timeout=LONG),
        "on_conflict": lambda store: interop.import_directory(store, folder, on_conflict=LONG),
        "session_ids": lambda store: interop.export_directory(store, folder, session_ids=LONG),
        "value_size": lambda _: Limits(value_size=0),
        "integer_digits": lambda _: Limits(integer_digits=10**5000),
        "mark": lambda _: clean_text("\ud800", mark="\ud800"),
        "values": lambda _: SecretRedactor("secret"),
        "environment": lambda _: SecretRedactor(environment="HOME"),
        "add": lambda _: CredentialNames(add="pin"),
        "moment": lambda _: timestamp_of(datetime.datetime(2026, 1, 1)),
    }


@pytest.mark.parametrize("argument", refusals(Path()))
def test_an_argument_that_cannot_be_is_named_by_an_error_of_ours(
    tmp_path: Path, argument: str
) -> None:
    """ValueError and TypeError catch it too, as they did before there was this class."""

    async def refuse(store: SqliteSessionStore) -> None:
        async def call() -> None:
            returned = refusals(tmp_path)[argument](store)
            if inspect.isawaitable(returned):
                await returned

        with pytest.raises(InvalidArgumentError) as caught:
            await call()
        error = caught.value
        assert error.argument == ("" if argument == "add" else argument)
        assert isinstance(error, ValueError)
        assert isinstance(error, TypeError)
        assert len(str(error)) < 300 + len(str(tmp_path))

    with_store(tmp_path / "s.a3s", refuse)
    assert {path.name.partition(".")[0] for path in tmp_path.iterdir()} == {"s"}


def test_what_an_inner_layer_said_is_kept() -> None:
    with pytest.raises(DecodeError) as caught, during("load", "session 'x'"):
        raise DecodeError("not JSON", where="a file", model="SessionData")
    assert (caught.value.op, caught.value.where) == ("load", "a file")


def sqlite_error(code: int) -> sqlite3.Error:
    error = sqlite3.OperationalError("words of SQLite's own")
    error.sqlite_errorcode = code
    error.sqlite_errorname = "SQLITE_TEST"
    return error


@pytest.mark.parametrize(
    ("code", "cls"),
    [
        (sqlite3.SQLITE_BUSY, StoreBusyError),
        (sqlite3.SQLITE_BUSY_SNAPSHOT, StoreBusyError),
        (sqlite3.SQLITE_LOCKED, StoreBusyError),
        (sqlite3.SQLITE_FULL, StoreFullError),
        (sqlite3.SQLITE_NOTADB, NotAStoreError),
        (sqlite3.SQLITE_CORRUPT, CorruptionError),
        (sqlite3.SQLITE_CORRUPT_INDEX, CorruptionError),
        (sqlite3.SQLITE_TOOBIG, EncodeError),
        (sqlite3.SQLITE_READONLY_DIRECTORY, StoreUnavailableError),
        (sqlite3.SQLITE_CANTOPEN, StoreUnavailableError),
        (sqlite3.SQLITE_IOERR_WRITE, StoreUnavailableError),
        (sqlite3.SQLITE_ERROR, StoreError),
    ],
)
def test_sqlite_failures_are_named_by_their_code(code: int, cls: type[StoreError]) -> None:
    assert type(explain(sqlite_error(code))) is cls


@pytest.mark.parametrize(
    ("number", "cls"),
    [(errno.ENOSPC, StoreFullError), (errno.EACCES, StoreUnavailableError)],
)
def test_failures_of_the_system_are_named_by_their_number(
    number: int, cls: type[StoreError]
) -> None:
    known = explain(OSError(number, "words", "a file"))
    assert type(known) is cls
    assert errno.errorcode[number] in str(known)


def test_what_is_neither_is_left_alone() -> None:
    assert explain(KeyError("x")) is None
    with pytest.raises(KeyError), during("save", "x"):
        raise KeyError("x")


def test_a_full_disk_writes_nothing_and_the_store_goes_on_when_there_is_space(
    tmp_path: Path,
) -> None:
    """The file may not grow beyond its pages: SQLite's own SQLITE_FULL, as on a full disk."""

    def limit(pages: int) -> Any:
        return lambda conn: conn.execute(f"PRAGMA max_page_count = {pages}").fetchone()

    async def use(store: SqliteSessionStore) -> None:
        assert store._engine.writer is not None
        await store.save(session(count=2))
        await store._engine.writer.run(limit(1))  # not below what it has
        big = [artifact(n, 4000) for n in range(300)]
        with pytest.raises(StoreFullError) as caught:
            await store.save_artifacts("fix-login", big)
        assert "fix-login" in str(caught.value)
        assert await store.load("fix-login") == session(count=2)
        assert await store.load_artifacts("fix-login") is None
        await store._engine.writer.run(limit(10_000))
        await store.save_artifacts("fix-login", big)
        assert await store.load_artifacts("fix-login") == tuple(big)

    with_store(tmp_path / "agent.a3s", use)


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such limits there")
def test_beyond_a_limit_on_the_size_of_files_the_store_is_full_and_goes_on_afterwards(
    tmp_path: Path,
) -> None:
    path = tmp_path / "agent.a3s"
    with_store(path, lambda store: store.save(session(count=2)))
    program = (
        "import asyncio, errno, resource, sys\n"
        "from tests.support import artifact, session\n"
        "from a3s_store import SqliteSessionStore\n"
        "from a3s_store.errors import StoreFullError\n"
        "async def main():\n"
        "    async with SqliteSessionStore.open(sys.argv[1]) as store:\n"
        "        resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, -1))\n"
        "        for attempt in range(2):\n"
        "            try:\n"
        "                await store.save_artifacts('s', [artifact(n, 4000) for n in range(300)])\n"
        "            except StoreFullError as error:\n"
        "                assert error.errno == errno.EFBIG\n"
        "                print(error)\n"
        "        assert await store.load('fix-login') == session(count=2)\n"
        "        resource.setrlimit(resource.RLIMIT_FSIZE, (-1, -1))\n"
        "        await store.save(session(count=9))\n"
        "asyncio.run(main())\n"
    )
    lines = output_of(program, path).splitlines()
    assert len(lines) == 2
    assert all("File too large [EFBIG]" in line for line in lines)
    assert with_store(path, lambda store: store.load("fix-login")) == session(count=9)
