"""Encoders of the models in `models/artifact.py`.

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


def tool_artifact(codec: ModelCodec) -> Callable[[Any], dict[str, Any]]:
    """Return the function that encodes a ToolArtifact."""
    fields: Any = fields_of(codec)
    encode_artifact_id = fields["artifact_id"].kind.encode
    encode_artifact_uri = fields["artifact_uri"].kind.encode
    encode_tool_name = fields["tool_name"].kind.encode
    encode_content = fields["content"].kind.encode
    encode_original_bytes = fields["original_bytes"].kind.encode
    encode_shown_bytes = fields["shown_bytes"].kind.encode

    def encode(x: Any) -> dict[str, Any]:
        key: str | None = None
        done: Any = None
        try:
            v_artifact_id = x.artifact_id
            if type(v_artifact_id) is not str:
                key = "artifact_id"
                v_artifact_id = encode_artifact_id(v_artifact_id)
                key = None
            v_artifact_uri = x.artifact_uri
            if type(v_artifact_uri) is not str:
                key = "artifact_uri"
                v_artifact_uri = encode_artifact_uri(v_artifact_uri)
                key = None
            v_tool_name = x.tool_name
            if type(v_tool_name) is not str:
                key = "tool_name"
                v_tool_name = encode_tool_name(v_tool_name)
                key = None
            v_content = x.content
            if type(v_content) is not str:
                key = "content"
                v_content = encode_content(v_content)
                key = None
            v_original_bytes = x.original_bytes
            if not (
                type(v_original_bytes) is int and 0 <= v_original_bytes <= 18446744073709551615
            ):
                key = "original_bytes"
                v_original_bytes = encode_original_bytes(v_original_bytes)
                key = None
            v_shown_bytes = x.shown_bytes
            if not (type(v_shown_bytes) is int and 0 <= v_shown_bytes <= 18446744073709551615):
                key = "shown_bytes"
                v_shown_bytes = encode_shown_bytes(v_shown_bytes)
                key = None
            o: dict[str, Any] = {
                "artifact_id": v_artifact_id,
                "artifact_uri": v_artifact_uri,
                "tool_name": v_tool_name,
                "content": v_content,
                "original_bytes": v_original_bytes,
                "shown_bytes": v_shown_bytes,
            }
            if x.extra is not EMPTY:
                add_extra(o, x.extra, codec)
        except NotJsonError as error:
            raise located(error, key, done) from None
        return o

    return encode


def artifact_store(codec: ModelCodec) -> Callable[[Any], dict[str, Any]]:
    """Return the function that encodes a ArtifactStore."""
    fields: Any = fields_of(codec)
    encode_artifacts = fields["artifacts"].kind.item.encode
    codec_artifacts = fields["artifacts"].kind.item.codec
    cls_artifacts = fields["artifacts"].kind.item.cls
    default_retained_uris = fields["retained_uris"].default
    encode_retained_uris = fields["retained_uris"].kind.item.encode

    def encode(x: Any) -> dict[str, Any]:
        key: str | None = None
        done: Any = None
        try:
            v_artifacts = x.artifacts
            key = "artifacts"
            if type(v_artifacts) is not tuple:
                raise wrong("an array", v_artifacts)
            done = []
            for w in v_artifacts:
                w = codec_artifacts.encode(w) if type(w) is cls_artifacts else encode_artifacts(w)
                done.append(w)
            v_artifacts = done
            key = done = None
            o: dict[str, Any] = {"artifacts": v_artifacts}
            v_retained_uris = x.retained_uris
            if v_retained_uris != default_retained_uris:
                key = "retained_uris"
                if type(v_retained_uris) is not tuple:
                    raise wrong("an array", v_retained_uris)
                done = []
                for w in v_retained_uris:
                    if type(w) is not str:
                        w = encode_retained_uris(w)
                    done.append(w)
                v_retained_uris = done
                key = done = None
                o["retained_uris"] = v_retained_uris
            if x.extra is not EMPTY:
                add_extra(o, x.extra, codec)
        except NotJsonError as error:
            raise located(error, key, done) from None
        return o

    return encode
