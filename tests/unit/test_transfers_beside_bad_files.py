"""A bad file, folder or link is reported as `refused`, and the transfer of the others goes on."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from a3s_store import Limits, MemorySessionStore
from a3s_store.core.snapshot import SessionSnapshot
from a3s_store.errors import StoreUnavailableError
from a3s_store.interop import TransferReport, export_directory, import_directory
from a3s_store.wire import encode, pretty
from tests.programs import output_of
from tests.support import artifact, session

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="links and pipes are made")


def put(folder: Path, session_id: str, **changes: Any) -> None:
    folder.mkdir(exist_ok=True)
    text = pretty(encode(session(session_id, **changes)))
    (folder / f"{session_id}.json").write_bytes(text)


def imported(folder: Path, **options: Any) -> tuple[TransferReport, list[str]]:
    async def main() -> tuple[TransferReport, list[str]]:
        store = MemorySessionStore()
        report = await import_directory(store, folder, **options)
        return report, await store.list()

    return asyncio.run(main())


def refusals(report: TransferReport) -> dict[str, str | None]:
    return {entry.path: entry.reason for entry in report.entries if entry.outcome == "refused"}


def test_a_sparse_file_of_8_gigabytes_is_refused_unread(tmp_path: Path) -> None:
    put(tmp_path, "a")
    with (tmp_path / "b.json").open("wb") as file:
        file.truncate(8 * 2**30)
    report, ids = imported(tmp_path)
    assert ids == ["a"]
    what = "the file has 8589934592 bytes, and 1073741824 is the limit"
    assert refusals(report) == {"b.json": f"b.json: {what}"}


def test_the_limit_of_files_is_a_setting(tmp_path: Path) -> None:
    put(tmp_path, "a", count=1)
    put(tmp_path, "b", count=200)
    report, ids = imported(tmp_path, limits=Limits(file_bytes=5_000))
    assert ids == ["a"]
    assert list(refusals(report)) == ["b.json"]


def test_a_file_for_which_there_is_no_memory_is_refused(tmp_path: Path) -> None:
    """In a process with a limit on its address space; a bare MemoryError came out once."""
    put(tmp_path / "in", "a")
    put(tmp_path / "in", "c")
    with (tmp_path / "in/b.json").open("wb") as file:
        file.truncate(900 * 2**20)
    program = (
        "import asyncio, resource, sys\n"
        "from a3s_store import MemorySessionStore\n"
        "from a3s_store.interop import import_directory\n"
        "async def main():\n"
        "    store = MemorySessionStore()\n"
        "    await import_directory(store, sys.argv[2])\n"  # so that all is imported
        "    pages = int(open('/proc/self/statm').read().split()[0])\n"
        "    space = pages * resource.getpagesize() + 300_000_000\n"
        "    resource.setrlimit(resource.RLIMIT_AS, (space, -1))\n"
        "    print(await import_directory(store, sys.argv[1]))\n"
        "    print(await store.list())\n"
        "asyncio.run(main())\n"
    )
    put(tmp_path / "empty", "z")
    printed = output_of(program, tmp_path / "in", tmp_path / "empty")
    assert "refused  b.json: b.json: there is not enough memory to read it" in printed
    assert "['a', 'c', 'z']" in printed


def test_a_pipe_is_refused_and_nobody_waits_for_it(tmp_path: Path) -> None:
    put(tmp_path, "a")
    os.mkfifo(tmp_path / "b.json")
    report, ids = imported(tmp_path)
    assert ids == ["a"]
    assert refusals(report) == {"b.json": "b.json: not a regular file"}


def test_a_folder_beyond_the_longest_path_is_refused(tmp_path: Path) -> None:
    put(tmp_path, "a")
    # By descriptors, since no path could name the last ones.
    place = os.open(tmp_path, os.O_RDONLY)
    for _ in range(30):
        os.mkdir("d" * 200, dir_fd=place)
        below = os.open("d" * 200, os.O_RDONLY, dir_fd=place)
        os.close(place)
        place = below
    os.close(place)
    report, ids = imported(tmp_path)
    assert ids == ["a"]
    ((path, reason),) = refusals(report).items()
    assert path.startswith("d" * 200)
    assert reason == "the folder cannot be read: File name too long"
    subprocess.run(["rm", "-rf", str(tmp_path / ("d" * 200))], check=True)


def test_a_link_to_itself_in_the_place_of_a_folder_is_refused(tmp_path: Path) -> None:
    put(tmp_path, "a")
    loop = tmp_path / "artifacts"
    loop.symlink_to(loop)
    report, ids = imported(tmp_path)
    assert ids == ["a"]
    assert refusals(report) == {"artifacts": "not a folder"}


# -- Out of a store -------------------------------------------------------------------------------


def exported(folder: Path, plant: Callable[[Path], Any]) -> TransferReport:
    async def main() -> TransferReport:
        store = MemorySessionStore()
        await store.save(session("plain"))
        snapshot = SessionSnapshot.of(session("x"), {}, ())
        await store.save_snapshot(snapshot.evolve(artifacts=(artifact(1),)))
        await store.save(session("y"))
        folder.mkdir()
        plant(folder)
        return await export_directory(store, folder)

    return asyncio.run(main())


def _link_for_folder(folder: Path) -> None:
    (folder.parent / "elsewhere").mkdir()
    (folder / "artifacts").symlink_to(folder.parent / "elsewhere")


def _folder_for_file(folder: Path) -> None:
    (folder / "x.json/below").mkdir(parents=True)


def _file_for_folder(folder: Path) -> None:
    (folder / "artifacts").write_text("a file")


@pytest.mark.parametrize("plant", [_link_for_folder, _folder_for_file])
def test_what_stands_in_the_way_of_one_session_refuses_it_and_the_rest_goes_on(
    tmp_path: Path, plant: Callable[[Path], None]
) -> None:
    report = exported(tmp_path / "out", plant)
    refused = {entry.session_id for entry in report.entries if entry.outcome == "refused"}
    assert refused == {"x"}
    assert {path.name for path in (tmp_path / "out").glob("*.json") if path.is_file()} == {
        "plain.json",
        "y.json",
    }
    elsewhere = tmp_path / "elsewhere"
    assert not elsewhere.exists() or not list(elsewhere.iterdir())


def test_a_file_in_the_place_of_a_folder_refuses_each_session_that_needs_it(tmp_path: Path) -> None:
    report = exported(tmp_path / "out", _file_for_folder)
    refused = {entry.session_id: entry.reason for entry in report.entries}
    assert set(refused) == {"plain", "x", "y"}
    assert all("Not a directory" in (reason or "") for reason in refused.values())


def test_a_directory_that_cannot_be_written_at_all_ends_the_export(tmp_path: Path) -> None:
    async def main() -> TransferReport:
        return await export_directory(MemorySessionStore(), tmp_path / "file/out")

    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreUnavailableError):
        asyncio.run(main())
