"""Branches are the tips of a tree of conversations, whatever was saved, rewound and switched."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from a3s_store import Branch, MemorySessionStore, SqliteSessionStore
from a3s_store.core.turns import turns
from a3s_store.models import Message
from a3s_store.testing.samples import session

_TEXTS = st.sampled_from(("a", "b", "c"))
_STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            ("save", "append", "rewind", "edit", "slide", "compact", "rename", "switch", "switch")
        ),
        st.integers(0, 8),
        st.lists(_TEXTS, max_size=3).map(lambda texts: tuple(map(Message.user, texts))),
    ),
    max_size=14,
)
_Saved = dict[int, tuple[Message, ...]]


def _changed(
    kind: str, number: int, new: tuple[Message, ...], now: tuple[Message, ...]
) -> tuple[Message, ...]:
    """Return the conversation after an edit."""
    match kind:
        case "save":
            return new
        case "edit":
            return (*now[:number], *new, *now[number + 1 :])
        case "slide":
            return (*now[number:], *new)
        case _:
            return (*now[:1], Message.user("summary"), *now[len(now) - number // 3 :])


async def _apply(store: Any, steps: list[Any], saved: _Saved) -> None:
    """Make the steps and note the conversation of every generation."""
    for turn, (kind, number, new) in enumerate(steps):
        now = await store.load("s") or session("s")
        match kind:
            case "append":
                await store.append("s", new, create=session("s"))
            case "rewind":
                if now.messages:
                    await store.rewind("s", number % (len(now.messages) + 1))
            case "rename":
                if saved:
                    await store.update("s", name=f"name {turn}")
            case "switch":
                if saved:
                    older = [*saved][number % len(saved)]
                    before = await store.generation("s")
                    await store.switch_branch("s", older, expected_generation=before)
                    assert (await store.load("s")).messages == saved[older]
            case _:
                messages = _changed(kind, number, new, now.messages)
                await store.save(now.evolve(messages=messages))
        if await store.exists("s"):
            saved[await store.generation("s")] = (await store.load("s")).messages


def _begins(conversation: tuple[Message, ...], other: tuple[Message, ...]) -> bool:
    return other[: len(conversation)] == conversation


def _expected(saved: _Saved, times: dict[int, int]) -> tuple[Branch, ...]:
    """Return the branches of these conversations, compared message by message."""
    ends = [
        number
        for number, conversation in saved.items()
        if not any(later > number and _begins(conversation, saved[later]) for later in saved)
    ]
    found = []
    for at, number in enumerate(ends):
        conversation = saved[number]
        shared = {older: _common(saved[older], conversation) for older in ends[:at]}
        parent = max(shared, key=lambda older: (shared[older], older), default=None)
        if parent is not None and not shared[parent]:
            parent = None
        parts_at = 0 if parent is None else shared[parent]
        found.append(
            Branch(
                generation=number,
                length=len(conversation),
                current=number == max(saved),
                parts_at=parts_at,
                parent_generation=parent,
                first_different=next(iter(conversation[parts_at:]), None),
                at_ms=times[number],
            )
        )
    return tuple(found)


def _common(one: tuple[Message, ...], other: tuple[Message, ...]) -> int:
    length = min(len(one), len(other))
    return next((at for at in range(length) if one[at] != other[at]), length)


@pytest.mark.parametrize("name", ["memory", "sqlite"])
@given(_STEPS, st.integers(0, 13))
@settings(max_examples=50, deadline=None)
def test_branches_are_the_tips_of_the_tree_of_conversations(
    name: str, steps: list[Any], back: int
) -> None:
    async def main() -> None:
        with tempfile.TemporaryDirectory() as place:
            store: Any = (
                MemorySessionStore()
                if name == "memory"
                else await SqliteSessionStore.open(Path(place) / "store.a3s")
            )
            async with store:
                saved: _Saved = {}
                await _apply(store, steps, saved)
                assert (await store.branches("s") == ()) == (not saved)
                if saved:
                    await _check(store, saved, back)

    asyncio.run(main())


async def _check(store: Any, saved: _Saved, back: int) -> None:
    times = {one.number: one.saved_at_ms for one in await store.generations("s")}
    branches = await store.branches("s")
    assert branches == _expected(saved, times)
    now = await store.load("s")
    pages = await store.messages("s")
    found = await store.turns("s")
    assert [(one.start, one.stop, one.prompt) for one in found] == [
        (one.start, one.stop, one.prompt) for one in turns(now.messages)
    ]
    # There and back again: the same conversation, with the same times.
    other, last = branches[back % len(branches)], max(saved)
    await store.switch_branch("s", other.generation)
    assert (await store.messages("s")).end.length == other.length
    await store.switch_branch("s", last)
    assert await store.load("s") == now
    assert (await store.messages("s")).items == pages.items
