"""Asks a human about calls of tools, and brings each answer to the call that waits for it.

`ConfirmationManager` keeps what is pending. Whoever shows questions listens to the events and calls
`confirm`; whoever runs tools waits for the handle it got.

Invariants: 1. what is pending has not been answered, expired, been cancelled or replaced, and its
waiter, if it had one, still waits; 2. every waiter is told once; 3. time alone decides nothing:
what is due expires when `check_timeouts` is called. `wait` calls it when the time is up, so that an
application without a timer does not wait for ever; a bare `await` of the handle does not; 4. a new
policy is that of later questions, one that is pending keeps its time and what happens after it.
To be used from one event loop. Upstream: hitl.rs (runtime 6). Left out: rejecting
both of two questions with one id, and time that never decides (6.4).
"""

from __future__ import annotations

import asyncio
from collections.abc import Generator, Mapping
from typing import Any, Final, NamedTuple

import attrs

from a3s_store.core.clock import Clock, system_clock
from a3s_store.errors import EncodeError, SessionError
from a3s_store.models import (
    ConfirmationPolicy,
    ConfirmationReceived,
    ConfirmationRequired,
    ConfirmationTimeout,
    TimeoutAction,
)
from a3s_store.runtime.observation.events import Emit
from a3s_store.runtime.policies.lanes import lane_of
from a3s_store.runtime.state.limits import check_items

_TAKEN: Final = {TimeoutAction.REJECT: "rejected", TimeoutAction.AUTO_APPROVE: "auto_approved"}


def is_yolo(policy: ConfirmationPolicy, tool: str) -> bool:
    """Whether nobody is asked about the tool: the policy is off, or not for the tool's lane."""
    return not policy.enabled or lane_of(tool) in policy.yolo_lanes


def requires_confirmation(policy: ConfirmationPolicy, tool: str) -> bool:
    """Whether somebody is asked about the tool, when its permission is Ask."""
    return not is_yolo(policy, tool)


@attrs.frozen
class ConfirmationAnswer:
    """Whether the call may be made, and why. `timed_out` says that time gave the answer."""

    approved: bool
    reason: str | None = None
    timed_out: bool = False


class PendingConfirmation(NamedTuple):
    """A question that waits for an answer, and for how much longer it does."""

    tool_id: str
    tool_name: str
    remaining_ms: int


class ConfirmationRequest:
    """A question that was asked, as the one who waits for the answer holds it.

    `await` answers a `ConfirmationAnswer`, and raises SessionError (`confirmation channel closed`)
    when a later question took this one's id. One task may wait; when it is cancelled the question
    is withdrawn. Made by `ConfirmationManager`.
    """

    def __init__(
        self, manager: ConfirmationManager, tool_id: str, tool_name: str, policy: ConfirmationPolicy
    ) -> None:
        self.tool_id = tool_id
        self.tool_name = tool_name
        self.timeout_ms = policy.default_timeout_ms
        self.timeout_action = policy.timeout_action
        self._manager = manager
        self._due_ms = manager._clock() + policy.default_timeout_ms
        # None, not an exception, when it closes: nobody may be waiting to retrieve one.
        self._answer: asyncio.Future[ConfirmationAnswer | None] = (
            asyncio.get_running_loop().create_future()
        )

    @property
    def remaining_ms(self) -> int:
        """How long until it may expire; 0 when it may."""
        return max(0, self._due_ms - self._manager._clock())

    def __await__(self) -> Generator[Any, None, ConfirmationAnswer]:
        try:
            answer = yield from self._answer
        except asyncio.CancelledError:
            self._manager._withdraw(self)
            raise
        if answer is None:
            raise SessionError(
                "confirmation channel closed",
                op="confirm",
                where=f"tool call {self.tool_id!r}",
                hint="Another question was asked under the same id",
            )
        return answer

    def _settle(self, answer: ConfirmationAnswer | None) -> bool:
        # A waiter that was cancelled a moment ago has cancelled this, and not run since.
        if self._answer.done():
            return False
        self._answer.set_result(answer)
        return True


class ConfirmationManager:
    """The pending questions of a session. Upstream: `ConfirmationManager` (runtime 6.3).

    Raises EncodeError for a policy that could not be saved, as every session saves its own.
    """

    def __init__(
        self, policy: ConfirmationPolicy, *, emit: Emit, clock: Clock = system_clock
    ) -> None:
        check_items(ConfirmationPolicy, (policy,))
        self._policy = policy
        self._emit = emit
        self._clock = clock
        self._pending: dict[str, ConfirmationRequest] = {}

    @property
    def policy(self) -> ConfirmationPolicy:
        """The policy of questions to come."""
        return self._policy

    def set_policy(self, policy: ConfirmationPolicy) -> None:
        """Replace the policy; what is pending keeps its time and what happens after it.

        Raises EncodeError for a policy that could not be saved; then the old one stays.
        """
        check_items(ConfirmationPolicy, (policy,))
        self._policy = policy

    def requires_confirmation(self, tool: str) -> bool:
        """Whether the policy has somebody asked about this tool."""
        return requires_confirmation(self._policy, tool)

    def request_confirmation(
        self, tool_id: str, name: str, args: Mapping[str, Any]
    ) -> ConfirmationRequest:
        """Ask, at once, and answer what to wait for; asks whatever the policy says of the tool.

        A pending question with this id is replaced: its waiter sees a closed channel. Must be
        called where an event loop runs. Emits ConfirmationRequired.
        """
        request = ConfirmationRequest(self, tool_id, name, self._policy)
        event = ConfirmationRequired(
            tool_id=tool_id, tool_name=name, args=args, timeout_ms=request.timeout_ms
        )
        replaced = self._pending.pop(tool_id, None)
        self._pending[tool_id] = request
        if replaced is not None:
            replaced._settle(None)
        self._emit(event)
        return request

    async def wait(self, request: ConfirmationRequest) -> ConfirmationAnswer:
        """Wait for the answer, and see to it that time gives one when nobody does.

        The time is the clock's. Raises what awaiting the request raises.
        """
        try:
            while not request._answer.done():
                await asyncio.wait((request._answer,), timeout=request.remaining_ms / 1000)
                if not request._answer.done():
                    self.check_timeouts()
        except asyncio.CancelledError:
            self._withdraw(request)
            raise
        return await request

    def confirm(self, tool_id: str, approved: bool, reason: str | None = None) -> bool:
        """Answer a question; False when none with this id is pending.

        Emits ConfirmationReceived.

        Raises:
            EncodeError: `approved` is neither True nor False, as an "n" from a terminal is not, or
                the reason could not be saved; the question is still pending.
        """
        _check_boolean(approved)
        event = ConfirmationReceived(tool_id=tool_id, approved=approved, reason=reason)
        check_items(ConfirmationReceived, (event,))
        found = self._settle(self._pending.get(tool_id), ConfirmationAnswer(approved, reason))
        if found:
            self._emit(event)
        return found

    def check_timeouts(self) -> int:
        """Let expire what is due, and answer how many did.

        Each is approved or rejected as the policy said when it was asked. Emits
        ConfirmationTimeout for each.
        """
        due = [request for request in self._pending.values() if not request.remaining_ms]
        expired = 0
        for request in due:
            taken = _TAKEN.get(request.timeout_action, "rejected")
            answer = ConfirmationAnswer(
                approved=request.timeout_action is TimeoutAction.AUTO_APPROVE,
                reason=f"Confirmation timed out, action: {taken}",
                timed_out=True,
            )
            if self._settle(request, answer):
                expired += 1
                self._emit(ConfirmationTimeout(tool_id=request.tool_id, action_taken=taken))
        return expired

    def cancel(self, tool_id: str) -> bool:
        """Take a question back: its waiter is told no. False when none is pending. No event."""
        answer = ConfirmationAnswer(approved=False, reason="Confirmation cancelled")
        return self._settle(self._pending.get(tool_id), answer)

    def cancel_all(self) -> int:
        """Take every question back, and answer how many there were. No events."""
        return sum(self.cancel(tool_id) for tool_id in tuple(self._pending))

    @property
    def pending_count(self) -> int:
        """How many questions wait for an answer."""
        return len(self.pending_confirmations())

    def pending_confirmations(self) -> tuple[PendingConfirmation, ...]:
        """What waits for an answer, in the order in which it was asked."""
        return tuple(
            PendingConfirmation(request.tool_id, request.tool_name, request.remaining_ms)
            for request in self._pending.values()
            if not request._answer.done()
        )

    def _settle(self, request: ConfirmationRequest | None, answer: ConfirmationAnswer) -> bool:
        """Give a pending question its answer; False when it is not, or no longer, pending."""
        if request is None or not self._remove(request):
            return False
        # Before any event: whatever a listener does then, the waiter has been told.
        return request._settle(answer)

    def _withdraw(self, request: ConfirmationRequest) -> None:
        self._remove(request)
        request._settle(None)

    def _remove(self, request: ConfirmationRequest) -> bool:
        """Forget a question; False when another has its id by now, or none."""
        if self._pending.get(request.tool_id) is not request:
            return False
        del self._pending[request.tool_id]
        return True


def _check_boolean(value: object) -> None:
    if type(value) is not bool:
        raise EncodeError(f"expected a boolean, found {type(value).__name__}", path="approved")
