"""Decoders of the models in `models/checkpoint.py`.

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


def loop_checkpoint(codec: ModelCodec) -> Callable[[Any], Any]:
    """Return the function that decodes a LoopCheckpoint."""
    cls: Any = codec.cls
    draft = draft_of(cls)
    fields: Any = fields_of(codec)
    decode_run_id = fields["run_id"].kind.decode
    decode_session_id = fields["session_id"].kind.decode
    decode_turn = fields["turn"].kind.decode
    codec_messages = fields["messages"].kind.item.codec
    codec_total_usage = fields["total_usage"].kind.codec
    decode_tool_calls_count = fields["tool_calls_count"].kind.decode
    decode_checkpoint_ms = fields["checkpoint_ms"].kind.decode
    decode_schema_version = fields["schema_version"].kind.decode
    absent_schema_version = absent(fields["schema_version"])
    codec_verification_reports = fields["verification_reports"].kind.item.codec
    absent_verification_reports = absent(fields["verification_reports"])

    def decode(o: Any) -> Any:
        if type(o) is not dict:
            raise wrong("an object", o)
        key: str | None = None
        done: Any = None
        try:
            v_run_id = o["run_id"]
            if type(v_run_id) is not str:
                key = "run_id"
                v_run_id = decode_run_id(v_run_id)
                key = None
            v_session_id = o["session_id"]
            if type(v_session_id) is not str:
                key = "session_id"
                v_session_id = decode_session_id(v_session_id)
                key = None
            v_turn = o["turn"]
            if not (type(v_turn) is int and 0 <= v_turn <= 18446744073709551615):
                key = "turn"
                v_turn = decode_turn(v_turn)
                key = None
            v_messages = o["messages"]
            key = "messages"
            if type(v_messages) is not list:
                raise wrong("an array", v_messages)
            done = []
            for w in v_messages:
                w = codec_messages.decode(w)
                done.append(w)
            v_messages = tuple(done)
            key = done = None
            v_total_usage = o["total_usage"]
            key = "total_usage"
            v_total_usage = codec_total_usage.decode(v_total_usage)
            key = None
            v_tool_calls_count = o["tool_calls_count"]
            if not (
                type(v_tool_calls_count) is int and 0 <= v_tool_calls_count <= 18446744073709551615
            ):
                key = "tool_calls_count"
                v_tool_calls_count = decode_tool_calls_count(v_tool_calls_count)
                key = None
            v_checkpoint_ms = o["checkpoint_ms"]
            if not (type(v_checkpoint_ms) is int and 0 <= v_checkpoint_ms <= 18446744073709551615):
                key = "checkpoint_ms"
                v_checkpoint_ms = decode_checkpoint_ms(v_checkpoint_ms)
                key = None
            if len(o) == 7:
                v_schema_version = absent_schema_version
                v_verification_reports = absent_verification_reports
                extra = EMPTY
            else:
                n = 7
                if "schema_version" in o:
                    v_schema_version = o["schema_version"]
                    n += 1
                    if not (type(v_schema_version) is int and 0 <= v_schema_version <= 4294967295):
                        key = "schema_version"
                        v_schema_version = decode_schema_version(v_schema_version)
                        key = None
                else:
                    v_schema_version = absent_schema_version
                if "verification_reports" in o:
                    v_verification_reports = o["verification_reports"]
                    n += 1
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
                    v_verification_reports = absent_verification_reports
                extra = EMPTY if len(o) == n else unknown(o, codec)
        except (NotJsonError, KeyError) as error:
            raise located(error, key, done) from None
        x = draft()
        x.schema_version = v_schema_version
        x.run_id = v_run_id
        x.session_id = v_session_id
        x.turn = v_turn
        x.messages = v_messages
        x.total_usage = v_total_usage
        x.tool_calls_count = v_tool_calls_count
        x.verification_reports = v_verification_reports
        x.checkpoint_ms = v_checkpoint_ms
        x.extra = extra
        x.__class__ = cls
        return x

    return decode


def step_outcome(codec: ModelCodec) -> Callable[[Any], Any]:
    """Return the function that decodes a StepOutcome."""
    cls: Any = codec.cls
    draft = draft_of(cls)
    fields: Any = fields_of(codec)
    decode_task_id = fields["task_id"].kind.decode
    decode_session_id = fields["session_id"].kind.decode
    decode_agent = fields["agent"].kind.decode
    decode_output = fields["output"].kind.decode
    decode_success = fields["success"].kind.decode
    decode_structured = fields["structured"].kind.decode

    def decode(o: Any) -> Any:
        if type(o) is not dict:
            raise wrong("an object", o)
        key: str | None = None
        done: Any = None
        try:
            v_task_id = o["task_id"]
            if type(v_task_id) is not str:
                key = "task_id"
                v_task_id = decode_task_id(v_task_id)
                key = None
            v_session_id = o["session_id"]
            if type(v_session_id) is not str:
                key = "session_id"
                v_session_id = decode_session_id(v_session_id)
                key = None
            v_agent = o["agent"]
            if type(v_agent) is not str:
                key = "agent"
                v_agent = decode_agent(v_agent)
                key = None
            v_output = o["output"]
            if type(v_output) is not str:
                key = "output"
                v_output = decode_output(v_output)
                key = None
            v_success = o["success"]
            if not (v_success is True or v_success is False):
                key = "success"
                v_success = decode_success(v_success)
                key = None
            if len(o) == 5:
                v_structured = None
                extra = EMPTY
            else:
                n = 5
                if "structured" in o:
                    v_structured = o["structured"]
                    n += 1
                    if v_structured is not None and type(v_structured) is not str:
                        key = "structured"
                        v_structured = decode_structured(v_structured)
                        key = None
                else:
                    v_structured = None
                extra = EMPTY if len(o) == n else unknown(o, codec)
        except (NotJsonError, KeyError) as error:
            raise located(error, key, done) from None
        x = draft()
        x.task_id = v_task_id
        x.session_id = v_session_id
        x.agent = v_agent
        x.output = v_output
        x.success = v_success
        x.structured = v_structured
        x.extra = extra
        x.__class__ = cls
        return x

    return decode


def workflow_step_record(codec: ModelCodec) -> Callable[[Any], Any]:
    """Return the function that decodes a WorkflowStepRecord."""
    cls: Any = codec.cls
    draft = draft_of(cls)
    fields: Any = fields_of(codec)
    decode_task_id = fields["task_id"].kind.decode
    codec_outcome = fields["outcome"].kind.codec

    def decode(o: Any) -> Any:
        if type(o) is not dict:
            raise wrong("an object", o)
        key: str | None = None
        done: Any = None
        try:
            v_task_id = o["task_id"]
            if type(v_task_id) is not str:
                key = "task_id"
                v_task_id = decode_task_id(v_task_id)
                key = None
            v_outcome = o["outcome"]
            key = "outcome"
            v_outcome = codec_outcome.decode(v_outcome)
            key = None
            if len(o) == 2:
                extra = EMPTY
            else:
                n = 2
                extra = EMPTY if len(o) == n else unknown(o, codec)
        except (NotJsonError, KeyError) as error:
            raise located(error, key, done) from None
        x = draft()
        x.task_id = v_task_id
        x.outcome = v_outcome
        x.extra = extra
        x.__class__ = cls
        return x

    return decode


def workflow_checkpoint(codec: ModelCodec) -> Callable[[Any], Any]:
    """Return the function that decodes a WorkflowCheckpoint."""
    cls: Any = codec.cls
    draft = draft_of(cls)
    fields: Any = fields_of(codec)
    decode_workflow_id = fields["workflow_id"].kind.decode
    codec_steps = fields["steps"].kind.item.codec
    decode_checkpoint_ms = fields["checkpoint_ms"].kind.decode
    decode_schema_version = fields["schema_version"].kind.decode
    absent_schema_version = absent(fields["schema_version"])

    def decode(o: Any) -> Any:
        if type(o) is not dict:
            raise wrong("an object", o)
        key: str | None = None
        done: Any = None
        try:
            v_workflow_id = o["workflow_id"]
            if type(v_workflow_id) is not str:
                key = "workflow_id"
                v_workflow_id = decode_workflow_id(v_workflow_id)
                key = None
            v_steps = o["steps"]
            key = "steps"
            if type(v_steps) is not list:
                raise wrong("an array", v_steps)
            done = []
            for w in v_steps:
                w = codec_steps.decode(w)
                done.append(w)
            v_steps = tuple(done)
            key = done = None
            v_checkpoint_ms = o["checkpoint_ms"]
            if not (type(v_checkpoint_ms) is int and 0 <= v_checkpoint_ms <= 18446744073709551615):
                key = "checkpoint_ms"
                v_checkpoint_ms = decode_checkpoint_ms(v_checkpoint_ms)
                key = None
            if len(o) == 3:
                v_schema_version = absent_schema_version
                extra = EMPTY
            else:
                n = 3
                if "schema_version" in o:
                    v_schema_version = o["schema_version"]
                    n += 1
                    if not (type(v_schema_version) is int and 0 <= v_schema_version <= 4294967295):
                        key = "schema_version"
                        v_schema_version = decode_schema_version(v_schema_version)
                        key = None
                else:
                    v_schema_version = absent_schema_version
                extra = EMPTY if len(o) == n else unknown(o, codec)
        except (NotJsonError, KeyError) as error:
            raise located(error, key, done) from None
        x = draft()
        x.schema_version = v_schema_version
        x.workflow_id = v_workflow_id
        x.steps = v_steps
        x.checkpoint_ms = v_checkpoint_ms
        x.extra = extra
        x.__class__ = cls
        return x

    return decode
