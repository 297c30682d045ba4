"""Encoders of the models in `models/subagent.py`.

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


def subagent_progress_entry(codec: ModelCodec) -> Callable[[Any], dict[str, Any]]:
    """Return the function that encodes a SubagentProgressEntry."""
    fields: Any = fields_of(codec)
    encode_timestamp_ms = fields["timestamp_ms"].kind.encode
    encode_status = fields["status"].kind.encode
    encode_metadata = fields["metadata"].kind.encode

    def encode(x: Any) -> dict[str, Any]:
        key: str | None = None
        done: Any = None
        try:
            v_timestamp_ms = x.timestamp_ms
            if not (type(v_timestamp_ms) is int and 0 <= v_timestamp_ms <= 18446744073709551615):
                key = "timestamp_ms"
                v_timestamp_ms = encode_timestamp_ms(v_timestamp_ms)
                key = None
            v_status = x.status
            if type(v_status) is not str:
                key = "status"
                v_status = encode_status(v_status)
                key = None
            v_metadata = x.metadata
            if not (
                type(v_metadata) is str or (type(v_metadata) is FrozenDict and v_metadata.plain)
            ):
                key = "metadata"
                v_metadata = encode_metadata(v_metadata)
                key = None
            o: dict[str, Any] = {
                "timestamp_ms": v_timestamp_ms,
                "status": v_status,
                "metadata": v_metadata,
            }
            if x.extra is not EMPTY:
                add_extra(o, x.extra, codec)
        except NotJsonError as error:
            raise located(error, key, done) from None
        return o

    return encode


def subagent_task_snapshot(codec: ModelCodec) -> Callable[[Any], dict[str, Any]]:
    """Return the function that encodes a SubagentTaskSnapshot."""
    fields: Any = fields_of(codec)
    encode_task_id = fields["task_id"].kind.encode
    encode_parent_session_id = fields["parent_session_id"].kind.encode
    encode_child_session_id = fields["child_session_id"].kind.encode
    encode_agent = fields["agent"].kind.encode
    encode_description = fields["description"].kind.encode
    encode_status = fields["status"].kind.encode
    cls_status = fields["status"].kind.cls
    encode_started_ms = fields["started_ms"].kind.encode
    encode_updated_ms = fields["updated_ms"].kind.encode
    encode_finished_ms = fields["finished_ms"].kind.encode
    encode_output = fields["output"].kind.encode
    encode_success = fields["success"].kind.encode
    encode_progress = fields["progress"].kind.item.encode
    codec_progress = fields["progress"].kind.item.codec
    cls_progress = fields["progress"].kind.item.cls

    def encode(x: Any) -> dict[str, Any]:
        key: str | None = None
        done: Any = None
        try:
            v_task_id = x.task_id
            if type(v_task_id) is not str:
                key = "task_id"
                v_task_id = encode_task_id(v_task_id)
                key = None
            v_parent_session_id = x.parent_session_id
            if type(v_parent_session_id) is not str:
                key = "parent_session_id"
                v_parent_session_id = encode_parent_session_id(v_parent_session_id)
                key = None
            v_child_session_id = x.child_session_id
            if type(v_child_session_id) is not str:
                key = "child_session_id"
                v_child_session_id = encode_child_session_id(v_child_session_id)
                key = None
            v_agent = x.agent
            if type(v_agent) is not str:
                key = "agent"
                v_agent = encode_agent(v_agent)
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
            v_started_ms = x.started_ms
            if not (type(v_started_ms) is int and 0 <= v_started_ms <= 18446744073709551615):
                key = "started_ms"
                v_started_ms = encode_started_ms(v_started_ms)
                key = None
            v_updated_ms = x.updated_ms
            if not (type(v_updated_ms) is int and 0 <= v_updated_ms <= 18446744073709551615):
                key = "updated_ms"
                v_updated_ms = encode_updated_ms(v_updated_ms)
                key = None
            o: dict[str, Any] = {
                "task_id": v_task_id,
                "parent_session_id": v_parent_session_id,
                "child_session_id": v_child_session_id,
                "agent": v_agent,
                "description": v_description,
                "status": v_status,
                "started_ms": v_started_ms,
                "updated_ms": v_updated_ms,
            }
            v_finished_ms = x.finished_ms
            if v_finished_ms is not None:
                if not (type(v_finished_ms) is int and 0 <= v_finished_ms <= 18446744073709551615):
                    key = "finished_ms"
                    v_finished_ms = encode_finished_ms(v_finished_ms)
                    key = None
                o["finished_ms"] = v_finished_ms
            v_output = x.output
            if v_output is not None:
                if type(v_output) is not str:
                    key = "output"
                    v_output = encode_output(v_output)
                    key = None
                o["output"] = v_output
            v_success = x.success
            if v_success is not None:
                if not (v_success is True or v_success is False):
                    key = "success"
                    v_success = encode_success(v_success)
                    key = None
                o["success"] = v_success
            v_progress = x.progress
            key = "progress"
            if type(v_progress) is not tuple:
                raise wrong("an array", v_progress)
            done = []
            for w in v_progress:
                w = codec_progress.encode(w) if type(w) is cls_progress else encode_progress(w)
                done.append(w)
            v_progress = done
            key = done = None
            o["progress"] = v_progress
            if x.extra is not EMPTY:
                add_extra(o, x.extra, codec)
        except NotJsonError as error:
            raise located(error, key, done) from None
        return o

    return encode
