"""A database and a log of different moments, or of different files, are never opened together.

A store goes through a random history: saves, deletions, checkpoints, erasures, closing and opening.
At many moments its two files are kept, as a copy by another program would have them. So are those
of a second line, which goes on from an older moment; of another store; of copies of the store that
SQLite itself makes.

Then every database is laid beside every log. What belongs together has to open, with the rows of
that moment; what opens has to have the rows of the log's moment. Everything else has to be refused,
and untouched.
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
from tests.faults.harness import scenarios, store_under_test
from tests.faults.harness.report import Report, Size
from tests.faults.harness.store_under_test import Open
from tests.support import session

# Histories, and moments of each line.
_SIZES: Final = {"short": (1, 12), "long": (40, 30)}
_SESSIONS: Final = 5
# How often SQLite itself makes copies of the store.
_COPIED: Final = 0.2


@attrs.frozen
class Moment:
    """A database and its log as they lay there; `rows` is a digest of what is in both together."""

    name: str
    database: bytes
    log: bytes | None
    rows: str


def run(subject_name: str, seed: int, size: Size) -> Report:
    """Run the campaign; see `tests.faults`."""
    report = Report(campaign="file_pairs", subject=subject_name, seed=seed)
    histories, moments = _SIZES[size]
    for number in range(histories):
        with tempfile.TemporaryDirectory(prefix="a3s-faults-") as folder:
            chance = random.Random(f"{seed}/{number}")
            opened = store_under_test.find(subject_name)
            try:
                found = asyncio.run(_history(opened, Path(folder), chance, moments))
            except StoreError as error:
                report.fail(f"history {number}: {type(error).__name__}: {error}")
                continue
            report.add(histories=1, moments=len(found))
            _pair_all(report, found, Path(folder))
    return report


async def _history(opened: Open, folder: Path, chance: random.Random, count: int) -> list[Moment]:
    scenarios.often()
    path = folder / "store.db"
    found = await _line(opened, path, chance, count, "first")
    # An older moment is put back, and goes on in another way.
    older = chance.choice(found)
    _lay(path, older.database, older.log)
    found += await _line(opened, path, chance, count // 2, "second")
    found += await _line(opened, folder / "other.db", chance, count // 3, "other")
    return found


async def _line(
    opened: Open, path: Path, chance: random.Random, count: int, line: str
) -> list[Moment]:
    """So many moments of a store, some of them while it is open, some while it is closed."""
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
        await store._engine.writer.run(lambda _: None)  # what follows a save is done
    log = path.with_name(path.name + "-wal")
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        copied = Path(folder) / "copied.db"
        copied.touch()
        kept_files.copy(path, copied)
        database = copied.read_bytes()
    content = log.read_bytes() if log.exists() else None
    return Moment(name, database, content, _rows(database, content, path.parent))


def _copies(path: Path, when: str) -> list[Moment]:
    """The store as SQLite copies it, by itself: each is whole, and has no log."""
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


def _pair(report: Report, one: Moment, other: Moment, folder: Path) -> None:
    """Lay the database of one moment beside the log of another."""
    place = folder / "pair.db"
    _lay(place, one.database, other.log)
    # One look: no process is writing.
    refused = opening_check.why_refused(place, file_look.look(place))
    kept_files.release()
    what = f"the database of {one.name} beside the log of {other.name}"
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
        report.fail(f"{what} is opened, and is neither")


def _lay(path: Path, database: bytes, log: bytes | None) -> None:
    for end, content in (("", database), ("-wal", log), ("-shm", None)):
        beside = path.with_name(path.name + end)
        beside.unlink(missing_ok=True)
        if content is not None:
            beside.write_bytes(content)
            beside.chmod(0o600)


def _rows(database: bytes, log: bytes | None, folder: Path) -> str:
    """A digest of all rows, but for those of the file itself; "damaged" where there is none."""
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
