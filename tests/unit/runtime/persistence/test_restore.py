"""How a stored session becomes a live one, and what is refused on the way."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from a3s_store import MemorySessionStore, SessionSnapshot, SqliteSessionStore
from a3s_store.agent_memory import MemoryItem
from a3s_store.core.protocol import Capabilities
from a3s_store.errors import (
    InvalidSnapshotError,
    PersistenceError,
    SessionError,
    StoreUnavailableError,
)
from a3s_store.models import (
    LlmConfigData,
    Message,
    SessionConfig,
    SubagentStatus,
    SubagentTaskSnapshot,
    VerificationReport,
    VerificationStatus,
)
from a3s_store.runtime.live_session import Session
from a3s_store.runtime.options import SessionOptions
from a3s_store.runtime.persistence import live_collections
from a3s_store.runtime.persistence.restore import (
    load_checked,
    load_session_data,
    restore_session,
)
from a3s_store.runtime.state.artifacts import DEFAULT_MAX_ARTIFACTS
from tests.support import artifact, run, session, trace

TASK = SubagentTaskSnapshot(
    task_id="t",
    parent_session_id="fix-login",
    child_session_id="c",
    agent="a",
    description="d",
    status=SubagentStatus.COMPLETED,
    started_ms=1,
    updated_ms=2,
)
REPORT = VerificationReport(subject="tests", status=VerificationStatus.PASSED)
WHOLE = SessionSnapshot(
    session=session(config=SessionConfig(name="n")),
    artifacts=(artifact(1), artifact(2)),
    retained_artifact_uris=(artifact(1).artifact_uri,),
    trace_events=(trace(1),),
    run_records=(run(1, 3),),
    verification_reports=(REPORT,),
    subagent_tasks=(TASK,),
)


class Untrue(MemorySessionStore):
    """An application's store: it returns given values, whole or in parts, or fails."""

    def __init__(self, answer: SessionSnapshot | None = None, *, whole: bool = True) -> None:
        super().__init__()
        self.answer = answer
        self.whole = whole
        self.failing = ""

    def capabilities(self) -> Capabilities:
        return Capabilities(atomic_session_snapshots=self.whole)

    async def load_snapshot(self, session_id: str) -> SessionSnapshot | None:
        if self.failing:
            raise StoreUnavailableError("the disk is gone")
        return self.answer if self.whole else await super().load_snapshot(session_id)

    def __getattribute__(self, name: str) -> Any:
        if name.startswith("load_") and name == super().__getattribute__("failing"):

            async def fail(session_id: str) -> None:
                raise StoreUnavailableError("the disk is gone")

            return fail
        return super().__getattribute__(name)


# -- Load -----------------------------------------------------------------------------------------


def test_what_is_stored_is_answered() -> None:
    """Section 1.2."""

    async def main() -> None:
        store = MemorySessionStore()
        await store.save(session())
        assert await load_session_data(store, "fix-login") == session()

    asyncio.run(main())


@pytest.mark.parametrize("load", [load_session_data, load_checked, restore_session])
def test_a_session_that_is_not_there_is_said_to_be_missing(load: Any) -> None:
    """Section 1.2."""
    with pytest.raises(SessionError) as caught:
        asyncio.run(load(MemorySessionStore(), "unknown"))
    assert caught.value.what == "Session not found: unknown"


def test_a_store_that_fails_is_named_with_its_cause() -> None:
    """Section 1.2."""

    async def main() -> None:
        store = MemorySessionStore()
        await store.close()
        with pytest.raises(PersistenceError) as caught:
            await load_session_data(store, "fix-login")
        assert caught.value.what.startswith("Failed to load session fix-login: ")
        assert caught.value.__cause__ is not None

    asyncio.run(main())


@pytest.mark.parametrize(
    "part",
    ["artifacts", "trace_events", "run_records", "verification_reports", "subagent_tasks"],
)
def test_a_part_that_cannot_be_loaded_is_named(part: str) -> None:
    """Section 1.5."""

    async def main() -> None:
        store = Untrue(whole=False)
        await store.save_snapshot(WHOLE)
        store.failing = f"load_{part}"
        with pytest.raises(PersistenceError) as caught:
            await restore_session(store, "fix-login")
        named = part.replace("_", " ")
        assert caught.value.what.startswith(f"Failed to load {named} for session fix-login: ")

    asyncio.run(main())


def test_a_snapshot_that_breaks_its_rules_is_refused_whoever_returned_it() -> None:
    """P15."""
    foreign = WHOLE.evolve(run_records=(run(1, 1, session_id="another"),))
    for answer in (foreign, WHOLE.evolve(session=session("another"))):
        with pytest.raises(PersistenceError) as caught:
            asyncio.run(restore_session(Untrue(answer), "fix-login"))
        assert caught.value.what.startswith(
            "Refusing invalid snapshot returned for session fix-login: "
        )
        assert isinstance(caught.value.__cause__, InvalidSnapshotError)


def test_what_cannot_be_made_live_is_refused() -> None:
    """P15: an id that stores take and live sessions do not."""
    store = Untrue(SessionSnapshot(session=session("a/b")))
    with pytest.raises(PersistenceError) as caught:
        asyncio.run(restore_session(store, "a/b"))
    assert caught.value.what.startswith("Refusing to restore invalid snapshot into session a/b: ")


# -- Apply ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("whole", [True, False])
def test_every_part_comes_back(whole: bool) -> None:
    """Section 1.5: on stores with whole snapshots and without."""

    async def main() -> None:
        store = Untrue(WHOLE, whole=whole)
        await store.save_snapshot(WHOLE)
        live, persistence = await restore_session(store, "fix-login")
        assert live.messages == WHOLE.session.messages
        assert live.artifacts.artifacts() == WHOLE.artifacts
        assert live.trace.events() == WHOLE.trace_events
        assert live.runs.records() == WHOLE.run_records
        assert live.verification_reports == WHOLE.verification_reports
        assert live.subagents.snapshots() == WHOLE.subagent_tasks
        if whole:
            assert live.artifacts.retained_uris() == WHOLE.retained_artifact_uris
        assert persistence.state.baseline == WHOLE.session

    asyncio.run(main())


def test_artifacts_are_merged_and_the_others_replaced() -> None:
    """Section 1.5."""
    live = Session("fix-login")
    live.artifacts.put(artifact(7))
    live.trace.record(trace(7))
    live_collections.restore(live, WHOLE)
    assert live.artifacts.artifacts() == (artifact(7), artifact(1), artifact(2))
    assert live.trace.events() == (trace(1),)


def test_what_was_never_saved_leaves_the_live_value_alone() -> None:
    """Section 1.5: absent is not empty."""
    live = Session("fix-login")
    live.trace.record(trace(7))
    live.artifacts.put(artifact(7))
    live.verification_reports = (REPORT,)
    live_collections.restore(live, SessionSnapshot(session=session()))
    assert live.trace.events() == (trace(7),)
    assert live.artifacts.artifacts() == (artifact(7),)
    assert live.verification_reports == (REPORT,)
    live_collections.restore(live, SessionSnapshot(session=session(), trace_events=()))
    assert live.trace.events() == ()


def test_restoring_never_lets_go_of_anything() -> None:
    """P18: nor does it with runs and their events, which upstream cuts to its limits."""
    many = WHOLE.evolve(
        artifacts=tuple(artifact(number) for number in range(DEFAULT_MAX_ARTIFACTS + 1)),
        retained_artifact_uris=(),
        run_records=(run(0, 2100), *(run(number, 1) for number in range(1, 70))),
        trace_events=tuple(trace(number) for number in range(8200)),
    )

    async def main() -> None:
        store = MemorySessionStore()
        await store.save_snapshot(many)
        _, persistence = await restore_session(store, "fix-login")
        await persistence.save()
        after = await store.load_snapshot("fix-login")
        assert after is not None
        assert after.collections() == many.collections()

    asyncio.run(main())


def test_limits_asked_for_are_raised_to_what_is_stored() -> None:
    """P18."""

    async def main() -> None:
        store = MemorySessionStore()
        await store.save_snapshot(WHOLE)
        options = SessionOptions(max_artifacts=1, max_artifact_bytes=10**6)
        live, _ = await restore_session(store, "fix-login", options)
        assert (live.artifacts.max_artifacts, live.artifacts.max_bytes) == (2, 10**6)

    asyncio.run(main())


def test_another_model_is_not_charged_as_the_stored_one() -> None:
    """Section 1.3: the caller's model wins, with its name."""

    async def main() -> None:
        store = MemorySessionStore()
        config = LlmConfigData(provider="openai", model="gpt-4o")
        await store.save(session(llm_config=config, model_name="gpt-4o"))
        live, persistence = await restore_session(
            store, "fix-login", SessionOptions(model="anthropic/claude-3-haiku-20240307")
        )
        assert live.model_name == "claude-3-haiku-20240307"
        live.add_message(Message.user("more"))
        await persistence.save()
        saved = await store.load("fix-login")
        assert saved is not None
        assert saved.llm_config == LlmConfigData(
            provider="anthropic", model="claude-3-haiku-20240307"
        )

    asyncio.run(main())


def test_the_memories_of_a_session_in_a_file_are_in_that_file(tmp_path: Path) -> None:
    """L8, with the store's own memory instead of a file in the workspace."""

    async def main() -> None:
        async with SqliteSessionStore.open(tmp_path / "agent.a3s") as store:
            await store.save(session())
            live, _ = await restore_session(store, "fix-login")
            await live.memory.store(MemoryItem.new("the login is in auth.py"))
            again, _ = await restore_session(store, "fix-login")
            assert await again.memory.count() == 1

    asyncio.run(main())
