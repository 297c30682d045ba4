"""Decoders of the models in `models/review.py`.

Written by `python -m tools.generate`; do not edit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from a3s_store.wire.parts import (
    EMPTY,
    ModelCodec,
    NotJsonError,
    absent,
    draft_of,
    fields_of,
    located,
    readers_of,
    unknown,
    wrong,
)


def transcript_subject(codec: ModelCodec) -> Callable[[Any], Any]:
    """Return the function that decodes a TranscriptSubject."""
    cls: Any = codec.cls
    draft = draft_of(cls)
    fields: Any = fields_of(codec)
    decode_turn_id = fields["turn_id"].kind.decode
    decode_run_id = fields["run_id"].kind.decode
    decode_char_start = fields["char_start"].kind.decode
    decode_char_end = fields["char_end"].kind.decode

    def decode(o: Any) -> Any:
        if type(o) is not dict:
            raise wrong("an object", o)
        key: str | None = None
        done: Any = None
        try:
            v_turn_id = o["turnId"]
            if type(v_turn_id) is not str:
                key = "turnId"
                v_turn_id = decode_turn_id(v_turn_id)
                key = None
            if len(o) == 2 and "type" in o:
                v_run_id = None
                v_char_start = None
                v_char_end = None
                extra = EMPTY
            else:
                n = 1 + ("type" in o)
                if "runId" in o:
                    v_run_id = o["runId"]
                    n += 1
                    if v_run_id is not None and type(v_run_id) is not str:
                        key = "runId"
                        v_run_id = decode_run_id(v_run_id)
                        key = None
                else:
                    v_run_id = None
                if "charStart" in o:
                    v_char_start = o["charStart"]
                    n += 1
                    if v_char_start is not None and not (
                        type(v_char_start) is int and 0 <= v_char_start <= 18446744073709551615
                    ):
                        key = "charStart"
                        v_char_start = decode_char_start(v_char_start)
                        key = None
                else:
                    v_char_start = None
                if "charEnd" in o:
                    v_char_end = o["charEnd"]
                    n += 1
                    if v_char_end is not None and not (
                        type(v_char_end) is int and 0 <= v_char_end <= 18446744073709551615
                    ):
                        key = "charEnd"
                        v_char_end = decode_char_end(v_char_end)
                        key = None
                else:
                    v_char_end = None
                extra = EMPTY if len(o) == n else unknown(o, codec)
        except (NotJsonError, KeyError) as error:
            raise located(error, key, done) from None
        x = draft()
        x.turn_id = v_turn_id
        x.run_id = v_run_id
        x.char_start = v_char_start
        x.char_end = v_char_end
        x.extra = extra
        x.__class__ = cls
        return x

    return decode


def opaque_subject(codec: ModelCodec) -> Callable[[Any], Any]:
    """Return the function that decodes a OpaqueSubject."""
    cls: Any = codec.cls
    draft = draft_of(cls)
    fields: Any = fields_of(codec)
    decode_kind = fields["kind"].kind.decode
    decode_uri = fields["uri"].kind.decode

    def decode(o: Any) -> Any:
        if type(o) is not dict:
            raise wrong("an object", o)
        key: str | None = None
        done: Any = None
        try:
            v_kind = o["kind"]
            if type(v_kind) is not str:
                key = "kind"
                v_kind = decode_kind(v_kind)
                key = None
            v_uri = o["uri"]
            if type(v_uri) is not str:
                key = "uri"
                v_uri = decode_uri(v_uri)
                key = None
            if len(o) == 3 and "type" in o:
                extra = EMPTY
            else:
                n = 2 + ("type" in o)
                extra = EMPTY if len(o) == n else unknown(o, codec)
        except (NotJsonError, KeyError) as error:
            raise located(error, key, done) from None
        x = draft()
        x.kind = v_kind
        x.uri = v_uri
        x.extra = extra
        x.__class__ = cls
        return x

    return decode


def review_finding(codec: ModelCodec) -> Callable[[Any], Any]:
    """Return the function that decodes a ReviewFinding."""
    cls: Any = codec.cls
    draft = draft_of(cls)
    fields: Any = fields_of(codec)
    decode_schema = fields["schema"].kind.decode
    decode_finding_id = fields["finding_id"].kind.decode
    decode_session_id = fields["session_id"].kind.decode
    decode_status = fields["status"].kind.decode
    member_status = fields["status"].kind.members.get
    decode_severity = fields["severity"].kind.decode
    member_severity = fields["severity"].kind.members.get
    decode_category = fields["category"].kind.decode
    decode_claim = fields["claim"].kind.decode
    decode_evidence = fields["evidence"].kind.decode
    decode_subject = fields["subject"].kind.decode
    readers_subject = readers_of(fields["subject"].kind)
    cls_opaque_subject = fields["subject"].kind.members["opaque"].cls
    draft_opaque_subject = draft_of(cls_opaque_subject)
    decode_source_review_id = fields["source_review_id"].kind.decode
    decode_observed_at_ms = fields["observed_at_ms"].kind.decode
    decode_updated_at_ms = fields["updated_at_ms"].kind.decode
    decode_scenario_id = fields["scenario_id"].kind.decode
    absent_scenario_id = absent(fields["scenario_id"])
    decode_quote = fields["quote"].kind.decode
    decode_suggestion = fields["suggestion"].kind.decode
    decode_addressed_by_run_id = fields["addressed_by_run_id"].kind.decode
    decode_accepted_by_review_id = fields["accepted_by_review_id"].kind.decode
    decode_reopen_reason = fields["reopen_reason"].kind.decode
    decode_main_agent_reply = fields["main_agent_reply"].kind.decode

    def union_subject(o: Any) -> Any:
        if type(o) is dict:
            tag = o["type"]
            if tag == "opaque" and len(o) == 3:
                v_kind = o["kind"]
                v_uri = o["uri"]
                if (type(v_kind) is str) and (type(v_uri) is str):
                    x = draft_opaque_subject()
                    x.kind = v_kind
                    x.uri = v_uri
                    x.extra = EMPTY
                    x.__class__ = cls_opaque_subject
                    return x
            read = readers_subject.get(tag) if type(tag) is str else None
            if read is not None:
                return read(o)
        return decode_subject(o)

    def decode(o: Any) -> Any:
        if type(o) is not dict:
            raise wrong("an object", o)
        key: str | None = None
        done: Any = None
        try:
            v_schema = o["schema"]
            if type(v_schema) is not str:
                key = "schema"
                v_schema = decode_schema(v_schema)
                key = None
            v_finding_id = o["findingId"]
            if type(v_finding_id) is not str:
                key = "findingId"
                v_finding_id = decode_finding_id(v_finding_id)
                key = None
            v_session_id = o["sessionId"]
            if type(v_session_id) is not str:
                key = "sessionId"
                v_session_id = decode_session_id(v_session_id)
                key = None
            v_status = o["status"]
            key = "status"
            m = member_status(v_status) if type(v_status) is str else None
            v_status = decode_status(v_status) if m is None else m
            key = None
            v_severity = o["severity"]
            key = "severity"
            m = member_severity(v_severity) if type(v_severity) is str else None
            v_severity = decode_severity(v_severity) if m is None else m
            key = None
            v_category = o["category"]
            if type(v_category) is not str:
                key = "category"
                v_category = decode_category(v_category)
                key = None
            v_claim = o["claim"]
            if type(v_claim) is not str:
                key = "claim"
                v_claim = decode_claim(v_claim)
                key = None
            v_evidence = o["evidence"]
            if type(v_evidence) is not str:
                key = "evidence"
                v_evidence = decode_evidence(v_evidence)
                key = None
            v_subject = o["subject"]
            key = "subject"
            v_subject = union_subject(v_subject)
            key = None
            v_source_review_id = o["sourceReviewId"]
            if type(v_source_review_id) is not str:
                key = "sourceReviewId"
                v_source_review_id = decode_source_review_id(v_source_review_id)
                key = None
            v_observed_at_ms = o["observedAtMs"]
            if not (
                type(v_observed_at_ms) is int and 0 <= v_observed_at_ms <= 18446744073709551615
            ):
                key = "observedAtMs"
                v_observed_at_ms = decode_observed_at_ms(v_observed_at_ms)
                key = None
            v_updated_at_ms = o["updatedAtMs"]
            if not (type(v_updated_at_ms) is int and 0 <= v_updated_at_ms <= 18446744073709551615):
                key = "updatedAtMs"
                v_updated_at_ms = decode_updated_at_ms(v_updated_at_ms)
                key = None
            if len(o) == 12:
                v_scenario_id = absent_scenario_id
                v_quote = None
                v_suggestion = None
                v_addressed_by_run_id = None
                v_accepted_by_review_id = None
                v_reopen_reason = None
                v_main_agent_reply = None
                extra = EMPTY
            else:
                n = 12
                if "scenarioId" in o:
                    v_scenario_id = o["scenarioId"]
                    n += 1
                    if type(v_scenario_id) is not str:
                        key = "scenarioId"
                        v_scenario_id = decode_scenario_id(v_scenario_id)
                        key = None
                else:
                    v_scenario_id = absent_scenario_id
                if "quote" in o:
                    v_quote = o["quote"]
                    n += 1
                    if v_quote is not None and type(v_quote) is not str:
                        key = "quote"
                        v_quote = decode_quote(v_quote)
                        key = None
                else:
                    v_quote = None
                if "suggestion" in o:
                    v_suggestion = o["suggestion"]
                    n += 1
                    if v_suggestion is not None and type(v_suggestion) is not str:
                        key = "suggestion"
                        v_suggestion = decode_suggestion(v_suggestion)
                        key = None
                else:
                    v_suggestion = None
                if "addressedByRunId" in o:
                    v_addressed_by_run_id = o["addressedByRunId"]
                    n += 1
                    if v_addressed_by_run_id is not None and type(v_addressed_by_run_id) is not str:
                        key = "addressedByRunId"
                        v_addressed_by_run_id = decode_addressed_by_run_id(v_addressed_by_run_id)
                        key = None
                else:
                    v_addressed_by_run_id = None
                if "acceptedByReviewId" in o:
                    v_accepted_by_review_id = o["acceptedByReviewId"]
                    n += 1
                    if (
                        v_accepted_by_review_id is not None
                        and type(v_accepted_by_review_id) is not str
                    ):
                        key = "acceptedByReviewId"
                        v_accepted_by_review_id = decode_accepted_by_review_id(
                            v_accepted_by_review_id
                        )
                        key = None
                else:
                    v_accepted_by_review_id = None
                if "reopenReason" in o:
                    v_reopen_reason = o["reopenReason"]
                    n += 1
                    if v_reopen_reason is not None and type(v_reopen_reason) is not str:
                        key = "reopenReason"
                        v_reopen_reason = decode_reopen_reason(v_reopen_reason)
                        key = None
                else:
                    v_reopen_reason = None
                if "mainAgentReply" in o:
                    v_main_agent_reply = o["mainAgentReply"]
                    n += 1
                    if v_main_agent_reply is not None and type(v_main_agent_reply) is not str:
                        key = "mainAgentReply"
                        v_main_agent_reply = decode_main_agent_reply(v_main_agent_reply)
                        key = None
                else:
                    v_main_agent_reply = None
                extra = EMPTY if len(o) == n else unknown(o, codec)
        except (NotJsonError, KeyError) as error:
            raise located(error, key, done) from None
        x = draft()
        x.schema = v_schema
        x.finding_id = v_finding_id
        x.session_id = v_session_id
        x.scenario_id = v_scenario_id
        x.status = v_status
        x.severity = v_severity
        x.category = v_category
        x.claim = v_claim
        x.evidence = v_evidence
        x.quote = v_quote
        x.suggestion = v_suggestion
        x.subject = v_subject
        x.source_review_id = v_source_review_id
        x.addressed_by_run_id = v_addressed_by_run_id
        x.accepted_by_review_id = v_accepted_by_review_id
        x.reopen_reason = v_reopen_reason
        x.main_agent_reply = v_main_agent_reply
        x.observed_at_ms = v_observed_at_ms
        x.updated_at_ms = v_updated_at_ms
        x.extra = extra
        x.__class__ = cls
        return x

    return decode
