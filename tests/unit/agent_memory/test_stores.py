"""Every agent-memory store returns the same as the store on a dict."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from a3s_store.agent_memory import (
    InMemoryMemoryStore,
    JsonlMemoryStore,
    MemoryItem,
    MemoryStore,
    MemoryType,
    relevance,
)
from a3s_store.backends.jsonfiles import FileSessionStore
from a3s_store.backends.memory import MemorySessionStore
from a3s_store.backends.sqlite import SqliteSessionStore
from a3s_store.backends.sqlite.agent_memory_store import SqliteMemoryStore
from a3s_store.core.folding import folded
from a3s_store.errors import EncodeError, InvalidIdError
from a3s_store.wire.numbers import to_f32

R = TypeVar("R")
NOW = 1_779_098_400_000
DAY = 86_400_000

# Few of each, so that programs meet the same item again and many are equal in what sorts them.
IDS = st.sampled_from(["a", "b", "c", "d", "e", "ä/..\\%_"])
TAGS = st.lists(st.sampled_from(["success", "pattern", "Success", "x y", ""]), max_size=3)
WORDS = st.sampled_from(
    ["use", "TABS", "Straße", "STRASSE", "İ", "i̇", "ΟΔΟΣ", "οδος", "100%", "a_b"]
)
CONTENTS = st.lists(WORDS, max_size=4).map(" ".join) | st.text(max_size=6)
QUERIES = WORDS | st.text(max_size=2) | st.sampled_from(["us", "tabs str", "%", "_", '"', "\ud800"])
TIMES = st.sampled_from(
    [
        "2026-05-18T10:00:00Z",
        "2026-05-18T10:00:00.5Z",
        "2026-05-18T10:00:00.123456789Z",
        "2026-04-18T10:00:00Z",
        "2027-01-01T00:00:00Z",
        "0001-01-01T00:00:00Z",
    ]
)
LIMITS = st.integers(0, 4) | st.just(10**12)
IMPORTANCES = st.sampled_from([0.0, -0.0, 0.5, 0.7, 0.9, 1.0]) | st.floats(0, 2, width=32)


@st.composite
def items(draw: st.DrawFn) -> MemoryItem:
    """An item that may be stored."""
    return MemoryItem(
        id=draw(IDS),
        content=draw(CONTENTS),
        timestamp=draw(TIMES),
        importance=draw(IMPORTANCES),
        tags=tuple(draw(TAGS)),
        memory_type=draw(st.sampled_from(MemoryType)),
        metadata=draw(st.dictionaries(st.text(max_size=2), st.text(max_size=3), max_size=2)),
        access_count=draw(st.integers(0, 2**32 - 1)),
        last_accessed=draw(st.none() | TIMES),
        extra=draw(st.sampled_from([{}, {"later": {"n": 2**70}}])),
    )


class Opened:
    """A store in a folder, and the function that closes it."""

    def __init__(self, store: MemoryStore, close: Callable[[], Awaitable[None]]) -> None:
        self.store = store
        self.close = close


async def _nothing() -> None:
    pass


async def _jsonl(folder: Path, clock: Callable[[], int]) -> Opened:
    return Opened(await JsonlMemoryStore.open(folder / "m.jsonl", clock=clock), _nothing)


async def _sqlite(folder: Path, clock: Callable[[], int]) -> Opened:
    folder.mkdir(exist_ok=True)
    store = await SqliteSessionStore.open(folder / "agent.a3s", clock=lambda: clock() / 1000)
    return Opened(store.memories("fix-login"), store.close)


async def _files(folder: Path, clock: Callable[[], int]) -> Opened:
    store = await FileSessionStore.open(folder, clock=lambda: clock() / 1000)
    return Opened(store.memories("fix-login"), store.close)


async def _sqlite_beside_another(folder: Path, clock: Callable[[], int]) -> Opened:
    """Another owner in the same file has the same ids."""
    opened = await _sqlite(folder, clock)
    assert isinstance(opened.store, SqliteMemoryStore)
    sessions = cast("SqliteSessionStore", opened.store._store)
    await sessions.memories("another").store_all([item("a", "use tabs"), item("b")])
    return opened


OPENERS = {
    "jsonl": _jsonl,
    "files": _files,
    "sqlite": _sqlite,
    "sqlite beside another": _sqlite_beside_another,
}


class Stores(RuleBasedStateMachine):
    """Every call goes to the store on a dict and to the others; all must return the same."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory()
        self.now = NOW
        self.model = InMemoryMemoryStore(clock=lambda: self.now)
        self.opened: dict[str, Opened] = {}
        self._open()

    def _open(self) -> None:
        for name, opener in OPENERS.items():
            folder = Path(self.folder.name) / name
            self.opened[name] = self.runner.run(opener(folder, lambda: self.now))

    def _close(self) -> None:
        for opened in self.opened.values():
            self.runner.run(self._awaited(opened.close()))

    async def _awaited(self, call: Awaitable[R]) -> R:
        return await call

    def _all(self, call: Callable[[MemoryStore], Awaitable[R]]) -> R:
        """Make the call on all stores; return their result, which is the same."""
        expected = self.runner.run(self._awaited(call(self.model)))
        for name, opened in self.opened.items():
            assert self.runner.run(self._awaited(call(opened.store))) == expected, name
        return expected

    def teardown(self) -> None:
        self._close()
        self.runner.close()
        self.folder.cleanup()

    @rule(item=items())
    def store(self, item: MemoryItem) -> None:
        self._all(lambda store: store.store(item))
        assert self._all(lambda store: store.retrieve(item.id)) == item

    @rule(item_id=IDS)
    def retrieve(self, item_id: str) -> None:
        self._all(lambda store: store.retrieve(item_id))

    @rule(query=QUERIES, limit=LIMITS)
    def search(self, query: str, limit: int) -> None:
        found = self._all(lambda store: store.search(query, limit))
        for item in found:
            assert folded(query) in folded(item.content)
        scores = [relevance(item, self.now) for item in found]
        assert scores == sorted(scores, reverse=True)
        assert len(found) <= limit

    @rule(tags=TAGS, limit=LIMITS)
    def search_by_tags(self, tags: list[str], limit: int) -> None:
        found = self._all(lambda store: store.search_by_tags(tags, limit))
        assert all({*tags} & {*item.tags} for item in found)

    @rule(limit=LIMITS)
    def get_recent(self, limit: int) -> None:
        found = self._all(lambda store: store.get_recent(limit))
        times = [item.timestamp[:-1] for item in found]
        assert times == sorted(times, reverse=True)

    @rule(threshold=IMPORTANCES, limit=LIMITS)
    def get_important(self, threshold: float, limit: int) -> None:
        found = self._all(lambda store: store.get_important(threshold, limit))
        importances = [item.importance for item in found]
        assert importances == sorted(importances, reverse=True)
        assert all(importance >= to_f32(threshold) for importance in importances)

    @rule(item_id=IDS)
    def delete(self, item_id: str) -> None:
        self._all(lambda store: store.delete(item_id))
        assert self._all(lambda store: store.retrieve(item_id)) is None

    @precondition(lambda self: len(self.model.items) > 3)
    @rule()
    def clear(self) -> None:
        self._all(lambda store: store.clear())

    @rule(days=st.integers(-100, 100))
    def time_passes(self, days: int) -> None:
        self.now += days * DAY

    @rule()
    def reopen(self) -> None:
        self._close()
        self._open()
        self._all(lambda store: store.get_recent(10**12))

    @invariant()
    def as_many(self) -> None:
        assert self._all(lambda store: store.count()) == len(self.model.items)


class TestStores(cast(Any, Stores).TestCase):  # type: ignore[misc]
    """Section 8: store trait, search, tags, recent / important, FileStore."""

    settings = settings(
        max_examples=15,
        stateful_step_count=20,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )


# -- What is the same of each, one by one ---------------------------------------------------------


async def _memory(folder: Path, clock: Callable[[], int]) -> Opened:
    return Opened(InMemoryMemoryStore(clock=clock), _nothing)


async def _memory_sessions(folder: Path, clock: Callable[[], int]) -> Opened:
    store = MemorySessionStore(clock=lambda: clock() / 1000)
    return Opened(store.memories("fix-login"), store.close)


KINDS = {"memory": _memory, "memory of sessions": _memory_sessions, **OPENERS}


@pytest.fixture(params=KINDS)
def opener(request: pytest.FixtureRequest) -> Any:
    """How a store is opened, of each kind."""
    return KINDS[request.param]


def used(opener: Any, folder: Path, use: Callable[[MemoryStore], Awaitable[R]]) -> R:
    """Use a new store in an event loop of its own."""

    async def main() -> R:
        opened = await opener(folder, lambda: NOW)
        try:
            return await use(opened.store)
        finally:
            await opened.close()

    return asyncio.run(main())


def item(item_id: str, content: str = "c", **fields: Any) -> MemoryItem:
    """An item of now."""
    given: dict[str, Any] = {"timestamp": "2026-05-18T10:00:00Z", **fields}
    return MemoryItem(id=item_id, content=content, **given)


def ids(found: tuple[MemoryItem, ...]) -> list[str]:
    return [item.id for item in found]


def test_each_is_a_memory_store(opener: Any, tmp_path: Path) -> None:
    """Section 8, store trait."""

    async def use(store: MemoryStore) -> None:
        assert isinstance(store, MemoryStore)

    used(opener, tmp_path, use)


def test_search_finds_parts_of_words_whatever_their_case(opener: Any, tmp_path: Path) -> None:
    """Section 8, search."""

    async def use(store: MemoryStore) -> None:
        await store.store(item("file", "How to CREATE a file"))
        await store.store(item("folder", "How to recreate a folder"))
        await store.store(item("delete", "How to delete a file"))
        assert ids(await store.search("create", 10)) == ["file", "folder"]
        assert ids(await store.search("Create A Fi", 10)) == ["file"]
        assert ids(await store.search("", 2)) == ["file", "folder"]
        assert await store.search("create", 0) == ()
        assert await store.search("%", 10) == ()

    used(opener, tmp_path, use)


def test_search_finds_a_text_in_whatever_encoding_it_is(opener: Any, tmp_path: Path) -> None:
    """Section 8, search; upstream compares lower case only."""

    async def use(store: MemoryStore) -> None:
        await store.store(item("composed", "R\u00e9sum\u00e9.pdf"))
        await store.store(item("decomposed", "re\u0301sume\u0301.pdf"))
        await store.store(item("kana", "\uff8a\uff9f\uff7f\uff7a\uff9d"))
        await store.store(item("ligature", "the \ufb01nal stra\u00dfe"))
        for query in ("r\u00e9sum\u00e9", "RE\u0301SUME\u0301"):
            assert ids(await store.search(query, 10)) == ["composed", "decomposed"]
        assert ids(await store.search("\u30d1\u30bd\u30b3\u30f3", 10)) == ["kana"]
        assert ids(await store.search("FINAL STRASSE", 10)) == ["ligature"]
        assert ids(await store.search("resume", 10)) == []

    used(opener, tmp_path, use)


def test_what_matters_most_comes_first_and_equals_in_the_order_they_came(
    opener: Any, tmp_path: Path
) -> None:
    """Section 8, search, tags: relevance descending, cut at limit."""

    async def use(store: MemoryStore) -> None:
        old = "2026-03-18T10:00:00Z"
        await store.store(item("old", "x", timestamp=old, tags=("t",)))
        await store.store(item("first", "x", tags=("t", "u")))
        await store.store(item("second", "x", tags=("u",)))
        await store.store(item("high", "x", timestamp=old, importance=1.0, tags=("t",)))
        expected = ["high", "first", "second", "old"]
        assert ids(await store.search("x", 10)) == expected
        assert ids(await store.search("x", 2)) == expected[:2]
        assert ids(await store.search_by_tags(["t"], 10)) == ["high", "first", "old"]
        assert ids(await store.search_by_tags(["u", "t", "v"], 3)) == expected[:3]
        assert await store.search_by_tags([], 10) == ()
        assert await store.search_by_tags(["T"], 10) == ()
        # An item that is stored again keeps its place.
        await store.store(item("first", "x again"))
        assert ids(await store.search("x", 10)) == expected

    used(opener, tmp_path, use)


def test_recent_ones_are_the_newest_to_the_nanosecond(opener: Any, tmp_path: Path) -> None:
    """Section 8, recent: timestamp descending."""

    async def use(store: MemoryStore) -> None:
        for number, fraction in enumerate(["", ".5", ".123", ".123456789", ".123456", ".5"]):
            time = f"2026-05-18T10:00:00{fraction}Z"
            await store.store(item(str(number), timestamp=time, importance=number / 10))
        assert ids(await store.get_recent(10)) == ["1", "5", "3", "4", "2", "0"]
        assert ids(await store.get_recent(2)) == ["1", "5"]

    used(opener, tmp_path, use)


def test_important_ones_reach_the_threshold(opener: Any, tmp_path: Path) -> None:
    """Section 8, important: importance >= threshold, importance descending."""

    async def use(store: MemoryStore) -> None:
        for name, importance in (("low", 0.2), ("mid", 0.7), ("high", 0.9), ("mid too", 0.7)):
            await store.store(item(name, importance=importance))
        threshold = item("t", importance=0.7).importance
        assert ids(await store.get_important(threshold, 10)) == ["high", "mid", "mid too"]
        assert ids(await store.get_important(threshold, 2)) == ["high", "mid"]
        assert await store.get_important(1, 10) == ()
        # An importance is an f32, and so is what it is compared with: 0.7 is no f32.
        assert ids(await store.get_important(0.7, 10)) == ["high", "mid", "mid too"]
        assert ids(await store.get_important(0.9, 10)) == ["high"]
        for huge, found in ((10**400, 0), (-(10**400), 4), (float("inf"), 0), (1e300, 0)):
            assert len(await store.get_important(huge, 10)) == found

    used(opener, tmp_path, use)


def test_what_no_answer_can_be_given_to_is_refused(opener: Any, tmp_path: Path) -> None:
    """Section 8, store trait."""

    async def use(store: MemoryStore) -> None:
        bad: Any
        for bad in (-1, 1.0, True, None):
            with pytest.raises(EncodeError) as caught:
                await store.get_recent(bad)
            assert caught.value.path == "limit"
        for bad in (b"x", None):
            with pytest.raises(EncodeError):
                await store.search(bad, 1)
        for bad in ("tag", [1]):
            with pytest.raises(EncodeError):
                await store.search_by_tags(bad, 1)
        for bad in (float("nan"), "1", True):
            with pytest.raises(EncodeError):
                await store.get_important(bad, 1)
        for bad in ("", "a\0b", 7):
            with pytest.raises(InvalidIdError):
                await store.retrieve(bad)
            with pytest.raises(InvalidIdError):
                await store.delete(bad)
        with pytest.raises(EncodeError):
            await store.store(item("a", metadata={"n": 1}))
        assert await store.count() == 0

    used(opener, tmp_path, use)


def test_deleting_what_is_not_there_is_success(opener: Any, tmp_path: Path) -> None:
    """Section 8, store trait: delete, clear, count."""

    async def use(store: MemoryStore) -> None:
        await store.delete("a")
        await store.clear()
        await store.store(item("a"))
        await store.store(item("b"))
        await store.delete("a")
        assert await store.count() == 1
        assert await store.retrieve("a") is None
        await store.clear()
        assert await store.count() == 0

    used(opener, tmp_path, use)


def test_looking_at_an_item_is_no_access(opener: Any, tmp_path: Path) -> None:
    """Section 8, item: nothing counts accesses but the application."""

    async def use(store: MemoryStore) -> None:
        await store.store(item("a"))
        for _ in range(2):
            assert await store.retrieve("a") == item("a")
            assert await store.search("c", 1) == (item("a"),)

    used(opener, tmp_path, use)


@pytest.mark.parametrize("kind", ["memory", "files", "sqlite"])
def test_an_owner_that_redaction_would_change_is_refused(kind: str, tmp_path: Path) -> None:
    """Its memories would be looked for under another name than they are stored."""

    def redact(text: str) -> str:
        return text.replace("secret", "-")

    async def work(store: Any) -> None:
        with pytest.raises(InvalidIdError, match="redact= would change") as caught:
            await store.memories("a secret").store(item("a"))
        assert "secret" not in str(caught.value)
        assert await store.memory_owners() == ()

    async def main() -> None:
        if kind == "memory":
            await work(MemorySessionStore(redact=redact))
        elif kind == "files":
            async with FileSessionStore.open(tmp_path / "files", redact=redact) as files:
                await work(files)
        else:
            async with SqliteSessionStore.open(tmp_path / "agent.a3s", redact=redact) as sqlite:
                await work(sqlite)

    asyncio.run(main())
