"""Runs of a live session: beginning, checkpoints, settling, and resuming after a crash.

Invariants: 1. one operation at a time may change the session or save it (`admission`); 2. a run
settles once, as completed, failed or cancelled, whatever is cancelled meanwhile; 3. its checkpoint
is removed in the commit that saves its content, so that a crash leaves either the checkpoint or the
saved content. Upstream: `AgentSession` (runtime 1.7).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from typing import TypeVar

import attrs

from a3s_store.core.changes import RunCheckpoint
from a3s_store.core.merging.history import History, HistoryConflictError, merge_history
from a3s_store.errors import (
    GuardMissingError,
    HookDeniedError,
    InterruptedRunError,
    RunCancelledError,
    RunClaimedError,
    SessionDeletedError,
    StaleSessionError,
    StoreError,
)
from a3s_store.models import AgentEnd, AgentError, AgentStart, Message
from a3s_store.runtime.context.providers import (
    ContextQuery,
    resolve_context,
    turn_complete,
    with_context,
)
from a3s_store.runtime.interrupted_runs import InterruptedRuns
from a3s_store.runtime.live_session import Session
from a3s_store.runtime.observation.results import summarise
from a3s_store.runtime.persistence.save import SessionPersistence
from a3s_store.runtime.runs import interrupted
from a3s_store.runtime.runs.active_run import (
    ActiveRun,
    Agent,
    AgentResult,
    RunStream,
)
from a3s_store.runtime.runs.drafts import draft_message
from a3s_store.runtime.runs.interrupted import UNDER_WAY, InterruptedRun
from a3s_store.runtime.runs.run_checkpoints import load_for_resume

_log = logging.getLogger("a3s_store.session")
T = TypeVar("T")


class SessionRuns(InterruptedRuns):
    """The part of `AgentSession` about runs."""

    def __init__(self, session: Session, persistence: SessionPersistence) -> None:
        super().__init__(session, persistence)
        self._run_task: asyncio.Task[AgentResult] | None = None
        self._settling = False
        self._begun = self._cancelled_early = False
        # Whether the draft of the run under way is kept when it is cancelled.
        self._keep_draft = True

    async def send(self, prompt: str, agent: Agent, *, run_id: str | None = None) -> AgentResult:
        """Run the agent on a prompt and return its result. `run_id` None makes an id.

        First, changes that others saved and the finished rounds of interrupted runs are taken in
        (see `SessionOptions.on_interrupted`). A run that ends well adds its conversation, reports
        and usage to the session, which then saves itself if it is set to. Of a run that fails or is
        cancelled the prompt and the finished rounds are kept.

        Raises:
            SessionBusyError, SessionClosedError: at once; nothing was begun.
            GuardMissingError: the session lacks its security guard; nothing was begun.
            HookDeniedError: a hook refused the prompt, the run or its result.
            SessionDeletedError: the session was deleted elsewhere; the agent was not called.
            StaleSessionError: the session was changed elsewhere and is not to be merged; likewise.
            InterruptedRunError: there are interrupted runs, which are not to be kept.
            RunCancelledError: `cancel` or `close` ended it.
            RunClaimedError: another live session took the run over, and keeps its rounds.
            Exception: raised by the agent.
        """
        with self.admission.enter("send"):
            prompt = await self._prepare("send", prompt)
            return await self._watched(self._begin(agent, self._new_run(prompt, run_id)))

    async def _prepare(self, op: str, prompt: str) -> str:
        """Take in changes of others and interrupted runs; return the prompt as hooks changed it."""
        await self._take_in(op)
        return await self._hooked(op, prompt)

    async def _take_in(self, op: str) -> None:
        self._check_guard(op)
        await self._refresh(op)
        for run in await self._interrupted_or_none(op):
            if self.persistence.options.on_interrupted == "refuse":
                raise InterruptedRunError(
                    "runs were interrupted",
                    run_ids=(run.run_id,),
                    op=op,
                    where=f"session {self.id}",
                    hint="Resume them with resume_run, or give them up with abandon_run",
                )
            try:
                await self._give_up(run)
            except RunClaimedError:
                continue  # another live session was quicker
            except StaleSessionError:
                raise
            except StoreError as error:
                # The next save or the next `send` keeps the run that could not be kept now.
                self.persistence.report_failure(op, error)
        self._check_guard(op)  # a configuration saved by others may ask for one

    async def _hooked(self, op: str, prompt: str) -> str:
        prompt = await self.session.hook_runner.before_prompt(prompt)
        self.admission.check_open(op)
        return prompt

    def _check_guard(self, op: str) -> None:
        if self.session.lacks_guard and self.persistence.options.on_missing_guard != "run":
            raise GuardMissingError(
                "the session asks for a security guard and has none",
                op=op,
                where=f"session {self.id}",
                hint="Give SessionManager or Session security=, or on_missing_guard='run'",
            )

    async def _interrupted_or_none(self, op: str) -> tuple[InterruptedRun, ...]:
        try:
            checkpoints = await self._checkpoints()
            await self._tidy_runs(checkpoints)
            return interrupted.furthest(await self._with_drafts(checkpoints))
        except StoreError as error:
            self.persistence.report_failure(op, error)
            return ()

    async def resume_run(
        self, run_id: str, agent: Agent, *, new_run_id: str | None = None
    ) -> AgentResult:
        """Resume an interrupted run from its last checkpoint, as a new run.

        No message of the user is added; usage and tool calls go on counting. The checkpoint of the
        new run replaces the old one.

        Raises:
            SessionConfigError: there is no store.
            PersistenceError: the store could not load the checkpoint.
            SessionError: there is no checkpoint, it is of another session, the run has ended, or
                the conversation has other messages since; no run was begun.
            RunClaimedError: another live session works on the run, or claimed it first.
            SessionBusyError, SessionClosedError, RunCancelledError, GuardMissingError,
                HookDeniedError: as for `send`.
        """
        with self.admission.enter("resume_run"):
            self._check_guard("resume_run")
            await load_for_resume(self.persistence.store, run_id, self.id)
            await self._refresh("resume_run")
            self._check_guard("resume_run")  # a configuration saved by others may ask for one
            found = await self._interrupted()
            one = interrupted.resumable(self.session, run_id, found)
            # Runs that were resumed from each other before they crashed end together.
            older = [other for other in found if interrupted.goes_on(one, other)]
            claimed = [await self._claim(other) for other in (one, *older)]
            self.admission.check_open("resume_run")
            run = self._new_run(one.prompt, new_run_id, claimed[0])
            for other in claimed:
                self.session.runs.mark_cancelled(other.run_id, f"resumed as {run.id}")
                self.persistence.over[other.run_id] = run.id
            return await self._watched(self._begin(agent, run))

    @contextlib.asynccontextmanager
    async def stream(
        self, prompt: str, agent: Agent, *, run_id: str | None = None
    ) -> AsyncIterator[RunStream]:
        """Run the agent as `send` does, with an iterator over the events of the run.

        Leaving the block before the run has ended cancels it; in any case the end of the run is
        awaited, and no other operation is admitted before. Leaving the block normally after the run
        failed raises its error, unless `result` raised it already.
        """
        with self.admission.enter("stream"), self.session.events.subscribe() as events:
            prompt = await self._prepare("stream", prompt)
            run = self._begin(agent, self._new_run(prompt, run_id))
            work = asyncio.create_task(self._watched(run))
            work.add_done_callback(lambda _: events.close())
            stream = RunStream(events, work)
            try:
                yield stream
            finally:
                ended = work.done()
                self._cancel_run()
                try:
                    await _until_done(work)
                finally:
                    # Retrieved in any case; an error raised by the block goes first.
                    if not work.cancelled():
                        work.exception()
            if ended and not stream.asked:
                work.result()

    def _new_run(
        self, prompt: str, run_id: str | None, resumed: InterruptedRun | None = None
    ) -> ActiveRun:
        checkpoint = None if resumed is None else resumed.checkpoint
        run = ActiveRun(self.session, self, prompt=prompt, run_id=run_id, checkpoint=checkpoint)
        UNDER_WAY[(self.id, run.id)] = self.persistence.token
        return run

    def _begin(self, agent: Agent, run: ActiveRun) -> ActiveRun:
        """Start a run in a task of its own: cancelling it does not cancel the waiting caller."""
        self._begun = self._cancelled_early = False
        self._keep_draft = True
        self.persistence.held = self.session.history
        self._run_task = asyncio.create_task(self._do(agent, run))
        return run

    async def _watched(self, run: ActiveRun) -> AgentResult:
        """Wait for the result of the run under way, which a cancelled caller cancels."""
        assert self._run_task is not None, "it was begun"
        try:
            await _until_done(self._run_task, self._cancel_run)
            if self._run_task.cancelled():
                raise RunCancelledError(
                    "the run was cancelled",
                    op="run",
                    where=f"session {self.id}, run {run.id}",
                    hint="Its prompt and the rounds it finished are part of the session",
                )
            return self._run_task.result()
        finally:
            # While its end is not saved, no other live session may take the run over.
            if run.id not in self.persistence.over:
                UNDER_WAY.pop((self.id, run.id), None)
            self._run_task, self._settling = None, False

    def _cancel_run(self) -> bool:
        """Cancel the run unless it is settling already; return whether it will be cancelled."""
        if self._run_task is None or self._run_task.done() or self._settling:
            return False
        if not self._begun:
            # A task that is cancelled before its first step never runs, and would not settle.
            self._cancelled_early = True
            return True
        return self._run_task.cancel()

    async def _do(self, agent: Agent, run: ActiveRun) -> AgentResult:
        live = self.session
        self._begun = True
        try:
            if self._cancelled_early:
                raise asyncio.CancelledError
            run.record(AgentStart(prompt=run.prompt))
            await run.keep()
            query = ContextQuery(query=run.prompt, session_id=live.id)
            found = await resolve_context(live.context_providers, query, live.events.send)
            run.system_prompt = with_context(live.config.system_prompt or "", found)
            await live.hook_runner.before_generation(run.id, run.messages)
            result = run.cleaned(await agent.run(run))
            result = await live.hook_runner.after_generation(run.id, result, run.cleaned)
            self._complete(run, result)
        except asyncio.CancelledError:
            self._settling = True
            live.runs.mark_cancelled(run.id)
            await self._settle(run)
            raise
        except (RunClaimedError, SessionDeletedError) as error:
            self._settling = True
            await self._end_lost(run, error)
            raise
        except Exception as error:
            self._settling = True
            if isinstance(error, HookDeniedError):
                self._keep_draft = False  # it may have the text that was refused
            run.record(AgentError(message=str(error)))
            await self._settle(run)
            raise
        self._settling = True
        await self._settle(run, result)
        # A deleted session remembers no turn: another session may have its id by now.
        if await self.persistence.is_still_stored():
            await turn_complete(live.context_providers, live.id, run.prompt, result.text)
        return result

    async def keep_run(self, run: ActiveRun) -> bool:
        """See `RunSaver.keep_run`."""
        if self.persistence.is_stopped:
            return False
        checkpoint = RunCheckpoint(
            checkpoint=run.as_checkpoint(),
            base_length=run.base_length,
            claimed_by=self.persistence.token,
        )
        try:
            await self.persistence.save_run(checkpoint)
        except (RunClaimedError, SessionDeletedError):
            raise
        except Exception as error:
            _log.warning("Loop checkpoint of run %s not saved, the run goes on: %s", run.id, error)
            return False
        return True

    def _complete(self, run: ActiveRun, result: AgentResult) -> None:
        reports = (*run.verification_reports, *result.verification_reports)
        # First, since it may raise EncodeError: then the run has failed, and nothing is taken over.
        run.record(
            AgentEnd(
                text=result.text,
                usage=result.usage,
                verification_summary=summarise(reports),
            )
        )
        self.persistence.record_result(attrs.evolve(result, verification_reports=reports))
        self.persistence.record_usage(result.usage)

    def _kept_of(self, run: ActiveRun) -> tuple[Message, ...]:
        """Return the conversation to keep of a run that did not end well.

        It has the prompt, the finished rounds, a result for each call without one, and the draft.
        """
        draft = run.draft().so_far()
        said: tuple[Message, ...] = ()
        if self._keep_draft and draft is not None and draft.position == len(run.messages):
            said = (draft_message(draft),)
        if run.turn == 0 and not said and not self.persistence.options.keep_prompt:
            return run.base
        return (*self._ended(run.messages, run.base_length or 0), *said)

    async def _settle(self, run: ActiveRun, result: AgentResult | None = None) -> None:
        """End the run: put its conversation into the session and drop its checkpoint with the save.

        `result` is None for a run that did not end well.
        """
        await run.draft().close()
        run.over = True
        if result is None:
            self._set_conversation(run, self._kept_of(run))
            self.session.verification_reports += run.verification_reports
            self._count(run.usage)
        else:
            self._set_conversation(run, result.messages)
        self.persistence.over[run.id] = None
        run.report_end()
        # A session that does not save itself keeps the checkpoint until it is saved.
        await self.persistence.auto_save_if_enabled("generate")

    def _set_conversation(self, run: ActiveRun, messages: tuple[Message, ...]) -> None:
        """Replace the session's conversation by the run's, merged with changes by others."""
        held = self._release_held()
        now = held.view
        if now != run.base:
            ours = History(run.base).now(messages)
            try:
                messages = merge_history(ours, now).view
            except HistoryConflictError as conflict:
                self.persistence.conflict = conflict.reason
        self.session.rebase(held)
        self.session.replace_messages(messages)

    def _release_held(self) -> History:
        """Return the conversation that was saved during the run, and stop saving it apart."""
        held, self.persistence.held = self.persistence.held, None
        assert held is not None, "it was held when the run began"
        return held

    async def _end_lost(self, run: ActiveRun, error: StoreError) -> None:
        """End the run here, where another live session keeps its rounds or the session is gone."""
        await run.draft().close()
        run.over = True
        self.session.rebase(self._release_held())
        self.session.runs.mark_cancelled(run.id, error.what)
        run.report_end()
        try:
            await self.persistence.refresh()
        except StoreError as failed:
            _log.warning("session %s not read again: %s", self.id, failed)


async def _until_done(task: asyncio.Future[T], cancel: Callable[[], object] | None = None) -> None:
    """Wait until a task has ended, then raise a cancellation that came meanwhile.

    `cancel` is called for each such cancellation; None leaves the task alone.
    """
    cancelled = False
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError:
            cancelled = True
            if cancel is not None:
                cancel()
    if cancelled:
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.warning("a cancelled run ended with %s", type(error).__name__)
        raise asyncio.CancelledError
