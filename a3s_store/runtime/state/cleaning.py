"""Texts that machines made are cleaned where they enter a live session, and their number is told.

The output of a tool, a name of a file in it, or what a model streamed may hold half a character. A
person's text is refused instead (`limits`): its author is there to be told.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias, TypeVar

from a3s_store.core.clean import Cleaner
from a3s_store.errors import EncodeError
from a3s_store.runtime.state.limits import check_writable

T = TypeVar("T")

# Called with whose texts were cleaned, as `TextCleaned.where`, and how many.
OnCleaned: TypeAlias = Callable[[str, int], object]


def tell_no_one(where: str, count: int) -> None:
    """The `OnCleaned` of what belongs to no session."""


def writable(value: T, where: str, tell: OnCleaned) -> T:
    """Return a model that can be saved: the value itself, or with its texts cleaned.

    `tell` is called once if texts were cleaned. Costs one encoding when there is nothing to clean.

    Raises:
        EncodeError: something else in it cannot be saved.
    """
    try:
        check_writable(value)
    except EncodeError:
        cleaner = Cleaner()
        value = cleaner.model(value)
        check_writable(value)
        tell(where, cleaner.count)
    return value
