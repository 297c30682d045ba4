"""Files of unknown origin are opened and read from end to end, each in a bounded process.

Whatever is in a file, opening, listing, loading and verifying it each end within a few seconds of
computing, with a bounded amount of memory, in a value or a typed error: no crash, no hang, no other
error. The files are whole ones with bytes and fields changed at random, and others made by hand.
"""

from __future__ import annotations

import asyncio
import contextlib
import resource
import shutil
import signal
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from a3s_store.errors import StoreError
from tests.faults.harness import forks, full_store, mutations
from tests.faults.harness.full_store import Original, Question
from tests.faults.harness.hostile_files import HANDMADE
from tests.faults.harness.report import Report, Size
from tests.faults.harness.store_under_test import Open, find

_FILES: Final = {"short": 120, "long": 20_000}
_TURNS: Final = 6
# The limits: seconds of computing for one question, seconds of waiting for one file, and bytes of
# memory beyond those of an idle process.
_COMPUTING: Final = 6.0
_WAITING: Final = 30.0
_MEMORY: Final = 200 * 1024 * 1024
# Of each kind of value that a file lists so many are loaded.
_LOADED: Final = 40

# The number of a mutated file, or the name of one made by hand.
Job = int | str


def run(
    report: Report,
    size: Size,
    *,
    files: int | None = None,
    handmade: Sequence[str] = tuple(HANDMADE),
) -> None:
    """Open so many mutated `files`, by default as many as the size says, and these `handmade`."""
    with forks.scratch() as folder:
        original = full_store.create(report, folder, _TURNS)
        if original is None:
            return
        jobs: list[Job] = [*handmade, *range(_FILES[size] if files is None else files)]
        report.add(files=len(jobs), handmade=len(handmade))
        forks.share(
            report,
            lambda own, job: _read(own, job, folder / f"file-{job}", original),
            jobs,
            seconds=_WAITING,
        )


def _read(report: Report, job: Job, folder: Path, original: Original) -> None:
    """Read one file; this process is killed when that computes for too long."""
    _bound_memory()
    folder.mkdir()
    path = folder / "store"
    if isinstance(job, str):
        original.write(path)
        HANDMADE[job](path)
    else:
        original.write(path, db=mutations.mutated(original.files[""], report.seed, job))
    seen: Counter[str] = Counter()
    failure = asyncio.run(_read_all(find(report.subject), path, original, seen))
    shutil.rmtree(folder, ignore_errors=True)
    report.add(**dict.fromkeys(seen, 1))
    if failure:
        report.fail(f"{job!r}: {failure}")


def _bound_memory() -> None:
    """Limit the memory of this process."""
    used = 0
    if (status := Path("/proc/self/status")).exists():
        lines = dict(line.split(":", 1) for line in status.read_text().splitlines() if ":" in line)
        used = int(lines["VmData"].split()[0]) * 1024
    stacks = 8 * 8 * 1024 * 1024  # of the threads that a store has
    resource.setrlimit(resource.RLIMIT_DATA, (used + stacks + _MEMORY,) * 2)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _bound_computing() -> None:
    """Restart the limit on the computing of this process, which SIGPROF ends."""
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_PROF, _COMPUTING)


async def _read_all(open_store: Open, path: Path, original: Original, seen: Counter[str]) -> str:
    """Open, list, load and verify; return the broken promise, or ""."""
    _bound_computing()
    try:
        store = await open_store(path)
    except StoreError as error:
        seen[f"open_{type(error).__name__}"] += 1
        return ""
    except Exception as error:
        return f"UNTYPED when opened: {error!r}"[:2000]
    failure = ""
    try:
        for question in await _questions(store, original, seen):
            _bound_computing()
            try:
                await full_store.ask(store, question)
            except StoreError as error:
                seen[f"load_{type(error).__name__}"] += 1
        _bound_computing()
        with contextlib.suppress(StoreError):
            report = await store.verify(depth="deep")
            seen["verified_clean" if report.ok else "verify_tells"] += 1
    except Exception as error:
        failure = f"UNTYPED: {error!r}"[:2000]
    with contextlib.suppress(StoreError):
        await store.close()
    seen["opened"] += 1
    return failure


async def _questions(store: Any, original: Original, seen: Counter[str]) -> list[Question]:
    """All questions of the original, and those of the ids that the file lists."""
    asked = [*original.values]
    try:
        inventory = await store.inventory()
    except StoreError as error:
        seen[f"list_{type(error).__name__}"] += 1
        return asked
    for kind, keys in (
        ("snapshot", inventory.sessions),
        ("generations", inventory.sessions),
        ("loop", inventory.loop_checkpoints),
        ("workflow", inventory.workflow_checkpoints),
    ):
        asked += [(kind, key) for key in keys[:_LOADED] if (kind, key) not in original.values]
    return asked
