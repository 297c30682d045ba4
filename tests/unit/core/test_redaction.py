"""Redacted texts are in no file, and a save with a redaction hook still writes only changes."""

from __future__ import annotations

import asyncio
import enum
import gc
import re
import traceback
import weakref
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from a3s_store import BaseStore, FileSessionStore, MemorySessionStore, SqliteSessionStore
from a3s_store.core.redaction.redactor import Redact, Redactor
from a3s_store.core.snapshot import SessionSnapshot
from a3s_store.errors import EncodeError, InvalidIdError
from a3s_store.models import (
    ImageBlock,
    ImageSource,
    LaneHandlerConfig,
    LlmCostRecord,
    LoopCheckpoint,
    Message,
    SessionConfig,
    SessionData,
    SessionLane,
    SessionQueueConfig,
    TextBlock,
    ToolResultBlock,
    ToolUseBlock,
    WorkflowCheckpoint,
)
from a3s_store.models.session import LABELS
from a3s_store.pairs import check_pairs
from a3s_store.testing import strategies
from a3s_store.wire import Model, UnknownVariant, evolved, freeze
from tests.support import artifact, checkpoint, run, session, statements_changed, trace

SECRET = "sk-live-9f8e7d6c5b4a"
MASK = "[redacted]"


def redact(text: str) -> str:
    return text.replace(SECRET, MASK)


Use = Callable[[BaseStore], Awaitable[None]]


def in_each_store(folder: Path, use: Use, hook: Redact = redact) -> None:
    """Run a function on a new store of each kind with this hook."""

    async def main() -> None:
        async with MemorySessionStore(redact=hook) as memory:
            await use(memory)
        async with SqliteSessionStore.open(folder / "s.db", redact=hook) as sqlite:
            await use(sqlite)
        async with FileSessionStore.open(folder / "files", redact=hook) as files:
            await use(files)

    asyncio.run(main())


def files_with(folder: Path, text: str) -> list[str]:
    """Return the files under a folder that have this text."""
    return [
        str(path.relative_to(folder))
        for path in sorted(folder.rglob("*"))
        if path.is_file() and text.encode() in path.read_bytes()
    ]


KEPT = re.compile(r"role|(.*_)?type|schema", re.DOTALL)
FOUND_BY = {
    SessionData: "id",
    LoopCheckpoint: "run_id session_id",
    WorkflowCheckpoint: "workflow_id",
}


def everywhere(value: Any, change: Callable[[str], str], name: str = "") -> Any:
    """Return the value with every text changed that a hook may change."""
    if isinstance(value, Model):
        known = {field.name for field in attrs.fields(type(value))}
        if isinstance(value, LlmCostRecord):
            known -= {"timestamp"}
        if isinstance(value, ImageSource):
            known -= {"data"}
        known = {n for n in known if not KEPT.fullmatch(n)}
        known -= set(FOUND_BY.get(type(value), "").split())
        return evolved(value, {n: everywhere(getattr(value, n), change, n) for n in sorted(known)})
    if isinstance(value, tuple):
        return tuple(everywhere(item, change) for item in value)
    if isinstance(value, dict) and all(type(key) is str for key in value):
        if any(isinstance(item, Model) for item in value.values()):
            return value
        return freeze({plain(k, change): everywhere(item, change) for k, item in value.items()})
    if isinstance(value, list):
        return freeze([everywhere(item, change) for item in value])
    if isinstance(value, str) and not isinstance(value, enum.Enum | UnknownVariant):
        return change(value)
    return value


def plain(key: str, change: Callable[[str], str]) -> str:
    return key if isinstance(key, enum.Enum) else change(key)


@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_no_file_holds_what_was_taken_away_and_loads_answer_the_rest(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """In every text of every collection, of checkpoints and of a session."""
    snapshot = data.draw(strategies.session_snapshot())
    snapshot = snapshot.evolve(session=snapshot.session.evolve(id="s"))
    loop = data.draw(strategies.loop_checkpoints()).evolve(run_id="r", session_id="s")
    workflow = data.draw(strategies.workflow_checkpoints()).evolve(workflow_id="w")

    def plant(text: str) -> str:
        return f"{text}{SECRET}"

    def mask(text: str) -> str:
        return f"{text}{MASK}"

    folder = tmp_path_factory.mktemp("stores")

    async def use(store: BaseStore) -> None:
        await store.save_snapshot(everywhere(snapshot, plant))
        await store.save_loop_checkpoint("r", everywhere(loop, plant))
        await store.save_workflow_checkpoint("w", everywhere(workflow, plant))
        assert await store.load_snapshot("s") == everywhere(snapshot, mask)
        assert await store.load_loop_checkpoint("r") == everywhere(loop, mask)
        assert await store.load_workflow_checkpoint("w") == everywhere(workflow, mask)

    in_each_store(folder, use)
    assert files_with(folder, SECRET) == []
    assert len(files_with(folder, MASK)) >= 2, "in the database and in the session's file"


def told() -> Message:
    """A message with the secret in every kind of block."""
    return Message(
        role="assistant",
        reasoning_content=f"the key is {SECRET}",
        content=(
            TextBlock(text=f"I use {SECRET}"),
            ToolUseBlock(id="t1", name="bash", input={"command": ["curl", f"-H{SECRET}"]}),
            ToolResultBlock(tool_use_id="t1", content=f"401 {SECRET}"),
        ),
    )


def test_each_way_to_save_is_asked(tmp_path: Path) -> None:
    texts = [f"{SECRET} {n}" for n in range(3)]

    async def use(store: BaseStore) -> None:
        saved = session(messages=(told(),), config=SessionConfig(system_prompt=SECRET))
        await store.save(saved)
        await store.save_artifacts("fix-login", [artifact(1).evolve(content=texts[0])])
        await store.save_trace_events("fix-login", [trace(1).evolve(name=SECRET)])
        one = run(1, 0)
        await store.save_run_records(
            "fix-login", [one.evolve(snapshot=one.snapshot.evolve(prompt=texts[1]))]
        )
        await store.save_loop_checkpoint("run-1", checkpoint((told(),)))
        snapshot = await store.load_snapshot("fix-login")
        assert snapshot is not None
        assert snapshot.session.messages[0].text == f"I use {MASK}"
        assert snapshot.session.config.system_prompt == MASK
        plain = SessionSnapshot(session=saved, artifacts=(), retained_artifact_uris=(SECRET,))
        assert await store.save_snapshot_cas(plain, snapshot.digest())
        # The digest that counts is that of what was saved.
        assert not await store.save_snapshot_cas(plain, plain.digest())
        again = await store.load_snapshot("fix-login")
        assert again is not None
        assert again.retained_artifact_uris == (MASK,)
        assert await store.save_snapshot_cas(plain, again.digest())

    in_each_store(tmp_path, use)
    assert files_with(tmp_path, SECRET) == []


def test_roles_types_and_images_are_not_asked_about_ids_labels_and_keys_are() -> None:
    asked: list[str] = []

    def hook(text: str) -> str:
        asked.append(text)
        return text

    image = ImageBlock(source=ImageSource(media_type="image/png", data="aGk="))
    message = told().evolve(content=(*told().content, image), extra={"key": "value"})
    value = session(messages=(message,), tenant_id="tenant")
    assert Redactor(hook).value(value) is value
    assert {"assistant", "image/png", "base64", "aGk="}.isdisjoint(asked)
    assert {"value", "bash", "curl", f"I use {SECRET}"} <= set(asked)
    assert {"fix-login", "t1", "key", "command", "tenant"} <= set(asked)


@pytest.mark.parametrize("label", LABELS)
def test_labels_are_redacted(tmp_path: Path, label: str) -> None:
    async def use(store: BaseStore) -> None:
        await store.save(evolved(session(), {label: SECRET}))
        loaded = await store.load("fix-login")
        assert getattr(loaded, label) == MASK

    in_each_store(tmp_path, use)
    assert files_with(tmp_path, SECRET) == []


def test_an_id_by_which_something_is_found_is_refused_and_nothing_is_written(
    tmp_path: Path,
) -> None:
    bad = f"a-{SECRET}"
    step = WorkflowCheckpoint(workflow_id=bad, steps=(), checkpoint_ms=1)

    async def use(store: BaseStore) -> None:
        for save in (
            store.save(session(bad)),
            store.save_snapshot(SessionSnapshot(session=session(bad))),
            store.save_artifacts(bad, [artifact(1)]),
            store.save_loop_checkpoint(bad, checkpoint((), run_id=bad)),
            store.save_loop_checkpoint("r", checkpoint((), "r", bad)),
            store.save_workflow_checkpoint(bad, step),
        ):
            with pytest.raises(InvalidIdError, match="redact= would change") as caught:
                await save
            assert SECRET not in "".join(traceback.format_exception(caught.value))
        assert (await store.inventory()).sessions == ()
        await store.delete(bad)

    in_each_store(tmp_path, use)
    assert files_with(tmp_path, SECRET) == []


def test_a_tool_call_and_its_result_stay_a_pair(tmp_path: Path) -> None:
    call = ToolUseBlock(id=f"call-{SECRET}-1", name="get", input={SECRET: 1, MASK: 2})
    result = ToolResultBlock(tool_use_id=call.id, content="ok")
    first = (Message(role="assistant", content=(call,)), Message(role="user", content=(result,)))
    other = call.evolve(id=f"call-{MASK}-1")

    async def use(store: BaseStore) -> None:
        await store.save(session().evolve(messages=first))
        loaded = await store.load("fix-login")
        assert loaded is not None
        kept, answer = (message.content[0] for message in loaded.messages)
        assert isinstance(kept, ToolUseBlock)
        assert isinstance(answer, ToolResultBlock)
        assert kept.id == answer.tool_use_id == f"call-{MASK}-1"
        assert kept.input == {MASK: 1, f"{MASK} (2)": 2}, "no value is lost"
        assert check_pairs(loaded.messages) == ()
        both = (*first, Message(role="assistant", content=(other,)))
        with pytest.raises(EncodeError, match="two ids of tool calls"):
            await store.save(session().evolve(messages=both))
        assert await store.load("fix-login") == loaded

    in_each_store(tmp_path, use)
    assert files_with(tmp_path, SECRET) == []


def test_unknown_keys_of_lane_handlers_are_redacted() -> None:
    handler = LaneHandlerConfig(extra={"key": SECRET})
    query = SessionLane.QUERY
    queue = SessionQueueConfig(lane_handlers={query: handler}, lane_timeouts={query: 5})
    made = Redactor(redact).value(SessionConfig(queue_config=queue)).queue_config
    assert made.lane_handlers[SessionLane.QUERY].extra == {"key": MASK}
    assert made.lane_timeouts == {SessionLane.QUERY: 5}


def test_the_same_value_becomes_the_same_value() -> None:
    redactor = Redactor(redact)
    messages = (told(), told())
    first = redactor.value(messages)
    assert first[0] is not messages[0]
    assert redactor.value((*messages, Message.user("more")))[:2] == first
    assert all(a is b for a, b in zip(redactor.value(messages), first, strict=True))
    assert redactor.value(first) is first, "what has nothing to change is answered itself"
    config = SessionConfig(system_prompt=SECRET)
    once, again = (redactor.value(session(config=config, count=n)).config for n in (1, 2))
    assert once is again


def test_the_cache_of_a_redactor_ends_with_the_value_and_is_bounded() -> None:
    redactor = Redactor(redact, cached=3)
    kept = [told().evolve(reasoning_content=str(n)) for n in range(10)]
    for message in kept:
        redactor.value(message)
    assert len(redactor._known) == 3
    answer = weakref.ref(redactor.value(kept[-1]))
    assert answer() is not None
    del message
    kept.clear()
    gc.collect()
    assert answer() is None
    assert redactor._known == {}


def test_one_more_message_costs_rows_of_one_message(tmp_path: Path) -> None:
    async def main() -> None:
        async with SqliteSessionStore.open(tmp_path / "s.db", redact=redact) as store:
            asked = []

            def counting(text: str) -> str:
                asked.append(text)
                return redact(text)

            assert store._redactor is not None
            store._redactor._hook = counting
            costs = []
            for length in (50, 500):
                history = tuple(told().evolve(reasoning_content=str(n)) for n in range(length))
                saved = session(f"s{length}", messages=history)
                await store.save(saved)
                before = await statements_changed(store)
                asked.clear()
                more = told()
                await store.save(saved.evolve(messages=(*history, more)))
                costs.append((await statements_changed(store) - before, len(asked)))
            assert costs[0] == costs[1]
            assert costs[0][0] <= 5

    asyncio.run(main())


def test_a_hook_that_fails_leaves_nothing_and_says_where(tmp_path: Path) -> None:
    def raising(text: str) -> str:
        if SECRET in text:
            raise ValueError(f"no: {text}")
        return text

    def silent(text: str) -> Any:
        return None if SECRET in text else text

    async def use(store: BaseStore) -> None:
        deep = told().evolve(content=told().content[1:2], reasoning_content=None)
        bad = session("bad", messages=(Message.user("hi"), deep))
        with pytest.raises(EncodeError) as caught:
            await store.save(bad)
        assert caught.value.path == "messages[1].content[0].input[0][1]"
        assert "redact=" in str(caught.value)
        assert SECRET not in "".join(traceback.format_exception(caught.value, chain=True))
        assert caught.value.__context__ is None
        with pytest.raises(EncodeError, match=r"artifacts\[1\].content"):
            await store.save_artifacts("bad", [artifact(1), artifact(2).evolve(content=SECRET)])
        with pytest.raises(EncodeError, match=r"messages\[0\]"):
            await store.save_loop_checkpoint("r", checkpoint((told(),), run_id="r"))
        assert await store.list() == []
        assert await store.load_artifacts("bad") is None
        assert await store.load_loop_checkpoint("r") is None

    for name, hook in (("raising", raising), ("silent", silent)):
        (tmp_path / name).mkdir()
        in_each_store(tmp_path / name, use, hook)


def test_what_no_store_can_keep_is_refused_as_ever(tmp_path: Path) -> None:
    """With a hook an invalid value raises the same error as without one."""

    async def use(store: BaseStore) -> None:
        wrong: Any = 5
        with pytest.raises(EncodeError, match="content"):
            await store.save(session(messages=(Message(role="user", content=wrong),)))
        with pytest.raises(EncodeError):
            await store.save_artifacts("a", [wrong])

    in_each_store(tmp_path, use)


def test_a_lone_surrogate_from_a_hook_is_refused(tmp_path: Path) -> None:
    async def use(store: BaseStore) -> None:
        with pytest.raises(EncodeError):
            await store.save(session(messages=(told(),)))
        assert await store.list() == []

    in_each_store(tmp_path, use, lambda text: text.replace(SECRET, "\ud800"))
