"""Upstream's own tests of the persistence contract, under their subjects (section 1.8)."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from a3s_store import FileSessionStore, MemorySessionStore, SessionSnapshot, SqliteSessionStore
from a3s_store.core.protocol import Capabilities, SessionStore
from a3s_store.errors import (
    InvalidSnapshotError,
    PersistenceError,
    SessionConfigError,
    SessionError,
)
from a3s_store.models import (
    ConfirmationPolicy,
    LlmConfigData,
    PermissionPolicy,
    PermissionRule,
    PlanningMode,
    RunEventRecord,
    RunRecord,
    SessionConfig,
    SessionQueueConfig,
    SubagentStatus,
    SubagentTaskSnapshot,
    TextDelta,
    VerificationReport,
    VerificationStatus,
)
from a3s_store.runtime import (
    AgentSession,
    RunLimits,
    RunStore,
    Session,
    SessionManager,
    SessionOptions,
    SessionPersistence,
    restore_session,
    validate_snapshot,
)
from tests.support import artifact, messages, run, session, trace
from tests.unit.runtime.live import Echo, Ticks

Use = Callable[[SessionStore], Awaitable[None]]
Run = Callable[[Use], None]


@pytest.fixture(params=["memory", "sqlite", "file"])
def on_store(request: pytest.FixtureRequest, tmp_path: Path) -> Run:
    """Runs a test's body on each of our stores."""

    async def use_it(use: Use) -> None:
        store: SessionStore
        if request.param == "memory":
            store = MemorySessionStore()
        elif request.param == "sqlite":
            store = await SqliteSessionStore.open(tmp_path / "agent.a3s")
        else:
            store = await FileSessionStore.open(tmp_path / "sessions")
        async with store:
            await use(store)

    return lambda use: asyncio.run(use_it(use))


async def save(store: SessionStore, live: Session) -> None:
    await SessionPersistence(live, store).save()


# -- What a snapshot has to be --------------------------------------------------------------------


def test_store_snapshot_for_another_session_rejected() -> None:
    """Section 1.8, P15."""

    class Mistaken(MemorySessionStore):
        def capabilities(self) -> Capabilities:
            return Capabilities(atomic_session_snapshots=True)

        async def load_snapshot(self, session_id: str) -> SessionSnapshot | None:
            return SessionSnapshot(session=session("another"))

    with pytest.raises(PersistenceError, match="Refusing invalid snapshot returned"):
        asyncio.run(restore_session(Mistaken(), "fix-login"))


def snapshot(*runs: RunRecord, task_of: str | None = None) -> SessionSnapshot:
    tasks: tuple[SubagentTaskSnapshot, ...] = ()
    if task_of is not None:
        task = SubagentTaskSnapshot(
            task_id="t",
            parent_session_id=task_of,
            child_session_id="c",
            agent="a",
            description="d",
            status=SubagentStatus.RUNNING,
            started_ms=1,
            updated_ms=1,
        )
        tasks = (task,)
    return SessionSnapshot(session=session(), run_records=runs, subagent_tasks=tasks)


def numbered(*sequences: int, count: int) -> RunRecord:
    record = run(1, 0)
    events = tuple(
        RunEventRecord(sequence=number, timestamp_ms=1, event=TextDelta(text=""))
        for number in sequences
    )
    return record.evolve(snapshot=record.snapshot.evolve(event_count=count), events=events)


@pytest.mark.parametrize(
    ("broken", "text"),
    [
        (snapshot(run(1, 1, session_id="another")), "another"),
        (snapshot(numbered(1, 1, count=2)), "not strictly greater"),
        (snapshot(run(1, 1), run(1, 1)), "duplicate run id"),
        (snapshot(numbered(8, 9, count=9)), "event_count 9"),
        (snapshot(numbered(8, 9, count=9)), "expected at least 10"),
        (snapshot(task_of="another"), "another"),
    ],
    ids=[
        "cross_session_run_record",
        "duplicate_event_sequence",
        "duplicate_run_id",
        "event_count_behind_sequences",
        "event_count_says_what_it_should_be",
        "foreign_subagent_parent",
    ],
)
def test_rejected(broken: SessionSnapshot, text: str) -> None:
    """Section 1.8, S3x."""
    with pytest.raises(InvalidSnapshotError) as caught:
        validate_snapshot(broken)
    assert text in caught.value.what


@pytest.mark.parametrize(
    "good",
    [snapshot(numbered(7, 8, 9, count=10)), snapshot(task_of=""), snapshot(task_of="fix-login")],
    ids=["trimmed_sequences", "subagent_without_a_parent_yet", "own_subagent"],
)
def test_accepted(good: SessionSnapshot) -> None:
    """Section 1.8, S3x."""
    validate_snapshot(good)


# -- Sessions and their ids -----------------------------------------------------------------------


def test_session_has_an_id() -> None:
    """Section 1.8: a UUID of 36 characters."""

    async def main() -> None:
        async with SessionManager() as sessions:
            live = await sessions.create_session()
            assert len(live.id) == 36
            assert str(uuid.UUID(live.id)) == live.id

    asyncio.run(main())


def test_explicit_id() -> None:
    """Section 1.8."""
    assert Session("my-session").id == "my-session"


def test_artifact_limit_option() -> None:
    """Section 1.8."""

    async def main() -> None:
        store = MemorySessionStore()
        await store.save(session())
        live, _ = await restore_session(store, "fix-login", SessionOptions(max_artifacts=2))
        for number in range(3):
            live.artifacts.put(artifact(number))
        assert live.artifacts.artifacts() == (artifact(1), artifact(2))

    asyncio.run(main())


# -- Save and resume ------------------------------------------------------------------------------


def test_save_without_store() -> None:
    """Section 1.8, P2."""
    asyncio.run(SessionPersistence(Session("fix-login"), None).save())


def test_save_and_load(on_store: Run) -> None:
    """Section 1.8."""

    async def use(store: SessionStore) -> None:
        live = Session("fix-login")
        await save(store, live)
        loaded = await store.load("fix-login")
        assert loaded is not None
        assert (loaded.id, loaded.messages) == ("fix-login", ())

    on_store(use)


CONFIG = SessionConfig(
    workspace="w",
    system_prompt="You are helpful.",
    max_context_length=9_000,
    auto_compact=True,
    auto_compact_threshold=0.5,
    queue_config=SessionQueueConfig(query_max_concurrency=7),
    confirmation_policy=ConfirmationPolicy(enabled=True, default_timeout_ms=3),
    permission_policy=PermissionPolicy(deny=(PermissionRule(rule="bash"),)),
    planning_mode=PlanningMode.ENABLED,
    goal_tracking=True,
)


def test_save_persists_runtime_config(on_store: Run) -> None:
    """Sections 1.6, 1.8."""

    async def use(store: SessionStore) -> None:
        await save(store, Session("fix-login", CONFIG))
        loaded = await store.load("fix-login")
        assert loaded is not None
        assert loaded.config == CONFIG

    on_store(use)


def test_resume_restores_runtime_config(on_store: Run) -> None:
    """Sections 1.3, 1.8."""

    async def use(store: SessionStore) -> None:
        await save(store, Session("fix-login", CONFIG))
        live, persistence = await restore_session(store, "fix-login")
        assert live.config == CONFIG
        assert live.confirmation.policy == CONFIG.confirmation_policy
        assert live.permission_checker.check("bash", {}) == "deny"
        assert persistence.options.max_context_tokens == 9_000

    on_store(use)


def test_save_with_history(on_store: Run) -> None:
    """Section 1.8."""

    async def use(store: SessionStore) -> None:
        live = Session("fix-login")
        live.messages = messages(7)
        await save(store, live)
        loaded = await store.load("fix-login")
        assert loaded is not None
        assert loaded.messages == messages(7)

    on_store(use)


def test_resume_session(on_store: Run) -> None:
    """Section 1.8: the model, the history, and everything beside it."""

    async def use(store: SessionStore) -> None:
        live = Session("fix-login")
        live.messages = messages(7)
        live.llm_config = LlmConfigData(provider="openai", model="gpt-4o")
        await save(store, live)
        again, persistence = await restore_session(store, "fix-login")
        assert again.messages == messages(7)
        assert persistence.options.model == "openai/gpt-4o"

    on_store(use)


@pytest.mark.parametrize("count", [3, 257])
def test_resume_restores_artifacts_beyond_default_limits(on_store: Run, count: int) -> None:
    """Section 1.8, P18."""

    async def use(store: SessionStore) -> None:
        stored = tuple(artifact(number) for number in range(count))
        await store.save(session())
        await store.save_artifacts("fix-login", stored)
        live, _ = await restore_session(store, "fix-login")
        assert live.artifacts.artifacts() == stored

    on_store(use)


def test_resume_restores_trace_runs_and_verification(on_store: Run) -> None:
    """Section 1.8."""

    async def use(store: SessionStore) -> None:
        report = VerificationReport(subject="tests", status=VerificationStatus.PASSED)
        await store.save(session())
        await store.save_trace_events("fix-login", (trace(1),))
        await store.save_run_records("fix-login", (run(1, 3),))
        await store.save_verification_reports("fix-login", (report,))
        live, _ = await restore_session(store, "fix-login")
        assert live.trace.events() == (trace(1),)
        assert live.runs.records() == (run(1, 3),)
        assert live.verification_reports == (report,)

    on_store(use)


def test_resume_unknown_id(on_store: Run) -> None:
    """Section 1.8."""

    async def use(store: SessionStore) -> None:
        with pytest.raises(SessionError, match="not found"):
            await restore_session(store, "unknown")

    on_store(use)


def test_resume_without_store() -> None:
    """Section 1.8."""
    with pytest.raises(SessionConfigError) as caught:
        asyncio.run(restore_session(None, "fix-login"))
    assert caught.value.field == "session_store"
    assert caught.value.what == "resume_session requires a configured session store"


# -- Runs -----------------------------------------------------------------------------------------


def test_default_run_retention_64_vs_unbounded() -> None:
    """Section 1.8."""
    for limits, kept in ((None, 64), (RunLimits.unbounded(), 70)):
        runs = RunStore(limits)
        for _ in range(70):
            runs.create_run("fix-login", "go on")
        assert len(runs) == kept


def test_completed_run_clears_its_checkpoint(on_store: Run) -> None:
    """Section 1.8, K3."""

    async def use(store: SessionStore) -> None:
        made = Session("fix-login", clock=Ticks())
        options = SessionOptions(auto_save=True)
        live = AgentSession(made, SessionPersistence(made, store, options=options))
        seen = []

        async def look(active: object) -> None:
            run_id = made.runs.snapshots()[-1].id
            seen.append(await store.load_loop_checkpoint(run_id) is not None)

        await live.send("hello", Echo(rounds=1, between=look))
        assert seen == [True]
        assert await store.load_loop_checkpoint(made.runs.snapshots()[-1].id) is None

    on_store(use)
