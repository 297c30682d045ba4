"""The store on a directory: upstream's own tests under upstream's names, then what is ours."""

from __future__ import annotations

import asyncio
import json
import logging
import os
from pathlib import Path

import pytest

from a3s_store import MemorySessionStore, SessionStore
from a3s_store.backends.jsonfiles import FileSessionStore
from a3s_store.core.protocol import Inventory
from a3s_store.errors import (
    DecodeError,
    EncodeError,
    InvalidSnapshotError,
    StoreClosedError,
    StoreUnavailableError,
)
from a3s_store.models import (
    ConfirmationPolicy,
    PermissionPolicy,
    SessionQueueConfig,
)
from a3s_store.wire import encode, pretty
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


def test_file_store_save_and_load(tmp_path: Path) -> None:
    async def work(store: FileSessionStore) -> None:
        await store.save(session("test-session-1"))
        assert await store.load("test-session-1") == session("test-session-1")

    run(tmp_path, work)


def test_file_store_load_nonexistent(tmp_path: Path) -> None:
    assert run(tmp_path, lambda store: store.load("none")) is None


def test_load_nonexistent_returns_none(tmp_path: Path) -> None:
    async def work(store: FileSessionStore) -> None:
        assert await store.load_snapshot("none") is None
        for collection in COLLECTION_NAMES:
            assert await load_collection(store, collection, "none") is None
        for kind in CHECKPOINT_NAMES:
            assert await getattr(store, f"load_{kind}")("none") is None

    run(tmp_path, work)


def test_file_store_delete(tmp_path: Path) -> None:
    async def work(store: FileSessionStore) -> None:
        await store.save_snapshot(snapshot("x"))
        await store.save(session("child").evolve(parent_id="x"))
        await store.save_loop_checkpoint("r1", checkpoint("loop_checkpoint", "r1", "x"))
        await store.save_loop_checkpoint("r2", checkpoint("loop_checkpoint", "r2", "child"))
        await store.save_workflow_checkpoint("w", checkpoint("workflow_checkpoint", "w"))
        for _ in range(2):
            await store.delete("x")
            assert sorted(files_in(tmp_path)) == [
                "child.json",
                "loop_checkpoints/r2.json",
                "workflow_checkpoints/w.json",
            ]

    run(tmp_path, work)


@pytest.mark.parametrize("collection", COLLECTION_NAMES)
def test_file_store_save_and_load_of_a_collection(tmp_path: Path, collection: str) -> None:
    """Upstream: file_store_save_and_load_artifacts, ..._trace_events and so on, one test each."""

    async def work(store: FileSessionStore) -> None:
        await save_collection(store, collection, "a/b", values(collection))
        assert await load_collection(store, collection, "a/b") == values(collection)
        await save_collection(store, collection, "a/b", ())
        assert await load_collection(store, collection, "a/b") == ()
        assert await store.exists("a/b") is False
        assert await store.list() == []
        await store.delete("a/b")
        assert await load_collection(store, collection, "a/b") is None

    run(tmp_path, work)


def test_file_store_list(tmp_path: Path) -> None:
    async def work(store: FileSessionStore) -> None:
        for session_id in ("b", "a/1", "é"):
            await store.save(session(session_id))
        assert await store.list() == ["a/1", "b", "é"]

    run(tmp_path, work)


def test_file_store_overwrite(tmp_path: Path) -> None:
    async def work(store: FileSessionStore) -> None:
        await store.save(session("x"))
        await store.save(session("x", "1", "2", "3", updated_at=7))
        assert await store.load("x") == session("x", "1", "2", "3", updated_at=7)

    run(tmp_path, work)


def test_file_store_path_traversal_prevention(tmp_path: Path) -> None:
    async def work(store: FileSessionStore) -> None:
        await store.save(session("../../../etc/passwd"))
        assert list(files_in(tmp_path)) == ["store/______etc_passwd.json"]
        assert await store.load("../../../etc/passwd") == session("../../../etc/passwd")

    run(tmp_path / "store", work)


def test_file_store_with_policies(tmp_path: Path) -> None:
    config = session("x").config.evolve(
        confirmation_policy=ConfirmationPolicy(),
        permission_policy=PermissionPolicy(),
        queue_config=SessionQueueConfig(),
    )

    async def work(store: FileSessionStore) -> None:
        await store.save(session("x").evolve(config=config))
        assert await store.load("x") == session("x").evolve(config=config)

    run(tmp_path, work)


def test_file_store_with_llm_config(tmp_path: Path) -> None:
    """An old file's key is dropped as it is read, and gone with the next save."""
    text = pretty(encode(session("x"))).replace(
        b'"base_url": null', b'"base_url": null, "api_key": "secret-key"'
    )
    assert b"secret-key" in text
    (tmp_path / "x.json").write_bytes(text)

    async def work(store: FileSessionStore) -> None:
        loaded = await store.load("x")
        assert loaded is not None
        assert loaded.llm_config is not None
        assert (loaded.llm_config.provider, loaded.llm_config.api_key) == ("openai", None)
        await store.save(loaded)

    run(tmp_path, work)
    assert b"secret-key" not in (tmp_path / "x.json").read_bytes()


def test_backslash_sanitization(tmp_path: Path) -> None:
    async def work(store: FileSessionStore) -> None:
        await store.save(session("foo\\bar\\baz"))
        assert await store.load("foo\\bar\\baz") == session("foo\\bar\\baz")

    run(tmp_path, work)
    assert list(files_in(tmp_path)) == ["foo_bar_baz.json"]


def test_mixed_separator_sanitization(tmp_path: Path) -> None:
    async def work(store: FileSessionStore) -> None:
        await store.save(session("foo/bar\\baz..qux"))
        assert await store.load("foo/bar\\baz..qux") == session("foo/bar\\baz..qux")

    run(tmp_path, work)
    assert list(files_in(tmp_path)) == ["foo_bar_baz_qux.json"]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(b"not json", id="corrupted_json_recovery"),
        pytest.param(b"", id="load_empty_file"),
        pytest.param(pretty(encode(session("x")))[:200], id="load_partial_json"),
        pytest.param(b"[]", id="array"),
        pytest.param(b"null", id="null"),
        pytest.param(b"\xff", id="no UTF-8"),
    ],
)
def test_an_unreadable_session_is_an_error_and_never_missing(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "x.json").write_bytes(text)

    async def work(store: FileSessionStore) -> None:
        for load in (store.load, store.load_snapshot):
            with pytest.raises(DecodeError) as caught:
                await load("x")
            assert caught.value.where == str(tmp_path / "x.json")
            assert caught.value.op == load.__name__
        assert await store.exists("x") is True
        await store.save(session("x"))
        assert await store.load("x") == session("x")

    run(tmp_path, work)


@pytest.mark.parametrize("collection", COLLECTION_NAMES)
@pytest.mark.parametrize("text", [b"", b"[", b"[{}]", b"[null]", b'{"artifacts": [{}]}', b"null"])
def test_an_unreadable_collection_is_an_error_and_never_missing(
    tmp_path: Path, collection: str, text: bytes
) -> None:
    async def work(store: FileSessionStore) -> None:
        await save_collection(store, collection, "x", ())
        (path,) = (path for path in tmp_path.rglob("*") if path.is_file())
        path.write_bytes(text)
        with pytest.raises(DecodeError) as caught:
            await load_collection(store, collection, "x")
        assert caught.value.where == str(path)

    run(tmp_path, work)


def test_the_place_in_a_collection_is_named(tmp_path: Path) -> None:
    async def work(store: FileSessionStore) -> None:
        await store.save_trace_events("x", values("trace_events") * 2)
        path = tmp_path / "traces/x.json"
        tree = json.loads(path.read_bytes())
        tree[1]["kind"] = 7
        path.write_text(json.dumps(tree))
        with pytest.raises(DecodeError) as caught:
            await store.load_trace_events("x")
        assert caught.value.path == "trace_events[1].kind"

    run(tmp_path, work)


def test_file_store_exists(tmp_path: Path) -> None:
    async def work(store: FileSessionStore) -> None:
        assert await store.exists("x") is False
        await store.save(session("x"))
        assert await store.exists("x") is True
        await store.delete("x")
        assert await store.exists("x") is False

    run(tmp_path, work)


def test_file_store_health_ok(tmp_path: Path) -> None:
    async def work(store: FileSessionStore) -> None:
        await store.save(session("x"))
        healths = await asyncio.gather(*(store.health_check() for _ in range(8)))
        assert {(health.backend, health.location) for health in healths} == {
            ("file", str(tmp_path))
        }

    run(tmp_path, work)
    assert list(files_in(tmp_path)) == ["x.json"]


def test_file_store_health_of_a_bad_directory_fails(tmp_path: Path) -> None:
    async def work(store: FileSessionStore) -> None:
        (tmp_path / "store").rmdir()
        with pytest.raises(StoreUnavailableError, match="Store directory not writable: "):
            await store.health_check()
        for call in (store.list, store.inventory):
            with pytest.raises(StoreUnavailableError):
                await call()
        with pytest.raises(StoreUnavailableError):
            await store.load("x")
        with pytest.raises(StoreUnavailableError):
            await store.save(session("x"))

    run(tmp_path / "store", work)
    assert list(tmp_path.iterdir()) == []


def test_concurrent_save(tmp_path: Path) -> None:
    async def work(store: FileSessionStore) -> None:
        some = [session("x", str(index)) for index in range(5)]
        await asyncio.gather(*map(store.save, some))
        assert await store.load("x") in some

    run(tmp_path, work)
    assert list(files_in(tmp_path)) == ["x.json"]


def test_file_store_commits_and_loads_one_complete_snapshot_generation(tmp_path: Path) -> None:
    async def work(store: FileSessionStore) -> None:
        for tag in ("1", "2"):
            await store.save_snapshot(snapshot("demo/1", tag))
            assert await store.load_snapshot("demo/1") == snapshot("demo/1", tag)

    run(tmp_path, work)


def test_file_store_load_snapshot_falls_back_to_legacy_fragments(tmp_path: Path) -> None:
    """Files are always fragments here; a snapshot replaces those it has and removes others."""

    async def work(store: FileSessionStore) -> None:
        await store.save(session("x", "1"))
        for collection in COLLECTION_NAMES[:3]:
            await save_collection(store, collection, "x", values(collection))
        expected = snapshot("x", verification_reports=None, subagent_tasks=None)
        assert await store.load_snapshot("x") == expected
        await store.save_snapshot(snapshot("x", "2", artifacts=None, run_records=()))
        loaded = await store.load_snapshot("x")
        assert loaded == snapshot("x", "2", artifacts=None, run_records=())
        assert not (tmp_path / "artifacts/x").exists()

    run(tmp_path, work)


def test_file_store_rejects_future_snapshot_versions(tmp_path: Path) -> None:
    async def work(store: FileSessionStore) -> None:
        with pytest.raises(InvalidSnapshotError, match="schema version"):
            await store.save_snapshot(snapshot("x").evolve(schema_version=2))

    run(tmp_path, work)
    assert files_in(tmp_path) == {}


def test_snapshot_rehydration_does_not_apply_smaller_default_artifact_limits(
    tmp_path: Path,
) -> None:
    many = tuple(values("artifacts", str(index))[0] for index in range(257))
    (large,) = values("artifacts", "large")
    large = large.evolve(content="x" * (17 * 2**20))

    async def work(store: FileSessionStore) -> None:
        await store.save_snapshot(snapshot("x", artifacts=(*many, large)))
        assert await store.load_artifacts("x") == (*many, large)

    run(tmp_path, work)


@pytest.mark.parametrize("kind", CHECKPOINT_NAMES)
def test_file_store_delete_checkpoint(tmp_path: Path, kind: str) -> None:
    async def work(store: FileSessionStore) -> None:
        save, load, delete = (
            getattr(store, f"{verb}_{kind}") for verb in ("save", "load", "delete")
        )
        await delete("r/1")
        await save("r/1", checkpoint(kind, "r/1"))
        await save("r/1", checkpoint(kind, "r/1", at=9))
        assert await load("r/1") == checkpoint(kind, "r/1", at=9)
        await delete("r/1")
        await delete("r/1")
        assert await load("r/1") is None

    run(tmp_path, work)


@pytest.mark.parametrize("kind", CHECKPOINT_NAMES)
def test_checkpoint_write_is_atomic_no_temp_leftovers(tmp_path: Path, kind: str) -> None:
    async def work(store: FileSessionStore) -> None:
        for at in range(5):
            await getattr(store, f"save_{kind}")("r", checkpoint(kind, "r", at=at))

    run(tmp_path, work)
    assert list(files_in(tmp_path)) == [f"{kind}s/r.json"]


def test_workflow_checkpoint_roundtrip(tmp_path: Path) -> None:
    """Also upstream's workflow_receipt_survives_restart: keys it does not know come back."""
    written = checkpoint("workflow_checkpoint", "w")
    step = written.steps[0].evolve(extra={"result_receipt": {"schema": "s", "result_bytes": 5}})
    written = written.evolve(steps=(step,))
    run(tmp_path, lambda store: store.save_workflow_checkpoint("w", written))
    assert run(tmp_path, lambda store: store.load_workflow_checkpoint("w")) == written


@pytest.mark.parametrize("kind", CHECKPOINT_NAMES)
def test_file_store_rejects_future_checkpoints(tmp_path: Path, kind: str) -> None:
    future = checkpoint(kind, "r").evolve(schema_version=2)
    (tmp_path / f"{kind}s").mkdir()
    (tmp_path / f"{kind}s/r.json").write_bytes(pretty(encode(future)))

    async def work(store: FileSessionStore) -> None:
        with pytest.raises(InvalidSnapshotError, match="schema version"):
            await getattr(store, f"load_{kind}")("r")
        with pytest.raises(InvalidSnapshotError, match="schema version"):
            await getattr(store, f"save_{kind}")("r", future)

    run(tmp_path, work)


def test_file_store_persists_artifact_retention_roots(tmp_path: Path) -> None:
    kept = snapshot("x", retained_artifact_uris=("a3s://b", "a3s://a"))

    async def work(store: FileSessionStore) -> None:
        await store.save_snapshot(kept)
        assert await store.load_snapshot("x") == kept
        await store.save_artifacts("x", values("artifacts", "2"))
        again = await store.load_snapshot("x")
        assert again == kept.evolve(artifacts=values("artifacts", "2"))
        await store.save_snapshot(snapshot("x"))
        assert await store.load_snapshot("x") == snapshot("x")

    run(tmp_path, work)
    assert b"retained_uris" not in (tmp_path / "artifacts/x/artifacts.json").read_bytes()


def test_unknown_keys_around_artifacts_outlive_a_save_of_artifacts(tmp_path: Path) -> None:
    (tmp_path / "artifacts/x").mkdir(parents=True)
    path = tmp_path / "artifacts/x/artifacts.json"
    path.write_bytes(b'{"artifacts": [], "note": [1]}')
    run(tmp_path, lambda store: store.save_artifacts("x", values("artifacts")))
    assert json.loads(path.read_bytes())["note"] == [1]


def test_file_store_cas_match_writes_and_mismatch_skips(tmp_path: Path) -> None:
    async def work(store: FileSessionStore) -> None:
        first, second = snapshot("x", "1"), snapshot("x", "2")
        assert await store.save_snapshot_cas(first, second.digest()) is False
        assert await store.load("x") is None
        await store.save_trace_events("x", ())
        assert await store.save_snapshot_cas(first, second.digest()) is False
        assert await store.save_snapshot_cas(first, None) is True
        before = files_in(tmp_path)
        assert await store.save_snapshot_cas(second, second.digest()) is False
        assert files_in(tmp_path) == before
        assert await store.save_snapshot_cas(second, first.digest()) is True
        assert await store.load_snapshot("x") == second

    run(tmp_path, work)


def test_a_digest_is_that_of_the_memory_store(tmp_path: Path) -> None:
    async def work(store: FileSessionStore) -> None:
        memory = MemorySessionStore()
        for kept in (snapshot("x"), snapshot("y", trace_events=None, artifacts=())):
            await store.save_snapshot(kept)
            await memory.save_snapshot(kept)
            mine = await store.load_snapshot(kept.session.id)
            theirs = await memory.load_snapshot(kept.session.id)
            assert mine is not None
            assert theirs is not None
            assert mine.digest() == theirs.digest()

    run(tmp_path, work)


def test_an_artifact_folder_without_a_file_was_saved_empty(tmp_path: Path) -> None:
    (tmp_path / "artifacts/x").mkdir(parents=True)

    async def work(store: FileSessionStore) -> None:
        assert await store.load_artifacts("x") == ()
        assert await store.load_artifacts("y") is None
        assert (await store.inventory()).collections_only == ("x",)

    run(tmp_path, work)


def test_strays_are_logged_without_their_text_and_left_out_of_the_list(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def work(store: FileSessionStore) -> None:
        await store.save_snapshot(snapshot("a/b"))
        saved = (tmp_path / "a_b.json").read_bytes()
        strays = {
            "copy.json": saved,
            "empty.json": b"",
            "half.json": saved[2:],
            "list.json": b"[]",
            "package.json": b'{"name": "classified"}',
            ".json": pretty(encode(session(""))),
            "a_b.json.1.2.tmp": saved,
            "c.json.1.2.3.tmp": b"",
            ".health_check": b"ok",
            "notes.txt": b"",
        }
        for name, text in strays.items():
            (tmp_path / name).write_bytes(text)
        (tmp_path / "folder.json").mkdir()
        with caplog.at_level(logging.WARNING, "a3s_store.files"):
            assert await store.list() == ["a/b"]
        named = {
            Path(record.getMessage().split(" is ")[0].split(" has ")[0]).name
            for record in caplog.records
        }
        assert named == {
            *("copy.json", "empty.json", "half.json", "list.json", "package.json", ".json"),
            "folder.json",
        }
        assert "classified" not in caplog.text
        assert "Hello" not in caplog.text

    run(tmp_path, work)


def test_the_inventory_is_everything_by_original_ids(tmp_path: Path) -> None:
    async def work(store: FileSessionStore) -> None:
        await store.save_snapshot(snapshot("s/1"))
        await store.save(session("s2"))
        await store.save_artifacts("f/1", ())
        await store.save_subagent_tasks("f2", ())
        await store.save_loop_checkpoint("l/1", checkpoint("loop_checkpoint", "l/1"))
        await store.save_workflow_checkpoint("w/1", checkpoint("workflow_checkpoint", "w/1"))
        assert await store.inventory() == Inventory(
            sessions=("s/1", "s2"),
            collections_only=("f/1", "f2"),
            loop_checkpoints=("l/1",),
            workflow_checkpoints=("w/1",),
        )
        (tmp_path / "damaged.json").write_bytes(b"{")
        (tmp_path / "foreign.json").write_bytes(b"{}")
        assert (await store.inventory()).sessions == ("damaged", "s/1", "s2")

    run(tmp_path, work)


def test_a_session_is_listed_by_the_beginning_of_its_file(tmp_path: Path) -> None:
    """Reading on would find that these files are not whole."""

    async def work(store: FileSessionStore) -> None:
        names = [f"s{index:04}" for index in range(1000)]
        for name in names:
            (tmp_path / f"{name}.json").write_text(f'{{\n  "id": "{name}",\n  "config": {{')
        assert await store.list() == names

    run(tmp_path, work)


@pytest.mark.skipif(getattr(os, "geteuid", int)() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_an_error_and_never_missing(tmp_path: Path) -> None:
    async def work(store: FileSessionStore) -> None:
        await store.save_snapshot(snapshot("x"))
        (tmp_path / "x.json").chmod(0)
        for call in (store.load, store.load_trace_events, store.exists):
            with pytest.raises(StoreUnavailableError):
                await call("x")
        with pytest.raises(StoreUnavailableError):
            await store.list()

    run(tmp_path, work)


def test_a_folder_that_cannot_be_entered_is_an_error_and_never_missing(tmp_path: Path) -> None:
    (tmp_path / "traces").write_bytes(b"no folder")
    (tmp_path / "x.json").mkdir()

    async def work(store: FileSessionStore) -> None:
        with pytest.raises(StoreUnavailableError):
            await store.load_trace_events("y")
        with pytest.raises(StoreUnavailableError) as caught:
            await store.load("x")
        assert caught.value.op == "load"

    run(tmp_path, work)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no such pipes here")
def test_a_pipe_in_the_place_of_a_file_does_not_stop_the_store(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x.json")

    async def work(store: FileSessionStore) -> None:
        with pytest.raises(DecodeError):
            await store.load("x")

    run(tmp_path, work)


def test_a_bad_value_changes_no_file(tmp_path: Path) -> None:
    bad_text = session("x").evolve(model_name="\ud800")
    bad_uri = snapshot("x", "2", retained_artifact_uris=("\ud800",))
    (event,) = values("trace_events", "2")
    bad_collection = snapshot("x", "2", trace_events=(event, event.evolve(name="\ud800")))

    async def work(store: FileSessionStore) -> None:
        await store.save_snapshot(snapshot("x"))
        before = files_in(tmp_path)
        with pytest.raises(EncodeError) as caught:
            await store.save(bad_text)
        assert caught.value.path == "model_name"
        for bad in (bad_uri, bad_collection, snapshot("x", "2").evolve(session=bad_text)):
            with pytest.raises(EncodeError):
                await store.save_snapshot(bad)
        with pytest.raises(EncodeError) as caught:
            await store.save_trace_events("x", bad_collection.trace_events or ())
        assert caught.value.path == "trace_events[1].name"
        with pytest.raises(EncodeError):
            await store.save_loop_checkpoint(
                "r", checkpoint("loop_checkpoint", "r").evolve(session_id="\ud800")
            )
        assert files_in(tmp_path) == before

    run(tmp_path, work)


def test_saving_what_was_loaded_writes_nothing(tmp_path: Path) -> None:
    async def work(store: FileSessionStore) -> None:
        await store.save_snapshot(snapshot("a/b"))
        before = {path: path.stat().st_ino for path in tmp_path.rglob("*")}
        loaded = await store.load_snapshot("a/b")
        assert loaded is not None
        await store.save_snapshot(loaded)
        assert {path: path.stat().st_ino for path in tmp_path.rglob("*")} == before

    run(tmp_path, work)


def test_it_is_a_session_store_and_says_what_it_promises(tmp_path: Path) -> None:
    async def work(store: FileSessionStore) -> None:
        assert isinstance(store, SessionStore)
        assert store.backend_name == "file"
        assert str(tmp_path) in repr(store)
        capabilities = store.capabilities()
        assert capabilities.durable
        assert capabilities.shared_by_processes
        assert capabilities.aggregate_cas
        assert not capabilities.atomic_session_snapshots

    run(tmp_path, work)


def test_a_directory_is_made_with_its_parents_and_refused_when_it_is_a_file(
    tmp_path: Path,
) -> None:
    run(tmp_path / "a/b", lambda store: store.list())
    (tmp_path / "file").write_bytes(b"")
    for bad in (tmp_path / "file", tmp_path / "file/below"):
        with pytest.raises(StoreUnavailableError) as caught:
            run(bad, lambda store: store.list())
        assert caught.value.op == "open"
    with pytest.raises(ValueError, match="timeout"):
        FileSessionStore.open(tmp_path, timeout=-1)


def test_a_relative_directory_stays_where_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    async def work(store: FileSessionStore) -> None:
        (tmp_path / "elsewhere").mkdir()
        os.chdir(tmp_path / "elsewhere")
        await store.save(session("x"))

    run(Path("here"), work)
    assert list(files_in(tmp_path)) == ["here/x.json"]


def test_a_closed_store_does_nothing_more(tmp_path: Path) -> None:
    async def work() -> None:
        store = await FileSessionStore.open(tmp_path)
        running = asyncio.ensure_future(store.save_snapshot(snapshot("x")))
        await asyncio.sleep(0)
        await store.close()
        assert (tmp_path / "x.json").exists()
        await running
        await store.close()
        with pytest.raises(StoreClosedError):
            await store.load("x")

    asyncio.run(work())
