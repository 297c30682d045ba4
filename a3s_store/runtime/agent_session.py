"""A session that works: it is sent to, saved, resumed after a crash, and closed.

Invariants: 1. whatever may change it or write it goes in by one door, one at a time (`admission`);
2. a run settles once, as completed, failed or cancelled, whoever is cancelled meanwhile; 3. its
checkpoint is removed only after what it held was saved, so a crash at any moment leaves either the
checkpoint or what came of it. Upstream: `AgentSession` (runtime 1.7).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Final, NoReturn, TypeVar

import attrs

from a3s_store.errors import RunCancelledError
from a3s_store.models import (
    AgentEnd,
    AgentError,
    AgentStart,
    LoopCheckpoint,
    TokenUsage,
)
from a3s_store.runtime.context import ContextQuery, resolve_context, turn_complete, with_context
from a3s_store.runtime.live_session import Session
from a3s_store.runtime.persistence.save import SessionPersistence
from a3s_store.runtime.runs import interrupted
from a3s_store.runtime.runs.active_run import (
    ActiveRun,
    Agent,
    AgentResult,
    RunStream,
)
from a3s_store.runtime.runs.run_checkpoints import LoopCheckpointSink
from a3s_store.runtime.runs.verification_summary import summarise
from a3s_store.runtime.runs.write_through import WriteThrough
from a3s_store.runtime.session_lock import Admission
from a3s_store.runtime.state.compaction import Summarizer

_log = logging.getLogger("a3s_store.session")
T = TypeVar("T")

# How long `close` waits for a cancelled run to settle, in seconds.
_PATIENCE: Final = 1.0


class AgentSession:
    """One live session with what saves it, for an application that sends it prompts."""

    def __init__(self, session: Session, persistence: SessionPersistence) -> None:
        self.session = session
        self.persistence = persistence
        self.admission = Admission(session.id)
        self._collections = WriteThrough(persistence.store, session)
        self._doing: asyncio.Task[AgentResult] | None = None
        self._run: ActiveRun | None = None
        self._settling = False
        self._begun = self._cancelled_early = False
        # Runs that are over and whose checkpoints wait for a save.
        self._over: dict[str, None] = {}
        self._closing: asyncio.Task[bool] | None = None

    @property
    def id(self) -> str:
        """The session's id."""
        return self.session.id

    # -- Runs ---------------------------------------------------------------------------------

    async def send(self, prompt: str, agent: Agent, *, run_id: str | None = None) -> AgentResult:
        """Have the agent answer a prompt: one run. `run_id` None makes an id.

        When it ends well, its conversation, reports and usage are the session's, which then saves
        itself if it is to. When it fails or is cancelled, the rounds it finished are kept.

        Raises:
            SessionBusyError, SessionClosedError: at once; nothing was begun.
            RunCancelledError: `cancel` or `close` ended it.
            Exception: whatever the agent raised.
        """
        with self.admission.enter("send"):
            self._begin(agent, self._new_run(prompt, run_id))
            return await self._watched()

    async def resume_run(
        self, run_id: str, agent: Agent, *, new_run_id: str | None = None
    ) -> AgentResult:
        """Go on with a run that a crash interrupted, from its last checkpoint, as a new run.

        No message of the user is added; usage and tool calls go on counting. The old checkpoint
        stays until the new run has ended well and was saved.

        Raises:
            SessionError: no store, no checkpoint, one of another session, the run has ended, or the
                conversation went on without it since; no run was begun.
            SessionBusyError, SessionClosedError, RunCancelledError: as for `send`.
        """
        with self.admission.enter("resume_run"):
            checkpoint = await interrupted.checkpoint_of(
                self.persistence.store, self.session, run_id
            )
            # Runs that went on from each other before they crashed are over together.
            older = [
                one for one in await self._unfinished() if interrupted.goes_on(checkpoint, one)
            ]
            self.admission.check_open("resume_run")
            run = self._new_run(self._prompt_of(run_id), new_run_id, checkpoint)
            self._begin(agent, run, (checkpoint, *older))
            return await self._watched()

    async def abandon_run(self, run_id: str) -> None:
        """Give up a run that a crash interrupted: it counts as cancelled, its checkpoint goes.

        Success when there is no such run. Raises SessionBusyError, SessionClosedError, and what a
        save of the session raises; then the checkpoint stays.
        """
        with self.admission.enter("abandon_run"):
            self.session.runs.mark_cancelled(run_id, "abandoned")
            # If this save fails, the next one takes the checkpoint along.
            self._over[run_id] = None
            await self.persistence.save()
            await self._clear_checkpoints()

    @contextlib.asynccontextmanager
    async def stream(
        self, prompt: str, agent: Agent, *, run_id: str | None = None
    ) -> AsyncIterator[RunStream]:
        """As `send`, with the run's events to iterate over as they come.

        Leaving the block before the run has ended cancels it; in any case its end is waited for,
        and nothing else gets into the session before. Leaving it normally after the run failed
        raises what the run raised, unless `result` did already.
        """
        with self.admission.enter("stream"), self.session.events.subscribe() as events:
            self._begin(agent, self._new_run(prompt, run_id))
            work = asyncio.create_task(self._watched())
            work.add_done_callback(lambda _: events.close())
            stream = RunStream(events, work)
            try:
                yield stream
            finally:
                ended = work.done()
                self._cancel_doing()
                try:
                    await _to_its_end(work)
                finally:
                    # Looked at in any case; what the block itself raised goes first.
                    if not work.cancelled():
                        work.exception()
            if ended and not stream.asked:
                work.result()

    async def interrupted_runs(self) -> tuple[LoopCheckpoint, ...]:
        """The checkpoints of runs of this session that never ended, oldest run first.

        After a crash these are what `resume_run` can go on with. Raises StoreError.
        """
        return interrupted.furthest(await self._unfinished())

    async def _unfinished(self) -> list[LoopCheckpoint]:
        mine = self._run.id if self._run is not None else None
        return await interrupted.unfinished(self.persistence.store, self.session, but=mine)

    def _new_run(
        self, prompt: str, run_id: str | None, checkpoint: LoopCheckpoint | None = None
    ) -> ActiveRun:
        return ActiveRun(
            self.session,
            self.persistence.store,
            self._collections,
            prompt=prompt,
            run_id=run_id,
            checkpoint=checkpoint,
        )

    def _prompt_of(self, run_id: str) -> str:
        run = self.session.runs.snapshot(run_id)
        return "" if run is None else run.prompt

    def _begin(self, agent: Agent, run: ActiveRun, resumed: Sequence[LoopCheckpoint] = ()) -> None:
        """Do a run in a task of its own: to cancel the run is not to cancel who waits for it."""
        self._run, self._begun, self._cancelled_early = run, False, False
        self._doing = asyncio.create_task(self._do(agent, run, resumed))

    async def _watched(self) -> AgentResult:
        assert self._doing is not None
        try:
            await _to_its_end(self._doing, self._cancel_doing)
            if self._doing.cancelled():
                self._raise_cancelled()
            return self._doing.result()
        finally:
            self._doing, self._run, self._settling = None, None, False

    def _raise_cancelled(self) -> NoReturn:
        run_id = self._run.id if self._run is not None else "?"
        raise RunCancelledError(
            "the run was cancelled",
            op="run",
            where=f"session {self.id}, run {run_id}",
            hint="The rounds it finished are part of the session",
        )

    def _cancel_doing(self) -> bool:
        """Cancel the run unless it is being settled already."""
        if self._doing is None or self._doing.done() or self._settling:
            return False
        if not self._begun:
            # A task that is cancelled before its first step never takes it, nor would settle.
            self._cancelled_early = True
            return True
        return self._doing.cancel()

    async def _do(
        self, agent: Agent, run: ActiveRun, resumed: Sequence[LoopCheckpoint] = ()
    ) -> AgentResult:
        live = self.session
        self._begun = True
        try:
            if self._cancelled_early:
                raise asyncio.CancelledError
            run.record(AgentStart(prompt=run.prompt))
            if not resumed:
                await run.keep()
            query = ContextQuery(query=run.prompt, session_id=live.id)
            found = await resolve_context(live.context_providers, query, live.events.send)
            run.system_prompt = with_context(live.config.system_prompt or "", found)
            result = run.cleaned(await agent.run(run))
            self._complete(run, result)
        except asyncio.CancelledError:
            self._settling = True
            live.runs.mark_cancelled(run.id)
            await self._settle(run, resumed)
            raise
        except Exception as error:
            self._settling = True
            run.record(AgentError(message=str(error)))
            await self._settle(run, resumed)
            raise
        self._settling = True
        await turn_complete(live.context_providers, live.id, run.prompt, result.text)
        await self._settle(run, resumed, done=True)
        return result

    def _complete(self, run: ActiveRun, result: AgentResult) -> None:
        reports = (*run.verification_reports, *result.verification_reports)
        # First, since it may be refused: then the run has failed, and nothing of it is taken over.
        run.record(
            AgentEnd(
                text=result.text,
                usage=result.usage,
                verification_summary=summarise(reports),
            )
        )
        self.persistence.record_result(attrs.evolve(result, verification_reports=reports))
        self.persistence.record_usage(result.usage)

    async def _settle(
        self, run: ActiveRun, resumed: Sequence[LoopCheckpoint], *, done: bool = False
    ) -> None:
        """Save, and then remove the checkpoints of what is over, unless it was not saved.

        A run that went on from others takes their place once it got further.
        """
        run.over = True
        over = [run.id]
        further = done or not resumed or run.turn > resumed[0].turn
        if further:
            over += [checkpoint.run_id for checkpoint in resumed]
            for run_id in over[1:]:
                self.session.runs.mark_cancelled(run_id, f"resumed as {run.id}")
        if further and not done:
            self.session.verification_reports += run.verification_reports
            if run.usage != TokenUsage():
                # Upstream forgets it; it was paid all the same.
                self.persistence.record_usage(run.usage)
        self._over.update(dict.fromkeys(over))
        # A session that does not save itself keeps them until somebody saves it.
        if self.persistence.auto_save and await self.persistence.auto_save_if_enabled("generate"):
            await self._clear_checkpoints()

    async def _clear_checkpoints(self) -> None:
        over, self._over = self._over, {}
        for run_id in over:
            sink = LoopCheckpointSink(
                self.persistence.store, self.id, run_id, clock=self.session.clock
            )
            await sink.clear()

    # -- Around runs --------------------------------------------------------------------------

    async def save(self) -> None:
        """Save the session as it is. Raises as `SessionPersistence.save`, and SessionBusyError."""
        with self.admission.enter("save"):
            await self.persistence.save()
            await self._clear_checkpoints()

    async def compact(self, summarizer: Summarizer | None, *, keep_pairs: bool = True) -> bool:
        """As `Session.compact`, then save if the session saves itself. Raises as that does."""
        with self.admission.enter("compact"):
            changed = await self.session.compact(summarizer, keep_pairs=keep_pairs)
            if changed:
                await self.persistence.auto_save_if_enabled("compact")
            return changed

    async def cancel(self) -> bool:
        """Cancel the run under way and every question asked of a human; whether there was a run.

        Who waits for the run gets RunCancelledError. A run that is being settled is not cancelled.
        """
        self.session.confirmation.cancel_all()
        return self._cancel_doing()

    async def close(self, *, save: bool = True) -> bool:
        """End everything the session is doing, and save it if it saves itself; False: it was not.

        A run under way is cancelled and given a moment to settle. That it could not be saved is
        also an event and a warning. Who closes again, or was cancelled meanwhile, waits for the
        same. Afterwards nothing of it is saved any more, nor at all when `save` is False.
        """
        if self._closing is None:
            self.admission.close()
            self._closing = asyncio.create_task(self._close(save))
        return await asyncio.shield(self._closing)

    async def _close(self, save: bool) -> bool:
        live = self.session
        if not save:
            self.persistence.auto_save = False
            await self._stop_saving()
        doing = self._doing
        await self.cancel()
        live.subagents.cancel_all()
        await live.queue.stop()
        if doing is not None:
            await asyncio.wait([doing], timeout=_PATIENCE)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.admission.idle(), _PATIENCE)
        saved = await self.persistence.auto_save_if_enabled("close")
        if saved and self.persistence.auto_save:
            await self._clear_checkpoints()
        await self._stop_saving()
        if live.security is not None:
            try:
                live.security.teardown()
            except Exception as error:
                _log.warning("guard of session %s: %s", self.id, type(error).__name__)
        live.events.close()
        return saved

    async def _stop_saving(self) -> None:
        self._collections.stop()
        await self.persistence.stop()


async def _to_its_end(task: asyncio.Future[T], cancel: Callable[[], object] | None = None) -> None:
    """Wait until a task has ended, and only then let a cancellation of the waiting one through.

    `cancel` is called for each; None leaves the task alone.
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
