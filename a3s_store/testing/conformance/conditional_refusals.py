"""Invalid changes: `save_changes` refuses them whole, with the path of the invalid value."""

from __future__ import annotations

from typing import Any, cast

import attrs

from a3s_store.core.collections import RUN_RECORDS, TRACE_EVENTS
from a3s_store.core.revision import Revision
from a3s_store.errors import EncodeError, InvalidIdError, StoreClosedError
from a3s_store.testing.conformance.changes import changes
from a3s_store.testing.conformance.expect import contents, holds, raises, same, unchanged
from a3s_store.testing.conformance.suite import required_by
from a3s_store.testing.samples import rich_snapshot, run_record, session, trace_event

_GROUP = "conditional writes"
_BAD: dict[str, tuple[dict[str, Any], str]] = {
    "a surrogate in a message": ({"session": session("s", ("a", "\ud800"))}, "messages[1]"),
    "NaN": ({"session": session("s", total_cost=float("nan"))}, "total_cost"),
    "a surrogate in a collection": (
        {"collections": {TRACE_EVENTS: (trace_event(), trace_event("\ud800"))}},
        "trace_events[1].name",
    ),
    "a value of another collection": (
        {"collections": {RUN_RECORDS: (run_record(), trace_event())}},
        "run_records[1]",
    ),
    "a list": ({"collections": {TRACE_EVENTS: [trace_event()]}}, "trace_events"),
    "a surrogate in a pin": ({"retained_artifact_uris": ("a", "\ud800")}, "retained_artifact_uris"),
    "a pin that is no text": ({"retained_artifact_uris": (1,)}, "retained_artifact_uris"),
    "another session's": ({"session": session("t")}, "id"),
    "a name of an unknown source": (
        {"session": session("s"), "name_source": "a person"},
        "name_source",
    ),
    "a save id of text": ({"session": session("s"), "save_id": "0" * 16}, "save_id"),
    "a short save id": ({"session": session("s"), "save_id": b"0"}, "save_id"),
}


@required_by(_GROUP, capability="conditional_writes", cases=_BAD.items())
async def what_cannot_be_saved_is_refused_whole(
    store: Any, case: tuple[dict[str, Any], str]
) -> None:
    """An invalid value raises EncodeError with its path, and nothing is written."""
    parts, path = case
    await store.save_snapshot(rich_snapshot("s"))
    before = await contents(store, "s")
    good = {"session": session("s", ("good",)), "collections": {TRACE_EVENTS: ()}}
    given = changes("s", **{**good, **parts})
    error = await raises(EncodeError, path, store.save_changes, given, on=Revision(1, 1))
    assert isinstance(error, EncodeError)
    holds(error.path.startswith(path), f"the path is {error.path!r}, not {path!r}")
    unchanged(before, await contents(store, "s"), "after the refusal")
    same(Revision(1, 1), await store.revision("s"), "the revision")


@required_by(_GROUP, capability="conditional_writes")
async def an_id_that_is_none_is_refused(store: Any) -> None:
    """An invalid session id raises InvalidIdError in every method."""
    for bad in ("", "\0", "\ud800", "x" * 1025, cast("Any", 1)):
        given = attrs.evolve(changes("s", "a"), session_id=bad, session=None)
        await raises(InvalidIdError, f"{bad!r}", store.save_changes, given, on=None)
        await raises(InvalidIdError, f"{bad!r}", store.revision, bad)
        await raises(InvalidIdError, f"{bad!r}", store.load_versioned, bad)
        await raises(InvalidIdError, f"{bad!r}", store.landed, bad, b"0" * 16)
    await raises(EncodeError, "a save id", store.landed, "s", b"0")


@required_by(_GROUP, capability="conditional_writes")
async def a_closed_store_saves_no_changes(store: Any) -> None:
    """Every method of a closed store raises StoreClosedError."""
    await store.close()
    await raises(StoreClosedError, "save", store.save_changes, changes("s", "a"), on=None)
    await raises(StoreClosedError, "revision", store.revision, "s")
    await raises(StoreClosedError, "load_versioned", store.load_versioned, "s")
    await raises(StoreClosedError, "landed", store.landed, "s", b"0" * 16)
