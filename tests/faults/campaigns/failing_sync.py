"""Each sync fails once, and the kernel forgets its pages: nothing acknowledged may be lost.

As Linux does: `fsync` returns EIO, the pages are marked clean, and the next sync succeeds without
them. For each sync of the run one recording is made in which that sync fails. The saver gets a
typed error, finds that the store refuses to go on, opens it again and saves the same turn; then
every image is judged that a power cut may leave at any moment, as in `powercut`. The pages of the
failed sync are in none of them.

A failure names the sync (`sync K of the run`); the folder of an image is kept, see `powercut`.
"""

from __future__ import annotations

import errno
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tests.faults.campaigns.powercut import Recording, judge_all
from tests.faults.harness import faulty_run, forks, shim
from tests.faults.harness.fork_server import ForkServer
from tests.faults.harness.report import Report, Size

unavailable = shim.available

# How many syncs (None: each), and how many images in all.
_SIZES: Final[Mapping[Size, tuple[int | None, int]]] = {
    "short": (4, 450),
    "long": (None, 250_000),
}


def run(report: Report, size: Size) -> None:
    """Let syncs fail, one in each run."""
    attack(report, *_SIZES[size])


def attack(report: Report, most: int | None, total: int) -> None:
    """Let at most so many syncs fail, spread over the run, and judge about so many images."""
    with forks.scratch() as folder:
        with ForkServer() as server:
            usual = _record(report, server, folder / "none", None)
            if usual is None:
                return
            syncs = sum(op.kind is shim.Kind.SYNC for op in usual.operations)
            report.add(syncs=syncs)
            # The seed decides where it starts.
            step = 1 if most is None else max(1, syncs // most)
            chosen = range(1 + report.seed % step, syncs + 1, step)[:most]
            recordings: list[Recording | None] = []
            for number in chosen:
                recordings.append(_record(report, server, folder / f"{number}", number))
                if report.is_enough:
                    return
        whole = [recording for recording in recordings if recording is not None]
        judge_all(report, [(one, total // len(whole)) for one in whole], folder)


def _record(
    report: Report, server: ForkServer, folder: Path, failing: int | None
) -> Recording | None:
    """One run in which this sync fails; None when there is nothing to judge."""
    folder.mkdir()
    log = folder / "log"
    try:
        ended, counted = faulty_run.play(
            server,
            folder,
            report,
            sessions=[1, 2],
            turns=6,
            log=log,
            fail_at=failing,
            fail_kind="sync",
            fail_errno=errno.EIO,
        )
        name = "no sync fails" if failing is None else f"sync {failing} of the run"
        name += f" ({counted.first})" if counted.first else ""
        if ended.status != 0:
            how = "it hung" if ended.status is None else f"status {ended.status}"
            report.fail(f"{name}: the run did not end: {how} {' '.join(ended.stray)}")
            return None
        if failing is not None and not counted.fired:
            return None  # a run that had fewer syncs
        for what in (*ended.result["untyped"], *ended.result["broken"], *ended.stray):
            report.fail(f"{name}: {what}")
        if not ended.result["finished"]:
            report.fail(f"{name}: the store did not recover: {ended.result['errors']}")
        report.add(failed_syncs=counted.fired, told_by_an_error=bool(ended.result["errors"]))
        watched = (folder / faulty_run.WATCHED).resolve()
        return Recording(f"seed {report.seed}, {name}", watched, shim.parse(log))
    finally:
        shutil.rmtree(folder)
