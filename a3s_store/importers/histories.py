"""Import of the histories of other tools: find the files, and save the sessions in them.

Each file is recognised by its content. A file that is no history is reported and passed over; one
that cannot be read, or whose session is stored with another conversation, is refused.
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import attrs

from a3s_store.core.protocol import SessionStore
from a3s_store.core.transfer_report import (
    OnProgress,
    Progress,
    SessionPairs,
    TransferEntry,
    TransferReport,
    reason_of,
)
from a3s_store.errors import StoreError, StoreUnavailableError
from a3s_store.importers.formats import UPSTREAM, formats_named
from a3s_store.importers.history import DamagedSourceError, Format, History, NotThisFormatError
from a3s_store.importers.history_saver import save_history
from a3s_store.importers.source_files import FoundFile, found_files
from a3s_store.importers.store_item import ITS_OWN, OnConflict, check_mode
from a3s_store.importers.upstream import import_directory
from a3s_store.wire import DEFAULT_LIMITS, Limits

OP: Final = "import_history"
_UNKNOWN: Final = "not a file of a known format"


async def import_history(
    store: SessionStore,
    path: str | os.PathLike[str],
    *,
    format: str | None = None,  # noqa: A002 - the word of the command line
    on_conflict: OnConflict = "refuse",
    repair: bool = False,
    progress: OnProgress | None = None,
    limits: Limits = DEFAULT_LIMITS,
) -> TransferReport:
    """Import the sessions in a file or directory of another tool, and return a report.

    `format` is one of the names in docs/importing.md; None recognises each file by its content, and
    takes a directory without a known history for one of upstream's. Links are not followed. Each
    session keeps the ids and times of its source. Earlier conversations of a session, which it left
    or compacted, become older generations in a store that has them. What has no place in a session
    is kept in a stream of the session, `import:FORMAT:ID`, and counted in `report.opaque`.

    A second import of the same source brings only what is new. `on_conflict` decides about a
    session whose stored conversation is not the beginning of the source's: `refuse` and `skip`
    leave it, `replace` makes the source's the present one. `repair` as in `import_directory`;
    `limits.value_size` is the longest line or conversation that is read.

    A session is read and saved in batches, each one transaction; an import that was interrupted
    goes on where it ended when it is run again. `progress` is called after each file.

    `report.ok` is False also where nothing was read and nothing was stored before.

    Raises:
        InvalidArgumentError: `format` or `on_conflict` is none of those.
        StoreUnavailableError: there is nothing at `path`.
        StoreError: the store cannot be written.
    """
    check_mode(on_conflict)
    formats = formats_named(format)
    root = _root(path)
    if not await asyncio.to_thread(root.exists):
        raise StoreUnavailableError(
            "there is no file or directory to import", op=OP, where=str(root)
        )
    found = await asyncio.to_thread(_recognized, root, formats)
    wanted = [one for one in found if one[1] is not None]
    if root.is_dir() and (format == UPSTREAM or (format is None and not wanted)):
        made = await import_directory(
            store, root, on_conflict=on_conflict, repair=repair, progress=progress, limits=limits
        )
        return attrs.evolve(made, formats=(UPSTREAM,), needs_entries=True)
    work = _Import(store, on_conflict, repair, limits)
    for file, chosen in found:
        if chosen is None:
            reason = file.problem or _reason(file, formats)
            work.entries.append(TransferEntry(path=file.path, outcome="skipped", reason=reason))
    for done, (file, chosen) in enumerate(wanted, 1):
        if chosen is not None:
            await work.file(file, chosen)
        if progress is not None:
            progress(Progress(done=done, total=len(wanted), current=file.path))
    return work.report()


def format_of(path: Path, format: str | None = None) -> str | None:  # noqa: A002 - as above
    """Return the name of the format of one file; None where it is no history.

    Raises:
        InvalidArgumentError: `format` is no name.
    """
    (found,) = _recognized(_root(path), formats_named(format))
    return found[1].name if found[1] is not None else None


def _root(path: str | os.PathLike[str]) -> Path:
    """Return the path that was given; only this one may be a link."""
    root = Path(path).absolute()
    return root.resolve() if root.is_symlink() else root


def _recognized(root: Path, formats: tuple[Format, ...]) -> list[tuple[FoundFile, Format | None]]:
    """Return the files under a path with their formats, without their beginnings."""
    return [
        (attrs.evolve(file, sample=b""), _format_of(file, formats)) for file in found_files(root)
    ]


def _reason(file: FoundFile, formats: tuple[Format, ...]) -> str:
    beside = any(one.accompanies(file) for one in formats)
    return "read with the file beside it" if beside else _UNKNOWN


def _format_of(file: FoundFile, formats: tuple[Format, ...]) -> Format | None:
    if file.problem is not None:
        return None
    return next((one for one in formats if one.recognizes(file)), None)


@attrs.define
class _Import:
    """The files of one import, and what became of them."""

    store: SessionStore
    on_conflict: OnConflict
    repair: bool
    limits: Limits
    entries: list[TransferEntry] = attrs.field(factory=list)
    pairs: list[SessionPairs] = attrs.field(factory=list)
    formats: set[str] = attrs.field(factory=set)
    opaque: Counter[str] = attrs.field(factory=Counter)
    lost: Counter[str] = attrs.field(factory=Counter)

    async def file(self, file: FoundFile, chosen: Format) -> None:
        """Save the sessions of one file."""
        histories = iter(chosen.read(file, self.limits))
        size = file.size_bytes
        try:
            while history := await asyncio.to_thread(_next, histories):
                self.entries.append(await self._save(file, history, chosen, size))
                size = 0
        except NotThisFormatError as error:
            self._add(file, "skipped", str(error))
            return
        except DamagedSourceError as error:
            self._add(file, "refused", str(error))
        except OSError as error:
            if isinstance(error, StoreError):  # of the store, not of the file
                raise
            self._add(file, "refused", f"the file cannot be read: {error.strerror}")
        except ITS_OWN as error:
            self._add(file, "refused", reason_of(error))
        except MemoryError:
            self._add(file, "refused", "there is not enough memory to read it")
        self.formats.add(chosen.name)

    async def _save(
        self, file: FoundFile, history: History, chosen: Format, size: int
    ) -> TransferEntry:
        session_id = history.session.id
        try:
            saved = await save_history(
                self.store, history, chosen.name, self.on_conflict, repair=self.repair
            )
        except ITS_OWN as error:
            return TransferEntry(
                path=file.path, outcome="refused", session_id=session_id, reason=reason_of(error)
            )
        outcome = saved.outcome
        if outcome.outcome == "kept":
            self.opaque += history.counted + saved.counted
            self.lost += history.lost + saved.lost
        if saved.pairs is not None:
            self.pairs.append(saved.pairs)
        return TransferEntry(
            path=file.path,
            outcome="read" if outcome.outcome == "kept" else outcome.outcome,
            session_id=session_id,
            reason=outcome.reason,
            size_bytes=size,
        )

    def _add(self, file: FoundFile, outcome: str, reason: str) -> None:
        refused = outcome == "refused"
        self.entries.append(
            TransferEntry(
                path=file.path,
                outcome="refused" if refused else "skipped",
                reason=reason,
                size_bytes=file.size_bytes,
            )
        )

    def report(self) -> TransferReport:
        """Return the report of all files."""
        return TransferReport.of(
            self.entries,
            pairs=self.pairs,
            formats=tuple(sorted(self.formats)),
            opaque=dict(sorted(self.opaque.items())),
            lost=dict(sorted(self.lost.items())),
            needs_entries=True,
        )


def _next(histories: Iterator[History]) -> History | None:
    return next(histories, None)
