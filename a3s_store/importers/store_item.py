"""Saving an imported item in a store, and the conflict when another value is stored already."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal, TypeAlias

import attrs

from a3s_store.core.base.store import BaseStore
from a3s_store.core.collections import COLLECTIONS, CheckpointKind, Collection
from a3s_store.core.protocol import SessionStore
from a3s_store.core.snapshot import SessionSnapshot
from a3s_store.core.tool_pairs import repair_pairs
from a3s_store.core.transfer_report import ALREADY, reason_of
from a3s_store.errors import (
    CodecError,
    CorruptionError,
    InvalidArgumentError,
    InvalidIdError,
    InvalidSnapshotError,
)
from a3s_store.printable import short_repr
from a3s_store.wire import canonical, encode

OnConflict: TypeAlias = Literal["refuse", "replace", "skip"]


@attrs.frozen(kw_only=True)
class SessionItem:
    """A session with its collections, or collections alone if `snapshot` is None."""

    owner: str
    snapshot: SessionSnapshot | None
    collections: Mapping[Collection, tuple[Any, ...]]

    @property
    def session_id(self) -> str:
        """The id of the session or of the collections."""
        return self.owner


@attrs.frozen(kw_only=True)
class CheckpointItem:
    """A checkpoint and its id."""

    kind: CheckpointKind
    key: str
    value: Any

    @property
    def session_id(self) -> str | None:
        """The session of a loop checkpoint; None for a workflow's checkpoint."""
        found: str | None = getattr(self.value, "session_id", None)
        return found


Item: TypeAlias = SessionItem | CheckpointItem


@attrs.frozen
class Outcome:
    """The outcome of saving an item, with a reason unless it was saved."""

    outcome: Literal["kept", "skipped", "refused"]
    reason: str | None = None


SAVED: Final = Outcome("kept")
UNCHANGED: Final = Outcome("skipped", ALREADY)
# The outcome of a conflict by `on_conflict`.
CONFLICTS: Final = {
    "refuse": Outcome("refused", "another value is stored under this id"),
    "skip": Outcome("skipped", "another value is stored under this id"),
}

# Errors of a single value; all others are errors of the store.
ITS_OWN: Final = (CodecError, CorruptionError, InvalidIdError, InvalidSnapshotError)


def check_mode(on_conflict: str) -> None:
    """Check the argument `on_conflict`.

    Raises:
        InvalidArgumentError: it is none of the three.
    """
    if on_conflict not in {"replace", *CONFLICTS}:
        raise InvalidArgumentError(
            f"on_conflict is 'refuse', 'replace' or 'skip', not {short_repr(on_conflict)}",
            argument="on_conflict",
        )


async def keep_or_refuse(
    store: SessionStore, item: Item, on_conflict: OnConflict, *, repair: bool = False
) -> Outcome:
    """Save an item as `keep` does, and return errors of the item itself as an outcome."""
    try:
        return await keep(store, item, on_conflict, repair=repair)
    except ITS_OWN as error:
        return Outcome("refused", reason_of(error))
    except MemoryError:
        return Outcome("refused", "there is not enough memory to save it")


async def keep(
    store: SessionStore, item: Item, on_conflict: OnConflict, *, repair: bool = False
) -> Outcome:
    """Save an item in a store unless it is stored already, and return the outcome.

    With `repair`, a session with unmatched tool calls or results is saved a second time, repaired;
    in a store with generations, the imported conversation stays as the generation before.

    Raises:
        StoreError: the store raised it.
    """
    if isinstance(store, BaseStore):
        # Redacted like the stored value, so that a second transfer finds both equal.
        item = _redacted(store, item)
    if isinstance(item, CheckpointItem):
        return await _keep_checkpoint(store, item, on_conflict)
    if item.snapshot is not None:
        repaired = repaired_snapshot(item.snapshot) if repair else item.snapshot
        return await _keep_session(store, item.snapshot, on_conflict, repaired)
    return await _save_collections(store, item, on_conflict)


def _redacted(store: BaseStore, item: Item) -> Item:
    if isinstance(item, CheckpointItem):
        return attrs.evolve(item, value=store.redacted_value(item.value))
    if item.snapshot is not None:
        return attrs.evolve(item, snapshot=store.redacted(item.snapshot))
    values = {one: store.redacted_value(values) for one, values in item.collections.items()}
    return attrs.evolve(item, collections=values)


def repaired_snapshot(snapshot: SessionSnapshot) -> SessionSnapshot:
    """Return the snapshot with repaired tool calls and results; itself if none is unmatched."""
    messages = snapshot.session.messages
    repaired = repair_pairs(messages)
    if repaired == messages:
        return snapshot
    return snapshot.evolve(session=snapshot.session.evolve(messages=repaired))


async def _keep_session(
    store: SessionStore,
    snapshot: SessionSnapshot,
    on_conflict: OnConflict,
    repaired: SessionSnapshot,
) -> Outcome:
    try:
        there = await store.load_snapshot(snapshot.session.id)
    except ITS_OWN as error:
        # The stored value is damaged, not the imported one.
        if on_conflict != "replace":
            reason = f"the value stored under this id cannot be read: {reason_of(error)}"
            return attrs.evolve(CONFLICTS[on_conflict], reason=reason)
        return await _save_both(store, snapshot, repaired)
    if there is not None:
        digest = there.digest()
        if digest == repaired.digest():
            return UNCHANGED
        if digest == snapshot.digest():
            # An earlier transfer was without repair, or was interrupted before it.
            await store.save_snapshot(repaired)
            return SAVED
        conflict = True
    else:
        # An interrupted transfer may have stored collections equal to these, and no others.
        kept = await load_collections(store, snapshot.session.id)
        mine = snapshot.collections()
        conflict = any(not _same(values, mine[collection]) for collection, values in kept.items())
    if conflict and on_conflict != "replace":
        return CONFLICTS[on_conflict]
    return await _save_both(store, snapshot, repaired)


async def _save_both(
    store: SessionStore, snapshot: SessionSnapshot, repaired: SessionSnapshot
) -> Outcome:
    await store.save_snapshot(snapshot)
    if repaired is not snapshot:
        await store.save_snapshot(repaired)
    return SAVED


async def _save_collections(
    store: SessionStore, item: SessionItem, on_conflict: OnConflict
) -> Outcome:
    kept = await load_collections(store, item.owner)
    missing = {f: vs for f, vs in item.collections.items() if not _same(kept.get(f), vs)}
    if not missing:
        return UNCHANGED
    # Collections of a saved session are not equal to collections without a session.
    conflict = await store.exists(item.owner) or any(collection in kept for collection in missing)
    if conflict and on_conflict != "replace":
        return CONFLICTS[on_conflict]
    for collection, values in missing.items():
        await getattr(store, f"save_{collection.name}")(item.owner, values)
    return SAVED


async def _keep_checkpoint(
    store: SessionStore, item: CheckpointItem, on_conflict: OnConflict
) -> Outcome:
    there = await getattr(store, f"load_{item.kind.name}")(item.key)
    if there is not None and _same((there,), (item.value,)):
        return UNCHANGED
    if there is not None and on_conflict != "replace":
        return CONFLICTS[on_conflict]
    await getattr(store, f"save_{item.kind.name}")(item.key, item.value)
    return SAVED


def _same(one: tuple[Any, ...] | None, other: tuple[Any, ...] | None) -> bool:
    """Return whether two collections have the same bytes: for == a True in JSON equals a 1."""
    if one is None or other is None:
        return one is other
    return [canonical(encode(v)) for v in one] == [canonical(encode(v)) for v in other]


async def load_collections(store: SessionStore, owner: str) -> dict[Collection, tuple[Any, ...]]:
    """Return the collections that are stored under an id."""
    found = {
        collection: await getattr(store, f"load_{collection.name}")(owner)
        for collection in COLLECTIONS
    }
    return {collection: tuple(values) for collection, values in found.items() if values is not None}
