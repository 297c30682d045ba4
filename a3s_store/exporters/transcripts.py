"""Export of sessions as transcripts and in the formats of other tools: a file for each session."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from a3s_store.core.collections import check_id
from a3s_store.core.protocol import SessionStore
from a3s_store.core.transfer_report import (
    OnProgress,
    Progress,
    TransferEntry,
    TransferReport,
    reason_of,
)
from a3s_store.errors import InvalidArgumentError, StoreUnavailableError
from a3s_store.exporters.formats import ExportFormat, format_named
from a3s_store.exporters.loading import Loaded, loaded
from a3s_store.exporters.text_files import file_name, with_hash, write_text
from a3s_store.importers.store_item import ITS_OWN, OnConflict, check_mode

OP: Final = "export_transcripts"


async def export_transcripts(
    store: SessionStore,
    directory: str | os.PathLike[str],
    *,
    format: str,  # noqa: A002 - the word of the command line
    session_ids: Sequence[str] | None = None,
    branches: bool = True,
    on_conflict: OnConflict = "refuse",
    progress: OnProgress | None = None,
) -> TransferReport:
    """Export sessions into a directory, each as a file in a format, and return a report.

    `format` is one of the names in docs/exporting.md, except upstream's directories, which
    `export_directory` writes. `session_ids` None exports all. `branches` False leaves out the
    conversations that a session left. A missing directory is created; files are for their owner
    alone. Equal files are skipped, so an export can be repeated; `on_conflict` decides about a file
    with other content. `report.lost` counts what the format cannot say. `progress` is called after
    each session.

    Raises:
        InvalidArgumentError: an argument has a wrong value.
        InvalidIdError: one of `session_ids` is not valid.
        StoreUnavailableError: the directory cannot be written.
        StoreError: the store cannot be read.
    """
    check_mode(on_conflict)
    chosen = format_named(format)
    if isinstance(session_ids, str):
        raise InvalidArgumentError(
            "session_ids is a list of ids, not a single id",
            argument="session_ids",
            op=OP,
            hint="Give [session_id]",
        )
    wanted = sorted(await store.list() if session_ids is None else set(map(check_id, session_ids)))
    root = Path(directory).absolute()
    entries: list[TransferEntry] = []
    lost: Counter[str] = Counter()
    # On some file systems names are the same if only their case differs.
    taken: set[str] = set()
    for done, session_id in enumerate(wanted, 1):
        name = file_name(session_id)
        if name.casefold() in taken:
            name = with_hash(name, session_id)
        taken.add(name.casefold())
        entries += await _session(
            store, root / name, session_id, chosen, branches, on_conflict, lost
        )
        if progress is not None:
            progress(Progress(done=done, total=len(wanted), current=session_id))
    return TransferReport.of(entries, formats=(chosen.name,), lost=dict(sorted(lost.items())))


async def _session(
    store: SessionStore,
    stem: Path,
    session_id: str,
    chosen: ExportFormat,
    branches: bool,
    on_conflict: OnConflict,
    lost: Counter[str],
) -> list[TransferEntry]:
    try:
        found = await loaded(store, session_id, branches=branches and chosen.branches)
        if found is None:
            return [_refused(stem.name, session_id, "nothing is stored under this id")]
        write = _written(stem, found, chosen, on_conflict, lost)
        return await asyncio.to_thread(list, write)
    except ITS_OWN as error:
        return [_refused(stem.name, session_id, reason_of(error))]
    except OSError as error:
        raise StoreUnavailableError(
            f"the directory cannot be written: {error.strerror}", op=OP, where=str(stem.parent)
        ) from error


def _written(
    stem: Path, found: Loaded, chosen: ExportFormat, on_conflict: OnConflict, lost: Counter[str]
) -> Iterator[TransferEntry]:
    for end, parts in chosen.files(found, lost):
        outcome, size = write_text(stem.parent / (stem.name + end), parts, on_conflict)
        yield TransferEntry(
            path=stem.name + end,
            outcome="written" if outcome.outcome == "kept" else outcome.outcome,
            session_id=found.snapshot.session.id,
            reason=outcome.reason,
            size_bytes=size,
        )


def _refused(name: str, session_id: str, reason: str) -> TransferEntry:
    return TransferEntry(path=name, outcome="refused", session_id=session_id, reason=reason)
