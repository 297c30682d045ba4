"""The `__eq__` of the models in `models/policy.py`.

Written by `python -m tools.generate`; do not edit.
"""

from __future__ import annotations

from typing import Any

from a3s_store.wire.parts import alike


def lane_handler_config(self: Any, other: Any) -> Any:
    """Return whether two values are equal, the first a LaneHandlerConfig."""
    if self is other:
        return True
    if self.__class__ is not other.__class__:
        return NotImplemented
    return (
        ((x := self.mode) is (y := other.mode) or (x == y and type(x) is type(y)))
        and ((x := self.timeout_ms) is (y := other.timeout_ms) or (x == y and type(x) is type(y)))
        and ((x := self.extra) is (y := other.extra) or (x == y and alike(x, y)))
    )


def retry_policy_config(self: Any, other: Any) -> Any:
    """Return whether two values are equal, the first a RetryPolicyConfig."""
    if self is other:
        return True
    if self.__class__ is not other.__class__:
        return NotImplemented
    return (
        self.strategy == other.strategy
        and ((x := self.max_retries) is (y := other.max_retries) or (x == y and type(x) is type(y)))
        and (
            (x := self.initial_delay_ms) is (y := other.initial_delay_ms)
            or (x == y and type(x) is type(y))
        )
        and (
            (x := self.fixed_delay_ms) is (y := other.fixed_delay_ms)
            or (x == y and type(x) is type(y))
        )
        and ((x := self.extra) is (y := other.extra) or (x == y and alike(x, y)))
    )


def rate_limit_config(self: Any, other: Any) -> Any:
    """Return whether two values are equal, the first a RateLimitConfig."""
    if self is other:
        return True
    if self.__class__ is not other.__class__:
        return NotImplemented
    return (
        self.limit_type == other.limit_type
        and (
            (x := self.max_operations) is (y := other.max_operations)
            or (x == y and type(x) is type(y))
        )
        and ((x := self.extra) is (y := other.extra) or (x == y and alike(x, y)))
    )


def priority_boost_config(self: Any, other: Any) -> Any:
    """Return whether two values are equal, the first a PriorityBoostConfig."""
    if self is other:
        return True
    if self.__class__ is not other.__class__:
        return NotImplemented
    return (
        self.strategy == other.strategy
        and ((x := self.deadline_ms) is (y := other.deadline_ms) or (x == y and type(x) is type(y)))
        and ((x := self.extra) is (y := other.extra) or (x == y and alike(x, y)))
    )


def session_queue_config(self: Any, other: Any) -> Any:
    """Return whether two values are equal, the first a SessionQueueConfig."""
    if self is other:
        return True
    if self.__class__ is not other.__class__:
        return NotImplemented
    return (
        (
            (x := self.control_max_concurrency) is (y := other.control_max_concurrency)
            or (x == y and type(x) is type(y))
        )
        and (
            (x := self.query_max_concurrency) is (y := other.query_max_concurrency)
            or (x == y and type(x) is type(y))
        )
        and (
            (x := self.execute_max_concurrency) is (y := other.execute_max_concurrency)
            or (x == y and type(x) is type(y))
        )
        and (
            (x := self.generate_max_concurrency) is (y := other.generate_max_concurrency)
            or (x == y and type(x) is type(y))
        )
        and ((x := self.lane_handlers) is (y := other.lane_handlers) or (x == y and alike(x, y)))
        and ((x := self.enable_dlq) is (y := other.enable_dlq) or (x == y and type(x) is type(y)))
        and (
            (x := self.dlq_max_size) is (y := other.dlq_max_size) or (x == y and type(x) is type(y))
        )
        and (
            (x := self.enable_metrics) is (y := other.enable_metrics)
            or (x == y and type(x) is type(y))
        )
        and (
            (x := self.enable_alerts) is (y := other.enable_alerts)
            or (x == y and type(x) is type(y))
        )
        and (
            (x := self.default_timeout_ms) is (y := other.default_timeout_ms)
            or (x == y and type(x) is type(y))
        )
        and self.storage_path == other.storage_path
        and self.retry_policy == other.retry_policy
        and self.rate_limit == other.rate_limit
        and self.priority_boost == other.priority_boost
        and (
            (x := self.pressure_threshold) is (y := other.pressure_threshold)
            or (x == y and type(x) is type(y))
        )
        and ((x := self.lane_timeouts) is (y := other.lane_timeouts) or (x == y and alike(x, y)))
        and ((x := self.extra) is (y := other.extra) or (x == y and alike(x, y)))
    )


def confirmation_policy(self: Any, other: Any) -> Any:
    """Return whether two values are equal, the first a ConfirmationPolicy."""
    if self is other:
        return True
    if self.__class__ is not other.__class__:
        return NotImplemented
    return (
        ((x := self.enabled) is (y := other.enabled) or (x == y and type(x) is type(y)))
        and (
            (x := self.default_timeout_ms) is (y := other.default_timeout_ms)
            or (x == y and type(x) is type(y))
        )
        and (
            (x := self.timeout_action) is (y := other.timeout_action)
            or (x == y and type(x) is type(y))
        )
        and self.yolo_lanes == other.yolo_lanes
        and ((x := self.extra) is (y := other.extra) or (x == y and alike(x, y)))
    )


def permission_rule(self: Any, other: Any) -> Any:
    """Return whether two values are equal, the first a PermissionRule."""
    if self is other:
        return True
    if self.__class__ is not other.__class__:
        return NotImplemented
    return self.rule == other.rule and (
        (x := self.extra) is (y := other.extra) or (x == y and alike(x, y))
    )


def permission_policy(self: Any, other: Any) -> Any:
    """Return whether two values are equal, the first a PermissionPolicy."""
    if self is other:
        return True
    if self.__class__ is not other.__class__:
        return NotImplemented
    return (
        self.deny == other.deny
        and self.allow == other.allow
        and self.ask == other.ask
        and (
            (x := self.default_decision) is (y := other.default_decision)
            or (x == y and type(x) is type(y))
        )
        and ((x := self.enabled) is (y := other.enabled) or (x == y and type(x) is type(y)))
        and ((x := self.extra) is (y := other.extra) or (x == y and alike(x, y)))
    )


def classification_rule(self: Any, other: Any) -> Any:
    """Return whether two values are equal, the first a ClassificationRule."""
    if self is other:
        return True
    if self.__class__ is not other.__class__:
        return NotImplemented
    return (
        self.name == other.name
        and self.pattern == other.pattern
        and ((x := self.level) is (y := other.level) or (x == y and type(x) is type(y)))
        and self.description == other.description
        and ((x := self.extra) is (y := other.extra) or (x == y and alike(x, y)))
    )


def feature_toggles(self: Any, other: Any) -> Any:
    """Return whether two values are equal, the first a FeatureToggles."""
    if self is other:
        return True
    if self.__class__ is not other.__class__:
        return NotImplemented
    return (
        (
            (x := self.output_sanitizer) is (y := other.output_sanitizer)
            or (x == y and type(x) is type(y))
        )
        and (
            (x := self.taint_tracking) is (y := other.taint_tracking)
            or (x == y and type(x) is type(y))
        )
        and (
            (x := self.tool_interceptor) is (y := other.tool_interceptor)
            or (x == y and type(x) is type(y))
        )
        and (
            (x := self.injection_defense) is (y := other.injection_defense)
            or (x == y and type(x) is type(y))
        )
        and ((x := self.extra) is (y := other.extra) or (x == y and alike(x, y)))
    )


def security_config(self: Any, other: Any) -> Any:
    """Return whether two values are equal, the first a SecurityConfig."""
    if self is other:
        return True
    if self.__class__ is not other.__class__:
        return NotImplemented
    return (
        ((x := self.enabled) is (y := other.enabled) or (x == y and type(x) is type(y)))
        and self.classification_rules == other.classification_rules
        and (
            (x := self.redaction_strategy) is (y := other.redaction_strategy)
            or (x == y and type(x) is type(y))
        )
        and self.network_whitelist == other.network_whitelist
        and self.dangerous_commands == other.dangerous_commands
        and self.features == other.features
        and ((x := self.extra) is (y := other.extra) or (x == y and alike(x, y)))
    )
