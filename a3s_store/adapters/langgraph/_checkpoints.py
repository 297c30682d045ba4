"""Checkpoints of LangGraph in streams, one stream for each thread: coroutines over a store.

| id of the item | value | metadata, after the layout |
|---|---|---|
| `i` namespace, checkpoint | null | parent, type and base64 of LangGraph's metadata |
| `c` namespace, checkpoint | the checkpoint, as the serializer makes it | the same, then its type |
| `w` namespace, checkpoint, task, index | a pending write | task, index, path, channel, type |

Lists, pruning and searches for runs read `i` alone, whose items have the run as a label. A
checkpoint is one commit, and so are the writes of a task.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from typing import Any, Final, Protocol

from a3s_store import Item, NewItem, Stream
from a3s_store.adapters._calls import Streams
from a3s_store.adapters._layout import fields, joined, parted
from a3s_store.adapters._peers import needs

with needs("langgraph"):
    from langgraph.checkpoint.base import (
        WRITES_IDX_MAP,
        CheckpointTuple,
        get_checkpoint_id,
        get_checkpoint_metadata,
    )

LAYOUT: Final = 1
PREFIX: Final = joined("langgraph.checkpoints")
_RUN: Final = "langgraph.run"
_LONGEST_LABEL: Final = 512
# Checkpoints deleted in one commit: some thousand rows.
_BATCH: Final = 500


class Serializer(Protocol):
    """LangGraph's serializers."""

    def dumps_typed(self, value: Any) -> tuple[str, bytes]:
        """Return a value as bytes, and their type."""

    def loads_typed(self, data: tuple[str, bytes]) -> Any:
        """Return the value of a type and bytes."""


async def put(
    store: Streams, serde: Serializer, config: Any, checkpoint: Any, metadata: Any
) -> Any:
    """Store a checkpoint; return the configuration that names it."""
    given = config["configurable"]
    place = (given.get("checkpoint_ns", ""), checkpoint["id"])
    about = get_checkpoint_metadata(config, metadata)
    about_kind, about_bytes = serde.dumps_typed(about)
    index = [
        LAYOUT,
        given.get("checkpoint_id"),
        about_kind,
        base64.b64encode(about_bytes).decode(),
    ]
    labels = {_RUN: _label(about["run_id"])} if about.get("run_id") else {}
    kind, state = serde.dumps_typed(checkpoint)
    await stream_of(store, given["thread_id"]).append(
        NewItem(None, id=joined("i", *place), labels=labels, metadata=index),
        NewItem(state, id=joined("c", *place), metadata=[*index, kind]),
        on_conflict="replace",
    )
    return config_of(given["thread_id"], *place)


async def put_writes(
    store: Streams,
    serde: Serializer,
    config: Any,
    writes: Sequence[tuple[str, Any]],
    task_id: str,
    path: str,
) -> None:
    """Store the writes of a task beside a checkpoint."""
    given = config["configurable"]
    place = (given.get("checkpoint_ns", ""), given["checkpoint_id"], task_id)
    first: list[NewItem] = []
    last: list[NewItem] = []
    for number, (channel, value) in enumerate(writes):
        index = WRITES_IDX_MAP.get(channel, number)
        kind, body = serde.dumps_typed(value)
        about = [LAYOUT, task_id, index, path, channel, kind]
        item = NewItem(body, id=joined("w", *place, str(index)), metadata=about)
        # The first write of an index stays; of errors, interrupts and their like the last one.
        (last if channel in WRITES_IDX_MAP else first).append(item)
    async with store.transaction() as tx:
        stream = tx.stream(name_of(given["thread_id"]))
        if first:
            stream.append(*first, on_conflict="ignore")
        if last:
            stream.append(*last, on_conflict="replace")


async def get(store: Streams, serde: Serializer, config: Any) -> Any:
    """Return the checkpoint that a configuration names, by default the newest; or None."""
    given = config["configurable"]
    namespace, wanted = given.get("checkpoint_ns", ""), get_checkpoint_id(config)
    stream = stream_of(store, given["thread_id"])
    if wanted:
        item = await stream.get(joined("c", namespace, wanted))
    else:
        newest = await stream.items(last=1, id_prefix=joined("c", namespace), order="id")
        item = newest[0] if newest else None
    return None if item is None else await tuple_of(stream, serde, given["thread_id"], item)


async def tuple_of(stream: Stream, serde: Serializer, thread_id: object, item: Item) -> Any:
    """Return the checkpoint of a `c` item, with its writes in the order of LangGraph."""
    _, namespace, checkpoint_id = parted(item.id or "")
    parent, about_kind, about, kind = fields(item, LAYOUT, stream.name)
    writes = []
    for one in await stream.items(id_prefix=joined("w", namespace, checkpoint_id), order="id"):
        task_id, index, path, channel, value_kind = fields(one, LAYOUT, stream.name)
        value = serde.loads_typed((value_kind, one.value))
        writes.append(((path, task_id, index), (task_id, channel, value)))
    writes.sort(key=lambda pair: pair[0])
    return CheckpointTuple(
        config=config_of(thread_id, namespace, checkpoint_id),
        checkpoint=serde.loads_typed((kind, item.value)),
        metadata=metadata_of(serde, about_kind, about),
        parent_config=config_of(thread_id, namespace, parent) if parent else None,
        pending_writes=[write for _, write in writes],
    )


async def copy(store: Streams, source: object, target: object) -> None:
    """Store the checkpoints of a thread under another one, too."""
    await stream_of(store, source).copy(name_of(target))


async def delete_for_runs(store: Streams, run_ids: Sequence[str]) -> None:
    """Remove the checkpoints of runs, in all threads, with their writes."""
    for run_id in run_ids:
        labels = {_RUN: _label(run_id)}
        while found := (await store.find_items(labels, prefix=PREFIX, limit=_BATCH)).items:
            await drop(store, [(name, item.id or "") for name, item in found])


async def drop(store: Streams, found: Sequence[tuple[str, str]]) -> None:
    """Remove checkpoints with their writes; each is named by its stream and the id of `i`."""
    for at in range(0, len(found), _BATCH):
        async with store.transaction() as tx:
            for name, index_id in found[at : at + _BATCH]:
                _, *place = parted(index_id)
                stream = tx.stream(name)
                stream.delete(index_id)
                stream.delete(joined("c", *place))
                stream.delete(id_prefix=joined("w", *place))


def metadata_of(serde: Serializer, kind: str, text: str) -> Any:
    """Return LangGraph's metadata of a checkpoint."""
    return serde.loads_typed((kind, base64.b64decode(text)))


def name_of(thread_id: object) -> str:
    """Return the name of the stream of a thread."""
    return PREFIX + joined(str(thread_id))


def stream_of(store: Streams, thread_id: object) -> Stream:
    """Return the stream of a thread."""
    return store.stream(name_of(thread_id))


def config_of(thread_id: object, namespace: str, checkpoint_id: str | None) -> Any:
    """Return the configuration that names a checkpoint, or with None the newest."""
    named = {} if checkpoint_id is None else {"checkpoint_id": checkpoint_id}
    return {"configurable": {"thread_id": thread_id, "checkpoint_ns": namespace, **named}}


def _label(run_id: object) -> str:
    text = str(run_id)
    if len(text) <= _LONGEST_LABEL:
        return text
    return hashlib.sha256(text.encode()).hexdigest()
