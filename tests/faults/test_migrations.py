"""Migrations, backups and restores that are stopped, or fail, at every file operation they make.

In the builds one operation in some is taken, by a seed; `A3S_PROFILE=soak` takes all of them.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from a3s_store import SessionSnapshot, SqliteSessionStore
from a3s_store.backends.sqlite.maintenance import restore
from a3s_store.backends.sqlite.schema import migrate
from a3s_store.errors import StoreError, WalForeignError
from tests.faults.harness import shim
from tests.faults.stopped_process import FAILURES, NAME, NOW, STOPS, Ran, Stopper, further_steps
from tests.support import artifact, checkpoint, database, messages, run, session, trace, with_store

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shim.available() is not None, reason=str(shim.available())),
]
SEED = int(os.environ.get("A3S_SEED", "1"))
ALL = os.environ.get("A3S_PROFILE") == "soak"


@pytest.fixture(scope="module")
def stopper() -> Iterator[Stopper]:
    with Stopper() as made:
        yield made


def snapshots(tag: str) -> dict[str, SessionSnapshot]:
    """Two sessions with something of most collections; `tag` tells one store from another."""
    return {
        session_id: SessionSnapshot(
            session=session(session_id, messages=messages(12, tag=tag)),
            artifacts=(artifact(1), artifact(2, size=20_000)),
            trace_events=tuple(trace(n) for n in range(5)),
            run_records=(run(1, 3, session_id),),
        )
        for session_id in ("fix-login", "add-search")
    }


async def _save(store: SqliteSessionStore, tag: str) -> None:
    for snapshot in snapshots(tag).values():
        await store.save_snapshot(snapshot)
    await store.save_loop_checkpoint("run-1", checkpoint(messages(14, tag=tag)))


def make(folder: Path, tag: str, name: str = NAME) -> Path:
    """A store that was closed."""
    folder.mkdir(exist_ok=True)
    with_store(folder / name, lambda store: _save(store, tag))
    return folder


def make_killed(folder: Path, tag: str) -> Path:
    """A store whose process was killed: the second session is in the log only."""
    folder.mkdir(exist_ok=True)
    away = folder.with_name("away")
    away.mkdir()

    async def use(store: SqliteSessionStore) -> None:
        await _save(store, tag)
        # In another process: what this one opens and closes would drop the store's locks.
        for name in (NAME, f"{NAME}-wal"):
            process = await asyncio.create_subprocess_exec("cp", away / name, folder / name)
            assert await process.wait() == 0

    with_store(away / NAME, use)
    shutil.rmtree(away)
    assert (folder / f"{NAME}-wal").stat().st_size > 0
    return folder


def found(path: Path) -> dict[str, SessionSnapshot]:
    """What a store holds, all of it; reads every value."""

    async def use(store: SqliteSessionStore) -> dict[str, SessionSnapshot]:
        loaded = {}
        for session_id in await store.list():
            snapshot = await store.load_snapshot(session_id)
            assert snapshot is not None
            loaded[session_id] = snapshot
        kept = await store.load_loop_checkpoint("run-1")
        assert kept is not None
        return loaded

    everything: dict[str, SessionSnapshot] = with_store(path, use)
    with database(path) as conn:
        assert conn.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert conn.execute("PRAGMA foreign_key_check").fetchall() == []
    return everything


def version(path: Path) -> int:
    with database(path) as conn:
        return migrate.numbers(conn)[1]


# -- Migrations -----------------------------------------------------------------------------------


def _check_migration(ran: Ran) -> None:
    path = ran.folder / NAME
    if not ran.stopped and not ran.error:
        assert version(path) == NOW + 3, f"{ran}: nothing was said, and it was not migrated"
    assert found(path) == snapshots("old"), ran
    assert version(path) == NOW + 3, ran
    names = sorted(entry.name for entry in ran.folder.iterdir())
    copies = [name for name in names if name != NAME]
    assert f"{NAME}.schema-{NOW}.backup" in copies, f"{ran}: {names}"
    # One copy of each schema it was stopped at, and nothing half made.
    assert set(copies) <= {f"{NAME}.schema-{number}.backup" for number in range(NOW, NOW + 3)}, (
        f"{ran}"
    )
    backup = ran.folder / f"{NAME}.schema-{NOW}.backup"
    assert version(backup) == NOW, ran
    assert backup.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("left", ["closed", "killed"])
@pytest.mark.parametrize("hows", [STOPS, FAILURES], ids=["stopped", "failing"])
def test_a_migration_stopped_or_failing_anywhere_leaves_one_schema_and_every_session(
    tmp_path: Path,
    stopper: Stopper,
    monkeypatch: pytest.MonkeyPatch,
    left: str,
    hows: tuple[str, ...],
) -> None:
    template = (make if left == "closed" else make_killed)(tmp_path / "template", "old")
    monkeypatch.setattr(migrate, "steps", further_steps)
    tried: Counter[str] = Counter()
    for ran in stopper.sweep("migrate", template, hows, 1 if ALL else 60, SEED):
        assert ran.fault is not None
        tried[ran.fault.how] += 1
        tried["said" if ran.error else "silent"] += 1
        _check_migration(ran)
    print(dict(tried))
    assert tried


# -- Backups --------------------------------------------------------------------------------------


@pytest.mark.parametrize("hows", [STOPS, FAILURES], ids=["stopped", "failing"])
def test_a_backup_stopped_or_failing_anywhere_is_whole_or_not_there(
    tmp_path: Path, stopper: Stopper, hows: tuple[str, ...]
) -> None:
    template = make_killed(tmp_path / "template", "old")
    tried: Counter[str] = Counter()
    for ran in stopper.sweep("backup", template, hows, 1 if ALL else 16, SEED):
        copy = ran.folder / "copy.a3s"
        tried["there" if copy.exists() else "not there"] += 1
        assert ran.fault is not None
        if not ran.stopped and not (ran.error and ran.fault.how.endswith("+")):
            # Where nothing can be done to the disk any more, a whole copy cannot be taken away.
            assert copy.exists() == (not ran.error), ran
        if copy.exists():
            assert found(copy) == snapshots("old"), ran
        assert found(ran.folder / NAME) == snapshots("old"), ran
    print(dict(tried))
    assert tried["not there"]


# -- Restores -------------------------------------------------------------------------------------


def _damaged(folder: Path) -> Path:
    """A store that cannot be opened any more, beside a log of which the same is true."""
    make_killed(folder, "old")
    for name in (NAME, f"{NAME}-wal"):
        with (folder / name).open("r+b") as file:
            file.write(b"damaged " * 8)
    return folder


def _log_alone(folder: Path) -> Path:
    make_killed(folder, "old")
    (folder / NAME).unlink()
    return folder


def _nothing(folder: Path) -> Path:
    folder.mkdir()
    return folder


PLACES = {
    "nothing": _nothing,
    "a closed store": lambda folder: make(folder, "old"),
    "a killed store": lambda folder: make_killed(folder, "old"),
    "a damaged store": _damaged,
    "a log alone": _log_alone,
}


@pytest.mark.parametrize("hows", [STOPS, FAILURES], ids=["stopped", "failing"])
@pytest.mark.parametrize("place", PLACES)
def test_a_restore_stopped_or_failing_anywhere_never_parts_a_store_from_its_log(
    tmp_path: Path, stopper: Stopper, place: str, hows: tuple[str, ...]
) -> None:
    template = PLACES[place](tmp_path / "template")
    make(template, "new", "backup.a3s")
    before = {name: (template / name).read_bytes() for name in _old_names(template)}
    tried: Counter[str] = Counter()
    for ran in stopper.sweep("restore", template, hows, 1 if ALL else 30, SEED):
        path = ran.folder / NAME
        if not ran.stopped and not ran.error:
            assert found(path) == snapshots("new"), ran
        state = _state(path)
        tried[state] += 1
        assert state in _allowed(place), f"{ran}: {state}"
        if state != "old" and place in ("a closed store", "a killed store"):
            assert found(ran.folder / f"{NAME}.replaced") == snapshots("old"), ran
        if place in ("a damaged store", "a log alone"):
            _check_kept(ran, before)
        again = restore.restore(ran.folder / "backup.a3s", path, replace=True)
        assert found(path) == snapshots("new"), ran
        assert all(Path(name).exists() for name in again.replaced)
    print(dict(tried))
    assert tried


def _old_names(folder: Path) -> list[str]:
    return [name for name in (NAME, f"{NAME}-wal") if (folder / name).exists()]


def _state(path: Path) -> str:
    """What one finds at the path, by opening it; nothing is made there by looking."""
    if not path.exists() and not path.with_name(f"{NAME}-wal").exists():
        return "nothing"
    try:
        there = found(path)
    except WalForeignError:
        return "refused: log alone"
    except (StoreError, sqlite3.DatabaseError):
        return "refused: damaged"
    return next((tag for tag in ("old", "new") if there == snapshots(tag)), "mixed")


def _allowed(place: str) -> set[str]:
    return {
        "nothing": {"nothing", "new"},
        "a closed store": {"old", "new"},
        "a killed store": {"old", "new"},
        "a damaged store": {"refused: damaged", "refused: log alone", "nothing", "new"},
        "a log alone": {"refused: log alone", "nothing", "new"},
    }[place]


def _check_kept(ran: Ran, before: dict[str, bytes]) -> None:
    """What could not be opened is still there, byte for byte, in one place together."""
    for base in (NAME, f"{NAME}.replaced"):
        names = {name: ran.folder / name.replace(NAME, base, 1) for name in before}
        if all(p.exists() and p.read_bytes() == before[n] for n, p in names.items()):
            return
    raise AssertionError(f"{ran}: what was there is gone or parted")


def test_two_processes_that_open_an_old_store_at_once_both_get_in_and_make_one_backup(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make(tmp_path / "store", "old") / NAME
    monkeypatch.setattr(migrate, "steps", further_steps)

    async def main() -> None:
        async def one() -> None:
            async with SqliteSessionStore.open(path) as store:
                assert await store.list() == ["add-search", "fix-login"]

        await asyncio.gather(*(one() for _ in range(4)))

    program = (
        "import sys; from pathlib import Path; from tests.faults import stopped_process; "
        "stopped_process.job_migrate(Path(sys.argv[1]))"
    )
    both = [subprocess.Popen([sys.executable, "-c", program, str(path.parent)]) for _ in range(3)]
    asyncio.run(main())
    assert [process.wait(timeout=60) for process in both] == [0, 0, 0]
    assert found(path) == snapshots("old")
    names = sorted(entry.name for entry in path.parent.iterdir())
    assert names == [NAME, f"{NAME}.schema-{NOW}.backup"]
