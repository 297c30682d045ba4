"""Names: upstream's sanitiser and layout (wire-format 13.1, 13.2)."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from a3s_store.agent_memory import MemoryItem
from a3s_store.backends.jsonfiles import FileSessionStore
from a3s_store.backends.jsonfiles.layout import MAX_NAME, name_of, safe_name
from a3s_store.backends.memory import MemorySessionStore
from a3s_store.core.base.queue_entries import WORKFLOW_PREFIX
from a3s_store.core.protocol import Inventory
from a3s_store.errors import InvalidIdError
from a3s_store.interop import export_directory, import_directory
from tests.everything import entry
from tests.unit.backends.jsonfiles.file_samples import (
    CHECKPOINT_NAMES,
    COLLECTION_NAMES,
    checkpoint,
    files_in,
    load_collection,
    run,
    save_collection,
    session,
    snapshot,
    values,
)


@pytest.mark.parametrize(
    ("session_id", "name"),
    [
        ("a/b", "a_b"),
        ("a\\b", "a_b"),
        ("a..b", "a_b"),
        ("a_b", "a_b"),
        ("../../../etc/passwd", "______etc_passwd"),
        ("foo/bar\\baz..qux", "foo_bar_baz_qux"),
        ("...", "_."),
        ("....", "__"),
        ("..", "_"),
        ("", ""),
        (".", "."),
        ("A", "A"),
        ("x.json", "x.json"),
    ],
)
def test_names_are_those_of_upstream(session_id: str, name: str) -> None:
    assert safe_name(session_id) == name


def test_a_snapshot_lies_where_upstream_puts_it(tmp_path: Path) -> None:
    async def work(store: FileSessionStore) -> None:
        await store.save_snapshot(snapshot("demo/1"))
        await store.save_loop_checkpoint("run/1", checkpoint("loop_checkpoint", "run/1"))
        await store.save_workflow_checkpoint("wf", checkpoint("workflow_checkpoint", "wf"))

    run(tmp_path, work)
    assert sorted(files_in(tmp_path)) == [
        "artifacts/demo_1/artifacts.json",
        "demo_1.json",
        "loop_checkpoints/run_1.json",
        "runs/demo_1.json",
        "subagent_tasks/demo_1.json",
        "traces/demo_1.json",
        "verification/demo_1.json",
        "workflow_checkpoints/wf.json",
    ]


def test_files_have_upstreams_bytes(tmp_path: Path) -> None:
    async def work(store: FileSessionStore) -> None:
        await store.save_trace_events("s", ())
        await store.save_artifacts("s", values("artifacts", "00c0ffee"))
        await store.save_verification_reports("s", values("verification_reports"))

    run(tmp_path, work)
    assert files_in(tmp_path) == {
        "traces/s.json": b"[]",
        "artifacts/s/artifacts.json": b"""{
  "artifacts": [
    {
      "artifact_id": "tool-output:bash:00c0ffee",
      "artifact_uri": "a3s://tool-output/bash/00c0ffee",
      "tool_name": "bash",
      "content": "line 00c0ffee\\n",
      "original_bytes": 7,
      "shown_bytes": 6
    }
  ]
}""",
        "verification/s.json": b"""[
  {
    "schema": "a3s.verification_report.v1",
    "subject": "1",
    "status": "passed",
    "checks": []
  }
]""",
    }


def test_only_its_owner_may_read_what_is_made(tmp_path: Path) -> None:
    async def work(store: FileSessionStore) -> None:
        await store.save_snapshot(snapshot("a/b"))
        await store.save_trace_events("c/d", values("trace_events"))

    run(tmp_path / "new", work)
    modes = {path: path.stat().st_mode & 0o777 for path in tmp_path.rglob("*")}
    assert modes == {path: 0o700 if path.is_dir() else 0o600 for path in modes}


def test_a_directory_that_is_there_keeps_its_mode(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    run(tmp_path, lambda store: store.save(session("x")))
    assert tmp_path.stat().st_mode & 0o777 == 0o755


def test_the_longest_name_can_be_saved_and_saved_again(tmp_path: Path) -> None:
    session_id = "é" * (MAX_NAME // 2)

    async def work(store: FileSessionStore) -> None:
        for tag in ("1", "2"):
            await store.save_snapshot(snapshot(session_id, tag))
        await store.save_loop_checkpoint(session_id, checkpoint("loop_checkpoint", session_id))
        assert await store.load_snapshot(session_id) == snapshot(session_id, "2")
        assert await store.list() == [session_id]
        await store.delete(session_id)

    run(tmp_path, work)
    assert sorted(files_in(tmp_path)) == [f"loop_checkpoints/{session_id}.json"]


@pytest.mark.parametrize(
    "session_id", ["a" * 234, "a" * 235, "b/" * (MAX_NAME // 2), "é" * (MAX_NAME // 2)]
)
def test_a_session_with_a_long_id_has_everything_beside_it(tmp_path: Path, session_id: str) -> None:
    """Its queue lies in a file that has more in its name than the session's."""
    key = WORKFLOW_PREFIX + session_id
    item = MemoryItem(id="a", content="use tabs", timestamp="2026-05-18T10:00:00Z")
    # One that begins alike is kept apart.
    other = session_id[:-1] + "x"

    async def work(store: FileSessionStore) -> None:
        for number, one in enumerate((session_id, other)):
            await store.save_snapshot(snapshot(one))
            await store.memories(one).store(item)
            await store.save_loop_checkpoint(one, checkpoint("loop_checkpoint", one))
            await store.save_queue_entries(one, claimed_by="a", put=[entry(number)])
            await store.save_queue_entries(one, claimed_by="a", put=[entry(number + 2)])
        assert set((await store.inventory()).workflow_checkpoints) == {key, WORKFLOW_PREFIX + other}

    async def again(store: FileSessionStore) -> None:
        found = await store.claim_queue_entries(session_id, by="b", may_take=lambda _: True)
        assert found == (entry(0), entry(2))
        queue = await store.load_workflow_checkpoint(key)
        assert queue is not None
        await store.save_workflow_checkpoint(key, queue)
        assert await store.memories(session_id).items() == (item,)
        await store.delete(session_id)
        assert (await store.inventory()).workflow_checkpoints == (WORKFLOW_PREFIX + other,)
        assert await store.load_workflow_checkpoint(key) is None
        assert await store.memory_owners() == (other,)

    run(tmp_path / "files", work)
    moved = asyncio.run(import_all(tmp_path / "files"))
    assert set(moved.workflow_checkpoints) == {key, WORKFLOW_PREFIX + other}
    run(tmp_path / "files", again)


async def import_all(source: Path) -> Inventory:
    """Import a directory, export that, and import it again: all ids that there are then."""
    store = MemorySessionStore()
    report = await import_directory(store, source)
    assert [entry for entry in report.entries if entry.outcome == "refused"] == []
    await export_directory(store, source.with_name("exported"))
    again = MemorySessionStore()
    await import_directory(again, source.with_name("exported"))
    return await again.inventory()


@pytest.mark.parametrize("session_id", [".", "a" * (MAX_NAME + 1), "é" * 200, "/" * 600])
def test_ids_without_a_file_name_are_refused_and_harm_nobody(
    tmp_path: Path, session_id: str
) -> None:
    async def work(store: FileSessionStore) -> None:
        await store.save_snapshot(snapshot("other"))
        before = files_in(tmp_path)
        for save in (store.save(session(session_id)), store.save_snapshot(snapshot(session_id))):
            with pytest.raises(InvalidIdError, match="no file can be named") as caught:
                await save
            assert caught.value.hint
        for collection in COLLECTION_NAMES:
            with pytest.raises(InvalidIdError):
                await save_collection(store, collection, session_id, values(collection))
            assert await load_collection(store, collection, session_id) is None
        for kind in CHECKPOINT_NAMES:
            with pytest.raises(InvalidIdError):
                await getattr(store, f"save_{kind}")(session_id, checkpoint(kind, session_id))
            assert await getattr(store, f"load_{kind}")(session_id) is None
            await getattr(store, f"delete_{kind}")(session_id)
        assert await store.load(session_id) is None
        assert await store.load_snapshot(session_id) is None
        assert await store.exists(session_id) is False
        await store.delete(session_id)
        assert files_in(tmp_path) == before

    run(tmp_path, work)


@pytest.mark.parametrize("session_id", ["", "a\0b", "\ud800"])
def test_what_is_no_id_touches_nothing(tmp_path: Path, session_id: str) -> None:
    async def work(store: FileSessionStore) -> None:
        await store.save_snapshot(snapshot("other"))
        before = files_in(tmp_path)
        for call in (store.load, store.delete, store.exists, store.load_artifacts):
            with pytest.raises(InvalidIdError):
                await call(session_id)
        assert files_in(tmp_path) == before

    run(tmp_path, work)


@pytest.mark.parametrize(
    "session_id", ["artifacts", "traces", "artifacts.json", ".health_check", ".json", ".owners"]
)
def test_ids_named_like_the_stores_own_files_are_ids_like_any_other(
    tmp_path: Path, session_id: str
) -> None:
    async def work(store: FileSessionStore) -> None:
        await store.save_snapshot(snapshot("other"))
        await store.save_trace_events("c/d", values("trace_events"))
        await store.save_snapshot(snapshot(session_id))
        assert await store.load_snapshot(session_id) == snapshot(session_id)
        assert await store.list() == sorted([session_id, "other"])
        await store.delete(session_id)
        assert await store.load_snapshot("other") == snapshot("other")
        assert await store.load_trace_events("c/d") == values("trace_events")

    run(tmp_path, work)


@pytest.mark.parametrize(
    "session_id", ["con", "NUL.txt", "com1", "a:b", "a?", "a.", "a ", "a\n", "<", "x\x1f"]
)
def test_names_windows_cannot_keep_apart_are_none_there(session_id: str) -> None:
    assert name_of(session_id, windows=True) is None
    assert name_of(session_id, windows=False) == session_id


@pytest.mark.parametrize("session_id", ["console", "a.b", ".a", "a b", "com", "é"])
def test_ordinary_names_are_names_on_windows(session_id: str) -> None:
    assert name_of(session_id, windows=True) == session_id
