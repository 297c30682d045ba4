"""Policies: how long generations, earlier conversations and unused sessions are kept."""

from __future__ import annotations

from typing import Any, Final

import attrs

from a3s_store.core.arguments import refused
from a3s_store.printable import short_repr

DAY_MS: Final = 86_400_000
# Each field with its least value; None is a value of each.
_LEAST: Final = {
    "keep_generations": 1,
    "keep_branches_days": 1,
    "trash_days": 0,
    "max_bytes": 1,
    "log_rows": 1,
    "log_days": 1,
}
# What the commit log of a file keeps where nothing else is said: entries, and days.
LOG_ROWS: Final = 100_000
LOG_DAYS: Final = 7


@attrs.frozen(kw_only=True)
class RetentionPolicy:
    """The rules by which `prune` and an idle store remove; those of `LOSSLESS` lose no message.

    Of each session the newest `keep_generations` generations stay, and all of the last day. Older
    ones whose conversation is the beginning of a kept one are removed; None: all generations stay.

    Older generations with messages of their own, those of rewound, edited and compacted
    conversations, are removed `keep_branches_days` after they were saved; None: they stay.

    Sessions are deleted `trash_days` after they were put in the trash, unless they were changed
    since; None: they stay.

    While more than `max_bytes` are used, archived sessions are deleted, those updated first before
    the others: none that is pinned, has an unfinished run, or was changed within the last day.
    None: no limit. A file uses the bytes of its pages that are not free.

    The commit log keeps its newest `log_rows` entries, and all that were committed within
    `log_days` before the newest one. None: what the store was opened with; of a store in memory
    everything, unless the other number is given.

    Raises:
        InvalidArgumentError: a number is no integer, or too small.
    """

    keep_generations: int | None = 100
    keep_branches_days: int | None = 90
    trash_days: int | None = 30
    max_bytes: int | None = None
    log_rows: int | None = None
    log_days: int | None = None

    def __attrs_post_init__(self) -> None:
        for name, least in _LEAST.items():
            value = getattr(self, name)
            below = 2**31 if name.endswith("_days") else 2**63  # milliseconds have 64 bits
            if value is not None and not (type(value) is int and least <= value < below):
                what = (
                    f"is an integer from {least} to {below - 1}, or None, not {short_repr(value)}"
                )
                raise refused("RetentionPolicy", name, what)

    def log_kept(self, rows: int, days: int) -> tuple[int, int]:
        """Return how many entries of the commit log stay, and days; those given where it has none.

        The newest entry always stays.
        """
        return self.log_rows or rows, self.log_days or days

    def kept_since(self, now_ms: int) -> Kept:
        """Return what stays of the generations of a session, at a time in Unix milliseconds."""
        days = self.keep_branches_days
        return Kept(
            newest=self.keep_generations,
            since_ms=now_ms - DAY_MS,
            tips_before_ms=None if days is None else now_ms - days * DAY_MS,
        )


@attrs.frozen(kw_only=True)
class Kept:
    """The newest `newest` generations of a session stay (None: all), and those since `since_ms`.

    Times are Unix milliseconds. Generations with messages of their own are removed if they were
    saved before `tips_before_ms`; None: they stay.
    """

    newest: int | None
    since_ms: int
    tips_before_ms: int | None


@attrs.define(kw_only=True)
class Removed:
    """How much was removed or would be, and the bytes of it; `sessions` lost generations."""

    sessions: int = 0
    generations: int = 0
    branches: int = 0
    messages: int = 0
    blobs: int = 0
    bytes: int = 0

    def add(self, other: Removed) -> None:
        """Add the counts of another step."""
        for field in attrs.fields(Removed):
            setattr(self, field.name, getattr(self, field.name) + getattr(other, field.name))

    def less(self, other: Removed) -> Removed:
        """Return the difference of the counts."""
        names = [field.name for field in attrs.fields(Removed)]
        return Removed(**{name: getattr(self, name) - getattr(other, name) for name in names})


# The policy of a store without one: generations go that lose no message.
LOSSLESS: Final = RetentionPolicy(keep_branches_days=None, trash_days=None)


def policy_of(op: str, argument: str, given: Any, otherwise: RetentionPolicy) -> RetentionPolicy:
    """Return the policy of an argument that may be None.

    Raises:
        InvalidArgumentError: it is anything else.
    """
    if given is None:
        return otherwise
    if type(given) is not RetentionPolicy:
        raise refused(op, argument, f"is a RetentionPolicy or None, not {short_repr(given)}")
    return given
