"""The demonstration that `a3s-store demo` runs: what a store does, with real files and processes.

`session` builds a session with a value in every collection; `steps` saves, extends, forks and lists
sessions; `crash` kills a process in the middle of a save. These three use the public API only.
`report` prints the results with the helpers of the command line.

A wheel carries this folder as the package `a3s_store._demo`, so its modules import each other
relatively.
"""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from a3s_store.cli.output import Page

from . import report, steps


def run(keep: Path | None, page: Page | None) -> dict[str, Any]:
    """Run all steps on a new store and return their results as plain data.

    The store is made at `keep` and stays there, or in a temporary directory if that is None. Each
    result is printed on `page`, if there is one, as soon as its step is done.

    Raises:
        StoreError: a step failed, or the store is not whole after the kill.
    """
    began = time.monotonic()
    with _place(keep) as path:
        found = _run_steps(path, page)
    if page is not None:
        report.print_next_commands(page, keep)
    return found | {
        "kept": None if keep is None else str(keep),
        "seconds": round(time.monotonic() - began, 2),
    }


@contextlib.contextmanager
def _place(keep: Path | None) -> Iterator[Path]:
    if keep is not None:
        yield keep
    else:
        with tempfile.TemporaryDirectory(prefix="a3s-store-demo-") as folder:
            yield Path(folder, "demo.a3s")


def _run_steps(path: Path, page: Page | None) -> dict[str, Any]:
    saved = asyncio.run(steps.save(path))
    if page is not None:
        report.print_save(page, path, saved)
    two_more = asyncio.run(steps.save_two_more_messages(path))
    if page is not None:
        report.print_two_more(page, two_more)
    crashed = steps.kill_and_recover(path)
    if page is not None:
        report.print_crash(page, crashed)
    forked = asyncio.run(steps.fork(path))
    if page is not None:
        report.print_fork(page, forked)
    summaries = asyncio.run(steps.summaries(path))
    if page is not None:
        report.print_sessions(page, summaries)
    return {
        "saved": saved,
        "two_more": two_more,
        "crash": crashed,
        "fork": forked,
        "sessions": [summary._asdict() for summary in summaries],
    }
