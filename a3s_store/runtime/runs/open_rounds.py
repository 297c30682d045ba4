"""Rounds of tools that a run left without results: find them, tell of them, and end them.

A run that crashed, failed or was cancelled may leave calls without results at the end of the
conversation. They may wait as long as the run may be resumed; once a new prompt is to follow them,
the round has to be ended, or providers refuse every later request. Pure functions.
"""

from __future__ import annotations

from collections.abc import Sequence

from a3s_store.core.tool_pairs import PairProblem, check_pairs, repair_pairs
from a3s_store.models import Message
from a3s_store.runtime.observation.session_events import ToolPairsBroken


def open_calls(messages: Sequence[Message]) -> tuple[PairProblem, ...]:
    """The calls of the last round that have no result, in their order."""
    return tuple(problem for problem in check_pairs(messages) if problem.kind == "open_call")


def end_round(messages: Sequence[Message], start: int) -> tuple[Message, ...]:
    """The conversation with nothing broken from position `start` on, where a run's part begins.

    The result begins with `messages[:start]`, as the same objects: what was stored before the run
    is never rewritten, not even if it is broken.
    """
    return repair_pairs(messages, start=start)


def broken_pairs(
    session_id: str,
    messages: Sequence[Message],
    *,
    repaired: bool = False,
    with_open_calls: bool = True,
) -> ToolPairsBroken | None:
    """The event for the problems in a conversation, None when there are none.

    `messages` are those before a repair, which `repaired` says was made. Without `with_open_calls`
    the calls of the last round may wait on, as before a run is resumed.
    """
    problems = tuple(
        problem
        for problem in check_pairs(messages)
        if with_open_calls or problem.kind != "open_call"
    )
    if not problems:
        return None
    return ToolPairsBroken(session_id=session_id, problems=problems, repaired=repaired)
