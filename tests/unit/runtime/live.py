"""What tests of live sessions need: a clock that stands still, obedient agents and stores."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import attrs

from a3s_store import MemorySessionStore
from a3s_store.core import live_window
from a3s_store.core.changes import Committed, Merge, SessionChanges
from a3s_store.core.revision import Revision
from a3s_store.errors import StoreUnavailableError
from a3s_store.models import Message, TextBlock, TokenUsage, ToolUseBlock
from a3s_store.runtime.agent_session import AgentSession
from a3s_store.runtime.runs.active_run import ActiveRun, AgentResult

START_MS = 1_780_000_000_000


@attrs.define
class Ticks:
    """A clock that moves when it is told to."""

    now_ms: int = START_MS

    def __call__(self) -> int:
        return self.now_ms

    def advance(self, milliseconds: int) -> None:
        self.now_ms += milliseconds


def usage(prompt: int = 10, completion: int = 5) -> TokenUsage:
    return TokenUsage(
        prompt_tokens=prompt,
        completion_tokens=completion,
        total_tokens=prompt + completion,
    )


@attrs.define
class Echo:
    """Replies to each prompt with itself, after `rounds` rounds of tools with a checkpoint each.

    `between` is awaited after each checkpoint: a test can stop, cancel or fail there.
    """

    rounds: int = 0
    between: Callable[[ActiveRun], Awaitable[None]] | None = None

    async def run(self, run: ActiveRun) -> AgentResult:
        messages = run.messages
        run.add_usage(usage())
        for number in range(self.rounds):
            run.tool_calls_count += 1
            call = ToolUseBlock(id=f"c{number}", name="echo", input={})
            messages += (
                Message(role="assistant", content=(TextBlock(text=f"call {number}"), call)),
                Message.tool_result(f"c{number}", f"result {number}"),
            )
            await run.checkpoint(messages)
            if self.between is not None:
                await self.between(run)
        answer = f"you said: {run.prompt}"
        return AgentResult(
            text=answer,
            messages=(*messages, Message.assistant(answer)),
            usage=run.usage,
            tool_calls_count=run.tool_calls_count,
        )


@attrs.define
class Summaries:
    """A summarizer that says how much it was given, or fails."""

    fails: bool = False
    asked: list[str] = attrs.Factory(list)

    async def summarize(self, prompt: str) -> str:
        self.asked.append(prompt)
        if self.fails:
            raise RuntimeError("no model today")
        return f"summary {len(self.asked)}"


class Hang:
    """What to do between rounds: nothing, for ever. `begun` is set once that is so."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()

    async def __call__(self, run: ActiveRun) -> None:
        self.begun.set()
        await asyncio.Event().wait()


def crash(live: AgentSession) -> None:
    """The process of a live session dies: nothing of it is at work any more."""
    live_window.close_window(live.persistence.token)


class Moody(MemorySessionStore):
    """A store that fails when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.gone = False

    def _say(self) -> None:
        if self.gone:
            raise StoreUnavailableError("the disk is gone")

    async def save_changes(
        self, changes: SessionChanges, *, on: Revision | None, merge: Merge | None = None
    ) -> Committed:
        self._say()
        return await super().save_changes(changes, on=on, merge=merge)

    async def exists(self, session_id: str) -> bool:
        self._say()
        return await super().exists(session_id)

    async def delete(self, session_id: str, **given: Any) -> None:
        self._say()
        await super().delete(session_id, **given)

    async def health_check(self) -> Any:
        self._say()
        return await super().health_check()
