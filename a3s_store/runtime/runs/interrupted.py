"""Interrupted runs of a session: finding them, and checking whether one can be resumed.

A run is interrupted when it has a checkpoint, has not ended, and no live session works on it.
Releases before claims left two checkpoints of a run that was resumed and crashed again. The later
one has all messages of the earlier, so only the furthest counts as a run of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import attrs

from a3s_store.core import live_window
from a3s_store.core.changes import RunCheckpoint
from a3s_store.core.drafts import Draft
from a3s_store.core.list_diff import common
from a3s_store.core.tool_pairs import PairProblem, check_pairs
from a3s_store.errors import RunClaimedError, SessionError
from a3s_store.models import LoopCheckpoint, Message, TokenUsage
from a3s_store.runtime.live_session import Session
from a3s_store.runtime.state.runs import TERMINAL

# The token of the live session that works on a run in this process, by session and run id. It is
# needed for stores without claims.
UNDER_WAY: Final[dict[tuple[str, str], str]] = {}


@attrs.frozen(kw_only=True)
class InterruptedRun:
    """A run that a crash interrupted.

    `messages` is the whole conversation as the run last had it; the first `base_length` of them
    were the session's when it began. `rounds` is the number of finished rounds of tools,
    `open_calls` are calls without a result. `moved_on` says that the conversation has other
    messages since: the run can be kept or given up, but not resumed. `is_rewritten` says that its
    agent rewrote the whole conversation: it is kept as another session. `draft` is the unfinished
    reply, None without one.
    """

    run: RunCheckpoint
    prompt: str
    base_length: int
    open_calls: tuple[PairProblem, ...]
    moved_on: bool
    is_rewritten: bool
    draft: Draft | None = None

    @property
    def checkpoint(self) -> LoopCheckpoint:
        """The run's last checkpoint."""
        return self.run.checkpoint

    @property
    def run_id(self) -> str:
        """The id of the run."""
        return self.run.run_id

    @property
    def messages(self) -> tuple[Message, ...]:
        """The conversation as the run last had it."""
        return self.checkpoint.messages

    @property
    def said(self) -> tuple[Message, ...]:
        """The run's own messages: its prompt and its finished rounds."""
        return self.messages[self.base_length :]

    @property
    def rounds(self) -> int:
        """The number of finished rounds of tools."""
        return self.checkpoint.turn

    @property
    def turn(self) -> int:
        """The same as `rounds`, under the checkpoint's name."""
        return self.checkpoint.turn

    @property
    def usage(self) -> TokenUsage:
        """The tokens of its calls of the model so far."""
        return self.checkpoint.total_usage

    @property
    def tool_calls_count(self) -> int:
        """The number of its calls of tools so far."""
        return self.checkpoint.tool_calls_count

    @property
    def checkpoint_ms(self) -> int:
        """When the checkpoint was made, in Unix milliseconds."""
        return self.checkpoint.checkpoint_ms


def interrupted(
    session: Session, found: Iterable[RunCheckpoint], *, token: str, over: Iterable[str]
) -> list[InterruptedRun]:
    """Return the interrupted runs among those with a checkpoint, oldest first.

    `token` is that of the asking live session, `over` are runs that ended there.
    """
    ended = {run.id for run in session.runs.snapshots() if run.status in TERMINAL}
    ended.update(over)
    return [
        interrupted_run(session, run)
        for run in found
        if run.run_id not in ended
        and not live_window.is_open(UNDER_WAY.get((session.id, run.run_id)))
        and (run.claimed_by == token or not live_window.is_open(run.claimed_by))
    ]


def interrupted_run(session: Session, run: RunCheckpoint) -> InterruptedRun:
    """Return the interrupted run of a checkpoint, without its draft."""
    now, messages = session.messages, run.checkpoint.messages
    known = session.runs.snapshot(run.run_id)
    prompt = "" if known is None else known.prompt
    length = run.base_length
    if length is None:
        length = _beginning(now, messages, prompt)
    return InterruptedRun(
        run=run,
        prompt=prompt,
        base_length=min(length, len(messages)),
        open_calls=open_calls(messages),
        moved_on=messages[:length] != now,
        is_rewritten=run.base_length is None and not length and bool(now),
    )


def _beginning(now: tuple[Message, ...], messages: tuple[Message, ...], prompt: str) -> int:
    """Return the likely position of a run's first own message, if its checkpoint does not say.

    It follows the messages shared with the conversation. Where that has other messages since, was
    compacted or cleared, it is the position of the last message that equals the prompt.
    """
    shared = common(now, messages)
    if shared and shared == len(now):
        return shared
    asked = Message.user(prompt)
    places = range(len(messages) - 1, shared - 1, -1)
    return next((at for at in places if messages[at] == asked), shared)


def furthest(found: Sequence[InterruptedRun]) -> tuple[InterruptedRun, ...]:
    """Return the runs that no other one was resumed from."""
    return tuple(one for one in found if not any(goes_on(later, one) for later in found))


def goes_on(later: InterruptedRun, earlier: InterruptedRun) -> bool:
    """Whether one run has all messages of the other, and more."""
    length = len(earlier.messages)
    return later.turn > earlier.turn and later.messages[:length] == earlier.messages


def resumable(session: Session, run_id: str, open_runs: Sequence[InterruptedRun]) -> InterruptedRun:
    """Return the interrupted run of this id, which has a checkpoint, if it can be resumed.

    Raises:
        RunClaimedError: another live session works on it.
        SessionError: the run has ended, or the conversation has other messages since.
    """
    where = f"session {session.id}"
    run = session.runs.snapshot(run_id)
    if run is not None and run.status in TERMINAL:
        # A crash between the last save and the removal of the checkpoint left it.
        raise SessionError(
            f"run '{run_id}' has ended as {run.status}",
            op="resume_run",
            where=where,
            hint="interrupted_runs() returns those that can be resumed",
        )
    one = next((one for one in open_runs if one.run_id == run_id), None)
    if one is None:
        raise under_way_elsewhere(session, run_id, "resume_run")
    if one.moved_on:
        # Resuming would replace the messages added since.
        raise SessionError(
            f"the conversation went on without run '{run_id}'",
            op="resume_run",
            where=where,
            hint="abandon_run keeps its rounds behind the messages added since",
        )
    return one


def under_way_elsewhere(session: Session, run_id: str, op: str) -> RunClaimedError:
    """Return the error for a run that another live session works on."""
    return RunClaimedError(
        f"run '{run_id}' is under way in another live session",
        run_id=run_id,
        op=op,
        where=f"session {session.id}",
        hint="Wait for its end, or close that session first",
    )


def open_calls(messages: Sequence[Message]) -> tuple[PairProblem, ...]:
    """Return the calls of the last round that have no result, in their order."""
    return tuple(problem for problem in check_pairs(messages) if problem.kind == "open_call")
