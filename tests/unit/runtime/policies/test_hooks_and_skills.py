"""Hooks and active skills decide about calls of tools, and permit nothing that policies refuse."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import attrs
import pytest

from a3s_store.errors import InvalidArgumentError
from a3s_store.models import (
    ConfirmationRequired,
    PermissionDenied,
    ToolDefinition,
    ToolEnd,
    ToolStart,
    ToolUseBlock,
)
from a3s_store.runtime import Deny, Hook, Session, ToolFilter, ToolOutput, by_name
from a3s_store.runtime.observation.events import LiveEvent
from a3s_store.testing.conformance.expect import bits

CALL = ToolUseBlock(id="call-1", name="bash", input={"command": "ls"})


class Bash:
    """A tool that keeps what it was called with."""

    name = "bash"
    definition = ToolDefinition(name="bash", description="", parameters={})

    def __init__(self, output: ToolOutput | None = None) -> None:
        self.calls: list[Mapping[str, Any]] = []
        self.output = output or ToolOutput(content="token sk-1234")

    async def run(self, args: Mapping[str, Any]) -> ToolOutput:
        self.calls.append(args)
        return self.output


@attrs.define
class Does(Hook):
    """A hook that does these things before and after a tool."""

    before: Callable[[ToolUseBlock], Any] = lambda call: None
    after: Callable[[ToolOutput], Any] = lambda output: None

    async def before_tool(self, session_id: str, call: ToolUseBlock) -> Any:
        assert session_id == "fix-login"
        return self.before(call)

    async def after_tool(self, session_id: str, call: ToolUseBlock, output: ToolOutput) -> Any:
        return self.after(output)


@attrs.define
class Guard(Does):
    """The same as a session's security guard."""

    def teardown(self) -> None: ...


class Scene:
    """A session with one tool, and what it sent."""

    def __init__(self, *hooks: Hook, guard: Guard | None = None, allow: str = "bash") -> None:
        self.live = Session("fix-login", hooks=hooks)
        self.live.security = guard
        self.live.add_allow_rule(allow)
        self.tool = Bash()
        self.events: list[LiveEvent] = []

    def call(self, call: ToolUseBlock = CALL) -> ToolOutput:
        tools = by_name([self.tool])
        return asyncio.run(self.live.call_tool(call, tools, emit=self.events.append))

    @property
    def kinds(self) -> list[type[LiveEvent]]:
        return [type(event) for event in self.events]


def fails(given: object) -> None:
    raise RuntimeError("sk-1234")


# -- Before a tool --------------------------------------------------------------------------------


def test_a_hook_changes_the_arguments_that_the_tool_gets() -> None:
    s = Scene(Does(before=lambda call: {"command": f"{call.input['command']} -l"}))
    s.call()
    assert s.tool.calls == [{"command": "ls -l"}]


def test_each_hook_sees_what_the_one_before_made_and_the_guard_is_first() -> None:
    def adding(word: str) -> Callable[[ToolUseBlock], Any]:
        return lambda call: {"command": f"{call.input['command']} {word}"}

    s = Scene(Does(before=adding("b")), Does(before=adding("c")), guard=Guard(before=adding("a")))
    s.call()
    assert s.tool.calls == [{"command": "ls a b c"}]


def test_a_hook_that_denies_is_read_by_the_model_and_told_as_an_event() -> None:
    asked: list[ToolUseBlock] = []
    s = Scene(Does(before=lambda call: Deny("no shell today")), Does(before=asked.append))
    output = s.call()
    assert output.is_error
    assert output.content == ("Permission denied: Tool 'bash' is blocked by a hook: no shell today")
    assert (s.tool.calls, asked) == ([], [])
    assert s.kinds == [ToolStart, PermissionDenied, ToolEnd]
    assert s.events[1] == PermissionDenied(
        tool_id="call-1",
        tool_name="bash",
        args={"command": "ls"},
        reason="Blocked by a hook: no shell today",
    )


def test_changed_arguments_are_what_the_policy_decides_about() -> None:
    s = Scene(Does(before=lambda call: {"command": "rm -r /"}))
    s.live.add_deny_rule("Bash(rm:*)")
    assert s.call().content == "Permission denied: Tool 'bash' is blocked by permission policy."
    assert s.tool.calls == []


def test_changed_arguments_are_what_the_human_is_shown() -> None:
    s = Scene(Does(before=lambda call: {"command": "make"}), allow="read")
    asked: list[Any] = []

    async def main() -> None:
        def emit(event: LiveEvent) -> None:
            if isinstance(event, ConfirmationRequired):
                asked.append(event.args)
                asyncio.get_running_loop().call_soon(s.live.confirmation.confirm, "call-1", True)

        events = s.live.events.subscribe()
        task = asyncio.create_task(s.live.call_tool(CALL, by_name([s.tool])))
        async for event in events:
            emit(event)
            if isinstance(event, ToolEnd):
                break
        await task

    asyncio.run(main())
    assert asked == [{"command": "make"}]
    assert s.tool.calls == [{"command": "make"}]


@pytest.mark.parametrize(
    "before", [fails, lambda call: True, lambda call: {"command": object()}, lambda call: ["ls"]]
)
def test_a_hook_that_fails_changes_nothing_and_is_logged_without_its_text(
    before: Callable[[ToolUseBlock], Any], caplog: pytest.LogCaptureFixture
) -> None:
    s = Scene(Does(before=before))
    assert not s.call().is_error
    assert s.tool.calls == [{"command": "ls"}]
    assert "session fix-login: a hook failed in before_tool" in caplog.text
    assert "sk-1234" not in caplog.text


@pytest.mark.parametrize("before", [fails, lambda call: True])
def test_a_guard_that_fails_denies_the_call(before: Callable[[ToolUseBlock], Any]) -> None:
    s = Scene(guard=Guard(before=before))
    assert "the security guard failed" in s.call().content
    assert s.tool.calls == []


# -- After a tool ---------------------------------------------------------------------------------


def test_a_hook_redacts_what_a_tool_returned_before_anyone_reads_it() -> None:
    def redact(output: ToolOutput) -> ToolOutput:
        return ToolOutput(content=output.content.replace("sk-1234", "[key]"))

    s = Scene(Does(after=redact))
    assert s.call().content == "token [key]"
    assert isinstance(s.events[-1], ToolEnd)
    assert s.events[-1].output == "token [key]"


@pytest.mark.parametrize("after", [fails, lambda output: "text"])
def test_where_a_hook_fails_after_a_tool_its_output_stays(
    after: Callable[[ToolOutput], Any],
) -> None:
    assert Scene(Does(after=after)).call().content == "token sk-1234"


@pytest.mark.parametrize("after", [fails, lambda output: "text"])
def test_where_the_guard_fails_after_a_tool_its_output_is_withheld(
    after: Callable[[ToolOutput], Any],
) -> None:
    s = Scene(guard=Guard(after=after))
    output = s.call()
    assert output.is_error
    assert output.content == "Tool 'bash' ran; its output is withheld: the security guard failed"
    assert "sk-1234" not in str(bits(s.events))


def test_no_hook_is_asked_after_a_tool_that_did_not_run() -> None:
    asked: list[ToolOutput] = []
    s = Scene(Does(after=asked.append))
    s.live.add_deny_rule("bash")
    s.call()
    assert asked == []


def test_a_cancelled_hook_cancels_the_call() -> None:
    class Hangs(Hook):
        async def before_tool(self, session_id: str, call: ToolUseBlock) -> None:
            await asyncio.Event().wait()

    async def main() -> None:
        live = Session("fix-login", hooks=[Hangs()])
        task = asyncio.create_task(live.call_tool(CALL, by_name([Bash()])))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())


def test_an_object_with_one_point_is_a_hook_too() -> None:
    class Partly:
        async def before_tool(self, session_id: str, call: ToolUseBlock) -> Deny:
            return Deny("no")

    partly: Any = Partly()
    assert Scene(partly).call().is_error


def test_how_long_a_tool_took_is_counted_only_when_it_ran() -> None:
    s = Scene()
    s.tool.output = ToolOutput.error("broken")
    s.call()
    s.live.add_deny_rule("bash")
    s.call()
    (stats,) = s.live.metrics.stats()
    assert (stats.tool_name, stats.total_calls, stats.failure_count) == ("bash", 1, 1)


# -- Active skills --------------------------------------------------------------------------------


def allowed(*skills: tuple[str, Any]) -> Callable[[str], bool]:
    found = ToolFilter()
    for skill, names in skills:
        found.activate(skill, names)
    return found.allows


def test_without_a_skill_that_restricts_every_tool_is_allowed() -> None:
    assert allowed()("bash")
    assert allowed(("review", None))("bash")


def test_a_tool_is_allowed_when_one_of_the_restricting_skills_allows_it() -> None:
    """Upstream: the loop asks every active skill with `allowed-tools`."""
    allows = allowed(("review", ["read"]), ("build", ["Bash"]), ("tone", None))
    assert [allows(name) for name in ("read", "bash", "BASH", "write")] == [True, True, True, False]
    assert not allowed(("nothing", []))("read")


def test_a_skill_that_ends_takes_its_restriction_along() -> None:
    found = ToolFilter()
    found.activate("review", ["read"])
    found.activate("review", ["grep"])
    assert (found.active, found.allows("read"), found.allows("grep")) == (("review",), False, True)
    assert found.deactivate("review")
    assert not found.deactivate("review")
    assert found.allows("bash")


def test_one_text_is_no_list_of_names() -> None:
    with pytest.raises(InvalidArgumentError):
        ToolFilter().activate("review", "read")


def test_a_tool_that_no_active_skill_allows_does_not_run_and_no_one_is_asked() -> None:
    asked: list[ToolUseBlock] = []
    s = Scene(Does(before=asked.append))
    s.live.tool_filter.activate("review", ["read"])
    output = s.call()
    assert output.content == "Tool 'bash' is not allowed by any active skill."
    assert (s.tool.calls, asked, output.exit_code) == ([], [], 1)
    assert s.kinds == [ToolStart, PermissionDenied, ToolEnd]


def test_a_skill_permits_nothing_that_a_rule_denies() -> None:
    s = Scene()
    s.live.tool_filter.activate("build", ["bash"])
    s.live.add_deny_rule("bash")
    assert "permission policy" in s.call().content
