"""Redaction, credentials and limits apply to what is appended and updated as they do to saves."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from a3s_store import FileSessionStore, MemorySessionStore, SqliteSessionStore
from a3s_store.errors import EncodeError, InvalidIdError
from a3s_store.models import LlmConfigData, Message, RunEventRecord, TextDelta
from a3s_store.testing.samples import items, run_record
from a3s_store.wire import Limits
from tests.support import session

SECRET, MASK = "sk-live-9f8e7d6c5b4a", "[redacted]"
Use = Callable[[Any], Awaitable[None]]


def redact(text: str) -> str:
    return text.replace(SECRET, MASK)


def in_each_store(folder: Path, use: Use, **options: Any) -> None:
    async def main() -> None:
        async with MemorySessionStore(**options) as memory:
            await use(memory)
        async with SqliteSessionStore.open(folder / "s.a3s", **options) as sqlite:
            await use(sqlite)
        async with FileSessionStore.open(folder / "files", **options) as files:
            await use(files)

    asyncio.run(main())


def test_appended_messages_and_the_created_session_are_redacted(tmp_path: Path) -> None:
    async def use(store: Any) -> None:
        create = session("s", count=0).evolve(tenant_id=SECRET)
        first = await store.append("s", [Message.user(f"my key {SECRET}")], create=create)
        found = await store.load("s")
        assert found.tenant_id == MASK
        assert found.messages == (Message.user(f"my key {MASK}"),)
        again = [Message.user(f"again {SECRET}")]
        done = await store.append("s", again, after=first.position)
        # A repeated call is compared as redacted, too.
        assert (await store.append("s", again, after=first.position)).already
        page = await store.messages("s", last=1)
        assert page[0].message == Message.user(f"again {MASK}")
        assert page.end == done.position

    in_each_store(tmp_path, use, redact=redact)


def test_updates_collections_and_events_are_redacted(tmp_path: Path) -> None:
    async def use(store: Any) -> None:
        await store.save(session("s"))
        await store.update("s", name=f"a {SECRET}", correlation_id=SECRET)
        header = await store.load_header("s")
        assert (header.config.name, header.correlation_id) == (f"a {MASK}", MASK)
        (event,) = items("trace_events", SECRET)
        await store.append_trace_events("s", [event])
        assert (await store.trace_events_page("s"))[0].name == MASK
        await store.append_run_records("s", [run_record("1", 0)])
        text = TextDelta(text=f"x {SECRET}")
        record = RunEventRecord(sequence=0, timestamp_ms=1, event=text)
        await store.append_run_events("s", "run-1", [record])
        page = await store.event_page("s", "run-1")
        assert page.events[0].event == TextDelta(text=f"x {MASK}")

    in_each_store(tmp_path, use, redact=redact)


def test_an_id_that_redaction_would_change_is_refused(tmp_path: Path) -> None:
    async def use(store: Any) -> None:
        create = session(SECRET, count=0)
        with pytest.raises(InvalidIdError):
            await store.append(SECRET, [Message.user("a")], create=create)
        with pytest.raises(InvalidIdError):
            await store.update(SECRET, name="x")
        with pytest.raises(InvalidIdError):
            await store.append_trace_events(SECRET, items("trace_events", "1"))
        with pytest.raises(InvalidIdError):
            await store.append_run_events(SECRET, "run-1", [])
        assert await store.list() == []

    in_each_store(tmp_path, use, redact=redact)


def test_credentials_in_updated_configuration_are_blanked(tmp_path: Path) -> None:
    async def use(store: Any) -> None:
        await store.save(session("s"))
        config = LlmConfigData(provider="p", model="m", extra={"auth_token": SECRET})
        await store.update("s", llm_config=config)
        found = await store.load_header("s")
        assert found.llm_config.extra == {"auth_token": ""}

    in_each_store(tmp_path, use)


def test_limits_apply_and_the_error_names_the_place(tmp_path: Path) -> None:
    async def use(store: Any) -> None:
        await store.save(session("s", count=3))
        large = "x" * 3000
        with pytest.raises(EncodeError) as refused:
            await store.append("s", [Message.user("small"), Message.user(large)])
        assert refused.value.path.startswith("messages[1]")
        with pytest.raises(EncodeError) as refused:
            await store.update("s", system_prompt=large)
        with pytest.raises(EncodeError) as refused:
            await store.append_trace_events("s", items("trace_events", "1", large))
        assert refused.value.path.startswith("trace_events[1]")
        await store.append_run_records("s", [run_record("1", 0)])
        record = RunEventRecord(sequence=0, timestamp_ms=1, event=TextDelta(text=large))
        with pytest.raises(EncodeError) as refused:
            await store.append_run_events("s", "run-1", [record])
        assert len((await store.load("s")).messages) == 3

    in_each_store(tmp_path, use, limits=Limits(value_size=2000))
