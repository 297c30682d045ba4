"""How a live session is saved: what a snapshot holds, in which calls, what a failure leaves."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest

from a3s_store import FileSessionStore, MemorySessionStore, SqliteSessionStore
from a3s_store.core.protocol import Capabilities
from a3s_store.errors import InvalidSnapshotError, PersistenceError, StoreUnavailableError
from a3s_store.models import (
    ConfirmationPolicy,
    LlmConfigData,
    Message,
    PermissionPolicy,
    PermissionRule,
    PersistenceFailed,
    SessionConfig,
    StorageBackend,
    Task,
    TaskStatus,
    TextDelta,
    TokenUsage,
    VerificationReport,
    VerificationStatus,
)
from a3s_store.runtime.live_session import Session
from a3s_store.runtime.options import SessionOptions
from a3s_store.runtime.persistence.restore import restore_session
from a3s_store.runtime.persistence.save import PersistenceState, SessionPersistence
from a3s_store.runtime.runs.active_run import AgentResult
from tests.support import artifact, messages, run, session, trace
from tests.unit.runtime.live import START_MS, Ticks, usage

REPORT = VerificationReport(subject="tests", status=VerificationStatus.PASSED)
# What a save does, in order, on a store that cannot save a whole snapshot.
STEPS = [
    "save",
    "save_artifacts",
    "save_trace_events",
    "save_run_records",
    "save_verification_reports",
    "save_subagent_tasks",
]


class Watched(MemorySessionStore):
    """A store that says what was asked of it, can fail, and can be without whole snapshots."""

    def __init__(self, *, whole: bool = True) -> None:
        super().__init__()
        self.whole = whole
        self.calls: list[str] = []
        self.failing: str | None = None
        self.before: Callable[[str], None] = lambda name: None

    def capabilities(self) -> Capabilities:
        promised = super().capabilities()
        if self.whole:
            return promised
        return attrs.evolve(
            promised, atomic_session_snapshots=False, aggregate_cas=False, conditional_writes=False
        )

    def __getattribute__(self, name: str) -> Any:
        found = super().__getattribute__(name)
        if not name.startswith("save"):
            return found

        async def watched(*given: Any, **named: Any) -> Any:
            self.calls.append(name)
            self.before(name)
            if self.failing == name:
                raise StoreUnavailableError("the disk is gone")
            return await found(*given, **named)

        return watched


def live(store: Any, *, auto_save: bool = False, **given: Any) -> SessionPersistence:
    made = Session("fix-login", **({"clock": Ticks()} | given))
    return SessionPersistence(made, store, options=SessionOptions(auto_save=auto_save))


def filled(store: Any) -> SessionPersistence:
    """A session with something in every collection."""
    made = live(store)
    made.session.messages = messages(4)
    made.session.artifacts.put(artifact(1))
    made.session.trace.record(trace(1))
    made.session.runs.create_run("fix-login", "go on")
    made.session.verification_reports = (REPORT,)
    return made


# -- What is recorded -----------------------------------------------------------------------------


def test_a_result_replaces_the_history_and_appends_its_reports() -> None:
    """P1: nothing is written, and no report changes nothing."""
    store = Watched()
    made = live(store)
    made.session.messages = messages(2)
    made.record_result(AgentResult(text="", messages=messages(3), verification_reports=(REPORT,)))
    before = made.session.verification_reports
    made.record_result(AgentResult(text="", messages=messages(4)))
    assert made.session.messages == messages(4)
    assert before == (REPORT,)
    assert made.session.verification_reports is before
    assert store.calls == []


def test_usage_adds_up_with_cache_counters_and_stops_at_the_most() -> None:
    """P10."""
    state = PersistenceState()
    state.record_usage(usage())
    assert state.total_usage.cache_read_tokens is None
    state.record_usage(usage().evolve(cache_read_tokens=5))
    state.record_usage(TokenUsage(prompt_tokens=2**64 - 1))
    assert state.total_usage == TokenUsage(
        prompt_tokens=2**64 - 1, completion_tokens=10, total_tokens=30, cache_read_tokens=5
    )


def test_the_state_is_seeded_by_what_was_loaded() -> None:
    """P11."""
    data = session(
        total_usage=usage(), tasks=(Task(id="1", content="x", status=TaskStatus.PENDING),)
    )
    state = PersistenceState()
    state.restore(data)
    assert (state.baseline, state.total_usage, state.tasks) == (data, usage(), data.tasks)
    state.replace_tasks(())
    saved = data.evolve(tasks=())
    state.record_saved(saved)
    assert (state.tasks, state.baseline) == ((), saved)


# -- What a snapshot holds ------------------------------------------------------------------------


def test_a_snapshot_has_what_is_configured_and_what_is_live() -> None:
    """Section 1.6."""
    made = live(
        None,
        config=SessionConfig(
            workspace="somewhere", auto_compact=True, auto_compact_threshold=0.5, goal_tracking=True
        ),
    )
    made.session.set_confirmation_policy(ConfirmationPolicy(default_timeout_ms=3))
    data = made.snapshot().session
    assert data.config == SessionConfig(
        workspace="somewhere",
        auto_compact=True,
        auto_compact_threshold=0.5,
        goal_tracking=True,
        system_prompt="",
        confirmation_policy=ConfirmationPolicy(default_timeout_ms=3),
    )
    assert (data.created_at, data.updated_at) == (START_MS // 1000, START_MS // 1000)


def test_no_secret_and_no_address_of_a_model_is_saved(tmp_path: Path) -> None:
    """Section 1.4: not in the file, nor in its log."""
    path = tmp_path / "agent.a3s"

    async def main() -> None:
        async with SqliteSessionStore.open(path) as store:
            made = live(store)
            made.session.llm_config = LlmConfigData(
                provider="openai", model="gpt-4o", api_key="sk-hidden", base_url="https://hidden"
            )
            await made.save()
            loaded = await store.load("fix-login")
            assert loaded is not None
            assert loaded.llm_config == LlmConfigData(provider="openai", model="gpt-4o")

    asyncio.run(main())
    for file in tmp_path.iterdir():
        assert b"hidden" not in file.read_bytes()


def test_repeated_saves_preserve_restored_metadata_usage_cost_and_tasks() -> None:
    """P12, section 1.8."""

    async def main() -> None:
        store = MemorySessionStore()
        before = session(
            config=SessionConfig(
                name="Fix the login", storage_type=StorageBackend.CUSTOM, extra={"novel": 1}
            ),
            total_usage=TokenUsage(prompt_tokens=5, cache_read_tokens=3),
            total_cost=1.5,
            thinking_enabled=True,
            thinking_budget=9,
            tasks=(Task(id="1", content="do", status=TaskStatus.PENDING),),
            parent_id="parent",
            created_at=7,
            updated_at=8,
            tenant_id="tenant",
            extra={"novel": [2]},
        )
        await store.save(before)
        ticks = Ticks()
        made, persistence = await restore_session(store, "fix-login", clock=ticks)
        for _ in range(3):
            await persistence.save()
        made.add_message(Message.user("more"))
        persistence.record_usage(usage())
        await persistence.save()
        after = await store.load("fix-login")
        assert after is not None
        assert after == before.evolve(
            config=before.config.evolve(
                system_prompt="", confirmation_policy=ConfirmationPolicy(enabled=True)
            ),
            messages=(*before.messages, Message.user("more")),
            context_usage=after.context_usage,
            cost_records=after.cost_records,
            total_usage=TokenUsage(
                prompt_tokens=15, completion_tokens=5, total_tokens=15, cache_read_tokens=3
            ),
            updated_at=ticks() // 1000,
        )
        assert len(after.cost_records) == 1

    asyncio.run(main())


def test_labels_of_the_options_are_saved_and_those_stored_stay() -> None:
    async def main() -> None:
        store = MemorySessionStore()
        await store.save(session(tenant_id="old", principal="kept"))
        _, persistence = await restore_session(store, "fix-login", SessionOptions(tenant_id="new"))
        await persistence.save()
        loaded = await store.load("fix-login")
        assert loaded is not None
        assert (loaded.tenant_id, loaded.principal) == ("new", "kept")

    asyncio.run(main())


def test_permission_rules_read_from_disk_match(tmp_path: Path) -> None:
    """Section 5.2: saved, closed, opened, resumed."""
    path = tmp_path / "agent.a3s"
    policy = PermissionPolicy(allow=(PermissionRule(rule="Bash(cargo:*)"),))

    async def main() -> None:
        async with SqliteSessionStore.open(path) as store:
            await live(store, config=SessionConfig(permission_policy=policy)).save()
        async with SqliteSessionStore.open(path) as store:
            made, _ = await restore_session(store, "fix-login")
            assert made.permission_checker.check("bash", {"command": "cargo test"}) == "allow"
            assert made.permission_checker.check("bash", {"command": "rm"}) == "ask"

    asyncio.run(main())


# -- How it is saved ------------------------------------------------------------------------------


def test_without_a_store_a_save_is_a_successful_no_op() -> None:
    """P2."""
    made = live(None)
    asyncio.run(made.save())
    assert made.state.baseline is None


def test_session_save_uses_exactly_one_aggregate_store_call(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """P5, P13, section 1.8."""

    async def main() -> None:
        store = Watched()
        made = filled(store)
        with caplog.at_level(logging.DEBUG, logger="a3s_store.session"):
            await made.save()
        assert store.calls == ["save_changes"]
        assert await store.load_snapshot("fix-login") == made.snapshot()

    asyncio.run(main())
    assert "Session fix-login saved" in caplog.messages


def test_a_store_without_whole_snapshots_is_written_step_by_step() -> None:
    """P3: upstream's order; run records are read at their own step."""

    async def main() -> None:
        store = Watched(whole=False)
        made = filled(store)
        (begun,) = made.session.runs.snapshots()

        def before(name: str) -> None:
            if name == "save_trace_events":
                made.session.runs.record_event(begun.id, TextDelta(text="late"))

        store.before = before
        await made.save()
        assert store.calls == STEPS
        runs = await store.load_run_records("fix-login")
        assert runs is not None
        assert [len(record.events) for record in runs] == [1]

    asyncio.run(main())


@pytest.mark.parametrize("failing", STEPS)
def test_the_first_failing_step_ends_a_save(failing: str) -> None:
    """P4: its error comes unchanged, earlier steps stay, the baseline does not move."""

    async def main() -> None:
        store = Watched(whole=False)
        store.failing = failing
        made = filled(store)
        with pytest.raises(StoreUnavailableError):
            await made.save()
        assert store.calls == STEPS[: STEPS.index(failing) + 1]
        assert made.state.baseline is None
        assert (await store.exists("fix-login")) is (failing != "save")

    asyncio.run(main())


def test_a_failed_save_names_the_session_and_leaves_the_baseline() -> None:
    """P14."""

    async def main() -> None:
        store = Watched()
        made = filled(store)
        await made.save()
        baseline = made.state.baseline
        store.failing = "save_changes"
        made.session.add_message(Message.user("more"))
        with pytest.raises(PersistenceError) as caught:
            await made.save()
        assert caught.value.what == "Failed to save session fix-login: the disk is gone"
        assert isinstance(caught.value.__cause__, StoreUnavailableError)
        assert made.state.baseline is baseline

    asyncio.run(main())


def test_an_invalid_snapshot_is_refused_before_the_store_is_asked() -> None:
    """P14."""

    async def main() -> None:
        store = Watched()
        made = filled(store)
        made.session.runs.replace_records([run(1, 2, session_id="another")])
        with pytest.raises(PersistenceError) as caught:
            await made.save()
        assert caught.value.what.startswith("Refusing to save invalid session snapshot fix-login: ")
        assert isinstance(caught.value.__cause__, InvalidSnapshotError)
        assert (store.calls, made.state.baseline) == ([], None)

    asyncio.run(main())


def test_auto_save_does_nothing_when_it_is_off() -> None:
    """P6."""
    store = Watched()
    assert asyncio.run(live(store).auto_save_if_enabled())
    assert store.calls == []


def test_a_failed_auto_save_is_a_warning_and_an_event(caplog: pytest.LogCaptureFixture) -> None:
    """P6: it never raises."""

    async def main() -> None:
        store = Watched()
        made = live(store, auto_save=True)
        subscription = made.session.events.subscribe()
        assert await made.auto_save_if_enabled("generate")
        made.session.add_message(Message.user("more"))
        store.failing = "save_changes"
        assert not await made.auto_save_if_enabled("generate")
        (event,) = subscription.pending()
        assert isinstance(event, PersistenceFailed)
        assert (event.session_id, event.operation) == ("fix-login", "generate")

    asyncio.run(main())
    assert "Auto-save failed for session fix-login: " in caplog.text


def test_two_saves_at_once_are_written_one_after_the_other() -> None:
    async def main() -> None:
        store = Watched(whole=False)
        made = filled(store)
        await asyncio.gather(made.save(), made.save())
        assert store.calls == STEPS * 2

    asyncio.run(main())


def test_what_changes_later_is_saved_later() -> None:
    """Section 1.1: history, reports, runs, trace and artifacts are shared, not copied."""

    async def main() -> None:
        store = MemorySessionStore()
        made = live(store)
        await made.save()
        made.session.messages = messages(3)
        made.session.trace.record(trace(9))
        made.session.artifacts.put(artifact(9))
        made.session.verification_reports += (REPORT,)
        begun = made.session.runs.create_run("fix-login", "go")
        await made.save()
        saved = await store.load_snapshot("fix-login")
        assert saved is not None
        assert saved.session.messages == messages(3)
        assert saved.trace_events == (trace(9),)
        assert saved.artifacts == (artifact(9),)
        assert saved.verification_reports == (REPORT,)
        assert [record.snapshot.id for record in saved.run_records or ()] == [begun.id]

    asyncio.run(main())


def test_the_file_store_is_written_step_by_step_and_resumes(tmp_path: Path) -> None:
    async def main() -> None:
        async with FileSessionStore.open(tmp_path) as store:
            made = filled(store)
            await made.save()
            again, _ = await restore_session(store, "fix-login")
            assert again.messages == messages(4)
            assert again.artifacts.artifacts() == (artifact(1),)

    asyncio.run(main())
