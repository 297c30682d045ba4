"""The columns of `run_event`, and its JSON objects.

Written by `python -m tools.generate`; do not edit.
"""

from __future__ import annotations

from typing import Any, Final

from a3s_store.core.row_values import object_of, own_text, payload_text

_KNOWN0: Final = frozenset(
    (
        "event",
        "sequence",
        "timestamp_ms",
    )
)


def row(tree: dict[str, Any]) -> tuple[Any, ...]:
    """Return the columns of `run_event` of a JSON object."""
    p0: dict[str, Any] = tree
    over0: dict[str, Any] | None = None
    v_sequence = p0.get("sequence")
    if not (v_sequence is None or -9223372036854775808 <= v_sequence < 9223372036854775808):
        over0 = {**(over0 or {}), "sequence": v_sequence}
        v_sequence = None
    v_timestamp_ms = p0.get("timestamp_ms")
    if not (v_timestamp_ms is None or -9223372036854775808 <= v_timestamp_ms < 9223372036854775808):
        over0 = {**(over0 or {}), "timestamp_ms": v_timestamp_ms}
        v_timestamp_ms = None
    v_type = p0["event"]["type"]
    v_payload = payload_text(p0["event"])
    if over0 is not None or not _KNOWN0.issuperset(p0):
        over0 = {**(over0 or {}), **{key: item for key, item in p0.items() if key not in _KNOWN0}}
    v_extra = own_text(over0) if over0 else None
    return (
        v_sequence,
        v_timestamp_ms,
        v_type,
        v_payload,
        v_extra,
    )


def tree(row: tuple[Any, ...]) -> dict[str, Any]:
    """Return the JSON object of columns of `run_event`."""
    (
        v_sequence,
        v_timestamp_ms,
        v_type,
        v_payload,
        v_extra,
    ) = row
    p0: dict[str, Any] = {}
    if v_sequence is not None:
        p0["sequence"] = v_sequence
    if v_timestamp_ms is not None:
        p0["timestamp_ms"] = v_timestamp_ms
    if v_type is not None:
        p0["event"] = {"type": v_type}
    if v_payload is not None:
        p0.setdefault("event", {}).update(object_of(v_payload))
    if v_extra is not None:
        p0.update(object_of(v_extra))
    return p0
