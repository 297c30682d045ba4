"""Events of a live session that upstream does not have. They are sent, but recorded in no run.

A subscriber of `Session.events` gets them among upstream's (`AgentEvent`). None has the text of a
message, a title or a prompt.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Self, TypeAlias

import attrs

from a3s_store.core.tool_pairs import PairProblem, check_pairs
from a3s_store.models import Message


@attrs.frozen(kw_only=True)
class SessionChangedElsewhere:
    """Another live session, process or store changed the session; `action` says what was done here.

    `action` is `taken` (there were no changes here), `merged`, `forked` (the changes made here are
    the session `forked_as`, for the `reason`), `refused` (nothing was written) or `deleted`. The
    session went from `base_generation` to `generation`; both are None where the store has no
    generations. `their_messages` and `our_messages` are the numbers of messages that each side
    added, `runs` the number of runs that others began. `overwritten` are the fields that both sides
    set, and which now have our value; `renamed_artifacts` the URIs of our artifacts beside theirs.
    """

    session_id: str
    action: Literal["taken", "merged", "forked", "refused", "deleted"]
    base_generation: int | None = None
    generation: int | None = None
    their_messages: int = 0
    our_messages: int = 0
    runs: int = 0
    overwritten: tuple[str, ...] = ()
    renamed_artifacts: tuple[str, ...] = ()
    forked_as: str | None = None
    reason: str | None = None


@attrs.frozen(kw_only=True)
class ToolPairsBroken:
    """The conversation has calls without results, or results without calls.

    `repaired` says that they were given a result, or became text.
    """

    session_id: str
    problems: tuple[PairProblem, ...]
    repaired: bool = False

    @classmethod
    def found(
        cls,
        session_id: str,
        messages: Sequence[Message],
        *,
        repaired: bool = False,
        with_open_calls: bool = True,
    ) -> Self | None:
        """Return the event for the problems in a conversation, None when there are none.

        `messages` are those before a repair, which `repaired` says was made. `with_open_calls`
        False leaves out calls of the last round, which wait for results if the run is resumed.
        """
        problems = tuple(
            problem
            for problem in check_pairs(messages)
            if with_open_calls or problem.kind != "open_call"
        )
        if not problems:
            return None
        return cls(session_id=session_id, problems=problems, repaired=repaired)


@attrs.frozen(kw_only=True)
class TextCleaned:
    """Texts that cannot be written were cleaned (`a3s_store.clean_text`); `count` is how many.

    `where` is their place: `tool_output`, `result` (of a run), `checkpoint`, `event`, `message`,
    `title`, `summary`, `error`, `trace`, `artifact`, `subagent`, `finding`.
    """

    session_id: str
    where: str
    count: int


@attrs.frozen(kw_only=True)
class CompactionSkipped:
    """A conversation was not compacted although it is long; `tokens` is its estimated length.

    `reason` is `one_round`: all of it is one round of tools, and rounds are never cut.
    """

    session_id: str
    reason: Literal["one_round"]
    tokens: int


SessionEvent: TypeAlias = (
    SessionChangedElsewhere | ToolPairsBroken | TextCleaned | CompactionSkipped
)
