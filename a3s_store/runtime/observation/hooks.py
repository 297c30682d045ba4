"""Hooks: where an application sees, changes or refuses what a session does.

A hook is called before and after a tool (by `guarded_call`), before a prompt, before and after a
generation (by the runs of `AgentSession`), and at the end of a session.

Invariants: 1. an exception of a hook never reaches the agent: it is logged, and the hook counts as
one that returned None; so does a return value of a wrong type; 2. for the guard of a session the
same refuses the call or the run, or withholds the output of a tool; 3. hooks are called one after
the other, the guard first, each with the value as the one before changed it; 4. a changed value is
checked by the policies, and shown to the human who is asked, like any input.
Upstream: `HookEngine` and the hooks of its security guard (runtime 9).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, Protocol

import attrs

from a3s_store.core.clean import clean_text
from a3s_store.errors import EncodeError, HookDeniedError
from a3s_store.models import Message, ToolUseBlock
from a3s_store.runtime.observation.results import AgentResult, ToolOutput

_log = logging.getLogger("a3s_store.session")
_GUARD_FAILED: Final = "the security guard failed"


@attrs.frozen
class Deny:
    """A hook's refusal of a call, a prompt, a run or its result; the caller reads the reason."""

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
        """Return another prompt, or deny it: then no run begins and nothing is saved."""
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

        Its finished rounds and its draft were saved before.
        """
        return None

    async def session_end(self, session_id: str) -> None:
        """Take note that the session is being closed; it is saved afterwards."""
        return


# What a hook may return at each point besides None; a value replaces the last argument.
_RETURNS: Final[Mapping[str, tuple[type, ...]]] = {
    "before_tool": (Mapping, Deny),
    "after_tool": (ToolOutput,),
    "before_prompt": (str, Deny),
    "before_generation": (Deny,),
    "after_generation": (AgentResult, Deny),
    "session_end": (),
}


def _unchanged(said: Any) -> Any:
    return said


@attrs.frozen
class HookRunner:
    """The hooks of one session at one moment. `guard` is its security guard, None for none.

    A hook, or the guard, may lack any point.
    """

    session_id: str = ""
    hooks: Sequence[Hook] = ()
    guard: object | None = None

    async def before_tool(self, call: ToolUseBlock) -> ToolUseBlock | Deny:
        """Return the call as the hooks changed it, or the first refusal."""
        said: ToolUseBlock | Deny = await self._call(
            "before_tool", call, made=lambda args: call.evolve(input=args)
        )
        return said

    async def after_tool(self, call: ToolUseBlock, output: ToolOutput) -> ToolOutput:
        """Return the output as the hooks changed it; an error where the guard failed."""
        said: ToolOutput | Deny = await self._call("after_tool", call, output)
        if isinstance(said, Deny):
            what = f"Tool '{call.name}' ran; its output is withheld: {said.reason}"
            return ToolOutput.error(what)
        return said

    async def before_prompt(self, prompt: str) -> str:
        """Return the prompt as the hooks changed it. Raises HookDeniedError."""
        said = await self._call("before_prompt", prompt, made=clean_text)
        allowed: str = self._allowed(said, "the prompt")
        return allowed

    async def before_generation(self, run_id: str, messages: tuple[Message, ...]) -> None:
        """Call the hooks before a run's agent is asked. Raises HookDeniedError."""
        said = await self._call("before_generation", run_id, messages)
        self._allowed(said, f"run {run_id}")

    async def after_generation(
        self, run_id: str, result: AgentResult, check: Callable[[AgentResult], AgentResult]
    ) -> AgentResult:
        """Return the result as the hooks changed it. Raises HookDeniedError.

        `check` makes a changed result fit to be saved, or raises EncodeError.
        """
        said = await self._call("after_generation", run_id, result, made=check)
        checked: AgentResult = self._allowed(said, f"the result of run {run_id}")
        return checked

    async def session_end(self) -> None:
        """Tell the hooks that the session is being closed."""
        await self._call("session_end")

    async def _call(self, point: str, *given: Any, made: Callable[[Any], Any] = _unchanged) -> Any:
        """Call the hooks of a point; return the last argument as they changed it, or a `Deny`.

        `made` makes an argument of a returned value.
        """
        for hook, is_guard in self._at(point):
            try:
                said = await hook(self.session_id, *given)
                if said is None or not _RETURNS[point]:
                    continue
                if not isinstance(said, _RETURNS[point]):
                    wanted = " or ".join(kind.__name__ for kind in _RETURNS[point])
                    raise EncodeError(f"a hook returned {type(said).__name__}, not {wanted}")
                if isinstance(said, Deny):
                    return said
                given = (*given[:-1], made(said))
            except Exception as error:
                who = "the security guard" if is_guard else "a hook"
                what = type(error).__name__
                _log.warning("session %s: %s failed in %s: %s", self.session_id, who, point, what)
                if is_guard and _RETURNS[point]:
                    return Deny(_GUARD_FAILED)
        return given[-1] if given else None

    def _at(self, point: str) -> Iterator[tuple[Any, bool]]:
        """The hooks that have this point, the guard first; whether each is the guard."""
        for at, hook in enumerate((self.guard, *self.hooks)):
            found = getattr(hook, point, None)
            if found is not None:
                yield found, at == 0

    def _allowed(self, said: Any, what: str) -> Any:
        """Return the value that hooks made. Raises HookDeniedError if they denied it."""
        if isinstance(said, Deny):
            raise HookDeniedError(
                f"{what} was denied: {said.reason}",
                reason=said.reason,
                op="run",
                where=f"session {self.session_id}",
                hint="A hook of the application refused it",
            )
        return said


NO_HOOKS: Final = HookRunner()
