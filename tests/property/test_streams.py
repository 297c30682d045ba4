"""Random programs on a stream, compared with a dict and a list, with a clock that the test moves.

Two stores write the file in turns, as two processes do.
"""

from __future__ import annotations

import asyncio
import itertools
import tempfile
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from a3s_store import MemorySessionStore, NewItem, SqliteSessionStore
from a3s_store.core.streams.requests import after_prefix
from a3s_store.errors import StaleItemError
from tests.support import database

_IDS = st.sampled_from(("a", "b", "ab"))
_VALUES = st.sampled_from((0, [1], b"x" * 5000, b"y" * 5000, {"z": "z" * 5000}))
_TTL = st.sampled_from((None, None, 1, 3))
_CALLS = st.lists(
    st.one_of(
        st.tuples(st.just("append"), _VALUES, _TTL),
        st.tuples(st.just("put"), _IDS, _VALUES, _TTL, st.sampled_from((None, None, 0, 1))),
        st.tuples(st.just("delete"), _IDS),
        st.tuples(st.just("pop")),
        st.tuples(st.just("truncate"), st.integers(0, 8)),
        st.tuples(st.just("copy")),
        st.tuples(st.just("drop copy")),
        st.tuples(st.just("later"), st.integers(1, 3)),
    ),
    max_size=25,
)


class Model:
    """A list of [seq, id, value, version, expiry], and the same of a copy."""

    def __init__(self) -> None:
        self.now = 1_000
        self.next = 0
        self.items: list[list[Any]] = []
        self.copied: list[list[Any]] | None = None
        self.is_stored = False

    def there(self, items: list[list[Any]]) -> list[list[Any]]:
        return [one for one in items if one[4] is None or one[4] > self.now]

    def expiry(self, ttl: int | None) -> int | None:
        return None if ttl is None else self.now + ttl

    def run(self, call: tuple[Any, ...]) -> Any:
        self.items = self.there(self.items)
        match call:
            case ("append", value, ttl):
                self._add(None, value, ttl)
                return self.next
            case ("put", item_id, value, ttl, expected):
                old = next((one for one in self.items if one[1] == item_id), None)
                version = 0 if old is None else old[3]
                if expected not in (None, version):
                    return "stale"
                if old is None:
                    self._add(item_id, value, ttl)
                    return 1
                if ttl is not None or old[2] != value or old[4] is not None:
                    old[2:] = [value, version + 1, self.expiry(ttl)]
                return old[3]
            case ("delete", item_id):
                found = [one for one in self.items if one[1] == item_id]
                self.items = [one for one in self.items if one[1] != item_id]
                return len(found)
            case ("pop",):
                return self.items.pop()[2] if self.items else None
            case ("truncate", start):
                before = len(self.items)
                self.items = [one for one in self.items if one[0] < start]
                return before - len(self.items)
            case ("copy",):
                if self.copied is not None:
                    return "stale"
                if self.is_stored:
                    self.copied = [list(one) for one in self.items]
            case ("drop copy",):
                self.copied = None
        return None

    def _add(self, item_id: str | None, value: Any, ttl: int | None) -> None:
        self.items.append([self.next, item_id, value, 1, self.expiry(ttl)])
        self.next += 1
        self.is_stored = True


async def _run(store: Any, call: tuple[Any, ...]) -> Any:
    stream = store.stream("s")
    try:
        match call:
            case ("append", value, ttl):
                return (await stream.append(NewItem(value, ttl=_span(ttl)))).next
            case ("put", item_id, value, ttl, expected):
                return await stream.put(item_id, value, ttl=_span(ttl), expected_version=expected)
            case ("delete", item_id):
                return await stream.delete(item_id)
            case ("pop",):
                found = await stream.pop()
                return None if found is None else found.value
            case ("truncate", start):
                return await stream.truncate(start)
            case ("copy",):
                return await stream.copy("copy")
            case ("drop copy",):
                await store.stream("copy").delete()
    except StaleItemError:
        return "stale"


def _span(ttl: int | None) -> timedelta | None:
    return None if ttl is None else timedelta(seconds=ttl)


async def _all(store: Any, name: str) -> list[list[Any]]:
    return [
        [one.seq, one.id, one.value, one.version, one.expires_at_ms and one.expires_at_ms // 1000]
        for one in await store.stream(name).items()
    ]


async def _program(calls: list[tuple[Any, ...]], kind: str, folder: Path) -> None:
    model = Model()
    path = folder / "a.a3s"
    async with AsyncExitStack() as stack:
        stores: list[Any] = [
            MemorySessionStore(clock=lambda: model.now)
            if kind == "memory"
            else await SqliteSessionStore.open(path, clock=lambda: model.now)
            for _ in range(1 if kind == "memory" else 2)
        ]
        for store in stores:
            await stack.enter_async_context(store)
        turns = itertools.cycle(stores)
        for call in calls:
            if call[0] == "later":
                model.now += call[1]
                continue
            assert model.run(call) == await _run(next(turns), call), call
            assert model.there(model.items) == await _all(next(turns), "s"), call
            assert model.there(model.copied or []) == await _all(next(turns), "copy"), call
        if kind == "sqlite":
            assert (await stores[0].verify(depth="deep")).ok
            await stores[0].delete_streams("")
    if kind == "sqlite":
        with database(path) as conn:
            for table in ("blob", "stream", "stream_item", "stream_item_label"):
                assert conn.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
@settings(max_examples=25, deadline=None)
@given(calls=_CALLS)
def test_a_stream_is_a_list_with_ids(kind: str, calls: list[tuple[Any, ...]]) -> None:
    """Blobs are freed exactly when the last reference goes."""
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(_program(calls, kind, Path(folder)))


_TEXTS = st.text(st.sampled_from("ab\ud7fb\ue000\U0010ffff"), max_size=4)


@given(prefix=_TEXTS, text=_TEXTS)
def test_a_prefix_is_a_range(prefix: str, text: str) -> None:
    end = after_prefix(prefix)
    assert (prefix <= text and (end is None or text < end)) == text.startswith(prefix)
