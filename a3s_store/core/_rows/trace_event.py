"""The columns of `trace_event`, and its JSON objects.

Written by `python -m tools.generate`; do not edit.
"""

from __future__ import annotations

from typing import Any, Final

from a3s_store.core.row_values import object_of, own_text, parse_own

_KNOWN0: Final = frozenset(
    (
        "artifact_uris",
        "details",
        "duration_ms",
        "exit_code",
        "kind",
        "metadata_keys",
        "name",
        "output_bytes",
        "schema",
        "success",
    )
)


def row(tree: dict[str, Any]) -> tuple[Any, ...]:
    """Return the columns of `trace_event` of a JSON object."""
    p0: dict[str, Any] = tree
    over0: dict[str, Any] | None = None
    v_schema = p0.get("schema")
    v_kind = p0.get("kind")
    v_name = p0.get("name")
    v_success = p0.get("success")
    if v_success is not None:
        v_success = int(v_success)
    v_exit_code = p0.get("exit_code")
    if not (v_exit_code is None or -9223372036854775808 <= v_exit_code < 9223372036854775808):
        over0 = {**(over0 or {}), "exit_code": v_exit_code}
        v_exit_code = None
    v_duration_ms = p0.get("duration_ms")
    if not (v_duration_ms is None or -9223372036854775808 <= v_duration_ms < 9223372036854775808):
        over0 = {**(over0 or {}), "duration_ms": v_duration_ms}
        v_duration_ms = None
    v_output_bytes = p0.get("output_bytes")
    if not (v_output_bytes is None or -9223372036854775808 <= v_output_bytes < 9223372036854775808):
        over0 = {**(over0 or {}), "output_bytes": v_output_bytes}
        v_output_bytes = None
    v_metadata_keys = p0.get("metadata_keys")
    if v_metadata_keys is not None:
        v_metadata_keys = own_text(v_metadata_keys)
    v_artifact_uris = p0.get("artifact_uris")
    if v_artifact_uris is not None:
        v_artifact_uris = own_text(v_artifact_uris)
    v_details = p0.get("details")
    if v_details is not None:
        v_details = own_text(v_details)
    if over0 is not None or not _KNOWN0.issuperset(p0):
        over0 = {**(over0 or {}), **{key: item for key, item in p0.items() if key not in _KNOWN0}}
    v_extra = own_text(over0) if over0 else None
    return (
        v_schema,
        v_kind,
        v_name,
        v_success,
        v_exit_code,
        v_duration_ms,
        v_output_bytes,
        v_metadata_keys,
        v_artifact_uris,
        v_details,
        v_extra,
    )


def tree(row: tuple[Any, ...]) -> dict[str, Any]:
    """Return the JSON object of columns of `trace_event`."""
    (
        v_schema,
        v_kind,
        v_name,
        v_success,
        v_exit_code,
        v_duration_ms,
        v_output_bytes,
        v_metadata_keys,
        v_artifact_uris,
        v_details,
        v_extra,
    ) = row
    p0: dict[str, Any] = {}
    if v_schema is not None:
        p0["schema"] = v_schema
    if v_kind is not None:
        p0["kind"] = v_kind
    if v_name is not None:
        p0["name"] = v_name
    if v_success is not None:
        p0["success"] = v_success == 1 if v_success in (0, 1) else v_success
    if v_exit_code is not None:
        p0["exit_code"] = v_exit_code
    if v_duration_ms is not None:
        p0["duration_ms"] = v_duration_ms
    if v_output_bytes is not None:
        p0["output_bytes"] = v_output_bytes
    if v_metadata_keys is not None:
        p0["metadata_keys"] = parse_own(v_metadata_keys)
    if v_artifact_uris is not None:
        p0["artifact_uris"] = parse_own(v_artifact_uris)
    if v_details is not None:
        p0["details"] = parse_own(v_details)
    if v_extra is not None:
        p0.update(object_of(v_extra))
    return p0
