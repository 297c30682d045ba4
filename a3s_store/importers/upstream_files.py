"""Reading the files of one session or checkpoint into an item for a store.

One bad file refuses all files of its session: a part of a session would look like a complete one.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, TypeAlias

import attrs

from a3s_store.backends.jsonfiles.atomic_write import read
from a3s_store.backends.jsonfiles.content import (
    CollectionFile,
    read_claim,
    read_collection,
    read_value,
)
from a3s_store.backends.jsonfiles.layout import checkpoint_name, safe_name
from a3s_store.core.base.store import check_checkpoint
from a3s_store.core.collections import (
    COLLECTIONS,
    REVIEW_FINDINGS,
    CheckpointKind,
    Collection,
    check_id,
)
from a3s_store.core.snapshot import SessionSnapshot, check_snapshot
from a3s_store.errors import DecodeError, InvalidSnapshotError, StoreError, during
from a3s_store.importers.store_item import CheckpointItem, Item, SessionItem
from a3s_store.models import SessionData
from a3s_store.wire import DEFAULT_LIMITS, decode, parse
from a3s_store.wire.values import step_of

# The number of unknown keys in a remark.
_NAMED: Final = 10
# The key of review findings in a session of upstream, and the keys of the object around them.
_REVIEW: Final = "session_review"
_REVIEW_KEYS: Final = frozenset({"schema", "sessionId", "findings"})


@attrs.frozen(kw_only=True)
class SourceFile:
    """A file of the directory. `path` is relative and printable.

    A file with a `problem` is not read. `empty` is a folder of artifacts without a file, `unread`
    is a folder that could not be listed. No more than `most` bytes are read.
    """

    path: str
    full: Path
    size_bytes: int
    problem: str | None = None
    empty: bool = False
    unread: bool = False
    most: int = DEFAULT_LIMITS.file_bytes


@attrs.define(kw_only=True)
class Group:
    """The files of one name."""

    name: str
    session: SourceFile | None = None
    claim: SourceFile | None = None
    collections: dict[Collection, SourceFile] = attrs.field(factory=dict)

    def files(self) -> list[SourceFile]:
        """Return all files, the session first and the claim last."""
        return [file for file in (self.session, *self.collections.values(), self.claim) if file]


@attrs.frozen(kw_only=True)
class CheckpointFile:
    """The file of a checkpoint; its name must be that of the id in it."""

    kind: CheckpointKind
    name: str
    file: SourceFile

    def files(self) -> list[SourceFile]:
        """Return its one file."""
        return [self.file]


Unit: TypeAlias = Group | CheckpointFile


@attrs.frozen(kw_only=True)
class Content:
    """The item read from a unit's files.

    `ignored` has the reasons why valid files were not used, `remarks` the parts of files that were
    not kept; both by path.
    """

    item: Item
    ignored: dict[str, str] = attrs.field(factory=dict)
    remarks: dict[str, str] = attrs.field(factory=dict)


class RefusedError(Exception):
    """A bad file and the reason. Used inside this package only."""

    def __init__(self, file: SourceFile, error: StoreError) -> None:
        super().__init__(file, error)
        self.file = file
        self.error = error


def read_group(group: Group) -> Content:
    """Read a session with its collections, or collections alone. Raises RefusedError."""
    if group.session is None:
        return _read_collections_only(group)
    with _refusing(group.session):
        tree = parse(_bytes(group.session), model=SessionData.__name__)
        if isinstance(tree, dict) and ("schema_version" in tree or "session" in tree):
            return _take_apart(group, tree)
        session = decode(SessionData, tree)
        _check_name(session.id, group.name)
    collections = _read_collections(group)
    values = {collection: values.values for collection, values in collections.items()}
    retained = [uri for values in collections.values() for uri in values.manifest.retained_uris]
    snapshot = SessionSnapshot.of(session, values, tuple(retained))
    return Content(
        item=SessionItem(owner=session.id, snapshot=snapshot, collections=values),
        ignored=_claim_ignored(group),
        remarks=_remarks(group, collections),
    )


def _take_apart(group: Group, tree: dict[str, Any]) -> Content:
    """Read a session of a newer release: one document with all collections, without None."""
    for collection in COLLECTIONS:
        if tree.get(collection.name) is None and collection.since == 1:
            tree[collection.name] = []
    _unwrap_findings(tree)
    snapshot = decode(SessionSnapshot, tree)
    check_snapshot(snapshot)
    _check_name(snapshot.session.id, group.name)
    reason = "the session file is a whole snapshot with its collections"
    beside = {file.path: reason for file in group.collections.values()}
    item = SessionItem(owner=snapshot.session.id, snapshot=snapshot, collections={})
    return Content(item=item, ignored=beside | _claim_ignored(group))


def _unwrap_findings(tree: dict[str, Any]) -> None:
    """Replace the object around upstream's findings by the findings. Raises DecodeError."""
    wrapped = tree.pop(_REVIEW, None)
    if wrapped is None:
        return
    findings = wrapped.get("findings") if isinstance(wrapped, dict) else None
    if not isinstance(findings, list) or not wrapped.keys() <= _REVIEW_KEYS:
        raise DecodeError("expected an object with findings", path=_REVIEW)
    session = tree.get("session")
    owner = session.get("id") if isinstance(session, dict) else None
    if wrapped.get("sessionId", owner) != owner:
        raise DecodeError("these are the findings of another session", path=f"{_REVIEW}.sessionId")
    if findings:
        tree[REVIEW_FINDINGS.name] = findings


def _claim_ignored(group: Group) -> dict[str, str]:
    return {group.claim.path: "the session file has the id"} if group.claim else {}


def _read_collections_only(group: Group) -> Content:
    owner = group.name
    if group.claim is not None:
        with _refusing(group.claim):
            owner = read_claim(_bytes(group.claim), group.claim.full)
    with _refusing(group.files()[-1]):
        _check_name(owner, group.name)
    collections = _read_collections(group)
    for collection, found in collections.items():
        with _refusing(group.collections[collection]):
            if found.manifest.retained_uris:
                raise InvalidSnapshotError("retained URIs cannot be stored without a session")
    values = {collection: values.values for collection, values in collections.items()}
    item = SessionItem(owner=owner, snapshot=None, collections=values)
    return Content(item=item, remarks=_remarks(group, collections))


def _read_collections(group: Group) -> dict[Collection, CollectionFile]:
    collections: dict[Collection, CollectionFile] = {}
    for collection, file in group.collections.items():
        with _refusing(file):
            empty = CollectionFile(())
            collections[collection] = (
                empty if file.empty else read_collection(collection, _bytes(file), file.full)
            )
    return collections


def _remarks(group: Group, collections: dict[Collection, CollectionFile]) -> dict[str, str]:
    """Return remarks on unknown keys around the artifacts, which a store cannot keep."""
    return {
        group.collections[collection].path: "without the unknown keys " + _named(_keys(values))
        for collection, values in collections.items()
        if _keys(values)
    }


def _named(keys: list[str]) -> str:
    more = f" and {len(keys) - _NAMED} more" if len(keys) > _NAMED else ""
    return ", ".join(map(step_of, keys[:_NAMED])) + more


def _keys(values: CollectionFile) -> list[str]:
    extra = values.manifest.extra
    return sorted(extra) if isinstance(extra, dict) else []


def read_checkpoint(unit: CheckpointFile) -> Content:
    """Read a checkpoint, and check its name and version. Raises RefusedError."""
    with _refusing(unit.file):
        value: Any = read_value(unit.kind.model, _bytes(unit.file), unit.file.full)
        key = check_id(getattr(value, unit.kind.key), unit.kind.key.replace("_", " "))
        if unit.name != checkpoint_name(key, windows=False):
            _check_name(key, unit.name)
        check_checkpoint(unit.kind, key, value, "")
    return Content(item=CheckpointItem(kind=unit.kind, key=key, value=value))


def _check_name(key: str, name: str) -> None:
    if safe_name(check_id(key)) != name:
        raise DecodeError("the id in it belongs to another file name")


def _bytes(file: SourceFile) -> bytes:
    if file.problem is not None:
        raise DecodeError(file.problem)
    data = read(file.full, file.most)
    if data is None:
        raise DecodeError("the file was removed during the import")
    return data


@contextlib.contextmanager
def _refusing(file: SourceFile) -> Iterator[None]:
    try:
        with during("", ""):
            yield
    except StoreError as error:
        raise RefusedError(file, error) from error
    except MemoryError:
        too_little = DecodeError("there is not enough memory to read it")
        raise RefusedError(file, too_little) from None
