"""The columns of `run`, and its JSON objects.

Written by `python -m tools.generate`; do not edit.
"""

from __future__ import annotations

from typing import Any, Final

from a3s_store.core.row_values import object_of, own_text

_KNOWN0: Final = frozenset(
    (
        "events",
        "snapshot",
    )
)
_KNOWN1: Final = frozenset(
    (
        "created_at_ms",
        "error",
        "event_count",
        "id",
        "prompt",
        "result_text",
        "session_id",
        "status",
        "updated_at_ms",
    )
)


def row(tree: dict[str, Any]) -> tuple[Any, ...]:
    """Return the columns of `run` of a JSON object."""
    p0: dict[str, Any] = tree
    over0: dict[str, Any] | None = None
    p1: dict[str, Any] = tree["snapshot"]
    over1: dict[str, Any] | None = None
    if over0 is not None or not _KNOWN0.issuperset(p0):
        over0 = {**(over0 or {}), **{key: item for key, item in p0.items() if key not in _KNOWN0}}
    v_extra = own_text(over0) if over0 else None
    v_id = p1.get("id")
    v_session_id = p1.get("session_id")
    v_status = p1.get("status")
    v_prompt = p1.get("prompt")
    v_created_at_ms = p1.get("created_at_ms")
    if not (
        v_created_at_ms is None or -9223372036854775808 <= v_created_at_ms < 9223372036854775808
    ):
        over1 = {**(over1 or {}), "created_at_ms": v_created_at_ms}
        v_created_at_ms = None
    v_updated_at_ms = p1.get("updated_at_ms")
    if not (
        v_updated_at_ms is None or -9223372036854775808 <= v_updated_at_ms < 9223372036854775808
    ):
        over1 = {**(over1 or {}), "updated_at_ms": v_updated_at_ms}
        v_updated_at_ms = None
    v_result_text = p1.get("result_text")
    v_error = p1.get("error")
    v_event_count = p1.get("event_count")
    if not (v_event_count is None or -9223372036854775808 <= v_event_count < 9223372036854775808):
        over1 = {**(over1 or {}), "event_count": v_event_count}
        v_event_count = None
    if over1 is not None or not _KNOWN1.issuperset(p1):
        over1 = {**(over1 or {}), **{key: item for key, item in p1.items() if key not in _KNOWN1}}
    v_snapshot_extra = own_text(over1) if over1 else None
    return (
        v_extra,
        v_id,
        v_session_id,
        v_status,
        v_prompt,
        v_created_at_ms,
        v_updated_at_ms,
        v_result_text,
        v_error,
        v_event_count,
        v_snapshot_extra,
    )


def tree(row: tuple[Any, ...]) -> dict[str, Any]:
    """Return the JSON object of columns of `run`."""
    (
        v_extra,
        v_id,
        v_session_id,
        v_status,
        v_prompt,
        v_created_at_ms,
        v_updated_at_ms,
        v_result_text,
        v_error,
        v_event_count,
        v_snapshot_extra,
    ) = row
    p0: dict[str, Any] = {}
    p1: dict[str, Any] = {}
    if v_id is not None:
        p1["id"] = v_id
    if v_session_id is not None:
        p1["session_id"] = v_session_id
    if v_status is not None:
        p1["status"] = v_status
    if v_prompt is not None:
        p1["prompt"] = v_prompt
    if v_created_at_ms is not None:
        p1["created_at_ms"] = v_created_at_ms
    if v_updated_at_ms is not None:
        p1["updated_at_ms"] = v_updated_at_ms
    if v_result_text is not None:
        p1["result_text"] = v_result_text
    if v_error is not None:
        p1["error"] = v_error
    if v_event_count is not None:
        p1["event_count"] = v_event_count
    if v_extra is not None:
        p0.update(object_of(v_extra))
    if v_snapshot_extra is not None:
        p1.update(object_of(v_snapshot_extra))
    p0["snapshot"] = p1
    return p0
