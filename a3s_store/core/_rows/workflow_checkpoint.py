"""The columns of `workflow_checkpoint`, and its JSON objects.

Written by `python -m tools.generate`; do not edit.
"""

from __future__ import annotations

from typing import Any, Final

from a3s_store.core.row_values import object_of, own_text

_KNOWN0: Final = frozenset(
    (
        "checkpoint_ms",
        "schema_version",
        "steps",
        "workflow_id",
    )
)


def row(tree: dict[str, Any]) -> tuple[Any, ...]:
    """Return the columns of `workflow_checkpoint` of a JSON object."""
    p0: dict[str, Any] = tree
    over0: dict[str, Any] | None = None
    v_schema_version = p0.get("schema_version")
    if not (
        v_schema_version is None or -9223372036854775808 <= v_schema_version < 9223372036854775808
    ):
        over0 = {**(over0 or {}), "schema_version": v_schema_version}
        v_schema_version = None
    v_workflow_id = p0.get("workflow_id")
    v_checkpoint_ms = p0.get("checkpoint_ms")
    if not (
        v_checkpoint_ms is None or -9223372036854775808 <= v_checkpoint_ms < 9223372036854775808
    ):
        over0 = {**(over0 or {}), "checkpoint_ms": v_checkpoint_ms}
        v_checkpoint_ms = None
    if over0 is not None or not _KNOWN0.issuperset(p0):
        over0 = {**(over0 or {}), **{key: item for key, item in p0.items() if key not in _KNOWN0}}
    v_extra = own_text(over0) if over0 else None
    return (
        v_schema_version,
        v_workflow_id,
        v_checkpoint_ms,
        v_extra,
    )


def tree(row: tuple[Any, ...]) -> dict[str, Any]:
    """Return the JSON object of columns of `workflow_checkpoint`."""
    (
        v_schema_version,
        v_workflow_id,
        v_checkpoint_ms,
        v_extra,
    ) = row
    p0: dict[str, Any] = {}
    if v_schema_version is not None:
        p0["schema_version"] = v_schema_version
    if v_workflow_id is not None:
        p0["workflow_id"] = v_workflow_id
    if v_checkpoint_ms is not None:
        p0["checkpoint_ms"] = v_checkpoint_ms
    if v_extra is not None:
        p0.update(object_of(v_extra))
    return p0
