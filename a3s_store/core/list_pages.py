"""Pages of stored lists, and the result of an append: values, no I/O."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar, overload

import attrs

from a3s_store.core.arguments import refused

if TYPE_CHECKING:
    from a3s_store.core.revision import Position
    from a3s_store.models import Message, RunEventRecord

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Positioned(NamedTuple):
    """A message at its position in the conversation, counted from 0.

    `at_ms` is the time in Unix milliseconds that was given when it was appended, or else the time
    of that save; None where no time is stored.
    """

    seq: int
    message: Message
    at_ms: int | None


@attrs.frozen(kw_only=True)
class ListPage(Sequence[T_co], Generic[T_co]):
    """The values from `start` up to, and without, `stop` of a stored list.

    `length` is that of the whole list, `generation` the generation it was read at (0 in a store
    without generations).
    """

    items: tuple[T_co, ...]
    start: int
    stop: int
    length: int
    generation: int

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[T_co]:
        return iter(self.items)

    @overload
    def __getitem__(self, index: int) -> T_co: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[T_co, ...]: ...
    def __getitem__(self, index: int | slice) -> T_co | tuple[T_co, ...]:
        return self.items[index]


@attrs.frozen(kw_only=True)
class MessagePage(ListPage[Positioned]):
    """Messages of a conversation; `end` is the position of its end, for `append(after=...)`."""

    end: Position


@attrs.frozen(kw_only=True)
class RunEventPage:
    """Some events of a run in order, and their place among all of its events.

    `first_available` is the sequence of the oldest event kept, None when there is none;
    `latest_exclusive` is one more than the newest sequence. `next_after` is the `after` of the next
    page, `retention_gap` says that requested events were dropped, `has_more` that more follow.
    Upstream: `RunEventPage`.
    """

    events: tuple[RunEventRecord, ...]
    first_available: int | None
    latest_exclusive: int
    next_after: int | None
    retention_gap: bool
    has_more: bool


@attrs.frozen(kw_only=True)
class Appended:
    """The result of an append.

    `start` is the position of the first appended message, `position` that of the last one's end,
    `generation` the generation of the session afterwards (0 in a store without generations).
    `sequence` is the number of the commit in the commit log; None where the store keeps none, and
    where nothing was committed. `already`: an earlier call with these messages was committed, and
    this one wrote nothing.
    """

    start: int
    position: Position
    generation: int
    sequence: int | None = None
    already: bool = False


def page_of(values: tuple[T, ...], wanted: tuple[int, int], generation: int) -> ListPage[T]:
    """Return the page of a list whose values are at hand, from one position to another."""
    start, stop = wanted
    return ListPage(
        items=values[start:stop],
        start=start,
        stop=stop,
        length=len(values),
        generation=generation,
    )


@attrs.frozen(kw_only=True)
class Slice:
    """Which values of a list to read, as for a slice of Python; `last` are the last ones."""

    start: int = 0
    stop: int | None = None
    last: int | None = None

    def of(self, length: int) -> tuple[int, int]:
        """Return the first position, and the one after the last, in a list of this length."""
        if self.last is not None:
            return max(0, length - self.last), length
        start, stop, _ = slice(self.start, self.stop).indices(length)
        return start, max(start, stop)


def checked_slice(op: str, start: int, stop: int | None, last: int | None) -> Slice:
    """Return the slice that these arguments ask for.

    Raises:
        InvalidArgumentError: one is no integer, `last` is negative or given beside another one.
    """
    for name, value in (("start", start), ("stop", stop), ("last", last)):
        if type(value) is not int and not (value is None and name != "start"):
            raise refused(op, name, f"is an integer, not {type(value).__name__}")
    if last is not None and last < 0:
        raise refused(op, "last", "is a number of values, 0 or more")
    if last is not None and (start != 0 or stop is not None):
        raise refused(op, "last", "cannot be given together with start or stop")
    return Slice(start=start, stop=stop, last=last)


class Steps:
    """The pages that an iteration reads: `range_of` is the next one's."""

    def __init__(self, wanted: Slice, page: int | None, reverse: bool) -> None:
        self._wanted = wanted
        self._page = page
        self._reverse = reverse
        self._left: tuple[int, int] | None = None

    @property
    def has_more(self) -> bool:
        """Whether a page has to be read; the first one always."""
        return self._left is None or self._left[0] < self._left[1]

    def range_of(self, length: int) -> tuple[int, int]:
        """Return the range of the next page in a conversation of this length."""
        start, stop = self._wanted.of(length) if self._left is None else self._left
        if self._page is None:
            return start, stop
        if self._reverse:
            return max(start, stop - self._page), stop
        return start, min(stop, start + self._page)

    def read(self, page: MessagePage) -> None:
        """Note that a page was read."""
        start, stop = self._wanted.of(page.length) if self._left is None else self._left
        self._left = (start, page.start) if self._reverse else (page.stop, stop)
