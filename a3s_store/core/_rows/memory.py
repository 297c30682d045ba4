"""The columns of `memory`, and its JSON objects.

Written by `python -m tools.generate`; do not edit.
"""

from __future__ import annotations

from typing import Any, Final

from a3s_store.core.row_values import object_of, own_text, parse_own, real_column

_KNOWN0: Final = frozenset(
    (
        "access_count",
        "content",
        "id",
        "importance",
        "last_accessed",
        "memory_type",
        "metadata",
        "tags",
        "timestamp",
    )
)


def row(tree: dict[str, Any]) -> tuple[Any, ...]:
    """Return the columns of `memory` of a JSON object."""
    p0: dict[str, Any] = tree
    over0: dict[str, Any] | None = None
    v_id = p0.get("id")
    v_content = p0.get("content")
    v_timestamp = p0.get("timestamp")
    v_importance = p0.get("importance")
    if not (v_importance is None or (type(v_importance) is float and v_importance != 0.0)):
        v_importance, over0 = real_column(v_importance, "importance", over0)
    v_tags = own_text(p0["tags"])
    v_memory_type = p0.get("memory_type")
    v_metadata = own_text(p0["metadata"])
    v_access_count = p0.get("access_count")
    if not (v_access_count is None or -9223372036854775808 <= v_access_count < 9223372036854775808):
        over0 = {**(over0 or {}), "access_count": v_access_count}
        v_access_count = None
    v_last_accessed = p0.get("last_accessed")
    if over0 is not None or not _KNOWN0.issuperset(p0):
        over0 = {**(over0 or {}), **{key: item for key, item in p0.items() if key not in _KNOWN0}}
    v_extra = own_text(over0) if over0 else None
    return (
        v_id,
        v_content,
        v_timestamp,
        v_importance,
        v_tags,
        v_memory_type,
        v_metadata,
        v_access_count,
        v_last_accessed,
        v_extra,
    )


def tree(row: tuple[Any, ...]) -> dict[str, Any]:
    """Return the JSON object of columns of `memory`."""
    (
        v_id,
        v_content,
        v_timestamp,
        v_importance,
        v_tags,
        v_memory_type,
        v_metadata,
        v_access_count,
        v_last_accessed,
        v_extra,
    ) = row
    p0: dict[str, Any] = {}
    if v_id is not None:
        p0["id"] = v_id
    if v_content is not None:
        p0["content"] = v_content
    if v_timestamp is not None:
        p0["timestamp"] = v_timestamp
    if v_importance is not None:
        p0["importance"] = v_importance
    if v_tags is not None:
        p0["tags"] = parse_own(v_tags)
    if v_memory_type is not None:
        p0["memory_type"] = v_memory_type
    if v_metadata is not None:
        p0["metadata"] = parse_own(v_metadata)
    if v_access_count is not None:
        p0["access_count"] = v_access_count
    if v_last_accessed is not None:
        p0["last_accessed"] = v_last_accessed
    if v_extra is not None:
        p0.update(object_of(v_extra))
    return p0
