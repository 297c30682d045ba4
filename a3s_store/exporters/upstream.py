"""Export of a store into upstream's directories, with the rules of the import."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import attrs

from a3s_store.backends.jsonfiles import FileSessionStore
from a3s_store.backends.jsonfiles.layout import SUFFIX, Layout, checkpoint_name, name_of
from a3s_store.core.base.store import BaseStore
from a3s_store.core.collections import (
    COLLECTIONS,
    LOOP_CHECKPOINTS,
    WORKFLOW_CHECKPOINTS,
    CheckpointKind,
    check_id,
)
from a3s_store.core.host_data import NO_HOST_DATA
from a3s_store.core.protocol import Inventoried, SessionStore
from a3s_store.core.protocol.host_data import HostDataStore
from a3s_store.core.protocol.streams import streaming
from a3s_store.core.redaction.redactor import BUILT_IN
from a3s_store.core.transfer_report import (
    OnProgress,
    Progress,
    TransferEntry,
    TransferReport,
    reason_of,
)
from a3s_store.errors import InvalidArgumentError, StoreUnavailableError
from a3s_store.importers.store_item import (
    ITS_OWN,
    SAVED,
    CheckpointItem,
    Item,
    OnConflict,
    Outcome,
    SessionItem,
    check_mode,
    keep_or_refuse,
    load_collections,
)
from a3s_store.wire import DEFAULT_LIMITS, Limits

# Errors of a single file's path; all others are errors of the directory.
_OF_ONE_PATH: Final = {
    errno.EACCES,
    errno.EISDIR,
    errno.ELOOP,
    errno.ENAMETOOLONG,
    errno.ENOTDIR,
    errno.EPERM,
}


async def export_directory(
    store: SessionStore,
    directory: str | os.PathLike[str],
    *,
    session_ids: Sequence[str] | None = None,
    on_conflict: OnConflict = "refuse",
    progress: OnProgress | None = None,
    limits: Limits = DEFAULT_LIMITS,
) -> TransferReport:
    """Export sessions into a directory with the layout of upstream's 3.3.0; return a report.

    A missing directory is created. `session_ids` None exports everything; otherwise these sessions
    with the loop checkpoints of their runs. If the store is not `Inventoried`, its `list()` is used
    instead, and the notes of the report list what that misses. `on_conflict` and `progress` as for
    `import_directory`; here the directory may have another value, and a second id with the same
    file name is refused. `limits` apply to the directory, as in `FileSessionStore.open`. If a
    single file cannot be written, because of a link for example, its entry is refused and the
    export continues.

    Labels, metadata, pins and marks of archive and trash, byte artifacts and streams are not
    exported, since upstream's files have no place for them; the notes say where there are any.

    Raises:
        InvalidArgumentError: `on_conflict` is none of the three, or `session_ids` is a single text.
        InvalidIdError: one of `session_ids` is not valid.
        StoreUnavailableError: the directory cannot be written.
        StoreError: the store cannot be read.
    """
    check_mode(on_conflict)
    if isinstance(session_ids, str):
        raise InvalidArgumentError(
            "session_ids is a list of ids, not a single id",
            argument="session_ids",
            op="export_directory",
            hint="Give [session_id]",
        )
    selected = await _select(store, session_ids)
    root = Path(directory).absolute()
    entries: list[TransferEntry] = []
    # The names of the store, so that values which the store keeps are not blanked here.
    credentials = store.credentials if isinstance(store, BaseStore) else BUILT_IN
    async with FileSessionStore.open(root, credentials=credentials, limits=limits) as target:
        export = _Export(store, target, Layout(root), on_conflict)
        for index, unit in enumerate(selected.units):
            entries += await export.move(unit)
            if progress is not None:
                progress(Progress(done=index + 1, total=len(selected.units), current=unit.key))
    written = {one.session_id for one in entries if one.outcome == "written" and one.session_id}
    left = await _left_behind(store, sorted(written))
    return TransferReport.of(entries, notes=(*selected.notes, *left))


@attrs.frozen
class _Unit:
    """One unit of an export: a session or collections alone (`kind` None), or a checkpoint.

    `with_runs` adds the loop checkpoints of a session's runs; `of_sessions` skips a loop checkpoint
    of other sessions.
    """

    key: str
    kind: CheckpointKind | None = None
    with_runs: bool = False
    of_sessions: frozenset[str] | None = None


@attrs.frozen
class _Selection:
    units: tuple[_Unit, ...]
    notes: tuple[str, ...] = ()


async def _select(store: SessionStore, session_ids: Sequence[str] | None) -> _Selection:
    wanted = None if session_ids is None else frozenset(map(check_id, session_ids))
    if not isinstance(store, Inventoried):
        ids = await store.list() if wanted is None else wanted
        note = (
            "the store cannot list everything: collections without a session, workflow checkpoints "
            "and loop checkpoints of runs without a run record were not searched for"
        )
        return _Selection(tuple(_Unit(key, with_runs=True) for key in sorted(ids)), (note,))
    held = await store.inventory()
    loops = tuple(_Unit(key, LOOP_CHECKPOINTS, of_sessions=wanted) for key in held.loop_checkpoints)
    if wanted is not None:
        return _Selection((*map(_Unit, sorted(wanted)), *loops))
    owners = map(_Unit, sorted({*held.sessions, *held.collections_only}))
    workflows = (_Unit(key, WORKFLOW_CHECKPOINTS) for key in held.workflow_checkpoints)
    return _Selection((*owners, *loops, *workflows))


async def _left_behind(store: SessionStore, session_ids: Sequence[str]) -> list[str]:
    """Return a note for each kind of data of these sessions that the directory has no place for.

    Upstream's files are read by the engine, so that nothing of ours is added to them.
    """
    promised = store.capabilities()
    notes: list[str] = []

    async def has_host_data(session_id: str) -> bool:
        if not (promised.host_metadata and isinstance(store, HostDataStore)):
            return False
        header = await store.load_header(session_id)
        return header is not None and header.host != NO_HOST_DATA

    async def has_bytes(session_id: str) -> bool:
        held = streaming(store)
        return held is not None and bool(await held.list_bytes(session_id))

    for what, is_there in (
        ("labels, metadata, pins and marks of archive and trash", has_host_data),
        ("byte artifacts", has_bytes),
    ):
        count = damaged = 0
        for one in session_ids:
            try:
                count += await is_there(one)
            except ITS_OWN:
                damaged += 1
        if count:
            notes.append(f"{what} of {_sessions(count)} are not exported")
        if damaged:
            notes.append(f"{what} of {_sessions(damaged)} could not be read")
    held = streaming(store)
    with contextlib.suppress(*ITS_OWN):
        if held is not None and (await held.streams(limit=1)).items:
            notes.append("streams are not exported")
    return notes


def _sessions(number: int) -> str:
    return "1 session" if number == 1 else f"{number} sessions"


@attrs.frozen
class _Export:
    """Copies units from a store into a directory's store, and reports their files."""

    store: SessionStore
    target: FileSessionStore
    layout: Layout
    on_conflict: OnConflict

    async def move(self, unit: _Unit) -> list[TransferEntry]:
        try:
            item = await self._load(unit)
        except ITS_OWN as error:
            return [self._refused(unit, reason_of(error))]
        if item is None:
            what = "nothing is stored under this id"
            return [] if unit.kind is not None else [self._refused(unit, what)]
        try:
            outcome = await keep_or_refuse(self.target, item, self.on_conflict)
        except StoreUnavailableError as error:
            if error.errno not in _OF_ONE_PATH:
                raise
            outcome = Outcome("refused", reason_of(error))
        entries = await asyncio.to_thread(self._entries, item, outcome)
        if unit.with_runs and isinstance(item, SessionItem) and item.snapshot is not None:
            runs = item.snapshot.run_records or ()
            for run_id in sorted({run.snapshot.id for run in runs}):
                entries += await self.move(_Unit(run_id, LOOP_CHECKPOINTS))
        return entries

    async def _load(self, unit: _Unit) -> Item | None:
        if unit.kind is not None:
            value = await getattr(self.store, f"load_{unit.kind.name}")(unit.key)
            wanted = unit.of_sessions
            if value is None or (wanted is not None and value.session_id not in wanted):
                return None
            return CheckpointItem(kind=unit.kind, key=unit.key, value=value)
        snapshot = await self.store.load_snapshot(unit.key)
        if snapshot is None:
            collections = await load_collections(self.store, unit.key)
        else:
            collections = {
                f: values for f, values in snapshot.collections().items() if values is not None
            }
        if snapshot is None and not collections:
            return None
        return SessionItem(owner=unit.key, snapshot=snapshot, collections=collections)

    def _entries(self, item: Item, outcome: Outcome) -> list[TransferEntry]:
        return [self._entry(path, item, outcome) for path in self._paths(item)]

    def _paths(self, item: Item) -> list[Path | None]:
        """Return the files of an item; None when its id cannot be a file name."""
        if isinstance(item, CheckpointItem):
            name = checkpoint_name(item.key)
            return [None if name is None else self.layout.checkpoint(item.kind, name)]
        name = name_of(item.owner)
        if name is None:
            return [None]
        paths: list[Path | None] = [
            self.layout.collection(collection, name)
            for collection in COLLECTIONS
            if collection in item.collections
        ]
        if item.snapshot is not None:
            return [self.layout.session(name), *paths]
        return paths if name == item.owner else [*paths, self.layout.claim(name)]

    def _entry(self, path: Path | None, item: Item, outcome: Outcome) -> TransferEntry:
        written = outcome is SAVED and path is not None
        return TransferEntry(
            path="" if path is None else path.relative_to(self.layout.root).as_posix(),
            outcome="written" if outcome.outcome == "kept" else outcome.outcome,
            session_id=item.session_id,
            reason=outcome.reason,
            size_bytes=path.stat().st_size if written and path is not None else 0,
        )

    def _refused(self, unit: _Unit, reason: str) -> TransferEntry:
        name = checkpoint_name(unit.key) if unit.kind else name_of(unit.key)
        folder = f"{unit.kind.folder}/" if unit.kind else ""
        return TransferEntry(
            path="" if name is None else f"{folder}{name}{SUFFIX}",
            outcome="refused",
            session_id=None if unit.kind else unit.key,
            reason=reason,
        )
