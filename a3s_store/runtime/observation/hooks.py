"""Hooks: where an application sees, changes or refuses what a session does.

A hook is called before and after a tool (by `guarded_call`), before a prompt, before and after a
generation (by the runs of `AgentSession`), and at the end of a session.

Invariants: 1. an exception of a hook never reaches the agent: it is logged, and the hook counts as
one that returned None; 2. the guard of a session is stricter: where it raises, or returns what it
must not, the call or the run is refused, and the output of a tool is withheld; 3. hooks are called
one after the other, the guard first, each with what the one before made of it; 4. a change is
checked by the policies, and seen by the human who is asked, like any input.
Upstream: `HookEngine` and the hooks of its security guard (runtime 9).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, Protocol, TypeAlias

import attrs

from a3s_store.core.clean import clean_text
from a3s_store.errors import EncodeError, HookDeniedError
from a3s_store.models import Message, ToolUseBlock
from a3s_store.runtime.observation.results import AgentResult, ToolOutput

_log = logging.getLogger("a3s_store.session")
_GUARD_FAILED: Final = "the security guard failed"


@attrs.frozen
class Deny:
    """Refuses a call, a prompt, a generation or its result; its caller reads the reason."""

    reason: str


class Hook(Protocol):
    """Sees what a session does. Subclass it, and override the points that matter.

    At each point None changes nothing. Upstream: `HookExecutor`.
    """

    async def before_tool(
        self, session_id: str, call: ToolUseBlock
    ) -> Mapping[str, Any] | Deny | None:
        """Return other arguments for the call, or deny it. Called before any policy is asked."""
        return None

    async def after_tool(
        self, session_id: str, call: ToolUseBlock, output: ToolOutput
    ) -> ToolOutput | None:
        """Return another output of a tool that ran, such as a redacted one."""
        return None

    async def before_prompt(self, session_id: str, prompt: str) -> str | Deny | None:
        """Return another prompt, or deny it: then no run begins and nothing is stored."""
        return None

    async def before_generation(
        self, session_id: str, run_id: str, messages: tuple[Message, ...]
    ) -> Deny | None:
        """Deny a run before its agent is asked; the run fails."""
        return None

    async def after_generation(
        self, session_id: str, run_id: str, result: AgentResult
    ) -> AgentResult | Deny | None:
        """Return another result of a run, or deny it: then the run fails.

        Finished rounds, and its draft, were stored before.
        """
        return None

    async def session_end(self, session_id: str) -> None:
        """Take note that the session is being closed; it is saved afterwards."""
        return


_Point: TypeAlias = tuple[Any, bool]


@attrs.frozen
class HookRunner:
    """The hooks of one session at one moment. `guard` is its security guard, None for none.

    Of hooks and guard any point that they do not have is passed over.
    """

    session_id: str = ""
    hooks: Sequence[Hook] = ()
    guard: object | None = None

    async def before_tool(self, call: ToolUseBlock) -> ToolUseBlock | Deny:
        """Return the call as the hooks want it, or that it is denied."""
        for hook, is_guard in self._at("before_tool"):
            try:
                said = await hook(self.session_id, call)
                if isinstance(said, Deny):
                    return said
                if said is not None:
                    call = call.evolve(input=_checked(said, Mapping))
            except Exception as error:
                if self._failed("before_tool", error, is_guard):
                    return Deny(_GUARD_FAILED)
        return call

    async def after_tool(self, call: ToolUseBlock, output: ToolOutput) -> ToolOutput:
        """Return the output as the hooks want it."""
        for hook, is_guard in self._at("after_tool"):
            try:
                said = await hook(self.session_id, call, output)
                if said is not None:
                    output = _checked(said, ToolOutput)
            except Exception as error:
                if self._failed("after_tool", error, is_guard):
                    return ToolOutput.error(
                        f"Tool '{call.name}' ran; its output is withheld: {_GUARD_FAILED}"
                    )
        return output

    async def before_prompt(self, prompt: str) -> str:
        """Return the prompt as the hooks want it. Raises HookDeniedError."""
        for hook, is_guard in self._at("before_prompt"):
            try:
                said = await hook(self.session_id, prompt)
                denied = said if isinstance(said, Deny) else None
                if denied is None and said is not None:
                    prompt = clean_text(_checked(said, str))
            except Exception as error:
                denied = self._denied("before_prompt", error, is_guard)
            self._raise(denied, "the prompt was denied")
        return prompt

    async def before_generation(self, run_id: str, messages: tuple[Message, ...]) -> None:
        """Tell the hooks of a run that begins. Raises HookDeniedError."""
        for hook, is_guard in self._at("before_generation"):
            try:
                said = await hook(self.session_id, run_id, messages)
                denied = said if said is None else _checked(said, Deny)
            except Exception as error:
                denied = self._denied("before_generation", error, is_guard)
            self._raise(denied, f"run {run_id} was denied")

    async def after_generation(
        self, run_id: str, result: AgentResult, check: Callable[[AgentResult], AgentResult]
    ) -> AgentResult:
        """Return the result as the hooks want it, checked by `check`. Raises HookDeniedError."""
        for hook, is_guard in self._at("after_generation"):
            try:
                said = await hook(self.session_id, run_id, result)
                denied = said if isinstance(said, Deny) else None
                if denied is None and said is not None:
                    result = check(_checked(said, AgentResult))
            except Exception as error:
                denied = self._denied("after_generation", error, is_guard)
            self._raise(denied, f"the result of run {run_id} was denied")
        return result

    async def session_end(self) -> None:
        """Tell the hooks that the session is being closed."""
        for hook, is_guard in self._at("session_end"):
            try:
                await hook(self.session_id)
            except Exception as error:
                self._failed("session_end", error, is_guard)

    def _at(self, point: str) -> Iterator[_Point]:
        """The hooks that have this point, the guard first; whether each is the guard."""
        guard = getattr(self.guard, point, None)
        if guard is not None:
            yield guard, True
        for hook in self.hooks:
            found = getattr(hook, point, None)
            if found is not None:
                yield found, False

    def _failed(self, point: str, error: Exception, is_guard: bool) -> bool:
        """Log a hook that failed; whether that refuses what it was asked about."""
        who = "the security guard" if is_guard else "a hook"
        _log.warning(
            "session %s: %s failed in %s: %s", self.session_id, who, point, type(error).__name__
        )
        return is_guard

    def _denied(self, point: str, error: Exception, is_guard: bool) -> Deny | None:
        return Deny(_GUARD_FAILED) if self._failed(point, error, is_guard) else None

    def _raise(self, denied: Deny | None, what: str) -> None:
        if denied is not None:
            raise HookDeniedError(
                f"{what}: {denied.reason}",
                reason=denied.reason,
                op="run",
                where=f"session {self.session_id}",
                hint="A hook of the application refused it",
            )


def _checked(said: Any, kind: type[Any]) -> Any:
    if not isinstance(said, kind):
        raise EncodeError(f"a hook returned {type(said).__name__} where {kind.__name__} belongs")
    return said


NO_HOOKS: Final = HookRunner()
