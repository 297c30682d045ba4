"""Turns that are taken back, run again or edited: the messages they replace stay a branch."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from a3s_store import MemorySessionStore
from a3s_store.errors import (
    HookDeniedError,
    InvalidArgumentError,
    SessionBusyError,
    SessionError,
    StaleSessionError,
)
from a3s_store.models import ImageBlock, ImageSource, Message, TextBlock
from a3s_store.runtime import ActiveRun, AgentResult, Deny, Hook
from tests.unit.runtime.windows import ID, Work, on_two_stores, open_window, texts


class Echo:
    """Replies with the prompt and a number that rises."""

    def __init__(self) -> None:
        self.count = 0

    async def run(self, run: ActiveRun) -> AgentResult:
        self.count += 1
        reply = Message.assistant(f"{run.prompt} {self.count}")
        return AgentResult(text=reply.text, messages=(*run.messages, reply), usage=run.usage)


@pytest.fixture(params=["memory", "sqlite", "file"])
def on_stores(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[Work], None]:
    return on_two_stores(request.param, tmp_path)


async def _stored(store: Any) -> list[str]:
    return texts((await store.load(ID)).messages)


def test_undo_regenerate_and_edit_replace_the_end_and_save(
    on_stores: Callable[[Work], None],
) -> None:
    async def main(store: Any, _: Any) -> None:
        live, agent = await open_window(store), Echo()
        for prompt in ("a", "b", "c"):
            await live.send(prompt, agent)
        assert texts(await live.undo_turn()) == ["c", "c 3"]
        assert await _stored(store) == ["a", "a 1", "b", "b 2"]
        assert (await live.regenerate(agent)).text == "b 4"
        assert await _stored(store) == ["a", "a 1", "b", "b 4"]
        assert (await live.edit_message(1, "other", agent)).text == "other 5"
        assert await _stored(store) == ["other", "other 5"] == texts(live.session.messages)
        await live.send("again", agent)
        assert texts(await live.undo_turn(2)) == ["other", "other 5", "again", "again 6"]
        assert await _stored(store) == []
        if store.capabilities().branches:
            found = [
                texts((await store.load(ID, generation=one.generation)).messages)
                for one in await store.branches(ID)
            ]
            assert found == [
                ["a", "a 1", "b", "b 2", "c", "c 3"],
                ["a", "a 1", "b", "b 2"],
                ["a", "a 1", "b", "b 4"],
                ["other", "other 5", "again", "again 6"],
                [],
            ]

    on_stores(main)


def test_turns_that_are_not_there_are_refused(on_stores: Callable[[Work], None]) -> None:
    async def main(store: Any, _: Any) -> None:
        live, agent = await open_window(store), Echo()
        for work in (live.undo_turn(), live.regenerate(agent), live.edit_message(1, "x", agent)):
            with pytest.raises(InvalidArgumentError):
                await work
        await live.send("a", agent)
        for work in (
            live.undo_turn(0),
            live.undo_turn(2),
            live.edit_message(0, "x", agent),
            live.edit_message(2, "x", agent),
        ):
            with pytest.raises(InvalidArgumentError):
                await work
        assert await _stored(store) == ["a", "a 1"]

    on_stores(main)


def test_nothing_is_taken_back_when_the_other_spoke(on_stores: Callable[[Work], None]) -> None:
    async def main(first: Any, second: Any) -> None:
        one, agent = await open_window(first), Echo()
        await one.send("a", agent)
        other = await open_window(second)
        works: list[Callable[[], Awaitable[object]]] = [
            one.undo_turn,
            lambda: one.regenerate(agent),
            lambda: one.edit_message(1, "x", agent),
        ]
        for number, work in enumerate(works):
            await other.send(f"theirs {number}", Echo())
            before = await _stored(first)
            with pytest.raises(StaleSessionError):
                await work()
            assert await _stored(first) == before == texts(one.session.messages)
        assert agent.count == 1
        await one.undo_turn()
        assert await _stored(first) == before[:-2]

    on_stores(main)


def test_a_prompt_that_a_hook_refuses_takes_nothing_back() -> None:
    class Refuse(Hook):
        async def before_prompt(self, session_id: str, prompt: str) -> Deny:
            return Deny("not that again")

    async def main() -> None:
        async with MemorySessionStore() as store:
            live, agent = await open_window(store), Echo()
            await live.send("a", agent)
            live.session.hooks.append(Refuse())
            for work in (live.regenerate(agent), live.edit_message(1, "x", agent)):
                with pytest.raises(HookDeniedError):
                    await work
            assert await _stored(store) == ["a", "a 1"] == texts(live.session.messages)

    asyncio.run(main())


def test_a_prompt_with_an_image_is_not_sent_again_as_text() -> None:
    image = ImageBlock(source=ImageSource(media_type="image/png", data=""))
    prompt = Message(role="user", content=(TextBlock(text="this"), image))

    async def main() -> None:
        async with MemorySessionStore() as store:
            live = await open_window(store)
            live.session.add_message(prompt)
            await live.save()
            with pytest.raises(SessionError, match="more than text"):
                await live.regenerate(Echo())
            assert await live.undo_turn() == (prompt,)

    asyncio.run(main())


def test_a_run_under_way_admits_no_undo() -> None:
    async def main() -> None:
        async with MemorySessionStore() as store:
            live = await open_window(store)

            class Asks(Echo):
                async def run(self, run: ActiveRun) -> AgentResult:
                    with pytest.raises(SessionBusyError):
                        await live.undo_turn()
                    return await super().run(run)

            await live.send("a", Asks())
            assert await _stored(store) == ["a", "a 1"]

    asyncio.run(main())


@given(st.lists(st.sampled_from(("a", "b")), max_size=3), st.integers(1, 3))
@settings(max_examples=25, deadline=None)
def test_undo_after_sends_is_the_identity_on_messages(prompts: list[str], n: int) -> None:
    async def main() -> None:
        async with MemorySessionStore() as store:
            live, agent = await open_window(store), Echo()
            for prompt in prompts:
                await live.send(prompt, agent)
            before = live.session.messages
            for number in range(n):
                await live.send(f"more {number}", agent)
            assert before + await live.undo_turn(n) != before
            assert live.session.messages == before
            assert await _stored(store) == texts(before)

    asyncio.run(main())
