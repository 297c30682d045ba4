"""The declarations of `field(...)` and `@model(...)` as plain values."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

# An argument that was not given. attrs.NOTHING does not serve: attrs takes it for "no default".
UNSET: Any = object()
Read = Literal["req", "opt", "def"]
Write = Literal["always", "null", "omit"]


class FieldRule(NamedTuple):
    """The arguments of `field(...)`; None where the annotation decides."""

    key: str | None = None
    alias: str | None = None
    read: Read | None = None
    write: Write = "always"
    absent: Any = UNSET


class ModelRule(NamedTuple):
    """The arguments of `@model(...)`."""

    tag: str | None = None
    camel: bool = False
    text_form: str | None = None
    dropped: tuple[str, ...] = ()
    opaque: bool = False
    lazy: str | None = None
