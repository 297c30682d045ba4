"""The chat app of the examples works on 5 000 sessions, and is as short as it says."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from a3s_store import SqliteSessionStore
from a3s_store.models import Message, SessionData
from a3s_store.testing.samples import cost_record, talk
from examples import chat_app
from examples.chat_app import ChatApp

_MANY = 5_000


def _chat(number: int) -> SessionData:
    return SessionData(
        id=f"chat-{number:04}",
        messages=talk(f"about topic {number}", "a reply"),
        cost_records=(cost_record(cost_usd=0.25, session_id=None),) if number % 10 == 0 else (),
        created_at=number,
        updated_at=number,
    )


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("chats") / "chats.a3s"

    async def fill() -> None:
        async with SqliteSessionStore.open(path, durability="normal") as store:
            for start in range(0, _MANY, 100):
                saves = (store.save(_chat(number)) for number in range(start, start + 100))
                await asyncio.gather(*saves)

    asyncio.run(fill())
    return path


@pytest.mark.slow
def test_a_chat_app_on_many_sessions(path: Path) -> None:
    async def use() -> None:
        async with SqliteSessionStore.open(path) as store:
            app = ChatApp(store)
            first = await app.sidebar()
            assert [row.id for row in first][:2] == ["chat-4999", "chat-4998"]
            second = await app.sidebar(after=first.next)
            assert second.items[0].id == "chat-4949"
            (row,) = await app.sidebar("TOPIC 4321")
            assert (row.id, row.first_prompt) == ("chat-4321", "about topic 4321")

            changes = app.changes()
            heard = asyncio.ensure_future(anext(changes))
            await asyncio.sleep(0)
            await app.say("new", *talk(*(f"{number}" for number in range(60))))
            assert await heard == "new"
            await app.rename("new", "Renamed")
            await app.tag("new", kind="test")
            shown = await app.show("new")
            assert [seq for seq, _ in shown] == [*range(10, 60)]
            assert await app.show("new", before=10) == [(n, f"{n}") for n in range(10)]

            await app.undo("new")
            await app.say("new", Message.user("otherwise"))
            assert (await app.show("new"))[-1] == (58, "otherwise")
            await app.redo("new")
            assert (await app.show("new"))[-1] == (59, "59")

            hit, *_ = await app.find('"topic 1234"')
            assert hit.session_id == "chat-1234"
            assert sum((await app.costs()).values()) == 125.0
            await app.throw_away("new")
            assert await app.find("otherwise") == await app.find('"no such words"')
            assert "new" not in [row.id for row in await app.sidebar()]
            assert await store.exists("new")

    asyncio.run(use())


def test_its_class_has_no_more_than_sixty_lines() -> None:
    source = Path(chat_app.__file__).read_text(encoding="utf-8")
    assert len(source[source.index("class ChatApp") :].splitlines()) <= 60
