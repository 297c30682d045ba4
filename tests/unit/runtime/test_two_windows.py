"""Two live sessions of one stored session: what each sees of the other, and that no turn is lost.

A window is a live session. Runs are driven step by step, so that one goes on while the other saves.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from a3s_store.errors import (
    RunCancelledError,
    RunClaimedError,
    SessionDeletedError,
    StaleGenerationError,
    StaleSessionError,
)
from a3s_store.models import Message, PermissionPolicy, PermissionRule
from a3s_store.runtime.observation.session_events import ToolPairsBroken
from a3s_store.runtime.runs.active_run import ActiveRun, AgentResult
from a3s_store.runtime.state.compaction import SUMMARY_PREFIX
from tests.support import messages, session, trace
from tests.unit.runtime.live import Echo, Summaries
from tests.unit.runtime.windows import (
    FAILED,
    ID,
    Interference,
    InterferingSqlite,
    Work,
    calls,
    forks_in,
    on_two_stores,
    open_window,
    results,
    resume,
    send,
    stored,
    taken_for_dead,
    texts,
    told,
    turn,
)

Stores = tuple[Any, Any]


@pytest.fixture(params=["memory", "sqlite"])
def on_stores(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[Work], None]:
    return on_two_stores(request.param, tmp_path)


class NeverAsked:
    """An agent that must not be asked."""

    async def run(self, run: ActiveRun) -> AgentResult:
        raise AssertionError("the agent was asked")


# -- Scenes that chance seldom meets --------------------------------------------------------------


def test_a_run_taken_over_in_the_last_moment_is_kept_once_in_each(
    on_stores: Callable[[Work], None],
) -> None:
    async def main(first: Any, second: Any) -> None:
        one, other = await open_window(first), await open_window(second)
        events = one.session.events.subscribe()
        running = await send(one, "p")
        first.interference = Interference()

        async def take_over() -> None:
            with taken_for_dead(one):
                assert await other.abandon_run(running.run_id) == 1

        first.interference.meanwhile = take_over
        await running.fail()
        assert await stored(first) == ["p"]
        (fork,) = await forks_in(first)
        assert await stored(first, fork) == ["p"]
        event = told(events)[-1]
        assert (event.action, event.forked_as, event.reason) == ("forked", fork, "claimed")

    on_stores(main)


def test_a_run_taken_over_before_its_end_becomes_a_fork(on_stores: Callable[[Work], None]) -> None:
    async def main(first: Any, second: Any) -> None:
        one, other = await open_window(first), await open_window(second)
        running = await send(one, "p")
        with taken_for_dead(one):
            await other.abandon_run(running.run_id)
        result = await running.finish("a")
        assert result.text == "a"
        assert await stored(first) == ["p"]
        (fork,) = await forks_in(first)
        assert await stored(first, fork) == ["p", "a"]

    on_stores(main)


def test_a_run_taken_over_is_told_at_its_next_round(on_stores: Callable[[Work], None]) -> None:
    async def main(first: Any, second: Any) -> None:
        one, other = await open_window(first), await open_window(second)
        running = await send(one, "p")
        await running.round(calls("c", "k"), results("r", "k"))
        with taken_for_dead(one):
            assert await other.abandon_run(running.run_id) == 3
        await running.round(calls("d", "l"), results("s", "l"))
        with pytest.raises(RunClaimedError):
            await running.work
        assert await stored(first) == ["p", "c", "r"]
        assert texts(one.session.messages) == ["p", "c", "r"]
        assert await forks_in(first) == []

    on_stores(main)


def test_two_equal_prompts_are_two(on_stores: Callable[[Work], None]) -> None:
    async def main(first: Any, second: Any) -> None:
        one, other = await open_window(first), await open_window(second)
        running = await send(one, "p")
        other.session.replace_messages((Message.user("p"), Message.assistant("a")))
        await other.save()
        await running.die()
        await other.abandon_run(running.run_id)
        assert await stored(first) == ["p", "a", "p"]

    on_stores(main)


def test_two_equal_turns_are_two(on_stores: Callable[[Work], None]) -> None:
    async def main(first: Any, second: Any) -> None:
        windows = await open_window(first), await open_window(second)
        for window in windows:
            window.session.replace_messages((Message.user("p"), Message.assistant("a")))
        for window in windows:
            await window.save()
        assert await stored(first) == ["p", "a", "p", "a"]

    on_stores(main)


def test_a_new_life_is_not_the_old_one(on_stores: Callable[[Work], None]) -> None:
    async def main(first: Any, second: Any) -> None:
        one = await open_window(first)
        await second.delete(ID)
        await open_window(second)
        one.session.add_message(Message.user("p"))
        with pytest.raises(SessionDeletedError) as refused:
            await one.save()
        assert refused.value.recreated
        assert await stored(first) == []

    on_stores(main)


@pytest.mark.parametrize("outcome", ["before", "after", "cancelled"])
def test_a_save_of_unknown_outcome_counts_once(
    on_stores: Callable[[Work], None], outcome: Any
) -> None:
    async def main(first: Any, second: Any) -> None:
        one, other = await open_window(first), await open_window(second)
        first.interference = Interference(outcome, caller=asyncio.current_task())
        one.session.add_message(Message.user("p"))
        with pytest.raises((ConnectionError, asyncio.CancelledError)):
            await one.save()
        if task := asyncio.current_task():
            task.uncancel()
        one.session.add_message(Message.assistant("a"))
        await turn(other, "q", 7)
        await one.save()
        found = await stored(first)
        assert sorted(found) == ["a", "p", "q", "re: q"]
        assert found.index("p") < found.index("a")
        assert one.session.total_usage.prompt_tokens == 7

    on_stores(main)


# -- What each window sees ------------------------------------------------------------------------


def test_an_idle_window_that_closes_leaves_the_turns_of_the_other(
    on_stores: Callable[[Work], None],
) -> None:
    async def main(first: Any, second: Any) -> None:
        one, other = await open_window(first), await open_window(second)
        await turn(other, "p")
        await turn(other, "q")
        assert (await one.close()).kind == "unchanged"
        assert await stored(first) == ["p", "re: p", "q", "re: q"]
        assert len(await first.load_run_records(ID)) == 2

    on_stores(main)


def test_a_prompt_comes_behind_turns_of_the_other_and_the_agent_is_given_them(
    on_stores: Callable[[Work], None],
) -> None:
    async def main(first: Any, second: Any) -> None:
        one, other = await open_window(first), await open_window(second)
        events = one.session.events.subscribe()
        await turn(other, "p")
        running = await send(one, "q")
        assert texts(running.agent.messages) == ["p", "re: p", "q"]
        await running.finish("a")
        assert await stored(first) == ["p", "re: p", "q", "a"]
        (event,) = told(events)
        assert (event.action, event.their_messages, event.runs) == ("taken", 2, 1)
        await other.reload()
        assert other.session.messages == one.session.messages

    on_stores(main)


def test_of_two_runs_at_once_the_one_that_ends_first_comes_first(
    on_stores: Callable[[Work], None],
) -> None:
    async def main(first: Any, second: Any) -> None:
        one, other = await open_window(first), await open_window(second)
        events = one.session.events.subscribe()
        ours, theirs = await send(one, "p"), await send(other, "q")
        await theirs.finish("b", 3)
        assert texts(other.session.messages) == ["q", "b"]
        await ours.finish("a", 4)
        assert await stored(first) == ["q", "b", "p", "a"]
        assert texts(one.session.messages) == ["q", "b", "p", "a"]
        assert "merged" in [event.action for event in told(events)]
        found = await first.load(ID)
        assert found.total_usage.prompt_tokens == 7
        assert sorted(cost.prompt_tokens for cost in found.cost_records) == [3, 4]

    on_stores(main)


def test_a_turn_on_what_was_taken_back_meanwhile_becomes_a_fork(
    on_stores: Callable[[Work], None],
) -> None:
    async def main(first: Any, second: Any) -> None:
        one, other = await open_window(first), await open_window(second)
        await turn(one, "p")
        running = await send(other, "q")
        await one.reload()
        await one.clear()
        events = other.session.events.subscribe()
        await running.finish("b")
        assert await stored(first) == []
        (fork,) = await forks_in(first)
        assert await stored(first, fork) == ["p", "re: p", "q", "b"]
        event = next(event for event in told(events) if event.action == "forked")
        assert (event.forked_as, event.reason) == (fork, "rewritten")
        assert texts(other.session.messages) == []

    on_stores(main)


def test_a_clear_is_refused_when_the_other_spoke(on_stores: Callable[[Work], None]) -> None:
    async def main(first: Any, second: Any) -> None:
        one = await open_window(first)
        await turn(one, "o")
        other = await open_window(second)
        await turn(other, "p")
        with pytest.raises(StaleSessionError):
            await one.clear()
        assert texts(one.session.messages) == ["o", "re: o", "p", "re: p"] == await stored(first)
        await one.clear()
        assert await stored(first) == []

    on_stores(main)


def test_a_clear_is_refused_when_the_other_spoke_though_a_change_was_unsaved_here(
    on_stores: Callable[[Work], None],
) -> None:
    async def main(first: Any, second: Any) -> None:
        one, other = await open_window(first), await open_window(second)
        one.session.trace.record(trace(1))
        await turn(other, "p")
        with pytest.raises(StaleSessionError):
            await one.clear()
        assert texts(one.session.messages) == ["p", "re: p"] == await stored(first)
        assert await first.load_trace_events(ID) == (trace(1),)

    on_stores(main)


def test_a_summary_and_a_turn_made_meanwhile_are_both_stored(
    on_stores: Callable[[Work], None],
) -> None:
    async def main(first: Any, second: Any) -> None:
        await first.save(session(ID, 40))
        one, other = await open_window(first), await open_window(second)
        running = await send(other, "q")
        assert await one.compact(Summaries())
        await running.finish("b")
        found = (await first.load(ID)).messages
        assert texts(found)[-2:] == ["q", "b"]
        assert len(found) == 25
        assert found[2].text.startswith(SUMMARY_PREFIX)
        assert found[3:-2] == messages(40)[-20:]

    on_stores(main)


def test_a_name_and_a_policy_set_in_different_windows_are_both_stored(
    on_stores: Callable[[Work], None],
) -> None:
    async def main(first: Any, second: Any) -> None:
        one, other = await open_window(first), await open_window(second)
        policy = PermissionPolicy(deny=(PermissionRule(rule="bash(rm:*)"),))
        one.session.config = one.session.config.evolve(name="a")
        other.session.config = other.session.config.evolve(permission_policy=policy)
        await one.save()
        await other.save()
        config = (await first.load(ID)).config
        assert (config.name, config.permission_policy) == ("a", policy)
        assert other.session.config.name == "a"

    on_stores(main)


def test_of_two_names_the_later_stands_and_the_event_names_the_field(
    on_stores: Callable[[Work], None],
) -> None:
    async def main(first: Any, second: Any) -> None:
        one, other = await open_window(first), await open_window(second)
        events = other.session.events.subscribe()
        one.session.config = one.session.config.evolve(name="a")
        other.session.config = other.session.config.evolve(name="b")
        await one.save()
        await other.save()
        assert (await first.load(ID)).config.name == "b"
        (event,) = told(events)
        assert (event.action, event.overwritten) == ("merged", ("name",))
        await one.reload()
        assert one.session.config.name == "b"

    on_stores(main)


def test_a_deleted_session_is_found_before_the_agent_is_asked(
    on_stores: Callable[[Work], None],
) -> None:
    async def main(first: Any, second: Any) -> None:
        one = await open_window(first)
        events = one.session.events.subscribe()
        await second.delete(ID)
        with pytest.raises(SessionDeletedError):
            await one.send("p", NeverAsked())
        assert not await first.exists(ID)
        assert [event.action for event in told(events)] == ["deleted"]
        assert (await one.close()).kind in ("unchanged", "deleted")
        assert not await first.exists(ID)

    on_stores(main)


def test_a_session_deleted_during_a_run_can_be_saved_under_another_id(
    on_stores: Callable[[Work], None],
) -> None:
    async def main(first: Any, second: Any) -> None:
        one = await open_window(first)
        running = await send(one, "p")
        await second.delete(ID)
        assert (await running.finish("a")).text == "a"
        assert not await first.exists(ID)
        await one.save_as("rescued")
        assert await stored(first, "rescued") == ["p", "a"]
        assert (await first.inventory()).loop_checkpoints == ()

    on_stores(main)


# -- Runs that were interrupted -------------------------------------------------------------------


def test_a_run_that_is_given_up_keeps_its_prompt_and_finished_rounds(
    on_stores: Callable[[Work], None],
) -> None:
    async def main(first: Any, second: Any) -> None:
        one = await open_window(first)
        running = await send(one, "p")
        for number in range(5):
            name = f"k{number}"
            await running.round(calls(f"c{number}", name), results(f"r{number}", name), tokens=1)
        await running.die()
        other = await open_window(second)
        (found,) = await other.interrupted_runs()
        assert await other.abandon_run(found.run_id) == 11
        assert (await stored(first))[:3] == ["p", "c0", "r0"]
        assert (await first.load(ID)).total_usage.prompt_tokens == 5
        assert (await first.inventory()).loop_checkpoints == ()

    on_stores(main)


def test_a_prompt_comes_behind_the_rounds_of_an_interrupted_run(
    on_stores: Callable[[Work], None],
) -> None:
    async def main(first: Any, second: Any) -> None:
        one = await open_window(first)
        running = await send(one, "p")
        await running.round(calls("c", "k"), results("r", "k"))
        await running.die()
        other = await open_window(second)
        following = await send(other, "q")
        assert texts(following.agent.messages) == ["p", "c", "r", "q"]
        await following.finish("a")
        assert await stored(first) == ["p", "c", "r", "q", "a"]

    on_stores(main)


def test_a_resumed_run_is_told_of_calls_without_results(on_stores: Callable[[Work], None]) -> None:
    async def main(first: Any, second: Any) -> None:
        one = await open_window(first)
        running = await send(one, "p")
        await running.round(calls("c", "k"))
        await running.die()
        other = await open_window(second)
        (found,) = await other.interrupted_runs()
        assert [problem.call_id for problem in found.open_calls] == ["k"]
        events = other.session.events.subscribe()
        following = await resume(other, found.run_id)
        assert texts(following.agent.messages) == ["p", "c"]
        await following.cancel()
        broken = [event for event in events.pending() if isinstance(event, ToolPairsBroken)]
        assert [one.repaired for one in broken] == [True]
        assert len(await stored(first)) == 3

    on_stores(main)


@pytest.mark.parametrize("ending", ["cancelled", "failed"])
def test_a_run_that_ends_before_its_first_round_keeps_its_prompt(
    on_stores: Callable[[Work], None], ending: str
) -> None:
    async def main(first: Any, second: Any) -> None:
        one = await open_window(first)
        running = await send(one, "p")
        if ending == "cancelled":
            await running.cancel()
            assert isinstance(running.work.exception(), RunCancelledError)
        else:
            await running.fail()
            assert str(running.work.exception()) == FAILED
        assert await stored(first) == ["p"]
        assert (await first.inventory()).loop_checkpoints == ()

    on_stores(main)


def test_a_run_cancelled_while_its_first_checkpoint_is_saved_leaves_none(
    on_stores: Callable[[Work], None],
) -> None:
    async def main(first: Any, second: Any) -> None:
        one = await open_window(first)
        sending = asyncio.create_task(one.send("p", Echo()))
        first.interference = Interference("cancelled", caller=sending)
        await asyncio.wait((sending,))
        assert sending.cancelled()
        assert await stored(first) == ["p"]
        assert (await first.inventory()).loop_checkpoints == ()

    on_stores(main)


def test_a_cancelled_save_that_is_refused_later_is_no_forgotten_error(
    on_stores: Callable[[Work], None],
) -> None:
    async def main(first: Any, second: Any) -> None:
        complaints: list[str] = []
        asyncio.get_running_loop().set_exception_handler(
            lambda _, found: complaints.append(found["message"])
        )
        one = await open_window(first)
        await second.delete(ID)
        one.session.trace.record(trace(1))
        saving = asyncio.create_task(one.save())
        first.interference = Interference("cancelled", caller=saving)
        await asyncio.wait((saving,))
        await asyncio.sleep(0)
        del one, saving
        first.interference = None
        gc.collect()
        assert complaints == []

    on_stores(main)


def test_a_number_of_an_earlier_life_is_refused_after_deleting(
    on_stores: Callable[[Work], None],
) -> None:
    async def main(first: Any, second: Any) -> None:
        if not isinstance(first, InterferingSqlite):
            return
        for count in range(3):
            await first.save(session(ID, count))
        await second.delete(ID)
        for count in range(3):
            await second.save(session(ID, 50 + count))
        with pytest.raises(StaleGenerationError):
            await first.save(session(ID, 0), expected_generation=3)
        assert len(await stored(first)) == 52

    on_stores(main)


def test_a_store_that_fails_at_the_end_of_a_run_keeps_what_it_finished(
    on_stores: Callable[[Work], None],
) -> None:
    async def main(first: Any, second: Any) -> None:
        one = await open_window(first)
        running = await send(one, "p")
        await running.round(calls("c", "k"), results("r", "k"), tokens=2)
        first.interference = Interference("before")
        assert (await running.finish("a", 3)).text == "a"
        assert one.is_dirty
        assert await stored(first) == []
        await one.save()
        assert await stored(first) == ["p", "c", "r", "a"]
        assert (await first.load(ID)).total_usage.prompt_tokens == 5
        assert (await first.inventory()).loop_checkpoints == ()

    on_stores(main)


@pytest.mark.parametrize("how", ["given up", "resumed"])
def test_a_round_saved_while_another_window_looks_for_interrupted_runs_is_not_lost(
    on_stores: Callable[[Work], None], how: str
) -> None:
    async def main(first: Any, second: Any) -> None:
        one, other = await open_window(first), await open_window(second)
        running = await send(one, "p")
        await other.reload()
        find = second.run_checkpoints

        async def one_more_round(session_id: str) -> Any:
            second.run_checkpoints = find
            found = await find(session_id)
            assert await running.round(calls("c", "k"), results("r", "k"), tokens=5)
            await running.die()
            return found

        second.run_checkpoints = one_more_round
        if how == "given up":
            assert await other.abandon_run(running.run_id) == 3
        else:
            following = await resume(other, running.run_id)
            await following.finish("a", 1)
        assert (await stored(first))[:3] == ["p", "c", "r"]
        assert (await first.load(ID)).total_usage.prompt_tokens in (5, 6)

    on_stores(main)


def test_a_run_under_way_in_another_window_is_not_given_up(
    on_stores: Callable[[Work], None],
) -> None:
    async def main(first: Any, second: Any) -> None:
        one, other = await open_window(first), await open_window(second)
        running = await send(one, "p")
        await running.round(calls("c", "k"), results("r", "k"))
        with pytest.raises(RunClaimedError):
            await other.abandon_run(running.run_id)
        assert (await first.inventory()).loop_checkpoints == (running.run_id,)
        await running.finish("a")
        assert await stored(first) == ["p", "c", "r", "a"]
        assert await forks_in(first) == []

    on_stores(main)


def test_a_resumed_run_has_one_checkpoint_when_its_first_save_is_refused(
    on_stores: Callable[[Work], None],
) -> None:
    async def main(first: Any, second: Any) -> None:
        one = await open_window(first)
        running = await send(one, "p")
        await running.round(calls("c", "k"), results("r", "k"))
        await running.die()
        other, third = await open_window(second, "raise"), await open_window(first)
        second.interference = Interference()

        async def rename() -> None:
            third.session.config = third.session.config.evolve(name="a")
            await third.save()

        second.interference.meanwhile = rename
        following = await resume(other, running.run_id)
        assert (await first.inventory()).loop_checkpoints == (following.run_id,)
        await following.die()
        await turn(await open_window(first), "q")
        assert await stored(first) == ["p", "c", "r", "q", "re: q"]

    on_stores(main)
