"""Confirmation of tool calls by a human, and the policy of when a human is asked.

`ConfirmationManager` keeps the pending requests. A user interface subscribes to the events and
calls `confirm`; the code that runs tools awaits the request.

Invariants: 1. a pending request has not been confirmed, expired, cancelled or replaced, and its
waiter, if any, still waits; 2. every waiter gets one decision; 3. a request expires only in
`check_timeouts`, never by a timer. `wait` calls it when the time is up, so that an application
without a timer does not wait for ever; awaiting the request itself does not; 4. a new policy
applies to later requests, and a pending one keeps its timeout and the action after it.

To be used from one event loop. Upstream: hitl.rs, `SessionLane`, `TimeoutAction` (runtime 6). Left
out: rejecting both of two requests with one id, and a timeout that never decides (6.4).
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
    SessionLane,
    TimeoutAction,
)
from a3s_store.runtime.observation.events import Emit
from a3s_store.runtime.state.limits import check_items

_TAKEN: Final = {TimeoutAction.REJECT: "rejected", TimeoutAction.AUTO_APPROVE: "auto_approved"}
_NUMBERS: Final = {TimeoutAction.REJECT: 1, TimeoutAction.AUTO_APPROVE: 2}
# Tools that change nothing. Names are compared exactly: `Read` is an unknown tool.
_QUERIES: Final = frozenset(
    {"read", "glob", "ls", "grep", "list_files", "search", "web_fetch", "web_search"}
)


def lane_of(tool: str) -> SessionLane:
    """Return the lane of a tool's calls: Query for tools that change nothing, else Execute.

    No tool is in the lanes Control and Generate. Upstream: `SessionLane::from_tool_name`
    (runtime 6.2).
    """
    return SessionLane.QUERY if tool in _QUERIES else SessionLane.EXECUTE


def number_of(action: TimeoutAction) -> int:
    """Return an action's number in remote calls; an unknown action has Reject's (runtime 6.1)."""
    return _NUMBERS.get(action, _NUMBERS[TimeoutAction.REJECT])


def action_of(number: int) -> TimeoutAction:
    """Return the action of a number in remote calls; Reject for an unknown one (runtime 6.1)."""
    return TimeoutAction.AUTO_APPROVE if number == 2 else TimeoutAction.REJECT


def is_yolo(policy: ConfirmationPolicy, tool: str) -> bool:
    """Whether a tool runs unasked: the policy is off, or its `yolo_lanes` have the tool's lane."""
    return not policy.enabled or lane_of(tool) in policy.yolo_lanes


def requires_confirmation(policy: ConfirmationPolicy, tool: str) -> bool:
    """Whether a human is asked about a tool with the permission Ask."""
    return not is_yolo(policy, tool)


@attrs.frozen
class ConfirmationAnswer:
    """Whether the call may be made, and why. `timed_out` says that the timeout decided."""

    approved: bool
    reason: str | None = None
    timed_out: bool = False


class PendingConfirmation(NamedTuple):
    """A pending request, and the milliseconds until it may expire."""

    tool_id: str
    tool_name: str
    remaining_ms: int


class ConfirmationRequest:
    """A request to a human, for the code that waits. Made by `ConfirmationManager`.

    Awaiting it returns a `ConfirmationAnswer`, and raises SessionError (`confirmation channel
    closed`) when a later request has its id. One task may wait; when that is cancelled, the request
    is withdrawn.
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
        # None when it is closed; an exception might never be retrieved.
        self._answer: asyncio.Future[ConfirmationAnswer | None] = (
            asyncio.get_running_loop().create_future()
        )

    @property
    def remaining_ms(self) -> int:
        """Milliseconds until it may expire; 0 when it may."""
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
                hint="Another request was made under the same id",
            )
        return answer

    def _settle(self, answer: ConfirmationAnswer | None) -> bool:
        # A waiter that was cancelled has cancelled the future, and has not run since.
        if self._answer.done():
            return False
        self._answer.set_result(answer)
        return True


class ConfirmationManager:
    """The pending confirmation requests of a session. Upstream: `ConfirmationManager` (6.3).

    Raises EncodeError for a policy that could not be saved, since it is saved with the session.
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
        """The policy of later requests."""
        return self._policy

    def set_policy(self, policy: ConfirmationPolicy) -> None:
        """Replace the policy; pending requests keep their timeout and the action after it.

        Raises EncodeError for a policy that could not be saved; then the old one stays.
        """
        check_items(ConfirmationPolicy, (policy,))
        self._policy = policy

    def requires_confirmation(self, tool: str) -> bool:
        """Whether the policy asks a human about this tool."""
        return requires_confirmation(self._policy, tool)

    def request_confirmation(
        self, tool_id: str, name: str, args: Mapping[str, Any]
    ) -> ConfirmationRequest:
        """Make a request at once, and return it to be awaited; the policy is not consulted.

        A pending request of this id is replaced: its waiter gets a closed channel. Must be called
        in a running event loop. Emits ConfirmationRequired.
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
        """Wait for the decision, at most until the request expires by the manager's clock.

        Raises as awaiting the request does.
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
        """Decide a pending request; return False when there is none with this id.

        Emits ConfirmationReceived.

        Raises:
            EncodeError: `approved` is not a bool, as an "n" from a terminal, or the reason could
                not be saved; the request is still pending.
        """
        _check_boolean(approved)
        event = ConfirmationReceived(tool_id=tool_id, approved=approved, reason=reason)
        check_items(ConfirmationReceived, (event,))
        found = self._settle(self._pending.get(tool_id), ConfirmationAnswer(approved, reason))
        if found:
            self._emit(event)
        return found

    def check_timeouts(self) -> int:
        """Expire the requests that are due, and return how many.

        Each is approved or rejected as the policy said when it was made. Emits ConfirmationTimeout
        for each.
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
        """Withdraw a request, which its waiter sees as rejected; False when none is pending."""
        answer = ConfirmationAnswer(approved=False, reason="Confirmation cancelled")
        return self._settle(self._pending.get(tool_id), answer)

    def cancel_all(self) -> int:
        """Withdraw all pending requests, and return how many there were. Emits nothing."""
        return sum(self.cancel(tool_id) for tool_id in tuple(self._pending))

    @property
    def pending_count(self) -> int:
        """The number of pending requests."""
        return len(self.pending_confirmations())

    def pending_confirmations(self) -> tuple[PendingConfirmation, ...]:
        """Return the pending requests, in the order in which they were made."""
        return tuple(
            PendingConfirmation(request.tool_id, request.tool_name, request.remaining_ms)
            for request in self._pending.values()
            if not request._answer.done()
        )

    def _settle(self, request: ConfirmationRequest | None, answer: ConfirmationAnswer) -> bool:
        """Decide a pending request; return False when it is no longer pending."""
        if request is None or not self._remove(request):
            return False
        # Before any event, so that a subscriber cannot change the decision.
        return request._settle(answer)

    def _withdraw(self, request: ConfirmationRequest) -> None:
        self._remove(request)
        request._settle(None)

    def _remove(self, request: ConfirmationRequest) -> bool:
        """Remove a request; return False when it is not the pending one of its id."""
        if self._pending.get(request.tool_id) is not request:
            return False
        del self._pending[request.tool_id]
        return True


def _check_boolean(value: object) -> None:
    if type(value) is not bool:
        raise EncodeError(f"expected a boolean, found {type(value).__name__}", path="approved")
