"""What tests of live sessions need: a clock that stands still, agents that do as told."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import attrs

from a3s_store.models import Message, TokenUsage
from a3s_store.session.running import ActiveRun, AgentResult

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
    """Answers each prompt with itself, after `rounds` rounds of tools with a checkpoint each.

    `between` is awaited after each checkpoint: a test can stop, cancel or fail there.
    """

    rounds: int = 0
    between: Callable[[ActiveRun], Awaitable[None]] | None = None

    async def run(self, run: ActiveRun) -> AgentResult:
        messages = run.messages
        run.add_usage(usage())
        for number in range(self.rounds):
            run.tool_calls_count += 1
            messages += (
                Message.assistant(f"call {number}"),
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
