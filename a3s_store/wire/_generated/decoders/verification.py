"""Decoders of the models in `models/verification.py`.

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
    unknown,
    wrong,
)


def verification_check(codec: ModelCodec) -> Callable[[Any], Any]:
    """Return the function that decodes a VerificationCheck."""
    cls: Any = codec.cls
    draft = draft_of(cls)
    fields: Any = fields_of(codec)
    decode_id = fields["id"].kind.decode
    decode_kind = fields["kind"].kind.decode
    decode_description = fields["description"].kind.decode
    decode_status = fields["status"].kind.decode
    member_status = fields["status"].kind.members.get
    decode_required = fields["required"].kind.decode
    absent_required = absent(fields["required"])
    decode_suggested_tools = fields["suggested_tools"].kind.item.decode
    absent_suggested_tools = absent(fields["suggested_tools"])
    decode_evidence_uris = fields["evidence_uris"].kind.item.decode
    absent_evidence_uris = absent(fields["evidence_uris"])
    decode_residual_risk = fields["residual_risk"].kind.decode

    def decode(o: Any) -> Any:
        if type(o) is not dict:
            raise wrong("an object", o)
        key: str | None = None
        done: Any = None
        try:
            v_id = o["id"]
            if type(v_id) is not str:
                key = "id"
                v_id = decode_id(v_id)
                key = None
            v_kind = o["kind"]
            if type(v_kind) is not str:
                key = "kind"
                v_kind = decode_kind(v_kind)
                key = None
            v_description = o["description"]
            if type(v_description) is not str:
                key = "description"
                v_description = decode_description(v_description)
                key = None
            v_status = o["status"]
            key = "status"
            m = member_status(v_status) if type(v_status) is str else None
            v_status = decode_status(v_status) if m is None else m
            key = None
            if len(o) == 4:
                v_required = absent_required
                v_suggested_tools = absent_suggested_tools
                v_evidence_uris = absent_evidence_uris
                v_residual_risk = None
                extra = EMPTY
            else:
                n = 4
                if "required" in o:
                    v_required = o["required"]
                    n += 1
                    if not (v_required is True or v_required is False):
                        key = "required"
                        v_required = decode_required(v_required)
                        key = None
                else:
                    v_required = absent_required
                if "suggested_tools" in o:
                    v_suggested_tools = o["suggested_tools"]
                    n += 1
                    key = "suggested_tools"
                    if type(v_suggested_tools) is not list:
                        raise wrong("an array", v_suggested_tools)
                    done = []
                    for w in v_suggested_tools:
                        if type(w) is not str:
                            w = decode_suggested_tools(w)
                        done.append(w)
                    v_suggested_tools = tuple(done)
                    key = done = None
                else:
                    v_suggested_tools = absent_suggested_tools
                if "evidence_uris" in o:
                    v_evidence_uris = o["evidence_uris"]
                    n += 1
                    key = "evidence_uris"
                    if type(v_evidence_uris) is not list:
                        raise wrong("an array", v_evidence_uris)
                    done = []
                    for w in v_evidence_uris:
                        if type(w) is not str:
                            w = decode_evidence_uris(w)
                        done.append(w)
                    v_evidence_uris = tuple(done)
                    key = done = None
                else:
                    v_evidence_uris = absent_evidence_uris
                if "residual_risk" in o:
                    v_residual_risk = o["residual_risk"]
                    n += 1
                    if v_residual_risk is not None and type(v_residual_risk) is not str:
                        key = "residual_risk"
                        v_residual_risk = decode_residual_risk(v_residual_risk)
                        key = None
                else:
                    v_residual_risk = None
                extra = EMPTY if len(o) == n else unknown(o, codec)
        except (NotJsonError, KeyError) as error:
            raise located(error, key, done) from None
        x = draft()
        x.id = v_id
        x.kind = v_kind
        x.description = v_description
        x.status = v_status
        x.required = v_required
        x.suggested_tools = v_suggested_tools
        x.evidence_uris = v_evidence_uris
        x.residual_risk = v_residual_risk
        x.extra = extra
        x.__class__ = cls
        return x

    return decode


def verification_report(codec: ModelCodec) -> Callable[[Any], Any]:
    """Return the function that decodes a VerificationReport."""
    cls: Any = codec.cls
    draft = draft_of(cls)
    fields: Any = fields_of(codec)
    decode_schema = fields["schema"].kind.decode
    decode_subject = fields["subject"].kind.decode
    decode_status = fields["status"].kind.decode
    member_status = fields["status"].kind.members.get
    codec_checks = fields["checks"].kind.item.codec
    decode_residual_risks = fields["residual_risks"].kind.item.decode
    absent_residual_risks = absent(fields["residual_risks"])

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
            v_subject = o["subject"]
            if type(v_subject) is not str:
                key = "subject"
                v_subject = decode_subject(v_subject)
                key = None
            v_status = o["status"]
            key = "status"
            m = member_status(v_status) if type(v_status) is str else None
            v_status = decode_status(v_status) if m is None else m
            key = None
            v_checks = o["checks"]
            key = "checks"
            if type(v_checks) is not list:
                raise wrong("an array", v_checks)
            done = []
            for w in v_checks:
                w = codec_checks.decode(w)
                done.append(w)
            v_checks = tuple(done)
            key = done = None
            if len(o) == 4:
                v_residual_risks = absent_residual_risks
                extra = EMPTY
            else:
                n = 4
                if "residual_risks" in o:
                    v_residual_risks = o["residual_risks"]
                    n += 1
                    key = "residual_risks"
                    if type(v_residual_risks) is not list:
                        raise wrong("an array", v_residual_risks)
                    done = []
                    for w in v_residual_risks:
                        if type(w) is not str:
                            w = decode_residual_risks(w)
                        done.append(w)
                    v_residual_risks = tuple(done)
                    key = done = None
                else:
                    v_residual_risks = absent_residual_risks
                extra = EMPTY if len(o) == n else unknown(o, codec)
        except (NotJsonError, KeyError) as error:
            raise located(error, key, done) from None
        x = draft()
        x.schema = v_schema
        x.subject = v_subject
        x.status = v_status
        x.checks = v_checks
        x.residual_risks = v_residual_risks
        x.extra = extra
        x.__class__ = cls
        return x

    return decode


def verification_summary(codec: ModelCodec) -> Callable[[Any], Any]:
    """Return the function that decodes a VerificationSummary."""
    cls: Any = codec.cls
    draft = draft_of(cls)
    fields: Any = fields_of(codec)
    decode_status = fields["status"].kind.decode
    member_status = fields["status"].kind.members.get
    decode_report_count = fields["report_count"].kind.decode
    decode_required_check_count = fields["required_check_count"].kind.decode
    decode_pending_required_check_count = fields["pending_required_check_count"].kind.decode
    decode_failed_check_count = fields["failed_check_count"].kind.decode
    decode_residual_risk_count = fields["residual_risk_count"].kind.decode
    decode_pending_subjects = fields["pending_subjects"].kind.item.decode
    absent_pending_subjects = absent(fields["pending_subjects"])
    decode_failed_subjects = fields["failed_subjects"].kind.item.decode
    absent_failed_subjects = absent(fields["failed_subjects"])

    def decode(o: Any) -> Any:
        if type(o) is not dict:
            raise wrong("an object", o)
        key: str | None = None
        done: Any = None
        try:
            v_status = o["status"]
            key = "status"
            m = member_status(v_status) if type(v_status) is str else None
            v_status = decode_status(v_status) if m is None else m
            key = None
            v_report_count = o["report_count"]
            if not (type(v_report_count) is int and 0 <= v_report_count <= 18446744073709551615):
                key = "report_count"
                v_report_count = decode_report_count(v_report_count)
                key = None
            v_required_check_count = o["required_check_count"]
            if not (
                type(v_required_check_count) is int
                and 0 <= v_required_check_count <= 18446744073709551615
            ):
                key = "required_check_count"
                v_required_check_count = decode_required_check_count(v_required_check_count)
                key = None
            v_pending_required_check_count = o["pending_required_check_count"]
            if not (
                type(v_pending_required_check_count) is int
                and 0 <= v_pending_required_check_count <= 18446744073709551615
            ):
                key = "pending_required_check_count"
                v_pending_required_check_count = decode_pending_required_check_count(
                    v_pending_required_check_count
                )
                key = None
            v_failed_check_count = o["failed_check_count"]
            if not (
                type(v_failed_check_count) is int
                and 0 <= v_failed_check_count <= 18446744073709551615
            ):
                key = "failed_check_count"
                v_failed_check_count = decode_failed_check_count(v_failed_check_count)
                key = None
            v_residual_risk_count = o["residual_risk_count"]
            if not (
                type(v_residual_risk_count) is int
                and 0 <= v_residual_risk_count <= 18446744073709551615
            ):
                key = "residual_risk_count"
                v_residual_risk_count = decode_residual_risk_count(v_residual_risk_count)
                key = None
            if len(o) == 6:
                v_pending_subjects = absent_pending_subjects
                v_failed_subjects = absent_failed_subjects
                extra = EMPTY
            else:
                n = 6
                if "pending_subjects" in o:
                    v_pending_subjects = o["pending_subjects"]
                    n += 1
                    key = "pending_subjects"
                    if type(v_pending_subjects) is not list:
                        raise wrong("an array", v_pending_subjects)
                    done = []
                    for w in v_pending_subjects:
                        if type(w) is not str:
                            w = decode_pending_subjects(w)
                        done.append(w)
                    v_pending_subjects = tuple(done)
                    key = done = None
                else:
                    v_pending_subjects = absent_pending_subjects
                if "failed_subjects" in o:
                    v_failed_subjects = o["failed_subjects"]
                    n += 1
                    key = "failed_subjects"
                    if type(v_failed_subjects) is not list:
                        raise wrong("an array", v_failed_subjects)
                    done = []
                    for w in v_failed_subjects:
                        if type(w) is not str:
                            w = decode_failed_subjects(w)
                        done.append(w)
                    v_failed_subjects = tuple(done)
                    key = done = None
                else:
                    v_failed_subjects = absent_failed_subjects
                extra = EMPTY if len(o) == n else unknown(o, codec)
        except (NotJsonError, KeyError) as error:
            raise located(error, key, done) from None
        x = draft()
        x.status = v_status
        x.report_count = v_report_count
        x.required_check_count = v_required_check_count
        x.pending_required_check_count = v_pending_required_check_count
        x.failed_check_count = v_failed_check_count
        x.residual_risk_count = v_residual_risk_count
        x.pending_subjects = v_pending_subjects
        x.failed_subjects = v_failed_subjects
        x.extra = extra
        x.__class__ = cls
        return x

    return decode
