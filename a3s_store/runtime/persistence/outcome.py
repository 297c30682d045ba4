"""The outcome of a save."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

import attrs

from a3s_store.errors import StoreError
from a3s_store.printable import Printable

OutcomeKind: TypeAlias = Literal[
    "unchanged", "saved", "merged", "forked", "partly_saved", "deleted", "not_saved"
]


@attrs.frozen(kw_only=True)
class Outcome(Printable):
    """The result of a save; false for `deleted` and `not_saved`.

    `kind` is `unchanged` (there were no changes, nothing was written), `saved`, `merged` (with
    changes that others had saved), `forked` (the changes made here are the session `forked_as`),
    `partly_saved` (all but `parts`, which could not be written), `deleted` (elsewhere) or
    `not_saved`; the last three have an `error`. `generation` is that of the stored session after
    the save, None where it is not known.
    """

    kind: OutcomeKind
    generation: int | None = None
    forked_as: str | None = None
    parts: tuple[str, ...] = ()
    error: StoreError | None = None

    def __bool__(self) -> bool:
        return self.kind not in ("deleted", "not_saved")


UNCHANGED: Final = Outcome(kind="unchanged")
