"""Encoders of the models in `core/snapshot.py`.

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


def session_snapshot(codec: ModelCodec) -> Callable[[Any], dict[str, Any]]:
    """Return the function that encodes a SessionSnapshot."""
    fields: Any = fields_of(codec)
    encode_schema_version = fields["schema_version"].kind.encode
    encode_session = fields["session"].kind.encode
    codec_session = fields["session"].kind.codec
    cls_session = fields["session"].kind.cls
    encode_artifacts = fields["artifacts"].kind.item.encode
    codec_artifacts = fields["artifacts"].kind.item.codec
    cls_artifacts = fields["artifacts"].kind.item.cls
    default_retained_artifact_uris = fields["retained_artifact_uris"].default
    encode_retained_artifact_uris = fields["retained_artifact_uris"].kind.item.encode
    encode_trace_events = fields["trace_events"].kind.item.encode
    codec_trace_events = fields["trace_events"].kind.item.codec
    cls_trace_events = fields["trace_events"].kind.item.cls
    encode_run_records = fields["run_records"].kind.item.encode
    codec_run_records = fields["run_records"].kind.item.codec
    cls_run_records = fields["run_records"].kind.item.cls
    encode_verification_reports = fields["verification_reports"].kind.item.encode
    codec_verification_reports = fields["verification_reports"].kind.item.codec
    cls_verification_reports = fields["verification_reports"].kind.item.cls
    encode_subagent_tasks = fields["subagent_tasks"].kind.item.encode
    codec_subagent_tasks = fields["subagent_tasks"].kind.item.codec
    cls_subagent_tasks = fields["subagent_tasks"].kind.item.cls
    encode_review_findings = fields["review_findings"].kind.item.encode
    codec_review_findings = fields["review_findings"].kind.item.codec
    cls_review_findings = fields["review_findings"].kind.item.cls

    def encode(x: Any) -> dict[str, Any]:
        key: str | None = None
        done: Any = None
        try:
            v_schema_version = x.schema_version
            if not (type(v_schema_version) is int and 0 <= v_schema_version <= 4294967295):
                key = "schema_version"
                v_schema_version = encode_schema_version(v_schema_version)
                key = None
            v_session = x.session
            key = "session"
            v_session = (
                codec_session.encode(v_session)
                if type(v_session) is cls_session
                else encode_session(v_session)
            )
            key = None
            o: dict[str, Any] = {"schema_version": v_schema_version, "session": v_session}
            v_artifacts = x.artifacts
            if v_artifacts is not None:
                key = "artifacts"
                if type(v_artifacts) is not tuple:
                    raise wrong("an array", v_artifacts)
                done = []
                for w in v_artifacts:
                    w = (
                        codec_artifacts.encode(w)
                        if type(w) is cls_artifacts
                        else encode_artifacts(w)
                    )
                    done.append(w)
                v_artifacts = done
                key = done = None
                o["artifacts"] = v_artifacts
            v_retained_artifact_uris = x.retained_artifact_uris
            if v_retained_artifact_uris != default_retained_artifact_uris:
                key = "retained_artifact_uris"
                if type(v_retained_artifact_uris) is not tuple:
                    raise wrong("an array", v_retained_artifact_uris)
                done = []
                for w in v_retained_artifact_uris:
                    if type(w) is not str:
                        w = encode_retained_artifact_uris(w)
                    done.append(w)
                v_retained_artifact_uris = done
                key = done = None
                o["retained_artifact_uris"] = v_retained_artifact_uris
            v_trace_events = x.trace_events
            if v_trace_events is not None:
                key = "trace_events"
                if type(v_trace_events) is not tuple:
                    raise wrong("an array", v_trace_events)
                done = []
                for w in v_trace_events:
                    w = (
                        codec_trace_events.encode(w)
                        if type(w) is cls_trace_events
                        else encode_trace_events(w)
                    )
                    done.append(w)
                v_trace_events = done
                key = done = None
                o["trace_events"] = v_trace_events
            v_run_records = x.run_records
            if v_run_records is not None:
                key = "run_records"
                if type(v_run_records) is not tuple:
                    raise wrong("an array", v_run_records)
                done = []
                for w in v_run_records:
                    w = (
                        codec_run_records.encode(w)
                        if type(w) is cls_run_records
                        else encode_run_records(w)
                    )
                    done.append(w)
                v_run_records = done
                key = done = None
                o["run_records"] = v_run_records
            v_verification_reports = x.verification_reports
            if v_verification_reports is not None:
                key = "verification_reports"
                if type(v_verification_reports) is not tuple:
                    raise wrong("an array", v_verification_reports)
                done = []
                for w in v_verification_reports:
                    w = (
                        codec_verification_reports.encode(w)
                        if type(w) is cls_verification_reports
                        else encode_verification_reports(w)
                    )
                    done.append(w)
                v_verification_reports = done
                key = done = None
                o["verification_reports"] = v_verification_reports
            v_subagent_tasks = x.subagent_tasks
            if v_subagent_tasks is not None:
                key = "subagent_tasks"
                if type(v_subagent_tasks) is not tuple:
                    raise wrong("an array", v_subagent_tasks)
                done = []
                for w in v_subagent_tasks:
                    w = (
                        codec_subagent_tasks.encode(w)
                        if type(w) is cls_subagent_tasks
                        else encode_subagent_tasks(w)
                    )
                    done.append(w)
                v_subagent_tasks = done
                key = done = None
                o["subagent_tasks"] = v_subagent_tasks
            v_review_findings = x.review_findings
            if v_review_findings is not None:
                key = "review_findings"
                if type(v_review_findings) is not tuple:
                    raise wrong("an array", v_review_findings)
                done = []
                for w in v_review_findings:
                    w = (
                        codec_review_findings.encode(w)
                        if type(w) is cls_review_findings
                        else encode_review_findings(w)
                    )
                    done.append(w)
                v_review_findings = done
                key = done = None
                o["review_findings"] = v_review_findings
            if x.extra is not EMPTY:
                add_extra(o, x.extra, codec)
        except NotJsonError as error:
            raise located(error, key, done) from None
        return o

    return encode
