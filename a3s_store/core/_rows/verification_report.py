"""The columns of `verification_report`, and its JSON objects.

Written by `python -m tools.generate`; do not edit.
"""

from __future__ import annotations

from typing import Any, Final

from a3s_store.core.row_values import object_of, own_text, parse_own

_KNOWN0: Final = frozenset(
    (
        "checks",
        "residual_risks",
        "schema",
        "status",
        "subject",
    )
)


def row(tree: dict[str, Any]) -> tuple[Any, ...]:
    """Return the columns of `verification_report` of a JSON object."""
    p0: dict[str, Any] = tree
    over0: dict[str, Any] | None = None
    v_schema = p0.get("schema")
    v_subject = p0.get("subject")
    v_status = p0.get("status")
    v_residual_risks = p0.get("residual_risks")
    if v_residual_risks is not None:
        v_residual_risks = own_text(v_residual_risks)
    if over0 is not None or not _KNOWN0.issuperset(p0):
        over0 = {**(over0 or {}), **{key: item for key, item in p0.items() if key not in _KNOWN0}}
    v_extra = own_text(over0) if over0 else None
    return (
        v_schema,
        v_subject,
        v_status,
        v_residual_risks,
        v_extra,
    )


def tree(row: tuple[Any, ...]) -> dict[str, Any]:
    """Return the JSON object of columns of `verification_report`."""
    (
        v_schema,
        v_subject,
        v_status,
        v_residual_risks,
        v_extra,
    ) = row
    p0: dict[str, Any] = {}
    if v_schema is not None:
        p0["schema"] = v_schema
    if v_subject is not None:
        p0["subject"] = v_subject
    if v_status is not None:
        p0["status"] = v_status
    if v_residual_risks is not None:
        p0["residual_risks"] = parse_own(v_residual_risks)
    if v_extra is not None:
        p0.update(object_of(v_extra))
    return p0
