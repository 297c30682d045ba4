"""The columns of `session`, and its JSON objects.

Written by `python -m tools.generate`; do not edit.
"""

from __future__ import annotations

from typing import Any, Final

from a3s_store.core.row_values import object_of, own_text, real_column

_KNOWN0: Final = frozenset(
    (
        "agent_template_id",
        "config",
        "context_usage",
        "correlation_id",
        "cost_records",
        "created_at",
        "id",
        "llm_config",
        "messages",
        "model_name",
        "parent_id",
        "principal",
        "state",
        "tasks",
        "tenant_id",
        "thinking_budget",
        "thinking_enabled",
        "tool_names",
        "total_cost",
        "total_usage",
        "updated_at",
    )
)
_KNOWN1: Final = frozenset(
    (
        "max_tokens",
        "percent",
        "turns",
        "used_tokens",
    )
)
_KNOWN2: Final = frozenset(
    (
        "cache_read_tokens",
        "cache_write_tokens",
        "completion_tokens",
        "prompt_tokens",
        "total_tokens",
    )
)


def row(tree: dict[str, Any]) -> tuple[Any, ...]:
    """Return the columns of `session` of a JSON object."""
    p0: dict[str, Any] = tree
    over0: dict[str, Any] | None = None
    p1: dict[str, Any] = tree["context_usage"]
    over1: dict[str, Any] | None = None
    p2: dict[str, Any] = tree["total_usage"]
    over2: dict[str, Any] | None = None
    v_state = p0.get("state")
    v_total_cost = p0.get("total_cost")
    if not (v_total_cost is None or (type(v_total_cost) is float and v_total_cost != 0.0)):
        v_total_cost, over0 = real_column(v_total_cost, "total_cost", over0)
    v_model_name = p0.get("model_name")
    v_thinking_enabled = p0.get("thinking_enabled")
    if v_thinking_enabled is not None:
        v_thinking_enabled = int(v_thinking_enabled)
    v_thinking_budget = p0.get("thinking_budget")
    if not (
        v_thinking_budget is None or -9223372036854775808 <= v_thinking_budget < 9223372036854775808
    ):
        over0 = {**(over0 or {}), "thinking_budget": v_thinking_budget}
        v_thinking_budget = None
    v_created_at = p0.get("created_at")
    if not (v_created_at is None or -9223372036854775808 <= v_created_at < 9223372036854775808):
        over0 = {**(over0 or {}), "created_at": v_created_at}
        v_created_at = None
    v_updated_at = p0.get("updated_at")
    if not (v_updated_at is None or -9223372036854775808 <= v_updated_at < 9223372036854775808):
        over0 = {**(over0 or {}), "updated_at": v_updated_at}
        v_updated_at = None
    v_parent_id = p0.get("parent_id")
    v_tenant_id = p0.get("tenant_id")
    v_principal = p0.get("principal")
    v_agent_template_id = p0.get("agent_template_id")
    v_correlation_id = p0.get("correlation_id")
    if over0 is not None or not _KNOWN0.issuperset(p0):
        over0 = {**(over0 or {}), **{key: item for key, item in p0.items() if key not in _KNOWN0}}
    v_extra = own_text(over0) if over0 else None
    v_used_tokens = p1.get("used_tokens")
    if not (v_used_tokens is None or -9223372036854775808 <= v_used_tokens < 9223372036854775808):
        over1 = {**(over1 or {}), "used_tokens": v_used_tokens}
        v_used_tokens = None
    v_max_tokens = p1.get("max_tokens")
    if not (v_max_tokens is None or -9223372036854775808 <= v_max_tokens < 9223372036854775808):
        over1 = {**(over1 or {}), "max_tokens": v_max_tokens}
        v_max_tokens = None
    v_percent = p1.get("percent")
    if not (v_percent is None or (type(v_percent) is float and v_percent != 0.0)):
        v_percent, over1 = real_column(v_percent, "percent", over1)
    v_turns = p1.get("turns")
    if not (v_turns is None or -9223372036854775808 <= v_turns < 9223372036854775808):
        over1 = {**(over1 or {}), "turns": v_turns}
        v_turns = None
    if over1 is not None or not _KNOWN1.issuperset(p1):
        over1 = {**(over1 or {}), **{key: item for key, item in p1.items() if key not in _KNOWN1}}
    v_context_usage_extra = own_text(over1) if over1 else None
    v_prompt_tokens = p2.get("prompt_tokens")
    if not (
        v_prompt_tokens is None or -9223372036854775808 <= v_prompt_tokens < 9223372036854775808
    ):
        over2 = {**(over2 or {}), "prompt_tokens": v_prompt_tokens}
        v_prompt_tokens = None
    v_completion_tokens = p2.get("completion_tokens")
    if not (
        v_completion_tokens is None
        or -9223372036854775808 <= v_completion_tokens < 9223372036854775808
    ):
        over2 = {**(over2 or {}), "completion_tokens": v_completion_tokens}
        v_completion_tokens = None
    v_total_tokens = p2.get("total_tokens")
    if not (v_total_tokens is None or -9223372036854775808 <= v_total_tokens < 9223372036854775808):
        over2 = {**(over2 or {}), "total_tokens": v_total_tokens}
        v_total_tokens = None
    v_cache_read_tokens = p2.get("cache_read_tokens")
    if not (
        v_cache_read_tokens is None
        or -9223372036854775808 <= v_cache_read_tokens < 9223372036854775808
    ):
        over2 = {**(over2 or {}), "cache_read_tokens": v_cache_read_tokens}
        v_cache_read_tokens = None
    v_cache_write_tokens = p2.get("cache_write_tokens")
    if not (
        v_cache_write_tokens is None
        or -9223372036854775808 <= v_cache_write_tokens < 9223372036854775808
    ):
        over2 = {**(over2 or {}), "cache_write_tokens": v_cache_write_tokens}
        v_cache_write_tokens = None
    if over2 is not None or not _KNOWN2.issuperset(p2):
        over2 = {**(over2 or {}), **{key: item for key, item in p2.items() if key not in _KNOWN2}}
    v_total_usage_extra = own_text(over2) if over2 else None
    return (
        v_state,
        v_total_cost,
        v_model_name,
        v_thinking_enabled,
        v_thinking_budget,
        v_created_at,
        v_updated_at,
        v_parent_id,
        v_tenant_id,
        v_principal,
        v_agent_template_id,
        v_correlation_id,
        v_extra,
        v_used_tokens,
        v_max_tokens,
        v_percent,
        v_turns,
        v_context_usage_extra,
        v_prompt_tokens,
        v_completion_tokens,
        v_total_tokens,
        v_cache_read_tokens,
        v_cache_write_tokens,
        v_total_usage_extra,
    )


def tree(row: tuple[Any, ...]) -> dict[str, Any]:
    """Return the JSON object of columns of `session`."""
    (
        v_state,
        v_total_cost,
        v_model_name,
        v_thinking_enabled,
        v_thinking_budget,
        v_created_at,
        v_updated_at,
        v_parent_id,
        v_tenant_id,
        v_principal,
        v_agent_template_id,
        v_correlation_id,
        v_extra,
        v_used_tokens,
        v_max_tokens,
        v_percent,
        v_turns,
        v_context_usage_extra,
        v_prompt_tokens,
        v_completion_tokens,
        v_total_tokens,
        v_cache_read_tokens,
        v_cache_write_tokens,
        v_total_usage_extra,
    ) = row
    p0: dict[str, Any] = {}
    p1: dict[str, Any] = {}
    p2: dict[str, Any] = {}
    if v_state is not None:
        p0["state"] = v_state
    if v_total_cost is not None:
        p0["total_cost"] = v_total_cost
    if v_model_name is not None:
        p0["model_name"] = v_model_name
    if v_thinking_enabled is not None:
        p0["thinking_enabled"] = (
            v_thinking_enabled == 1 if v_thinking_enabled in (0, 1) else v_thinking_enabled
        )
    if v_thinking_budget is not None:
        p0["thinking_budget"] = v_thinking_budget
    if v_created_at is not None:
        p0["created_at"] = v_created_at
    if v_updated_at is not None:
        p0["updated_at"] = v_updated_at
    if v_parent_id is not None:
        p0["parent_id"] = v_parent_id
    if v_tenant_id is not None:
        p0["tenant_id"] = v_tenant_id
    if v_principal is not None:
        p0["principal"] = v_principal
    if v_agent_template_id is not None:
        p0["agent_template_id"] = v_agent_template_id
    if v_correlation_id is not None:
        p0["correlation_id"] = v_correlation_id
    if v_used_tokens is not None:
        p1["used_tokens"] = v_used_tokens
    if v_max_tokens is not None:
        p1["max_tokens"] = v_max_tokens
    if v_percent is not None:
        p1["percent"] = v_percent
    if v_turns is not None:
        p1["turns"] = v_turns
    if v_prompt_tokens is not None:
        p2["prompt_tokens"] = v_prompt_tokens
    if v_completion_tokens is not None:
        p2["completion_tokens"] = v_completion_tokens
    if v_total_tokens is not None:
        p2["total_tokens"] = v_total_tokens
    if v_cache_read_tokens is not None:
        p2["cache_read_tokens"] = v_cache_read_tokens
    if v_cache_write_tokens is not None:
        p2["cache_write_tokens"] = v_cache_write_tokens
    if v_extra is not None:
        p0.update(object_of(v_extra))
    if v_context_usage_extra is not None:
        p1.update(object_of(v_context_usage_extra))
    if v_total_usage_extra is not None:
        p2.update(object_of(v_total_usage_extra))
    p0["context_usage"] = p1
    p0["total_usage"] = p2
    return p0
