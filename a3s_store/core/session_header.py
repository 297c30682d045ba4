"""The session header: what is known of a session before a save or a load reads its values."""

from __future__ import annotations

from typing import Final

import attrs

from a3s_store.core.conversation import Head
from a3s_store.core.corruption import CorruptRowError
from a3s_store.core.parts import Parts, parts_of
from a3s_store.core.revision import Revision

# In canonical JSON only a key is followed by a colon: quotes inside texts are escaped.
_UPDATED_AT: Final = b'"updated_at":'


@attrs.frozen
class SessionHeader:
    """The last save of a session id. `head` is None when no session was saved under it.

    `digest` is that of the snapshot, None without a session. `parts` has the digest of each part of
    the snapshot; a list that was never saved is not among them. `life` is the generation the
    session began with, `name_source` as in `Versioned`. `changed_at_ms` is the time of its last
    commit, 0 before the first, `first_prompt` what lists show of its conversation. `fields` is the
    canonical JSON of the session's own row, where that was read or written.
    """

    key: int
    generation: int
    digest: str | None
    head: Head | None
    parts: Parts = attrs.field(converter=parts_of)
    life: int
    name_source: str | None = None
    changed_at_ms: int = 0
    first_prompt: str | None = None
    fields: bytes | None = attrs.field(default=None, eq=False)

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
    if header.head is not None and header.parts.digest() != header.digest:
        raise CorruptRowError(
            "the stored digests of its parts do not add up to the digest of the snapshot",
            "generation",
        )


def updated_at_in(text: bytes) -> int | None:
    """Return when the session was updated; None where an unknown key has such a key, too."""
    found = _updated_at(text)
    return None if found is None else int(text[found])


def with_updated_at(text: bytes, updated_at: int) -> bytes:
    """Return the text with another time, where `updated_at_in` returned one."""
    found = _updated_at(text)
    assert found is not None, "it was found"
    return b"%b%d%b" % (text[: found.start], updated_at, text[found.stop :])


def _updated_at(text: bytes) -> slice | None:
    """Return where the number lies in canonical JSON; None where the key is there twice."""
    start = text.find(_UPDATED_AT) + len(_UPDATED_AT)
    if start < len(_UPDATED_AT) or text.find(_UPDATED_AT, start) >= 0:
        return None
    end = text.find(b",", start)
    return slice(start, end if end >= 0 else text.find(b"}", start))
