"""The columns of `review_finding`, and its JSON objects.

Written by `python -m tools.generate`; do not edit.
"""

from __future__ import annotations

from typing import Any, Final

from a3s_store.core.row_values import object_of, own_text, payload_text

_KNOWN0: Final = frozenset(
    (
        "acceptedByReviewId",
        "addressedByRunId",
        "category",
        "claim",
        "evidence",
        "findingId",
        "mainAgentReply",
        "observedAtMs",
        "quote",
        "reopenReason",
        "scenarioId",
        "schema",
        "sessionId",
        "severity",
        "sourceReviewId",
        "status",
        "subject",
        "suggestion",
        "updatedAtMs",
    )
)


def row(tree: dict[str, Any]) -> tuple[Any, ...]:
    """Return the columns of `review_finding` of a JSON object."""
    p0: dict[str, Any] = tree
    over0: dict[str, Any] | None = None
    v_schema = p0.get("schema")
    v_finding_id = p0.get("findingId")
    v_session_id = p0.get("sessionId")
    v_scenario_id = p0.get("scenarioId")
    v_status = p0.get("status")
    v_severity = p0.get("severity")
    v_category = p0.get("category")
    v_claim = p0.get("claim")
    v_evidence = p0.get("evidence")
    v_quote = p0.get("quote")
    v_suggestion = p0.get("suggestion")
    v_type = p0["subject"]["type"]
    v_payload = payload_text(p0["subject"])
    v_source_review_id = p0.get("sourceReviewId")
    v_addressed_by_run_id = p0.get("addressedByRunId")
    v_accepted_by_review_id = p0.get("acceptedByReviewId")
    v_reopen_reason = p0.get("reopenReason")
    v_main_agent_reply = p0.get("mainAgentReply")
    v_observed_at_ms = p0.get("observedAtMs")
    if not (
        v_observed_at_ms is None or -9223372036854775808 <= v_observed_at_ms < 9223372036854775808
    ):
        over0 = {**(over0 or {}), "observedAtMs": v_observed_at_ms}
        v_observed_at_ms = None
    v_updated_at_ms = p0.get("updatedAtMs")
    if not (
        v_updated_at_ms is None or -9223372036854775808 <= v_updated_at_ms < 9223372036854775808
    ):
        over0 = {**(over0 or {}), "updatedAtMs": v_updated_at_ms}
        v_updated_at_ms = None
    if over0 is not None or not _KNOWN0.issuperset(p0):
        over0 = {**(over0 or {}), **{key: item for key, item in p0.items() if key not in _KNOWN0}}
    v_extra = own_text(over0) if over0 else None
    return (
        v_schema,
        v_finding_id,
        v_session_id,
        v_scenario_id,
        v_status,
        v_severity,
        v_category,
        v_claim,
        v_evidence,
        v_quote,
        v_suggestion,
        v_type,
        v_payload,
        v_source_review_id,
        v_addressed_by_run_id,
        v_accepted_by_review_id,
        v_reopen_reason,
        v_main_agent_reply,
        v_observed_at_ms,
        v_updated_at_ms,
        v_extra,
    )


def tree(row: tuple[Any, ...]) -> dict[str, Any]:
    """Return the JSON object of columns of `review_finding`."""
    (
        v_schema,
        v_finding_id,
        v_session_id,
        v_scenario_id,
        v_status,
        v_severity,
        v_category,
        v_claim,
        v_evidence,
        v_quote,
        v_suggestion,
        v_type,
        v_payload,
        v_source_review_id,
        v_addressed_by_run_id,
        v_accepted_by_review_id,
        v_reopen_reason,
        v_main_agent_reply,
        v_observed_at_ms,
        v_updated_at_ms,
        v_extra,
    ) = row
    p0: dict[str, Any] = {}
    if v_schema is not None:
        p0["schema"] = v_schema
    if v_finding_id is not None:
        p0["findingId"] = v_finding_id
    if v_session_id is not None:
        p0["sessionId"] = v_session_id
    if v_scenario_id is not None:
        p0["scenarioId"] = v_scenario_id
    if v_status is not None:
        p0["status"] = v_status
    if v_severity is not None:
        p0["severity"] = v_severity
    if v_category is not None:
        p0["category"] = v_category
    if v_claim is not None:
        p0["claim"] = v_claim
    if v_evidence is not None:
        p0["evidence"] = v_evidence
    if v_quote is not None:
        p0["quote"] = v_quote
    if v_suggestion is not None:
        p0["suggestion"] = v_suggestion
    if v_type is not None:
        p0["subject"] = {"type": v_type}
    if v_payload is not None:
        p0.setdefault("subject", {}).update(object_of(v_payload))
    if v_source_review_id is not None:
        p0["sourceReviewId"] = v_source_review_id
    if v_addressed_by_run_id is not None:
        p0["addressedByRunId"] = v_addressed_by_run_id
    if v_accepted_by_review_id is not None:
        p0["acceptedByReviewId"] = v_accepted_by_review_id
    if v_reopen_reason is not None:
        p0["reopenReason"] = v_reopen_reason
    if v_main_agent_reply is not None:
        p0["mainAgentReply"] = v_main_agent_reply
    if v_observed_at_ms is not None:
        p0["observedAtMs"] = v_observed_at_ms
    if v_updated_at_ms is not None:
        p0["updatedAtMs"] = v_updated_at_ms
    if v_extra is not None:
        p0.update(object_of(v_extra))
    return p0
