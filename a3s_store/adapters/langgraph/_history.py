"""The checkpoints of threads, newest first, and which of them pruning keeps.

Only the small `i` items are read in pages; states are read one by one, when they are needed.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Final

import attrs

from a3s_store import Item, Stream
from a3s_store.adapters._calls import Streams
from a3s_store.adapters._layout import fields, joined, parted
from a3s_store.adapters.langgraph import _checkpoints
from a3s_store.adapters.langgraph._checkpoints import LAYOUT, PREFIX, Serializer, stream_of

_PAGE: Final = 64
# LangGraph keeps the channels here whose value is made of the writes of several checkpoints.
_COUNTERS: Final = "counters_since_delta_snapshot"


@attrs.define
class _Line:
    """The checkpoints of one namespace of a thread, newest first: the next of them is `item`."""

    thread_id: str
    stream: Stream
    items: AsyncIterator[Item]
    item: Item | None = None

    @property
    def checkpoint_id(self) -> str:
        assert self.item is not None
        return _id_of(self.item)


async def listed(
    store: Streams,
    serde: Serializer,
    config: Any,
    wanted: Mapping[str, Any] | None,
    end: str | None,
    limit: int | None,
) -> AsyncIterator[Any]:
    """Yield checkpoints, newest first.

    Of a thread, namespace or checkpoint where `config` has it, below the id `end`, and with these
    values in their metadata.
    """
    given = config["configurable"] if config else {}
    left = limit
    async for line in _merged(await _lines(store, given, end)):
        assert line.item is not None
        _, namespace, checkpoint_id = parted(line.item.id or "")
        if left is not None and left <= 0:
            return
        if given.get("checkpoint_id", checkpoint_id) not in (checkpoint_id, None, ""):
            continue
        _, kind, text = fields(line.item, LAYOUT, line.stream.name)
        about = _checkpoints.metadata_of(serde, kind, text) if wanted else {}
        if wanted and any(about.get(key) != value for key, value in wanted.items()):
            continue
        state = await line.stream.get(joined("c", namespace, checkpoint_id))
        if state is not None:  # it was not deleted meanwhile
            left = None if left is None else left - 1
            yield await _checkpoints.tuple_of(line.stream, serde, line.thread_id, state)


async def prune(store: Streams, serde: Serializer, thread_ids: Sequence[str]) -> None:
    """Remove all checkpoints but the newest of each namespace, and what its channels need."""
    for thread_id in thread_ids:
        stream = stream_of(store, thread_id)
        for namespace in await _namespaces(stream):
            kept = await _kept(store, serde, thread_id, namespace)
            # One that came meanwhile is newer than all that are kept.
            old = [
                item.id or ""
                async for item in _newest_first(stream, namespace, max(kept, default=""))
                if _id_of(item) not in kept
            ]
            await _checkpoints.drop(store, [(stream.name, index_id) for index_id in old])


async def _kept(store: Streams, serde: Serializer, thread_id: str, namespace: str) -> set[str]:
    """Return the newest checkpoint, and the ancestors without which channels have no value."""
    kept: set[str] = set()
    config = _checkpoints.config_of(thread_id, namespace, None)
    missing: set[str] | None = None
    while config is not None:
        found = await _checkpoints.get(store, serde, config)
        if found is None:
            break
        kept.add(found.config["configurable"]["checkpoint_id"])
        if missing is None:
            missing = set(found.metadata.get(_COUNTERS) or ())
        missing -= found.checkpoint["channel_values"].keys()
        config = found.parent_config if missing else None
    return kept


async def _lines(store: Streams, given: Mapping[str, Any], end: str | None) -> list[_Line]:
    found = []
    threads = [given["thread_id"]] if "thread_id" in given else await _threads(store)
    for thread_id in threads:
        stream = stream_of(store, thread_id)
        named = given.get("checkpoint_ns")
        for namespace in await _namespaces(stream) if named is None else [named]:
            found.append(_Line(thread_id, stream, _newest_first(stream, namespace, end)))
    return found


async def _threads(store: Streams) -> list[str]:
    found: list[str] = []
    after = None
    while True:
        page = await store.streams(PREFIX, after=after)
        found += (parted(info.name)[1] for info in page.items)
        after = page.next
        if after is None:
            return found


async def _namespaces(stream: Stream) -> list[str]:
    """Return the namespaces of a thread: one read for each."""
    found: list[str] = []
    before = None
    while page := await stream.items(last=1, id_prefix=joined("i"), id_before=before, order="id"):
        found.append(parted(page[0].id or "")[1])
        before = joined("i", found[-1])
    return found


async def _newest_first(stream: Stream, namespace: str, end: str | None) -> AsyncIterator[Item]:
    prefix = joined("i", namespace)
    before = None if end is None else joined("i", namespace, end)
    while page := await stream.items(last=_PAGE, id_prefix=prefix, id_before=before, order="id"):
        for item in reversed(page):
            yield item
        before = page[0].id


async def _merged(lines: Sequence[_Line]) -> AsyncIterator[_Line]:
    """Yield the line with the newest checkpoint, again and again, until all are at their ends."""
    waiting = list(lines)
    while True:
        for line in waiting:
            if line.item is None:
                line.item = await anext(line.items, None)
        waiting = [line for line in waiting if line.item is not None]
        if not waiting:
            return
        newest = max(waiting, key=lambda line: line.checkpoint_id)
        yield newest
        newest.item = None


def _id_of(item: Item) -> str:
    return parted(item.id or "")[2]
