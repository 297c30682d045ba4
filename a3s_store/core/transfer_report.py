"""What a transfer answers: an entry for each file, and nothing of what stands in one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Literal, TypeAlias

import attrs

from a3s_store.core.tool_pairs import PairProblem
from a3s_store.errors import CodecError, StoreError
from a3s_store.printable import Printable, one_line

Outcome: TypeAlias = Literal["read", "written", "skipped", "refused"]


@attrs.frozen(kw_only=True)
class TransferEntry(Printable):
    """One file. `path` is relative to the directory, with `/`.

    `read` went into the store, `written` came out of it; `skipped` and `refused` have a reason. A
    refused file holds something of the store's kind that was not transferred. `path` is empty for
    what no file could be named after; `session_id` is the name of the files where a file was too
    bad to tell the id.
    """

    path: str
    outcome: Outcome
    session_id: str | None = None
    reason: str | None = None
    size_bytes: int = 0


@attrs.frozen(kw_only=True)
class SessionPairs:
    """How many tool calls have no result, and results no call, in the conversation of one session.

    `open_calls` are calls without result in the last round. They are counted as they were found,
    also when they were `repaired` in the store.
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
        """The counts of these problems."""
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
    """The entries of a transfer by path. `notes` say what could not be looked for at all.

    `pairs` are the sessions read whose tool calls and results do not match, by id; they count as
    whole all the same.
    """

    entries: tuple[TransferEntry, ...]
    notes: tuple[str, ...] = ()
    pairs: tuple[SessionPairs, ...] = ()

    @classmethod
    def of(
        cls,
        entries: Iterable[TransferEntry],
        notes: tuple[str, ...] = (),
        pairs: Iterable[SessionPairs] = (),
    ) -> TransferReport:
        """The report of these entries, sorted."""
        ordered = sorted(entries, key=lambda entry: (entry.path, entry.session_id or ""))
        by_id = sorted(pairs, key=lambda one: one.session_id)
        return cls(entries=tuple(ordered), notes=notes, pairs=tuple(by_id))

    def __str__(self) -> str:
        lines = [
            f"{entry.outcome:8} {entry.path}" + (f": {entry.reason}" if entry.reason else "")
            for entry in self.entries
        ]
        lines += [f"pairs    {one}" for one in self.pairs]
        lines += [f"Note: {note}." for note in self.notes]
        # Names of files and ids come from outside: one must not look like a second line.
        return "\n".join(map(one_line, lines))

    @property
    def ok(self) -> bool:
        """Whether nothing was refused."""
        return not self.count("refused")

    @property
    def size_bytes(self) -> int:
        """The size of the files that were read or written."""
        moved = {"read", "written"}
        return sum(entry.size_bytes for entry in self.entries if entry.outcome in moved)

    def count(self, outcome: Outcome) -> int:
        """How many files had this outcome."""
        return sum(entry.outcome == outcome for entry in self.entries)


@attrs.frozen(kw_only=True)
class Progress:
    """How far a transfer is: `done` of `total` sessions and checkpoints, `current` the last one."""

    done: int
    total: int
    current: str


# Called with each session and checkpoint that is done; what it raises ends the transfer, and each
# of them is whole.
OnProgress: TypeAlias = Callable[[Progress], object]


def reason_of(error: StoreError) -> str:
    """An error as a report has it: without the operation and the absolute path."""
    place = ""
    if isinstance(error, CodecError):
        place = ".".join(part for part in (error.model, error.path) if part)
    what = f"{place}: {error.what}" if place else error.what
    return f"{what}. {error.hint}" if error.hint else what
