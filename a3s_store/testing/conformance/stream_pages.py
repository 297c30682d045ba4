"""Stores with `streams`: which items are read, lists of streams, and items by their labels."""

from __future__ import annotations

import asyncio
from typing import Any

from a3s_store.core.streams.values import NewItem
from a3s_store.errors import InvalidCursorError, StaleItemError
from a3s_store.testing.conformance.expect import holds, raises, same
from a3s_store.testing.conformance.suite import required_by

_GROUP = "streams"
_IDS = ("b", "a/1", None, "a/10", "ab", "a", None, "\U0001f600", "\ue000", "a/2")


async def _fill(store: Any) -> Any:
    stream = store.stream("s")
    await stream.append(
        *(
            NewItem(n, id=one, labels={"even": str(n % 2 == 0), "n": str(n)})
            for n, one in enumerate(_IDS)
        )
    )
    return stream


@required_by(_GROUP, capability="streams")
async def items_are_chosen_by_all_conditions(store: Any) -> None:
    """items() returns what a filter over all items would, in the order asked for."""
    stream = await _fill(store)
    every = await stream.items()
    for last, limit in ((None, None), (3, None), (None, 3), (0, None), (None, 0), (99, None)):
        for where in (
            {},
            {"after": 3},
            {"before": 7},
            {"after": 1, "before": 8},
            {"after": -1, "before": 0},
            {"id_prefix": "a"},
            {"id_prefix": "a/"},
            {"id_prefix": ""},
            {"id_before": "a/2"},
            {"id_before": "b", "id_prefix": "a/", "after": 1},
            {"labels": {"even": "True"}},
            {"labels": {"even": "True", "n": "4"}},
            {"labels": {"even": "none"}},
        ):
            for order in ("seq", "id"):
                found = await stream.items(order=order, last=last, limit=limit, **where)
                wanted = [one for one in every if _holds(one, where)]
                if order == "id":
                    wanted = sorted(
                        (one for one in wanted if one.id is not None), key=lambda one: one.id
                    )
                wanted = wanted[: limit if limit is not None else None]
                wanted = wanted[max(0, len(wanted) - last) :] if last is not None else wanted
                same(wanted, [*found], f"{where} {order} {last} {limit}")
                if last is None and limit is None:
                    listed = [one async for one in stream.iterate(order=order, **where)]
                    same(wanted, listed, f"iterate {where} {order}")


def _holds(item: Any, where: dict[str, Any]) -> bool:
    asks_id = "id_prefix" in where or "id_before" in where
    return (
        item.seq > where.get("after", -1)
        and item.seq < where.get("before", 99)
        and (not asks_id or item.id is not None)
        and ("id_prefix" not in where or item.id.startswith(where["id_prefix"]))
        and ("id_before" not in where or item.id < where["id_before"])
        and all(item.labels.get(key) == text for key, text in where.get("labels", {}).items())
    )


@required_by(_GROUP, capability="streams")
async def long_streams_are_iterated(store: Any) -> None:
    """iterate() yields every item once, whatever the number of reads."""
    stream = store.stream("a")
    await stream.append(*(NewItem(n, id=f"{n:04}") for n in range(600)))
    same([*range(600)], [one.value async for one in stream.iterate()], "by seq")
    found = [one.value async for one in stream.iterate(order="id", after=99)]
    same([*range(100, 600)], found, "by id")


@required_by(_GROUP, capability="streams")
async def an_iteration_yields_items_of_one_stream(store: Any) -> None:
    """iterate() notices that the stream was deleted; single items may go and come."""
    stream = store.stream("a")
    for order in ("seq", "id"):
        for comes_again in (0, 1, 600):
            await stream.delete()
            await stream.append(*(NewItem(n, id=f"{n:04}") for n in range(600)))
            seen: list[Any] = []
            what = f"{comes_again} items are there by {order}"
            await raises(StaleItemError, what, _replaced, stream, order, comes_again, seen)
            same([*range(256)], seen, f"what was read before {what}")
        await stream.delete()
        await stream.append(*(NewItem(n, id=f"{n:04}") for n in range(600)))
        seen = []
        async for one in stream.iterate(order=order):
            seen.append(one.value)
            if len(seen) == 1:
                await stream.delete("0255")
                await stream.append(NewItem(0, id="0254a"), NewItem(600, id="0600"))
        wanted = [*range(600), 0, 600] if order == "seq" else [*range(601)]
        same(wanted, seen, f"items that come and go, by {order}")


async def _replaced(stream: Any, order: str, count: int, seen: list[Any]) -> None:
    """Iterate over a stream that is deleted meanwhile, and has so many other items then."""
    async for one in stream.iterate(order=order):
        seen.append(one.value)
        if len(seen) == 1:
            await stream.delete()
            await asyncio.sleep(0.01)  # the time of an item is in milliseconds
            if count:
                await stream.append(*(NewItem(-n, id=f"{n:04}") for n in range(count)))


@required_by(_GROUP, capability="streams")
async def items_are_removed_by_all_conditions(store: Any) -> None:
    """delete() removes what items() would return, and returns the number."""
    stream = await _fill(store)
    same(1, await stream.delete(id_prefix="a/1", labels={"n": "1"}), "both")
    same(2, await stream.delete(id_prefix="a/"), "by the beginning of ids")
    same(5, await stream.delete(labels={"even": "True"}), "by a label")
    same([5, 7], [one.seq for one in await stream.items()], "what is left")
    same((), (await store.find_items({"even": "True"})).items, "none has the label")


@required_by(_GROUP, capability="streams")
async def streams_are_listed_by_name(store: Any) -> None:
    """streams() returns pages in the order of names; delete_streams() removes by a beginning."""
    names = ["a", "a\x1f1", "a\x1f2", "ab", "b", "\ud7ff", "\U0010ffff"]
    for number, name in enumerate(names):
        await store.stream(name).append(*range(number), metadata=name)
    for prefix in ("", "a", "a\x1f", "b", "\ud7ff", "\U0010ffff", "none"):
        wanted = sorted(name for name in names if name.startswith(prefix))
        for limit in (1, 2, 100):
            found: list[Any] = []
            after: str | None = None
            while True:
                page = await store.streams(prefix, limit=limit, after=after)
                holds(len(page) <= limit, "no more than the limit")
                found += page
                after = page.next
                if after is None:
                    break
            same(wanted, [one.name for one in found], f"{prefix!r} by {limit}")
    same([*range(7)], sorted(one.count for one in await store.streams()), "their items")
    cursor = (await store.streams("a", limit=1)).next
    for wrong in ("", "x", cursor[:-1], cursor + "A"):
        await raises(InvalidCursorError, f"{wrong}", store.streams, "a", after=wrong)
    await raises(InvalidCursorError, "another list", store.streams, "b", after=cursor)
    same(2, await store.delete_streams("a\x1f", dry_run=True), "counted")
    same(2, await store.delete_streams("a\x1f"), "deleted")
    same(5, len(await store.streams()), "what is left")
    same(5, await store.delete_streams(""), "all")
    same(0, len(await store.streams()), "none")


@required_by(_GROUP, capability="streams")
async def items_are_found_by_labels(store: Any) -> None:
    """find_items() returns the items with all labels, by name and seq, in pages."""
    for name in ("x/2", "x/1", "y"):
        for n in range(4):
            labels = {"run": str(n % 2), "of": name}
            await store.stream(name).append(NewItem([name, n], labels=labels))
    await store.stream("y").append({"no": "labels"})
    for labels, prefix, wanted in (
        ({"run": "1"}, "", [("x/1", 1), ("x/1", 3), ("x/2", 1), ("x/2", 3), ("y", 1), ("y", 3)]),
        ({"run": "1"}, "x/", [("x/1", 1), ("x/1", 3), ("x/2", 1), ("x/2", 3)]),
        ({"run": "0", "of": "y"}, "", [("y", 0), ("y", 2)]),
        ({"run": "0", "of": "none"}, "", []),
    ):
        for limit in (1, 3, 100):
            found: list[Any] = []
            after: str | None = None
            while True:
                page = await store.find_items(labels, prefix=prefix, limit=limit, after=after)
                holds(len(page) <= limit, "no more than the limit")
                found += page
                after = page.next
                if after is None:
                    break
            same(wanted, [(name, one.seq) for name, one in found], f"{labels} by {limit}")
            holds(all(one.value == [name, one.seq] for name, one in found), "the values")
