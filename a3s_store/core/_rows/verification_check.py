"""The columns of `verification_check`, and its JSON objects.

Written by `python -m tools.generate`; do not edit.
"""

from __future__ import annotations

from typing import Any, Final

from a3s_store.core.row_values import object_of, own_text, parse_own

_KNOWN0: Final = frozenset(
    (
        "description",
        "evidence_uris",
        "id",
        "kind",
        "required",
        "residual_risk",
        "status",
        "suggested_tools",
    )
)


def row(tree: dict[str, Any]) -> tuple[Any, ...]:
    """Return the columns of `verification_check` of a JSON object."""
    p0: dict[str, Any] = tree
    over0: dict[str, Any] | None = None
    v_id = p0.get("id")
    v_kind = p0.get("kind")
    v_description = p0.get("description")
    v_status = p0.get("status")
    v_required = p0.get("required")
    if v_required is not None:
        v_required = int(v_required)
    v_suggested_tools = p0.get("suggested_tools")
    if v_suggested_tools is not None:
        v_suggested_tools = own_text(v_suggested_tools)
    v_evidence_uris = p0.get("evidence_uris")
    if v_evidence_uris is not None:
        v_evidence_uris = own_text(v_evidence_uris)
    v_residual_risk = p0.get("residual_risk")
    if over0 is not None or not _KNOWN0.issuperset(p0):
        over0 = {**(over0 or {}), **{key: item for key, item in p0.items() if key not in _KNOWN0}}
    v_extra = own_text(over0) if over0 else None
    return (
        v_id,
        v_kind,
        v_description,
        v_status,
        v_required,
        v_suggested_tools,
        v_evidence_uris,
        v_residual_risk,
        v_extra,
    )


def tree(row: tuple[Any, ...]) -> dict[str, Any]:
    """Return the JSON object of columns of `verification_check`."""
    (
        v_id,
        v_kind,
        v_description,
        v_status,
        v_required,
        v_suggested_tools,
        v_evidence_uris,
        v_residual_risk,
        v_extra,
    ) = row
    p0: dict[str, Any] = {}
    if v_id is not None:
        p0["id"] = v_id
    if v_kind is not None:
        p0["kind"] = v_kind
    if v_description is not None:
        p0["description"] = v_description
    if v_status is not None:
        p0["status"] = v_status
    if v_required is not None:
        p0["required"] = v_required == 1 if v_required in (0, 1) else v_required
    if v_suggested_tools is not None:
        p0["suggested_tools"] = parse_own(v_suggested_tools)
    if v_evidence_uris is not None:
        p0["evidence_uris"] = parse_own(v_evidence_uris)
    if v_residual_risk is not None:
        p0["residual_risk"] = v_residual_risk
    if v_extra is not None:
        p0.update(object_of(v_extra))
    return p0
