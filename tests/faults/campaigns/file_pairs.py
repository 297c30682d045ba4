"""A database and a WAL of different moments, or of different files, are never opened together.

A store goes through a random history: saves, deletions, checkpoints, erasures, closing and opening.
At many moments its two files are copied, as another program might copy them. So are the files of a
second history, which goes on from an older moment; of another store; of copies of the store made by
SQLite itself.

Then every database is paired with every WAL. Files of one moment have to open, with the rows of
that moment; every pair that opens has to have the rows of the WAL's moment. Every other pair has to
be refused, and not changed.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import random
import sqlite3
import tempfile
from pathlib import Path
from typing import Final

import attrs

from a3s_store import SqliteSessionStore
from a3s_store.backends.sqlite.connection import file_look, kept_files, opening_check
from a3s_store.errors import SessionNotFoundError, StoreError
from tests.faults.harness import forks, scenarios, store_under_test
from tests.faults.harness.report import Report, Size
from tests.faults.harness.store_under_test import Open
from tests.support import session

# Histories, and moments of each.
_SIZES: Final = {"short": (1, 9), "long": (40, 30)}
_SESSIONS: Final = 5
# How often SQLite itself makes copies of the store.
_COPIED: Final = 0.2


@attrs.frozen
class Moment:
    """Copies of a database and its WAL; `rows` is a digest of the rows in both together."""

    name: str
    database: bytes
    log: bytes | None
    rows: str


def run(report: Report, size: Size) -> None:
    """Pair the files of each history with each other."""
    histories, moments = _SIZES[size]
    opened = store_under_test.find(report.subject)
    for number in range(histories):
        with forks.scratch() as folder:
            chance = random.Random(f"{report.seed}/{number}")
            try:
                found = asyncio.run(_history(opened, folder, chance, moments))
            except StoreError as error:
                report.fail(f"history {number}: {type(error).__name__}: {error}")
                continue
            report.add(histories=1, moments=len(found))
            _pair_all(report, found, folder)


async def _history(opened: Open, folder: Path, chance: random.Random, count: int) -> list[Moment]:
    scenarios.often()
    path = folder / "store.db"
    found = await _line(opened, path, chance, count, "first")
    # The files of an older moment are put back, and a second history goes on from it.
    older = chance.choice(found)
    _lay(path, older.database, older.log)
    found += await _line(opened, path, chance, count // 2, "second")
    found += await _line(opened, folder / "other.db", chance, count // 3, "other")
    return found


async def _line(
    opened: Open, path: Path, chance: random.Random, count: int, line: str
) -> list[Moment]:
    """Copy the files of a store at so many moments, while it is open and while it is closed."""
    found: list[Moment] = []
    while len(found) < count:
        async with opened(path) as store:
            for _ in range(chance.randrange(1, 5)):
                await _step(store, chance)
                found.append(await _moment(path, f"{line} {len(found)}", store))
                if chance.random() < _COPIED:
                    found += _copies(path, f"{line} {len(found)}")
        if chance.random() < 0.5:
            found.append(await _moment(path, f"{line} {len(found)}, closed"))
    return found


async def _step(store: SqliteSessionStore, chance: random.Random) -> None:
    name = f"s{chance.randrange(_SESSIONS)}"
    what = chance.random()
    if what < 0.7:
        await store.save(session(name, chance.randrange(1, 40)))
    elif what < 0.8:
        await store.delete(name)
    elif what < 0.85:
        with contextlib.suppress(SessionNotFoundError):  # it was never saved
            await store.erase(name)
    else:
        assert store._engine.writer is not None
        await store._engine.writer.run(store._engine._checkpointer.checkpoint)


async def _moment(path: Path, name: str, store: SqliteSessionStore | None = None) -> Moment:
    if store is not None:
        assert store._engine.writer is not None
        await store._engine.writer.run(lambda _: None)  # the work after a save is done
    log = path.with_name(path.name + "-wal")
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        copied = Path(folder) / "copied.db"
        copied.touch()
        kept_files.copy(path, copied)
        database = copied.read_bytes()
    content = log.read_bytes() if log.exists() else None
    return Moment(name, database, content, _rows(database, content, path.parent))


def _copies(path: Path, when: str) -> list[Moment]:
    """Copies of the store by SQLite itself: each is complete, and has no WAL."""
    found = []
    with (
        tempfile.TemporaryDirectory(dir=path.parent) as made,
        contextlib.closing(sqlite3.connect(path)) as conn,
    ):
        vacuumed, copied = Path(made) / "vacuumed", Path(made) / "copied"
        conn.execute("VACUUM INTO ?", (str(vacuumed),))
        with contextlib.closing(sqlite3.connect(copied)) as target:
            conn.backup(target)
        for each in (vacuumed, copied):
            database = each.read_bytes()
            rows = _rows(database, None, path.parent)
            found.append(Moment(f"{each.name} at {when}", database, None, rows))
    return found


def _pair_all(report: Report, moments: list[Moment], folder: Path) -> None:
    for one in moments:
        for other in [*moments, attrs.evolve(one, name="nothing", log=None)]:
            report.add(pairs=1)
            _pair(report, one, other, folder)
            if report.is_enough:
                return


def _pair(report: Report, one: Moment, other: Moment, folder: Path) -> None:
    """Pair the database of one moment with the WAL of another."""
    place = folder / "pair.db"
    _lay(place, one.database, other.log)
    # One look is enough: no process is writing.
    refused = opening_check.why_refused(place, file_look.look(place))
    kept_files.release()
    what = f"the database of {one.name} with the log of {other.name}"
    if refused is not None:
        report.add(refused=1)
        if one is other:
            report.fail(f"{what}: {type(refused).__name__}: {refused}")
        return
    report.add(opened=1)
    if one is other:
        return
    rows = _rows(one.database, other.log, folder)
    expected = other.rows if other.log else one.rows
    if rows != expected:
        report.fail(f"{what} is opened, and has the rows of neither")


def _lay(path: Path, database: bytes, log: bytes | None) -> None:
    for end, content in (("", database), ("-wal", log), ("-shm", None)):
        file = path.with_name(path.name + end)
        file.unlink(missing_ok=True)
        if content is not None:
            file.write_bytes(content)
            file.chmod(0o600)


def _rows(database: bytes, log: bytes | None, folder: Path) -> str:
    """A digest of all rows, apart from those about the file; "damaged" if they cannot be read."""
    place = folder / "rows.db"
    _lay(place, database, log)
    digest = hashlib.sha256()
    try:
        with contextlib.closing(sqlite3.connect(place)) as conn:
            if conn.execute("PRAGMA integrity_check(1)").fetchone() != ("ok",):
                return "damaged"
            tables = conn.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
            for (table,) in sorted(tables):
                if table not in ("meta", "file_link"):
                    digest.update(
                        repr((table, conn.execute(f'SELECT * FROM "{table}"').fetchall())).encode()
                    )
    except sqlite3.DatabaseError:
        return "damaged"
    finally:
        for end in ("", "-wal", "-shm"):
            place.with_name(place.name + end).unlink(missing_ok=True)
    return digest.hexdigest()
