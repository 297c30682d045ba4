"""Changes of a conversation since it was read, and their merge with a conversation stored since.

Two live sessions that continue the same stored conversation have two histories. `merge_history`
applies ours to the conversation that is stored now, or refuses. It decides by content alone, so the
result is the same on every backend. Pure functions of messages.
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
# The change of a conversation: none, longer, shortened at its front or summarised, or any other.
HistoryKind = Literal["same", "extended", "compacted", "changed"]


class HistoryConflictError(Exception):
    """Two histories cannot be merged.

    `reason` is `rewritten` (one side removed or edited messages that the other continues) or
    `tool_pairs` (a call and its result would be separated).
    """

    def __init__(self, reason: ConflictReason) -> None:
        super().__init__(reason)
        self.reason: Final = reason


@attrs.frozen
class History:
    """A conversation and its changes since `base`, the messages last read or stored.

    `appended` are all messages added since, uncompacted. A rewrite puts `replacement` in place of
    the first `covered` messages of `base + appended`. `kind` is `compacted` for a rewrite that
    keeps the meaning of the messages, `changed` for any other.
    """

    base: tuple[Message, ...]
    appended: tuple[Message, ...] = ()
    replacement: tuple[Message, ...] | None = None
    covered: int = 0
    kind: Literal["", "compacted", "changed"] = ""

    @property
    def view(self) -> tuple[Message, ...]:
        """The current conversation."""
        if self.replacement is None:
            return self.base + self.appended if self.appended else self.base
        return self.replacement + (self.base + self.appended)[self.covered :]

    @property
    def is_changed(self) -> bool:
        """Whether messages were added or replaced since."""
        return bool(self.appended) or self.replacement is not None

    def now(self, messages: tuple[Message, ...]) -> History:
        """Return the history with `messages` as the conversation: as appended, or as a rewrite."""
        before = self.view
        kind = kind_of(before, messages)
        if kind == "same":
            return self
        if kind == "extended":
            return attrs.evolve(self, appended=self.appended + messages[len(before) :])
        covered = len(self.base) + len(self.appended)
        if "changed" in (kind, self.kind):
            # After a change, a later compaction still counts as changed.
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
    """Return whether a message is the summary of messages that compaction removed."""
    first = message.content[0] if message.content else None
    return isinstance(first, TextBlock) and first.text.startswith(SUMMARY_PREFIX)


def kind_of(base: tuple[Message, ...], messages: tuple[Message, ...]) -> HistoryKind:
    """Return the kind of change from the conversation `base` to `messages`.

    Messages at the end that may have been compacted or removed count as removed (`changed`).
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
    """Return the number of messages that replace `before`; the messages after them are new."""
    shared = common(before, messages)
    start = shared + 1 if shared < len(messages) and is_summary(messages[shared]) else 0
    rest = messages[start:]
    kept = overlap(before, rest)
    if not kept and before[-1] in rest:
        # The messages before it were changed, perhaps to shorter outputs.
        kept = rest.index(before[-1]) + 1
    return start + kept


def merge_history(ours: History, theirs: tuple[Message, ...]) -> History:
    """Return our history applied to the stored conversation, which is the `base` of the result.

    Raises:
        HistoryConflictError: both sides cannot be kept.
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
        # Of two summaries theirs, stored first, is kept; ours is made again when it is needed.
        return History(theirs, ours.appended)
    # We compacted and they added: our summary, their new messages, then our new messages.
    put = ours.replacement + theirs[len(ours.base) :]
    covered = len(theirs) + ours.covered - len(ours.base)
    return History(theirs, ours.appended, put, covered, "compacted")


def _refuse_parted(merged: History, ours: History, theirs: tuple[Message, ...]) -> None:
    """Raise if the merge has a problem with calls and results that neither side has.

    A new problem is possible only where our messages follow theirs. So only the last round of
    theirs and the messages after it are checked: two messages after 9 000 take less than a
    millisecond.
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
        # An open call at the end is a problem only when other messages follow.
        if problem.kind != "open_call"
    }


def begins_with(messages: Sequence[Message], base: Sequence[Message]) -> bool:
    """Return whether a conversation begins with `base`."""
    return common(tuple(base), tuple(messages)) == len(base)
