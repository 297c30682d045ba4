"""The generated decoders: values built without the constructor equal those of the constructor."""

from __future__ import annotations

import pickle
import weakref
from typing import Any

import attrs
import pytest

from a3s_store.errors import DecodeError
from a3s_store.models import (
    AutoDelegationConfig,
    ImageBlock,
    LlmConfigData,
    Message,
    PermissionRule,
    RunEventRecord,
    SessionLane,
    SessionQueueConfig,
    TextBlock,
    TextDelta,
    ToolResultBlock,
    ToolResultText,
    ToolUseBlock,
    UnknownBlock,
)
from a3s_store.wire import EMPTY, FrozenDict, compact, decode, encode, parse
from a3s_store.wire.parts import draft_of

TEXT = {"type": "text", "text": "a"}
CALL = {"type": "tool_use", "id": "c", "name": "n", "input": {"n": 1, "s": "é", "b": None}}
RESULT = {"type": "tool_result", "tool_use_id": "c", "content": "r", "is_error": None}
IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": ""}}


def message(*blocks: Any) -> dict[str, Any]:
    return {"role": "user", "content": list(blocks)}


def refused(cls: type, tree: Any) -> tuple[str, str]:
    with pytest.raises(DecodeError) as caught:
        decode(cls, tree)
    return caught.value.path, caught.value.what


def test_a_value_that_was_read_is_like_one_that_was_made() -> None:
    read = decode(Message, message(TEXT))
    made = Message.user("a")
    assert read == made
    assert type(read) is Message
    assert type(read.content[0]) is TextBlock
    assert read.content[0].__class__ is TextBlock
    assert repr(read) == repr(made)
    assert hash(read) == hash(made)
    assert read.extra is EMPTY
    assert weakref.ref(read)() is read
    assert not hasattr(read, "__dict__")
    assert pickle.loads(pickle.dumps(read)) == made


def test_a_value_that_was_read_is_frozen() -> None:
    read = decode(Message, message(TEXT, CALL))
    for value in (read, *read.content):
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            value.extra = EMPTY  # type: ignore[misc]
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            del value.extra


def test_a_draft_has_its_slots_where_the_model_has_them() -> None:
    """Otherwise Python refuses to assign the one's class to the other."""
    made: Any = draft_of(TextBlock)()
    made.text, made.extra = "a", EMPTY
    made.__class__ = TextBlock
    assert made == TextBlock(text="a")
    assert not issubclass(draft_of(TextBlock), TextBlock)


def test_one_block_or_several_are_read_alike() -> None:
    blocks: list[Any] = [TEXT, CALL, RESULT, IMAGE, {"type": "new", "x": [1]}]
    together = decode(Message, message(*blocks)).content
    assert together == tuple(decode(Message, message(block)).content[0] for block in blocks)
    kinds = [TextBlock, ToolUseBlock, ToolResultBlock, ImageBlock, UnknownBlock]
    assert [type(block) for block in together] == kinds
    assert decode(Message, message()).content == ()


@pytest.mark.parametrize("others", [(), (TEXT,)])
@pytest.mark.parametrize("block", [TEXT, CALL, RESULT], ids=lambda block: block["type"])
def test_a_member_of_any_other_form_than_the_usual_is_read_all_the_same(
    block: dict[str, Any], others: tuple[Any, ...]
) -> None:
    def read(tree: Any) -> Any:
        return decode(Message, message(*others, tree)).content[-1]

    usual = read(block)
    assert read(dict(reversed(block.items()))) == usual
    assert read({**block, "new": {"a": 1e300}}) == usual.evolve(extra={"new": {"a": 1e300}})
    for key in block:
        missing = {name: item for name, item in block.items() if name != key}
        if key == "is_error":
            assert read(missing) == usual
            continue
        found = refused(Message, message(*others, missing))
        assert found == (f"content[{len(others)}].{key}", "is missing")
        found = refused(Message, message(*others, {**missing, "other": 1}))
        assert found == (f"content[{len(others)}].{key}", "is missing")


@pytest.mark.parametrize("given", [None, 1, [], "text", True])
def test_a_block_that_is_no_object_is_refused_at_its_place(given: Any) -> None:
    assert refused(Message, message(TEXT, given))[0] == "content[1]"
    assert refused(Message, message(given))[0] == "content[0]"


@pytest.mark.parametrize("tag", [None, 1, [], {}, True])
def test_a_tag_that_is_no_text_is_refused_at_its_place(tag: Any) -> None:
    found = refused(Message, message({**TEXT, "type": tag}))
    assert found[0] == "content[0].type"
    record = {"sequence": 0, "timestamp_ms": 0, "event": {"type": tag}}
    assert refused(RunEventRecord, record)[0] == "event.type"
    assert refused(RunEventRecord, {**record, "event": {}}) == ("event.type", "is missing")


def test_the_first_wrong_key_is_named_whether_or_not_a_later_one_is_missing() -> None:
    assert refused(Message, {"role": 1})[0] == "role"
    assert refused(Message, {"content": 1})[0] == "role"
    assert refused(Message, {"role": "u", "content": [{}]})[0] == "content[0].type"
    assert refused(Message, message({"type": "tool_use", "id": 1}))[0] == "content[0].id"


INPUTS: list[Any] = [
    {"a": 1, "b": "é", "c": None, "d": True},
    {"a": 1.5},
    {"a": -0.0, "b": 1e300},
    {"a": 2**64},
    {"a": {"b": []}},
    {"a": []},
    {},
    [],
    [{"a": 1}],
    "text",
    None,
    0,
    2**70,
]


@pytest.mark.parametrize("given", INPUTS, ids=repr)
def test_the_input_of_a_tool_is_frozen_like_any_json(given: Any) -> None:
    (block,) = decode(Message, message({**CALL, "input": given})).content
    made = ToolUseBlock(id="c", name="n", input=given)
    assert block == made
    assert isinstance(block, ToolUseBlock)
    assert type(block.input) is type(made.input)
    assert getattr(block.input, "plain", None) == getattr(made.input, "plain", None)
    assert compact(encode(block)) == compact(encode(made))


@pytest.mark.parametrize(
    ("given", "path", "what"),
    [
        ({1: 2}, "", "a key is of type int, not str"),
        ({"a": {1: 2}}, ".a", "a key is of type int, not str"),
        ({"a": b""}, ".a", "bytes is not a JSON type"),
        ({"a": float("nan")}, ".a", "nan is not a JSON number"),
        ({"a": {"b": "\ud800"}}, ".a.b", "a lone surrogate at character 0"),
    ],
)
def test_what_is_no_json_is_refused_inside_the_input(given: Any, path: str, what: str) -> None:
    found = refused(Message, message(TEXT, {**CALL, "input": given}))
    assert found == (f"content[1].input{path}", what)


def test_a_parsed_input_can_be_changed_without_changing_what_was_read() -> None:
    tree = parse(compact(message(CALL)))
    (block,) = decode(Message, tree).content
    tree["content"][0]["input"]["n"] = 2
    assert isinstance(block, ToolUseBlock)
    assert block.input["n"] == 1
    assert type(block.input) is FrozenDict


def test_a_tagged_model_read_by_itself_needs_no_tag_and_loses_no_key() -> None:
    assert decode(TextDelta, {"text": "a"}) == TextDelta(text="a")
    assert decode(TextDelta, {"text": "a", "new": 1}) == TextDelta(text="a", extra={"new": 1})
    alone = decode(ToolResultText, {"new": 1, "text": "a", "other": 2})
    assert alone.extra == {"new": 1, "other": 2}


def test_what_is_absent_is_as_the_constructor_has_it() -> None:
    assert decode(AutoDelegationConfig, {}) == AutoDelegationConfig()
    queue = decode(SessionQueueConfig, {"laneTimeouts": {"Query": 1}})
    assert type(queue.lane_timeouts) is FrozenDict
    assert queue.lane_timeouts == {"Query": 1}
    assert queue == queue.evolve(lane_timeouts={SessionLane.QUERY: 1})
    assert hash(queue) == hash(decode(SessionQueueConfig, encode(queue)))
    llm = decode(LlmConfigData, {"provider": "p", "model": "m", "api_key": "secret"})
    assert llm.api_key is None
    assert decode(PermissionRule, "Read") == decode(PermissionRule, {"rule": "Read"})
