"""Rules of the state machine about streams in transactions, and about items that expire."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, TypeAlias

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from a3s_store.core.streams.values import NewItem, StreamUpdate
from a3s_store.testing._pairs import Pair, do_nothing
from a3s_store.testing._pairs_machine import NEW
from a3s_store.testing._stream_rules import (
    IDS,
    ITEMS,
    LABELS,
    NAMES,
    VALUES,
    StreamRules,
    all_streams,
    shown,
)

_HAS = ("streams", "transactions")
# The name of a method of a stream, of the stream, and the values that some methods use.
_Call: TypeAlias = tuple[str, str, list[NewItem], str | None, int]
_KINDS = ("append", "replace", "put", "pop", "truncate", "delete", "delete all", "copy", "update")
_CALLS = st.lists(
    st.tuples(st.sampled_from(_KINDS), NAMES, ITEMS, IDS, st.integers(0, 6)),
    min_size=1,
    max_size=5,
)
_SECONDS = st.sampled_from((None, 2, 5))


async def _record(tx: Any, call: _Call, tied: str | None) -> None:
    """Record a call of a transaction on a stream."""
    kind, name, items, item_id, number = call
    stream = tx.stream(name, session=tied)
    match kind:
        case "append":
            stream.append(*items, metadata=number or None)
        case "replace":
            stream.append(*items, on_conflict="replace")
        case "put":
            expected = number if number < 2 else None
            stream.put(item_id or "i", number, labels={"run": "1"}, expected_version=expected)
        case "pop":
            stream.pop()
        case "truncate":
            stream.truncate(number)
        case "delete":
            stream.delete(item_id, id_prefix="i")
        case "delete all":
            stream.delete()
        case "copy":
            stream.copy(("a", "b", "c")[number % 3])
        case "update":
            await stream.update(_counted, last=number)


def _counted(info: Any, items: Any) -> StreamUpdate | None:
    """Return a change that tells what was read; none for a stream without metadata and items."""
    if info is not None and info.metadata is None and not items:
        return None
    found = [None if info is None else info.next, len(items)]
    return StreamUpdate([found], metadata=len(items))


class StreamUnitRules(StreamRules):
    """Change streams in units, with sessions, and let items expire, as the model does."""

    ids = StreamRules.ids

    def compare_streams(self, after: str) -> None:
        """Compare all streams of each pair."""

        async def work(pair: Pair) -> None:
            if pair.promises(*_HAS):
                await pair.read(f"streams after {after}", all_streams)

        self.each(work)

    @rule(
        one=ids,
        calls=_CALLS,
        read=st.lists(NAMES, max_size=2),
        change=st.sampled_from(("no session", "save", "tie", "delete")),
        fails=st.sampled_from((False, False, False, True)),
    )
    def make_a_unit_of_streams(
        self, one: str, calls: list[_Call], read: list[str], change: str, fails: bool
    ) -> None:
        """Change streams and a session as a unit, which may fail as a whole."""

        async def step(store: Any) -> Any:
            async with store.transaction() as tx:
                found = [shown(await tx.stream(name).items(last=2)) for name in read]
                if change in ("save", "tie"):
                    tx.append(one, (), create=NEW.evolve(id=one), updated_at=1)
                for call in calls:
                    await _record(tx, call, one if change == "tie" else None)
                if change == "delete":
                    tx.delete(one)
                if fails:
                    tx.stream("a").append(expected_next=2**40)
            sessions = change in ("save", "tie")
            return found, [shown(result) for result in tx.results[sessions : 1 + len(calls)]]

        self.change("unit of streams", do_nothing, one, special=step, needs=_HAS)
        self.compare_streams("a unit")

    @rule(name=NAMES, other=NAMES, value=VALUES, how=st.sampled_from(("items", "info", "update")))
    def change_a_stream_between_read_and_commit(
        self, name: str, other: str, value: Any, how: str
    ) -> None:
        """Read a stream, have one changed, perhaps the same, and write what was read."""

        async def step(store: Any) -> Any:
            async with store.transaction() as tx:
                stream = tx.stream(name)
                if how == "update":
                    await stream.update(_counted)
                else:
                    await (stream.items() if how == "items" else stream.info())
                await store.stream(other).append(value)
                tx.stream("written").append(value)
            return None

        self.change("change of a stream in a block", do_nothing, special=step, needs=_HAS)
        self.compare_streams("a change in a block")

    @rule(name=NAMES, item_id=IDS, value=VALUES, labels=LABELS, seconds=_SECONDS)
    @precondition(lambda self: self.clock is not None)
    def append_expiring(
        self, name: str, item_id: str | None, value: Any, labels: Any, seconds: int | None
    ) -> None:
        """Append an item that expires, or replace one, inside a unit or outside."""
        ttl = None if seconds is None else timedelta(seconds=seconds)
        item = NewItem(value, id=item_id, labels=labels, ttl=ttl)

        async def in_a_unit(store: Any) -> Any:
            async with store.transaction() as tx:
                tx.stream(name).append(item, on_conflict="replace")
                tx.stream(name).append("behind it")
            return shown(tx.results[0])

        self.change("expiring item in a unit", do_nothing, special=in_a_unit, needs=_HAS)
        self.on_streams(
            f"append an expiring item to {name!r}",
            lambda store: store.stream(name).append(item, on_conflict="replace"),
        )

    @rule(seconds=st.sampled_from((1, 3, 7)))
    @precondition(lambda self: self.clock is not None)
    def let_time_pass(self, seconds: int) -> None:
        """Move the clock of all stores, so that items expire."""
        assert self.clock is not None, "there is one"
        self.clock.now += seconds
        self.compare_streams(f"{seconds} seconds")
