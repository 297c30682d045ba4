"""`A3sSessionRepository` keeps sessions of Strands, and loses nothing acknowledged."""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("strands.session", reason="the extra strands is not installed")

from hypothesis import given
from hypothesis import strategies as st
from strands.types.exceptions import SessionException
from strands.types.session import Session, SessionAgent, SessionMessage, SessionType

from a3s_store import MemorySessionStore, NewItem, SyncSessionStore
from a3s_store.adapters.strands import A3sSessionRepository
from a3s_store.errors import InvalidArgumentError, SchemaTooNewError
from tests.programs import ROOT, output_of


def message(text: Any, number: int) -> Any:
    return SessionMessage.from_message({"role": "user", "content": [{"text": text}]}, number)


def begun(store: SyncSessionStore) -> A3sSessionRepository:
    repository = A3sSessionRepository(store)
    repository.create_session(Session(session_id="s", session_type=SessionType.AGENT))
    agent = SessionAgent(agent_id="a", state={"n": 1}, conversation_manager_state={})
    repository.create_agent("s", agent)
    return repository


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SyncSessionStore]:
    with SyncSessionStore.open(tmp_path / "a.a3s") as opened:
        yield opened


def texts(repository: A3sSessionRepository, **page: int) -> list[str]:
    found = repository.list_messages("s", "a", **page)
    return [one.message["content"][0]["text"] for one in found]


WRITER = """
import sys
from strands.types.exceptions import SessionException
from strands.types.session import SessionMessage
from a3s_store import SyncSessionStore
from a3s_store.adapters.strands import A3sSessionRepository

path, name = sys.argv[1:]
with SyncSessionStore.open(path) as store:
    repository = A3sSessionRepository(store)
    for number in range(1_000_000 if name == "killed" else 30):
        content = [{"text": f"{number} {name}"}]
        made = SessionMessage.from_message({"role": "user", "content": content}, number)
        try:
            repository.create_message("s", "a", made)
        except SessionException:
            continue
        print(number, name, flush=True)
"""


def test_messages_of_a_process_that_is_killed_are_stored_once_they_are_acknowledged(
    store: SyncSessionStore, tmp_path: Path
) -> None:
    repository = begun(store)
    command = [sys.executable, "-c", WRITER, str(tmp_path / "a.a3s"), "killed"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = [process.stdout.readline()]
        time.sleep(random.Random(2).random() / 2)
        process.kill()
        said += process.stdout.readlines()
    acknowledged = [line.strip() for line in said if line.endswith("\n")]
    assert len(acknowledged) > 1
    stored = texts(repository)
    assert stored[: len(acknowledged)] == acknowledged
    assert len(stored) <= len(acknowledged) + 1
    assert store.verify(depth="deep").ok


def test_of_processes_that_store_one_number_one_is_told_that_it_did(
    store: SyncSessionStore, tmp_path: Path
) -> None:
    async def written() -> list[str]:
        path = tmp_path / "a.a3s"
        return await asyncio.gather(
            *(asyncio.to_thread(output_of, WRITER, path, name) for name in "bc")
        )

    repository = begun(store)
    acknowledged = [line for said in asyncio.run(written()) for line in said.splitlines()]
    assert sorted(acknowledged) == sorted(texts(repository))
    assert len(acknowledged) == 30


def test_methods_are_called_inside_of_an_event_loop_too(store: SyncSessionStore) -> None:
    async def main() -> None:
        repository = begun(store)
        repository.create_message("s", "a", message("hi", 0))
        assert texts(repository) == ["hi"]

    asyncio.run(main())


def test_pages_are_in_the_order_of_numbers(store: SyncSessionStore) -> None:
    repository = begun(store)
    for number in random.Random(1).sample(range(12), 12):
        repository.create_message("s", "a", message(str(number), number))
    assert texts(repository) == [str(number) for number in range(12)]
    assert texts(repository, offset=3, limit=2) == ["3", "4"]
    assert texts(repository, offset=10) == ["10", "11"]


def test_a_change_keeps_the_time_of_creation(store: SyncSessionStore) -> None:
    repository = begun(store)
    repository.create_message("s", "a", message("old", 0))
    made = repository.read_message("s", "a", 0)
    changed = message("new", 0)
    repository.update_message("s", "a", changed)
    found = repository.read_message("s", "a", 0)
    assert found.created_at == made.created_at
    assert found.message["content"] == [{"text": "new"}]
    before = repository.read_agent("s", "a")
    repository.update_agent("s", SessionAgent("a", {"n": 2}, {}, created_at="later"))
    after = repository.read_agent("s", "a")
    assert (after.state, after.created_at) == ({"n": 2}, before.created_at)


def test_what_is_missing_or_taken_is_the_sdks_exception(store: SyncSessionStore) -> None:
    repository = begun(store)
    repository.create_message("s", "a", message("hi", 0))
    calls = [
        lambda: repository.create_session(Session("s", SessionType.AGENT)),
        lambda: repository.create_agent("s", SessionAgent("a", {}, {})),
        lambda: repository.create_agent("t", SessionAgent("a", {}, {})),
        lambda: repository.create_message("s", "a", message("other", 0)),
        lambda: repository.create_message("s", "b", message("other", 0)),
        lambda: repository.update_message("s", "a", message("other", 1)),
        lambda: repository.list_messages("s", "b"),
    ]
    for call in calls:
        with pytest.raises(SessionException):
            call()
    assert texts(repository) == ["hi"]
    repository.delete_session("s")
    assert repository.read_session("s") is None
    assert repository.read_message("s", "a", 0) is None


@given(st.binary(max_size=20), st.text(max_size=5))
def test_bytes_and_texts_come_back(data: bytes, text: str) -> None:
    with SyncSessionStore.open(":memory:") as store:
        repository = begun(store)
        content = [{"text": text}, {"image": {"format": "png", "source": {"bytes": data}}}]
        made = SessionMessage.from_message({"role": "user", "content": content}, 0)
        repository.create_message("s", "a", made)
        assert repository.read_message("s", "a", 0).message["content"] == content


def test_an_async_store_is_refused() -> None:
    store: Any = MemorySessionStore()
    with pytest.raises(InvalidArgumentError, match="SyncSessionStore"):
        A3sSessionRepository(store)


def test_items_of_layout_1_are_read_and_those_of_a_newer_one_refused(
    store: SyncSessionStore,
) -> None:
    """The items are written here as docs/strands.md describes them, not by the adapter."""
    repository = A3sSessionRepository(store)
    stream = store.stream("strands.sessions\x1fs\x1f")
    agent = SessionAgent("a", {}, {}).to_dict()
    stream.append(
        NewItem(Session("s", SessionType.AGENT).to_dict(), id="s\x1f", metadata=[1]),
        NewItem(agent, id="a\x1fa\x1f", metadata=[1]),
        NewItem(message("hi", 7).to_dict(), id="m\x1fa\x1f0000000000000007\x1f", metadata=[1]),
        NewItem({"n": 1}, id="g\x1fswarm\x1f", metadata=[1]),
    )
    assert repository.read_session("s").session_type == SessionType.AGENT
    assert texts(repository) == ["hi"]
    assert repository.read_multi_agent("s", "swarm") == {"n": 1}
    stream.put("a\x1fa\x1f", {"unknown": 1}, metadata=[2])
    for call in (
        lambda: repository.read_agent("s", "a"),
        lambda: repository.update_agent("s", SessionAgent("a", {}, {})),
        lambda: repository.create_message("s", "a", message("hi", 8)),
    ):
        with pytest.raises(SchemaTooNewError, match="layout 2"):
            call()
