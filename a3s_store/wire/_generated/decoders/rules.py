"""Decoders of the models in `wire/rules.py`.

Written by `python -m tools.generate`; do not edit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from a3s_store.wire.parts import EMPTY, ModelCodec, NotJsonError, draft_of, located, unknown, wrong


def model(codec: ModelCodec) -> Callable[[Any], Any]:
    """Return the function that decodes a Model."""
    cls: Any = codec.cls
    draft = draft_of(cls)

    def decode(o: Any) -> Any:
        if type(o) is not dict:
            raise wrong("an object", o)
        key: str | None = None
        done: Any = None
        try:
            if len(o) == 0:
                extra = EMPTY
            else:
                n = 0
                extra = EMPTY if len(o) == n else unknown(o, codec)
        except (NotJsonError, KeyError) as error:
            raise located(error, key, done) from None
        x = draft()
        x.extra = extra
        x.__class__ = cls
        return x

    return decode
