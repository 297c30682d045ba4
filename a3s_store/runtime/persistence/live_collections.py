"""Where a live session has each collection: how it is read for a save, restored and taken over.

A collection without an entry in `_HOLDERS` changes nowhere in the runtime. It is kept as it was
read, in `Session.other_collections`, and saved as it is there: it is never lost.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import attrs

from a3s_store.core.collections import (
    ARTIFACTS,
    COLLECTIONS,
    REVIEW_FINDINGS,
    RUN_RECORDS,
    SUBAGENT_TASKS,
    TRACE_EVENTS,
    VERIFICATION_REPORTS,
    Collection,
)
from a3s_store.core.snapshot import SessionSnapshot
from a3s_store.runtime.live_session import Session

Values = tuple[Any, ...]


@attrs.frozen(kw_only=True)
class _Holder:
    """What holds a collection in a live session.

    `restore` is for a session that is being made, `take_over` for one in use, which raises its
    limits to what comes in.
    """

    values: Callable[[Session], Values | None]
    restore: Callable[[Session, Values], None]
    take_over: Callable[[Session, Values], None]


def _add_artifacts(session: Session, values: Values) -> None:
    for artifact in values:
        session.artifacts.put(artifact)


def _set_reports(session: Session, values: Values) -> None:
    session.verification_reports = values


_HOLDERS: Final[Mapping[Collection, _Holder]] = {
    ARTIFACTS: _Holder(
        values=lambda session: session.artifacts.artifacts(),
        restore=_add_artifacts,
        take_over=lambda session, values: session.artifacts.take_over(values),
    ),
    TRACE_EVENTS: _Holder(
        values=lambda session: session.trace.events(),
        restore=lambda session, values: session.trace.replace_events(values),
        take_over=lambda session, values: session.trace.take_over(values),
    ),
    RUN_RECORDS: _Holder(
        values=lambda session: session.runs.records(),
        restore=lambda session, values: session.runs.replace_records(values),
        take_over=lambda session, values: session.runs.take_over(values),
    ),
    VERIFICATION_REPORTS: _Holder(
        values=lambda session: session.verification_reports,
        restore=_set_reports,
        take_over=_set_reports,
    ),
    SUBAGENT_TASKS: _Holder(
        values=lambda session: session.subagents.snapshots(),
        restore=lambda session, values: session.subagents.replace_snapshots(values),
        take_over=lambda session, values: session.subagents.take_over(values),
    ),
    REVIEW_FINDINGS: _Holder(
        # None where there are none: sessions without reviews keep their digests.
        values=lambda session: session.findings.findings() or None,
        restore=lambda session, values: session.findings.replace(values),
        take_over=lambda session, values: session.findings.replace(values),
    ),
}


def values_of(session: Session) -> dict[Collection, Values | None]:
    """Return the values that a save of the live session would store."""
    return {
        one: _HOLDERS[one].values(session)
        if one in _HOLDERS
        else session.other_collections.get(one.name)
        for one in COLLECTIONS
    }


def restore(session: Session, snapshot: SessionSnapshot) -> None:
    """Give a live session its stored collections; one that was never saved stays as it is."""
    for one, values in snapshot.collections().items():
        if values is None:
            continue
        if one in _HOLDERS:
            _HOLDERS[one].restore(session, values)
        else:
            session.other_collections[one.name] = values
    if snapshot.artifacts is not None:
        session.artifacts.set_retained_uris(snapshot.retained_artifact_uris)


def take_over(session: Session, now: SessionSnapshot, stored: SessionSnapshot) -> None:
    """Make the collections live that are `stored`, where they differ from what is live `now`."""
    for one, values in stored.collections().items():
        if values == getattr(now, one.name):
            continue
        if one in _HOLDERS:
            _HOLDERS[one].take_over(session, values or ())
        elif values is None:
            session.other_collections.pop(one.name, None)
        else:
            session.other_collections[one.name] = values
    if stored.retained_artifact_uris != now.retained_artifact_uris:
        session.artifacts.set_retained_uris(stored.retained_artifact_uris)
