"""Byte artifacts of random sizes around the edges of chunks, in random pieces and ranges."""

from __future__ import annotations

import asyncio
import hashlib
import random
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from a3s_store import MemorySessionStore, SqliteSessionStore
from a3s_store.core.streams.byte_artifacts import CHUNK
from tests.support import session

_SIZES = st.builds(
    lambda chunks, more: max(0, chunks * CHUNK + more), st.integers(0, 6), st.integers(-2, 2)
)
_RANGES = st.lists(st.tuples(st.floats(0, 1.1), st.integers(0, 2 * CHUNK)), max_size=4)


async def _pieces(data: bytes, cuts: list[int], stop: int | None) -> AsyncIterator[bytes]:
    for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True):
        if stop is not None and end > stop:
            raise LookupError
        yield data[start:end]


async def _round_trip(
    store: Any, data: bytes, cuts: list[int], stop: int | None, ranges: list[tuple[float, int]]
) -> None:
    await store.save(session("s"))
    await store.put_bytes("s", "a", b"before", media_type="x/y")
    try:
        made = await store.put_bytes("s", "a", _pieces(data, cuts, stop), media_type="x/y")
    except LookupError:
        data, version = b"before", 1
    else:
        version = 2
        assert made.digest == "sha256:" + hashlib.sha256(data).hexdigest()
    assert [one.version for one in await store.list_bytes("s")] == [*range(1, version + 1)]
    async with store.open_bytes("s", "a") as reader:
        assert reader is not None
        assert await reader.read() == data
        for place, size in ranges:
            start = int(place * len(data))
            reader.seek(start)
            assert await reader.read(size) == data[start : start + size]


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
@settings(max_examples=15, deadline=None)
@given(
    size=_SIZES,
    seed=st.integers(0, 9),
    places=st.lists(st.floats(0, 1), max_size=4),
    stop=st.none() | st.floats(0, 1),
    ranges=_RANGES,
)
def test_bytes_come_back_whole_or_not_at_all(
    kind: str,
    size: int,
    seed: int,
    places: list[float],
    stop: float | None,
    ranges: list[tuple[float, int]],
) -> None:
    data = random.Random(seed).randbytes(size)
    cuts = sorted(int(place * size) for place in places)

    async def main(path: Path) -> None:
        store: Any = MemorySessionStore()
        if kind == "sqlite":
            store = await SqliteSessionStore.open(path, durability="normal")
        async with store:
            end = None if stop is None else int(stop * size)
            await _round_trip(store, data, cuts, end, ranges)

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(main(Path(folder, "a.a3s")))
