"""Compaction: what stays, what is summarised, what is asked of the model, and what is pruned."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a3s_store.errors import CompactionError
from a3s_store.models import (
    DEFAULT_AUTO_COMPACT_THRESHOLD,
    ImageSource,
    Message,
    TextBlock,
    ToolResultBlock,
    ToolResultImage,
    ToolResultText,
    ToolUseBlock,
)
from a3s_store.runtime.state.compaction import (
    COMPACT_TEMPLATE,
    PRUNED,
    SUMMARY_PREFIX,
    compact,
    estimated_tokens,
    is_one_round,
    keep_recent,
    prune_tool_outputs,
    should_auto_compact,
)
from a3s_store.wire import evolved


class Model:
    """The application's model: it writes down what it is asked."""

    def __init__(self, answer: str = "what was said") -> None:
        self.answer = answer
        self.asked: list[str] = []

    async def summarize(self, prompt: str) -> str:
        self.asked.append(prompt)
        return self.answer


class Broken:
    """A model that cannot be reached."""

    async def summarize(self, prompt: str) -> str:
        raise ConnectionError("no route")


def talk(count: int) -> tuple[Message, ...]:
    """So many messages in turn, each with its number as text."""
    return tuple(
        Message.assistant(str(number)) if number % 2 else Message.user(str(number))
        for number in range(count)
    )


def call(*ids: str) -> Message:
    blocks = tuple(ToolUseBlock(id=one, name="bash", input={}) for one in ids)
    return Message(role="assistant", content=(TextBlock(text="I look"), *blocks))


def result(one: str, text: str = "output") -> Message:
    return Message.tool_result(one, text)


def same(found: tuple[Message, ...] | None, wanted: tuple[Message, ...]) -> bool:
    """Whether these are the very objects."""
    assert found is not None
    return [id(message) for message in found] == [id(message) for message in wanted]


# -- Summaries --------------------------------------------------------------------------------


@given(st.integers(0, 80))
def test_only_more_than_30_messages_are_compacted_and_always_to_23(count: int) -> None:
    """C1, C2, C6."""
    model, before = Model(), talk(count)
    found = asyncio.run(compact(before, model))
    if count <= 30:
        assert (found, model.asked) == (None, [])
        return
    assert found is not None
    assert len(found) == 23
    assert same(found[:2], before[:2])
    assert same(found[3:], before[-20:])
    assert len(model.asked) == 1


def test_the_middle_is_shown_to_the_model_as_lines_of_role_and_text() -> None:
    """C3."""
    model = Model()
    middle = (
        Message.user("eleven {conversation}"),
        call("c"),
        result("c", "not shown"),
        Message(role="system", content=(TextBlock(text="a"), TextBlock(text="b"))),
    )
    before = (*talk(2), *middle, *talk(8), *talk(20))
    asyncio.run(compact(before, model))
    shown = "user: eleven {conversation}\n\nassistant: I look\n\nuser: \n\nsystem: ab"
    rest = "\n\n".join(f"{message.role}: {message.text}" for message in talk(8))
    assert model.asked == [COMPACT_TEMPLATE.replace("{conversation}", f"{shown}\n\n{rest}")]
    assert COMPACT_TEMPLATE.count("{conversation}") == 1


def test_the_summary_is_a_message_of_the_user_with_upstreams_first_line() -> None:
    """C4."""
    found = asyncio.run(compact(talk(31), Model("They talked.\n")))
    assert found is not None
    assert found[2] == Message.user(
        "[Context Summary: The following is a summary of earlier conversation]\n\nThey talked.\n"
    )
    assert SUMMARY_PREFIX.endswith("conversation]\n\n")


def test_a_model_that_fails_is_told_of_with_its_own_error() -> None:
    """C5."""
    with pytest.raises(CompactionError) as caught:
        asyncio.run(compact(talk(31), Broken()))
    assert caught.value.what == "Failed to generate conversation summary"
    assert isinstance(caught.value.__cause__, ConnectionError)


@pytest.mark.parametrize("reply", ["", " \n"])
def test_an_empty_summary_takes_nothings_place(reply: str) -> None:
    """4.2: an empty summary is an error."""
    with pytest.raises(CompactionError) as caught:
        asyncio.run(compact(talk(31), Model(reply)))
    assert caught.value.what == "Compaction model returned an empty summary"


def test_a_cancelled_compaction_is_cancelled_and_not_an_error_of_the_model() -> None:
    """C5."""

    class Slow:
        async def summarize(self, prompt: str) -> str:
            await asyncio.Event().wait()
            return prompt

    async def main() -> None:
        task = asyncio.create_task(compact(talk(31), Slow()))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())


@given(st.integers(0, 50), st.booleans())
def test_without_a_model_the_last_20_messages_stay(count: int, keep_pairs: bool) -> None:
    """10: compact without client."""
    before = talk(count)
    for found in (
        asyncio.run(compact(before, None, keep_pairs=keep_pairs)),
        keep_recent(before, keep_pairs=keep_pairs),
    ):
        if count <= 20:
            assert found is None
        else:
            assert same(found, before[-20:])


def test_what_was_compacted_can_be_compacted_again() -> None:
    """C2."""
    first = asyncio.run(compact(talk(31), Model("early days")))
    assert first is not None
    model = Model()
    second = asyncio.run(compact((*first, *talk(8)), model))
    assert second is not None
    assert len(second) == 23
    assert "early days" in model.asked[0]


# -- Pairs ------------------------------------------------------------------------------------


def parts(found: tuple[Message, ...] | None) -> tuple[tuple[Message, ...], tuple[Message, ...]]:
    """What stands before the summary and what stands after it."""
    assert found is not None
    at = next(n for n, one in enumerate(found) if one.text.startswith(SUMMARY_PREFIX))
    return found[:at], found[at + 1 :]


def test_a_result_that_would_come_first_brings_its_call() -> None:
    """4.2: a kept tool result keeps its call."""
    # The cut falls between the two results of one call.
    before = (*talk(18), call("a", "b"), result("a"), result("b"), *talk(19))
    plain = asyncio.run(compact(before, Model(), keep_pairs=False))
    assert plain is not None
    assert plain[3] == result("b"), "as the first releases had it"
    head, tail = parts(asyncio.run(compact(before, Model(), keep_pairs=True)))
    assert same(head, before[:2])
    assert same(tail, before[18:])


def test_a_result_further_on_brings_its_call_too() -> None:
    """4.2: a kept tool result keeps its call."""
    before = (*talk(15), call("a"), *talk(10), result("a"), *talk(14))
    _, tail = parts(asyncio.run(compact(before, Model(), keep_pairs=True)))
    assert same(tail, before[15:])


def test_calls_that_come_in_bring_in_what_they_stand_with() -> None:
    """4.2: a kept tool result keeps its call."""
    both = Message(role="user", content=(result("a").content[0], *call("b").content))
    before = (*talk(10), call("a"), *talk(5), both, *talk(5), result("b"), *talk(19))
    _, tail = parts(asyncio.run(compact(before, Model(), keep_pairs=True)))
    assert same(tail, before[10:])


def test_a_result_without_any_call_does_not_come_first() -> None:
    """4.2: an orphan result is not first."""
    before = (*talk(20), result("unknown"), result("unknown"), *talk(18))
    _, tail = parts(asyncio.run(compact(before, Model(), keep_pairs=True)))
    assert same(tail, before[22:])
    assert same(keep_recent(before, keep_pairs=True), before[22:])


def test_a_call_among_the_first_messages_stays_only_with_its_result() -> None:
    before = (Message.user("do it"), call("a"), result("a"), *talk(35))
    head, tail = parts(asyncio.run(compact(before, Model(), keep_pairs=True)))
    assert same(head, before[:1])
    assert same(tail, before[-20:])


def test_a_result_of_a_call_that_was_answered_among_the_first_does_not_come_first() -> None:
    before = (call("a"), result("a"), *talk(16), result("a"), *talk(19))
    head, tail = parts(asyncio.run(compact(before, Model(), keep_pairs=True)))
    assert same(head, before[:2])
    assert same(tail, before[19:])


def test_when_pairs_leave_nothing_to_summarise_nothing_changes() -> None:
    before = (*talk(2), call("a"), *talk(40), result("a"))
    model = Model()
    assert asyncio.run(compact(before, model, keep_pairs=True)) is None
    assert model.asked == []


def one_round(*results: Message) -> tuple[Message, ...]:
    """A prompt and one round of these results, none of them seen by the model yet."""
    return (*talk(1), call(*(f"c{n}" for n in range(len(results)))), *results)


def test_a_summary_and_one_round_are_not_summarised_again() -> None:
    summary = Message.user(SUMMARY_PREFIX + "early days")
    results = (result(f"c{n}") for n in range(40))
    before = (*talk(2), summary, *one_round(*results)[1:])
    model = Model()
    assert asyncio.run(compact(before, model)) is None
    assert is_one_round(before)
    assert model.asked == []


@pytest.mark.parametrize("summarizer", [Model(), None])
def test_of_one_round_too_long_old_output_that_was_seen_is_pruned(
    summarizer: Model | None,
) -> None:
    """Section 6: the newest 40 000 tokens stay."""
    before = (*one_round(*(output(f"c{n}", 2_000) for n in range(40))), Message.assistant("done"))
    found = asyncio.run(compact(before, summarizer))
    assert found is not None
    assert len(found) == len(before)
    assert [text_of(one) == PRUNED for one in found[2:-1]] == [True] * 20 + [False] * 20
    assert same((*found[:2], *found[22:]), (*before[:2], *before[22:]))
    assert asyncio.run(compact(found, summarizer)) is None
    assert is_one_round(found, with_summary=summarizer is not None)
    assert summarizer is None or summarizer.asked == []


def test_results_the_model_has_not_seen_are_never_pruned() -> None:
    before = one_round(*(output(f"c{n}", 5_000) for n in range(40)))
    assert asyncio.run(compact(before, Model())) is None
    assert is_one_round(before)
    assert not is_one_round(before[:30])
    assert not is_one_round(talk(80))


def test_tokens_are_estimated_from_texts_calls_and_results() -> None:
    assert estimated_tokens(()) == 0
    found = (Message.user("x" * 40), output("a", 7), call("b"))
    assert estimated_tokens(found) == 10 + 7 + len("I look") // 4


IDS = st.sampled_from(["a", "b", "c", "d"])
ANY = st.one_of(
    st.just(Message.user("u")),
    st.builds(call, IDS),
    st.builds(call, IDS, IDS),
    st.builds(result, IDS),
)


@st.composite
def conversations(draw: st.DrawFn) -> tuple[Message, ...]:
    """Calls each answered at some later time, ids used again once they were."""
    made: list[Message] = []
    waiting: list[str] = []
    for kind in draw(st.lists(st.sampled_from(["talk", "call", "result"]), min_size=32)):
        if kind == "call" and (free := sorted(set("abc") - set(waiting))):
            made.append(call(free[0]))
            waiting.append(free[0])
        elif kind == "result" and waiting:
            made.append(result(waiting.pop(draw(st.integers(0, len(waiting) - 1)))))
        else:
            made.append(Message.user("u"))
    return tuple(made)


def unanswerable(messages: tuple[Message, ...]) -> int:
    """How many results have no call before them."""
    called: set[str] = set()
    count = 0
    for message in messages:
        for block in message.content:
            if isinstance(block, ToolResultBlock):
                count += block.tool_use_id not in called
                called.discard(block.tool_use_id)
            elif isinstance(block, ToolUseBlock):
                called.add(block.id)
    return count


@given(conversations())
def test_where_every_result_has_its_call_every_kept_one_has_it_too(
    before: tuple[Message, ...],
) -> None:
    """4.2: a kept tool result keeps its call, and none comes first."""
    assert unanswerable(before) == 0
    found = asyncio.run(compact(before, Model(), keep_pairs=True))
    if found is not None:
        head, tail = parts(found)
        assert same(head, before[: len(head)])
        assert same(tail, before[len(before) - len(tail) :])
        assert unanswerable(tail) == 0
        answered = {
            b.tool_use_id for m in head for b in m.content if isinstance(b, ToolResultBlock)
        }
        assert {b.id for m in head for b in m.content if isinstance(b, ToolUseBlock)} <= answered
    recent = keep_recent(before, keep_pairs=True)
    assert recent is None or unanswerable(recent) == 0


@given(st.lists(ANY, max_size=60), st.booleans())
def test_of_any_messages_some_first_and_some_last_ones_stay(
    messages: list[Message], keep_pairs: bool
) -> None:
    """C2, with and without pairs."""
    before = tuple(messages)
    found = asyncio.run(compact(before, Model(), keep_pairs=keep_pairs))
    if found is None:
        return
    head, tail = parts(found)
    assert len(head) <= 2
    assert same(head, before[: len(head)])
    assert same(tail, before[len(before) - len(tail) :])
    assert len(head) + len(tail) < len(before)


# -- When -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("used", "maximum", "threshold", "wanted"),
    [
        (50_000, 200_000, 0.8, False),
        (160_000, 200_000, 0.8, True),
        (190_000, 200_000, 0.8, True),
        (80_000, 100_000, 0.8, True),
        (79_999, 100_000, 0.8, False),
        (95_000, 100_000, 0.95, True),
        (94_000, 100_000, 0.95, False),
        (100, 0, 0.8, False),
        (0, 0, 0.0, False),
        (7, 10, 0.7, True),
        (300_000, 200_000, 1.0, True),
    ],
)
def test_a_context_is_compacted_from_the_threshold_on(
    used: int, maximum: int, threshold: float, wanted: bool
) -> None:
    """C7."""
    assert should_auto_compact(used, maximum, threshold) is wanted


@given(st.integers(1, 100), st.integers(1, 2**24 // 100))
def test_a_threshold_that_was_stored_in_32_bits_means_the_same(percent: int, unit: int) -> None:
    """C7: for numbers of tokens that 32 bits hold exactly."""
    stored = memoryview(bytearray(4)).cast("f")
    stored[0] = percent / 100
    assert should_auto_compact(percent * unit, 100 * unit, percent / 100)
    assert should_auto_compact(percent * unit, 100 * unit, stored[0])


def test_the_threshold_is_four_fifths_by_default() -> None:
    """4.1, the constants."""
    assert DEFAULT_AUTO_COMPACT_THRESHOLD == 0.8
    assert should_auto_compact(160_000, 200_000)


# -- Pruning ----------------------------------------------------------------------------------


def output(name: str, tokens: int) -> Message:
    return result(name, "x" * (tokens * 4))


def text_of(message: Message) -> str:
    (block,) = message.content
    assert isinstance(block, ToolResultBlock)
    assert isinstance(block.content, str)
    return block.content


def test_up_to_40_000_tokens_of_output_nothing_is_pruned() -> None:
    """C8."""
    assert prune_tool_outputs(()) is None
    assert prune_tool_outputs(talk(3)) is None
    assert prune_tool_outputs([output("a", 20_000), output("b", 20_000)]) is None


def test_less_than_20_000_tokens_are_not_worth_it() -> None:
    """C8."""
    recent = output("b", 40_000)
    assert prune_tool_outputs([output("a", 19_999), recent]) is None
    found = prune_tool_outputs([output("a", 20_000), recent])
    assert found is not None
    assert text_of(found[0]) == PRUNED
    assert found[1] is recent
    assert PRUNED == "[output pruned — re-read file or re-run command if needed]"


def test_the_newest_are_protected_and_the_last_of_them_may_go_beyond() -> None:
    """C8."""
    before = (
        output("old", 50_000),
        Message.assistant("done"),
        output("large", 50_000),
        output("small", 10_000),
    )
    found = prune_tool_outputs(before)
    assert found is not None
    assert text_of(found[0]) == PRUNED
    assert same(found[1:], before[1:])


def test_a_pruned_result_keeps_what_else_it_says_and_its_neighbours() -> None:
    """C8."""
    old = output("old", 30_000).content[0]
    beside = TextBlock(text="beside")
    image = ToolResultImage(source=ImageSource(media_type="image/png", data="A" * 400_000))
    parts_ = ToolResultBlock(
        tool_use_id="parts", content=(ToolResultText(text="y" * 80_000), image), is_error=True
    )
    before = (
        Message(role="user", content=(beside, old, parts_), reasoning_content="why"),
        output("new", 40_000),
    )
    found = prune_tool_outputs(before)
    assert found is not None
    assert found[0].content[0] is beside
    assert found[0].content[1:] == (
        evolved(old, {"content": PRUNED}),
        evolved(parts_, {"content": PRUNED}),
    )
    assert (found[0].role, found[0].reasoning_content) == ("user", "why")


def test_a_result_that_was_pruned_before_is_the_same_object() -> None:
    """C8."""
    first = prune_tool_outputs([output("a", 20_000), output("b", 40_000)])
    assert first is not None
    second = prune_tool_outputs([*first, output("c", 40_000)])
    assert second is not None
    assert second[0] is first[0]
    assert text_of(second[1]) == PRUNED


@given(st.lists(st.integers(0, 30_000), max_size=12), st.integers(1, 3))
def test_tokens_are_four_bytes_of_text_and_pruned_ones_not_worth_pruning_again(
    sizes: list[int], width: int
) -> None:
    """C8."""
    letter = ("x", "é", "€")[width - 1]
    before = tuple(result(str(n), letter * size) for n, size in enumerate(sizes))
    tokens = [size * width // 4 for size in sizes]
    protected, kept = 0, [True] * len(sizes)
    for at in reversed(range(len(sizes))):
        if protected < 40_000:
            protected += tokens[at]
        elif tokens[at]:
            kept[at] = False
    saved = sum(tokens[at] for at, stays in enumerate(kept) if not stays)
    found = prune_tool_outputs(before)
    if saved < 20_000:
        assert found is None
        return
    assert found is not None
    assert [new is old for new, old in zip(found, before, strict=True)] == kept
    assert {text_of(new) for new, stays in zip(found, kept, strict=True) if not stays} == {PRUNED}
    assert prune_tool_outputs(found) is None
