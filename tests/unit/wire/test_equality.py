"""Two values are equal exactly when their JSON is the same apart from the order of keys."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from a3s_store import models
from a3s_store.core.snapshot import SessionSnapshot
from a3s_store.errors import DecodeError
from a3s_store.models import (
    LlmCostRecord,
    Message,
    SessionData,
    SessionLane,
    SessionQueueConfig,
    TextBlock,
    ToolResultBlock,
    ToolUseBlock,
    TurnStart,
    UnknownBlock,
)
from a3s_store.testing.strategies import model
from a3s_store.wire import (
    EMPTY,
    FrozenDict,
    Model,
    canonical,
    compact,
    decode,
    encode,
    equality,
    freeze,
    parse,
)

CLASSES = [
    *(
        cls
        for name in models.__all__
        if isinstance(cls := getattr(models, name), type) and issubclass(cls, Model)
    ),
    SessionSnapshot,
]
fewer = settings(max_examples=settings().max_examples // 5)


def turned(tree: Any) -> Any:
    """Return the same JSON with the keys of every object in the opposite order."""
    if isinstance(tree, dict):
        return {key: turned(tree[key]) for key in reversed(tree)}
    return list(map(turned, tree)) if isinstance(tree, list) else tree


def places(tree: Any) -> Iterator[tuple[Any, Any]]:
    """Return every container and key that has a number, a bool or an empty container."""
    items = tree.items() if isinstance(tree, dict) else enumerate(tree)
    for key, item in items:
        if isinstance(item, dict | list) and item:
            yield from places(item)
        elif not isinstance(item, str):
            yield tree, key


# What Python takes for the same, or nearly so.
TWINS: list[list[Any]] = [
    [True, 1, 1.0],
    [False, 0, 0.0, -0.0, None],
    [2**64, 2.0**64],
    [{}, [], None],
]


@st.composite
def pairs(draw: st.DrawFn, cls: type[Any]) -> tuple[Any, Any]:
    """Two values that share no object: equal, different in one number, or unrelated."""
    value = draw(model(cls))
    if draw(st.integers(0, 9)) == 0:
        return value, draw(model(cls))
    text = compact(encode(value))
    one, other = parse(text), parse(text)
    twist = draw(st.booleans())
    if list(places(one)) and twist:
        place = draw(st.integers(0, len(list(places(one))) - 1))
        twins = draw(st.sampled_from(TWINS))
        for tree in (one, other):
            container, key = list(places(tree))[place]
            container[key] = draw(st.sampled_from(twins))
    if draw(st.booleans()):
        other = turned(other)
    try:
        return decode(cls, one), decode(cls, other)
    except DecodeError:
        return value, decode(cls, turned(parse(text)))


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
@fewer
@given(data=st.data())
def test_equal_is_written_alike(cls: type[Any], data: st.DataObject) -> None:
    one, other = data.draw(pairs(cls))
    alike = canonical(encode(one)) == canonical(encode(other))
    assert (one == other) is alike
    assert (other == one) is alike
    assert (one != other) is not alike
    if alike:
        assert hash(one) == hash(other)


def call(value: Any) -> Message:
    return Message(role="a", content=(ToolUseBlock(id="c", name="n", input=value),))


LOOKALIKES: list[tuple[Any, Any]] = [
    (True, 1),
    (1, 1.0),
    (True, 1.0),
    (0.0, -0.0),
    (False, -0.0),
    (2**64, 2.0**64),
    (-(2**63), -(2.0**63)),
]


@pytest.mark.parametrize(("one", "other"), LOOKALIKES, ids=repr)
def test_lookalikes_differ_at_every_depth(one: Any, other: Any) -> None:
    assert one == other
    wraps: list[Any] = [
        lambda x: x,
        lambda x: [x],
        lambda x: {"a": x},
        lambda x: [{"a": [0, {"b": x}]}, "after"],
    ]
    for wrap in wraps:
        a, b = wrap(one), wrap(other)
        assert call(a) != call(b)
        assert call(a) == call(wrap(one))
        text = TextBlock(text="", extra={"k": a})
        assert text != TextBlock(text="", extra={"k": b})
        assert text == TextBlock(text="", extra={"k": wrap(one)})
        assert UnknownBlock(type="t", body={"k": a}) != UnknownBlock(type="t", body={"k": b})


def test_a_value_of_a_wrong_type_is_not_the_right_one() -> None:
    """The value is invalid: taken for the stored one, it would not be refused."""
    assert TurnStart(turn=1) != TurnStart(turn=True)
    assert TurnStart(turn=1) != TurnStart(turn=1.0)  # type: ignore[arg-type]
    session = SessionData(id="s", created_at=1, updated_at=1)
    assert session != session.evolve(thinking_enabled=0)  # type: ignore[arg-type]
    assert session != session.evolve(thinking_budget=0)
    assert session != session.evolve(total_cost=False)
    assert session != session.evolve(total_cost=-0.0)
    result = ToolResultBlock(tool_use_id="c", content="", is_error=False)
    assert result != result.evolve(is_error=0)  # type: ignore[arg-type]
    assert result != result.evolve(is_error=None)


def test_a_float_given_as_an_integer_is_that_float() -> None:
    session = SessionData(id="s", created_at=1, updated_at=1, total_cost=3)
    assert session == session.evolve(total_cost=3.0)
    huge = session.evolve(total_cost=2**1023)
    assert huge == session.evolve(total_cost=2.0**1023)
    assert session.evolve(total_cost=10**400) != huge


def test_maps_and_their_values_are_compared_exactly() -> None:
    query, execute = SessionLane.QUERY, SessionLane.EXECUTE
    one = SessionQueueConfig(lane_timeouts={query: 1, execute: 2})
    assert one == SessionQueueConfig(lane_timeouts={execute: 2, query: 1})
    assert one == SessionQueueConfig(lane_timeouts={"Execute": 2, "Query": 1})  # type: ignore[dict-item]
    assert one != SessionQueueConfig(lane_timeouts={query: True, execute: 2})


class Text(str):
    """No text in Python, but encoded as one."""

    __slots__ = ()


def test_a_subclass_of_a_text_is_written_as_it_and_equal() -> None:
    assert TextBlock(text=Text("a")) == TextBlock(text="a")
    assert equality.alike(Text("a"), "a")


def test_a_model_is_no_other_model() -> None:
    text: Any = TextBlock(text="a")
    assert text != models.ToolResultText(text="a")
    assert text != {"type": "text", "text": "a"}
    assert text.__eq__("a") is NotImplemented
    assert text in (None, "a", TextBlock(text="a"))


def test_frozen_values_by_themselves_compare_as_dicts_and_lists() -> None:
    frozen = freeze({"n": 1, "l": [True]})
    assert frozen == {"n": 1.0, "l": [1]}
    assert frozen == freeze({"n": 1.0, "l": [1]})
    assert frozen["l"] == [True]
    assert freeze({}) == EMPTY == {}
    assert frozen != {"n": 1}
    assert isinstance(frozen, FrozenDict)


def test_a_secret_that_is_dropped_takes_no_part() -> None:
    one = models.LlmConfigData(provider="p", model="m", api_key="x")
    assert one == models.LlmConfigData(provider="p", model="m", api_key="y")


def test_pickles_and_hashes_follow() -> None:
    cost = LlmCostRecord(
        model="m",
        provider="p",
        prompt_tokens=0,
        completion_tokens=0,
        total_tokens=0,
        cost_usd=-0.0,
        timestamp="2026-01-01T00:00:00Z",
    )
    back = pickle.loads(pickle.dumps(cost))
    assert back == cost
    assert hash(back) == hash(cost)
    assert cost != cost.evolve(cost_usd=0.0)
    assert len({cost, back, cost.evolve(cost_usd=0.0)}) == 2


def texts(*given: str) -> tuple[Message, ...]:
    return tuple(map(Message.user, given))


def test_less_or_equal_on_tuples_is_the_test_for_a_prefix() -> None:
    """The store compares saved values with new ones for equality only: models have no order."""
    saved = texts("a", "b", "c")
    rebuilt = texts("a", "b", "c")
    assert saved <= saved
    assert saved <= rebuilt
    assert saved <= (*rebuilt, Message.user("d"))
    nothing: tuple[Message, ...] = ()
    assert nothing <= saved
    assert not saved <= saved[:2]
    assert not saved <= nothing
    for other in (texts("a", "x", "c"), texts("a", "b", "x", "d"), (*texts("a"), "b")):
        with pytest.raises(TypeError, match="'<=' not supported"):
            _ = saved <= other
    with pytest.raises(TypeError):
        _ = (call(1),) <= (call(True),)


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_no_model_has_an_order(cls: type[Any]) -> None:
    for name in ("__lt__", "__le__", "__gt__", "__ge__"):
        assert getattr(cls, name) is getattr(object, name)


class Loud:
    """Raises when it is compared."""

    def __eq__(self, other: object) -> bool:
        raise AssertionError("compared")

    __hash__ = None  # type: ignore[assignment]


def test_the_same_object_is_equal_without_a_look() -> None:
    message = Message(role="a", content=(), reasoning_content=Loud())  # type: ignore[arg-type]
    assert message == message
    assert (message,) <= (message, message)
