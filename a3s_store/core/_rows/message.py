"""The columns of `message`, and its JSON objects.

Written by `python -m tools.generate`; do not edit.
"""

from __future__ import annotations

from typing import Any, Final

from a3s_store.core.row_values import object_of, own_text, parse_own

_KNOWN0: Final = frozenset(
    (
        "content",
        "reasoning_content",
        "role",
    )
)


def row(tree: dict[str, Any]) -> tuple[Any, ...]:
    """Return the columns of `message` of a JSON object."""
    p0: dict[str, Any] = tree
    over0: dict[str, Any] | None = None
    v_role = p0.get("role")
    v_content = own_text(p0["content"])
    v_reasoning_content = p0.get("reasoning_content")
    if over0 is not None or not _KNOWN0.issuperset(p0):
        over0 = {**(over0 or {}), **{key: item for key, item in p0.items() if key not in _KNOWN0}}
    v_extra = own_text(over0) if over0 else None
    return (
        v_role,
        v_content,
        v_reasoning_content,
        v_extra,
    )


def tree(row: tuple[Any, ...]) -> dict[str, Any]:
    """Return the JSON object of columns of `message`."""
    (
        v_role,
        v_content,
        v_reasoning_content,
        v_extra,
    ) = row
    p0: dict[str, Any] = {}
    if v_role is not None:
        p0["role"] = v_role
    if v_content is not None:
        p0["content"] = parse_own(v_content)
    if v_reasoning_content is not None:
        p0["reasoning_content"] = v_reasoning_content
    if v_extra is not None:
        p0.update(object_of(v_extra))
    return p0
