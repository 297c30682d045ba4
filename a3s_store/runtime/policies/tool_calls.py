"""Makes one call of a tool, if skills, hooks, permissions and a human allow it.

A failure becomes the result of the call, for the model to read: a denied or rejected call, an
unknown tool, a tool that raised. The texts are upstream's.

Invariants: 1. a tool runs only when it is allowed, or when the policy asks and a human approves, or
when the policy asks and no human is to be asked; 2. a call that ends in a result emits one
ToolStart and one ToolEnd, in this order, around all other events, whether or not the tool ran (as
in the runs upstream keeps); 3. a cancelled call leaves no pending confirmation; 4. skills and hooks
may refuse an allowed call, and allow no refused one. Upstream: the tool part of the loop in
agent.rs (runtime 5.4, 6.3).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, Protocol, TypeAlias

import attrs

from a3s_store.core.clean import Cleaner, clean_text
from a3s_store.errors import SessionConfigError, SessionError
from a3s_store.models import (
    PermissionDecision,
    PermissionDenied,
    ToolDefinition,
    ToolEnd,
    ToolStart,
    ToolUseBlock,
)
from a3s_store.runtime.observation.events import Emit
from a3s_store.runtime.observation.hooks import NO_HOOKS, Deny, HookRunner
from a3s_store.runtime.observation.results import ToolOutput as ToolOutput
from a3s_store.runtime.policies.confirmation import ConfirmationManager
from a3s_store.runtime.policies.permissions import PermissionChecker
from a3s_store.runtime.policies.tool_filter import ToolFilter
from a3s_store.runtime.state.cleaning import OnCleaned, ignore_cleaned

_DENIED: Final = "Blocked by deny rule in permission policy"
# Called after a tool ran, with its name, whether it succeeded, and its milliseconds.
OnRan: TypeAlias = Callable[[str, bool, int], object]


class Tool(Protocol):
    """A tool that a model can call, supplied by the application."""

    @property
    def name(self) -> str:
        """The name by which the model calls it."""
        ...

    @property
    def definition(self) -> ToolDefinition:
        """The definition that the model is offered."""
        ...

    async def run(self, args: Mapping[str, Any]) -> ToolOutput:
        """Do the call. `args` is frozen. An exception becomes the text of a failed call."""
        ...


def by_name(tools: Iterable[Tool]) -> dict[str, Tool]:
    """Return the tools by their names, as `guarded_call` takes them.

    Raises:
        SessionConfigError: two have the same name.
    """
    found: dict[str, Tool] = {}
    for tool in tools:
        if tool.name in found:
            raise SessionConfigError(f"two tools are named {tool.name!r}", field="tools")
        found[tool.name] = tool
    return found


async def guarded_call(
    call: ToolUseBlock,
    tools: Mapping[str, Tool],
    *,
    checker: PermissionChecker | None,
    confirmation: ConfirmationManager | None,
    emit: Emit,
    cleaned: OnCleaned = ignore_cleaned,
    hooks: HookRunner = NO_HOOKS,
    tool_filter: ToolFilter | None = None,
    on_ran: OnRan | None = None,
) -> ToolOutput:
    """Make the call if it may be made; return its result, or the refusal as a result.

    `checker` None allows everything. `confirmation` None asks no one: a call that would be asked
    about runs. An allowed call is never asked about. A request waits as long as the confirmation
    policy says. Texts of the call and of its result that cannot be written are cleaned, and
    `cleaned` is called with their number. `Session.call_tool` passes all of a session's own.

    Raises what the checker raises; the tool has not run then. After that, and after a cancellation,
    there is no ToolEnd.

    Upstream: runtime 5.4.
    """
    cleaner = Cleaner()
    call = cleaner.model(call)
    emit(ToolStart(id=call.id, name=call.name))
    gate = _Gate(tools, checker, confirmation, emit, hooks, tool_filter, on_ran)
    output = await gate.outcome(call)
    emit(
        ToolEnd(
            id=call.id,
            name=call.name,
            output=output.content,
            exit_code=output.exit_code,
            metadata=output.metadata,
        )
    )
    if cleaner.count + output.cleaned:
        cleaned("tool_output", cleaner.count + output.cleaned)
    return output


@attrs.frozen
class _Gate:
    """The checks of one call, in their order."""

    tools: Mapping[str, Tool]
    checker: PermissionChecker | None
    confirmation: ConfirmationManager | None
    emit: Emit
    hooks: HookRunner
    tool_filter: ToolFilter | None
    on_ran: OnRan | None

    async def outcome(self, call: ToolUseBlock) -> ToolOutput:
        """Return the result of the call, or the refusal as a result."""
        if not isinstance(call.input, Mapping):
            # Before any checker, which expects arguments by name.
            return ToolOutput.error(f"Tool '{call.name}' needs a JSON object as input")
        if self.tool_filter is not None and not self.tool_filter.allows(call.name):
            what = f"Tool '{call.name}' is not allowed by any active skill."
            return self._denied(call, what, what)
        hooked = await self.hooks.before_tool(call)
        if isinstance(hooked, Deny):
            what = f"Permission denied: Tool '{call.name}' is blocked by a hook: {hooked.reason}"
            return self._denied(call, f"Blocked by a hook: {hooked.reason}", what)
        call = hooked
        checker = self.checker
        decision = (
            PermissionDecision.ALLOW if checker is None else checker.check(call.name, call.input)
        )
        if decision is PermissionDecision.DENY:
            what = f"Permission denied: Tool '{call.name}' is blocked by permission policy."
            return self._denied(call, _DENIED, what)
        tool = self.tools.get(call.name)
        if tool is None:
            # Before a human is asked, who could not change the result.
            return ToolOutput.error(f"Unknown tool: {call.name}")
        if decision is PermissionDecision.ASK and self.confirmation is not None:
            refused = await _refusal(call, self.confirmation)
            if refused is not None:
                return ToolOutput.error(refused)
        begun = time.monotonic_ns()
        output = await _run(tool, call.input)
        if self.on_ran is not None:
            self.on_ran(call.name, not output.is_error, (time.monotonic_ns() - begun) // 1_000_000)
        return await self.hooks.after_tool(call, output)

    def _denied(self, call: ToolUseBlock, reason: str, what: str) -> ToolOutput:
        reason = clean_text(reason)
        self.emit(
            PermissionDenied(tool_id=call.id, tool_name=call.name, args=call.input, reason=reason)
        )
        return ToolOutput.error(what)


async def _refusal(call: ToolUseBlock, confirmation: ConfirmationManager) -> str | None:
    """Return the reason why a human did not allow the call; None when it may be made."""
    if not confirmation.requires_confirmation(call.name):
        return None
    request = confirmation.request_confirmation(call.id, call.name, call.input)
    try:
        answer = await confirmation.wait(request)
    except SessionError as error:
        return f"Tool '{call.name}' confirmation failed: {error.what}"
    if answer.approved:
        return None
    if answer.timed_out:
        return (
            f"Tool '{call.name}' execution timed out waiting for confirmation "
            f"({request.timeout_ms}ms). Execution rejected."
        )
    reason = answer.reason or "No reason provided"
    return f"Tool '{call.name}' execution was rejected by user. Reason: {reason}"


async def _run(tool: Tool, args: Mapping[str, Any]) -> ToolOutput:
    try:
        output: object = await tool.run(args)
    except Exception as error:
        # Some errors have no text: TimeoutError, AssertionError.
        return ToolOutput.error(f"Tool execution error: {str(error) or type(error).__name__}")
    if isinstance(output, ToolOutput):
        return output
    found = type(output).__name__
    return ToolOutput.error(f"Tool execution error: expected a ToolOutput, found {found}")
