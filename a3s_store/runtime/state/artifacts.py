"""The artifacts of a live session: tool output too large for the conversation, within limits.

To be used from one event loop.

Invariants: 1. after every `put`, number and bytes (UTF-8) of the artifacts are within the limits,
or all that are left are pinned; 2. a pinned artifact is replaced only by one of the same URI; 3.
artifacts have the order in which they were last put; 4. an artifact stays the same object.

Upstream: tools/artifacts.rs (runtime 11.5).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, Self

from a3s_store.core.clean import Cleaner
from a3s_store.errors import SessionError
from a3s_store.models import ArtifactStore, ToolArtifact
from a3s_store.runtime.state.cleaning import OnCleaned, ignore_cleaned
from a3s_store.runtime.state.limits import check_limit, check_writable, raised

DEFAULT_MAX_ARTIFACTS: Final = 256
DEFAULT_MAX_BYTES: Final = 16 * 1024 * 1024


class ArtifactCollection:
    """Artifacts by URI; the oldest are evicted when there are too many or they are too large.

    None for a limit means no limit. An artifact larger than `max_bytes` evicts all that are not
    pinned, and then itself, as upstream's does (A2).
    """

    def __init__(
        self,
        *,
        max_artifacts: int | None = DEFAULT_MAX_ARTIFACTS,
        max_bytes: int | None = DEFAULT_MAX_BYTES,
    ) -> None:
        self.max_artifacts = check_limit(max_artifacts, "max_artifacts")
        self.max_bytes = check_limit(max_bytes, "max_bytes")
        self._artifacts: dict[str, ToolArtifact] = {}
        self._sizes: dict[str, int] = {}
        self._total_bytes = 0
        self._retained: set[str] = set()
        self._listed: tuple[ToolArtifact, ...] | None = ()
        self.on_cleaned: OnCleaned = ignore_cleaned

    @classmethod
    def for_saved(
        cls,
        artifacts: Iterable[ToolArtifact],
        retained_uris: Iterable[str] = (),
        *,
        max_artifacts: int | None = None,
        max_bytes: int | None = None,
    ) -> Self:
        """Return a collection of stored artifacts, none of them evicted (A5, P18).

        None for a limit means the default. Limits are raised to what the artifacts need.
        """
        made = cls(max_artifacts=None, max_bytes=None)
        for artifact in artifacts:
            made.put(artifact)
        made.set_retained_uris(retained_uris)
        asked = cls(
            max_artifacts=DEFAULT_MAX_ARTIFACTS if max_artifacts is None else max_artifacts,
            max_bytes=DEFAULT_MAX_BYTES if max_bytes is None else max_bytes,
        )
        made.max_artifacts = max(asked.max_artifacts or 0, len(made))
        made.max_bytes = max(asked.max_bytes or 0, made.total_bytes)
        return made

    def __len__(self) -> int:
        return len(self._artifacts)

    @property
    def total_bytes(self) -> int:
        """The size of all contents, in bytes of UTF-8."""
        return self._total_bytes

    def get(self, uri: str) -> ToolArtifact | None:
        """Return the artifact of this URI, None when there is none or it was evicted."""
        return self._artifacts.get(uri)

    def artifacts(self) -> tuple[ToolArtifact, ...]:
        """Return all artifacts in the order in which they were last put, the oldest first."""
        if self._listed is None:
            self._listed = tuple(self._artifacts.values())
        return self._listed

    def put(self, artifact: ToolArtifact) -> None:
        """Add an artifact as the newest, in place of the one of the same URI (A2).

        A content that cannot be written is cleaned.

        Raises:
            EncodeError: ids or counts could not be saved; nothing changed.
        """
        artifact = self._writable(artifact)
        self._remove(artifact.artifact_uri)
        self._add(artifact)

    def put_content_addressed(self, artifact: ToolArtifact) -> bool:
        """Add an artifact with a URI made of its content; return False if it is there (A3).

        Raises:
            SessionError: the URI is there with another content; nothing changed.
            EncodeError: as `put`.
        """
        artifact = self._writable(artifact)
        existing = self._artifacts.get(artifact.artifact_uri)
        if existing is None:
            self._add(artifact)
            return True
        if existing == artifact:
            return False
        raise SessionError(
            f"artifact URI '{artifact.artifact_uri}' is already bound to different content",
            op="put_content_addressed",
            hint="Give the other content a URI of its own",
        )

    def _writable(self, artifact: ToolArtifact) -> ToolArtifact:
        # Ids are not cleaned: two of them could become one.
        cleaner = Cleaner()
        content = cleaner.model(artifact.content)
        cleaned = artifact.evolve(content=content) if cleaner.count else artifact
        check_writable(cleaned)
        if cleaner.count:
            self.on_cleaned("artifact", cleaner.count)
        return cleaned

    def _add(self, artifact: ToolArtifact) -> None:
        uri, content = artifact.artifact_uri, artifact.content
        size = len(content if content.isascii() else content.encode())
        self._artifacts[uri] = artifact
        self._sizes[uri] = size
        self._total_bytes += size
        self._listed = None
        while self._is_over():
            oldest = next((uri for uri in self._artifacts if uri not in self._retained), None)
            if oldest is None:
                break
            self._remove(oldest)

    def _is_over(self) -> bool:
        return (self.max_artifacts is not None and len(self._artifacts) > self.max_artifacts) or (
            self.max_bytes is not None and self._total_bytes > self.max_bytes
        )

    def _remove(self, uri: str) -> None:
        if self._artifacts.pop(uri, None) is not None:
            self._total_bytes -= self._sizes.pop(uri)
            self._listed = None

    def pin_uris(self, uris: Iterable[str]) -> None:
        """Pin these URIs: their artifacts, present or later ones, are not evicted (A4).

        Empty URIs are ignored. Raises EncodeError for one that could not be saved.
        """
        self._retained.update(_checked(uris))

    def set_retained_uris(self, uris: Iterable[str]) -> None:
        """Pin exactly these URIs; others may be evicted by the next `put` (A4).

        Raises EncodeError for a URI that could not be saved; then nothing changed.
        """
        self._retained = _checked(uris)

    def retained_uris(self) -> tuple[str, ...]:
        """Return the pinned URIs, sorted, with those that have no artifact (A4)."""
        return tuple(sorted(self._retained))

    def take_over(self, artifacts: Sequence[ToolArtifact]) -> None:
        """Replace all artifacts, with the limits raised to what they need: none is evicted."""
        asked = self.max_artifacts, self.max_bytes
        self._artifacts, self._sizes, self._total_bytes, self._listed = {}, {}, 0, None
        self.max_artifacts = self.max_bytes = None
        for artifact in artifacts:
            self._remove(artifact.artifact_uri)
            self._add(artifact)
        self.max_artifacts = raised(asked[0], len(self))
        self.max_bytes = raised(asked[1], self.total_bytes)

    def gc_unreferenced(self) -> int:
        """Remove all artifacts that are not pinned; return how many there were (A4)."""
        unpinned = [uri for uri in self._artifacts if uri not in self._retained]
        for uri in unpinned:
            self._remove(uri)
        return len(unpinned)


def _checked(uris: Iterable[str]) -> set[str]:
    found = {uri for uri in uris if uri}
    check_writable(ArtifactStore(artifacts=(), retained_uris=tuple(found)))
    return found
