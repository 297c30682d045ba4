"""Where a session stands: its revision, and the position in its conversation."""

from __future__ import annotations

from typing import Generic, NamedTuple, TypeVar

import attrs

V_co = TypeVar("V_co", covariant=True)


class Revision(NamedTuple):
    """The generation a session is at, and the life that generation belongs to.

    `life` is the number of the generation that made the session as it is: 1 at first, another after
    it was deleted and made again. Numbers are given once under an id, so two equal revisions name
    the same content.
    """

    generation: int
    life: int

    def is_over(self, actual: Revision | None) -> bool:
        """Whether the session was deleted since, where its id stands at `actual` now."""
        return actual is None or self.life != actual.life


class Position(NamedTuple):
    """A place in a conversation: how many messages come before it, and their chain hash."""

    length: int
    chain_hash: bytes


@attrs.frozen
class Versioned(Generic[V_co]):
    """A value with the revision and the position it was read at, all of one moment.

    `name_source` says who gave the session its name: `made`, or None for a person or unknown.
    """

    value: V_co
    revision: Revision
    position: Position
    name_source: str | None = None
