"""Entries of LangGraph's `BaseStore` in streams, one for each namespace: coroutines over a store.

| id of the item | value | metadata, after the layout |
|---|---|---|
| `i` key | the value, as JSON | creation and update in Unix microseconds, minutes to live or null |
| `v` key, path | a vector: float32, little-endian | |

A batch reads first, then makes all of its changes in one transaction; a batch that is too large
for one takes several.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from a3s_store import Item, NewItem
from a3s_store.adapters._calls import Streams
from a3s_store.adapters._layout import fields, joined, parted
from a3s_store.adapters._peers import needs
from a3s_store.adapters.langgraph._matching import fits, matches
from a3s_store.adapters.langgraph._vectors import Index, packed, similarity, unpacked
from a3s_store.errors import StaleItemError, TransactionTooLargeError, UnsupportedError

with needs("langgraph"):
    from langgraph.store.base import (
        GetOp,
        ListNamespacesOp,
        PutOp,
        SearchItem,
        SearchOp,
        validate_op_namespace,
    )
    from langgraph.store.base import Item as Entry

LAYOUT: Final = 1
PREFIX: Final = joined("langgraph.store")


async def batch(store: Streams, index: Index, given: Iterable[Any]) -> list[Any]:
    """Execute operations: those that read see what is stored before those that write."""
    ops = list(given)
    for op in ops:
        validate_op_namespace(op)
    results: list[Any] = [None] * len(ops)
    wanted = [op.query for op in ops if isinstance(op, SearchOp) and op.query]
    queries = dict(zip(wanted, await index.embed(wanted), strict=True)) if index.is_on else {}
    puts: dict[tuple[tuple[str, ...], str], Any] = {}
    for number, op in enumerate(ops):
        if isinstance(op, GetOp):
            results[number] = await _get(store, op)
        elif isinstance(op, SearchOp):
            results[number] = await _search(store, op, queries.get(op.query or ""))
        elif isinstance(op, ListNamespacesOp):
            results[number] = await _list(store, op)
        elif isinstance(op, PutOp):
            puts[op.namespace, op.key] = op  # of two for one key the later
        else:
            raise UnsupportedError(f"an operation of type {type(op).__name__} is not known")
    await _write(store, await _changes(store, index, [*puts.values()]))
    return results


async def _get(store: Streams, op: Any) -> Any:
    item = await store.stream(_name(op.namespace)).get(joined("i", op.key))
    if item is None:
        return None
    if op.refresh_ttl:
        await _refresh(store, op.namespace, item)
    return Entry(**_described(op.namespace, item))


async def _search(store: Streams, op: Any, query: Sequence[float] | None) -> list[Any]:
    """Return entries, by similarity where there is a query, then by update, newest first."""
    found: list[tuple[tuple[str, ...], Item, float | None]] = []
    async for namespace in _namespaces(store, op.namespace_prefix):
        scores: dict[str, float] = {}
        items = []
        async for item in store.stream(_name(namespace)).iterate():
            kind, key, *_ = parted(item.id or "")
            if kind == "i":
                if fits(item.value, op.filter or {}):
                    items.append((key, item))
            elif query is not None:
                fields(item, LAYOUT, _name(namespace))
                score = similarity(query, unpacked(item.value))
                scores[key] = max(score, scores.get(key, score))
        found += ((namespace, item, scores.get(key)) for key, item in items)
    found.sort(key=lambda one: _updated(one[0], one[1]), reverse=True)
    found.sort(key=lambda one: -2.0 if one[2] is None else one[2], reverse=True)
    page = found[op.offset : op.offset + op.limit]
    if op.refresh_ttl:
        for namespace, item, _ in page:
            await _refresh(store, namespace, item)
    return [SearchItem(**_described(name, item), score=score) for name, item, score in page]


async def _list(store: Streams, op: Any) -> list[tuple[str, ...]]:
    conditions = op.match_conditions or ()
    found = {
        namespace[: op.max_depth]
        async for namespace in _namespaces(store, ())
        if all(matches(namespace, one.match_type, one.path) for one in conditions)
    }
    return sorted(found)[op.offset : op.offset + op.limit]


async def _namespaces(store: Streams, prefix: Sequence[str]) -> AsyncIterator[tuple[str, ...]]:
    """Yield the namespaces with entries that begin with these labels."""
    after = None
    while True:
        page = await store.streams(_name(prefix), after=after)
        for info in page.items:
            if info.count:
                yield parted(info.name)[1:]
        after = page.next
        if after is None:
            return


async def _refresh(store: Streams, namespace: Sequence[str], item: Item) -> None:
    """Begin the time to live of an entry anew, unless it was changed meanwhile."""
    name = _name(namespace)
    *_, minutes = fields(item, LAYOUT, name)
    if minutes is None or item.id is None:
        return
    ttl = timedelta(minutes=minutes)
    vectors = await store.stream(name).items(id_prefix=joined("v", parted(item.id)[1]))
    try:
        async with store.transaction() as tx:
            stream = tx.stream(name)
            version = item.version
            stream.put(
                item.id, item.value, metadata=item.metadata, ttl=ttl, expected_version=version
            )
            for one in vectors:
                stream.put(one.id or "", one.value, metadata=one.metadata, ttl=ttl)
    except StaleItemError:
        pass  # a newer value has a time to live of its own


# The namespace, the key, and the items to store in place of those of the key; none to remove it.
_Change = tuple[str, str, list[NewItem]]


async def _changes(store: Streams, index: Index, puts: Sequence[Any]) -> list[_Change]:
    texts: list[list[tuple[str, str]]] = [
        [] if op.value is None else index.texts(op.value, op.index) for op in puts
    ]
    flat = [text for found in texts for _, text in found]
    vectors = iter(await index.embed(flat) if flat else ())
    now = time.time_ns() // 1000
    changes = []
    for op, found in zip(puts, texts, strict=True):
        name = _name(op.namespace)
        items = []
        if op.value is not None:
            stored = await store.stream(name).get(joined("i", op.key))
            created = now if stored is None else fields(stored, LAYOUT, name)[0]
            ttl = None if op.ttl is None else timedelta(minutes=op.ttl)
            about = [LAYOUT, created, now, op.ttl]
            value = dict(op.value)
            items = [NewItem(value, id=joined("i", op.key), metadata=about, ttl=ttl)]
            items += (
                NewItem(
                    packed(next(vectors)),
                    id=joined("v", op.key, path),
                    metadata=[LAYOUT],
                    ttl=ttl,
                )
                for path, _ in found
            )
        changes.append((name, op.key, items))
    return changes


async def _write(store: Streams, changes: Sequence[_Change]) -> None:
    if not changes:
        return
    try:
        async with store.transaction() as tx:
            for name, key, items in changes:
                stream = tx.stream(name)
                stream.delete(id_prefix=joined("v", key))
                if items:
                    stream.append(*items, on_conflict="replace")
                else:
                    stream.delete(joined("i", key))
    except TransactionTooLargeError:  # nothing was written
        if len(changes) > 1:
            half = len(changes) // 2
            await _write(store, changes[:half])
            await _write(store, changes[half:])
            return
        ((name, key, items),) = changes
        await store.stream(name).delete(id_prefix=joined("v", key))
        await store.stream(name).append(*items, on_conflict="replace")


def _name(namespace: Sequence[str]) -> str:
    return PREFIX + joined(*namespace)


def _updated(namespace: Sequence[str], item: Item) -> int:
    updated: int = fields(item, LAYOUT, _name(namespace))[1]
    return updated


def _described(namespace: Sequence[str], item: Item) -> Mapping[str, Any]:
    created, updated, _ = fields(item, LAYOUT, _name(namespace))
    return {
        "namespace": tuple(namespace),
        "key": parted(item.id or "")[1],
        "value": item.value,
        "created_at": datetime.fromtimestamp(created / 1e6, UTC),
        "updated_at": datetime.fromtimestamp(updated / 1e6, UTC),
    }
