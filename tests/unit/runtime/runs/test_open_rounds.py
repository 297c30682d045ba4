"""A round that a run left open is found, told of, and ended without touching what was before."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a3s_store.models import Message, ToolResultBlock, ToolUseBlock
from a3s_store.pairs import check_pairs, repair_pairs
from a3s_store.runtime.observation.session_events import ToolPairsBroken
from a3s_store.runtime.runs.interrupted import open_calls
from tests.unit.core.test_tool_pairs import MESSAGES, TALK, call, result


@given(MESSAGES, st.integers(0, 14))
def test_a_conversation_is_repaired_from_a_position_on_and_not_before(
    messages: list[Message], start: int
) -> None:
    found = repair_pairs(messages, start=start)
    kept = messages[:start]
    assert [id(one) for one in found[: len(kept)]] == [id(one) for one in kept]
    assert all(problem.position < start for problem in check_pairs(found))
    assert repair_pairs(found, start=start) == found


def test_results_are_added_behind_a_round_that_began_before_the_position() -> None:
    before = (TALK, call("a", "b"), result("a"))
    found = repair_pairs(before, start=2)
    assert found[:2] == before[:2]
    assert [
        block.tool_use_id for block in found[2].content if isinstance(block, ToolResultBlock)
    ] == ["a", "b"]


def test_open_calls_are_those_of_the_last_round() -> None:
    assert open_calls((call("a"), TALK, call("b", "c"), result("c"))) == (
        check_pairs((call("a"), TALK, call("b", "c"), result("c")))[1],
    )
    assert open_calls((call("a"), result("a"))) == ()


@pytest.mark.parametrize(("with_open_calls", "kinds"), [(True, 2), (False, 1)])
def test_the_event_names_the_problems_or_there_is_none(with_open_calls: bool, kinds: int) -> None:
    messages = (result("x"), call("a"))
    event = ToolPairsBroken.found("main", messages, with_open_calls=with_open_calls)
    assert event is not None
    assert (event.session_id, event.repaired, len(event.problems)) == ("main", False, kinds)
    assert ToolPairsBroken.found("main", (TALK,)) is None


def test_the_event_says_that_a_repair_was_made() -> None:
    messages = (Message(role="assistant", content=(ToolUseBlock(id="a", name="n", input={}),)),)
    event = ToolPairsBroken.found("main", messages, repaired=True)
    assert event is not None
    assert event.repaired
    assert ToolPairsBroken.found("main", repair_pairs(messages, start=0)) is None
