"""Values of 1 KB under a key, and bytes of 1 MB under a name, beside AgentFS.

AgentFS (`agentfs-sdk` on PyPI, the extra `peers`) keeps both in one file with its own engine. It
writes a value in one transaction and syncs it, as ours does with `durability="full"`; a second file
of each is written without a sync: `PRAGMA synchronous = OFF` there, `durability="normal"` here. It
keeps no checksums, no log of commits and one version of each file, in chunks of 4 KB.
"""

from __future__ import annotations

import importlib
import importlib.util
import itertools
import os
import random
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final, Literal

from a3s_store import SqliteSessionStore
from benchmarks.ratios.blocks import Contender, Row, in_turn, row
from benchmarks.ratios.conversations import messages, proven, session
from benchmarks.ratios.scale import Scale
from benchmarks.sessions import text

_AGAINST: Final = "AgentFS"
_ASKED: Final = "≤ 1.2"
_KEYS: Final = 100
_VALUE: Final = 1000
_BYTES: Final = 1 << 20
_MODULE: Final = "agentfs_sdk"
_LINES: Final = ("value of 1 KB", "bytes of 1 MB")


async def keyvalue(folder: Path, scale: Scale) -> AsyncIterator[Row]:
    """A key-value store and a store of files, beside another package that is both."""
    if importlib.util.find_spec(_MODULE) is None:
        for what in _LINES:
            skipped = "agentfs-sdk is not installed (extra `peers`)"
            yield Row(what=what, against=_AGAINST, skipped=skipped)
        return
    for durability in ("full", "normal"):
        path = folder / f"{durability}.a3s"
        async with AsyncExitStack() as stack:
            ours = await stack.enter_async_context(
                SqliteSessionStore.open(path, durability=durability)
            )
            theirs = await _opened(stack, folder / f"{durability}.db", durability)
            async for line in _lines(ours, theirs, durability, scale):
                yield line
        await proven(path)


async def _opened(stack: AsyncExitStack, path: Path, durability: str) -> Any:
    package = importlib.import_module(_MODULE)
    made = await package.AgentFS.open(package.AgentFSOptions(path=str(path)))
    stack.push_async_callback(made.close)
    if durability == "normal":
        await made.get_database().execute("PRAGMA synchronous = OFF")
    return made


async def _lines(
    ours: SqliteSessionStore, theirs: Any, durability: Literal["full", "normal"], scale: Scale
) -> AsyncIterator[Row]:
    rnd = random.Random(1)
    how = "synced" if durability == "full" else "not synced"
    stream = ours.stream("settings")

    async def line(what: str, mine: Any, other: Any, prepare: Callable[[], Any]) -> Row:
        # Both are given the same keys, each its own next one.
        given = [iter(map(_same, itertools.count())) for _ in range(2)]
        found = await in_turn(
            [
                Contender("ours", mine, lambda: (next(given[0]), prepare())),
                Contender("theirs", other, lambda: (next(given[1]), prepare())),
            ],
            blocks=scale.blocks,
            rounds=scale.rounds,
        )
        return row(found, "ours", "theirs", what=what, against=_AGAINST, asked=_ASKED)

    def value() -> Any:
        return {"value": text(rnd, _VALUE)}

    async def put(given: Any) -> None:
        await stream.put(*given)

    async def set_value(given: Any) -> None:
        await theirs.kv.set(*given)

    async def get(given: Any) -> None:
        assert await stream.get(given[0]) is not None

    async def get_value(given: Any) -> None:
        assert await theirs.kv.get(given[0]) is not None

    for number in range(_KEYS):
        await put((_same(number), value()))
        await set_value((_same(number), value()))
    yield await line(f"value of 1 KB is set, {how}", put, set_value, value)
    if durability == "full":
        yield await line("value of 1 KB is read", get, get_value, lambda: None)
    await ours.save(session("s", messages(2)))

    async def put_bytes(given: Any) -> None:
        await ours.put_bytes("s", given[0], given[1], media_type="image/png")

    async def write_file(given: Any) -> None:
        await theirs.fs.write_file(f"/{given[0]}", given[1])

    async def read_bytes(given: Any) -> None:
        async with ours.open_bytes("s", "key0") as reader:
            assert reader is not None
            assert len(await reader.read()) == _BYTES

    async def read_file(given: Any) -> None:
        assert len(await theirs.fs.read_file("/key0", encoding=None)) == _BYTES

    def large() -> bytes:
        return os.urandom(_BYTES)

    yield await line(f"bytes of 1 MB are written, {how}", put_bytes, write_file, large)
    if durability == "full":
        yield await line("bytes of 1 MB are read", read_bytes, read_file, lambda: None)


def _same(number: int) -> str:
    return f"key{number % _KEYS}"
