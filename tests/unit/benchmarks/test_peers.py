"""Every peer gives back what it was given, so that what is timed is the same work.

The peers are an extra; a peer whose packages are missing is skipped.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sqlite3
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from a3s_store import SessionSnapshot
from a3s_store.models import ImageBlock, ImageSource, Message, TextBlock, ToolUseBlock
from benchmarks.engine import Engine
from benchmarks.peers import ADAPTERS, PEERS, available, missing
from benchmarks.peers.peer import Peer, plain
from examples.demo import session as demo_session
from tests.programs import output_of

NOW = 1_750_000_000
A_TURN_WITH_A_TOOL = (
    Message.user("Is there a test for that?"),
    Message(
        role="assistant",
        content=(
            TextBlock(text="Let me look."),
            ToolUseBlock(id="call-5", name="grep", input={"pattern": "NFC", "paths": ["tests"]}),
        ),
        reasoning_content="A test would say NFC or NFD.",
    ),
    Message.tool_result("call-5", "no match", is_error=True),
    Message.assistant("Not yet. 日本語 🙂"),
)
HEAVY = ("agents", "agno", "google.adk", "langchain_core", "langgraph", "sqlalchemy", "strands")


# SqliteSessionService looks at a file that is there already through a connection it leaves to the
# garbage collector; Python 3.13 began to warn of that.
LEAKY = {"google-adk": pytest.mark.filterwarnings("ignore:unclosed database:ResourceWarning")}


@pytest.fixture(params=[pytest.param(name, marks=LEAKY.get(name, ())) for name in PEERS])
def name(request: pytest.FixtureRequest) -> str:
    chosen: str = request.param
    absent = missing(chosen)
    if absent:
        pytest.skip(f"{chosen} needs {', '.join(absent)}, which is not installed")
    return chosen


def test_every_message_comes_back_in_order(name: str, tmp_path: Path) -> None:
    """The steps are prepared ahead of all saves, as a benchmark does."""
    first, second, third = steps("s-1")

    async def run() -> list[Any]:
        async with opened(name, tmp_path) as engine:
            await engine.seed(first)
            turns = [engine.prepare(first, second), engine.prepare(second, third)]
            for turn in turns:
                await engine.save(turn)
            loaded: list[Any] = await engine.load("s-1")
            assert engine.size() > 0  # while it is open: logs are counted too
            return loaded

    loaded = asyncio.run(run())
    assert texts_of_ours(third) == [text for value in loaded for text in TEXTS[name](value)]
    if not name.startswith("openai"):  # there, a message with a call is two items
        assert len(third.session.messages) == len(loaded)
    assert any(path.is_file() for path in tmp_path.rglob("*"))


def test_sessions_stay_apart_and_are_there_when_opened_again(name: str, tmp_path: Path) -> None:
    one, two = steps("s-1"), steps("s-2")

    async def run() -> tuple[list[Any], list[Any]]:
        async with opened(name, tmp_path) as engine:
            await engine.seed(one[0])
            await engine.seed(two[0])
            await engine.save(engine.prepare(one[0], one[1]))
        async with opened(name, tmp_path) as engine:
            await engine.save(engine.prepare(one[1], one[2]))
            return await engine.load("s-1"), await engine.load("s-2")

    for snapshot, loaded in zip((one[2], two[0]), asyncio.run(run()), strict=True):
        assert texts_of_ours(snapshot) == [text for value in loaded for text in TEXTS[name](value)]


@pytest.mark.parametrize("name", ADAPTERS, indirect=True)
def test_our_adapter_loads_what_the_class_of_the_peer_loads(name: str, tmp_path: Path) -> None:
    first, second, _ = steps("s-1")

    async def run() -> list[Any]:
        engine = ADAPTERS[name](tmp_path)
        await engine.open()
        await engine.seed(first)
        await engine.save(engine.prepare(first, second))
        await engine.close()
        again = ADAPTERS[name](tmp_path)
        await again.open()
        loaded: list[Any] = await again.load("s-1")
        await again.close()
        return loaded

    found = [text for value in asyncio.run(run()) for text in TEXTS[name](value)]
    assert found == texts_of_ours(second)
    assert (tmp_path / "agent.a3s").is_file()


@pytest.mark.parametrize("name", ["google-adk", "google-adk-database", "agno"], indirect=True)
def test_summaries_name_every_session(name: str, tmp_path: Path) -> None:
    async def run() -> list[Any]:
        async with opened(name, tmp_path) as engine:
            for session_id in ("s-1", "s-2"):
                await engine.seed(steps(session_id)[0])
            listed: list[Any] = await engine.summaries()
            return listed

    found = [getattr(each, "session_id", None) or each.id for each in asyncio.run(run())]
    assert sorted(found) == ["s-1", "s-2"]


@pytest.mark.parametrize("name", ["google-adk", "google-adk-database"], indirect=True)
def test_seed_stores_what_appending_stores(name: str, tmp_path: Path) -> None:
    """`seed` writes ADK's rows itself, so they must be the rows that `append_event` writes."""
    first = steps("s-1")[0]
    messages = first.session.messages
    short = with_messages(first, messages[:1])

    async def run(folder: Path, *, at_once: bool) -> None:
        folder.mkdir()
        async with opened(name, folder) as engine:
            await engine.seed(first if at_once else short)
            if not at_once:
                await engine.save(engine.prepare(short, first))

    def rows(folder: Path) -> list[Any]:
        file = folder / "google-adk.sqlite"
        with contextlib.closing(sqlite3.connect(file)) as conn:
            events = conn.execute("SELECT timestamp, event_data FROM events ORDER BY timestamp")
            kept = [(moment, without_ids(data)) for moment, data in events]
            times = conn.execute("SELECT id, state, update_time FROM sessions").fetchall()
        return [kept, times]

    asyncio.run(run(tmp_path / "seeded", at_once=True))
    asyncio.run(run(tmp_path / "appended", at_once=False))
    seeded, appended = rows(tmp_path / "seeded"), rows(tmp_path / "appended")
    assert len(seeded[0]) == len(messages)
    assert appended == seeded


def test_naming_the_peers_imports_none() -> None:
    program = (
        "import sys, benchmarks.peers as peers; peers.available()\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    assert output_of(program) == "[]\n"


def test_missing_package_leaves_the_peer_out(monkeypatch: pytest.MonkeyPatch) -> None:
    peer = PEERS["strands"]
    assert issubclass(peer, Peer)
    monkeypatch.setattr(peer, "package", "no-such-package")
    assert missing("strands") == ("no-such-package",)
    assert "strands" not in available()


def test_what_peers_are_not_given_is_refused_not_dropped() -> None:
    picture = ImageBlock(source=ImageSource(media_type="image/png", data="aGk="))
    snapshot = with_messages(steps("s-1")[0], (Message(role="user", content=(picture,)),))
    with pytest.raises(TypeError, match="text and tools only"):
        list(plain(snapshot.session))


def steps(session_id: str) -> tuple[SessionSnapshot, SessionSnapshot, SessionSnapshot]:
    """A session, the same one turn later, and another turn later."""
    first = demo_session.snapshot(NOW).fork(session_id)
    messages = first.session.messages
    second = with_messages(first, (*messages, *demo_session.TWO_MORE))
    return first, second, with_messages(second, (*second.session.messages, *A_TURN_WITH_A_TOOL))


def with_messages(snapshot: SessionSnapshot, messages: tuple[Message, ...]) -> SessionSnapshot:
    return snapshot.evolve(session=snapshot.session.evolve(messages=messages))


@contextlib.asynccontextmanager
async def opened(name: str, folder: Path) -> AsyncIterator[Engine]:
    engine = PEERS[name](folder)
    await engine.open()
    try:
        yield engine
    finally:
        await engine.close()


def without_ids(event_data: str) -> dict[str, Any]:
    event: dict[str, Any] = json.loads(event_data)
    return {key: value for key, value in event.items() if key not in {"id", "invocation_id"}}


def texts_of_ours(snapshot: SessionSnapshot) -> list[str]:
    """Return the content of each message in one order: results, reasoning, text, calls."""
    texts: list[str] = []
    for message in plain(snapshot.session):
        texts += (answer.text for answer in message.answers)
        texts += (text for text in (message.reasoning, message.text) if text)
        texts += (f"{call.name} {json.dumps(call.input)}" for call in message.calls)
    return texts


def texts_of_langgraph(message: Any) -> list[str]:
    texts = [message.additional_kwargs.get("reasoning_content"), message.content]
    calls = getattr(message, "tool_calls", [])
    return [text for text in texts if text] + [
        f"{call['name']} {json.dumps(call['args'])}" for call in calls
    ]


def texts_of_openai(item: Any) -> list[str]:
    match item.get("type"):
        case "function_call":
            return [f"{item['name']} {item['arguments']}"]
        case "function_call_output":
            return [item["output"]]
        case "reasoning":
            return [part["text"] for part in item["summary"]]
        case "message":
            return [part["text"] for part in item["content"]]
        case _:
            return [item["content"]]


def texts_of_adk(event: Any) -> list[str]:
    texts: list[str] = []
    for part in event.content.parts:
        if part.function_response:
            texts += part.function_response.response.values()
        elif part.function_call:
            texts.append(f"{part.function_call.name} {json.dumps(part.function_call.args)}")
        else:
            texts.append(part.text)
    return texts


def texts_of_strands(stored: Any) -> list[str]:
    texts: list[str] = []
    for block in stored.to_message()["content"]:
        match block:
            case {"toolResult": result}:
                texts += (part["text"] for part in result["content"])
            case {"reasoningContent": thought}:
                texts.append(thought["reasoningText"]["text"])
            case {"toolUse": call}:
                texts.append(f"{call['name']} {json.dumps(call['input'])}")
            case _:
                texts.append(block["text"])
    return texts


def texts_of_agno(message: Any) -> list[str]:
    calls = [call["function"] for call in message.tool_calls or []]
    return [text for text in (message.reasoning_content, message.content) if text] + [
        f"{call['name']} {json.dumps(call['arguments'])}" for call in calls
    ]


TEXTS: dict[str, Callable[[Any], list[str]]] = {
    "langgraph": texts_of_langgraph,
    "openai-agents": texts_of_openai,
    "openai-agents-async": texts_of_openai,
    "google-adk": texts_of_adk,
    "google-adk-database": texts_of_adk,
    "strands": texts_of_strands,
    "agno": texts_of_agno,
    "agno-async": texts_of_agno,
}
