"""The columns of `loop_checkpoint`, and its JSON objects.

Written by `python -m tools.generate`; do not edit.
"""

from __future__ import annotations

from typing import Any, Final

from a3s_store.core.row_values import object_of, own_text, parse_own

_KNOWN0: Final = frozenset(
    (
        "checkpoint_ms",
        "messages",
        "run_id",
        "schema_version",
        "session_id",
        "tool_calls_count",
        "total_usage",
        "turn",
        "verification_reports",
    )
)
_KNOWN1: Final = frozenset(
    (
        "cache_read_tokens",
        "cache_write_tokens",
        "completion_tokens",
        "prompt_tokens",
        "total_tokens",
    )
)


def row(tree: dict[str, Any]) -> tuple[Any, ...]:
    """Return the columns of `loop_checkpoint` of a JSON object."""
    p0: dict[str, Any] = tree
    over0: dict[str, Any] | None = None
    p1: dict[str, Any] = tree["total_usage"]
    over1: dict[str, Any] | None = None
    v_schema_version = p0.get("schema_version")
    if not (
        v_schema_version is None or -9223372036854775808 <= v_schema_version < 9223372036854775808
    ):
        over0 = {**(over0 or {}), "schema_version": v_schema_version}
        v_schema_version = None
    v_run_id = p0.get("run_id")
    v_session_id = p0.get("session_id")
    v_turn = p0.get("turn")
    if not (v_turn is None or -9223372036854775808 <= v_turn < 9223372036854775808):
        over0 = {**(over0 or {}), "turn": v_turn}
        v_turn = None
    v_tool_calls_count = p0.get("tool_calls_count")
    if not (
        v_tool_calls_count is None
        or -9223372036854775808 <= v_tool_calls_count < 9223372036854775808
    ):
        over0 = {**(over0 or {}), "tool_calls_count": v_tool_calls_count}
        v_tool_calls_count = None
    v_verification_reports = own_text(p0["verification_reports"])
    v_checkpoint_ms = p0.get("checkpoint_ms")
    if not (
        v_checkpoint_ms is None or -9223372036854775808 <= v_checkpoint_ms < 9223372036854775808
    ):
        over0 = {**(over0 or {}), "checkpoint_ms": v_checkpoint_ms}
        v_checkpoint_ms = None
    if over0 is not None or not _KNOWN0.issuperset(p0):
        over0 = {**(over0 or {}), **{key: item for key, item in p0.items() if key not in _KNOWN0}}
    v_extra = own_text(over0) if over0 else None
    v_prompt_tokens = p1.get("prompt_tokens")
    if not (
        v_prompt_tokens is None or -9223372036854775808 <= v_prompt_tokens < 9223372036854775808
    ):
        over1 = {**(over1 or {}), "prompt_tokens": v_prompt_tokens}
        v_prompt_tokens = None
    v_completion_tokens = p1.get("completion_tokens")
    if not (
        v_completion_tokens is None
        or -9223372036854775808 <= v_completion_tokens < 9223372036854775808
    ):
        over1 = {**(over1 or {}), "completion_tokens": v_completion_tokens}
        v_completion_tokens = None
    v_total_tokens = p1.get("total_tokens")
    if not (v_total_tokens is None or -9223372036854775808 <= v_total_tokens < 9223372036854775808):
        over1 = {**(over1 or {}), "total_tokens": v_total_tokens}
        v_total_tokens = None
    v_cache_read_tokens = p1.get("cache_read_tokens")
    if not (
        v_cache_read_tokens is None
        or -9223372036854775808 <= v_cache_read_tokens < 9223372036854775808
    ):
        over1 = {**(over1 or {}), "cache_read_tokens": v_cache_read_tokens}
        v_cache_read_tokens = None
    v_cache_write_tokens = p1.get("cache_write_tokens")
    if not (
        v_cache_write_tokens is None
        or -9223372036854775808 <= v_cache_write_tokens < 9223372036854775808
    ):
        over1 = {**(over1 or {}), "cache_write_tokens": v_cache_write_tokens}
        v_cache_write_tokens = None
    if over1 is not None or not _KNOWN1.issuperset(p1):
        over1 = {**(over1 or {}), **{key: item for key, item in p1.items() if key not in _KNOWN1}}
    v_total_usage_extra = own_text(over1) if over1 else None
    return (
        v_schema_version,
        v_run_id,
        v_session_id,
        v_turn,
        v_tool_calls_count,
        v_verification_reports,
        v_checkpoint_ms,
        v_extra,
        v_prompt_tokens,
        v_completion_tokens,
        v_total_tokens,
        v_cache_read_tokens,
        v_cache_write_tokens,
        v_total_usage_extra,
    )


def tree(row: tuple[Any, ...]) -> dict[str, Any]:
    """Return the JSON object of columns of `loop_checkpoint`."""
    (
        v_schema_version,
        v_run_id,
        v_session_id,
        v_turn,
        v_tool_calls_count,
        v_verification_reports,
        v_checkpoint_ms,
        v_extra,
        v_prompt_tokens,
        v_completion_tokens,
        v_total_tokens,
        v_cache_read_tokens,
        v_cache_write_tokens,
        v_total_usage_extra,
    ) = row
    p0: dict[str, Any] = {}
    p1: dict[str, Any] = {}
    if v_schema_version is not None:
        p0["schema_version"] = v_schema_version
    if v_run_id is not None:
        p0["run_id"] = v_run_id
    if v_session_id is not None:
        p0["session_id"] = v_session_id
    if v_turn is not None:
        p0["turn"] = v_turn
    if v_tool_calls_count is not None:
        p0["tool_calls_count"] = v_tool_calls_count
    if v_verification_reports is not None:
        p0["verification_reports"] = parse_own(v_verification_reports)
    if v_checkpoint_ms is not None:
        p0["checkpoint_ms"] = v_checkpoint_ms
    if v_prompt_tokens is not None:
        p1["prompt_tokens"] = v_prompt_tokens
    if v_completion_tokens is not None:
        p1["completion_tokens"] = v_completion_tokens
    if v_total_tokens is not None:
        p1["total_tokens"] = v_total_tokens
    if v_cache_read_tokens is not None:
        p1["cache_read_tokens"] = v_cache_read_tokens
    if v_cache_write_tokens is not None:
        p1["cache_write_tokens"] = v_cache_write_tokens
    if v_extra is not None:
        p0.update(object_of(v_extra))
    if v_total_usage_extra is not None:
        p1.update(object_of(v_total_usage_extra))
    p0["total_usage"] = p1
    return p0
