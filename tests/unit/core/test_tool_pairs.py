"""Rounds of tool calls and results: found, repaired and never cut."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a3s_store.models import (
    ContentBlock,
    ImageBlock,
    ImageSource,
    Message,
    TextBlock,
    ToolResultBlock,
    ToolResultImage,
    ToolResultText,
    ToolUseBlock,
)
from a3s_store.pairs import check_pairs, cut_after, cut_before, repair_pairs, rounds


def call(*ids: str, text: str = "") -> Message:
    blocks: list[ContentBlock] = [TextBlock(text=text)] if text else []
    blocks += [ToolUseBlock(id=one, name=f"tool {one}", input={}) for one in ids]
    return Message(role="assistant", content=tuple(blocks))


def result(*ids: str) -> Message:
    blocks = tuple(ToolResultBlock(tool_use_id=one, content=f"done {one}") for one in ids)
    return Message(role="user", content=blocks)


TALK = Message.user("go on")
IDS = st.sampled_from(["a", "b", "c"])
BLOCKS = st.one_of(
    st.just(TextBlock(text="t")),
    st.builds(lambda one: ToolUseBlock(id=one, name="n", input={}), IDS),
    st.builds(lambda one: ToolResultBlock(tool_use_id=one, content="r"), IDS),
)
MESSAGES = st.lists(
    st.builds(
        lambda blocks: Message(role="user", content=tuple(blocks)), st.lists(BLOCKS, max_size=3)
    ),
    max_size=12,
)

ROUNDS: dict[str, tuple[list[Message], list[tuple[int, int]]]] = {
    "talk is a round for each message": ([TALK, TALK], [(0, 1), (1, 2)]),
    "a call and its result": ([call("a"), result("a")], [(0, 2)]),
    "parallel calls, results one by one": ([call("a", "b"), result("b"), result("a")], [(0, 3)]),
    "parallel calls, results together": (
        [call("a", "b"), result("a", "b"), TALK],
        [(0, 2), (2, 3)],
    ),
    "calls beside results": (
        [
            call("a"),
            Message(role="user", content=result("a").content + call("b").content),
            result("b"),
        ],
        [(0, 3)],
    ),
    "a prompt ends a round": ([call("a"), TALK, result("a")], [(0, 1), (1, 2), (2, 3)]),
    "an id that is used again": (
        [call("a"), result("a"), call("a"), result("a")],
        [(0, 2), (2, 4)],
    ),
    "one id twice in a round": ([call("a", "a"), result("a"), result("a")], [(0, 3)]),
}


@pytest.mark.parametrize("what", ROUNDS)
def test_a_round_is_a_message_with_calls_and_the_messages_with_their_results(what: str) -> None:
    messages, expected = ROUNDS[what]
    assert [(one.start, one.stop) for one in rounds(messages)] == expected


PROBLEMS: dict[str, tuple[list[Message], list[tuple[str, int, int, str]]]] = {
    "nothing is wrong": ([TALK, call("a"), result("a"), TALK], []),
    "no call": ([TALK, result("a")], [("result_without_call", 1, 0, "a")]),
    "no result": ([call("a", text="I look"), TALK], [("call_without_result", 0, 1, "a")]),
    "still waiting": ([call("a")], [("open_call", 0, 0, "a")]),
    "one of two": (
        [call("a", "b"), result("b"), TALK],
        [("call_without_result", 0, 0, "a")],
    ),
    "a result twice": ([call("a"), result("a", "a")], [("result_without_call", 1, 1, "a")]),
    "too late": (
        [call("a"), TALK, result("a")],
        [("call_without_result", 0, 0, "a"), ("result_without_call", 2, 0, "a")],
    ),
}


@pytest.mark.parametrize("what", PROBLEMS)
def test_a_block_without_its_counterpart_is_named_by_its_place(what: str) -> None:
    messages, expected = PROBLEMS[what]
    found = check_pairs(messages)
    assert [(one.kind, one.position, one.block, one.call_id) for one in found] == expected
    for one in found:
        assert one.tool_name == (
            None if one.kind == "result_without_call" else f"tool {one.call_id}"
        )


def test_a_missing_result_is_an_error_at_the_end_of_its_round() -> None:
    before = (call("a", "b"), TALK)
    first, added, last = repair_pairs(before)
    assert first is before[0]
    assert last is TALK
    assert [
        (b.tool_use_id, b.is_error) for b in added.content if isinstance(b, ToolResultBlock)
    ] == [
        ("a", True),
        ("b", True),
    ]


def test_all_results_of_a_round_stand_in_one_message() -> None:
    repaired = repair_pairs((call("a", "b"), result("b"), TALK))
    assert len(repaired) == 3
    assert [b.tool_use_id for b in repaired[1].content if isinstance(b, ToolResultBlock)] == [
        "b",
        "a",
    ]


def test_a_result_without_call_becomes_text_and_keeps_its_images() -> None:
    image = ImageSource(media_type="image/png", data="AA==")
    content = (ToolResultText(text="seen"), ToolResultImage(source=image))
    lost = Message(role="user", content=(ToolResultBlock(tool_use_id="x", content=content),))
    (repaired,) = repair_pairs((lost,))
    assert repaired.content == (
        TextBlock(text="[result of an unknown call x]\nseen"),
        ImageBlock(source=image),
    )


def test_open_calls_of_the_last_round_wait_on_when_asked() -> None:
    before = (call("a"), TALK, call("b"))
    assert repair_pairs(before, open_calls=False)[-1] is before[-1]
    assert len(repair_pairs(before)) == len(repair_pairs(before, open_calls=False)) + 1


def _blocks(messages: tuple[Message, ...], kind: type[ContentBlock]) -> Counter[ContentBlock]:
    return Counter(b for message in messages for b in message.content if type(b) is kind)


@given(MESSAGES)
def test_rounds_cover_the_conversation_in_order(messages: list[Message]) -> None:
    found = rounds(messages)
    assert [one.start for one in found] == [0, *(one.stop for one in found)][: len(found)]
    assert (found[-1].stop if found else 0) == len(messages)


@given(MESSAGES)
def test_a_repaired_conversation_has_no_problem_and_is_not_changed_again(
    messages: list[Message],
) -> None:
    repaired = repair_pairs(messages)
    assert check_pairs(repaired) == ()
    again = repair_pairs(repaired)
    assert all(new is old for new, old in zip(again, repaired, strict=True))
    assert _blocks(repaired, ToolUseBlock) == _blocks(tuple(messages), ToolUseBlock)


@given(MESSAGES)
def test_a_message_without_problem_stays_the_same_object(messages: list[Message]) -> None:
    if not check_pairs(messages):
        repaired = repair_pairs(messages)
        assert all(new is old for new, old in zip(repaired, messages, strict=True))


@given(MESSAGES, st.integers(0, 12))
def test_a_cut_between_rounds_makes_no_new_problem(messages: list[Message], at: int) -> None:
    at = min(at, len(messages))
    whole = {(one.position, one.block) for one in check_pairs(messages)}
    for cut in (cut_before(messages, at), cut_after(messages, at)):
        head = {(one.position, one.block) for one in check_pairs(messages[:cut])}
        tail = {(one.position + cut, one.block) for one in check_pairs(messages[cut:])}
        assert head | tail == whole
    assert cut_before(messages, at) <= at <= cut_after(messages, at)
