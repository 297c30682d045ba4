"""Sessions whose messages have one size, and what is done with files of stores beside a run."""

from __future__ import annotations

import random
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from a3s_store import SqliteSessionStore
from a3s_store.models import Message, SessionData
from benchmarks.sessions import text

_START = 1_700_000_000


def messages(count: int, size: int = 800, seed: int = 1) -> tuple[Message, ...]:
    """Return messages with texts of about `size` characters, alternately of user and assistant."""
    rnd = random.Random(seed)
    make = (Message.user, Message.assistant)
    return tuple(make[n % 2](text(rnd, size)) for n in range(count))


def session(session_id: str, history: tuple[Message, ...]) -> SessionData:
    """Return a session with these messages."""
    return SessionData(
        id=session_id, messages=history, created_at=_START, updated_at=_START + len(history)
    )


def grown(before: SessionData, count: int = 3, size: int = 800) -> SessionData:
    """Return the session after one more turn of so many messages."""
    new = messages(count, size, seed=len(before.messages))
    history = before.messages + new
    return before.evolve(messages=history, updated_at=_START + len(history))


def turns(first: SessionData, count: int, size: int = 800) -> list[SessionData]:
    """Return the session after each of so many turns of 3 messages, the first state included."""
    states = [first]
    for _ in range(count):
        states.append(grown(states[-1], size=size))
    return states


def rebuilt(value: SessionData) -> SessionData:
    """Return an equal session of other objects, as adapters and JSON round trips make them."""
    history = tuple(
        one.evolve(content=tuple(block.evolve() for block in one.content)) for one in value.messages
    )
    return value.evolve(messages=history)


async def seeded(path: Path, save: Callable[[SqliteSessionStore], Awaitable[Any]]) -> None:
    """Make a store's file with what `save` saves, and close it."""
    async with SqliteSessionStore.open(path) as store:
        await save(store)


def copied(path: Path, name: str) -> Path:
    """Return a copy of the file of a closed store beside it."""
    return Path(shutil.copyfile(path, path.with_name(name)))


async def proven(*paths: Path) -> None:
    """Verify each store's file deeply.

    Raises:
        AssertionError: a run left damage.
    """
    for path in paths:
        async with SqliteSessionStore.open(path) as store:
            report = await store.verify(depth="deep")
            assert report.ok, f"{path.name}: {report.damage}"
