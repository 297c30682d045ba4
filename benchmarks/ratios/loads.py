"""First loads: of a conversation, of everything, and of the last messages."""

from __future__ import annotations

import gc
import inspect
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final

import attrs
import orjson

from a3s_store import SqliteSessionStore
from a3s_store.wire import compact, encode
from benchmarks.measuring import small_heap
from benchmarks.ratios.blocks import Contender, Row, in_turn, row
from benchmarks.ratios.conversations import messages, proven, seeded, session
from benchmarks.ratios.raw import is_indexed
from benchmarks.ratios.scale import Scale
from benchmarks.workload import Story

_LAST: Final = 50
_WINDOW: Final = (
    "SELECT * FROM message WHERE branch_key = (SELECT head_branch FROM session JOIN owner "
    "USING (owner_key) WHERE owner.id = 's') AND seq >= ? ORDER BY seq"
)


async def loads(folder: Path, scale: Scale) -> AsyncIterator[Row]:
    """Loads by a store that was just opened, beside orjson.loads of the same JSON."""
    whole = session("s", messages(scale.loaded))
    path = folder / "loads.a3s"
    await seeded(path, lambda store: store.save(whole))
    text = compact([encode(one) for one in whole.messages])

    async def load(store: SqliteSessionStore) -> None:
        await store.load("s")

    async def load_and_read(store: SqliteSessionStore) -> None:
        found = await store.load("s")
        assert found is not None
        for message in found.messages:
            _ = message.content

    is_lazy = "decode_all" in inspect.signature(SqliteSessionStore.open).parameters
    lines = [Line("first load of {}, decoded", "≤ 3.8", load, {"decode_all": True})]
    if is_lazy:
        lines.insert(0, Line("first load of {}", "≤ 2.0", load))
        lines.append(Line("first load of {}, then read", "≤ 1.15 x decoded", load_and_read))
    else:
        lines[0].options.clear()
    for line in await _first(path, lines, text, f"{scale.loaded:,} messages", scale):
        yield line
    yield await _collections(path, f"{scale.loaded:,} messages")
    if hasattr(SqliteSessionStore, "messages"):
        yield await _last(path, scale)
    else:
        yield Row(
            what=f"last {_LAST} messages",
            against="one indexed SELECT",
            skipped="this store reads no window of messages",
        )
    snapshot = Story(scale.length).at(0)
    every = folder / "loads-all.a3s"
    await seeded(every, lambda store: store.save_snapshot(snapshot))

    async def load_everything(store: SqliteSessionStore) -> None:
        await store.load_snapshot(snapshot.session.id)

    what = f"all collections of {scale.length:,} messages"
    lines = [Line("first load of {}", "3.3 wanted", load_everything)]
    for line in await _first(every, lines, compact(encode(snapshot)), what, scale):
        yield line
    await proven(path, every)


@attrs.frozen
class Line:
    """A call of a store that was just opened with these options, and its line in the table."""

    what: str
    asked: str
    call: Callable[[SqliteSessionStore], Awaitable[None]]
    options: dict[str, Any] = attrs.field(factory=dict)


async def _first(
    path: Path, lines: Sequence[Line], text: bytes, of: str, scale: Scale
) -> list[Row]:
    """Return the lines, each beside orjson.loads of the text."""

    async def parse(_: Any) -> None:
        orjson.loads(text)

    async with AsyncExitStack() as stack:
        contenders = [Contender("parse", parse)]
        for line in lines:
            # Opened before they are timed: a store's second load is not a first one.
            stores = [
                await stack.enter_async_context(
                    SqliteSessionStore.open(path, read_only=True, **line.options)
                )
                for _ in range(1 + scale.blocks * scale.rounds)
            ]
            contenders.append(Contender(line.what, line.call, iter(stores).__next__))
        found = await in_turn(contenders, blocks=scale.blocks, rounds=scale.rounds, warmups=1)
    return [
        row(
            found,
            one.what,
            "parse",
            what=one.what.format(of),
            against="orjson.loads",
            asked=one.asked,
        )
        for one in lines
    ]


async def _collections(path: Path, of: str) -> Row:
    """Return the line of the garbage collector's work during a load."""
    counts = [0, 0, 0]

    def count(phase: str, info: Mapping[str, int]) -> None:
        counts[info["generation"]] += phase == "start"

    async with SqliteSessionStore.open(path, read_only=True) as store:
        await store.exists("s")
        with small_heap():
            gc.callbacks.append(count)
            try:
                await store.load("s")
            finally:
                gc.callbacks.remove(count)
    return Row(
        what=f"collections in a first load of {of}",
        against="generations 0, 1, 2",
        figures=", ".join(map(str, counts)),
        asked="no full one",
    )


async def _last(path: Path, scale: Scale) -> Row:
    conn = sqlite3.connect(path)
    start = (scale.loaded - _LAST,)
    assert is_indexed(conn, _WINDOW, start)

    async def select(_: Any) -> None:
        assert len(conn.execute(_WINDOW, start).fetchall()) == _LAST

    async with SqliteSessionStore.open(path) as store:
        windowed: Any = store

        async def window(_: Any) -> None:
            page = await windowed.messages("s", last=_LAST)
            assert len(page.items) == _LAST

        found = await in_turn(
            [Contender("window", window), Contender("select", select)],
            blocks=scale.blocks,
            rounds=scale.rounds,
        )
    conn.close()
    what = f"last {_LAST} of {scale.loaded:,} messages"
    return row(found, "window", "select", what=what, against="one indexed SELECT", asked="≤ 6")
