"""The live session: what each call changes, and what it leaves."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a3s_store.errors import CompactionError, InvalidIdError
from a3s_store.models import (
    ConfirmationPolicy,
    ContextUsage,
    FeatureToggles,
    LlmConfigData,
    Message,
    PermissionDecision,
    PermissionPolicy,
    PermissionRule,
    RedactionStrategy,
    SecurityConfig,
    SessionConfig,
    SessionLane,
    SessionQueueConfig,
    SessionState,
    Task,
    TaskStatus,
    TaskUpdated,
    TokenUsage,
    ToolDefinition,
)
from a3s_store.runtime.context.providers import ContextQuery, ContextResult
from a3s_store.runtime.live_session import Session
from a3s_store.runtime.queue.commands import Call
from a3s_store.runtime.state.limits import check_session_id
from a3s_store.runtime.state.usage import DEFAULT_PRICES, ModelPricing
from tests.support import messages
from tests.unit.runtime.live import START_MS, Summaries, Ticks, usage


def make(config: SessionConfig | None = None, **given: Any) -> Session:
    return Session("fix-login", config, **({"clock": Ticks()} | given))


# -- Construction ---------------------------------------------------------------------------------


def test_an_empty_id_is_refused() -> None:
    """L1."""
    with pytest.raises(InvalidIdError) as caught:
        Session("")
    assert caught.value.what == "Session ID must not be empty"


@pytest.mark.parametrize(
    "unsafe", [".hidden", "a..b", "..", "a/b", "a\\b", "a b", "é", "a\n", "a\0", 'q"q']
)
def test_an_id_that_is_not_fit_for_a_file_name_is_refused(unsafe: str) -> None:
    """L1."""
    with pytest.raises(InvalidIdError):
        check_session_id(unsafe)


def test_the_refusal_shows_the_id_quoted() -> None:
    """L1."""
    with pytest.raises(InvalidIdError) as caught:
        check_session_id('a"b')
    assert caught.value.what == 'Session ID contains unsafe characters: "a\\"b"'


@given(st.from_regex(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,30}", fullmatch=True))
def test_letters_digits_dash_underscore_and_single_dots_are_fit(text: str) -> None:
    """L1: a trailing single dot too."""
    if ".." in text:
        with pytest.raises(InvalidIdError):
            check_session_id(text)
    else:
        assert check_session_id(text) == text


def test_a_new_session_is_active_and_empty() -> None:
    """L2."""
    live = make()
    now = START_MS // 1000
    assert (live.state, live.messages, live.tasks, live.plan) == (SessionState.ACTIVE, (), (), None)
    assert live.context_usage == ContextUsage(max_tokens=200_000)
    assert (live.total_usage, live.total_cost, live.cost_records) == (TokenUsage(), 0.0, ())
    assert (live.model_name, live.thinking_enabled, live.thinking_budget) == (None, False, None)
    assert (live.created_at, live.updated_at) == (now, now)


def test_a_new_session_asks_before_tools_run_and_has_no_rules() -> None:
    """L5, L6: though the confirmation policy's own default is off."""
    live = make()
    assert live.confirmation.policy == ConfirmationPolicy(enabled=True)
    assert not ConfirmationPolicy().enabled
    assert live.permission_policy == PermissionPolicy()
    assert live.check_permission("bash", {"command": "ls"}) is PermissionDecision.ASK


def test_policies_and_queue_of_the_configuration_are_used() -> None:
    """L4, L5, L6, L7."""
    live = make(
        SessionConfig(
            confirmation_policy=ConfirmationPolicy(default_timeout_ms=5),
            permission_policy=PermissionPolicy(deny=(PermissionRule(rule="bash"),)),
            queue_config=SessionQueueConfig(query_max_concurrency=9),
            parent_id="parent",
        )
    )
    assert live.confirmation.policy.default_timeout_ms == 5
    assert live.check_permission("bash", {}) is PermissionDecision.DENY
    assert live.queue.stats().lanes[SessionLane.QUERY].max_concurrency == 9
    assert live.is_child_session
    assert not make().is_child_session


def test_a_new_session_has_one_context_provider_that_is_its_memory() -> None:
    """L8."""
    assert make().context_provider_names == ("memory",)


def test_a_security_guard_is_made_only_when_the_configuration_asks(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """L9."""
    made = []

    class Guard:
        def __init__(self, config: SessionConfig) -> None:
            made.append(config)

        def teardown(self) -> None: ...

    def asking(enabled: bool) -> SessionConfig:
        return SessionConfig(
            security_config=SecurityConfig(
                enabled=enabled,
                classification_rules=(),
                redaction_strategy=RedactionStrategy.MASK,
                network_whitelist=(),
                dangerous_commands=(),
                features=FeatureToggles(
                    output_sanitizer=True,
                    taint_tracking=True,
                    tool_interceptor=True,
                    injection_defense=True,
                ),
            )
        )

    assert make(security=Guard).security is None
    assert make(asking(False), security=Guard).security is None
    assert isinstance(make(asking(True), security=Guard).security, Guard)
    assert made == [asking(True)]
    with caplog.at_level(logging.WARNING):
        assert make(asking(True)).security is None
    assert "security guard" in caplog.text


def test_the_configured_context_length_is_left_to_the_manager() -> None:
    """L10."""
    assert make(SessionConfig(max_context_length=7)).context_usage.max_tokens == 200_000


# -- State ----------------------------------------------------------------------------------------

CALLS = ("pause", "resume", "set_error", "set_completed")


@given(st.lists(st.sampled_from(CALLS), max_size=12))
def test_the_state_goes_the_ways_it_may(calls: list[str]) -> None:
    """Section 3.2: every call from every state, and its result."""
    ticks = Ticks()
    live = make(clock=ticks)
    state = SessionState.ACTIVE
    for call in calls:
        ticks.advance(1000)
        before = live.updated_at
        answer = getattr(live, call)()
        if call == "pause":
            expected: Any = state is SessionState.ACTIVE
            state = SessionState.PAUSED if expected else state
        elif call == "resume":
            expected = state is SessionState.PAUSED
            state = SessionState.ACTIVE if expected else state
        else:
            expected = None
            state = SessionState.ERROR if call == "set_error" else SessionState.COMPLETED
        assert (answer, live.state) == (expected, state)
        assert live.updated_at == (before if expected is False else ticks() // 1000)


# -- Conversation, tasks, providers ---------------------------------------------------------------


def test_a_message_is_appended_and_counted_even_when_paused() -> None:
    """L20."""
    ticks = Ticks()
    live = make(clock=ticks)
    live.pause()
    ticks.advance(5000)
    for message in messages(3):
        live.add_message(message)
    assert live.messages == messages(3)
    assert live.context_usage.turns == 3
    assert live.updated_at == ticks() // 1000


def test_clear_forgets_the_conversation_and_nothing_else() -> None:
    """L21: the context's size goes back to the default even when configured otherwise."""
    live = make()
    live.context_usage = ContextUsage(used_tokens=5, max_tokens=1000, percent=0.5, turns=2)
    live.add_message(Message.user("hi"))
    live.update_usage(usage())
    live.set_tasks([Task(id="1", content="do", status=TaskStatus.PENDING)])
    kept = (live.total_usage, live.total_cost, live.cost_records, live.tasks)
    live.clear()
    assert (live.messages, live.context_usage) == ((), ContextUsage())
    assert (live.total_usage, live.total_cost, live.cost_records, live.tasks) == kept


def test_tasks_are_replaced_counted_and_told() -> None:
    """L22, L23."""
    live = make()
    subscription = live.events.subscribe()
    tasks = tuple(
        Task(id=str(number), content="do", status=status)
        for number, status in enumerate(TaskStatus)
    )
    live.set_tasks(tasks)
    assert live.tasks == tasks
    assert live.active_task_count == 2
    assert subscription.pending() == (TaskUpdated(session_id="fix-login", tasks=tasks),)


class Nothing:
    """A provider that finds nothing."""

    def __init__(self, name: str) -> None:
        self.name = name

    async def query(self, query: ContextQuery) -> ContextResult:
        return ContextResult(provider=self.name, items=(), total_tokens=0)

    async def on_turn_complete(self, session_id: str, prompt: str, response: str) -> None: ...


def test_context_providers_are_listed_in_order_and_removed_by_name() -> None:
    """L24: all of a name."""
    live = make(context_providers=[Nothing("files")])
    live.add_context_provider(Nothing("web"))
    live.add_context_provider(Nothing("files"))
    assert list(live.context_provider_names) == ["memory", "files", "web", "files"]
    assert live.remove_context_provider("files")
    assert not live.remove_context_provider("files")
    assert list(live.context_provider_names) == ["memory", "web"]


def test_live_policies_do_not_reach_what_is_stored() -> None:
    """L25: the manager changes both."""
    config = SessionConfig(confirmation_policy=ConfirmationPolicy(default_timeout_ms=1))
    live = make(config)
    live.set_permission_policy(PermissionPolicy(enabled=False))
    live.set_confirmation_policy(ConfirmationPolicy())
    assert live.check_permission("bash", {}) is PermissionDecision.ALLOW
    assert live.confirmation.policy == ConfirmationPolicy()
    assert live.to_session_data().config == config


def test_rules_are_appended_to_the_live_policy() -> None:
    """L26, L27."""
    live = make()
    live.add_allow_rule("Bash(cargo:*)")
    live.add_ask_rule("Bash")
    live.add_deny_rule("Bash(rm:*)")
    decided = {
        command: live.check_permission("bash", {"command": command})
        for command in ("cargo test", "rm -r x", "ls")
    }
    assert list(decided.values()) == [
        PermissionDecision.ALLOW,
        PermissionDecision.DENY,
        PermissionDecision.ASK,
    ]
    live.add_allow_rule("mcp__pen")
    assert [rule.rule for rule in live.permission_policy.allow] == ["Bash(cargo:*)", "mcp__pen"]


def test_the_queue_is_made_and_not_started() -> None:
    """L4, L28."""

    async def main() -> None:
        live = make()
        ran = []

        async def execute() -> None:
            ran.append(True)

        handle = live.queue.submit(SessionLane.QUERY, Call("read", execute))
        await asyncio.sleep(0.02)
        assert (ran, live.queue.stats().total_pending) == ([], 1)
        live.queue.start()
        await handle
        assert ran == [True]
        assert live.queue.dead_letters() == ()
        assert live.queue.pending_external_tasks() == ()
        await live.queue.stop()

    asyncio.run(main())


# -- Usage ----------------------------------------------------------------------------------------


def test_usage_is_added_without_cache_counters_and_a_record_is_kept() -> None:
    """U1, U3: the total as it is given."""
    live = make()
    used = TokenUsage(prompt_tokens=1, completion_tokens=2, total_tokens=99, cache_read_tokens=7)
    live.update_usage(used)
    live.update_usage(used)
    assert live.total_usage == TokenUsage(prompt_tokens=2, completion_tokens=4, total_tokens=198)
    record = live.cost_records[0]
    assert (record.model, record.provider, record.cost_usd) == ("", "", None)
    assert (record.session_id, record.timestamp) == ("fix-login", "2026-05-28T20:26:40Z")
    assert len(live.cost_records) == 2


def test_cost_is_known_for_a_model_of_exactly_that_name() -> None:
    """U2."""
    live = make()
    live.model_name = "gpt-4o"
    live.update_usage(usage(1_000_000, 100_000))
    assert live.total_cost == 2.5 + 1.0
    live.model_name = "openai/gpt-4o"
    live.update_usage(usage(1_000_000, 100_000))
    assert live.total_cost == 3.5
    assert [record.cost_usd for record in live.cost_records] == [3.5, None]


def test_an_application_may_bring_its_own_prices() -> None:
    """U2."""
    own = ModelPricing(input_per_million=1.0, output_per_million=2.0)
    live = make(prices={**DEFAULT_PRICES, "mine": own})
    live.model_name = "mine"
    live.update_usage(usage(2_000_000, 500_000))
    assert live.total_cost == 3.0


def test_how_full_the_context_is_comes_from_the_last_call() -> None:
    """U4, U5: a fraction, not capped; 0.0 where there is no maximum."""
    live = make()
    live.update_usage(usage(100_000, 1))
    assert (live.context_usage.used_tokens, live.context_usage.percent) == (100_000, 0.5)
    live.update_usage(usage(300_000, 1))
    assert live.context_usage.percent == 1.5
    live.context_usage = live.context_usage.evolve(max_tokens=0)
    live.update_usage(usage(300_000, 1))
    assert live.context_usage.percent == 0.0


# -- Compaction -----------------------------------------------------------------------------------


def test_a_long_conversation_is_compacted_and_counters_stay() -> None:
    """C2, C6."""

    async def main() -> None:
        ticks = Ticks()
        live = make(clock=ticks)
        for message in messages(40):
            live.add_message(message)
        live.update_usage(usage(100_000, 1))
        before = live.context_usage
        ticks.advance(9000)
        assert await live.compact(Summaries())
        assert live.messages[:2] + live.messages[3:] == messages(40)[:2] + messages(40)[20:]
        assert live.context_usage == before
        assert live.updated_at == ticks() // 1000

    asyncio.run(main())


def test_a_short_conversation_stays_untouched() -> None:
    """C1."""

    async def main() -> None:
        ticks = Ticks()
        live = make(clock=ticks)
        live.messages = messages(30)
        summaries = Summaries()
        ticks.advance(9000)
        assert not await live.compact(summaries)
        assert (live.messages, summaries.asked) == (messages(30), [])
        assert live.updated_at == START_MS // 1000

    asyncio.run(main())


def test_a_failed_summary_leaves_the_conversation() -> None:
    """C5."""

    async def main() -> None:
        live = make()
        live.messages = messages(40)
        with pytest.raises(CompactionError) as caught:
            await live.compact(Summaries(fails=True))
        assert caught.value.what == "Failed to generate conversation summary"
        assert live.messages == messages(40)

    asyncio.run(main())


def test_messages_that_come_while_the_summary_is_made_are_kept() -> None:
    class Slow(Summaries):
        async def summarize(self, prompt: str) -> str:
            live.add_message(Message.user("one more"))
            return await super().summarize(prompt)

    live = make()
    live.messages = messages(40)
    assert asyncio.run(live.compact(Slow()))
    assert live.messages[-1] == Message.user("one more")
    assert len(live.messages) == 24


def test_a_conversation_replaced_while_the_summary_is_made_is_not_overwritten() -> None:
    class Slow(Summaries):
        async def summarize(self, prompt: str) -> str:
            live.clear()
            return await super().summarize(prompt)

    live = make()
    live.messages = messages(40)
    with pytest.raises(CompactionError):
        asyncio.run(live.compact(Slow()))
    assert live.messages == ()


def test_without_a_model_the_last_twenty_stay() -> None:
    live = make()
    live.messages = messages(25)
    assert asyncio.run(live.compact(None))
    assert live.messages == messages(25)[5:]


# -- To and from what is stored -------------------------------------------------------------------


def test_what_is_stored_comes_back_and_the_rest_stays() -> None:
    """Section 3.4: restoring does not touch, and leaves configuration and tools alone."""
    ticks = Ticks()
    tool = ToolDefinition(name="bash", description="run", parameters={})
    live = make(SessionConfig(name="n", parent_id="p"), tools=[tool], clock=ticks)
    for message in messages(3):
        live.add_message(message)
    live.model_name = "gpt-4o"
    live.update_usage(usage())
    live.thinking_enabled, live.thinking_budget = True, 99
    live.set_tasks([Task(id="1", content="do", status=TaskStatus.PENDING)])
    live.pause()
    data = live.to_session_data(LlmConfigData(provider="openai", model="gpt-4o"))
    assert data.tool_names == ("bash",)
    assert data.llm_config == LlmConfigData(provider="openai", model="gpt-4o")

    ticks.advance(60_000)
    again = make(SessionConfig(name="other"), clock=ticks)
    again.restore_from_data(data)
    assert again.updated_at == data.updated_at
    assert again.config == SessionConfig(name="other")
    assert again.to_session_data(data.llm_config) == data.evolve(config=again.config, tool_names=())


def test_keys_nobody_here_knows_are_carried_from_what_was_stored() -> None:
    data = make().to_session_data().evolve(extra={"novel": [1]}, tenant_id="t")
    live = make()
    live.restore_from_data(data)
    assert live.to_session_data(onto=data) == data
