"""Reports of imports and exports: an entry for each file, without any of its content."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Final, Literal, TypeAlias, TypedDict, Unpack

import attrs

from a3s_store.core.tool_pairs import PairProblem
from a3s_store.errors import CodecError, StoreError
from a3s_store.printable import Printable, one_line

Outcome: TypeAlias = Literal["read", "written", "skipped", "refused"]
# The reason of an entry whose value is stored already.
ALREADY: Final = "already there"


class _More(TypedDict, total=False):
    formats: tuple[str, ...]
    opaque: Mapping[str, int]
    lost: Mapping[str, int]
    needs_entries: bool


@attrs.frozen(kw_only=True)
class TransferEntry(Printable):
    """One file of a transfer. `path` is relative to the directory, with `/`.

    The outcome `read` means imported, `written` exported; `skipped` and `refused` have a reason. A
    refused file has stored data that was not transferred. `path` is empty if the id cannot be a
    file name; `session_id` is the name of the file if the file is too damaged to read the id.
    """

    path: str
    outcome: Outcome
    session_id: str | None = None
    reason: str | None = None
    size_bytes: int = 0


@attrs.frozen(kw_only=True)
class SessionPairs:
    """The tool calls without result, and results without call, in one session's conversation.

    `open_calls` are calls without result in the last round. The counts are those of the source,
    even if the conversation was `repaired` in the store.
    """

    session_id: str
    calls_without_result: int = 0
    results_without_call: int = 0
    open_calls: int = 0
    repaired: bool = False

    @classmethod
    def of(
        cls, session_id: str, problems: Iterable[PairProblem], *, repaired: bool = False
    ) -> SessionPairs:
        """Return the counts of these problems."""
        counts = Counter(problem.kind for problem in problems)
        return cls(
            session_id=session_id,
            calls_without_result=counts["call_without_result"],
            results_without_call=counts["result_without_call"],
            open_calls=counts["open_call"],
            repaired=repaired,
        )

    @property
    def what(self) -> str:
        """The counts as text: `1 call without result, 2 open calls`; empty when all are 0."""
        named = (
            (self.calls_without_result, "call without result", "calls without result"),
            (self.results_without_call, "result without call", "results without call"),
            (self.open_calls, "open call", "open calls"),
        )
        return ", ".join(f"{n} {one if n == 1 else many}" for n, one, many in named if n)

    def __str__(self) -> str:
        return f"{one_line(self.session_id)}: {self.what}" + (", repaired" if self.repaired else "")


@attrs.frozen(kw_only=True)
class TransferReport:
    """The entries of a transfer, sorted by path. `notes` are sources that could not be searched.

    `pairs` are the imported sessions with unmatched tool calls or results, sorted by id; these
    count as imported. `formats` are the names of the formats that were read. `opaque` counts, by
    kind, what has no place of its own in a session and was kept as it was, `lost` what could not be
    kept. `needs_entries`: a transfer in which nothing was read, and of which nothing was stored
    before, is not `ok`.
    """

    entries: tuple[TransferEntry, ...]
    notes: tuple[str, ...] = ()
    pairs: tuple[SessionPairs, ...] = ()
    formats: tuple[str, ...] = ()
    opaque: Mapping[str, int] = attrs.field(factory=dict)
    lost: Mapping[str, int] = attrs.field(factory=dict)
    needs_entries: bool = False

    @classmethod
    def of(
        cls,
        entries: Iterable[TransferEntry],
        notes: tuple[str, ...] = (),
        pairs: Iterable[SessionPairs] = (),
        **more: Unpack[_More],
    ) -> TransferReport:
        """Return the report of these entries, sorted."""
        ordered = sorted(entries, key=lambda entry: (entry.path, entry.session_id or ""))
        by_id = sorted(pairs, key=lambda one: one.session_id)
        return cls(entries=tuple(ordered), notes=notes, pairs=tuple(by_id), **more)

    def __str__(self) -> str:
        lines = [
            f"{entry.outcome:8} {entry.path}" + (f": {entry.reason}" if entry.reason else "")
            for entry in self.entries
        ]
        lines += [f"pairs    {one}" for one in self.pairs]
        lines += [f"opaque   {kind}: {count}" for kind, count in self.opaque.items()]
        lines += [f"lost     {kind}: {count}" for kind, count in self.lost.items()]
        lines += [f"Note: {note}." for note in self.notes]
        # Names of files and ids come from outside: a line feed in one must not start a line.
        return "\n".join(map(one_line, lines))

    @property
    def ok(self) -> bool:
        """Whether nothing was refused, and something was found if that is needed."""
        return not self.count("refused") and not (self.needs_entries and self.is_empty)

    @property
    def is_empty(self) -> bool:
        """Whether no session was found: none was moved, was stored already, or has an outcome."""
        moved = {"read", "written"}
        return not any(
            one.outcome in moved or one.reason == ALREADY or one.session_id is not None
            for one in self.entries
        )

    @property
    def size_bytes(self) -> int:
        """The size of all files that were read or written."""
        moved = {"read", "written"}
        return sum(entry.size_bytes for entry in self.entries if entry.outcome in moved)

    def count(self, outcome: Outcome) -> int:
        """Return the number of files with this outcome."""
        return sum(entry.outcome == outcome for entry in self.entries)


@attrs.frozen(kw_only=True)
class Progress:
    """The progress of a transfer: `done` of `total` sessions and checkpoints; `current` is last."""

    done: int
    total: int
    current: str


# Called after each session and checkpoint. An error that it raises ends the transfer; everything
# transferred so far is complete.
OnProgress: TypeAlias = Callable[[Progress], object]


def reason_of(error: StoreError) -> str:
    """Return the text of an error for a report: without the operation and the absolute path."""
    place = ""
    if isinstance(error, CodecError):
        place = ".".join(part for part in (error.model, error.path) if part)
    what = f"{place}: {error.what}" if place else error.what
    return f"{what}. {error.hint}" if error.hint else what
