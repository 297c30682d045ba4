"""Encoding a model without some attributes: the rest is unchanged, and those are not read."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a3s_store.errors import EncodeError
from a3s_store.models import (
    AutoDelegationConfig,
    LlmConfigData,
    Message,
    RunRecord,
    SessionData,
    Task,
    TaskStatus,
    TextDelta,
    UnknownEvent,
)
from a3s_store.testing.strategies import model
from a3s_store.wire import canonical, codec_for, compact, encode, encode_without

SESSION = SessionData(id="s", messages=(Message.user("a"),), created_at=1, updated_at=2)
NONE: frozenset[str] = frozenset()


@pytest.mark.parametrize("cls", [SessionData, RunRecord, AutoDelegationConfig, TextDelta, Task])
@given(data=st.data())
def test_it_is_what_encode_answers_less_these_keys_in_the_same_order(
    cls: type[Any], data: st.DataObject
) -> None:
    value = data.draw(model(cls))
    fields = codec_for(cls).fields
    left_out = data.draw(st.frozensets(st.sampled_from([field.attribute for field in fields])))
    whole = encode(value)
    for field in fields:
        if field.attribute in left_out:
            whole.pop(field.key, None)
    # By bytes: the order of the keys is part of what is promised.
    assert compact(encode_without(value, left_out)) == compact(whole)


class Untouchable(tuple[Any, ...]):
    """A field of this type must not be walked."""

    def __iter__(self) -> Any:
        raise AssertionError("walked")

    def __eq__(self, other: object) -> bool:
        raise AssertionError("compared")

    __hash__ = None  # type: ignore[assignment]


def test_what_is_left_out_is_not_looked_at() -> None:
    whole = SESSION.evolve()
    object.__setattr__(whole, "messages", Untouchable())
    tree = encode_without(whole, frozenset({"messages"}))
    assert "messages" not in tree
    assert tree["id"] == "s"


def test_a_bad_value_is_refused_only_where_it_is_written() -> None:
    bad = SESSION.evolve(messages=("no message",), created_at="now")  # type: ignore[arg-type]
    with pytest.raises(EncodeError) as caught:
        encode_without(bad, frozenset({"messages"}))
    assert (caught.value.model, caught.value.path) == ("SessionData", "created_at")
    assert caught.value.what == "expected an integer, found str"
    with pytest.raises(EncodeError) as caught:
        encode_without(bad, frozenset({"created_at"}))
    assert caught.value.path == "messages[0]"
    tree = encode_without(bad, frozenset({"messages", "created_at"}))
    assert "created_at" not in tree


@pytest.mark.parametrize("left_out", [NONE, frozenset({"tasks"}), frozenset({"messages"})])
def test_unknown_keys_are_written_and_repeat_no_known_key_left_out_or_not(
    left_out: frozenset[str],
) -> None:
    assert list(encode_without(SESSION.evolve(extra={"z": 1}), left_out))[-1] == "z"
    for key in ("messages", "tasks", "todos", "id"):
        with pytest.raises(EncodeError) as caught:
            encode_without(SESSION.evolve(extra={key: []}), left_out)
        assert caught.value.path == key
        assert caught.value.what == "extra repeats a key of the model's own"


def test_nothing_left_out_is_the_whole() -> None:
    task = Task(id="1", content="x", status=TaskStatus.PENDING, extra={"n": 1e16})
    assert canonical(encode_without(task, NONE)) == canonical(encode(task))


def test_attributes_are_named_not_keys() -> None:
    config = AutoDelegationConfig()
    assert "maxTasks" not in encode_without(config, frozenset({"max_tasks"}))
    with pytest.raises(TypeError, match="AutoDelegationConfig cannot be encoded without maxTasks"):
        encode_without(config, frozenset({"maxTasks"}))


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (SESSION, "message"),
        (SESSION, "extra"),
        (SESSION, "todos"),
        (LlmConfigData(provider="p", model="m"), "api_key"),
        (UnknownEvent(type="new", body={}), "body"),
        (UnknownEvent(type="new", body={}), "type"),
    ],
)
def test_what_is_no_field_cannot_be_left_out(value: Any, name: str) -> None:
    with pytest.raises(TypeError, match=f"{type(value).__name__} cannot be encoded without"):
        encode_without(value, frozenset({name}))


def test_the_tag_stays() -> None:
    assert encode_without(TextDelta(text="a"), frozenset({"text"})) == {"type": "text_delta"}


def test_its_function_is_made_once_for_each_set() -> None:
    codec = codec_for(SessionData)
    left_out = frozenset({"messages", "tasks"})
    codec.encode_without(SESSION, left_out)
    made = codec._partial[left_out]
    codec.encode_without(SESSION, frozenset({"tasks", "messages"}))
    assert codec._partial[left_out] is made


def test_what_is_no_model_is_refused() -> None:
    with pytest.raises(TypeError, match="dict is not a model"):
        encode_without({}, NONE)
