"""The columns of `workflow_step`, and its JSON objects.

Written by `python -m tools.generate`; do not edit.
"""

from __future__ import annotations

from typing import Any, Final

from a3s_store.core.row_values import object_of, own_text, parse_own

_KNOWN0: Final = frozenset(
    (
        "outcome",
        "task_id",
    )
)
_KNOWN1: Final = frozenset(
    (
        "agent",
        "output",
        "session_id",
        "structured",
        "success",
        "task_id",
    )
)


def row(tree: dict[str, Any]) -> tuple[Any, ...]:
    """Return the columns of `workflow_step` of a JSON object."""
    p0: dict[str, Any] = tree
    over0: dict[str, Any] | None = None
    p1: dict[str, Any] = tree["outcome"]
    over1: dict[str, Any] | None = None
    v_task_id = p0.get("task_id")
    if over0 is not None or not _KNOWN0.issuperset(p0):
        over0 = {**(over0 or {}), **{key: item for key, item in p0.items() if key not in _KNOWN0}}
    v_extra = own_text(over0) if over0 else None
    v_outcome_task_id = p1.get("task_id")
    v_outcome_session_id = p1.get("session_id")
    v_outcome_agent = p1.get("agent")
    v_outcome_output = p1.get("output")
    v_outcome_success = p1.get("success")
    if v_outcome_success is not None:
        v_outcome_success = int(v_outcome_success)
    v_outcome_structured = p1.get("structured")
    if v_outcome_structured is not None:
        v_outcome_structured = own_text(v_outcome_structured)
    if over1 is not None or not _KNOWN1.issuperset(p1):
        over1 = {**(over1 or {}), **{key: item for key, item in p1.items() if key not in _KNOWN1}}
    v_outcome_extra = own_text(over1) if over1 else None
    return (
        v_task_id,
        v_extra,
        v_outcome_task_id,
        v_outcome_session_id,
        v_outcome_agent,
        v_outcome_output,
        v_outcome_success,
        v_outcome_structured,
        v_outcome_extra,
    )


def tree(row: tuple[Any, ...]) -> dict[str, Any]:
    """Return the JSON object of columns of `workflow_step`."""
    (
        v_task_id,
        v_extra,
        v_outcome_task_id,
        v_outcome_session_id,
        v_outcome_agent,
        v_outcome_output,
        v_outcome_success,
        v_outcome_structured,
        v_outcome_extra,
    ) = row
    p0: dict[str, Any] = {}
    p1: dict[str, Any] = {}
    if v_task_id is not None:
        p0["task_id"] = v_task_id
    if v_outcome_task_id is not None:
        p1["task_id"] = v_outcome_task_id
    if v_outcome_session_id is not None:
        p1["session_id"] = v_outcome_session_id
    if v_outcome_agent is not None:
        p1["agent"] = v_outcome_agent
    if v_outcome_output is not None:
        p1["output"] = v_outcome_output
    if v_outcome_success is not None:
        p1["success"] = v_outcome_success == 1 if v_outcome_success in (0, 1) else v_outcome_success
    if v_outcome_structured is not None:
        p1["structured"] = parse_own(v_outcome_structured)
    if v_extra is not None:
        p0.update(object_of(v_extra))
    if v_outcome_extra is not None:
        p1.update(object_of(v_outcome_extra))
    p0["outcome"] = p1
    return p0
