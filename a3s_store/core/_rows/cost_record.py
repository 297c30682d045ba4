"""The columns of `cost_record`, and its JSON objects.

Written by `python -m tools.generate`; do not edit.
"""

from __future__ import annotations

from typing import Any, Final

from a3s_store.core.row_values import object_of, own_text, real_column

_KNOWN0: Final = frozenset(
    (
        "completion_tokens",
        "cost_usd",
        "model",
        "prompt_tokens",
        "provider",
        "session_id",
        "timestamp",
        "total_tokens",
    )
)


def row(tree: dict[str, Any]) -> tuple[Any, ...]:
    """Return the columns of `cost_record` of a JSON object."""
    p0: dict[str, Any] = tree
    over0: dict[str, Any] | None = None
    v_model = p0.get("model")
    v_provider = p0.get("provider")
    v_prompt_tokens = p0.get("prompt_tokens")
    if not (
        v_prompt_tokens is None or -9223372036854775808 <= v_prompt_tokens < 9223372036854775808
    ):
        over0 = {**(over0 or {}), "prompt_tokens": v_prompt_tokens}
        v_prompt_tokens = None
    v_completion_tokens = p0.get("completion_tokens")
    if not (
        v_completion_tokens is None
        or -9223372036854775808 <= v_completion_tokens < 9223372036854775808
    ):
        over0 = {**(over0 or {}), "completion_tokens": v_completion_tokens}
        v_completion_tokens = None
    v_total_tokens = p0.get("total_tokens")
    if not (v_total_tokens is None or -9223372036854775808 <= v_total_tokens < 9223372036854775808):
        over0 = {**(over0 or {}), "total_tokens": v_total_tokens}
        v_total_tokens = None
    v_cost_usd = p0.get("cost_usd")
    if not (v_cost_usd is None or (type(v_cost_usd) is float and v_cost_usd != 0.0)):
        v_cost_usd, over0 = real_column(v_cost_usd, "cost_usd", over0)
    v_timestamp = p0.get("timestamp")
    v_session_id = p0.get("session_id")
    if over0 is not None or not _KNOWN0.issuperset(p0):
        over0 = {**(over0 or {}), **{key: item for key, item in p0.items() if key not in _KNOWN0}}
    v_extra = own_text(over0) if over0 else None
    return (
        v_model,
        v_provider,
        v_prompt_tokens,
        v_completion_tokens,
        v_total_tokens,
        v_cost_usd,
        v_timestamp,
        v_session_id,
        v_extra,
    )


def tree(row: tuple[Any, ...]) -> dict[str, Any]:
    """Return the JSON object of columns of `cost_record`."""
    (
        v_model,
        v_provider,
        v_prompt_tokens,
        v_completion_tokens,
        v_total_tokens,
        v_cost_usd,
        v_timestamp,
        v_session_id,
        v_extra,
    ) = row
    p0: dict[str, Any] = {}
    if v_model is not None:
        p0["model"] = v_model
    if v_provider is not None:
        p0["provider"] = v_provider
    if v_prompt_tokens is not None:
        p0["prompt_tokens"] = v_prompt_tokens
    if v_completion_tokens is not None:
        p0["completion_tokens"] = v_completion_tokens
    if v_total_tokens is not None:
        p0["total_tokens"] = v_total_tokens
    if v_cost_usd is not None:
        p0["cost_usd"] = v_cost_usd
    if v_timestamp is not None:
        p0["timestamp"] = v_timestamp
    if v_session_id is not None:
        p0["session_id"] = v_session_id
    if v_extra is not None:
        p0.update(object_of(v_extra))
    return p0
