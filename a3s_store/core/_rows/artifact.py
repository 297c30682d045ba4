"""The columns of `artifact`, and its JSON objects.

Written by `python -m tools.generate`; do not edit.
"""

from __future__ import annotations

from typing import Any, Final

from a3s_store.core.row_values import object_of, own_text

_KNOWN0: Final = frozenset(
    (
        "artifact_id",
        "artifact_uri",
        "content",
        "original_bytes",
        "shown_bytes",
        "tool_name",
    )
)


def row(tree: dict[str, Any]) -> tuple[Any, ...]:
    """Return the columns of `artifact` of a JSON object."""
    p0: dict[str, Any] = tree
    over0: dict[str, Any] | None = None
    v_artifact_id = p0.get("artifact_id")
    v_artifact_uri = p0.get("artifact_uri")
    v_tool_name = p0.get("tool_name")
    v_content = p0.get("content")
    v_original_bytes = p0.get("original_bytes")
    if not (
        v_original_bytes is None or -9223372036854775808 <= v_original_bytes < 9223372036854775808
    ):
        over0 = {**(over0 or {}), "original_bytes": v_original_bytes}
        v_original_bytes = None
    v_shown_bytes = p0.get("shown_bytes")
    if not (v_shown_bytes is None or -9223372036854775808 <= v_shown_bytes < 9223372036854775808):
        over0 = {**(over0 or {}), "shown_bytes": v_shown_bytes}
        v_shown_bytes = None
    if over0 is not None or not _KNOWN0.issuperset(p0):
        over0 = {**(over0 or {}), **{key: item for key, item in p0.items() if key not in _KNOWN0}}
    v_extra = own_text(over0) if over0 else None
    return (
        v_artifact_id,
        v_artifact_uri,
        v_tool_name,
        v_content,
        v_original_bytes,
        v_shown_bytes,
        v_extra,
    )


def tree(row: tuple[Any, ...]) -> dict[str, Any]:
    """Return the JSON object of columns of `artifact`."""
    (
        v_artifact_id,
        v_artifact_uri,
        v_tool_name,
        v_content,
        v_original_bytes,
        v_shown_bytes,
        v_extra,
    ) = row
    p0: dict[str, Any] = {}
    if v_artifact_id is not None:
        p0["artifact_id"] = v_artifact_id
    if v_artifact_uri is not None:
        p0["artifact_uri"] = v_artifact_uri
    if v_tool_name is not None:
        p0["tool_name"] = v_tool_name
    if v_content is not None:
        p0["content"] = v_content
    if v_original_bytes is not None:
        p0["original_bytes"] = v_original_bytes
    if v_shown_bytes is not None:
        p0["shown_bytes"] = v_shown_bytes
    if v_extra is not None:
        p0.update(object_of(v_extra))
    return p0
