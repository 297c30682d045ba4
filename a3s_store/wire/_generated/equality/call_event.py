"""The `__eq__` of the models in `models/call_event.py`.

Written by `python -m tools.generate`; do not edit.
"""

from __future__ import annotations

from typing import Any

from a3s_store.wire.parts import alike


def confirmation_required(self: Any, other: Any) -> Any:
    """Return whether two values are equal, the first a ConfirmationRequired."""
    if self is other:
        return True
    if self.__class__ is not other.__class__:
        return NotImplemented
    return (
        self.tool_id == other.tool_id
        and self.tool_name == other.tool_name
        and ((x := self.args) is (y := other.args) or (x == y and alike(x, y)))
        and ((x := self.timeout_ms) is (y := other.timeout_ms) or (x == y and type(x) is type(y)))
        and ((x := self.extra) is (y := other.extra) or (x == y and alike(x, y)))
    )


def confirmation_received(self: Any, other: Any) -> Any:
    """Return whether two values are equal, the first a ConfirmationReceived."""
    if self is other:
        return True
    if self.__class__ is not other.__class__:
        return NotImplemented
    return (
        self.tool_id == other.tool_id
        and ((x := self.approved) is (y := other.approved) or (x == y and type(x) is type(y)))
        and self.reason == other.reason
        and ((x := self.extra) is (y := other.extra) or (x == y and alike(x, y)))
    )


def confirmation_timeout(self: Any, other: Any) -> Any:
    """Return whether two values are equal, the first a ConfirmationTimeout."""
    if self is other:
        return True
    if self.__class__ is not other.__class__:
        return NotImplemented
    return (
        self.tool_id == other.tool_id
        and self.action_taken == other.action_taken
        and ((x := self.extra) is (y := other.extra) or (x == y and alike(x, y)))
    )


def external_task_pending(self: Any, other: Any) -> Any:
    """Return whether two values are equal, the first a ExternalTaskPending."""
    if self is other:
        return True
    if self.__class__ is not other.__class__:
        return NotImplemented
    return (
        self.task_id == other.task_id
        and self.session_id == other.session_id
        and ((x := self.lane) is (y := other.lane) or (x == y and type(x) is type(y)))
        and self.command_type == other.command_type
        and ((x := self.payload) is (y := other.payload) or (x == y and alike(x, y)))
        and ((x := self.timeout_ms) is (y := other.timeout_ms) or (x == y and type(x) is type(y)))
        and ((x := self.extra) is (y := other.extra) or (x == y and alike(x, y)))
    )


def external_task_completed(self: Any, other: Any) -> Any:
    """Return whether two values are equal, the first a ExternalTaskCompleted."""
    if self is other:
        return True
    if self.__class__ is not other.__class__:
        return NotImplemented
    return (
        self.task_id == other.task_id
        and self.session_id == other.session_id
        and ((x := self.success) is (y := other.success) or (x == y and type(x) is type(y)))
        and ((x := self.extra) is (y := other.extra) or (x == y and alike(x, y)))
    )


def permission_denied(self: Any, other: Any) -> Any:
    """Return whether two values are equal, the first a PermissionDenied."""
    if self is other:
        return True
    if self.__class__ is not other.__class__:
        return NotImplemented
    return (
        self.tool_id == other.tool_id
        and self.tool_name == other.tool_name
        and ((x := self.args) is (y := other.args) or (x == y and alike(x, y)))
        and self.reason == other.reason
        and ((x := self.extra) is (y := other.extra) or (x == y and alike(x, y)))
    )


def command_dead_lettered(self: Any, other: Any) -> Any:
    """Return whether two values are equal, the first a CommandDeadLettered."""
    if self is other:
        return True
    if self.__class__ is not other.__class__:
        return NotImplemented
    return (
        self.command_id == other.command_id
        and self.command_type == other.command_type
        and self.lane == other.lane
        and self.error == other.error
        and ((x := self.attempts) is (y := other.attempts) or (x == y and type(x) is type(y)))
        and ((x := self.extra) is (y := other.extra) or (x == y and alike(x, y)))
    )


def command_retry(self: Any, other: Any) -> Any:
    """Return whether two values are equal, the first a CommandRetry."""
    if self is other:
        return True
    if self.__class__ is not other.__class__:
        return NotImplemented
    return (
        self.command_id == other.command_id
        and self.command_type == other.command_type
        and self.lane == other.lane
        and ((x := self.attempt) is (y := other.attempt) or (x == y and type(x) is type(y)))
        and ((x := self.delay_ms) is (y := other.delay_ms) or (x == y and type(x) is type(y)))
        and ((x := self.extra) is (y := other.extra) or (x == y and alike(x, y)))
    )


def queue_alert(self: Any, other: Any) -> Any:
    """Return whether two values are equal, the first a QueueAlert."""
    if self is other:
        return True
    if self.__class__ is not other.__class__:
        return NotImplemented
    return (
        self.level == other.level
        and self.alert_type == other.alert_type
        and self.message == other.message
        and ((x := self.extra) is (y := other.extra) or (x == y and alike(x, y)))
    )
