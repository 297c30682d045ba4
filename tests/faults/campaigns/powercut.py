"""The power goes off after every operation of a recording: the store on the disk must open.

A child plays a scenario with the shim: several savers at once, with checkpoints and closing in
between, in one scenario with live sessions, memories and queue journals among them
(`runtime_turns`). Then its operations are replayed, and after each of them images are drawn of what
a power cut may leave (`disk_images`). The store is opened on each that is different: it has to
open, with every turn that was acknowledged by then, nothing half-saved, and nothing that was not
begun. One image in twenty is saved to, closed and checked once more; one in ten has a wal-index of
garbage.

A subject that does not promise durability (`capabilities().durable`) may have lost turns: the
images in which some are missing are counted. Everything else holds for it as well.

A failure names the recording, the operation and a folder with the image and a list of the
operations: recordings differ from run to run, since threads do.
"""

from __future__ import annotations

import asyncio
import gc
import hashlib
import itertools
import random
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal

import attrs

from a3s_store.errors import StoreError
from tests.faults.harness import disk_images, forks, scenarios, shim, store_under_test
from tests.faults.harness.disk_images import Disk, Image
from tests.faults.harness.fork_server import ForkServer
from tests.faults.harness.progress import Progress
from tests.faults.harness.report import Report, Size
from tests.faults.harness.runtime_turns import APPENDS, JOURNALS, LIVE, MEMORIES, UNITS
from tests.faults.harness.shim import Kind, Operation
from tests.faults.harness.workload import BrokenPromiseError

unavailable = shim.available

# Images of one seed, and how many seeds.
_IMAGES: Final[Mapping[Size, tuple[int, int]]] = {"short": (1_200, 1), "long": (100_000, 10)}
# Each scenario: its function, its arguments, and its share of the images.
_SCENARIOS: Final[Sequence[tuple[str, str, dict[str, Any], int]]] = (
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
    ("chunked", "chunked", {"sessions": [1, 2, APPENDS], "turns": 6}, 4),
    ("compacting", "compacting", {"sessions": [1, 2, 3], "turns": 4}, 4),
    (
        "runtime",
        "savers",
        {
            "sessions": [1, LIVE, MEMORIES, JOURNALS, UNITS],
            "turns": 4,
            "cycles": 2,
            "checkpoints": "often",
        },
        8,
    ),
)
# One image in so many is saved to; has a wal-index of garbage; is verified.
_AGAIN: Final = 20
_GARBAGE: Final = 10
_VERIFIED: Final = 5
# Of how many failures in one process the image is kept.
_KEPT: Final = 3
# Images of each cut, at least.
_EACH: Final = 6
_FAILURES: Final = (BrokenPromiseError, StoreError, TimeoutError)
_SECONDS: Final = 60.0


@attrs.frozen
class Recording:
    """The file operations of a child in a folder."""

    name: str
    folder: Path
    operations: Sequence[Operation]

    def cuts(self) -> list[int]:
        """The operations after which a power cut may leave another image than before."""
        return [index for index, op in enumerate(self.operations) if _matters(op)]


def run(report: Report, size: Size) -> None:
    """Record every scenario with each seed and judge images of it."""
    total, seeds = _IMAGES[size]
    for seed in range(report.seed, report.seed + seeds):
        attack(report, total, seed)


def attack(report: Report, total: int, seed: int = 1) -> None:
    """Record every scenario with this seed and judge about so many images of them."""
    recordings: list[tuple[Recording, int]] = []
    shares = sum(share for *_, share in _SCENARIOS)
    with forks.scratch() as folder:
        with ForkServer() as server:
            for name, scenario, arguments, share in _SCENARIOS:
                given = {"subject_name": report.subject, "seed": str(seed), **arguments}
                where = folder / name
                try:
                    recorded = record(server, where, scenario, given, f"seed {seed}, {name}")
                except ScenarioFailedError as error:
                    report.fail(str(error))
                    continue
                recordings.append((recorded, total * share // shares))
        judge_all(report, recordings, folder, str(seed))


class ScenarioFailedError(Exception):
    """A scenario failed without any fault: there is nothing to replay."""


def record(
    server: ForkServer, place: Path, scenario: str, arguments: Mapping[str, Any], name: str
) -> Recording:
    """Play a scenario with nothing going wrong and return its operations.

    Raises:
        ScenarioFailedError: it failed all the same.
    """
    folder = place / "w"
    folder.mkdir(parents=True)
    log = place / "log"
    ended = server.run(
        f"{scenarios.__name__}:{scenario}",
        {"folder": str(folder), **arguments},
        shim.environment(folder, log=log),
        seconds=_SECONDS,
    )
    if ended.status != 0 or ended.stray:
        raise ScenarioFailedError(f"{name}: failed by itself: {ended.status}, {ended.stray}")
    found = Recording(name, folder.resolve(), shim.parse(log))
    shutil.rmtree(place)
    return found


# -- Judging ------------------------------------------------------------------------------------


def judge_all(
    report: Report, recordings: Sequence[tuple[Recording, int]], folder: Path, seed: str = ""
) -> None:
    """Open so many images of each recording, in several processes.

    `folder` is for the images, `seed` that of the turns: by default the report's. Half of the
    images of each cut assume that a file's sync makes its name durable.
    """
    parts = []
    for number, (recording, wanted) in enumerate(recordings):
        cuts = recording.cuts()
        report.add(recordings=1, operations=len(recording.operations), cuts=len(cuts))
        # Fewer images of each cut would be the extremes alone; rather leave out cuts.
        each = max(_EACH, -(-wanted // (2 * len(cuts))))
        step = max(1, 2 * len(cuts) * each // wanted)
        cuts = cuts[number % step :: step]
        pieces = max(1, min(8, wanted // 100))
        edges = [len(cuts) * piece // pieces for piece in range(pieces + 1)]
        parts += [
            _Part(recording, seed or str(report.seed), each, cuts[first:last], names, folder)
            for first, last in itertools.pairwise(edges)
            for names in ("folder", "file")
        ]
    gc.collect()
    forks.share(report, lambda own, part: part.judge(own), parts)


@attrs.frozen
class _Cut:
    """An image that a power cut may leave after an operation, and the progress by then."""

    operation: int
    key: bytes
    image: Image
    progress: Progress


@attrs.frozen
class _Part:
    """Images of a recording that one process judges: those of some of its cuts."""

    recording: Recording
    seed: str  # of the turns
    want: int  # images for each cut
    cuts: Sequence[int]
    names: Literal["folder", "file"]
    scratch: Path

    def __str__(self) -> str:
        return f"{self.recording.name}, operations {self.cuts[:1]} to {self.cuts[-1:]}"

    def judge(self, report: Report) -> None:
        """Open each different image, and compare its turns with the progress at each cut."""
        judge = _Judge(self, report)
        with asyncio.Runner() as runner:
            for cut in self._images():
                report.add(images=1)
                runner.run(judge.judge(cut))
                if report.is_enough:
                    return

    def _images(self) -> Iterator[_Cut]:
        disk = Disk(self.recording.folder, names=self.names)
        progress = Progress()
        cuts = frozenset(self.cuts)
        for index, operation in enumerate(self.recording.operations[: max(cuts, default=-1) + 1]):
            disk.apply(operation)
            progress.follow(operation)
            if index not in cuts:
                continue
            chance = random.Random(f"{self.seed}/{self.names}/{self.recording.name}/{index}")
            for image in disk.images(chance, self.want):
                copied = Progress({**progress.begun}, {**progress.acknowledged})
                yield _Cut(index, _key(image), image, copied)


def _matters(operation: Operation) -> bool:
    """Whether a power cut after this operation has other images, or other promises to keep."""
    if operation.is_marks:
        return operation.kind is Kind.WRITE and operation.data[:1] != b"B"
    return operation.kind is not Kind.OPEN and not operation.path.endswith("-shm")


def _key(image: Image) -> bytes:
    """A digest of an image."""
    digest = hashlib.sha1(usedforsecurity=False)
    for name, content in sorted(image.items()):
        digest.update(b"%s\0%d\0" % (name.encode(), len(content)))
        digest.update(content)
    return digest.digest()


class _Judge:
    """Opens images of a part. The same image may have other promises to keep at a later cut."""

    def __init__(self, part: _Part, report: Report) -> None:
        self._part = part
        self._report = report
        self._open = store_under_test.find(report.subject)
        self._durable = True  # whether the store promises to be
        self._known: dict[bytes, dict[int, int] | None] = {}  # turns in an image; None: it failed

    async def judge(self, cut: _Cut) -> None:
        """Compare the turns in an image with the progress, opening it unless it was seen."""
        try:
            if cut.key not in self._known:
                self._report.add(different=1)
                self._known[cut.key] = None
                self._known[cut.key] = await self._opened(cut, len(self._known))
            elif (turns := self._known[cut.key]) is not None:
                self._compare(cut, turns)
        except _FAILURES as error:
            self._fail(cut, error)

    def _compare(self, cut: _Cut, turns: dict[int, int]) -> None:
        """Compare turns with the progress. Raises BrokenPromiseError."""
        acknowledged = cut.progress.acknowledged
        store_under_test.compare(turns, acknowledged if self._durable else {}, cut.progress.begun)
        if any(turns.get(number, 0) < turn for number, turn in acknowledged.items()):
            self._report.add(with_turns_missing=1)

    async def _opened(self, cut: _Cut, number: int) -> dict[int, int]:
        """Write an image to a folder and check it; return the turns in it."""
        place = Path(tempfile.mkdtemp(dir=self._part.scratch))
        try:
            disk_images.write(cut.image, place)
            store = place / scenarios.STORE
            if number % _GARBAGE == 0 and store.exists():
                index = disk_images.garbage_index(random.Random(number))
                store.with_name(store.name + "-shm").write_bytes(index)
                self._report.add(with_a_garbage_index=1)
            return await asyncio.wait_for(self._check(cut, store, number), _SECONDS)
        finally:
            shutil.rmtree(place, ignore_errors=True)

    async def _check(self, cut: _Cut, path: Path, number: int) -> dict[int, int]:
        """Open an image, compare its turns with the progress, return them; save to some."""
        seed, begun = self._part.seed, cut.progress.begun
        async with self._open(path) as store:
            self._durable = store.capabilities().durable
            # Loading verifies every value against its digest; the rest is verified now and then.
            thorough = number % _VERIFIED == 0
            turns = await store_under_test.check(store, seed, {}, begun, verify=thorough)
            self._compare(cut, turns)
            if number % _AGAIN or not begun:
                return turns
            one = min(begun)
            wanted = {**turns, one: turns[one] + 1}
            await store_under_test.save_turn(store, seed, one, wanted[one])
        self._report.add(saved_to=1)
        async with self._open(path) as store:
            begun = {**begun, one: max(wanted[one], begun[one])}
            after = await store_under_test.check(store, seed, wanted, begun)
        if after != wanted:
            raise BrokenPromiseError(f"after a save there are {after} turns, not {wanted}")
        return turns

    def _fail(self, cut: _Cut, error: Exception) -> None:
        self._report.add(failed=1)
        recording = self._part.recording
        operation = recording.operations[cut.operation]
        name = Path(operation.path).name
        where = f"{recording.name}: operation {cut.operation} ({operation.kind.name} {name})"
        if len(self._report.failures) < _KEPT:
            kept = Path(tempfile.mkdtemp(prefix="a3s-faults-image-"))
            disk_images.write(cut.image, kept)
            (kept / "operations").write_text(_listed(recording.operations[: cut.operation + 1]))
            where += f", image kept in {kept}"
        self._report.fail(f"{where}: {type(error).__name__}: {error}")


def _listed(operations: Sequence[Operation]) -> str:
    """A line for each operation: its number, process, kind, file, offset and length."""
    return "".join(
        f"{number} {each.process} {each.kind.name} {Path(each.path).name}#{each.file} "
        f"{Path(each.to).name} {each.offset} {len(each.data)}\n"
        for number, each in enumerate(operations)
    )
