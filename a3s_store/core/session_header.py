"""The session header: what is known of a session before a save or a load reads its values."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from a3s_store.core.conversation import Head
from a3s_store.core.corruption import CorruptRowError
from a3s_store.core.digests import ListDigest, snapshot_digest_of_parts
from a3s_store.core.revision import Revision


@attrs.frozen
class SessionHeader:
    """The last save of a session id. `head` is None when no session was saved under it.

    `digest` is that of the snapshot, None without a session. `parts` has the digest of each part of
    the snapshot, as `snapshot_digest_of_parts` takes them; a list that was never saved is not among
    them. `life` is the generation the session began with, `name_source` as in `Versioned`.
    """

    key: int
    generation: int
    digest: str | None
    head: Head | None
    parts: Mapping[str, ListDigest]
    life: int
    name_source: str | None = None

    @property
    def revision(self) -> Revision:
        """The last generation and the life it belongs to."""
        return Revision(self.generation, self.life)


def check(header: SessionHeader) -> None:
    """Raise CorruptRowError unless the digests of the parts add up to that of the last save.

    The digests of the parts are read from rows that may be damaged themselves.
    """
    if header.head is None and header.digest is not None:
        raise CorruptRowError("it is missing", "session")
    if header.head is not None and snapshot_digest_of_parts(header.parts) != header.digest:
        raise CorruptRowError(
            "the stored digests of its parts do not add up to the digest of the snapshot",
            "generation",
        )
