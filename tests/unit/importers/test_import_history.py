"""Imports of histories: again, interrupted, grown, in conflict, on every store, of bad files."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from a3s_store import MemorySessionStore, SqliteSessionStore
from a3s_store.cli import transfer
from a3s_store.errors import InvalidArgumentError, StoreFullError, StoreUnavailableError
from a3s_store.importers import formats
from a3s_store.interop import Progress, TransferReport, import_history
from a3s_store.models import Message
from a3s_store.wire import Limits
from tests.unit.importers.history_files import (
    CLAUDE,
    CLAUDE_ID,
    CODEX,
    CODEX_ID,
    HISTORIES,
    KINDS,
    ROOT,
    imported,
    in_memory,
    in_store,
    lines_of,
    replace_somewhere,
    said,
    write_lines,
)

SOURCES = [(CLAUDE / f"{CLAUDE_ID}.jsonl", CLAUDE_ID)]
SOURCES += [(one, CODEX_ID) for one in CODEX.glob(f"*{CODEX_ID}*")]


async def digests(store: Any) -> dict[str, str]:
    found = {}
    for session_id in await store.list():
        snapshot = await store.load_snapshot(session_id)
        found[session_id] = snapshot.digest()
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_a_second_import_changes_nothing(tmp_path: Path, kind: str) -> None:
    async def use(store: Any) -> None:
        first = await import_history(store, HISTORIES)
        assert first.ok
        assert first.count("read") == 11
        assert first.formats == ("aider", "chatgpt", "claude-code", "codex")
        before = await digests(store)
        second = await import_history(store, HISTORIES)
        assert second.ok
        assert second.count("read") == 0
        assert await digests(store) == before

    in_store(kind, tmp_path, use)


@pytest.mark.parametrize("kind", KINDS)
def test_every_store_gets_the_same_messages(tmp_path: Path, kind: str) -> None:
    async def use(store: Any) -> dict[str, list[str]]:
        await import_history(store, HISTORIES)
        return {one: said((await store.load(one)).messages) for one in await store.list()}

    assert in_store(kind, tmp_path, use) == in_memory(use)


@pytest.mark.parametrize(("source", "session_id"), SOURCES)
@settings(max_examples=25, deadline=None)
@given(cuts=st.lists(st.integers(0, 12_000), max_size=4))
def test_a_source_that_has_grown_is_continued(
    tmp_path_factory: pytest.TempPathFactory, source: Path, session_id: str, cuts: list[int]
) -> None:
    whole = source.read_bytes()
    file = tmp_path_factory.mktemp("grown") / source.name

    async def use(store: MemorySessionStore) -> list[list[str]]:
        for cut in [*sorted(cuts), len(whole)]:
            file.write_bytes(whole[:cut])
            report = await import_history(store, file)
            assert not report.count("refused")
        found = []
        for branch in await store.branches(session_id):
            session = await store.load(session_id, generation=branch.generation)
            assert session is not None
            found.append(said(session.messages))
        session = await store.load(session_id)
        assert session is not None
        costs.append(session.cost_records)
        return found

    costs: list[Any] = []
    grown = in_memory(use)
    cuts = []
    direct = in_memory(use)
    assert grown[-1] == direct[-1]
    assert all(one in grown for one in direct)
    assert costs[0] == costs[1]


class Full(MemorySessionStore):
    """A store whose disk is full after a number of appends."""

    left = 0

    async def append(self, session_id: str, messages: Any, **more: Any) -> Any:
        if self.left == 0:
            raise StoreFullError("no space is left", op="append")
        self.left -= 1
        return await super().append(session_id, messages, **more)


def test_an_interrupted_import_goes_on_where_it_ended(tmp_path: Path) -> None:
    rows = [
        {"type": "user" if n % 2 else "assistant", "uuid": str(n), "sessionId": "s",
         "parentUuid": str(n - 1) if n else None, "message": {"content": f"{n} " + "x" * 9_000}}
        for n in range(600)
    ]  # fmt: skip
    file = write_lines(tmp_path / "s.jsonl", rows)

    async def main() -> tuple[int, int, list[str]]:
        async with Full() as store:
            store.left = 2
            with pytest.raises(StoreFullError):
                await import_history(store, file)
            page = await store.messages("s", last=0)
            assert page is not None
            store.left = 100
            assert (await import_history(store, file)).ok
            session = await store.load("s")
            assert session is not None
            return page.length, 100 - store.left, said(session.messages)

    begun, appends, found = asyncio.run(main())
    assert 0 < begun < 600
    assert appends == -(-(600 - begun) // (begun // 2)), "only the rest is appended"
    _, direct = imported(file, "s")
    assert found == said(direct.messages)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("change", ["append", "replace"])
def test_what_was_written_in_the_store_is_never_replaced(
    tmp_path: Path, kind: str, change: str
) -> None:
    rows = lines_of(CLAUDE / f"{CLAUDE_ID}.jsonl")
    file = tmp_path / f"{CLAUDE_ID}.jsonl"

    async def use(store: Any) -> None:
        file.write_bytes(b"".join(rows[:13]))
        assert (await import_history(store, file)).ok
        session = await store.load(CLAUDE_ID)
        kept = session.messages if change == "append" else session.messages[:-1]
        mine = session.evolve(messages=(*kept, Message.user("mine")))
        await store.save(mine)
        file.write_bytes(b"".join(rows))
        assert not (await import_history(store, file)).ok
        assert await store.load(CLAUDE_ID) == mine

    in_store(kind, tmp_path, use)


@pytest.mark.parametrize("kind", KINDS)
def test_every_store_continues_a_source_and_keeps_a_given_name(tmp_path: Path, kind: str) -> None:
    rows = lines_of(CODEX / SOURCES[1][0].name)
    file = tmp_path / SOURCES[1][0].name

    async def use(store: Any) -> None:
        for count in range(3, len(rows) + 1, 3):
            file.write_bytes(b"".join(rows[:count]))
            report = await import_history(store, file)
            # A roll-back replaces messages, which a store without generations refuses.
            assert report.ok or (kind == "files" and count > 26)
            if count == 9:
                session = await store.load(CODEX_ID)
                config = session.config.evolve(name="my name")
                await store.save(session.evolve(config=config))
        session = await store.load(CODEX_ID)
        assert session.config.name == "my name"
        assert len(session.messages) > 3

    in_store(kind, tmp_path, use)


class Shared(MemorySessionStore):
    """A store in which another writer appends before the second batch, or before a rewind."""

    calls = 0

    async def other(self, session_id: str) -> None:
        self.calls += 1
        if self.calls == 2:
            await super().append(session_id, [Message.user("of another writer")])

    async def append(self, session_id: str, messages: Any, **more: Any) -> Any:
        await self.other(session_id)
        return await super().append(session_id, messages, **more)

    async def rewind(self, session_id: str, length: int, **more: Any) -> int:
        await self.other(session_id)
        return await super().rewind(session_id, length, **more)


@pytest.mark.parametrize("source", [SOURCES[0][0], SOURCES[1][0], None])
def test_a_writer_during_an_import_loses_nothing(tmp_path: Path, source: Path | None) -> None:
    rows = [
        {"type": "user", "uuid": str(n), "sessionId": "s", "parentUuid": str(n - 1) if n else None,
         "message": {"content": f"{n} " + "x" * 9_000}}
        for n in range(300)
    ]  # fmt: skip
    file = source or write_lines(tmp_path / "s.jsonl", rows)

    async def main() -> None:
        async with Shared() as store:
            report = await import_history(store, file)
            assert not report.ok
            assert "changed during its import" in str(report)
            (session_id,) = await store.list()
            session = await store.load(session_id)
            assert session is not None
            assert session.messages[-1].text == "of another writer"

    asyncio.run(main())


def test_a_conversation_that_went_on_in_the_store_is_not_overwritten(tmp_path: Path) -> None:
    source = CLAUDE / f"{CLAUDE_ID}.jsonl"
    file = tmp_path / source.name

    async def use(store: MemorySessionStore) -> None:
        rows = lines_of(source)
        file.write_bytes(b"".join(rows[:-5]))
        await import_history(store, file)
        await store.append(CLAUDE_ID, [Message.user("mine")])
        # Nothing is new in the source, so there is no conflict.
        assert (await import_history(store, file)).ok
        shutil.copy(source, file)
        prompt = {"content": "theirs"}
        more = {"type": "user", "uuid": "n", "parentUuid": "a10", "message": prompt}
        with_more = [*rows, json.dumps({**more, "sessionId": CLAUDE_ID}).encode()]
        file.write_bytes(b"".join(with_more) + b"\n")
        refused = await import_history(store, file)
        assert not refused.ok
        assert ["'replace'" in (one.reason or "") for one in refused.entries] == [True]
        skipped = await import_history(store, file, on_conflict="skip")
        assert skipped.count("skipped") == 1
        assert skipped.ok
        session = await store.load(CLAUDE_ID)
        assert session is not None
        assert session.messages[-1].text == "mine"
        assert (await import_history(store, file, on_conflict="replace")).ok
        session = await store.load(CLAUDE_ID)
        assert session is not None
        assert session.messages[-1].text == "theirs"
        ends = [one async for one in _texts(store)]
        assert "mine" in ends, "what was replaced is a branch"

    in_memory(use)


async def _texts(store: MemorySessionStore) -> Any:
    for branch in await store.branches(CLAUDE_ID):
        session = await store.load(CLAUDE_ID, generation=branch.generation)
        assert session is not None
        yield session.messages[-1].text


def test_a_session_that_was_renamed_in_the_store_keeps_its_name_and_grows(tmp_path: Path) -> None:
    source = CLAUDE / f"{CLAUDE_ID}.jsonl"
    file = tmp_path / source.name

    async def use(store: MemorySessionStore) -> None:
        rows = lines_of(source)
        file.write_bytes(b"".join(rows[:-12]))
        await import_history(store, file)
        await store.update(CLAUDE_ID, name="my name")
        file.write_bytes(b"".join(rows))
        assert (await import_history(store, file)).ok
        session = await store.load(CLAUDE_ID)
        assert session is not None
        assert session.config.name == "my name"
        assert session.messages[-1].text == "API Error: overloaded"

    in_memory(use)


def test_repaired_calls_stay_repaired_and_the_source_may_grow(tmp_path: Path) -> None:
    call = {"type": "tool_use", "id": "c", "name": "t", "input": {}}
    rows: list[Any] = [
        {"type": "user", "uuid": "1", "parentUuid": None, "message": {"content": "go"}},
        {"type": "assistant", "uuid": "2", "parentUuid": "1", "message": {"content": [call]}},
        {"type": "user", "uuid": "3", "parentUuid": "2", "message": {"content": "stop"}},
    ]
    file = tmp_path / "s.jsonl"

    async def use(store: MemorySessionStore) -> None:
        write_lines(file, rows)
        plain = await import_history(store, file)
        assert [str(one) for one in plain.pairs] == ["s: 1 call without result"]
        repaired = await import_history(store, file, repair=True)
        assert [one.repaired for one in repaired.pairs] == [True]
        session = await store.load("s")
        assert session is not None
        assert len(session.messages) == 4
        assert (await import_history(store, file, repair=True)).count("read") == 0
        more = {"type": "assistant", "uuid": "4", "parentUuid": "3", "message": {"content": "ok"}}
        write_lines(file, [*rows, more])
        assert (await import_history(store, file, repair=True)).ok
        session = await store.load("s")
        assert session is not None
        assert said(session.messages) == [
            "user: go", "assistant: ->c", "user: <-c!", "user: stop", "assistant: ok"
        ]  # fmt: skip

    in_memory(use)


def test_nothing_read_is_not_ok(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    report = in_memory(lambda store: import_history(store, tmp_path))
    assert not report.ok
    assert not report.count("refused")
    only_title = CLAUDE / "33333333-3333-4333-8333-333333333333.jsonl"
    report = in_memory(lambda store: import_history(store, only_title))
    assert not report.ok
    assert [one.reason for one in report.entries] == ["no conversation is in it"]


def test_upstreams_directories_are_one_of_the_formats() -> None:
    upstream = ROOT / "tests" / "data" / "upstream" / "3.1.0"
    report = in_memory(lambda store: import_history(store, upstream))
    assert report.ok
    assert report.formats == ("a3s-code",)
    assert report.count("read") == 20


def test_a_wrong_format_is_a_refused_argument_and_a_missing_path_an_error(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgumentError, match="claude-code"):
        in_memory(lambda store: import_history(store, tmp_path, format="nope"))
    with pytest.raises(StoreUnavailableError):
        in_memory(lambda store: import_history(store, tmp_path / "none"))
    report = in_memory(lambda store: import_history(store, CODEX, format="claude-code"))
    assert not report.ok


def test_the_command_line_names_the_formats_of_the_registry() -> None:
    assert transfer.IMPORTED == formats.NAMES
    assert transfer.UPSTREAM == formats.UPSTREAM


def test_links_are_not_followed(tmp_path: Path) -> None:
    secret = tmp_path / "outside"
    shutil.copytree(CODEX, secret)
    given = tmp_path / "given"
    given.mkdir()
    (given / "a.jsonl").symlink_to(next(secret.iterdir()))
    (given / "folder").symlink_to(secret, target_is_directory=True)
    os.mkfifo(given / "b.jsonl")
    assert in_memory(lambda store: import_history(store, given / "a.jsonl")).ok, "given itself"
    report = in_memory(lambda store: import_history(store, given, format="codex"))
    assert not report.ok
    reasons = {one.path: one.reason for one in report.entries}
    assert reasons == {
        "a.jsonl": "a link, which is not followed",
        "b.jsonl": "not a regular file",
        "folder": "a link, which is not followed",
    }


def test_bad_lines_are_counted_and_the_rest_is_read(tmp_path: Path) -> None:
    def user(uuid: str, text: Any) -> dict[str, Any]:
        return {"type": "user", "uuid": uuid, "sessionId": "s", "message": {"content": text}}

    surrogate = b'{"type":"user","uuid":"3","sessionId":"s","message":{"content":"half \\ud83d"}}\n'
    latin = b'{"type":"user","uuid":"4","sessionId":"s","message":{"content":"caf\xe9"}}\n'
    nan = b'{"type":"user","uuid":"5","message":{"content":[{"type":"x","n":NaN,"m":1e999}]}}\n'
    deep = b'{"type":"user","message":' + b"[" * 5000 + b"]" * 5000 + b"}\n"
    rows: list[Any] = [user("1", "one"), b"[1]\n", b"{broken\n", b"\n", user("2", "two")]
    rows += [surrogate, latin, nan, deep, b'{"type":"user","uuid":"6","mess']
    report, session = imported(write_lines(tmp_path / "s.jsonl", rows), "s")
    assert report.ok
    assert said(session.messages) == [
        "user: one", "user: two", "user: half \ufffd", "user: caf\ufffd", "user: [x]"
    ]  # fmt: skip
    assert report.lost == {
        "incomplete last line": 1,
        "line that is no JSON": 2,
        "line that is no object": 1,
        "line with text that is not Unicode": 3,
    }


def test_a_line_beyond_the_limit_is_passed_over(tmp_path: Path) -> None:
    row = {"type": "user", "uuid": "1", "sessionId": "s", "message": {"content": "one"}}
    long = {**row, "uuid": "2", "message": {"content": "x" * 3_000_000}}
    last = {**row, "uuid": "3", "message": {"content": "two"}}
    file = write_lines(tmp_path / "s.jsonl", [row, long, last])
    report, session = imported(file, "s", limits=Limits(value_size=1_000_000))
    assert said(session.messages) == ["user: one", "user: two"]
    assert report.lost == {"line longer than the limit": 1}


@pytest.mark.parametrize(("source", "session_id"), SOURCES)
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_no_wrong_type_anywhere_stops_an_import(
    tmp_path_factory: pytest.TempPathFactory, source: Path, session_id: str, data: st.DataObject
) -> None:
    rows = [json.loads(one) for one in lines_of(source)]
    for _ in range(data.draw(st.integers(1, 4))):
        replace_somewhere(data, data.draw(st.sampled_from(rows)))
        rows = [json.loads(json.dumps(one)) for one in rows]
    file = write_lines(tmp_path_factory.mktemp("wrong") / source.name, rows)

    async def use(store: MemorySessionStore) -> tuple[TransferReport, TransferReport]:
        name = "codex" if "codex" in str(source) else "claude-code"
        first = await import_history(store, file, format=name)
        for one in await store.list():
            assert await store.load(one) is not None
        return first, await import_history(store, file, format=name)

    first, second = in_memory(use)
    if first.ok:
        assert second.ok
        assert second.count("read") == 0


def test_progress_is_told_and_its_error_ends_the_import() -> None:
    class StopError(Exception):
        pass

    told: list[Progress] = []

    def tell(progress: Progress) -> None:
        told.append(progress)
        if len(told) == 2:
            raise StopError

    async def use(store: MemorySessionStore) -> list[str]:
        with pytest.raises(StopError):
            await import_history(store, CODEX, progress=tell)
        return await store.list()

    assert len(in_memory(use)) == 2
    assert [one.done for one in told] == [1, 2]
    assert told[0].total == 3


def test_secrets_are_redacted_as_in_any_save(tmp_path: Path) -> None:
    def redact(text: str) -> str:
        return text.replace("login", "[secret]")

    async def main() -> None:
        async with SqliteSessionStore.open(tmp_path / "a.a3s", redact=redact) as store:
            assert (await import_history(store, CLAUDE)).ok
            assert (await import_history(store, CLAUDE)).count("read") == 0
        for file in tmp_path.iterdir():
            assert b"login fails" not in file.read_bytes()

    asyncio.run(main())


def test_trees_with_many_ends_cost_no_more_than_their_messages(tmp_path: Path) -> None:
    """A chain of messages with an end at each: written naively, a thousand times the file."""

    def row(uuid: str, parent: str | None, role: str) -> dict[str, Any]:
        return {
            "type": role, "uuid": uuid, "parentUuid": parent, "sessionId": "s",
            "message": {"content": uuid},
        }  # fmt: skip

    rows = [row("0", None, "user")]
    for n in range(1, 200):
        rows += [row(str(n), str(n - 1), "assistant"), row(f"end{n}", str(n), "user")]
    appended = 0

    class Counting(MemorySessionStore):
        async def append(self, session_id: str, messages: Any, **more: Any) -> Any:
            nonlocal appended
            appended += len(messages)
            return await super().append(session_id, messages, **more)

    async def main() -> None:
        async with Counting() as store:
            report = await import_history(store, write_lines(tmp_path / "s.jsonl", rows))
            assert report.ok
            assert len(await store.branches("s")) == 199

    asyncio.run(main())
    assert appended <= 2 * len(rows)
