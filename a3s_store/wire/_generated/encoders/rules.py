"""Encoders of the models in `wire/rules.py`.

Written by `python -m tools.generate`; do not edit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from a3s_store.wire.parts import EMPTY, ModelCodec, NotJsonError, add_extra, located


def model(codec: ModelCodec) -> Callable[[Any], dict[str, Any]]:
    """Return the function that encodes a Model."""

    def encode(x: Any) -> dict[str, Any]:
        key: str | None = None
        done: Any = None
        try:
            o: dict[str, Any] = {}
            if x.extra is not EMPTY:
                add_extra(o, x.extra, codec)
        except NotJsonError as error:
            raise located(error, key, done) from None
        return o

    return encode
