"""Encoders of the models in `models/review.py`.

Written by `python -m tools.generate`; do not edit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from a3s_store.wire.parts import (
    EMPTY,
    ModelCodec,
    NotJsonError,
    add_extra,
    fields_of,
    located,
    writers_of,
)


def transcript_subject(codec: ModelCodec) -> Callable[[Any], dict[str, Any]]:
    """Return the function that encodes a TranscriptSubject."""
    fields: Any = fields_of(codec)
    encode_turn_id = fields["turn_id"].kind.encode
    encode_run_id = fields["run_id"].kind.encode
    encode_char_start = fields["char_start"].kind.encode
    encode_char_end = fields["char_end"].kind.encode

    def encode(x: Any) -> dict[str, Any]:
        key: str | None = None
        done: Any = None
        try:
            v_turn_id = x.turn_id
            if type(v_turn_id) is not str:
                key = "turnId"
                v_turn_id = encode_turn_id(v_turn_id)
                key = None
            o: dict[str, Any] = {"type": "transcript", "turnId": v_turn_id}
            v_run_id = x.run_id
            if v_run_id is not None:
                if type(v_run_id) is not str:
                    key = "runId"
                    v_run_id = encode_run_id(v_run_id)
                    key = None
                o["runId"] = v_run_id
            v_char_start = x.char_start
            if v_char_start is not None:
                if not (type(v_char_start) is int and 0 <= v_char_start <= 18446744073709551615):
                    key = "charStart"
                    v_char_start = encode_char_start(v_char_start)
                    key = None
                o["charStart"] = v_char_start
            v_char_end = x.char_end
            if v_char_end is not None:
                if not (type(v_char_end) is int and 0 <= v_char_end <= 18446744073709551615):
                    key = "charEnd"
                    v_char_end = encode_char_end(v_char_end)
                    key = None
                o["charEnd"] = v_char_end
            if x.extra is not EMPTY:
                add_extra(o, x.extra, codec)
        except NotJsonError as error:
            raise located(error, key, done) from None
        return o

    return encode


def opaque_subject(codec: ModelCodec) -> Callable[[Any], dict[str, Any]]:
    """Return the function that encodes a OpaqueSubject."""
    fields: Any = fields_of(codec)
    encode_kind = fields["kind"].kind.encode
    encode_uri = fields["uri"].kind.encode

    def encode(x: Any) -> dict[str, Any]:
        key: str | None = None
        done: Any = None
        try:
            v_kind = x.kind
            if type(v_kind) is not str:
                key = "kind"
                v_kind = encode_kind(v_kind)
                key = None
            v_uri = x.uri
            if type(v_uri) is not str:
                key = "uri"
                v_uri = encode_uri(v_uri)
                key = None
            o: dict[str, Any] = {"type": "opaque", "kind": v_kind, "uri": v_uri}
            if x.extra is not EMPTY:
                add_extra(o, x.extra, codec)
        except NotJsonError as error:
            raise located(error, key, done) from None
        return o

    return encode


def review_finding(codec: ModelCodec) -> Callable[[Any], dict[str, Any]]:
    """Return the function that encodes a ReviewFinding."""
    fields: Any = fields_of(codec)
    encode_schema = fields["schema"].kind.encode
    encode_finding_id = fields["finding_id"].kind.encode
    encode_session_id = fields["session_id"].kind.encode
    encode_scenario_id = fields["scenario_id"].kind.encode
    encode_status = fields["status"].kind.encode
    cls_status = fields["status"].kind.cls
    encode_severity = fields["severity"].kind.encode
    cls_severity = fields["severity"].kind.cls
    encode_category = fields["category"].kind.encode
    encode_claim = fields["claim"].kind.encode
    encode_evidence = fields["evidence"].kind.encode
    encode_quote = fields["quote"].kind.encode
    encode_suggestion = fields["suggestion"].kind.encode
    encode_subject = fields["subject"].kind.encode
    writers_subject = writers_of(fields["subject"].kind)
    encode_source_review_id = fields["source_review_id"].kind.encode
    encode_addressed_by_run_id = fields["addressed_by_run_id"].kind.encode
    encode_accepted_by_review_id = fields["accepted_by_review_id"].kind.encode
    encode_reopen_reason = fields["reopen_reason"].kind.encode
    encode_main_agent_reply = fields["main_agent_reply"].kind.encode
    encode_observed_at_ms = fields["observed_at_ms"].kind.encode
    encode_updated_at_ms = fields["updated_at_ms"].kind.encode

    def encode(x: Any) -> dict[str, Any]:
        key: str | None = None
        done: Any = None
        try:
            v_schema = x.schema
            if type(v_schema) is not str:
                key = "schema"
                v_schema = encode_schema(v_schema)
                key = None
            v_finding_id = x.finding_id
            if type(v_finding_id) is not str:
                key = "findingId"
                v_finding_id = encode_finding_id(v_finding_id)
                key = None
            v_session_id = x.session_id
            if type(v_session_id) is not str:
                key = "sessionId"
                v_session_id = encode_session_id(v_session_id)
                key = None
            v_scenario_id = x.scenario_id
            if type(v_scenario_id) is not str:
                key = "scenarioId"
                v_scenario_id = encode_scenario_id(v_scenario_id)
                key = None
            v_status = x.status
            key = "status"
            v_status = v_status._value_ if type(v_status) is cls_status else encode_status(v_status)
            key = None
            v_severity = x.severity
            key = "severity"
            v_severity = (
                v_severity._value_
                if type(v_severity) is cls_severity
                else encode_severity(v_severity)
            )
            key = None
            v_category = x.category
            if type(v_category) is not str:
                key = "category"
                v_category = encode_category(v_category)
                key = None
            v_claim = x.claim
            if type(v_claim) is not str:
                key = "claim"
                v_claim = encode_claim(v_claim)
                key = None
            v_evidence = x.evidence
            if type(v_evidence) is not str:
                key = "evidence"
                v_evidence = encode_evidence(v_evidence)
                key = None
            o: dict[str, Any] = {
                "schema": v_schema,
                "findingId": v_finding_id,
                "sessionId": v_session_id,
                "scenarioId": v_scenario_id,
                "status": v_status,
                "severity": v_severity,
                "category": v_category,
                "claim": v_claim,
                "evidence": v_evidence,
            }
            v_quote = x.quote
            if v_quote is not None:
                if type(v_quote) is not str:
                    key = "quote"
                    v_quote = encode_quote(v_quote)
                    key = None
                o["quote"] = v_quote
            v_suggestion = x.suggestion
            if v_suggestion is not None:
                if type(v_suggestion) is not str:
                    key = "suggestion"
                    v_suggestion = encode_suggestion(v_suggestion)
                    key = None
                o["suggestion"] = v_suggestion
            v_subject = x.subject
            key = "subject"
            write = writers_subject.get(type(v_subject))
            v_subject = encode_subject(v_subject) if write is None else write(v_subject)
            key = None
            o["subject"] = v_subject
            v_source_review_id = x.source_review_id
            if type(v_source_review_id) is not str:
                key = "sourceReviewId"
                v_source_review_id = encode_source_review_id(v_source_review_id)
                key = None
            o["sourceReviewId"] = v_source_review_id
            v_addressed_by_run_id = x.addressed_by_run_id
            if v_addressed_by_run_id is not None:
                if type(v_addressed_by_run_id) is not str:
                    key = "addressedByRunId"
                    v_addressed_by_run_id = encode_addressed_by_run_id(v_addressed_by_run_id)
                    key = None
                o["addressedByRunId"] = v_addressed_by_run_id
            v_accepted_by_review_id = x.accepted_by_review_id
            if v_accepted_by_review_id is not None:
                if type(v_accepted_by_review_id) is not str:
                    key = "acceptedByReviewId"
                    v_accepted_by_review_id = encode_accepted_by_review_id(v_accepted_by_review_id)
                    key = None
                o["acceptedByReviewId"] = v_accepted_by_review_id
            v_reopen_reason = x.reopen_reason
            if v_reopen_reason is not None:
                if type(v_reopen_reason) is not str:
                    key = "reopenReason"
                    v_reopen_reason = encode_reopen_reason(v_reopen_reason)
                    key = None
                o["reopenReason"] = v_reopen_reason
            v_main_agent_reply = x.main_agent_reply
            if v_main_agent_reply is not None:
                if type(v_main_agent_reply) is not str:
                    key = "mainAgentReply"
                    v_main_agent_reply = encode_main_agent_reply(v_main_agent_reply)
                    key = None
                o["mainAgentReply"] = v_main_agent_reply
            v_observed_at_ms = x.observed_at_ms
            if not (
                type(v_observed_at_ms) is int and 0 <= v_observed_at_ms <= 18446744073709551615
            ):
                key = "observedAtMs"
                v_observed_at_ms = encode_observed_at_ms(v_observed_at_ms)
                key = None
            o["observedAtMs"] = v_observed_at_ms
            v_updated_at_ms = x.updated_at_ms
            if not (type(v_updated_at_ms) is int and 0 <= v_updated_at_ms <= 18446744073709551615):
                key = "updatedAtMs"
                v_updated_at_ms = encode_updated_at_ms(v_updated_at_ms)
                key = None
            o["updatedAtMs"] = v_updated_at_ms
            if x.extra is not EMPTY:
                add_extra(o, x.extra, codec)
        except NotJsonError as error:
            raise located(error, key, done) from None
        return o

    return encode
