"""A conversation since it was last read or stored, and how it comes together with another one.

Two live sessions that go on from the same stored conversation have two histories. `merge_history`
puts ours on top of what is stored now, or refuses: which is told by content alone, so it holds on
every backend. Pure functions of messages.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

import attrs

from a3s_store.core.list_diff import common, overlap
from a3s_store.core.tool_pairs import check_pairs, results_of
from a3s_store.models import Message, TextBlock

SUMMARY_PREFIX: Final = "[Context Summary: The following is a summary of earlier conversation]\n\n"

ConflictReason = Literal["rewritten", "tool_pairs", "asked", "claimed"]
# What became of a conversation: the same, longer, cut at its front or summarised, or another one.
HistoryKind = Literal["same", "extended", "compacted", "changed"]


class HistoryConflictError(Exception):
    """Two histories cannot both be one conversation.

    `reason` is `rewritten` (one side took back or edited what the other went on from) or
    `tool_pairs` (a call and its result would be separated).
    """

    def __init__(self, reason: ConflictReason) -> None:
        super().__init__(reason)
        self.reason: Final = reason


@attrs.frozen
class History:
    """A conversation since `base`, which is what was last read or stored.

    `appended` is everything said since, uncompacted. A rewrite puts `replacement` in place of the
    first `covered` messages of both; `kind` says whether it keeps the meaning of what it replaces
    (`compacted`) or not (`changed`).
    """

    base: tuple[Message, ...]
    appended: tuple[Message, ...] = ()
    replacement: tuple[Message, ...] | None = None
    covered: int = 0
    kind: Literal["", "compacted", "changed"] = ""

    @property
    def view(self) -> tuple[Message, ...]:
        """The conversation as it is now."""
        if self.replacement is None:
            return self.base + self.appended if self.appended else self.base
        return self.replacement + (self.base + self.appended)[self.covered :]

    @property
    def is_changed(self) -> bool:
        """Whether anything was said or replaced since."""
        return bool(self.appended) or self.replacement is not None

    def now(self, messages: tuple[Message, ...]) -> History:
        """With `messages` as the conversation: what is new of them was appended, or a rewrite."""
        before = self.view
        kind = kind_of(before, messages)
        if kind == "same":
            return self
        if kind == "extended":
            return attrs.evolve(self, appended=self.appended + messages[len(before) :])
        covered = len(self.base) + len(self.appended)
        if "changed" in (kind, self.kind):
            # Messages that were taken back stay so when the rest is compacted later.
            return attrs.evolve(self, replacement=messages, covered=covered, kind="changed")
        end = _end_of_compacted(before, messages)
        return attrs.evolve(
            self,
            appended=self.appended + messages[end:],
            replacement=messages[:end],
            covered=covered,
            kind="compacted",
        )


def is_summary(message: Message) -> bool:
    """Whether a message is the summary of messages that compaction took out."""
    first = message.content[0] if message.content else None
    return isinstance(first, TextBlock) and first.text.startswith(SUMMARY_PREFIX)


def kind_of(base: tuple[Message, ...], messages: tuple[Message, ...]) -> HistoryKind:
    """Return what was done to the conversation `base` to make `messages` of it.

    One that could be compacted or taken back in part counts as taken back.
    """
    shared = common(base, messages)
    if shared == len(base):
        return "same" if len(messages) == shared else "extended"
    if shared < len(messages) and is_summary(messages[shared]):
        return "compacted"
    if shared == 0 and any(
        messages[: len(base) - cut] == base[cut:]
        for cut in range(1, len(base))
        if messages and base[cut] == messages[0]
    ):
        return "compacted"
    return "changed"


def _end_of_compacted(before: tuple[Message, ...], messages: tuple[Message, ...]) -> int:
    """Return how many messages replace those `before`; what follows was said since."""
    shared = common(before, messages)
    start = shared + 1 if shared < len(messages) and is_summary(messages[shared]) else 0
    rest = messages[start:]
    kept = overlap(before, rest)
    if not kept and before[-1] in rest:
        # Those before it were kept otherwise than they were, with shorter outputs perhaps.
        kept = rest.index(before[-1]) + 1
    return start + kept


def merge_history(ours: History, theirs: tuple[Message, ...]) -> History:
    """Our history on top of what is stored, which is the `base` of the result.

    Raises:
        HistoryConflictError
    """
    merged = _merged(ours, theirs, kind_of(ours.base, theirs))
    if merged.is_changed:
        _refuse_parted(merged, ours, theirs)
    return merged


def _merged(ours: History, theirs: tuple[Message, ...], kind: HistoryKind) -> History:
    if not ours.is_changed:
        return History(theirs)
    if kind == "same":
        return attrs.evolve(ours, base=theirs)
    if kind == "changed" or ours.kind == "changed":
        raise HistoryConflictError("rewritten")
    if ours.replacement is None or kind == "compacted":
        # Theirs was stored first; of two summaries ours is dropped, and made again when needed.
        return History(theirs, ours.appended)
    # We compacted and they went on: our summary, what they said, then what we said since.
    put = ours.replacement + theirs[len(ours.base) :]
    covered = len(theirs) + ours.covered - len(ours.base)
    return History(theirs, ours.appended, put, covered, "compacted")


def _refuse_parted(merged: History, ours: History, theirs: tuple[Message, ...]) -> None:
    """Raise unless every problem with calls and results was one before.

    Only where ours comes behind theirs can there be a new one, so of a long conversation its last
    round and what follows are looked at: two messages behind 9 000 take less than a millisecond.
    """
    start = 0
    if merged.replacement is None:
        # A message without results begins a round, whatever comes before it.
        start = next((at for at in reversed(range(len(theirs))) if not results_of(theirs[at])), 0)
    found = _problems(merged.view[start:])
    if found and not found <= _problems(ours.view) | _problems(theirs):
        raise HistoryConflictError("tool_pairs")


def _problems(messages: Sequence[Message]) -> set[tuple[str, str]]:
    return {
        (problem.kind, problem.call_id)
        for problem in check_pairs(messages)
        # A call that waits at the end is none until something else follows it.
        if problem.kind != "open_call"
    }


def begins_with(messages: Sequence[Message], base: Sequence[Message]) -> bool:
    """Whether a conversation goes on from `base`."""
    return common(tuple(base), tuple(messages)) == len(base)
