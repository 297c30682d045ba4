"""The conversations of all generations of a session, with each shared message stored once.

A generation is a head: a branch of messages and a length. A conversation that grows extends its
branch; one that differs after n messages begins a branch after the first n of another. So each save
adds its new messages and a head.

A tuple for each generation is simpler, but has a reference to every message in every generation:
10 000 saves of one more message each took 495 MB, and take 1.7 MB with heads. Messages after a
change are not shared: a conversation that drops its oldest message in each save takes a reference
of 8 bytes for each remaining message. SQLite shares those by segments, which were not worth their
code here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import chain as joined
from itertools import count, islice, takewhile
from operator import eq, is_
from typing import Self, TypeVar

import attrs

from a3s_store.core.digests import EMPTY_CHAIN, ListDigest, chain, message_digest
from a3s_store.core.revision import Position
from a3s_store.models import Message
from a3s_store.wire import encode

T = TypeVar("T")
_NUMBERS = count(1)


@attrs.define(eq=False)
class Branch:
    """Messages saved one after another, following the head `before`; a branch only grows."""

    before: Head | None = None
    own: list[Message] = attrs.field(factory=list)
    # When each of its messages was added, in Unix milliseconds.
    own_times: list[int] = attrs.field(factory=list)
    # A number for each of its messages, which rises in the order in which messages are stored.
    own_numbers: list[int] = attrs.field(factory=list)

    @property
    def start(self) -> int:
        """The number of messages before its own."""
        return 0 if self.before is None else self.before.length

    @property
    def end(self) -> int:
        """The number of all its messages, including those of `before`."""
        return self.start + len(self.own)

    def cut(self, length: int) -> None:
        """Drop the messages behind the first `length`, which no head has any more."""
        for own in (self.own, self.own_times, self.own_numbers):
            del own[max(0, length - self.start) :]


@attrs.frozen(eq=False)
class Head:
    """The first `length` messages of a branch."""

    branch: Branch
    length: int

    def messages(self) -> tuple[Message, ...]:
        """Return the messages, in time in proportion to their number."""
        return self._joined(lambda branch: branch.own)

    def times(self) -> tuple[int, ...]:
        """Return when each of the messages was added."""
        return self._joined(lambda branch: branch.own_times)

    def numbers(self) -> tuple[int, ...]:
        """Return the number of each of the messages, in the order in which messages are stored."""
        return self._joined(lambda branch: branch.own_numbers)

    def _joined(self, own: Callable[[Branch], list[T]]) -> tuple[T, ...]:
        parts: list[list[T]] = []
        head: Head | None = self
        while head is not None:
            branch = head.branch
            parts.append(own(branch)[: head.length - branch.start])
            head = branch.before
        return tuple(joined.from_iterable(reversed(parts)))

    def followed_by(self, length: int, more: tuple[Message, ...], times: Sequence[int]) -> Head:
        """Return the head of the first `length` messages followed by `more`, with their times."""
        branch = self.branch
        # The branch with the last of these messages, so that branches are not nested needlessly.
        while branch.before is not None and length <= branch.start:
            branch = branch.before.branch
        if not more:
            return Head(branch, length)
        if length < branch.end:
            branch = Branch(Head(branch, length) if length else None)
        branch.own.extend(more)
        branch.own_times.extend(times)
        branch.own_numbers.extend(islice(_NUMBERS, len(more)))
        return Head(branch, branch.end)


@attrs.define(eq=False)
class Conversation:
    """The current conversation of a session, and the chain hash after each of its messages."""

    messages: tuple[Message, ...] = ()
    head: Head = attrs.field(factory=lambda: Head(Branch(), 0))
    chain_hashes: list[bytes] = attrs.field(factory=list)

    @classmethod
    def of(cls, head: Head) -> Self:
        """Return the conversation of a head, in time in proportion to its length."""
        messages = head.messages()
        return cls(messages, head, chain(message_digest(encode(one)) for one in messages))

    @property
    def position(self) -> Position:
        """The length and the chain hash of the conversation."""
        return Position(len(self.chain_hashes), self.chain_hash_at(len(self.chain_hashes)))

    @property
    def digest(self) -> ListDigest:
        """The digest of the messages among the parts of a snapshot."""
        return ListDigest(*self.position)

    def put(self, messages: tuple[Message, ...], now_ms: int, at_ms: tuple[int, ...] = ()) -> None:
        """Replace the messages; equal ones at the beginning are not stored again.

        `at_ms` are the times of the last messages, all of them new; () gives new ones `now_ms`.
        """
        shared = _leading(map(is_, self.messages, messages))
        hashes = chain(
            (message_digest(encode(one)) for one in messages[shared:]), self.chain_hash_at(shared)
        )
        # Equal messages may be other objects: rebuilt from JSON by each request, for example.
        equal = _leading(map(eq, self.chain_hashes[shared:], hashes))
        shared += equal
        new = messages[shared:]
        self.head = self.head.followed_by(shared, new, at_ms or [now_ms] * len(new))
        self.chain_hashes[shared:] = hashes[equal:]
        self.messages = messages

    def first(self, length: int) -> Self:
        """Return a conversation of the first messages, which shares them with this one."""
        return attrs.evolve(
            self,
            messages=self.messages[:length],
            head=self.head.followed_by(length, (), ()),
            chain_hashes=self.chain_hashes[:length],
        )

    def chain_hash_at(self, length: int) -> bytes:
        """Return the chain hash of the first messages, of which there are so many."""
        return self.chain_hashes[length - 1] if length else EMPTY_CHAIN


def _leading(found: Iterable[bool]) -> int:
    """Return the number of values before the first false one."""
    return sum(takewhile(bool, found))
