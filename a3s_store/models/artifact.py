"""Tool output too large for the conversation (wire-format 7)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from a3s_store.wire import Model, USize, field, model

if TYPE_CHECKING:
    from typing import Self, Unpack

    from a3s_store import _changes


@model()
class ToolArtifact(Model):
    """One stored output. Id and URI are opaque; the byte counts are not compared with the text.

    Upstream: `ToolArtifact`.
    """

    artifact_id: str
    artifact_uri: str
    tool_name: str
    content: str
    original_bytes: USize
    shown_bytes: USize

    if TYPE_CHECKING:

        def evolve(self, **changes: Unpack[_changes.ToolArtifactChanges]) -> Self: ...


@model()
class ArtifactStore(Model):
    """The artifacts of a session in one file, the oldest first, without limits.

    `retained_uris` must not be evicted. Upstream: `ArtifactStore`, its manifest.
    """

    artifacts: tuple[ToolArtifact, ...]
    retained_uris: tuple[str, ...] = field(default=(), read="def", write="omit")

    if TYPE_CHECKING:

        def evolve(self, **changes: Unpack[_changes.ArtifactStoreChanges]) -> Self: ...
