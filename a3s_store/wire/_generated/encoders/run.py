"""Encoders of the models in `models/run.py`.

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
    writers_of,
    wrong,
)


def run_snapshot(codec: ModelCodec) -> Callable[[Any], dict[str, Any]]:
    """Return the function that encodes a RunSnapshot."""
    fields: Any = fields_of(codec)
    encode_id = fields["id"].kind.encode
    encode_session_id = fields["session_id"].kind.encode
    encode_status = fields["status"].kind.encode
    cls_status = fields["status"].kind.cls
    encode_prompt = fields["prompt"].kind.encode
    encode_created_at_ms = fields["created_at_ms"].kind.encode
    encode_updated_at_ms = fields["updated_at_ms"].kind.encode
    encode_result_text = fields["result_text"].kind.encode
    encode_error = fields["error"].kind.encode
    encode_event_count = fields["event_count"].kind.encode

    def encode(x: Any) -> dict[str, Any]:
        key: str | None = None
        done: Any = None
        try:
            v_id = x.id
            if type(v_id) is not str:
                key = "id"
                v_id = encode_id(v_id)
                key = None
            v_session_id = x.session_id
            if type(v_session_id) is not str:
                key = "session_id"
                v_session_id = encode_session_id(v_session_id)
                key = None
            v_status = x.status
            key = "status"
            v_status = v_status._value_ if type(v_status) is cls_status else encode_status(v_status)
            key = None
            v_prompt = x.prompt
            if type(v_prompt) is not str:
                key = "prompt"
                v_prompt = encode_prompt(v_prompt)
                key = None
            v_created_at_ms = x.created_at_ms
            if not (type(v_created_at_ms) is int and 0 <= v_created_at_ms <= 18446744073709551615):
                key = "created_at_ms"
                v_created_at_ms = encode_created_at_ms(v_created_at_ms)
                key = None
            v_updated_at_ms = x.updated_at_ms
            if not (type(v_updated_at_ms) is int and 0 <= v_updated_at_ms <= 18446744073709551615):
                key = "updated_at_ms"
                v_updated_at_ms = encode_updated_at_ms(v_updated_at_ms)
                key = None
            o: dict[str, Any] = {
                "id": v_id,
                "session_id": v_session_id,
                "status": v_status,
                "prompt": v_prompt,
                "created_at_ms": v_created_at_ms,
                "updated_at_ms": v_updated_at_ms,
            }
            v_result_text = x.result_text
            if v_result_text is not None:
                if type(v_result_text) is not str:
                    key = "result_text"
                    v_result_text = encode_result_text(v_result_text)
                    key = None
                o["result_text"] = v_result_text
            v_error = x.error
            if v_error is not None:
                if type(v_error) is not str:
                    key = "error"
                    v_error = encode_error(v_error)
                    key = None
                o["error"] = v_error
            v_event_count = x.event_count
            if not (type(v_event_count) is int and 0 <= v_event_count <= 18446744073709551615):
                key = "event_count"
                v_event_count = encode_event_count(v_event_count)
                key = None
            o["event_count"] = v_event_count
            if x.extra is not EMPTY:
                add_extra(o, x.extra, codec)
        except NotJsonError as error:
            raise located(error, key, done) from None
        return o

    return encode


def run_event_record(codec: ModelCodec) -> Callable[[Any], dict[str, Any]]:
    """Return the function that encodes a RunEventRecord."""
    fields: Any = fields_of(codec)
    encode_sequence = fields["sequence"].kind.encode
    encode_timestamp_ms = fields["timestamp_ms"].kind.encode
    encode_event = fields["event"].kind.encode
    writers_event = writers_of(fields["event"].kind)

    def encode(x: Any) -> dict[str, Any]:
        key: str | None = None
        done: Any = None
        try:
            v_sequence = x.sequence
            if not (type(v_sequence) is int and 0 <= v_sequence <= 18446744073709551615):
                key = "sequence"
                v_sequence = encode_sequence(v_sequence)
                key = None
            v_timestamp_ms = x.timestamp_ms
            if not (type(v_timestamp_ms) is int and 0 <= v_timestamp_ms <= 18446744073709551615):
                key = "timestamp_ms"
                v_timestamp_ms = encode_timestamp_ms(v_timestamp_ms)
                key = None
            v_event = x.event
            key = "event"
            write = writers_event.get(type(v_event))
            v_event = encode_event(v_event) if write is None else write(v_event)
            key = None
            o: dict[str, Any] = {
                "sequence": v_sequence,
                "timestamp_ms": v_timestamp_ms,
                "event": v_event,
            }
            if x.extra is not EMPTY:
                add_extra(o, x.extra, codec)
        except NotJsonError as error:
            raise located(error, key, done) from None
        return o

    return encode


def run_record(codec: ModelCodec) -> Callable[[Any], dict[str, Any]]:
    """Return the function that encodes a RunRecord."""
    fields: Any = fields_of(codec)
    encode_snapshot = fields["snapshot"].kind.encode
    codec_snapshot = fields["snapshot"].kind.codec
    cls_snapshot = fields["snapshot"].kind.cls
    encode_events = fields["events"].kind.item.encode
    codec_events = fields["events"].kind.item.codec
    cls_events = fields["events"].kind.item.cls

    def encode(x: Any) -> dict[str, Any]:
        key: str | None = None
        done: Any = None
        try:
            v_snapshot = x.snapshot
            key = "snapshot"
            v_snapshot = (
                codec_snapshot.encode(v_snapshot)
                if type(v_snapshot) is cls_snapshot
                else encode_snapshot(v_snapshot)
            )
            key = None
            v_events = x.events
            key = "events"
            if type(v_events) is not tuple:
                raise wrong("an array", v_events)
            done = []
            for w in v_events:
                w = codec_events.encode(w) if type(w) is cls_events else encode_events(w)
                done.append(w)
            v_events = done
            key = done = None
            o: dict[str, Any] = {"snapshot": v_snapshot, "events": v_events}
            if x.extra is not EMPTY:
                add_extra(o, x.extra, codec)
        except NotJsonError as error:
            raise located(error, key, done) from None
        return o

    return encode
