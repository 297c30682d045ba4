"""The values that a live session last read or wrote, and the changes on both sides since.

`Base` is the common ancestor of the live and the stored session. `changed` compares the live
session with it, `merged` merges the live and the stored one, and `take_over` makes the result live.
Each part is compared separately, so only changed parts are written.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeVar

import attrs

from a3s_store.core.changes import SessionChanges, Stored
from a3s_store.core.collections import COLLECTIONS, Collection
from a3s_store.core.list_diff import common
from a3s_store.core.merging.history import History, merge_history
from a3s_store.core.merging.sessions import Merged, Sides, merge_snapshots
from a3s_store.core.revision import Revision
from a3s_store.core.snapshot import SessionSnapshot
from a3s_store.errors import EncodeError, SessionDeletedError
from a3s_store.models import LlmConfigData, SessionData
from a3s_store.wire import Model, evolved, freeze

M = TypeVar("M", bound=Model)
_COLLECTION_NAMES: Final = frozenset(one.name for one in COLLECTIONS)
# They change by themselves or come from options of a restore: written only with another change.
_NO_CHANGE: Final = frozenset({"updated_at", "tool_names", "messages", "config"})


@attrs.frozen(kw_only=True)
class Base:
    """A session as it was last read or written here.

    `stored` is the store's value and `live` the live one of that moment. They differ where options
    of the restore, or the store's redaction, changed a value. `revision` is that of `stored`.
    """

    revision: Revision
    stored: Sides
    live: SessionSnapshot


class LastSeen:
    """Revision and deletion of a window's session, for objects that may outlive the window."""

    def __init__(self) -> None:
        self.revision: Revision | None = None
        self.deleted: SessionDeletedError | None = None

    def now(self) -> Revision | None:
        """Return the revision last read or written, None before. Raises SessionDeletedError."""
        if self.deleted is not None:
            raise self.deleted
        return self.revision


def sides(stored: Stored) -> Sides:
    """Return the stored side of a merge."""
    return Sides(snapshot=stored.value, name_source=stored.name_source)


@attrs.frozen(kw_only=True)
class Ours(Sides):
    """A live session at one moment, from which a save is made."""

    history: History


@attrs.frozen(kw_only=True)
class Change:
    """The parts of a live session that changed: the session itself, messages, collections, URIs."""

    session: bool
    messages: bool
    collections: tuple[Collection, ...]
    uris: bool

    def __bool__(self) -> bool:
        return self.session or bool(self.collections) or self.uris


def changed(base: Base | None, ours: Ours) -> Change:
    """Return the parts that changed since `base`; all parts when it is None."""
    new = ours.snapshot
    if base is None:
        return Change(session=True, messages=True, collections=COLLECTIONS, uris=True)
    old = base.live
    messages = ours.history.is_changed
    return Change(
        session=messages
        or ours.name_source != base.stored.name_source
        or _differs(old.session, new.session)
        or _differs(old.session.config, new.session.config),
        messages=messages,
        collections=tuple(
            collection
            for collection in COLLECTIONS
            if not _same(getattr(old, collection.name), getattr(new, collection.name))
        ),
        uris=old.retained_artifact_uris != new.retained_artifact_uris,
    )


def _differs(old: Any, new: Any) -> bool:
    return old is not new and any(
        not _same(getattr(old, field.name), getattr(new, field.name))
        for field in attrs.fields(type(new))
        if field.name not in _NO_CHANGE
    )


def _same(old: Any, new: Any) -> bool:
    # An empty collection that was never saved is no change.
    return old is new or old == new or (not old and not new and (old is None or new is None))


def changes_of(
    session_id: str, base: Base | None, ours: Ours, change: Change, save_id: bytes, op: str
) -> SessionChanges:
    """Return the changes to write, on the condition that the store has `base`."""
    new = ours.snapshot
    history = ours.history
    return SessionChanges(
        session_id=session_id,
        save_id=save_id,
        op=op,
        session=new.session if change.session else None,
        name_source=ours.name_source,
        uncompacted=history.appended[: max(0, history.covered - len(history.base))],
        collections={one: getattr(new, one.name) for one in change.collections},
        retained_artifact_uris=new.retained_artifact_uris if change.uris else None,
    )


def merged(base: Base, ours: Ours, changes: SessionChanges, theirs: Stored) -> Merged:
    """Merge the live changes with the stored session.

    `changes` are the live ones as the store writes them. Raises HistoryConflictError.
    """
    before = base.stored.snapshot
    view = merge_history(_stored_history(base, ours, changes), theirs.value.session.messages).view
    mine = stored_after(base, attrs.evolve(changes, session=_unless_changed(base, ours, changes)))
    found = merge_snapshots(base.stored, mine, sides(theirs))
    session = found.snapshot.session.evolve(messages=view)
    if view is not before.session.messages:
        session = session.evolve(context_usage=session.context_usage.evolve(turns=len(view)))
    return attrs.evolve(found, snapshot=found.snapshot.evolve(session=session))


def merged_changes(changes: SessionChanges, result: Merged) -> SessionChanges:
    """Return the changes that write a merge: all parts, since either side may have changed any."""
    snapshot = result.snapshot
    return attrs.evolve(
        changes,
        session=snapshot.session,
        name_source=result.name_source,
        collections=snapshot.collections(),
        retained_artifact_uris=snapshot.retained_artifact_uris,
    )


def whole(snapshot: SessionSnapshot, save_id: bytes, name_source: str | None) -> SessionChanges:
    """Return the changes that save a snapshot as a new session."""
    return SessionChanges(
        session_id=snapshot.session.id,
        save_id=save_id,
        op="fork",
        session=snapshot.session,
        name_source=name_source,
        collections=snapshot.collections(),
        retained_artifact_uris=snapshot.retained_artifact_uris,
    )


def stored_after(base: Base | None, changes: SessionChanges) -> Sides:
    """Return the stored session as it is after the changes were written onto `base`."""
    named: dict[str, Any] = {one.name: values for one, values in changes.collections.items()}
    if changes.retained_artifact_uris is not None:
        named["retained_artifact_uris"] = changes.retained_artifact_uris
    if changes.session is not None:
        source, named["session"] = changes.name_source, changes.session
        before = SessionSnapshot(session=changes.session) if base is None else base.stored.snapshot
    else:
        assert base is not None, "a first save has the session"
        source, before = base.stored.name_source, base.stored.snapshot
    return Sides(snapshot=before.evolve(**named), name_source=source)


def as_live(
    stored: SessionSnapshot, before: SessionSnapshot, live: SessionSnapshot
) -> SessionSnapshot:
    """Return the stored session, with the live value of each field unchanged since the base.

    `before` is the stored and `live` the live session of the base.
    """
    session = _kept(stored.session, stored.session, before.session, live.session)
    return stored.evolve(session=session.evolve(tool_names=live.session.tool_names))


def _stored_history(base: Base, ours: Ours, changes: SessionChanges) -> History:
    """Return the live history as the store writes it: on the stored, maybe redacted messages."""
    stored, history = base.stored.session.messages, ours.history
    if changes.session is None or not history.is_changed:
        return History(stored)
    view = changes.session.messages
    if history.replacement is None:
        return History(stored, view[len(stored) :])
    length = len(history.replacement)
    return attrs.evolve(
        history,
        base=stored,
        appended=changes.uncompacted + view[length:],
        replacement=view[:length],
    )


def _unless_changed(base: Base, ours: Ours, changes: SessionChanges) -> SessionData:
    """Return the changed session, with the stored value of each field unchanged since the base."""
    if changes.session is None:
        return base.stored.session
    return _kept(changes.session, ours.snapshot.session, base.live.session, base.stored.session)


def _kept(
    written: SessionData, ours: SessionData, live: SessionData, stored: SessionData
) -> SessionData:
    """Return `written`, with the stored value of each field in which `ours` equals `live`."""
    config = _kept_fields(written.config, ours.config, live.config, stored.config)
    return _kept_fields(written, ours, live, stored).evolve(config=config)


def _kept_fields(written: M, ours: M, live: M, stored: M) -> M:
    kept: Mapping[str, Any] = {
        field.name: _kept_value(
            *(getattr(one, field.name) for one in (written, ours, live, stored))
        )
        for field in attrs.fields(type(ours))
        if field.name not in _NO_CHANGE
    }
    return evolved(written, kept)


def _kept_value(written: Any, ours: Any, live: Any, stored: Any) -> Any:
    """Return `written`, with the `stored` value wherever `ours` equals `live`.

    Objects are compared key by key: a credential stays when another key of its object changes.
    """
    if _same(ours, live):
        return stored
    sides = (written, ours, live, stored)
    if isinstance(written, dict) and all(isinstance(one, dict) for one in sides):
        return freeze(
            {
                key: _kept_value(*(one[key] for one in sides))
                if all(key in one for one in sides)
                else value
                for key, value in written.items()
            }
        )
    if isinstance(written, LlmConfigData) and all(isinstance(one, LlmConfigData) for one in sides):
        return _kept_fields(written, ours, live, stored)
    return written


# -- Parts that cannot be written -----------------------------------------------------------------


def part_of(error: EncodeError) -> str | None:
    """Return the part of a session that an error is about; None for messages and anything else."""
    path = error.path.partition(".")[0].partition("[")[0]
    if error.model not in ("", "SessionData") or path in ("", "messages", "id"):
        return None
    names = {field.name for field in attrs.fields(SessionData)}
    return path if path in names or path in _COLLECTION_NAMES else None


def value_of(snapshot: SessionSnapshot, part: str) -> Any:
    """Return the value of a part of a session."""
    owner: Any = snapshot if part in _COLLECTION_NAMES else snapshot.session
    return getattr(owner, part)


def without(
    snapshot: SessionSnapshot, refused: dict[str, Any], base: Base | None
) -> SessionSnapshot:
    """Return the snapshot with stored values for refused parts.

    A part that changed since is tried again, and is no longer in `refused`.
    """
    for part, value in [*refused.items()]:
        if value_of(snapshot, part) is not value and value_of(snapshot, part) != value:
            del refused[part]
            continue
        collection = part in _COLLECTION_NAMES
        if base is not None:
            stored = value_of(base.live, part)
        elif collection:
            stored = None
        else:
            stored = getattr(SessionData(id="new", created_at=0, updated_at=0), part)
        if collection:
            snapshot = snapshot.evolve(**{part: stored})
        else:
            snapshot = snapshot.evolve(session=snapshot.session.evolve(**{part: stored}))
    return snapshot


# -- Figures of the event SessionChangedElsewhere -------------------------------------------------


def new_messages(base: Base | None, theirs: Stored | None) -> int:
    """Return how many messages others added."""
    if base is None or theirs is None:
        return 0
    messages = theirs.value.session.messages
    return len(messages) - common(base.stored.session.messages, messages)


def new_runs(base: Base | None, theirs: Stored | None) -> int:
    """Return how many runs others began."""
    if base is None or theirs is None:
        return 0
    known = {run.snapshot.id for run in base.stored.snapshot.run_records or ()}
    return sum(run.snapshot.id not in known for run in theirs.value.run_records or ())
