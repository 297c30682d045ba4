"""The `__eq__` of the models in `models/artifact.py`.

Written by `python -m tools.generate`; do not edit.
"""

from __future__ import annotations

from typing import Any

from a3s_store.wire.parts import alike


def tool_artifact(self: Any, other: Any) -> Any:
    """Return whether two values are equal, the first a ToolArtifact."""
    if self is other:
        return True
    if self.__class__ is not other.__class__:
        return NotImplemented
    return (
        self.artifact_id == other.artifact_id
        and self.artifact_uri == other.artifact_uri
        and self.tool_name == other.tool_name
        and self.content == other.content
        and (
            (x := self.original_bytes) is (y := other.original_bytes)
            or (x == y and type(x) is type(y))
        )
        and ((x := self.shown_bytes) is (y := other.shown_bytes) or (x == y and type(x) is type(y)))
        and ((x := self.extra) is (y := other.extra) or (x == y and alike(x, y)))
    )


def artifact_store(self: Any, other: Any) -> Any:
    """Return whether two values are equal, the first a ArtifactStore."""
    if self is other:
        return True
    if self.__class__ is not other.__class__:
        return NotImplemented
    return (
        self.artifacts == other.artifacts
        and self.retained_uris == other.retained_uris
        and ((x := self.extra) is (y := other.extra) or (x == y and alike(x, y)))
    )
