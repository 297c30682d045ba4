"""The columns of `task`, and its JSON objects.

Written by `python -m tools.generate`; do not edit.
"""

from __future__ import annotations

from typing import Any, Final

from a3s_store.core.row_values import object_of, own_text, parse_own

_KNOWN0: Final = frozenset(
    (
        "content",
        "dependencies",
        "id",
        "priority",
        "status",
        "success_criteria",
        "tool",
    )
)


def row(tree: dict[str, Any]) -> tuple[Any, ...]:
    """Return the columns of `task` of a JSON object."""
    p0: dict[str, Any] = tree
    over0: dict[str, Any] | None = None
    v_id = p0.get("id")
    v_content = p0.get("content")
    v_status = p0.get("status")
    v_priority = p0.get("priority")
    v_tool = p0.get("tool")
    v_dependencies = p0.get("dependencies")
    if v_dependencies is not None:
        v_dependencies = own_text(v_dependencies)
    v_success_criteria = p0.get("success_criteria")
    if over0 is not None or not _KNOWN0.issuperset(p0):
        over0 = {**(over0 or {}), **{key: item for key, item in p0.items() if key not in _KNOWN0}}
    v_extra = own_text(over0) if over0 else None
    return (
        v_id,
        v_content,
        v_status,
        v_priority,
        v_tool,
        v_dependencies,
        v_success_criteria,
        v_extra,
    )


def tree(row: tuple[Any, ...]) -> dict[str, Any]:
    """Return the JSON object of columns of `task`."""
    (
        v_id,
        v_content,
        v_status,
        v_priority,
        v_tool,
        v_dependencies,
        v_success_criteria,
        v_extra,
    ) = row
    p0: dict[str, Any] = {}
    if v_id is not None:
        p0["id"] = v_id
    if v_content is not None:
        p0["content"] = v_content
    if v_status is not None:
        p0["status"] = v_status
    if v_priority is not None:
        p0["priority"] = v_priority
    if v_tool is not None:
        p0["tool"] = v_tool
    if v_dependencies is not None:
        p0["dependencies"] = parse_own(v_dependencies)
    if v_success_criteria is not None:
        p0["success_criteria"] = v_success_criteria
    if v_extra is not None:
        p0.update(object_of(v_extra))
    return p0
