"""Items and readers of streams have a short `repr`; a reader ends with its block."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from a3s_store import MemorySessionStore, NewItem
from a3s_store.core.streams.values import StreamUpdate
from a3s_store.errors import StoreClosedError
from tests.support import session

LARGE = (
    b"x" * 1_000_000,
    "x" * 1_000_000,
    ["x" * 1_000_000] * 10,
    {"a": [b"x" * 1_000_000]},
    {str(n): n for n in range(10_000)},
)


@pytest.mark.parametrize("value", LARGE)
def test_the_repr_of_an_item_is_short(value: Any) -> None:
    item = NewItem(value, id="i" * 1000, labels={"k": "v"}, metadata=value)
    for one in (item, StreamUpdate([item] * 1000, metadata=value)):
        assert len(repr(one)) <= 200
        assert "\n" not in repr(one)
    assert repr(NewItem(value)).startswith("NewItem(value=")


def test_the_repr_of_a_stored_item_and_of_its_stream_is_short() -> None:
    async def use() -> list[str]:
        async with MemorySessionStore() as store:
            stream = store.stream("s")
            await stream.append(b"x" * 100_000, metadata=["y" * 1000])
            return [repr((await stream.items())[0]), repr(await stream.info())]

    item, info = asyncio.run(use())
    assert item.startswith("Item(seq=0, id=None, value=<100000 bytes>")
    assert info.startswith("StreamInfo(name='s', count=1")
    assert len(info) <= 200


def test_a_reader_has_a_repr_and_is_closed_with_its_block() -> None:
    async def use() -> None:
        async with MemorySessionStore() as store:
            await store.save(session("s"))
            await store.put_bytes("s", "f", b"x" * 300_000, media_type="text/plain")
            async with store.open_bytes("s", "f") as reader:
                assert reader is not None
                await reader.read(10)
                assert repr(reader) == "<BytesReader 'f' version 1, at 10 of 300000 bytes>"
            assert repr(reader) == "<BytesReader 'f' version 1, closed>"
            with pytest.raises(StoreClosedError, match="block of open_bytes has ended"):
                await reader.read()
            with pytest.raises(StoreClosedError, match="'f'"):
                async for _ in reader:
                    pass

    asyncio.run(use())
