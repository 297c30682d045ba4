"""Decoders of the models in `models/subagent.py`.

Written by `python -m tools.generate`; do not edit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from a3s_store.wire.parts import (
    EMPTY,
    ModelCodec,
    NotJsonError,
    draft_of,
    fields_of,
    located,
    unknown,
    wrong,
)


def subagent_progress_entry(codec: ModelCodec) -> Callable[[Any], Any]:
    """Return the function that decodes a SubagentProgressEntry."""
    cls: Any = codec.cls
    draft = draft_of(cls)
    fields: Any = fields_of(codec)
    decode_timestamp_ms = fields["timestamp_ms"].kind.decode
    decode_status = fields["status"].kind.decode
    decode_metadata = fields["metadata"].kind.decode

    def decode(o: Any) -> Any:
        if type(o) is not dict:
            raise wrong("an object", o)
        key: str | None = None
        done: Any = None
        try:
            v_timestamp_ms = o["timestamp_ms"]
            if not (type(v_timestamp_ms) is int and 0 <= v_timestamp_ms <= 18446744073709551615):
                key = "timestamp_ms"
                v_timestamp_ms = decode_timestamp_ms(v_timestamp_ms)
                key = None
            v_status = o["status"]
            if type(v_status) is not str:
                key = "status"
                v_status = decode_status(v_status)
                key = None
            v_metadata = o["metadata"]
            if type(v_metadata) is not str:
                key = "metadata"
                v_metadata = decode_metadata(v_metadata)
                key = None
            if len(o) == 3:
                extra = EMPTY
            else:
                n = 3
                extra = EMPTY if len(o) == n else unknown(o, codec)
        except (NotJsonError, KeyError) as error:
            raise located(error, key, done) from None
        x = draft()
        x.timestamp_ms = v_timestamp_ms
        x.status = v_status
        x.metadata = v_metadata
        x.extra = extra
        x.__class__ = cls
        return x

    return decode


def subagent_task_snapshot(codec: ModelCodec) -> Callable[[Any], Any]:
    """Return the function that decodes a SubagentTaskSnapshot."""
    cls: Any = codec.cls
    draft = draft_of(cls)
    fields: Any = fields_of(codec)
    decode_task_id = fields["task_id"].kind.decode
    decode_parent_session_id = fields["parent_session_id"].kind.decode
    decode_child_session_id = fields["child_session_id"].kind.decode
    decode_agent = fields["agent"].kind.decode
    decode_description = fields["description"].kind.decode
    decode_status = fields["status"].kind.decode
    member_status = fields["status"].kind.members.get
    decode_started_ms = fields["started_ms"].kind.decode
    decode_updated_ms = fields["updated_ms"].kind.decode
    codec_progress = fields["progress"].kind.item.codec
    decode_finished_ms = fields["finished_ms"].kind.decode
    decode_output = fields["output"].kind.decode
    decode_success = fields["success"].kind.decode

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
            v_parent_session_id = o["parent_session_id"]
            if type(v_parent_session_id) is not str:
                key = "parent_session_id"
                v_parent_session_id = decode_parent_session_id(v_parent_session_id)
                key = None
            v_child_session_id = o["child_session_id"]
            if type(v_child_session_id) is not str:
                key = "child_session_id"
                v_child_session_id = decode_child_session_id(v_child_session_id)
                key = None
            v_agent = o["agent"]
            if type(v_agent) is not str:
                key = "agent"
                v_agent = decode_agent(v_agent)
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
            v_started_ms = o["started_ms"]
            if not (type(v_started_ms) is int and 0 <= v_started_ms <= 18446744073709551615):
                key = "started_ms"
                v_started_ms = decode_started_ms(v_started_ms)
                key = None
            v_updated_ms = o["updated_ms"]
            if not (type(v_updated_ms) is int and 0 <= v_updated_ms <= 18446744073709551615):
                key = "updated_ms"
                v_updated_ms = decode_updated_ms(v_updated_ms)
                key = None
            v_progress = o["progress"]
            key = "progress"
            if type(v_progress) is not list:
                raise wrong("an array", v_progress)
            done = []
            for w in v_progress:
                w = codec_progress.decode(w)
                done.append(w)
            v_progress = tuple(done)
            key = done = None
            if len(o) == 9:
                v_finished_ms = None
                v_output = None
                v_success = None
                extra = EMPTY
            else:
                n = 9
                if "finished_ms" in o:
                    v_finished_ms = o["finished_ms"]
                    n += 1
                    if v_finished_ms is not None and not (
                        type(v_finished_ms) is int and 0 <= v_finished_ms <= 18446744073709551615
                    ):
                        key = "finished_ms"
                        v_finished_ms = decode_finished_ms(v_finished_ms)
                        key = None
                else:
                    v_finished_ms = None
                if "output" in o:
                    v_output = o["output"]
                    n += 1
                    if v_output is not None and type(v_output) is not str:
                        key = "output"
                        v_output = decode_output(v_output)
                        key = None
                else:
                    v_output = None
                if "success" in o:
                    v_success = o["success"]
                    n += 1
                    if v_success is not None and not (v_success is True or v_success is False):
                        key = "success"
                        v_success = decode_success(v_success)
                        key = None
                else:
                    v_success = None
                extra = EMPTY if len(o) == n else unknown(o, codec)
        except (NotJsonError, KeyError) as error:
            raise located(error, key, done) from None
        x = draft()
        x.task_id = v_task_id
        x.parent_session_id = v_parent_session_id
        x.child_session_id = v_child_session_id
        x.agent = v_agent
        x.description = v_description
        x.status = v_status
        x.started_ms = v_started_ms
        x.updated_ms = v_updated_ms
        x.finished_ms = v_finished_ms
        x.output = v_output
        x.success = v_success
        x.progress = v_progress
        x.extra = extra
        x.__class__ = cls
        return x

    return decode
