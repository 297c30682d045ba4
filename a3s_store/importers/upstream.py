"""Import of upstream's directories: each session or checkpoint is saved completely or refused.

Errors of a value or a file go into the report. Errors of the store or the disk (closed, busy, full,
unavailable) are raised, since every other value would cause them too; a second run finishes the
import.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import attrs

from a3s_store.core.protocol import SessionStore
from a3s_store.core.tool_pairs import check_pairs
from a3s_store.core.transfer_report import (
    OnProgress,
    Progress,
    SessionPairs,
    TransferEntry,
    TransferReport,
    reason_of,
)
from a3s_store.importers.store_item import (
    SAVED,
    UNCHANGED,
    CheckpointItem,
    Item,
    OnConflict,
    Outcome,
    check_mode,
    keep_or_refuse,
)
from a3s_store.importers.upstream_files import Content, Group, RefusedError, SourceFile, Unit
from a3s_store.importers.upstream_scan import Source
from a3s_store.wire import DEFAULT_LIMITS, Limits

# As many as one transaction of the SQLite store takes, and the bytes of files read at once.
_AT_ONCE: Final = 64
_BYTES_AT_ONCE: Final = 4 * 1024 * 1024


async def import_directory(
    store: SessionStore,
    directory: str | os.PathLike[str],
    *,
    on_conflict: OnConflict = "refuse",
    repair: bool = False,
    progress: OnProgress | None = None,
    limits: Limits = DEFAULT_LIMITS,
) -> TransferReport:
    """Import a directory of upstream's (2.6.0 to 3.3.0) into a store, and return a report.

    A session is saved as one snapshot; collections without a session are saved one by one. If one
    file is bad, nothing of its session is saved. `on_conflict` decides if the store has another
    value under an id: `refuse` (the default: nothing is lost, and `report.ok` is False), `replace`
    or `skip`. Equal values are skipped, so an interrupted import can be run again. The directory is
    not changed.

    `report.pairs` lists the sessions with tool calls without result or results without call, which
    providers refuse. `repair` repairs them in the store (`a3s_store.pairs`), also those of an
    earlier import; in a store with generations the imported conversation stays as the generation
    before. Run checkpoints are never repaired, since runs continue from them.

    `limits.file_bytes` is the largest file that is read. A larger file, a file or folder that
    cannot be read, and a folder with a too long path are refused, and the import continues.

    Up to 64 small sessions are imported at once; a store with group commit syncs them together.
    `progress` is called after each session and checkpoint. An error that it raises ends the import;
    every session is then imported completely or not at all.

    Raises:
        InvalidArgumentError: `on_conflict` is none of the three.
        StoreUnavailableError: the directory cannot be read.
        StoreError: the store cannot be written.
    """
    check_mode(on_conflict)
    source = Source(Path(directory).absolute(), limits)
    await asyncio.to_thread(source.scan)
    entries = [_entry(file, outcome, None) for file, outcome in source.strays]
    pairs: list[SessionPairs] = []
    units: list[Unit] = [*source.groups, *source.checkpoints]
    done = 0
    for share in (*shares(source.groups), *shares(source.checkpoints)):
        outcomes = await _import_share(store, source, share, on_conflict, repair)
        for unit, outcome in zip(share, outcomes, strict=True):
            if isinstance(outcome, BaseException):
                raise outcome
            made, found = outcome
            entries += made
            pairs += [] if found is None else [found]
            done += 1
            if progress is not None:
                progress(Progress(done=done, total=len(units), current=unit.files()[0].path))
    return TransferReport.of(entries, pairs=pairs)


def shares(units: Sequence[Unit]) -> Iterator[list[Unit]]:
    """Yield the units in groups that are imported at once, so that small ones share a sync.

    No two units have one id, since the names of their files are made of it.
    """
    share: list[Unit] = []
    nbytes = 0
    for unit in units:
        size = sum(file.size_bytes for file in unit.files())
        if share and (len(share) == _AT_ONCE or nbytes + size > _BYTES_AT_ONCE):
            yield share
            share, nbytes = [], 0
        share.append(unit)
        nbytes += size
    if share:
        yield share


async def _import_share(
    store: SessionStore,
    source: Source,
    share: Sequence[Unit],
    on_conflict: OnConflict,
    repair: bool,
) -> list[tuple[list[TransferEntry], SessionPairs | None] | BaseException]:
    """Read the units and save each; returning frees their contents."""
    # One after the other, since reading takes the directory's lock.
    read = [await _read(source, unit) for unit in share]
    work = [
        _save(store, unit, content, on_conflict, repair)
        for unit, content in zip(share, read, strict=True)
    ]
    # Wait for all, even if one raises, so that none continues after the caller has the error.
    return await asyncio.gather(*work, return_exceptions=True)


async def _read(source: Source, unit: Unit) -> Content | RefusedError:
    try:
        return await asyncio.to_thread(source.read, unit)
    except RefusedError as refused:
        return refused


async def _save(
    store: SessionStore,
    unit: Unit,
    content: Content | RefusedError,
    on_conflict: OnConflict,
    repair: bool,
) -> tuple[list[TransferEntry], SessionPairs | None]:
    files = unit.files()
    if isinstance(content, RefusedError):
        reason = f"{content.file.path}: {reason_of(content.error)}"
        name = unit.name if isinstance(unit, Group) else None
        return [_entry(file, Outcome("refused", reason), name) for file in files], None
    outcome = await keep_or_refuse(store, content.item, on_conflict, repair=repair)
    entries = [_content_entry(file, content, outcome) for file in files]
    return entries, _pairs(content.item, repair and outcome in (SAVED, UNCHANGED))


def _pairs(item: Item, repaired: bool) -> SessionPairs | None:
    if isinstance(item, CheckpointItem) or item.snapshot is None:
        return None
    problems = check_pairs(item.snapshot.session.messages)
    if not problems:
        return None
    return SessionPairs.of(item.owner, problems, repaired=repaired)


def _content_entry(file: SourceFile, content: Content, outcome: Outcome) -> TransferEntry:
    session_id = content.item.session_id
    if file.path in content.ignored:
        return _entry(file, Outcome("skipped", content.ignored[file.path]), session_id)
    if outcome is SAVED:
        outcome = attrs.evolve(outcome, reason=content.remarks.get(file.path))
    return _entry(file, outcome, session_id)


def _entry(file: SourceFile, outcome: Outcome, session_id: str | None) -> TransferEntry:
    return TransferEntry(
        path=file.path,
        outcome="read" if outcome.outcome == "kept" else outcome.outcome,
        session_id=session_id,
        reason=outcome.reason,
        size_bytes=file.size_bytes,
    )
