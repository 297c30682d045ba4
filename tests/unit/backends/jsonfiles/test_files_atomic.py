"""Whatever happens during a save, each file is the old one or the new one."""

from __future__ import annotations

import asyncio
import json
import os
import random
import shutil
import signal
import stat
import sys
import time
from pathlib import Path

import pytest

from a3s_store.backends.jsonfiles import FileSessionStore
from a3s_store.backends.jsonfiles.atomic_write import Changes
from a3s_store.core.new_files import MAX_FILE_NAME, Temporary, temporary_name, write_new
from a3s_store.errors import StoreError, StoreUnavailableError
from tests.unit.backends.jsonfiles.file_samples import (
    COLLECTION_NAMES,
    child,
    files_in,
    run,
    save_collection,
    session,
    snapshot,
    values,
)

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="kills, links and modes of POSIX")

_SAVER = """
import asyncio, sys
from a3s_store.backends.jsonfiles import FileSessionStore
from tests.unit.backends.jsonfiles.file_samples import snapshot

async def main():
    async with FileSessionStore.open(sys.argv[1]) as store:
        for generation in range(int(sys.argv[2]), 10 ** 6):
            await store.save_snapshot(snapshot("a/b", str(generation)))
            print(generation, flush=True)

asyncio.run(main())
"""


def _generations(directory: Path) -> dict[str, int]:
    """The generation each file of `a/b` is of; raises when one of them is not whole."""

    def tag(name: str, *path: str | int) -> int:
        tree = json.loads((directory / name).read_bytes())
        for step in path:
            tree = tree[step]
        return int(str(tree).removeprefix("run-"))

    return {
        "artifacts": int(
            json.loads((directory / "artifacts/a_b/artifacts.json").read_bytes())["artifacts"][0][
                "artifact_id"
            ].rpartition(":")[2]
        ),
        "traces": tag("traces/a_b.json", 0, "name"),
        "runs": tag("runs/a_b.json", 0, "snapshot", "id"),
        "verification": tag("verification/a_b.json", 0, "subject"),
        "subagent_tasks": tag("subagent_tasks/a_b.json", 0, "task_id"),
        "session": tag("a_b.json", "messages", 0, "content", 0, "text"),
    }


@pytest.mark.slow
def test_a_killed_writer_leaves_each_file_old_or_new(tmp_path: Path) -> None:
    """Every acknowledged save is there; collections may be one save ahead, the session is last."""
    chance = random.Random(20261121)
    acknowledged = -1
    for _ in range(12):
        writer = child(_SAVER, tmp_path, acknowledged + 1)
        assert writer.stdin is not None
        assert writer.stdout is not None
        acknowledged = int(writer.stdout.readline())
        time.sleep(chance.uniform(0, 0.03))
        writer.send_signal(signal.SIGKILL)
        acknowledged = int((writer.stdout.read().split() or [str(acknowledged)])[-1])
        writer.wait()
        writer.stdin.close()
        writer.stdout.close()
        found = _generations(tmp_path)
        in_order = [found[name] for name in found]
        assert in_order == sorted(in_order, reverse=True), "the session is written last"
        assert found["session"] >= acknowledged
        assert found["artifacts"] <= acknowledged + 1
        for name in files_in(tmp_path):
            assert name.endswith((".json", ".tmp")), name
    # The store goes on as if nothing had been.
    run(tmp_path, lambda store: store.save_snapshot(snapshot("a/b", "7")))
    assert set(_generations(tmp_path).values()) == {7}
    assert run(tmp_path, lambda store: store.list()) == ["a/b"]
    assert [name for name in files_in(tmp_path) if name.endswith(".tmp")] == []


_LIMITED = """
import asyncio, resource, sys
from a3s_store.errors import StoreFullError
from a3s_store.backends.jsonfiles import FileSessionStore
from tests.unit.backends.jsonfiles.file_samples import session, snapshot, values

async def main():
    async with FileSessionStore.open(sys.argv[1]) as store:
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
        big = session("a/b", "x" * 5000)
        (artifact,) = values("artifacts")
        large = (artifact.evolve(content="x" * 5000),)
        for save in (
            store.save(big),
            store.save_snapshot(snapshot("a/b", "2").evolve(session=big)),
            store.save_snapshot(snapshot("a/b", "2", artifacts=large)),
            store.save_snapshot(snapshot("new/1").evolve(session=big.evolve(id="new/1"))),
            store.save_artifacts("new/2", large),
        ):
            try:
                await save
            except StoreFullError as error:
                print(error.op, "EFBIG" in str(error))

asyncio.run(main())
"""


def test_a_write_that_fails_half_way_changes_nothing_and_leaves_no_temporary_file(
    tmp_path: Path,
) -> None:
    """The system refuses every file above 4096 bytes; five smaller ones were staged before."""
    run(tmp_path, lambda store: store.save_snapshot(snapshot("a/b")))
    before = files_in(tmp_path)
    writer = child(_LIMITED, tmp_path)
    told, _ = writer.communicate()
    assert told.splitlines() == [
        "save True",
        *(["save_snapshot True"] * 3),
        "save_artifacts True",
    ]
    assert files_in(tmp_path) == before
    assert not (tmp_path / "artifacts/new_2").exists()


def test_a_file_that_cannot_be_replaced_leaves_no_temporary_file(tmp_path: Path) -> None:
    (tmp_path / "runs/x.json/below").mkdir(parents=True)

    async def work(store: FileSessionStore) -> None:
        with pytest.raises(StoreUnavailableError):
            await store.save_snapshot(snapshot("x"))

    run(tmp_path, work)
    assert files_in(tmp_path) == {}


def _never_land(directory: Path) -> None:
    own_folder = directory / "artifacts/a"
    with Changes(directory) as changes:
        changes.put(directory / "traces/a.json", b"1")
        changes.put(own_folder / "artifacts.json", b"2", own_folder=own_folder)
        changes.drop(directory / "b.json")
        assert len(files_in(directory)) == 2
        raise KeyboardInterrupt


def test_changes_that_do_not_land_leave_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        _never_land(tmp_path)
    assert files_in(tmp_path) == {}


def _land(directory: Path) -> None:
    with Changes(directory) as changes:
        changes.put(directory / "a", b"new")
        changes.drop(directory / "z")
        changes.put(directory / "b", b"new")
        changes.put(directory / "c", b"new")
        (directory / "b/in the way").mkdir(parents=True)
        changes.land()


def test_changes_land_in_the_order_given_up_to_the_one_that_fails(tmp_path: Path) -> None:
    (tmp_path / "z").write_bytes(b"old")
    with pytest.raises(IsADirectoryError):
        _land(tmp_path)
    assert files_in(tmp_path) == {"a": b"new"}


def test_what_is_not_there_is_removed_with_success(tmp_path: Path) -> None:
    with Changes(tmp_path) as changes:
        changes.drop(tmp_path / "never/there")
        changes.land()


@pytest.mark.parametrize("name", ["x.json", "é" * 125 + ".json", "x" * 250 + ".json"])
def test_temporary_names_are_new_short_enough_and_say_for_what_they_are(name: str) -> None:
    made = {temporary_name(name) for _ in range(100)}
    assert len(made) == 100
    for one in made:
        assert one.endswith(".tmp")
        assert len(os.fsencode(one)) <= MAX_FILE_NAME
        read = Temporary.of(one)
        assert read is not None
        assert read.is_for(name)
        assert not read.is_for("y" + name)
        assert name.startswith(read.head)


@pytest.mark.parametrize("collection", COLLECTION_NAMES)
def test_session_snapshot_does_not_write_through_a_familys_symlink(
    tmp_path: Path, collection: str
) -> None:
    """Upstream: session_snapshot_does_not_write_through_a_sessions_symlink."""
    store_at, outside = tmp_path / "store", tmp_path / "outside"
    run(store_at, lambda store: save_collection(store, collection, "x", values(collection)))
    (folder,) = store_at.iterdir()
    folder.rename(outside)
    folder.symlink_to(outside)
    before = files_in(outside)

    async def work(store: FileSessionStore) -> None:
        for call in (
            save_collection(store, collection, "x", values(collection, "2")),
            store.save_snapshot(snapshot("x", "2")),
            store.delete("x"),
        ):
            with pytest.raises(StoreUnavailableError, match="symbolic link"):
                await call

    run(store_at, work)
    assert files_in(outside) == before
    assert folder.is_symlink()
    assert files_in(store_at) in ({}, {f"{folder.name}/{name}": before[name] for name in before})


def test_links_in_the_place_of_files_and_artifact_folders_are_replaced_not_followed(
    tmp_path: Path,
) -> None:
    store_at, outside = tmp_path / "store", tmp_path / "outside"
    run(store_at, lambda store: store.save_snapshot(snapshot("x")))
    shutil.copytree(store_at, outside)
    before = files_in(outside)
    (store_at / "x.json").unlink()
    (store_at / "x.json").symlink_to(outside / "x.json")
    shutil.rmtree(store_at / "artifacts/x")
    (store_at / "artifacts/x").symlink_to(outside / "artifacts/x")

    async def work(store: FileSessionStore) -> None:
        await store.save(session("x", "new"))
        with pytest.raises(StoreUnavailableError):
            await store.save_artifacts("x", values("artifacts", "2"))
        await store.delete("x")

    run(store_at, work)
    assert files_in(outside) == before
    assert files_in(store_at) == {}


def test_a_cancelled_save_goes_on_to_its_end(tmp_path: Path) -> None:
    async def work() -> None:
        store = await FileSessionStore.open(tmp_path)
        for step in range(30):
            saving = asyncio.ensure_future(store.save_snapshot(snapshot("a/b", str(step))))
            await asyncio.sleep(0.0002 * step)
            saving.cancel()
            await asyncio.gather(saving, return_exceptions=True)
        await store.close()

    asyncio.run(work())
    # One thread after the other, in no certain order: each generation is whole.
    assert len(set(_generations(tmp_path).values())) == 1
    assert not [name for name in files_in(tmp_path) if name.endswith(".tmp")]


def test_a_deleted_artifact_folder_goes_away_at_once(tmp_path: Path) -> None:
    """Strangers' files in it go too, as upstream does it."""

    async def work(store: FileSessionStore) -> None:
        await store.save_artifacts("x", values("artifacts"))
        (tmp_path / "artifacts/x/more").mkdir()
        (tmp_path / "artifacts/x/more/note.txt").write_bytes(b"")
        await store.delete("x")

    run(tmp_path, work)
    assert files_in(tmp_path) == {}
    assert list((tmp_path / "artifacts").iterdir()) == []


def test_every_error_is_typed_and_says_what_was_tried(tmp_path: Path) -> None:
    (tmp_path / "traces").write_bytes(b"")

    async def work(store: FileSessionStore) -> None:
        with pytest.raises(StoreError) as caught:
            await store.save_trace_events("x", ())
        assert caught.value.op == "save_trace_events"
        assert str(tmp_path) in caught.value.where

    run(tmp_path, work)


@pytest.mark.skipif(os.name == "nt", reason="modes are POSIX")
@pytest.mark.parametrize("umask", [0o000, 0o077, 0o777])
def test_a_file_is_for_its_owner_alone_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        write_new(tmp_path / "a.json", b"{}")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a.json").stat().st_mode) == 0o600
