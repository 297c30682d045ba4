"""Makes one call of a tool, if it may be made: what the policies say, what a human says, the run.

What goes wrong becomes the call's result, for the model to read: a denied call, a rejected one, a
tool that is not there, one that failed. Each has its text here, upstream's.

Invariants: 1. a tool runs only when it is allowed, or left to be asked about and then approved, or
nobody is to be asked; 2. a call that ends in a result emits one ToolStart and one ToolEnd, in this
order, around whatever else it emits, whether or not the tool ran (as in the runs upstream keeps);
3. a cancelled call leaves no question behind. Upstream: the tool part of the loop in agent.rs
(runtime 5.4, 6.3).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, Protocol

import attrs

from a3s_store.core.clean import Cleaner
from a3s_store.errors import EncodeError, SessionConfigError, SessionError
from a3s_store.models import (
    PermissionDecision,
    PermissionDenied,
    ToolDefinition,
    ToolEnd,
    ToolStart,
    ToolUseBlock,
)
from a3s_store.runtime.events import Emit
from a3s_store.runtime.policies.confirmation import ConfirmationManager
from a3s_store.runtime.policies.permissions import PermissionChecker
from a3s_store.runtime.state.cleaning import OnCleaned, tell_no_one
from a3s_store.wire import Json

_DENIED: Final = "Blocked by deny rule in permission policy"


def _exit_code(instance: object, attribute: attrs.Attribute[int], value: int) -> None:
    if not -(2**31) <= value < 2**31:
        raise EncodeError("beyond 32 bits", model="ToolOutput", path="exit_code")


@attrs.frozen(kw_only=True)
class ToolOutput:
    """The result of a tool's call. `is_error` is whether the exit code is not 0, unless given.

    `metadata` is any JSON. Texts that cannot be written, such as the names of some files, are
    cleaned (`a3s_store.clean_text`); `cleaned` is how many. Raises EncodeError for what else could
    not be saved: a content that is no text, a number that is none, an exit code beyond 32 bits.
    """

    content: str
    exit_code: int = attrs.field(default=0, validator=_exit_code)
    metadata: Json | None = None
    is_error: bool = attrs.field(
        default=attrs.Factory(lambda self: self.exit_code != 0, takes_self=True)
    )
    cleaned: int = attrs.field(init=False, default=0, eq=False, repr=False)

    def __attrs_post_init__(self) -> None:
        if not isinstance(self.content, str):
            raise EncodeError("is no text", model="ToolOutput", path="content")
        cleaner = Cleaner()
        # A plain str, whatever subclass of it the tool has.
        object.__setattr__(self, "content", cleaner.text(str.__str__(self.content)))
        object.__setattr__(self, "metadata", cleaner.frozen_json(self.metadata))
        object.__setattr__(self, "cleaned", cleaner.count)

    @classmethod
    def error(cls, text: str) -> ToolOutput:
        """The result of a call that failed, or was not made: this text, and exit code 1."""
        return cls(content=text, exit_code=1)


class Tool(Protocol):
    """Something a model can call, which the application supplies."""

    @property
    def name(self) -> str:
        """What the model calls it by."""
        ...

    @property
    def definition(self) -> ToolDefinition:
        """What the model is told about it."""
        ...

    async def run(self, args: Mapping[str, Any]) -> ToolOutput:
        """Do it. `args` is frozen. What is raised becomes the text of a failed call."""
        ...


def by_name(tools: Iterable[Tool]) -> dict[str, Tool]:
    """The tools by their names, as `guarded_call` wants them.

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
    cleaned: OnCleaned = tell_no_one,
) -> ToolOutput:
    """Make the call if it may be made; return its result, or why there is none, as a result.

    Without a checker everything is allowed; without a confirmation manager nobody is asked, and
    what would be asked about runs. A call that is allowed is never asked about. Waits for a human's
    answer as long as the confirmation policy says. Texts of the call and of its result that cannot
    be written are cleaned; give `Session.text_cleaned` as `cleaned` for its event TextCleaned.
    Raises what the checker raises, the tool not having run; then, as after a cancellation, which
    goes through, there is no ToolEnd.

    Upstream: runtime 5.4.
    """
    cleaner = Cleaner()
    call = cleaner.model(call)
    emit(ToolStart(id=call.id, name=call.name))
    output = await _outcome(call, tools, checker, confirmation, emit)
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


async def _outcome(
    call: ToolUseBlock,
    tools: Mapping[str, Tool],
    checker: PermissionChecker | None,
    confirmation: ConfirmationManager | None,
    emit: Emit,
) -> ToolOutput:
    args = call.input
    if not isinstance(args, Mapping):
        # Before any checker, which is written for arguments by name.
        return ToolOutput.error(f"Tool '{call.name}' was called with what is no JSON object")
    decision = PermissionDecision.ALLOW if checker is None else checker.check(call.name, args)
    if decision is PermissionDecision.DENY:
        emit(PermissionDenied(tool_id=call.id, tool_name=call.name, args=args, reason=_DENIED))
        return ToolOutput.error(
            f"Permission denied: Tool '{call.name}' is blocked by permission policy."
        )
    tool = tools.get(call.name)
    if tool is None:
        # Before anybody is asked: an answer would change nothing.
        return ToolOutput.error(f"Unknown tool: {call.name}")
    if decision is PermissionDecision.ASK and confirmation is not None:
        refused = await _refusal(call, args, confirmation)
        if refused is not None:
            return ToolOutput.error(refused)
    return await _run(tool, args)


async def _refusal(
    call: ToolUseBlock, args: Mapping[str, Any], confirmation: ConfirmationManager
) -> str | None:
    """Why the call must not be made, by a human or for want of one; None when it may."""
    if not confirmation.requires_confirmation(call.name):
        return None
    request = confirmation.request_confirmation(call.id, call.name, args)
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
        # Some say nothing of themselves: TimeoutError, AssertionError.
        return ToolOutput.error(f"Tool execution error: {str(error) or type(error).__name__}")
    if isinstance(output, ToolOutput):
        return output
    found = type(output).__name__
    return ToolOutput.error(f"Tool execution error: expected a ToolOutput, found {found}")
