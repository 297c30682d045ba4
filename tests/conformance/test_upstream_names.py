"""Upstream's own store tests, under their names, where they are about memory or about any store.

Those about the file store and its files are in tests/unit/backends/jsonfiles. What upstream
tests on the file and the memory store runs here on all three of ours.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import attrs
import pytest

from a3s_store.backends.jsonfiles import FileSessionStore
from a3s_store.backends.memory import MemorySessionStore
from a3s_store.backends.sqlite import SqliteSessionStore
from a3s_store.core.batch import Batch
from a3s_store.core.protocol import Capabilities, SessionStore
from a3s_store.core.snapshot import SessionSnapshot
from a3s_store.errors import InvalidIdError, InvalidSnapshotError, StoreError
from a3s_store.models import (
    ContextUsage,
    Message,
    SessionConfig,
    SessionData,
    TokenUsage,
    ToolDefinition,
    tool_names_from_definitions,
)
from a3s_store.testing import samples
from a3s_store.wire import decode, encode, parse, pretty

Use = Callable[[SessionStore], Awaitable[None]]
Run = Callable[[Use], None]


@pytest.fixture(params=["memory", "sqlite", "file"])
def run(request: pytest.FixtureRequest, tmp_path: Path) -> Run:
    """Runs a test's body on each of our stores, at one place."""

    async def on_store(use: Use) -> None:
        store: SessionStore
        if request.param == "memory":
            store = MemorySessionStore()
        elif request.param == "sqlite":
            store = await SqliteSessionStore.open(tmp_path / "store.a3s")
        else:
            store = await FileSessionStore.open(tmp_path)
        async with store:
            await use(store)

    return lambda use: asyncio.run(on_store(use))


def _on_memory(use: Use) -> None:
    asyncio.run(_in_memory(use))


async def _in_memory(use: Use) -> None:
    async with MemorySessionStore() as store:
        await use(store)


def _test_session(session_id: str = "test-session-1") -> SessionData:
    """The values upstream's fixture has."""
    return SessionData(
        id=session_id,
        config=SessionConfig(
            name="Test Session", workspace="/workspace", system_prompt="You are helpful."
        ),
        messages=(Message.user("Hello"), Message.assistant("Hi there!")),
        context_usage=ContextUsage(used_tokens=100, max_tokens=200_000, percent=0.0005, turns=2),
        total_usage=TokenUsage(prompt_tokens=50, completion_tokens=50, total_tokens=100),
        tool_names=("bash", "read"),
        created_at=1_700_000_000,
        updated_at=1_700_000_100,
    )


async def _save_load_and_delete(store: Any, collection: str) -> None:
    values = samples.items(collection, "1", "2")
    await store.save(_test_session())
    await getattr(store, f"save_{collection}")("test-session-1", values)
    assert await getattr(store, f"load_{collection}")("test-session-1") == values
    await store.delete("test-session-1")
    assert await getattr(store, f"load_{collection}")("test-session-1") is None


def test_memory_store_save_load_and_delete_artifacts() -> None:
    _on_memory(lambda store: _save_load_and_delete(store, "artifacts"))


def test_memory_store_save_load_and_delete_trace_events() -> None:
    _on_memory(lambda store: _save_load_and_delete(store, "trace_events"))


def test_memory_store_save_load_and_delete_verification_reports() -> None:
    _on_memory(lambda store: _save_load_and_delete(store, "verification_reports"))


def test_memory_store_save_load_and_delete_run_records() -> None:
    _on_memory(lambda store: _save_load_and_delete(store, "run_records"))


def test_memory_store_save_and_load() -> None:
    async def use(store: SessionStore) -> None:
        await store.save(_test_session())
        assert await store.load("test-session-1") == _test_session()

    _on_memory(use)


def test_memory_store_delete() -> None:
    async def use(store: SessionStore) -> None:
        await store.save(_test_session())
        await store.delete("test-session-1")
        assert await store.load("test-session-1") is None

    _on_memory(use)


def test_memory_store_list() -> None:
    async def use(store: SessionStore) -> None:
        for one in ("session-2", "session-1"):
            await store.save(_test_session(one))
        assert await store.list() == ["session-1", "session-2"]

    _on_memory(use)


def test_memory_store_exists() -> None:
    async def use(store: SessionStore) -> None:
        assert not await store.exists("test-session-1")
        await store.save(_test_session())
        assert await store.exists("test-session-1")
        await store.delete("test-session-1")
        assert not await store.exists("test-session-1")

    _on_memory(use)


def test_memory_store_health() -> None:
    async def use(store: SessionStore) -> None:
        assert (await store.health_check()).backend == store.backend_name == "memory"

    _on_memory(use)


def test_session_data_serialization() -> None:
    text = pretty(encode(_test_session()))
    assert decode(SessionData, parse(text)) == _test_session()


def test_tool_names_from_definitions() -> None:
    tools = [
        ToolDefinition(name=name, description="", parameters={}) for name in ("bash", "read", "ask")
    ]
    assert tool_names_from_definitions(tools) == ("bash", "read", "ask")
    assert tool_names_from_definitions([]) == ()
    session = _test_session().evolve(tool_names=tool_names_from_definitions(tools))
    assert decode(SessionData, parse(pretty(encode(session)))).tool_names == ("bash", "read", "ask")


@pytest.mark.parametrize(
    "session_id",
    [
        pytest.param("foo\\bar\\baz", id="backslash_sanitization"),
        pytest.param("foo/bar\\baz..qux", id="mixed_separator_sanitization"),
        pytest.param("../../../etc/passwd", id="path_traversal_prevention"),
    ],
)
def test_sanitization(run: Run, session_id: str) -> None:
    async def use(store: SessionStore) -> None:
        await store.save(_test_session(session_id))
        assert await store.load(session_id) == _test_session(session_id)
        assert await store.list() == [session_id]

    run(use)


def test_concurrent_save(run: Run) -> None:
    async def use(store: SessionStore) -> None:
        sessions = [_test_session("concurrent").evolve(updated_at=n) for n in range(5)]
        await asyncio.gather(*map(store.save, sessions))
        assert await store.load("concurrent") in sessions

    run(use)


def test_load_nonexistent_returns_none(run: Run) -> None:
    async def use(store: SessionStore) -> None:
        assert await store.load("nonexistent") is None

    run(use)


def test_snapshot_fork_rebinds_every_top_level_session_owner() -> None:
    source = samples.rich_snapshot("source").evolve(
        subagent_tasks=(
            samples.subagent_task("1", parent_session_id="source"),
            samples.subagent_task("2", parent_session_id=""),
        )
    )
    forked = source.fork("copy", workspace="/elsewhere")
    assert forked.session.id == "copy"
    assert forked.session.config.workspace == "/elsewhere"
    assert {run.snapshot.session_id for run in forked.run_records or ()} == {"copy"}
    tasks = forked.subagent_tasks or ()
    assert [task.parent_session_id for task in tasks] == ["copy", ""]
    assert source.fork("copy").session.config == source.session.config
    with pytest.raises(InvalidIdError):
        source.fork("")


def test_memory_store_replaces_complete_snapshot_generation_atomically(run: Run) -> None:
    async def use(store: SessionStore) -> None:
        first, second = samples.rich_snapshot("s"), samples.small_snapshot("s", "second")
        details = {"list": [1]}
        first = first.evolve(trace_events=(samples.trace_event(details=details),))
        await store.save_snapshot(first)
        details["list"].append(2)
        assert await store.load_snapshot("s") == first
        await store.save_snapshot(second)
        assert await store.load_snapshot("s") == second
        bare = SessionSnapshot(session=second.session)
        await store.save_snapshot(bare)
        assert await store.load_snapshot("s") == bare

    run(use)


def test_snapshot_rehydration_does_not_apply_smaller_default_artifact_limits(run: Run) -> None:
    async def use(store: SessionStore) -> None:
        artifacts = samples.items("artifacts", *map(str, range(257)))
        await store.save_snapshot(SessionSnapshot(session=_test_session(), artifacts=artifacts))
        found = await store.load_snapshot("test-session-1")
        assert found is not None
        assert found.artifacts == artifacts

    run(use)


class _WithoutAggregates(MemorySessionStore):
    """A backend that can keep each part and no whole."""

    async def _commit(self, batch: Batch) -> bool:
        if batch.session is not None and batch.collections:
            raise StoreError("the store does not support aggregate session snapshots", op=batch.op)
        return await super()._commit(batch)


def test_aggregate_save_default_fails_without_fragmented_side_effects() -> None:
    """save_snapshot never falls back to saving the parts one by one."""

    async def body() -> None:
        async with _WithoutAggregates() as store:
            for act in (store.save_snapshot, lambda one: store.save_snapshot_cas(one, None)):
                with pytest.raises(StoreError, match="does not support aggregate"):
                    await act(samples.rich_snapshot("s"))
            assert await store.list() == []
            for collection in samples.MAKERS:
                assert await getattr(store, f"load_{collection}")("s") is None

    asyncio.run(body())


def test_memory_store_delete_loop_checkpoint(run: Run) -> None:
    async def use(store: SessionStore) -> None:
        await store.save_loop_checkpoint("run-1", samples.loop_checkpoint("run-1"))
        await store.delete_loop_checkpoint("run-1")
        assert await store.load_loop_checkpoint("run-1") is None
        await store.delete_loop_checkpoint("run-1")

    run(use)


def test_workflow_checkpoint_roundtrip(run: Run) -> None:
    async def use(store: SessionStore) -> None:
        assert await store.load_workflow_checkpoint("workflow-1") is None
        saved = samples.workflow_checkpoint("workflow-1")
        await store.save_workflow_checkpoint("workflow-1", saved)
        assert await store.load_workflow_checkpoint("workflow-1") == saved
        await store.delete_workflow_checkpoint("workflow-1")
        assert await store.load_workflow_checkpoint("workflow-1") is None

    run(use)


@pytest.mark.parametrize("backend", ["sqlite", "file"])
def test_workflow_receipt_survives_restart(tmp_path: Path, backend: str) -> None:
    saved = samples.workflow_checkpoint("workflow-1")

    async def opened() -> SessionStore:
        if backend == "sqlite":
            return await SqliteSessionStore.open(tmp_path / "store.a3s")
        return await FileSessionStore.open(tmp_path)

    async def body() -> None:
        async with await opened() as store:
            await store.save_workflow_checkpoint("workflow-1", saved)
        async with await opened() as store:
            assert await store.load_workflow_checkpoint("workflow-1") == saved

    asyncio.run(body())


def test_memory_store_rejects_future_workflow_checkpoint(run: Run) -> None:
    async def use(store: SessionStore) -> None:
        future = samples.workflow_checkpoint("workflow-1", schema_version=2)
        with pytest.raises(InvalidSnapshotError, match="schema version"):
            await store.save_workflow_checkpoint("workflow-1", future)
        assert await store.load_workflow_checkpoint("workflow-1") is None

    run(use)


def test_store_capabilities_default_to_explicit_negotiation() -> None:
    assert set(attrs.asdict(Capabilities()).values()) == {False}


def test_file_and_memory_store_persist_artifact_retention_roots(run: Run) -> None:
    roots = ("a3s://artifacts/1", "a3s://artifacts/2")
    saved = samples.rich_snapshot("s").evolve(retained_artifact_uris=roots)

    async def save(store: SessionStore) -> None:
        await store.save_snapshot(saved)
        assert await store.load_snapshot("s") == saved

    async def look(store: SessionStore) -> None:
        expected = saved if store.capabilities().durable else None
        assert await store.load_snapshot("s") == expected

    run(save)
    run(look)


def test_file_and_memory_store_cas_match_writes_and_mismatch_skips(run: Run) -> None:
    async def use(store: SessionStore) -> None:
        first, second = samples.rich_snapshot("s"), samples.small_snapshot("s", "second")
        assert not await store.save_snapshot_cas(first, first.digest())
        assert await store.load_snapshot("s") is None
        assert await store.save_snapshot_cas(first, None)
        assert await store.save_snapshot_cas(second, first.digest())
        assert not await store.save_snapshot_cas(first, first.digest())
        assert await store.load_snapshot("s") == second

    run(use)
