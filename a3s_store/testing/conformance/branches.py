"""Stores with `branches` (`BranchStore`): turns, conversations that were left, and going back."""

from __future__ import annotations

import itertools
from typing import Any

from a3s_store.core.turns import Turn
from a3s_store.errors import (
    InvalidArgumentError,
    SessionNotFoundError,
    StaleGenerationError,
)
from a3s_store.models import Message
from a3s_store.testing.conformance.expect import contents, holds, raises, same, unchanged
from a3s_store.testing.conformance.suite import required_by
from a3s_store.testing.samples import rich_snapshot, session, talk, trace_event

_GROUP = "branches"


async def _save(store: Any, *texts: str) -> int:
    """Save the conversation with these texts; return the generation."""
    await store.save(session("s").evolve(messages=talk(*texts)))
    number: int = await store.generation("s")
    return number


async def _tips(store: Any) -> list[tuple[int, bool]]:
    return [(one.generation, one.current) for one in await store.branches("s")]


@required_by(_GROUP, capability="branches")
async def turns_begin_at_prompts(store: Any) -> None:
    """turns() returns the turns of the conversation, with their places, prompts and times."""
    same((), await store.turns("s"), "before any save")
    await store.save(session("s"))
    same((), await store.turns("s"), "no messages")
    said = (
        Message.assistant("hello"),
        Message.user("first"),
        Message.tool_result("call", "done"),
        Message.assistant("it is done"),
        Message.user("x" * 300),
    )
    await store.append("s", said, at_ms=range(5))
    expected = (
        Turn(0, 0, 1),
        Turn(1, 1, 4, "first", 1),
        Turn(2, 4, 5, "x" * 200, 4),
    )
    same(expected, await store.turns("s"), "the turns")
    for start, stop in itertools.product((0, 1, -1, 5), (None, 0, 2, -1)):
        found = await store.turns("s", start=start, stop=stop)
        same(expected[start:stop], found, f"turns {start} to {stop}")
    same(expected[-2:], await store.turns("s", last=2), "the last two")
    await raises(InvalidArgumentError, "last", store.turns, "s", last=-1)


@required_by(_GROUP, capability="branches")
async def conversations_that_were_left_are_branches(store: Any) -> None:
    """branches() has each conversation that no later save continues, oldest first."""
    same((), await store.branches("s"), "before any save")
    await _save(store, "a")
    await _save(store, "a", "b", "c")
    await store.save_trace_events("s", (trace_event("1"),))
    same([(3, True)], await _tips(store), "one that only grew")
    await store.rewind("s", 1)
    same([(3, False), (4, True)], await _tips(store), "after a rewind")
    await store.append("s", talk("x", "y"))
    same([(3, False), (5, True)], await _tips(store), "the rewound one goes on")
    await _save(store, "summary", "y")
    left, edited, present = await store.branches("s")
    same(
        [(3, 3, 0, None), (5, 3, 1, 3), (6, 2, 0, None)],
        [
            (one.generation, one.length, one.parts_at, one.parent_generation)
            for one in (left, edited, present)
        ],
        "the branches",
    )
    same(
        (Message.user("a"), Message.user("x"), Message.user("summary")),
        tuple(one.first_different for one in (left, edited, present)),
        "the messages in which they differ",
    )
    saved = {one.number: one.saved_at_ms for one in await store.generations("s")}
    same([saved[3], saved[5], saved[6]], [one.at_ms for one in (left, edited, present)], "times")
    await _save(store)
    last = (await store.branches("s"))[-1]
    same((0, True, None), (last.length, last.current, last.first_different), "an empty one")
    await _save(store, "a", "b", "c", "d")
    same([(5, False), (6, False), (8, True)], await _tips(store), "an equal beginning, rebuilt")


@required_by(_GROUP, capability="branches")
async def a_switch_makes_a_conversation_the_present_one(store: Any) -> None:
    """switch_branch() changes the conversation alone; the one that was left is a branch."""
    await store.save_snapshot(rich_snapshot("s"))
    await store.append("s", talk("b"), at_ms=(5,))
    first = await store.load_snapshot("s")
    await store.rewind("s", 1)
    await store.append("s", talk("other"))
    second = await store.load_snapshot("s")
    for number, expected, other in ((2, first, second), (4, second, first)) * 2:
        before = await store.generation("s")
        same(before + 1, await store.switch_branch("s", number), "the generation")
        found = await store.load_snapshot("s")
        same(expected.session.messages, found.session.messages, f"switch to {number}")
        changed = other.evolve(session=other.session.evolve(messages=found.session.messages))
        same(
            changed.evolve(session=changed.session.evolve(updated_at=found.session.updated_at)),
            found,
            "everything else",
        )
        same(found.digest(), (await store.generations("s"))[-1].digest, "the digest")
        same(2, len(await _tips(store)), "the branches")
        same(before + 1, await store.switch_branch("s", number), "the same once more")
        same(before + 1, await store.generation("s"), "no generation for the same")
    await store.switch_branch("s", 2)
    page = await store.messages("s", last=1)
    same(5, page.items[0].at_ms, "the time of a message")
    await store.append("s", talk("c"), after=page.end)
    same(
        (*first.session.messages, *talk("c")), (await store.load("s")).messages, "growth from there"
    )


@required_by(_GROUP, capability="branches")
async def a_switch_is_refused_where_a_rewind_would_be(store: Any) -> None:
    """Unknown sessions and generations, and stale generations, change nothing."""
    await raises(SessionNotFoundError, "no session", store.switch_branch, "s", 1)
    given = {"expected_generation": 3}
    await raises(StaleGenerationError, "no session", store.switch_branch, "s", 1, **given)
    await store.save_trace_events("s", ())
    await raises(SessionNotFoundError, "collections only", store.switch_branch, "s", 1)
    same((), await store.branches("s"), "collections only")
    await _save(store, "a")
    await _save(store, "x")
    before = await contents(store, "s")
    for number in (-1, 0, 1, 4, 2**63):
        await raises(SessionNotFoundError, f"{number}", store.switch_branch, "s", number)
    for wrong in (0, 2, 4):
        error: Any = await raises(
            StaleGenerationError,
            f"at {wrong}",
            store.switch_branch,
            "s",
            2,
            expected_generation=wrong,
        )
        same((wrong, 3), (error.expected, error.actual), "the generations of the error")
    unchanged(before, await contents(store, "s"), "after the refusals")
    same(4, await store.switch_branch("s", 2, expected_generation=3), "the right one")


@required_by(_GROUP, capability="branches")
async def a_fork_has_branches_of_its_own(store: Any) -> None:
    """A fork begins with one branch; a session created again has none of the deleted one."""
    await _save(store, "a", "b")
    await _save(store, "x")
    await store.fork("s", "t")
    same([1], [one.generation for one in await store.branches("t")], "the fork")
    await store.delete("s")
    same((), await store.branches("s"), "after the deletion")
    number = await _save(store, "new")
    same([(number, True)], await _tips(store), "created again")
    await raises(SessionNotFoundError, "a deleted one", store.switch_branch, "s", 1)
    holds((await store.load("t")).messages == talk("x"), "the fork has its conversation")


@required_by(_GROUP, capability="branches", reopens=True)
async def branches_survive_reopening(store: Any, maker: Any) -> None:
    """A durable store has the same branches after reopening, and goes back to them."""
    if not store.capabilities().durable:
        return
    await _save(store, "a", "b")
    await _save(store, "x")
    before = await store.branches("s")
    again: Any = await maker.reopen()
    same(before, await again.branches("s"), "the branches")
    await again.switch_branch("s", 1)
    same(talk("a", "b"), (await again.load("s")).messages, "the conversation")
