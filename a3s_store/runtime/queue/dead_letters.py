"""Keeps the commands that were given up, so that somebody can look at them.

Invariants: 1. no more are kept than the queue's configuration says, and it is the oldest that go
(as `a3s-lane` does it); 2. they are listed oldest first; 3. what a letter holds can always be
written as JSON. Upstream: `DeadLetter`, `DeadLetterQueue` of `a3s-lane` (runtime 7.2, Q5).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Final

from a3s_store.models import CommandDeadLettered
from a3s_store.wire import U32, Model, Timestamp, model

# Of an error's text; a tool may fail with all it has read.
ERROR_CHARS: Final = 4_000


@model()
class DeadLetter(Model):
    """A command that was given up after so many `attempts`: the first and its retries.

    `lane_id` is the lane's name in lower case, `failed_at` RFC 3339. Upstream: `DeadLetter`.
    """

    command_id: str
    command_type: str
    lane_id: str
    error: str
    attempts: U32
    failed_at: Timestamp

    def event(self) -> CommandDeadLettered:
        """What is told of it."""
        return CommandDeadLettered(
            command_id=self.command_id,
            command_type=self.command_type,
            lane=self.lane_id,
            error=self.error,
            attempts=self.attempts,
        )


class DeadLetters:
    """At most `capacity` letters; with 0 none is ever kept. `dropped` counts those that went."""

    def __init__(self, capacity: int) -> None:
        self._letters: deque[DeadLetter] = deque(maxlen=capacity)
        self.dropped = 0

    @property
    def enabled(self) -> bool:
        """Whether any can be kept."""
        return self._letters.maxlen != 0

    def add(self, letter: DeadLetter) -> None:
        """Keep a letter; when there is no room the oldest goes."""
        if len(self._letters) == self._letters.maxlen:
            self.dropped += 1
        self._letters.append(letter)

    def listed(self) -> tuple[DeadLetter, ...]:
        """All that are kept, oldest first. Upstream: `DeadLetterQueue::list`."""
        return tuple(self._letters)

    def put_before(self, earlier: Iterable[DeadLetter]) -> None:
        """Take in letters from before those that are kept; those with an id here stay out."""
        here = {letter.command_id for letter in self._letters}
        kept = (*(one for one in earlier if one.command_id not in here), *self._letters)
        self._letters.clear()
        for letter in kept:
            self.add(letter)

    def clear(self) -> int:
        """Forget all of them; answers how many. Upstream: `DeadLetterQueue::clear`."""
        count = len(self._letters)
        self._letters.clear()
        return count


def error_text(error: BaseException) -> str:
    """What an error says, as text that can be written: never empty, never too long.

    Lone surrogates, which no JSON can hold, are written out as escapes.
    """
    text = str(error) or type(error).__name__
    return text.encode("utf-8", "backslashreplace").decode()[:ERROR_CHARS]
