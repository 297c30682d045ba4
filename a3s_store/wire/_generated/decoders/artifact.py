"""Decoders of the models in `models/artifact.py`.

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


def tool_artifact(codec: ModelCodec) -> Callable[[Any], Any]:
    """Return the function that decodes a ToolArtifact."""
    cls: Any = codec.cls
    draft = draft_of(cls)
    fields: Any = fields_of(codec)
    decode_artifact_id = fields["artifact_id"].kind.decode
    decode_artifact_uri = fields["artifact_uri"].kind.decode
    decode_tool_name = fields["tool_name"].kind.decode
    decode_content = fields["content"].kind.decode
    decode_original_bytes = fields["original_bytes"].kind.decode
    decode_shown_bytes = fields["shown_bytes"].kind.decode

    def decode(o: Any) -> Any:
        if type(o) is not dict:
            raise wrong("an object", o)
        key: str | None = None
        done: Any = None
        try:
            v_artifact_id = o["artifact_id"]
            if type(v_artifact_id) is not str:
                key = "artifact_id"
                v_artifact_id = decode_artifact_id(v_artifact_id)
                key = None
            v_artifact_uri = o["artifact_uri"]
            if type(v_artifact_uri) is not str:
                key = "artifact_uri"
                v_artifact_uri = decode_artifact_uri(v_artifact_uri)
                key = None
            v_tool_name = o["tool_name"]
            if type(v_tool_name) is not str:
                key = "tool_name"
                v_tool_name = decode_tool_name(v_tool_name)
                key = None
            v_content = o["content"]
            if type(v_content) is not str:
                key = "content"
                v_content = decode_content(v_content)
                key = None
            v_original_bytes = o["original_bytes"]
            if not (
                type(v_original_bytes) is int and 0 <= v_original_bytes <= 18446744073709551615
            ):
                key = "original_bytes"
                v_original_bytes = decode_original_bytes(v_original_bytes)
                key = None
            v_shown_bytes = o["shown_bytes"]
            if not (type(v_shown_bytes) is int and 0 <= v_shown_bytes <= 18446744073709551615):
                key = "shown_bytes"
                v_shown_bytes = decode_shown_bytes(v_shown_bytes)
                key = None
            if len(o) == 6:
                extra = EMPTY
            else:
                n = 6
                extra = EMPTY if len(o) == n else unknown(o, codec)
        except (NotJsonError, KeyError) as error:
            raise located(error, key, done) from None
        x = draft()
        x.artifact_id = v_artifact_id
        x.artifact_uri = v_artifact_uri
        x.tool_name = v_tool_name
        x.content = v_content
        x.original_bytes = v_original_bytes
        x.shown_bytes = v_shown_bytes
        x.extra = extra
        x.__class__ = cls
        return x

    return decode


def artifact_store(codec: ModelCodec) -> Callable[[Any], Any]:
    """Return the function that decodes a ArtifactStore."""
    cls: Any = codec.cls
    draft = draft_of(cls)
    fields: Any = fields_of(codec)
    codec_artifacts = fields["artifacts"].kind.item.codec
    decode_retained_uris = fields["retained_uris"].kind.item.decode
    absent_retained_uris = absent(fields["retained_uris"])

    def decode(o: Any) -> Any:
        if type(o) is not dict:
            raise wrong("an object", o)
        key: str | None = None
        done: Any = None
        try:
            v_artifacts = o["artifacts"]
            key = "artifacts"
            if type(v_artifacts) is not list:
                raise wrong("an array", v_artifacts)
            done = []
            for w in v_artifacts:
                w = codec_artifacts.decode(w)
                done.append(w)
            v_artifacts = tuple(done)
            key = done = None
            if len(o) == 1:
                v_retained_uris = absent_retained_uris
                extra = EMPTY
            else:
                n = 1
                if "retained_uris" in o:
                    v_retained_uris = o["retained_uris"]
                    n += 1
                    key = "retained_uris"
                    if type(v_retained_uris) is not list:
                        raise wrong("an array", v_retained_uris)
                    done = []
                    for w in v_retained_uris:
                        if type(w) is not str:
                            w = decode_retained_uris(w)
                        done.append(w)
                    v_retained_uris = tuple(done)
                    key = done = None
                else:
                    v_retained_uris = absent_retained_uris
                extra = EMPTY if len(o) == n else unknown(o, codec)
        except (NotJsonError, KeyError) as error:
            raise located(error, key, done) from None
        x = draft()
        x.artifacts = v_artifacts
        x.retained_uris = v_retained_uris
        x.extra = extra
        x.__class__ = cls
        return x

    return decode
