"""Cleaning of texts that machines made, where they enter a live session.

The output of a tool, a file name in it, or a model's stream may have half a character. A person's
text is refused instead (`limits`), since its author can correct it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias, TypeVar

from a3s_store.core.clean import Cleaner
from a3s_store.errors import EncodeError
from a3s_store.runtime.state.limits import check_writable

T = TypeVar("T")

# Called with the place of cleaned texts, as in `TextCleaned.where`, and their number.
OnCleaned: TypeAlias = Callable[[str, int], object]


def ignore_cleaned(where: str, count: int) -> None:
    """The `OnCleaned` of an object that belongs to no session."""


def writable(value: T, where: str, tell: OnCleaned) -> T:
    """Return a model that can be saved: the value itself, or with its texts cleaned.

    `tell` is called once if texts were cleaned. Costs one encoding when there is nothing to clean.

    Raises:
        EncodeError: something other than a text cannot be saved.
    """
    try:
        check_writable(value)
    except EncodeError:
        cleaner = Cleaner()
        value = cleaner.model(value)
        check_writable(value)
        tell(where, cleaner.count)
    return value
