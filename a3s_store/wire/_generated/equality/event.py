"""The `__eq__` of the models in `models/event.py`.

Written by `python -m tools.generate`; do not edit.
"""

from __future__ import annotations

from typing import Any

from a3s_store.wire.parts import alike


def unknown_event(self: Any, other: Any) -> Any:
    """Return whether two values are equal, the first a UnknownEvent."""
    if self is other:
        return True
    if self.__class__ is not other.__class__:
        return NotImplemented
    return (
        self.type == other.type
        and ((x := self.body) is (y := other.body) or (x == y and alike(x, y)))
        and ((x := self.extra) is (y := other.extra) or (x == y and alike(x, y)))
    )


def agent_start(self: Any, other: Any) -> Any:
    """Return whether two values are equal, the first a AgentStart."""
    if self is other:
        return True
    if self.__class__ is not other.__class__:
        return NotImplemented
    return self.prompt == other.prompt and (
        (x := self.extra) is (y := other.extra) or (x == y and alike(x, y))
    )


def agent_mode_changed(self: Any, other: Any) -> Any:
    """Return whether two values are equal, the first a AgentModeChanged."""
    if self is other:
        return True
    if self.__class__ is not other.__class__:
        return NotImplemented
    return (
        self.mode == other.mode
        and self.agent == other.agent
        and self.description == other.description
        and ((x := self.extra) is (y := other.extra) or (x == y and alike(x, y)))
    )


def turn_start(self: Any, other: Any) -> Any:
    """Return whether two values are equal, the first a TurnStart."""
    if self is other:
        return True
    if self.__class__ is not other.__class__:
        return NotImplemented
    return ((x := self.turn) is (y := other.turn) or (x == y and type(x) is type(y))) and (
        (x := self.extra) is (y := other.extra) or (x == y and alike(x, y))
    )


def text_delta(self: Any, other: Any) -> Any:
    """Return whether two values are equal, the first a TextDelta."""
    if self is other:
        return True
    if self.__class__ is not other.__class__:
        return NotImplemented
    return self.text == other.text and (
        (x := self.extra) is (y := other.extra) or (x == y and alike(x, y))
    )


def reasoning_delta(self: Any, other: Any) -> Any:
    """Return whether two values are equal, the first a ReasoningDelta."""
    if self is other:
        return True
    if self.__class__ is not other.__class__:
        return NotImplemented
    return self.text == other.text and (
        (x := self.extra) is (y := other.extra) or (x == y and alike(x, y))
    )


def tool_start(self: Any, other: Any) -> Any:
    """Return whether two values are equal, the first a ToolStart."""
    if self is other:
        return True
    if self.__class__ is not other.__class__:
        return NotImplemented
    return (
        self.id == other.id
        and self.name == other.name
        and ((x := self.extra) is (y := other.extra) or (x == y and alike(x, y)))
    )


def tool_input_delta(self: Any, other: Any) -> Any:
    """Return whether two values are equal, the first a ToolInputDelta."""
    if self is other:
        return True
    if self.__class__ is not other.__class__:
        return NotImplemented
    return self.delta == other.delta and (
        (x := self.extra) is (y := other.extra) or (x == y and alike(x, y))
    )


def tool_end(self: Any, other: Any) -> Any:
    """Return whether two values are equal, the first a ToolEnd."""
    if self is other:
        return True
    if self.__class__ is not other.__class__:
        return NotImplemented
    return (
        self.id == other.id
        and self.name == other.name
        and self.output == other.output
        and ((x := self.exit_code) is (y := other.exit_code) or (x == y and type(x) is type(y)))
        and ((x := self.metadata) is (y := other.metadata) or (x == y and alike(x, y)))
        and self.error_kind == other.error_kind
        and ((x := self.extra) is (y := other.extra) or (x == y and alike(x, y)))
    )


def tool_output_delta(self: Any, other: Any) -> Any:
    """Return whether two values are equal, the first a ToolOutputDelta."""
    if self is other:
        return True
    if self.__class__ is not other.__class__:
        return NotImplemented
    return (
        self.id == other.id
        and self.name == other.name
        and self.delta == other.delta
        and ((x := self.extra) is (y := other.extra) or (x == y and alike(x, y)))
    )


def turn_end(self: Any, other: Any) -> Any:
    """Return whether two values are equal, the first a TurnEnd."""
    if self is other:
        return True
    if self.__class__ is not other.__class__:
        return NotImplemented
    return (
        ((x := self.turn) is (y := other.turn) or (x == y and type(x) is type(y)))
        and self.usage == other.usage
        and ((x := self.extra) is (y := other.extra) or (x == y and alike(x, y)))
    )


def agent_end(self: Any, other: Any) -> Any:
    """Return whether two values are equal, the first a AgentEnd."""
    if self is other:
        return True
    if self.__class__ is not other.__class__:
        return NotImplemented
    return (
        self.text == other.text
        and self.usage == other.usage
        and self.verification_summary == other.verification_summary
        and self.meta == other.meta
        and ((x := self.extra) is (y := other.extra) or (x == y and alike(x, y)))
    )


def agent_error(self: Any, other: Any) -> Any:
    """Return whether two values are equal, the first a AgentError."""
    if self is other:
        return True
    if self.__class__ is not other.__class__:
        return NotImplemented
    return self.message == other.message and (
        (x := self.extra) is (y := other.extra) or (x == y and alike(x, y))
    )


def context_resolving(self: Any, other: Any) -> Any:
    """Return whether two values are equal, the first a ContextResolving."""
    if self is other:
        return True
    if self.__class__ is not other.__class__:
        return NotImplemented
    return self.providers == other.providers and (
        (x := self.extra) is (y := other.extra) or (x == y and alike(x, y))
    )


def context_resolved(self: Any, other: Any) -> Any:
    """Return whether two values are equal, the first a ContextResolved."""
    if self is other:
        return True
    if self.__class__ is not other.__class__:
        return NotImplemented
    return (
        ((x := self.total_items) is (y := other.total_items) or (x == y and type(x) is type(y)))
        and (
            (x := self.total_tokens) is (y := other.total_tokens) or (x == y and type(x) is type(y))
        )
        and ((x := self.extra) is (y := other.extra) or (x == y and alike(x, y)))
    )


def task_updated(self: Any, other: Any) -> Any:
    """Return whether two values are equal, the first a TaskUpdated."""
    if self is other:
        return True
    if self.__class__ is not other.__class__:
        return NotImplemented
    return (
        self.session_id == other.session_id
        and self.tasks == other.tasks
        and ((x := self.extra) is (y := other.extra) or (x == y and alike(x, y)))
    )


def context_compacted(self: Any, other: Any) -> Any:
    """Return whether two values are equal, the first a ContextCompacted."""
    if self is other:
        return True
    if self.__class__ is not other.__class__:
        return NotImplemented
    return (
        self.session_id == other.session_id
        and (
            (x := self.before_messages) is (y := other.before_messages)
            or (x == y and type(x) is type(y))
        )
        and (
            (x := self.after_messages) is (y := other.after_messages)
            or (x == y and type(x) is type(y))
        )
        and ((x := self.percent_before) is (y := other.percent_before) or (x == y and alike(x, y)))
        and ((x := self.extra) is (y := other.extra) or (x == y and alike(x, y)))
    )


def persistence_failed(self: Any, other: Any) -> Any:
    """Return whether two values are equal, the first a PersistenceFailed."""
    if self is other:
        return True
    if self.__class__ is not other.__class__:
        return NotImplemented
    return (
        self.session_id == other.session_id
        and self.operation == other.operation
        and self.error == other.error
        and self.part == other.part
        and (
            (x := self.outcome_unknown) is (y := other.outcome_unknown)
            or (x == y and type(x) is type(y))
        )
        and ((x := self.extra) is (y := other.extra) or (x == y and alike(x, y)))
    )


def budget_threshold_hit(self: Any, other: Any) -> Any:
    """Return whether two values are equal, the first a BudgetThresholdHit."""
    if self is other:
        return True
    if self.__class__ is not other.__class__:
        return NotImplemented
    return (
        self.resource == other.resource
        and self.kind == other.kind
        and ((x := self.consumed) is (y := other.consumed) or (x == y and alike(x, y)))
        and ((x := self.limit) is (y := other.limit) or (x == y and alike(x, y)))
        and self.message == other.message
        and ((x := self.extra) is (y := other.extra) or (x == y and alike(x, y)))
    )


def passivation_requested(self: Any, other: Any) -> Any:
    """Return whether two values are equal, the first a PassivationRequested."""
    if self is other:
        return True
    if self.__class__ is not other.__class__:
        return NotImplemented
    return (
        self.reason == other.reason
        and ((x := self.deadline_ms) is (y := other.deadline_ms) or (x == y and type(x) is type(y)))
        and ((x := self.extra) is (y := other.extra) or (x == y and alike(x, y)))
    )


def peer_invocation(self: Any, other: Any) -> Any:
    """Return whether two values are equal, the first a PeerInvocation."""
    if self is other:
        return True
    if self.__class__ is not other.__class__:
        return NotImplemented
    return (
        self.from_session_id == other.from_session_id
        and self.from_tenant_id == other.from_tenant_id
        and self.correlation_id == other.correlation_id
        and ((x := self.extra) is (y := other.extra) or (x == y and alike(x, y)))
    )
