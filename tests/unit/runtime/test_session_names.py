"""A made title never takes the place of a name that a person gave."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from a3s_store import MemorySessionStore
from a3s_store.core.protocol import ConditionalStore
from a3s_store.errors import EncodeError
from a3s_store.models import SessionConfig
from a3s_store.runtime import SessionManager
from a3s_store.runtime.live_session import Session
from tests.unit.runtime.live import Echo, Ticks

Work = Callable[[ConditionalStore], Awaitable[None]]


class Titles:
    """Makes the same title each time; `meanwhile` is done first."""

    def __init__(self, title: str = "A title") -> None:
        self.title = title
        self.asked = 0
        self.meanwhile: Callable[[], Awaitable[None]] | None = None

    async def summarize(self, prompt: str) -> str:
        self.asked += 1
        if self.meanwhile is not None:
            await self.meanwhile()
        return self.title


@asynccontextmanager
async def managed(
    store: ConditionalStore, titles: Titles, name: str = ""
) -> AsyncIterator[SessionManager]:
    """A manager with the session `main`, which has a message to make a title of."""
    made = SessionManager(agent=Echo(), summarizer=titles, clock=Ticks()).with_store(store)
    async with made as sessions:
        live = await sessions.open_session("main", SessionConfig(name=name))
        if not live.session.messages:
            await sessions.generate("main", "hello")
        yield sessions


async def stored_name(store: ConditionalStore, session_id: str = "main") -> tuple[str, str | None]:
    found = await store.load_versioned(session_id)
    assert found is not None
    return found.value.config.name, found.name_source


def test_a_person_s_name_stays_and_the_model_is_not_asked(on_store: Callable[[Work], None]) -> None:
    async def work(store: ConditionalStore) -> None:
        titles = Titles()
        async with managed(store, titles, "My own name") as sessions:
            assert await sessions.generate_title("main") is None
        assert await stored_name(store) == ("My own name", None)
        # Nor after it was closed and restored.
        async with managed(store, titles) as sessions:
            assert await sessions.generate_title("main") is None
        assert titles.asked == 0

    on_store(work)


def test_a_made_title_gives_way_to_another(on_store: Callable[[Work], None]) -> None:
    async def work(store: ConditionalStore) -> None:
        titles = Titles()
        async with managed(store, titles) as sessions:
            assert await sessions.generate_title("main") == "A title"
        assert await stored_name(store) == ("A title", "made")
        titles.title = "Another"
        async with managed(store, titles) as sessions:
            assert await sessions.generate_title("main") == "Another"
        assert await stored_name(store) == ("Another", "made")

    on_store(work)


def test_a_person_s_name_is_replaced_on_request(on_store: Callable[[Work], None]) -> None:
    async def work(store: ConditionalStore) -> None:
        async with managed(store, Titles(), "My own name") as sessions:
            assert await sessions.generate_title("main", replace=True) == "A title"
        assert await stored_name(store) == ("A title", "made")

    on_store(work)


def test_a_rename_is_stored_and_lasts(on_store: Callable[[Work], None]) -> None:
    async def work(store: ConditionalStore) -> None:
        titles = Titles()
        async with managed(store, titles) as sessions:
            await sessions.generate_title("main")
            # A person may like the title.
            await sessions.rename("main", "A title")
            assert await stored_name(store) == ("A title", None)
            titles.title = "Another"
            assert await sessions.generate_title("main") is None
            await sessions.rename("main", "")
            assert await sessions.generate_title("main") == "Another"

    on_store(work)


def test_a_name_that_cannot_be_stored_is_refused() -> None:
    async def main() -> None:
        store = MemorySessionStore()
        async with managed(store, Titles()) as sessions:
            await sessions.generate_title("main")
            with pytest.raises(EncodeError):
                await sessions.rename("main", "half \ud83d")
            assert await stored_name(store) == ("A title", "made")

    asyncio.run(main())


def test_a_name_given_while_the_title_is_made_stays() -> None:
    async def main() -> None:
        store = MemorySessionStore()
        titles = Titles()
        async with managed(store, titles) as sessions:
            titles.meanwhile = lambda: sessions.rename("main", "Mine")
            assert await sessions.generate_title("main") is None
            assert await stored_name(store) == ("Mine", None)

    asyncio.run(main())


def test_a_name_stored_by_another_live_session_stays(on_store: Callable[[Work], None]) -> None:
    async def work(store: ConditionalStore) -> None:
        async with managed(store, Titles()) as ours, managed(store, Titles()) as theirs:
            await theirs.rename("main", "Mine")
            assert await ours.generate_title("main") is None
            assert ours.get_session("main").session.config.name == "Mine"
        assert await stored_name(store) == ("Mine", None)

    on_store(work)


def test_the_name_of_a_fork_is_made_unless_it_is_given(on_store: Callable[[Work], None]) -> None:
    async def work(store: ConditionalStore) -> None:
        async with managed(store, Titles(), "Login") as sessions:
            await sessions.fork_session("main", "copy")
            await sessions.fork_session("main", "named", "Mine")
            assert await stored_name(store, "copy") == ("Login (fork)", "made")
            assert await stored_name(store, "named") == ("Mine", None)
            assert await sessions.generate_title("copy") == "A title"
            assert await sessions.generate_title("named") is None

    on_store(work)


def test_a_title_is_cut_by_characters_and_an_empty_one_is_none() -> None:
    async def main() -> None:
        store = MemorySessionStore()
        titles = Titles("\N{LEDGER}" * 81)
        async with managed(store, titles) as sessions:
            assert await sessions.generate_title("main") == "\N{LEDGER}" * 77 + "..."
            titles.title = " \n"
            assert await sessions.generate_title("main", replace=True) is None
            assert await stored_name(store) == ("\N{LEDGER}" * 77 + "...", "made")

    asyncio.run(main())


def test_a_configuration_with_another_name_is_a_person_s() -> None:
    live = Session("main")
    live.set_name("A title", made=True)
    live.config = live.config.evolve(system_prompt="Be brief")
    assert (live.name_source, live.may_be_titled) == ("made", True)
    live.config = live.config.evolve(name="Mine")
    assert (live.name_source, live.may_be_titled) == (None, False)
