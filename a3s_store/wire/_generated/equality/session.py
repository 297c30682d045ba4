"""The `__eq__` of the models in `models/session.py`.

Written by `python -m tools.generate`; do not edit.
"""

from __future__ import annotations

from typing import Any

from a3s_store.wire.parts import alike


def context_usage(self: Any, other: Any) -> Any:
    """Return whether two values are equal, the first a ContextUsage."""
    if self is other:
        return True
    if self.__class__ is not other.__class__:
        return NotImplemented
    return (
        ((x := self.used_tokens) is (y := other.used_tokens) or (x == y and type(x) is type(y)))
        and ((x := self.max_tokens) is (y := other.max_tokens) or (x == y and type(x) is type(y)))
        and ((x := self.percent) is (y := other.percent) or (x == y and alike(x, y)))
        and ((x := self.turns) is (y := other.turns) or (x == y and type(x) is type(y)))
        and ((x := self.extra) is (y := other.extra) or (x == y and alike(x, y)))
    )


def auto_delegation_config(self: Any, other: Any) -> Any:
    """Return whether two values are equal, the first a AutoDelegationConfig."""
    if self is other:
        return True
    if self.__class__ is not other.__class__:
        return NotImplemented
    return (
        ((x := self.enabled) is (y := other.enabled) or (x == y and type(x) is type(y)))
        and (
            (x := self.auto_parallel) is (y := other.auto_parallel)
            or (x == y and type(x) is type(y))
        )
        and ((x := self.min_confidence) is (y := other.min_confidence) or (x == y and alike(x, y)))
        and ((x := self.max_tasks) is (y := other.max_tasks) or (x == y and type(x) is type(y)))
        and ((x := self.extra) is (y := other.extra) or (x == y and alike(x, y)))
    )


def session_config(self: Any, other: Any) -> Any:
    """Return whether two values are equal, the first a SessionConfig."""
    if self is other:
        return True
    if self.__class__ is not other.__class__:
        return NotImplemented
    return (
        self.name == other.name
        and self.workspace == other.workspace
        and self.system_prompt == other.system_prompt
        and (
            (x := self.max_context_length) is (y := other.max_context_length)
            or (x == y and type(x) is type(y))
        )
        and (
            (x := self.auto_compact) is (y := other.auto_compact) or (x == y and type(x) is type(y))
        )
        and (
            (x := self.auto_compact_threshold) is (y := other.auto_compact_threshold)
            or (x == y and alike(x, y))
        )
        and (
            (x := self.storage_type) is (y := other.storage_type) or (x == y and type(x) is type(y))
        )
        and self.queue_config == other.queue_config
        and self.confirmation_policy == other.confirmation_policy
        and self.permission_policy == other.permission_policy
        and (
            (x := self.max_parallel_tasks) is (y := other.max_parallel_tasks)
            or (x == y and type(x) is type(y))
        )
        and self.auto_delegation == other.auto_delegation
        and self.parent_id == other.parent_id
        and self.security_config == other.security_config
        and (
            (x := self.planning_mode) is (y := other.planning_mode)
            or (x == y and type(x) is type(y))
        )
        and (
            (x := self.goal_tracking) is (y := other.goal_tracking)
            or (x == y and type(x) is type(y))
        )
        and ((x := self.extra) is (y := other.extra) or (x == y and alike(x, y)))
    )


def llm_config_data(self: Any, other: Any) -> Any:
    """Return whether two values are equal, the first a LlmConfigData."""
    if self is other:
        return True
    if self.__class__ is not other.__class__:
        return NotImplemented
    return (
        self.provider == other.provider
        and self.model == other.model
        and self.base_url == other.base_url
        and ((x := self.extra) is (y := other.extra) or (x == y and alike(x, y)))
    )


def llm_cost_record(self: Any, other: Any) -> Any:
    """Return whether two values are equal, the first a LlmCostRecord."""
    if self is other:
        return True
    if self.__class__ is not other.__class__:
        return NotImplemented
    return (
        self.model == other.model
        and self.provider == other.provider
        and (
            (x := self.prompt_tokens) is (y := other.prompt_tokens)
            or (x == y and type(x) is type(y))
        )
        and (
            (x := self.completion_tokens) is (y := other.completion_tokens)
            or (x == y and type(x) is type(y))
        )
        and (
            (x := self.total_tokens) is (y := other.total_tokens) or (x == y and type(x) is type(y))
        )
        and ((x := self.cost_usd) is (y := other.cost_usd) or (x == y and alike(x, y)))
        and self.timestamp == other.timestamp
        and self.session_id == other.session_id
        and ((x := self.extra) is (y := other.extra) or (x == y and alike(x, y)))
    )


def session_data(self: Any, other: Any) -> Any:
    """Return whether two values are equal, the first a SessionData."""
    if self is other:
        return True
    if self.__class__ is not other.__class__:
        return NotImplemented
    return (
        self.id == other.id
        and self.config == other.config
        and ((x := self.state) is (y := other.state) or (x == y and type(x) is type(y)))
        and self.messages == other.messages
        and self.context_usage == other.context_usage
        and self.total_usage == other.total_usage
        and ((x := self.total_cost) is (y := other.total_cost) or (x == y and alike(x, y)))
        and self.model_name == other.model_name
        and self.cost_records == other.cost_records
        and self.tool_names == other.tool_names
        and (
            (x := self.thinking_enabled) is (y := other.thinking_enabled)
            or (x == y and type(x) is type(y))
        )
        and (
            (x := self.thinking_budget) is (y := other.thinking_budget)
            or (x == y and type(x) is type(y))
        )
        and ((x := self.created_at) is (y := other.created_at) or (x == y and type(x) is type(y)))
        and ((x := self.updated_at) is (y := other.updated_at) or (x == y and type(x) is type(y)))
        and self.llm_config == other.llm_config
        and self.tasks == other.tasks
        and self.parent_id == other.parent_id
        and self.tenant_id == other.tenant_id
        and self.principal == other.principal
        and self.agent_template_id == other.agent_template_id
        and self.correlation_id == other.correlation_id
        and ((x := self.extra) is (y := other.extra) or (x == y and alike(x, y)))
    )
