"""Requests reach a human, decisions reach the waiting call, and no request is left behind."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a3s_store.errors import SessionError
from a3s_store.models import (
    AgentEvent,
    ConfirmationPolicy,
    ConfirmationReceived,
    ConfirmationRequired,
    ConfirmationTimeout,
    SessionLane,
    TimeoutAction,
)
from a3s_store.runtime.policies.confirmation import (
    ConfirmationAnswer,
    ConfirmationManager,
    ConfirmationRequest,
    action_of,
    is_yolo,
    lane_of,
    number_of,
    requires_confirmation,
)
from a3s_store.runtime.queue.lane_config import priority

QUERIES = {"read", "glob", "ls", "grep", "list_files", "search", "web_fetch", "web_search"}
CHANGES = {"bash", "write", "edit", "delete", "move", "copy", "execute"}


class Desk:
    """A manager, what it emitted, and a clock that is moved by hand."""

    def __init__(self, policy: ConfirmationPolicy | None = None) -> None:
        self.events: list[AgentEvent] = []
        self.now = 1_000
        self.manager = ConfirmationManager(
            ConfirmationPolicy.on() if policy is None else policy,
            emit=self.events.append,
            clock=lambda: self.now,
        )

    def ask(self, tool_id: str, name: str = "bash") -> ConfirmationRequest:
        return self.manager.request_confirmation(tool_id, name, {"command": tool_id})


def at_desk(
    use: Callable[[Desk], Awaitable[None]], policy: ConfirmationPolicy | None = None
) -> None:
    """Run this with a new manager. The limit is there for what would wait for ever."""

    async def main() -> None:
        async with asyncio.timeout(30):
            await use(Desk(policy))

    asyncio.run(main())


async def turns(count: int = 5) -> None:
    """Let other tasks go on until they wait."""
    for _ in range(count):
        await asyncio.sleep(0)


# -- Lanes ----------------------------------------------------------------------------------------


def test_tools_that_only_look_are_in_the_query_lane() -> None:
    """6.4, 6.2."""
    assert {lane_of(tool) for tool in QUERIES} == {SessionLane.QUERY}


@given(st.text())
def test_tools_that_change_things_and_unknown_ones_are_in_the_execute_lane(name: str) -> None:
    """6.4, 6.2. Names are compared exactly."""
    assert {lane_of(tool) for tool in CHANGES} == {SessionLane.EXECUTE}
    assert lane_of(name) is (SessionLane.QUERY if name in QUERIES else SessionLane.EXECUTE)
    assert lane_of("Read") is lane_of(" read") is lane_of("pause") is SessionLane.EXECUTE


def test_lanes_have_priorities() -> None:
    """6.4, 6.2."""
    lanes = [SessionLane.CONTROL, SessionLane.QUERY, SessionLane.EXECUTE, SessionLane.GENERATE]
    assert [priority(lane) for lane in lanes] == [0, 1, 2, 3]


@given(st.integers())
def test_timeout_actions_have_numbers_and_an_unknown_number_rejects(number: int) -> None:
    """6.1."""
    assert number_of(TimeoutAction.REJECT) == 1
    assert number_of(TimeoutAction.AUTO_APPROVE) == 2
    assert all(action_of(number_of(action)) is action for action in TimeoutAction)
    if number != 2:
        assert action_of(number) is TimeoutAction.REJECT


# -- Policies -------------------------------------------------------------------------------------


def test_the_default_policy_asks_nobody() -> None:
    """6.4, 6.1."""
    policy = ConfirmationPolicy()
    assert not policy.enabled
    assert policy.default_timeout_ms == 30_000
    assert policy.timeout_action is TimeoutAction.REJECT
    assert policy.yolo_lanes == frozenset()
    assert not requires_confirmation(policy, "bash")
    assert is_yolo(policy, "bash")


def test_an_enabled_policy_asks_about_every_tool() -> None:
    """6.4, 6.1."""
    assert ConfirmationPolicy.on() == ConfirmationPolicy(enabled=True)
    assert all(
        requires_confirmation(ConfirmationPolicy.on(), tool)
        for tool in (*QUERIES, *CHANGES, "unknown")
    )


def test_nobody_is_asked_about_tools_in_yolo_lanes() -> None:
    """6.4, 6.1."""
    policy = ConfirmationPolicy.on().with_yolo_lanes([SessionLane.QUERY])
    assert is_yolo(policy, "read")
    assert not is_yolo(policy, "bash")
    assert not is_yolo(policy, "Read"), "that is an unknown tool"
    both = policy.with_yolo_lanes([SessionLane.EXECUTE])
    assert both.yolo_lanes == {SessionLane.EXECUTE}, "these and no others"
    assert not is_yolo(both, "read")


@given(st.sets(st.sampled_from(SessionLane)), st.booleans(), st.sampled_from([*QUERIES, *CHANGES]))
def test_a_tool_is_asked_about_or_is_yolo(lanes: set[SessionLane], on: bool, tool: str) -> None:
    """6.1."""
    policy = ConfirmationPolicy(enabled=on).with_yolo_lanes(lanes)
    assert is_yolo(policy, tool) == (not on or lane_of(tool) in lanes)
    assert requires_confirmation(policy, tool) != is_yolo(policy, tool)
    assert Desk(policy).manager.requires_confirmation(tool) == requires_confirmation(policy, tool)


def test_time_and_action_are_set_together() -> None:
    """6.4, 6.1."""
    policy = ConfirmationPolicy.on().with_timeout(5_000, TimeoutAction.AUTO_APPROVE)
    assert policy == ConfirmationPolicy(
        enabled=True, default_timeout_ms=5_000, timeout_action=TimeoutAction.AUTO_APPROVE
    )


# -- Asking and answering -------------------------------------------------------------------------


def test_a_question_is_emitted_at_once_and_its_approval_reaches_the_waiter() -> None:
    """6.4, H1, H2."""

    async def use(desk: Desk) -> None:
        request = desk.ask("call-1")
        assert desk.events == [
            ConfirmationRequired(
                tool_id="call-1", tool_name="bash", args={"command": "call-1"}, timeout_ms=30_000
            )
        ]
        waiter = asyncio.create_task(desk.manager.wait(request))
        await turns()
        assert not waiter.done()
        assert desk.manager.confirm("call-1", True)
        assert await waiter == ConfirmationAnswer(approved=True, reason=None)
        assert desk.events[1:] == [ConfirmationReceived(tool_id="call-1", approved=True)]
        assert desk.manager.pending_count == 0

    at_desk(use)


def test_a_rejection_brings_its_reason() -> None:
    """6.4, H2."""

    async def use(desk: Desk) -> None:
        request = desk.ask("call-1")
        assert desk.manager.confirm("call-1", False, "too dangerous")
        assert await request == ConfirmationAnswer(approved=False, reason="too dangerous")
        assert await request == await desk.manager.wait(request), "answered for good"
        assert desk.events[-1] == ConfirmationReceived(
            tool_id="call-1", approved=False, reason="too dangerous"
        )

    at_desk(use)


def test_an_answer_to_what_was_not_asked_changes_nothing() -> None:
    """6.4, H2."""

    async def use(desk: Desk) -> None:
        assert not desk.manager.confirm("unknown", True)
        desk.ask("call-1")
        assert desk.manager.confirm("call-1", True)
        assert not desk.manager.confirm("call-1", False), "answered once"
        assert len(desk.events) == 2

    at_desk(use)


@given(st.permutations(range(5)), st.lists(st.booleans(), min_size=5, max_size=5))
def test_questions_asked_together_each_get_their_own_answer(
    order: list[int], answers: list[bool]
) -> None:
    """6.4, H1, H2."""

    async def use(desk: Desk) -> None:
        waiters = [asyncio.create_task(desk.manager.wait(desk.ask(f"c{n}"))) for n in range(5)]
        await turns()
        assert desk.manager.pending_count == 5
        for n in order:
            assert desk.manager.confirm(f"c{n}", answers[n], f"reason {n}")
        assert await asyncio.gather(*waiters) == [
            ConfirmationAnswer(approved=answers[n], reason=f"reason {n}") for n in range(5)
        ]

    at_desk(use)


def test_what_is_pending_can_be_listed_with_the_time_it_has_left() -> None:
    """6.4, H5."""

    async def use(desk: Desk) -> None:
        assert desk.manager.pending_confirmations() == ()
        desk.ask("call-1")
        desk.now += 400
        desk.ask("call-2", "write")
        assert desk.manager.pending_confirmations() == (
            ("call-1", "bash", 29_600),
            ("call-2", "write", 30_000),
        )
        desk.now += 29_999
        assert [p.remaining_ms for p in desk.manager.pending_confirmations()] == [0, 1]
        assert desk.manager.pending_count == 2

    at_desk(use)


def test_a_second_question_with_the_same_id_replaces_the_first() -> None:
    """H1. The first waiter sees a closed channel."""

    async def use(desk: Desk) -> None:
        for wait in (desk.manager.wait, lambda request: request):
            first = desk.ask("call-1")

            async def old(request: ConfirmationRequest = first) -> ConfirmationAnswer:
                return await wait(request)  # noqa: B023 - this turn's

            waiter = asyncio.create_task(old())
            await turns()
            second = desk.ask("call-1", "write")
            with pytest.raises(SessionError) as raised:
                await waiter
            assert raised.value.what == "confirmation channel closed"
            assert "call-1" in str(raised.value)
            assert [p.tool_name for p in desk.manager.pending_confirmations()] == ["write"]
            assert desk.manager.confirm("call-1", True)
            assert (await second).approved

    at_desk(use)


def test_a_replaced_question_nobody_waits_for_is_no_trouble() -> None:
    """H1. No exception is left unretrieved, which would be reported when it is collected."""

    async def use(desk: Desk) -> None:
        reported: list[object] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, what: reported.append(what))
        desk.ask("call-1")
        desk.ask("call-2")
        for _ in range(3):
            desk.ask("call-1")
        asked = [p.tool_id for p in desk.manager.pending_confirmations()]
        assert asked == ["call-2", "call-1"], "it was asked last"
        assert desk.manager.cancel_all() == 2
        await turns()
        assert reported == []

    at_desk(use)


# -- Time -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("action", "taken", "approved"),
    [
        (TimeoutAction.REJECT, "rejected", False),
        (TimeoutAction.AUTO_APPROVE, "auto_approved", True),
    ],
)
def test_what_is_due_expires_as_the_policy_says(
    action: TimeoutAction, taken: str, approved: bool
) -> None:
    """6.4, H3."""

    async def use(desk: Desk) -> None:
        request = desk.ask("call-1")
        desk.now += 100
        assert desk.manager.check_timeouts() == 1
        assert desk.events[1:] == [ConfirmationTimeout(tool_id="call-1", action_taken=taken)]
        answer = await request
        assert answer.approved == approved
        assert answer.reason == f"Confirmation timed out, action: {taken}"
        assert answer.timed_out
        assert desk.manager.check_timeouts() == 0
        assert not desk.manager.confirm("call-1", True)

    at_desk(use, ConfirmationPolicy.on().with_timeout(100, action))


def test_only_what_is_due_expires() -> None:
    """H3."""

    async def use(desk: Desk) -> None:
        early = [desk.ask(f"early-{n}") for n in range(3)]
        desk.now += 1
        late = desk.ask("late")
        desk.now += 29_998
        assert desk.manager.check_timeouts() == 0
        desk.now += 1
        assert desk.manager.confirm("early-1", True), "due, but not expired until it is looked at"
        assert desk.manager.check_timeouts() == 2
        assert [(await request).timed_out for request in early] == [True, False, True]
        assert desk.manager.pending_confirmations() == (("late", "bash", 1),)
        assert desk.manager.cancel("late")
        assert not (await late).timed_out

    at_desk(use)


def test_nothing_expires_unless_it_is_looked_at() -> None:
    """H3."""

    async def use(desk: Desk) -> None:
        request = desk.ask("call-1")
        desk.now += 1_000_000
        waiter = asyncio.ensure_future(ahead(request))
        await asyncio.sleep(0.01)
        assert not waiter.done()
        assert desk.manager.pending_confirmations() == (("call-1", "bash", 0),)
        desk.manager.set_policy(ConfirmationPolicy.on())
        another = asyncio.create_task(desk.manager.wait(desk.ask("call-2")))
        await turns()
        assert desk.manager.confirm("call-2", True)
        assert (await another).approved
        assert not waiter.done(), "the end of another wait is no look at it"
        assert desk.manager.confirm("call-1", True)
        assert (await waiter).approved

    at_desk(use, ConfirmationPolicy.on().with_timeout(1, TimeoutAction.REJECT))


async def ahead(request: ConfirmationRequest) -> ConfirmationAnswer:
    return await request


def test_an_answer_in_time_leaves_nothing_to_expire() -> None:
    """6.4, H2, H3."""

    async def use(desk: Desk) -> None:
        request = desk.ask("call-1")
        desk.now += 29_999
        assert desk.manager.confirm("call-1", True)
        desk.now += 10
        assert desk.manager.check_timeouts() == 0
        assert await request == ConfirmationAnswer(approved=True)
        assert not any(isinstance(event, ConfirmationTimeout) for event in desk.events)

    at_desk(use)


def test_wait_lets_time_answer_without_a_timer_of_the_application() -> None:
    """H3. It looks when the time is up, by the clock it was given."""

    async def use(desk: Desk) -> None:
        request = desk.ask("call-1")
        waiter = asyncio.create_task(desk.manager.wait(request))
        await asyncio.sleep(0.02)
        assert not waiter.done(), "by the clock, no time has passed"
        desk.now += 5
        assert (await waiter).timed_out
        assert desk.events[1:] == [ConfirmationTimeout(tool_id="call-1", action_taken="rejected")]

    at_desk(use, ConfirmationPolicy.on().with_timeout(5, TimeoutAction.REJECT))


def test_a_new_policy_is_for_questions_to_come() -> None:
    """6.4, H6."""

    async def use(desk: Desk) -> None:
        old = desk.ask("old")
        changed = ConfirmationPolicy.on().with_timeout(10, TimeoutAction.AUTO_APPROVE)
        desk.manager.set_policy(changed)
        assert desk.manager.policy is changed
        new = desk.ask("new")
        assert [p.remaining_ms for p in desk.manager.pending_confirmations()] == [30_000, 10]
        desk.now += 10
        assert desk.manager.check_timeouts() == 1
        assert (await new).approved
        desk.now += 30_000
        assert desk.manager.check_timeouts() == 1
        assert not (await old).approved
        assert desk.events[-2:] == [
            ConfirmationTimeout(tool_id="new", action_taken="auto_approved"),
            ConfirmationTimeout(tool_id="old", action_taken="rejected"),
        ]

    at_desk(use)


# -- Taking back ----------------------------------------------------------------------------------


def test_a_cancelled_question_is_answered_no_without_an_event() -> None:
    """6.4, H4."""

    async def use(desk: Desk) -> None:
        request = desk.ask("call-1")
        other = desk.ask("call-2")
        assert desk.manager.cancel("call-1")
        assert not desk.manager.cancel("call-1")
        no = ConfirmationAnswer(approved=False, reason="Confirmation cancelled")
        assert await request == no
        assert desk.manager.pending_count == 1
        more = [desk.ask(f"more-{n}") for n in range(3)]
        asked = len(desk.events)
        assert desk.manager.cancel_all() == 4
        assert desk.manager.cancel_all() == 0
        assert [await each for each in (other, *more)] == [no] * 4
        assert len(desk.events) == asked

    at_desk(use)


@pytest.mark.parametrize("direct", [True, False])
@pytest.mark.parametrize("ran", [0, 1, 3])
@pytest.mark.parametrize("answered", ["before", "after", "never"])
def test_a_cancelled_waiter_leaves_the_manager_whole(direct: bool, ran: int, answered: str) -> None:
    """H2, H4. Before and after it began to wait, and on either side of the decision."""

    async def use(desk: Desk) -> None:
        request = desk.ask("call-1")
        other = asyncio.create_task(desk.manager.wait(desk.ask("call-2")))
        waiter = asyncio.create_task(ahead(request) if direct else desk.manager.wait(request))
        await turns(ran)
        if answered == "before":
            assert desk.manager.confirm("call-1", True)
        waiter.cancel()
        if ran and direct:
            assert desk.manager.pending_count == 1, "at once, before the waiter has run"
        if answered == "after":
            # One that has not begun, or does not hang on the question itself, can still be told.
            told = desk.manager.confirm("call-1", True)
            assert told == (ran == 0 or not direct)
            assert not desk.manager.confirm("call-1", True)
        with pytest.raises(asyncio.CancelledError):
            await waiter
        if ran:
            assert list(desk.manager._pending) == ["call-2"], "no request is kept without a waiter"
            assert [p.tool_id for p in desk.manager.pending_confirmations()] == ["call-2"]
            assert not desk.manager.confirm("call-1", True)
        desk.now += 29_999
        assert desk.manager.check_timeouts() == 0
        assert desk.manager.confirm("call-2", True)
        assert (await other).approved
        again = desk.ask("call-1")
        assert desk.manager.confirm("call-1", False)
        assert not (await again).approved

    at_desk(use)


def test_a_cancelled_waiter_does_not_withdraw_what_replaced_its_question() -> None:
    """H1."""

    async def use(desk: Desk) -> None:
        waiter = asyncio.create_task(desk.manager.wait(desk.ask("call-1")))
        await turns()
        second = desk.ask("call-1")
        waiter.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiter
        assert desk.manager.pending_count == 1
        assert desk.manager.confirm("call-1", True)
        assert (await second).approved

    at_desk(use)


def test_a_listener_may_answer_while_it_is_told() -> None:
    """H1, H3. No waiter is told twice, and none is forgotten."""

    async def main() -> None:
        manager: ConfirmationManager

        def listen(event: AgentEvent) -> None:
            if isinstance(event, ConfirmationRequired) and event.tool_name == "read":
                assert manager.confirm(event.tool_id, True, "always")
            if isinstance(event, ConfirmationTimeout):
                manager.cancel_all()

        now = [0]
        manager = ConfirmationManager(ConfirmationPolicy.on(), emit=listen, clock=lambda: now[0])
        assert (await manager.request_confirmation("1", "read", {})).reason == "always"
        two = manager.request_confirmation("2", "bash", {})
        three = manager.request_confirmation("3", "bash", {})
        now[0] += 30_000
        assert manager.check_timeouts() == 1
        assert (await two).timed_out
        assert (await three).reason == "Confirmation cancelled"

    asyncio.run(main())


PROGRAMS = st.lists(
    st.tuples(
        st.sampled_from(["ask", "confirm", "cancel", "pass", "check", "stop"]),
        st.sampled_from("abc"),
    ),
    max_size=25,
)


@given(PROGRAMS)
def test_every_question_ends_exactly_once(program: list[tuple[str, str]]) -> None:
    """H1, H2, H3, H4, H5. Against a plain model of what is pending."""

    async def use(desk: Desk) -> None:
        waiting: list[asyncio.Task[ConfirmationAnswer]] = []
        pending: dict[str, tuple[int, asyncio.Task[ConfirmationAnswer]]] = {}
        for step, tool_id in program:
            if step == "ask":
                task = asyncio.create_task(desk.manager.wait(desk.ask(tool_id)))
                waiting.append(task)
                pending.pop(tool_id, None)
                pending[tool_id] = (desk.now + 100_000, task)
            elif step == "confirm":
                known = pending.pop(tool_id, None)
                assert desk.manager.confirm(tool_id, True) == (known is not None)
            elif step == "cancel":
                known = pending.pop(tool_id, None)
                assert desk.manager.cancel(tool_id) == (known is not None)
            elif step == "stop" and tool_id in pending:
                pending.pop(tool_id)[1].cancel()
            elif step == "pass":
                desk.now += 60_000
            elif step == "check":
                due = [key for key, (when, _) in pending.items() if when <= desk.now]
                assert desk.manager.check_timeouts() == len(due)
                for key in due:
                    del pending[key]
            await turns(4)
            left = [p.tool_id for p in desk.manager.pending_confirmations()]
            assert left == list(pending)
            assert desk.manager.pending_count == len(pending)
            assert {t for t in waiting if not t.done()} == {t for _, t in pending.values()}
        assert desk.manager.cancel_all() == len(pending)
        ends = await asyncio.gather(*waiting, return_exceptions=True)
        assert len(ends) == sum(step == "ask" for step, _ in program)

    at_desk(use, ConfirmationPolicy.on().with_timeout(100_000, TimeoutAction.REJECT))
