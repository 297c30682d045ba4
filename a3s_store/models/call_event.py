"""Events of what stands between a tool call and its execution: permissions, the queue (10.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from a3s_store.models.policy import SessionLane
from a3s_store.wire import U32, U64, Model, Value, field, model

if TYPE_CHECKING:
    from typing import Self, Unpack

    from a3s_store import _changes


@model(tag="confirmation_required")
class ConfirmationRequired(Model):
    """A human must confirm a call. Upstream: `AgentEvent::ConfirmationRequired`."""

    tool_id: str
    tool_name: str
    args: Value
    timeout_ms: U64

    if TYPE_CHECKING:

        def evolve(self, **changes: Unpack[_changes.ConfirmationRequiredChanges]) -> Self: ...


@model(tag="confirmation_received")
class ConfirmationReceived(Model):
    """A human replied. Upstream: `AgentEvent::ConfirmationReceived`."""

    tool_id: str
    approved: bool
    reason: str | None = field(default=None, write="null")

    if TYPE_CHECKING:

        def evolve(self, **changes: Unpack[_changes.ConfirmationReceivedChanges]) -> Self: ...


@model(tag="confirmation_timeout")
class ConfirmationTimeout(Model):
    """No reply came in time; `action_taken` is `rejected` or `auto_approved`.

    Upstream: `AgentEvent::ConfirmationTimeout`.
    """

    tool_id: str
    action_taken: str

    if TYPE_CHECKING:

        def evolve(self, **changes: Unpack[_changes.ConfirmationTimeoutChanges]) -> Self: ...


@model(tag="external_task_pending")
class ExternalTaskPending(Model):
    """A task waits for an external handler. Upstream: `AgentEvent::ExternalTaskPending`."""

    task_id: str
    session_id: str
    lane: SessionLane
    command_type: str
    payload: Value
    timeout_ms: U64

    if TYPE_CHECKING:

        def evolve(self, **changes: Unpack[_changes.ExternalTaskPendingChanges]) -> Self: ...


@model(tag="external_task_completed")
class ExternalTaskCompleted(Model):
    """An external handler finished. Upstream: `AgentEvent::ExternalTaskCompleted`."""

    task_id: str
    session_id: str
    success: bool

    if TYPE_CHECKING:

        def evolve(self, **changes: Unpack[_changes.ExternalTaskCompletedChanges]) -> Self: ...


@model(tag="permission_denied")
class PermissionDenied(Model):
    """A policy denied a call. Upstream: `AgentEvent::PermissionDenied`."""

    tool_id: str
    tool_name: str
    args: Value
    reason: str

    if TYPE_CHECKING:

        def evolve(self, **changes: Unpack[_changes.PermissionDeniedChanges]) -> Self: ...


@model(tag="command_dead_lettered")
class CommandDeadLettered(Model):
    """A command failed finally; here `lane` is free text.

    Upstream: `AgentEvent::CommandDeadLettered`.
    """

    command_id: str
    command_type: str
    lane: str
    error: str
    attempts: U32

    if TYPE_CHECKING:

        def evolve(self, **changes: Unpack[_changes.CommandDeadLetteredChanges]) -> Self: ...


@model(tag="command_retry")
class CommandRetry(Model):
    """A command is tried again; here `lane` is free text. Upstream: `AgentEvent::CommandRetry`."""

    command_id: str
    command_type: str
    lane: str
    attempt: U32
    delay_ms: U64

    if TYPE_CHECKING:

        def evolve(self, **changes: Unpack[_changes.CommandRetryChanges]) -> Self: ...


@model(tag="queue_alert")
class QueueAlert(Model):
    """The queue raised an alert. Upstream: `AgentEvent::QueueAlert`."""

    level: str
    alert_type: str
    message: str

    if TYPE_CHECKING:

        def evolve(self, **changes: Unpack[_changes.QueueAlertChanges]) -> Self: ...
