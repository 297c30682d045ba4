"""A run in progress: the object through which an agent reports, and the protocol of agents.

The loop that asks a model and calls tools is the application's `Agent`. It gets an `ActiveRun`,
reports to it, and returns an `AgentResult`. Records, checkpoints and settling are done here and in
`session_runs`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Protocol

import attrs

from a3s_store._deprecated import warn
from a3s_store.core.clean import Cleaner
from a3s_store.core.merging.history import begins_with
from a3s_store.core.protocol import SessionStore
from a3s_store.errors import SessionError
from a3s_store.models import (
    AgentError,
    AgentEvent,
    LoopCheckpoint,
    Message,
    ReasoningDelta,
    TextDelta,
    TokenUsage,
    ToolUseBlock,
    VerificationReport,
)
from a3s_store.runtime.live_session import Session
from a3s_store.runtime.observation.events import LiveEvent
from a3s_store.runtime.observation.results import AgentResult as AgentResult
from a3s_store.runtime.observation.results import ToolOutput
from a3s_store.runtime.policies.tool_calls import Tool
from a3s_store.runtime.runs.cleaning import CleanedMessages
from a3s_store.runtime.runs.drafts import DraftWriter
from a3s_store.runtime.state.limits import Checked, CheckedItems, check_fields, check_items
from a3s_store.runtime.state.usage import accumulate


class ActiveRun:
    """A run under way, for its agent. Made by `AgentSession`.

    `messages` is the conversation to continue, with the user's new message; `system_prompt` has the
    context that providers found. `usage`, `tool_calls_count`, `turn` and `verification_reports` are
    those of the run so far; a resumed run starts with its checkpoint's. `base` is the session's
    conversation when the run began, `base_length` its length, None once the agent has rewritten
    it. `over` says that the run was settled.
    """

    usage = Checked[TokenUsage]("total_usage")
    verification_reports = CheckedItems(VerificationReport)

    def __init__(
        self,
        session: Session,
        saver: RunSaver,
        *,
        prompt: str,
        run_id: str | None = None,
        checkpoint: LoopCheckpoint | None = None,
    ) -> None:
        if run_id is not None and session.runs.snapshot(run_id) is not None:
            raise SessionError(
                f"there is a run '{run_id}' already",
                op="run",
                where=f"session {session.id}",
                hint="Give it another id, or none",
            )
        self.id = session.runs.create_run(session.id, prompt, run_id=run_id).id
        self.session = session
        self.prompt = prompt
        self.system_prompt = session.config.system_prompt or ""
        self.base = session.messages
        self.base_length: int | None = len(self.base)
        asked = (*self.base, Message.user(prompt))
        self.messages = checkpoint.messages if checkpoint else asked
        self.usage = checkpoint.total_usage if checkpoint else TokenUsage()
        self.tool_calls_count = checkpoint.tool_calls_count if checkpoint else 0
        self.turn = checkpoint.turn if checkpoint else 0
        self.verification_reports = checkpoint.verification_reports if checkpoint else ()
        self._begun = time.monotonic_ns()
        self._over = False
        self._cleaned = CleanedMessages()
        self._saver = saver
        self._draft = DraftWriter(
            saver.store,
            session.id,
            self.id,
            len(self.messages),
            emit=session.events.send,
            claimed_by=saver.token,
            stopped=lambda: saver.is_stopped,
            clock=session.clock,
        )

    @property
    def over(self) -> bool:
        """Whether the run was settled. Setting it also stops the draft."""
        return self._over

    @over.setter
    def over(self, over: bool) -> None:
        self._over = over
        if over:
            self._draft.stop()

    def tell_end(self) -> None:
        """Deprecated: `report_end`."""
        warn("ActiveRun.tell_end", "ActiveRun.report_end", stacklevel=2)
        self.report_end()

    def report_end(self) -> None:
        """Send the session's telemetry how the run ended, and how long it took."""
        snapshot = self.session.runs.snapshot(self.id)
        self.session.telemetry.run_end(
            session_id=self.session.id,
            run_id=self.id,
            outcome="unknown" if snapshot is None else str(snapshot.status),
            duration_ms=(time.monotonic_ns() - self._begun) // 1_000_000,
        )

    def record(self, event: AgentEvent) -> None:
        """Record an event of the run and send it to the session's subscribers.

        The text of TextDelta and ReasoningDelta is also appended to the draft. Texts that cannot be
        written are cleaned (TextCleaned). Raises EncodeError for anything else that cannot be
        saved; then nothing was recorded or sent.
        """
        cleaner = Cleaner()
        event = cleaner.model(event)
        if cleaner.count:
            where = "error" if isinstance(event, AgentError) else "event"
            self.session.text_cleaned(where, cleaner.count)
        self.session.runs.record_event(self.id, event)
        self.session.events.send(event)
        if isinstance(event, TextDelta):
            self._draft.write(event.text)
        elif isinstance(event, ReasoningDelta):
            self._draft.write_reasoning(event.text)

    def draft(self) -> DraftWriter:
        """Return the draft of the reply under way, which survives a crash.

        Only an agent that records no TextDelta needs it.
        """
        return self._draft

    def add_usage(self, used: TokenUsage) -> None:
        """Count one call of the model. Raises EncodeError for counts that could not be saved."""
        check_fields(total_usage=used)
        self.usage = accumulate(self.usage, used)

    async def call_tool(self, call: ToolUseBlock, tools: Mapping[str, Tool]) -> ToolOutput:
        """Make a call as `Session.call_tool` does; count it, and record its events in the run."""
        self.tool_calls_count += 1
        return await self.session.call_tool(call, tools, emit=self.record)

    async def checkpoint(
        self,
        messages: Sequence[Message],
        verification_reports: Sequence[VerificationReport] = (),
    ) -> bool:
        """Save the run after a round of tools, so that it can be resumed from here after a crash.

        `messages` is the whole conversation and becomes the session's; the reports are added to the
        run's, and changed collections are saved too. Texts that cannot be written, such as half a
        character in a tool's output, are cleaned (TextCleaned); the agent may go on with its own
        messages. The cost depends on what is new. A failed save is logged, returns False, and does
        not fail the run.

        Raises:
            EncodeError: anything else cannot be saved; nothing of the round was kept.
            RunClaimedError: another live session took the run over, and keeps its rounds.
            SessionError: the run is over.
        """
        if self.over:
            raise SessionError(
                "the run is over",
                op="checkpoint",
                where=f"session {self.session.id}, run {self.id}",
            )
        messages, reports = self._writable("checkpoint", messages, verification_reports)
        self.turn += 1
        self.messages = messages
        if not begins_with(self.messages, self.base):
            self.base_length = None
        self.verification_reports += reports
        self.session.replace_messages(self.messages)
        self._draft.begin(len(self.messages))
        return await self.keep()

    def cleaned(self, result: AgentResult) -> AgentResult:
        """Return the result, with texts that cannot be written cleaned (TextCleaned).

        Raises EncodeError for anything else that cannot be saved.
        """
        check_fields(total_usage=result.usage)
        cleaner = Cleaner()
        text = cleaner.model(result.text)
        messages, reports = self._writable(
            "result", result.messages, result.verification_reports, cleaner
        )
        return attrs.evolve(result, text=text, messages=messages, verification_reports=reports)

    def _writable(
        self,
        where: str,
        messages: Sequence[Message],
        reports: Sequence[VerificationReport],
        cleaner: Cleaner | None = None,
    ) -> tuple[tuple[Message, ...], tuple[VerificationReport, ...]]:
        cleaner = cleaner or Cleaner()
        cleaned_reports = cleaner.model(tuple(reports))
        check_items(VerificationReport, cleaned_reports)
        cleaned, count = self._cleaned.clean(self.messages, messages)
        if cleaner.count + count:
            self.session.text_cleaned(where, cleaner.count + count)
        return cleaned, cleaned_reports

    async def keep(self) -> bool:
        """Save the run as it is, without a new round; return False if that failed.

        `AgentSession` calls it before the agent begins, so that the prompt survives a crash.
        """
        return await self._saver.keep_run(self)

    def as_checkpoint(self) -> LoopCheckpoint:
        """Return the checkpoint from which the run can be resumed."""
        return LoopCheckpoint(
            run_id=self.id,
            session_id=self.session.id,
            turn=self.turn,
            messages=self.messages,
            total_usage=self.usage,
            tool_calls_count=self.tool_calls_count,
            verification_reports=self.verification_reports,
            checkpoint_ms=self.session.clock(),
        )


class RunSaver(Protocol):
    """Saves the checkpoints of a run. `store` may be None; `token` names the live session."""

    @property
    def store(self) -> SessionStore | None:
        """The store of the session; None when it has none."""

    @property
    def token(self) -> str:
        """The claim of this live session on its runs."""

    @property
    def is_stopped(self) -> bool:
        """Whether the session saves nothing any more."""

    async def keep_run(self, run: ActiveRun) -> bool:
        """Save the run's checkpoint and the session's changes; return False if that failed.

        Raises RunClaimedError when another live session took the run over.
        """


class Agent(Protocol):
    """The application's loop."""

    async def run(self, run: ActiveRun) -> AgentResult:
        """Do the run and return its result. An exception fails the run, cancelling cancels it."""


class RunStream:
    """The events of a run as an async iterator; `result` waits for its end."""

    def __init__(self, events: AsyncIterator[LiveEvent], work: asyncio.Task[AgentResult]) -> None:
        self._events = events
        self._work = work
        self.asked = False

    def __aiter__(self) -> AsyncIterator[LiveEvent]:
        return self._events

    async def result(self) -> AgentResult:
        """Wait for the result of the run. Raises as `AgentSession.send`."""
        self.asked = True
        return await asyncio.shield(self._work)
