"""Each sync fails once, and the kernel forgets what it covered: nothing acknowledged may be lost.

As Linux does: `fsync` answers EIO, the pages are marked clean, and the next sync succeeds without
them. For each sync of the run one recording is made in which that one fails. The saver is told by a
typed error, finds that the store refuses to go on, opens it again and saves the same turn; then
every image is judged that a power cut may leave at any moment, as in `powercut`, where what the
failed sync covered is never there.

A failure names the sync (`sync K of the run`); the folder of an image is kept, see `powercut`.
"""

from __future__ import annotations

import errno
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from tests.faults.campaigns.powercut import Recording, judge_all, scratch
from tests.faults.harness import scenarios, shim
from tests.faults.harness.fork_server import Stage
from tests.faults.harness.report import Report, Size

# How many syncs (None: each), and how many images in all.
_SIZES: Final[Mapping[Size, tuple[int | None, int]]] = {
    "short": (7, 1_500),
    "long": (None, 250_000),
}
_RUN: Final[Mapping[str, Any]] = {"sessions": [1, 2], "turns": 6}


def run(subject_name: str, seed: int, size: Size) -> Report:
    """Run the campaign; see `tests.faults`."""
    report = Report(campaign="failing_sync", subject=subject_name, seed=seed)
    if (reason := shim.available()) is not None:
        report.fail(f"cannot be run here: {reason}")
        return report
    most, total = _SIZES[size]
    with scratch() as place, Stage() as stage:
        attack(report, stage, place, subject_name, seed, most, total)
    return report


def attack(
    report: Report,
    stage: Stage,
    place: Path,
    subject_name: str,
    seed: int,
    most: int | None,
    total: int,
) -> None:
    """Let at most so many syncs fail, spread over the run, and judge about so many images."""
    usual = _record(report, stage, place / "none", subject_name, seed, None)
    if usual is None:
        return
    syncs = sum(op.kind is shim.Kind.SYNC for op in usual.operations)
    report.add(syncs=syncs)
    # The seed decides where it starts.
    step = 1 if most is None else max(1, syncs // most)
    chosen = range(1 + seed % step, syncs + 1, step)[:most]
    recordings = [_record(report, stage, place / f"{k}", subject_name, seed, k) for k in chosen]
    whole = [recording for recording in recordings if recording is not None]
    wanted = [total // max(1, len(whole))] * len(whole)
    judge_all(report, whole, wanted, subject_name, [str(seed)] * len(whole), place)


def _record(
    report: Report, stage: Stage, place: Path, subject_name: str, seed: int, failing: int | None
) -> Recording | None:
    """One run in which this sync fails; None when there is nothing to judge."""
    folder = place / "w"
    folder.mkdir(parents=True)
    log, count = place / "log", place / "count"
    environment = shim.environment(
        folder, log=log, count=count, fail_at=failing, fail_kind="sync", fail_errno=errno.EIO
    )
    arguments = {"folder": str(folder), "subject_name": subject_name, "seed": str(seed)}
    ended = stage.run(
        f"{scenarios.__name__}:faulty", {**arguments, **_RUN, "count": str(count)}, environment
    )
    counted = shim.counted(count)
    name = "no sync fails" if failing is None else f"sync {failing} of the run ({counted.first})"
    try:
        if ended.status != 0:
            how = "it hung" if ended.status is None else f"status {ended.status}"
            report.fail(f"{name}: the run did not end: {how} {' '.join(ended.stray)}")
            return None
        if failing is not None and not counted.fired:
            return None  # a run that had fewer syncs
        for what in (*ended.answer["untyped"], *ended.answer["broken"], *ended.stray):
            report.fail(f"{name}: {what}")
        if not ended.answer["finished"]:
            report.fail(f"{name}: the store did not recover: {ended.answer['errors']}")
        report.add(
            failed_syncs=counted.fired,
            told_by_an_error=bool(ended.answer["errors"]),
        )
        return Recording(f"seed {seed}, {name}", folder.resolve(), shim.parse(log))
    finally:
        shutil.rmtree(place)
