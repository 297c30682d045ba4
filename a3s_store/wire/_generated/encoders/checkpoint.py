"""Encoders of the models in `models/checkpoint.py`.

Written by `python -m tools.generate`; do not edit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from a3s_store.wire.parts import (
    EMPTY,
    FrozenDict,
    ModelCodec,
    NotJsonError,
    add_extra,
    fields_of,
    located,
    wrong,
)


def loop_checkpoint(codec: ModelCodec) -> Callable[[Any], dict[str, Any]]:
    """Return the function that encodes a LoopCheckpoint."""
    fields: Any = fields_of(codec)
    encode_schema_version = fields["schema_version"].kind.encode
    encode_run_id = fields["run_id"].kind.encode
    encode_session_id = fields["session_id"].kind.encode
    encode_turn = fields["turn"].kind.encode
    encode_messages = fields["messages"].kind.item.encode
    codec_messages = fields["messages"].kind.item.codec
    cls_messages = fields["messages"].kind.item.cls
    encode_total_usage = fields["total_usage"].kind.encode
    codec_total_usage = fields["total_usage"].kind.codec
    cls_total_usage = fields["total_usage"].kind.cls
    encode_tool_calls_count = fields["tool_calls_count"].kind.encode
    encode_verification_reports = fields["verification_reports"].kind.item.encode
    codec_verification_reports = fields["verification_reports"].kind.item.codec
    cls_verification_reports = fields["verification_reports"].kind.item.cls
    encode_checkpoint_ms = fields["checkpoint_ms"].kind.encode

    def encode(x: Any) -> dict[str, Any]:
        key: str | None = None
        done: Any = None
        try:
            v_schema_version = x.schema_version
            if not (type(v_schema_version) is int and 0 <= v_schema_version <= 4294967295):
                key = "schema_version"
                v_schema_version = encode_schema_version(v_schema_version)
                key = None
            v_run_id = x.run_id
            if type(v_run_id) is not str:
                key = "run_id"
                v_run_id = encode_run_id(v_run_id)
                key = None
            v_session_id = x.session_id
            if type(v_session_id) is not str:
                key = "session_id"
                v_session_id = encode_session_id(v_session_id)
                key = None
            v_turn = x.turn
            if not (type(v_turn) is int and 0 <= v_turn <= 18446744073709551615):
                key = "turn"
                v_turn = encode_turn(v_turn)
                key = None
            v_messages = x.messages
            key = "messages"
            if type(v_messages) is not tuple:
                raise wrong("an array", v_messages)
            done = []
            for w in v_messages:
                w = codec_messages.encode(w) if type(w) is cls_messages else encode_messages(w)
                done.append(w)
            v_messages = done
            key = done = None
            v_total_usage = x.total_usage
            key = "total_usage"
            v_total_usage = (
                codec_total_usage.encode(v_total_usage)
                if type(v_total_usage) is cls_total_usage
                else encode_total_usage(v_total_usage)
            )
            key = None
            v_tool_calls_count = x.tool_calls_count
            if not (
                type(v_tool_calls_count) is int and 0 <= v_tool_calls_count <= 18446744073709551615
            ):
                key = "tool_calls_count"
                v_tool_calls_count = encode_tool_calls_count(v_tool_calls_count)
                key = None
            v_verification_reports = x.verification_reports
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
            v_checkpoint_ms = x.checkpoint_ms
            if not (type(v_checkpoint_ms) is int and 0 <= v_checkpoint_ms <= 18446744073709551615):
                key = "checkpoint_ms"
                v_checkpoint_ms = encode_checkpoint_ms(v_checkpoint_ms)
                key = None
            o: dict[str, Any] = {
                "schema_version": v_schema_version,
                "run_id": v_run_id,
                "session_id": v_session_id,
                "turn": v_turn,
                "messages": v_messages,
                "total_usage": v_total_usage,
                "tool_calls_count": v_tool_calls_count,
                "verification_reports": v_verification_reports,
                "checkpoint_ms": v_checkpoint_ms,
            }
            if x.extra is not EMPTY:
                add_extra(o, x.extra, codec)
        except NotJsonError as error:
            raise located(error, key, done) from None
        return o

    return encode


def step_outcome(codec: ModelCodec) -> Callable[[Any], dict[str, Any]]:
    """Return the function that encodes a StepOutcome."""
    fields: Any = fields_of(codec)
    encode_task_id = fields["task_id"].kind.encode
    encode_session_id = fields["session_id"].kind.encode
    encode_agent = fields["agent"].kind.encode
    encode_output = fields["output"].kind.encode
    encode_success = fields["success"].kind.encode
    encode_structured = fields["structured"].kind.encode

    def encode(x: Any) -> dict[str, Any]:
        key: str | None = None
        done: Any = None
        try:
            v_task_id = x.task_id
            if type(v_task_id) is not str:
                key = "task_id"
                v_task_id = encode_task_id(v_task_id)
                key = None
            v_session_id = x.session_id
            if type(v_session_id) is not str:
                key = "session_id"
                v_session_id = encode_session_id(v_session_id)
                key = None
            v_agent = x.agent
            if type(v_agent) is not str:
                key = "agent"
                v_agent = encode_agent(v_agent)
                key = None
            v_output = x.output
            if type(v_output) is not str:
                key = "output"
                v_output = encode_output(v_output)
                key = None
            v_success = x.success
            if not (v_success is True or v_success is False):
                key = "success"
                v_success = encode_success(v_success)
                key = None
            o: dict[str, Any] = {
                "task_id": v_task_id,
                "session_id": v_session_id,
                "agent": v_agent,
                "output": v_output,
                "success": v_success,
            }
            v_structured = x.structured
            if v_structured is not None:
                if not (
                    type(v_structured) is str
                    or (type(v_structured) is FrozenDict and v_structured.plain)
                ):
                    key = "structured"
                    v_structured = encode_structured(v_structured)
                    key = None
                o["structured"] = v_structured
            if x.extra is not EMPTY:
                add_extra(o, x.extra, codec)
        except NotJsonError as error:
            raise located(error, key, done) from None
        return o

    return encode


def workflow_step_record(codec: ModelCodec) -> Callable[[Any], dict[str, Any]]:
    """Return the function that encodes a WorkflowStepRecord."""
    fields: Any = fields_of(codec)
    encode_task_id = fields["task_id"].kind.encode
    encode_outcome = fields["outcome"].kind.encode
    codec_outcome = fields["outcome"].kind.codec
    cls_outcome = fields["outcome"].kind.cls

    def encode(x: Any) -> dict[str, Any]:
        key: str | None = None
        done: Any = None
        try:
            v_task_id = x.task_id
            if type(v_task_id) is not str:
                key = "task_id"
                v_task_id = encode_task_id(v_task_id)
                key = None
            v_outcome = x.outcome
            key = "outcome"
            v_outcome = (
                codec_outcome.encode(v_outcome)
                if type(v_outcome) is cls_outcome
                else encode_outcome(v_outcome)
            )
            key = None
            o: dict[str, Any] = {"task_id": v_task_id, "outcome": v_outcome}
            if x.extra is not EMPTY:
                add_extra(o, x.extra, codec)
        except NotJsonError as error:
            raise located(error, key, done) from None
        return o

    return encode


def workflow_checkpoint(codec: ModelCodec) -> Callable[[Any], dict[str, Any]]:
    """Return the function that encodes a WorkflowCheckpoint."""
    fields: Any = fields_of(codec)
    encode_schema_version = fields["schema_version"].kind.encode
    encode_workflow_id = fields["workflow_id"].kind.encode
    encode_steps = fields["steps"].kind.item.encode
    codec_steps = fields["steps"].kind.item.codec
    cls_steps = fields["steps"].kind.item.cls
    encode_checkpoint_ms = fields["checkpoint_ms"].kind.encode

    def encode(x: Any) -> dict[str, Any]:
        key: str | None = None
        done: Any = None
        try:
            v_schema_version = x.schema_version
            if not (type(v_schema_version) is int and 0 <= v_schema_version <= 4294967295):
                key = "schema_version"
                v_schema_version = encode_schema_version(v_schema_version)
                key = None
            v_workflow_id = x.workflow_id
            if type(v_workflow_id) is not str:
                key = "workflow_id"
                v_workflow_id = encode_workflow_id(v_workflow_id)
                key = None
            v_steps = x.steps
            key = "steps"
            if type(v_steps) is not tuple:
                raise wrong("an array", v_steps)
            done = []
            for w in v_steps:
                w = codec_steps.encode(w) if type(w) is cls_steps else encode_steps(w)
                done.append(w)
            v_steps = done
            key = done = None
            v_checkpoint_ms = x.checkpoint_ms
            if not (type(v_checkpoint_ms) is int and 0 <= v_checkpoint_ms <= 18446744073709551615):
                key = "checkpoint_ms"
                v_checkpoint_ms = encode_checkpoint_ms(v_checkpoint_ms)
                key = None
            o: dict[str, Any] = {
                "schema_version": v_schema_version,
                "workflow_id": v_workflow_id,
                "steps": v_steps,
                "checkpoint_ms": v_checkpoint_ms,
            }
            if x.extra is not EMPTY:
                add_extra(o, x.extra, codec)
        except NotJsonError as error:
            raise located(error, key, done) from None
        return o

    return encode
