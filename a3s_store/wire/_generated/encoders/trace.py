"""Encoders of the models in `models/trace.py`.

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


def trace_event(codec: ModelCodec) -> Callable[[Any], dict[str, Any]]:
    """Return the function that encodes a TraceEvent."""
    fields: Any = fields_of(codec)
    encode_schema = fields["schema"].kind.encode
    encode_kind = fields["kind"].kind.encode
    cls_kind = fields["kind"].kind.cls
    encode_name = fields["name"].kind.encode
    encode_success = fields["success"].kind.encode
    encode_exit_code = fields["exit_code"].kind.encode
    encode_duration_ms = fields["duration_ms"].kind.encode
    encode_output_bytes = fields["output_bytes"].kind.encode
    default_metadata_keys = fields["metadata_keys"].default
    encode_metadata_keys = fields["metadata_keys"].kind.item.encode
    default_artifact_uris = fields["artifact_uris"].default
    encode_artifact_uris = fields["artifact_uris"].kind.item.encode
    encode_details = fields["details"].kind.encode

    def encode(x: Any) -> dict[str, Any]:
        key: str | None = None
        done: Any = None
        try:
            v_schema = x.schema
            if type(v_schema) is not str:
                key = "schema"
                v_schema = encode_schema(v_schema)
                key = None
            v_kind = x.kind
            key = "kind"
            v_kind = v_kind._value_ if type(v_kind) is cls_kind else encode_kind(v_kind)
            key = None
            v_name = x.name
            if type(v_name) is not str:
                key = "name"
                v_name = encode_name(v_name)
                key = None
            v_success = x.success
            if not (v_success is True or v_success is False):
                key = "success"
                v_success = encode_success(v_success)
                key = None
            v_exit_code = x.exit_code
            if not (type(v_exit_code) is int and -2147483648 <= v_exit_code <= 2147483647):
                key = "exit_code"
                v_exit_code = encode_exit_code(v_exit_code)
                key = None
            v_duration_ms = x.duration_ms
            if not (type(v_duration_ms) is int and 0 <= v_duration_ms <= 18446744073709551615):
                key = "duration_ms"
                v_duration_ms = encode_duration_ms(v_duration_ms)
                key = None
            v_output_bytes = x.output_bytes
            if not (type(v_output_bytes) is int and 0 <= v_output_bytes <= 18446744073709551615):
                key = "output_bytes"
                v_output_bytes = encode_output_bytes(v_output_bytes)
                key = None
            o: dict[str, Any] = {
                "schema": v_schema,
                "kind": v_kind,
                "name": v_name,
                "success": v_success,
                "exit_code": v_exit_code,
                "duration_ms": v_duration_ms,
                "output_bytes": v_output_bytes,
            }
            v_metadata_keys = x.metadata_keys
            if v_metadata_keys != default_metadata_keys:
                key = "metadata_keys"
                if type(v_metadata_keys) is not tuple:
                    raise wrong("an array", v_metadata_keys)
                done = []
                for w in v_metadata_keys:
                    if type(w) is not str:
                        w = encode_metadata_keys(w)
                    done.append(w)
                v_metadata_keys = done
                key = done = None
                o["metadata_keys"] = v_metadata_keys
            v_artifact_uris = x.artifact_uris
            if v_artifact_uris != default_artifact_uris:
                key = "artifact_uris"
                if type(v_artifact_uris) is not tuple:
                    raise wrong("an array", v_artifact_uris)
                done = []
                for w in v_artifact_uris:
                    if type(w) is not str:
                        w = encode_artifact_uris(w)
                    done.append(w)
                v_artifact_uris = done
                key = done = None
                o["artifact_uris"] = v_artifact_uris
            v_details = x.details
            if v_details is not None:
                if not (
                    type(v_details) is str or (type(v_details) is FrozenDict and v_details.plain)
                ):
                    key = "details"
                    v_details = encode_details(v_details)
                    key = None
                o["details"] = v_details
            if x.extra is not EMPTY:
                add_extra(o, x.extra, codec)
        except NotJsonError as error:
            raise located(error, key, done) from None
        return o

    return encode
