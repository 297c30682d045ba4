"""Out of a store into a directory: the way `importing` goes, and with its rules, backwards."""

from __future__ import annotations

import asyncio
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
from a3s_store.core.protocol import Inventoried, SessionStore
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

# Errors of the path of one file; any other is of the whole directory.
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
    """Write a store's sessions into a directory, made if need be, as upstream's 3.3.0 lays it out.

    `session_ids` None is all of it; else these sessions with the loop checkpoints of their runs.
    A store that is not `Inventoried` is gone through by its `list()`, and the report's notes say
    what that misses. `on_conflict` and `progress` as for `import_directory`; here it is the
    directory that may have something else, and a second id of the same file name is refused.
    `limits` are for what is written and for what is read of the directory, as in
    `FileSessionStore.open`.

    Raises:
        InvalidArgumentError: `on_conflict` is none of the three, or `session_ids` is a single text.
        InvalidIdError: one of `session_ids` cannot be an id.
        StoreUnavailableError: the directory cannot be written. Where it is one file that cannot, or
            a link stands in its way, its entry is refused and the rest goes on.
        StoreError: the store cannot be read.
    """
    check_mode(on_conflict)
    if isinstance(session_ids, str):
        raise InvalidArgumentError(
            "session_ids is a list of ids, not one of them",
            argument="session_ids",
            op="export_directory",
            hint="Give [session_id]",
        )
    stock = await _take_stock(store, session_ids)
    root = Path(directory).absolute()
    entries: list[TransferEntry] = []
    # What the store was told to keep, the directory keeps.
    credentials = store.credentials if isinstance(store, BaseStore) else BUILT_IN
    async with FileSessionStore.open(root, credentials=credentials, limits=limits) as target:
        export = _Export(store, target, Layout(root), on_conflict)
        for index, unit in enumerate(stock.units):
            entries += await export.move(unit)
            if progress is not None:
                progress(Progress(done=index + 1, total=len(stock.units), current=unit.key))
    return TransferReport.of(entries, notes=stock.notes)


@attrs.frozen
class _Unit:
    """What an export moves at once: a session or collections alone (`kind` None), or a checkpoint.

    `with_runs` asks for the loop checkpoints of the runs too, `of_sessions` restricts a loop
    checkpoint to those of certain sessions.
    """

    key: str
    kind: CheckpointKind | None = None
    with_runs: bool = False
    of_sessions: frozenset[str] | None = None


@attrs.frozen
class _Stock:
    units: tuple[_Unit, ...]
    notes: tuple[str, ...] = ()


async def _take_stock(store: SessionStore, session_ids: Sequence[str] | None) -> _Stock:
    wanted = None if session_ids is None else frozenset(map(check_id, session_ids))
    if not isinstance(store, Inventoried):
        ids = await store.list() if wanted is None else wanted
        note = (
            "the store cannot tell all it holds: families without a session, workflow checkpoints, "
            "and loop checkpoints of runs no session has a record of were not looked for"
        )
        return _Stock(tuple(_Unit(key, with_runs=True) for key in sorted(ids)), (note,))
    held = await store.inventory()
    loops = tuple(_Unit(key, LOOP_CHECKPOINTS, of_sessions=wanted) for key in held.loop_checkpoints)
    if wanted is not None:
        return _Stock((*map(_Unit, sorted(wanted)), *loops))
    owners = map(_Unit, sorted({*held.sessions, *held.collections_only}))
    workflows = (_Unit(key, WORKFLOW_CHECKPOINTS) for key in held.workflow_checkpoints)
    return _Stock((*owners, *loops, *workflows))


@attrs.frozen
class _Export:
    """Moves units from a store into a directory's, and says which files they became."""

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
        """The files an item becomes; None when no file could be named after its id."""
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
