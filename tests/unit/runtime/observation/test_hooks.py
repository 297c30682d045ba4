"""Hooks of runs and of the end of a session; and that a session without its guard runs nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import attrs
import pytest

from a3s_store import MemorySessionStore
from a3s_store.errors import GuardMissingError, HookDeniedError, SessionClosedError
from a3s_store.models import (
    Complexity,
    ExecutionPlan,
    FeatureToggles,
    Message,
    PlanningEnd,
    RedactionStrategy,
    RunStatus,
    SecurityConfig,
    SessionConfig,
    TextDelta,
)
from a3s_store.runtime import (
    ActiveRun,
    AgentResult,
    AgentSession,
    Deny,
    Hook,
    HookRunner,
    Session,
    SessionManager,
    SessionOptions,
    SessionPersistence,
)
from a3s_store.testing.conformance.expect import bits
from tests.unit.runtime.live import Echo, Hang, crash

ASKING = SessionConfig(
    security_config=SecurityConfig(
        enabled=True,
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


@attrs.define
class Does(Hook):
    """A hook that does these things around a run, and keeps which points were reached."""

    prompt: Callable[[str], Any] = lambda prompt: None
    before: Callable[[tuple[Message, ...]], Any] = lambda messages: None
    after: Callable[[AgentResult], Any] = lambda result: None
    reached: list[str] = attrs.Factory(list)

    async def before_prompt(self, session_id: str, prompt: str) -> Any:
        self.reached.append("prompt")
        return self.prompt(prompt)

    async def before_generation(
        self, session_id: str, run_id: str, messages: tuple[Message, ...]
    ) -> Any:
        self.reached.append("before")
        return self.before(messages)

    async def after_generation(self, session_id: str, run_id: str, result: AgentResult) -> Any:
        self.reached.append("after")
        return self.after(result)

    async def session_end(self, session_id: str) -> None:
        self.reached.append("end")


@attrs.define
class Guard(Does):
    """The same as a session's security guard."""

    def teardown(self) -> None:
        self.reached.append("teardown")


def make(*hooks: Hook, guard: Guard | None = None) -> AgentSession:
    session = Session("fix-login", hooks=hooks)
    session.security = guard
    options = SessionOptions(auto_save=True)
    return AgentSession(session, SessionPersistence(session, MemorySessionStore(), options=options))


def fails(given: object) -> None:
    raise RuntimeError("hook")


def withhold(result: AgentResult) -> Deny:
    return Deny("secret")


# -- Runs -----------------------------------------------------------------------------------------


def test_the_points_of_a_run_are_reached_in_their_order_and_the_end_once() -> None:
    async def main() -> None:
        guard = Guard()
        live = make(guard=guard)
        await live.send("hello", Echo())
        async with live.stream("again", Echo()) as stream:
            await stream.result()
        await live.close()
        await live.close()
        run = ["prompt", "before", "after"]
        assert guard.reached == [*run, *run, "end", "teardown"]

    asyncio.run(main())


def test_a_changed_prompt_is_the_one_that_is_run_and_stored() -> None:
    async def main() -> None:
        live = make(Does(prompt=lambda prompt: prompt.replace("sk-1234", "[key]\udcff")))
        await live.send("use sk-1234", Echo())
        assert live.store is not None
        stored = await live.store.load("fix-login")
        assert stored is not None
        assert stored.messages[0].text == "use [key]\N{REPLACEMENT CHARACTER}"
        assert live.session.runs.snapshots()[0].prompt == stored.messages[0].text

    asyncio.run(main())


def test_a_denied_prompt_begins_no_run_and_stores_nothing() -> None:
    async def main() -> None:
        live = make(Does(prompt=lambda prompt: Deny("not in this repository")))
        with pytest.raises(HookDeniedError, match="not in this repository") as found:
            await live.send("hello", Echo())
        assert found.value.reason == "not in this repository"
        assert (live.session.messages, live.session.runs.snapshots()) == ((), ())
        live.session.hooks.clear()
        await live.send("hello", Echo())

    asyncio.run(main())


def test_a_run_that_a_hook_denies_fails_before_its_agent_is_asked() -> None:
    async def main() -> None:
        live = make(Does(before=lambda messages: Deny("too much")))
        asked: list[ActiveRun] = []

        class Asked:
            async def run(self, run: ActiveRun) -> AgentResult:
                asked.append(run)
                raise AssertionError

        with pytest.raises(HookDeniedError):
            await live.send("hello", Asked())
        (run,) = live.session.runs.snapshots()
        assert (asked, run.status) == ([], RunStatus.FAILED)

    asyncio.run(main())


def test_a_changed_result_is_the_one_that_is_kept() -> None:
    def redact(result: AgentResult) -> AgentResult:
        messages = (*result.messages[:-1], Message.assistant("[redacted]"))
        return attrs.evolve(result, text="[redacted]", messages=messages)

    async def main() -> None:
        live = make(Does(after=redact))
        result = await live.send("hello", Echo())
        assert result.text == live.session.messages[-1].text == "[redacted]"
        assert "you said" not in str(bits(live.session.runs.records()))

    asyncio.run(main())


@pytest.mark.parametrize("hooks", [(Does(after=withhold), None), (None, Guard(after=fails))])
def test_of_a_result_that_is_denied_nothing_is_kept_its_draft_neither(hooks: Any) -> None:
    class Streams:
        async def run(self, run: ActiveRun) -> AgentResult:
            run.record(TextDelta(text="the secret"))
            answer = Message.assistant("the secret")
            return AgentResult(text="the secret", messages=(*run.messages, answer))

    async def main() -> None:
        hook, guard = hooks
        live = make(*filter(None, [hook]), guard=guard)
        with pytest.raises(HookDeniedError):
            await live.send("hello", Streams())
        assert [message.text for message in live.session.messages] == ["hello"]
        assert live.session.runs.snapshots()[0].status is RunStatus.FAILED

    asyncio.run(main())


@pytest.mark.parametrize("point", ["prompt", "before", "after"])
@pytest.mark.parametrize("does", [fails, lambda given: object()])
def test_a_hook_that_fails_changes_nothing_and_a_guard_refuses(
    point: str, does: Callable[[Any], Any], caplog: pytest.LogCaptureFixture
) -> None:
    given: dict[str, Any] = {point: does}

    async def main() -> None:
        live = make(Does(**given))
        assert (await live.send("hello", Echo())).text == "you said: hello"
        assert "a hook failed in" in caplog.text
        with pytest.raises(HookDeniedError, match="the security guard failed"):
            await make(guard=Guard(**given)).send("hello", Echo())

    asyncio.run(main())


def test_a_result_that_cannot_be_saved_is_a_failure_of_the_hook() -> None:
    def break_it(result: AgentResult) -> AgentResult:
        messages: Any = ("no message",)
        return attrs.evolve(result, messages=messages)

    async def main() -> None:
        live = make(Does(after=break_it))
        assert (await live.send("hello", Echo())).messages[-1].text == "you said: hello"

    asyncio.run(main())


def test_a_resumed_run_has_no_new_prompt_and_its_generation_is_seen() -> None:
    async def main() -> None:
        store, hook = MemorySessionStore(), Does()
        first = SessionManager().with_store(store)
        live = await first.create_session("fix-login")
        hang = Hang()
        task = asyncio.create_task(live.send("hello", Echo(rounds=1, between=hang)))
        await hang.begun.wait()
        crash(live)
        second = SessionManager(hooks=[hook]).with_store(store)
        again = await second.restore_session_by_id("fix-login")
        (run,) = await again.interrupted_runs()
        await again.resume_run(run.run_id, Echo())
        assert hook.reached == ["before", "after"]
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(main())


def test_a_session_that_is_closed_while_a_hook_is_asked_about_a_prompt_begins_no_run() -> None:
    async def main() -> None:
        asked, go_on = asyncio.Event(), asyncio.Event()

        class Slow(Hook):
            async def before_prompt(self, session_id: str, prompt: str) -> None:
                asked.set()
                await go_on.wait()

        live = make(Slow())
        task = asyncio.create_task(live.send("hello", Echo()))
        await asked.wait()
        closing = asyncio.create_task(live.close())
        await asyncio.sleep(0)
        go_on.set()
        with pytest.raises(SessionClosedError):
            await task
        await closing
        assert live.session.runs.snapshots() == ()

    asyncio.run(main())


def test_a_hook_that_never_returns_at_the_end_does_not_keep_a_session_from_being_saved() -> None:
    class Hangs(Hook):
        async def session_end(self, session_id: str) -> None:
            await asyncio.Event().wait()

    async def main() -> None:
        live = make(Hangs())
        live.session.add_message(Message.user("hi"))
        outcome = await live.close(deadline=0.2)
        assert not outcome
        assert await live.close(deadline=30)

    asyncio.run(main())


def test_hooks_are_told_of_the_end_of_a_session_though_its_guard_fails_then() -> None:
    class Fails:
        async def session_end(self, session_id: str) -> None:
            raise RuntimeError("the guard")

    told = Does()
    asyncio.run(HookRunner("main", (told,), Fails()).session_end())
    assert told.reached == ["end"]


# -- The guard ------------------------------------------------------------------------------------


async def stored_that_asks() -> MemorySessionStore:
    store = MemorySessionStore()
    async with SessionManager(security=lambda config: Guard()).with_store(store) as sessions:
        await sessions.create_session("fix-login", ASKING)
    return store


def test_a_stored_session_that_asks_for_a_guard_is_loaded_and_runs_nothing_without_one() -> None:
    async def main() -> None:
        store = await stored_that_asks()
        async with SessionManager(agent=Echo()).with_store(store) as sessions:
            report = await sessions.load_all_sessions()
            assert report.loaded == ("fix-login",)
            with pytest.raises(GuardMissingError):
                await sessions.generate("fix-login", "hello")
            live = sessions.get_session("fix-login")
            with pytest.raises(GuardMissingError):
                async with live.stream("hello", Echo()):
                    pass
            with pytest.raises(GuardMissingError):
                await live.resume_run("run-1", Echo())
            assert (live.session.messages, live.session.runs.snapshots()) == ((), ())
            live.session.security = Guard()
            await sessions.generate("fix-login", "hello")

    asyncio.run(main())


def test_a_guard_is_made_for_each_session_that_asks_by_the_manager_of_all() -> None:
    async def main() -> None:
        store = await stored_that_asks()
        made: list[SessionConfig] = []

        def guard(config: SessionConfig) -> Guard:
            made.append(config)
            return Guard()

        manager = SessionManager(agent=Echo(), security=guard).with_store(store)
        async with manager as sessions:
            await sessions.load_all_sessions()
            await sessions.create_session("other")
            await sessions.generate("fix-login", "hello")
            assert isinstance(sessions.get_session("fix-login").session.security, Guard)
            assert sessions.get_session("other").session.security is None
            fork = await sessions.fork_session("fix-login", "fork")
            assert isinstance(fork.session.security, Guard)
        assert [config.security_config for config in made] == [ASKING.security_config] * 2

    asyncio.run(main())


def test_a_manager_may_be_told_to_run_such_sessions_all_the_same() -> None:
    async def main() -> None:
        store = await stored_that_asks()
        manager = SessionManager(agent=Echo(), on_missing_guard="run").with_store(store)
        async with manager as sessions:
            await sessions.load_all_sessions()
            assert (await sessions.generate("fix-login", "hello")).text == "you said: hello"

    asyncio.run(main())


def test_a_guard_that_cannot_be_made_leaves_a_session_that_runs_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def broken(config: SessionConfig) -> Guard:
        raise RuntimeError("sk-1234")

    async def main() -> None:
        store = await stored_that_asks()
        async with SessionManager(agent=Echo(), security=broken).with_store(store) as sessions:
            assert (await sessions.load_all_sessions()).loaded == ("fix-login",)
            with pytest.raises(GuardMissingError):
                await sessions.generate("fix-login", "hello")

    asyncio.run(main())
    assert "guard of session fix-login was not made: RuntimeError" in caplog.text
    assert "sk-1234" not in caplog.text


def test_a_configuration_that_another_session_saved_may_ask_for_a_guard() -> None:
    async def main() -> None:
        store = MemorySessionStore()
        async with SessionManager(agent=Echo()).with_store(store) as here:
            live = await here.create_session("fix-login")
            there = SessionManager(on_missing_guard="run").with_store(store)
            other = await there.restore_session_by_id("fix-login")
            other.session.config = other.session.config.evolve(
                security_config=ASKING.security_config
            )
            await other.save()
            with pytest.raises(GuardMissingError):
                await here.generate("fix-login", "hello")
            assert live.session.messages == ()

    asyncio.run(main())


# -- The plan -------------------------------------------------------------------------------------


def test_the_plan_is_what_a_run_told_last_also_after_a_restore() -> None:
    """L2: a new session has none."""

    class Plans:
        async def run(self, run: ActiveRun) -> AgentResult:
            for goal in ("first", run.prompt):
                plan = ExecutionPlan(
                    goal=goal,
                    steps=(),
                    complexity=Complexity.SIMPLE,
                    required_tools=(),
                    estimated_steps=1,
                )
                run.record(PlanningEnd(plan=plan, estimated_steps=1))
            return AgentResult(text="", messages=run.messages)

    async def main() -> None:
        store = MemorySessionStore()
        async with SessionManager(agent=Plans()).with_store(store) as sessions:
            live = await sessions.create_session("fix-login")
            assert (live.session.plan, live.session.runs.snapshots()) == (None, ())
            await sessions.generate("fix-login", "fix it")
            await live.send("only talk", Echo())
            assert live.session.plan is not None
            assert live.session.plan.goal == "fix it"
        async with SessionManager().with_store(store) as again:
            restored = (await again.restore_session_by_id("fix-login")).session
            assert restored.plan is not None
            assert restored.plan.goal == "fix it"

    asyncio.run(main())
