"""The model of a disk after a power cut, and the shim that records file operations."""

from __future__ import annotations

import errno
import os
import random
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest

from tests.faults.harness import shim
from tests.faults.harness.disk_images import SECTOR, Change, Disk, Image, torn
from tests.faults.harness.shim import Kind, Operation

FOLDER = Path("/recorded")
needs_shim = pytest.mark.skipif(shim.available() is not None, reason=str(shim.available()))


def done(
    kind: Kind, name: str, file: int = 1, *, to: str = "", at: int = 0, data: bytes = b""
) -> Operation:
    path = str(FOLDER / name) if name else str(FOLDER)
    return Operation(kind, 1, file, path, str(FOLDER / to) if to else "", at, data)


def folder_synced(name: str = "") -> Operation:
    path = str(FOLDER / name) if name else str(FOLDER)
    return Operation(Kind.SYNC, 1, 0, path, ".")


# A file that is there for good, with four bytes in it.
SAVED = (
    done(Kind.CREATE, "a"),
    done(Kind.WRITE, "a", data=b"once"),
    done(Kind.SYNC, "a"),
    folder_synced(),
)


def found(
    operations: Iterable[Operation], *, names: str = "folder", start: Image | None = None
) -> list[Image]:
    """All the different images that 400 drawn ones come to."""
    disk = Disk(FOLDER, start, names="file" if names == "file" else "folder")
    for operation in operations:
        disk.apply(operation)
    different: list[Image] = []
    for image in disk.images(random.Random(1), 400):
        if image not in different:
            different.append(image)
    return different


def contents(images: Sequence[Image], name: str = "a") -> set[bytes | None]:
    return {image.get(name) for image in images}


def test_synced_bytes_are_in_every_image() -> None:
    assert found(SAVED) == [{"a": b"once"}]


def test_a_write_that_was_not_synced_may_be_lost() -> None:
    images = found([*SAVED, done(Kind.WRITE, "a", data=b"more", at=4)])

    assert contents(images) == {b"once", b"oncemore"}


def test_a_later_write_may_arrive_without_an_earlier_one() -> None:
    later = [
        done(Kind.WRITE, "a", data=b"X", at=0),
        done(Kind.WRITE, "a", data=b"Y", at=3),
    ]

    assert contents(found([*SAVED, *later])) == {b"once", b"Xnce", b"oncY", b"XncY"}


def test_writes_before_a_sync_do_not_come_apart_after_it() -> None:
    synced = [done(Kind.WRITE, "a", data=b"X"), done(Kind.SYNC, "a")]

    assert contents(found([*SAVED, *synced])) == {b"Xnce"}


def test_the_sync_of_one_file_brings_no_other() -> None:
    other = [
        done(Kind.CREATE, "b", 2),
        folder_synced(),
        done(Kind.WRITE, "b", 2, data=b"new"),
        done(Kind.SYNC, "a"),
    ]

    assert contents(found([*SAVED, *other]), "b") == {b"", b"new"}


def test_a_write_is_torn_at_sectors_only() -> None:
    page = bytes([1]) * SECTOR + bytes([2]) * SECTOR
    images = contents(found([*SAVED, done(Kind.WRITE, "a", data=page)]))

    first, second = page[:SECTOR], b"once" + bytes(SECTOR - 4) + page[SECTOR:]
    assert images == {b"once", page, first, second}


def test_a_write_within_one_sector_is_whole_or_missing() -> None:
    assert torn(Change(512, bytes(512)), random.Random(1)) is None
    assert torn(Change(500, bytes(12)), random.Random(1)) is None
    assert torn(Change(500, bytes(13)), random.Random(1)) is not None


def test_torn_never_means_whole() -> None:
    change = Change(100, bytes(2000))
    for seed in range(500):
        pieces = torn(change, random.Random(seed))
        assert pieces is not None
        assert sum(len(piece.data or b"") for piece in pieces) < 2000


def test_a_truncation_may_be_lost() -> None:
    images = found([*SAVED, done(Kind.CUT, "a", at=2)])

    assert contents(images) == {b"once", b"on"}


def test_a_name_may_be_missing_until_its_folder_is_synced() -> None:
    made = [
        done(Kind.CREATE, "b", 2),
        done(Kind.WRITE, "b", 2, data=b"new"),
        done(Kind.SYNC, "b", 2),
    ]

    assert contents(found([*SAVED, *made]), "b") == {None, b"new"}
    assert contents(found([*SAVED, *made, folder_synced()]), "b") == {b"new"}


def test_where_names_go_with_their_file_its_sync_is_enough() -> None:
    made = [done(Kind.CREATE, "b", 2), done(Kind.SYNC, "b", 2)]

    assert contents(found([*SAVED, *made], names="file"), "b") == {b""}


@pytest.mark.parametrize("names", ["folder", "file"])
def test_a_file_made_again_is_there_once_its_folder_is_synced(names: str) -> None:
    again = (
        done(Kind.UNLINK, "a"),
        done(Kind.CREATE, "a", file=2),
        done(Kind.WRITE, "a", file=2, data=b"twice"),
        done(Kind.SYNC, "a", file=2),
    )
    assert found([*SAVED, *again, folder_synced()], names=names) == [{"a": b"twice"}]


def test_a_removed_name_may_come_back_until_its_folder_is_synced() -> None:
    removed = done(Kind.UNLINK, "a")

    assert contents(found([*SAVED, removed])) == {None, b"once"}
    assert contents(found([*SAVED, removed, folder_synced()])) == {None}


def test_a_rename_is_done_or_not_and_never_half() -> None:
    moved = [
        done(Kind.CREATE, "new", 2),
        done(Kind.WRITE, "new", 2, data=b"next"),
        done(Kind.SYNC, "new", 2),
        folder_synced(),
        done(Kind.RENAME, "new", 0, to="a"),
    ]

    images = found([*SAVED, *moved])

    assert images == [{"a": b"next"}, {"a": b"once", "new": b"next"}]


def test_a_rename_before_the_data_was_synced_may_leave_an_empty_file() -> None:
    careless = [
        done(Kind.CREATE, "new", 2),
        done(Kind.WRITE, "new", 2, data=b"next"),
        done(Kind.RENAME, "new", 0, to="a"),
    ]

    assert contents(found([*SAVED, *careless])) == {b"once", b"", b"next"}


def test_the_sync_of_a_folder_brings_no_names_of_another() -> None:
    elsewhere = [done(Kind.CREATE, "sub/b", 2), folder_synced()]

    assert contents(found([*SAVED, *elsewhere]), "sub/b") == {None, b""}
    assert contents(found([*SAVED, *elsewhere, folder_synced("sub")]), "sub/b") == {b""}


def test_changes_of_a_failed_sync_never_arrive() -> None:
    failed = [
        done(Kind.WRITE, "a", data=b"gone"),
        done(Kind.SYNC_FAILED, "a"),
        done(Kind.WRITE, "a", data=b"!", at=4),
        done(Kind.SYNC, "a"),
    ]

    assert contents(found([*SAVED, *failed])) == {b"once!"}


def test_content_before_the_recording_is_durable() -> None:
    images = found(
        [
            Operation(Kind.OPEN, 1, 7, str(FOLDER / "a"), offset=4),
            done(Kind.WRITE, "a", 7, data=b"X"),
        ],
        start={"a": b"once", "b": b"kept"},
    )

    assert contents(images) == {b"once", b"Xnce"}
    assert contents(images, "b") == {b"kept"}


def test_marks_and_the_index_are_in_no_image() -> None:
    disk = Disk(FOLDER)

    assert not disk.apply(done(Kind.CREATE, "marks"))
    assert not disk.apply(done(Kind.CREATE, "store.db-shm", 2))
    assert list(disk.images(random.Random(1), 1)) == [{}]


# -- The shim itself ----------------------------------------------------------------------------

PROGRAM = """
import os
handle = os.open("a", os.O_RDWR | os.O_CREAT, 0o600)
os.pwrite(handle, b"x" * 2048, 0)
os.fsync(handle)
os.ftruncate(handle, 100)
os.close(handle)
os.replace("a", "b")
os.mkdir("sub")
os.unlink("b")
folder = os.open(".", os.O_RDONLY)
os.fsync(folder)
"""
STEPS = [
    (Kind.CREATE, "a"),
    (Kind.WRITE, "a"),
    (Kind.SYNC, "a"),
    (Kind.CUT, "a"),
    (Kind.RENAME, "a"),
    (Kind.MKDIR, "sub"),
    (Kind.UNLINK, "b"),
    (Kind.SYNC, "w"),
]


def played(
    place: Path, environment: dict[str, str], program: str = PROGRAM
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program],
        cwd=place / "w",
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "w").mkdir()
    return tmp_path


@needs_shim
def test_operations_are_recorded_in_order(place: Path) -> None:
    log, count = place / "log", place / "count"
    ended = played(place, shim.environment(place / "w", log=log, count=count))

    operations = shim.parse(log)
    assert ended.returncode == 0, ended.stderr
    assert [(each.kind, Path(each.path).name) for each in operations] == STEPS
    assert operations[1].data == b"x" * 2048
    assert Path(operations[4].to).name == "b"
    assert operations[-1].is_folder
    assert shim.counted(count) == shim.Counted(len(STEPS), 0, 0, "")


@needs_shim
@pytest.mark.parametrize(
    ("how", "size", "recorded"), [("before", 0, 1), ("torn", 1024, 2), ("after", 2048, 2)]
)
def test_a_process_is_stopped_at_an_operation(
    place: Path, how: shim.CrashHow, size: int, recorded: int
) -> None:
    log = place / "log"
    ended = played(place, shim.environment(place / "w", log=log, crash_at=2, crash_how=how))

    assert ended.returncode == 137
    assert (place / "w" / "a").stat().st_size == size
    assert len(shim.parse(log)) == recorded


@needs_shim
@pytest.mark.parametrize("kind", ["create", "write", "sync", "truncate", "name", "unlink"])
def test_an_operation_of_each_kind_can_fail(place: Path, kind: str) -> None:
    count = place / "count"
    settings = shim.environment(
        place / "w", count=count, fail_at=1, fail_kind=kind, fail_errno=errno.ENOSPC
    )

    ended = played(place, settings)

    assert os.strerror(errno.ENOSPC) in ended.stderr
    assert shim.counted(count).fired == 1


@needs_shim
def test_an_operation_that_fails_for_good_fails_again(place: Path) -> None:
    program = """
import os
handle = os.open("a", os.O_RDWR | os.O_CREAT, 0o600)
results = []
for turn in range(4):
    try:
        results.append(os.write(handle, b"x"))
    except OSError as error:
        results.append(error.errno)
print(results)
"""
    once = shim.environment(place / "w", fail_at=2, fail_kind="write")
    for_good = shim.environment(place / "w", fail_at=2, fail_kind="write", fail_sticky=True)

    assert played(place, once, program).stdout == "[1, 5, 1, 1]\n"
    assert played(place, for_good, program).stdout == "[1, 5, 5, 5]\n"


@needs_shim
def test_no_operation_outside_the_folder_is_changed_and_marks_never_fail(place: Path) -> None:
    (place / "w2").mkdir()
    count = place / "count"
    program = """
from pathlib import Path
Path("../w2/a").write_text("outside")
Path("marks").write_text("A 1 1")
"""
    settings = shim.environment(place / "w", count=count, fail_at=1, fail_sticky=True)

    assert played(place, settings, program).returncode == 0
    assert shim.counted(count).operations == 0
