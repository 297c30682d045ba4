"""Encoders of the models in `backends/jsonfiles/memory_files.py`.

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


def memory_file(codec: ModelCodec) -> Callable[[Any], dict[str, Any]]:
    """Return the function that encodes a MemoryFile."""
    fields: Any = fields_of(codec)
    encode_owner = fields["owner"].kind.encode
    encode_items = fields["items"].kind.item.encode
    codec_items = fields["items"].kind.item.codec
    cls_items = fields["items"].kind.item.cls

    def encode(x: Any) -> dict[str, Any]:
        key: str | None = None
        done: Any = None
        try:
            v_owner = x.owner
            if type(v_owner) is not str:
                key = "owner"
                v_owner = encode_owner(v_owner)
                key = None
            v_items = x.items
            key = "items"
            if type(v_items) is not tuple:
                raise wrong("an array", v_items)
            done = []
            for w in v_items:
                w = codec_items.encode(w) if type(w) is cls_items else encode_items(w)
                done.append(w)
            v_items = done
            key = done = None
            o: dict[str, Any] = {"owner": v_owner, "items": v_items}
            if x.extra is not EMPTY:
                add_extra(o, x.extra, codec)
        except NotJsonError as error:
            raise located(error, key, done) from None
        return o

    return encode
