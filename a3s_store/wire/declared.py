"""What `field(...)` and `@model(...)` declare, as plain values for those who compile models."""

from __future__ import annotations

from typing import Any, Literal

import attrs

# Stands for "nothing was said"; attrs.EMPTY_LIST cannot, since attrs reads it as "no default".
UNSET: Any = object()
Read = Literal["req", "opt", "def"]
Write = Literal["always", "null", "omit"]


@attrs.frozen(kw_only=True)
class FieldRule:
    """What `field(...)` said of a field; None where the annotation decides."""

    key: str | None = None
    alias: str | None = None
    read: Read | None = None
    write: Write = "always"
    absent: Any = UNSET


@attrs.frozen(kw_only=True)
class ModelRule:
    """What `@model(...)` said of a class."""

    tag: str | None = None
    camel: bool = False
    text_form: str | None = None
    dropped: tuple[str, ...] = ()
    opaque: bool = False
