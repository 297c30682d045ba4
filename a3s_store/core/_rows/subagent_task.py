"""The columns of `subagent_task`, and its JSON objects.

Written by `python -m tools.generate`; do not edit.
"""

from __future__ import annotations

from typing import Any, Final

from a3s_store.core.row_values import object_of, own_text

_KNOWN0: Final = frozenset(
    (
        "agent",
        "child_session_id",
        "description",
        "finished_ms",
        "output",
        "parent_session_id",
        "progress",
        "started_ms",
        "status",
        "success",
        "task_id",
        "updated_ms",
    )
)


def row(tree: dict[str, Any]) -> tuple[Any, ...]:
    """Return the columns of `subagent_task` of a JSON object."""
    p0: dict[str, Any] = tree
    over0: dict[str, Any] | None = None
    v_task_id = p0.get("task_id")
    v_parent_session_id = p0.get("parent_session_id")
    v_child_session_id = p0.get("child_session_id")
    v_agent = p0.get("agent")
    v_description = p0.get("description")
    v_status = p0.get("status")
    v_started_ms = p0.get("started_ms")
    if not (v_started_ms is None or -9223372036854775808 <= v_started_ms < 9223372036854775808):
        over0 = {**(over0 or {}), "started_ms": v_started_ms}
        v_started_ms = None
    v_updated_ms = p0.get("updated_ms")
    if not (v_updated_ms is None or -9223372036854775808 <= v_updated_ms < 9223372036854775808):
        over0 = {**(over0 or {}), "updated_ms": v_updated_ms}
        v_updated_ms = None
    v_finished_ms = p0.get("finished_ms")
    if not (v_finished_ms is None or -9223372036854775808 <= v_finished_ms < 9223372036854775808):
        over0 = {**(over0 or {}), "finished_ms": v_finished_ms}
        v_finished_ms = None
    v_output = p0.get("output")
    v_success = p0.get("success")
    if v_success is not None:
        v_success = int(v_success)
    if over0 is not None or not _KNOWN0.issuperset(p0):
        over0 = {**(over0 or {}), **{key: item for key, item in p0.items() if key not in _KNOWN0}}
    v_extra = own_text(over0) if over0 else None
    return (
        v_task_id,
        v_parent_session_id,
        v_child_session_id,
        v_agent,
        v_description,
        v_status,
        v_started_ms,
        v_updated_ms,
        v_finished_ms,
        v_output,
        v_success,
        v_extra,
    )


def tree(row: tuple[Any, ...]) -> dict[str, Any]:
    """Return the JSON object of columns of `subagent_task`."""
    (
        v_task_id,
        v_parent_session_id,
        v_child_session_id,
        v_agent,
        v_description,
        v_status,
        v_started_ms,
        v_updated_ms,
        v_finished_ms,
        v_output,
        v_success,
        v_extra,
    ) = row
    p0: dict[str, Any] = {}
    if v_task_id is not None:
        p0["task_id"] = v_task_id
    if v_parent_session_id is not None:
        p0["parent_session_id"] = v_parent_session_id
    if v_child_session_id is not None:
        p0["child_session_id"] = v_child_session_id
    if v_agent is not None:
        p0["agent"] = v_agent
    if v_description is not None:
        p0["description"] = v_description
    if v_status is not None:
        p0["status"] = v_status
    if v_started_ms is not None:
        p0["started_ms"] = v_started_ms
    if v_updated_ms is not None:
        p0["updated_ms"] = v_updated_ms
    if v_finished_ms is not None:
        p0["finished_ms"] = v_finished_ms
    if v_output is not None:
        p0["output"] = v_output
    if v_success is not None:
        p0["success"] = v_success == 1 if v_success in (0, 1) else v_success
    if v_extra is not None:
        p0.update(object_of(v_extra))
    return p0
