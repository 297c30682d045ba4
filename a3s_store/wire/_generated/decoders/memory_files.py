"""Decoders of the models in `backends/jsonfiles/memory_files.py`.

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


def memory_file(codec: ModelCodec) -> Callable[[Any], Any]:
    """Return the function that decodes a MemoryFile."""
    cls: Any = codec.cls
    draft = draft_of(cls)
    fields: Any = fields_of(codec)
    decode_owner = fields["owner"].kind.decode
    codec_items = fields["items"].kind.item.codec

    def decode(o: Any) -> Any:
        if type(o) is not dict:
            raise wrong("an object", o)
        key: str | None = None
        done: Any = None
        try:
            v_owner = o["owner"]
            if type(v_owner) is not str:
                key = "owner"
                v_owner = decode_owner(v_owner)
                key = None
            v_items = o["items"]
            key = "items"
            if type(v_items) is not list:
                raise wrong("an array", v_items)
            done = []
            for w in v_items:
                w = codec_items.decode(w)
                done.append(w)
            v_items = tuple(done)
            key = done = None
            if len(o) == 2:
                extra = EMPTY
            else:
                n = 2
                extra = EMPTY if len(o) == n else unknown(o, codec)
        except (NotJsonError, KeyError) as error:
            raise located(error, key, done) from None
        x = draft()
        x.owner = v_owner
        x.items = v_items
        x.extra = extra
        x.__class__ = cls
        return x

    return decode
