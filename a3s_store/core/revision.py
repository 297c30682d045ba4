"""The version of a stored session: its revision, and the position in its conversation."""

from __future__ import annotations

from typing import Generic, NamedTuple, TypeVar

import attrs

V_co = TypeVar("V_co", covariant=True)


class Revision(NamedTuple):
    """The generation of a session, and the life that the generation belongs to.

    `life` is the number of the generation that created the session: 1 at first, a higher one after
    it was deleted and created again. Numbers are not used twice under an id, so equal revisions
    have the same content.
    """

    generation: int
    life: int

    def is_over(self, actual: Revision | None) -> bool:
        """Return whether the session was deleted since; `actual` is the revision of its id now."""
        return actual is None or self.life != actual.life


class Position(NamedTuple):
    """A position in a conversation: the number of messages before it, and their chain hash."""

    length: int
    chain_hash: bytes


@attrs.frozen
class Versioned(Generic[V_co]):
    """A value with its revision and position, all read at one moment.

    `name_source` is `made` for a name that was made from the conversation, None for a person's or
    an unknown source.
    """

    value: V_co
    revision: Revision
    position: Position
    name_source: str | None = None
