"""The power goes off after every operation of a recording: what is found must be what was promised.

A child runs a scene with the shim, several savers at once, with checkpoints and closing in between,
in one scene with live sessions, memories and queue journals among them (`runtime_turns`). Then its
operations are replayed, and after each of them images are drawn of what a power cut may leave
(`images`). The store is opened on each that is different: it has to open, hold every turn that was
acknowledged by then, nothing half-saved, and nothing that was not begun. One image in twenty is
saved to, closed and looked at once more; one in ten is found with a wal-index of garbage.

A subject that does not promise durability (`capabilities().durable`) may have lost turns: the
images in which some are missing are counted. Everything else holds for it as well.

A failure names the recording, the operation and a folder in which the image and a list of the
operations were kept: recordings differ from run to run, since threads do.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import hashlib
import itertools
import multiprocessing
import random
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal

import attrs

from a3s_store.errors import StoreError
from tests.faults.harness import disk_images, scenarios, shim, store_under_test
from tests.faults.harness.disk_images import Disk, Image
from tests.faults.harness.fork_server import Stage
from tests.faults.harness.report import Report, Size
from tests.faults.harness.runtime_turns import JOURNALS, LIVE, MEMORIES
from tests.faults.harness.scenarios import Promised
from tests.faults.harness.shim import Kind, Operation
from tests.faults.harness.workload import BrokenPromiseError

# Images of one seed, and how many seeds.
_IMAGES: Final[Mapping[Size, tuple[int, int]]] = {"short": (5_000, 1), "long": (100_000, 10)}
# Each scene: its function, what it is given, and its share of the images.
_SCENES: Final[Sequence[tuple[str, str, dict[str, Any], int]]] = (
    (
        "checkpoints",
        "savers",
        {"sessions": [1, 2, 3], "turns": 5, "cycles": 2, "checkpoints": "often"},
        8,
    ),
    (
        "closing",
        "savers",
        {"sessions": [1, 2], "turns": 5, "cycles": 5, "checkpoints": "seldom"},
        5,
    ),
    (
        "creation",
        "savers",
        {"sessions": [1], "turns": 1, "cycles": 1, "checkpoints": "seldom"},
        4,
    ),
    ("processes", "processes", {"sessions": [1, 2], "turns": 5, "cycles": 2}, 8),
    ("removing", "removing", {"sessions": [1, 2, 3], "turns": 4}, 3),
    ("compacting", "compacting", {"sessions": [1, 2, 3], "turns": 4}, 4),
    (
        "runtime",
        "savers",
        {
            "sessions": [1, LIVE, MEMORIES, JOURNALS],
            "turns": 4,
            "cycles": 2,
            "checkpoints": "often",
        },
        8,
    ),
)
# So many failures are enough to go by.
ENOUGH: Final = 30
_AGAIN: Final = 20
_GARBAGE: Final = 10
_VERIFIED: Final = 5
_KEPT: Final = 3
# Images of each cut, at least.
_EACH: Final = 6
_FAILURES: Final = (BrokenPromiseError, StoreError, TimeoutError)
_SECONDS: Final = 60.0


@attrs.frozen
class Recording:
    """What a child did, and where."""

    name: str
    folder: Path
    operations: Sequence[Operation]

    def cuts(self) -> list[int]:
        """After which operations it makes a difference that the power goes off."""
        return [index for index, op in enumerate(self.operations) if _matters(op)]


@attrs.frozen
class _Part:
    """Images of a recording that one process judges: those of some of its cuts."""

    recording: int
    subject: str
    seed: str  # of the workload
    want: int  # images for each cut
    cuts: Sequence[int]
    names: Literal["folder", "file"]
    scratch: Path


@attrs.define
class Judged:
    """What came of a part. `durable` is what the subject promises."""

    durable: bool = True

    counts: Counter[str] = attrs.field(factory=Counter)
    failures: list[str] = attrs.field(factory=list)


def run(subject_name: str, seed: int, size: Size) -> Report:
    """Run the campaign; see `tests.faults`."""
    report = Report(campaign="powercut", subject=subject_name, seed=seed)
    if (reason := shim.available()) is not None:
        report.fail(f"cannot be run here: {reason}")
        return report
    total, seeds = _IMAGES[size]
    with scratch() as place, Stage() as stage:
        for each in range(seed, seed + seeds):
            attack(report, stage, place, subject_name, each, total)
    return report


def attack(
    report: Report, stage: Stage, place: Path, subject_name: str, seed: int, total: int
) -> None:
    """Record every scene with this seed and judge about so many images of them."""
    recordings: list[Recording] = []
    wanted: list[int] = []
    shares = sum(share for *_, share in _SCENES)
    for name, scene, arguments, share in _SCENES:
        given = {"subject_name": subject_name, "seed": str(seed), **arguments}
        where = place / f"{name}-{seed}"
        try:
            recordings.append(record(stage, where, scene, given, name=f"seed {seed}, {name}"))
        except WorkloadFailedError as error:
            report.fail(str(error))  # with nothing going wrong
            continue
        wanted.append(total * share // shares)
    judge_all(report, recordings, wanted, subject_name, [str(seed)] * len(wanted), place)


class WorkloadFailedError(Exception):
    """A scene ended badly by itself; there is nothing to be replayed."""


def record(
    stage: Stage,
    place: Path,
    scene: str,
    arguments: Mapping[str, Any],
    *,
    name: str,
) -> Recording:
    """Run a scene with nothing going wrong; what it did. Raises WorkloadFailedError."""
    folder = place / "w"
    folder.mkdir(parents=True)
    log = place / "log"
    ended = stage.run(
        f"{scenarios.__name__}:{scene}",
        {"folder": str(folder), **arguments},
        shim.environment(folder, log=log),
        seconds=_SECONDS,
    )
    if ended.status != 0 or ended.stray:
        raise WorkloadFailedError(f"{name}: the workload failed: {ended.status}, {ended.stray}")
    found = Recording(name, folder.resolve(), shim.parse(log))
    shutil.rmtree(place)
    return found


@contextlib.contextmanager
def scratch() -> Iterator[Path]:
    """A folder for recordings and images, in memory if there is one, removed afterwards."""
    memory = Path("/dev/shm")
    place = tempfile.mkdtemp(prefix="a3s-faults-", dir=memory if memory.is_dir() else None)
    try:
        yield Path(place)
    finally:
        shutil.rmtree(place, ignore_errors=True)


# -- Judging ------------------------------------------------------------------------------------

# What the processes of the pool inherit.
_recordings: Sequence[Recording] = ()


def judge_all(
    report: Report,
    recordings: Sequence[Recording],
    wanted: Sequence[int],
    subject_name: str,
    seeds: Sequence[str],
    place: Path,
) -> None:
    """Open as many images of each recording as wanted, in two processes; adds to the report.

    `seeds` are those of the workloads. Half of the images of each cut assume that a file's sync
    makes its name durable.
    """
    global _recordings
    _recordings = recordings
    parts = []
    for index, (recording, images_wanted, seed) in enumerate(
        zip(recordings, wanted, seeds, strict=True)
    ):
        cuts = recording.cuts()
        report.add(recordings=1, operations=len(recording.operations), cuts=len(cuts))
        # Fewer of each cut would be the extremes alone; rather leave out cuts.
        each = max(_EACH, -(-images_wanted // (2 * len(cuts))))
        step = max(1, 2 * len(cuts) * each // images_wanted)
        cuts = cuts[index % step :: step]
        pieces = max(1, min(8, images_wanted // 100))
        edges = [len(cuts) * piece // pieces for piece in range(pieces + 1)]
        parts += [
            _Part(index, subject_name, seed, each, cuts[first:last], names, place)
            for first, last in itertools.pairwise(edges)
            for names in ("folder", "file")
        ]
    gc.collect()
    with multiprocessing.get_context("fork").Pool(2) as pool:
        for judged in pool.imap_unordered(_judge_part, parts):
            report.counts.update(judged.counts)
            report.failures.extend(judged.failures)
            if len(report.failures) >= ENOUGH:
                report.add(given_up=1)
                break


def _judge_part(part: _Part) -> Judged:
    judged = Judged()
    # What was found in an image: the same one may have other promises to keep later.
    known: dict[bytes, dict[int, int] | None] = {}
    with asyncio.Runner() as runner:
        for job in _jobs(part, judged):
            if job.key not in known:
                judged.counts["different"] += 1
                known[job.key] = runner.run(_judge(part, job, len(known), judged))
                continue
            found = known[job.key]
            if found is not None:
                with _failing(part, job, judged):
                    _promised(job, found, judged)
    return judged


@attrs.frozen
class _Job:
    operation: int
    key: bytes
    image: Image
    promised: Promised


def _jobs(part: _Part, judged: Judged) -> Iterator[_Job]:
    """The images of a part, with what was promised when the power went off."""
    recording = _recordings[part.recording]
    disk = Disk(recording.folder, names=part.names)
    promised = Promised()
    cuts = frozenset(part.cuts)
    for index, operation in enumerate(recording.operations[: max(cuts, default=-1) + 1]):
        disk.apply(operation)
        promised.follow(operation)
        if index not in cuts:
            continue
        chance = random.Random(f"{part.seed}/{part.names}/{recording.name}/{index}")
        for image in disk.images(chance, part.want):
            judged.counts["images"] += 1
            yield _Job(index, _key(image), image, attrs.evolve(promised))


def _matters(operation: Operation) -> bool:
    """Whether there is something else to be found, or another promise to keep, than before."""
    if operation.is_marks:
        return operation.kind is Kind.WRITE and operation.data[:1] != b"B"
    return operation.kind is not Kind.OPEN and not operation.path.endswith("-shm")


def _key(image: Image) -> bytes:
    """What tells images apart."""
    digest = hashlib.sha1(usedforsecurity=False)
    for name, content in sorted(image.items()):
        digest.update(b"%s\0%d\0" % (name.encode(), len(content)))
        digest.update(content)
    return digest.digest()


async def _judge(part: _Part, job: _Job, number: int, judged: Judged) -> dict[int, int] | None:
    """The turns that are in an image; None, and a failure, when a promise is broken."""
    place = Path(tempfile.mkdtemp(dir=part.scratch))
    try:
        disk_images.write(job.image, place)
        store = place / scenarios.STORE
        if number % _GARBAGE == 0 and store.exists():
            index = disk_images.garbage_index(random.Random(number))
            store.with_name(store.name + "-shm").write_bytes(index)
            judged.counts["with_a_garbage_index"] += 1
        try:
            return await asyncio.wait_for(_hold(part, job, store, number, judged), _SECONDS)
        except _FAILURES as error:
            _fail(part, job, judged, error)
            return None
    finally:
        shutil.rmtree(place, ignore_errors=True)


@contextlib.contextmanager
def _failing(part: _Part, job: _Job, judged: Judged) -> Iterator[None]:
    try:
        yield
    except _FAILURES as error:
        _fail(part, job, judged, error)


def _promised(job: _Job, there: dict[int, int], judged: Judged) -> None:
    """Hold what is in an image against what was promised. Raises BrokenPromiseError."""
    promised = job.promised
    store_under_test.hold(there, promised.acknowledged if judged.durable else {}, promised.begun)
    if any(there.get(number, 0) < turn for number, turn in promised.acknowledged.items()):
        judged.counts["with_turns_missing"] += 1


async def _hold(part: _Part, job: _Job, store: Path, number: int, judged: Judged) -> dict[int, int]:
    """Open the image and hold it against what was promised; answers the turns that are there."""
    opened = store_under_test.find(part.subject)
    begun = job.promised.begun
    again = number % _AGAIN == 0 and bool(begun)
    thorough = number % _VERIFIED == 0
    async with opened(store) as found:
        judged.durable = found.capabilities().durable
        # Loading holds every value against its digest; the rest is verified now and then.
        was = await store_under_test.check(found, part.seed, {}, begun, verify=thorough)
        _promised(job, was, judged)
        there = dict(was)
        if again:
            one = min(begun)
            turn = there[one] + 1
            await store_under_test.save_turn(found, part.seed, one, turn)
            there[one] = turn
            begun = {**begun, one: max(turn, begun[one])}
    if again:
        judged.counts["saved_to"] += 1
        async with opened(store) as found:
            after = await store_under_test.check(found, part.seed, there, begun)
        if after != there:
            raise BrokenPromiseError(f"after a save there are {after} turns, not {there}")
    return was


def _fail(part: _Part, job: _Job, judged: Judged, error: Exception) -> None:
    judged.counts["failed"] += 1
    recording = _recordings[part.recording]
    operation = recording.operations[job.operation]
    name = Path(operation.path).name
    where = f"{recording.name}: operation {job.operation} ({operation.kind.name} {name})"
    what = f"{where}: {type(error).__name__}: {error}"
    if len(judged.failures) < _KEPT:
        kept = Path(tempfile.mkdtemp(prefix="a3s-faults-image-"))
        disk_images.write(job.image, kept)
        (kept / "operations").write_text(_listed(recording.operations[: job.operation + 1]))
        what += f"; image kept in {kept}"
    judged.failures.append(what)


def _listed(operations: Sequence[Operation]) -> str:
    """A line for each operation: its number, process, kind, file, offset and length."""
    return "".join(
        f"{number} {each.process} {each.kind.name} {Path(each.path).name}#{each.file} "
        f"{Path(each.to).name} {each.offset} {len(each.data)}\n"
        for number, each in enumerate(operations)
    )
