"""A tool runs when it may, and whatever else happens becomes a result with upstream's text."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a3s_store.errors import EncodeError, SessionConfigError
from a3s_store.models import (
    AgentEvent,
    ConfirmationPolicy,
    ConfirmationReceived,
    ConfirmationRequired,
    ConfirmationTimeout,
    PermissionDecision,
    PermissionDenied,
    PermissionPolicy,
    RunEventRecord,
    SessionLane,
    TimeoutAction,
    ToolDefinition,
    ToolEnd,
    ToolStart,
    ToolUseBlock,
)
from a3s_store.runtime.policies.confirmation import (
    ConfirmationManager,
)
from a3s_store.runtime.policies.permissions import (
    PermissionChecker,
    PolicyChecker,
)
from a3s_store.runtime.policies.tool_calls import Tool, ToolOutput, by_name, guarded_call
from a3s_store.wire import FrozenDict, compact, encode
from tests.support import run as run_record
from tests.support import with_store

Run = Callable[[Mapping[str, Any]], Awaitable[ToolOutput]]
CALL = ToolUseBlock(id="call-1", name="bash", input={"command": "ls"})
DONE = ToolOutput(content="done", metadata={"lines": 1})
ASKING = PolicyChecker(PermissionPolicy())
ALLOWING = PolicyChecker(PermissionPolicy.permissive())
DENYING = PolicyChecker(PermissionPolicy.permissive().with_rules(deny="Bash(ls:*)"))


class Fake:
    """A tool that does what it is told to, and remembers what it was called with."""

    def __init__(self, name: str = "bash", run: Run | None = None) -> None:
        self.name = name
        self.definition = ToolDefinition(name=name, description="", parameters={})
        self.calls: list[Mapping[str, Any]] = []
        self._run = run

    async def run(self, args: Mapping[str, Any]) -> ToolOutput:
        self.calls.append(args)
        return DONE if self._run is None else await self._run(args)


class Scene:
    """One call, what it is made with, and what it emitted."""

    def __init__(self, tool: Fake | None = None, policy: ConfirmationPolicy | None = None) -> None:
        self.tool = tool or Fake()
        self.events: list[AgentEvent] = []
        self.now = 0
        self.confirmation = ConfirmationManager(
            policy or ConfirmationPolicy.on(), emit=self.events.append, clock=lambda: self.now
        )

    async def call(
        self,
        checker: PermissionChecker | None = None,
        *,
        call: ToolUseBlock = CALL,
        ask: bool = True,
    ) -> ToolOutput:
        confirmation = self.confirmation if ask else None
        tools = by_name([self.tool])
        return await guarded_call(
            call, tools, checker=checker, confirmation=confirmation, emit=self.events.append
        )

    async def asked(self, checker: PermissionChecker | None = ASKING) -> asyncio.Task[ToolOutput]:
        """The call as a task that waits for a decision."""
        task = asyncio.create_task(self.call(checker))
        await asyncio.sleep(0)
        assert self.confirmation.pending_count == 1
        return task

    @property
    def kinds(self) -> list[type[AgentEvent]]:
        return [type(event) for event in self.events]


def play(use: Awaitable[None]) -> None:
    """Run a scene; the limit is there for what would wait for ever."""

    async def main() -> None:
        async with asyncio.timeout(30):
            await use

    asyncio.run(main())


def error(text: str) -> ToolOutput:
    return ToolOutput(content=text, exit_code=1, is_error=True)


def ended(output: ToolOutput) -> ToolEnd:
    return ToolEnd(
        id="call-1",
        name="bash",
        output=output.content,
        exit_code=output.exit_code,
        metadata=output.metadata,
    )


STARTED = ToolStart(id="call-1", name="bash")


# -- The table ------------------------------------------------------------------------------------


@pytest.mark.parametrize("checker", [None, ALLOWING])
def test_what_is_allowed_runs_and_nobody_is_asked(checker: PermissionChecker | None) -> None:
    """5.4. Also without a policy; the question of an enabled confirmation policy is not put."""

    async def scene() -> None:
        s = Scene()
        assert await s.call(checker) is DONE
        assert s.tool.calls == [{"command": "ls"}]
        assert type(s.tool.calls[0]) is FrozenDict
        assert s.events == [STARTED, ended(DONE)]

    play(scene())


def test_what_is_denied_does_not_run() -> None:
    """5.4. Not even when a human would have been asked, and said yes."""

    async def scene() -> None:
        s = Scene()
        output = await s.call(DENYING)
        assert output == error("Permission denied: Tool 'bash' is blocked by permission policy.")
        assert output.is_error
        assert s.tool.calls == []
        assert s.events == [
            STARTED,
            PermissionDenied(
                tool_id="call-1",
                tool_name="bash",
                args={"command": "ls"},
                reason="Blocked by deny rule in permission policy",
            ),
            ended(output),
        ]

    play(scene())


def test_what_is_asked_about_runs_without_anybody_to_ask() -> None:
    """5.4."""

    async def scene() -> None:
        s = Scene()
        assert await s.call(ASKING, ask=False) is DONE
        assert s.events == [STARTED, ended(DONE)]

    play(scene())


@pytest.mark.parametrize(
    "policy", [ConfirmationPolicy(), ConfirmationPolicy.on().with_yolo_lanes([SessionLane.EXECUTE])]
)
def test_what_is_asked_about_runs_when_the_manager_needs_no_answer(
    policy: ConfirmationPolicy,
) -> None:
    """5.4. Disabled, or no one is asked about the tool's lane."""

    async def scene() -> None:
        s = Scene(policy=policy)
        assert await s.call(ASKING) is DONE
        assert s.events == [STARTED, ended(DONE)]

    play(scene())


def test_what_is_asked_about_runs_once_it_is_approved() -> None:
    """5.4."""

    async def scene() -> None:
        s = Scene()
        task = await s.asked()
        assert s.tool.calls == []
        assert s.confirmation.confirm("call-1", True)
        assert await task is DONE
        assert len(s.tool.calls) == 1
        assert s.events == [
            STARTED,
            ConfirmationRequired(
                tool_id="call-1", tool_name="bash", args={"command": "ls"}, timeout_ms=30_000
            ),
            ConfirmationReceived(tool_id="call-1", approved=True),
            ended(DONE),
        ]

    play(scene())


@pytest.mark.parametrize(
    ("reason", "said"),
    [("too dangerous", "too dangerous"), (None, "No reason provided"), ("", "No reason provided")],
)
def test_a_rejected_call_tells_the_model_why(reason: str | None, said: str) -> None:
    """6.3, loop texts."""

    async def scene() -> None:
        s = Scene()
        task = await s.asked()
        assert s.confirmation.confirm("call-1", False, reason)
        output = await task
        assert output == error(f"Tool 'bash' execution was rejected by user. Reason: {said}")
        assert s.tool.calls == []
        assert s.events[-1] == ended(output)

    play(scene())


def test_a_question_that_is_taken_back_rejects_the_call() -> None:
    """6.3, loop texts."""

    async def scene() -> None:
        s = Scene()
        task = await s.asked()
        assert s.confirmation.cancel_all() == 1
        assert (await task).content.endswith("rejected by user. Reason: Confirmation cancelled")

    play(scene())


@pytest.mark.parametrize("by_timer", [True, False])
def test_a_call_nobody_answers_is_rejected_when_its_time_is_up(by_timer: bool) -> None:
    """6.3, loop texts. Whether the application looks, or the call itself does."""

    async def scene() -> None:
        s = Scene(policy=ConfirmationPolicy.on().with_timeout(5, TimeoutAction.REJECT))
        task = await s.asked()
        s.now += 5
        if by_timer:
            assert s.confirmation.check_timeouts() == 1
        output = await task
        assert output == error(
            "Tool 'bash' execution timed out waiting for confirmation (5ms). Execution rejected."
        )
        assert s.tool.calls == []
        assert s.kinds == [ToolStart, ConfirmationRequired, ConfirmationTimeout, ToolEnd]

    play(scene())


def test_a_call_nobody_answers_runs_when_the_policy_says_so() -> None:
    """6.3, loop texts."""

    async def scene() -> None:
        s = Scene(policy=ConfirmationPolicy.on().with_timeout(5, TimeoutAction.AUTO_APPROVE))
        task = await s.asked()
        s.now += 5
        assert await task is DONE
        assert s.kinds == [ToolStart, ConfirmationRequired, ConfirmationTimeout, ToolEnd]

    play(scene())


def test_a_call_whose_id_is_asked_about_again_fails() -> None:
    """6.3, loop texts; H1."""

    async def scene() -> None:
        s = Scene()
        first = await s.asked()
        second = asyncio.create_task(s.call(ASKING))
        assert await first == error("Tool 'bash' confirmation failed: confirmation channel closed")
        assert s.confirmation.confirm("call-1", True)
        assert await second is DONE
        assert len(s.tool.calls) == 1

    play(scene())


@given(
    st.sampled_from([None, *PermissionDecision]),
    st.sampled_from([None, True, False]),
    st.booleans(),
)
def test_a_tool_runs_when_the_table_says_so_and_never_else(
    decision: PermissionDecision | None, approved: bool | None, on: bool
) -> None:
    """5.4. `approved` None: there is no manager."""

    async def scene() -> None:
        s = Scene(policy=ConfirmationPolicy(enabled=on))
        checker = None
        if decision is not None:
            checker = PolicyChecker(PermissionPolicy(default_decision=decision))
        task = asyncio.create_task(s.call(checker, ask=approved is not None))
        await asyncio.sleep(0)
        asked = decision is PermissionDecision.ASK and approved is not None and on
        assert s.confirmation.pending_count == int(asked)
        if approved is not None:
            assert s.confirmation.confirm("call-1", approved) == asked
        output = await task
        runs = decision is not PermissionDecision.DENY and (not asked or approved is True)
        assert len(s.tool.calls) == int(runs)
        assert output.is_error != runs
        assert s.kinds[0] is ToolStart
        assert s.kinds[-1] is ToolEnd
        assert (PermissionDenied in s.kinds) == (decision is PermissionDecision.DENY)

    play(scene())


# -- What goes wrong ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cause", "said"),
    [
        (ValueError("no such file"), "no such file"),
        (TimeoutError(), "TimeoutError"),
        (ValueError("bad \udc80 name"), "bad \N{REPLACEMENT CHARACTER} name"),
        (asyncio.QueueFull(), "QueueFull"),
    ],
)
def test_a_tool_that_raises_gives_its_cause(cause: Exception, said: str) -> None:
    """6.3, loop texts."""

    async def broken(args: Mapping[str, Any]) -> ToolOutput:
        raise cause

    async def scene() -> None:
        s = Scene(Fake(run=broken))
        output = await s.call()
        assert output == error(f"Tool execution error: {said}")
        assert s.events == [STARTED, ended(output)]

    play(scene())


def test_a_tool_that_says_it_failed_is_believed() -> None:
    """5.4."""

    async def failing(args: Mapping[str, Any]) -> ToolOutput:
        return ToolOutput(content="2 tests failed", exit_code=101)

    async def scene() -> None:
        s = Scene(Fake(run=failing))
        output = await s.call()
        assert output.is_error
        assert s.events[-1] == ended(output)

    play(scene())


@pytest.mark.parametrize("checker", [None, ASKING])
def test_an_unknown_tool_is_an_error_nobody_is_asked_about(
    checker: PermissionChecker | None,
) -> None:
    """5.4. The spec is silent; a human's decision would change nothing."""

    async def scene() -> None:
        s = Scene(Fake("read"))
        output = await s.call(checker)
        assert output == error("Unknown tool: bash")
        assert s.events == [STARTED, ended(output)]

    play(scene())


def test_an_unknown_tool_can_be_denied_like_any() -> None:
    """5.4."""

    async def scene() -> None:
        s = Scene(Fake("read"))
        assert (await s.call(DENYING)).content.startswith("Permission denied: ")

    play(scene())


@pytest.mark.parametrize("value", [None, "ls", 7, ["ls"]])
def test_input_that_is_no_object_is_an_error(value: Any) -> None:
    """5.4. A model may write anything; no checker and no tool is made for it."""

    async def scene() -> None:
        s = Scene()
        output = await s.call(ALLOWING, call=CALL.evolve(input=value))
        assert output == error("Tool 'bash' needs a JSON object as input")
        assert s.tool.calls == []

    play(scene())


def test_a_checker_that_fails_lets_nothing_run() -> None:
    """5.4."""

    class Broken:
        def check(self, tool: str, args: Mapping[str, Any]) -> PermissionDecision:
            raise LookupError("no rules")

    async def scene() -> None:
        s = Scene()
        with pytest.raises(LookupError):
            await s.call(Broken())
        assert s.tool.calls == []
        assert s.events == [STARTED]

    play(scene())


# -- Cancellation ---------------------------------------------------------------------------------


def test_a_call_cancelled_while_it_asks_leaves_no_question() -> None:
    """6.3, H4."""

    async def scene() -> None:
        s = Scene()
        task = await s.asked()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert s.confirmation.pending_count == 0
        assert not s.confirmation.confirm("call-1", True)
        assert s.tool.calls == []
        assert s.kinds == [ToolStart, ConfirmationRequired]

    play(scene())


def test_a_call_cancelled_while_it_runs_is_cancelled() -> None:
    """6.3. Cancellation is no failure of the tool."""

    async def scene() -> None:
        begun, cleaned = asyncio.Event(), asyncio.Event()

        async def endless(args: Mapping[str, Any]) -> ToolOutput:
            try:
                begun.set()
                await asyncio.Event().wait()
            finally:
                cleaned.set()
            raise AssertionError

        s = Scene(Fake(run=endless))
        task = asyncio.create_task(s.call())
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert cleaned.is_set()
        assert s.events == [STARTED]

    play(scene())


# -- Values ---------------------------------------------------------------------------------------


def test_a_denied_call_leaves_the_events_the_engine_itself_leaves() -> None:
    """5.4. As in a run the genuine engine kept: start, denial, end."""
    directory = Path(__file__).parents[3] / "data"
    kept = sorted(directory.rglob("runs/Review-2026.json"))
    assert kept, "the engine's own files are part of the tests"
    for path in kept:
        runs = json.loads(path.read_text(encoding="utf-8"))
        denied = [
            record["event"]
            for one in runs
            for record in one["events"]
            if record["event"].get("tool_id", record["event"].get("id")) == "call_52_0"
        ]
        assert [event["type"] for event in denied] == [
            "tool_start",
            "permission_denied",
            "tool_end",
        ]
        call = ToolUseBlock(id="call_52_0", name="bash", input=denied[1]["args"])
        events: list[AgentEvent] = []
        checker = PolicyChecker(PermissionPolicy.permissive().with_rules(deny="bash(rm:*)"))
        tools: dict[str, Tool] = {"bash": Fake()}
        asyncio.run(
            guarded_call(call, tools, checker=checker, confirmation=None, emit=events.append)
        )
        assert [json.loads(compact(encode(event))) for event in events] == denied


def test_an_output_that_could_not_be_saved_is_refused_where_it_is_made() -> None:
    """5.4. It then is the tool that failed, and not, much later, the save of the session."""
    for fields in (
        {"content": b"bytes"},
        {"content": "", "exit_code": 2**31},
        {"content": "", "metadata": {"n": float("inf")}},
    ):
        with pytest.raises(EncodeError):
            ToolOutput(**fields)

    async def odd(args: Mapping[str, Any]) -> ToolOutput:
        return ToolOutput(content=str(args["command"]), metadata={"n": float("nan")})

    async def scene() -> None:
        s = Scene(Fake(run=odd))
        output = await s.call()
        assert output.content.startswith("Tool execution error: ")
        assert "ls" not in output.content, "it repeats nothing of the text"

    play(scene())


def test_texts_of_an_output_that_cannot_be_written_are_cleaned_and_counted() -> None:
    output = ToolOutput(content="caf\udce9.txt", metadata={"files": ["a", "\udce9"], "\ud83d": 1})
    assert output.content == "caf\N{REPLACEMENT CHARACTER}.txt"
    mark = "\N{REPLACEMENT CHARACTER}"
    assert output.metadata == {"files": ["a", mark], mark: 1}
    assert output.cleaned == 3
    assert ToolOutput(content="café.txt", metadata={"files": ["é"]}).cleaned == 0


def test_a_call_tells_once_how_many_texts_were_cleaned() -> None:
    class Listing:
        name = "ls"
        definition = ToolDefinition(name="ls", description="", parameters={})

        async def run(self, args: Mapping[str, Any]) -> ToolOutput:
            return ToolOutput(content="caf\udce9.txt", metadata={"first": "caf\udce9.txt"})

    told: list[tuple[str, int]] = []
    events: list[AgentEvent] = []
    for name in ("c\udce9", "c2"):
        asyncio.run(
            guarded_call(
                ToolUseBlock(id=name, name="ls", input={}),
                by_name([Listing()]),
                checker=None,
                confirmation=None,
                emit=events.append,
                cleaned=lambda where, count: told.append((where, count)),
            )
        )
    assert told == [("tool_output", 3), ("tool_output", 2)]
    for event in events:
        compact(encode(event))


@given(st.integers(-(2**31), 2**31 - 1), st.text())
def test_an_output_is_an_error_when_its_exit_code_is_not_zero(code: int, text: str) -> None:
    """5.4."""
    output = ToolOutput(content=text, exit_code=code)
    assert output.is_error == (code != 0)
    assert not ToolOutput(content=text, exit_code=code, is_error=False).is_error
    assert ToolOutput(content=text, is_error=True).is_error


def test_two_tools_of_one_name_are_refused() -> None:
    """5.4. The spec is silent."""
    with pytest.raises(SessionConfigError) as raised:
        by_name([Fake(), Fake("read"), Fake()])
    assert raised.value.field == "tools"


def test_what_a_call_emits_can_be_kept(tmp_path: Path) -> None:
    """5.4. As the events of a run."""

    async def use(store: Any) -> None:
        s = Scene()
        await s.call(DENYING)
        await s.call(ALLOWING)
        record = run_record(1, 0)
        record = record.evolve(
            snapshot=record.snapshot.evolve(event_count=len(s.events)),
            events=tuple(
                RunEventRecord(sequence=n, timestamp_ms=n, event=event)
                for n, event in enumerate(s.events)
            ),
        )
        await store.save_run_records("fix-login", (record,))
        assert await store.load_run_records("fix-login") == (record,)

    with_store(tmp_path / "s.db", use)
