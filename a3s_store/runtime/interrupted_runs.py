"""Interrupted runs of a session: finding them, and giving one up with its finished rounds kept.

`session_runs` resumes one.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from typing import Literal

import attrs

from a3s_store.core.changes import RunCheckpoint
from a3s_store.core.drafts import Draft
from a3s_store.core.protocol import SessionStore
from a3s_store.core.tool_pairs import repair_pairs
from a3s_store.errors import CorruptionError, StaleSessionError, StoreError
from a3s_store.models import Message, TokenUsage
from a3s_store.runtime.live_session import Session
from a3s_store.runtime.observation.session_events import ToolPairsBroken
from a3s_store.runtime.persistence.save import SessionPersistence
from a3s_store.runtime.runs import interrupted
from a3s_store.runtime.runs.drafts import draft_message, with_drafts
from a3s_store.runtime.runs.interrupted import InterruptedRun
from a3s_store.runtime.session_lock import Admission
from a3s_store.runtime.state.runs import TERMINAL

_log = logging.getLogger("a3s_store.session")


class InterruptedRuns:
    """The part of `AgentSession` about interrupted runs."""

    def __init__(self, session: Session, persistence: SessionPersistence) -> None:
        self.session = session
        self.persistence = persistence
        self.admission = Admission(session.id)

    @property
    def id(self) -> str:
        """The session's id."""
        return self.session.id

    @property
    def store(self) -> SessionStore | None:
        """The store of the session; None without one."""
        return self.persistence.store

    @property
    def token(self) -> str:
        """The token of this live session in the runs it claims."""
        return self.persistence.token

    @property
    def is_stopped(self) -> bool:
        """Whether nothing is saved any more."""
        return self.persistence.is_stopped

    async def _refresh(self, op: str) -> None:
        try:
            await self.persistence.refresh()
        except StaleSessionError:
            raise
        except StoreError as error:
            # A failing store must not prevent a run.
            self.persistence.report_failure(op, error)
        self.admission.check_open(op)

    async def interrupted_runs(self) -> tuple[InterruptedRun, ...]:
        """Return the interrupted runs of this session, oldest first.

        Each can be given up by `abandon_run`, and resumed by `resume_run` unless it `moved_on`. A
        run under way in another live session is not among them. Raises StoreError.
        """
        return interrupted.furthest(await self._interrupted())

    async def _interrupted(self) -> list[InterruptedRun]:
        return await self._with_drafts(await self._checkpoints())

    async def _checkpoints(self) -> tuple[RunCheckpoint, ...]:
        """Return the checkpoints of the session's runs, those of other live sessions included."""
        writer = self.persistence.writer
        if writer is None:
            return ()
        open_runs = [run.id for run in self.session.runs.snapshots() if run.status not in TERMINAL]
        return await writer.runs(self.id, open_runs)

    async def _with_drafts(self, checkpoints: Iterable[RunCheckpoint]) -> list[InterruptedRun]:
        found = interrupted.interrupted(
            self.session,
            checkpoints,
            token=self.persistence.token,
            over=self.persistence.over,
        )
        return [attrs.evolve(one, draft=await self._draft_of(one)) for one in found]

    async def _tidy_runs(self, checkpoints: Sequence[RunCheckpoint]) -> None:
        """Remove checkpoints of runs that ended, and cancel open runs without a checkpoint.

        A release that removed checkpoints after the save left the former when it crashed; a crash
        before the first checkpoint of a run leaves the latter.
        """
        store = self.persistence.store
        if store is None or not store.capabilities().run_claims:
            return
        statuses = {run.id: run.status for run in self.session.runs.snapshots()}
        for run in checkpoints:
            if statuses.get(run.run_id) in TERMINAL and run.run_id not in self.persistence.over:
                await store.delete_loop_checkpoint(run.run_id)
        kept = {run.run_id for run in checkpoints} | {*self.persistence.over}
        for run_id, status in statuses.items():
            if status not in TERMINAL and run_id not in kept:
                why = "the process ended before its first checkpoint"
                self.session.runs.mark_cancelled(run_id, why)

    async def _draft_of(self, one: InterruptedRun) -> Draft | None:
        store = with_drafts(self.store)
        if store is None:
            return None
        try:
            draft = await store.load_draft(one.run_id)
        except CorruptionError as error:
            _log.warning("the draft of run %s is not used: %s", one.run_id, error)
            return None
        # A draft of a later round belongs after a checkpoint that was not saved.
        return draft if draft is not None and draft.position == len(one.messages) else None

    async def abandon_run(
        self,
        run_id: str,
        *,
        keep: Literal["rounds", "nothing", "fork"] = "rounds",
        keep_draft: bool = True,
        repair: bool = True,
    ) -> int:
        """Give up an interrupted run, and return how many of its messages the session keeps.

        The run is cancelled, and its checkpoint is removed. `keep` "rounds" appends its prompt and
        finished rounds to the conversation, and counts its usage; a call without a result gets one
        that says "interrupted", unless `repair` is False. "fork" saves the run's conversation as
        another session, "nothing" drops it. `keep_draft` keeps its draft as the last message,
        marked as interrupted.

        Returns 0 when there is no such run. Raises RunClaimedError when another live session works
        on it, SessionBusyError, SessionClosedError, and as a save of the session; then the
        checkpoint stays until a later save.
        """
        with self.admission.enter("abandon_run"):
            await self._refresh("abandon_run")
            checkpoints = await self._checkpoints()
            found = await self._with_drafts(checkpoints)
            one = next((one for one in found if one.run_id == run_id), None)
            if one is None and self._is_open(run_id, checkpoints):
                raise interrupted.under_way_elsewhere(self.session, run_id, "abandon_run")
            if one is None:
                self.session.runs.mark_cancelled(run_id, "abandoned")
                await self.persistence.save()
                await self._drop_left_over(run_id)
                return 0
            return await self._give_up(one, keep=keep, keep_draft=keep_draft, repair=repair)

    def _is_open(self, run_id: str, checkpoints: Iterable[RunCheckpoint]) -> bool:
        """Whether a run has a checkpoint and has not ended."""
        run = self.session.runs.snapshot(run_id)
        return (
            run_id not in self.persistence.over
            and (run is None or run.status not in TERMINAL)
            and any(one.run_id == run_id for one in checkpoints)
        )

    async def _give_up(
        self,
        one: InterruptedRun,
        *,
        keep: Literal["rounds", "nothing", "fork"] = "rounds",
        keep_draft: bool = True,
        repair: bool = True,
    ) -> int:
        one = await self._claim(one)
        length = one.base_length
        said = self._ended(one.messages, length)[length:] if repair else one.said
        if keep_draft and one.draft is not None:
            said = (*said, draft_message(one.draft))
        if keep == "fork" or (keep == "rounds" and one.is_rewritten):
            # The position of its own messages is not known, so they cannot be appended.
            await self.persistence.save_conversation((*one.messages[:length], *said))
            said = ()
        elif keep == "nothing":
            said = ()
        else:
            self.session.replace_messages((*self.session.messages, *said))
            self._count(one.usage)
            self.session.verification_reports += one.checkpoint.verification_reports
        self.session.runs.mark_cancelled(one.run_id, "abandoned")
        # If this save fails, the next one removes the checkpoint.
        self.persistence.over[one.run_id] = None
        await self.persistence.save()
        return len(said)

    def _ended(self, messages: tuple[Message, ...], start: int) -> tuple[Message, ...]:
        """Return a run's messages with a result for each open call from `start` on.

        Messages before `start`, which were the session's, stay the same objects. If there were open
        calls, an event is sent.
        """
        ended = repair_pairs(messages, start=start)
        if ended != messages:
            event = ToolPairsBroken.found(self.id, messages, repaired=True)
            if event is not None:
                self.session.events.send(event)
        return ended

    def _count(self, used: TokenUsage) -> None:
        if used != TokenUsage():
            # Upstream does not count a run that did not end well, though it was paid for.
            self.persistence.record_usage(used)

    async def _claim(self, one: InterruptedRun) -> InterruptedRun:
        """Claim a run, and return it as it is stored then. Raises RunClaimedError."""
        writer = self.persistence.writer
        assert writer is not None, "it was found there"
        run = await writer.claim(one.run_id, one.run.claimed_by, self.persistence.token)
        self.persistence.claimed.add(one.run_id)
        if run.checkpoint == one.checkpoint:
            return one
        # Its process saved one more round before it ended, after it was read here.
        one = interrupted.interrupted_run(self.session, run)
        return attrs.evolve(one, draft=await self._draft_of(one))

    async def _drop_left_over(self, run_id: str) -> None:
        """Remove the checkpoint of a run of this session that has ended, if there is one."""
        store = self.persistence.store
        run = self.session.runs.snapshot(run_id)
        if store is None or run is None:
            return
        checkpoint = await store.load_loop_checkpoint(run_id)
        if checkpoint is not None and checkpoint.session_id == self.id:
            await store.delete_loop_checkpoint(run_id)
