"""Memory items: JSON, refused values, and relevance."""

from __future__ import annotations

import itertools
import json
import math
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a3s_store.agent_memory import MemoryItem, MemoryType, relevance
from a3s_store.agent_memory.item import check_item, milliseconds
from a3s_store.errors import DecodeError, EncodeError, InvalidIdError
from a3s_store.testing.strategies import model
from a3s_store.wire import FrozenDict, compact, decode, encode, parse

# 2026-05-18T10:00:00Z
NOW = 1_779_098_400_000
DAY = 86_400_000


def made(**fields: object) -> MemoryItem:
    """An item with these fields."""
    given: dict[str, object] = {"id": "m-1", "content": "c", "timestamp": "2026-05-18T10:00:00Z"}
    return MemoryItem(**{**given, **fields})  # type: ignore[arg-type]


def test_a_new_item_has_upstreams_defaults() -> None:
    """Section 8, item: id UUID, importance 0.5, episodic, no tags, never accessed."""
    item = MemoryItem.new("use tabs", clock=lambda: NOW)
    assert uuid.UUID(item.id).version == 4
    assert item == made(id=item.id, content="use tabs")
    assert (item.importance, item.memory_type) == (0.5, MemoryType.EPISODIC)
    assert (item.tags, item.metadata) == ((), {})
    assert (item.access_count, item.last_accessed) == (0, None)
    assert item.id != MemoryItem.new("use tabs").id


@given(st.floats())
def test_a_new_importance_lies_between_0_and_1(importance: float) -> None:
    """Section 8, item: clamped."""
    found = MemoryItem.new("c", importance=importance).importance
    assert 0.0 <= found <= 1.0
    if 0.0 <= importance <= 1.0:
        assert found == pytest.approx(importance)
    check_item(MemoryItem.new("c", importance=importance))


def test_its_json_has_upstreams_keys_in_upstreams_order() -> None:
    """Section 8, item."""
    item = made(
        importance=0.8,
        tags=("success",),
        memory_type=MemoryType.PROCEDURAL,
        metadata={"tools": "bash"},
    )
    assert compact(encode(item)) == (
        b'{"id":"m-1","content":"c","timestamp":"2026-05-18T10:00:00Z","importance":0.8,'
        b'"tags":["success"],"memory_type":"procedural","metadata":{"tools":"bash"},'
        b'"access_count":0,"last_accessed":null}'
    )
    assert {kind.value for kind in MemoryType} == {
        "episodic",
        "semantic",
        "procedural",
        "working",
    }


@given(model(MemoryItem))
def test_an_item_comes_back_from_its_json(item: MemoryItem) -> None:
    """Section 8, item; keys this release does not know are kept."""
    assert decode(MemoryItem, parse(compact(encode(item)))) == item


def test_of_what_upstream_writes_only_the_last_access_may_be_missing() -> None:
    """Section 8, item."""
    tree = json.loads(compact(encode(made())))
    del tree["last_accessed"]
    assert decode(MemoryItem, tree) == made()
    for key in tree:
        without = {name: value for name, value in tree.items() if name != key}
        with pytest.raises(DecodeError, match="is missing"):
            decode(MemoryItem, without)


@pytest.mark.parametrize("metadata", [{"n": 1}, {"n": None}, {"n": {"m": "x"}}, ["x"], "x", None])
def test_metadata_that_is_no_object_of_texts_is_refused(metadata: object) -> None:
    """Section 8, item: a map of texts."""
    with pytest.raises(EncodeError) as caught:
        check_item(made(metadata=metadata))
    assert (caught.value.model, caught.value.path) == ("MemoryItem", "metadata")


def test_what_is_no_item_or_has_no_id_is_refused() -> None:
    """Section 8, store trait."""
    with pytest.raises(EncodeError):
        check_item("remember this")  # type: ignore[arg-type]
    for item_id in ("", "a\0b", "x" * 1025, "\ud800"):
        with pytest.raises(InvalidIdError):
            check_item(made(id=item_id))
    with pytest.raises(EncodeError):
        check_item(made(timestamp="yesterday"))
    with pytest.raises(EncodeError):
        check_item(made(content="\ud800"))


def test_an_item_is_frozen_deeply() -> None:
    """Section 8, item."""
    given = {"prompt": "p"}
    item = made(tags=["a"], metadata=given)
    given["prompt"] = "other"
    assert item.tags == ("a",)
    assert type(item.metadata) is FrozenDict
    assert item.metadata == {"prompt": "p"}


def test_an_access_counts_and_notes_the_time() -> None:
    """Section 8, item: access_count, last_accessed."""
    item = made()
    again = item.accessed(clock=lambda: NOW + 1).accessed(clock=lambda: NOW + 2)
    assert (again.access_count, again.last_accessed) == (2, "2026-05-18T10:00:00.002Z")
    assert item.access_count == 0
    most = made(access_count=2**32 - 1)
    assert most.accessed().access_count == 2**32 - 1


def test_relevance_is_importance_and_recency() -> None:
    """Section 8, relevance: 0.7 * importance + 0.3 * exp(-age_days / 30)."""
    item = made(importance=0.5)
    assert relevance(item, NOW) == pytest.approx(0.35 + 0.3)
    assert relevance(item, NOW + 30 * DAY) == pytest.approx(0.35 + 0.3 / math.e)
    assert relevance(item, NOW + 60 * DAY) == pytest.approx(0.35 + 0.3 / math.e**2)
    assert relevance(made(importance=1.0), NOW) == pytest.approx(1.0)


@given(model(MemoryItem), st.integers(-(2**62), 2**62), st.integers(0, 2**62))
def test_relevance_never_grows_with_age(item: MemoryItem, now: int, later: int) -> None:
    """Section 8, relevance; an item from the future counts as one of now."""
    least = 0.7 * item.importance
    assert least <= relevance(item, now + later) <= relevance(item, now) <= least + 0.3


@given(st.integers(-62_135_596_800_000, 253_402_300_799_999))
def test_a_timestamp_says_the_milliseconds_it_was_made_of(ms: int) -> None:
    """Section 8, item: timestamp."""
    assert milliseconds(MemoryItem.new("c", clock=lambda: ms).timestamp) == ms


@pytest.mark.parametrize("ms", [-(10**20), 10**20])
def test_a_clock_that_has_lost_its_mind_stops_nobody_remembering(ms: int) -> None:
    """Section 8, item: timestamp."""
    check_item(MemoryItem.new("c", clock=lambda: ms))


@given(model(MemoryItem), model(MemoryItem))
def test_times_are_in_the_order_of_their_texts(one: MemoryItem, other: MemoryItem) -> None:
    """Section 8, recent: orders depend on it."""
    for a, b in itertools.permutations((one.timestamp, other.timestamp)):
        if milliseconds(a) < milliseconds(b) and not a[17:19] == "60" != b[17:19]:
            assert a[:-1] < b[:-1]
