"""Rules of the state machine about streams."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import rule

from a3s_store.core.streams.values import Item, NewItem, StreamAppended, StreamInfo
from a3s_store.testing._pairs import LOOKALIKES, NUMBERS, Pair, do_nothing
from a3s_store.testing._pairs_machine import PairsMachine

_HAS = ("streams",)
NAMES = st.sampled_from(("a", "a\x1fb", "b"))
IDS: st.SearchStrategy[str | None] = st.sampled_from((None, None, "i", "i/1", "j"))
LABELS = st.sampled_from(({}, {}, {"run": "1"}, {"run": "2", "kind": "x"}))
VALUES: st.SearchStrategy[Any] = st.one_of(
    LOOKALIKES.map(lambda value: list(value) if isinstance(value, tuple) else value),
    st.sampled_from((b"", b"bytes", b"large" * 1000, {"large": "x" * 5000})),
)
ITEMS = st.lists(st.builds(NewItem, VALUES, id=IDS, labels=LABELS, metadata=LOOKALIKES), max_size=4)


def shown(result: Any) -> Any:
    """Return the part of a result that every store returns; times and sequences differ."""
    if isinstance(result, StreamAppended):
        return result.first, result.next, result.inserted, result.versions
    if isinstance(result, StreamInfo):
        found = (result.name, result.count, result.next, result.session_id)
        return *found, repr(result.metadata)
    if result is None or isinstance(result, int):
        return result
    if isinstance(result, Item):
        result = (result,)
    return [
        (one.seq, one.id, repr(one.value), dict(one.labels), repr(one.metadata), one.version)
        for one in result
    ]


async def all_streams(store: Any) -> Any:
    """Step: read every stream with its items, and find some by their labels."""
    found = [
        (shown(info), shown(await store.stream(info.name).items()))
        for info in await store.streams()
    ]
    by_label = await store.find_items({"run": "1"})
    return found, [(name, one.seq, one.id, repr(one.value)) for name, one in by_label]


class StreamRules(PairsMachine):
    """Append, put, pop, truncate, delete and copy, as the model does."""

    ids = PairsMachine.ids

    def on_streams(self, what: str, call: Any) -> None:
        """Run a call on each pair that has streams, then compare all streams."""

        async def step(store: Any) -> Any:
            return shown(await call(store))

        async def work(pair: Pair) -> None:
            if not pair.promises(*_HAS):
                return
            await pair.write(what, step)
            await pair.read(f"streams after {what}", all_streams)

        self.each(work)

    @rule(
        name=NAMES,
        items=ITEMS,
        mode=st.sampled_from(("raise", "ignore", "replace")),
        expected=st.sampled_from((None, None, None, 0, 2)),
        metadata=LOOKALIKES,
    )
    def append_items(
        self, name: str, items: list[NewItem], mode: Any, expected: int | None, metadata: Any
    ) -> None:
        """Append items to a stream."""
        self.on_streams(
            f"append to {name!r}",
            lambda store: store.stream(name).append(
                *items, on_conflict=mode, expected_next=expected, metadata=metadata
            ),
        )

    @rule(name=NAMES, one=ids, value=VALUES)
    def append_tied(self, name: str, one: str, value: Any) -> None:
        """Append to a stream that is tied to a session, which need not be stored."""
        self.on_streams(
            f"append to {name!r} of {one!r}",
            lambda store: store.stream(name, session=one, compress=True).append(value),
        )

    @rule(
        name=NAMES,
        item_id=st.sampled_from(("i", "i/1", "j")),
        value=VALUES,
        expected=st.sampled_from((None, None, 0, 1, 2)),
        labels=LABELS,
    )
    def put_item(
        self, name: str, item_id: str, value: Any, expected: int | None, labels: Any
    ) -> None:
        """Put an item, perhaps on a condition."""
        self.on_streams(
            f"put {item_id!r} of {name!r}",
            lambda store: store.stream(name).put(
                item_id, value, labels=labels, expected_version=expected
            ),
        )

    @rule(name=NAMES)
    def pop_item(self, name: str) -> None:
        """Pop the last item."""

        self.on_streams(f"pop of {name!r}", lambda store: store.stream(name).pop())

    @rule(name=NAMES, start=NUMBERS, expected=st.sampled_from((None, None, 3)))
    def truncate_stream(self, name: str, start: int, expected: int | None) -> None:
        """Truncate a stream."""
        self.on_streams(
            f"truncate {name!r}",
            lambda store: store.stream(name).truncate(start, expected_next=expected),
        )

    @rule(
        name=NAMES,
        given=st.sampled_from(
            (
                {"item_id": "i"},
                {"id_prefix": "i"},
                {"labels": {"run": "1"}},
                {"labels": {"kind": "x"}, "id_prefix": ""},
                {},
            )
        ),
    )
    def delete_items(self, name: str, given: dict[str, Any]) -> None:
        """Delete items of a stream, or the stream."""
        self.on_streams(
            f"delete {given} of {name!r}", lambda store: store.stream(name).delete(**given)
        )

    @rule(name=NAMES, to=NAMES)
    def copy_stream(self, name: str, to: str) -> None:
        """Copy a stream."""
        self.on_streams(f"copy {name!r} to {to!r}", lambda store: store.stream(name).copy(to))

    @rule(prefix=st.sampled_from(("", "a", "a\x1f", "c")))
    def delete_streams(self, prefix: str) -> None:
        """Delete streams by the beginning of their names."""
        self.on_streams(f"delete streams {prefix!r}", lambda store: store.delete_streams(prefix))

    async def compare_everything(self, pair: Pair) -> None:
        """Compare the streams too."""
        await super().compare_everything(pair)
        await pair.read("streams", all_streams if pair.promises(*_HAS) else do_nothing)
