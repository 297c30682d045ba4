"""Turns of a conversation: they begin at prompts, and partition it."""

from __future__ import annotations

import pytest
from hypothesis import given

from a3s_store.core.turns import Turn, first_prompt, is_prompt, turns
from a3s_store.models import (
    ContentBlock,
    ImageBlock,
    ImageSource,
    Message,
    TextBlock,
    ToolResultBlock,
    UnknownBlock,
)
from tests.unit.core.conversations import CONVERSATIONS, call, result, said

_IMAGE = ImageBlock(source=ImageSource(media_type="image/png", data=""))
_RESULT = ToolResultBlock(tool_use_id="a", content="done")


@pytest.mark.parametrize(
    ("role", "blocks", "begins"),
    [
        ("user", (TextBlock(text="hi"),), True),
        ("user", (_IMAGE,), True),
        ("user", (UnknownBlock(type="new", body={}),), True),
        ("user", (_RESULT, TextBlock(text="and this")), True),
        ("user", (_RESULT, _RESULT), False),
        ("user", (), False),
        ("assistant", (TextBlock(text="hi"),), False),
    ],
)
def test_a_turn_begins_at_a_user_message_with_more_than_tool_results(
    role: str, blocks: tuple[ContentBlock, ...], begins: bool
) -> None:
    assert is_prompt(Message(role=role, content=blocks)) is begins


@given(CONVERSATIONS)
def test_turns_partition_the_conversation(messages: tuple[Message, ...]) -> None:
    found = turns(messages)
    assert [seq for one in found for seq in range(one.start, one.stop)] == [*range(len(messages))]
    for one in found:
        begins = [is_prompt(message) for message in messages[one.start : one.stop]]
        assert begins[0] is (one.index > 0)
        assert not any(begins[1:])
        assert (one.prompt is None) is (one.index == 0)
    numbers = [one.index for one in found if one.index]
    assert numbers == [*range(1, sum(map(is_prompt, messages)) + 1)]


@given(CONVERSATIONS)
def test_the_first_prompt_is_that_of_turn_one(messages: tuple[Message, ...]) -> None:
    first = next((one.prompt for one in turns(messages) if one.index == 1), None)
    assert first_prompt(messages) == first


def test_messages_before_the_first_prompt_are_turn_zero() -> None:
    messages = (call("a"), result("a"), *said("go"), Message.assistant("done"), *said("more"))
    assert turns(messages) == (Turn(0, 0, 2), Turn(1, 2, 4, "go"), Turn(2, 4, 5, "more"))


def test_a_prompt_is_the_first_characters_of_its_text_blocks() -> None:
    long = Message(role="user", content=(_RESULT, TextBlock(text="ab"), TextBlock(text="c" * 300)))
    assert first_prompt([call("a"), long]) == "ab" + "c" * 198
    assert first_prompt([Message(role="user", content=(_IMAGE,))]) == ""
    assert first_prompt([call("a"), result("a")]) is None
