"""Decoders of the models in `agent_memory/item.py`.

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


def memory_item(codec: ModelCodec) -> Callable[[Any], Any]:
    """Return the function that decodes a MemoryItem."""
    cls: Any = codec.cls
    draft = draft_of(cls)
    fields: Any = fields_of(codec)
    decode_id = fields["id"].kind.decode
    decode_content = fields["content"].kind.decode
    decode_timestamp = fields["timestamp"].kind.decode
    decode_importance = fields["importance"].kind.decode
    decode_tags = fields["tags"].kind.item.decode
    decode_memory_type = fields["memory_type"].kind.decode
    member_memory_type = fields["memory_type"].kind.members.get
    decode_metadata = fields["metadata"].kind.decode
    decode_access_count = fields["access_count"].kind.decode
    decode_last_accessed = fields["last_accessed"].kind.decode

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
            v_content = o["content"]
            if type(v_content) is not str:
                key = "content"
                v_content = decode_content(v_content)
                key = None
            v_timestamp = o["timestamp"]
            key = "timestamp"
            v_timestamp = decode_timestamp(v_timestamp)
            key = None
            v_importance = o["importance"]
            key = "importance"
            v_importance = decode_importance(v_importance)
            key = None
            v_tags = o["tags"]
            key = "tags"
            if type(v_tags) is not list:
                raise wrong("an array", v_tags)
            done = []
            for w in v_tags:
                if type(w) is not str:
                    w = decode_tags(w)
                done.append(w)
            v_tags = tuple(done)
            key = done = None
            v_memory_type = o["memory_type"]
            key = "memory_type"
            m = member_memory_type(v_memory_type) if type(v_memory_type) is str else None
            v_memory_type = decode_memory_type(v_memory_type) if m is None else m
            key = None
            v_metadata = o["metadata"]
            if type(v_metadata) is not str:
                key = "metadata"
                v_metadata = decode_metadata(v_metadata)
                key = None
            v_access_count = o["access_count"]
            if not (type(v_access_count) is int and 0 <= v_access_count <= 4294967295):
                key = "access_count"
                v_access_count = decode_access_count(v_access_count)
                key = None
            if len(o) == 8:
                v_last_accessed = None
                extra = EMPTY
            else:
                n = 8
                if "last_accessed" in o:
                    v_last_accessed = o["last_accessed"]
                    n += 1
                    if v_last_accessed is not None:
                        key = "last_accessed"
                        v_last_accessed = decode_last_accessed(v_last_accessed)
                        key = None
                else:
                    v_last_accessed = None
                extra = EMPTY if len(o) == n else unknown(o, codec)
        except (NotJsonError, KeyError) as error:
            raise located(error, key, done) from None
        x = draft()
        x.id = v_id
        x.content = v_content
        x.timestamp = v_timestamp
        x.importance = v_importance
        x.tags = v_tags
        x.memory_type = v_memory_type
        x.metadata = v_metadata
        x.access_count = v_access_count
        x.last_accessed = v_last_accessed
        x.extra = extra
        x.__class__ = cls
        return x

    return decode
