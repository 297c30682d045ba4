"""Decoders of the models in `core/snapshot.py`.

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


def session_snapshot(codec: ModelCodec) -> Callable[[Any], Any]:
    """Return the function that decodes a SessionSnapshot."""
    cls: Any = codec.cls
    draft = draft_of(cls)
    fields: Any = fields_of(codec)
    decode_schema_version = fields["schema_version"].kind.decode
    codec_session = fields["session"].kind.codec
    codec_artifacts = fields["artifacts"].kind.item.codec
    decode_retained_artifact_uris = fields["retained_artifact_uris"].kind.item.decode
    absent_retained_artifact_uris = absent(fields["retained_artifact_uris"])
    codec_trace_events = fields["trace_events"].kind.item.codec
    codec_run_records = fields["run_records"].kind.item.codec
    codec_verification_reports = fields["verification_reports"].kind.item.codec
    codec_subagent_tasks = fields["subagent_tasks"].kind.item.codec
    codec_review_findings = fields["review_findings"].kind.item.codec

    def decode(o: Any) -> Any:
        if type(o) is not dict:
            raise wrong("an object", o)
        key: str | None = None
        done: Any = None
        try:
            v_schema_version = o["schema_version"]
            if not (type(v_schema_version) is int and 0 <= v_schema_version <= 4294967295):
                key = "schema_version"
                v_schema_version = decode_schema_version(v_schema_version)
                key = None
            v_session = o["session"]
            key = "session"
            v_session = codec_session.decode(v_session)
            key = None
            if len(o) == 2:
                v_artifacts = None
                v_retained_artifact_uris = absent_retained_artifact_uris
                v_trace_events = None
                v_run_records = None
                v_verification_reports = None
                v_subagent_tasks = None
                v_review_findings = None
                extra = EMPTY
            else:
                n = 2
                if "artifacts" in o:
                    v_artifacts = o["artifacts"]
                    n += 1
                    if v_artifacts is not None:
                        key = "artifacts"
                        if type(v_artifacts) is not list:
                            raise wrong("an array", v_artifacts)
                        done = []
                        for w in v_artifacts:
                            w = codec_artifacts.decode(w)
                            done.append(w)
                        v_artifacts = tuple(done)
                        key = done = None
                else:
                    v_artifacts = None
                if "retained_artifact_uris" in o:
                    v_retained_artifact_uris = o["retained_artifact_uris"]
                    n += 1
                    key = "retained_artifact_uris"
                    if type(v_retained_artifact_uris) is not list:
                        raise wrong("an array", v_retained_artifact_uris)
                    done = []
                    for w in v_retained_artifact_uris:
                        if type(w) is not str:
                            w = decode_retained_artifact_uris(w)
                        done.append(w)
                    v_retained_artifact_uris = tuple(done)
                    key = done = None
                else:
                    v_retained_artifact_uris = absent_retained_artifact_uris
                if "trace_events" in o:
                    v_trace_events = o["trace_events"]
                    n += 1
                    if v_trace_events is not None:
                        key = "trace_events"
                        if type(v_trace_events) is not list:
                            raise wrong("an array", v_trace_events)
                        done = []
                        for w in v_trace_events:
                            w = codec_trace_events.decode(w)
                            done.append(w)
                        v_trace_events = tuple(done)
                        key = done = None
                else:
                    v_trace_events = None
                if "run_records" in o:
                    v_run_records = o["run_records"]
                    n += 1
                    if v_run_records is not None:
                        key = "run_records"
                        if type(v_run_records) is not list:
                            raise wrong("an array", v_run_records)
                        done = []
                        for w in v_run_records:
                            w = codec_run_records.decode(w)
                            done.append(w)
                        v_run_records = tuple(done)
                        key = done = None
                else:
                    v_run_records = None
                if "verification_reports" in o:
                    v_verification_reports = o["verification_reports"]
                    n += 1
                    if v_verification_reports is not None:
                        key = "verification_reports"
                        if type(v_verification_reports) is not list:
                            raise wrong("an array", v_verification_reports)
                        done = []
                        for w in v_verification_reports:
                            w = codec_verification_reports.decode(w)
                            done.append(w)
                        v_verification_reports = tuple(done)
                        key = done = None
                else:
                    v_verification_reports = None
                if "subagent_tasks" in o:
                    v_subagent_tasks = o["subagent_tasks"]
                    n += 1
                    if v_subagent_tasks is not None:
                        key = "subagent_tasks"
                        if type(v_subagent_tasks) is not list:
                            raise wrong("an array", v_subagent_tasks)
                        done = []
                        for w in v_subagent_tasks:
                            w = codec_subagent_tasks.decode(w)
                            done.append(w)
                        v_subagent_tasks = tuple(done)
                        key = done = None
                else:
                    v_subagent_tasks = None
                if "review_findings" in o:
                    v_review_findings = o["review_findings"]
                    n += 1
                    if v_review_findings is not None:
                        key = "review_findings"
                        if type(v_review_findings) is not list:
                            raise wrong("an array", v_review_findings)
                        done = []
                        for w in v_review_findings:
                            w = codec_review_findings.decode(w)
                            done.append(w)
                        v_review_findings = tuple(done)
                        key = done = None
                else:
                    v_review_findings = None
                extra = EMPTY if len(o) == n else unknown(o, codec)
        except (NotJsonError, KeyError) as error:
            raise located(error, key, done) from None
        x = draft()
        x.schema_version = v_schema_version
        x.session = v_session
        x.artifacts = v_artifacts
        x.retained_artifact_uris = v_retained_artifact_uris
        x.trace_events = v_trace_events
        x.run_records = v_run_records
        x.verification_reports = v_verification_reports
        x.subagent_tasks = v_subagent_tasks
        x.review_findings = v_review_findings
        x.extra = extra
        x.__class__ = cls
        return x

    return decode
