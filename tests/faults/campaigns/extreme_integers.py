"""One integer of one row of a closed store is set to an extreme.

For every INTEGER column of every table and each of a few values: the file is opened, listed,
loaded, verified at both depths, saved to and salvaged. Each of those ends in time, in a value or a
typed error; acknowledged values are loaded as they were saved; salvage never fails for one value.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import shutil
import signal
import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from a3s_store.backends.sqlite.salvage.run import salvage
from a3s_store.errors import NotAStoreError, StoreError
from a3s_store.models import SessionData
from a3s_store.testing import samples
from tests.compat import make_file
from tests.faults.harness import forks
from tests.faults.harness.report import Report, Size
from tests.faults.harness.store_under_test import Open, find

VALUES: Final = (2**63 - 1, -(2**63), 2**31, 2**32 + 5, 2**48, -1)
# How many are tried.
_JOBS: Final = {"short": 12, "long": 100_000}
# How long one may take, in seconds of computing and of waiting.
_COMPUTING: Final = 10.0
_WAITING: Final = 300.0


class Job(NamedTuple):
    """The new value of a column, in the first row or in the last."""

    table: str
    column: str
    value: int
    last: bool

    def __str__(self) -> str:
        return (
            f"{self.table}.{self.column} of the {'last' if self.last else 'first'} = {self.value}"
        )


def run(report: Report, size: Size, *, only: Sequence[Job] = ()) -> None:
    """Set one integer after the other, in copies of one store; `only` these if there are any."""
    with forks.scratch() as folder:
        whole = folder / "whole"
        asyncio.run(_make(find(report.subject), whole))
        every = list(all_jobs(whole))
        random.Random(report.seed).shuffle(every)
        report.add(columns=len({(job.table, job.column) for job in every}))
        forks.share(
            report,
            lambda own, job: _try(own, job, whole),
            [*only] or every[: _JOBS[size]],
            seconds=_WAITING,
        )


async def _make(open_store: Open, path: Path) -> None:
    async with open_store(path) as store:
        await make_file.fill(store)


def all_jobs(path: Path) -> Iterator[Job]:
    """Every column of a file with every value, in the first row and in the last."""
    with contextlib.closing(sqlite3.connect(path)) as conn:
        columns = conn.execute(
            "SELECT t.name, c.name FROM pragma_table_list AS t, pragma_table_xinfo(t.name) AS c "
            "WHERE t.schema = 'main' AND t.type = 'table' AND t.name NOT LIKE 'sqlite%' "
            "AND c.type = 'INTEGER' AND c.hidden = 0 ORDER BY 1, 2"
        ).fetchall()
    for table, column in columns:
        for value in VALUES:
            for last in (False, True):
                yield Job(table, column, value, last)


def plant(path: Path, job: Job) -> bool:
    """Set the integer; False where another row has that value already."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as conn:
        conn.execute("PRAGMA foreign_keys = OFF")
        keys = ", ".join(
            row[0]
            for row in conn.execute(
                "SELECT name FROM pragma_table_info(?) WHERE pk > 0 ORDER BY pk", (job.table,)
            )
        )
        order = ", ".join(f"{key} {'DESC' if job.last else 'ASC'}" for key in keys.split(", "))
        changed = conn.execute(
            f"UPDATE OR IGNORE {job.table} SET {job.column} = ? WHERE ({keys}) = "
            f"(SELECT {keys} FROM {job.table} ORDER BY {order} LIMIT 1)",
            (job.value,),
        ).rowcount
        conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return changed > 0


def _try(report: Report, job: Job, whole: Path) -> None:
    """Try one job; this process is killed when that computes for too long."""
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_PROF, _COMPUTING)
    folder = whole.with_name(f"copy-{os.getpid()}")
    folder.mkdir()
    path = folder / "store"
    shutil.copyfile(whole, path)
    if not plant(path, job):
        report.add(ignored=1)
        return
    seen: Counter[str] = Counter()
    failures = asyncio.run(examine(find(report.subject), path, seen))
    shutil.rmtree(folder)
    report.add(tried=1, **dict.fromkeys(seen, 1))
    for failure in failures:
        report.fail(f"{job}: {failure}")


async def examine(open_store: Open, path: Path, seen: Counter[str]) -> list[str]:
    """Use and salvage a store; return the broken promises and count other outcomes in `seen`."""
    failures: list[str] = []
    with _typed(failures, seen, "open"):
        async with open_store(path) as store:
            await _use(store, failures, seen)
    target = path.with_name("salvaged")
    try:
        await salvage(path, target)
        async with open_store(target) as store:
            if not (await store.verify(depth="deep")).ok:
                failures.append("the salvaged store is damaged")
        seen["salvaged"] += 1
    except NotAStoreError:
        seen["nothing_to_salvage"] += 1
    except Exception as error:
        failures.append(f"salvage: {error!r}")
    return failures


async def _use(store: Any, failures: list[str], seen: Counter[str]) -> None:
    keys: Any = None
    with _typed(failures, seen, "list"):
        keys = await store.inventory()
        ids = await store.list()
        if any(type(one) is not str for one in (*ids, *keys.sessions)):
            failures.append("list: an id is no text")
    for depth in ("quick", "deep"):
        with _typed(failures, seen, f"verify_{depth}"):
            report = await store.verify(depth=depth)
            seen[f"{depth}_{'well' if report.ok else 'tells'}"] += 1
    for session_id in keys.sessions if keys is not None else ():
        was_whole = False
        with _typed(failures, seen, "load"):
            await store.load_snapshot(session_id)
            was_whole = True
        with _typed(failures, seen, "report"):
            await store.load(session_id, on_damage="report")
        with _typed(failures, seen, "generations"):
            await store.generations(session_id)
        if was_whole:
            await _save(store, session_id, failures, seen)
    for run_id in keys.loop_checkpoints if keys is not None else ():
        with _typed(failures, seen, "load_loop_checkpoint"):
            await store.load_loop_checkpoint(run_id)
    for key in keys.workflow_checkpoints if keys is not None else ():
        with _typed(failures, seen, "load_workflow_checkpoint"):
            await store.load_workflow_checkpoint(key)
    if await _save(store, "saved afterwards", failures, seen) != 2:
        failures.append("a new session cannot be saved")
    with _typed(failures, seen, "memories"):
        await store.memories("rich").search("tabs", 9)
    with _typed(failures, seen, "queue"):
        await store.claim_queue_entries("grew", by="another", may_take=lambda _: True)


async def _save(store: Any, session_id: str, failures: list[str], seen: Counter[str]) -> int:
    """Save, and load each acknowledged value as it was saved; return how many of two saves were."""
    snapshot = samples.rich_snapshot(session_id)
    plain = samples.session(session_id, ("a", "b", "c"))
    kept: SessionData | None = None
    with _typed(failures, seen, "save"):
        await store.save(plain)
        kept = plain
    if kept is not None and await _loaded(store.load, session_id) != kept:
        failures.append(f"save of {session_id!r} was acknowledged and is not loaded")
    saved = False
    with _typed(failures, seen, "save_snapshot"):
        await store.save_snapshot(snapshot)
        saved = True
    if saved and await _loaded(store.load_snapshot, session_id) != snapshot:
        failures.append(f"save_snapshot of {session_id!r} was acknowledged and is not loaded")
    return (kept is not None) + saved


async def _loaded(load: Any, session_id: str) -> Any:
    try:
        return await load(session_id)
    except StoreError as error:
        return error


@contextlib.contextmanager
def _typed(failures: list[str], seen: Counter[str], what: str) -> Iterator[None]:
    try:
        yield
    except StoreError as error:
        seen[f"{what}_{type(error).__name__}"] += 1
    except Exception as error:
        failures.append(f"{what}: {error!r}".replace("\n", " "))
