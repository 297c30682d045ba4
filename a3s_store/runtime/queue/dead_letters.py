"""Dead letters: commands that failed for good, kept to be looked at.

Invariants: 1. at most as many are kept as the queue's configuration says, and the oldest are
dropped (as by `a3s-lane`); 2. they are listed oldest first; 3. a letter can always be written as
JSON. Upstream: `DeadLetter`, `DeadLetterQueue` of `a3s-lane` (runtime 7.2, Q5).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from a3s_store.models import CommandDeadLettered
from a3s_store.wire import U32, Model, Timestamp, model

if TYPE_CHECKING:
    from typing import Self, Unpack

    from a3s_store import _changes

# Characters of an error's text; a tool may put all that it read into its error.
ERROR_CHARS: Final = 4_000


@model()
class DeadLetter(Model):
    """A command that failed for good after `attempts`, the first one included.

    `lane_id` is the lane's name in lower case, `failed_at` RFC 3339. Upstream: `DeadLetter`.
    """

    command_id: str
    command_type: str
    lane_id: str
    error: str
    attempts: U32
    failed_at: Timestamp

    def event(self) -> CommandDeadLettered:
        """Return the event that reports it."""
        return CommandDeadLettered(
            command_id=self.command_id,
            command_type=self.command_type,
            lane=self.lane_id,
            error=self.error,
            attempts=self.attempts,
        )

    if TYPE_CHECKING:

        def evolve(self, **changes: Unpack[_changes.DeadLetterChanges]) -> Self: ...


class DeadLetters:
    """At most `capacity` letters, none with 0. `dropped` counts those that were dropped."""

    def __init__(self, capacity: int) -> None:
        self._letters: deque[DeadLetter] = deque(maxlen=capacity)
        self.dropped = 0

    @property
    def enabled(self) -> bool:
        """Whether any letters are kept."""
        return self._letters.maxlen != 0

    def add(self, letter: DeadLetter) -> None:
        """Add a letter; above the capacity the oldest is dropped."""
        if len(self._letters) == self._letters.maxlen:
            self.dropped += 1
        self._letters.append(letter)

    def listed(self) -> tuple[DeadLetter, ...]:
        """Return all letters, oldest first. Upstream: `DeadLetterQueue::list`."""
        return tuple(self._letters)

    def put_before(self, earlier: Iterable[DeadLetter]) -> None:
        """Add letters that are older than the present ones; known ids are skipped."""
        here = {letter.command_id for letter in self._letters}
        kept = (*(one for one in earlier if one.command_id not in here), *self._letters)
        self._letters.clear()
        for letter in kept:
            self.add(letter)

    def clear(self) -> int:
        """Remove all letters, and return how many. Upstream: `DeadLetterQueue::clear`."""
        count = len(self._letters)
        self._letters.clear()
        return count


def error_text(error: BaseException) -> str:
    """Return an error's text, never empty and at most 4000 characters.

    Lone surrogates, which JSON cannot hold, are written as escapes.
    """
    text = str(error) or type(error).__name__
    return text.encode("utf-8", "backslashreplace").decode()[:ERROR_CHARS]
