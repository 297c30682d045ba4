"""Encoders of the models in `agent_memory/item.py`.

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


def memory_item(codec: ModelCodec) -> Callable[[Any], dict[str, Any]]:
    """Return the function that encodes a MemoryItem."""
    fields: Any = fields_of(codec)
    encode_id = fields["id"].kind.encode
    encode_content = fields["content"].kind.encode
    encode_timestamp = fields["timestamp"].kind.encode
    encode_importance = fields["importance"].kind.encode
    encode_tags = fields["tags"].kind.item.encode
    encode_memory_type = fields["memory_type"].kind.encode
    cls_memory_type = fields["memory_type"].kind.cls
    encode_metadata = fields["metadata"].kind.encode
    encode_access_count = fields["access_count"].kind.encode
    encode_last_accessed = fields["last_accessed"].kind.encode

    def encode(x: Any) -> dict[str, Any]:
        key: str | None = None
        done: Any = None
        try:
            v_id = x.id
            if type(v_id) is not str:
                key = "id"
                v_id = encode_id(v_id)
                key = None
            v_content = x.content
            if type(v_content) is not str:
                key = "content"
                v_content = encode_content(v_content)
                key = None
            v_timestamp = x.timestamp
            key = "timestamp"
            v_timestamp = encode_timestamp(v_timestamp)
            key = None
            v_importance = x.importance
            key = "importance"
            v_importance = encode_importance(v_importance)
            key = None
            v_tags = x.tags
            key = "tags"
            if type(v_tags) is not tuple:
                raise wrong("an array", v_tags)
            done = []
            for w in v_tags:
                if type(w) is not str:
                    w = encode_tags(w)
                done.append(w)
            v_tags = done
            key = done = None
            v_memory_type = x.memory_type
            key = "memory_type"
            v_memory_type = (
                v_memory_type._value_
                if type(v_memory_type) is cls_memory_type
                else encode_memory_type(v_memory_type)
            )
            key = None
            v_metadata = x.metadata
            if not (
                type(v_metadata) is str or (type(v_metadata) is FrozenDict and v_metadata.plain)
            ):
                key = "metadata"
                v_metadata = encode_metadata(v_metadata)
                key = None
            v_access_count = x.access_count
            if not (type(v_access_count) is int and 0 <= v_access_count <= 4294967295):
                key = "access_count"
                v_access_count = encode_access_count(v_access_count)
                key = None
            v_last_accessed = x.last_accessed
            if v_last_accessed is not None:
                key = "last_accessed"
                v_last_accessed = encode_last_accessed(v_last_accessed)
                key = None
            o: dict[str, Any] = {
                "id": v_id,
                "content": v_content,
                "timestamp": v_timestamp,
                "importance": v_importance,
                "tags": v_tags,
                "memory_type": v_memory_type,
                "metadata": v_metadata,
                "access_count": v_access_count,
                "last_accessed": v_last_accessed,
            }
            if x.extra is not EMPTY:
                add_extra(o, x.extra, codec)
        except NotJsonError as error:
            raise located(error, key, done) from None
        return o

    return encode
