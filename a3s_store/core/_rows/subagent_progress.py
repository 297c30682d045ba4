"""The columns of `subagent_progress`, and its JSON objects.

Written by `python -m tools.generate`; do not edit.
"""

from __future__ import annotations

from typing import Any, Final

from a3s_store.core.row_values import object_of, own_text, parse_own

_KNOWN0: Final = frozenset(
    (
        "metadata",
        "status",
        "timestamp_ms",
    )
)


def row(tree: dict[str, Any]) -> tuple[Any, ...]:
    """Return the columns of `subagent_progress` of a JSON object."""
    p0: dict[str, Any] = tree
    over0: dict[str, Any] | None = None
    v_timestamp_ms = p0.get("timestamp_ms")
    if not (v_timestamp_ms is None or -9223372036854775808 <= v_timestamp_ms < 9223372036854775808):
        over0 = {**(over0 or {}), "timestamp_ms": v_timestamp_ms}
        v_timestamp_ms = None
    v_status = p0.get("status")
    v_metadata = own_text(p0["metadata"])
    if over0 is not None or not _KNOWN0.issuperset(p0):
        over0 = {**(over0 or {}), **{key: item for key, item in p0.items() if key not in _KNOWN0}}
    v_extra = own_text(over0) if over0 else None
    return (
        v_timestamp_ms,
        v_status,
        v_metadata,
        v_extra,
    )


def tree(row: tuple[Any, ...]) -> dict[str, Any]:
    """Return the JSON object of columns of `subagent_progress`."""
    (
        v_timestamp_ms,
        v_status,
        v_metadata,
        v_extra,
    ) = row
    p0: dict[str, Any] = {}
    if v_timestamp_ms is not None:
        p0["timestamp_ms"] = v_timestamp_ms
    if v_status is not None:
        p0["status"] = v_status
    if v_metadata is not None:
        p0["metadata"] = parse_own(v_metadata)
    if v_extra is not None:
        p0.update(object_of(v_extra))
    return p0
