"""Encoders of the models in `models/verification.py`.

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
    wrong,
)


def verification_check(codec: ModelCodec) -> Callable[[Any], dict[str, Any]]:
    """Return the function that encodes a VerificationCheck."""
    fields: Any = fields_of(codec)
    encode_id = fields["id"].kind.encode
    encode_kind = fields["kind"].kind.encode
    encode_description = fields["description"].kind.encode
    encode_status = fields["status"].kind.encode
    cls_status = fields["status"].kind.cls
    encode_required = fields["required"].kind.encode
    default_suggested_tools = fields["suggested_tools"].default
    encode_suggested_tools = fields["suggested_tools"].kind.item.encode
    default_evidence_uris = fields["evidence_uris"].default
    encode_evidence_uris = fields["evidence_uris"].kind.item.encode
    encode_residual_risk = fields["residual_risk"].kind.encode

    def encode(x: Any) -> dict[str, Any]:
        key: str | None = None
        done: Any = None
        try:
            v_id = x.id
            if type(v_id) is not str:
                key = "id"
                v_id = encode_id(v_id)
                key = None
            v_kind = x.kind
            if type(v_kind) is not str:
                key = "kind"
                v_kind = encode_kind(v_kind)
                key = None
            v_description = x.description
            if type(v_description) is not str:
                key = "description"
                v_description = encode_description(v_description)
                key = None
            v_status = x.status
            key = "status"
            v_status = v_status._value_ if type(v_status) is cls_status else encode_status(v_status)
            key = None
            v_required = x.required
            if not (v_required is True or v_required is False):
                key = "required"
                v_required = encode_required(v_required)
                key = None
            o: dict[str, Any] = {
                "id": v_id,
                "kind": v_kind,
                "description": v_description,
                "status": v_status,
                "required": v_required,
            }
            v_suggested_tools = x.suggested_tools
            if v_suggested_tools != default_suggested_tools:
                key = "suggested_tools"
                if type(v_suggested_tools) is not tuple:
                    raise wrong("an array", v_suggested_tools)
                done = []
                for w in v_suggested_tools:
                    if type(w) is not str:
                        w = encode_suggested_tools(w)
                    done.append(w)
                v_suggested_tools = done
                key = done = None
                o["suggested_tools"] = v_suggested_tools
            v_evidence_uris = x.evidence_uris
            if v_evidence_uris != default_evidence_uris:
                key = "evidence_uris"
                if type(v_evidence_uris) is not tuple:
                    raise wrong("an array", v_evidence_uris)
                done = []
                for w in v_evidence_uris:
                    if type(w) is not str:
                        w = encode_evidence_uris(w)
                    done.append(w)
                v_evidence_uris = done
                key = done = None
                o["evidence_uris"] = v_evidence_uris
            v_residual_risk = x.residual_risk
            if v_residual_risk is not None:
                if type(v_residual_risk) is not str:
                    key = "residual_risk"
                    v_residual_risk = encode_residual_risk(v_residual_risk)
                    key = None
                o["residual_risk"] = v_residual_risk
            if x.extra is not EMPTY:
                add_extra(o, x.extra, codec)
        except NotJsonError as error:
            raise located(error, key, done) from None
        return o

    return encode


def verification_report(codec: ModelCodec) -> Callable[[Any], dict[str, Any]]:
    """Return the function that encodes a VerificationReport."""
    fields: Any = fields_of(codec)
    encode_schema = fields["schema"].kind.encode
    encode_subject = fields["subject"].kind.encode
    encode_status = fields["status"].kind.encode
    cls_status = fields["status"].kind.cls
    encode_checks = fields["checks"].kind.item.encode
    codec_checks = fields["checks"].kind.item.codec
    cls_checks = fields["checks"].kind.item.cls
    default_residual_risks = fields["residual_risks"].default
    encode_residual_risks = fields["residual_risks"].kind.item.encode

    def encode(x: Any) -> dict[str, Any]:
        key: str | None = None
        done: Any = None
        try:
            v_schema = x.schema
            if type(v_schema) is not str:
                key = "schema"
                v_schema = encode_schema(v_schema)
                key = None
            v_subject = x.subject
            if type(v_subject) is not str:
                key = "subject"
                v_subject = encode_subject(v_subject)
                key = None
            v_status = x.status
            key = "status"
            v_status = v_status._value_ if type(v_status) is cls_status else encode_status(v_status)
            key = None
            v_checks = x.checks
            key = "checks"
            if type(v_checks) is not tuple:
                raise wrong("an array", v_checks)
            done = []
            for w in v_checks:
                w = codec_checks.encode(w) if type(w) is cls_checks else encode_checks(w)
                done.append(w)
            v_checks = done
            key = done = None
            o: dict[str, Any] = {
                "schema": v_schema,
                "subject": v_subject,
                "status": v_status,
                "checks": v_checks,
            }
            v_residual_risks = x.residual_risks
            if v_residual_risks != default_residual_risks:
                key = "residual_risks"
                if type(v_residual_risks) is not tuple:
                    raise wrong("an array", v_residual_risks)
                done = []
                for w in v_residual_risks:
                    if type(w) is not str:
                        w = encode_residual_risks(w)
                    done.append(w)
                v_residual_risks = done
                key = done = None
                o["residual_risks"] = v_residual_risks
            if x.extra is not EMPTY:
                add_extra(o, x.extra, codec)
        except NotJsonError as error:
            raise located(error, key, done) from None
        return o

    return encode


def verification_summary(codec: ModelCodec) -> Callable[[Any], dict[str, Any]]:
    """Return the function that encodes a VerificationSummary."""
    fields: Any = fields_of(codec)
    encode_status = fields["status"].kind.encode
    cls_status = fields["status"].kind.cls
    encode_report_count = fields["report_count"].kind.encode
    encode_required_check_count = fields["required_check_count"].kind.encode
    encode_pending_required_check_count = fields["pending_required_check_count"].kind.encode
    encode_failed_check_count = fields["failed_check_count"].kind.encode
    encode_residual_risk_count = fields["residual_risk_count"].kind.encode
    default_pending_subjects = fields["pending_subjects"].default
    encode_pending_subjects = fields["pending_subjects"].kind.item.encode
    default_failed_subjects = fields["failed_subjects"].default
    encode_failed_subjects = fields["failed_subjects"].kind.item.encode

    def encode(x: Any) -> dict[str, Any]:
        key: str | None = None
        done: Any = None
        try:
            v_status = x.status
            key = "status"
            v_status = v_status._value_ if type(v_status) is cls_status else encode_status(v_status)
            key = None
            v_report_count = x.report_count
            if not (type(v_report_count) is int and 0 <= v_report_count <= 18446744073709551615):
                key = "report_count"
                v_report_count = encode_report_count(v_report_count)
                key = None
            v_required_check_count = x.required_check_count
            if not (
                type(v_required_check_count) is int
                and 0 <= v_required_check_count <= 18446744073709551615
            ):
                key = "required_check_count"
                v_required_check_count = encode_required_check_count(v_required_check_count)
                key = None
            v_pending_required_check_count = x.pending_required_check_count
            if not (
                type(v_pending_required_check_count) is int
                and 0 <= v_pending_required_check_count <= 18446744073709551615
            ):
                key = "pending_required_check_count"
                v_pending_required_check_count = encode_pending_required_check_count(
                    v_pending_required_check_count
                )
                key = None
            v_failed_check_count = x.failed_check_count
            if not (
                type(v_failed_check_count) is int
                and 0 <= v_failed_check_count <= 18446744073709551615
            ):
                key = "failed_check_count"
                v_failed_check_count = encode_failed_check_count(v_failed_check_count)
                key = None
            v_residual_risk_count = x.residual_risk_count
            if not (
                type(v_residual_risk_count) is int
                and 0 <= v_residual_risk_count <= 18446744073709551615
            ):
                key = "residual_risk_count"
                v_residual_risk_count = encode_residual_risk_count(v_residual_risk_count)
                key = None
            o: dict[str, Any] = {
                "status": v_status,
                "report_count": v_report_count,
                "required_check_count": v_required_check_count,
                "pending_required_check_count": v_pending_required_check_count,
                "failed_check_count": v_failed_check_count,
                "residual_risk_count": v_residual_risk_count,
            }
            v_pending_subjects = x.pending_subjects
            if v_pending_subjects != default_pending_subjects:
                key = "pending_subjects"
                if type(v_pending_subjects) is not tuple:
                    raise wrong("an array", v_pending_subjects)
                done = []
                for w in v_pending_subjects:
                    if type(w) is not str:
                        w = encode_pending_subjects(w)
                    done.append(w)
                v_pending_subjects = done
                key = done = None
                o["pending_subjects"] = v_pending_subjects
            v_failed_subjects = x.failed_subjects
            if v_failed_subjects != default_failed_subjects:
                key = "failed_subjects"
                if type(v_failed_subjects) is not tuple:
                    raise wrong("an array", v_failed_subjects)
                done = []
                for w in v_failed_subjects:
                    if type(w) is not str:
                        w = encode_failed_subjects(w)
                    done.append(w)
                v_failed_subjects = done
                key = done = None
                o["failed_subjects"] = v_failed_subjects
            if x.extra is not EMPTY:
                add_extra(o, x.extra, codec)
        except NotJsonError as error:
            raise located(error, key, done) from None
        return o

    return encode
