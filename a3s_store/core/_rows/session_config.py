"""The columns of `session_config`, and its JSON objects.

Written by `python -m tools.generate`; do not edit.
"""

from __future__ import annotations

from typing import Any, Final

from a3s_store.core.row_values import object_of, own_text, parse_own, real_column

_KNOWN1: Final = frozenset(
    (
        "auto_compact",
        "auto_compact_threshold",
        "auto_delegation",
        "confirmation_policy",
        "goal_tracking",
        "max_context_length",
        "max_parallel_tasks",
        "name",
        "parent_id",
        "permission_policy",
        "planning_mode",
        "queue_config",
        "security_config",
        "storage_type",
        "system_prompt",
        "workspace",
    )
)


def row(tree: dict[str, Any]) -> tuple[Any, ...]:
    """Return the columns of `session_config` of a JSON object."""
    p0: dict[str, Any] = tree
    p1: dict[str, Any] = tree["config"]
    over1: dict[str, Any] | None = None
    v_tool_names = own_text(p0["tool_names"])
    v_llm_config = p0.get("llm_config")
    if v_llm_config is not None:
        v_llm_config = own_text(v_llm_config)
    v_name = p1.get("name")
    v_workspace = p1.get("workspace")
    v_system_prompt = p1.get("system_prompt")
    v_max_context_length = p1.get("max_context_length")
    if not (
        v_max_context_length is None
        or -9223372036854775808 <= v_max_context_length < 9223372036854775808
    ):
        over1 = {**(over1 or {}), "max_context_length": v_max_context_length}
        v_max_context_length = None
    v_auto_compact = p1.get("auto_compact")
    if v_auto_compact is not None:
        v_auto_compact = int(v_auto_compact)
    v_auto_compact_threshold = p1.get("auto_compact_threshold")
    if not (
        v_auto_compact_threshold is None
        or (type(v_auto_compact_threshold) is float and v_auto_compact_threshold != 0.0)
    ):
        v_auto_compact_threshold, over1 = real_column(
            v_auto_compact_threshold, "auto_compact_threshold", over1
        )
    v_storage_type = p1.get("storage_type")
    v_queue_config = p1.get("queue_config")
    if v_queue_config is not None:
        v_queue_config = own_text(v_queue_config)
    v_confirmation_policy = p1.get("confirmation_policy")
    if v_confirmation_policy is not None:
        v_confirmation_policy = own_text(v_confirmation_policy)
    v_permission_policy = p1.get("permission_policy")
    if v_permission_policy is not None:
        v_permission_policy = own_text(v_permission_policy)
    v_max_parallel_tasks = p1.get("max_parallel_tasks")
    if not (
        v_max_parallel_tasks is None
        or -9223372036854775808 <= v_max_parallel_tasks < 9223372036854775808
    ):
        over1 = {**(over1 or {}), "max_parallel_tasks": v_max_parallel_tasks}
        v_max_parallel_tasks = None
    v_auto_delegation = p1.get("auto_delegation")
    if v_auto_delegation is not None:
        v_auto_delegation = own_text(v_auto_delegation)
    v_parent_id = p1.get("parent_id")
    v_security_config = p1.get("security_config")
    if v_security_config is not None:
        v_security_config = own_text(v_security_config)
    v_planning_mode = p1.get("planning_mode")
    v_goal_tracking = p1.get("goal_tracking")
    if v_goal_tracking is not None:
        v_goal_tracking = int(v_goal_tracking)
    if over1 is not None or not _KNOWN1.issuperset(p1):
        over1 = {**(over1 or {}), **{key: item for key, item in p1.items() if key not in _KNOWN1}}
    v_config_extra = own_text(over1) if over1 else None
    return (
        v_tool_names,
        v_llm_config,
        v_name,
        v_workspace,
        v_system_prompt,
        v_max_context_length,
        v_auto_compact,
        v_auto_compact_threshold,
        v_storage_type,
        v_queue_config,
        v_confirmation_policy,
        v_permission_policy,
        v_max_parallel_tasks,
        v_auto_delegation,
        v_parent_id,
        v_security_config,
        v_planning_mode,
        v_goal_tracking,
        v_config_extra,
    )


def tree(row: tuple[Any, ...]) -> dict[str, Any]:
    """Return the JSON object of columns of `session_config`."""
    (
        v_tool_names,
        v_llm_config,
        v_name,
        v_workspace,
        v_system_prompt,
        v_max_context_length,
        v_auto_compact,
        v_auto_compact_threshold,
        v_storage_type,
        v_queue_config,
        v_confirmation_policy,
        v_permission_policy,
        v_max_parallel_tasks,
        v_auto_delegation,
        v_parent_id,
        v_security_config,
        v_planning_mode,
        v_goal_tracking,
        v_config_extra,
    ) = row
    p0: dict[str, Any] = {}
    p1: dict[str, Any] = {}
    if v_tool_names is not None:
        p0["tool_names"] = parse_own(v_tool_names)
    if v_llm_config is not None:
        p0["llm_config"] = parse_own(v_llm_config)
    if v_name is not None:
        p1["name"] = v_name
    if v_workspace is not None:
        p1["workspace"] = v_workspace
    if v_system_prompt is not None:
        p1["system_prompt"] = v_system_prompt
    if v_max_context_length is not None:
        p1["max_context_length"] = v_max_context_length
    if v_auto_compact is not None:
        p1["auto_compact"] = v_auto_compact == 1 if v_auto_compact in (0, 1) else v_auto_compact
    if v_auto_compact_threshold is not None:
        p1["auto_compact_threshold"] = v_auto_compact_threshold
    if v_storage_type is not None:
        p1["storage_type"] = v_storage_type
    if v_queue_config is not None:
        p1["queue_config"] = parse_own(v_queue_config)
    if v_confirmation_policy is not None:
        p1["confirmation_policy"] = parse_own(v_confirmation_policy)
    if v_permission_policy is not None:
        p1["permission_policy"] = parse_own(v_permission_policy)
    if v_max_parallel_tasks is not None:
        p1["max_parallel_tasks"] = v_max_parallel_tasks
    if v_auto_delegation is not None:
        p1["auto_delegation"] = parse_own(v_auto_delegation)
    if v_parent_id is not None:
        p1["parent_id"] = v_parent_id
    if v_security_config is not None:
        p1["security_config"] = parse_own(v_security_config)
    if v_planning_mode is not None:
        p1["planning_mode"] = v_planning_mode
    if v_goal_tracking is not None:
        p1["goal_tracking"] = v_goal_tracking == 1 if v_goal_tracking in (0, 1) else v_goal_tracking
    if v_config_extra is not None:
        p1.update(object_of(v_config_extra))
    p0["config"] = p1
    return p0
