"""Decoders of the models in `models/trace.py`.

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


def trace_event(codec: ModelCodec) -> Callable[[Any], Any]:
    """Return the function that decodes a TraceEvent."""
    cls: Any = codec.cls
    draft = draft_of(cls)
    fields: Any = fields_of(codec)
    decode_schema = fields["schema"].kind.decode
    decode_kind = fields["kind"].kind.decode
    member_kind = fields["kind"].kind.members.get
    decode_name = fields["name"].kind.decode
    decode_success = fields["success"].kind.decode
    decode_exit_code = fields["exit_code"].kind.decode
    decode_duration_ms = fields["duration_ms"].kind.decode
    decode_output_bytes = fields["output_bytes"].kind.decode
    decode_metadata_keys = fields["metadata_keys"].kind.item.decode
    absent_metadata_keys = absent(fields["metadata_keys"])
    decode_artifact_uris = fields["artifact_uris"].kind.item.decode
    absent_artifact_uris = absent(fields["artifact_uris"])
    decode_details = fields["details"].kind.decode

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
            v_kind = o["kind"]
            key = "kind"
            m = member_kind(v_kind) if type(v_kind) is str else None
            v_kind = decode_kind(v_kind) if m is None else m
            key = None
            v_name = o["name"]
            if type(v_name) is not str:
                key = "name"
                v_name = decode_name(v_name)
                key = None
            v_success = o["success"]
            if not (v_success is True or v_success is False):
                key = "success"
                v_success = decode_success(v_success)
                key = None
            v_exit_code = o["exit_code"]
            if not (type(v_exit_code) is int and -2147483648 <= v_exit_code <= 2147483647):
                key = "exit_code"
                v_exit_code = decode_exit_code(v_exit_code)
                key = None
            v_duration_ms = o["duration_ms"]
            if not (type(v_duration_ms) is int and 0 <= v_duration_ms <= 18446744073709551615):
                key = "duration_ms"
                v_duration_ms = decode_duration_ms(v_duration_ms)
                key = None
            v_output_bytes = o["output_bytes"]
            if not (type(v_output_bytes) is int and 0 <= v_output_bytes <= 18446744073709551615):
                key = "output_bytes"
                v_output_bytes = decode_output_bytes(v_output_bytes)
                key = None
            if len(o) == 7:
                v_metadata_keys = absent_metadata_keys
                v_artifact_uris = absent_artifact_uris
                v_details = None
                extra = EMPTY
            else:
                n = 7
                if "metadata_keys" in o:
                    v_metadata_keys = o["metadata_keys"]
                    n += 1
                    key = "metadata_keys"
                    if type(v_metadata_keys) is not list:
                        raise wrong("an array", v_metadata_keys)
                    done = []
                    for w in v_metadata_keys:
                        if type(w) is not str:
                            w = decode_metadata_keys(w)
                        done.append(w)
                    v_metadata_keys = tuple(done)
                    key = done = None
                else:
                    v_metadata_keys = absent_metadata_keys
                if "artifact_uris" in o:
                    v_artifact_uris = o["artifact_uris"]
                    n += 1
                    key = "artifact_uris"
                    if type(v_artifact_uris) is not list:
                        raise wrong("an array", v_artifact_uris)
                    done = []
                    for w in v_artifact_uris:
                        if type(w) is not str:
                            w = decode_artifact_uris(w)
                        done.append(w)
                    v_artifact_uris = tuple(done)
                    key = done = None
                else:
                    v_artifact_uris = absent_artifact_uris
                if "details" in o:
                    v_details = o["details"]
                    n += 1
                    if v_details is not None and type(v_details) is not str:
                        key = "details"
                        v_details = decode_details(v_details)
                        key = None
                else:
                    v_details = None
                extra = EMPTY if len(o) == n else unknown(o, codec)
        except (NotJsonError, KeyError) as error:
            raise located(error, key, done) from None
        x = draft()
        x.schema = v_schema
        x.kind = v_kind
        x.name = v_name
        x.success = v_success
        x.exit_code = v_exit_code
        x.duration_ms = v_duration_ms
        x.output_bytes = v_output_bytes
        x.metadata_keys = v_metadata_keys
        x.artifact_uris = v_artifact_uris
        x.details = v_details
        x.extra = extra
        x.__class__ = cls
        return x

    return decode
