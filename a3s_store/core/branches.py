"""The branches of a session's history, computed from the heads of its generations.

A generation whose conversation a later one begins with is a step on the way; the others are tips.
Pure functions: conversations are compared by chain hashes, which the caller looks up.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import attrs

if TYPE_CHECKING:
    from a3s_store.models import Message


@attrs.frozen(kw_only=True)
class Branch:
    """One conversation of a session that no later save continues.

    `generation` is the last one that has the conversation, and the name of the branch; `length` is
    its number of messages. The branch of the present conversation is `current`.
    `parent_generation` is the older branch that shares the most messages with it, the first
    `parts_at` of both; None where it shares none. `first_different` is the message behind them;
    None where it ends there. `at_ms` is when the generation was saved.
    """

    generation: int
    length: int
    current: bool
    parts_at: int
    parent_generation: int | None
    first_different: Message | None
    at_ms: int


class Save(NamedTuple):
    """A generation with a conversation: the first `length` messages of a line of messages.

    `line` identifies the line: conversations of the same one begin with each other.
    """

    number: int
    line: Hashable
    length: int
    at_ms: int


# Returns the chain hash of the first messages of a save's conversation, given their number.
ChainHashAt: TypeAlias = Callable[[Save, int], bytes]


def tips(saves: Sequence[Save], chain_hash_at: ChainHashAt) -> list[Save]:
    """Return the saves, oldest first, whose conversation no later one begins with.

    Those of one line are compared by length alone. Others are compared with the tips that have
    the same first message.
    """
    found: dict[bytes, list[Save]] = {}
    longest: dict[Hashable, int] = {}
    made: list[Save] = []
    for save in reversed(saves):
        if save.length <= longest.get(save.line, 0 if made else -1):
            continue
        longest[save.line] = save.length
        begun = found.setdefault(chain_hash_at(save, min(save.length, 1)), [])
        if not any(
            save.length <= tip.length
            and chain_hash_at(tip, save.length) == chain_hash_at(save, save.length)
            for tip in begun
        ):
            begun.append(save)
            made.append(save)
    return made[::-1]


def branches_of(
    saves: Sequence[Save], chain_hash_at: ChainHashAt, message_at: Callable[[Save, int], Message]
) -> tuple[Branch, ...]:
    """Return the branches of a session with these saves, oldest first.

    `message_at` returns the message at a position; it is called once for each branch.
    """
    ends = tips(saves, chain_hash_at)
    made = []
    for number, tip in enumerate(ends):
        parent, parts_at = None, 0
        for older in ends[:number]:
            shared = _shared(older, tip, chain_hash_at)
            if shared and shared >= parts_at:
                parent, parts_at = older.number, shared
        made.append(
            Branch(
                generation=tip.number,
                length=tip.length,
                current=tip is saves[-1],
                parts_at=parts_at,
                parent_generation=parent,
                first_different=message_at(tip, parts_at) if parts_at < tip.length else None,
                at_ms=tip.at_ms,
            )
        )
    return tuple(made)


def _shared(one: Save, other: Save, chain_hash_at: ChainHashAt) -> int:
    """Return how many first messages two conversations share, by bisection."""

    def is_shared(length: int) -> bool:
        return chain_hash_at(one, length) == chain_hash_at(other, length)

    low, high = 0, min(one.length, other.length)
    # Most share nothing, or have one message more each.
    if high and not is_shared(1):
        return 0
    while low < high:
        middle = (low + high + 1) // 2
        if is_shared(middle):
            low = middle
        else:
            high = middle - 1
    return low
