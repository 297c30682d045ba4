"""Events of a live session that are our own: recorded in no run, and never in upstream's files.

A subscriber of `Session.events` gets them among upstream's (`AgentEvent`). None holds the text of a
message, or the value of a title or prompt.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import attrs

from a3s_store.core.tool_pairs import PairProblem


@attrs.frozen(kw_only=True)
class SessionChangedElsewhere:
    """Another live session, process or store changed the session, and this is what was done.

    `action` is `taken` (there was nothing new here), `merged`, `forked` (what was new here is the
    session `forked_as`; `reason` says why), `refused` (nothing was written) or `deleted`. From
    generation `base_generation` the session came to `generation`; both are None where the store
    has no generations. `their_messages` and `our_messages` are how many each side had added,
    `runs` how many of their runs came in. `overwritten` names the fields that both had set, and in
    which ours stayed; `renamed_artifacts` the URIs under which ours are kept beside theirs.
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
    """Calls without results, or results without calls, are in the conversation.

    `repaired` says that they were given a result, or became text.
    """

    session_id: str
    problems: tuple[PairProblem, ...]
    repaired: bool = False


@attrs.frozen(kw_only=True)
class TextCleaned:
    """Texts held what cannot be written, and were cleaned (`a3s_store.clean_text`).

    `where` says whose they were: `tool_output`, `result` (of a run), `checkpoint`, `event`,
    `message`, `title`, `summary`, `error`, `trace`, `artifact`, `subagent`; `count` is how many.
    """

    session_id: str
    where: str
    count: int


@attrs.frozen(kw_only=True)
class CompactionSkipped:
    """A conversation that should have been compacted was not; `tokens` is about how long it is.

    `reason` is `one_round`: one round of tools is all there is, and rounds are never cut.
    """

    session_id: str
    reason: Literal["one_round"]
    tokens: int


SessionEvent: TypeAlias = (
    SessionChangedElsewhere | ToolPairsBroken | TextCleaned | CompactionSkipped
)
