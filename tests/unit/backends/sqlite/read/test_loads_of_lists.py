"""A load proves lists by their row checksums: it encodes none of their values again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from a3s_store import SessionSnapshot, SqliteSessionStore, salvage
from a3s_store.core.collections import COLLECTIONS, MESSAGE_ROWS, SESSION_ROWS, lists_inside
from a3s_store.models import Message, SessionData
from a3s_store.wire.codec import Codec, codec_for
from tests.everything import everything
from tests.support import database, messages, run, session, trace, with_store


def statements_of(path: Path, load: Callable[[SqliteSessionStore], Awaitable[Any]]) -> list[str]:
    """Return the statements that the reader of a newly opened store runs for a load."""
    seen: list[str] = []

    async def trace(store: SqliteSessionStore) -> None:
        reader = store._engine.reader
        await store.load("before")  # reads the salt of the file, once in each opening
        await reader.run(lambda conn: conn.set_trace_callback(seen.append))
        await load(store)
        await reader.run(lambda conn: conn.set_trace_callback(None))

    with_store(path, trace)
    return seen


def filled(path: Path, *snapshots: SessionSnapshot) -> None:
    """Save snapshots, and a session named "before"."""

    async def fill(store: SqliteSessionStore) -> None:
        await store.save(session("before", messages=messages(1)))
        for one in snapshots:
            await store.save_snapshot(one)

    with_store(path, fill)


def test_a_session_with_nothing_but_messages_takes_one_statement_and_those_of_its_messages(
    tmp_path: Path,
) -> None:
    path = tmp_path / "agent.a3s"
    filled(path, SessionSnapshot.of(session("s", messages=messages(3)), {}, ()))
    seen = statements_of(path, lambda store: store.load("s"))
    # Four begin and end transactions, five find the messages and read them.
    assert len(seen) <= 10, seen
    whole = statements_of(path, lambda store: store.load_snapshot("s"))
    assert len(whole) == len(seen), "collections that are not there cost no statement"


def test_statements_are_one_for_each_list_however_many_values_it_has(tmp_path: Path) -> None:
    path = tmp_path / "agent.a3s"
    few = everything("few", 3)
    runs = tuple(run(number, 3, "many") for number in range(20))
    traces = tuple(trace(number) for number in range(300))

    filled(path, few, few.fork("many").evolve(run_records=runs, trace_events=traces))
    small = statements_of(path, lambda store: store.load_snapshot("few"))
    large = statements_of(path, lambda store: store.load_snapshot("many"))
    # Two lists of the session, six collections, three with lists inside, the URIs of artifacts,
    # two blobs: of an artifact and of an image.
    assert len(small) == len(large) <= 10 + 2 + 6 + 3 + 1 + 3, small


def test_a_page_of_messages_takes_five_statements_at_any_length(tmp_path: Path) -> None:
    path = tmp_path / "agent.a3s"
    short = SessionSnapshot.of(session("short", messages=messages(60)), {}, ())
    long = SessionSnapshot.of(session("long", messages=messages(3000)), {}, ())
    filled(path, short, long)
    few = statements_of(path, lambda store: store.messages("short", last=50))
    many = statements_of(path, lambda store: store.messages("long", last=50))
    # Begin, header, segments of the branch, rows, end.
    assert len(few) == len(many) == 5, many


def test_no_value_of_a_list_and_no_message_is_encoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither to prove it nor to weigh it for the cache."""
    path = tmp_path / "agent.a3s"
    with_store(path, lambda store: store.save_snapshot(everything("s")))
    encoded: list[type] = []
    without = Codec.encode_without

    def noted(self: Codec[Any], *arguments: Any) -> Any:
        encoded.append(self.cls)
        return without(self, *arguments)

    def refused(value: Any) -> Any:
        raise AssertionError(f"a {type(value).__name__} is encoded")

    monkeypatch.setattr(Codec, "encode_without", noted)
    for rows in (MESSAGE_ROWS, *SESSION_ROWS.lists.values(), *(one.rows for one in COLLECTIONS)):
        for layout in (rows, *lists_inside(rows)):
            monkeypatch.setattr(codec_for(layout.model), "encode", refused)
    found = with_store(path, lambda store: store.load_snapshot("s"))
    assert found is not None
    # The rows of the session and of its configuration are proven by their digests.
    assert encoded == [SessionData, SessionData]


def put_back(path: Path) -> None:
    """Leave a row as it was before the last save, with the checksum that it had."""
    with_store(path, lambda store: store.save_trace_events("s", [trace(1), trace(2), trace(3)]))
    with database(path) as conn:
        names = [row[1] for row in conn.execute("PRAGMA table_info(trace_event)")]
        (before,) = conn.execute(f"SELECT {', '.join(names)} FROM trace_event WHERE seq = 1")
    with_store(path, lambda store: store.save_trace_events("s", [trace(1), trace(9), trace(3)]))
    with database(path) as conn:
        for name, value in zip(names, before, strict=True):
            if name != "trace_event_key":
                conn.execute(f"UPDATE trace_event SET {name} = ? WHERE seq = 1", (value,))
        conn.commit()


def test_an_older_row_in_its_own_place_is_noticed_by_whatever_proves_digests(
    tmp_path: Path,
) -> None:
    """A plain load does not: each row is one that was written there."""
    path = tmp_path / "agent.a3s"
    put_back(path)
    found = with_store(path, lambda store: store.load_trace_events("s"))
    assert found == (trace(1), trace(2), trace(3))
    with pytest.raises(Exception, match="trace_events"):
        with_store(path, lambda store: store.load_trace_events("s"), prove_chain=True)
    report = with_store(path, lambda store: store.verify(depth="deep"))
    assert [(one.part, one.session_id) for one in report.damage] == [("trace_events", "s")]


def test_salvage_leaves_out_a_damaged_row_and_names_its_place(tmp_path: Path) -> None:
    path, new = tmp_path / "agent.a3s", tmp_path / "new.a3s"
    whole = everything("s")
    with_store(path, lambda store: store.save_snapshot(whole))
    with database(path) as conn:
        conn.execute("UPDATE trace_event SET checksum = checksum + 1 WHERE seq = 2")
        conn.execute("UPDATE run_event SET timestamp_ms = timestamp_ms + 1 WHERE seq = 1")
        conn.commit()
    report = asyncio.run(salvage(path, new))
    places = {(one.part, one.position) for one in report.damage}
    assert places >= {("trace_events", 2), ("run_records.events", 1)}
    found = with_store(new, lambda store: store.load_snapshot("s"))
    assert found is not None
    assert whole.trace_events is not None
    assert found.trace_events == (*whole.trace_events[:2], *whole.trace_events[3:])
    assert found.artifacts == whole.artifacts
    # Rows have new keys there, and checksums of those.
    assert with_store(new, lambda store: store.verify(depth="deep")).damage == ()


def test_a_large_text_of_a_list_is_proven_too(tmp_path: Path) -> None:
    """A text above the size to which memory is not asked for goes another way."""
    path = tmp_path / "agent.a3s"
    large = trace(1).evolve(name="ü" * 40_000)
    saved = session("s", messages=(Message.user("hello"),))

    async def fill(store: SqliteSessionStore) -> None:
        await store.save(saved)
        await store.save_trace_events("s", [trace(0), large])

    with_store(path, fill)
    assert with_store(path, lambda store: store.load_trace_events("s")) == (trace(0), large)
    with database(path) as conn:
        conn.execute("UPDATE trace_event SET name = name || 'x' WHERE seq = 1")
        conn.commit()
    with pytest.raises(Exception, match=r"trace_events\[1\]"):
        with_store(path, lambda store: store.load_trace_events("s"))
