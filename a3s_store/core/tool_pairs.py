"""Tool calls and their results in a conversation: finding rounds, and repairing broken ones.

A *round* is a message with tool calls and the following messages that have their results: one
message for all results or one for each, with or without other text. A message without a result of
the round ends it. Providers refuse a conversation in which a result has no call, or a call no
result, so a conversation is cut between rounds only.

Pure functions of messages. Every function takes time in proportion to the conversation.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, Literal

import attrs

from a3s_store.models import (
    ContentBlock,
    ImageBlock,
    Message,
    TextBlock,
    ToolResultBlock,
    ToolResultImage,
    ToolResultText,
    ToolUseBlock,
)

INTERRUPTED: Final = "[interrupted: this call has no result]"

ProblemKind = Literal["result_without_call", "call_without_result", "open_call"]


@attrs.frozen
class Round:
    """Messages from `start` up to `stop` that stay together; a message outside rounds is one too.

    `waiting` are the ids of its calls that have no result.
    """

    start: int
    stop: int
    waiting: tuple[str, ...] = ()


@attrs.frozen
class PairProblem:
    """A block without its counterpart: block `block` of message `position`, both from 0.

    An `open_call` is a call without result in the last round, which is a problem only when a new
    prompt follows it. `tool_name` is None for a result without call.
    """

    kind: ProblemKind
    position: int
    block: int
    call_id: str
    tool_name: str | None = None


def rounds(messages: Sequence[Message]) -> tuple[Round, ...]:
    """Return the rounds of a conversation, in order and without gaps."""
    found: list[Round] = []
    start = 0
    waiting: dict[str, int] = {}
    for at, message in enumerate(messages):
        brought = [one for one in results_of(message) if waiting.get(one)]
        if waiting and not brought:
            found.append(Round(start, at, _listed(waiting)))
            waiting = {}
        if not waiting:
            start = at
        _settle(waiting, brought)
        for call in calls_of(message):
            waiting[call] = waiting.get(call, 0) + 1
        if not waiting:
            found.append(Round(start, at + 1))
    if waiting:
        found.append(Round(start, len(messages), _listed(waiting)))
    return tuple(found)


def check_pairs(messages: Sequence[Message]) -> tuple[PairProblem, ...]:
    """Return every call without result and every result without call, in the order of blocks."""
    every = rounds(messages)
    return tuple(
        problem for one in every for problem in _problems(messages, one, is_last=one is every[-1])
    )


def repair_pairs(
    messages: Sequence[Message], *, open_calls: bool = True, start: int = 0
) -> tuple[Message, ...]:
    """Return the conversation without such problems; unchanged messages are the same objects.

    A call without result gets an error result that says "interrupted" at the end of its round;
    with `open_calls` False the calls of the last round stay open. A result without call becomes
    text. No call is removed, and repairing twice changes nothing more. Messages before `start` are
    unchanged: the returned conversation begins with `messages[:start]`.
    """
    repaired: list[Message] = []
    every = rounds(messages)
    for one in every:
        if one.stop <= start:
            repaired += messages[one.start : one.stop]
        else:
            missing = one.waiting if open_calls or one is not every[-1] else ()
            repaired += _repaired(messages, one, missing, start)
    return tuple(repaired)


def _repaired(
    messages: Sequence[Message], one: Round, missing: Sequence[str], start: int
) -> list[Message]:
    """Return a round with results for the missing calls, and with text for unknown results."""
    lost: dict[int, set[int]] = {}
    for problem in _problems(messages, one, is_last=False):
        if problem.kind == "result_without_call" and problem.position >= start:
            lost.setdefault(problem.position, set()).add(problem.block)
    mine = [
        _as_text(messages[at], lost[at]) if at in lost else messages[at]
        for at in range(one.start, one.stop)
    ]
    if not missing:
        return mine
    results = tuple(
        ToolResultBlock(tool_use_id=call, content=INTERRUPTED, is_error=True) for call in missing
    )
    last = mine[-1].content
    has_results = any(isinstance(block, ToolResultBlock) for block in last)
    if has_results and not any(isinstance(block, ToolUseBlock) for block in last):
        # Providers want all results of a round in one message.
        return [*mine[:-1], mine[-1].evolve(content=last + results)]
    return [*mine, Message(role="user", content=results)]


def cut_before(messages: Sequence[Message], at: int) -> int:
    """Return the nearest position at or before `at` that is inside no round."""
    return next((one.start for one in rounds(messages) if one.start < at < one.stop), at)


def cut_after(messages: Sequence[Message], at: int) -> int:
    """Return the nearest position at or after `at` that is inside no round."""
    return next((one.stop for one in rounds(messages) if one.start < at < one.stop), at)


def calls_of(message: Message) -> list[str]:
    """Return the ids of the calls in a message, in the order of its blocks."""
    return [block.id for block in message.content if isinstance(block, ToolUseBlock)]


def results_of(message: Message) -> list[str]:
    """Return the call ids of the results in a message, in the order of its blocks."""
    return [block.tool_use_id for block in message.content if isinstance(block, ToolResultBlock)]


def _listed(waiting: dict[str, int]) -> tuple[str, ...]:
    return tuple(call for call, count in waiting.items() for _ in range(count))


def _settle(waiting: dict[str, int], results: Sequence[str]) -> None:
    """Remove calls with results from `waiting`, which counts calls by id (ids may repeat)."""
    for result in results:
        if result in waiting:
            waiting[result] -= 1
            if not waiting[result]:
                del waiting[result]


def _problems(messages: Sequence[Message], one: Round, *, is_last: bool) -> Iterator[PairProblem]:
    found: list[PairProblem] = []
    # The calls without result by id, the oldest first.
    calls: dict[str, list[PairProblem]] = {}
    kind: ProblemKind = "open_call" if is_last else "call_without_result"
    for at in range(one.start, one.stop):
        new: list[PairProblem] = []
        for place, block in enumerate(messages[at].content):
            if isinstance(block, ToolUseBlock):
                new.append(PairProblem(kind, at, place, block.id, block.name))
            elif isinstance(block, ToolResultBlock):
                if waiting := calls.get(block.tool_use_id):
                    waiting.pop()
                else:
                    lost = PairProblem("result_without_call", at, place, block.tool_use_id)
                    found.append(lost)
        for call in new:
            calls.setdefault(call.call_id, []).append(call)
    found += (call for waiting in calls.values() for call in waiting)
    yield from sorted(found, key=lambda problem: (problem.position, problem.block))


def _as_text(message: Message, places: set[int]) -> Message:
    content: list[ContentBlock] = []
    for place, block in enumerate(message.content):
        if place in places and isinstance(block, ToolResultBlock):
            content += _blocks_of(block)
        else:
            content.append(block)
    return message.evolve(content=tuple(content))


def _blocks_of(result: ToolResultBlock) -> Iterator[ContentBlock]:
    """Yield a result of an unknown call as text; its images and unknown parts are kept."""
    parts = result.content if not isinstance(result.content, str) else ()
    texts = [part.text for part in parts if isinstance(part, ToolResultText)]
    text = result.content if isinstance(result.content, str) else "\n".join(texts)
    yield TextBlock(text=f"[result of an unknown call {result.tool_use_id}]\n{text}")
    for part in parts:
        if isinstance(part, ToolResultImage):
            yield ImageBlock(source=part.source)
        elif not isinstance(part, ToolResultText):
            yield part
