"""Decoders of the models in `models/run.py`.

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
    readers_of,
    unknown,
    wrong,
)


def run_snapshot(codec: ModelCodec) -> Callable[[Any], Any]:
    """Return the function that decodes a RunSnapshot."""
    cls: Any = codec.cls
    draft = draft_of(cls)
    fields: Any = fields_of(codec)
    decode_id = fields["id"].kind.decode
    decode_session_id = fields["session_id"].kind.decode
    decode_status = fields["status"].kind.decode
    member_status = fields["status"].kind.members.get
    decode_prompt = fields["prompt"].kind.decode
    decode_created_at_ms = fields["created_at_ms"].kind.decode
    decode_updated_at_ms = fields["updated_at_ms"].kind.decode
    decode_event_count = fields["event_count"].kind.decode
    decode_result_text = fields["result_text"].kind.decode
    decode_error = fields["error"].kind.decode

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
            v_session_id = o["session_id"]
            if type(v_session_id) is not str:
                key = "session_id"
                v_session_id = decode_session_id(v_session_id)
                key = None
            v_status = o["status"]
            key = "status"
            m = member_status(v_status) if type(v_status) is str else None
            v_status = decode_status(v_status) if m is None else m
            key = None
            v_prompt = o["prompt"]
            if type(v_prompt) is not str:
                key = "prompt"
                v_prompt = decode_prompt(v_prompt)
                key = None
            v_created_at_ms = o["created_at_ms"]
            if not (type(v_created_at_ms) is int and 0 <= v_created_at_ms <= 18446744073709551615):
                key = "created_at_ms"
                v_created_at_ms = decode_created_at_ms(v_created_at_ms)
                key = None
            v_updated_at_ms = o["updated_at_ms"]
            if not (type(v_updated_at_ms) is int and 0 <= v_updated_at_ms <= 18446744073709551615):
                key = "updated_at_ms"
                v_updated_at_ms = decode_updated_at_ms(v_updated_at_ms)
                key = None
            v_event_count = o["event_count"]
            if not (type(v_event_count) is int and 0 <= v_event_count <= 18446744073709551615):
                key = "event_count"
                v_event_count = decode_event_count(v_event_count)
                key = None
            if len(o) == 7:
                v_result_text = None
                v_error = None
                extra = EMPTY
            else:
                n = 7
                if "result_text" in o:
                    v_result_text = o["result_text"]
                    n += 1
                    if v_result_text is not None and type(v_result_text) is not str:
                        key = "result_text"
                        v_result_text = decode_result_text(v_result_text)
                        key = None
                else:
                    v_result_text = None
                if "error" in o:
                    v_error = o["error"]
                    n += 1
                    if v_error is not None and type(v_error) is not str:
                        key = "error"
                        v_error = decode_error(v_error)
                        key = None
                else:
                    v_error = None
                extra = EMPTY if len(o) == n else unknown(o, codec)
        except (NotJsonError, KeyError) as error:
            raise located(error, key, done) from None
        x = draft()
        x.id = v_id
        x.session_id = v_session_id
        x.status = v_status
        x.prompt = v_prompt
        x.created_at_ms = v_created_at_ms
        x.updated_at_ms = v_updated_at_ms
        x.result_text = v_result_text
        x.error = v_error
        x.event_count = v_event_count
        x.extra = extra
        x.__class__ = cls
        return x

    return decode


def run_event_record(codec: ModelCodec) -> Callable[[Any], Any]:
    """Return the function that decodes a RunEventRecord."""
    cls: Any = codec.cls
    draft = draft_of(cls)
    fields: Any = fields_of(codec)
    decode_sequence = fields["sequence"].kind.decode
    decode_timestamp_ms = fields["timestamp_ms"].kind.decode
    decode_event = fields["event"].kind.decode
    readers_event = readers_of(fields["event"].kind)

    def union_event(o: Any) -> Any:
        if type(o) is dict:
            tag = o["type"]
            read = readers_event.get(tag) if type(tag) is str else None
            if read is not None:
                return read(o)
        return decode_event(o)

    def decode(o: Any) -> Any:
        if type(o) is not dict:
            raise wrong("an object", o)
        key: str | None = None
        done: Any = None
        try:
            v_sequence = o["sequence"]
            if not (type(v_sequence) is int and 0 <= v_sequence <= 18446744073709551615):
                key = "sequence"
                v_sequence = decode_sequence(v_sequence)
                key = None
            v_timestamp_ms = o["timestamp_ms"]
            if not (type(v_timestamp_ms) is int and 0 <= v_timestamp_ms <= 18446744073709551615):
                key = "timestamp_ms"
                v_timestamp_ms = decode_timestamp_ms(v_timestamp_ms)
                key = None
            v_event = o["event"]
            key = "event"
            v_event = union_event(v_event)
            key = None
            if len(o) == 3:
                extra = EMPTY
            else:
                n = 3
                extra = EMPTY if len(o) == n else unknown(o, codec)
        except (NotJsonError, KeyError) as error:
            raise located(error, key, done) from None
        x = draft()
        x.sequence = v_sequence
        x.timestamp_ms = v_timestamp_ms
        x.event = v_event
        x.extra = extra
        x.__class__ = cls
        return x

    return decode


def run_record(codec: ModelCodec) -> Callable[[Any], Any]:
    """Return the function that decodes a RunRecord."""
    cls: Any = codec.cls
    draft = draft_of(cls)
    fields: Any = fields_of(codec)
    codec_snapshot = fields["snapshot"].kind.codec
    codec_events = fields["events"].kind.item.codec

    def decode(o: Any) -> Any:
        if type(o) is not dict:
            raise wrong("an object", o)
        key: str | None = None
        done: Any = None
        try:
            v_snapshot = o["snapshot"]
            key = "snapshot"
            v_snapshot = codec_snapshot.decode(v_snapshot)
            key = None
            v_events = o["events"]
            key = "events"
            if type(v_events) is not list:
                raise wrong("an array", v_events)
            done = []
            for w in v_events:
                w = codec_events.decode(w)
                done.append(w)
            v_events = tuple(done)
            key = done = None
            if len(o) == 2:
                extra = EMPTY
            else:
                n = 2
                extra = EMPTY if len(o) == n else unknown(o, codec)
        except (NotJsonError, KeyError) as error:
            raise located(error, key, done) from None
        x = draft()
        x.snapshot = v_snapshot
        x.events = v_events
        x.extra = extra
        x.__class__ = cls
        return x

    return decode
